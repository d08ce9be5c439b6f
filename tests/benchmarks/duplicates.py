"""What it costs to propose duplicates in a whole log: `uv run python -m tests.benchmarks.duplicates --events 100000`.

All pages of the proposals, one after the other, at the level of the owner and with machine feeds, at each size; against
the COPY of the states and entries that they are read from, and so against the size of the log: what grows faster than
the log shows in the ratio of the larger size.
"""

import argparse
import asyncio
import time
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg

from tests.benchmarks.bench import folder_on_disk, machine
from tests.benchmarks.bulk import Bulk, append_events, project, settle
from timeline.db.embedded import EmbeddedServer
from timeline.db.logins import READER
from timeline.db.migrate import migrate
from timeline.db.pool import open_pool
from timeline.projections.duplicates import proposed
from timeline.projections.pages import EVERYTHING, Query, Reader, read_cursor

LEVEL = 3
ON = date(2026, 1, 1)
PAGE_EVENTS = 200
SCORE_MIN = 60
MINUTES_MAX_OF_A_MILLION = 30.0
GROWTH_MAX = 2.0
"""So many times the seconds an event may take in the larger log."""


async def measure(folder: Path, sizes: list[int]) -> list[str]:
    """Print the figures at each size; what is beyond its limit."""
    server = EmbeddedServer(folder / "data")
    dsn = await server.start()
    took: list[float] = []
    try:
        await migrate(dsn)
        for events in sizes:
            await append_events(dsn, Bulk(), events)
            await project(dsn)
            await settle(dsn)
            took.append(await _walked(dsn, events))
    finally:
        await server.stop()
    beyond = []
    if took[-1] * 1_000_000 > MINUTES_MAX_OF_A_MILLION * 60:
        beyond.append(f"a million events would take {took[-1] * 1_000_000 / 60:.0f} minutes")
    if took[-1] > took[0] * GROWTH_MAX:
        beyond.append(f"an event takes {took[-1] / took[0]:.2f} times as long in the larger log")
    return beyond


async def _walked(dsn: str, events: int) -> float:
    """The seconds that an event takes in a walk over all of them."""
    pool = await open_pool(dsn, max_size=2, role=READER)
    query = Query(timeline=EVERYTHING[0], level=LEVEL, feeds=True, limit=PAGE_EVENTS)
    pages, pairs, longest = 0, 0, 0.0
    following: str | None = ""
    began = time.perf_counter()
    try:
        async with Reader(pool).at() as (connection, position):
            while following is not None:
                since = time.perf_counter()
                cursor = read_cursor(following, query) if following else None
                found = await proposed(connection, query, cursor, position, ON, SCORE_MIN)
                following, pages, pairs = found.next, pages + 1, pairs + len(found.pairs)
                longest = max(longest, time.perf_counter() - since)
            seconds = time.perf_counter() - began
            copied = await _copied(connection)
    finally:
        await pool.close()
    print(
        f"{events:,} events: {pairs:,} pairs of {SCORE_MIN} points and more on {pages:,} pages in {seconds:.1f} s, "
        f"{events / seconds:,.0f} events a second, a page {longest * 1000:.0f} ms at most; "
        f"COPY of the same rows {copied:.2f} s, the walk {seconds / copied:.0f} times that",
        flush=True,
    )
    return seconds / events


async def _copied(connection: Any) -> float:
    """The seconds that a COPY of every live state and entry takes."""

    async def nowhere(_: bytes) -> None:
        pass

    raw: asyncpg.Connection = connection
    began = time.perf_counter()
    for table in ("event_state", "timeline_entry"):
        rows = f"SELECT * FROM {table} WHERE to_position = 9223372036854775807"
        await raw.copy_from_query(rows, output=nowhere)
    return time.perf_counter() - began


def main() -> None:
    """Run it; 1 where a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[10_000, 100_000], help="how many events, each size")
    given = parser.parse_args()
    print(machine())
    with folder_on_disk() as folder:
        beyond = asyncio.run(measure(folder, given.events))
    if beyond:
        raise SystemExit("; ".join(beyond))


if __name__ == "__main__":
    main()
