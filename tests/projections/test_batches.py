"""How records were cut into batches leaves no trace in the read models: what a batch loads is all that it touches."""

import asyncpg
import pytest

from tests.projections.logged import Log
from tests.projections.streams import Stream
from timeline.importers.libya_week import EVENTS, REGISTRATIONS
from timeline.log.record import Stored
from timeline.projections import fold
from timeline.projections.projector import make_tables
from timeline.projections.store import load_world, save_world
from timeline.projections.tables import TABLES

RECORDS = 60


async def digest(dsn: str, stored: list[Stored], size: int) -> str:
    """The digest of new tables, after the records were folded into them by so many at a time."""
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "timeline", "timezone": "UTC"})
    try:
        async with connection.transaction():
            tables = await make_tables(connection)
        await connection.execute("SELECT set_config('search_path', $1, false)", f"{tables}, timeline")
        for first in range(0, len(stored), size):
            await _fold(connection, stored[first : first + size])
        return str(await connection.fetchval(TABLES.digest))
    finally:
        await connection.close()


async def _fold(connection: asyncpg.Connection, stored: list[Stored]) -> None:
    batch = [(each, fold.read_record(each)) for each in stored]
    async with connection.transaction():
        world = await load_world(connection, batch)
        for each, record in batch:
            fold.fold(world, each, record)
        await save_world(connection, world)


async def test_the_week_folded_one_by_one_is_the_week_folded_at_once(db: str) -> None:
    stored = Log().post([*REGISTRATIONS, *EVENTS]).stored

    assert await digest(db, stored, 1) == await digest(db, stored, len(stored))


@pytest.mark.parametrize("seed", range(100, 106))
async def test_whatever_comes_is_folded_alike_in_batches_of_any_size(db: str, seed: int) -> None:
    stream = Stream(seed)
    stored = Log().post([*REGISTRATIONS, *(stream.post() for _ in range(RECORDS))]).stored

    digests = {await digest(db, stored, size) for size in (1, 7, len(stored))}

    assert len(digests) == 1
