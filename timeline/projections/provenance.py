"""Where an event comes from: its voices, their quotes and documents, who recorded them, and what was edited since."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec

from timeline.formats.format import derived
from timeline.model.changes import CauseShown
from timeline.model.edits import EDITS
from timeline.model.entry import EventShown, VoiceShown
from timeline.model.prov import Provenance, Statements
from timeline.model.registry import Document, Source
from timeline.projections.causes import Told, told_of
from timeline.projections.cited import things
from timeline.projections.history import history
from timeline.projections.pages import Connection

EDITS_MAX = 1_000
PREFIXES = {
    "uuid": "urn:uuid:",
    "tl": f"urn:uuid:{derived('vocabulary')}#",
    "oa": "http://www.w3.org/ns/oa#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
"""`prov` itself is known to every reader. Quotes are told in the words of Web Annotation (`oa`)."""
_QUOTATION = {"$": "prov:Quotation", "type": "prov:QUALIFIED_NAME"}


async def provenance(connection: Connection, event: EventShown, level: int, position: int) -> Provenance:
    """The provenance of an event as it is shown to a level."""
    told = await told_of(connection, [each.position for each in event.voices], level, position)
    edits = await _edits(connection, event, level, position)
    named = {each for voice in event.voices for each in (voice.source, voice.document, voice.via) if each}
    known = await things(connection, named, level, position)
    publishers = {each.publisher for each in known.values() if isinstance(each, Document) and each.publisher}
    known |= await things(connection, publishers - known.keys(), level, position)
    found = _Statements()
    found.tell_event(event)
    for voice in event.voices:
        found.tell_voice(event, voice, told.get(voice.position))
    for edit in edits:
        found.tell_edit(event, edit)
    found.tell_things(known)
    return found.document()


async def _edits(connection: Connection, event: EventShown, level: int, position: int) -> list[CauseShown]:
    versions = (await history(connection, UUID(event.id), level, position, 0, EDITS_MAX)).versions
    causes = {each.cause.id: each.cause for each in versions if each.cause and each.cause.kind in EDITS}
    return list(causes.values())


class _Statements:
    """A PROV document as it grows: each thing once, each relation under a number of its own."""

    def __init__(self) -> None:
        self._told: dict[str, Statements] = {name: {} for name in Provenance.__struct_fields__ if name != "prefix"}

    def document(self) -> Provenance:
        """All of it."""
        return Provenance(prefix=PREFIXES, **self._told)

    def tell_event(self, event: EventShown) -> None:
        """The event itself, generated when it was recorded."""
        self._thing(
            "entity",
            _uuid(event.id),
            prov_label=event.title,
            tl_kind=event.kind,
            tl_standing=event.standing,
            tl_rule=event.rule,
            tl_edtf=event.occurred.edtf,
            tl_words=event.occurred.words,
        )

    def tell_voice(self, event: EventShown, voice: VoiceShown, record: Told | None) -> None:
        """A voice: whose it is, what it was read in, who recorded it, and what it is to the event."""
        own = _voice(voice.id)
        quote = msgspec.to_builtins(voice.quote) or {}
        self._thing(
            "entity",
            own,
            prov_label=f"{voice.side}, {voice.modality}",
            tl_side=voice.side,
            tl_grade=voice.grade,
            tl_said=voice.said.edtf,
            tl_live=voice.live,
            oa_exact=quote.get("text"),
            oa_start=quote.get("start"),
            oa_end=quote.get("end"),
        )
        self._thing("agent", _uuid(voice.source))
        self._relation("attributed", entity=own, agent=_uuid(voice.source))
        if voice.document:
            self._thing("entity", _uuid(voice.document))
            self._relation("derived", generatedEntity=own, usedEntity=_uuid(voice.document), type=_QUOTATION)
        if record is not None:
            self._recorded(own, record)
            if voice.document:
                self._relation("used", activity=_recording(voice.id), entity=_uuid(voice.document))
        if voice.side in ("assert", "confirm"):
            self._relation("derived", generatedEntity=_uuid(event.id), usedEntity=own)
        else:
            self._relation("influenced", influencee=_uuid(event.id), influencer=own)

    def _recorded(self, voice: str, told: Told) -> None:
        record = told.record
        at = record.recorded_at.isoformat()
        self._activity(str(record.id), record.kind, at, record.recorded_by)
        self._relation("generated", entity=voice, activity=_recording(str(record.id)), time=at)

    def tell_edit(self, event: EventShown, edit: CauseShown) -> None:
        """A correction or another edit, with its reason."""
        self._activity(edit.id, edit.words, edit.recorded_at.isoformat(), edit.recorded_by)
        self._relation("influenced", influencee=_uuid(event.id), influencer=_recording(edit.id))

    def _activity(self, record: str, label: str, at: str, by: str) -> None:
        own, recorder = _recording(record), f"uuid:{derived('recorder', by)}"
        self._thing("activity", own, prov_startTime=at, prov_endTime=at, prov_label=label)
        self._thing("agent", recorder, prov_label=by)
        self._relation("associated", activity=own, agent=recorder)

    def tell_things(self, known: Mapping[str, Any]) -> None:
        """What sources and documents are called, and who published what."""
        for each, thing in known.items():
            if isinstance(thing, Source):
                self._thing("agent", _uuid(each), prov_label=thing.name, tl_reliability=thing.reliability)
            if isinstance(thing, Document):
                self._thing("entity", _uuid(each), prov_label=thing.title, prov_atLocation=thing.url)
                if thing.publisher:
                    self._thing("agent", _uuid(thing.publisher))
                    self._relation("attributed", entity=_uuid(each), agent=_uuid(thing.publisher))

    def _thing(self, kind: str, identifier: str, **attributes: Any) -> None:
        self._told[kind].setdefault(identifier, {}).update(_attributes(attributes))

    def _relation(self, kind: str, **ends: Any) -> None:
        number = sum(map(len, self._told.values()))
        self._told[kind][f"_:n{number}"] = {f"prov:{name}": value for name, value in ends.items()}


def _attributes(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Attributes by their qualified names, those that are known."""
    for name, value in given.items():
        if value is not None:
            yield name.replace("_", ":", 1), value


def _uuid(thing: str) -> str:
    return f"uuid:{thing}"


def _voice(record: str) -> str:
    """A voice's record has the event's own id where it posted it; as an entity it is another thing."""
    return f"uuid:{derived('voice', record)}"


def _recording(record: str) -> str:
    return f"uuid:{derived('recording', record)}"
