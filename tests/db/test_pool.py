"""A pool's connections act as they were opened, and a lost database is told from a wrong query."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest
import pytest_asyncio
from asyncpg.pool import PoolConnectionProxy

from timeline.db.pool import is_lost, open_pool, unavailable_if_lost
from timeline.errors import DatabaseUnavailable


@pytest_asyncio.fixture
async def pool(fresh_database: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await open_pool(fresh_database, min_size=0, max_size=2)
    yield pool
    await pool.close()


async def cut(pool: asyncpg.Pool, held: PoolConnectionProxy) -> None:
    async with pool.acquire() as other:
        await other.execute("SELECT pg_terminate_backend($1, 5000)", held.get_server_pid())


async def test_the_role_stays_after_reset_and_release(fresh_database: str, pool: asyncpg.Pool) -> None:
    role = f"reader_{uuid.uuid4().hex[:8]}"  # roles belong to the whole server
    await pool.execute(f"CREATE ROLE {role}")
    restricted = await open_pool(fresh_database, max_size=1, role=role)

    found = []
    for _ in range(2):
        async with restricted.acquire() as connection:
            await connection.execute("RESET ROLE; RESET ALL")
            found.append(await connection.fetchval("SELECT current_user"))
    await restricted.close()
    await pool.execute(f"DROP ROLE {role}")

    assert found == [role, role]


async def test_the_timeouts_are_the_servers(fresh_database: str) -> None:
    pool = await open_pool(fresh_database, max_size=1, statement_timeout_ms=50, lock_timeout_ms=20)

    with pytest.raises(asyncpg.QueryCanceledError) as caught:
        await pool.execute("SELECT pg_sleep(5)")

    assert await pool.fetchval("SHOW lock_timeout") == "20ms"
    assert not is_lost(caught.value)
    await pool.close()


async def test_a_uuid_is_a_uuid(pool: asyncpg.Pool) -> None:
    expected = uuid.uuid4()

    found = await pool.fetchval("SELECT $1::uuid", expected)

    assert isinstance(found, uuid.UUID)
    assert {found} == {expected}
    assert msgspec.json.encode(found) == msgspec.json.encode(expected)


async def test_a_connection_cut_in_a_query_is_lost(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as held:
        asking = asyncio.create_task(held.execute("SELECT pg_sleep(5)"))
        await asyncio.sleep(0.05)
        await cut(pool, held)

        with pytest.raises(DatabaseUnavailable) as caught, unavailable_if_lost():
            await asking

    assert caught.value.retry_after_seconds == 1


async def test_a_connection_cut_while_it_is_held_is_lost(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as held:
        await cut(pool, held)
        await asyncio.sleep(0.05)

        with pytest.raises(DatabaseUnavailable), unavailable_if_lost():
            await held.execute("SELECT 1")


async def test_a_connection_cut_in_a_transaction_is_lost(pool: asyncpg.Pool) -> None:
    async def lose_it() -> None:
        async with pool.acquire() as held, held.transaction():
            await cut(pool, held)
            await asyncio.sleep(0.05)

    with pytest.raises(DatabaseUnavailable), unavailable_if_lost():
        await lose_it()

    assert await pool.fetchval("SELECT 1") == 1


async def test_a_closed_connection_is_lost(fresh_database: str) -> None:
    connection = await asyncpg.connect(fresh_database)
    await connection.close()

    with pytest.raises(DatabaseUnavailable), unavailable_if_lost():
        await connection.execute("SELECT 1")


async def test_a_server_that_is_not_there_is_lost() -> None:
    with pytest.raises(DatabaseUnavailable), unavailable_if_lost():
        await open_pool("postgresql://timeline@/timeline?host=/nowhere")


@pytest.mark.parametrize(
    ("statement", "arguments"),
    [("SELECT $1::integer", ["seven"]), ("SELECT $1::integer", []), ("SELECT $1::integer", [2**40]), ("SELEC", [])],
)
async def test_a_wrong_query_is_not_lost(pool: asyncpg.Pool, statement: str, arguments: list[object]) -> None:
    with pytest.raises((asyncpg.InterfaceError, asyncpg.PostgresError)) as caught:
        await pool.execute(statement, *arguments)

    assert not is_lost(caught.value)
