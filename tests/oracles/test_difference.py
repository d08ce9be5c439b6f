"""A difference, applied to what was known at its first moment, gives what was known at its second; at every level.

What was known is read from the rows of the read model, by a statement of this test's own.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, cast
from uuid import UUID

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.log.desk import Desk, Post, desk_on
from tests.oracles.posts import ACTORS, CAST, EDITS, MARKINGS, SOURCES, Draft, drafts, id_of, numbers, replies
from tests.postgres import reset
from tests.projections.folding import ROLE, fold_all
from timeline.errors import Refusal, WrongRevision
from timeline.model.changes import ChangeShown, StoodShown, VersionShown
from timeline.projections import diff
from timeline.projections.diff import DiffQuery, changes
from timeline.projections.history import history
from timeline.projections.pages import Connection
from timeline.projections.projector import begin, connect
from timeline.projections.world import ALL

LEVELS = range(len(MARKINGS))
STATES = """
SELECT event, body FROM event_state WHERE low <= $1 AND high >= $1 AND from_position <= $2 AND to_position > $2
"""
STANDS = """
SELECT event FROM timeline_entry
WHERE timeline = $3 AND low <= $1 AND high >= $1 AND from_position <= $2 AND to_position > $2 AND NOT feed
"""
RECORDS = """
SELECT log.position, log.kind, coalesce(event.level, registered.level, 3) AS level
FROM timeline.log LEFT JOIN event ON event.id = log.subject
LEFT JOIN registered ON registered.id = log.subject AND registered.to_position = 9223372036854775807
ORDER BY log.position
"""
COMPARED = ("occurred", "standing", "rule", "phase", "revision", "assessments", "distinct_from")
Known = dict[str, dict[str, Any]]


class Edited(NamedTuple):
    """An edit before it is known which events are there."""

    kind: str
    which: int
    other: int
    marking: str
    draft: Draft


class Anew(NamedTuple):
    """A source registered anew."""

    which: int
    reliability: str
    named: bool
    aligned_with: tuple[str, ...]


edits = st.builds(
    Edited, st.sampled_from([*EDITS, "recall", "duplicate"]), numbers, numbers, st.sampled_from(MARKINGS), drafts
)
anew = st.builds(
    Anew,
    st.integers(0, len(SOURCES) - 1),
    st.sampled_from("ABCDEF"),
    st.booleans(),
    st.lists(st.sampled_from(ACTORS), max_size=2, unique=True).map(tuple),
)
logs = st.lists(st.one_of(drafts, replies, replies, edits, edits, anew), min_size=10, max_size=30)
moments = st.tuples(st.sampled_from([50, 20, 35, 65, 80, 0]), st.sampled_from([100, 100, 90, 75, 50, 10]))
"""Two moments, as hundredths of what comes after the cast."""


class Store:
    """A database that is filled with one log after another."""

    def __init__(self, runner: asyncio.Runner, dsn: str) -> None:
        self.runner, self.dsn = runner, dsn
        self.connection: asyncpg.Connection

    async def fill(self, steps: list[Any]) -> int:
        """Post and fold a log; how many records it has."""
        await _empty(self.dsn)
        async with desk_on(self.dsn) as desk:
            await desk.post(*[each for each in CAST if each["kind"] == "actor"])
            await desk.post(*[each for each in CAST if each["kind"] != "actor"])
            events: list[str] = []
            for number, step in enumerate(steps):
                await _take(desk, step, number, events)
        tables = await begin(self.dsn, ROLE)
        self.connection = await connect(self.dsn, tables, ROLE)
        return await fold_all(self.connection, tables)

    async def close(self) -> None:
        """Let go of the tables."""
        await self.connection.close()

    async def known(self, level: int, position: int) -> Known:
        """What a level knew of every event at a position."""
        return {
            str(row["event"]): _compared(msgspec.json.decode(row["body"]))
            for row in await self.connection.fetch(STATES, level, position)
        }

    async def standing_in(self, level: int, position: int, timeline: UUID) -> set[str]:
        """The events that stood in a timeline."""
        return {str(row["event"]) for row in await self.connection.fetch(STANDS, level, position, timeline)}

    async def difference(self, level: int, before: int, after: int, limit: int, *more: UUID) -> list[ChangeShown]:
        """Every change, page by page."""
        timelines = more or (UUID(ALL),)
        query = DiffQuery(level=level, before=before, after=after, timelines=timelines, feeds=not more, limit=limit)
        found: list[ChangeShown] = []
        place = query.beginning
        while True:
            page, following = await changes(cast("Connection", self.connection), query, place)
            assert len(page) <= limit
            found += page
            if following is None:
                return found
            assert following > place
            place = following

    async def history(self, event: str, level: int, position: int, limit: int) -> list[VersionShown]:
        """Every version of an event, page by page."""
        found: list[VersionShown] = []
        after: int | None = 0
        while after is not None:
            connection = cast("Connection", self.connection)
            page = await history(connection, UUID(event), level, position, after, limit)
            found, after = found + page.versions, page.following
        return found


async def _empty(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await reset(connection)
    finally:
        await connection.close()


async def _take(desk: Desk, step: Any, number: int, events: list[str]) -> None:
    """Post a step, if it can be posted."""
    own = id_of(f"step {number}")
    post = _post(step, own, events)
    if post is None:
        return
    try:
        await desk.post(post)
    except WrongRevision as moved:
        await desk.post(post | {"revision": moved.extra["revision"]})
    except Refusal:
        return
    note(str(post))
    if isinstance(step, Draft):
        events.append(own)


def _post(step: Any, own: str, events: list[str]) -> Post | None:
    match step:
        case Draft():
            return {"id": own, **step.body(events)}
        case Anew():
            source = next(each for each in CAST if each.get("slug") == SOURCES[step.which])
            fields = {"reliability": step.reliability, "named": step.named, "aligned_with": [*step.aligned_with]}
            return {**source, **fields, "revision": 1}
        case Edited() if events:
            subject = events[step.which % len(events)]
            post: Post = {"kind": step.kind, "id": own, "subject": subject, "reason": "A reason."}
            earlier = events[: events.index(subject)]
            more: dict[str, Post] = {
                "correction": {"revision": 1, "ground": "our_error", "event": step.draft.body(earlier)},
                "duplicate": {"survivor": events[step.other % len(events)]},
                "distinct": {"other": events[step.other % len(events)]},
                "marking": {"marking": step.marking},
                "erasure": {"authority": "An officer"},
            }
            return post | more.get(step.kind, {})
    return None


def _compared(state: dict[str, Any]) -> dict[str, Any]:
    return {name: state.get(name) for name in COMPARED}


def _told(stood: StoodShown | None) -> dict[str, Any] | None:
    return _compared(msgspec.to_builtins(stood)) if stood else None


def applied(known: Known, found: list[ChangeShown]) -> Known:
    """What is known once changes are applied to what was known; each must begin where that stood."""
    result = dict(known)
    for change in found:
        assert _told(change.before) == result.get(change.id), change
        after = _told(change.after)
        if after is None:
            assert "gone" in change.what
            del result[change.id]
        else:
            result[change.id] = after
    return result


@contextmanager
def looking_at(versions: int) -> Iterator[None]:
    """A page looks at so many versions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diff, "LOOKED_AT_MAX", versions)
        yield


def position_of(head: int, hundredths: int) -> int:
    """A position, as hundredths of what comes after the cast."""
    return len(CAST) + (head - len(CAST)) * hundredths // 100


async def check_differences(store: Store, head: int, which: tuple[int, int], limit: int) -> None:
    """Between two moments, at every level, of everything and of one actor."""
    before, after = sorted(position_of(head, each) for each in which)
    for level in LEVELS:
        at_first, at_last = await store.known(level, before), await store.known(level, after)
        found = await store.difference(level, before, after, limit)
        assert len({each.id for each in found}) == len(found), "each event once"
        assert applied(at_first, found) == at_last
        _check_reasons(found, before, after)
        assert await store.difference(level, after, after, limit) == []
        assert await store.difference(level, before, after, 1_000) == found
        actor = UUID(id_of(ACTORS[0]))
        stood = [await store.standing_in(level, at, actor) for at in (before, after)]
        of_one = await store.difference(level, before, after, limit, actor)
        assert of_one == [each for each in found if each.id in stood[0] | stood[1]]


def _check_reasons(found: list[ChangeShown], before: int, after: int) -> None:
    for change in found:
        assert change.what, change
        assert all(before < cause.position <= after for cause in change.causes)
        told = {what for cause in change.causes for what in cause.what}
        if change.before and change.after:
            assert {*change.what} - {"edited"} <= told or len(change.causes) < change.causes_total, change
        assert change.position == max([cause.position for cause in change.causes] or [change.position])


async def check_histories(store: Store, head: int, which: tuple[int, int], limit: int) -> None:
    """The last version by any moment is how the event stood then; what is known of nothing has no version."""
    moments = sorted({*(position_of(head, each) for each in which), head})
    for level in LEVELS:
        known = {at: await store.known(level, at) for at in moments}
        for event in sorted({each for at in moments for each in known[at]})[:6]:
            versions = await store.history(event, level, head, limit)
            assert [each.position for each in versions] == sorted({each.position for each in versions})
            assert "new" in versions[0].what
            assert all(each.cause is None or each.cause.position == each.position for each in versions)
            assert all(each.changes or each.what for each in versions)
            for at in moments:
                by_then = [each for each in versions if each.position <= at]
                assert (_told(by_then[-1].stood) if by_then else None) == known[at].get(event)
                assert not by_then or await store.history(event, level, at, 50) == by_then


async def check_hidden_records(store: Store, which: tuple[int, int]) -> None:
    """What a level may not see changes no byte of a difference that ends with it."""
    records = await store.connection.fetch(RECORDS)
    first = position_of(len(records), min(which))
    for level in LEVELS[:-1]:
        later = [row for row in records if row["level"] > level and row["position"] > first]
        hidden = [row["position"] for row in later]
        for position in hidden[:4]:
            without, with_it = [await store.difference(level, first, at, 50) for at in (position - 1, position)]
            assert msgspec.json.encode(without) == msgspec.json.encode(with_it)


QUICK = settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)
LONG = settings(QUICK, max_examples=800, derandomize=False)


def test_a_difference_applied_to_the_first_moment_gives_the_second(db: str, long: bool) -> None:
    with asyncio.Runner() as runner:
        store = Store(runner, db)

        @settings(LONG if long else QUICK)
        @given(steps=logs, which=moments, limit=st.integers(1, 4), looked_at=st.integers(1, 6))
        def check(steps: list[Any], which: tuple[int, int], limit: int, looked_at: int) -> None:
            head = runner.run(store.fill(steps))
            try:
                with looking_at(looked_at):
                    runner.run(check_differences(store, head, which, limit))
                runner.run(check_hidden_records(store, which))
                runner.run(check_histories(store, head, which, limit))
            finally:
                runner.run(store.close())

        check()
