"""The moment that a read asks about: a day, an instant, an ISO week or a position, as a position of the log.

A day and a week count to their end (UTC). What was recorded then is what we knew then; `recorded_at` never goes back,
so a moment is one position, for ever.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from msgspec import Meta

from timeline.api.service import Reads
from timeline.errors import BadCursor, BadDate, BadParameter, Fault
from timeline.model.faults import shown
from timeline.model.weeks import week_bounds

POSITION = re.compile(r"0|[1-9][0-9]{0,15}")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
WEEK = re.compile(r"[0-9]{4}-W[0-9]{2}")
INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?([Zz]|[ +-][0-9]{2}:[0-9]{2})?"
)
EXPECTED = "a day (2019-06-14), an instant (2019-06-14T12:00:00Z), an ISO week (2019-W24) or a position (41)"

Moment = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=40,
        pattern=rf"^({POSITION.pattern}|{DAY.pattern}|{WEEK.pattern}|{INSTANT.pattern})\Z",
        description=f"{EXPECTED[0].upper()}{EXPECTED[1:]}: what was known then. Days and weeks to their end, UTC.",
    ),
]


async def asked_moment(to: Reads, text: str | None, min_position: int | None) -> int | None:
    """The position that a read asks about, or None for now; once reads have come to `min_position` too.

    Raises:
        BadParameter, Behind: as `position_of`.
    """
    await to.seen(min_position)
    return None if text is None else await position_of(to, text)


async def check_walk(to: Reads, text: str, as_of: int, walked: int) -> None:
    """Whether a cursor goes on with the walk that is asked for: a walk is one snapshot.

    A day or a week that is not over is a later position for each page; the walk stays at that of its first.

    Raises:
        BadCursor: it reads as of another position.
    """
    if walked == as_of:
        return
    if not POSITION.fullmatch(text) and (moment := _instant(text, "as_of")) > to.now():
        began = await to.log.position_at(_beginning(text, moment))
        if began <= walked < as_of:
            return
    raise BadCursor(f"This cursor reads as of {walked}, as_of is {as_of}: keep as_of, or start without the cursor.")


async def position_of(to: Reads, text: str, name: str = "as_of") -> int:
    """The position that a moment is, once reads show it.

    Raises:
        BadParameter: it is none of the four, or lies in the future.
        Behind: reads are not so far yet.
    """
    if POSITION.fullmatch(text):
        position, head = int(text), await to.log.head()
        if position > head:
            raise _refused(name, f"a position up to {head}, the last of the log", text)
    else:
        moment, now = _instant(text, name), to.now()
        if _beginning(text, moment) > now:
            raise _refused(name, f"a moment up to now ({now:%Y-%m-%dT%H:%M:%SZ})", text)
        position = await to.log.position_at(min(moment, now))
    await to.seen(position)
    return position


async def first_of(to: Reads, text: str, name: str) -> int:
    """The first position that a moment may be: of a day or a week the first that was recorded in it.

    Raises:
        BadParameter, Behind: as `position_of`.
    """
    if POSITION.fullmatch(text):
        return await position_of(to, text, name)
    beginning = _beginning(text, _instant(text, name))
    await position_of(to, text, name)
    if beginning <= datetime.min.replace(tzinfo=UTC):
        return 0
    return await to.log.position_at(beginning - timedelta(microseconds=1)) + 1


def _instant(text: str, name: str) -> datetime:
    """The last moment that a text speaks of."""
    try:
        if DAY.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time.max, UTC)
        if WEEK.fullmatch(text):
            return datetime.combine(week_bounds(text)[1], time.max, UTC)
        found = datetime.fromisoformat(text.replace(" ", "+"))  # a plus sign in an address is read as a blank
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, BadDate):
        raise _refused(name, EXPECTED, text) from None


def _beginning(text: str, moment: datetime) -> datetime:
    """Its first moment: today and this week lie partly ahead, and count as far as they have come."""
    if DAY.fullmatch(text):
        return datetime.combine(moment.date(), time.min, UTC)
    if WEEK.fullmatch(text):
        return datetime.combine(week_bounds(text)[0], time.min, UTC)
    return moment


def _refused(name: str, expected: str, found: str) -> BadParameter:
    fault = Fault(pointer=f"?{name}", expected=expected, found=shown(found))
    return BadParameter(f"{fault.pointer}: expected {expected}, found {fault.found}.", errors=[fault])
