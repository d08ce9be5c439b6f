"""The service with a fold in two transactions, progress first: a broken variant, on which the oracle turns red."""

import asyncpg

from timeline.cli import main
from timeline.projections import projector
from timeline.projections.store import SQL, Batch

_true_commit = projector._commit


async def _commit(connection: asyncpg.Connection, tables: str, after: int, batch: Batch, *, live_only: bool) -> int:
    reached = batch[-1][0].position
    if live_only:
        await connection.execute(SQL.move_progress, projector.NAME, tables, after, reached, True)
        after = reached  # which the true one moves to where it is
    return await _true_commit(connection, tables, after, batch, live_only=live_only)


if __name__ == "__main__":
    projector._commit = _commit
    main()
