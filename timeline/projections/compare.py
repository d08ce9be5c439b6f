"""Whether the live read models are what folding the log from its beginning gives."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
import msgspec

from timeline.errors import Broken, ForkedLog
from timeline.log.read import SQL as LOG
from timeline.projections.projector import NAME, REBUILD_RECORDS_MAX, connect, make_tables, step
from timeline.projections.store import SQL
from timeline.projections.tables import TABLES

ERASURE_LOOK_SECONDS = 0.05
ERASURE_SECONDS_MAX = 5.0
"""How long to wait for a projector to fold an erasure: until then the live tables hold what a rebuild can't know."""


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Digests of the live tables and of rebuilt ones at one position."""

    position: int
    live: str
    rebuilt: str
    broken: str | None = None
    """Why the log could not be folded as far as the live tables are."""

    @property
    def differing(self) -> list[str]:
        """The tables that differ, with rows and sums of both."""
        pairs = zip(self.live.split(), self.rebuilt.split(), strict=True)
        found = [f"{live} live, {rebuilt} rebuilt" for live, rebuilt in pairs if live != rebuilt]
        return [self.broken, *found] if self.broken else found


async def compare(
    dsn: str, role: str | None, on_progress: Callable[[int, int], object] = lambda at, of: None
) -> Compared | None:
    """Fold the log to where the live tables are, into tables of its own, and compare. None when nothing is live."""
    connection = await connect(dsn, "timeline", role)
    try:
        give_up = time.monotonic() + ERASURE_SECONDS_MAX
        while True:
            async with _undone(connection):
                ahead = await _erasure_ahead(connection)
                if not ahead or time.monotonic() > give_up:
                    return await _compare(connection, on_progress, ahead)
            await asyncio.sleep(ERASURE_LOOK_SECONDS)
    finally:
        await connection.close()


@asynccontextmanager
async def _undone(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """One snapshot, of which nothing stays: what is recorded or erased meanwhile makes no difference, nor do we."""
    transaction = connection.transaction(isolation="repeatable_read")
    await transaction.start()
    try:
        yield
    finally:
        if not connection.is_closed():
            await transaction.rollback()


async def _erasure_ahead(connection: asyncpg.Connection) -> str | None:
    """What was erased and the live tables still hold."""
    row = await connection.fetchrow(SQL.live_tables, NAME)
    ahead = [
        each["position"] for each in await connection.fetch(LOG.erasures) if row and each["position"] > row["position"]
    ]
    return f"the erasure at position {min(ahead)} is not folded yet" if ahead else None


async def _compare(
    connection: asyncpg.Connection, on_progress: Callable[[int, int], object], broken: str | None
) -> Compared | None:
    row = await connection.fetchrow(SQL.live_tables, NAME)
    if row is None:
        return None
    await connection.execute("SELECT set_config('search_path', $1, true)", f"{row['tables']}, timeline")
    live = str(await connection.fetchval(TABLES.digest))
    tables = await make_tables(connection)
    try:
        await _fold_to(connection, tables, row["position"], on_progress)
    except Broken as error:
        broken = error.detail
    rebuilt = str(await connection.fetchval(TABLES.digest))
    return Compared(position=row["position"], live=live, rebuilt=rebuilt, broken=broken)


async def _fold_to(
    connection: asyncpg.Connection, tables: str, position: int, on_progress: Callable[[int, int], object]
) -> None:
    at = 0
    while at < position:
        reached = await step(connection, tables, at, min(REBUILD_RECORDS_MAX, position - at))
        if reached == at:
            raise ForkedLog(f"progress is at {position}, and the log ends at {at}")
        at = reached
        on_progress(at, position)
