"""How alike two events are, and why: what is proposed as a duplicate, never decided. Pure.

The score adds up what speaks for one happening, of 100: the kind, who took part, when, where, in which words, and
whether both were said in the same quote or document. It ranks proposals; a person decides by a `duplicate` record.
"""

import math
from collections.abc import Iterable
from datetime import date
from typing import Literal

import msgspec

from timeline.model.entry import Entry, NameShown, PointShown, Shape
from timeline.model.registry import folded

KINDS_ALIKE = (
    frozenset({"visit", "meeting", "call", "invitation"}),
    frozenset({"military_action", "attack_on_civilians", "territory_change"}),
    frozenset({"agreement", "policy", "aid"}),
    frozenset({"arrest", "legal_action", "sanction", "expulsion"}),
    frozenset({"protest", "threat", "mobilisation"}),
)
"""Kinds that two reporters may give to one happening."""
NEAR_KM = 25.0
EARTH_KM = 6_371.0
DAYS_APART_MAX = 3
SCORE_MAX = 100


class Reason(Shape, frozen=True, kw_only=True):
    """What speaks for two events being one."""

    what: Literal["kind", "participants", "dates", "places", "words", "quote", "document", "external"]
    """In what they are alike."""
    points: int
    """What it adds to the score."""
    detail: str
    """How."""


class Pair(Shape, frozen=True, kw_only=True):
    """Two events that may be one."""

    score: int
    """How much speaks for it, of 100. It ranks; it decides nothing."""
    reasons: list[Reason]
    """What adds up to the score, the weightiest first."""
    events: list[Entry]
    """The two, that which was recorded first before the other."""
    group: str | None
    """What a machine's feed calls the look-alikes and mirrored readings that both are of, the same on every pair of one
    group; null of other pairs."""


class Duplicates(Shape, frozen=True, kw_only=True):
    """Pairs of events that may be one, as of one position."""

    position: int
    """The position of the log that it was read at."""
    pairs: list[Pair]
    """In the order of the events' timeline; those of one event by score."""
    names: dict[str, NameShown]
    """What each id is called."""
    next: str | None
    """The cursor of what follows; null at the end."""


class Likened(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it is compared."""

    entry: Entry
    quote: str = ""
    documents: frozenset[str] = frozenset()
    group: str = ""
    """What a machine's feed gave it and its look-alikes in common."""
    points: tuple[PointShown, ...] = ()
    """Where its places are."""


def alike(one: Likened, other: Likened) -> list[Reason]:
    """What speaks for two events being one, the weightiest first; nothing where their kinds or days part them."""
    kind, dates = _kinds(one.entry, other.entry), _dates(one.entry, other.entry)
    if kind is None or dates is None:
        return []
    more = (
        _participants(one.entry, other.entry),
        _places(one, other),
        _words(one.entry, other.entry),
        _said(one, other),
        _grouped(one, other),
    )
    return sorted([kind, dates, *filter(None, more)], key=lambda reason: (-reason.points, reason.what))


def score(reasons: Iterable[Reason]) -> int:
    """The points of reasons together, 100 at most."""
    return min(SCORE_MAX, sum(each.points for each in reasons))


def group_of(one: Likened, other: Likened) -> str | None:
    """The group of look-alikes that both are of."""
    return one.group if one.group and one.group == other.group else None


def _kinds(one: Entry, other: Entry) -> Reason | None:
    if one.kind == other.kind:
        return Reason(what="kind", points=20, detail=one.kind)
    if any({one.kind, other.kind} <= several for several in KINDS_ALIKE):
        return Reason(what="kind", points=8, detail=f"{one.kind}, {other.kind}")
    return None


def _dates(one: Entry, other: Entry) -> Reason | None:
    """The days that both may lie on; a few days apart is what a slip or a time zone makes."""
    first, second = _bounds(one), _bounds(other)
    if first == second and first[0] == first[1]:
        return Reason(what="dates", points=20, detail=str(first[0]))
    gap = (max(first[0], second[0]) - min(first[1], second[1])).days
    if gap <= 0:
        wide = max((last - start).days for start, last in (first, second))
        return Reason(what="dates", points=15 if wide <= 7 else 8, detail=f"{one.occurred.edtf}, {other.occurred.edtf}")
    if gap <= DAYS_APART_MAX:
        return Reason(what="dates", points=5, detail=f"{gap} days apart")
    return None


def _bounds(entry: Entry) -> tuple[date, date]:
    """The days that an event may lie on; where one end is not known, the day that it is placed on."""
    when = entry.occurred
    return when.earliest or min(when.at, when.latest or when.at), when.latest or max(when.at, when.earliest or when.at)


def _participants(one: Entry, other: Entry) -> Reason | None:
    first, second = ({each.actor for each in entry.participants} for entry in (one, other))
    shared = first & second
    if not shared:
        return None
    points = round(25 * len(shared) / len(first | second))
    return Reason(what="participants", points=points, detail=f"{len(shared)} of {len(first | second)} are the same")


def _places(one: Likened, other: Likened) -> Reason | None:
    shared = {each.place for each in one.entry.places} & {each.place for each in other.entry.places}
    if shared:
        return Reason(what="places", points=15, detail="the same place")
    near = min((_km(a, b) for a in one.points for b in other.points), default=math.inf)
    return Reason(what="places", points=10, detail=f"{near:.0f} km apart") if near <= NEAR_KM else None


def _km(one: PointShown, other: PointShown) -> float:
    """The distance along the ground, by the haversine formula."""
    lat1, lon1, lat2, lon2 = (
        math.radians(float(each)) for each in (one.latitude, one.longitude, other.latitude, other.longitude)
    )
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_KM * math.asin(math.sqrt(half))


def _words(one: Entry, other: Entry) -> Reason | None:
    first, second = ({word for word in folded(entry.title).split(" ") if len(word) > 3} for entry in (one, other))
    shared = first & second
    if not shared:
        return None
    points = round(15 * len(shared) / len(first | second))
    return Reason(what="words", points=points, detail=" ".join(sorted(shared)[:10])) if points else None


def _said(one: Likened, other: Likened) -> Reason | None:
    if one.quote and one.quote == other.quote:
        return Reason(what="quote", points=20, detail="the same words")
    if shared := one.documents & other.documents:
        return Reason(what="document", points=10, detail=sorted(shared)[0])
    return None


def _grouped(one: Likened, other: Likened) -> Reason | None:
    if group_of(one, other):
        return Reason(what="external", points=20, detail="alike, or mirrored, to the machine that read them")
    return None
