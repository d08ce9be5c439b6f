"""Read a store as a reader at one level and one position does, and make stores that hold the first p records only."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any, cast
from uuid import UUID

import asyncpg
import msgspec

from tests.projections.folding import ROLE
from timeline.errors import TimelineError
from timeline.log.read import SQL as LOG
from timeline.log.read import stored
from timeline.log.record import Stored
from timeline.model.codec import canonical
from timeline.model.entry import Entry
from timeline.projections import fold as folds
from timeline.projections.events import event_shown
from timeline.projections.pages import EVERYTHING, Connection, Query, page, read_cursor
from timeline.projections.projector import connect, make_tables
from timeline.projections.registered import registered_page
from timeline.projections.slices import WeekQuery, week_slice
from timeline.projections.store import save_world
from timeline.projections.world import ALL, FOREVER, EntryRow, StateRow, Version, World

ON = date(2019, 6, 17)
LEVELS = range(4)
PAGE_SIZE = 7
"""Small, so that walks have several pages."""
KINDS_READ = ("actor", "source", "topic", "document")
LEVELS_TODAY = """
SELECT id, level FROM event UNION ALL SELECT id, level FROM registered WHERE to_position = 9223372036854775807
"""


async def timeline(connection: asyncpg.Connection, which: UUID, level: int, position: int) -> list[Entry]:
    """A whole timeline, page by page."""
    query = Query(timeline=which, level=level, limit=PAGE_SIZE)
    entries: list[Entry] = []
    cursor = None
    while True:
        after = read_cursor(cursor, query) if cursor else None
        found = await page(_pooled(connection), query, EVERYTHING[1], after, position, ON)
        entries += found.entries
        if found.next is None:
            return entries
        cursor = found.next


async def everything_read(
    connection: asyncpg.Connection,
    level: int,
    position: int,
    timelines: list[UUID],
    events: list[UUID],
    weeks: list[str],
) -> dict[str, Any]:
    """What a reader at a level is answered at a position: timelines with their names, events, weeks, registries."""
    found: dict[str, Any] = {}
    pooled = _pooled(connection)
    for which in timelines:
        query = Query(timeline=which, level=level, limit=1_000)
        found[f"timeline {which}"] = _plain(await page(pooled, query, EVERYTHING[1], None, position, ON))
    for week in weeks:
        asked = WeekQuery(week=week, timeline=UUID(ALL), also=None, level=level, match="possible", feeds=True)
        changed = (max(0, position - 5), position)
        found[f"week {week}"] = _plain(await week_slice(pooled, asked, EVERYTHING[1], position, *changed, ON))
    for event in events:
        found[f"event {event}"] = await _event(pooled, event, level, position)
    for kind in KINDS_READ:
        start = ("", UUID(int=0))
        found[kind] = _plain(await registered_page(pooled, kind, level, position, None, start, 100))
    return found


def _pooled(connection: asyncpg.Connection) -> Connection:
    """A connection of our own serves as one of a pool's."""
    return cast("Connection", connection)


async def _event(connection: Connection, event: UUID, level: int, position: int) -> Any:
    """The event whole; a refusal by its name, and where it went by its survivor."""
    try:
        return _plain(await event_shown(connection, event, level, position, ON))
    except TimelineError as refusal:
        return type(refusal).__name__


def _plain(answer: Any) -> Any:
    return msgspec.to_builtins(answer)


@asynccontextmanager
async def first_records(dsn: str, live: asyncpg.Connection, position: int) -> AsyncIterator[asyncpg.Connection]:
    """A store that holds the first p records and no others, under today's markings and erasures; gone afterwards."""
    levels = {str(row["id"]): row["level"] for row in await live.fetch(LEVELS_TODAY)}
    connection = await connect(dsn, "timeline", ROLE)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await make_tables(connection)
        world = World(levels=levels)
        for record in await records(connection, position):
            folds.fold(world, record, folds.read_record(record))
        await save_world(connection, world)
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()


async def records(connection: asyncpg.Connection, position: int) -> list[Stored]:
    """The first p records, without the payloads that were erased since."""
    return [stored(row) for row in await connection.fetch(LOG.tail, 0, position)]


Rows = dict[str, set[tuple[Any, ...]]]
COLUMNS = {
    "event_state": ("event", *StateRow.__struct_fields__),
    "timeline_entry": ("event", *EntryRow.__struct_fields__),
    "voice": ("event", "body"),
    "registered": ("id", "revision", "level", "recorded_at", "body"),
}


async def held_at_each_position(connection: asyncpg.Connection) -> Callable[[int], Rows]:
    """The rows of a store that hold at any position, without the positions themselves."""
    every = {table: await connection.fetch(f"SELECT * FROM {table}") for table in COLUMNS}

    def held(at: int) -> Rows:
        return {
            table: {
                tuple(_told(row[name]) for name in COLUMNS[table])
                for row in rows
                if row["from_position"] <= at < row["to_position"]
            }
            for table, rows in every.items()
        }

    return held


def _told(value: Any) -> Any:
    """A value of a row as the fold has it: ids as texts."""
    return tuple(map(str, value)) if isinstance(value, list) else str(value) if isinstance(value, UUID) else value


def replayed(several: list[Stored], levels: dict[str, int]) -> Iterator[Rows]:
    """The rows after each record, folded in memory from the first: what a store of just these would hold."""
    world = World(levels=levels)
    for record in several:
        folds.fold(world, record, folds.read_record(record))
        yield _live(world)


def _live(world: World) -> Rows:
    return {
        "event_state": {(event, *_fields(row)) for event, found in world.states.items() for row in _now(found)},
        "timeline_entry": {(event, *_fields(row)) for event, found in world.entries.items() for row in _now(found)},
        "voice": {
            (event, canonical(row))
            for event, voices in world.voices.items()
            for found in voices.values()
            for row in _now(found)
        },
        "registered": {
            (row.id, row.revision, row.level, row.recorded_at, canonical(row.registration))
            for found in world.things.values()
            for row in _now(found)
        },
    }


def _now(versions: list[Version[Any]]) -> list[Any]:
    return [version.row for version in versions if version.to_position == FOREVER]


def _fields(row: msgspec.Struct) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in row.__struct_fields__)
