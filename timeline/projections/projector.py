"""Fold the log into the read models: exactly once, fenced, stopped loudly by what it can't fold.

One transaction holds the rows and the move of `progress` by compare-and-set, so a crash between any two statements
leaves neither, and a second projector on the same tables finds its own move refused. No leases, no clock.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import structlog

from timeline.db.listen import Listener
from timeline.db.pool import is_lost
from timeline.errors import PoisonRecord, WrongDatabase
from timeline.log.read import SQL as LOG
from timeline.log.read import gapless, stored
from timeline.projections import fold as folds
from timeline.projections.store import SQL, Batch, load_world, purge, save_world
from timeline.projections.tables import TABLES
from timeline.projections.world import World

log = structlog.get_logger()

NAME = "timelines"
BATCH_RECORDS_MAX = 200
"""In an API process: with batches of 2,000 a page's p99 was 45 ms while catching up, with 200 it was 24."""
REBUILD_RECORDS_MAX = 2_000
POLL_SECONDS = 0.25
WATCH_SECONDS = 0.02
SWITCH_LOOK_SECONDS = 1.0
"""How long a busy projector may go on folding into tables that a rebuild has replaced."""
RETRY_SECONDS_MAX = 5.0


class Fenced(Exception):
    """Another projector moved these tables; what this one folded was not committed."""


class Health(msgspec.Struct, kw_only=True):
    """How a projector is: what `/health/ready` and `/metrics` show."""

    position: int = 0
    moved_at: float = 0.0
    stopped: str | None = None
    """Why the projection stopped, if it did. Writes go on."""
    waiting_for_database: bool = False


async def connect(dsn: str, tables: str, role: str | None) -> asyncpg.Connection:
    """A connection that works on the tables of one version."""
    settings = {"application_name": "timeline projector", "search_path": f"{tables}, timeline", "timezone": "UTC"}
    return await asyncpg.connect(dsn, server_settings=settings | ({"role": role} if role else {}), timeout=10)


async def step(connection: asyncpg.Connection, tables: str, after: int, limit: int) -> int:
    """Fold the next records into `tables`, in one transaction. Returns the position reached.

    Raises:
        PoisonRecord: the record after `after` can't be folded. What came before it in the batch is committed.
        Fenced: another projector moved these tables.
    """
    rows = await connection.fetch(LOG.tail, after, after + limit)
    batch: Batch = []
    poison: Exception | None = None
    try:
        for record in gapless(after, [stored(row) for row in rows]):
            batch.append((record, folds.read_record(record)))
    except (PoisonRecord, msgspec.DecodeError, msgspec.ValidationError) as error:
        poison = error
    while batch:
        try:
            return await _commit(connection, tables, after, batch)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, Fenced):
            raise
        except Exception as error:  # whatever a fold raises is about a record: find which, and stop before it
            poison = error
            batch = batch[: len(batch) // 2]
    if poison is not None:
        raise PoisonRecord(f"Position {after + 1} can't be folded: {type(poison).__name__}: {poison}") from poison
    return after


async def _commit(connection: asyncpg.Connection, tables: str, after: int, batch: Batch) -> int:
    reached = batch[-1][0].position
    async with connection.transaction():
        world = await load_world(connection, batch)
        for record, read in batch:
            folds.fold(world, record, read)
        await save_world(connection, world)
        if world.purged:
            await purge(connection, world, _fold_row, reached)
        if await connection.execute(SQL.move_progress, NAME, tables, after, reached) != "UPDATE 1":
            raise Fenced(f"{tables} is no longer at {after}")
    return reached


def _fold_row(world: World, row: asyncpg.Record) -> None:
    record = stored(row)
    folds.fold(world, record, folds.read_record(record))


async def begin(dsn: str, role: str | None) -> str:
    """The live tables of this version, made if there are none. Returns their schema.

    Raises:
        WrongDatabase: the live tables are of another version; `timeline rebuild` makes this one's beside them.
    """
    connection = await connect(dsn, "timeline", role)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('timeline.progress', 0))")
            live = await connection.fetchrow(SQL.live_tables, NAME)
            if live is None:
                return await make_tables(connection)
    finally:
        await connection.close()
    if live["version"] != folds.VERSION:
        raise WrongDatabase(
            f"The read models are of version {live['version']}, this is {folds.VERSION}. Run `timeline rebuild`."
        )
    return str(live["tables"])


async def make_tables(connection: asyncpg.Connection) -> str:
    """A schema with this version's tables, empty, noted in `progress`. Inside the caller's transaction."""
    tables = f"{NAME}_{folds.VERSION}_{uuid4().hex[:8]}"
    await connection.execute(SQL.begin_tables, NAME, folds.VERSION, tables)
    await connection.execute(f'CREATE SCHEMA "{tables}"')  # our own name: letters, digits and underscores
    await connection.execute("SELECT set_config('search_path', $1, true)", f"{tables}, timeline")
    await connection.execute(TABLES.create_tables)
    await connection.execute(TABLES.let_writer_read)
    return tables


class Projector:
    """The projector of a process: tails the log until it is stopped."""

    def __init__(self, dsn: str, listener: Listener, role: str | None = None) -> None:
        self.health = Health()
        self._dsn = dsn
        self._role = role
        self._listener = listener
        self._tables = ""
        self._task: asyncio.Task[None] | None = None
        self._moved = asyncio.Condition()

    @property
    def tables(self) -> str:
        """The schema that it folds into."""
        return self._tables

    async def start(self) -> None:
        """Find or make the live tables, and begin to fold."""
        self._tables = await begin(self._dsn, self._role)
        self._task = asyncio.create_task(self._run(), name="projector")

    async def stop(self) -> None:
        """Stop between two batches, or by giving one up: nothing of it stays."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def reached(self, position: int, timeout_seconds: float) -> bool:
        """Wait, for so long at most, until `position` is folded. A stopped projection is not waited for."""
        if self.health.position >= position:
            return True
        if self.health.stopped or self.health.waiting_for_database:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds), self._moved:
                await self._moved.wait_for(lambda: self.health.position >= position or self.health.stopped is not None)
        return self.health.position >= position

    async def _run(self) -> None:
        wait = 0.1
        while self.health.stopped is None:
            try:
                await self._follow()
            except PoisonRecord as error:
                await self._stop_at(error)
            except Fenced as error:
                log.warning("projector fenced; reading progress again", detail=str(error))
                await asyncio.sleep(POLL_SECONDS)
            except (
                Exception
            ) as error:  # a lost database comes back; whatever else it is must not end the loop in silence
                self.health.waiting_for_database = is_lost(error)
                log.warning("projector interrupted", error=type(error).__name__, detail=str(error), lost=is_lost(error))
                await asyncio.sleep(wait)
                wait = min(wait * 2, RETRY_SECONDS_MAX)

    async def _follow(self) -> None:
        """Fold what comes, on one connection, until that breaks or the tables are no longer the live ones."""
        connection = await connect(self._dsn, self._tables, self._role)
        try:
            position = await self._position(connection)
            self.health.waiting_for_database = False
            await self._move(position)
            looked = time.monotonic()
            while True:
                if not await connection.fetchval(SQL.try_alone, self._tables):
                    position = await self._watch(connection)
                    continue
                seen = self._listener.generation  # before reading: a record that comes now rings again
                reached = await step(connection, self._tables, position, BATCH_RECORDS_MAX)
                await self._move(reached)
                if reached == position:
                    await self._listener.wait_past(seen, POLL_SECONDS)
                if reached == position or time.monotonic() - looked > SWITCH_LOOK_SECONDS:
                    await self._follow_switch(connection)
                    looked = time.monotonic()
                position = reached
        finally:
            with suppress(Exception):
                await connection.close(timeout=2)

    async def _watch(self, connection: asyncpg.Connection) -> int:
        """Follow how far another process folds these tables. A politeness: compare-and-set keeps us apart."""
        await self._listener.wait_past(self._listener.generation, WATCH_SECONDS)
        position = await self._position(connection)
        await self._move(position)
        await self._follow_switch(connection)
        return position

    async def _position(self, connection: asyncpg.Connection) -> int:
        found = await connection.fetchval(SQL.position, NAME, self._tables)
        if found is None:
            self._tables = await begin(self._dsn, self._role)
            raise Fenced("these tables were switched away")
        return int(found)

    async def _follow_switch(self, connection: asyncpg.Connection) -> None:
        """After a rebuild the live tables are others: go on with those."""
        live = await connection.fetchrow(SQL.live_tables, NAME)
        if live is not None and live["tables"] != self._tables:
            self._tables = live["tables"]
            log.info("projector follows a switch", tables=self._tables)
            raise Fenced("switched to rebuilt tables")

    async def _move(self, position: int) -> None:
        if position > self.health.position:
            self.health.position, self.health.moved_at = position, time.time()
            async with self._moved:
                self._moved.notify_all()

    async def _stop_at(self, error: PoisonRecord) -> None:
        self.health.stopped = str(error)
        log.error("projection stopped", projection=NAME, position=self.health.position + 1, detail=str(error))
        async with self._moved:
            self._moved.notify_all()


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What a rebuild made."""

    tables: str
    position: int

    def words(self) -> str:
        """The same in a sentence."""
        return f"Rebuilt to position {self.position} in {self.tables}; readers are on it."


async def rebuild(dsn: str, role: str | None, on_progress: Callable[[int, int], Any] = lambda at, of: None) -> Rebuilt:
    """Fold the whole log into new tables beside the live ones, and switch to them.

    If we crash here, the unfinished tables are left and no reader sees them; the next rebuild drops them.
    """
    connection = await connect(dsn, "timeline", role)
    try:
        await drop_left(connection)
        async with connection.transaction():
            tables = await make_tables(connection)
        await connection.execute("SELECT set_config('search_path', $1, false)", f"{tables}, timeline")
        position = 0
        while True:
            head = int(await connection.fetchval(LOG.head) or 0)
            reached = await step(connection, tables, position, REBUILD_RECORDS_MAX)
            on_progress(reached, head)
            if reached == position and await _switch(connection, tables):
                return Rebuilt(tables=tables, position=reached)
            position = reached
    finally:
        await connection.close()


async def _switch(connection: asyncpg.Connection, tables: str) -> bool:
    """Make rebuilt tables the live ones, unless those are further by now. Readers never go back."""
    try:
        async with connection.transaction():
            before = await connection.fetchval(SQL.leave, NAME) or 0  # locks that row: it can't move on meanwhile
            if await connection.execute(SQL.take_over, NAME, tables, before) != "UPDATE 1":
                raise Fenced(f"the live tables are at {before}")
    except Fenced:
        return False
    return True


async def drop_left(connection: asyncpg.Connection) -> list[str]:
    """Drop the tables of unfinished and of replaced rebuilds."""
    rows = await connection.fetch(SQL.every_tables, NAME)
    left = [row["tables"] for row in rows if not row["live"]]
    for tables in left:
        async with connection.transaction():
            await connection.execute(f'DROP SCHEMA IF EXISTS "{tables}" CASCADE')  # a name of ours, read back
            await connection.execute(SQL.forget_tables, NAME, tables)
    return left
