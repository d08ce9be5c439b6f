"""What a page costs as the log grows: `uv run python -m tests.benchmarks.depth --events 10000 1000000`.

Pages of 50 of an actor that takes part in a third of all events, at the level of the owner, one after the other: as of
now, as of when a tenth of the log was there, and with a filter that nothing passes; each at both sizes.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable, Coroutine
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.benchmarks.bench import folder_on_disk, machine
from tests.benchmarks.bulk import Bulk, append_events, project, settle
from timeline.db.embedded import EmbeddedServer
from timeline.db.logins import READER
from timeline.db.migrate import migrate
from timeline.db.pool import open_pool
from timeline.projections.events import event_shown
from timeline.projections.pages import Query, Reader, ready_page

PAGES = 200
LEVEL = 3
ON = date(2026, 1, 1)
Page = Callable[[], Coroutine[Any, Any, object]]


async def measure(folder: Path, sizes: list[int]) -> None:
    """Print the latencies at each size, and how they grew."""
    server = EmbeddedServer(folder / "data")
    dsn = await server.start()
    found: list[dict[str, float]] = []
    try:
        await migrate(dsn)
        for events in sizes:
            began, bulk = time.perf_counter(), Bulk()
            await append_events(dsn, bulk, events)
            await project(dsn)
            await settle(dsn)
            print(
                f"{bulk.given:,} records with {events:,} events, made in {time.perf_counter() - began:.0f} s",
                flush=True,
            )
            found.append(await latencies(dsn, bulk))
    finally:
        await server.stop()
    for name, small in found[0].items():
        rest = "".join(f"   {each[name]:7.2f} ms ({each[name] / small:4.2f} of the first)" for each in found[1:])
        print(f"{name:<44} {small:7.2f} ms{rest}")


async def latencies(dsn: str, bulk: Bulk) -> dict[str, float]:
    """The median milliseconds of each kind of page."""
    pool = await open_pool(dsn, max_size=2, role=READER)
    reader, day = Reader(pool), bulk.today

    async def page(position: int | None = None, **asked: Any) -> None:
        async with reader.timeline("actor", bulk.hot, LEVEL, position) as (connection, opened):
            query = Query(timeline=opened.timeline, level=LEVEL, **asked)
            await ready_page(connection, query, opened, None, opened.position, ON)

    async def famous(position: int | None = None) -> None:
        async with reader.at(position) as (connection, at):
            await event_shown(connection, UUID(bulk.famous.id), LEVEL, at, ON)

    early = bulk.given // 10
    asked: dict[str, Page] = {
        "a page, its first": page,
        "a page, its last": lambda: page(backwards=True),
        "a page, its last days": lambda: page(from_=date.fromordinal(day.toordinal() - 60)),
        "a page as of a tenth of the log": lambda: page(early),
        "its last as of a tenth of the log": lambda: page(early, backwards=True, to=bulk_day(bulk, early)),
        "a filter that nothing passes": lambda: page(kinds=("election",)),
        "an event of 100 versions": famous,
        "an event of 100 versions, a tenth of them": lambda: famous(bulk.given // 2),
    }
    try:
        return {name: await _median_ms(call) for name, call in asked.items()}
    finally:
        await pool.close()


def bulk_day(bulk: Bulk, position: int) -> date:
    """About the day that the stream had come to at a position."""
    first = bulk.today.toordinal() - bulk.events // 50
    return date.fromordinal(first + bulk.events * position // bulk.given // 50)


async def _median_ms(call: Page) -> float:
    for _ in range(20):  # plans are made, pages come into memory
        await call()
    took = []
    for _ in range(PAGES):
        began = time.perf_counter()
        await call()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[10_000, 100_000], help="the sizes, growing")
    given = parser.parse_args()
    print(machine())
    with folder_on_disk() as folder:
        asyncio.run(measure(folder, sorted(given.events)))


if __name__ == "__main__":
    main()
