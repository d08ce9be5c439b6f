"""What changed between two positions, as one level of reader is told it: per event what, from what to what, and why.

The versions of an event begin at the positions of the records that made them, so the causes come from the versions in
between. What a difference tells of an event is hashed in each version (`told`), so that no body is read in vain, and a
version that begins only because a record above the reader split the levels is none.
"""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from timeline.model.changes import CauseShown, ChangeShown, StoodShown, What, named_by
from timeline.model.edits import EDITS
from timeline.model.entry import State, TargetShown
from timeline.projections.causes import SQL, Told, told_of, words
from timeline.projections.pages import LOOKED_AT_MAX, Connection, targets_named

CAUSES_MAX = 20
LAST = UUID(int=2**128 - 1)
_STATE = msgspec.json.Decoder(State)
_EDITED: dict[str, What] = {"correction": "corrected", "retraction": "taken-back", "marking": "marked"}
"""What an edit of the event itself did to it, where that shows in nothing else."""


class Place(NamedTuple):
    """A place in the order of a difference: where an event was first told otherwise."""

    position: int
    event: UUID


class DiffQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a difference."""

    level: int
    before: int
    after: int
    timelines: tuple[UUID, ...]
    """The event stands in all of these, at the earlier position or at the later."""
    week: str | None = None
    """The week that it is placed in, at the earlier position or at the later."""
    feeds: bool = False
    limit: int = 50

    @property
    def beginning(self) -> Place:
        """The place that a walk starts from."""
        return Place(self.before, LAST)


class Turn(NamedTuple):
    """Where an event came to be told otherwise."""

    position: int
    before: State | None
    after: State | None


async def changes(connection: Connection, query: DiffQuery, after: Place) -> tuple[list[ChangeShown], Place | None]:
    """What changed, from a place in the order on; and where the next page starts, if there may be one.

    A page looks at a bounded number of versions: after a bulk load it may be short, or even empty, with another after
    it. All pages together are complete, and tell each event once.
    """
    rows = await connection.fetch(
        SQL.changes,
        query.level,
        query.before,
        query.after,
        *after,
        LOOKED_AT_MAX,
        list(query.timelines),
        query.feeds,
        query.week,
        query.limit + 1,
    )
    found = [row for row in rows if row["event"] is not None]
    following = None
    if len(found) > query.limit:
        following = Place(found[query.limit - 1]["position"], found[query.limit - 1]["event"])
    elif rows[0]["looked_at"] >= LOOKED_AT_MAX:
        following = Place(rows[0]["last_position"], rows[0]["last_event"])
    return await _shown(connection, query, found[: query.limit]), following


async def _shown(connection: Connection, query: DiffQuery, rows: list[asyncpg.Record]) -> list[ChangeShown]:
    if not rows:
        return []
    events = [row["event"] for row in rows]
    fetched = await connection.fetch(SQL.turns, query.level, query.before, query.after, events, CAUSES_MAX + 1)
    turns: dict[str, list[Turn]] = {}
    totals: dict[str, int] = {}
    for row in fetched:
        event = str(row["event"])
        turn = Turn(row["position"], state_of(row["body_before"]), state_of(row["body_after"]))
        turns.setdefault(event, []).append(turn)
        totals[event] = row["total"]
    positions = {turn.position for several in turns.values() for turn in several}
    told = await told_of(connection, positions, query.level, query.after)
    survivors = await targets_named(connection, _survivors(told.values()), query.level, query.after)
    return [_change(query, row, turns[str(row["event"])], totals[str(row["event"])], told, survivors) for row in rows]


def state_of(body: bytes | None) -> State | None:
    """A stored state; None where there is none."""
    return _STATE.decode(body) if body is not None else None


def _survivors(told: Iterable[Told]) -> set[UUID]:
    return {UUID(each.body["survivor"]) for each in told if each.record.kind == "duplicate"}


def _change(
    query: DiffQuery,
    row: asyncpg.Record,
    turns: list[Turn],
    total: int,
    told: dict[int, Told],
    survivors: dict[str, TargetShown],
) -> ChangeShown:
    event = str(row["event"])
    before, after = state_of(row["body_before"]), state_of(row["body_after"])
    shown = after or before
    assert shown is not None  # it was told otherwise at one of the two
    last = told.get(turns[0].position)
    own_post = [turn for turn in turns if turn.position == shown.position]
    known = [told[turn.position] for turn in turns if turn.position in told]
    causes = [
        cause_of(told[turn.position], event, turned(turn.before, turn.after, [told[turn.position]], turn.position - 1))
        for turn in reversed(turns[:CAUSES_MAX])
        if turn not in own_post and turn.position in told
    ]
    merged_into = last.body["survivor"] if after is None and last and last.record.kind == "duplicate" else None
    return ChangeShown(
        id=event,
        kind=shown.kind,
        title=shown.title,
        marking=shown.marking,
        posted_at=shown.recorded_at,
        what=turned(before, after, known, query.before),
        week=shown.occurred.week,
        week_before=before.occurred.week if before and before.occurred.week != shown.occurred.week else None,
        standing=after.standing if after else None,
        standing_before=before.standing if before else None,
        position=turns[0].position,
        recorded_at=max([shown.recorded_at, shown.since, *(each.record.recorded_at for each in known)]),
        before=stood(before) if before else None,
        after=stood(after) if after else None,
        causes=causes,
        causes_total=total - len(own_post),
        survivor=survivors.get(merged_into) if merged_into else None,
    )


def stood(state: State) -> StoodShown:
    """A state as a difference compares it."""
    return StoodShown(**{name: getattr(state, name) for name in StoodShown.__struct_fields__})


def turned(before: State | None, after: State | None, between: list[Told], since: int) -> list[What]:
    """What changed from one state of an event to another, given the records in between, the newest first.

    An event that was not there before is new if it was posted after `since`; else it had been merged, and is back.
    """
    event = after.id if after else before.id if before else ""
    edits = [each for each in between if each.record.kind in EDITS and str(each.record.subject) == event]
    if after is None:
        kind = edits[0].record.kind if edits else None
        why: list[What] = ["recalled"] if kind == "recall" else ["merged"] if kind == "duplicate" else []
        return ["gone", *why]
    if before is None:
        return ["new" if after.position > since else "back"]
    told: dict[What, bool] = {
        "re-dated": before.occurred != after.occurred,
        "standing": (before.standing, before.rule) != (after.standing, after.rule),
        "phase": before.phase != after.phase,
        "judged": before.assessments != after.assessments,
        "told-apart": before.distinct_from != after.distinct_from,
    }
    edited = [_EDITED[each.record.kind] for each in edits if each.record.kind in _EDITED]
    if before.revision != after.revision and not edited:
        edited = ["edited"]  # merged and back, or by a record further back than the causes that are read
    return [name for name, is_so in told.items() if is_so] + list(dict.fromkeys(edited[::-1]))


def cause_of(told: Told, event: str, what: list[What]) -> CauseShown:
    """A record, as the cause of what it changed about an event."""
    record, body = told.record, told.body
    return CauseShown(
        position=record.position,
        id=str(record.id),
        kind=record.kind,
        recorded_at=record.recorded_at,
        recorded_by=record.recorded_by,
        what=what,
        words=words(told, event),
        source=told.source,
        ground=body.get("ground"),
        reason=body.get("reason"),
        authority=body.get("authority"),
    )


def ids_in(found: Iterable[ChangeShown]) -> set[str]:
    """Every id in changes that stands for something with a name."""
    return {each for change in found for each in named_by(change)}
