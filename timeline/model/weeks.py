"""ISO weeks (ISO 8601-1:2019), and the one week that each event is placed in.

A brief of the week counts each event once: "early June 2019" touches three weeks and is placed in one.
The rule, in this order:

1. bounds known and not wider than 31 days: the week that holds most of their days, the earlier on a tie;
2. a known start, and still going on or the end unknown: the week of the start;
3. otherwise (start unknown, or wider than 31 days): the week in which it was first said.

`at` is the first day, within that week, of whatever placed the event there.
"""

import re
from datetime import date
from functools import lru_cache
from typing import Literal, assert_never

import msgspec

from timeline.errors import BadDate

BOUNDS_DAYS_MAX = 31
"""Wider bounds say too little to place an event: "2019" would be filed under January."""

Match = Literal["anchored", "possible", "certain"]

_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})")


class Placement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where an event stands on the time line: its week, the day it is ordered by, and what placed it there."""

    week: str
    at: date
    placed_by: Literal["occurred", "start", "said"]


def week_of(day: date) -> str:
    """The ISO week that a day falls in: `2019-W23`."""
    year, week, _ = day.isocalendar()
    return f"{year:04}-W{week:02}"


def week_bounds(week: str) -> tuple[date, date]:
    """Monday and Sunday of an ISO week (the last week of 9999 ends with the calendar, on a Friday)."""
    found = _WEEK.fullmatch(week)
    if found is None:
        raise BadDate(week, 'an ISO week such as "2019-W23"')
    try:
        monday = date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError:
        raise BadDate(week, 'an ISO week that its year has, such as "2019-W23" (01 to 52, in some years 53)') from None
    return monday, _week_end(monday)


@lru_cache(maxsize=16_384)  # what happens now happens on few days; an event is placed at least twice
def place(
    earliest: date | None,
    latest: date | None,
    ongoing: bool,
    first_said: tuple[date | None, date | None],
) -> Placement:
    """Place an event in exactly one week, by its bounds, its start, or the first time it was said."""
    if earliest is not None and latest is not None and _is_narrow(earliest, latest):
        return _placed(_day_of_most(earliest, latest), "occurred")
    if earliest is not None and (ongoing or latest is None):
        return _placed(earliest, "start")
    return _placed(_said_day(*first_said), "said")


def matches(match: Match, week: str, placement: Placement, earliest: date | None, latest: date | None) -> bool:
    """Whether an event belongs to a week: certain implies anchored, anchored implies possible."""
    anchored = placement.week == week
    match match:
        case "anchored":
            return anchored
        case "possible":
            return anchored or _overlaps(week, earliest, latest)
        case "certain":
            return anchored and _lies_inside(week, earliest, latest)
        case _:
            assert_never(match)


def _placed(at: date, placed_by: Literal["occurred", "start", "said"]) -> Placement:
    return Placement(week=week_of(at), at=at, placed_by=placed_by)


def _is_narrow(first: date, last: date) -> bool:
    return last.toordinal() - first.toordinal() < BOUNDS_DAYS_MAX


def _week_end(day: date) -> date:
    return date.fromordinal(min(day.toordinal() + 6 - day.weekday(), date.max.toordinal()))


def _day_of_most(first: date, last: date) -> date:
    """The first day that lies in the week holding most of the days from first to last."""
    end = _week_end(first).toordinal()
    here = min(end, last.toordinal()) - first.toordinal() + 1
    # Only the last week can hold fewer days than the second, so no later one needs a look.
    following = min(7, last.toordinal() - end)
    return first if here >= following else date.fromordinal(end + 1)


def _said_day(first: date | None, last: date | None) -> date:
    """The day that a saying is placed by: like bounds; without a start its last day; if wide its first."""
    if first is not None and last is not None and _is_narrow(first, last):
        return _day_of_most(first, last)
    day = first or last
    if day is None:
        raise ValueError("an event was said on some day: admission fills in the day of recording")
    return day


def _overlaps(week: str, earliest: date | None, latest: date | None) -> bool:
    if earliest is None or latest is None:
        return False
    monday, sunday = week_bounds(week)
    return earliest <= sunday and latest >= monday


def _lies_inside(week: str, earliest: date | None, latest: date | None) -> bool:
    if earliest is None or latest is None:
        return False
    monday, sunday = week_bounds(week)
    return monday <= earliest and latest <= sunday
