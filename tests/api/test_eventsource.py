"""A browser's EventSource follows the feed from a page of another origin, over a kill and a restart of the service."""

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.formats.test_timelinejs_draws import browser
from tests.postgres import new_home
from tests.services import Service, processes_of

__all__ = ["browser"]

pytestmark = pytest.mark.xdist_group("browser")

PATIENCE_SECONDS = 60.0
PAGE = """<!doctype html><meta charset="utf-8"><title>a reader</title><script>
const heard = [], tell = what => { heard.push(what); navigator.sendBeacon("/heard", heard.join()); };
const source = new EventSource("%s/v1/changes");
source.addEventListener("record", event => tell(event.lastEventId));
source.addEventListener("error", () => tell("lost"));
</script>"""


class Reader(ThreadingHTTPServer):
    """A page's own server, which its script tells what it hears."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.page = b""
        self.heard: list[str] = []
        self.more = threading.Condition()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def origin(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def records(self) -> list[int]:
        """The positions of the records that the page heard, in their order."""
        return [int(each) for each in self.heard if each != "lost"]

    def until(self, what: str) -> None:
        """Wait until the page tells this."""
        with self.more:
            assert self.more.wait_for(lambda: what in self.heard, PATIENCE_SECONDS), self.heard


class _Answers(BaseHTTPRequestHandler):
    server: Reader

    def do_GET(self) -> None:
        self._answer(self.server.page)

    def do_POST(self) -> None:
        told = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with self.server.more:  # what the page sends at once may come in any order
            self.server.heard = max(self.server.heard, told.split(","), key=len)
            self.server.more.notify_all()
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def reader() -> Iterator[Reader]:
    server = Reader()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def home() -> Iterator[Path]:
    path = new_home()
    path.mkdir()
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


def post(service: Service, title: str) -> str:
    record = {"kind": "visit", "title": title, "occurred": "2019-06-07", "source": "unattributed", "marking": "clear"}
    with service.client() as client:
        return str(client.post("/v1/events", json=record).json()["position"])


def test_a_page_hears_each_record_once_though_the_service_is_killed(browser: str, reader: Reader, home: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    options = ("--port", port)
    allowed = {"TIMELINE_CORS_ORIGINS": reader.origin, "TIMELINE_PUBLIC_AUDIENCE": "clear"}
    service = Service(home / "data", *options, "--sample", env=allowed)
    reader.page = PAGE.replace("%s", service.url).encode()
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={home / 'profile'}"]
    showing = subprocess.Popen(
        [*command, "--remote-debugging-port=0", reader.origin],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(home)},
    )
    try:
        reader.until(post(service, "While it listens"))
        service.stop(signal.SIGKILL)
        reader.until("lost")
        service = Service(home / "data", *options, env=allowed)
        reader.until(post(service, "After the restart"))
        with httpx.Client(base_url=service.url) as anybody:
            wanted = [each["position"] for each in anybody.get("/v1/changes?limit=1000").json()["records"]]
    finally:
        showing.terminate()
        showing.wait(20)
        service.stop(signal.SIGTERM)

    assert reader.records == wanted
    assert len(wanted) > 50
    assert processes_of(home / "data") == []
