"""A weekly slice, with everything that a brief of it cites."""

from datetime import date

import msgspec

from timeline.model.changes import ChangeShown
from timeline.model.entry import AssessmentShown, DateShown, Entry, Identifier, NameShown, Shape, Subject


class Citation(Shape, frozen=True, kw_only=True):
    """A voice that a line rests on: who says it, on which side, and where it is read."""

    id: Identifier
    """The voice: its record's id."""
    side: str
    """`assert`, `deny`, `confirm` or `judge`."""
    source: Identifier
    """Who says it."""
    modality: str
    """How: `stated`, `reported`, `rumoured` or `alleged`."""
    grade: str
    """The source's reliability and the voice's credibility: `B2`."""
    document: Identifier | None = None
    """What it was said in."""
    via: Identifier | None = None
    """Who relays it."""


class SourceCited(Shape, frozen=True, kw_only=True):
    """A source, as far as a brief must tell of it."""

    name: str
    """What it is called."""
    reliability: str
    """Admiralty A to F; F where nobody graded it."""
    named: bool
    """Whether the report names it."""
    house: bool
    """Whether it is our own product."""


class DocumentCited(Shape, frozen=True, kw_only=True):
    """A document, as far as a brief must tell of it."""

    title: str | None
    """Its title."""
    publisher: Identifier | None
    """Who published it."""
    published: DateShown | None
    """When it appeared."""
    url: str | None
    """Where it was found."""


class Cited(Shape, frozen=True, kw_only=True):
    """What the lines of a week rest on."""

    voices: dict[str, list[Citation]]
    """By event: its own voice, those that decide where it stands, and those that judge it; at most 25."""
    judgements: dict[str, AssessmentShown]
    """By assessment: what it judges."""
    sources: dict[str, SourceCited]
    """Every source that is cited."""
    documents: dict[str, DocumentCited]
    """Every document that is cited."""


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
    """What our records between `changed_from` and `changed_to` changed."""


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
    also: Subject | None
    """What its events are of too, where both an actor and a topic are asked for."""
    match: str
    """How events were matched: `anchored`, `possible` or `certain`."""
    matched: list[Identifier]
    """Every event that the week matches, in order: `anchored`, `possible` or `certain`."""
    sections: Sections
    """The entries, by what they are to the week."""
    changed_from: int
    """The position that changes are told since: the end of the previous week, or `since`."""
    changed_to: int
    """The position that changes are told up to: the end of the week; with `since` the one that is read at."""
    truncated: list[str]
    """Sections that hold more than is listed; read the timeline with `from` and `to` for all of it."""
    cited: Cited
    """What the lines rest on."""
    names: dict[str, NameShown]
    """What each id here is called."""
