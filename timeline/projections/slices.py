"""A weekly slice: the entries of one ISO week, in the sections of a brief."""

from datetime import date, timedelta
from uuid import UUID

import asyncpg
import msgspec

from timeline.model.entry import ChangeShown, Entry, Sections, Slice, State, Subject, What
from timeline.model.kinds import EVENTS, Speech
from timeline.model.weeks import Match, Placement, matches, week_bounds, week_of
from timeline.projections.pages import SQL, Connection, shown

SECTION_MAX = 1_000
CHANGED_MAX = 200
CHANGES_LOOKED_AT_MAX = 2_000
_STATE = msgspec.json.Decoder(State)


class WeekQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a week."""

    week: str
    timeline: UUID
    also: UUID | None
    level: int
    match: Match
    feeds: bool


async def week_slice(
    connection: Connection, query: WeekQuery, subject: Subject, position: int, since: int, until: int, on: date
) -> Slice:
    """The slice as of `position`; `changed` tells what the records after `since` up to `until` changed."""
    first, last = week_bounds(query.week)
    rows = await connection.fetch(
        SQL.week_entries,
        query.timeline,
        query.level,
        position,
        first,
        last,
        query.also,
        query.feeds,
        5 * SECTION_MAX,
        query.match == "possible",
    )
    entries, names = await shown(connection, rows, query.level, position, on)
    found = list(zip(rows, entries, strict=True))
    matched = {e.id for row, e in found if _matches(query, row, e)}
    sections = {
        "happened": [e for _, e in found if e.id in matched and _happened(e)],
        "said": [e for row, e in found if _said(query, row, e, matched)],
        "continuing": [e for row, e in found if row["state"] == "ongoing" and row["at"] <= last],
        "ahead": [e for row, e in found if _open_by(row, last) and (row["bounded_to"] or date.max) >= last],
        "unresolved": [e for row, e in found if _open_by(row, last) and (row["bounded_to"] or date.max) < last],
    }
    changed, cut = await _changed(connection, query, since, until)
    full = [name for name, listed in sections.items() if len(listed) > SECTION_MAX or len(rows) == 5 * SECTION_MAX]
    return Slice(
        week=query.week,
        from_=first,
        to=last,
        position=position,
        as_of=None,
        subject=subject,
        match=query.match,
        matched=[e.id for _, e in found if e.id in matched],
        sections=Sections(**{name: listed[:SECTION_MAX] for name, listed in sections.items()}, changed=changed),
        truncated=full + (["changed"] if cut else []),
        names=names,
    )


def _matches(query: WeekQuery, row: asyncpg.Record, entry: Entry) -> bool:
    placement = Placement(week=entry.occurred.week, at=entry.occurred.at, placed_by=entry.occurred.placed_by)
    return matches(query.match, query.week, placement, row["bounded_from"], row["bounded_to"])


def _happened(entry: Entry) -> bool:
    return not _speaks(entry) and entry.phase == "occurred" and not entry.occurred.ongoing


def _said(query: WeekQuery, row: asyncpg.Record, entry: Entry, matched: set[str]) -> bool:
    if _speaks(entry):
        return entry.id in matched
    return row["state"] == "expected" and week_of(row["said_at"]) == query.week


def _speaks(entry: Entry) -> bool:
    return issubclass(EVENTS[entry.kind], Speech)


def _open_by(row: asyncpg.Record, last: date) -> bool:
    return bool(row["state"] == "expected" and row["said_at"] <= last)


async def _changed(connection: Connection, query: WeekQuery, since: int, until: int) -> tuple[list[ChangeShown], bool]:
    """What changed between two positions, and whether there may be more: a bulk load may fall into any week."""
    if until <= since:
        return [], False
    rows = await connection.fetch(
        SQL.changed, query.timeline, query.level, since, until, CHANGED_MAX, query.also, CHANGES_LOOKED_AT_MAX
    )
    found = [change for row in rows if row["event"] is not None and (change := _change(row)) is not None]
    return found, len(rows) == CHANGED_MAX or rows[0]["looked_at"] == CHANGES_LOOKED_AT_MAX


def _change(row: asyncpg.Record) -> ChangeShown | None:
    before = _STATE.decode(row["body_before"]) if row["body_before"] else None
    after = _STATE.decode(row["body_after"]) if row["body_after"] else None
    told = after or before
    if told is None:
        return None  # it came and went between the two moments
    what = _what(before, after)
    if not what:
        return None
    return ChangeShown(
        id=told.id,
        title=told.title,
        what=what,
        week=told.occurred.week,
        week_before=before.occurred.week if before and after and before.occurred.week != after.occurred.week else None,
        standing=after.standing if after else None,
        standing_before=before.standing if before else None,
        position=row["moved"] if after else told.position,
    )


def _what(before: State | None, after: State | None) -> list[What]:
    if before is None:
        return ["new"]
    if after is None:
        return ["gone"]
    told: dict[What, bool] = {
        "re-dated": before.occurred.edtf != after.occurred.edtf,
        "standing": before.standing != after.standing,
        "corrected": before.revision != after.revision,
    }
    return [name for name, is_so in told.items() if is_so]


def week_after(week: str, weeks: int) -> str:
    """The week so many weeks later."""
    return week_of(week_bounds(week)[0] + timedelta(weeks=weeks))
