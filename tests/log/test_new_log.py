"""A service that begins with an empty log keeps its plans while the log grows: they must not read the whole of it."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.benchmarks.bulk import Bulk, append_events
from timeline.log.read import SQL

EVENTS = 1_500
RUNS_UNTIL_PLANNED = 8
"""PostgreSQL plans a statement anew five times, and may then keep a plan for whatever is asked."""
READ = """
SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_xact_user_tables
WHERE schemaname = 'timeline'
"""
ROWS_MAX = 250
"""The event that is asked about has a hundred revisions, each a record and a payload; the log has twenty times as many
records."""


NAMES = (["actor"] * 3, ["actor-4", "Actor 4", "nobody"], ["actor-4", "actor 4", "nobody"])


def asked(name: str, event: UUID) -> tuple[Any, ...]:
    """What posts are looked up by, about an event and two more."""
    return NAMES if name == "resolve_names" else ([event, UUID(int=1), UUID(int=2)],)


@pytest.mark.parametrize(
    "name", ["known_ids", "current_revisions", "marked_revisions", "last_records", "posted", "merges", "resolve_names"]
)
async def test_what_was_planned_for_an_empty_log_reads_little_of_a_long_one(db: str, name: str) -> None:
    bulk = Bulk()
    connection = await asyncpg.connect(db, server_settings={"search_path": "timeline", "plan_cache_mode": "auto"})
    try:
        statement = await connection.prepare(SQL[name])
        for _ in range(RUNS_UNTIL_PLANNED):
            await statement.fetch(*asked(name, UUID(int=3)))

        await append_events(db, bulk, EVENTS)

        async with connection.transaction():
            before = await connection.fetchval(READ)
            await statement.fetch(*asked(name, UUID(bulk.famous.id)))
            read = await connection.fetchval(READ) - before
    finally:
        await connection.close()
    assert read <= ROWS_MAX
