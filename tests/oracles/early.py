"""The service with a writer that acknowledges before the commit: a broken variant, on which the oracle turns red."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg

from timeline.cli import main
from timeline.log import writer
from timeline.log.record import NewRecord, Receipt

LATE_SECONDS = 0.1
LAST = "SELECT coalesce((SELECT position FROM timeline.log ORDER BY position DESC LIMIT 1), 0)"


async def _decide_and_append(self: writer.Writer, batch: list[writer._Waiting], tried: writer.Salts) -> None:
    """Tell the callers what they will be told, and only then do it."""
    pending = [each for each in batch if not each.done]
    async with self._pool.acquire() as connection:
        decided = await self._look_up(connection, pending, tried)
        for waiting in pending:
            decided.decide(waiting)
        receipts = await _foretold(connection, decided.chosen)
        for waiting, places in decided.accepted:
            waiting.settle([each.receipt(receipts) if isinstance(each, writer._Place) else each for each in places])
        await asyncio.sleep(LATE_SECONDS)
        if decided.chosen:
            await self._insert(connection, decided.chosen, tried, "early")


async def _foretold(connection: asyncpg.pool.PoolConnectionProxy, chosen: list[tuple[NewRecord, int]]) -> list[Receipt]:
    last, now = int(await connection.fetchval(LAST)), datetime.now(UTC)
    return [
        Receipt(
            id=new.id,
            position=last + number,
            recorded_at=now + timedelta(microseconds=number),
            subject=new.subject,
            revision=revision,
        )
        for number, (new, revision) in enumerate(chosen, 1)
    ]


if __name__ == "__main__":
    writer.Writer._decide_and_append = _decide_and_append  # type: ignore[method-assign]  # this is the variant
    main()
