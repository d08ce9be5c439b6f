"""Broken variants of the database, on which the oracles must turn red: the true thing with a piece taken out."""

import asyncpg

from timeline.db.migrate import LOCK

Change = tuple[str, str]

DEFINITION = "SELECT pg_get_functiondef('timeline.append_records'::regproc)"
NO_WATCH_OVER_GAPS = """
CREATE OR REPLACE FUNCTION timeline.refuse_gap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
"""
"""Else the database itself refuses what the variants below would do to the log."""
A_SEQUENCE = f"""
CREATE SEQUENCE timeline.drawn; SELECT setval('timeline.drawn', (SELECT max(position) FROM timeline.log));
GRANT USAGE ON SEQUENCE timeline.drawn TO timeline_owner; {NO_WATCH_OVER_GAPS}
"""
PLAIN_SEQUENCE: tuple[Change, ...] = (
    ("PERFORM pg_advisory_xact_lock(hashtextextended('timeline.log', 0));", ""),
    ("SELECT first_position + i - 1 AS position,", "SELECT nextval('timeline.drawn') AS position,"),
)
"""Positions drawn one by one at the INSERT, as a `bigserial` draws them: who draws first may commit last."""
NO_NOTIFY: tuple[Change, ...] = (("PERFORM pg_notify('timeline_log', '');", ""),)
"""Whoever listens hears nothing."""
NO_UNIQUE_INDEXES = """
ALTER TABLE timeline.log DROP CONSTRAINT log_id_key;
ALTER TABLE timeline.log DROP CONSTRAINT log_subject_revision_key;
"""
"""Nothing catches what another process appended between the look-up and the append."""

STALLS = """
CREATE FUNCTION timeline.stall() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF random() < 0.3 THEN PERFORM pg_sleep(random() * 0.03); END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER stall AFTER INSERT ON timeline.log FOR EACH STATEMENT EXECUTE FUNCTION timeline.stall();
"""
"""No variant, but a slow disk: some appends take their time between the numbering and the commit."""
LONG_STALLS = STALLS.replace("random() < 0.3", "true").replace("random() * 0.03", "random() * 0.2")
"""All of them, and longer: so transactions overlap even where a busy machine lets few of them run."""


async def change_append(dsn: str, changes: tuple[Change, ...]) -> str:
    """Make a variant of the append function. Returns the true one."""
    connection = await _migrating(dsn)
    try:
        true = str(await connection.fetchval(DEFINITION))
        changed = true
        for piece, instead in changes:
            assert changed.count(piece) == 1, f"the append function has no {piece!r} to take out"
            changed = changed.replace(piece, instead)
        await connection.execute(changed)
    finally:
        await connection.close()
    return true


async def run_sql(dsn: str, statements: str) -> None:
    """Run statements, as the superuser who may change the definition of the log."""
    connection = await _migrating(dsn)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


async def _migrating(dsn: str) -> asyncpg.Connection:
    """A connection that the guards of the definition let pass, until it is closed."""
    connection = await asyncpg.connect(dsn)
    await connection.fetchval("SELECT pg_advisory_lock($1)", LOCK)
    return connection
