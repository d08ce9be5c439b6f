"""What a page as of long ago costs against a page of now: `uv run python -m tests.benchmarks.as_of`.

Two logs: one of many events, read as of a tenth of it; and one of a few hundred events that all stand in one timeline
and were then corrected in turn until each has a hundred versions, read as of when they had a few, a tenth, half and
most of them. Pages of 50 at the level of the owner, one after the other, with every statement that a request makes;
each moment is another one, as many tools would ask, so that nothing is known from the request before.
"""

import argparse
import asyncio
import itertools
import statistics
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from tests.benchmarks.bench import folder_on_disk, machine
from tests.benchmarks.bulk import Bulk, Told, append_events, project, settle
from timeline.db.embedded import EmbeddedServer
from timeline.db.logins import READER
from timeline.db.migrate import migrate
from timeline.db.pool import open_pool
from timeline.projections.pages import Query, Reader, ready_page

PAGES = 300
MOMENTS = 50
"""How many positions around one are asked about in turn."""
LEVEL = 3
ON = date(2026, 1, 1)
RATIO_MAX = 2.0


class Corrected(Bulk):
    """So many events of one actor, then corrections of each in turn, their dates left alone."""

    def __init__(self, *, events: int, versions: int) -> None:
        self.kept: list[Told] = []
        self._most, self._versions = events, versions
        super().__init__(hot_share=1)

    def _happens(self) -> None:
        if len(self.kept) < self._most:
            body = {**self._occurrence("visit"), "marking": "clear"}
            self.kept.append(self._event("visit", body))
            self.famous = self.kept[0]
            return
        for told in itertools.chain.from_iterable(itertools.repeat(self.kept, self._versions - 1)):
            told.body = {
                **told.body,
                "title": f"Visit, told for the {told.revision + 1}th time",
                "summary": self._prose(40),
            }
            event = {"kind": told.kind, **told.body}
            body = {"revision": told.revision, "ground": "new_evidence", "reason": "As told.", "event": event}
            self._change(told, "correction", body)
        self.events += 1  # the stream ends when it has one event more than those that are kept


async def measure(folder: Path, bulk: Bulk, events: int, shares: list[float]) -> list[float]:
    """Print what a page costs as of each share of a log, and return the ratios to a page of now."""
    server = EmbeddedServer(folder / "data")
    dsn = await server.start()
    try:
        await migrate(dsn)
        await append_events(dsn, bulk, events)
        await project(dsn)
        await settle(dsn)
        pool = await open_pool(dsn, max_size=2, role=READER)
        try:
            return [await _compared(Reader(pool), bulk, share) for share in shares]
        finally:
            await pool.close()
    finally:
        await server.stop()


async def _compared(reader: Reader, bulk: Bulk, share: float) -> float:
    """A page of now and one of then in turn, so that whatever else the machine does weighs on both."""
    first = max(1, int(bulk.given * share))
    moments: Iterator[int] = itertools.cycle(range(first, first + MOMENTS))
    now, then = [], []
    for _ in range(PAGES):
        now.append(await _page_ms(reader, bulk.hot, None))
        then.append(await _page_ms(reader, bulk.hot, next(moments)))
    live, past = (statistics.median(each[20:]) for each in (now, then))  # plans are made, pages come into memory
    print(f"  as of {share:4.0%} of {bulk.given:,} records: {past:5.2f} ms, now {live:5.2f} ms: {past / live:4.2f}")
    return past / live


async def _page_ms(reader: Reader, actor: str, as_of: int | None) -> float:
    began = time.perf_counter()
    async with reader.timeline("actor", actor, LEVEL, as_of) as (connection, opened):
        query = Query(timeline=opened.timeline, level=LEVEL)
        found = await ready_page(connection, query, opened, None, opened.position, ON)
    assert len(found.entries) == query.limit, "pages of different sizes can't be compared"
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Run it; 1 where a page as of long ago costs more than twice a page of now."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000, help="events of the long log")
    parser.add_argument("--kept", type=int, default=200, help="events with many versions")
    parser.add_argument("--versions", type=int, default=100, help="how many versions each of those has")
    given = parser.parse_args()
    print(machine())
    ratios: list[float] = []
    with folder_on_disk() as folder:
        print(f"a log of {given.events:,} events")
        ratios += asyncio.run(measure(folder, Bulk(), given.events, [0.1]))
    with folder_on_disk() as folder:
        print(f"a timeline of {given.kept} events with {given.versions} versions each")
        corrected = Corrected(events=given.kept, versions=given.versions)
        ratios += asyncio.run(measure(folder, corrected, given.kept + 1, [0.03, 0.1, 0.5, 0.95]))
    if max(ratios) > RATIO_MAX:
        raise SystemExit(f"A page as of long ago costs {max(ratios):.2f} times a page of now.")


if __name__ == "__main__":
    main()
