"""What a phrase such as "early June 2019" covers, written as EDTF.

The rules of the house: early, mid and late are days 1–10, 11–20 and 21 to the end of a month; January to April,
May to August and September to December of a year; years 0–3, 4–6 and 7–9 of a decade; thirds of a century that
counts from 1. Halves of a month are 1–15 and 16 to the end. All are written `[a..b]`: on one of these days.
"""

import re
from datetime import date
from typing import NamedTuple

from timeline.errors import BadDate
from timeline.model import edtf

Thirds = tuple[int, int]
"""The first and the last third meant: early is (0, 0), mid-to-late (1, 2)."""

MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_MEMBER_END = re.compile(r"(?<=[0-9X])(?=\.\.|[,\]}]|$)")


class Part(NamedTuple):
    """A stretch of the calendar: the EDTF to write when it stands alone, and the dates it runs from and to."""

    text: str
    first: str
    last: str

    def marked(self, mark: str) -> str:
        """The EDTF with a qualification (`~`, `?`, `%`) on each of its dates."""
        return _MEMBER_END.sub(mark, self.text) if mark else self.text


def whole(text: str) -> Part:
    """One EDTF date that is its own first and last."""
    return Part(text, text, text)


def stretch(first: str, last: str) -> Part:
    """One of the dates from first to last."""
    return whole(first) if first == last else Part(f"[{first}..{last}]", first, last)


def one_of(parts: list[Part]) -> Part:
    """The union of parts that are in order."""
    if all(part == parts[0] for part in parts):
        return parts[0]
    members = ",".join(part.text.strip("[]") for part in parts)
    return Part(f"[{members}]", parts[0].first, parts[-1].last)


def days(first: int, last: int) -> Part:
    """The days between two day numbers (`date.toordinal`)."""
    if first < 1 or last > date.max.toordinal():
        raise BadDate("a day outside the calendar", "a day in the years 0001 to 9999")
    return stretch(date.fromordinal(first).isoformat(), date.fromordinal(last).isoformat())


def day_number(text: str) -> int:
    """The day number (`date.toordinal`) of an ISO day."""
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        raise BadDate(text, "a day in the years 0001 to 9999") from None


def day(year: int, month: int, number: int) -> Part:
    """One day; refused if the month has no such day."""
    last = edtf.month_length(year, month)
    if not 1 <= number <= last:
        raise BadDate(
            f"{number} {MONTH_NAMES[month - 1]} {year}",
            f"a day from 1 to {last} in {MONTH_NAMES[month - 1]} {year}",
        )
    return whole(f"{_year(year)}-{month:02}-{number:02}")


def week(of: Part) -> Part:
    """The ISO week, Monday to Sunday, that holds a day."""
    number = day_number(of.first)
    return weeks(number, number)


def weeks(first: int, last: int) -> Part:
    """The ISO weeks that hold two day numbers, and all between."""
    return days(first - (first - 1) % 7, last - (last - 1) % 7 + 6)


def month(year: int, number: int, thirds: Thirds | None = None) -> Part:
    """A month, or thirds of it."""
    text = f"{_year(year)}-{number:02}"
    if thirds is None:
        return whole(text)
    last = (10, 20, edtf.month_length(year, number))[thirds[1]]
    return stretch(f"{text}-{(1, 11, 21)[thirds[0]]:02}", f"{text}-{last:02}")


def half_month(year: int, number: int, half: int) -> Part:
    """Days 1–15 of a month, or 16 to its end."""
    text = f"{_year(year)}-{number:02}"
    if half == 0:
        return stretch(f"{text}-01", f"{text}-15")
    return stretch(f"{text}-16", f"{text}-{edtf.month_length(year, number)}")


def year(number: int, thirds: Thirds | None = None) -> Part:
    """A year, or thirds of it."""
    text = _year(number)
    if thirds is None:
        return whole(text)
    return stretch(f"{text}-{1 + 4 * thirds[0]:02}", f"{text}-{4 + 4 * thirds[1]:02}")


def half_year(number: int, half: int) -> Part:
    """January to June, or July to December."""
    return stretch(f"{_year(number)}-{1 + 6 * half:02}", f"{_year(number)}-{6 + 6 * half:02}")


def season(year_number: int, code: int) -> Part:
    """A season (21–24) or a quarter (33–36) of a year."""
    return whole(f"{_year(year_number)}-{code}")


def decade(start: int, thirds: Thirds | None = None) -> Part:
    """Ten years from one ending in 0, or thirds of them."""
    if thirds is None:
        return Part(f"{start // 10:03}X", _year(start), _year(start + 9))
    return stretch(_year(start + (0, 4, 7)[thirds[0]]), _year(start + (3, 6, 9)[thirds[1]]))


def century(number: int, thirds: Thirds | None = None, *, before_christ: bool = False) -> Part:
    """A century: whole, it is `18XX`, as the standard writes it; its thirds count from 1801."""
    if thirds is not None:
        start = 1 - 100 * number if before_christ else 100 * number - 99
        return stretch(_year(start + (0, 33, 66)[thirds[0]]), _year(start + (32, 65, 99)[thirds[1]]))
    if before_christ:
        return Part(f"-{number - 1:02}XX", f"-{number - 1:02}99", f"-{number - 1:02}00")
    return Part(f"{number - 1:02}XX", f"{number - 1:02}00", f"{number - 1:02}99")


def _year(number: int) -> str:
    return f"{number:04}" if number >= 0 else f"-{-number:04}"
