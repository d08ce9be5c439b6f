"""The command line as an operator meets it: real processes, each on its own data directory and a free port."""

import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from tests.postgres import ROOT, new_home
from tests.services import Service, environment, position_of, processes_of, run, timeline
from timeline.db import embedded
from timeline.db.embedded import EmbeddedServer

pytestmark = pytest.mark.xdist_group("cli")

COMMANDS = ("serve", "brief", "migrate", "rebuild", "check")
STOP_SECONDS_MAX = 5.0
"""Stopping takes 0.3 s; a machine that runs all other tests beside it may take longer."""
VISIT = {"kind": "visit", "occurred": "2019-06-05", "source": "unattributed", "participants": ["haftar"]}


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A folder that the server's user can pass through; pytest's own is closed to it if we are root."""
    path = new_home()
    path.mkdir()
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def data_dir(home: Path) -> Path:
    return home / uuid4().hex[:8]


@pytest.fixture
def start(data_dir: Path) -> Iterator[Callable[..., Service]]:
    """Start services that are gone after the test, whatever happens in it."""
    started: list[Service] = []

    def one(*options: str, at: Path | None = None, **how: Any) -> Service:
        started.append(Service(at or data_dir, *options, **how))
        return started[-1]

    yield one
    for service in started:
        if service.process.poll() is None:
            service.stop(signal.SIGTERM)
        if service.process.stdout is not None:
            service.process.stdout.close()
    for pid in processes_of(data_dir):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def sample(home: Path) -> Iterator[Service]:
    """One service with the sample week, for every test that changes nothing others look at."""
    service = Service(home / "sample", "--sample")
    yield service
    assert service.stop(signal.SIGTERM)[0] == 0
    assert processes_of(service.data_dir) == []


# What it prints


def test_the_printed_curl_of_the_sample_works_as_printed(sample: Service) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")

    done = subprocess.run(["bash", "-c", sample.curl], capture_output=True, text=True, check=True, timeout=20)

    assert done.stdout.startswith("# Khalifa Haftar")


def test_without_the_sample_the_printed_curl_brings_the_token(start: Callable[..., Service]) -> None:
    service = start()
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")

    done = subprocess.run(["bash", "-c", service.curl], capture_output=True, text=True, check=True, timeout=20)
    with service.client(token=False) as anonymous:
        refused = anonymous.get("/v1/timelines/all")

    assert json.loads(done.stdout)["entries"] == []
    assert (refused.status_code, refused.json()["type"]) == (401, "/problems/no-token")


def test_the_token_is_private_and_opens_reads_and_writes(sample: Service) -> None:
    with sample.client() as client:
        read = client.get("/v1/changes")
        written = client.post("/v1/events?dry_run=true", json=VISIT | {"title": "Haftar visits Cairo"})

    assert sample.token_path.stat().st_mode & 0o777 == 0o600
    assert (read.status_code, written.status_code) == (200, 200)


def test_with_the_sample_anybody_reads_what_is_clear_and_writes_nothing(sample: Service) -> None:
    with sample.client(token=False) as anonymous:
        read = anonymous.get("/v1/weeks/2019-W23")
        written = anonymous.post("/v1/events", json=VISIT | {"title": "Haftar visits Cairo"})

    assert read.status_code == 200
    assert read.json()["sections"]["happened"]
    assert (written.status_code, written.json()["type"]) == (401, "/problems/no-token")


@pytest.mark.parametrize("command", [(), *((each,) for each in COMMANDS)])
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    done = run(*command, "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: timeline" in re.sub(r"\s+", " ", done.stdout)


def test_help_waits_for_no_server_library() -> None:
    code = "import sys, timeline.cli; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert {"litestar", "asyncpg", "uvicorn", "structlog"}.isdisjoint(done.stdout.split())


# How it stops


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_within_two_seconds(sig: int, start: Callable[..., Service]) -> None:
    service = start("--sample")
    address = urlsplit(service.url)
    with service.client() as idle, socket.create_connection((address.hostname, address.port)) as half_sent:
        idle.get("/health/live")
        token = idle.headers["Authorization"].encode()
        half_sent.sendall(b"POST /v1/events HTTP/1.1\r\nHost: timeline\r\nAuthorization: " + token + b"\r\n")
        half_sent.sendall(b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{")
        time.sleep(0.2)

        code, seconds = service.stop(sig)

    assert code == 0
    assert seconds < STOP_SECONDS_MAX
    assert processes_of(service.data_dir) == []
    assert "Traceback" not in service.stderr.read_text()


def until_there(path: Path) -> None:
    """Wait until a start has come so far that it made this."""
    until = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until, f"{path} was never made"
        time.sleep(0.005)


@pytest.mark.parametrize("made", ["postgres/data/global", "postgres/data/postmaster.pid", "owner.token"])
def test_a_signal_while_starting_stops_cleanly(made: str, data_dir: Path, start: Callable[..., Service]) -> None:
    service = start("--sample", wait=False)
    until_there(data_dir / made)

    code, seconds = service.stop(signal.SIGINT)

    assert code == 0
    assert seconds < STOP_SECONDS_MAX
    assert processes_of(data_dir) == []
    assert "Traceback" not in service.stderr.read_text()


# What stays


def test_starting_again_finds_everything_once(data_dir: Path, start: Callable[..., Service]) -> None:
    service = start("--sample")
    before, curl = position_of(service), service.token_path.read_text()
    service.stop()

    again = start("--sample")

    assert position_of(again) == before
    assert again.token_path.read_text() == curl


# What it refuses


def test_a_taken_port_starts_nothing(sample: Service, data_dir: Path) -> None:
    port = str(urlsplit(sample.url).port)

    done = run("serve", "--data-dir", str(data_dir), "--port", port)

    assert done.returncode == 2
    assert f"127.0.0.1 port {port}: Address already in use. Choose another --port" in done.stderr
    assert not data_dir.exists()


def test_a_data_directory_has_one_service(sample: Service) -> None:
    done = run("serve", "--data-dir", str(sample.data_dir), "--port", "0")

    assert done.returncode == 1
    assert f"another timeline process (pid {sample.process.pid}) looks after" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"TIMELINE_PROT": "9000"}, "TIMELINE_PROT is not a setting. Did you mean TIMELINE_PORT?"),
        ({"TIMELINE_PORT": "http"}, "TIMELINE_PORT: expected a whole number from 0 to 65535, found 'http'."),
        ({"TIMELINE_DATABASE_URL": "mysql://x"}, "TIMELINE_DATABASE_URL: expected postgresql://"),
    ],
)
def test_a_wrong_setting_is_told_and_starts_nothing(env: dict[str, str], words: str, data_dir: Path) -> None:
    done = run("serve", "--data-dir", str(data_dir), env={"TIMELINE_PORT": "0"} | env)

    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not data_dir.exists()


def test_an_absent_database_is_told_without_its_password(data_dir: Path) -> None:
    url = "postgresql://somebody:hunter2@127.0.0.1:1/nothing"

    done = run("serve", "--data-dir", str(data_dir), "--port", "0", env={"TIMELINE_DATABASE_URL": url})

    assert done.returncode == 1
    assert "The database does not answer: TIMELINE_DATABASE_URL" in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("command", ["check", "rebuild"])
def test_a_mistyped_data_directory_is_told_and_not_made(command: str, data_dir: Path) -> None:
    done = run(command, "--data-dir", str(data_dir))

    assert done.returncode == 2
    assert f"There is no database in {data_dir}" in done.stderr
    assert not data_dir.exists()


# Its log lines


def test_json_log_lines_are_objects_without_the_token(start: Callable[..., Service]) -> None:
    service = start("--log-format", "json", "--sample")
    token = service.token_path.read_text().strip()
    with service.client() as client:
        client.get("/v1/timelines/all")
        client.get("/v1/timelines/all", headers={"Authorization": f"Bearer {token}x"})
        client.get("/v1/actors", params={"q": token})
        client.post("/v1/events", content=b"{", headers={"Content-Type": "application/json"})
    service.stop()
    refused = run("serve", "--port", "0", "--log-format", "json", "--data-dir", "/proc/nowhere")

    lines = (service.stderr.read_text() + refused.stderr).splitlines()
    assert {"event", "level", "timestamp"} <= set.intersection(*(set(json.loads(line)) for line in lines))
    assert "request" in {json.loads(line)["event"] for line in lines}
    assert token not in "".join([*lines, *service.printed])


def test_whoever_reads_the_log_lines_may_go_away(start: Callable[..., Service]) -> None:
    read, write = os.pipe()
    service = start(stderr=write)
    os.close(write)
    os.close(read)

    with service.client() as client:
        answers = [client.get("/v1/timelines/all").status_code for _ in range(3)]

    assert answers == [200, 200, 200]


# The other commands


def test_commands_work_on_a_stopped_data_directory(data_dir: Path) -> None:
    where = ("--data-dir", str(data_dir))

    done = [run("migrate", *where), run("migrate", *where), run("rebuild", *where), run("check", *where)]

    assert [each.returncode for each in done] == [0, 0, 0, 0]
    assert done[0].stdout.endswith(" applied.\n")
    assert done[1].stdout == "Nothing to apply.\n"
    assert "Rebuilt to position 0" in done[2].stdout
    assert "The log is whole: 0 records" in done[3].stdout
    assert processes_of(data_dir) == []


def test_commands_work_beside_a_running_service(sample: Service) -> None:
    where = ("--data-dir", str(sample.data_dir))

    done = [run("migrate", *where), run("rebuild", *where), run("rebuild", "timelines", *where), run("check", *where)]

    assert [each.returncode for each in done] == [0, 0, 0, 0]
    assert "The log is whole" in done[3].stdout
    with sample.client(token=False) as anonymous:
        assert anonymous.get("/v1/timelines/actors/haftar").json()["entries"]


def test_an_interrupted_command_leaves_nothing_running(data_dir: Path) -> None:
    run("migrate", "--data-dir", str(data_dir))
    with subprocess.Popen(
        timeline("check", "--data-dir", str(data_dir)), cwd=ROOT, env=environment(), stderr=subprocess.PIPE
    ) as process:
        until_there(data_dir / "postgres" / "data" / "postmaster.pid")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)

    assert process.returncode == 130
    assert b"Traceback" not in said
    assert processes_of(data_dir) == []


TAMPERED = {
    "UPDATE event_state SET standing = 'confirmed' WHERE standing = 'denied'": "read model: event_state",
    "UPDATE timeline.payload SET bytes = bytes || ' ' WHERE position = 40": "its commitment is wrong",
    "UPDATE timeline.log SET recorded_at = recorded_at + interval '1 us' WHERE position = 41": "its leaf hash is wrong",
    "DELETE FROM timeline.payload WHERE position = 42": "its payload is gone without an erasure",
    "DELETE FROM timeline.log WHERE position = 45": "expected position 45",
}


async def test_check_tells_what_was_tampered_with(data_dir: Path, start: Callable[..., Service]) -> None:
    start("--sample")
    connection = await asyncpg.connect(EmbeddedServer(data_dir).dsn)
    tables = await connection.fetchval("SELECT tables FROM timeline.progress WHERE live")
    await connection.execute(f"SET session_replication_role = replica; SET search_path = {tables}")

    told = []
    for statement in TAMPERED:
        assert await connection.execute(statement) != "UPDATE 0"
        told.append(run("check", "--data-dir", str(data_dir)))
    await connection.close()

    for done, words in zip(told, TAMPERED.values(), strict=True):
        assert done.returncode == 1
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        assert "The log is whole" not in done.stdout


# Another database, another user


async def test_a_database_url_is_served_without_a_server_of_our_own(
    fresh_database: str, data_dir: Path, start: Callable[..., Service]
) -> None:
    service = start("--sample", env={"TIMELINE_DATABASE_URL": fresh_database})
    with service.client() as client:
        written = client.post("/v1/events", json=VISIT | {"title": "Haftar visits Cairo"})
    stopped = service.stop()
    checked = run("check", "--database-url", fresh_database)

    assert written.status_code == 201
    assert stopped[0] == 0
    assert checked.returncode == 0, checked.stderr
    assert sorted(os.listdir(data_dir)) == ["owner.token", "token.key"]
    assert service.token_path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders that its server cannot reach")
async def test_as_root_a_closed_folder_will_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "ELSEWHERE", home / "elsewhere")
    closed = home / "closed"
    closed.mkdir(mode=0o700)

    embedded.keep_reachable(closed / "store")
    server = EmbeddedServer(closed / "store")
    await server.start()
    await server.stop()

    assert (closed / "store" / "postgres").readlink().parent == home / "elsewhere"
    assert closed.stat().st_mode & 0o777 == 0o700
    embedded.keep_reachable(home / "open")
    assert not (home / "open").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="this run is an ordinary user's already")
def test_an_ordinary_user_can_serve(home: Path) -> None:
    daemon = pwd.getpwnam("daemon")
    theirs = home / "theirs"
    theirs.mkdir()
    os.chown(theirs, daemon.pw_uid, daemon.pw_gid)
    who: Any = {
        "user": daemon.pw_uid,
        "group": daemon.pw_gid,
        "extra_groups": [],
        "env": environment({"HOME": str(theirs)}),
    }
    try:
        subprocess.run([sys.executable, "-c", "import timeline"], cwd=ROOT, check=True, capture_output=True, **who)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"{daemon.pw_name} may not run {sys.executable}")

    process = subprocess.Popen(
        timeline("serve", "--port", "0", "--data-dir", "~/store"), cwd=ROOT, stdout=subprocess.PIPE, text=True, **who
    )
    with process:
        assert process.stdout is not None
        printed = [process.stdout.readline() for _ in range(5)]
        process.send_signal(signal.SIGTERM)

    assert printed[0].startswith("Timeline")
    assert (theirs / "store" / "owner.token").stat().st_uid == daemon.pw_uid
    assert process.returncode == 0
    assert processes_of(theirs / "store") == []
