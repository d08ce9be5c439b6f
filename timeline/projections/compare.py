"""Whether the live read models are what folding the log from its beginning gives."""

from collections.abc import Callable

import asyncpg
import msgspec

from timeline.errors import Broken, ForkedLog
from timeline.projections.projector import NAME, REBUILD_RECORDS_MAX, connect, make_tables, step
from timeline.projections.store import SQL
from timeline.projections.tables import TABLES


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
    tables = None
    try:
        live = await _live_digest(connection)
        if live is None:
            return None
        position, digest = live
        async with connection.transaction():
            tables = await make_tables(connection)
        await connection.execute("SELECT set_config('search_path', $1, false)", f"{tables}, timeline")
        broken = None
        try:
            await _fold_to(connection, tables, position, on_progress)
        except Broken as error:
            broken = error.detail
        rebuilt = str(await connection.fetchval(TABLES.digest))
        return Compared(position=position, live=digest, rebuilt=rebuilt, broken=broken)
    finally:
        if tables is not None and not connection.is_closed():
            await connection.execute(f'DROP SCHEMA IF EXISTS "{tables}" CASCADE')  # a name of ours
            await connection.execute(SQL.forget_tables, NAME, tables)
        await connection.close()


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


async def _live_digest(connection: asyncpg.Connection) -> tuple[int, str] | None:
    """Where the live tables are and their digest, of one moment."""
    async with connection.transaction(isolation="repeatable_read"):
        row = await connection.fetchrow(SQL.live_tables, NAME)
        if row is None:
            return None
        await connection.execute("SELECT set_config('search_path', $1, true)", f"{row['tables']}, timeline")
        return row["position"], str(await connection.fetchval(TABLES.digest))
