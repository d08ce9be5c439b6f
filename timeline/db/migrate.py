"""Bring a database to the schema of this version: plain SQL files, forward only, each applied once.

A file `0001_log.sql` runs in one transaction together with the note that it was applied, so a crash leaves all of it or
nothing. A file whose first line is `-- outside a transaction` holds one statement that PostgreSQL allows nowhere else,
such as CREATE INDEX CONCURRENTLY; it may run again after a crash, so it says IF NOT EXISTS. The advisory lock is the
connection's: no transaction pooler may stand in between.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import asyncpg
import msgspec
import structlog

from timeline.db.statements import load
from timeline.errors import WrongDatabase

log = structlog.get_logger(__name__)
sql = load(Path(__file__).with_suffix(".sql"))

DIRECTORY = Path(__file__).parents[2] / "migrations"
VERSION_MIN = 15
LOCK = int.from_bytes(hashlib.sha256(b"timeline migrations").digest()[:8], "big", signed=True)
LOCK_POLL_SECONDS = 0.05
STILL_WAITING_SECONDS = 10.0
OUTSIDE = "-- outside a transaction"


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One file, or the note that it was applied."""

    version: int
    name: str
    sha256: bytes
    text: str = ""


async def migrate(
    connection_or_dsn: asyncpg.Connection | str,
    directory: Path | None = None,
    on_step: Callable[[str], None] | None = None,
) -> list[str]:
    """Apply what is missing and return the names; `on_step` hears each name before it is applied."""
    files = read(directory or DIRECTORY)
    async with _connected(connection_or_dsn) as connection, _alone(connection):
        if not await connection.fetchval(sql.is_prepared):  # else a login that may make nothing need not try
            await connection.execute(sql.prepare)
        missing = compare(files, await _applied(connection))
        for migration in missing:
            if on_step is not None:
                on_step(migration.name)
            await _apply(connection, migration)
            log.info("migration applied", migration=migration.name)
        await connection.execute(sql.let_projector_build)
    return [migration.name for migration in missing]


async def pending(connection_or_dsn: asyncpg.Connection | str, directory: Path | None = None) -> list[str]:
    """The names that `migrate` would apply now; changes nothing."""
    files = read(directory or DIRECTORY)
    async with _connected(connection_or_dsn) as connection:
        applied = await _applied(connection) if await connection.fetchval(sql.is_prepared) else []
        return [migration.name for migration in compare(files, applied)]


def read(directory: Path) -> list[Migration]:
    """Every migration file of the folder, in order."""
    if not directory.is_dir():
        raise WrongDatabase(f"the folder of migrations is missing: {directory}. Run from a complete checkout.")
    files = [_read_file(path) for path in sorted(directory.glob("*.sql"))]
    for earlier, later in pairwise(files):
        if earlier.version == later.version:
            raise WrongDatabase(f"{earlier.name} and {later.name} have the same number. Renumber the newer one.")
    return files


def _read_file(path: Path) -> Migration:
    found = re.fullmatch(r"(\d{4})_[a-z0-9_]+", path.stem)
    if found is None:
        raise WrongDatabase(f"{path}: a migration is called 0001_what_it_does.sql.")
    text = path.read_text(encoding="utf-8")  # line ends become \n here: a checkout on Windows is not an edit
    digest = hashlib.sha256(text.encode()).digest()
    return Migration(version=int(found[1]), name=path.stem, sha256=digest, text=text)


def compare(files: Sequence[Migration], applied: Sequence[Migration]) -> list[Migration]:
    """What is missing in the database, or `WrongDatabase` if it is not a past of these files."""
    for expected, found in zip(files, applied, strict=False):
        if expected.name != found.name:
            raise WrongDatabase(
                f"the database has {found.name} where this version has {expected.name}. "
                "Migrations are never renamed, removed or put in between: use the version that made this database."
            )
        if expected.sha256 != found.sha256:
            raise WrongDatabase(
                f"{expected.name}.sql was edited after it was applied here. Undo the edit and write a new migration."
            )
    if len(applied) > len(files):
        raise WrongDatabase(
            f"the database is newer than this version: it has {applied[-1].name}. Install that version."
        )
    return list(files[len(applied) :])


async def _applied(connection: asyncpg.Connection) -> list[Migration]:
    return [Migration(**row) for row in await connection.fetch(sql.applied)]


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    note = (migration.version, migration.name, migration.sha256)
    await connection.execute(sql.use_our_schema)
    try:
        if migration.text.startswith(OUTSIDE):
            await connection.execute(migration.text)
            await connection.execute(sql.note, *note)
        else:
            async with connection.transaction():
                await connection.execute(migration.text)
                await connection.execute(sql.note, *note)
    except Exception as error:
        error.add_note(f"while applying migration {migration.name}")
        raise
    finally:
        if not connection.is_closed():
            await connection.execute(sql.use_default_schema)


@asynccontextmanager
async def _connected(connection_or_dsn: asyncpg.Connection | str) -> AsyncIterator[asyncpg.Connection]:
    """The connection given, or one of our own; either way to a PostgreSQL that we can use."""
    ours = isinstance(connection_or_dsn, str)
    connection = await asyncpg.connect(connection_or_dsn) if isinstance(connection_or_dsn, str) else connection_or_dsn
    try:
        found = connection.get_server_version()
        if found.major < VERSION_MIN:
            raise WrongDatabase(f"PostgreSQL {VERSION_MIN} or newer is needed, found {found.major}.{found.minor}.")
        yield connection
    finally:
        if ours:
            await connection.close()


@asynccontextmanager
async def _alone(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Hold the lock. Asked for again and again: one long wait holds a snapshot and stalls CREATE INDEX CONCURRENTLY."""
    told = time.monotonic()
    while not await connection.fetchval(sql.try_lock, LOCK):
        if time.monotonic() - told > STILL_WAITING_SECONDS:
            log.info("waiting for another process that migrates this database")
            told = time.monotonic()
        await asyncio.sleep(LOCK_POLL_SECONDS)
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute(sql.unlock, LOCK)
