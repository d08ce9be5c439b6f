"""Each event stands in exactly one ISO week."""

import csv
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeline.errors import BadDate
from timeline.model import weeks
from timeline.model.weeks import Placement, place

ISO_WEEKS = Path(__file__).resolve().parents[3] / "shared" / "data" / "iso_week" / "year-edges-1999-2040.csv"
SAID = (date(2019, 6, 12), date(2019, 6, 12))


def june(number: int) -> date:
    return date(2019, 6, number)


@pytest.mark.skipif(not ISO_WEEKS.is_file(), reason=f"the ISO week table is not at {ISO_WEEKS}")
def test_weeks_around_new_year_are_those_of_gnu_date() -> None:
    with ISO_WEEKS.open() as lines:
        rows = list(csv.DictReader(lines))

    assert len(rows) == 588
    assert [weeks.week_of(date.fromisoformat(row["date"])) for row in rows] == [
        row["iso_week_date"][:8] for row in rows
    ]


@pytest.mark.parametrize(
    ("day", "week"),
    [(june(3), "2019-W23"), (june(9), "2019-W23"), (date(2019, 12, 30), "2020-W01"), (date(2021, 1, 3), "2020-W53")],
)
def test_a_day_falls_in_its_iso_week(day: date, week: str) -> None:
    assert weeks.week_of(day) == week


def test_a_week_runs_from_monday_to_sunday() -> None:
    assert weeks.week_bounds("2019-W23") == (june(3), june(9))


def test_the_last_week_of_the_calendar_ends_with_it() -> None:
    assert weeks.week_bounds("9999-W52") == (date(9999, 12, 27), date.max)


@pytest.mark.parametrize(
    "week",
    [
        "2019-W54",
        "2019-W53",
        "2019-W00",
        "2019-23",
        "2019W23",
        "2019-w23",
        "0000-W01",
        "",
        "2019-W23\n",
        "２０１９-W23",
    ],
)
def test_what_is_no_week_is_refused(week: str) -> None:
    with pytest.raises(BadDate, match="2019-W23"):
        weeks.week_bounds(week)


@pytest.mark.parametrize(
    ("first", "last", "week", "at"),
    [
        (june(7), june(7), "2019-W23", june(7)),
        (june(1), june(10), "2019-W23", june(3)),  # early June: one, seven and one days
        (june(1), june(30), "2019-W23", june(3)),  # a tie of three full weeks
        (june(6), june(13), "2019-W23", june(6)),  # four days each
        (date(2019, 5, 27), june(9), "2019-W22", date(2019, 5, 27)),
        (june(8), june(14), "2019-W24", june(10)),
        (june(9), june(10), "2019-W23", june(9)),
        (date(2019, 12, 30), date(2020, 1, 2), "2020-W01", date(2019, 12, 30)),
        (date(2019, 7, 1), date(2019, 7, 31), "2019-W27", date(2019, 7, 1)),  # 31 days are not too wide
    ],
)
def test_narrow_bounds_place_an_event_where_most_of_their_days_are(
    first: date, last: date, week: str, at: date
) -> None:
    assert place(first, last, False, SAID) == Placement(week=week, at=at, placed_by="occurred")


@pytest.mark.parametrize("ongoing", [True, False])
def test_an_event_without_a_known_end_stands_where_it_began(ongoing: bool) -> None:
    assert place(june(4), None, ongoing, SAID) == Placement(week="2019-W23", at=june(4), placed_by="start")


@pytest.mark.parametrize(
    ("earliest", "latest"),
    [(date(2019, 1, 1), date(2019, 12, 31)), (june(1), date(2019, 7, 2)), (None, june(14)), (None, None)],
)
def test_an_event_that_is_wide_or_has_no_start_stands_where_it_was_first_said(
    earliest: date | None, latest: date | None
) -> None:
    assert place(earliest, latest, latest is None, SAID) == Placement(week="2019-W24", at=june(12), placed_by="said")


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ((june(3), june(9)), june(3)),
        ((june(8), june(14)), june(10)),  # bounds of a saying are placed like bounds
        ((None, june(7)), june(7)),  # without a start: its last day
        ((june(7), None), june(7)),
        ((date(2019, 1, 1), date(2019, 12, 31)), date(2019, 1, 1)),  # wide: its first day
    ],
)
def test_a_saying_places_an_event_by_its_own_bounds(said: tuple[date | None, date | None], at: date) -> None:
    assert place(None, None, True, said) == Placement(week=weeks.week_of(at), at=at, placed_by="said")


def test_an_event_said_on_no_known_day_is_a_fault_of_admission() -> None:
    with pytest.raises(ValueError, match="day of recording"):
        place(None, None, True, (None, None))


@pytest.mark.parametrize(
    ("week", "belongs"),
    [
        ("2019-W22", ["possible"]),
        ("2019-W23", ["anchored", "possible"]),
        ("2019-W24", ["possible"]),
        ("2019-W25", []),
    ],
)
def test_early_june_belongs_to_one_week_and_possibly_to_three(week: str, belongs: list[str]) -> None:
    bounds = (june(1), june(10))
    placement = place(*bounds, False, SAID)

    assert [m for m in ("anchored", "possible", "certain") if weeks.matches(m, week, placement, *bounds)] == belongs


def test_a_day_is_certain_in_its_week() -> None:
    placement = place(june(7), june(7), False, SAID)

    assert weeks.matches("certain", "2019-W23", placement, june(7), june(7))
    assert not weeks.matches("certain", "2019-W24", placement, june(7), june(7))


def test_an_unknown_start_does_not_flood_every_past_week() -> None:
    placement = place(None, june(14), False, SAID)

    found = [
        week
        for week in ("2019-W22", "2019-W23", "2019-W24")
        if weeks.matches("possible", week, placement, None, june(14))
    ]

    assert found == ["2019-W24"]


known = st.dates(min_value=date(1, 1, 1), max_value=date.max)


@st.composite
def bounds(draw: st.DrawFn) -> tuple[date | None, date | None]:
    first = draw(known)
    span = draw(st.integers(0, 40) | st.integers(0, 5000))
    last = date.fromordinal(min(first.toordinal() + span, date.max.toordinal()))
    return draw(st.sampled_from([(first, last), (first, None), (None, last), (None, None)]))


said_bounds = bounds().filter(lambda said: said != (None, None))


@given(bounds(), said_bounds, st.booleans())
def test_at_lies_in_the_week(
    occurred: tuple[date | None, date | None], said: tuple[date | None, date | None], ongoing: bool
) -> None:
    placement = place(*occurred, ongoing, said)

    monday, sunday = weeks.week_bounds(placement.week)
    assert monday <= placement.at <= sunday
    placed_by = said if placement.placed_by == "said" else occurred
    assert placement.at >= (placed_by[0] or date.min)
    assert placement.at <= (placed_by[1] or date.max)


@given(bounds(), said_bounds, st.booleans(), known)
def test_certain_implies_anchored_implies_possible(
    occurred: tuple[date | None, date | None], said: tuple[date | None, date | None], ongoing: bool, other: date
) -> None:
    placement = place(*occurred, ongoing, said)
    near = occurred[0] or occurred[1] or other
    shifted = date.fromordinal(min(near.toordinal() + 7, date.max.toordinal()))

    for week in (placement.week, weeks.week_of(near), weeks.week_of(shifted), weeks.week_of(other)):
        certain, anchored, possible = (
            weeks.matches(match, week, placement, *occurred) for match in ("certain", "anchored", "possible")
        )

        assert certain <= anchored <= possible


@given(known)
def test_a_week_holds_its_days(day: date) -> None:
    monday, sunday = weeks.week_bounds(weeks.week_of(day))

    assert monday <= day <= sunday
    assert monday.weekday() == 0
    assert sunday - monday == timedelta(days=6) or sunday == date.max


@given(st.dates(max_value=date(9999, 11, 1)), st.integers(0, 30))
def test_no_week_holds_more_of_narrow_bounds_than_the_one_chosen(first: date, span: int) -> None:
    days = [first + timedelta(days=i) for i in range(span + 1)]
    counts: dict[str, int] = {}
    for day in days:
        counts[weeks.week_of(day)] = counts.get(weeks.week_of(day), 0) + 1

    placement = place(days[0], days[-1], False, SAID)

    assert placement.week == max(counts, key=lambda week: counts[week])
    assert placement.at == next(day for day in days if weeks.week_of(day) == placement.week)
