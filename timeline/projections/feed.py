"""The feed of records: all of them, or those that did something to what a reader follows, as its level is told it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from timeline.db.statements import load
from timeline.errors import NotFound
from timeline.log.read import stored
from timeline.model.entry import Feed, RecordShown, StandingChanged, TargetShown
from timeline.model.registry import REGISTRATIONS
from timeline.projections.causes import SQL as TOLD
from timeline.projections.pages import LOOKED_AT_MAX, Connection

SQL = load(Path(__file__).with_name("feed.sql"))

CHANGED_MAX = 20
WIDE_MAX = 10
"""Records that may each have made thousands of events others, in one page that asks which: told by what they are, so
that what is hidden moves no page's end."""


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """What of the feed is asked for; all of it has to hold of a record, and of one event that it made another."""

    kinds: tuple[str, ...] = ()
    actor: UUID | None = None
    topic: UUID | None = None
    standing_changed: bool = False

    @property
    def things(self) -> tuple[UUID, ...]:
        """The things whose timelines are asked for."""
        return tuple(each for each in (self.actor, self.topic) if each is not None)

    @property
    def asks_what_changed(self) -> bool:
        """Whether it takes more than the record to know."""
        return bool(self.things) or self.standing_changed


_TARGET = msgspec.json.Decoder(TargetShown)
EVERYTHING = Sought()
Timelines = Mapping[UUID, frozenset[UUID]]
"""The timelines of each thing that is asked for."""


class Touch(NamedTuple):
    """An event that a record made another."""

    event: UUID
    timelines: frozenset[UUID]
    """Those of the timelines asked for that it stands in, before or after."""
    came_or_went: frozenset[UUID]
    """Those of them that it stands in either before or after."""
    is_other: bool
    """Whether anything that is told of it is another."""
    standing_before: str | None
    standing: str | None

    def concerns(self, of_each: Sequence[frozenset[UUID]]) -> bool:
        """Whether it was made another, or came or went, in what is asked for: timelines of each thing."""
        return all(self.timelines & each for each in of_each) and (
            self.is_other or any(self.came_or_went & each for each in of_each)
        )

    @property
    def stands_differently(self) -> bool:
        """Whether it stood somewhere, and stands elsewhere: a first standing is no change."""
        return self.standing_before is not None and self.standing_before != self.standing


class Headline(NamedTuple):
    """A record without what was said in it."""

    position: int
    kind: str
    subject: UUID
    revision: int

    @property
    def is_wide(self) -> bool:
        """Whether it may have made thousands of events others: something registered anew, or judged to be the same."""
        return self.kind in REGISTRATIONS and (self.revision > 1 or self.kind == "same_actor")


async def feed(
    connection: Connection, after: int, limit: int, level: int, position: int, sought: Sought = EVERYTHING
) -> Feed:
    """The records after a position, up to what is folded, as far as this level may see them; `next` never skips.

    `limit` is how many positions are looked at; where something is sought, how many records are shown, of so many
    positions as a page may look at.

    Raises:
        NotFound: what is asked for is nothing that this level may see.
    """
    if sought == EVERYTHING:
        until = max(after, min(after + limit, position))
        return Feed(records=await records(connection, after, until, level) if until > after else [], next=until)
    until = max(after, min(after + LOOKED_AT_MAX, position))
    of = await timelines_of(connection, sought.things, level, position)
    if missing := [each for each in sought.things if each not in of]:
        raise NotFound(f"There is no {missing[0]} that you may see any more.")
    heads = [Headline(*row) for row in await connection.fetch(SQL.visible, after, until, level, _kinds(sought))]
    touches: dict[int, list[Touch]] = {}
    if sought.asks_what_changed:
        heads, until = _narrow(heads, until)
        touches = await touched(connection, heads, level, of, standings=not sought.things)
    found = {each.position: some for each in heads if (some := found_by(sought, of, each, touches)) is not None}
    if len(found) > limit:
        found = {each: found[each] for each in sorted(found)[:limit]}
        until = max(found)
    rows = await connection.fetch(TOLD.records_at, list(found), level) if found else []
    shown = [shown_as(row) for row in rows]
    if sought.standing_changed:
        shown = await with_changes(connection, shown, found, level)
    return Feed(records=shown, next=until)


def _kinds(sought: Sought) -> list[str] | None:
    return list(sought.kinds) or None


async def records(connection: Connection, after: int, until: int, level: int) -> list[RecordShown]:
    """Every record after a position, up to another, that a level may see."""
    return [shown_as(row) for row in await connection.fetch(SQL.feed, after, until, level)]


async def timelines_of(connection: Connection, things: Iterable[UUID], level: int, position: int) -> Timelines:
    """The timelines of each of these things; nothing of one that the level may not see."""
    wanted = list(things)
    found: dict[UUID, set[UUID]] = {}
    for row in await connection.fetch(SQL.timelines_of, wanted, level, position) if wanted else []:
        found.setdefault(row["id"], set()).add(row["timeline"])
    return {each: frozenset(several) for each, several in found.items()}


def _narrow(heads: list[Headline], until: int) -> tuple[list[Headline], int]:
    """What a page looks at: up to the record that is one too many of those that may have changed thousands."""
    wide = [each.position for each in heads if each.is_wide]
    if len(wide) <= WIDE_MAX:
        return heads, until
    until = wide[WIDE_MAX] - 1
    return [each for each in heads if each.position <= until], until


async def touched(
    connection: Connection, heads: Sequence[Headline], level: int, of: Timelines, *, standings: bool
) -> dict[int, list[Touch]]:
    """What these records did to events in these timelines; with `standings` also to others that stand elsewhere."""
    wanted = list({each for several in of.values() for each in several})
    positions = [each.position for each in heads]
    found: dict[int, list[Touch]] = {}
    if not positions:
        return found
    for row in await connection.fetch(SQL.touched, positions, level, wanted, standings):
        stands, moved = frozenset(row["timelines"] or ()), frozenset(row["came_or_went"] or ())
        touch = Touch(row["event"], stands, moved, row["other"], row["standing_before"], row["standing"])
        found.setdefault(row["position"], []).append(touch)
    return found


def found_by(sought: Sought, of: Timelines, head: Headline, touches: Mapping[int, list[Touch]]) -> list[Touch] | None:
    """Whether a record is what is sought: the events for which it is, which may be none; None where it is not."""
    if sought.kinds and head.kind not in sought.kinds:
        return None
    if not sought.asks_what_changed:
        return []
    of_each = [of.get(each, frozenset()) for each in sought.things]
    found = [
        touch
        for touch in touches.get(head.position, ())
        if touch.concerns(of_each) and (touch.stands_differently or not sought.standing_changed)
    ]
    is_itself = not sought.standing_changed and all(head.subject in each for each in of_each)
    return found if found or is_itself else None


async def with_changes(
    connection: Connection, shown: list[RecordShown], found: Mapping[int, list[Touch]], level: int
) -> list[RecordShown]:
    """The same records, each with the events that stand differently for it."""
    told = {(touch.event, each.position): touch for each in shown for touch in found[each.position][:CHANGED_MAX]}
    titles = await _titles(connection, list(told), level)
    changed: dict[int, list[StandingChanged]] = {}
    for (event, position), touch in told.items():
        if (event, position) in titles:
            changed.setdefault(position, []).append(_changed(touch, titles[event, position]))
    return [
        msgspec.structs.replace(each, changed=changed.get(each.position, []), changed_total=len(found[each.position]))
        for each in shown
    ]


async def _titles(connection: Connection, wanted: list[tuple[UUID, int]], level: int) -> dict[tuple[UUID, int], str]:
    """What each of these events was called last, by a position."""
    events, positions = [event for event, _ in wanted], [position for _, position in wanted]
    rows = await connection.fetch(TOLD.last_told, events, level, positions) if wanted else []
    return {(row["event"], row["position"]): _TARGET.decode(row["body"]).title for row in rows}


def _changed(touch: Touch, title: str) -> StandingChanged:
    return StandingChanged(
        id=str(touch.event),
        title=title,
        standing_before=touch.standing_before,  # type: ignore[arg-type]  # a word, or it would not stand differently
        standing=touch.standing,  # type: ignore[arg-type]  # a word
    )


def shown_as(row: asyncpg.Record) -> RecordShown:
    """A record as the feed shows it, from its row in the log and its payload."""
    record = stored(row)
    return RecordShown(
        position=record.position,
        id=str(record.id),
        kind=record.kind,
        subject=str(record.subject),
        revision=record.revision,
        recorded_at=record.recorded_at,
        recorded_by=record.recorded_by,
        body=record.body,
    )


def head_of(record: RecordShown) -> Headline:
    """A record without what was said in it."""
    return Headline(record.position, record.kind, UUID(record.subject), record.revision)
