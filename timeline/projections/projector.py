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
from timeline.errors import Broken, ForkedLog, PoisonRecord, WrongDatabase
from timeline.log.read import SQL as LOG
from timeline.log.read import gapless, stored
from timeline.model.registry import Registration
from timeline.projections import fold as folds
from timeline.projections.store import SQL, Batch, load_world, portions, purge, save_world
from timeline.projections.tables import TABLES

log = structlog.get_logger()

NAME = "timelines"
BATCH_RECORDS_MAX = 500
"""In an API process. Larger batches look things up and move heads less often, and keep a post that waits waiting."""
RECORDS_AT_ONCE = 20
"""Folded before others in the process have their turn: a page that comes while a batch is folded waits for no more."""
REBUILD_RECORDS_MAX = 2_000
POLL_SECONDS = 0.25
WATCH_SECONDS = 0.02
SWITCH_LOOK_SECONDS = 1.0
"""How long a busy projector may go on folding into tables that a rebuild has replaced."""
FOLDING_SECONDS_MAX = 60
"""How long a fold may say nothing between two statements: a large past takes its time to be folded again."""
SILENT_SECONDS_MAX = 10
"""How long a projector that tails may say nothing: it asks every POLL_SECONDS."""
RETRY_SECONDS_MIN = 0.1
RETRY_SECONDS_MAX = 5.0


class Fenced(Exception):
    """Another projector moved these tables; what this one folded was not committed."""


class Switched(Fenced):
    """A rebuild made other tables the live ones."""


class Health(msgspec.Struct, kw_only=True):
    """How a projector is: what `/health/ready` and `/metrics` show."""

    position: int = 0
    moved_at: float = 0.0
    stopped: str | None = None
    """Why the projection stopped, if it did. Writes go on."""
    waiting_for_database: bool = False
    folding: bool = False
    """Whether it folds itself; else it watches another that does."""


async def connect(dsn: str, tables: str, role: str | None, *, tails: bool = False) -> asyncpg.Connection:
    """A connection that works on the tables of one version; one that tails the log asks something all the time.

    A process that is suspended says nothing, and would keep the lock on its tables and so everybody's reads where they
    were. The server ends its connection then.
    """
    settings = {
        "application_name": "timeline projector",
        "search_path": f"{tables}, timeline",
        "timezone": "UTC",
        # What a crash takes back of the read models is folded again; the log, which is flushed first, is never behind.
        "synchronous_commit": "off",
        # Whatever is folded is looked up by its id. Plans are made while the tables are new and kept while they grow:
        # left to choose, the planner read all of a small table, and went on to do so with a large one.
        "enable_seqscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
        "jit": "off",
        "idle_in_transaction_session_timeout": f"{FOLDING_SECONDS_MAX}s",
        "idle_session_timeout": f"{SILENT_SECONDS_MAX}s" if tails else "0",
    }
    return await asyncpg.connect(dsn, server_settings=settings | ({"role": role} if role else {}), timeout=10)


async def step(connection: asyncpg.Connection, tables: str, after: int, limit: int, *, live_only: bool = False) -> int:
    """Fold the next records into `tables`, in one transaction. Returns the position reached.

    Raises:
        PoisonRecord: the record after `after` can't be folded. What came before it in the batch is committed.
        ForkedLog: the record after `after` is not in the log, though later ones are.
        Fenced: another projector moved these tables; or they are no longer live, and were to be.
    """
    rows = await connection.fetch(LOG.tail, after, after + limit)
    batch, poison = _read(after, rows)
    batch = await _narrow(connection, batch)
    while batch:
        try:
            if len(batch) == 1 and (several := await portions(connection, *batch[0])):
                return await _commit_wide(connection, tables, batch, several, live_only=live_only)
            return await _commit(connection, tables, after, batch, live_only=live_only)
        except Exception as error:
            if not _is_about_a_record(error):
                raise
            if await connection.fetchval(SQL.position, NAME, tables) != after:
                raise Fenced(f"{tables} is no longer at {after}") from error
            poison = error
            batch = batch[: len(batch) // 2]  # find which, and stop before it
    if isinstance(poison, Broken):
        raise poison
    if poison is not None:
        raise PoisonRecord(f"Position {after + 1} can't be folded: {type(poison).__name__}: {poison}") from poison
    return after


def _read(after: int, rows: list[asyncpg.Record]) -> tuple[Batch, Exception | None]:
    """The records up to the first that can't be read, and what is wrong with that one."""
    batch: Batch = []
    for at, row in enumerate(rows, after):
        try:
            (record,) = gapless(at, [stored(row)])
            batch.append((record, folds.read_record(record)))
        except Exception as error:  # whatever it is, it is about this record
            return batch, error
    return batch, None


def _is_about_a_record(error: Exception) -> bool:
    """Whether folding again would end the same: a fold raised, or the database can't hold what it made."""
    if isinstance(error, asyncpg.PostgresError):
        kinds = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)
        return isinstance(error, kinds)
    return not (is_lost(error) or isinstance(error, Fenced))


async def _narrow(connection: asyncpg.Connection, batch: Batch) -> Batch:
    """The batch up to the first record that touches too many events for one transaction; that one alone, if first."""
    for at, (record, read) in enumerate(batch):
        if isinstance(read, Registration) and await portions(connection, record, read):
            return batch[: at or 1]
    return batch


async def _commit_wide(
    connection: asyncpg.Connection, tables: str, batch: Batch, several: list[frozenset[str]], *, live_only: bool
) -> int:
    """Fold a record whose events are derived in several transactions. Readers see none of it until progress passes it;
    after a crash between two, what was derived is found so, and the rest is derived."""
    (record, read), after = batch[0], batch[0][0].position - 1
    for at, portion in enumerate(several, 1):
        async with connection.transaction():
            if await connection.fetchval(SQL.hold_progress, NAME, tables, after, live_only) is None:
                raise Fenced(f"{tables} is no longer at {after}, or no longer live")
            world = await load_world(connection, batch, portion)
            folds.fold(world, record, read)
            await save_world(connection, world)
            if world.purged:
                await purge(connection, world, record.position)
            if at == len(several):
                await connection.execute(SQL.move_progress, NAME, tables, after, record.position, live_only)
    return record.position


async def _commit(connection: asyncpg.Connection, tables: str, after: int, batch: Batch, *, live_only: bool) -> int:
    reached = batch[-1][0].position
    async with connection.transaction():
        world = await load_world(connection, batch)
        for at, (record, read) in enumerate(batch, 1):
            folds.fold(world, record, read)
            if at % RECORDS_AT_ONCE == 0:
                await asyncio.sleep(0)
        await save_world(connection, world)
        if world.purged:
            await purge(connection, world, reached)
        if await connection.execute(SQL.move_progress, NAME, tables, after, reached, live_only) != "UPDATE 1":
            raise Fenced(f"{tables} is no longer at {after}, or no longer live")
    return reached


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
    await connection.execute(TABLES.let_reader_read)
    return tables


class Projector:
    """The projector of a process: tails the log until it is stopped."""

    def __init__(
        self, dsn: str, listener: Listener, role: str | None = None, *, records_max: int = BATCH_RECORDS_MAX
    ) -> None:
        self.health = Health()
        self._records_max = records_max
        self._dsn = dsn
        self._role = role
        self._listener = listener
        self._tables = ""
        self._task: asyncio.Task[None] | None = None
        self._moved = asyncio.Condition()
        self._retry_seconds = RETRY_SECONDS_MIN
        self._answered = False

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
            self.health.folding = False

    async def reached(self, position: int, timeout_seconds: float) -> bool:
        """Wait, for so long at most, until `position` is folded. A stopped projection is not waited for."""
        if self.health.position >= position:
            return True
        if self.health.stopped:
            return False  # one that lost the database is waited for: whoever asks has just been answered by it
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds), self._moved:
                await self._moved.wait_for(lambda: self.health.position >= position or self.health.stopped is not None)
        return self.health.position >= position

    async def _run(self) -> None:
        while self.health.stopped is None:
            try:
                await self._follow()
            except Broken as error:
                await self._stop_at(error)
            except Switched as error:
                log.info("projector follows a switch", detail=str(error))
            except Fenced as error:
                log.warning("projector fenced; reading progress again", detail=str(error))
                await asyncio.sleep(POLL_SECONDS)
            except Exception as error:
                # A lost database comes back; whatever else it is must not end the loop in silence.
                if is_lost(error) and self._answered:
                    self._retry_seconds = RETRY_SECONDS_MIN  # it answered since: ask again at once
                self._answered = False
                wait, self._retry_seconds = self._retry_seconds, min(self._retry_seconds * 2, RETRY_SECONDS_MAX)
                self.health.waiting_for_database = is_lost(error)
                log.warning("projector interrupted", error=type(error).__name__, lost=is_lost(error))
                if is_lost(error):
                    await self._listener.wait_past(self._listener.generation, wait)  # it rings when it is back
                else:
                    await asyncio.sleep(wait)

    async def _follow(self) -> None:
        """Fold what comes, on one connection, until that breaks or the tables are no longer the live ones.

        Only live tables are folded: whoever went on with those that a rebuild replaced would call visible what no
        reader sees.
        """
        self._tables = await begin(self._dsn, self._role)
        connection = await connect(self._dsn, self._tables, self._role, tails=True)
        try:
            position = await self._position(connection)
            head = int(await connection.fetchval(LOG.head) or 0)
            if head < position:
                raise ForkedLog(f"The log ends at {head}, and was folded to {position}. Run `timeline check`.")
            self.health.waiting_for_database = False
            await self._move(position)
            self._answered = True
            looked = time.monotonic()
            while True:
                self.health.folding = await connection.fetchval(SQL.try_alone, self._tables)
                if not self.health.folding:
                    position = await self._watch(connection)
                    continue
                seen = self._listener.generation  # before reading: a record that comes now rings again
                reached = await step(connection, self._tables, position, self._records_max, live_only=True)
                await self._move(reached)
                if reached == position:
                    await self._listener.wait_past(seen, POLL_SECONDS)
                if reached == position or time.monotonic() - looked > SWITCH_LOOK_SECONDS:
                    await self._follow_switch(connection)
                    looked = time.monotonic()
                position = reached
        except Exception as error:
            if is_lost(error):
                connection.terminate()  # not close: it would wait for an answer from a server that may be gone
            raise
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
            raise Switched(f"{self._tables} was dropped")
        return int(found)

    async def _follow_switch(self, connection: asyncpg.Connection) -> None:
        """After a rebuild the live tables are others: go on with those, if they are of this version."""
        live = await connection.fetchrow(SQL.live_tables, NAME)
        if live is not None and live["tables"] != self._tables:
            raise Switched(f"{live['tables']} replaced {self._tables}")

    async def _move(self, position: int) -> None:
        if position > self.health.position:
            self.health.position, self.health.moved_at = position, time.time()
            async with self._moved:
                self._moved.notify_all()

    async def _stop_at(self, error: Broken) -> None:
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
        if not await connection.fetchval(SQL.try_rebuild):
            raise Broken("Another rebuild of this database is running. Wait for it, or stop it.")
        await drop_left(connection)
        async with connection.transaction():
            tables = await make_tables(connection)
        await connection.execute("SELECT set_config('search_path', $1, false)", f"{tables}, timeline")
        position = 0
        while True:
            head = int(await connection.fetchval(LOG.head) or 0)
            reached = await step(connection, tables, position, REBUILD_RECORDS_MAX)
            on_progress(reached, head)
            if reached == position:
                await connection.execute(TABLES.analyse)  # or its first minute of readers is planned for empty tables
                live = await _switch(connection, tables)
                if live is None:
                    return Rebuilt(tables=tables, position=reached)
                if live > int(await connection.fetchval(LOG.head) or 0):
                    raise ForkedLog(f"The read models are at {live}, beyond the log's end. Run `timeline check`.")
            position = reached
    finally:
        await connection.close()


async def _switch(connection: asyncpg.Connection, tables: str) -> int | None:
    """Make rebuilt tables the live ones. Readers never go back: if those are further, tell where they are instead."""
    try:
        async with connection.transaction():
            before = await connection.fetchval(SQL.leave, NAME) or 0  # locks that row: it can't move on meanwhile
            if await connection.execute(SQL.take_over, NAME, tables, before) != "UPDATE 1":
                raise Fenced(f"the live tables are at {before}")
    except Fenced:
        return int(before)
    return None


async def drop_left(connection: asyncpg.Connection) -> list[str]:
    """Drop the tables of unfinished and of replaced rebuilds."""
    rows = await connection.fetch(SQL.every_tables, NAME)
    left = [row["tables"] for row in rows if not row["live"]]
    for tables in left:
        async with connection.transaction():
            await connection.execute(f'DROP SCHEMA IF EXISTS "{tables}" CASCADE')  # a name of ours, read back
            await connection.execute(SQL.forget_tables, NAME, tables)
    return left
