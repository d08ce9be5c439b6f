"""Load what a batch of records may touch, and write what the fold made of it. One connection, one transaction.

The connection's search path names the tables of one version, so the same statements serve the live one and a rebuild.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from timeline.db.statements import load
from timeline.log.record import Stored
from timeline.model.codec import canonical
from timeline.model.edits import Duplicate, Edit
from timeline.model.kinds import AnyEvent, Event
from timeline.model.record import LEVELS, Record
from timeline.model.registry import AnyRegistration, Registration, keys
from timeline.projections.fold import answers, rests_on
from timeline.projections.told import changed, told
from timeline.projections.world import (
    FOREVER,
    NAMES,
    PURGES,
    Case,
    EntryRow,
    Fate,
    StateRow,
    Thing,
    Version,
    VoiceRow,
    World,
)

SQL = load(Path(__file__).with_name("projector.sql"))
Batch = list[tuple[Stored, Record | None]]
Reading = Callable[[World, asyncpg.Record], None]
"""Folds a row of the log into a world."""

_EVENT = msgspec.json.Decoder(AnyEvent)
_REGISTRATION = msgspec.json.Decoder(AnyRegistration)
_VOICE = msgspec.json.Decoder(VoiceRow)
_FATES = msgspec.json.Decoder(list[Fate])
_TENSES = msgspec.json.Decoder(dict[str, str])
_STATE = [name for name in StateRow.__struct_fields__ if name != "answers"]
_ENTRY = [name for name in EntryRow.__struct_fields__ if name != "timeline"]


async def load_world(connection: asyncpg.Connection, batch: Batch) -> World:
    """Everything that folding the batch may read."""
    world = World()
    events, things = _named_by(batch)
    registered = [
        str(stored.subject) for stored, record in batch if isinstance(record, Registration) and stored.revision > 1
    ]
    users = await connection.fetch(SQL.users, registered) if registered else []
    for row in users:
        world.uses.setdefault(str(row["thing"]), set()).add(str(row["event"]))
    edited = {r.subject for _, r in batch if isinstance(r, Edit)} | {str(row["event"]) for row in users}
    followers = {str(r["id"]) for r in await connection.fetch(SQL.followers, list(edited))} if edited else set()
    wanted = events | edited | followers
    if wanted:
        wanted |= {str(r["id"]) for r in await connection.fetch(SQL.ancestors, list(wanted))}
        await _load_events(connection, world, list(wanted))
        for case in world.cases.values():
            things |= rests_on(case.event)
    await _load_things(connection, world, things)
    return world


def _named_by(batch: Batch) -> tuple[set[str], set[str]]:
    """The events and the registered things that the records themselves name."""
    events: set[str] = set()
    things: set[str] = set()
    for stored, record in batch:
        match record:
            case Event():
                events |= answers(record)
                things |= rests_on(record)
            case Edit():
                events.add(record.subject)
                events |= {record.survivor} if isinstance(record, Duplicate) else set()
                inner = getattr(record, "event", None)
                events |= answers(inner) if inner else set()
                things |= rests_on(inner) if inner else set()
            case Registration():
                things.add(str(stored.subject))
            case _:
                pass
    return events, things


async def _load_events(connection: asyncpg.Connection, world: World, ids: list[str]) -> None:
    for row in await connection.fetch(SQL.events, ids):
        case = _case(row)
        world.cases[case.id] = case
    known = list(world.cases)
    for row in await connection.fetch(SQL.answers, known):
        world.replies.setdefault(str(row["target"]), set()).add(str(row["reply"]))
    for row in await connection.fetch(SQL.voices, known):
        versions = world.voices.setdefault(str(row["event"]), {}).setdefault(str(row["id"]), [])
        versions.append(Version(row=_VOICE.decode(row["body"]), from_position=row["from_position"], stored=True))
    for row in await connection.fetch(SQL.hearers, known):
        world.hearers.setdefault(str(row["id"]), set()).add(str(row["event"]))
    for row in await connection.fetch(SQL.states, known):
        answers = tuple(map(str, row["answers"])) if row["answers"] else None
        state = StateRow(**{name: row[name] for name in _STATE}, answers=answers)
        version = Version(row=state, from_position=row["from_position"], stored=True)
        world.states.setdefault(str(row["event"]), []).append(version)
    for row in await connection.fetch(SQL.entries, known):
        entry = EntryRow(**{name: row[name] for name in _ENTRY}, timeline=str(row["timeline"]))
        found = Version(row=entry, from_position=row["from_position"], stored=True)
        world.entries.setdefault(str(row["event"]), []).append(found)
    sources = {
        version.row.source for voices in world.voices.values() for several in voices.values() for version in several
    }
    await _load_things(connection, world, sources)


async def _load_things(connection: asyncpg.Connection, world: World, ids: Iterable[str]) -> None:
    missing = [each for each in set(ids) if each not in world.things]
    for row in await connection.fetch(SQL.things, missing) if missing else []:
        thing = Thing(
            id=str(row["id"]),
            registration=_REGISTRATION.decode(row["body"]),
            revision=row["revision"],
            level=row["level"],
            position=row["position"],
            recorded_at=row["recorded_at"],
        )
        world.things[thing.id] = [Version(row=thing, from_position=row["from_position"], stored=True)]


def _case(row: asyncpg.Record) -> Case:
    return Case(
        id=str(row["id"]),
        position=row["position"],
        recorded_at=row["recorded_at"],
        recorded_by=row["recorded_by"],
        revision=row["revision"],
        event=_EVENT.decode(row["body"]),
        level=row["level"],
        status=row["status"],
        survivor=str(row["survivor"]) if row["survivor"] else None,
        fates=_FATES.decode(row["fates"]),
        taken_back=row["taken_back"],
        tenses=_TENSES.decode(row["tenses"]),  # type: ignore[arg-type]  # written by save_cases, from tenses
        changed=False,
    )


async def save_world(connection: asyncpg.Connection, world: World) -> None:
    """Write every row that the fold changed."""
    await _save_cases(connection, [case for case in world.cases.values() if case.changed])
    if world.new_replies:
        await connection.execute(SQL.save_answers, *_columns(sorted(world.new_replies), 2))
    if world.new_uses:
        await connection.execute(SQL.save_rests, *_columns(sorted(world.new_uses), 2))
    if world.new_bases:
        await connection.execute(SQL.save_bases, *_columns(sorted(world.new_bases), 2))
    await _save_things(connection, world)
    await _save_voices(connection, world)
    await _save_states(connection, world)
    await _save_entries(connection, world)
    heads = [(timeline, level, at) for (timeline, level), at in sorted(world.heads.items())]
    if heads:
        await connection.execute(SQL.move_heads, *_columns(heads, 3))
    shown = [(event, level, at) for (event, level), at in sorted(world.shown_anew.items())]
    if shown:
        await connection.execute(SQL.move_heads_of_answers, *_columns(shown, 3))


FORGET = ("events", "answers", "rests", "bases", "voices", "states", "entries")


async def purge(connection: asyncpg.Connection, world: World, read: Reading, until: int) -> None:
    """Fold the past again, of everything bound to what was erased or marked anew, under today's law and markings.

    Past versions are rewritten, for `as_of` means what we knew then as far as it may be read today. Without this an
    old position would be the leak. What is bound together is folded alone, from its own records.
    """
    ids = list(world.purged)
    bound = [str(row["id"]) for row in await connection.fetch(SQL.component, ids)]
    rests = [str(row["thing"]) for row in await connection.fetch(SQL.rests_of, bound)]
    levels = {str(row["id"]): row["level"] for row in await connection.fetch(SQL.levels, [*bound, *rests])}
    lowest = await connection.fetchval(SQL.lowest_level, ids)
    before = await told(connection, SQL, bound)
    again = World(levels=levels)
    for row in await connection.fetch(SQL.records_about, [*bound, *rests], until):
        read(again, row)
    for name in FORGET:
        await connection.execute(SQL[f"forget_{name}"], bound)
    await connection.execute(SQL.forget_erased_things, ids)
    await connection.execute(SQL.mark_things, ids)
    again.things.clear()  # only read here: their own versions stay as they are
    again.heads, again.shown_anew = {}, {}  # of then: what readers see change now is told from what they saw
    await save_world(connection, again)
    moved = changed(before, await told(connection, SQL, bound))
    if lowest is not None:
        moved |= {(NAMES, level) for level in LEVELS if level >= lowest}
    moved |= {(PURGES, level) for _, level in moved}
    if moved:
        await connection.execute(SQL.move_heads, *_columns([(*each, until) for each in sorted(moved)], 3))


def _columns(rows: list[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [[row[i] for row in rows] for i in range(width)]


async def _save_cases(connection: asyncpg.Connection, cases: list[Case]) -> None:
    rows = [
        (
            case.id,
            case.position,
            case.recorded_at,
            case.recorded_by,
            case.revision,
            case.level,
            case.status,
            case.survivor,
            msgspec.json.encode(case.fates),
            case.taken_back,
            canonical(case.tenses),
            canonical(case.event),
        )
        for case in cases
    ]
    if rows:
        await connection.execute(SQL.save_events, *_columns(rows, 12))


async def _save_things(connection: asyncpg.Connection, world: World) -> None:
    versions = [version for several in world.things.values() for version in several]
    new = [_thing_row(v) for v in versions if not v.stored]
    ended = [(v.row.id, v.from_position, v.to_position) for v in versions if v.stored and v.to_position != FOREVER]
    if ended:
        await connection.execute(SQL.end_things, *_columns(ended, 3))
    await _copy(connection, "registered", new)


def _thing_row(version: Version[Thing]) -> tuple[Any, ...]:
    thing, registration = version.row, version.row.registration
    found_by = "\n".join(key.text for key in keys(registration))
    name = (
        getattr(registration, "name", None)
        or getattr(registration, "title", None)
        or getattr(registration, "url", None)
    )
    return (
        thing.id,
        registration.kind_of(),
        thing.revision,
        thing.level,
        thing.position,
        thing.recorded_at,
        getattr(registration, "slug", None),
        name,
        found_by,
        canonical(registration),
        version.from_position,
        version.to_position,
    )


async def _save_voices(connection: asyncpg.Connection, world: World) -> None:
    versions = [(event, v) for event, voices in world.voices.items() for several in voices.values() for v in several]
    new = [(event, *_voice_row(v.row), v.from_position, v.to_position) for event, v in versions if not v.stored]
    ended = [
        (event, v.row.id, v.from_position, v.to_position)
        for event, v in versions
        if v.stored and v.to_position != FOREVER
    ]
    if ended:
        await connection.execute(SQL.end_voices, *_columns(ended, 4))
    await _copy(connection, "voice", new)


def _voice_row(row: VoiceRow) -> tuple[Any, ...]:
    return row.id, row.position, row.level, row.source, row.said_earliest or row.said_latest, canonical(row)


async def _save_states(connection: asyncpg.Connection, world: World) -> None:
    versions = [(event, v) for event, several in world.states.items() for v in several]
    ended = [
        (event, v.row.low, v.from_position, v.to_position)
        for event, v in versions
        if v.stored and v.to_position != FOREVER
    ]
    if ended:
        await connection.execute(SQL.end_states, *_columns(ended, 4))
    new = [(event, *_fields(v.row), v.from_position, v.to_position) for event, v in versions if not v.stored]
    await _copy(connection, "event_state", new)


async def _save_entries(connection: asyncpg.Connection, world: World) -> None:
    versions = [(event, v) for event, several in world.entries.items() for v in several]
    ended = [
        (event, v.row.timeline, v.row.low, v.from_position, v.to_position)
        for event, v in versions
        if v.stored and v.to_position != FOREVER
    ]
    if ended:
        await connection.execute(SQL.end_entries, *_columns(ended, 5))
    new = [
        (v.row.timeline, event, *_fields(v.row)[1:], v.from_position, v.to_position)
        for event, v in versions
        if not v.stored
    ]
    await _copy(connection, "timeline_entry", new)


_fields = msgspec.structs.astuple


async def _copy(connection: asyncpg.Connection, table: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        await connection.copy_records_to_table(table, records=rows)
