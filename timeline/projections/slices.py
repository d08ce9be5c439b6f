"""A weekly slice: the entries of one ISO week, in the sections of a brief."""

from collections.abc import Iterable
from datetime import date, timedelta
from uuid import UUID

import asyncpg
import msgspec

from timeline.model.changes import ChangeShown
from timeline.model.entry import Entry, NameShown, State, Subject
from timeline.model.kinds import EVENTS, Speech
from timeline.model.slice import Sections, Slice
from timeline.model.weeks import Match, Placement, matches, week_bounds, week_of
from timeline.projections.cited import cited
from timeline.projections.diff import DiffQuery, changes, ids_in
from timeline.projections.pages import SQL, Connection, names_of, shown
from timeline.projections.said import shown_said

SECTION_MAX = 1_000
CHANGED_MAX = 200
_STATE = msgspec.json.Decoder(State)


class WeekQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a week."""

    week: str
    timeline: UUID
    also: UUID | None
    level: int
    match: Match
    feeds: bool
    said_to: date | None = None
    """As if nothing had been said after this day. What changed is then not told: that goes by when it was recorded."""


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
    found, names = await _entries(connection, query, rows, position, on)
    matched = {e.id for row, e in found if _matches(query, row, e)}
    sections = {
        "happened": [e for _, e in found if e.id in matched and _happened(e)],
        "said": [e for row, e in found if _said(query, row, e, matched)],
        "continuing": [e for row, e in found if _flow(e) == "ongoing" and row["at"] <= last],
        "ahead": [e for row, e in found if _open_by(row, e, last) and (row["bounded_to"] or date.max) >= last],
        "unresolved": [e for row, e in found if _open_by(row, e, last) and (row["bounded_to"] or date.max) < last],
    }
    full = [name for name, listed in sections.items() if len(listed) > SECTION_MAX or len(rows) == 5 * SECTION_MAX]
    sections = {name: listed[:SECTION_MAX] for name, listed in sections.items()}
    changed, cut = await _changed(connection, query, since, until)
    basis = await cited(connection, _listed(sections.values()), query.level, position, query.said_to)
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


async def _entries(
    connection: Connection, query: WeekQuery, rows: list[asyncpg.Record], position: int, on: date
) -> tuple[list[tuple[asyncpg.Record, Entry]], dict[str, NameShown]]:
    """The entries of the week beside their rows."""
    if query.said_to is not None:
        decoded = [(row, _STATE.decode(row["body"])) for row in rows]
        return await shown_said(connection, decoded, query.level, position, on, query.said_to)
    entries, names = await shown(connection, rows, query.level, position, on)
    return list(zip(rows, entries, strict=True)), names


def _matches(query: WeekQuery, row: asyncpg.Record, entry: Entry) -> bool:
    placement = Placement(week=entry.occurred.week, at=entry.occurred.at, placed_by=entry.occurred.placed_by)
    return matches(query.match, query.week, placement, row["bounded_from"], row["bounded_to"])


def _happened(entry: Entry) -> bool:
    return not _speaks(entry) and entry.phase == "occurred" and not entry.occurred.ongoing


def _said(query: WeekQuery, row: asyncpg.Record, entry: Entry, matched: set[str]) -> bool:
    if _speaks(entry):
        return entry.id in matched
    return _flow(entry) == "expected" and week_of(row["said_at"]) == query.week


def _speaks(entry: Entry) -> bool:
    return issubclass(EVENTS[entry.kind], Speech)


def _flow(entry: Entry) -> str:
    """Whether it is still expected, going on, or settled: as `EntryRow.state` says of the position that is read."""
    return "expected" if entry.phase == "expected" else "ongoing" if entry.occurred.ongoing else "settled"


def _open_by(row: asyncpg.Record, entry: Entry, last: date) -> bool:
    return bool(_flow(entry) == "expected" and row["said_at"] <= last)


async def _changed(connection: Connection, query: WeekQuery, since: int, until: int) -> tuple[list[ChangeShown], bool]:
    """What changed between two positions, and whether there may be more: a bulk load may fall into any week."""
    if query.said_to is not None:
        return [], False
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
