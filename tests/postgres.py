"""The PostgreSQL that the tests run on: one server for all workers of a run, one database for each worker.

Run as a program (`python -m tests.postgres <home> <pid>`) this is the *keeper*: it starts the server, looks after it
for as long as the test run with that pid lives, then stops it and removes the folder. So nothing is left behind however
the run ends, be it Ctrl-C, a crashed worker or kill -9.
"""

import asyncio
import fcntl
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from timeline.db.embedded import EmbeddedServer

ROOT = Path(__file__).parents[1]
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 45.0
EXTERNAL = "TIMELINE_TEST_DATABASE_URL"

MEMORY = Path("/dev/shm")
MEMORY_BYTES_MIN = 4_000_000_000

SETTINGS = {"fsync": "off", "full_page_writes": "off", "cluster_name": "tests", "max_connections": "150"}
"""The tests ask what happens when a server is killed, not when the power fails; and several services share it."""

NOT_EMPTIED = ["migration"]
SEED = "test_seed"
"""The schema that keeps the rows which the migrations themselves wrote."""

OTHER_SCHEMAS = """
SELECT nspname AS name FROM pg_namespace
WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema' AND nspname <> ALL ($1::text[])
"""
TABLES = """
SELECT relname AS name FROM pg_class
WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'p') AND relname <> ALL ($2::text[])
AND NOT relispartition  -- a partition is emptied with the table it belongs to
"""
USED_SEQUENCES = """
SELECT sequencename AS name FROM pg_sequences WHERE schemaname = 'timeline' AND last_value IS NOT NULL
"""


class Server:
    """A running PostgreSQL on which tests may make databases."""

    def __init__(self, dsn: str) -> None:
        self._admin_dsn = dsn

    def dsn(self, database: str) -> str:
        return urlunsplit(urlsplit(self._admin_dsn)._replace(path=f"/{database}"))

    async def create(self, database: str, template: str = "template1") -> str:
        """Make a database, replacing one of that name, and return its DSN."""
        await self._administer(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        await self._administer(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.dsn(database)

    async def drop(self, database: str) -> None:
        await self._administer(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    async def _administer(self, statement: str) -> None:
        connection = await asyncpg.connect(self._admin_dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


async def keep_seed(connection: asyncpg.Connection) -> None:
    """Remember the rows that the migrations wrote, so that `reset` can bring them back."""
    await connection.execute(f"DROP SCHEMA IF EXISTS {SEED} CASCADE; CREATE SCHEMA {SEED}")
    for table in await _tables(connection):
        if await connection.fetchval(f'SELECT EXISTS (SELECT FROM timeline."{table}")'):
            await connection.execute(f'CREATE TABLE {SEED}."{table}" AS TABLE timeline."{table}"')


async def reset(connection: asyncpg.Connection) -> None:
    """Bring the database back to how the migrations left it; needs a superuser's connection.

    The log refuses TRUNCATE by a trigger, hence `replica`, under which triggers do not fire. Only tables that hold
    something are emptied: TRUNCATE gives each table a new file, which costs more than to look.
    """
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica; SET LOCAL lock_timeout = '10s'")
        for schema in await connection.fetch(OTHER_SCHEMAS, ["timeline", "timeline_guard", "public", SEED]):
            await connection.execute(f'DROP SCHEMA "{schema["name"]}" CASCADE')
        filled = [
            table
            for table in await _tables(connection)
            if await connection.fetchval(f'SELECT EXISTS (SELECT FROM timeline."{table}")')
        ]
        if filled:
            names = ", ".join(f'timeline."{table}"' for table in filled)
            await connection.execute(f"TRUNCATE {names} CASCADE")
        for sequence in await connection.fetch(USED_SEQUENCES):
            await connection.execute(f'ALTER SEQUENCE timeline."{sequence["name"]}" RESTART')
        await _sow(connection)


async def _tables(connection: asyncpg.Connection, schema: str = "timeline") -> list[str]:
    return [row["name"] for row in await connection.fetch(TABLES, schema, NOT_EMPTIED)]


async def _sow(connection: asyncpg.Connection) -> None:
    for table in await _tables(connection, SEED):
        await connection.execute(
            f'TRUNCATE timeline."{table}" CASCADE;'
            f'INSERT INTO timeline."{table}" OVERRIDING SYSTEM VALUE SELECT * FROM {SEED}."{table}"'
        )


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens in another process or task."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 – nothing here could set an event
            await asyncio.sleep(0.005)


def new_home() -> Path:
    """A folder for this run's server, in memory if there is room: there initdb takes 0.4 s, on a busy disk 3 s.

    Not in pytest's folder: root's is closed to the user that the server runs as.
    """
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES_MIN
    base = MEMORY if roomy else Path(tempfile.gettempdir())
    return base / f"timeline-tests-{os.getpid()}-{os.urandom(4).hex()}"


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Keep the other workers of this run waiting."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def admin_dsn(home: Path, run_pid: int) -> str:
    """The DSN of this run's server; whoever asks first has it started. Call it under the lock."""
    answer = home / "answer"
    if not answer.exists():
        home.mkdir(mode=0o711, exist_ok=True)
        home.chmod(0o711)
        pid = os.posix_spawn(  # no Popen: its object would complain that the keeper outlives this worker
            sys.executable,
            [sys.executable, "-m", "tests.postgres", str(home), str(run_pid)],
            {**os.environ, "PYTHONPATH": str(ROOT)},
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
            setsid=True,
        )
        (home / "keeper").write_text(str(pid))
        _wait_for(answer, START_SECONDS_MAX)
    dsn = answer.read_text()
    if not dsn.startswith("postgresql:"):
        raise RuntimeError(f"the server for the tests did not start: {dsn}")
    return dsn


def stop_keeper(home: Path) -> None:
    """End this run's server, if one was started, and wait until nothing is left."""
    if not (home / "keeper").exists():
        shutil.rmtree(home, ignore_errors=True)
        return
    pid = int((home / "keeper").read_text())
    os.kill(pid, signal.SIGTERM)
    give_up = time.monotonic() + STOP_SECONDS_MAX
    while home.exists() and time.monotonic() < give_up:
        time.sleep(0.01)


def _wait_for(path: Path, seconds_max: float) -> None:
    give_up = time.monotonic() + seconds_max
    while not path.exists():
        if time.monotonic() > give_up:
            raise TimeoutError(f"nothing was written to {path} within {seconds_max} s")
        time.sleep(0.01)


def _answer(home: Path, text: str) -> None:
    """Write in one step: a worker must not read half of it."""
    part = home / "answer.part"
    part.write_text(text)
    part.rename(home / "answer")


async def keep(home: Path, run_pid: int) -> None:
    """Start the server, wait for the end of the run, clean up."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sig in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sig, over.set)
    server = EmbeddedServer(home, settings=SETTINGS)
    try:
        try:
            _answer(home, await server.start())
        except Exception as error:
            _answer(home, repr(error))
            raise
        while not over.is_set() and _is_alive(run_pid):
            try:
                await asyncio.wait_for(over.wait(), 0.5)
            except TimeoutError:
                continue
    finally:
        await server.stop()
        shutil.rmtree(home, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    asyncio.run(keep(Path(sys.argv[1]), int(sys.argv[2])))
