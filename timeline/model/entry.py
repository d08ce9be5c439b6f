"""What a reader gets: entries, events, pages, weeks, changes. Fields may be added; none is ever renamed."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from timeline.model.standing import Phase, Rule, Word

Identifier = Annotated[str, Meta(description="A UUID.")]


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """The base of what we answer."""


class OccurredShown(Shape, frozen=True, kw_only=True):
    """When it happened: the report's words, the same in EDTF, and the bounds."""

    words: str
    edtf: str
    earliest: date | None
    """The first day it may have happened on; null when unknown."""
    latest: date | None
    """The last day it may have happened on; null when unknown."""
    ongoing: bool
    week: str
    """The one ISO week that it is placed in."""
    at: date
    """The day that it is ordered and cut by: the first, in that week, of what placed it there."""
    placed_by: Literal["occurred", "start", "said"]


class DateShown(Shape, frozen=True, kw_only=True):
    """A date: its words, EDTF and bounds."""

    words: str
    edtf: str
    earliest: date | None
    latest: date | None
    assumed: bool = False
    """True when nothing tells when it was said, so that the day of recording stands in."""


class ParticipantShown(Shape, frozen=True, kw_only=True):
    """An actor and its role."""

    actor: Identifier
    role: str
    as_written: str | None = None


class PlaceShown(Shape, frozen=True, kw_only=True):
    """A place and what it is to the event."""

    place: Identifier
    role: str


class VoiceCounts(Shape, frozen=True, kw_only=True):
    """How many voices take each side."""

    assert_: int = msgspec.field(name="assert", default=0)
    deny: int = 0
    confirm: int = 0
    judge: int = 0


class AssessmentShown(Shape, frozen=True, kw_only=True):
    """A live assessment of the event: shown beside its standing, never mixed into it."""

    id: Identifier
    source: Identifier
    likelihood: str | None = None
    verdict: str | None = None
    confidence: str | None = None
    hedge: str | None = None


class TargetShown(Shape, frozen=True, kw_only=True):
    """An event that this one is `of`, as it stands."""

    id: Identifier
    title: str
    standing: Word | None


class Stand(Shape, frozen=True, kw_only=True):
    """Where a part of an event stands: the same fields as the whole's, which every entry carries itself."""

    standing: Word | None
    """Null for an assessment, which has none."""
    rule: Rule | None
    phase: Phase
    because: list[Identifier]
    """The deciding voices, by their records' ids; at most 20 of `because_total`."""
    because_total: int
    since: datetime
    """When the record that made it so was recorded."""
    denied_by: list[Identifier]
    """The sources of the live denials."""
    independent: int
    sides: int
    partisan: bool
    """Whether every voice is a party's."""


class State(Shape, frozen=True, kw_only=True):
    """One version of an event, ready to serve: an entry without its place in a timeline."""

    id: Identifier
    kind: str
    title: str
    occurred: OccurredShown
    participants: list[ParticipantShown]
    against: list[Identifier]
    """The accused, in an accusation."""
    places: list[PlaceShown]
    topics: list[Identifier]
    marking: str
    position: int
    recorded_at: datetime
    revision: int
    source: Identifier
    modality: str
    voices: VoiceCounts
    standing: Word | None
    """Null for an assessment, which has none."""
    rule: Rule | None
    phase: Phase
    because: list[Identifier]
    """The deciding voices, by their records' ids; at most 20 of `because_total`."""
    because_total: int
    since: datetime
    """When the record that made it so was recorded."""
    denied_by: list[Identifier]
    """The sources of the live denials."""
    independent: int
    sides: int
    partisan: bool
    """Whether every voice is a party's."""
    assessments: list[AssessmentShown]
    replies_to: list[Identifier]
    """The ids of the events that it is `of`."""


def named_in(state: State) -> list[str]:
    """Every id in a state that stands for something with a name."""
    return [
        state.source,
        *(p.actor for p in state.participants),
        *state.against,
        *(p.place for p in state.places),
        *state.topics,
        *state.denied_by,
        *(a.source for a in state.assessments),
    ]


class Entry(State, frozen=True, kw_only=True):
    """One line of a timeline."""

    as_: Literal["participant", "of", "speaker"] = msgspec.field(name="as")
    """Why it stands here: by itself, through an event it is `of`, or because the actor speaks."""
    of: list[TargetShown]
    overdue: bool
    """Expected, and its last day lies before the day asked about (`on`)."""


class NameShown(Shape, frozen=True, kw_only=True):
    """What an id on the page is called."""

    type: str
    slug: str | None
    name: str


class Subject(Shape, frozen=True, kw_only=True):
    """Whose timeline it is."""

    type: str
    id: str | None
    slug: str | None
    name: str


class Page(Shape, frozen=True, kw_only=True):
    """Entries of a timeline, in order, as of one position."""

    position: int
    as_of: int | None
    subject: Subject
    entries: list[Entry]
    names: dict[str, NameShown]
    next: str | None
    """The cursor of the following page; null on the last."""


class ReadyPage(Shape, frozen=True, kw_only=True):
    """A page whose entries and names are JSON already: written, it is the bytes of the `Page`."""

    position: int
    as_of: int | None
    subject: Subject
    entries: list[msgspec.Raw]
    names: dict[str, msgspec.Raw]
    next: str | None


class VoiceShown(Shape, frozen=True, kw_only=True):
    """One source taking one side on the event."""

    id: Identifier
    side: str
    source: Identifier
    modality: str
    said: DateShown
    tense: str
    grade: str
    """The source's reliability and the voice's credibility: `B2`."""
    marking: str
    position: int
    live: bool
    """Whether it has effect: not taken back, and not itself a reply that is rumoured, denied or recalled."""
    taken_back: bool = False
    part: str | None = None
    ground: str | None = None
    happened: DateShown | None = None
    """When the event happened by this voice, where it differs."""
    figures: Any = None
    document: Identifier | None = None
    via: Identifier | None = None
    quote: Any = None


class EventShown(Entry, frozen=True, kw_only=True):
    """An event as it stands: its entry, with its voices and replies listed."""

    voices: list[VoiceShown]  # type: ignore[assignment]  # an entry counts them, an event lists them
    """Oldest first, at most 1,000; `voices_total` counts them."""
    voices_total: int
    summary: str | None
    external_ids: dict[str, str]
    codes: list[Any]
    evidence: list[Any]
    figures: Any
    details: dict[str, Any]
    """The fields that only this kind has."""
    attribution: dict[str, Stand]
    """Per participant that voices speak of: where its part stands."""
    replies: list[Entry]
    """What was said about it, in order, at most 1,000."""
    recorded_by: str
    names: dict[str, NameShown]


What = Literal["new", "re-dated", "standing", "corrected", "gone"]


class ChangeShown(Shape, frozen=True, kw_only=True):
    """What changed about an event between two positions."""

    id: Identifier
    title: str
    what: list[What]
    week: str
    week_before: str | None = None
    standing: Word | None = None
    standing_before: Word | None = None
    position: int
    """The position of the record that changed it last."""


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
    from_: date = msgspec.field(name="from")
    to: date
    position: int
    as_of: int | None
    subject: Subject
    match: str
    matched: list[Identifier]
    """Every event that the week matches, in order: `anchored`, `possible` or `certain`."""
    sections: Sections
    truncated: list[str]
    """Sections that hold more than is listed; read the timeline with `from` and `to` for all of it."""
    names: dict[str, NameShown]


class RegisteredShown(Shape, frozen=True, kw_only=True):
    """A registered thing as it stands."""

    id: Identifier
    kind: str
    revision: int
    position: int
    recorded_at: datetime
    marking: str
    slug: str | None
    name: str | None
    body: dict[str, Any]
    """The registration as it was posted, references as ids."""


class RegisteredPage(Shape, frozen=True, kw_only=True):
    """Registered things, by slug."""

    position: int
    items: list[RegisteredShown]
    next: str | None


class RecordShown(Shape, frozen=True, kw_only=True):
    """A record of the log, as the feed shows it."""

    position: int
    id: Identifier
    kind: str
    subject: Identifier
    revision: int
    recorded_at: datetime
    recorded_by: str
    body: dict[str, Any] | None
    """What was said, references as ids; null when it was erased or is marked above your level."""


class Receipt(Shape, frozen=True, kw_only=True):
    """A post is durable."""

    id: Identifier
    """The record's id; of a registration, the thing's."""
    position: int
    recorded_at: datetime
    revision: int
    visible: bool
    """Whether reads show it already."""
    filled_in: dict[str, Any]
    """What the post left out, with the values that count."""


class WouldChange(Shape, frozen=True, kw_only=True):
    """How an event would stand after a post."""

    id: Identifier
    title: str
    standing: Word | None
    standing_before: Word | None
    rule: Rule | None


class Preview(Shape, frozen=True, kw_only=True):
    """What a post would record and change; nothing was recorded."""

    dry_run: Literal[True] = True
    record: dict[str, Any]
    """The payload as it would be stored."""
    filled_in: dict[str, Any]
    would_change: list[WouldChange]


class LineVerdict(Shape, frozen=True, kw_only=True):
    """What became of one line of a batch."""

    line: int
    ref: str | None
    status: int
    id: Identifier | None
    position: int | None
    problem: dict[str, Any] | None


class BatchReceipt(Shape, frozen=True, kw_only=True):
    """A verdict for each line of a batch."""

    mode: Literal["atomic", "each"]
    recorded: int
    repeated: int
    refused: int
    visible: bool
    verdicts: list[LineVerdict]


class Feed(Shape, frozen=True, kw_only=True):
    """Records in the order of the log."""

    records: list[RecordShown]
    next: int
    """Ask `after` this position next; the same as before when there was nothing new."""
