"""The log cannot be changed: not by the service's own roles, not by its owner, and health says so truly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from tests.checks import check, check_log
from tests.conftest import client_of
from tests.log.appending import append, append_raw, erasure, fetch, topic, visit, writer_on
from timeline.app import Application
from timeline.db.logins import READER, ROLES, WRITER, login_for
from timeline.db.migrate import DIRECTORY, LOCK, migrate
from timeline.log.read import SQL
from timeline.settings import Settings

TABLES = ["log", "payload", "name", "progress"]
CHANGES = {
    "INSERT": "INSERT INTO timeline.{table} SELECT * FROM timeline.{table}",
    "UPDATE": "UPDATE timeline.{table} SET {column} = {column}",
    "DELETE": "DELETE FROM timeline.{table}",
    "TRUNCATE": "TRUNCATE timeline.{table} CASCADE",
    "MERGE": "MERGE INTO timeline.{table} AS t USING timeline.{table} AS s ON t.{column} = s.{column} "
    "WHEN MATCHED THEN UPDATE SET {column} = s.{column}",
    "INSERT OR UPDATE": "INSERT INTO timeline.{table} SELECT * FROM timeline.{table} "
    "ON CONFLICT DO NOTHING; UPDATE timeline.{table} SET {column} = {column}",
    "COPY": "COPY timeline.{table} FROM '/dev/null'",
}
COLUMNS = {"log": "position", "payload": "position", "name": "key", "progress": "position"}
APPEND = "timeline.append_records"
DEFINITIONS = [
    # The triggers
    "ALTER TABLE timeline.log DISABLE TRIGGER ALL",
    "ALTER TABLE timeline.log DISABLE TRIGGER USER",
    "ALTER TABLE timeline.payload DISABLE TRIGGER payload_delete",
    "ALTER TABLE timeline.log ENABLE REPLICA TRIGGER log_rows",
    "ALTER TRIGGER log_rows ON timeline.log RENAME TO log_row",
    "DROP TRIGGER log_rows ON timeline.log",
    "CREATE TRIGGER mine BEFORE INSERT ON timeline.log EXECUTE FUNCTION timeline.refuse_change()",
    "CREATE RULE mine AS ON INSERT TO timeline.log DO INSTEAD NOTHING",
    "CREATE RULE mine AS ON DELETE TO timeline.log DO INSTEAD NOTHING",
    "CREATE POLICY mine ON timeline.log",
    "ALTER TABLE timeline.log ENABLE ROW LEVEL SECURITY",
    # The tables
    "ALTER TABLE timeline.log ADD COLUMN mine text",
    "ALTER TABLE timeline.log DROP COLUMN kind CASCADE",
    "ALTER TABLE timeline.log ALTER COLUMN kind TYPE varchar(3) USING left(kind, 3)",
    "ALTER TABLE timeline.log DROP CONSTRAINT log_id_key CASCADE",
    "ALTER TABLE timeline.log RENAME TO old_log",
    "ALTER TABLE timeline.log RENAME COLUMN kind TO sort",
    "ALTER TABLE timeline.log SET SCHEMA public",
    "ALTER TABLE timeline.payload SET UNLOGGED",
    "ALTER TABLE timeline.log OWNER TO timeline_writer",
    "CREATE TABLE public.mine () INHERITS (timeline.log)",
    "CREATE TABLE public.mine (LIKE timeline.log INCLUDING ALL); ALTER TABLE public.mine INHERIT timeline.log",
    "CREATE TABLE public.mine (LIKE timeline.log) PARTITION BY RANGE (position);"
    "ALTER TABLE public.mine ATTACH PARTITION timeline.log DEFAULT",
    "CREATE INDEX mine ON timeline.log (kind)",
    "DROP INDEX timeline.log_time",
    "DROP TABLE timeline.payload",
    "DROP TABLE timeline.log CASCADE",
    "CREATE TABLE timeline.mine (a integer)",
    "CREATE VIEW timeline.mine AS SELECT 1",
    # The functions
    "CREATE OR REPLACE FUNCTION timeline.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "CREATE OR REPLACE FUNCTION timeline_guard.refuse_definition() RETURNS event_trigger "
    "LANGUAGE plpgsql AS 'BEGIN END'",
    "CREATE OR REPLACE FUNCTION timeline_guard.refuse_drop() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "ALTER FUNCTION timeline_guard.refuse_definition() RENAME TO refuse",
    f"ALTER FUNCTION {APPEND} RESET search_path",
    f"ALTER FUNCTION {APPEND} SECURITY INVOKER",
    f"ALTER FUNCTION {APPEND} RENAME TO append",
    f"ALTER FUNCTION {APPEND} SET SCHEMA public",
    f"ALTER FUNCTION {APPEND} OWNER TO timeline_writer",
    f"DROP FUNCTION {APPEND}",
    "CREATE FUNCTION timeline.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    # Whose they are
    f"GRANT EXECUTE ON FUNCTION {APPEND} TO PUBLIC; DELETE FROM timeline.log",  # the first half may only warn
    "GRANT UPDATE ON timeline.log TO timeline_writer; DELETE FROM timeline.log",
    "GRANT ALL ON ALL TABLES IN SCHEMA timeline TO timeline_reader; DELETE FROM timeline.log",
    "GRANT UPDATE (kind) ON timeline.log TO timeline_writer; DELETE FROM timeline.log",
    "DROP OWNED BY timeline_owner CASCADE",
    "ALTER SCHEMA timeline RENAME TO other",
    "ALTER SCHEMA timeline_guard RENAME TO other",
    "DROP FUNCTION timeline_guard.refuse_definition CASCADE",
    "DROP SCHEMA timeline CASCADE",
]
NEEDS_A_SUPERUSER = [
    "REASSIGN OWNED BY timeline_owner TO timeline_writer",
    "SET session_replication_role = replica",
    "ALTER EVENT TRIGGER timeline_definition DISABLE",
    "DROP EVENT TRIGGER timeline_drop",
    "ALTER ROLE timeline_writer SUPERUSER",
    "ALTER ROLE timeline_writer SET session_replication_role = replica",
    "GRANT SET ON PARAMETER session_replication_role TO timeline_writer",
    "ALTER SYSTEM SET session_replication_role = replica",
    "SET SESSION AUTHORIZATION timeline_owner",
    "SET ROLE timeline_owner",
    "CREATE EXTENSION file_fdw",
]
"""What every guard would fall to, and no role of ours may do."""
GUARDS = ["triggers", "roles", "owner", "event_triggers"]


@pytest_asyncio.fixture
async def event(db: str) -> UUID:
    """The subject of the first record in the log; a registration follows it."""
    async with writer_on(db) as writer:
        (receipt, _) = await append(writer, visit(), topic("libya"))
    return receipt.subject


@pytest_asyncio.fixture
async def owner(db: str, event: UUID) -> AsyncIterator[asyncpg.Connection]:
    """A connection that may do whatever can be done: a superuser's."""
    connection = await asyncpg.connect(db)
    yield connection
    await connection.close()


@pytest_asyncio.fixture(params=ROLES)
async def role(db: str, event: UUID, request: pytest.FixtureRequest) -> AsyncIterator[asyncpg.Connection]:
    """A connection that works as one of the service's roles, as the service does on its own database."""
    dsn, also = await login_for(db, request.param)
    assert also is None
    connection = await asyncpg.connect(dsn)
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


@pytest.mark.parametrize("definition", [*DEFINITIONS, *NEEDS_A_SUPERUSER])
async def test_no_role_of_the_service_changes_the_definition_of_the_log(
    role: asyncpg.Connection, definition: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await role.execute(definition)


@pytest.mark.parametrize("role_name", [WRITER, READER])
async def test_neither_writer_nor_reader_defines_anything_else(db: str, role_name: str) -> None:
    dsn, _ = await login_for(db, role_name)
    connection = await asyncpg.connect(dsn)

    for definition in ("CREATE SCHEMA mine", "CREATE TABLE public.mine ()", "CREATE FUNCTION public.mine() RETURNS"):
        with pytest.raises(asyncpg.PostgresError, match=r"permission denied|syntax error"):
            await connection.execute(definition)
    await connection.close()


async def test_a_stolen_statement_leads_to_no_other_role(role: asyncpg.Connection) -> None:
    for statement in ("SET ROLE NONE", "RESET ROLE", "RESET SESSION AUTHORIZATION", "DISCARD ALL"):
        await role.execute(statement)

    assert await role.fetchval("SELECT current_user") in ROLES
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await role.execute("DELETE FROM timeline.log")


async def test_the_reader_does_not_append(db: str) -> None:
    dsn, _ = await login_for(db, READER)
    connection = await asyncpg.connect(dsn)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await append_raw(connection, visit())
    assert [await connection.fetchval(f"SELECT count(*) FROM timeline.{table}") for table in TABLES] == [0] * 4
    await connection.close()


async def test_what_a_role_sets_for_itself_changes_no_append(db: str, owner: asyncpg.Connection) -> None:
    """A role may set its own defaults, which the service's connections and the function each pin for themselves."""
    database = await owner.fetchval("SELECT current_database()")
    dsn, _ = await login_for(db, WRITER)
    mine = await asyncpg.connect(dsn)
    await mine.execute(f"ALTER ROLE {WRITER} IN DATABASE {database} SET search_path = pg_temp, public")
    await mine.close()
    connection = await asyncpg.connect(dsn)
    path = await connection.fetchval("SHOW search_path")
    await connection.execute("CREATE TEMPORARY TABLE log (LIKE timeline.log)")

    await append_raw(connection, visit())

    assert path == "pg_temp, public"
    assert await owner.fetchval("SELECT count(*) FROM timeline.log") == 3
    await connection.close()
    await owner.execute(f"ALTER ROLE {WRITER} IN DATABASE {database} RESET ALL")


async def test_the_service_works_as_its_roles_and_as_nobody_else(application: Application, db: str) -> None:
    asked = (
        "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    async with asyncio.timeout(20):  # the projector comes in when it begins to tail
        while (found := {row["usename"] for row in await fetch(db, asked)}) < set(ROLES):  # noqa: ASYNC110  (nothing rings)
            await asyncio.sleep(0.01)

    assert found == set(ROLES)


async def test_the_writer_may_read_and_append(db: str) -> None:
    connection = await asyncpg.connect(db, server_settings={"role": "timeline_writer"})

    position = await append_raw(connection, visit())

    found = [
        await connection.fetchval(f"SELECT count(*) FROM timeline.{table}") for table in ("log", "payload", "name")
    ]
    assert (found, position) == ([1, 1, 0], 1)
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


@asynccontextmanager
async def acting_as(db: str, role: str | None) -> AsyncIterator[asyncpg.Connection]:
    """The log's owner, or a superuser."""
    connection = await asyncpg.connect(db, server_settings={"role": role} if role else {})
    try:
        yield connection
    finally:
        connection.terminate()


POWERS = pytest.mark.parametrize("power", ["timeline_owner", None], ids=["owner", "superuser"])


@POWERS
@pytest.mark.parametrize("change", ["UPDATE", "DELETE", "TRUNCATE", "MERGE", "INSERT OR UPDATE"])
@pytest.mark.parametrize("table", ["log", "payload"])
async def test_not_even_the_owner_changes_the_log(
    db: str, event: UUID, table: str, change: str, power: str | None
) -> None:
    async with acting_as(db, power) as connection:
        with pytest.raises(asyncpg.RestrictViolationError, match=r"append-only|no erasure"):
            await connection.execute(CHANGES[change].format(table=table, column="position"))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE timeline.name SET key = key",
        "TRUNCATE timeline.name",
        "UPDATE timeline.migration SET name = name",
        "DELETE FROM timeline.migration",
        "TRUNCATE timeline.migration",
    ],
)
async def test_names_and_migrations_are_not_rewritten_or_emptied(owner: asyncpg.Connection, change: str) -> None:
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await owner.execute(change)


@POWERS
@pytest.mark.parametrize("definition", DEFINITIONS)
async def test_not_even_the_owner_changes_the_definition_of_the_log(
    db: str, event: UUID, definition: str, power: str | None
) -> None:
    async with acting_as(db, power) as connection:
        with pytest.raises((asyncpg.RestrictViolationError, asyncpg.InsufficientPrivilegeError)) as told:
            await connection.execute(definition)
        faults = [row["fault"] for row in await connection.fetch(SQL.guards)]

    assert power or isinstance(told.value, asyncpg.RestrictViolationError)
    assert faults == [None] * 4


@pytest.mark.parametrize("definition", NEEDS_A_SUPERUSER[:-3])
async def test_the_owner_silences_no_guard(db: str, definition: str) -> None:
    async with acting_as(db, "timeline_owner") as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(definition)


async def test_the_lock_of_migrations_does_not_let_the_owner_through(db: str) -> None:
    async with acting_as(db, "timeline_owner") as connection:
        await connection.fetchval("SELECT pg_advisory_lock($1)", LOCK)
        with pytest.raises(asyncpg.RestrictViolationError, match="by migrations alone"):
            await connection.execute("ALTER TABLE timeline.log DISABLE TRIGGER USER")


@pytest.mark.parametrize(
    "insert",
    [
        "SELECT 9, gen_random_uuid(), kind, gen_random_uuid(), 1, now() + interval '1 h', commitment, leaf_hash",
        "SELECT 3, gen_random_uuid(), kind, gen_random_uuid(), 1, recorded_at, commitment, leaf_hash",
        "SELECT 2 + 2 * n, gen_random_uuid(), kind, gen_random_uuid(), 1, now() + n * interval '1 h', commitment, "
        "leaf_hash",
        "SELECT 5 - n, gen_random_uuid(), kind, gen_random_uuid(), 1, now() + n * interval '1 h', commitment, "
        "leaf_hash",
    ],
    ids=["a gap", "out of time", "a gap within", "backwards"],
)
@POWERS
async def test_whoever_inserts_leaves_no_gap(db: str, event: UUID, insert: str, power: str | None) -> None:
    async with acting_as(db, power) as connection:
        with pytest.raises(asyncpg.RestrictViolationError, match="gapless"):
            await connection.execute(
                f"INSERT INTO timeline.log {insert} FROM timeline.log, generate_series(1, 2) AS n "
                f"WHERE position = 1 AND n <= {2 if '+ n *' in insert else 1}"
            )


async def test_a_migration_may_change_what_nobody_else_may(fresh_database: str, tmp_path: Path) -> None:
    for path in DIRECTORY.glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text())
    await migrate(fresh_database, tmp_path)
    (tmp_path / "9999_more.sql").write_text("ALTER TABLE timeline.log ADD COLUMN more text; DROP INDEX log_time")

    assert await migrate(fresh_database, tmp_path) == ["9999_more"]


async def test_others_define_what_they_like_beside_the_log(owner: asyncpg.Connection) -> None:
    await owner.execute("CREATE ROLE stranger; CREATE SCHEMA theirs AUTHORIZATION stranger; SET ROLE stranger")
    await owner.execute("CREATE TABLE theirs.log (a integer); CREATE FUNCTION theirs.f() RETURNS int RETURN 1")
    await owner.execute("RESET ROLE; DROP SCHEMA theirs CASCADE; DROP ROLE stranger")
    await owner.execute(
        "CREATE SCHEMA mine; CREATE TABLE mine.log (a integer); CREATE TABLE mine.timeline (a integer);"
        "CREATE RULE timeline AS ON DELETE TO mine.log DO INSTEAD NOTHING; GRANT ALL ON mine.log TO PUBLIC;"
        "ALTER TABLE mine.log RENAME TO payload; REINDEX TABLE timeline.log; DROP SCHEMA mine CASCADE"
    )


# What nobody can keep a superuser from


STILL_POSSIBLE = {
    "SET session_replication_role = replica": "its triggers do not fire then",
    "ALTER EVENT TRIGGER timeline_definition DISABLE; ALTER TABLE timeline.log DISABLE TRIGGER ALL;"
    "ALTER TABLE timeline.payload DISABLE TRIGGER ALL": "it may disable each guard",
    "DROP SCHEMA timeline_guard CASCADE; ALTER TABLE timeline.log DISABLE TRIGGER ALL;"
    "ALTER TABLE timeline.payload DISABLE TRIGGER ALL": "what watches over the guards is watched over by nobody",
    "REASSIGN OWNED BY timeline_owner TO timeline_writer; SET session_replication_role = replica": "which tells nobody",
    f"SELECT pg_advisory_lock({LOCK}); ALTER TABLE timeline.log DISABLE TRIGGER ALL;"
    "ALTER TABLE timeline.payload DISABLE TRIGGER ALL": "it may say that it migrates",
}
TAMPERINGS = {
    "UPDATE timeline.payload SET bytes = bytes || ' ' WHERE position = 1": "its commitment is wrong",
    "UPDATE timeline.log SET recorded_at = recorded_at - interval '1 us' WHERE position = 1": "its leaf hash is wrong",
    "DELETE FROM timeline.payload WHERE position = 1": "its payload is gone without an erasure",
    "DELETE FROM timeline.payload WHERE position = 1; DELETE FROM timeline.log WHERE position = 1": "expected position",
}


@pytest.mark.parametrize("way", STILL_POSSIBLE)
@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_what_a_superuser_does_is_found_by_check(fresh_database: str, way: str, tampering: str) -> None:
    await migrate(fresh_database)
    async with writer_on(fresh_database) as writer:
        await append(writer, visit(), topic("libya"))
    async with acting_as(fresh_database, None) as connection:
        await connection.execute(way)
        await connection.execute(tampering)

    report = await check(fresh_database)

    assert any(TAMPERINGS[tampering] in fault for fault in report.faults)
    assert (report.guards["triggers"] is None) == ("replica" in way)
    assert (report.guards["owner"] is None) == ("REASSIGN" not in way)


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


async def faults(connection: asyncpg.Connection) -> dict[str, str]:
    """What guards lack, by their names."""
    rows = await connection.fetch(SQL.guards)
    assert [row["guard"] for row in rows] == GUARDS
    return {row["guard"]: row["fault"] for row in rows if row["fault"]}


async def test_the_guards_are_all_active_whoever_asks(role: asyncpg.Connection, owner: asyncpg.Connection) -> None:
    assert await faults(role) == await faults(owner) == {}


@pytest.mark.parametrize(
    ("silence", "told"),
    [
        *(
            (f"ALTER TABLE timeline.{trigger.split('_')[0]} {state} TRIGGER {trigger}", {"triggers": trigger})
            for trigger in (
                *("log_next", "log_rows", "log_whole", "payload_update", "payload_delete", "payload_whole"),
                *("name_rows", "name_whole", "migration_rows", "migration_whole"),
            )
            for state in ("DISABLE", "ENABLE REPLICA")
        ),
        ("DROP TRIGGER log_rows ON timeline.log", {"triggers": "log_rows"}),
        ("GRANT UPDATE ON timeline.log TO timeline_reader", {"roles": "timeline_reader may update timeline.log"}),
        ("ALTER TABLE timeline.log OWNER TO CURRENT_USER", {"owner": "the log belongs to timeline"}),
        ("DROP EVENT TRIGGER timeline_drop", {"event_triggers": "timeline_drop: missing or disabled"}),
        ("ALTER EVENT TRIGGER timeline_definition ENABLE REPLICA", {"event_triggers": "timeline_definition: missing"}),
    ],
)
async def test_a_silenced_guard_is_told(owner: asyncpg.Connection, silence: str, told: dict[str, str]) -> None:
    transaction = owner.transaction()
    await transaction.start()
    await owner.fetchval("SELECT pg_advisory_xact_lock($1)", LOCK)
    await owner.execute(silence)

    found = await faults(owner)
    await transaction.rollback()

    assert found.keys() == told.keys()
    assert all(words in found[name] for name, words in told.items())
    assert await faults(owner) == {}


async def test_where_roles_and_event_triggers_cannot_be_made_everything_else_stands(fresh_database: str) -> None:
    """As on a host that lets its customers create neither, with the roles of somebody else in the cluster."""
    connection = await asyncpg.connect(fresh_database)
    database = await connection.fetchval("SELECT current_database()")
    name = f"customer_{database}"
    await connection.execute(f'CREATE ROLE "{name}"')
    try:
        await connection.execute(f'GRANT CREATE ON DATABASE "{database}" TO "{name}"')
        await connection.execute(f'SET SESSION AUTHORIZATION "{name}"')

        await migrate(connection)
        await append_raw(connection, visit())
        found = await faults(connection)
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute("DELETE FROM timeline.log")
    finally:
        await connection.execute(f'RESET SESSION AUTHORIZATION; DROP OWNED BY "{name}" CASCADE; DROP ROLE "{name}"')
        await connection.close()

    assert found.keys() == {"roles", "owner", "event_triggers"}
    assert "not granted" in found["roles"]
    assert found["owner"].startswith(f"the log belongs to {name}")
    assert "superuser" in found["event_triggers"]


async def test_a_missing_guard_is_told_when_the_service_starts_and_by_health(
    fresh_database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await migrate(fresh_database)
    async with acting_as(fresh_database, None) as connection:
        await connection.execute("DROP EVENT TRIGGER timeline_drop")
    made = Application(Settings(data_dir=str(tmp_path)), fresh_database)

    async with made.running(), client_of(made, {}) as client:
        health = (await client.get("/health/ready")).json()
    said = "".join(capsys.readouterr())

    assert health["guards"] == {"triggers": True, "roles": True, "owner": True, "event_triggers": False}
    assert health["guards_missing"].keys() == {"event_triggers"}
    assert "a guard of the log is not active" in said
    assert "timeline_drop" in said


async def test_a_login_that_owns_nothing_finds_everything_migrated(db: str) -> None:
    """So that the service's own need not be that of who migrates."""
    connection = await asyncpg.connect(db)
    name = f"login_{await connection.fetchval('SELECT current_database()')}"
    await connection.execute(f'CREATE ROLE "{name}"; GRANT {", ".join(ROLES)} TO "{name}"')
    try:
        await connection.execute(f'SET SESSION AUTHORIZATION "{name}"')
        applied = await migrate(connection)
        found = await faults(connection)
    finally:
        await connection.execute(f'RESET SESSION AUTHORIZATION; DROP ROLE "{name}"')
        await connection.close()

    assert (applied, found) == ([], {})
