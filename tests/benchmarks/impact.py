"""What it costs to think a source away: `uv run python -m tests.benchmarks.impact`.

A source with 10,000 voices on a thousand events of others, one of which has a tenth of them. Its impact is measured
against folding the same records once in memory, which no answer can do without; how long the event loop waits meanwhile
against how long it waits when nothing runs; and a page of 50 as of what had been said by a day against a plain page:
where nothing was said later, and where something was on every entry.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

from tests.benchmarks.bench import folder_on_disk, machine
from tests.benchmarks.bulk import Bulk, append_events, project, settle
from timeline.db.embedded import EmbeddedServer
from timeline.db.logins import READER
from timeline.db.migrate import migrate
from timeline.db.pool import open_pool
from timeline.model.entry import Subject
from timeline.projections.again import Folded, Supposed, part_about
from timeline.projections.impact import ImpactQuery, impact
from timeline.projections.pages import EVERYTHING, Query, Reader, page
from timeline.projections.said import page_said

LEVEL = 3
ON = date(2026, 1, 1)
IMPACTS, PAGES = 3, 40
TICK_SECONDS = 0.001
IMPACT_RATIO_MAX = 4.0
PAGE_RATIO_MAX = 4.0


class Talkative(Bulk):
    """So many events of others, then the voices of one source on each of them in turn, and on the first."""

    def __init__(self, *, events: int) -> None:
        self.told: list[str] = []
        self._most = events
        super().__init__()

    def _happens(self) -> None:
        if len(self.told) < self._most:
            self.told.append(self._event("visit", {**self._occurrence("visit"), "marking": "clear"}).id)
            return
        number = self.events - self._most
        of = self.told[0] if number % 10 == 0 else self.told[number % self._most]
        day = self.today + timedelta(days=30)  # later than anything that the others said
        fields = {"source": self.talker, "modality": "stated", "said": f"{day:%Y-%m-%d}", "marking": "clear"}
        self._speak("denial" if number % 3 == 0 else "report", [of], **fields)

    @property
    def talker(self) -> str:
        """The source: no other event of the stream is its own."""
        return self._things["source"][-1]

    def _some(self, kind: str) -> str:
        return self._things[kind][0] if kind == "source" else super()._some(kind)


async def measure(folder: Path, bulk: Talkative, events: int, voices: int) -> list[str]:
    """Print the figures; what is beyond its limit."""
    server = EmbeddedServer(folder / "data")
    dsn = await server.start()
    try:
        await migrate(dsn)
        await append_events(dsn, bulk, events + voices)
        await project(dsn)
        await settle(dsn)
        pool = await open_pool(dsn, max_size=2, role=READER)
        try:
            return [*await _impact(Reader(pool), bulk), *await _pages(Reader(pool), bulk)]
        finally:
            await pool.close()
    finally:
        await server.stop()


async def _impact(reader: Reader, bulk: Talkative) -> list[str]:
    query = ImpactQuery(
        source=UUID(bulk.talker),
        subject=Subject(type="source", id=bulk.talker, slug=None, name="The source"),
        by="source",
        supposed="removed",
        said_to=None,
        level=LEVEL,
        limit=200,
    )
    async with reader.at() as (connection, position):
        part = await part_about(connection, [UUID(each) for each in bulk.told], LEVEL, position)
        folded = await _seconds(lambda: asyncio.to_thread(Folded, part, Supposed()))
        asked = await _seconds(lambda: impact(connection, query, position))
        idle, waited = await _waiting(asyncio.sleep(0.5)), await _waiting(impact(connection, query, position))
        found, _ = await impact(connection, query, position)
    ratio = asked / folded
    print(
        f"impact of {found.totals.voices:,} voices: {asked:.2f} s; {len(part.past.records):,} records folded in memory"
    )
    print(f"  once: {folded:.2f} s ({ratio:.2f} of that); the loop waited {waited:.0f} ms at most, idle {idle:.0f} ms")
    return [f"impact costs {ratio:.2f} times a fold"] if ratio > IMPACT_RATIO_MAX else []


async def _seconds(call: Callable[[], Awaitable[object]]) -> float:
    took = []
    for _ in range(IMPACTS):
        began = time.perf_counter()
        await call()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


async def _waiting(work: Awaitable[object]) -> float:
    """The longest that the loop did nothing for anybody else while some work ran, in milliseconds."""
    longest, task = 0.0, asyncio.ensure_future(work)
    while not task.done():
        began = time.perf_counter()
        await asyncio.sleep(TICK_SECONDS)
        longest = max(longest, time.perf_counter() - began - TICK_SECONDS)
    await task
    return longest * 1000


async def _pages(reader: Reader, bulk: Talkative) -> list[str]:
    beyond, first = [], Query(timeline=EVERYTHING[0], level=LEVEL)
    for name, day in (("nothing was said later", date.max), ("something was on each entry", bulk.today)):
        plain, told = [], []
        for _ in range(PAGES):
            async with reader.at() as (connection, position):
                began = time.perf_counter()
                await page(connection, first, EVERYTHING[1], None, position, ON)
                plain.append(time.perf_counter() - began)
                began = time.perf_counter()
                query = Query(timeline=EVERYTHING[0], level=LEVEL, said_to=day)
                await page_said(connection, query, EVERYTHING[1], None, position, ON, day)
                told.append(time.perf_counter() - began)
        now, then = (statistics.median(each[10:]) * 1000 for each in (plain, told))
        print(f"a page of 50 by what had been said, where {name}: {then:.1f} ms, plain {now:.1f} ms: {then / now:.1f}")
        if day == date.max and then / now > PAGE_RATIO_MAX:
            beyond.append(f"a page where nothing was said later costs {then / now:.2f} times a plain one")
    return beyond


def main() -> None:
    """Run it; 1 where a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000, help="events of others")
    parser.add_argument("--voices", type=int, default=10_000, help="voices of the source")
    given = parser.parse_args()
    print(machine())
    with folder_on_disk() as folder:
        bulk = Talkative(events=given.events)
        beyond = asyncio.run(measure(folder, bulk, given.events, given.voices))
    if beyond:
        raise SystemExit("; ".join(beyond))


if __name__ == "__main__":
    main()
