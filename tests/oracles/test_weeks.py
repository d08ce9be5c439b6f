"""Over any log each event is anchored in exactly one week of one moment: the year's briefs count each event once."""

import asyncio
from collections import Counter
from datetime import date
from typing import Any, cast
from uuid import UUID

import msgspec
from hypothesis import given, settings

from tests.oracles.test_difference import LEVELS, QUICK, Store, logs, moments, position_of
from tests.projections.reading import ON
from timeline.model.slice import Slice
from timeline.model.weeks import Match, week_of
from timeline.projections.pages import EVERYTHING, Connection
from timeline.projections.slices import WeekQuery, week_after, week_slice
from timeline.projections.world import ALL

FEW = settings(QUICK, max_examples=10)
MANY = settings(QUICK, max_examples=300, derandomize=False)
STATES = """
SELECT event, body, kind FROM event_state
WHERE low <= $1 AND high >= $1 AND from_position <= $2 AND to_position > $2
"""


async def slice_of(store: Store, week: str, match: Match, level: int, at: int) -> Slice:
    """A week as a reader at a level is told it at a position."""
    query = WeekQuery(week=week, timeline=UUID(ALL), also=None, level=level, match=match, feeds=True)
    return await week_slice(cast("Connection", store.connection), query, EVERYTHING[1], at, at, at, ON)


async def check_weeks(store: Store, level: int, at: int) -> None:
    """Each event is anchored once, where it says; what is certain is anchored, what is anchored is possible."""
    rows = await store.connection.fetch(STATES, level, at)
    occurred = {str(row["event"]): msgspec.json.decode(row["body"])["occurred"] for row in rows}
    told = {each["week"] for each in occurred.values()}
    bounds = {week_of(_day(each[side])) for each in occurred.values() for side in ("earliest", "latest") if each[side]}
    about = {week_after(week, by) for week in told | bounds for by in (-1, 0, 1)}
    found: dict[str, Counter[str]] = {match: Counter() for match in ("certain", "anchored", "possible")}
    for week in sorted(about):
        matched = {match: (await slice_of(store, week, match, level, at)).matched for match in _MATCHES}
        assert {*matched["certain"]} <= {*matched["anchored"]} <= {*matched["possible"]}
        assert matched["anchored"] == [each for each in matched["anchored"] if occurred[each]["week"] == week]
        for match, ids in matched.items():
            found[match].update(ids)
    assert found["anchored"] == Counter(occurred.keys())


_MATCHES: tuple[Match, ...] = ("certain", "anchored", "possible")


def _day(text: str) -> date:
    return date.fromisoformat(text)


def test_each_event_is_anchored_in_exactly_one_week_of_one_moment(db: str, long: bool) -> None:
    with asyncio.Runner() as runner:
        store = Store(runner, db)

        @settings(MANY if long else FEW)
        @given(steps=logs, which=moments)
        def check(steps: list[Any], which: tuple[int, int]) -> None:
            head = runner.run(store.fill(steps))
            try:
                for level, share in ((LEVELS[0], which[1]), (LEVELS[-1], which[0])):
                    runner.run(check_weeks(store, level, position_of(head, share)))
            finally:
                runner.run(store.close())

        check()
