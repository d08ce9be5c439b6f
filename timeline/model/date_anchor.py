"""Settle what a phrase leaves open: the year it does not name, and days such as "last week", read from an anchor.

The anchor is the date of the document. A fuzzy one gives the union over its days: "last week" in a document of
8 to 14 June 2019, which straddles two weeks, is 27 May to 9 June; in one of 10 to 14 June it is exactly W23.
"""

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from timeline.errors import BadDate
from timeline.model import date_parts as parts
from timeline.model import edtf
from timeline.model.date_parts import Part, Thirds

Sides = tuple[date | None, date | None]

ANY_YEAR = 0
"""The year of a moment that is the same in every year, such as "yesterday": it has none to lend."""

# No moment without a year is longer than a season, so this near no other year can be nearer.
_NEAR_DAYS = 90
_LISTED_YEARS_MAX = 6
_LISTED_DAYS_MAX = 31


class Moment(NamedTuple):
    """A date whose year may still be unknown: `reading(year)` is what it covers in a given year."""

    reading: Callable[[int], Part]
    year: int | None
    form: str = ""
    month: int = 0
    number: str = ""
    weekday: int | None = None
    mark: str = ""


def settled(part: Part, form: str = "") -> Moment:
    """A moment that needs no year."""
    return Moment(lambda _: part, ANY_YEAR, form)


def refusal(expected: str) -> BadDate:
    """A fault in a phrase; whoever holds the whole phrase puts it in as what was found."""
    return BadDate("", expected)


class Anchor:
    """The date that a phrase is read from, and whether it was needed (then: read again if it is corrected)."""

    def __init__(self, sides: Sides) -> None:
        self._sides = sides
        self.used = False

    def either_side(self) -> tuple[date, date]:
        """First and last day, one standing in for the other: enough to tell a year."""
        low, high = self._sides
        low, high = low or high, high or low
        if low is None or high is None:
            raise refusal("a year in the words, or a document date to read them from")
        self.used = True
        return low, high

    def days(self) -> tuple[int, int]:
        """First and last day as day numbers (`date.toordinal`)."""
        low, high = self._sides
        if low is None or high is None:
            raise refusal("a date with its year, or a document date to read the words from")
        self.used = True
        return low.toordinal(), high.toordinal()

    def settle(self, moment: Moment, *, past: bool = False) -> Part:
        """What a moment covers; without a year, in the year that puts it nearest to the anchor."""
        if moment.year is not None:
            meant = [moment.reading(moment.year)]
        else:
            low, high = self._nearest_years(moment, past)
            if high - low >= _LISTED_YEARS_MAX:
                raise refusal("a year, or a document date that is nearer to one day")
            meant = _in_years(moment, range(low, high + 1))
        if moment.weekday is not None:
            meant = _on_weekday(meant, moment.weekday)
        return parts.one_of(meant)

    def settle_pair(self, left: Moment, right: Moment) -> tuple[Part, Part]:
        """What two moments cover, each lending the other its year: 28 December to 3 January 2020 begins in 2019."""
        if left.year is None and right.year is None:
            low, high = self._nearest_years(left, past=False)
            if low != high:
                raise refusal("a year: the document date leaves more than one")
            left = left._replace(year=low)
        if left.year is None and right.year != ANY_YEAR:
            left = left._replace(year=_lent(left, right, before=True))
        elif right.year is None and left.year != ANY_YEAR:
            right = right._replace(year=_lent(right, left, before=False))
        return self.settle(left), self.settle(right)

    def _nearest_years(self, moment: Moment, past: bool) -> tuple[int, int]:
        low, high = self.either_side()
        first = _nearest(moment, low, past)
        return first, first if low == high else _nearest(moment, high, past)

    def year(self, step: int) -> int:
        """This year, last year or next year, where a day or month of it is meant."""
        low, high = self.either_side()
        if low.year != high.year:
            raise refusal("a year: the document date leaves more than one")
        return low.year + step

    def shifted(self, step: int) -> Part:
        """Yesterday, tomorrow, three days ago."""
        low, high = self.days()
        return parts.days(low + step, high + step)

    def night_before(self) -> Part:
        """ "overnight", said without a day."""
        low, high = self.days()
        return parts.days(low - 1, high)

    def week(self, step: int) -> Part:
        """This, last or next week: Monday to Sunday."""
        low, high = self.days()
        return parts.weeks(low + 7 * step, high + 7 * step)

    def year_part(self, step: int, thirds: Thirds | None) -> Part:
        """This, last or next year, whole or thirds of it."""
        low, high = (date.fromordinal(day).year + step for day in self.days())
        return _union([parts.year(year, thirds) for year in (low, high)], high - low + 1)

    def month_part(self, step: int, thirds: Thirds | None) -> Part:
        """This, last or next month, whole or thirds of it."""
        low, high = (date.fromordinal(day) for day in self.days())
        months = [side.year * 12 + side.month - 1 + step for side in (low, high)]
        ends = [parts.month(month // 12, month % 12 + 1, thirds) for month in months]
        return _union(ends, months[1] - months[0] + 1)

    def since_start(self, unit: Part) -> Part:
        """ "earlier this week": from its first day to the anchor."""
        return parts.days(_ends(unit)[0], self.days()[1])

    def until_end(self, unit: Part) -> Part:
        """ "later this week": from the anchor to its last day."""
        return parts.days(self.days()[0], _ends(unit)[1])

    def day_by_day(self, reading: Callable[[int], int]) -> Part:
        """The union of the days that each day of the anchor means; of a wide anchor, its hull."""
        low, high = self.days()
        if high - low >= _LISTED_DAYS_MAX:
            return parts.days(reading(low), reading(high))
        meant = sorted({reading(day) for day in range(low, high + 1)})
        return parts.one_of([parts.days(day, day) for day in meant])


def _union(ends: list[Part], count: int) -> Part:
    """The first and the last of some months or years: thirds of two are listed, more are told by their hull."""
    if count == 1 or (count == 2 and ends[0].text.startswith("[")):
        return parts.one_of(ends)
    return parts.stretch(ends[0].first, ends[1].last)


def _ends(part: Part) -> tuple[int, int]:
    """First and last day number of a part of the calendar."""
    bounds = edtf.parse(f"{part.first}/{part.last}")
    return _day_number(bounds.earliest), _day_number(bounds.latest)


def _day_number(day: edtf.Day | None) -> int:
    if day is None or not 1 <= day[0] <= 9999:
        raise refusal("a day in the years 0001 to 9999")
    return date(*day).toordinal()


def _lent(needy: Moment, other: Moment, *, before: bool) -> int:
    """The year of the other, or the one beside it if only that puts the two in order, less than half a year apart."""
    if other.year is None:
        raise refusal("a year on both sides")
    own, others = (edtf.parse(moment.reading(other.year).first).earliest for moment in (needy, other))
    if own is None or others is None:
        raise refusal("a year on both sides")
    months_too_late = own[1] - others[1] if before else others[1] - own[1]
    if months_too_late < 6:
        return other.year
    return other.year - 1 if before else other.year + 1


def _nearest(moment: Moment, day: date, past: bool) -> int:
    """The year that puts a moment nearest to a day, the earlier on a tie; if past, not after that day."""
    gap = _gap(moment, day.year, day, past)
    if gap is not None and gap <= _NEAR_DAYS:
        return day.year
    # The years beside hold every moment but a leap day; eight years apart are those around 1900.
    for reach in (1, 8):
        years = range(max(1, day.year - reach), min(9999, day.year + reach) + 1)
        gaps = [(gap, year) for year in years if (gap := _gap(moment, year, day, past)) is not None]
        if gaps:
            return min(gaps)[1]
    raise refusal("a day that its month has")


def _gap(moment: Moment, year: int, day: date, past: bool) -> int | None:
    """Days between a moment in some year and a day; None if there is no such moment, or only one ahead."""
    try:
        first, last = _ends(moment.reading(year))
    except BadDate:
        return None
    here = day.toordinal()
    if past and first > here:
        return None
    return max(first - here, here - last, 0)


def _in_years(moment: Moment, years: range) -> list[Part]:
    if len(years) == 1:
        return [moment.reading(years[0])]
    # A leap day is missing from the years between.
    return [moment.reading(year) for year in years if _gap(moment, year, date.min, past=False) is not None]


def _on_weekday(meant: list[Part], weekday: int) -> list[Part]:
    """The days that fall on a weekday; if none does, the words contradict themselves."""
    weekdays = [(parts.day_number(part.first) - 1) % 7 for part in meant]
    if weekday not in weekdays:
        raise refusal(f"{parts.WEEKDAY_NAMES[weekdays[0]]}: that is the weekday of {meant[0].first}")
    return [part for part, real in zip(meant, weekdays, strict=True) if real == weekday]
