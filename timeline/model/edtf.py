"""Read the Extended Date/Time Format into the first and the last day that it allows.

ISO 8601-2:2019 Annex A, as profiled by the Library of Congress (EDTF, February 2019), levels 0, 1 and 2 whole.
The rules of the house, where the standard leaves a choice:

- `~ ? %` mark a date, they never widen it; the bounds of a set are its hull;
- seasons are meteorological: 24 is December to February *of the next year*; 29 to 32 are southern;
- the day stands as written: an offset never moves it, and neither does 24:00;
- `XXXX` says nothing about the year, so both its bounds are unknown; any other masked year has a hull;
- `x/..` is still going on, `x/` has an unknown end; `/x` and `../x` both have no earliest day.

Years may lie far outside the calendar of `datetime` (`Y17E7`, `-0044`), so days here are plain (year, month, day)
in the proleptic Gregorian calendar, with a year 0. Every pattern is linear in the text.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import NamedTuple

from timeline.errors import BadDate

Day = tuple[int, int, int]
Span = tuple[Day | None, Day | None]

TEXT_MAX = 200
"""Characters of a date. The longest of the standard's own examples has 29."""


class Bounds(NamedTuple):
    """What an EDTF text allows: its canonical text, its first and last day (None = unknown), and whether it goes on."""

    text: str
    earliest: Day | None
    latest: Day | None
    ongoing: bool = False


def parse(text: str) -> Bounds:
    """Read one EDTF date, date with time, interval or set; refuse anything else with `BadDate`."""
    if len(text) > TEXT_MAX:
        raise BadDate(f"{text[:40]}…", f"a date of at most {TEXT_MAX} characters")
    if "/" in text:
        return _interval(text)
    if text.startswith(("[", "{")):
        return _set(text)
    earliest, latest = _moment(text) if "T" in text else _date(text)
    return Bounds(text, earliest, latest)


def month_length(year: int, month: int) -> int:
    """Days of a month; any year, also 0 and before."""
    if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        return 29
    return _MONTH_LENGTHS[month]


_MONTH_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

# Code of a part of the year: its first month, its months. One that passes December ends in the next year.
_SEASONS = {
    **{21 + i: (3 + 3 * i, 3) for i in range(4)},
    **{25 + i: (3 + 3 * i, 3) for i in range(4)},  # northern, said outright
    29: (9, 3),
    30: (12, 3),
    31: (3, 3),
    32: (6, 3),
    **{33 + i: (1 + 3 * i, 3) for i in range(4)},  # quarters
    **{37 + i: (1 + 4 * i, 4) for i in range(3)},  # thirds
    **{40 + i: (1 + 6 * i, 6) for i in range(2)},  # halves
}

_DATE = re.compile(
    r"[~?%]?(-?[0-9X]{4})[~?%]?(?:-[~?%]?([0-9X]{2})[~?%]?(?:-[~?%]?([0-9X]{2})[~?%]?)?)?",
)
_SIGNIFICANT = re.compile(r"(-?)([0-9]{4})()S([0-9]{1,3})[~?%]?")
_LONG_YEAR = re.compile(r"Y(-?)([1-9][0-9]*)(?:E([0-9]{1,3}))?(?:S([0-9]{1,3}))?[~?%]?")
_MOMENT = re.compile(
    r"(-?[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"T(?:(?:[01][0-9]|2[0-3]):(?:[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]+)?)?|59:60)|24:00(?::00(?:[.,]0+)?)?)"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3])(?::[0-5][0-9])?)?",
)
_SHORT_YEAR = re.compile(r"-?[0-9]{1,3}(?:-.*)?")


def _moment(text: str) -> Span:
    """A day with a time of day: the day as written, never converted."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise BadDate(text, 'a day and a time such as "2019-06-07T10:30Z" or "2019-06-07T10:30:45+02:00"')
    return _date(found[1])


def _date(text: str) -> Span:
    """One date, of any precision."""
    found = _DATE.fullmatch(text)
    if found is None:
        return _year(text)
    year, month, day = found.groups()
    if "X" in text:
        return _masked(text, year, month, day)
    number = int(year)
    if number == 0 and year[0] == "-":
        raise BadDate(text, '"0000" for the year 0: there is no year -0000')
    if month is None:
        return (number, 1, 1), (number, 12, 31)
    if day is None:
        return _month(text, number, int(month))
    one = (number, int(month), int(day))
    if not 1 <= one[1] <= 12:
        raise BadDate(text, "a month from 01 to 12 before a day")
    if not 1 <= one[2] <= month_length(number, one[1]):
        raise BadDate(text, f"a day from 01 to {month_length(number, one[1])} in that month")
    return one, one


def _month(text: str, year: int, month: int) -> Span:
    """A month (01 to 12) or another part of the year (21 to 41)."""
    if 1 <= month <= 12:
        return (year, month, 1), (year, month, month_length(year, month))
    season = _SEASONS.get(month)
    if season is None:
        raise BadDate(text, "a month from 01 to 12, or a season, quarter, third or half from 21 to 41")
    first, months = season
    over, last = divmod(first + months - 2, 12)
    return (year, first, 1), (year + over, last + 1, month_length(year + over, last + 1))


def _year(text: str) -> Span:
    """A year that is more than four plain digits: `1950S2`, `Y17E7`, `Y171010000S3`."""
    found = _SIGNIFICANT.fullmatch(text) or _LONG_YEAR.fullmatch(text)
    if found is None:
        raise BadDate(text, _expected_instead_of(text))
    sign, digits, exponent, significant = found.groups()
    written = digits + "0" * int(exponent or 0)
    if text.startswith("Y") and len(written) < 5:
        raise BadDate(text, f'"{sign}{written:0>4}": a Y stands before years of more than four digits')
    kept = len(written) if significant is None else int(significant)
    if not 1 <= kept <= len(written):
        raise BadDate(text, f"from 1 to {len(written)} significant digits")
    first, last = (int(written[:kept].ljust(len(written), filler)) for filler in "09")
    if sign:
        first, last = -last, -first
    return (first, 1, 1), (last, 12, 31)


def _expected_instead_of(text: str) -> str:
    if "(" in text:
        return 'marks beside the part they belong to ("2004-~06-11"), not brackets around it'
    if _SHORT_YEAR.fullmatch(text):
        return 'a year of four digits ("0007" is the year 7, "19XX" the century)'
    return 'an EDTF date such as "2019-06-07", "2019-06", "2019-06-~05", "201X" or "[2019-06-01..2019-06-10]"'


def _masked(text: str, year: str, month: str | None, day: str | None) -> Span:
    """A date with unspecified digits: the hull of every date that fits it."""
    if month is not None and day is None and month.isdigit() and int(month) > 12:
        years = year.replace("X", "0"), year.replace("X", "9")
        low, high = sorted(int(number) for number in years)
        span: Span = (_month(text, low, int(month))[0], _month(text, high, int(month))[1])
    else:
        months, days = _fitting(month or "XX", 12), _fitting(day or "XX", 31)
        if not any(d <= month_length(2000, m) for m in months for d in days):
            raise BadDate(text, "digits that leave at least one real day")
        span = _hull(text, year, months, days)
    return (None, None) if year == "XXXX" else span


@cache
def _fitting(mask: str, highest: int) -> tuple[int, ...]:
    """The months or days that fit two digits, either of which may be X."""
    numbers = (f"{number:02}" for number in range(1, highest + 1))
    return tuple(int(n) for n in numbers if all(m in ("X", digit) for m, digit in zip(mask, n, strict=True)))


def _hull(text: str, year: str, months: tuple[int, ...], days: tuple[int, ...]) -> Span:
    negative = year.startswith("-")
    first = _first_real(_years(year, falling=negative), months, days)
    last = _first_real(_years(year, falling=not negative), months[::-1], days[::-1])
    if first is None or last is None:
        raise BadDate(text, "a leap year for a 29th of February")
    return first, last


def _years(mask: str, *, falling: bool) -> Iterator[int]:
    """The years that fit a mask, in order of their distance from the year 0, or against it."""
    digits = "9876543210" if falling else "0123456789"
    sign = -1 if mask.startswith("-") else 1
    for chosen in product(*(digits if digit == "X" else digit for digit in mask.removeprefix("-"))):
        yield sign * int("".join(chosen))


def _first_real(years: Iterator[int], months: tuple[int, ...], days: tuple[int, ...]) -> Day | None:
    # Any first year will do unless the day is 29 February; then at most a thousand years are looked at.
    for year in years:
        for month in months:
            for day in days:
                if day <= month_length(year, month):
                    return year, month, day
    return None


def _interval(text: str) -> Bounds:
    """`a/b`: it lasted from a to b. An empty side is unknown, `..` is open."""
    start, _, end = text.partition("/")
    if "/" in end or not (start or end):
        raise BadDate(
            text, 'a date such as "2019-06-07", or an interval such as "2019-06-03/2019-06-09" or "/2019-06-14"'
        )
    earliest = None if start in ("", "..") else _date(start)[0]
    latest = None if end in ("", "..") else _date(end)[1]
    _refuse_reversed(text, earliest, latest)
    return Bounds(text, earliest, latest, end == "..")


def _refuse_reversed(text: str, earliest: Day | None, latest: Day | None) -> None:
    if earliest is not None and latest is not None and latest < earliest:
        raise BadDate(text, "an end that is not before its start")


def _set(text: str) -> Bounds:
    """`[…]` is one of its members, `{…}` all of them; the bounds are the hull of either."""
    if len(text) < 3 or text[-1] != ("]" if text[0] == "[" else "}"):
        raise BadDate(text, 'a set such as "[2019-06-01..2019-06-10]" or "{2019-06-03,2019-06-05}"')
    # Libraries write a blank after the comma; the standard does not. We read it, and write the standard's form.
    members = text[1:-1].replace(", ", ",").split(",")
    spans = [_member(text, member, i == 0, i == len(members) - 1) for i, member in enumerate(members)]
    starts = [span[0] for span in spans if span[0] is not None]
    ends = [span[1] for span in spans if span[1] is not None]
    earliest = min(starts) if len(starts) == len(spans) else None
    latest = max(ends) if len(ends) == len(spans) else None
    return Bounds(f"{text[0]}{','.join(members)}{text[-1]}", earliest, latest)


def _member(text: str, member: str, is_first: bool, is_last: bool) -> Span:
    """One member of a set: a date, or `a..b`; `..b` may only come first and `a..` only last."""
    start, dots, end = member.partition("..")
    if not dots:
        return _date(member)
    if (not start and not is_first) or (not end and not is_last) or not (start or end):
        raise BadDate(text, 'an open ".." only before the first or after the last date of a set')
    earliest = _date(start)[0] if start else None
    latest = _date(end)[1] if end else None
    _refuse_reversed(text, earliest, latest)
    return earliest, latest
