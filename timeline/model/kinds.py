"""The kinds of events: what may be said to have happened, and what may be said about it.

    Event                     one dated happening that somebody asserts; it is also the claim that it happened
    ├── occurrences           visit · meeting · call · invitation · cancellation · agreement · policy · aid · sanction
    │                         expulsion · military_action · attack_on_civilians · territory_change · mobilisation
    │                         threat · arrest · release · protest · investigation · legal_action · order
    │                         appointment · resignation · election · other
    └── Speech                the source is the speaker, `said` is `occurred`
        ├── statement · publication · accusation          may be `of` earlier events
        └── Reply             report · denial · confirmation          must be; assessment may be

A kind is one class: its fields, its roles, its words and one example. Everything else follows from it.
"""

from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar, Union

import msgspec
from msgspec import Meta

from timeline.model.provenance import (
    CodeOf,
    Credibility,
    Evidence,
    Figures,
    Ground,
    Modality,
    Quote,
    Site,
    Tense,
    VoicePart,
)
from timeline.model.record import (
    ActorRef,
    Date,
    DocumentRef,
    EventRef,
    ExternalIds,
    Id,
    Line,
    Marking,
    Occurrence,
    Part,
    PlaceRef,
    Record,
    SourceRef,
    Text,
    TopicRef,
)
from timeline.model.standing import Side

R = TypeVar("R", bound=str)


class Participant(Part, Generic[R], frozen=True, kw_only=True):
    """An actor in an event, and its role there."""

    actor: ActorRef
    role: R | None = None
    """The kind's first role when left out."""
    as_written: Line | None = None
    """The name as the report writes it."""


Actor = Literal["actor", "about"]
Travelling = Literal["actor", "host", "about"]
Together = Literal["actor", "host", "mediator", "about"]
Directed = Literal["actor", "recipient", "about"]
Violent = Literal["actor", "recipient", "victim", "about"]
About = Literal["about", "recipient", "actor"]

OfSome = Annotated[list[EventRef], Meta(min_length=1, max_length=50)]
OfAny = Annotated[list[EventRef], Meta(max_length=50)]
A = TypeVar("A", bound=str)
Participants = Annotated[list[ActorRef | Participant[A]], Meta(max_length=100)]
Actors = Annotated[list[ActorRef], Meta(max_length=100)]


class Event(Record, frozen=True, kw_only=True):
    """One dated happening that somebody asserts, and the voice that asserts it."""

    takes: ClassVar[Side] = "none"
    """The side that an event of this kind takes on the events it is `of`."""
    speech: ClassVar[bool] = False
    """Whether the source is the speaker, so that `said` is `occurred`."""
    default_role: ClassVar[str] = "actor"
    """The role of a participant that names none."""

    id: Id | None = None
    title: Line
    """What happened."""
    summary: Text | None = None
    """The same in a few sentences."""
    occurred: Occurrence
    """When it is said to have happened: as vague as the report is."""
    participants: list[Any] = []
    """The actors that take part, each with its role."""
    places: Annotated[list[PlaceRef | Site], Meta(max_length=50)] = []
    """Where: each place, or a place with what it is to the event."""
    topics: Annotated[list[TopicRef], Meta(max_length=50)] = []
    """What it is about."""
    marking: Marking | None = None
    """`amber` when left out."""
    external_ids: ExternalIds = {}
    source: SourceRef
    """Who says it; not the document it was read in. `unattributed` where nobody is named."""
    via: SourceRef | None = None
    """Who relays it, if not the document's publisher."""
    modality: Modality | None = None
    """`reported` when left out: honest by default, it never corroborates."""
    said: Date | None = None
    """When the source said so. The document's date when left out, else the day of recording."""
    tense: Tense | None = None
    credibility: Credibility | None = None
    document: DocumentRef | None = None
    """What it was said in."""
    quote: Quote | None = None
    """The words that carry it."""
    evidence: Annotated[list[Evidence], Meta(max_length=50)] = []
    """Further documents that carry the same voice."""
    figures: Figures | None = None
    """How many people were killed, injured or displaced, by this voice."""
    codes: Annotated[list[CodeOf], Meta(max_length=20)] = []
    """Codes that other schemes give it."""


class Visit(Event, frozen=True, kw_only=True, tag="visit"):
    """A person or delegation travels to a place to meet a host."""

    example = {
        "kind": "visit",
        "title": "Haftar travels to Moscow",
        "occurred": "early June 2019",
        "source": "unattributed",
        "participants": ["haftar", {"actor": "russia", "role": "host"}],
    }
    participants: Participants[Travelling] = []


class Meeting(Event, frozen=True, kw_only=True, tag="meeting"):
    """Two or more actors meet in person."""

    example = {
        "kind": "meeting",
        "title": "Haftar meets the Russian president",
        "occurred": "[2019-06-01..2019-06-10]",
        "source": "pro-haftar-media",
        "modality": "stated",
        "participants": ["haftar", "putin", {"actor": "russia", "role": "host"}],
        "places": ["moscow"],
    }
    participants: Participants[Together] = []


class Call(Event, frozen=True, kw_only=True, tag="call"):
    """Two or more actors speak from afar."""

    example = {
        "kind": "call",
        "title": "Trump telephones Haftar",
        "occurred": "2019-04-15",
        "source": "white-house",
        "modality": "stated",
        "participants": ["trump", "haftar"],
    }
    participants: Participants[Together] = []


class Invitation(Event, frozen=True, kw_only=True, tag="invitation"):
    """An actor invites another to come or to take part."""

    example = {
        "kind": "invitation",
        "title": "Haftar is invited to Washington",
        "occurred": "by 7 June 2019",
        "source": "unattributed",
        "modality": "rumoured",
        "participants": ["united-states", {"actor": "haftar", "role": "recipient"}],
    }
    participants: Participants[Directed] = []


class Cancellation(Event, frozen=True, kw_only=True, tag="cancellation"):
    """What was planned is called off."""

    example = {
        "kind": "cancellation",
        "title": "The visit to Washington is called off",
        "occurred": "2019-06-15",
        "source": "unattributed",
        "participants": ["haftar"],
    }
    participants: Participants[Directed] = []
    cancels: OfAny = []
    """The expected events that it calls off."""


class Agreement(Event, frozen=True, kw_only=True, tag="agreement"):
    """Two or more actors agree on something, in writing or not."""

    example = {
        "kind": "agreement",
        "title": "The parties agree on a truce",
        "occurred": "12 January 2020",
        "source": "unattributed",
        "participants": ["gna", "lna", {"actor": "russia", "role": "mediator"}],
        "form": "ceasefire",
    }
    participants: Participants[Together] = []
    form: Literal["treaty", "ceasefire", "memorandum", "contract", "understanding", "other"] | None = None
    """What kind of agreement."""


class Policy(Event, frozen=True, kw_only=True, tag="policy"):
    """An actor takes, changes or intends a line of policy."""

    example = {
        "kind": "policy",
        "title": "Moscow takes a more neutral line",
        "occurred": "ongoing",
        "source": "weekly",
        "modality": "stated",
        "participants": ["russia"],
    }
    participants: Participants[Directed] = []


class Aid(Event, frozen=True, kw_only=True, tag="aid"):
    """An actor helps another with money, goods, arms or people."""

    example = {
        "kind": "aid",
        "title": "Vehicles are delivered to the LNA",
        "occurred": "May 2019",
        "source": "unattributed",
        "participants": ["uae", {"actor": "lna", "role": "recipient"}],
        "form": "military",
    }
    participants: Participants[Directed] = []
    form: Literal["military", "humanitarian", "financial", "development", "other"] | None = None
    """What kind of aid."""


class Sanction(Event, frozen=True, kw_only=True, tag="sanction"):
    """An actor restricts another: its assets, travel, arms or trade."""

    example = {
        "kind": "sanction",
        "title": "An arms embargo is extended",
        "occurred": "2019-06-10",
        "source": "unattributed",
        "participants": [{"actor": "lna", "role": "recipient"}],
        "measure": "arms_embargo",
    }
    participants: Participants[Directed] = []
    measure: Literal["asset_freeze", "travel_ban", "arms_embargo", "trade", "financial", "other"] | None = None
    """What kind of restriction."""


class Expulsion(Event, frozen=True, kw_only=True, tag="expulsion"):
    """An actor sends persons of another away."""

    example = {
        "kind": "expulsion",
        "title": "Diplomats are told to leave",
        "occurred": "2018-03-26",
        "source": "white-house",
        "modality": "stated",
        "participants": ["united-states", {"actor": "russia", "role": "recipient"}],
    }
    participants: Participants[Directed] = []


Means = Literal["ground", "air", "drone", "shelling", "missile", "naval", "explosive", "cyber", "other"]


class MilitaryAction(Event, frozen=True, kw_only=True, tag="military_action"):
    """Armed force is used between armed parties."""

    example = {
        "kind": "military_action",
        "title": "Fighting south of Tripoli continues",
        "occurred": "since 4 April 2019",
        "source": "weekly",
        "modality": "stated",
        "participants": ["lna", {"actor": "gna", "role": "recipient"}],
        "places": ["southern-tripoli"],
        "figures": {"killed": {"low": 400}},
    }
    participants: Participants[Violent] = []
    means: Means | None = None
    """With what."""


class AttackOnCivilians(Event, frozen=True, kw_only=True, tag="attack_on_civilians"):
    """Armed force is used against people who take no part in the fighting."""

    example = {
        "kind": "attack_on_civilians",
        "title": "A detention centre for migrants is hit from the air",
        "occurred": "overnight on 2 July 2019",
        "source": "unattributed",
        "modality": "alleged",
        "participants": ["lna"],
        "means": "air",
        "figures": {"killed": {"best": 53}},
    }
    participants: Participants[Violent] = []
    means: Means | None = None
    """With what."""


class TerritoryChange(Event, frozen=True, kw_only=True, tag="territory_change"):
    """Control over a place passes from one actor to another."""

    example = {
        "kind": "territory_change",
        "title": "The LNA takes Gharyan",
        "occurred": "2019-04-04",
        "source": "unattributed",
        "participants": ["lna", {"actor": "gna", "role": "recipient"}],
        "outcome": "taken",
    }
    participants: Participants[Directed] = []
    outcome: Literal["taken", "lost", "handed_over", "withdrawn"] | None = None
    """What the first participant did with the place."""


class Mobilisation(Event, frozen=True, kw_only=True, tag="mobilisation"):
    """An actor raises, moves or readies forces."""

    example = {
        "kind": "mobilisation",
        "title": "Forces gather near Jufra",
        "occurred": "late March 2019",
        "source": "unattributed",
        "participants": ["lna"],
    }
    participants: Participants[Directed] = []


class Threat(Event, frozen=True, kw_only=True, tag="threat"):
    """An actor threatens another with harm."""

    example = {
        "kind": "threat",
        "title": "The LNA threatens to strike ships",
        "occurred": "2019-06-29",
        "source": "unattributed",
        "participants": ["lna", {"actor": "gna", "role": "recipient"}],
        "condition": "if they carry arms to the other side",
    }
    participants: Participants[Directed] = []
    condition: Line | None = None
    """What the threat depends on."""


class Arrest(Event, frozen=True, kw_only=True, tag="arrest"):
    """An actor takes a person into custody."""

    example = {
        "kind": "arrest",
        "title": "A commander is detained",
        "occurred": "2019-05",
        "source": "unattributed",
        "participants": ["gna"],
        "charge": "membership of an armed group",
    }
    participants: Participants[Violent] = []
    charge: Line | None = None
    """What the person is accused of."""


class Release(Event, frozen=True, kw_only=True, tag="release"):
    """An actor lets a person go."""

    example = {
        "kind": "release",
        "title": "Prisoners are let go in Zawiya",
        "occurred": "2019-04-07",
        "source": "unattributed",
        "participants": ["gna", {"actor": "lna", "role": "recipient"}],
    }
    participants: Participants[Directed] = []


class Protest(Event, frozen=True, kw_only=True, tag="protest"):
    """People gather to object or demand."""

    example = {
        "kind": "protest",
        "title": "Demonstration against the offensive in Tripoli",
        "occurred": "Friday 12 April 2019",
        "source": "unattributed",
        "participants": [{"actor": "lna", "role": "recipient"}],
        "form": "peaceful",
    }
    participants: Participants[Directed] = []
    form: Literal["peaceful", "violent", "strike", "other"] | None = None
    """How it went."""


class Investigation(Event, frozen=True, kw_only=True, tag="investigation"):
    """A body looks into what an actor did."""

    example = {
        "kind": "investigation",
        "title": "A prosecutor looks into the shelling",
        "occurred": "since 16 April 2019",
        "source": "unattributed",
        "participants": [{"actor": "lna", "role": "about"}],
    }
    participants: Participants[Directed] = []


class LegalAction(Event, frozen=True, kw_only=True, tag="legal_action"):
    """A case is brought, heard or decided in a court."""

    example = {
        "kind": "legal_action",
        "title": "A suit is filed against Haftar in Virginia",
        "occurred": "26 June 2019",
        "source": "unattributed",
        "participants": [{"actor": "haftar", "role": "recipient"}],
        "forum": "a federal court in Virginia",
        "stage": "filed",
    }
    participants: Participants[Directed] = []
    forum: Line | None = None
    """The court or tribunal."""
    stage: Literal["filed", "charged", "heard", "decided", "appealed", "dismissed"] | None = None
    """How far it got."""


class Order(Event, frozen=True, kw_only=True, tag="order"):
    """An actor gives an order to those under its command."""

    example = {
        "kind": "order",
        "title": "Haftar orders his men to take no prisoners",
        "occurred": "by 9 June 2019",
        "source": "rights-leaders",
        "modality": "alleged",
        "said": "[2019-06-03..2019-06-09]",
        "participants": ["haftar", {"actor": "lna", "role": "recipient"}],
    }
    participants: Participants[Directed] = []


class Appointment(Event, frozen=True, kw_only=True, tag="appointment"):
    """A person is given an office."""

    example = {
        "kind": "appointment",
        "title": "Haftar is made commander of the army",
        "occurred": "2015-03-02",
        "source": "unattributed",
        "participants": ["haftar"],
        "office": "general commander",
    }
    participants: Participants[Directed] = []
    office: Line | None = None
    """The office that is given."""


class Resignation(Event, frozen=True, kw_only=True, tag="resignation"):
    """A person gives an office up, or loses it."""

    example = {
        "kind": "resignation",
        "title": "The envoy steps down",
        "occurred": "2 March 2020",
        "source": "unattributed",
        "office": "special envoy",
    }
    participants: Participants[Directed] = []
    office: Line | None = None
    """The office that is given up or lost."""


class Election(Event, frozen=True, kw_only=True, tag="election"):
    """A vote is held for an office, a body or a question."""

    example = {
        "kind": "election",
        "title": "A general election is planned",
        "occurred": "24 December 2021",
        "tense": "future",
        "source": "unattributed",
        "participants": ["gna"],
        "office": "president",
    }
    participants: Participants[Directed] = []
    office: Line | None = None
    """The office, body or question that is voted on."""


class Other(Event, frozen=True, kw_only=True, tag="other"):
    """A happening that no other kind fits."""

    example = {
        "kind": "other",
        "title": "A power cut darkens western Libya",
        "occurred": "summer 2019",
        "source": "unattributed",
    }
    participants: Participants[Violent] = []


class Speech(Event, frozen=True, kw_only=True):
    """Somebody says something in public: the source is the speaker, and `said` is `occurred`."""

    speech = True
    title: Line | None = None  # type: ignore[assignment]  # a reply's title may be left to the server
    of: OfAny = []
    """The earlier events that it is about."""
    part: VoicePart | None = None
    tense: Tense | None = None


class Statement(Speech, frozen=True, kw_only=True, tag="statement"):
    """An actor says something and takes no side on whether an event happened."""

    example = {
        "kind": "statement",
        "title": "Roth: the videos could serve a prosecution",
        "occurred": "[2019-06-03..2019-06-14]",
        "source": "roth",
        "modality": "stated",
    }
    default_role = "about"
    title: Line  # required again: a statement has words of its own
    participants: Participants[About] = []


class Publication(Speech, frozen=True, kw_only=True, tag="publication"):
    """Something is published; it asserts the events it is `of`."""

    example = {
        "kind": "publication",
        "title": "Videos of the order are published",
        "occurred": "last week",
        "source": "rights-leaders",
        "modality": "alleged",
        "document": "weekly-report",
        "participants": ["roth", "hrw"],
    }
    takes = "assert"
    title: Line  # required again: a publication has a name of its own
    participants: Participants[Actor] = []
    work: DocumentRef | None = None
    """What was published, if it is registered."""


class Accusation(Speech, frozen=True, kw_only=True, tag="accusation"):
    """Somebody blames an actor; it asserts the events it is `of`, its denial bears on `content`."""

    example = {
        "kind": "accusation",
        "title": "A newspaper accuses the crown prince of sowing discord",
        "occurred": "by 14 June 2019",
        "source": "new-york-times",
        "modality": "stated",
        "against": ["mbz"],
    }
    takes = "assert"
    default_role = "about"
    title: Line  # required again: an accusation says what of
    participants: Participants[About] = []
    against: Actors = []
    """The accused."""


class Reply(Speech, frozen=True, kw_only=True):
    """An event about whether earlier events happened."""

    default_role = "about"
    of: OfSome
    """The earlier events that it answers."""
    participants: Participants[About] = []


class Report(Reply, frozen=True, kw_only=True, tag="report"):
    """Another source asserts the same events; it folds into them."""

    example = {
        "kind": "report",
        "of": ["01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01"],
        "occurred": "2019-06-01",
        "source": "pro-haftar-media",
        "modality": "stated",
    }
    takes = "assert"
    happened: Date | None = None
    """When the event happened by this source, where it differs."""


class Denial(Reply, frozen=True, kw_only=True, tag="denial"):
    """A source says that the events did not happen, or will not. It never makes them false."""

    example = {
        "kind": "denial",
        "of": ["01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01"],
        "source": "white-house-source",
        "occurred": "7 June 2019",
    }
    takes = "deny"


class Confirmation(Reply, frozen=True, kw_only=True, tag="confirmation"):
    """A source says that the events did happen, on a ground that it has."""

    example = {
        "kind": "confirmation",
        "of": ["01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01"],
        "source": "russian-officials",
        "occurred": "2019-06-20",
        "modality": "stated",
        "ground": "admission",
    }
    takes = "confirm"
    ground: Ground | None = None


Likelihood = Annotated[
    Literal[
        "almost_no_chance",
        "very_unlikely",
        "unlikely",
        "roughly_even",
        "likely",
        "very_likely",
        "almost_certain",
    ],
    Meta(description="ICD 203: 1–5, 5–20, 20–45, 45–55, 55–80, 80–95, 95–99 per cent."),
]


class Assessment(Speech, frozen=True, kw_only=True, tag="assessment"):
    """An analyst's judgement: of events, how likely or true; of none, a key judgement resting on `based_on`."""

    example = {
        "kind": "assessment",
        "of": ["01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01"],
        "source": "weekly",
        "occurred": "[2019-06-10..2019-06-14]",
        "modality": "stated",
        "likelihood": "unlikely",
        "hedge": "probably unfounded",
    }
    takes = "judge"
    default_role = "about"
    participants: Participants[About] = []
    likelihood: Likelihood | None = None
    verdict: Literal["true", "false", "misleading", "unproven"] | None = None
    """Whether it is true, where the analyst says so outright."""
    confidence: Literal["low", "moderate", "high"] | None = None
    """How sure the analyst is of the judgement itself."""
    hedge: Line | None = None
    """The words of doubt as written: `may`, `could`, `probably`."""
    based_on: OfAny = []
    """What the judgement rests on; gives no entry in a timeline, and is found by impact."""


def _tagged(base: type[Event]) -> dict[str, type[Event]]:
    """Every class below `base` that has a tag, by its kind, in the order of this file."""
    found: dict[str, type[Event]] = {}
    for each in base.__subclasses__():
        if "example" in vars(each):
            found[each.kind_of()] = each
        found |= _tagged(each)
    return found


EVENTS: dict[str, type[Event]] = _tagged(Event)
"""Every kind of event, by its tag."""
AnyEvent: Any = Union[tuple(EVENTS.values())]  # noqa: UP007  (built from a tuple, so not writable with |)


def roles_of(kind: type[Event]) -> tuple[str, ...]:
    """The roles that a participant may have in events of this kind, its default first."""
    field = next(f for f in msgspec.inspect.type_info(kind).fields if f.name == "participants")  # type: ignore[attr-defined]  # a struct's info has fields
    roles = {str(value) for value in _literals(field.type)}
    return tuple(sorted(roles, key=lambda role: (role != kind.default_role, role)))


def _literals(info: msgspec.inspect.Type) -> tuple[Any, ...]:
    """The values of the one closed set inside a participants' type."""
    match info:
        case msgspec.inspect.LiteralType(values=values):
            return tuple(values)
        case msgspec.inspect.Metadata(type=inner) | msgspec.inspect.ListType(item_type=inner):
            return _literals(inner)
        case msgspec.inspect.UnionType(types=members):
            return next((found for member in members if (found := _literals(member))), ())
        case msgspec.inspect.StructType(fields=fields):
            return _literals(next(f.type for f in fields if f.name == "role"))
        case _:
            return ()
