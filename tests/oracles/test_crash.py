"""Whatever is killed, whenever: nothing acknowledged is lost, nothing doubles, and the service mends itself."""

import asyncio
import os
import random
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.oracles import crashes
from tests.oracles.crashes import KILLS, Crashes, Kill
from tests.oracles.homes import VISIT, client_of, home_for_services, register
from tests.oracles.writers import Writers
from tests.services import Service, postmaster_of, processes_of

pytestmark = pytest.mark.xdist_group("crash")

SEED = "CRASH_SEED"
"""Set it to the seed that a failure names, and the same choices are made again; only the moments are never the same."""
QUICK = KILLS[:5]
SERIES = 8
"""Of as many rounds on one database as there are ways to die: 56 rounds in the long profile."""
MUTANT_ROUNDS_MAX = 4
EARLY = "tests.oracles.early"

FOLDS = """
SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE application_name = 'timeline projector' AND locktype = 'advisory' AND granted
"""
"""Which of several projectors is at it; the others watch."""


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for services."""
    with home_for_services() as path:
        yield path


@pytest.fixture
def seed() -> int:
    """Told by pytest when a test fails."""
    found = int(os.environ.get(SEED) or random.SystemRandom().randrange(2**32))
    print(f"{SEED}={found}")
    return found


@asynccontextmanager
async def crashing(home: Path, seed: int, program: str = "timeline") -> AsyncIterator[Crashes]:
    """A service to kill things of; gone at the end, whatever is left of it."""
    on = await asyncio.to_thread(Crashes, home / uuid4().hex[:8], seed, program)
    try:
        await asyncio.to_thread(register, on.service)
        yield on
    finally:
        if on.service.process.poll() is None:
            await asyncio.to_thread(on.service.stop, signal.SIGTERM)
        else:
            on.close()
        for pid in processes_of(on.service.data_dir):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("series", range(SERIES))
async def test_whatever_is_killed_nothing_acknowledged_is_lost_and_nothing_doubles(
    home: Path, seed: int, series: int, long: bool
) -> None:
    if series and not long:
        pytest.skip("part of the long profile")
    rounds = list(KILLS if long else QUICK)
    random.Random(seed).shuffle(rounds)

    async with crashing(home, seed) as on:
        for number, kill in enumerate(rounds, 1):
            faults = await on.round(kill)

            assert faults == [], f"round {number}, {kill.__name__}, {SEED}={seed}: {faults[:10]}"
        assert "Traceback" not in on.service.stderr.read_text(), f"{SEED}={seed}"


@pytest.mark.parametrize(
    ("program", "kill", "words"),
    [
        (EARLY, crashes.the_api_process, "was acknowledged at"),
        ("tests.oracles.torn", crashes.the_projectors_backend_in_mid_transaction, "timeline check"),
        ("tests.oracles.forgetful", crashes.the_api_process, "times"),
    ],
)
async def test_a_broken_variant_is_found(
    home: Path, seed: int, program: str, kill: Kill, words: str, long: bool
) -> None:
    if program != EARLY and not long:
        pytest.skip("part of the long profile")
    found: list[str] = []

    async with crashing(home, seed, program) as on:
        for _ in range(MUTANT_ROUNDS_MAX):
            found += await on.round(kill)
            if any(words in fault for fault in found):
                break

    assert any(words in fault for fault in found), (found, seed)


async def test_health_says_that_the_database_is_away_and_that_it_is_back(home: Path, seed: int) -> None:
    async with crashing(home, seed) as on, client_of(on.service) as client:
        configuration = on.service.data_dir / "postgres" / "data" / "postgresql.conf"
        true = configuration.read_text()
        configuration.write_text(f"{true}\nnonsense = on\n")
        os.kill(postmaster_of(on.service.data_dir), signal.SIGKILL)

        said_so = await on.becomes(503)
        away, alive = await client.get("/health/ready"), await client.get("/health/live")
        read, counted = await client.get("/v1/timelines/all"), await client.get("/metrics")
        configuration.write_text(true)
        came_back = await on.becomes(200)
        written, back = await client.post("/v1/events", json=VISIT), await client.get("/health/ready")

    assert (said_so, came_back) == (True, True)
    assert (away.json()["status"], away.json()["database"]) == ("degraded", "does not answer")
    assert (alive.status_code, counted.status_code, read.status_code) == (200, 200, 503)
    assert (read.json()["type"], int(read.headers["Retry-After"]) > 0) == ("/problems/database-unavailable", True)
    assert (written.status_code, written.json()["visible"]) == (201, True)
    assert (back.json()["status"], back.json()["projection"]) == ("ready", "running")


@pytest.mark.parametrize("ends", [signal.SIGKILL, signal.SIGCONT])
async def test_a_process_that_stands_still_in_mid_fold_holds_up_reads_only_and_folds_nothing_twice(
    home: Path, seed: int, ends: signal.Signals, long: bool
) -> None:
    if ends == signal.SIGCONT and not long:
        pytest.skip("part of the long profile")
    async with crashing(home, seed) as on, client_of(on.service) as client, folding_for(on) as other:
        writers = Writers(on.chance, on.service.url, on.token)
        writers.start(2)
        async with on.projector_held():
            other.send_signal(signal.SIGSTOP)
        await writers.stop()
        written = [await client.post("/v1/events", json=VISIT, params={"wait": "false"}) for _ in range(3)]
        position = written[-1].json()["position"]
        behind = await client.get("/v1/timelines/all", params={"min_position": position})

        other.send_signal(ends)
        await seen(client, position)
        faults = await on.round(crashes.the_projectors_backend_in_mid_transaction)

    assert [answer.status_code for answer in written] == [201] * 3
    assert (behind.status_code, behind.json()["type"]) == (503, "/problems/behind")
    assert faults == []


async def seen(client: httpx.AsyncClient, position: int) -> None:
    """Wait until reads show a position."""
    async with asyncio.timeout(crashes.READY_SECONDS_MAX):
        while (await client.get("/v1/timelines/all", params={"min_position": position})).status_code != 200:
            pass


@asynccontextmanager
async def folding_for(on: Crashes) -> AsyncIterator["subprocess.Popen[str]"]:
    """A second process on the same database, which is the one that folds from now on."""
    (first,) = await on.backends("timeline projector")
    other = await asyncio.to_thread(
        Service, on.service.data_dir.with_name("other"), env={"TIMELINE_DATABASE_URL": on.dsn}
    )
    try:
        async with on.connected() as connection, asyncio.timeout(crashes.HELD_SECONDS_MAX):
            while len(await on.backends("timeline projector")) < 2:
                pass
            await connection.execute("SELECT pg_terminate_backend($1)", first)
            while await connection.fetchval(FOLDS) in (first, None):
                pass
        yield other.process
    finally:
        other.process.kill()
        other.process.wait()
        assert other.process.stdout is not None
        other.process.stdout.close()
