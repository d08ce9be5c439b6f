"""STIX 2.1: a bundle of what happened (`incident`) and what was said (`note`), who, where, and what is judged.

STIX's incident is a stub, and STIX has neither standing nor fuzzy dates, so both kinds carry our event as an extension:
`start_time` with its fidelity, the dates as written, the standing with its rule. A name begins with the standing, for
tools that read no extensions. Every id is a UUIDv5 of what it stands for and so the same in every bundle; an object is
`modified` when the record was recorded that made it stand as it stands. Marked with TLP 2.0, as OASIS published it.
Of a difference there is a note for each change, and what was recalled is `revoked`.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from timeline.formats import words
from timeline.formats.escapes import embedded, line
from timeline.formats.format import Format, Portions, Where, derived
from timeline.formats.geojson import POINTS
from timeline.formats.words import Names
from timeline.model.changes import ChangeShown, Difference
from timeline.model.entry import AssessmentShown, Entry, EventShown, Page, PointShown, Subject
from timeline.model.kinds import EVENTS, Speech
from timeline.model.slice import Slice

Object = dict[str, Any]

_ENCODER = msgspec.json.Encoder()
FOUNDED = "2026-11-01T00:00:00.000Z"
"""Since when the objects are that are ours or stand for a name: STIX asks, and nobody recorded it."""
OURSELVES = f"identity--{derived('identity', 'timeline')}"
EXTENSION = f"extension-definition--{derived('extension', 'event')}"
TLP_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
TLP = {
    "clear": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "amber+strict": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
}
"""As the OASIS TC published them."""
OPINIONS = {
    "false": "strongly-disagree",
    "true": "strongly-agree",
    "misleading": "disagree",
    "unproven": "neutral",
    "almost_no_chance": "strongly-disagree",
    "very_unlikely": "strongly-disagree",
    "unlikely": "disagree",
    "roughly_even": "neutral",
    "likely": "agree",
    "very_likely": "strongly-agree",
    "almost_certain": "strongly-agree",
}
"""STIX has five steps; the words of the judgement are in the explanation."""
LIKELIHOOD = {
    "almost_no_chance": 5,
    "very_unlikely": 15,
    "unlikely": 30,
    "roughly_even": 50,
    "likely": 70,
    "very_likely": 85,
    "almost_certain": 95,
}
CONFIDENCE = {"low": 15, "moderate": 50, "high": 85}
"""STIX 2.1 appendix A."""
STATUS = {"expected": "pending", "called_off": "not-occurred"}


_SHARED = ("identity", "location", "marking-definition")


class _Timeline(Portions):
    def __init__(self, where: Where) -> None:
        super().__init__(where)
        self._told: set[str] = set()

    def head(self, page: Page) -> bytes:
        return _head(self.where) + b",\n".join(map(_written, (_OURSELVES, _EXTENSION)))

    def entries(self, page: Page) -> bytes:
        return b"".join(b",\n" + _written(each) for each in self._new(page.entries, page.names))

    def _new(self, entries: list[Entry], names: Names) -> Iterator[Object]:
        """Each object once: many entries name the same few, which are remembered; what is an entry's own is not."""
        for entry in entries:
            for each in _objects(entry, names, self.where):
                if each["type"] in _SHARED and each["id"] in self._told:
                    continue
                if each["type"] in _SHARED:
                    self._told.add(each["id"])
                yield each

    def tail(self, page: Page) -> bytes:
        return _END


def _slice(week: Slice, where: Where) -> bytes:
    entries = words.once(week)
    page = Page(
        position=week.position, as_of=week.as_of, subject=week.subject, entries=entries, names=week.names, next=None
    )
    portions = _Timeline(where)
    report = b",\n" + _written(_report(week, entries)) if entries else b""
    return portions.head(page) + portions.entries(page) + report + portions.tail(page)


def _single(event: EventShown, where: Where) -> bytes:
    subject = Subject(type="event", id=event.id, slug=None, name=event.title)
    page = Page(position=event.position, as_of=None, subject=subject, entries=[event], names=event.names, next=None)
    return _Timeline.page(page, where)


def _difference(found: Difference, where: Where) -> bytes:
    told = _told_once(each for change in found.changes for each in _changed(change, found, where))
    objects = b",\n".join(map(_written, (_OURSELVES, _EXTENSION, *told)))
    return _head(where) + objects + _END


def _told_once(objects: Iterable[Object]) -> list[Object]:
    return list({each["id"]: each for each in objects}.values())


def _head(where: Where) -> bytes:
    bundle = f"bundle--{derived('bundle', where.path, where.query)}"
    return b'{"type":"bundle","id":"%b","objects":[\n' % bundle.encode()


_END = b"\n]}\n"


def _written(each: Object) -> bytes:
    return embedded(_ENCODER.encode(_filled(each)))


def _filled(value: Any) -> Any:
    """Without what is null or an empty list, neither of which STIX allows (§2, §2.9)."""
    if not isinstance(value, dict):
        return value
    return {name: _filled(each) for name, each in value.items() if each is not None and each != []}


# What a bundle tells of one entry


def _objects(entry: Entry, names: Names, where: Where) -> Iterator[Object]:
    """The entry's own object, what it refers to before it, what refers to it after."""
    yield _marking(entry.marking)
    yield _identity(entry.source, names)
    for each in entry.participants:
        yield _identity(each.actor, names)
    for place in entry.places:
        if (located := _location(place.place, names)) is not None:
            yield located
    own = _note(entry, names, where) if _speaks(entry.kind) else _incident(entry, names, where)
    yield own
    if own["type"] == "incident":
        yield from _relations(entry, own, names)
    for judgement in entry.assessments:
        yield _identity(judgement.source, names)
        yield _opinion(entry, own, judgement, names)


def _changed(change: ChangeShown, found: Difference, where: Where) -> Iterator[Object]:
    """What changed about an event: a note on its object. What was recalled is revoked, for good (§3.6); what was merged
    may come back, and is told of with its survivor."""
    yield _marking(change.marking)
    own = _own_id(change.kind, change.id)
    survivor = [_own_id(change.survivor.kind, change.survivor.id)] if change.survivor else []
    common = {
        "spec_version": "2.1",
        "created_by_ref": OURSELVES,
        "modified": _instant(change.recorded_at),
        "labels": change.what,
        "object_marking_refs": [TLP[change.marking]],
    }
    url = where.event(change.id) + ("" if change.after else "/history")
    reference = {"source_name": "timeline", "url": url, "external_id": change.id}
    title = f"[{change.standing or ', '.join(change.what)}] {change.title}"
    content = "\n".join(filter(None, map(line, words.change(change, found.names))))
    if "recalled" in change.what:
        asked = {"content": content, "object_refs": [OURSELVES]} if own.startswith("note") else {"name": line(title)}
        yield (
            common
            | asked
            | {
                "type": own.partition("--")[0],
                "id": own,
                "created": _instant(change.posted_at),
                "revoked": True,
                "external_references": [reference],
            }
        )
        return
    yield common | {
        "type": "note",
        "id": f"note--{derived('change', change.id, content)}",
        "created": common["modified"],
        "abstract": line(title),
        "content": content,
        "object_refs": [own, *survivor],
        "external_references": [reference],
    }


def _incident(entry: Entry, names: Names, where: Where) -> Object:
    steps = {each.likelihood for each in entry.assessments if each.likelihood}
    return _common("incident", entry, where) | {
        "name": line(words.headline(entry)),
        "description": "\n".join(filter(None, map(line, words.lines(entry, names)))),
        "confidence": LIKELIHOOD.get(steps.pop()) if len(steps) == 1 else None,
        "extensions": {EXTENSION: _extension(entry, names)},
    }


def _note(entry: Entry, names: Names, where: Where) -> Object:
    about = [_own_id(each.kind, each.id) for each in entry.of]
    about += [_identity_id(each.actor) for each in entry.participants]
    return _common("note", entry, where) | {
        "abstract": line(words.headline(entry)),
        "content": "\n".join(filter(None, map(line, [entry.title, *words.lines(entry, names)]))),
        "authors": [line(words.name(entry.source, names))],
        "object_refs": list(dict.fromkeys(about)) or [_identity_id(entry.source)],
        "extensions": {EXTENSION: _extension(entry, names)},
    }


def _common(kind: str, entry: Entry, where: Where) -> Object:
    return {
        "type": kind,
        "spec_version": "2.1",
        "id": _own_id(entry.kind, entry.id),
        "created_by_ref": OURSELVES,
        "created": _instant(entry.recorded_at),
        "modified": _instant(entry.changed_at),
        "labels": [entry.kind, *([entry.standing] if entry.standing else [])],
        "object_marking_refs": [TLP[entry.marking]],
        "external_references": [
            {"source_name": "timeline", "url": where.event(entry.id), "external_id": entry.id},
        ],
    }


def _extension(entry: Entry, names: Names) -> Object:
    """Our event, as STIX has no place for it."""
    occurred = entry.occurred
    status = STATUS.get(entry.phase) or ("ongoing" if occurred.ongoing else "occurred")
    return {
        "extension_type": "property-extension",
        "event": entry.id,
        "kind": entry.kind,
        "title": entry.title,
        "status": "undetermined" if entry.standing not in ("corroborated", "confirmed") else status,
        "phase": entry.phase,
        "standing": entry.standing,
        "rule": entry.rule,
        "start_time": _midnight(occurred.earliest) if occurred.earliest else None,
        "start_time_fidelity": _fidelity(occurred.earliest, occurred.latest),
        "occurred": {
            "words": occurred.words,
            "edtf": occurred.edtf,
            "earliest": occurred.earliest,
            "latest": occurred.latest,
            "ongoing": occurred.ongoing,
            "week": occurred.week,
        },
        "participants": [{"ref": _identity_id(each.actor), "role": each.role} for each in entry.participants],
        "against_refs": [_identity_id(each) for each in entry.against],
        "places": [{"name": words.name(each.place, names), "role": each.role} for each in entry.places],
        "topics": [words.name(each, names) for each in entry.topics],
        "source_ref": _identity_id(entry.source),
        "modality": entry.modality,
        "denied_by_refs": [_identity_id(each) for each in entry.denied_by],
        "of_refs": [_own_id(each.kind, each.id) for each in entry.of],
    }


def _fidelity(earliest: date | None, latest: date | None) -> str | None:
    """How much of `start_time` is known: the smallest of STIX's units that all possible days lie in."""
    if earliest is None or latest is None:
        return None
    if earliest == latest:
        return "day"
    same_year = earliest.year == latest.year
    return "month" if same_year and earliest.month == latest.month else "year" if same_year else None


def _relations(entry: Entry, own: Object, names: Names) -> Iterator[Object]:
    wanted = [(_identity_id(each.actor), each.role) for each in entry.participants]
    located = ((_location(each.place, names), each.role) for each in entry.places)
    wanted += [(found["id"], role) for found, role in located if found is not None]
    for target, role in dict.fromkeys(wanted):
        yield {
            "type": "relationship",
            "spec_version": "2.1",
            "id": f"relationship--{derived('relationship', entry.id, target, role)}",
            "created_by_ref": OURSELVES,
            "created": own["created"],
            "modified": own["modified"],
            "relationship_type": "related-to",
            "description": role,
            "source_ref": own["id"],
            "target_ref": target,
            "object_marking_refs": own["object_marking_refs"],
        }


def _opinion(entry: Entry, own: Object, judgement: AssessmentShown, names: Names) -> Object:
    return {
        "type": "opinion",
        "spec_version": "2.1",
        "id": f"opinion--{derived('opinion', judgement.id, entry.id)}",
        "created_by_ref": OURSELVES,
        "created": own["created"],
        "modified": own["modified"],
        "opinion": OPINIONS.get(judgement.verdict or judgement.likelihood or "", "neutral"),
        "explanation": line(words.assessment(judgement, names)),
        "authors": [line(words.name(judgement.source, names))],
        "confidence": CONFIDENCE.get(judgement.confidence or ""),
        "object_refs": [own["id"]],
        "object_marking_refs": own["object_marking_refs"],
    }


def _identity(reference: str, names: Names) -> Object:
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": _identity_id(reference),
        "created_by_ref": OURSELVES,
        "created": FOUNDED,
        "modified": FOUNDED,
        "name": line(words.name(reference, names)) or reference,
        "identity_class": "unknown",
        "external_references": [{"source_name": "timeline", "external_id": reference}],
    }


def _location(reference: str, names: Names) -> Object | None:
    """A place as a point; None where none is known well enough, for STIX has no place that is a name alone."""
    known = names.get(reference)
    if known is None or not isinstance(known.point, PointShown) or known.point.precision not in POINTS:
        return None
    return {
        "type": "location",
        "spec_version": "2.1",
        "id": f"location--{derived('location', reference)}",
        "created_by_ref": OURSELVES,
        "created": FOUNDED,
        "modified": FOUNDED,
        "name": line(known.name) or reference,
        "latitude": float(known.point.latitude),
        "longitude": float(known.point.longitude),
    }


def _report(week: Slice, entries: list[Entry]) -> Object:
    """The week itself, as what its entries were told in."""
    changed = _instant(max(each.changed_at for each in entries))
    whose = ", ".join(each.name for each in (week.subject, week.also) if each)
    ids = [each.id for each in (week.subject, week.also) if each]
    return {
        "type": "report",
        "spec_version": "2.1",
        "id": f"report--{derived('report', week.week, week.match, *ids)}",
        "created_by_ref": OURSELVES,
        "created": _instant(min(each.recorded_at for each in entries)),
        "modified": changed,
        "name": line(f"{whose}, week {week.week}"),
        "report_types": ["weekly"],
        "published": changed,
        "object_refs": [_own_id(each.kind, each.id) for each in entries],
        "object_marking_refs": [TLP[each] for each in TLP if each in {entry.marking for entry in entries}],
    }


def _marking(marking: str) -> Object:
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": TLP[marking],
        "created": "2022-10-01T00:00:00.000Z",
        "name": f"TLP:{marking.upper()}",
        "extensions": {TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": marking}},
    }


_OURSELVES: Object = {
    "type": "identity",
    "spec_version": "2.1",
    "id": OURSELVES,
    "created": FOUNDED,
    "modified": FOUNDED,
    "name": "Timeline",
    "identity_class": "system",
}
_EXTENSION: Object = {
    "type": "extension-definition",
    "spec_version": "2.1",
    "id": EXTENSION,
    "created_by_ref": OURSELVES,
    "created": FOUNDED,
    "modified": FOUNDED,
    "name": "Timeline event",
    "description": "A dated happening that somebody asserts: when, by whose word, and where the claim stands.",
    "schema": "The shape `Entry` of the service's OpenAPI document, /openapi.json.",
    "version": "1.0.0",
    "extension_types": ["property-extension"],
}


def _speaks(kind: str) -> bool:
    return kind in EVENTS and issubclass(EVENTS[kind], Speech)


def _own_id(kind: str, event: str) -> str:
    return f"note--{derived('note', event)}" if _speaks(kind) else f"incident--{derived('incident', event)}"


def _identity_id(reference: str) -> str:
    return f"identity--{derived('identity', reference)}"


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00.000Z"


FORMAT = Format(
    name="stix",
    suffix=".stix",
    media_type="application/stix+json; version=2.1",
    about="threat intelligence platforms: a STIX 2.1 bundle, with the standing as an extension and TLP 2.0",
    renders={Slice: _slice, Difference: _difference, EventShown: _single},
    portions=_Timeline,
)
