"""What a difference costs over a hundred thousand records: `uv run python -m tests.benchmarks.diff`.

One log; the last thousand, ten thousand and all of its records compared, in pages of 50 at the level of the owner, one
after the other. A page over the whole log is set against one over the last thousand records, in the same run: it must
not cost more than twice as much, wherever the walk has come to. Then the whole difference is walked, against reading
the states of both moments by one bare statement each.
"""

import argparse
import asyncio
import statistics
import time
from pathlib import Path
from uuid import UUID

from tests.benchmarks.bench import folder_on_disk, machine
from tests.benchmarks.bulk import Bulk, append_events, project, settle
from timeline.db.embedded import EmbeddedServer
from timeline.db.logins import READER
from timeline.db.migrate import migrate
from timeline.db.pool import open_pool
from timeline.projections.diff import DiffQuery, Place, changes
from timeline.projections.history import history
from timeline.projections.pages import EVERYTHING, Connection, Reader

PAGES = 60
LEVEL = 3
RECENT = 1_000
RATIO_MAX = 2.0
BARE = """
SELECT event, body FROM event_state WHERE low <= $1 AND high >= $1 AND from_position <= $2 AND to_position > $2
"""


async def measure(folder: Path, records: int) -> float:
    """Print what differences cost, and return the worst ratio of a page over everything to one of late."""
    server = EmbeddedServer(folder / "data")
    dsn = await server.start()
    try:
        await migrate(dsn)
        bulk = Bulk()
        events = records * 3 // 5
        while bulk.given < records:
            await append_events(dsn, bulk, events)
            events += 1_000
        head = await project(dsn)
        await settle(dsn)
        pool = await open_pool(dsn, max_size=2, role=READER)
        try:
            async with Reader(pool).at() as (connection, _):
                return await _compared(connection, bulk, head)
        finally:
            await pool.close()
    finally:
        await server.stop()


async def _compared(connection: Connection, bulk: Bulk, head: int) -> float:
    late = _query(head - RECENT, head)
    actor = UUID(bulk.hot) if len(bulk.hot) == 36 else EVERYTHING[0]
    questions = {
        "the last 10,000 records": (_query(head - 10_000, head), None),
        f"all {head:,} records": (_query(0, head), None),
        "the same, from its middle on": (_query(0, head), Place(head // 2, UUID(int=0))),
        "the same, of one actor": (_query(0, head, actor), None),
        "as of half of them, from a tenth on": (_query(head // 10, head // 2), None),
    }
    worst = 0.0
    for words, (query, place) in questions.items():
        base, found = [], []
        for _ in range(PAGES):
            base.append(await _page_ms(connection, late, late.beginning))
            found.append(await _page_ms(connection, query, place or query.beginning))
        one, other = (statistics.median(each[10:]) for each in (base, found))
        print(f"  a page over {words}: {other:5.1f} ms, over the last {RECENT:,} {one:5.1f} ms: {other / one:4.2f}")
        worst = max(worst, other / one)
    await _walk(connection, head)
    began = time.perf_counter()
    versions = (await history(connection, UUID(bulk.famous.id), LEVEL, head, 0, 50)).versions
    print(f"  {len(versions)} versions of one event: {(time.perf_counter() - began) * 1000:.1f} ms")
    return worst


def _query(before: int, after: int, timeline: UUID = EVERYTHING[0]) -> DiffQuery:
    return DiffQuery(level=LEVEL, before=before, after=after, timelines=(timeline,))


async def _page_ms(connection: Connection, query: DiffQuery, place: Place) -> float:
    began = time.perf_counter()
    await changes(connection, query, place)
    return (time.perf_counter() - began) * 1000


async def _walk(connection: Connection, head: int) -> None:
    """The whole difference in pages of a thousand, against the states of both moments."""
    query = DiffQuery(level=LEVEL, before=head // 10, after=head, timelines=(EVERYTHING[0],), limit=1_000, feeds=True)
    began, found, pages = time.perf_counter(), 0, 0
    place: Place | None = query.beginning
    while place is not None:
        listed, place = await changes(connection, query, place)
        found, pages = found + len(listed), pages + 1
    walked = time.perf_counter() - began
    began = time.perf_counter()
    for position in (query.before, query.after):
        await connection.fetch(BARE, LEVEL, position)
    bare = time.perf_counter() - began
    rate = found / walked
    print(f"  walked from a tenth on: {found:,} changes on {pages} pages in {walked:.1f} s, {rate:,.0f} a second;")
    print(f"  reading both states bare takes {bare:.1f} s: {bare / walked:4.2f}")


def main() -> None:
    """Run it; 1 where a page over everything costs more than twice one of late."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000, help="records of the log")
    given = parser.parse_args()
    print(machine())
    with folder_on_disk() as folder:
        print(f"a log of {given.records:,} records")
        worst = asyncio.run(measure(folder, given.records))
    if worst > RATIO_MAX:
        raise SystemExit(f"A page over the whole log costs {worst:.2f} times one of late.")


if __name__ == "__main__":
    main()
