"""The rows that a batch of records may touch: loaded before the fold, written after it.

Rows that readers see are versions: `from_position` is the first position that they hold at, `to_position` the first
that they don't. Rows that only the fold needs are kept as they stand now.

Ids are texts here: a record takes some sixty look-ups by id, and a `UUID` works out its hash anew for each, 20 µs in
all.
"""

from datetime import UTC, date, datetime
from typing import Any, Generic, Literal, TypeVar

import msgspec

from timeline.model.kinds import Event
from timeline.model.registry import Document, Registration, Source
from timeline.model.standing import Modality, Side, Standing, Tense

FOREVER = 2**63 - 1
"""The `to_position` of a live row."""
ALL = "00000000-0000-0000-0000-000000000000"
"""The timeline in which every event stands."""
NAMES = "00000000-0000-0000-0000-000000000001"
"""The head that moves when a registered thing is named anew, since names stand on every page."""
PURGES = "00000000-0000-0000-0000-000000000002"
"""The head that moves when the past is folded again: answers as of then change by nothing else."""

LIVE = 0b1111
"""The `live_levels` of a voice that has effect at every level."""

Status = Literal["live", "recalled"]
Placed = Literal["participant", "speaker", "of"]


class Fate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What became of an event from a position on."""

    position: int
    status: Status
    survivor: str | None


class Case(msgspec.Struct, kw_only=True, gc=False):
    """An event as the fold works on it: what was posted, after its edits."""

    id: str
    position: int
    recorded_at: datetime
    recorded_by: str
    revision: int
    event: Event
    level: int
    status: Status = "live"
    survivor: str | None = None
    """The event that this one turned out to be."""
    fates: list[Fate] = []
    """Each time that `status` or `survivor` became another, oldest first: what it was as of then is read from here."""
    taken_back: bool = False
    tenses: dict[str, Tense] = {}
    """The tense in which it speaks of each target: set when it was recorded, from the target's phase then."""
    distinct: dict[str, int] = {}
    """The events that this one was judged not to be, each with its level."""
    changed: bool = True
    stored: bool = False
    """Whether the database has it, as loaded; what is bound to one that it has not is not there either."""
    unsaid: bool = False
    """Whether its voice is left out, where somebody asks what would stand without it. Never so in what is stored."""


class Thing(msgspec.Struct, kw_only=True, gc=False):
    """A registered thing, one version of it."""

    id: str
    registration: Registration
    revision: int
    level: int
    position: int
    """Of its first registration."""
    recorded_at: datetime


class VoiceRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One source taking one side on one event."""

    id: str
    position: int
    level: int
    source: str
    side: Side
    modality: Modality
    tense: Tense
    said_words: str
    said_edtf: str
    said_earliest: date | None
    said_latest: date | None
    said_assumed: bool
    credibility: int
    judgement: dict[str, Any] | None = None
    """An assessment's likelihood, verdict, confidence and hedge."""
    live_levels: int
    """A bit for each level: whether the voice has effect on what a reader there sees."""
    taken_back: bool = False
    cancels: bool = False
    part: str | None = None
    ground: str | None = None
    happened: dict[str, Any] | None = None
    figures: dict[str, Any] | None = None
    document: str | None = None
    via: str | None = None
    quote: dict[str, Any] | None = None

    def live_at(self, level: int) -> bool:
        """Whether a reader at this level sees it, and sees it have effect."""
        return self.level <= level and bool(self.live_levels >> level & 1)

    def heard_at(self, level: int) -> "VoiceRow":
        """As a reader at this level hears it: whether it has effect elsewhere is not told there."""
        return msgspec.structs.replace(self, live_levels=self.live_levels >> level & 1)


class StateRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One version of an event, for readers at levels `low` to `high`."""

    low: int
    high: int
    kind: str
    standing: str | None
    phase: str
    week: str
    told: int
    """A hash of what a difference between two moments tells of it: when, where it stands, what is judged of it."""
    source: str
    text: str
    """Its title and summary, folded: what a search looks in."""
    named: bytes
    """The things that its answer names: their ids, 16 bytes each."""
    answers: tuple[str, ...] | None
    """The events that it is `of`, for their titles stand in its entry."""
    body: bytes
    """A `model.entry.State`, as JSON."""


class EntryRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where an event stands in one timeline, for readers at levels `low` to `high`."""

    timeline: str
    low: int
    high: int
    placed: Placed
    at: date
    earliest: date
    """The second key of the order: the first day, or when first said."""
    latest: date
    """The third: the last day, or the end of the calendar when unknown."""
    position: int
    bounded_from: date | None
    bounded_to: date | None
    width: int
    """The class of the bounds: 0 where they are narrow enough to place it, so that it stands on one of its own days;
    then under 256 days, under 2,048, more. By it a week finds what overlaps it from afar without reading everything."""
    state: Literal["settled", "ongoing", "expected"]
    said_at: date
    """The day that its first said is placed on: what sections of expected and ongoing events go by."""
    feed: bool


Row = TypeVar("Row")
Registered = TypeVar("Registered", bound=Registration)


class Version(msgspec.Struct, Generic[Row], kw_only=True, gc=False):
    """A row with the positions that it holds at."""

    row: Row
    from_position: int
    to_position: int = FOREVER
    stored: bool = False
    """Whether the database has it, as loaded."""


class IdentityRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """That another actor answers for this one, for readers at levels `low` to `high`."""

    low: int
    high: int
    canonical: str


class View(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event as readers at one level see it, before equal levels are made one row."""

    standing: Standing
    named: bytes
    answers: tuple[str, ...] | None
    state: bytes
    told: int
    source: str
    text: str
    week: str
    at: date
    earliest: date
    latest: date
    bounded_from: date | None
    bounded_to: date | None
    kind: str
    flow: Literal["settled", "ongoing", "expected"]
    said_at: date


class World(msgspec.Struct, kw_only=True):
    """Everything that folding a batch may read, and everything that it changed."""

    now: datetime = datetime.min.replace(tzinfo=UTC)
    """When the record that is being folded was recorded."""
    cases: dict[str, Case] = {}
    replies: dict[str, set[str]] = {}
    """Events that name the key: as what they are `of`, cancel, happen during, or are duplicates of."""
    uses: dict[str, set[str]] = {}
    """Events that rest on the key, a source or a document."""
    things: dict[str, list[Version[Thing]]] = {}
    voices: dict[str, dict[str, list[Version[VoiceRow]]]] = {}
    states: dict[str, list[Version[StateRow]]] = {}
    entries: dict[str, list[Version[EntryRow]]] = {}
    heads: dict[tuple[str, int], int] = {}
    """The position at which a timeline last changed, as seen at a level."""
    shown_anew: dict[tuple[str, int], int] = {}
    """Events that changed at a level, with the position: whoever shows their title or standing changed too."""
    hearers: dict[str, set[str]] = {}
    """The events that have a voice of the key's."""
    identity: dict[str, list[Version[IdentityRow]]] = {}
    """Actors for whom another answers."""
    judged: dict[str, set[str]] = {}
    """Judgements of identity that name an actor, or ever did."""
    levels: dict[str, int] = {}
    """Today's markings, where the past is folded again under them."""
    purged: set[str] = set()
    """Events and things whose marking changed or that were erased: their past has to be folded again."""
    new_replies: set[tuple[str, str]] = set()
    new_uses: set[tuple[str, str]] = set()
    new_judged: set[tuple[str, str]] = set()
    new_bases: set[tuple[str, str]] = set()
    """Events with the assessments that are based on them, sources with the documents that they published."""

    def canonical(self, actor: str, level: int) -> str:
        """Who answers for an actor, as a level knows it: itself, where nobody judged otherwise."""
        for version in self.identity.get(actor, ()):
            if version.to_position == FOREVER and version.row.low <= level <= version.row.high:
                return version.row.canonical
        return actor

    def thing(self, thing: str | None) -> Thing | None:
        """A registered thing as it stands now."""
        versions = self.things.get(thing) if thing else None
        return versions[-1].row if versions else None

    def registration(self, thing: str | None, kind: type[Registered]) -> Registered | None:
        """What is registered under an id, as it stands now, if it is of this kind."""
        found = self.thing(thing)
        return found.registration if found and isinstance(found.registration, kind) else None

    def source_at(self, source: str, level: int) -> Source | None:
        """A source as readers at a level may weigh it: not at all where it is marked above them."""
        found = self.thing(source)
        if found is None or found.level > level:
            return None
        return found.registration if isinstance(found.registration, Source) else None

    def document_below(self, document: str | None, level: int) -> Document | None:
        """A document as it stands now, unless it is marked above a level."""
        found = self.thing(document)
        if found is None or found.level > level:
            return None
        return found.registration if isinstance(found.registration, Document) else None

    def voices_of(self, event: str) -> list[VoiceRow]:
        """The live voices on an event, in the order of their records."""
        rows = [v.row for versions in self.voices.get(event, {}).values() for v in versions if v.to_position == FOREVER]
        return rows if len(rows) < 2 else sorted(rows, key=lambda row: row.position)

    def states_of(self, event: str) -> dict[int, StateRow]:
        """The live state of an event at each level that it shows at."""
        live = (v.row for v in self.states.get(event, []) if v.to_position == FOREVER)
        return {level: row for row in live for level in range(row.low, row.high + 1)}


def replace_rows(versions: list[Version[Row]], wanted: list[Row], position: int) -> None:
    """End the live rows that are no longer wanted, and begin those that are new; what is equal stays as it is."""
    if not versions:
        versions += [Version(row=row, from_position=position) for row in wanted]
        return
    live = [v for v in versions if v.to_position == FOREVER]
    keep = [v for v in live if v.row in wanted]
    for version in live:
        if version not in keep:
            version.to_position = position
    kept = [v.row for v in keep]
    versions.extend(Version(row=row, from_position=position) for row in wanted if row not in kept)
    # What began and ended at one position was never seen by anybody.
    versions[:] = [v for v in versions if v.stored or v.from_position < v.to_position]
