"""What is dumped and restored is the same log, with the same guards."""

import asyncio
import subprocess
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.api.test_posting import PAPER, VISIT, posted
from tests.checks import check_log
from tests.contracts import program
from tests.log.appending import fetch
from timeline.db.logins import PROJECTOR
from timeline.db.migrate import migrate

EVERYTHING = "SELECT * FROM timeline.log JOIN timeline.payload USING (position) ORDER BY position"


async def run(*command: str) -> None:
    """Run a program of the embedded PostgreSQL."""
    words = [str(program(command[0])), *command[1:]]
    done = await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


async def test_a_dump_restored_is_whole_and_guarded(
    api: httpx.AsyncClient, db: str, fresh_database: str, tmp_path: Path
) -> None:
    await posted(api, "/v1/sources", PAPER)
    await posted(api, "/v1/events", VISIT)
    kept = tmp_path / "timeline.dump"

    await run("pg_dump", "--format=custom", f"--file={kept}", f"--dbname={db}", "--exclude-schema=test_seed")
    await run("pg_restore", f"--dbname={fresh_database}", "--exit-on-error", str(kept))

    assert await migrate(fresh_database) == []
    connection = await asyncpg.connect(fresh_database, server_settings={"role": PROJECTOR})
    await connection.execute("CREATE SCHEMA a_read_model; DROP SCHEMA a_read_model")
    await connection.close()
    report = await check_log(fresh_database)
    assert await fetch(fresh_database, EVERYTHING) == await fetch(db, EVERYTHING)
    assert set(report.guards.values()) == {None}
    assert (report.records, report.compared_at) == (2, 2)
    connection = await asyncpg.connect(fresh_database, server_settings={"role": "timeline_owner"})
    with pytest.raises(asyncpg.RestrictViolationError, match="by migrations alone"):
        await connection.execute("ALTER TABLE timeline.log DISABLE TRIGGER USER")
    await connection.close()
