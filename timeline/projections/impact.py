"""What rests on a source: what would stand differently if it had said nothing, or were worth another grade."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import date
from typing import Literal
from uuid import UUID

import asyncpg
import msgspec

from timeline.model.entry import NameShown, State, Subject
from timeline.model.impact import By, Impact, ImpactEvent, ImpactJudgement, ImpactTotals, ImpactWeek, Supposition
from timeline.model.kinds import Assessment
from timeline.model.weeks import week_of
from timeline.projections import derive
from timeline.projections.again import (
    RECORDS_MAX,
    SQL,
    Folded,
    Past,
    Supposed,
    bounded,
    fold_again,
    part_about,
    past_of,
)
from timeline.projections.pages import SQL as PAGES
from timeline.projections.pages import Connection, names_of
from timeline.projections.store import SQL as STORED

WEEKS_MAX = 1_000
_STATE = msgspec.json.Decoder(State)
List = Literal["unsupported", "changed", "touched", "judgements"]
LISTS: tuple[List, ...] = ("unsupported", "changed", "touched", "judgements")
Place = tuple[int, int]
"""Where a page begins: after this list and this position in it."""
Line = tuple[Place, ImpactEvent | ImpactJudgement]


class ImpactQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked about a source."""

    source: UUID
    subject: Subject
    by: By
    supposed: Supposition
    said_to: date | None
    level: int
    after: Place = (0, 0)
    limit: int


async def impact(connection: Connection, query: ImpactQuery, position: int) -> tuple[Impact, Place | None]:
    """What rests on a source as of a position, as far as a level sees it; and where the next page begins.

    Raises:
        TooMuch: it rests on more records than are folded for one answer.
    """
    speaking = await _speaking(connection, query, position)
    hearing = [row["id"] for row in await connection.fetch(STORED.ancestors, speaking)]
    part = await part_about(connection, hearing, query.level, position)
    if query.said_to is None:
        folded = await fold_again(part, _supposed(query))
        rows = await connection.fetch(PAGES.states, [UUID(each) for each in folded.of], query.level, position)
        found = await asyncio.to_thread(_compared, folded, rows)
    else:
        folded = await fold_again(part, Supposed(said_to=query.said_to))
        found = await asyncio.to_thread(_compared_by_then, folded, query)
    judged = await _judgements(connection, folded, found, query, position)
    lines = sorted([*found.lines, *judged], key=lambda line: line[0])
    weeks = await _weeks(connection, [line.id for _, line in lines], query.level, position)
    rest = [line for line in lines if line[0] > query.after]
    page, following = rest[: query.limit], rest[query.limit - 1][0] if len(rest) > query.limit else None
    counted = Counter(LISTS[place[0]] for place, _ in lines)
    listed = {name: [line for place, line in page if LISTS[place[0]] == name] for name in LISTS}
    answer = Impact(
        position=position,
        as_of=None,
        source=query.subject,
        by=query.by,
        as_=query.supposed,
        totals=ImpactTotals(voices=len(found.speaking), weeks=len(weeks), **{name: counted[name] for name in LISTS}),
        weeks=weeks[:WEEKS_MAX],
        names=await _names(connection, listed["judgements"], query.level, position),
        next=None,
        **listed,  # type: ignore[arg-type]  # each list holds what its name says
    )
    return answer, following


async def _speaking(connection: Connection, query: ImpactQuery, position: int) -> list[UUID]:
    """The events that may be the voices in question: all that rest on the source, or on what it published."""
    most = RECORDS_MAX + 1
    things = [query.source]
    if query.by == "publisher":
        rows = await connection.fetch(SQL.published_by, query.source, query.level, position, most)
        things += bounded([row["id"] for row in rows])
    rows = await connection.fetch(SQL.speaking, things, query.level, position, most)
    return [row["event"] for row in bounded(rows)]


class _Found(msgspec.Struct):
    """What a supposition touches."""

    speaking: set[str]
    """The voices in question."""
    events: dict[str, State]
    """Every event touched, as it stands without the supposition."""
    lines: list[Line]


def _compared(folded: Folded, rows: list[asyncpg.Record]) -> _Found:
    """Each event that the supposition touches, as it stands and as it would stand. Pure, and may take seconds."""
    before = (_STATE.decode(row["body"]) for row in rows)
    return _found(folded, {state.id: state for state in before})


def _compared_by_then(folded: Folded, query: ImpactQuery) -> _Found:
    """The same, of what somebody had asserted by a day, as it stood then."""
    asserted = (each for each in folded.of if folded.is_asserted(each))
    before = {each: state for each in asserted if (state := folded.state(each)) is not None}
    folded.suppose(_supposed(query))
    return _found(folded, before)


def _found(folded: Folded, before: dict[str, State]) -> _Found:
    bearing = Counter(on for heard in folded.spoken.values() for on in heard)
    found = _Found(speaking=set(folded.spoken), events={}, lines=[])
    for each, was in before.items():
        now = folded.state(each)
        assert now is not None, "nothing that is left out hides an event"
        if not bearing[each] and _as_before(was, now):
            continue
        found.events[each] = was
        if was.kind != Assessment.kind_of():
            line = _line(was, now, bearing[each])
            found.lines.append(((LISTS.index(_list(line)), line.position), line))
    return found


def _supposed(query: ImpactQuery) -> Supposed:
    source = str(query.source)
    if query.supposed != "removed":
        return Supposed(graded=(source, query.supposed))
    return Supposed(source=source) if query.by == "source" else Supposed(publisher=source)


def _as_before(was: State, now: State) -> bool:
    """Whether nothing but the moments since when it is so are others."""
    return was == msgspec.structs.replace(now, since=was.since, changed_at=was.changed_at)


def _line(was: State, now: State, voices: int) -> ImpactEvent:
    assert was.standing is not None and was.rule is not None  # noqa: PT018 (that an assessment has none is one fact)
    assert now.standing is not None and now.rule is not None  # noqa: PT018 (as above)
    return ImpactEvent(
        id=was.id,
        kind=was.kind,
        title=was.title,
        week=was.occurred.week,
        position=was.position,
        voices=voices,
        standing_before=was.standing,
        rule_before=was.rule,
        standing=now.standing,
        rule=now.rule,
        phase=now.phase,
        because=now.because,
    )


def _list(line: ImpactEvent) -> List:
    if (line.standing_before, line.rule_before) == (line.standing, line.rule):
        return "touched"
    return "unsupported" if line.standing == "unsupported" else "changed"


async def _judgements(
    connection: Connection, folded: Folded, found: _Found, query: ImpactQuery, position: int
) -> list[Line]:
    """The assessments that are the source's own, or rest on what is touched: directly, or through one another."""
    merged = {each: derive.survivor(folded.world, case).id for each, case in folded.world.cases.items()}
    start = {each for each, into in merged.items() if into in found.events}
    rows = await connection.fetch(SQL.judged_on, [UUID(each) for each in start], query.level, position, RECORDS_MAX + 1)
    states = {str(row["id"]): _STATE.decode(row["body"]) for row in bounded(rows)}
    past = await past_of(connection, [row["id"] for row in rows], position)
    judged = await asyncio.to_thread(_judged, past, states.keys(), query)
    grounds = {
        each: list(dict.fromkeys(merged.get(n, n) for n in [*event.of, *event.based_on]))
        for each, event in judged.items()
    }
    resting = _resting(grounds, found.events.keys())
    rank = LISTS.index("judgements")
    return [
        (
            (rank, states[each].position),
            _judgement(states[each], each in found.speaking, [n for n in grounds[each] if n in resting]),
        )
        for each in judged.keys() & resting
    ]


def _judged(past: Past, shown: Collection[str], query: ImpactQuery) -> dict[str, Assessment]:
    """The assessments among these events as of then, but for those that were said too late."""
    world = past.taken()
    said = Supposed(said_to=query.said_to)
    return {
        each: case.event
        for each, case in world.cases.items()
        if each in shown and isinstance(case.event, Assessment) and not said.leaves_out(world, case, query.level)
    }


def _resting(grounds: dict[str, list[str]], touched: Collection[str]) -> set[str]:
    """What is touched, and every judgement that rests on it, directly or through others."""
    upon: dict[str, list[str]] = {}
    for each, on in grounds.items():
        for ground in on:
            upon.setdefault(ground, []).append(each)
    resting, open_ = set(touched), list(touched)
    while open_:
        fresh = set(upon.get(open_.pop(), ())) - resting
        resting |= fresh
        open_ += fresh
    return resting


def _judgement(state: State, own: bool, rests_on: list[str]) -> ImpactJudgement:
    return ImpactJudgement(
        id=state.id,
        title=state.title,
        source=state.source,
        week=state.occurred.week,
        position=state.position,
        own=own,
        rests_on=rests_on,
    )


async def _weeks(connection: Connection, events: list[str], level: int, position: int) -> list[ImpactWeek]:
    """The weeks whose slices carry these first, and how many of them every later slice carries too."""
    rows = await connection.fetch(SQL.standing_at, [UUID(each) for each in events], level, position)
    first = [(week_of(row["said_at" if row["state"] == "expected" else "at"]), row["state"]) for row in rows]
    entries, open_ = Counter(week for week, _ in first), Counter(week for week, state in first if state != "settled")
    return [ImpactWeek(week=week, entries=n, onwards=open_[week]) for week, n in sorted(entries.items())]


async def _names(
    connection: Connection, judgements: Iterable[ImpactEvent | ImpactJudgement], level: int, position: int
) -> dict[str, NameShown]:
    sources = {each.source for each in judgements if isinstance(each, ImpactJudgement)}
    return await names_of(connection, [], level, position, sources)
