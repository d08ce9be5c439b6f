"""Registrations: records that state an actor, source, document, topic, place, membership or identity in full.

    Registration
    ├── Named          actor · source · topic · place          a slug, a name, aliases
    ├── Document       found by its slug, title or URL
    ├── Membership     an actor belongs to another
    └── SameActor      a judgement that two registered actors are, or are not, one

A re-registration states everything again and names the revision that it replaces.
"""

import re
import unicodedata
from typing import Annotated, Any, Literal, NamedTuple, Union

from msgspec import Meta

from timeline.model.provenance import Reliability
from timeline.model.record import (
    ActorRef,
    Date,
    Decimal,
    ExternalIds,
    Id,
    Language,
    Line,
    Marking,
    Part,
    PlaceRef,
    Record,
    Revision,
    Slug,
    SourceRef,
    Text,
    TopicRef,
    Url,
)


class Alias(Part, frozen=True, kw_only=True):
    """Another name of the same thing."""

    name: Line
    """The name."""
    lang: Language | None = None
    """The language that it is a name in."""
    script: Annotated[str, Meta(pattern=r"^[A-Z][a-z]{3}\Z", description="ISO 15924.")] | None = None
    type: Literal["alias", "nom_de_guerre", "former", "primary"] | None = None
    """`alias` when left out."""
    source: SourceRef | None = None
    """Who calls it so."""


class Registration(Record, frozen=True, kw_only=True):
    """A record that states a thing in full."""

    id: Id | None = None
    """The thing's id, the same in each of its registrations."""
    revision: Revision | None = None
    """The revision that this replaces; left out at the first registration."""
    marking: Marking | None = None
    """`amber` when left out."""
    external_ids: ExternalIds = {}
    summary: Text | None = None
    """What to know about it."""


Aliases = Annotated[list[Line | Alias], Meta(max_length=100)]
ActorRefs = Annotated[list[ActorRef], Meta(max_length=100)]


class Named(Registration, frozen=True, kw_only=True):
    """A thing with a slug, a name and aliases."""

    slug: Slug
    """Its short name in addresses and posts, unique among things of its kind."""
    name: Line
    """The name that it is shown by."""
    aliases: Aliases = []
    """Other names, each alone or with its language, script and source."""
    proposed: bool = False
    """Registered by a post that named it while it was unknown, and not reviewed since."""


class Actor(Named, frozen=True, kw_only=True, tag="actor"):
    """A person, state, organisation, group or office that takes part in events."""

    example = {
        "kind": "actor",
        "slug": "haftar",
        "name": "Khalifa Haftar",
        "type": "person",
        "aliases": ["Field Marshal Haftar", {"name": "خليفة حفتر", "lang": "ar", "script": "Arab"}],
    }
    type: Literal["person", "state", "office", "organisation", "armed_group", "people", "other"] | None = None
    """What it is."""


class Source(Named, frozen=True, kw_only=True, tag="source"):
    """Who says it: an outlet, office, official, person, or a group of them."""

    example = {
        "kind": "source",
        "slug": "russian-officials",
        "name": "Russian officials",
        "reliability": "C",
        "family": "russia-gov",
        "speaks_for": ["russia"],
        "aligned_with": ["russia", "putin"],
    }
    reliability: Reliability | None = None
    """`F` when left out."""
    family: Slug | None = None
    """Its owner, syndicate or government; sources of one family are one voice. Its own slug when left out."""
    named: bool = True
    """Whether the report names it. An unnamed source never vouches and never supersedes itself."""
    house: bool = False
    """Whether it is our own product, which must not corroborate itself."""
    feed: bool = False
    """Whether it is a machine's feed, which never vouches and stays out of timelines unless asked for."""
    actor: ActorRef | None = None
    """The actor that this source is."""
    speaks_for: ActorRefs = []
    """The actors whose word its word is."""
    aligned_with: ActorRefs = []
    """The actors that it sides with."""
    opposed_to: ActorRefs = []
    """The actors that it is against."""


class Topic(Named, frozen=True, kw_only=True, tag="topic"):
    """What events are about: a conflict, a country's affairs, a question."""

    example = {"kind": "topic", "slug": "libya", "name": "Libya", "aliases": ["Libyan conflict"]}
    within: TopicRef | None = None
    """The wider topic that it is part of."""


class Place(Named, frozen=True, kw_only=True, tag="place"):
    """Where: with how precisely it is known."""

    example = {
        "kind": "place",
        "slug": "moscow",
        "name": "Moscow",
        "precision": "town",
        "latitude": "55.7558",
        "longitude": "37.6173",
        "country": "RU",
    }
    precision: Literal["exact", "town", "district", "province", "country", "region"] | None = None
    """How precisely it is known."""
    latitude: Decimal | None = None
    """Degrees north of the equator."""
    longitude: Decimal | None = None
    """Degrees east of Greenwich."""
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z", description="ISO 3166-1 alpha-2.")] | None = None
    within: PlaceRef | None = None
    """The wider place that it lies in."""


class Document(Registration, frozen=True, kw_only=True, tag="document"):
    """What something was said in, with the least that a chain of custody needs."""

    example = {
        "kind": "document",
        "slug": "weekly-report",
        "title": "Weekly report on Libya",
        "type": "report",
        "publisher": "weekly",
        "published": "[2019-06-10..2019-06-14]",
        "language": "en",
    }
    slug: Slug | None = None
    """Its short name, by which posts may name it."""
    title: Line | None = None
    """Its title, by which posts may name it too."""
    type: Literal["article", "report", "post", "video", "audio", "image", "transcript", "record", "other"] | None = None
    """What it is."""
    publisher: SourceRef | None = None
    """Who published it."""
    published: Date | None = None
    """When it appeared."""
    url: Url | None = None
    """Where it was found."""
    archived_url: Url | None = None
    """Where a copy is kept."""
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")] | None = None
    """The SHA-256 of its bytes, in hexadecimal."""
    language: Language | None = None
    collected_by: Line | None = None
    """Who collected it."""
    collected_at: Date | None = None
    """When it was collected."""
    collected_how: Line | None = None
    """How it was collected."""
    seen: bool | None = None
    """Whether we have seen the document itself."""


class Membership(Registration, frozen=True, kw_only=True, tag="membership", rename={"from_": "from"}):
    """An actor belongs to another, in a role or an office, for a time."""

    example = {
        "kind": "membership",
        "member": "haftar",
        "of": "lna",
        "role": "general commander",
        "from": "2015-03-02",
        "first_cited": "2015-03-02",
    }
    member: ActorRef
    """Who belongs."""
    of: ActorRef
    """To whom."""
    role: Line | None = None
    """As what."""
    office: ActorRef | None = None
    """The office held, where it is registered."""
    from_: Date | None = None
    """Since when."""
    to: Date | None = None
    """Until when."""
    first_cited: Date | None = None
    """When it was first mentioned: often all we know."""
    last_cited: Date | None = None
    """When it was last mentioned."""
    source: SourceRef | None = None
    """Who says so."""


class SameActor(Registration, frozen=True, kw_only=True, tag="same_actor"):
    """A judgement that two registered actors are one, are not, or may be; it can be withdrawn."""

    example = {
        "kind": "same_actor",
        "actors": ["haftar", "lna"],
        "judgement": "different",
        "reason": "The commander is not his army.",
    }
    actors: Annotated[list[ActorRef], Meta(min_length=2, max_length=2)]
    """The two actors that are judged."""
    judgement: Literal["same", "different", "unsure", "withdrawn"]
    """What is judged of them; `withdrawn` takes an earlier judgement back."""
    reason: Text | None = None
    """Why."""


REGISTRATIONS: dict[str, type[Registration]] = {
    each.kind_of(): each for each in (Actor, Source, Topic, Place, Document, Membership, SameActor)
}
"""Every kind of registration, by its tag."""
AnyRegistration: Any = Union[tuple(REGISTRATIONS.values())]  # noqa: UP007  (built from a tuple, so not writable with |)

COLLECTIONS = {
    "actor": "actors",
    "source": "sources",
    "topic": "topics",
    "place": "places",
    "document": "documents",
    "membership": "memberships",
    "same_actor": "same-actors",
}
"""Kinds of registrations, with the address of their collection."""


class Key(NamedTuple):
    """A text by which a registered thing is found."""

    form: Literal["slug", "name", "url"]
    text: str


def folded(name: str) -> str:
    """A name as it is compared: compatibility forms, case and runs of blanks do not matter."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def keys(registration: Registration) -> list[Key]:
    """Everything that the registered thing is found by, its slug first."""
    if isinstance(registration, Named):
        aliases = [a if isinstance(a, str) else a.name for a in registration.aliases]
        names = dict.fromkeys(folded(name) for name in (registration.name, *aliases))
        return [Key("slug", registration.slug), *(Key("name", name) for name in names)]
    if isinstance(registration, Document):
        found = [Key("slug", registration.slug)] if registration.slug else []
        found += [Key("name", folded(registration.title))] if registration.title else []
        return found + ([Key("url", registration.url)] if registration.url else [])
    return []


def slug_of(name: str) -> str:
    """A slug made from a name, for a proposed registration: letters without accents, digits, hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80].strip("-") or "unnamed"
