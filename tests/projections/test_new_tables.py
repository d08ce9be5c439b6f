"""A projector that begins with empty tables keeps its plans while they grow: they must not read the whole of them."""

import asyncpg

from tests.benchmarks.bulk import Bulk, append_events
from tests.projections.folding import fresh_tables
from timeline.projections.projector import step

EVENTS = 3_000
BATCH_RECORDS = 10
"""As few as a projector finds that keeps up; with each the statements are run once."""
MEASURED_RECORDS = 500
READ = """
SELECT relname, (seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint AS read FROM pg_stat_user_tables
WHERE schemaname = $1
"""
ROWS_MAX = 10
"""Rows of one table that may be read for each record: what it touches, and no more as the table grows."""


async def rows_read(connection: asyncpg.Connection, tables: str) -> dict[str, int]:
    """How many rows of each table were read so far."""
    await connection.fetchval("SELECT pg_stat_force_next_flush()")
    return {row["relname"]: row["read"] for row in await connection.fetch(READ, tables)}


async def test_what_was_planned_for_empty_tables_reads_little_of_large_ones(db: str) -> None:
    await append_events(db, Bulk(), EVENTS)
    async with fresh_tables(db) as (connection, tables):
        at = await fold(connection, tables, 0, EVENTS)
        before = await rows_read(connection, tables)

        reached = await fold(connection, tables, at, at + MEASURED_RECORDS)

        read = {
            table: rows / (reached - at)
            for table, after in (await rows_read(connection, tables)).items()
            if (rows := after - before[table]) > ROWS_MAX * (reached - at)
        }
    assert read == {}


async def fold(connection: asyncpg.Connection, tables: str, at: int, until: int) -> int:
    """Fold a few records at a time."""
    while at < until:
        at = await step(connection, tables, at, BATCH_RECORDS)
    return at
