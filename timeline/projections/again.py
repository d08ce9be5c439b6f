"""Fold a part of the log again, in memory, with something left out: what would stand if it had never been said.

What is folded is what decides where some events stand: everything that they hear, and what that hears. The records are
those up to a position, under today's law and markings, seen from one level. A reply keeps the tense in which it was
recorded, whatever is left out.
"""

import asyncio
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import asyncpg
import msgspec

from timeline.db.statements import load
from timeline.errors import TooMuch
from timeline.log.read import stored
from timeline.model.dates import Occurred
from timeline.model.entry import State
from timeline.model.kinds import Cancellation
from timeline.model.registry import Document, Source
from timeline.model.standing import Reliability, Tense
from timeline.projections import derive
from timeline.projections.fold import read_record, settle, take
from timeline.projections.pages import Connection
from timeline.projections.store import SQL as STORED
from timeline.projections.store import Batch, acting_in, judged_with
from timeline.projections.world import Case, VoiceRow, World

SQL = load(Path(__file__).with_name("again.sql"))

RECORDS_MAX = 50_000
"""More records than this are not folded again for one answer: it would take longer than a reader waits."""
Item = TypeVar("Item")
_STATE = msgspec.json.Decoder(State)
_TENSES = msgspec.json.Decoder(dict[str, Tense])


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """The records about some events and what they rest on, up to a position, ready to be taken."""

    records: Batch
    levels: dict[str, int]
    tenses: dict[str, dict[str, Tense]]
    position: int

    def taken(self) -> World:
        """The events as they were after their edits, not derived yet."""
        world = World(levels=self.levels)
        for record, read in self.records:
            take(world, record, read)
        for case in world.cases.values():
            case.tenses = self.tenses.get(case.id, {})
        return world


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What decides where some events stand, as seen from a level."""

    events: frozenset[str]
    """The events whose voices are all here."""
    past: Past
    level: int


class Supposed(msgspec.Struct, frozen=True, kw_only=True):
    """What is supposed not to have been said, or to be worth another grade."""

    source: str | None = None
    """Whose voices were never said."""
    publisher: str | None = None
    """By whom voices were relayed, or in whose documents they stand, that were never said."""
    said_to: date | None = None
    """What was said later was never said."""
    graded: tuple[str, Reliability] | None = None
    """A source, and the reliability that it is given."""

    def leaves_out(self, world: World, case: Case, level: int) -> bool:
        """Whether an event's own voice was never said, as a reader at a level may know."""
        event = case.event
        if self.source is not None and event.source == self.source:
            return True
        if self.publisher is not None and self.publisher in (event.via, _publisher(world, event.document, level)):
            return True
        return self.said_to is not None and _is_later(derive.dates(world, case).said, self.said_to)


def _is_later(said: Occurred, day: date) -> bool:
    return is_later(said.earliest, said.latest, day)


def is_later(first: date | None, last: date | None, day: date) -> bool:
    """Whether what was said on one of these days began after a day, or, where no beginning is known, can have."""
    began = first or last
    return began is not None and began > day


def _publisher(world: World, document: str | None, level: int) -> str | None:
    thing = world.thing(document)
    if thing is None or thing.level > level or not isinstance(thing.registration, Document):
        return None
    return thing.registration.publisher


async def part_about(connection: Connection, events: Collection[UUID], level: int, position: int) -> Part:
    """Everything that decides where these events stand, as of a position, for readers at a level.

    Raises:
        TooMuch: it is more than RECORDS_MAX.
    """
    rows = await connection.fetch(SQL.hearing, list(events), level, position, RECORDS_MAX + 1)
    bound = bounded([row["id"] for row in rows])
    past = await past_of(connection, bound, position)
    return Part(events=frozenset(map(str, bound)), past=past, level=level)


async def past_of(connection: Connection, events: Collection[UUID], position: int) -> Past:
    """The records about these events, what they answer and what they rest on.

    Raises:
        TooMuch: they are more than RECORDS_MAX.
    """
    named = [row["id"] for row in await connection.fetch(STORED.ancestors, list(events))]
    things = [row["thing"] for row in await connection.fetch(STORED.rests_of, named)]
    rows = bounded(await connection.fetch(SQL.records_of, [*named, *things], position, RECORDS_MAX + 1))
    records = await asyncio.to_thread(_read, rows)
    acting = {each for _, read in records for each in acting_in(read)}
    members, judgements = await judged_with(connection, acting)  # type: ignore[arg-type]  # a pooled connection serves as well
    who = [UUID(each) for each in (*members, *judgements)]
    rows = await connection.fetch(SQL.records_of, who, position, RECORDS_MAX + 1)
    records = bounded([*records, *_read(rows)])
    levels = await connection.fetch(STORED.levels, [*named, *things, *who])
    tenses = await connection.fetch(SQL.tenses, named)
    return Past(
        records=sorted(records, key=lambda each: each[0].position),
        levels={str(row["id"]): row["level"] for row in levels},
        tenses={str(row["id"]): _TENSES.decode(row["tenses"]) for row in tenses},
        position=position,
    )


def _read(rows: list[asyncpg.Record]) -> Batch:
    records = [stored(row) for row in rows]
    return [(each, read_record(each)) for each in records]


def bounded(found: list[Item]) -> list[Item]:
    """What was found, if it is no more than may be folded for one answer.

    Raises:
        TooMuch: it is more.
    """
    if len(found) > RECORDS_MAX:
        raise TooMuch(
            f"This rests on more than {RECORDS_MAX:,} records, which are not folded again for one answer. "
            "Ask as of an earlier moment, or of less."
        )
    return found


class Folded:
    """A part of the log as it was folded again, seen from one level."""

    def __init__(self, part: Part, supposed: Supposed) -> None:
        self.level, self._past = part.level, part.past
        self.world = part.past.taken()
        self.of = {each: self.world.cases[each] for each in part.events if each in self.world.cases}
        self.spoken = self._suppose(supposed)
        """The voices that were supposed something of, each with the events that it is put to, its own first."""
        settle(self.world, set(self.of), part.past.position)

    def suppose(self, supposed: Supposed) -> None:
        """Suppose something more."""
        self.spoken = self._suppose(supposed)
        touched = {each for several in self.spoken.values() for each in several}
        settle(self.world, touched & self.of.keys(), self._past.position)

    def _suppose(self, supposed: Supposed) -> dict[str, list[str]]:
        spoken: dict[str, list[str]] = {}
        for case in self.of.values():
            if case.status == "live" and case.level <= self.level and not case.unsaid:
                case.unsaid = supposed.leaves_out(self.world, case, self.level)
                if case.unsaid or (supposed.graded and case.event.source == supposed.graded[0]):
                    spoken[case.id] = self._heard_by(case)
        if supposed.graded is not None:
            self._grade(*supposed.graded)
        return spoken

    def _grade(self, source: str, reliability: Reliability) -> None:
        thing = self.world.thing(source)
        if thing is not None and isinstance(thing.registration, Source):
            thing.registration = msgspec.structs.replace(thing.registration, reliability=reliability)

    def _heard_by(self, case: Case) -> list[str]:
        named = derive.targets(self.world, case)
        if isinstance(case.event, Cancellation):
            named = derive.answered(self.world, case, case.event.cancels)
        return list(dict.fromkeys([case.id, derive.survivor(self.world, case).id, *(each.id for each in named)]))

    def voices(self, event: str) -> list[VoiceRow]:
        """The voices on an event that the level sees, oldest first."""
        return [row for row in self.world.voices_of(event) if row.level <= self.level]

    def state(self, event: str) -> State | None:
        """An event as the level sees it; None where it shows it not, or nobody asserts it any more."""
        row = self.world.states_of(event).get(self.level)
        return _STATE.decode(row.body) if row else None

    def is_asserted(self, event: str) -> bool:
        """Whether somebody whom the level hears says, or said, that it happened."""
        return any(row.side in ("assert", "confirm") and row.part is None for row in self.voices(event))


async def fold_again(part: Part, supposed: Supposed) -> Folded:
    """Fold a part of the log under a supposition: in a thread, for it may take seconds in which others are answered."""
    return await asyncio.to_thread(Folded, part, supposed)
