"""Propose what may be one happening: events near each other in the timelines that they share, scored pair by pair.

Blocking is by the index of timelines: an event is compared with those that stand within a few days of it in the
timelines of its actors and places, and with no others, so that a walk over a large log stays linear.
"""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from uuid import UUID

import msgspec
from msgspec import UnsetType

from timeline.db.statements import load
from timeline.model.entry import Entry, NameShown, PointShown, State
from timeline.model.kinds import AnyEvent, Event
from timeline.model.likeness import Likened, Pair, alike, group_of, score
from timeline.projections.pages import Connection, Cursor, Query, entry, names_of, rows_of, states_of

SQL = load(Path(__file__).with_name("duplicates.sql"))
DAYS = 10
"""So near in a timeline two events are compared."""
NEIGHBOURS_MAX = 100
"""So many entries are looked at for an event and timeline, on either side of it."""
SPEECH = ("report", "denial", "confirmation", "assessment", "statement", "publication", "accusation")
_EVENT = msgspec.json.Decoder(AnyEvent)
_STATE = msgspec.json.Decoder(State)


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """Pairs, what they name, and where the next are looked for."""

    pairs: list[Pair]
    names: dict[str, NameShown]
    next: str | None


async def proposed(
    connection: Connection, query: Query, cursor: Cursor | None, position: int, on: date, score_min: int
) -> Proposed:
    """The pairs of a page of events, each with those recorded after it; as many events as `query` limits it to."""
    rows, following = await rows_of(connection, query, cursor, position, on)
    states = {state.id: state for row in rows if (state := _STATE.decode(row["body"])).kind not in SPEECH}
    near = await _neighbours(connection, states.values(), query, position)
    others = {each for several in near.values() for each in several} - states.keys()
    known = states | {s.id: s for s in await states_of(connection, others, query.level, position)}
    entries = {own: entry(state, "participant", {}, on) for own, state in known.items()}
    names = await names_of(connection, entries.values(), query.level, position)
    likened = await _likened(connection, entries, names, query.level, position)
    pairs = [
        pair
        for own, state in states.items()
        for apart in [_apart(state)]
        for pair in sorted(
            (_pair(likened[own], likened[each]) for each in near.get(own, ()) if each in likened and each not in apart),
            key=lambda pair: (-pair.score, pair.events[1].position),
        )
        if pair.score >= score_min
    ]
    shown = await names_of(connection, [each for pair in pairs for each in pair.events], query.level, position)
    return Proposed(pairs=pairs, names=shown, next=following)


async def _neighbours(
    connection: Connection, states: Iterable[State], query: Query, position: int
) -> dict[str, list[str]]:
    wanted = [
        (
            UUID(state.id),
            UUID(timeline),
            state.position,
            state.occurred.at,
            state.occurred.earliest or state.occurred.at,
            state.occurred.latest or date.max,
        )
        for state in states
        for timeline in _blocks(state)
    ]
    if not wanted:
        return {}
    columns = [[each[i] for each in wanted] for i in range(6)]
    rows = await connection.fetch(SQL.neighbours, *columns, DAYS, query.level, NEIGHBOURS_MAX, position, query.feeds)
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(str(row["event"]), []).append(str(row["other"]))
    return found


def _blocks(state: State) -> set[str]:
    """The timelines in which an event's likes are looked for: of its actors and places, else of its topics."""
    found = {each.actor for each in state.participants} | {each.place for each in state.places}
    return found or set(state.topics)


async def _likened(
    connection: Connection, entries: dict[str, Entry], names: dict[str, NameShown], level: int, position: int
) -> dict[str, Likened]:
    """Events as they are compared. A document that the reader may not see makes nothing alike."""
    rows = await connection.fetch(SQL.posted_events, [UUID(each) for each in entries]) if entries else []
    events: dict[str, Event] = {str(row["id"]): _EVENT.decode(row["body"]) for row in rows}
    seen = await names_of(connection, (), level, position, {each for e in events.values() for each in _documents(e)})
    return {own: _compared(entries[own], event, names, seen) for own, event in events.items()}


def _documents(event: Event) -> set[str]:
    return {each for each in (event.document, *(e.document for e in event.evidence)) if each}


def _compared(shown: Entry, event: Event, names: dict[str, NameShown], seen: dict[str, NameShown]) -> Likened:
    points = (names[each.place].point for each in shown.places if each.place in names)
    return Likened(
        entry=shown,
        quote=event.quote.text if event.quote else "",
        documents=frozenset(_documents(event) & seen.keys()),
        group=event.external_ids.get("gdelt:group", ""),
        points=tuple(each for each in points if isinstance(each, PointShown)),
    )


def _apart(state: State) -> set[str]:
    """The events that somebody judged to be others than this one."""
    return set() if isinstance(state.distinct_from, UnsetType) else set(state.distinct_from)


def _pair(one: Likened, other: Likened) -> Pair:
    reasons = alike(one, other)
    return Pair(score=score(reasons), reasons=reasons, events=[one.entry, other.entry], group=group_of(one, other))
