"""What a reader gets: entries, events, pages, registered things. Fields may be added; none is ever renamed.

What changed is in `changes`, a week in `slice`.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from timeline.model.standing import Phase, Rule, Word

Identifier = Annotated[str, Meta(description="A UUID.")]
Moment = Annotated[datetime, Meta(tz=True, description="An instant, in UTC.")]


class Shape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The base of what we answer."""


class OccurredShown(Shape, frozen=True, kw_only=True):
    """When it happened: the report's words, the same in EDTF, and the bounds."""

    words: str
    """The words of the report, or the EDTF where there are none."""
    edtf: str
    """The same in EDTF (ISO 8601-2)."""
    earliest: date | None
    """The first day it may have happened on; null when unknown."""
    latest: date | None
    """The last day it may have happened on; null when unknown."""
    ongoing: bool
    """Whether it was still going on when last told of."""
    week: str
    """The one ISO week that it is placed in."""
    at: date
    """The day that it is ordered and cut by: the first, in that week, of what placed it there."""
    placed_by: Literal["occurred", "start", "said"]
    """What placed it in its week: when it occurred, when it started, or when it was first said."""


class DateShown(Shape, frozen=True, kw_only=True):
    """A date: its words, EDTF and bounds."""

    words: str
    """The words of the report, or the EDTF where there are none."""
    edtf: str
    """The same in EDTF (ISO 8601-2)."""
    earliest: date | None
    """The first day that it may be; null when unknown."""
    latest: date | None
    """The last day that it may be; null when unknown."""
    assumed: bool = False
    """True when nothing tells when it was said, so that the day of recording stands in."""


class ParticipantShown(Shape, frozen=True, kw_only=True):
    """An actor and its role."""

    actor: Identifier
    """The actor; `names` says what it is called."""
    role: str
    """What it is to the event: one of the kind's roles."""
    as_written: str | None = None
    """The name as the report writes it."""


class PlaceShown(Shape, frozen=True, kw_only=True):
    """A place and what it is to the event."""

    place: Identifier
    """The place; `names` says what it is called."""
    role: str
    """`site`, `from`, `to` or `about`."""


class VoiceCounts(Shape, frozen=True, kw_only=True):
    """How many voices take each side."""

    assert_: int = msgspec.field(name="assert", default=0)
    """Voices that say it happened."""
    deny: int = 0
    """Voices that say it did not."""
    confirm: int = 0
    """Voices that confirm it on a ground."""
    judge: int = 0
    """Voices that judge it."""


class AssessmentShown(Shape, frozen=True, kw_only=True):
    """A live assessment of the event: shown beside its standing, never mixed into it."""

    id: Identifier
    source: Identifier
    """Who judges."""
    likelihood: str | None = None
    """How likely, in the words of ICD 203."""
    verdict: str | None = None
    """Whether it is true, where the analyst says so outright."""
    confidence: str | None = None
    """How sure the analyst is."""
    hedge: str | None = None
    """The words of doubt as written."""


class TargetShown(Shape, frozen=True, kw_only=True):
    """An event that this one is `of`, as it stands."""

    id: Identifier
    title: str
    """Its title."""
    standing: Word | None
    """Where it stands."""
    kind: str
    """The kind of event."""


class Stand(Shape, frozen=True, kw_only=True):
    """Where a part of an event stands: the same fields as the whole's, which every entry carries itself."""

    standing: Word | None
    """Null for an assessment, which has none."""
    rule: Rule | None
    """The rule that gave the standing."""
    phase: Phase
    """Whether it is expected, occurred, or was called off."""
    because: list[Identifier]
    """The deciding voices, by their records' ids; at most 20 of `because_total`."""
    because_total: int
    """How many voices decided."""
    since: Moment
    """When the record that made it so was recorded."""
    denied_by: list[Identifier]
    """The sources of the live denials."""
    independent: int
    """Owners of sources that vouch and are no party."""
    sides: int
    """Those, and one for each camp of participants whose own voice vouches."""
    partisan: bool
    """Whether every voice is a party's."""


class State(Shape, frozen=True, kw_only=True):
    """One version of an event, ready to serve: an entry without its place in a timeline."""

    id: Identifier
    kind: str
    """The kind of event."""
    title: str
    """What happened, in one line."""
    occurred: OccurredShown
    """When."""
    participants: list[ParticipantShown]
    """The actors that take part."""
    against: list[Identifier]
    """The accused, in an accusation."""
    places: list[PlaceShown]
    """Where."""
    topics: list[Identifier]
    """What it is about."""
    marking: str
    """TLP 2.0: `clear`, `green`, `amber` or `amber+strict`."""
    position: int
    """The position of the post."""
    recorded_at: Moment
    """When the post was recorded."""
    revision: int
    """The how-manieth record about it."""
    changed_at: Moment
    """When the record was recorded since which all of this is as it is, for whoever may read this."""
    distinct_from: list[Identifier] | UnsetType = UNSET
    """The events that somebody judged to be others than this one, however alike; left out where there is none."""
    source: Identifier
    """Who says so first."""
    modality: str
    """How that source says it."""
    voices: VoiceCounts
    """How many voices take each side."""
    standing: Word | None
    """Null for an assessment, which has none."""
    rule: Rule | None
    """The rule that gave the standing."""
    phase: Phase
    """Whether it is expected, occurred, or was called off."""
    because: list[Identifier]
    """The deciding voices, by their records' ids; at most 20 of `because_total`."""
    because_total: int
    """How many voices decided."""
    since: Moment
    """When the record that made it so was recorded."""
    denied_by: list[Identifier]
    """The sources of the live denials."""
    independent: int
    """Owners of sources that vouch and are no party."""
    sides: int
    """Those, and one for each camp of participants whose own voice vouches."""
    partisan: bool
    """Whether every voice is a party's."""
    assessments: list[AssessmentShown]
    """What analysts judged of it."""
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
    """The events that it is `of`, as they stand."""
    overdue: bool
    """Expected, and its last day lies before the day asked about (`on`)."""


class PointShown(Shape, frozen=True, kw_only=True):
    """Where a place is on a map (WGS 84), and how precisely that is known."""

    latitude: str
    """Degrees north of the equator."""
    longitude: str
    """Degrees east of Greenwich."""
    precision: str | None
    """`exact`, `town`, `district`, `province`, `country` or `region`; null when unknown."""


class NameShown(Shape, frozen=True, kw_only=True):
    """What an id on the page is called."""

    type: str
    """`actor`, `source`, `topic`, `place` or `document`."""
    slug: str | None
    """Its short name in addresses; null where it has none."""
    name: str
    """Its name."""
    point: PointShown | UnsetType = UNSET
    """Where it is on a map, of a place that is registered with that; else left out."""


class Subject(Shape, frozen=True, kw_only=True):
    """Whose timeline it is."""

    type: str
    """`actor`, `topic`, `place` or `all`."""
    id: str | None
    """Its id; null for all."""
    slug: str | None
    """Its short name; null for all."""
    name: str
    """Its name."""


class Page(Shape, frozen=True, kw_only=True):
    """Entries of a timeline, in order, as of one position."""

    position: int
    """The position of the log that it was read at."""
    as_of: int | None
    """The position asked for; null for now."""
    subject: Subject
    """Whose timeline it is."""
    entries: list[Entry]
    """In the order asked for."""
    names: dict[str, NameShown]
    """What each id on the page is called."""
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
    """`assert`, `deny`, `confirm` or `judge`."""
    source: Identifier
    """Who says it."""
    modality: str
    """How: `stated`, `reported`, `rumoured` or `alleged`."""
    said: DateShown
    """When it was said."""
    tense: str
    """`past` or `future`."""
    grade: str
    """The source's reliability and the voice's credibility: `B2`."""
    marking: str
    """TLP 2.0 of the record."""
    position: int
    """The position of the record."""
    live: bool
    """Whether it has effect: not taken back, and not itself a reply that is rumoured, denied or recalled."""
    taken_back: bool = False
    """Whether the source took it back."""
    part: str | None = None
    """The part of the event that it bears on; null for the whole."""
    ground: str | None = None
    """What a confirmation rests on."""
    happened: DateShown | None = None
    """When the event happened by this voice, where it differs."""
    figures: Any = None
    """How many people, by this voice."""
    document: Identifier | None = None
    """What it was said in."""
    via: Identifier | None = None
    """Who relays it."""
    quote: Any = None
    """The words, and where they stand in the document."""


class EventShown(Entry, frozen=True, kw_only=True):
    """An event as it stands: its entry, with its voices and replies listed."""

    voices: list[VoiceShown]  # type: ignore[assignment]  # an entry counts them, an event lists them
    """Oldest first, at most 1,000; `voices_total` counts them."""
    voices_total: int
    """How many voices there are."""
    summary: str | None
    """What happened, in a few sentences."""
    external_ids: dict[str, str]
    """Ids of the same thing elsewhere, by scheme."""
    codes: list[Any]
    """Codes that other schemes give it."""
    evidence: list[Any]
    """Further documents that carry the first voice."""
    figures: Any
    """How many people, by the first voice."""
    details: dict[str, Any]
    """The fields that only this kind has."""
    attribution: dict[str, Stand]
    """Per participant that voices speak of: where its part stands."""
    replies: list[Entry]
    """What was said about it, in order, at most 1,000."""
    recorded_by: str
    """Who recorded it, by pseudonym."""
    as_of: int | None = None
    """The position asked for; null for now."""
    names: dict[str, NameShown]
    """What each id here is called."""


class RegisteredShown(Shape, frozen=True, kw_only=True):
    """A registered thing as it stands."""

    id: Identifier
    kind: str
    """The kind of registration."""
    revision: int
    """The how-manieth record about it; a change names it."""
    position: int
    """The position of its first registration."""
    recorded_at: Moment
    """When its current registration was recorded."""
    marking: str
    """TLP 2.0: `clear`, `green`, `amber` or `amber+strict`."""
    slug: str | None
    """Its short name; null where it has none."""
    name: str | None
    """Its name or title; null where it has none."""
    body: dict[str, Any]
    """The registration as it was posted, references as ids."""
    as_of: int | None = None
    """The position asked for; null for now, and within a list, which tells it once."""


class RegisteredPage(Shape, frozen=True, kw_only=True):
    """Registered things, by slug."""

    position: int
    """The position of the log that it was read at."""
    as_of: int | None = None
    """The position asked for; null for now."""
    items: list[RegisteredShown]
    """By slug."""
    next: str | None
    """The cursor of the following page; null on the last."""


class StandingChanged(Shape, frozen=True, kw_only=True):
    """An event that a record left standing differently."""

    id: Identifier
    title: str
    """Its title."""
    standing_before: Word
    """Where it stood."""
    standing: Word | None
    """Where it stands from then on; null where it was recalled or merged into another."""


class RecordShown(Shape, frozen=True, kw_only=True):
    """A record of the log, as the feed shows it."""

    position: int
    """Its place in the whole log."""
    id: Identifier
    kind: str
    """The kind of record."""
    subject: Identifier
    """The event or thing that it speaks about."""
    revision: int
    """The how-manieth record about that."""
    recorded_at: Moment
    """When our log took it."""
    recorded_by: str
    """Who recorded it, by pseudonym."""
    body: dict[str, Any] | None
    """What was said, references as ids; null when it was erased or is marked above your level."""
    changed: list[StandingChanged] | UnsetType = UNSET
    """Asked for `standing_changed`: the events that stand differently for it, at most 20 of `changed_total`."""
    changed_total: int | UnsetType = UNSET
    """Asked for `standing_changed`: how many events stand differently for it."""


class Receipt(Shape, frozen=True, kw_only=True):
    """A post is durable."""

    id: Identifier
    """The record's id; of a registration, the thing's."""
    position: int
    """Its place in the whole log."""
    recorded_at: Moment
    """When our log took it."""
    revision: int
    """The how-manieth record about its subject."""
    visible: bool
    """Whether reads show it already."""
    filled_in: dict[str, Any]
    """What the post left out, with the values that count."""


class WouldChange(Shape, frozen=True, kw_only=True):
    """How an event would stand after a post."""

    id: Identifier
    title: str
    """Its title."""
    standing: Word | None
    """Where it would stand."""
    standing_before: Word | None
    """Where it stands; null where it is not there yet."""
    rule: Rule | None
    """The rule that would give the standing."""


class Preview(Shape, frozen=True, kw_only=True):
    """What a post would record and change; nothing was recorded."""

    dry_run: bool = True
    """Always true."""
    record: dict[str, Any]
    """The payload as it would be stored."""
    filled_in: dict[str, Any]
    """What the post left out, with the values that would count."""
    would_change: list[WouldChange]
    """The events that would stand differently."""


class LineVerdict(Shape, frozen=True, kw_only=True):
    """What became of one line of a batch."""

    line: int
    """The how-manieth line, from 1."""
    ref: str | None
    """The name that the line gave itself."""
    status: int
    """The HTTP status that it would have had alone; 424 where it fell with another line."""
    id: Identifier | None
    """The id that it is found by."""
    position: int | None
    """Its place in the log; null where it was not recorded."""
    repeated: bool
    """Whether it had been recorded before, by the same post."""
    problem: dict[str, Any] | None
    """Why it was refused, as a problem document."""


class BatchReceipt(Shape, frozen=True, kw_only=True):
    """A verdict for each line of a batch."""

    mode: Literal["atomic", "each"]
    """Whether lines stood or fell together."""
    recorded: int
    """How many were recorded."""
    repeated: int
    """How many were there before."""
    refused: int
    """How many were refused."""
    visible: bool
    """Whether reads show all of it already."""
    verdicts: list[LineVerdict]
    """One for each line, in order."""


class Feed(Shape, frozen=True, kw_only=True):
    """Records in the order of the log."""

    records: list[RecordShown]
    """In order, none missing."""
    next: int
    """Ask `after` this position next; the same as before when there was nothing new."""
