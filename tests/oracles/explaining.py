"""A connection that explains each statement before it runs it: what the product asks is measured as it asks it."""

import json
import re
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from timeline.db.statements import load

PACKAGE = Path(__file__).parents[2] / "timeline"
NAMED = re.compile(r"-- name: ([a-z0-9_]+)")
PLANS = ("force_generic_plan", "force_custom_plan")
"""asyncpg prepares every statement, and PostgreSQL then chooses: either plan may be the one that a reader waits for."""


def every_statement() -> dict[str, str]:
    """The text of every named statement of the package, by its file and name."""
    files = sorted(PACKAGE.rglob("*.sql"))
    return {f"{path.stem}.{name}": text for path in files for name, text in load(path).items()}


_NAMES = {text: name for name, text in every_statement().items()}


class Plan(NamedTuple):
    """How a statement ran once."""

    question: str
    statement: str
    mode: str
    buffers: int
    """8 kB pages of tables and indexes that it touched, and of temporary files."""
    rows: int
    """Rows that it returned, or things that it was asked about: at least one."""
    whole: frozenset[str]
    """Tables that it read from end to end."""
    indexes: frozenset[str]
    """Indexes that it read, or by which it knew a conflict."""


class Explaining:
    """A connection whose statements are explained, under each kind of plan, before they run."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.unexplained = connection
        self.question = ""
        self.plans: list[Plan] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unexplained, name)

    async def fetch(self, statement: str, *arguments: Any) -> Any:
        await self._explain(statement, arguments)
        return await self.unexplained.fetch(statement, *arguments)

    async def fetchrow(self, statement: str, *arguments: Any) -> Any:
        await self._explain(statement, arguments)
        return await self.unexplained.fetchrow(statement, *arguments)

    async def fetchval(self, statement: str, *arguments: Any) -> Any:
        await self._explain(statement, arguments)
        return await self.unexplained.fetchval(statement, *arguments)

    async def execute(self, statement: str, *arguments: Any) -> Any:
        await self._explain(statement, arguments)
        return await self.unexplained.execute(statement, *arguments)

    @asynccontextmanager
    async def acquire(self) -> Any:
        """As a pool of this one connection does it."""
        yield self

    async def _explain(self, statement: str, arguments: tuple[Any, ...]) -> None:
        name = _NAMES.get(statement)
        if name is None:
            return
        asked = max((len(each) for each in arguments if isinstance(each, list)), default=0)
        for mode in PLANS:
            tree = await explained(self.unexplained, statement, arguments, mode)
            self.plans.append(_plan(self.question, name, mode, tree, asked))


async def explained(
    connection: asyncpg.Connection, statement: str, arguments: tuple[Any, ...], mode: str
) -> dict[str, Any]:
    """The plan of a statement with what it cost; what it changed is undone. Inside the caller's transaction."""
    literals = await _literals(connection, statement, arguments)
    await connection.execute(f"SAVEPOINT asked; SET LOCAL plan_cache_mode = {mode}; PREPARE asked AS {statement}")
    try:
        told = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked{literals}")
    finally:
        await connection.execute("ROLLBACK TO SAVEPOINT asked; RELEASE SAVEPOINT asked; DEALLOCATE asked")
    return dict(json.loads(told)[0]["Plan"])


async def _literals(connection: asyncpg.Connection, statement: str, arguments: tuple[Any, ...]) -> str:
    """The arguments as EXECUTE takes them: it has no parameters of its own."""
    if not arguments:
        return ""
    types = [each.name for each in (await connection.prepare(statement)).get_parameters()]
    quoted = ", ".join(f"quote_nullable(${i}::{each}::text)" for i, each in enumerate(types, 1))
    literals = await connection.fetchval(f"SELECT concat_ws(', ', {quoted})", *arguments)
    return f"({literals})"


def _plan(question: str, statement: str, mode: str, tree: dict[str, Any], asked: int) -> Plan:
    nodes = list(_nodes(tree))
    counted = ("Shared Hit Blocks", "Shared Read Blocks", "Temp Read Blocks", "Temp Written Blocks")
    return Plan(
        question=question,
        statement=statement,
        mode=mode,
        buffers=sum(tree[each] for each in counted),
        rows=max(1, asked, int(tree["Actual Rows"])),
        whole=frozenset(node["Relation Name"] for node in nodes if _read_whole(node)),
        indexes=frozenset(name for node in nodes for name in _indexes(node)),
    )


def _read_whole(node: dict[str, Any]) -> bool:
    return bool(node["Node Type"].endswith("Seq Scan") and node["Actual Loops"])


def _indexes(node: dict[str, Any]) -> list[str]:
    """The indexes of a node that was run: the one that it reads by, or those by which it knows a conflict."""
    if node["Actual Loops"] == 0:
        return []
    return [node["Index Name"]] if "Index Name" in node else list(node.get("Conflict Arbiter Indexes", ()))


def _nodes(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield tree
    for each in tree.get("Plans", ()):
        yield from _nodes(each)
