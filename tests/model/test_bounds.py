"""The days that a date allows, judged by others: the `edtf` package, the standard calendar, and narrower dates."""

import calendar
import re
import sys
import time
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from time import struct_time
from typing import Any

import edtf as package
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from tests.model.calendars import MONTHS, Told, days, edtf_texts, month_end, phrases
from tests.model.test_edtf import DATA, HOUSE_BOUNDS, needs_data
from timeline.errors import BadDate
from timeline.model import dates, edtf
from timeline.model.dates import read

WRONG_IN_THE_PACKAGE = {
    "2019-06-0X": "it crashes on a day or month of which one digit is unspecified",
    "2019-1X": "as above",
    "XXXX": "it says the years 0 to 9999; a year of which nothing is known has no bounds",
    "2019-24": "its winters end in December; ours, as meteorologists count, in the next February",
    "2019-28": "as above",
    "2019-30": "as above",
    "2019/": "an unknown side is ten years away from the other by it; unknown is unknown",
    "/2019": "as above",
    "1950S2": "it reads past the significant digits",
    "Y171010000S3": "as above",
    "2019-02-29": "it takes a day that is not there",
    "2019-06-09/2019-06-03": "it takes an interval that ends before it starts",
    "2019%-06%-05%": "it refuses several marks",
    "[2019-06-01~..2019-06-10~]": "it refuses marks inside a set",
    "[2019-06-01..2019-08]": "it refuses a set from a day to a month",
}
"""What the package does otherwise than the standard or our rules for what the standard leaves open; never drawn."""


def bounds(text: str) -> tuple[edtf.Day | None, edtf.Day | None]:
    found = edtf.parse(text)
    return found.earliest, found.latest


def package_bounds(text: str) -> tuple[edtf.Day | None, edtf.Day | None]:
    """The strict bounds by the package: an infinite one is an open side."""
    found = package.parse_edtf(text)
    first, last = (_day(side) for side in (found.lower_strict(), found.upper_strict()))
    return first, last


def _day(side: struct_time | float) -> edtf.Day | None:
    return None if isinstance(side, float) else (side.tm_year, side.tm_mon, side.tm_mday)


def _outcome(of: Callable[[str], Any], text: str) -> Any:
    try:
        return of(text)
    except Exception:  # the package raises whatever its parser tripped over
        return "refused"


def agree_with_the_package(profile: settings) -> None:
    """Draw dates and compare their bounds."""

    @profile
    @given(edtf_texts)
    def agree(text: str) -> None:
        assert bounds(text) == package_bounds(text)

    agree()


QUICK = settings(max_examples=250, derandomize=True, database=None, deadline=None)
LONG = settings(QUICK, max_examples=3_000, derandomize=False)
MUTANT = settings(LONG, max_examples=1_000, phases=[Phase.generate], derandomize=True)


def test_bounds_are_the_strict_bounds_of_the_edtf_package(long: bool) -> None:
    agree_with_the_package(LONG if long else QUICK)


@pytest.mark.parametrize("text", WRONG_IN_THE_PACKAGE)
def test_what_is_not_asked_of_the_package_is_what_it_does_otherwise(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = _outcome(bounds, text), _outcome(package_bounds, text)

    assert ours != theirs


@pytest.mark.parametrize("spoilt", ["no end", "a day short", "a season of two months"])
def test_a_reader_of_dates_that_is_a_little_wrong_is_found_out(spoilt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    length, interval = edtf.month_length, edtf._interval
    match spoilt:
        case "a day short":
            monkeypatch.setattr(edtf, "month_length", lambda year, month: min(length(year, month), 30))
        case "a season of two months":
            monkeypatch.setattr(edtf, "_SEASONS", {code: (first, 2) for code, (first, _) in edtf._SEASONS.items()})
        case "no end":
            monkeypatch.setattr(edtf, "_interval", lambda text: interval(text)._replace(latest=None))

    with pytest.raises((AssertionError, BadDate)):
        agree_with_the_package(MUTANT)


# Words


def test_words_allow_the_days_that_the_calendar_says(long: bool) -> None:
    @settings(max_examples=10_000 if long else 400, derandomize=not long, database=None, deadline=None)
    @given(phrases())
    def agree(told: Told) -> None:
        found = read(told.text)

        assert (found.earliest, found.latest) == (told.first, told.last)

    agree()


@given(phrases())
@settings(max_examples=300, derandomize=True, database=None, deadline=None)
def test_what_words_are_written_as_reads_as_itself(told: Told) -> None:
    found = read(told.text)

    again = read(found.edtf)

    assert (again.edtf, again.earliest, again.latest) == (found.edtf, found.earliest, found.latest)
    assert (found.words, again.ongoing, found.anchored) == (told.text, found.ongoing, False)


@given(edtf_texts)
@settings(max_examples=400, derandomize=True, database=None, deadline=None)
def test_edtf_is_written_as_it_was_read(text: str) -> None:
    found = edtf.parse(text)

    assert found.text == text
    assert edtf.parse(found.text) == found


# Narrower within wider


def within(narrow: tuple[Any, Any], wide: tuple[Any, Any]) -> bool:
    """Whether bounds lie within others, where an unknown side is as far as can be."""
    first = wide[0] is None or (narrow[0] is not None and narrow[0] >= wide[0])
    return first and (wide[1] is None or (narrow[1] is not None and narrow[1] <= wide[1]))


@given(days)
@settings(max_examples=200, derandomize=True, database=None, deadline=None)
def test_a_narrower_date_lies_within_every_wider_one(day: date) -> None:
    year, month, first = f"{day.year:04}", f"{day.year:04}-{day.month:02}", f"{day.year:04}-{day.month:02}-{day.day:02}"
    decade, century = f"{year[:3]}X", f"{year[:2]}XX"
    third = ("early", "mid", "late")[min(2, (day.day - 1) // 10)]
    ladders = [
        [first, month, year, decade, century, f"{year[:1]}XXX", "XXXX"],
        [first, f"{month}-XX", f"{year}-XX-XX", f"{decade}-XX-XX"],
        [first, f"{month[:-1]}X-{first[-2:]}", f"{year}-XX-{first[-2:]}"] if day.day < 29 else [first],
        [first, f"[{first}..{month_end(day.year, day.month)}]", f"{month}/{year}-12", f"{month}/..", "/.."],
        [first, f"/{first}", f"/{month}", f"../{year}", "/.."],
        [first, f"{third} {MONTHS[day.month - 1]} {year}", f"{MONTHS[day.month - 1]} {year}", year],
    ]
    if day.year < 100:
        assume(False)

    for ladder in ladders:
        for narrow, wide in pairwise(ladder):
            inner, outer = read(narrow), read(wide)
            assert within((inner.earliest, inner.latest), (outer.earliest, outer.latest)), (narrow, wide)


@given(edtf_texts, st.sampled_from("~?%"))
@settings(max_examples=200, derandomize=True, database=None, deadline=None)
def test_a_mark_never_moves_a_bound(text: str, mark: str) -> None:
    assume(not set(text) & set("~?%/[{T"))

    assert bounds(text + mark) == bounds(text)


def test_every_month_and_year_has_the_days_of_the_calendar() -> None:
    for year in (1, 4, 99, 100, 400, 1899, 1900, 1999, 2000, 2019, 2020, 2100, 9999):
        assert bounds(f"{year:04}") == ((year, 1, 1), (year, 12, 31))
        for month in range(1, 13):
            assert bounds(f"{year:04}-{month:02}")[1] == (year, month, calendar.monthrange(year, month)[1])


# Hostile lengths


HOSTILE = {
    "a set of leap days": ("[", "XXX4-02-29,", "2020]"),
    "a set of days": ("{", "2019-06-07,", "2019}"),
    "marks": ("", "~", "2019"),
    "dots": ("[", ".", "]"),
    "slashes": ("2019", "/", "2020"),
    "words": ("", "early ", "June 2019"),
    "dashes": ("1", "-", "2 June 2019"),
    "turns of phrase": ("", "no later than ", "June"),
    "near-turns of phrase": ("", "no later ", "June"),
    "digits": ("", "1 ", "June 2019"),
    "days": ("", "2019-06-07 ", "June"),
    "blanks": ("7", "  ", "June 2019"),
}
TIMES = 8
LINEAR_RATIO_MAX = 3.0 * TIMES
"""A text so many times as long may take so many times the work, and (for a busy machine) three times that: work that
grows with the square would take eight times it."""


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("of", ["calls", "seconds"])
def test_the_work_grows_with_the_length_of_a_text_and_not_faster(
    hostile: str, of: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (edtf, dates):
        monkeypatch.setattr(module, "TEXT_MAX", 10**9)
    start, repeated, end = HOSTILE[hostile]
    short, long_ = (start + repeated * (length // len(repeated)) + end for length in (4_000, 4_000 * TIMES))
    measure = calls if of == "calls" else seconds

    assert measure(long_) <= LINEAR_RATIO_MAX * measure(short)


def test_work_that_grows_with_the_square_of_the_length_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "read", lambda text: re.search("1*2", text))
    short, long_ = "1" * 500, "1" * 500 * TIMES

    assert seconds(long_) > LINEAR_RATIO_MAX * seconds(short)


def judge(text: str) -> None:
    try:
        read(text)
    except BadDate:
        return


def calls(text: str) -> int:
    """How many calls reading takes, Python's and C's."""
    made = 0

    def count(*_: object) -> None:
        nonlocal made
        made += 1

    sys.setprofile(count)
    try:
        judge(text)
    finally:
        sys.setprofile(None)
    return made


def seconds(text: str) -> float:
    """The least CPU time of several readings, and never so little that the clock's step counts."""
    took = []
    for _ in range(5):
        began = time.process_time()
        judge(text)
        took.append(time.process_time() - began)
    return max(min(took), 0.0002)


def test_a_text_of_the_longest_length_is_the_most_that_is_read() -> None:
    with pytest.raises(BadDate):
        read("[" + "XXX4-02-29," * 5_000 + "2020]")


# The vectors of another implementation


def _epoch_day(milliseconds: str) -> edtf.Day | None:
    """A moment as its day, in UTC; no day for an open or unknown side."""
    if milliseconds in ("", "Infinity", "-Infinity"):
        return None
    return _civil(int(milliseconds) // 86_400_000)


def _civil(number: int) -> edtf.Day:
    """The day so many days after 1 January 1970, also far outside the standard library's calendar."""
    cycles, rest = divmod(number + date(1970, 1, 1).toordinal() - 1, 146_097)
    day = date.fromordinal(rest + 1)
    return day.year + 400 * cycles, day.month, day.day


@needs_data
@pytest.mark.parametrize("name", ["ohm-level0", "ohm-level1", "ohm-loc-spec"])
def test_bounds_are_those_of_the_vectors_but_for_the_rules_of_the_house(name: str) -> None:
    rows = [line.split("\t") for line in (DATA / f"{name}.tsv").read_text("utf-8").splitlines()[1:]]
    differing = {
        text: why
        for text, kind, _, first, last, *_ in rows
        if (ours := _outcome(bounds, text)) != (_epoch_day(first), _epoch_day(last))
        if (why := _why_otherwise(text, kind, ours)) is None
    }

    assert len(rows) > 30
    assert differing == {}


def _why_otherwise(text: str, kind: str, ours: Any) -> str | None:
    """The rule of the house by which a vector's bounds are not ours."""
    if kind == "Season":
        return "its seasons are calendar quarters, ours the meteorologists'"
    if kind == "Century":
        return "a century is written 19XX" if ours == "refused" else None
    if "T" in text and text in HOUSE_BOUNDS:
        return "its offsets and its 24:00 move the day, ours stands as written"
    if text.startswith("XXXX"):
        return "its unknown years are 0 to 9999, ours have no bounds"
    return None
