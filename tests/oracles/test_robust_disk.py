"""A disk that fills up: writes are refused in time, reads go on, and with the room everything comes back by itself."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.log.desk import Post
from tests.oracles.bare import MIB
from tests.oracles.homes import VISIT, client_of, home_for_services, is_quiet, is_whole, serving
from tests.postgres import until
from tests.services import ids_of, postmaster_of
from timeline.db.embedded import SPARE_BYTES_MIN, EmbeddedServer
from timeline.errors import EmbeddedServerFailed

pytestmark = pytest.mark.xdist_group("robust")

DISK_BYTES = 320 * MIB
SOON_SECONDS = 60.0


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for a server."""
    with home_for_services() as path:
        yield path


@pytest.fixture
def disk(home: Path) -> Iterator[Path]:
    """A disk of its own, small enough to fill."""
    path = home / "disk"
    path.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=711", "tmpfs", str(path)]
    if shutil.which("mount") is None or subprocess.run(mounting, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root, and not in every container, can mount a disk to fill")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


@contextmanager
def filled(disk: Path, leave: int) -> Iterator[None]:
    """Inside, no more than so many bytes are free."""
    ballast = disk / f"ballast-{leave}"
    with ballast.open("wb", buffering=0) as file:
        while (free := shutil.disk_usage(disk).free) > leave:
            file.write(bytes(min(MIB, free - leave)))
    try:
        yield
    finally:
        ballast.unlink()


async def becomes(client: httpx.AsyncClient, hoped: Callable[[httpx.Response], bool]) -> httpx.Response:
    """What `/health/ready` answers once it is as hoped; else what it answers at last."""
    give_up = time.monotonic() + SOON_SECONDS
    answer = await client.get("/health/ready")
    while not hoped(answer) and time.monotonic() < give_up:
        await asyncio.sleep(0.02)
        answer = await client.get("/health/ready")
    return answer


def visit() -> Post:
    """A large one, with an id of its own."""
    return VISIT | {"id": str(uuid4()), "summary": os.urandom(2_000).hex()}


async def test_on_a_full_disk_writes_are_refused_reads_go_on_and_with_room_all_is_well(disk: Path, long: bool) -> None:
    program = "timeline" if long else "tests.oracles.hasty"
    with serving(disk / "store", program=program) as service:
        async with client_of(service) as client:
            before, postmaster = visit(), postmaster_of(service.data_dir)
            first = await client.post("/v1/events", json=before)
            posts = [visit() for _ in range(20)]
            with filled(disk, SPARE_BYTES_MIN - MIB):
                nearly_full = await becomes(client, lambda answer: answer.status_code == 503)
                with filled(disk, 0):
                    waiting = [asyncio.create_task(client.post("/v1/events", json=post)) for post in posts]
                    reads = [await client.get(f"/v1/events/{before['id']}")]
                    while not all(task.done() for task in waiting):
                        reads += [await client.get("/v1/timelines/all"), await client.get("/v1/weeks/2019-W23")]
                        await asyncio.sleep(0.05)
                    refused = [task.result() for task in waiting]
            room = await becomes(client, lambda answer: answer.status_code == 200)
            again = [await client.post("/v1/events", json=post) for post in posts]
        found, same = ids_of(service), postmaster_of(service.data_dir) == postmaster
        is_whole(service.data_dir)
        is_quiet(service)

    assert first.status_code == 201
    assert (nearly_full.json()["status"], nearly_full.json()["database"]) == ("degraded", "takes no writes")
    assert {each.status_code for each in reads} == {200}
    assert {each.status_code for each in refused} == {503}
    assert all(each.headers["content-type"] == "application/problem+json" for each in refused)
    assert all(int(each.headers["Retry-After"]) > 0 for each in refused)
    assert (room.status_code, same) == (200, True)
    assert {each.status_code for each in again} == {201}
    assert found >= {post["id"] for post in [before, *posts]}
    assert len(found) == 3 + len(posts)


async def test_a_database_that_panicked_on_a_full_disk_comes_back_by_itself_with_all_it_acknowledged(
    disk: Path, long: bool
) -> None:
    if not long:
        pytest.skip("part of the long profile")
    acknowledged: set[str] = set()
    answers: list[httpx.Response] = []
    with serving(disk / "store", program="tests.oracles.spareless") as service:
        async with client_of(service) as client:
            with filled(disk, 24 * MIB):
                while not answers or answers[-1].status_code == 200:
                    lines = [visit() for _ in range(100)]
                    posted = await client.post("/v1/events/batch", json=lines, params={"mode": "atomic"})
                    acknowledged |= {line["id"] for line in lines} if posted.status_code == 201 else set()
                    answers += [posted] if posted.status_code != 201 else []
                    answers.append(await client.get("/v1/timelines/all"))
                away = await becomes(client, lambda answer: answer.status_code == 503)
            back = await becomes(client, lambda answer: answer.status_code == 200)
            written = await client.post("/v1/events", json=visit())
        found = ids_of(service)
        is_whole(service.data_dir)
        is_quiet(service)

    assert (away.status_code, back.status_code, written.status_code) == (503, 200, 201)
    assert {each.status_code for each in answers} <= {200, 503}
    assert acknowledged <= found


# The server alone, where nothing can be mounted


@asynccontextmanager
async def started(home: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[EmbeddedServer, Any]]:
    """A server, and how much room it is told there is."""
    room = SimpleNamespace(free=10 * SPARE_BYTES_MIN)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: room)
    server = EmbeddedServer(home / "store")
    await server.start()
    try:
        yield server, room
    finally:
        await server.stop()


async def takes_writes(connection: asyncpg.Connection) -> bool:
    """Whether this session, open since before, may write."""
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS kept (number integer)")
        await connection.execute("INSERT INTO kept VALUES (1)")
    except asyncpg.ReadOnlySQLTransactionError:
        return False
    return True


async def comes_to(wanted: bool, connection: asyncpg.Connection) -> bool:
    """Whether this session may write, once it has had the time to hear of a change: each is told by a signal."""
    until = time.monotonic() + 10
    while (found := await takes_writes(connection)) != wanted and time.monotonic() < until:  # noqa: ASYNC110 – no event
        await asyncio.sleep(0.01)
    return found


async def test_a_nearly_full_disk_stops_the_writes_of_every_session_until_there_is_room_to_spare(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = (SPARE_BYTES_MIN, SPARE_BYTES_MIN - 1, SPARE_BYTES_MIN, 2 * SPARE_BYTES_MIN, SPARE_BYTES_MIN)
    wanted = [True, False, False, True, True]

    async with started(home, monkeypatch) as (server, room):
        connection = await asyncpg.connect(server.dsn)
        found = []
        for free, taken in zip(rooms, wanted, strict=True):
            room.free = free
            await server.keep_spare()
            found.append(await comes_to(taken, connection))
        await connection.close()

    assert found == wanted


async def test_a_server_that_ended_on_a_full_disk_takes_writes_when_it_starts(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with started(home, monkeypatch) as (server, room):
        room.free = 0
        await server.keep_spare()
        await server.stop()
        connection = await asyncpg.connect(await server.start())
        taken = await takes_writes(connection)
        await server.keep_spare()
        still = await comes_to(False, connection)
        await connection.close()

    assert (taken, still) == (True, False)


async def test_data_that_go_away_under_a_server_are_not_replaced_by_an_empty_database(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with started(home, monkeypatch) as (server, _):
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        await until(lambda: server.pid is None)
        server.data.rename(home / "away")

        with pytest.raises(EmbeddedServerFailed, match="has gone"):
            await server.start()
        made = server.data.exists()
        (home / "away").rename(server.data)
        connection = await asyncpg.connect(await server.start())
        taken = await takes_writes(connection)
        await connection.close()

    assert (made, taken) == (False, True)
