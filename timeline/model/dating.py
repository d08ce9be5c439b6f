"""The dates of an event: what its words mean, once its document and its day of recording are known.

The log keeps the words; bounds are derived here each time, so that mending a document's date mends what hangs on it.
"""

from datetime import date
from functools import lru_cache

import msgspec

from timeline.errors import BadDate
from timeline.model.dates import Occurred
from timeline.model.dates import again as read
from timeline.model.kinds import Event
from timeline.model.record import When


class Dates(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """When it happened and when its source said so."""

    occurred: Occurred
    said: Occurred
    said_assumed: bool = False
    """True when nothing says when it was said: `said` is then the day of recording."""


@lru_cache(maxsize=4_096)
def day(on: date) -> Occurred:
    """One day, as a read date."""
    text = on.isoformat()
    return Occurred(words=text, edtf=text, earliest=on, latest=on)


def dates_of(event: Event, *, published: Occurred | None, recorded_on: date, during: Occurred | None = None) -> Dates:
    """The dates of an event.

    Args:
        published: the date of its document, if it has one that is dated: the anchor of "last week".
        recorded_on: the day of recording (UTC), the anchor of last resort.
        during: the dates of the event named by `{"during": …}`.

    Raises:
        errors.BadDate: a text can't be read.
    """
    anchor = published or day(recorded_on)
    given = _said(event.said, anchor) if event.said else None
    occurred = _occurred(event.occurred, given if given and not published else anchor, during)
    if given is not None:
        return Dates(occurred=occurred, said=given)
    if event.speech and _is_known(occurred):
        return Dates(occurred=occurred, said=occurred)
    return Dates(occurred=occurred, said=anchor, said_assumed=published is None)


def _said(text: str, anchor: Occurred) -> Occurred:
    found = read(text, anchor)
    if not _is_known(found):
        raise BadDate(text, "a said with a first or a last day, for an event may be placed by it")
    return found


def _is_known(found: Occurred) -> bool:
    return found.earliest is not None or found.latest is not None


def _occurred(value: str | When, anchor: Occurred, during: Occurred | None) -> Occurred:
    if isinstance(value, str):
        return read(value, anchor)
    if value.during is not None:
        return _within(during)
    found = read(value.edtf or value.words or "", anchor)
    return msgspec.structs.replace(found, words=value.words) if value.words else found


def _within(during: Occurred | None) -> Occurred:
    """One of the days of another event: its bounds as `[a..b]`. Unknown when that event is not there."""
    if during is None or (during.earliest is None and during.latest is None):
        return Occurred(words="at an unknown time", edtf="XXXX", earliest=None, latest=None)
    first, last = (side.isoformat() if side else "" for side in (during.earliest, during.latest))
    text = f"[{first}..{last}]" if first != last else first
    return Occurred(words=during.words, edtf=text, earliest=during.earliest, latest=during.latest)
