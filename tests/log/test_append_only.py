"""The log cannot be changed: not by the service's own roles, not by its owner, and health says so truly."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from tests.checks import check_log
from tests.log.appending import append, append_raw, erasure, topic, visit, writer_on
from timeline.log.read import SQL

TABLES = ["log", "payload", "name", "progress"]
CHANGES = {
    "INSERT": "INSERT INTO timeline.{table} SELECT * FROM timeline.{table}",
    "UPDATE": "UPDATE timeline.{table} SET {column} = {column}",
    "DELETE": "DELETE FROM timeline.{table}",
    "TRUNCATE": "TRUNCATE timeline.{table} CASCADE",
}
COLUMNS = {"log": "position", "payload": "position", "name": "key", "progress": "position"}
DEFINITIONS = [
    "ALTER TABLE timeline.log DISABLE TRIGGER ALL",
    "ALTER TABLE timeline.log ADD COLUMN mine text",
    "ALTER TABLE timeline.log OWNER TO timeline_writer",
    "DROP TABLE timeline.payload",
    "DROP TRIGGER log_rows ON timeline.log",
    "CREATE TABLE timeline.mine (a integer)",
    "CREATE RULE mine AS ON INSERT TO timeline.log DO INSTEAD NOTHING",
    "CREATE TRIGGER mine BEFORE INSERT ON timeline.log EXECUTE FUNCTION timeline.refuse_change()",
    "CREATE POLICY mine ON timeline.log",
    "CREATE OR REPLACE FUNCTION timeline.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "DROP FUNCTION timeline.append_records",
    "GRANT UPDATE ON timeline.log TO timeline_writer; DELETE FROM timeline.log",  # the first half only warns
    "SET session_replication_role = replica",
    "CREATE SCHEMA mine",
]


@pytest_asyncio.fixture
async def event(db: str) -> UUID:
    """The subject of the first record in the log; a registration follows it."""
    async with writer_on(db) as writer:
        (receipt, _) = await append(writer, visit(), topic("libya"))
    return receipt.subject


@pytest_asyncio.fixture
async def owner(db: str, event: UUID) -> AsyncIterator[asyncpg.Connection]:
    """A connection that owns every table."""
    connection = await asyncpg.connect(db)
    yield connection
    await connection.close()


@pytest_asyncio.fixture(params=["timeline_writer", "timeline_projector"])
async def role(db: str, event: UUID, request: pytest.FixtureRequest) -> AsyncIterator[asyncpg.Connection]:
    """A connection that works as one of the service's roles."""
    connection = await asyncpg.connect(db, server_settings={"role": request.param})
    yield connection
    await connection.close()


# The service's roles


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("table", ["log", "payload", "name"])
async def test_no_role_of_the_service_changes_the_log(role: asyncpg.Connection, table: str, change: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await role.execute(CHANGES[change].format(table=table, column=COLUMNS[table]))


@pytest.mark.parametrize("change", CHANGES)
async def test_the_writer_does_not_move_progress(db: str, change: str) -> None:
    connection = await asyncpg.connect(db, server_settings={"role": "timeline_writer"})

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(CHANGES[change].format(table="progress", column="position"))
    await connection.close()


@pytest.mark.parametrize("definition", DEFINITIONS)
async def test_the_writer_defines_nothing(db: str, definition: str) -> None:
    connection = await asyncpg.connect(db, server_settings={"role": "timeline_writer"})

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(definition)
    await connection.close()


@pytest.mark.parametrize("definition", [each for each in DEFINITIONS if not each.startswith("CREATE SCHEMA")])
async def test_the_projector_defines_nothing_in_the_log_s_schema(db: str, definition: str) -> None:
    connection = await asyncpg.connect(db, server_settings={"role": "timeline_projector"})

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(definition)
    await connection.close()


async def test_the_writer_may_read_and_append(db: str) -> None:
    connection = await asyncpg.connect(db, server_settings={"role": "timeline_writer"})

    position = await append_raw(connection, visit())

    assert [await connection.fetchval(f"SELECT count(*) FROM timeline.{table}") for table in TABLES] == [1, 1, 0, 0]
    assert position == 1
    await connection.close()
    await check_log(db)


async def test_the_projector_may_read_and_not_append(db: str) -> None:
    connection = await asyncpg.connect(db, server_settings={"role": "timeline_projector"})

    assert await connection.fetchval("SELECT count(*) FROM timeline.log") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await append_raw(connection, visit())
    await connection.close()


async def test_a_stranger_may_not_append(owner: asyncpg.Connection) -> None:
    function = await owner.fetchval("SELECT 'timeline.append_records'::regproc::oid")

    assert await owner.fetchval("SELECT has_function_privilege('public', $1::oid, 'EXECUTE')", function) is False


async def test_a_temporary_table_is_not_taken_for_the_log(db: str) -> None:
    connection = await asyncpg.connect(db, server_settings={"role": "timeline_writer"})
    await connection.execute(
        "CREATE TEMPORARY TABLE log (LIKE timeline.log); CREATE TEMPORARY TABLE payload (a integer)"
    )

    await append_raw(connection, visit())

    assert await connection.fetchval("SELECT count(*) FROM timeline.log") == 1
    assert await connection.fetchval("SELECT count(*) FROM pg_temp.log") == 0
    await connection.close()


# The owner


@pytest.mark.parametrize("change", ["UPDATE", "DELETE", "TRUNCATE"])
@pytest.mark.parametrize("table", ["log", "payload"])
async def test_not_even_the_owner_changes_the_log(owner: asyncpg.Connection, table: str, change: str) -> None:
    with pytest.raises(asyncpg.RestrictViolationError, match=r"append-only|no erasure"):
        await owner.execute(CHANGES[change].format(table=table, column="position"))


async def test_a_change_of_no_column_that_matters_is_refused_too(owner: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.RestrictViolationError):
        await owner.execute("UPDATE timeline.payload SET request = request WHERE position = 1")


async def test_a_payload_goes_only_after_an_erasure_of_its_subject(
    db: str, owner: asyncpg.Connection, event: UUID
) -> None:
    async with writer_on(db) as writer:
        await append(writer, erasure(event))

    held = [row["position"] for row in await owner.fetch("SELECT position FROM timeline.payload ORDER BY position")]
    with pytest.raises(asyncpg.RestrictViolationError, match="payload 2 has no erasure"):
        await owner.execute("DELETE FROM timeline.payload WHERE position = 2")
    with pytest.raises(asyncpg.RestrictViolationError, match="payload 3 has no erasure"):
        await owner.execute("DELETE FROM timeline.payload WHERE position = 3")

    assert held == [2, 3]
    report = await check_log(db)
    assert (report.records, report.erased) == (3, 1)


async def test_an_erasure_takes_the_names_of_its_subject_along(db: str, owner: asyncpg.Connection) -> None:
    async with writer_on(db) as writer:
        (sudan,) = await append(writer, topic("sudan", "Sudan"))
        await append(writer, erasure(sudan.subject))

    assert {row["key"] for row in await owner.fetch("SELECT key FROM timeline.name")} == {"libya"}


# What health tells


async def test_the_guards_are_all_active_as_the_service_works(db: str) -> None:
    connection = await asyncpg.connect(db, server_settings={"role": "timeline_writer"})

    assert dict(await connection.fetchrow(SQL.guards) or {}) == {"triggers": True, "role": True}
    await connection.close()


async def test_a_superuser_is_not_told_that_its_role_guards_anything(owner: asyncpg.Connection) -> None:
    assert dict(await owner.fetchrow(SQL.guards) or {}) == {"triggers": True, "role": False}


@pytest.mark.parametrize(
    ("table", "trigger"),
    [
        ("log", "log_rows"),
        ("log", "log_whole"),
        ("payload", "payload_update"),
        ("payload", "payload_delete"),
        ("payload", "payload_whole"),
    ],
)
@pytest.mark.parametrize("state", ["DISABLE", "ENABLE REPLICA"])
async def test_a_silenced_trigger_is_told(owner: asyncpg.Connection, table: str, trigger: str, state: str) -> None:
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute(f"ALTER TABLE timeline.{table} {state} TRIGGER {trigger}")

    told = dict(await owner.fetchrow(SQL.guards) or {})
    await transaction.rollback()

    assert told["triggers"] is False
    assert dict(await owner.fetchrow(SQL.guards) or {})["triggers"] is True
