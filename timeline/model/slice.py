"""A weekly slice, with everything that a brief of it cites."""

from datetime import date

import msgspec

from timeline.model.changes import ChangeShown
from timeline.model.entry import Entry, Identifier, NameShown, Shape, Subject


class Sections(Shape, frozen=True, kw_only=True):
    """The sections of a weekly slice."""

    happened: list[Entry]
    """Occurrences of the week, neither expected nor ongoing."""
    said: list[Entry]
    """Speech, replies and judgements of the week, and expected events first said in it."""
    continuing: list[Entry]
    """Ongoing, begun or first said by the week's end."""
    ahead: list[Entry]
    """Expected, first said by the week's end, last day not before it."""
    unresolved: list[Entry]
    """Expected, last day before the week's end."""
    changed: list[ChangeShown]
    """What our records of the week changed."""


class Slice(Shape, frozen=True, kw_only=True):
    """A weekly slice."""

    week: str
    """The ISO week."""
    from_: date = msgspec.field(name="from")
    """Its Monday."""
    to: date
    """Its Sunday."""
    position: int
    """The position of the log that it was read at."""
    as_of: int | None
    """The position asked for; null for now."""
    subject: Subject
    """Whose week it is."""
    match: str
    """How events were matched: `anchored`, `possible` or `certain`."""
    matched: list[Identifier]
    """Every event that the week matches, in order: `anchored`, `possible` or `certain`."""
    sections: Sections
    """The entries, by what they are to the week."""
    truncated: list[str]
    """Sections that hold more than is listed; read the timeline with `from` and `to` for all of it."""
    names: dict[str, NameShown]
    """What each id here is called."""
