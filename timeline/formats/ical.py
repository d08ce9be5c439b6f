"""iCalendar (RFC 5545): an all-day event for each entry, so that calendars show what happened and what is expected.

Nothing here may look settled that is not: only what is corroborated or confirmed is CONFIRMED; what is denied or taken
back is CANCELLED; all else is TENTATIVE; and every summary begins with its standing. Where an end or a beginning is
unknown, the day stands that the timeline is ordered by, and the description begins with the report's own words.
Of a difference every event that changed is told anew, and what was recalled or merged is CANCELLED.
"""

from datetime import UTC, date, datetime, timedelta

from timeline.formats import words
from timeline.formats.escapes import ical
from timeline.formats.format import Format, Portions, Where
from timeline.formats.words import Names
from timeline.model.changes import ChangeShown, Difference, StoodShown
from timeline.model.entry import Entry, EventShown, Page
from timeline.model.slice import Slice

STATUS = {
    "confirmed": "CONFIRMED",
    "corroborated": "CONFIRMED",
    "rumoured": "TENTATIVE",
    "reported": "TENTATIVE",
    "disputed": "TENTATIVE",
    "denied": "CANCELLED",
    "withdrawn": "CANCELLED",
    "unsupported": "CANCELLED",
}
LINE_OCTETS_MAX = 75


class _Timeline(Portions):
    def head(self, page: Page) -> bytes:
        return _calendar(page.subject.name)

    def entries(self, page: Page) -> bytes:
        return b"".join(_event(entry, page.names, self.where) for entry in page.entries)

    def tail(self, page: Page) -> bytes:
        return _END


def _slice(week: Slice, where: Where) -> bytes:
    whose = ", ".join(each.name for each in (week.subject, week.also) if each)
    events = (_event(entry, week.names, where) for entry in words.once(week))
    return b"".join([_calendar(f"{whose}, week {week.week}"), *events, _END])


def _single(event: EventShown, where: Where) -> bytes:
    return b"".join([_calendar(event.title), _event(event, event.names, where), _END])


def _difference(found: Difference, where: Where) -> bytes:
    whose = ", ".join(each.name for each in found.subjects) or "All events"
    events = (_change(change, found.names, where) for change in found.changes)
    return b"".join([_calendar(f"{whose}: what changed"), *events, _END])


def _change(change: ChangeShown, names: Names, where: Where) -> bytes:
    """An event as it is now, for a calendar that has it as it was; one that is gone is cancelled, by its next number.

    Every record about an event counts in its revision, also the one by which it went.
    """
    told = change.after or change.before
    assert told is not None  # it was told otherwise at one of the two moments
    first, after = _days(told)
    stands = (change.after.standing or words.plain(change.kind)) if change.after else ", ".join(change.what)
    described = "\\n".join(map(ical, words.change(change, names)))
    return _lines(
        [
            "BEGIN:VEVENT",
            f"UID:{change.id}",
            f"DTSTAMP:{_stamp(change.recorded_at)}",
            f"CREATED:{_stamp(change.posted_at)}",
            f"LAST-MODIFIED:{_stamp(change.recorded_at)}",
            f"SEQUENCE:{told.revision if change.after else told.revision + 1}",
            f"DTSTART;VALUE=DATE:{_eight(first)}",
            *([f"DTEND;VALUE=DATE:{_eight(after)}"] if after else []),
            f"SUMMARY:{ical(f'[{stands}] {change.title}')}",
            f"DESCRIPTION:{described}",
            f"STATUS:{_status(change.after) if change.after else 'CANCELLED'}",
            "TRANSP:TRANSPARENT",
            f"CATEGORIES:{ical(words.plain(change.kind))},{','.join(map(ical, change.what))}",
            f"URL:{where.event(change.id)}{'' if change.after else '/history'}",
            "END:VEVENT",
        ]
    )


def _calendar(name: str) -> bytes:
    told = ical(name)
    return _lines(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//Timeline//Timeline//EN",
            "CALSCALE:GREGORIAN",
            f"NAME:{told}",  # RFC 7986
            f"X-WR-CALNAME:{told}",  # what most calendars read instead
        ]
    )


_END = b"END:VCALENDAR\r\n"


def _event(entry: Entry, names: Names, where: Where) -> bytes:
    first, after = _days(entry)
    changed = entry.changed_at
    places = words.listed((each.place for each in entry.places if each.role != "about"), names)
    described = "\\n".join(map(ical, filter(None, words.lines(entry, names))))
    lines = [
        "BEGIN:VEVENT",
        f"UID:{entry.id}",
        f"DTSTAMP:{_stamp(changed)}",
        f"CREATED:{_stamp(entry.recorded_at)}",
        f"LAST-MODIFIED:{_stamp(changed)}",
        f"SEQUENCE:{entry.revision}",
        f"DTSTART;VALUE=DATE:{_eight(first)}",
        *([f"DTEND;VALUE=DATE:{_eight(after)}"] if after else []),
        f"SUMMARY:{ical(words.headline(entry))}",
        f"DESCRIPTION:{described}",
        *([f"LOCATION:{ical(places)}"] if places else []),
        f"STATUS:{_status(entry)}",
        "TRANSP:TRANSPARENT",  # news makes nobody busy
        f"CATEGORIES:{ical(words.plain(entry.kind))},{ical(words.label(entry))}",
        f"URL:{where.event(entry.id)}",
        "END:VEVENT",
    ]
    return _lines(lines)


def _status(entry: Entry | StoodShown) -> str:
    return "CANCELLED" if entry.phase == "called_off" else STATUS.get(entry.standing or "", "TENTATIVE")


def _days(entry: Entry | StoodShown) -> tuple[date, date | None]:
    """Its first day, and the day after its last; None after the calendar's own last day."""
    occurred = entry.occurred
    first = occurred.earliest or occurred.at
    last = max(occurred.latest or first, first)
    return first, last + timedelta(days=1) if last < date.max else None


def _eight(day: date) -> str:
    return f"{day.year:04}{day.month:02}{day.day:02}"


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _lines(lines: list[str]) -> bytes:
    return b"".join(map(_folded, lines))


def _folded(line: str) -> bytes:
    """A content line of at most 75 octets each (§3.1): a fold never parts the octets of a character."""
    if len(line.encode()) <= LINE_OCTETS_MAX:
        return line.encode() + b"\r\n"
    parts, part, size = [], "", 0
    for character in line:
        octets = len(character.encode())
        if size + octets > LINE_OCTETS_MAX:
            parts.append(part)
            part, size = " ", 1
        part, size = part + character, size + octets
    return "\r\n".join([*parts, part]).encode() + b"\r\n"


FORMAT = Format(
    name="icalendar",
    suffix=".ics",
    media_type="text/calendar; charset=utf-8",
    about="calendars: all-day events, tentative until corroborated, cancelled when denied",
    renders={Slice: _slice, Difference: _difference, EventShown: _single},
    portions=_Timeline,
)
