"""No statement is kept that nothing runs, and each can be run by the role that is to run it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.projections.folding import live_tables
from timeline.db.statements import load

ROOT = Path(__file__).parents[1] / "timeline"
OWNER, WRITER, READER, PROJECTOR = None, "timeline_writer", "timeline_reader", "timeline_projector"
ROLES: dict[str, tuple[str | None, ...]] = {
    "db/migrate.sql": (OWNER,),
    "log/log.sql": (WRITER, READER, PROJECTOR),  # the projector tails it, and `timeline check` reads the whole of it
    "log/tokens.sql": (WRITER, READER),
    "projections/again.sql": (READER,),
    "projections/cited.sql": (READER,),
    "projections/diff.sql": (READER,),
    "projections/duplicates.sql": (READER,),
    "projections/feed.sql": (READER,),
    "projections/pages.sql": (READER,),
    "projections/projector.sql": (PROJECTOR,),
    "projections/tables.sql": (PROJECTOR,),
}
"""Who runs the statements of a file. A file that is not here is one that nobody may forget to add."""
NOT_FOR = {
    ("append_records", PROJECTOR): "it folds, and never writes to the log",
    ("append_records", READER): "it reads",
    ("record_tokens", READER): "it reads",
    ("tokens_after", WRITER): "it records tokens, and reads none",
    ("every_token", WRITER): "it records tokens, and reads none",
    ("of_others", WRITER): "it records tokens, and reads none",
    ("one_token", WRITER): "it records tokens, and reads none",
    ("tokens_and_records", WRITER): "it records tokens, and reads none",
    ("hold_progress", READER): "a dry run moves nothing, so it holds nothing",
}
DRY_RUN = re.compile(r"(WITH|SELECT)\b")
"""What a dry run may ask of the read models to fold a post that nobody appended: as the reader, who changes nothing."""
PARAMETER = re.compile(r"\$(\d+)")
LIKE_ANOTHER = re.compile(r"^-- As `(\w+)`", re.MULTILINE)


def every_statement() -> list[tuple[str, str, str]]:
    """File, name and text of each."""
    files = sorted(ROOT.rglob("*.sql"))
    return [(path.relative_to(ROOT).as_posix(), name, text) for path in files for name, text in load(path).items()]


def roles_for(file: str, name: str, text: str) -> list[str | None]:
    """Every role that runs a statement."""
    also = (READER,) if file == "projections/projector.sql" and DRY_RUN.match(_without_comments(text)) else ()
    return [role for role in (*ROLES.get(file, ()), *also) if (name, role) not in NOT_FOR]


def test_every_statement_is_run_by_the_code_beside_it() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.rglob("*.py"))
    # `forget_events` and its like are run by their common beginning.
    built = {f"forget_{name}" for name in ("events", "answers", "rests", "bases", "voices", "states", "entries")}
    built |= {f"{verb}_{rows}" for verb in ("end", "undo") for rows in ("voices", "states", "entries", "identities")}

    unused = [
        f"{path.name}: {name}"
        for path in sorted(ROOT.rglob("*.sql"))
        for name in load(path)
        if name not in built and not re.search(rf"\b(SQL|LOG|TABLES|sql)\.{name}\b", code)
    ]

    assert unused == []


def test_somebody_runs_every_file() -> None:
    assert {file for file, _, _ in every_statement()} == ROLES.keys()


def test_every_parameter_is_told() -> None:
    texts = {(file, name): text for file, name, text in every_statement()}
    used = {at: {int(each) for each in PARAMETER.findall(_without_comments(text))} for at, text in texts.items()}
    told = {at: {int(each) for each in PARAMETER.findall(_comments(text))} for at, text in texts.items()}
    told |= {
        (file, name): told[file, like[1]] for (file, name), text in texts.items() if (like := LIKE_ANOTHER.search(text))
    }

    assert {at: sorted(numbers) for at, numbers in used.items() if numbers != told[at]} == {}
    assert all(numbers == set(range(1, len(numbers) + 1)) for numbers in used.values())


async def test_every_statement_can_be_run_by_each_of_its_roles(db: str) -> None:
    async with live_tables(db) as (_, tables):
        faults = [
            f"{file}: {name} as {role}: {fault}"
            for file, name, text in every_statement()
            for role in roles_for(file, name, text)
            if (fault := await fault_of(db, tables, role, text))
        ]

    assert faults == []


@pytest.mark.parametrize(
    ("role", "text", "fault"),
    [
        (READER, "SELECT bodies FROM event WHERE id = $1", 'column "bodies" does not exist'),
        (READER, "SELECT body FROM event WHERE id = $1 AND level <= $1::smallint", "cannot cast type uuid to smallint"),
        (PROJECTOR, "SELECT 1; SELECT body FROM events", 'relation "events" does not exist'),
        (READER, "SELECT body FROM event LIMIT $2", "could not determine data type of parameter"),
        (READER, "DELETE FROM event WHERE id = $1", "permission denied for table event"),
        (WRITER, "SELECT body FROM event WHERE id = $1", 'relation "event" does not exist'),
        (PROJECTOR, "UPDATE timeline.log SET kind = $1", "permission denied for table log"),
        (PROJECTOR, "SELECT timeline.append_records($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)", "permission denied for func"),
    ],
)
async def test_a_statement_that_cannot_be_run_is_found(db: str, role: str, text: str, fault: str) -> None:
    async with live_tables(db) as (_, tables):
        found = await fault_of(db, tables, role, text)

    assert fault in (found or "")


async def fault_of(dsn: str, tables: str, role: str | None, text: str) -> str | None:
    """Why a role cannot run a statement: its names, its types or its rights are wrong."""
    async with _acting_as(dsn, tables, role) as connection:
        try:
            if await _are_several(connection, text):
                await connection.execute("CREATE SCHEMA empty; SET LOCAL search_path = empty, timeline")
                await connection.execute(text)
            else:
                await _plan(connection, text)
        except asyncpg.PostgresError as error:
            return str(error)
    return None


async def _are_several(connection: asyncpg.Connection, text: str) -> bool:
    """Whether there are several statements in the text, which nobody can prepare."""
    try:
        async with connection.transaction():
            await connection.prepare(text)
    except asyncpg.PostgresSyntaxError as error:
        return "multiple commands" in str(error)
    return False


async def _plan(connection: asyncpg.Connection, text: str) -> None:
    """Begin to execute it, which is where PostgreSQL looks at rights, and stop there."""
    parameters = (await connection.prepare(text)).get_parameters()
    if not re.match(r"(SELECT|WITH|INSERT|UPDATE|DELETE)\b", _without_comments(text)):
        await connection.execute(text)
        return
    await connection.execute(f"PREPARE asked AS {text}")
    nothing = f"({', '.join('NULL' for _ in parameters)})" if parameters else ""
    await connection.execute(f"EXPLAIN EXECUTE asked{nothing}")


@asynccontextmanager
async def _acting_as(dsn: str, tables: str, role: str | None) -> AsyncIterator[asyncpg.Connection]:
    """A connection of its own for whatever is prepared, in a transaction that is rolled back."""
    settings = {"search_path": f"{tables}, timeline"} | ({"role": role} if role else {})
    connection = await asyncpg.connect(dsn, server_settings=settings)
    try:
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        await transaction.rollback()
    finally:
        connection.terminate()


def _without_comments(text: str) -> str:
    return re.sub(r"--[^\n]*", "", text).strip()


def _comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.startswith("--"))
