"""Every version of an event as one level of reader is told it: what changed, and because of which record."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec

from timeline.errors import NotFound
from timeline.log.read import event_in
from timeline.model.changes import FieldChange, VersionShown
from timeline.model.codec import read_payload
from timeline.model.entry import NameShown, State, named_in
from timeline.model.kinds import AnyEvent, Event
from timeline.projections.causes import SQL, Told, told_of
from timeline.projections.diff import Turn, cause_of, state_of, stood, turned
from timeline.projections.pages import LOOKED_AT_MAX, Connection, names_of
from timeline.projections.pages import SQL as PAGES

COMPARED = (
    "kind",
    "title",
    "occurred",
    "participants",
    "against",
    "places",
    "topics",
    "marking",
    "source",
    "modality",
    "revision",
    "distinct_from",
    "standing",
    "rule",
    "phase",
    "denied_by",
    "independent",
    "sides",
    "partisan",
    "voices",
    "because",
    "assessments",
    "replies_to",
)
"""The fields of a state that a history tells, in this order."""
_SHOWN_ALREADY = {*COMPARED, "id", "of"}


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a history."""

    versions: list[VersionShown]
    names: dict[str, NameShown]
    following: int | None
    """The position that the next page starts after, if there may be one."""


async def history(connection: Connection, event: UUID, level: int, position: int, after: int, limit: int) -> Versions:
    """The versions of an event that began after a position, as of `position`; also of what was recalled or merged.

    Raises:
        NotFound: there is no such event that this level may see.
    """
    held = await connection.fetchrow(PAGES.event, event, level)
    if held is None or held["position"] > position:
        raise NotFound(f"No event {event} that you may see.")
    rows = await connection.fetch(SQL.history, event, level, after, position, LOOKED_AT_MAX, limit + 1)
    found = [row for row in rows if row["position"] is not None]
    turns = [Turn(r["position"], state_of(r["body_before"]), state_of(r["body_after"])) for r in found[:limit]]
    following = None
    if len(found) > limit:
        following = turns[-1].position
    elif rows[0]["looked_at"] >= LOOKED_AT_MAX:
        following = rows[0]["last_position"]
    told = await told_of(connection, [turn.position for turn in turns], level, position)
    posted = await _posted(connection, event, told)
    versions = [_version(str(event), turn, told.get(turn.position), posted) for turn in turns]
    ids = _ids(turns) | {each.cause.source for each in versions if each.cause and each.cause.source}
    names = await names_of(connection, [], level, position, ids)
    return Versions(versions=versions, names=names, following=following)


async def _posted(connection: Connection, event: UUID, told: dict[int, Told]) -> dict[int, list[FieldChange]]:
    """What each correction changed of what was posted, beyond what a state tells, by its position."""
    corrections = [
        (position, each)
        for position, each in sorted(told.items())
        if each.record.kind == "correction" and each.record.subject == event
    ]
    found: dict[int, list[FieldChange]] = {}
    before: dict[str, Any] | None = None
    for position, each in corrections:
        if before is None:
            before = _plain(await connection.fetchval(PAGES.event_posted, event, position - 1))
        after = _fields(msgspec.convert(each.body["event"], AnyEvent))
        found[position] = _differing(before, after)
        before = after
    return found


def _plain(stored: bytes | None) -> dict[str, Any]:
    if stored is None:
        return {}
    return _fields(event_in(read_payload(stored)))


def _fields(event: Event) -> dict[str, Any]:
    """What was posted of an event and is no part of its state."""
    plain: dict[str, Any] = msgspec.to_builtins(event)
    return {name: value for name, value in plain.items() if name not in _SHOWN_ALREADY}


def _differing(before: dict[str, Any], after: dict[str, Any]) -> list[FieldChange]:
    names = dict.fromkeys([*before, *after])
    return [
        FieldChange(field=name, before=before.get(name), after=after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    ]


def _version(event: str, turn: Turn, told: Told | None, posted: dict[int, list[FieldChange]]) -> VersionShown:
    what = turned(turn.before, turn.after, [told] if told else [], turn.position - 1)
    changes: list[FieldChange] = []
    if turn.before and turn.after:
        changes = _differing(_told(turn.before), _told(turn.after)) + posted.get(turn.position, [])
    return VersionShown(
        position=turn.position,
        what=what,
        stood=stood(turn.after) if turn.after else None,
        changes=changes,
        cause=cause_of(told, event, what) if told else None,
    )


def _told(state: State) -> dict[str, Any]:
    values = {name: getattr(state, name) for name in COMPARED}
    return {name: msgspec.to_builtins(value) for name, value in values.items() if value is not msgspec.UNSET}


def _ids(turns: Iterable[Turn]) -> set[str]:
    return {each for turn in turns for state in (turn.before, turn.after) if state for each in named_in(state)}
