"""Load what a batch of records may touch, and write what the fold made of it. One connection, one transaction.

The connection's search path names the tables of one version, so the same statements serve the live one and a rebuild.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from timeline.db.statements import load
from timeline.log.read import stored
from timeline.log.record import Stored
from timeline.model.codec import canonical
from timeline.model.edits import Correction, Distinct, Duplicate, Edit
from timeline.model.kinds import AnyEvent, Event
from timeline.model.record import LEVELS, Record
from timeline.model.registry import Actor, AnyRegistration, Registration, SameActor, keys
from timeline.model.speaking import actors
from timeline.projections.derive import tied_to
from timeline.projections.fold import answers, fold, read_record, rests_on
from timeline.projections.told import changed, told
from timeline.projections.world import (
    FOREVER,
    NAMES,
    PURGES,
    Case,
    EntryRow,
    Fate,
    IdentityRow,
    Row,
    StateRow,
    Thing,
    Version,
    VoiceRow,
    World,
)

SQL = load(Path(__file__).with_name("projector.sql"))
Batch = list[tuple[Stored, Record | None]]
PORTION_EVENTS_MAX = 1_000
"""Events that a registration touches are derived so many to a transaction: a source graded anew may have millions."""

_EVENT = msgspec.json.Decoder(AnyEvent)
_REGISTRATION = msgspec.json.Decoder(AnyRegistration)
_VOICE = msgspec.json.Decoder(VoiceRow)
_FATES = msgspec.json.Decoder(list[Fate])
_TENSES = msgspec.json.Decoder(dict[str, str])
_DISTINCT = msgspec.json.Decoder(dict[str, int])
_STATE = [name for name in StateRow.__struct_fields__ if name not in ("source", "answers")]
_ENTRY = [name for name in EntryRow.__struct_fields__ if name != "timeline"]
_HELD = ("from_position", "to_position")


async def load_world(connection: asyncpg.Connection, batch: Batch, only: frozenset[str] | None = None) -> World:
    """Everything that folding the batch may read; of the events that its registrations touch `only` these, if given."""
    world = World()
    events, things = _named_by(batch)
    registered = [str(held.subject) for held, record in batch if isinstance(record, Registration) and held.revision > 1]
    for row in await connection.fetch(SQL.users, registered) if registered else []:
        if only is None or str(row["event"]) in only:
            world.uses.setdefault(str(row["thing"]), set()).add(str(row["event"]))
    edited = {r.subject for _, r in batch if isinstance(r, Edit)}.union(*world.uses.values())
    followers = {str(r["id"]) for r in await connection.fetch(SQL.followers, list(edited))} if edited else set()
    standing = await _load_judged(connection, world, batch)
    wanted = events | edited | followers | (standing if only is None else standing & only)
    if wanted:
        wanted |= {str(r["id"]) for r in await connection.fetch(SQL.ancestors, list(wanted))}
        await _load_events(connection, world, list(wanted))
        for case in world.cases.values():
            things |= rests_on(case.event)
    await _load_things(connection, world, things)
    named = {each for case in world.cases.values() for each in actors(case.event)}
    named |= {each for versions in world.things.values() for each in tied_to(versions[-1].row.registration)}
    named |= {each for _, record in batch for each in acting_in(record)}
    await _load_identity(connection, world, named)
    return world


def acting_in(record: Record | None) -> list[str]:
    """The actors that a record names in a way that their identity matters to."""
    event = record.event if isinstance(record, Correction) else record
    return actors(event) if isinstance(event, Event) else tied_to(record)


async def _load_judged(connection: asyncpg.Connection, world: World, batch: Batch) -> set[str]:
    """Who was ever judged together with those whom the batch judges or marks anew; the events in their timelines."""
    judgements = [str(held.subject) for held, record in batch if isinstance(record, SameActor)]
    named = {each for _, record in batch if isinstance(record, SameActor) for each in record.actors}
    marked = {str(held.subject) for held, r in batch if isinstance(r, Actor) and held.revision > 1}
    if not (named or marked):
        return set()
    for row in await connection.fetch(SQL.judged_together, list(named | marked), judgements):
        world.judged.setdefault(str(row["actor"]), set()).add(str(row["judgement"]))
    if not (named or world.judged):
        return set()
    group = named | world.judged.keys()
    await _load_things(connection, world, group.union(*world.judged.values()))
    await _load_identity(connection, world, group)
    return {str(row["event"]) for row in await connection.fetch(SQL.standing_in, list(group))}


async def _load_identity(connection: asyncpg.Connection, world: World, actors: set[str]) -> None:
    missing = [each for each in actors if each not in world.identity]
    for row in await connection.fetch(SQL.identities, missing) if missing else []:
        identity = IdentityRow(low=row["low"], high=row["high"], canonical=str(row["canonical"]))
        version = Version(row=identity, from_position=row["from_position"], stored=True)
        world.identity.setdefault(str(row["actor"]), []).append(version)


async def portions(connection: asyncpg.Connection, record: Stored, read: Record | None) -> list[frozenset[str]]:
    """The events that a registration touches, if they are too many for one transaction: in portions that no reply and
    what it answers are parted by, so that each is derived after everything that it hears, once."""
    if not isinstance(read, Registration) or (record.revision == 1 and not isinstance(read, SameActor)):
        return []
    touched = {str(row["event"]) for row in await connection.fetch(SQL.users, [str(record.subject)])}
    touched |= await _load_judged(connection, World(), [(record, read)])
    if len(touched) <= PORTION_EVENTS_MAX:
        return []
    whole = {each: each for each in touched}

    def root(event: str) -> str:
        while whole[event] != event:
            whole[event] = whole[whole[event]]
            event = whole[event]
        return event

    for row in await connection.fetch(SQL.bonds, list(touched)):
        one, other = (root(whole.setdefault(each, each)) for each in (str(row["target"]), str(row["reply"])))
        whole[one] = other
    together: dict[str, list[str]] = {}
    for event in sorted(touched):
        together.setdefault(root(event), []).append(event)
    found: list[set[str]] = [set()]
    for several in together.values():
        if found[-1] and len(found[-1]) + len(several) > PORTION_EVENTS_MAX:
            found.append(set())
        found[-1].update(several)
    return [frozenset(each) for each in found]


def _named_by(batch: Batch) -> tuple[set[str], set[str]]:
    """The events and the registered things that the records themselves name."""
    events: set[str] = set()
    things: set[str] = set()
    for held, record in batch:
        match record:
            case Event():
                events |= answers(record)
                things |= rests_on(record)
            case Edit():
                events.add(record.subject)
                events |= {record.survivor} if isinstance(record, Duplicate) else set()
                events |= {record.other} if isinstance(record, Distinct) else set()
                inner = getattr(record, "event", None)
                events |= answers(inner) if inner else set()
                things |= rests_on(inner) if inner else set()
            case Registration():
                things.add(str(held.subject))
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
        state = StateRow(**{name: row[name] for name in _STATE}, source=str(row["source"]), answers=answers)
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
        distinct=_DISTINCT.decode(row["distinct_from"]),
        changed=False,
        stored=True,
    )


async def save_world(connection: asyncpg.Connection, world: World) -> None:
    """Write every row that the fold changed."""
    await _save_cases(connection, [case for case in world.cases.values() if case.changed])
    await _save_pairs(connection, world, "answer", SQL.save_answers, world.new_replies)
    await _save_pairs(connection, world, "rest", SQL.save_rests, world.new_uses)
    if world.new_judged:
        await connection.execute(SQL.save_judged, *_columns(sorted(world.new_judged), 2))
    if world.new_bases:
        await connection.execute(SQL.save_bases, *_columns(sorted(world.new_bases), 2))
    await _save_things(connection, world)
    await _save_voices(connection, world)
    await _save_states(connection, world)
    await _save_entries(connection, world)
    await _save_identity(connection, world)
    heads = [(timeline, level, at) for (timeline, level), at in sorted(world.heads.items())]
    if heads:
        await connection.execute(SQL.move_heads, *_columns(heads, 3))
    shown = [(event, level, at) for (event, level), at in sorted(world.shown_anew.items())]
    if shown:
        await connection.execute(SQL.move_heads_of_answers, *_columns(shown, 3))


FORGET = ("events", "answers", "rests", "bases", "voices", "states", "entries")


async def purge(connection: asyncpg.Connection, world: World, until: int) -> None:
    """Fold the past again, of everything bound to what was erased or marked anew, under today's law and markings.

    Past versions are rewritten, for `as_of` means what we knew then as far as it may be read today. Without this an
    old position would be the leak. What is bound together is folded alone, from its own records.
    """
    ids = list(world.purged)
    together = await connection.fetch(SQL.judged_together, ids, ids)
    judged = [str(row["event"]) for row in await connection.fetch(SQL.ever_stood_in, [r["actor"] for r in together])]
    bound = [str(row["id"]) for row in await connection.fetch(SQL.component, [*ids, *judged])]
    rests = [str(row["thing"]) for row in await connection.fetch(SQL.rests_of, bound)]
    past = await _records(connection, [*bound, *rests], until)
    named = {each for _, record in past for each in acting_in(record)}.union(str(row["actor"]) for row in together)
    members, judgements = await judged_with(connection, named)
    past += await _records(connection, [*members, *judgements], until)
    lowest = await connection.fetchval(SQL.lowest_level, ids)
    before = await told(connection, SQL, bound)
    subjects = list({str(record.subject) for record, _ in past})
    again = World(levels={str(row["id"]): row["level"] for row in await connection.fetch(SQL.levels, subjects)})
    for record, read in sorted(past, key=lambda each: each[0].position):
        fold(again, record, read)
    for name in FORGET:
        await connection.execute(SQL[f"forget_{name}"], bound)
    await connection.execute(SQL.forget_identities, list(members))
    await connection.execute(SQL.forget_judged, ids)
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


async def judged_with(connection: asyncpg.Connection, actors: Iterable[str]) -> tuple[set[str], set[str]]:
    """Everyone ever judged together with these actors, and by which judgements: their records tell who is who."""
    rows = await connection.fetch(SQL.judged_together, list(actors), [])
    return {str(row["actor"]) for row in rows}, {str(row["judgement"]) for row in rows}


async def _records(connection: asyncpg.Connection, subjects: list[str], until: int) -> Batch:
    """Every record about these subjects, in order."""
    records = [stored(row) for row in await connection.fetch(SQL.records_about, subjects, until)]
    return [(each, read_record(each)) for each in records]


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
            msgspec.json.encode(case.distinct),
            canonical(case.event),
        )
        for case in cases
    ]
    new = [row for case, row in zip(cases, rows, strict=True) if not case.stored]
    changed = [row for case, row in zip(cases, rows, strict=True) if case.stored]
    await _copy(connection, "event", new)
    if changed:
        await connection.execute(SQL.save_events, *_columns(changed, 13))


async def _save_pairs(
    connection: asyncpg.Connection, world: World, table: str, save: str, pairs: set[tuple[str, str]]
) -> None:
    """Write what events answer or rest on. Of a new event nothing is there yet, so it is copied: asking of each whether
    it is there, and handing over arrays, took five times as long."""
    await _copy(connection, table, sorted(pair for pair in pairs if not world.cases[pair[1]].stored))
    if known := sorted(pair for pair in pairs if world.cases[pair[1]].stored):
        await connection.execute(save, *_columns(known, 2))


async def _save_things(connection: asyncpg.Connection, world: World) -> None:
    new, ended = _changed(world.things.items())
    if ended:
        rows = [(own, v.from_position, v.to_position) for own, v in ended]
        await connection.execute(SQL.end_things, *_columns(rows, 3))
    await _copy(connection, "registered", [_thing_row(v) for _, v in new])


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
    new, ended = _changed((event, v) for event, voices in world.voices.items() for v in voices.values())
    await _end(connection, "voices", [((event, v.row.id), v) for event, v in ended])
    await _copy(connection, "voice", [(event, *_voice_row(v.row), v.from_position, v.to_position) for event, v in new])


def _voice_row(row: VoiceRow) -> tuple[Any, ...]:
    return row.id, row.position, row.level, row.source, row.said_earliest or row.said_latest, canonical(row)


async def _save_states(connection: asyncpg.Connection, world: World) -> None:
    new, ended = _changed(world.states.items())
    await _end(connection, "states", [((event, v.row.low), v) for event, v in ended])
    rows = [(event, *_fields(v.row), v.from_position, v.to_position) for event, v in new]
    await _copy(connection, "event_state", rows)


async def _save_entries(connection: asyncpg.Connection, world: World) -> None:
    new, ended = _changed(world.entries.items())
    await _end(connection, "entries", [((event, v.row.timeline, v.row.low), v) for event, v in ended])
    rows = [(event, *_fields(v.row), v.from_position, v.to_position) for event, v in new]
    await _copy(connection, "timeline_entry", rows, ("event", *EntryRow.__struct_fields__, *_HELD))


async def _save_identity(connection: asyncpg.Connection, world: World) -> None:
    new, ended = _changed(world.identity.items())
    await _end(connection, "identities", [((actor, v.row.low), v) for actor, v in ended])
    await _copy(connection, "identity", [(actor, *_fields(v.row), v.from_position, v.to_position) for actor, v in new])


Held = tuple[str, Version[Row]]


def _changed(held: Iterable[tuple[str, list[Version[Row]]]]) -> tuple[list[Held[Row]], list[Held[Row]]]:
    """The versions that are new, and the stored ones that no longer hold, each with whose it is."""
    new: list[Held[Row]] = []
    ended: list[Held[Row]] = []
    for own, versions in held:
        for version in versions:
            if not version.stored:
                new.append((own, version))
            elif version.to_position != FOREVER:
                ended.append((own, version))
    return new, ended


async def _end(connection: asyncpg.Connection, rows: str, versions: list[tuple[tuple[Any, ...], Version[Any]]]) -> None:
    """End stored versions, each known by its key. What began where it would end goes: a record that is derived in
    several transactions may take back what the one before wrote."""
    ended = [(*key, v.from_position, v.to_position) for key, v in versions]
    kept = [row for row in ended if row[-2] != row[-1]]
    undone = [row[:-1] for row in ended if row[-2] == row[-1]]
    if kept:
        await connection.execute(SQL[f"end_{rows}"], *_columns(kept, len(kept[0])))
    if undone:
        await connection.execute(SQL[f"undo_{rows}"], *_columns(undone, len(undone[0])))


_fields = msgspec.structs.astuple


async def _copy(
    connection: asyncpg.Connection, table: str, rows: list[tuple[Any, ...]], columns: Sequence[str] | None = None
) -> None:
    if rows:
        await connection.copy_records_to_table(table, records=rows, columns=columns)
