"""Projectors to start, stop, starve and kill, and tables to compare."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from timeline.db.listen import Listener
from timeline.projections.projector import NAME, Projector, begin, connect, make_tables, step
from timeline.projections.store import SQL
from timeline.projections.tables import TABLES

ROLE = "timeline_projector"


@asynccontextmanager
async def projector_on(dsn: str, *, hears: bool = True) -> AsyncIterator[Projector]:
    """A running projector; one that does not hear only polls."""
    listener = Listener()
    if hears:
        await listener.start(dsn, "timeline_log")
    projector = Projector(dsn, listener, ROLE)
    await projector.start()
    try:
        yield projector
    finally:
        await projector.stop()
        await listener.stop()


async def stopped(projector: Projector) -> str:
    """Why a projection stopped, once it has."""
    async with asyncio.timeout(10):
        while projector.health.stopped is None:  # noqa: ASYNC110 – the condition belongs to the projector
            await asyncio.sleep(0.005)
    return projector.health.stopped


@asynccontextmanager
async def live_tables(dsn: str) -> AsyncIterator[tuple[asyncpg.Connection, str]]:
    """A connection on the live tables, made if there are none, and their name."""
    tables = await begin(dsn, ROLE)
    connection = await connect(dsn, tables, ROLE)
    try:
        yield connection, tables
    finally:
        connection.terminate()


@asynccontextmanager
async def fresh_tables(dsn: str) -> AsyncIterator[tuple[asyncpg.Connection, str]]:
    """A connection on new tables beside the live ones, and their name."""
    connection = await connect(dsn, "timeline", ROLE)
    async with connection.transaction():
        tables = await make_tables(connection)
    await connection.execute("SELECT set_config('search_path', $1, false)", f"{tables}, timeline")
    try:
        yield connection, tables
    finally:
        connection.terminate()


async def fold_all(connection: asyncpg.Connection, tables: str, limit: int = 200) -> int:
    """Fold everything that is in the log, so many records at a time."""
    at = await position(connection, tables)
    while (reached := await step(connection, tables, at, limit)) != at:
        at = reached
    return at


async def position(connection: asyncpg.Connection, tables: str) -> int:
    """How far tables are."""
    return int(await connection.fetchval(SQL.position, NAME, tables))


async def digest(connection: asyncpg.Connection) -> str:
    """The digest of the tables that a connection works on."""
    return str(await connection.fetchval(TABLES.digest))


class Breaking:
    """A connection whose server process is killed before its nth statement."""

    def __init__(self, connection: asyncpg.Connection, before: int) -> None:
        self._connection, self._left = connection, before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def _spend(self) -> None:
        self._left -= 1
        if self._left == 0:
            await self._connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    async def fetch(self, *arguments: Any) -> Any:
        await self._spend()
        return await self._connection.fetch(*arguments)

    async def execute(self, *arguments: Any) -> Any:
        await self._spend()
        return await self._connection.execute(*arguments)

    async def copy_records_to_table(self, *arguments: Any, **options: Any) -> Any:
        await self._spend()
        return await self._connection.copy_records_to_table(*arguments, **options)
