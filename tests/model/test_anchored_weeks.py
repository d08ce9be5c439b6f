"""The one week of an event, judged by counting days and by the standard library's ISO calendar."""

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.oracles.replay import When, placed
from timeline.model import weeks
from timeline.model.weeks import Match, matches, place, week_bounds, week_of

QUICK = settings(max_examples=300, derandomize=True, database=None, deadline=None)
LONG = settings(QUICK, max_examples=10_000, derandomize=False)
MUTANT = settings(LONG, max_examples=1_000, derandomize=True, phases=[Phase.generate])
known = st.dates(min_value=date(1, 2, 1), max_value=date(9999, 8, 1))
spans = st.integers(0, 35) | st.integers(0, 120)


@st.composite
def bounds(draw: st.DrawFn) -> tuple[date | None, date | None]:
    """Bounds of any width, either side of which may be unknown."""
    first = draw(known)
    last = min(first + timedelta(days=draw(spans)), date(9999, 11, 1))
    return draw(st.sampled_from([(first, last), (first, last), (first, None), (None, last), (None, None)]))


said = bounds().filter(lambda each: each != (None, None))


def days_of(week: str) -> set[date]:
    """The days of a week, by the standard library."""
    year, number = int(week[:4]), int(week[6:])
    return {date.fromisocalendar(year, number, day) for day in range(1, 8)}


def weeks_about(*sides: date | None) -> set[str]:
    """Every ISO week from well before these days to well after, by the standard library."""
    known = [side.toordinal() for side in sides if side is not None]
    if not known:
        return set()
    days = map(date.fromordinal, range(max(1, min(known) - 40), min(max(known) + 40, date.max.toordinal()), 7))
    return {f"{each.isocalendar().year:04}-W{each.isocalendar().week:02}" for each in days}


def agree(profile: settings) -> None:
    """Draw events and compare where each is placed, and which weeks it belongs to, with what counting days gives."""

    @profile
    @given(bounds(), said, st.booleans())
    def check(occurred: tuple[date | None, date | None], first_said: tuple[date | None, date | None], on: bool) -> None:
        placement = place(*occurred, on, first_said)

        at = placed(When(*occurred, on), first_said)
        year, week, _ = at.isocalendar()
        assert (placement.at, placement.week) == (at, f"{year:04}-W{week:02}")
        _check_matches(placement, occurred, first_said)

    check()


def _check_matches(
    placement: weeks.Placement,
    occurred: tuple[date | None, date | None],
    first_said: tuple[date | None, date | None],
) -> None:
    around = weeks_about(*occurred) | weeks_about(*first_said)
    found: dict[Match, set[str]] = {
        match: {week for week in around if matches(match, week, placement, *occurred)}
        for match in ("anchored", "possible", "certain")
    }
    first, last = occurred
    covered = set()
    if first is not None and last is not None:
        covered = {date.fromordinal(at) for at in range(first.toordinal(), last.toordinal() + 1)}
    assert found["anchored"] == {placement.week}
    assert found["possible"] == {placement.week} | {week for week in around if days_of(week) & covered}
    assert found["certain"] == {week for week in around if covered and covered <= days_of(week)}


def test_each_event_is_in_exactly_the_week_that_counting_its_days_gives(long: bool) -> None:
    agree(LONG if long else QUICK)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOUNDS_DAYS_MAX", 30),
        ("_day_of_most", lambda first, last: first),
        ("_said_day", lambda first, last: last or first),
        ("week_of", lambda day: f"{day.year:04}-W{day.isocalendar().week:02}"),
    ],
    ids=["a month of 30 days", "the week of the first day", "the last day said", "the calendar's year"],
)
def test_a_rule_of_placing_that_is_a_little_wrong_is_found_out(
    name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weeks, name, value)

    with pytest.raises(AssertionError):
        agree(MUTANT)


@given(known)
@QUICK
def test_a_day_is_in_the_week_of_the_iso_calendar_and_an_event_on_it_too(day: date) -> None:
    year, week, weekday = day.isocalendar()

    assert week_of(day) == f"{year:04}-W{week:02}"
    assert place(day, day, False, (day, day)).at == day
    monday, sunday = week_bounds(week_of(day))
    assert (monday, sunday) == (date.fromisocalendar(year, week, 1), date.fromisocalendar(year, week, 7))
    assert day == monday + timedelta(days=weekday - 1)


def test_every_day_of_a_century_is_in_one_week_and_every_week_has_seven() -> None:
    days = [date(1980, 12, 29) + timedelta(days=n) for n in range(7 * 5_218)]

    counts = Counter(map(week_of, days))

    assert set(counts.values()) == {7}
    assert list(counts) == sorted(counts)
    assert all(day in days_of(week_of(day)) for day in days[:: 7 * 52 + 1])
