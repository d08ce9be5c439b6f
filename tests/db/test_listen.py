"""A notification wakes everybody who waits, none is lost between two waits, and a cut connection comes back."""

import asyncio
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from tests.postgres import until
from timeline.db import listen
from timeline.db.listen import Listener

LONG = 20.0
OURS = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'timeline listener'"
TERMINATE = f"SELECT pg_terminate_backend(pid) {OURS}"
ASKED = f"SELECT query {OURS}"
CONNECTIONS = f"SELECT count(*) {OURS}"


@pytest_asyncio.fixture
async def connection(fresh_database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def listener(fresh_database: str) -> AsyncIterator[Listener]:
    listener = Listener()
    await listener.start(fresh_database, "bell")
    yield listener
    await listener.stop()


async def test_a_notification_wakes_everybody_who_waits(listener: Listener, connection: asyncpg.Connection) -> None:
    waiting = [asyncio.create_task(listener.wait(LONG)) for _ in range(3)]
    await asyncio.sleep(0)
    started = time.monotonic()

    await connection.execute("NOTIFY bell")
    await asyncio.gather(*waiting)

    assert time.monotonic() - started < LONG / 2


async def test_a_notification_between_two_waits_is_not_lost(listener: Listener, connection: asyncpg.Connection) -> None:
    seen = listener.generation
    await connection.execute("NOTIFY bell")
    await until(lambda: listener.generation > seen)

    async with asyncio.timeout(LONG / 2):
        now = await listener.wait_past(seen, LONG)

    assert now == seen + 1


async def test_without_a_notification_the_timeout_ends_the_wait(listener: Listener) -> None:
    seen = listener.generation

    now = await listener.wait_past(seen, 0.01)
    await listener.wait(0.01)

    assert now == seen


async def test_another_channel_wakes_nobody(listener: Listener, connection: asyncpg.Connection) -> None:
    seen = listener.generation

    await connection.execute("NOTIFY doorbell")

    assert await listener.wait_past(seen, 0.05) == seen


async def test_a_cut_connection_is_made_again_and_rings(listener: Listener, connection: asyncpg.Connection) -> None:
    for _ in range(2):
        seen = listener.generation
        assert await connection.fetchval(TERMINATE)

        # The reconnection rings too: what was sent meanwhile, nobody heard.
        again = await listener.wait_past(seen, LONG)
        await connection.execute("NOTIFY bell")

        assert again == seen + 1
        assert await listener.wait_past(again, LONG) == again + 1


async def test_a_silent_connection_is_asked_whether_it_lives(
    fresh_database: str, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen, "CHECK_SECONDS", 0.01)
    listener = Listener()
    await listener.start(fresh_database, "bell")
    await asyncio.sleep(0.1)

    asked = await connection.fetchval(ASKED)
    await listener.stop()

    assert asked == "SELECT 1"


async def test_a_database_that_is_down_does_not_stop_the_start() -> None:
    listener = Listener()

    await listener.start("postgresql://timeline@/timeline?host=/nowhere", "bell")
    await listener.wait(0.01)

    assert not listener.is_listening
    await listener.stop()


async def test_stop_wakes_everybody_and_leaves_no_connection(
    fresh_database: str, connection: asyncpg.Connection
) -> None:
    listener = Listener()
    await listener.start(fresh_database, "bell")
    waiting = asyncio.create_task(listener.wait(LONG))
    await asyncio.sleep(0)

    await listener.stop()
    await listener.stop()

    await until(waiting.done)
    await asyncio.sleep(0.1)
    assert await connection.fetchval(CONNECTIONS) == 0
