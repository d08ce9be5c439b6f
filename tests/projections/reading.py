"""Read pages as the API does, at any level, from any position."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

from timeline.db.pool import open_pool
from timeline.model.entry import Entry, Page
from timeline.projections.pages import EVERYTHING, Query, Reader, etag, page, read_cursor
from timeline.projections.world import ALL

ON = date(2019, 6, 17)
OWNER = 3


@asynccontextmanager
async def reader_on(dsn: str) -> AsyncIterator["Pages"]:
    """Somebody who reads the live tables."""
    pool = await open_pool(dsn, max_size=3, role="timeline_reader")
    try:
        yield Pages(Reader(pool))
    finally:
        pool.terminate()


class Pages:
    """The timeline of all, page by page."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    async def page(self, cursor: str | None = None, position: int | None = None, **asked: Any) -> Page:
        """One page."""
        query = Query(**{"timeline": ALL, "level": OWNER, **asked})
        async with self.reader.at(position) as (connection, now):
            after = read_cursor(cursor, query) if cursor else None
            at = after.position if after else now
            return await page(connection, query, EVERYTHING[1], after, at, ON)

    async def walk(self, **asked: Any) -> list[Page]:
        """Every page, from the first to the one without a cursor."""
        pages = [await self.page(**asked)]
        while pages[-1].next:
            pages.append(await self.page(pages[-1].next, **asked))
        return pages

    async def entries(self, **asked: Any) -> list[Entry]:
        """Every entry of a walk."""
        return [entry for each in await self.walk(**asked) for entry in each.entries]

    async def etag(self, level: int = OWNER, timeline: Any = ALL) -> str:
        """The ETag of a timeline."""
        async with self.reader.at() as (connection, position):
            return await etag(connection, (), [timeline], level, position)
