"""Between two tests the database is as the migrations left it, guards and all."""

import asyncpg

from tests.postgres import keep_seed, reset

SCHEMA = """
CREATE SCHEMA timeline;
CREATE TABLE timeline.migration (version integer);
INSERT INTO timeline.migration VALUES (1);
CREATE TABLE timeline.log (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, words text);
CREATE TABLE timeline.payload (position bigint REFERENCES timeline.log) PARTITION BY RANGE (position);
CREATE TABLE timeline.payload_0 PARTITION OF timeline.payload DEFAULT;
CREATE TABLE timeline.setting (number integer GENERATED ALWAYS AS IDENTITY, name text);
INSERT INTO timeline.setting (name) VALUES ('kept');
CREATE FUNCTION timeline.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
CREATE TRIGGER guard BEFORE TRUNCATE ON timeline.log EXECUTE FUNCTION timeline.refuse();
"""

USE = """
INSERT INTO timeline.log (words) VALUES ('a'), ('b');
INSERT INTO timeline.payload VALUES (1);
UPDATE timeline.setting SET name = 'changed';
CREATE SCHEMA entries_2;
CREATE TABLE entries_2.entry ();
"""

STATE = """
SELECT (SELECT count(*) FROM timeline.log), (SELECT count(*) FROM timeline.payload),
       (SELECT string_agg(name, ',') FROM timeline.setting), (SELECT count(*) FROM timeline.migration),
       to_regnamespace('entries_2') IS NULL
"""


async def test_a_used_database_is_reset(fresh_database: str) -> None:
    connection = await asyncpg.connect(fresh_database)
    await connection.execute(SCHEMA)
    await keep_seed(connection)

    found = []
    for _ in range(2):
        await connection.execute(USE)
        await reset(connection)
        found.append(tuple(await connection.fetchrow(STATE) or ()))
    next_position = await connection.fetchval("INSERT INTO timeline.log (words) VALUES ('c') RETURNING position")
    await connection.close()

    assert found == [(0, 0, "kept", 1, True)] * 2
    assert next_position == 1


async def test_the_log_of_a_test_begins_empty(db: str) -> None:
    connection = await asyncpg.connect(db)
    try:
        tables = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'timeline'::regnamespace AND relkind = 'r'"
        )
    finally:
        await connection.close()

    assert "migration" in {row["relname"] for row in tables}
