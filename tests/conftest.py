"""Fixtures of every test: a real PostgreSQL, started when the first test asks for it.

`db` is the DSN of this worker's migrated, empty database; asking for it is what makes a test slow, nothing else.
With TIMELINE_TEST_DATABASE_URL set, that server is used (as a superuser); else an embedded one, gone after the run.
"""

import itertools
import os
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest
import pytest_asyncio

from tests.postgres import EXTERNAL, Server, admin_dsn, keep_seed, new_home, one_at_a_time, reset, stop_keeper
from timeline.app import Application
from timeline.db.migrate import migrate
from timeline.settings import Settings

HOME = "TIMELINE_TEST_HOME"
RUN_PID = "TIMELINE_TEST_RUN_PID"
_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--long`: the oracles run for minutes, as often as README "How we know" says, instead of seconds."""
    parser.addoption("--long", action="store_true", help="run the long profile of each oracle")


@pytest.fixture(scope="session")
def long(pytestconfig: pytest.Config) -> bool:
    """Whether this run takes the long profile."""
    return bool(pytestconfig.getoption("--long"))


def pytest_configure(config: pytest.Config) -> None:
    """In the process that runs the tests, or that starts the workers: say where this run's server shall be."""
    if not hasattr(config, "workerinput"):
        os.environ[HOME] = str(new_home())
        os.environ[RUN_PID] = str(os.getpid())


def pytest_unconfigure(config: pytest.Config) -> None:
    """Here all workers have ended, also after Ctrl-C."""
    if not hasattr(config, "workerinput"):
        stop_keeper(Path(os.environ[HOME]))


@pytest.fixture(scope="session")
def worker() -> str:
    """`gw0`, `gw1`, … or `main` without xdist."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(scope="session")
def shared_lock(tmp_path_factory: pytest.TempPathFactory, worker: str) -> Path:
    """A file that all workers of this run see."""
    folder = tmp_path_factory.getbasetemp()
    return (folder if worker == "main" else folder.parent) / "postgres.lock"


@pytest.fixture(scope="session")
def embedded(shared_lock: Path) -> Server:
    """The run's one server, to make databases on. A test that kills a server starts its own."""
    external = os.environ.get(EXTERNAL)
    if external:
        return Server(external)
    with one_at_a_time(shared_lock):
        return Server(admin_dsn(Path(os.environ[HOME]), int(os.environ[RUN_PID])))


@pytest_asyncio.fixture(scope="session")
async def worker_database(embedded: Server, worker: str, shared_lock: Path) -> AsyncIterator[str]:
    """This worker's database, migrated once. One worker after the other: roles belong to the whole server."""
    name = f"test_{worker}"
    with one_at_a_time(shared_lock):
        dsn = await embedded.create(name)
        await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    await keep_seed(connection)
    await connection.close()
    yield dsn
    await embedded.drop(name)


@pytest_asyncio.fixture
async def db(worker_database: str) -> str:
    """The DSN of a migrated database without records and without read models."""
    connection = await asyncpg.connect(worker_database)
    try:
        await reset(connection)
    finally:
        await connection.close()
    return worker_database


@pytest_asyncio.fixture
async def fresh_database(embedded: Server, worker: str) -> AsyncIterator[str]:
    """The DSN of a new database with nothing in it, not even our schema."""
    name = f"fresh_{worker}_{next(_numbers)}"
    yield await embedded.create(name)
    await embedded.drop(name)


@pytest_asyncio.fixture
async def application(db: str, tmp_path: Path) -> AsyncIterator[Application]:
    """The real service on an empty database; open to readers of what is clear."""
    made = Application(Settings(data_dir=str(tmp_path), public_audience="clear"), db)
    async with made.running():
        yield made


@pytest_asyncio.fixture
async def api(application: Application) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the owner's token."""
    async with client_of(application, {"Authorization": f"Bearer {application.token}"}) as client:
        yield client


@pytest_asyncio.fixture
async def anonymous(application: Application) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    async with client_of(application, {}) as client:
        yield client


def client_of(application: Application, headers: dict[str, str]) -> httpx.AsyncClient:
    """A client of a running service, in process, through the whole of its ASGI application."""
    transport = httpx.ASGITransport(application.asgi, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://timeline", headers=headers)
