"""GeoJSON (RFC 7946): a feature for each entry, with `when` beside where.

An event has a geometry only where its place is known as a town or better: a country's middle is nowhere, and null says
so. Its `name`, which maps print, begins with the standing; `title` is the title alone.
"""

from typing import Any

import msgspec

from timeline.formats import words
from timeline.formats.escapes import embedded, line
from timeline.formats.format import Format, Portions, Where
from timeline.formats.words import Names
from timeline.model.entry import Entry, EventShown, Page, PointShown
from timeline.model.slice import Slice

_ENCODER = msgspec.json.Encoder()
POINTS = ("exact", "town", "district")
"""How precisely a place must be known to be a point on a map."""
PLACES = (("site", "to"), ("from",))
"""The roles of places where an event is, those of the first that it has."""


class _Timeline(Portions):
    def head(self, page: Page) -> bytes:
        return _head(name=page.subject.name, position=page.position, as_of=page.as_of)

    def entries(self, page: Page) -> bytes:
        return self.joined([_feature(entry, page.names, self.where) for entry in page.entries])

    def tail(self, page: Page) -> bytes:
        return _END


def _slice(week: Slice, where: Where) -> bytes:
    features = [_feature(entry, week.names, where) for entry in words.once(week)]
    return _head(name=week.subject.name, position=week.position, as_of=week.as_of) + b",\n".join(features) + _END


def _single(event: EventShown, where: Where) -> bytes:
    return _feature(event, event.names, where)


def _head(**members: Any) -> bytes:
    """A collection up to its features; other members are foreign to RFC 7946 and ignored by those who don't know."""
    return embedded(_ENCODER.encode({"type": "FeatureCollection", **members}))[:-1] + b',"features":[\n'


_END = b"\n]}\n"


def _feature(entry: Entry, names: Names, where: Where) -> bytes:
    occurred = entry.occurred
    feature = {
        "type": "Feature",
        "id": entry.id,
        "geometry": _geometry(entry, names),
        "when": {
            "earliest": occurred.earliest,
            "latest": occurred.latest,
            "edtf": occurred.edtf,
            "words": occurred.words,
            "ongoing": occurred.ongoing,
            "week": occurred.week,
        },
        "properties": {
            "name": line(words.headline(entry)),
            "title": entry.title,
            "kind": entry.kind,
            "standing": entry.standing,
            "rule": entry.rule,
            "phase": entry.phase,
            "overdue": entry.overdue,
            "when": words.when(occurred),
            "earliest": occurred.earliest,
            "latest": occurred.latest,
            "participants": words.participants(entry, names),
            "places": words.places(entry, names),
            "denied_by": words.listed(entry.denied_by, names),
            "source": words.name(entry.source, names),
            "marking": entry.marking,
            "url": where.event(entry.id),
        },
    }
    return embedded(_ENCODER.encode(feature))


def _geometry(entry: Entry, names: Names) -> dict[str, Any] | None:
    for roles in PLACES:
        found = [names[each.place].point for each in entry.places if each.role in roles and each.place in names]
        points = [_position(each) for each in found if isinstance(each, PointShown) and each.precision in POINTS]
        if points:
            return {"type": "Point", "coordinates": points[0]} if len(points) == 1 else _several(points)
    return None


def _several(points: list[list[float]]) -> dict[str, Any]:
    return {"type": "MultiPoint", "coordinates": points}


def _position(point: PointShown) -> list[float]:
    """Longitude before latitude (RFC 7946 §3.1.1)."""
    return [float(point.longitude), float(point.latitude)]


FORMAT = Format(
    name="geojson",
    suffix=".geojson",
    media_type="application/geo+json",
    about="maps: a feature an entry, without a geometry where the place is not known as a town or better",
    renders={Slice: _slice, EventShown: _single},
    portions=_Timeline,
)
