"""Admit a post: resolve what it names, refuse it with every fault, or make its records.

Nothing here runs under the log's lock. What was resolved stays resolved, for the log only grows; what may move between
here and the append (ids, revisions, slugs) is decided again by the writer.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import msgspec

from timeline.errors import BadDate, Fault, Refusal, SlugTaken, UnknownReference
from timeline.log.checks import date_faults, own_faults
from timeline.log.read import LogReader
from timeline.log.record import TAKEN, Group, NewRecord
from timeline.log.resolve import Known, Missing, Resolution, as_uuid, invalid, look_up, plain, with_fields
from timeline.model.codec import PAYLOAD_BYTES_MAX, Payload, canonical, may_be_faulty, payload_bytes, text_faults
from timeline.model.dates import Occurred, read
from timeline.model.dating import Dates, dates_of, day
from timeline.model.edits import Correction, Edit
from timeline.model.filling import filled_in
from timeline.model.kinds import Confirmation, Event
from timeline.model.record import Record, When, level_of
from timeline.model.references import Found, Slot, slots
from timeline.model.registry import REGISTRATIONS, Key, Registration, keys
from timeline.model.speaking import ground_lacking

LINES_AT_A_TIME = 250
"""Lines admitted before others have a turn, some 10 ms: 10,000 in one go kept every other request waiting for half a
second."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One record as it was posted, and where it stood."""

    post: Any
    number: int = 1
    ref: str | None = None


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who posts, and how they want it taken."""

    subject: str
    """The pseudonym that goes into `recorded_by`."""
    level: int
    """The highest level that they may read: what is marked above it is to them as if it were not there."""
    on_missing: Missing = "reject"
    key: UUID | None = None
    """The id that the caller's Idempotency-Key derives."""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A post taken apart, once: what is resolved in it, and what a repeat is known by."""

    body: dict[str, Any]
    """The post as plain objects; its references are replaced in place."""
    slots: list[Slot]
    request: bytes
    """The post as it came, canonical."""
    faults: list[Fault]


def form_of(post: Record) -> Form:
    """A post, taken apart; where its texts hold what no log may, only with these faults."""
    body = plain(post)
    try:
        request = canonical(body)
        faults = text_faults(body) if may_be_faulty(request) else []
    except UnicodeEncodeError:
        request, faults = b"", text_faults(body)
    return Form(body=body, slots=slots(type(post), body), request=request, faults=faults)


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """A line that may be appended: its records, the last of them its own, and what the server filled in."""

    number: int
    ref: str | None
    records: tuple[NewRecord, ...]
    needs: frozenset[UUID]
    filled_in: dict[str, Any]

    @property
    def id(self) -> UUID:
        """The id by which a caller finds what the line recorded: the thing's, for a registration."""
        own = self.records[-1]
        return own.subject if own.kind in REGISTRATIONS else own.id

    def group(self, by_key: bool = False) -> Group:
        """The line as the writer takes it."""
        return Group(records=self.records, needs=self.needs, by_key=by_key)


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A line that may not be appended, and why."""

    number: int
    ref: str | None
    refusal: Refusal


class Admission:
    """The rules before an append."""

    def __init__(self, reader: LogReader, new_id: Callable[[], UUID]) -> None:
        self._reader = reader
        self._new_id = new_id

    async def admit(
        self, lines: Sequence[Line], caller: Caller, now: datetime, *, telling: bool = True
    ) -> list[Admitted | Refused]:
        """A verdict for each line, in order; lines may name earlier ones by `#ref`, or by slug or name.

        What was filled in is worked out only where it is to be told: the verdicts of a batch have no room for it.
        """
        forms = [form_of(line.post) for line in lines]
        sound = [(line.post, form.slots) for line, form in zip(lines, forms, strict=True) if not form.faults]
        known = await look_up(self._reader, sound, proposing=caller.on_missing == "propose", level=caller.level)
        verdicts: list[Admitted | Refused] = []
        for done, (line, form) in enumerate(zip(lines, forms, strict=True)):
            if done % LINES_AT_A_TIME == LINES_AT_A_TIME - 1:
                await asyncio.sleep(0)
            try:
                if form.faults:
                    raise invalid(form.faults)
                verdicts.append(self._admit(line, form, caller, now, known, telling=telling))
            except Refusal as refusal:
                repeat = await self._repeat(line, form, caller)
                verdicts.append(repeat or Refused(number=line.number, ref=line.ref, refusal=refusal))
        return verdicts

    async def _repeat(self, line: Line, form: Form, caller: Caller) -> Admitted | None:
        """What is refused now, but is in the log as it came: a name has moved since, or what it names was erased.

        The writer knows it again by its id and request, and gives the first receipt.
        """
        if not form.request:
            return None
        given = as_uuid(getattr(line.post, "id", None)) or _derived(line, caller)
        if given is not None and isinstance(line.post, Registration) and line.post.revision is not None:
            given = uuid5(given, f"revision {line.post.revision + 1}")
        held = await self._reader.recorded(given, _request(form, caller)) if given else None
        if held is None:
            return None
        shown = filled_in(line.post, None) if isinstance(line.post, Registration) else {}
        return Admitted(number=line.number, ref=line.ref, records=(held,), needs=frozenset(), filled_in=shown)

    def _admit(self, line: Line, form: Form, caller: Caller, now: datetime, known: Known, *, telling: bool) -> Admitted:
        post, body = line.post, form.body
        marking, proposing = getattr(post, "marking", None), caller.on_missing == "propose"
        resolution = Resolution(known, self._new_id, marking, proposing=proposing)
        changed = set()
        for slot in form.slots:
            text = resolution.visit(slot.found)
            if slot.bare or text != slot.found.text:
                slot.put(text)
                changed.add(slot.field)
        resolution.check()
        resolved = with_fields(post, body, changed)
        own_id, subject, revision = self._identity(post, resolved, line, caller, known)
        dates = self._dates(resolved, subject, resolution.dates, now, known)
        record = _record(resolved, body, own_id, subject, revision, caller, _request(form, caller))
        proposals = tuple(self._proposed(each, caller) for each in resolution.proposed.values())
        for each, made in zip(resolution.proposed.values(), proposals, strict=True):
            known.add(made.subject, each, made.keys or (), line.number, None)
        known.add(subject, resolved, record.keys or (), line.number, line.ref)
        resolution.needs.discard(subject)
        return Admitted(
            number=line.number,
            ref=line.ref,
            records=(*proposals, record),
            needs=frozenset(resolution.needs),
            filled_in=_filled_in(post, resolved, record, proposals, dates, known) if telling else {},
        )

    def _dates(self, resolved: Record, subject: UUID, named: list[Found], now: datetime, known: Known) -> Dates | None:
        """The dates of an event that passes every check; None for other records."""
        event = resolved.event if isinstance(resolved, Correction) else resolved
        published = _published(event, known) if isinstance(event, Event) else None
        anchor = (published or day(now.date())) if isinstance(event, Event) else None
        faults = own_faults(resolved, subject, known.subjects, known.merged, known.levels)
        faults += date_faults(named, anchor)
        dates = None
        if not faults and isinstance(event, Event):
            try:
                dates = dates_of(event, published=published, recorded_on=now.date())
            except BadDate as error:
                faults = [Fault(pointer="#/occurred", expected=error.expected, found=error.found)]
        if faults:
            raise invalid(faults)
        during = isinstance(event, Event) and isinstance(event.occurred, When) and event.occurred.during
        return dates if not during or dates is None else None

    def _identity(
        self, post: Record, resolved: Record, line: Line, caller: Caller, known: Known
    ) -> tuple[UUID, UUID, int | None]:
        """The record's id, its subject, and the revision it becomes (None: the next)."""
        derived = _derived(line, caller)
        given = as_uuid(getattr(post, "id", None))
        if isinstance(resolved, Registration):
            return _registered_identity(resolved, given, derived or self._new_id(), known)
        own_id = given or derived or self._new_id()
        if isinstance(resolved, Edit):
            exact = resolved.revision + 1 if isinstance(resolved, Correction) else None
            return own_id, UUID(resolved.subject), exact
        return own_id, own_id, 1

    def _proposed(self, thing: Registration, caller: Caller) -> NewRecord:
        subject = UUID(thing.id)
        body = plain(thing)
        return _record(thing, body, subject, subject, 1, caller, canonical(body) + b" by " + caller.subject.encode())


def _derived(line: Line, caller: Caller) -> UUID | None:
    """The id that the caller's key gives a line."""
    return caller.key if line.number == 1 or caller.key is None else uuid5(caller.key, str(line.number))


def _request(form: Form, caller: Caller) -> bytes:
    """What a repeat is known by: the post as it came, and who posted it."""
    return form.request + b" by " + caller.subject.encode()


def _registered_identity(
    thing: Registration, given: UUID | None, fresh: UUID, known: Known
) -> tuple[UUID, UUID, int | None]:
    """A first registration's record has the thing's id; a later one's follows from the revision it becomes."""
    slug = getattr(thing, "slug", None)
    kind = thing.kind_of()
    holders = {n.subject for n in known.named.get((kind, slug), []) if n.form == "slug"} if slug else set()
    holder = known.keys.get((kind, Key("slug", slug))) if slug else None
    holder = holder or next(iter(holders), None)
    if thing.revision is None:
        if (kind, slug) in known.taken:
            raise SlugTaken(TAKEN)
        if holder not in (None, given, fresh):
            current = known.subjects[holder].revision
            raise SlugTaken(
                f"{kind} {slug} is registered as {holder}, revision {current}. To change it, name that revision.",
                id=str(holder),
                revision=current,
            )
        own = given or fresh
        return own, own, 1
    subject = given or holder
    if subject is None or subject not in known.subjects or known.subjects[subject].kind != kind:
        fault = Fault(
            pointer="#/revision", expected=f"nothing, for no such {kind} is registered", found=str(thing.revision)
        )
        raise UnknownReference(
            f"Expected a registered {kind} to replace, found none. Leave out revision.", errors=[fault]
        )
    if (kind, slug) in known.taken:
        raise SlugTaken(TAKEN)
    return uuid5(subject, f"revision {thing.revision + 1}"), subject, thing.revision + 1


def _record(
    resolved: Record,
    body: dict[str, Any],
    own_id: UUID,
    subject: UUID,
    revision: int | None,
    caller: Caller,
    request: bytes,
) -> NewRecord:
    kind = resolved.kind_of()
    held = body.copy()
    held.pop("kind", None)
    held.pop("id", None)
    if isinstance(resolved, Registration):
        held["id"] = str(subject)
    payload = payload_bytes(
        Payload(id=str(own_id), kind=kind, shape=resolved.shape, recorded_by=caller.subject, body=held)
    )
    if len(payload) > PAYLOAD_BYTES_MAX:
        size = f"a record of at most {PAYLOAD_BYTES_MAX:,} bytes"
        raise invalid([Fault(pointer="#", expected=size, found=f"{len(payload):,} bytes")])
    return NewRecord(
        id=own_id,
        kind=kind,
        subject=subject,
        revision=revision,
        payload=payload,
        request=request,
        keys=tuple(keys(resolved)) if isinstance(resolved, Registration) else None,
        type=kind,
    )


def _published(event: Event, known: Known) -> Occurred | None:
    """The date of the event's document, if it has one that is dated; none of one marked above the event, whose readers
    would learn it."""
    document = known.documents.get(UUID(event.document)) if event.document else None
    if document is None or not document.published or level_of(document.marking) > level_of(event.marking):
        return None
    return read(document.published)


def _filled_in(
    post: Record,
    resolved: Record,
    record: NewRecord,
    proposals: Sequence[NewRecord],
    dates: Dates | None,
    known: Known,
) -> dict[str, Any]:
    """What a receipt tells of a line: every field that it left out, and what was registered with it."""
    shown = filled_in(post, dates, _speaker(resolved, known))
    if getattr(post, "id", None) is None:
        shown["id"] = str(record.id)
    if (lacking := _ground_lacking(resolved, known)) is not None:
        shown["counts_as"] = f"an assertion: {lacking}"
    if proposals:
        shown["proposed"] = [{"kind": r.kind, "id": str(r.id), "slug": _slug(r)} for r in proposals]
    return shown


def _speaker(resolved: Record, known: Known) -> str | None:
    """What a reply without a title is named by: its source, unless that is marked above the reply."""
    event = resolved.event if isinstance(resolved, Correction) else resolved
    if not isinstance(event, Event):
        return None
    source = known.speakers.get(UUID(event.source))
    return source.name if source and level_of(source.marking) <= level_of(event.marking) else None


def _ground_lacking(post: Record, known: Known) -> str | None:
    """Why a confirmation will count as an assertion only."""
    if not isinstance(post, Confirmation):
        return None
    confirmed = [event for each in post.of if (event := known.events.get(UUID(each))) is not None]
    return ground_lacking(post, known.speakers.get(UUID(post.source)), confirmed)


def _slug(record: NewRecord) -> str | None:
    return next((key.text for key in record.keys or () if key.form == "slug"), None)
