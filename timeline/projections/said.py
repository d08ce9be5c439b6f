"""Entries as of what had been said by a day: what was said later is left out, and what it bears on is folded again.

Where entries stand in a timeline, their order and their dates stay those of the position that is read; how they stand,
and on whose word, is what it would be had nothing been said since. An event that nobody asserts by then is not shown.
Only events on which something was said later are folded, so a page costs no more for what it does not hold.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from uuid import UUID

import asyncpg
import msgspec

from timeline.model.entry import Entry, NameShown, Page, State, Subject, TargetShown
from timeline.projections.again import SQL, Folded, Supposed, fold_again, part_about
from timeline.projections.pages import (
    Connection,
    Cursor,
    Query,
    entry,
    names_of,
    rows_of,
    states_of,
)
from timeline.projections.world import VoiceRow

VOICES_MAX = 10_000
"""A page ends early where its entries have more voices than this together: all of them may have to be weighed anew."""
_STATE = msgspec.json.Decoder(State)
Row = tuple[asyncpg.Record, State]


class Said:
    """What was said of some events by a day."""

    def __init__(self, later: dict[str, State | None], folded: Folded | None) -> None:
        self._later, self._folded = later, folded

    def state(self, state: State) -> State | None:
        """An event as it stood then; None if nobody asserted it yet."""
        return self._later.get(state.id, state)

    def states(self, states: Iterable[State]) -> list[State]:
        """Those of the events that somebody asserted, as they stood."""
        return [then for each in states if (then := self.state(each)) is not None]

    def voices(self, event: str) -> list[VoiceRow] | None:
        """The voices on an event by then, oldest first; None where they are those of the position."""
        return self._folded.voices(event) if self._folded is not None and event in self._later else None


NOTHING_LATER = Said({}, None)
"""Nothing was said since: everything stands as it does at the position."""


async def said_by(connection: Connection, states: Collection[State], level: int, position: int, day: date) -> Said:
    """What had been said of these events by a day, of all that was recorded up to a position.

    Raises:
        TooMuch: more records bear on them than are folded for one answer.
    """
    known = {state.id: state for state in states}
    rows = await connection.fetch(SQL.said_later, [UUID(each) for each in known], level, position, day)
    if not rows:
        return Said({}, None)
    part = await part_about(connection, [row["event"] for row in rows], level, position)
    folded = await fold_again(part, Supposed(said_to=day))
    return Said({str(row["event"]): _then(folded, known[str(row["event"])]) for row in rows}, folded)


def _then(folded: Folded, now: State) -> State | None:
    then = folded.state(now.id)
    if then is None or not folded.is_asserted(now.id):
        return None
    since = _since(folded, now, then)
    dated = msgspec.structs.replace(then, occurred=now.occurred, since=since, changed_at=now.changed_at)
    return dated if dated == now else msgspec.structs.replace(dated, changed_at=max(since, then.recorded_at))


def _since(folded: Folded, now: State, then: State) -> datetime:
    """Since when it stands so: as now, if it stands alike; else since the last of the deciding voices was recorded."""
    if then.standing == now.standing:
        return now.since
    recorded = [folded.world.cases[each].recorded_at for each in then.because]
    return max(recorded, default=then.recorded_at)


async def page_said(
    connection: Connection, query: Query, subject: Subject, cursor: Cursor | None, position: int, on: date, day: date
) -> Page:
    """A page of a timeline as of `position`, without what was said after `day`; it may be short while `next` leads."""
    rows, following = await rows_of(connection, query, cursor, position, on)
    decoded = [(row, _STATE.decode(row["body"])) for row in rows]
    held = _within(decoded)
    if len(held) < len(decoded):
        last = held[-1][0]
        key = last["at"], last["earliest"], last["latest"], last["position"]
        following = Cursor(query.fingerprint(), position, key).text()
    found, names = await shown_said(connection, held, query.level, position, on, day)
    entries = [each for _, each in found if not query.standings or each.standing in query.standings]
    return Page(position=position, as_of=None, subject=subject, entries=entries, names=names, next=following)


def _within(rows: list[Row]) -> list[Row]:
    """The first of the rows, as far as their voices may be weighed anew for one page; one at least."""
    voices = 0
    for n, (_, state) in enumerate(rows):
        voices += sum(msgspec.structs.astuple(state.voices))
        if n and voices > VOICES_MAX:
            return rows[:n]
    return rows


async def shown_said(
    connection: Connection, rows: Iterable[Row], level: int, position: int, on: date, day: date
) -> tuple[list[tuple[asyncpg.Record, Entry]], dict[str, NameShown]]:
    """Entries as of what was said by a day, beside their rows: what they are `of` inline, and the name of every id."""
    listed = list(rows)
    named = {each for _, state in listed for each in state.replies_to}
    answered = await states_of(connection, named, level, position)
    said = await said_by(connection, [*(state for _, state in listed), *answered], level, position, day)
    targets = targets_said(said, answered)
    then = [(row, said.state(state)) for row, state in listed]
    found = [(row, entry(state, row["placed"], targets, on)) for row, state in then if state is not None]
    return found, await names_of(connection, [each for _, each in found], level, position)


def targets_said(said: Said, answered: Iterable[State]) -> dict[str, TargetShown]:
    """What is answered, by title and standing, as far as somebody asserted it by then."""
    return {
        each.id: TargetShown(id=each.id, title=each.title, standing=each.standing, kind=each.kind)
        for each in said.states(answered)
    }
