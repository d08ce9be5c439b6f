"""Folders for real services, and services that are gone after a test, whatever happens in it."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree

import httpx

from tests.log.desk import Post
from tests.postgres import ROOT, new_home
from tests.services import Service, environment, processes_of, timeline

REGISTERED: dict[str, Post] = {
    "/v1/sources": {"slug": "paper", "name": "A Paper"},
    "/v1/actors": {"slug": "haftar", "name": "Khalifa Haftar"},
}
"""What posts here name; registered before, as many who propose one name at once are told to come again."""
CHECK_SECONDS_MAX = 600.0
"""For a hundred thousand records on a machine that has other things to do."""
VISIT: Post = {"kind": "visit", "title": "A visit", "occurred": "2019-06-07", "source": "paper"}


@contextmanager
def home_for_services() -> Iterator[Path]:
    """A folder that the server's user can pass through; pytest's own is closed to it if we are root."""
    path = new_home()
    path.mkdir()
    path.chmod(0o711)
    try:
        yield path
    finally:
        rmtree(path)


@contextmanager
def serving(data_dir: Path, *, env: Mapping[str, str] = {}, program: str = "timeline") -> Iterator[Service]:
    """A service that knows a paper to report in, and an actor to report of."""
    service = Service(data_dir, env=env, program=program)
    try:
        register(service)
        yield service
    finally:
        end(service)


def register(service: Service) -> None:
    """Post what other posts name."""
    with service.client() as client:
        answers = [client.post(path, json=post) for path, post in REGISTERED.items()]
    assert [answer.status_code for answer in answers] == [201] * len(answers)


def end(service: Service) -> None:
    """Stop it and what is left of its database; it may have ended already."""
    if service.process.poll() is None:
        service.stop(signal.SIGTERM)
    assert service.process.stdout is not None
    service.process.stdout.close()
    for pid in processes_of(service.data_dir):
        os.kill(pid, signal.SIGKILL)


def client_of(service: Service, timeout_seconds: float = 60.0) -> httpx.AsyncClient:
    """The owner's client, of as many connections as it needs."""
    token = service.token_path.read_text().strip()
    return httpx.AsyncClient(
        base_url=service.url,
        headers={"Authorization": f"Bearer {token}"},
        timeout=timeout_seconds,
        limits=httpx.Limits(max_connections=None),
    )


def is_whole(data_dir: Path) -> None:
    """`timeline check` finds nothing wrong."""
    command = timeline("check", "--data-dir", str(data_dir))
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=CHECK_SECONDS_MAX, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def is_quiet(service: Service) -> None:
    """Nothing it said is a traceback."""
    assert "Traceback" not in service.stderr.read_text()
