"""Whose request a statement belongs to stands in PostgreSQL's own log, at no round trip."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.api.test_posting import PAPER, VISIT, posted
from tests.conftest import HOME, client_of
from tests.log.appending import fetch
from tests.postgres import EXTERNAL, until
from timeline.app import Application
from timeline.logs import CONNECTION_NAME_MAX
from timeline.settings import Settings

pytestmark = pytest.mark.skipif(EXTERNAL in os.environ, reason="the log of a server that is not ours")
LONGEST = "a" * 64


@pytest.fixture
async def hasty(db: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The owner's client of a service whose statements may take little time."""
    made = Application(Settings(data_dir=str(tmp_path), statement_seconds_max=0.3, lock_seconds_max=0.1), db)
    async with made.running(), client_of(made, {"Authorization": f"Bearer {made.token}"}) as client:
        await posted(client, "/v1/sources", PAPER)
        await posted(client, "/v1/events", VISIT)
        yield client


def told(words: str, by: str) -> bool:
    """Whether the server's log has a line of these words under that name."""
    lines = (Path(os.environ[HOME]) / "postgres" / "log").read_text(errors="replace").splitlines()
    return any(words in line and f"] {by} " in line for line in lines)


@asynccontextmanager
async def locked(db: str, table: str, mode: str) -> AsyncIterator[None]:
    """Inside, somebody else holds a table."""
    connection = await asyncpg.connect(db)
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN {mode} MODE")
            yield
    finally:
        await connection.close()


@pytest.mark.parametrize("asked", ["desk-7", LONGEST])
async def test_a_read_that_fails_is_told_with_its_request(hasty: httpx.AsyncClient, db: str, asked: str) -> None:
    (live,) = await fetch(db, "SELECT tables FROM timeline.progress WHERE live")
    await hasty.get("/v1/timelines/all")
    async with locked(db, f"{live['tables']}.timeline_entry", "ACCESS EXCLUSIVE"):
        answer = await hasty.get("/v1/timelines/all?limit=3", headers={"X-Request-Id": asked})
    after = await hasty.get("/v1/timelines/all?limit=3", headers={"X-Request-Id": "another"})

    assert (answer.status_code, after.status_code) == (503, 200)
    assert answer.headers["retry-after"]
    assert "timeline_entry" not in answer.text
    await until(lambda: told("canceling statement due to lock timeout", f"timeline {asked}"[:CONNECTION_NAME_MAX]))
    assert not told("canceling statement", "timeline another")


async def test_an_append_that_waits_is_told_with_its_request(hasty: httpx.AsyncClient, db: str) -> None:
    async with locked(db, "timeline.payload", "SHARE ROW EXCLUSIVE"):
        posting = asyncio.create_task(
            hasty.post("/v1/events", json=VISIT | {"title": "Another"}, headers={"X-Request-Id": "desk-8"})
        )
        await until(lambda: told("canceling statement due to lock timeout", "timeline desk-8"))
    answer = await posting
    names = await fetch(db, "SELECT application_name FROM pg_stat_activity WHERE usename = 'timeline_writer'")

    assert answer.status_code == 201
    assert {row["application_name"] for row in names} == {"timeline writer"}
