"""Whatever the clocks do, records are ordered: positions and times rise together."""

import asyncio
import random
import shutil
import struct
import subprocess
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import asyncpg
import pytest

from tests.checks import check_log
from tests.log.appending import append, fetch, times, visit, writer_on
from tests.oracles.homes import VISIT, client_of, home_for_services, is_quiet, is_whole, serving
from tests.oracles.variants import NO_WATCH_OVER_GAPS, change_append, run_sql
from timeline.db.embedded import EmbeddedServer
from timeline.db.migrate import migrate

pytestmark = pytest.mark.xdist_group("robust")

Moment = TypeVar("Moment", str, int)

SOURCE = Path(__file__).with_name("shifted.c")
HOURS = 3_600
JUMPS = (0, 6 * HOURS, -6 * HOURS, 400 * 24 * HOURS, -3 * 24 * HOURS, 1, -1, 0)
"""Seconds by which the clock is wrong, one after the other; the longest jump is back by more than a year."""
OWN_CLOCK = """
CREATE TABLE timeline.clock (moved interval NOT NULL);
INSERT INTO timeline.clock VALUES ('0');
CREATE FUNCTION timeline.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
  SELECT pg_catalog.clock_timestamp() + moved FROM timeline.clock
$$;
ALTER FUNCTION timeline.append_records SET search_path = timeline, pg_catalog, pg_temp;
GRANT SELECT ON timeline.clock TO timeline_owner;
GRANT EXECUTE ON FUNCTION timeline.clock_timestamp TO timeline_owner;
"""
"""Named before the system's, our schema's clock is what the append function asks, its own text unchanged."""
BY_THE_CLOCK_ALONE = (
    ("greatest(clock_timestamp(), last_recorded_at + interval '1 microsecond')", "clock_timestamp()"),
)


async def test_times_rise_with_positions_while_the_databases_clock_jumps(fresh_database: str) -> None:
    await migrate(fresh_database)

    await append_while_the_clock_jumps(fresh_database)

    found = await times(fresh_database)
    assert [position for position, _ in found] == list(range(1, 241))
    assert rising(at for _, at in found)
    assert found[-1][1] - found[0][1] > 399 * 24 * HOURS * 1_000_000
    await check_log(fresh_database)


async def test_without_the_rule_they_would_not(fresh_database: str) -> None:
    await migrate(fresh_database)
    await run_sql(fresh_database, NO_WATCH_OVER_GAPS)
    await change_append(fresh_database, BY_THE_CLOCK_ALONE)

    await append_while_the_clock_jumps(fresh_database)

    assert not rising(at for _, at in await times(fresh_database))


async def append_while_the_clock_jumps(dsn: str) -> None:
    """Two writers, on a database whose clock is wrong by ever other amounts."""
    chance = random.Random(11)
    connection = await asyncpg.connect(dsn)
    await run_sql(dsn, OWN_CLOCK)
    async with writer_on(dsn) as one, writer_on(dsn) as other:
        for _ in range(40):
            moved = timedelta(seconds=chance.choice(JUMPS) + chance.random())
            await connection.execute("UPDATE timeline.clock SET moved = $1", moved)
            await asyncio.gather(*(append(writer, visit()) for writer in (one, other) for _ in range(3)))
    await connection.close()


def rising(moments: Iterable[Moment]) -> bool:
    """Whether each is later than the one before."""
    return all(one < other for one, other in pairwise(moments))


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for a service."""
    with home_for_services() as path:
        yield path


class Clock:
    """The system's clock as a process sees it that was started with `environment`."""

    def __init__(self, home: Path) -> None:
        self._moved = home / "moved"
        self._library = home / "shifted.so"
        self.set(0)
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            pytest.skip("there is no C compiler here to make a clock with")
        made = subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-o", str(self._library), str(SOURCE), "-ldl"],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            pytest.skip(f"the C compiler here makes no shared library: {made.stderr[:200]}")

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "CLOCK_MOVED": str(self._moved)}

    def set(self, seconds: int) -> None:
        """Move it so far from the true one."""
        if not self._moved.exists():
            self._moved.touch(0o644)
        with self._moved.open("r+b") as file:
            file.write(struct.pack("l", seconds))


async def test_a_service_whose_clock_jumps_orders_its_records_and_knows_a_repeat(home: Path) -> None:
    clock = Clock(home)
    posts = [[VISIT | {"id": str(uuid4())} for _ in range(5)] for _ in JUMPS]
    with serving(home / "store", env=clock.environment) as service:
        dsn = EmbeddedServer(service.data_dir).dsn
        async with client_of(service) as client:
            told, seen = [], []
            for seconds, several in zip(JUMPS, posts, strict=True):
                clock.set(seconds)
                seen.append((await fetch(dsn, "SELECT clock_timestamp()"))[0][0] - datetime.now(UTC))
                told += await asyncio.gather(*(client.post("/v1/events", json=post) for post in several))
            clock.set(-50 * HOURS)
            repeated = [await client.post("/v1/events", json=post) for several in posts for post in several]
            week = await client.get("/v1/weeks/current")
            health = await client.get("/health/ready")
        found = await times(dsn)
        is_whole(service.data_dir)
        is_quiet(service)

    receipts = sorted((answer.json() for answer in told), key=lambda receipt: int(receipt["position"]))
    assert [round(each / timedelta(hours=1)) for each in seen] == [round(each / HOURS) for each in JUMPS]
    assert {answer.status_code for answer in [*told, *repeated]} == {201}
    assert all(answer.json()["visible"] for answer in told)
    assert [receipt["position"] for receipt in receipts] == list(range(3, 3 + len(told)))
    assert rising(receipt["recorded_at"] for receipt in receipts)
    assert {answer.headers.get("Idempotency-Replayed") for answer in repeated} == {"true"}
    assert {(a.json()["id"], a.json()["recorded_at"]) for a in repeated} == {
        (r["id"], r["recorded_at"]) for r in receipts
    }
    assert rising(at for _, at in found)
    assert (week.status_code, health.status_code) == (307, 200)
