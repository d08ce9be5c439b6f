"""Whoever follows the live feed is given 1 to N once and in order: also when the service is killed while it tells."""

import asyncio
import os
import random
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from tests.benchmarks.bench import rss_mb
from tests.oracles.followers import Followers
from tests.oracles.homes import VISIT, client_of, end, home_for_services, is_quiet, register, serving
from tests.oracles.writers import Writers
from tests.services import Service

pytestmark = pytest.mark.xdist_group("streams")

WRITERS = 4
KILLS, LONG_KILLS = 2, 20
EAGER, HASTY = "tests.oracles.eager", "tests.oracles.hasty"
ENV = {
    "TIMELINE_STREAM_BEAT_SECONDS": "0.2",
    "TIMELINE_STREAMS_PER_TOKEN_MAX": "200",
    "TIMELINE_LOG_LEVEL": "warning",
    "TIMELINE_REQUESTS_PER_SECOND": "0",
}
STREAMS = 100
STOP_SECONDS_MAX = 2.0


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for services."""
    with home_for_services() as path:
        yield path


class Killed:
    """A service that is killed and started again, with writers and followers who go on where it is then."""

    def __init__(self, data_dir: Path, program: str) -> None:
        self._data_dir, self._program = data_dir, program
        self.service = Service(data_dir, env=ENV, program=program)
        register(self.service)
        token = self.service.token_path.read_text().strip()
        self.writers = Writers(random.Random(1), self.service.url, token)
        self.followers = Followers(self.service.url, token)

    async def kill(self) -> None:
        """Kill -9, and start again."""
        os.kill(self.service.process.pid, signal.SIGKILL)
        await asyncio.to_thread(self.service.process.wait)
        assert self.service.process.stdout is not None
        self.service.process.stdout.close()
        self.service = await asyncio.to_thread(Service, self._data_dir, env=ENV, program=self._program)
        self.writers.url = self.followers.url = self.service.url

    async def log(self) -> list[tuple[int, str]]:
        """Every record, asked for when nobody writes any more."""
        found: list[tuple[int, str]] = []
        async with client_of(self.service) as client:
            head = (await client.get("/health/ready")).json()["log_position"]
            while len(found) < head:
                asked = {"after": len(found), "limit": 1000, "min_position": head}
                page = (await client.get("/v1/changes", params=asked)).json()
                found += [(each["position"], each["id"]) for each in page["records"]]
        return found


@asynccontextmanager
async def killed(home: Path, program: str = "timeline") -> AsyncIterator[Killed]:
    """Gone at the end, whatever is left of it."""
    made = await asyncio.to_thread(Killed, home / uuid4().hex[:8], program)
    try:
        yield made
    finally:
        await asyncio.to_thread(end, made.service)


async def followed(on: Killed, kills: int) -> dict[str, list[str]]:
    """Write, follow, and kill so often; what each follower was given amiss."""
    chance = random.Random(2)
    for name in ("stream", "another stream"):
        on.followers.start(name, on.followers.by_stream)
    on.followers.start("waiting", on.followers.by_waiting)
    on.followers.start("pages", on.followers.by_pages)
    on.writers.start(WRITERS)
    for number in range(kills + 1):
        await on.writers.progress()
        on.followers.start(f"stream from the beginning, in round {number}", on.followers.by_stream)
        await asyncio.sleep(chance.uniform(0.3, 0.8))
        if number < kills:
            await on.kill()
    await on.writers.stop()
    log = await on.log()
    await on.followers.all_at(len(log))
    assert [position for position, _ in log] == [*range(1, len(log) + 1)]
    print(f"{len(log)} records, {on.followers.cut} times cut off")
    return {name: _amiss(given, log) for name, given in on.followers.given.items() if given != log}


def _amiss(given: list[tuple[int, str]], log: list[tuple[int, str]]) -> list[str]:
    lost, twice = len(set(log) - set(given)), len(given) - len(set(given))
    return [f"{lost} lost, {twice} twice, first {given[:1]}, {len(given)} of {len(log)}"]


async def test_a_follower_of_a_service_that_is_killed_is_given_every_record_once(home: Path, long: bool) -> None:
    async with killed(home) as on:
        amiss = await followed(on, LONG_KILLS if long else KILLS)

        assert amiss == {}
        assert on.followers.cut >= 2
        assert on.writers.faults == []


async def test_a_stream_that_is_live_before_it_has_caught_up_loses_records_and_the_oracle_sees_it(home: Path) -> None:
    async with killed(home, EAGER) as on:
        amiss = await followed(on, 0)

    assert any("stream" in name for name in amiss)
    assert not {"pages"} & amiss.keys()


async def test_a_service_with_a_hundred_streams_stops_within_seconds_and_says_so(home: Path) -> None:
    service = await asyncio.to_thread(Service, home / "data", env=ENV)
    try:
        await asyncio.to_thread(register, service)
        async with client_of(service) as client, asyncio.TaskGroup() as listening:
            tasks = [listening.create_task(_heard(client)) for _ in range(STREAMS)]
            await _open(client, STREAMS)
            code, seconds = await asyncio.to_thread(service.stop, signal.SIGTERM)
        ends = [task.result() for task in tasks]
    finally:
        await asyncio.to_thread(end, service)

    assert (code, set(ends)) == (0, {'{"position":2,"why":"stopping"}'})
    assert seconds < STOP_SECONDS_MAX
    is_quiet(service)


async def _heard(client: httpx.AsyncClient) -> str:
    """What the last event of a stream says."""
    text = ""
    async with client.stream("GET", "/v1/changes.sse") as answer:
        async for part in answer.aiter_text():
            text += part
    return text.rstrip().rsplit("data: ", 1)[1]


async def _open(client: httpx.AsyncClient, number: int) -> None:
    async with asyncio.timeout(20):
        while f"timeline_open_streams {number}.0" not in (await client.get("/metrics")).text:  # noqa: ASYNC110  (only asking tells)
            await asyncio.sleep(0.05)


async def test_a_reader_that_takes_nothing_is_cut_and_delays_nobody(home: Path) -> None:
    with serving(home / "data", env=ENV, program=HASTY) as service:
        async with client_of(service) as client:
            large = VISIT | {"summary": "x" * 10_000}
            lines = [large | {"title": f"visit {n}"} for n in range(200)]
            stuck = _stopped(service)
            await _open(client, 1)
            late = []
            for _ in range(20):
                began = time.monotonic()
                answer = await client.post("/v1/events/batch", json=lines)
                after = answer.json()["verdicts"][0]["position"] - 1
                await client.get("/v1/changes", params={"after": after, "limit": 1, "wait": 30})
                late.append(time.monotonic() - began)
            await _open(client, 0)
            stuck.close()
            resumed = (await client.get("/v1/changes", params={"after": 2, "limit": 5})).json()
        memory_mb = rss_mb(service.process.pid)

    assert max(late) < 10
    assert memory_mb < 300
    assert len(resumed["records"]) == 5


def _stopped(service: Service) -> socket.socket:
    """A reader that asks for a stream and takes nothing of it."""
    where, token = urlsplit(service.url), service.token_path.read_text().strip()
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    made.connect((where.hostname, where.port))
    made.sendall(
        f"GET /v1/changes.sse HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    )
    return made
