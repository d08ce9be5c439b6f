"""Read when something happened: EDTF or English words in, the words, canonical EDTF and first and last day out.

dates.read   EDTF (model.edtf: ISO 8601-2:2019, LoC EDTF levels 0–2), else words (model.date_words)
words        phrases → moments (model.date_moments) → parts of the calendar (model.date_parts)
anchor       the document's date, for words that need one (model.date_anchor)
"""

import re
from datetime import date
from functools import lru_cache

import msgspec

from timeline.errors import BadDate
from timeline.model import date_words, edtf, weeks
from timeline.model.date_vocabulary import EXPECTED
from timeline.model.edtf import TEXT_MAX


class Occurred(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A date as read: the caller's words, the EDTF they mean, and the days they allow."""

    words: str
    edtf: str
    earliest: date | None
    """None = unknown."""
    latest: date | None
    ongoing: bool = False
    anchored: bool = False
    """The words needed the anchor: read them again if the anchor is corrected."""


def read(text: str, anchor: Occurred | None = None) -> Occurred:
    """Read a date; `BadDate` says what was expected of a text that is none, or lies outside the years 0001 to 9999."""
    if len(text) == 10 and text[4] == text[7] == "-":
        # Most dates are days; this is four times as fast as the pattern.
        try:
            day = date.fromisoformat(text)
        except ValueError:
            pass
        else:
            return Occurred(words=text, edtf=text, earliest=day, latest=day)
    _check_text(text)
    if _EDTF_LETTERS.fullmatch(text):
        return _read_edtf(text, anchor)
    return _read_words(text, anchor)


again = lru_cache(maxsize=8_192)(read)
"""`read`, remembering: admission and the fold read the same few dates several times for each record."""


_EDTF_LETTERS = re.compile(r"[-0-9XYESTZ~?%/.,:+\[\]{} ]+")
_ISO_WEEK = re.compile(r"[0-9]{4}-W[0-9]{2}")
_BLANKS = "\u00a0\u2009\u202f"


def _check_text(text: str) -> None:
    if not text or len(text) > TEXT_MAX:
        found = f"{text[:40]}…" if text else text
        raise BadDate(found, f"a date of 1 to {TEXT_MAX} characters: {EXPECTED}")
    # Text pasted from the web has no-break blanks; nothing else unprintable belongs in a date.
    if not text.isprintable() and any(not char.isprintable() and char not in _BLANKS for char in text):
        raise BadDate(text, "a date without control characters")
    if text[0].isspace() or text[-1].isspace():
        raise BadDate(text, "a date without blanks around it")


def _read_edtf(text: str, anchor: Occurred | None) -> Occurred:
    try:
        bounds = edtf.parse(text)
    except BadDate as no_edtf:
        # "1852 - 1860" and "3/2019" have only letters of EDTF, and are words.
        try:
            return _read_words(text, anchor)
        except BadDate:
            raise no_edtf from None
    return _occurred(text, bounds, False)


def _read_words(text: str, anchor: Occurred | None) -> Occurred:
    if _ISO_WEEK.fullmatch(text):
        monday, sunday = weeks.week_bounds(text)
        return _occurred(text, edtf.parse(f"[{monday}..{sunday}]"), False)
    sides = (None, None) if anchor is None else (anchor.earliest, anchor.latest)
    bounds, anchored = date_words.write(text, sides)
    return _occurred(text, bounds, anchored)


def _occurred(text: str, bounds: edtf.Bounds, anchored: bool) -> Occurred:
    return Occurred(
        words=text,
        edtf=bounds.text,
        earliest=_calendar_day(text, bounds, bounds.earliest),
        latest=_calendar_day(text, bounds, bounds.latest),
        ongoing=bounds.ongoing,
        anchored=anchored,
    )


def _calendar_day(text: str, bounds: edtf.Bounds, day: edtf.Day | None) -> date | None:
    if day is None:
        return None
    if 1 <= day[0] <= 9999:
        return date(*day)
    # A masked year such as 00XX begins in the year 0, which it does not claim.
    if day[0] == 0 and day is bounds.earliest and "X" in bounds.text.lstrip("[{~?%")[:4]:
        return date.min
    raise BadDate(text, "an event in the years 0001 to 9999")
