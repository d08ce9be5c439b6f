"""A weekly slice: the entries of one ISO week, in the sections of a brief."""

from collections.abc import Iterable
from datetime import date, timedelta
from uuid import UUID

import asyncpg
import msgspec

from timeline.model.changes import ChangeShown
from timeline.model.entry import Entry, Subject
from timeline.model.kinds import EVENTS, Speech
from timeline.model.slice import Sections, Slice
from timeline.model.weeks import Match, Placement, matches, week_bounds, week_of
from timeline.projections.cited import cited
from timeline.projections.diff import DiffQuery, changes, ids_in
from timeline.projections.pages import SQL, Connection, names_of, shown

SECTION_MAX = 1_000
CHANGED_MAX = 200


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
    full = [name for name, listed in sections.items() if len(listed) > SECTION_MAX or len(rows) == 5 * SECTION_MAX]
    sections = {name: listed[:SECTION_MAX] for name, listed in sections.items()}
    changed, cut = await _changed(connection, query, since, until)
    basis = await cited(connection, _listed(sections.values()), query.level, position)
    told = await names_of(connection, [], query.level, position, ids_in(changed) - names.keys())
    return Slice(
        week=query.week,
        from_=first,
        to=last,
        position=position,
        as_of=None,
        subject=subject,
        also=None,
        match=query.match,
        matched=[e.id for _, e in found if e.id in matched],
        sections=Sections(**sections, changed=changed),
        changed_from=since,
        changed_to=max(since, until),
        truncated=full + (["changed"] if cut else []),
        cited=basis,
        names=dict(sorted((names | told).items())),
    )


def _listed(sections: Iterable[list[Entry]]) -> list[Entry]:
    return [entry for section in sections for entry in section]


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
    asked = DiffQuery(
        level=query.level,
        before=since,
        after=max(since, until),
        timelines=(query.timeline, *([query.also] if query.also else [])),
        feeds=query.feeds,
        limit=CHANGED_MAX,
    )
    found, following = await changes(connection, asked, asked.beginning)
    return found, following is not None


def week_after(week: str, weeks: int) -> str:
    """The week so many weeks later."""
    return week_of(week_bounds(week)[0] + timedelta(weeks=weeks))
