"""What else goes on in the same PostgreSQL while we write: dumps, forgotten transactions, cut connections."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from tests.log.appending import fetch

COUNT = "SELECT count(*) FROM timeline.log"
CUT_LISTENERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'timeline listener'
"""
LISTENERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'timeline listener' AND query LIKE 'LISTEN%'
"""
BEGINNINGS = ("BEGIN; SELECT pg_current_xact_id()", "BEGIN; SELECT FROM timeline.log WHERE position = 1 FOR UPDATE")


@asynccontextmanager
async def long_snapshot(dsn: str) -> AsyncIterator[None]:
    """Somebody reads the log as it was when they began, as a dump does, and goes on seeing just that."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            before = await connection.fetchval(COUNT)
            yield
            assert await connection.fetchval(COUNT) == before
    finally:
        connection.terminate()


@asynccontextmanager
async def forgotten_transactions(dsn: str, elsewhere: str) -> AsyncIterator[None]:
    """Transactions stand idle: two here, one of which holds a row of the log, and one elsewhere."""
    connections = [await asyncpg.connect(each) for each in (dsn, dsn, elsewhere)]
    try:
        for connection, beginning in zip(connections, (*BEGINNINGS, BEGINNINGS[0]), strict=True):
            await connection.execute(beginning)
        yield
        assert [each.is_in_transaction() for each in connections] == [True] * 3
    finally:
        for connection in connections:
            connection.terminate()


@dataclass
class Cuts:
    """How many listening connections were cut."""

    times: int = 0


@asynccontextmanager
async def cut_listeners(dsn: str, chance: random.Random) -> AsyncIterator[Cuts]:
    """Every listening connection is cut, again and again; at the end somebody listens again."""
    cuts = Cuts()

    async def cut() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            while True:
                cuts.times += len(await connection.fetch(CUT_LISTENERS))
                await asyncio.sleep(chance.uniform(0.02, 0.4))
        finally:
            connection.terminate()

    cutting = asyncio.create_task(cut())
    try:
        yield cuts
    finally:
        cutting.cancel()
        await asyncio.gather(cutting, return_exceptions=True)
    async with asyncio.timeout(60):
        while (await fetch(dsn, LISTENERS))[0]["count"] < 2:  # noqa: ASYNC110 – the condition is in the database
            await asyncio.sleep(0.02)


@dataclass
class Heard:
    """The notifications that reached somebody who listens."""

    channels: list[str] = field(default_factory=list)


@asynccontextmanager
async def listening(dsn: str) -> AsyncIterator[Heard]:
    """Somebody listens to what the log announces."""
    heard, connection = Heard(), await asyncpg.connect(dsn)
    try:
        await connection.add_listener("timeline_log", lambda _c, _p, channel, _m: heard.channels.append(channel))
        yield heard
        await connection.execute("SELECT 1")  # whatever was announced before this has arrived with its answer
    finally:
        connection.terminate()
