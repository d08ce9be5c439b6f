"""What a request asks for in its address: each route's parameters are a struct; unknown ones are refused."""

import re
from collections.abc import Iterator
from datetime import date
from functools import cache, lru_cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
from msgspec import Meta
from msgspec.structs import FieldInfo

from timeline.api.moments import WEEK, Moment
from timeline.api.service import Asked, service
from timeline.errors import BadParameter, Fault, NotFound, UnknownParameter
from timeline.model.edits import EDITS
from timeline.model.faults import FAULTS_MAX, faults, shown
from timeline.model.impact import By, Supposition
from timeline.model.kinds import EVENTS
from timeline.model.record import INTEGER_MAX
from timeline.model.registry import REGISTRATIONS
from timeline.model.standing import Word
from timeline.model.tokens import ACCESS
from timeline.projections.pages import LIMIT_MAX

Q = TypeVar("Q", bound=msgspec.Struct)
POSITION_MAX = INTEGER_MAX
NAMED = re.compile(r"[A-Za-z0-9-]{1,80}")
"""What a path may name a thing by: an id, a slug, a week. Nothing else is looked up."""
NUMBER = re.compile(r"-?[0-9]{1,20}")

MinPosition = Annotated[
    int, Meta(ge=0, le=POSITION_MAX, description="Wait until this position is readable; 503 if it takes too long.")
]
KindName: Any = Literal[tuple(EVENTS)]
"""A kind of event; made from the kinds, so that a new one is known here."""
RecordKind: Any = Literal[(*EVENTS, *EDITS, *REGISTRATIONS, *ACCESS)]
"""A kind of record."""
WAIT_SECONDS_MAX = 60
Reference = Annotated[
    str, Meta(min_length=1, max_length=80, pattern=rf"^{NAMED.pattern}\Z", description="A slug or an id.")
]
Cursor = Annotated[
    str, Meta(min_length=1, max_length=400, pattern=r"^[A-Za-z0-9_-]+\Z", description="`next` of the page before.")
]

Feeds = Annotated[Literal["exclude", "include"], Meta(description="Whether to show what only a machine's feed says.")]
WeekName = Annotated[
    str,
    Meta(
        min_length=8,
        max_length=8,
        pattern=rf"^{WEEK.pattern}\Z",
        description="Placed in this ISO week, before or after.",
    ),
]
Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX, description="How many a page holds, at most.")]
PageOrAll = Annotated[
    Annotated[int, Meta(ge=1, le=LIMIT_MAX)] | Literal["all"],
    Meta(description="How many a page holds, at most; `all` streams the whole, in the formats that can be."),
]


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of a route's parameters."""


class Fresh(Params, frozen=True, kw_only=True):
    """A read that may ask to be as new as a post."""

    min_position: MinPosition | None = None


class Known(Fresh, frozen=True, kw_only=True):
    """A read that may ask what was known at a moment."""

    as_of: Moment | None = None


SaidTo = Annotated[
    date, Meta(description="As if nothing had been said after this day: by when it was said, not when we recorded it.")
]


class Seen(Known, frozen=True, kw_only=True):
    """A read of events, which may be judged by another day than today."""

    on: (
        Annotated[
            date,
            Meta(description="The day that `overdue` is judged by; today (UTC) when left out, with `as_of` as well."),
        ]
        | None
    ) = None


class Told(Seen, frozen=True, kw_only=True):
    """A read of events that may leave out what was said later."""

    said_to: SaidTo | None = None


class TimelineParams(Told, frozen=True, kw_only=True):
    """What may be asked of a timeline."""

    from_: Annotated[date, Meta(description="First day of `at`.")] | None = msgspec.field(name="from", default=None)
    to: Annotated[date, Meta(description="Last day of `at`.")] | None = None
    kind: Annotated[list[KindName], Meta(description="Only these kinds; repeat it, or separate by commas.")] = []
    standing: Annotated[list[Word], Meta(description="Only where it stands so; repeat it, or separate by commas.")] = []
    order: Annotated[Literal["asc", "desc"], Meta(description="From the first day on, or from the last back.")] = "asc"
    limit: PageOrAll = 50
    cursor: Cursor | None = None
    feeds: Feeds = "exclude"


class SearchParams(TimelineParams, frozen=True, kw_only=True):
    """What may be asked of a search."""

    q: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=200,
                pattern=r"^[^\x00-\x1f\x7f]*\Z",
                description="Part of a title or summary, in any case.",
            ),
        ]
        | None
    ) = None
    actor: Reference | None = None
    topic: Reference | None = None
    place: Reference | None = None
    source: Annotated[Reference, Meta(description="Who said it first: a slug or an id.")] | None = None
    recorded_from: Annotated[Moment, Meta(description="Recorded at this moment or later.")] | None = None
    recorded_to: Annotated[Moment, Meta(description="Recorded by this moment.")] | None = None


class DuplicatesParams(Fresh, frozen=True, kw_only=True):
    """What may be asked of proposals."""

    actor: Annotated[Reference, Meta(description="Only events of this actor's timeline: a slug or an id.")] | None = (
        None
    )
    topic: (
        Annotated[Reference, Meta(description="Only events of this topic's timeline, where no actor is given.")] | None
    ) = None
    place: (
        Annotated[Reference, Meta(description="Only events of this place's timeline, where neither is given.")] | None
    ) = None
    from_: Annotated[date, Meta(description="First day of `at`.")] | None = msgspec.field(name="from", default=None)
    to: Annotated[date, Meta(description="Last day of `at`.")] | None = None
    kind: Annotated[list[KindName], Meta(description="Only these kinds; repeat it, or separate by commas.")] = []
    score_min: Annotated[int, Meta(ge=1, le=100, description="Only pairs of this score or more, of 100.")] = 60
    feeds: Feeds = "exclude"
    limit: Annotated[int, Meta(ge=1, le=LIMIT_MAX, description="How many events a page looks at.")] = 200
    cursor: Cursor | None = None


class WeekParams(Told, frozen=True, kw_only=True):
    """What may be asked of a week."""

    actor: Reference | None = None
    topic: Reference | None = None
    since: (
        Annotated[
            Moment,
            Meta(description="Tell what changed since this moment; since the end of the week before when left out."),
        ]
        | None
    ) = None
    match: Annotated[
        Literal["anchored", "possible", "certain"],
        Meta(description="In the one week that it is placed in, in any that it may lie in, or only if surely in it."),
    ] = "anchored"
    feeds: Feeds = "exclude"


class DiffParams(Fresh, frozen=True, kw_only=True):
    """What may be asked of a difference between two moments."""

    from_: Annotated[Moment, Meta(description="The earlier moment.")] = msgspec.field(name="from")
    to: Annotated[Moment, Meta(description="The later moment; now when left out.")] | None = None
    actor: Reference | None = None
    topic: Reference | None = None
    place: Reference | None = None
    week: WeekName | None = None
    feeds: Feeds = "exclude"
    limit: Limit = 50
    cursor: Cursor | None = None


class EventParams(Told, frozen=True, kw_only=True):
    """What may be asked of an event."""


class ProvenanceParams(Known, frozen=True, kw_only=True):
    """What may be asked of an event's provenance."""


class HistoryParams(Known, frozen=True, kw_only=True):
    """What may be asked of an event's history."""

    limit: Limit = 50
    cursor: Cursor | None = None


class RegistryParams(Known, frozen=True, kw_only=True):
    """What may be asked of a registry."""

    q: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=200,
                pattern=r"^[^\x00-\x1f\x7f]*\Z",
                description="Part of a slug, a name or an alias, in any case.",
            ),
        ]
        | None
    ) = None
    limit: Limit = 50
    cursor: Cursor | None = None


class ImpactParams(Known, frozen=True, kw_only=True):
    """What may be asked of the impact of a source."""

    as_: Annotated[
        Supposition,
        Meta(description="What is supposed: that its voices were never said, or that it has this reliability."),
    ] = msgspec.field(name="as", default="removed")
    by: Annotated[
        By, Meta(description="Whether its own voices are meant, or those that it published or relayed (`via`).")
    ] = "source"
    said_to: SaidTo | None = None
    limit: Limit = 200
    cursor: Cursor | None = None


class ChangesParams(Fresh, frozen=True, kw_only=True):
    """What may be asked of the feed."""

    after: Annotated[
        int, Meta(ge=0, le=POSITION_MAX, description="The position to go on after; 0 is the beginning.")
    ] = 0
    limit: Annotated[
        int,
        Meta(
            ge=1,
            le=LIMIT_MAX,
            description="Positions to look at, at most; with a filter the records to show, of 2,000 positions.",
        ),
    ] = 500
    actor: Annotated[Reference, Meta(description="Only what changed the timeline of this actor.")] | None = None
    topic: Annotated[Reference, Meta(description="Only what changed the timeline of this topic.")] | None = None
    kind: Annotated[list[RecordKind], Meta(description="Only these kinds; repeat it, or separate by commas.")] = []
    standing_changed: Annotated[
        bool, Meta(description="Only what left an event standing differently; `changed` tells from where to where.")
    ] = False
    wait: Annotated[
        int,
        Meta(ge=0, le=WAIT_SECONDS_MAX, description="Seconds to wait for a record, where there is none yet."),
    ] = 0


class Taken(Params, frozen=True, kw_only=True):
    """How posts are to be taken, one or many."""

    dry_run: Annotated[bool, Meta(description="Show what would be recorded and changed; record nothing.")] = False
    on_missing: Annotated[
        Literal["reject", "propose"], Meta(description="Whether unknown actors and so on are refused or registered.")
    ] = "reject"
    wait: Annotated[
        bool, Meta(description="Whether to answer when reads show it (bounded) or as soon as it is durable.")
    ] = True


class PostParams(Taken, frozen=True, kw_only=True):
    """How a post is to be taken."""


class BatchParams(Taken, frozen=True, kw_only=True):
    """How a batch is to be taken."""

    mode: Annotated[Literal["atomic", "each"], Meta(description="All lines or none, or each line by itself.")] = (
        "atomic"
    )


class NoParams(Params, frozen=True, kw_only=True):
    """A route without parameters."""


def asked_in(request: Asked) -> tuple[tuple[str, str], ...]:
    """Names and values of an address, in their order (the framework's own list has none)."""
    return _parsed(request.scope["query_string"])


@lru_cache(maxsize=256)
def encoded_again(query: bytes) -> str:
    """An address's query as we write it in links."""
    return urlencode(_parsed(query))


@lru_cache(maxsize=256)
def _parsed(query: bytes) -> tuple[tuple[str, str], ...]:
    return tuple(parse_qsl(query.decode("latin-1"), keep_blank_values=True))


@cache
def _fields(params: type[msgspec.Struct]) -> dict[str, FieldInfo]:
    """The parameters of a route by their names: taken apart once, not with every request."""
    return {f.encode_name: f for f in msgspec.structs.fields(params)}


def read_query(request: Asked, params: type[Q]) -> Q:
    """The parameters of a request.

    Raises:
        UnknownParameter: one is not known here.
        BadParameter: one has a value that is not allowed, or is given twice.
    """
    read: Q = _read(request.scope["query_string"], params)
    most, asked = service(request).settings.page_entries_max, getattr(read, "limit", None)
    return read if not isinstance(asked, int) or asked <= most else _smaller(read, asked, most)


def _smaller(read: Q, asked: int, most: int) -> Q:
    """The same of pages that hold no more than the operator allows, where nobody asked for as many."""
    if asked != next(field.default for field in msgspec.structs.fields(type(read)) if field.name == "limit"):
        fault = Fault(pointer=_pointer("limit"), expected=f"at most {most:,}, as this service is set", found=str(asked))
        raise BadParameter(f"{fault.pointer}: expected {fault.expected}, found {fault.found}.", errors=[fault])
    return msgspec.structs.replace(read, limit=most)


def read_text(asked: dict[str, str], params: type[Q]) -> Q:
    """The same of names and values that did not come in an address.

    Raises:
        UnknownParameter, BadParameter: as `read_query`.
    """
    read: Q = _read(urlencode(asked).encode(), params)
    return read


@lru_cache(maxsize=4_096)  # tools ask the same again and again
def _read(query: bytes, params: type[msgspec.Struct]) -> Any:
    fields = _fields(params)
    given: dict[str, list[str]] = {}
    for name, value in _parsed(query):
        given.setdefault(name, []).append(value)
    known = ", ".join(fields) or "none"
    unknown = [
        Fault(pointer=_pointer(name), expected=f"one of {known}", found=shown(name))
        for name in given
        if name not in fields
    ]
    if unknown:
        raise UnknownParameter(f"Expected one of {known}; found {unknown[0].found}.", errors=unknown[:FAULTS_MAX])
    values: dict[str, Any] = {}
    wrong = [
        Fault(pointer=_pointer(name), expected="a value", found="nothing")
        for name, field in fields.items()
        if field.required and name not in given
    ]
    for name, texts in given.items():
        if _is_list(fields[name].type):
            values[name] = [part for text in texts for part in text.split(",")]
        elif len(texts) > 1:
            wrong.append(Fault(pointer=_pointer(name), expected="one value", found=f"{len(texts)} values"))
        else:
            values[name] = texts[0]
    wrong += [f for name, value in values.items() for f in _faults(name, value, fields[name].type)]
    if wrong:
        first = wrong[0]
        raise BadParameter(f"{first.pointer}: expected {first.expected}, found {first.found}.", errors=wrong)
    return msgspec.convert(values, params, strict=False)


def _faults(name: str, value: Any, wanted: Any) -> list[Fault]:
    """What is wrong with a parameter. A number is digits alone: the decoder would take `5e0` as well."""
    found = faults(value, wanted, strict=False)
    members = [*_members(wanted)]
    words = {word for each in members if get_origin(each) is Literal for word in get_args(each)}
    if not found and int in members and value not in words and not NUMBER.fullmatch(value):
        found = [Fault(pointer="", expected="a whole number in digits", found=shown(value))]
    return [Fault(pointer=_pointer(name), expected=f.expected, found=f.found) for f in found]


def _pointer(name: str) -> str:
    return "?" + quote(name[:80], safe="")


def _members(wanted: Any) -> Iterator[Any]:
    """The types that a value may be, without what is said of them."""
    if get_origin(wanted) is Annotated:
        yield from _members(wanted.__origin__)
    elif get_origin(wanted) in (Union, UnionType):
        yield from (member for each in get_args(wanted) for member in _members(each))
    else:
        yield wanted


def _is_list(wanted: Any) -> bool:
    inner = get_args(wanted)[0] if get_origin(wanted) is Annotated else wanted
    return get_origin(inner) is list


def named_in_path(text: str, what: str) -> str:
    """A path segment that may name a thing.

    Raises:
        NotFound: nothing can have that name.
    """
    if not NAMED.fullmatch(text):
        raise NotFound(f"No {what} {shown(text)}. Give its id or slug.")
    return text
