"""Dates to draw, as EDTF and in words, with the days that they allow by the standard library's calendar."""

import calendar
from datetime import date, timedelta
from typing import NamedTuple

from hypothesis import strategies as st

MARKS = ("", "~", "?", "%")
MONTHS = calendar.month_name[1:]
SEASONS = ("21", "22", "23", "25", "26", "27", "29", "31", "32", *(str(code) for code in range(33, 42)))
"""The parts of a year but winter: 24, 28 and 30 end in the next year by our rule, the standard leaves it open."""


class Told(NamedTuple):
    """A text, and the first and last day that it allows."""

    text: str
    first: date | None
    last: date | None


def month_end(year: int, month: int) -> date:
    """The last day of a month."""
    return date(year, month, calendar.monthrange(year, month)[1])


days = st.dates(min_value=date(1, 1, 1), max_value=date(9998, 12, 31))
later_days = st.integers(0, 4_000)


@st.composite
def precisions(draw: st.DrawFn, day: date) -> str:
    """A day, or the month or year that holds it, perhaps marked."""
    parts = day.isoformat().split("-")[: draw(st.integers(1, 3))]
    mark = draw(st.sampled_from(MARKS))
    at = draw(st.integers(0, len(parts)))
    if not mark or at == len(parts):
        return "-".join(parts) + mark
    before = draw(st.booleans())  # a mark before a part is that part's, after it that of all so far
    parts[at] = mark + parts[at] if before else parts[at] + mark
    return "-".join(parts)


@st.composite
def masked(draw: st.DrawFn) -> str:
    """Unspecified digits where the `edtf` package reads them: trailing ones of the year, whole months, whole days."""
    day = draw(days.filter(lambda each: each.year > 999))
    year = f"{day.year:04}"
    hidden = draw(st.integers(0, 3))
    year = year[: 4 - hidden] + "X" * hidden
    tail = ["", "-XX", "-XX-XX", f"-{day.month:02}-XX", f"-XX-{min(day.day, 28):02}"]
    tail += [f"-{day.month:02}", f"-{day.month:02}-{min(day.day, 28):02}"]
    return year + draw(st.sampled_from(tail if hidden else tail[1:5]))


@st.composite
def spans(draw: st.DrawFn) -> str:
    """An interval, closed or with an open side, or a set; never reversed."""
    day = draw(days.filter(lambda each: each.year < 9980))
    end = day + timedelta(days=draw(later_days))
    of_first, of_last = draw(st.sampled_from([4, 7, 10])), draw(st.sampled_from([4, 7, 10]))
    first, last = day.isoformat()[:of_first], end.isoformat()[:of_last]
    like_first = end.isoformat()[:of_first]  # the package reads `a..b` only where both are days, months or years
    whole = [f"{first}/{last}", f"[{first}..{like_first}]", f"{{{first}..{like_first}}}", f"[{first},{last}]"]
    open_ = [f"{first}/..", f"../{last}", f"[{first}..]", f"[..{last}]", f"[..{first},{last}]", f"{{{first},{last}}}"]
    return draw(st.sampled_from(whole + open_))


@st.composite
def moments(draw: st.DrawFn) -> str:
    """A day with a time of day: the day stands as written."""
    clock = draw(st.times()).replace(microsecond=0).isoformat()
    return f"{draw(days)}T{clock}" + draw(st.sampled_from(["", "Z", "+02:00", "-04:00", "+14:00"]))


long_years = st.builds(
    "Y{}{}".format, st.sampled_from(["", "-"]), st.integers(10_000, 10**9) | st.sampled_from(["17E7", "12E4", "3E5"])
)
negative_years = st.integers(1, 9999).map("-{:04}".format)
seasons = st.builds("{:04}-{}".format, st.integers(1, 9998), st.sampled_from(SEASONS))
edtf_texts = st.one_of(days.flatmap(precisions), masked(), spans(), moments(), long_years, negative_years, seasons)
"""EDTF of levels 0 to 2, in the shapes that the `edtf` package reads rightly: test_bounds.py says which it does not."""


@st.composite
def phrases(draw: st.DrawFn) -> Told:
    """A date in English words, with its days worked out here."""
    day = draw(st.dates(min_value=date(1000, 1, 2), max_value=date(9990, 12, 30)))
    month, year, first = MONTHS[day.month - 1], day.year, day.replace(day=1)
    end, other = month_end(year, day.month), day + timedelta(days=draw(st.integers(1, 200)))
    monday = day - timedelta(days=day.weekday())
    this, that = f"{day.day} {month} {year}", f"{other.day} {MONTHS[other.month - 1]} {other.year}"
    told = [
        Told(this, day, day),
        Told(f"{month} {day.day}, {year}", day, day),
        Told(f"{calendar.day_name[day.weekday()]} {this}", day, day),
        Told(f"{month} {year}", first, end),
        Told(f"early {month} {year}", first, day.replace(day=10)),
        Told(f"mid-{month} {year}", day.replace(day=11), day.replace(day=20)),
        Told(f"late {month} {year}", day.replace(day=21), end),
        Told(f"first half of {month} {year}", first, day.replace(day=15)),
        Told(f"second half of {month} {year}", day.replace(day=16), end),
        Told(f"early {year}", date(year, 1, 1), date(year, 4, 30)),
        Told(f"mid {year}", date(year, 5, 1), date(year, 8, 31)),
        Told(f"late {year}", date(year, 9, 1), date(year, 12, 31)),
        Told(f"summer {year}", date(year, 6, 1), date(year, 8, 31)),
        Told(f"winter {year}", date(year, 12, 1), month_end(year + 1, 2)),
        Told(f"Q{(day.month + 2) // 3} {year}", _quarter(day)[0], _quarter(day)[1]),
        Told(f"week of {this}", monday, monday + timedelta(days=6)),
        Told(f"overnight on {this}", day, day + timedelta(days=1)),
        Told(f"since {this}", day, None),
        Told(f"by {this}", None, day),
        Told(f"after {this}", day, None),
        Told(f"between {this} and {that}", day, other),
        Told(f"from {this} to {that}", day, other),
        Told(f"{this} or {that}", day, other),
        Told(f"about {this}", day, day),
        Told(f"possibly early {month} {year}", first, day.replace(day=10)),
    ]
    return draw(st.sampled_from(told))


def _quarter(day: date) -> tuple[date, date]:
    first = 3 * ((day.month - 1) // 3) + 1
    return date(day.year, first, 1), month_end(day.year, first + 2)
