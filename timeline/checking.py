"""`timeline check`: the log against itself, and the tokens and the read models against the log."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
import msgspec

from timeline.log.read import SQL
from timeline.log.tokens import verify_tokens
from timeline.log.verify import verify_log
from timeline.projections.compare import compare


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found."""

    records: int
    erased: int
    compared_at: int | None
    guards: dict[str, str | None]
    """What each guard of the log lacks; null where it is active."""
    faults: list[str]

    def words(self) -> str:
        """The report in a few lines."""
        guards = ", ".join(
            f"{name} active" if fault is None else f"{name} NOT active ({fault})" for name, fault in self.guards.items()
        )
        models = (
            "no read models yet" if self.compared_at is None else f"read models equal a rebuild at {self.compared_at}"
        )
        if self.faults:
            return f"{self.records} records read, {len(self.faults)} faults. Guards: {guards}."
        return f"The log is whole: {self.records} records, {self.erased} erased; {models}. Guards: {guards}."


async def check_all(
    dsn: str,
    role: str | None,
    on_log: Callable[[int, int], object],
    on_models: Callable[[int, int], object],
    reads: tuple[str, str | None] | None = None,
) -> Report:
    """Check everything; `faults` is empty when all of it holds.

    The DSN and the role are those of who folds; `reads` are those of who reads tokens, where that is another.
    """
    async with _connected(dsn, role) as connection:
        found = await verify_log(connection, on_log)
        guards = {row["guard"]: row["fault"] for row in await connection.fetch(SQL.guards)}
    async with _connected(*(reads or (dsn, role))) as connection:
        tokens = await verify_tokens(connection)
    compared = await compare(dsn, role, on_models)
    faults = found.faults + tokens + [f"read model: {each}" for each in (compared.differing if compared else [])]
    return Report(
        records=found.records,
        erased=found.erased,
        compared_at=compared.position if compared else None,
        guards=guards,
        faults=faults,
    )


@asynccontextmanager
async def _connected(dsn: str, role: str | None) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn, server_settings={"timezone": "UTC"} | ({"role": role} if role else {}))
    try:
        yield connection
    finally:
        await connection.close()
