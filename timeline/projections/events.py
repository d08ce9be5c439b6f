"""One event as it stands: its entry, its voices, what was said about it."""

from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from timeline.errors import Gone, NotFound
from timeline.log.read import event_in
from timeline.model.codec import read_payload
from timeline.model.entry import DateShown, Entry, EventShown, Stand, State, VoiceShown
from timeline.model.kinds import Event, Speech
from timeline.model.record import MARKINGS
from timeline.model.registry import AnyRegistration, Source
from timeline.model.speaking import actors
from timeline.model.standing import PARTICIPANT
from timeline.projections.derive import attribution, part_at, tied_to
from timeline.projections.pages import SQL, Connection, Moved, entry, names_of, states_of
from timeline.projections.said import NOTHING_LATER, said_by, targets_said
from timeline.projections.world import Case, Fate, IdentityRow, Thing, Version, VoiceRow, World

VOICES_MAX = 1_000
_STATE = msgspec.json.Decoder(State)
_VOICE = msgspec.json.Decoder(VoiceRow)
_FATES = msgspec.json.Decoder(list[Fate])
_REGISTRATION = msgspec.json.Decoder(AnyRegistration)
_COMMON = {f.name for f in msgspec.structs.fields(Speech)} | {"against", "kind"}


async def event_shown(
    connection: Connection, event: UUID, level: int, position: int, on: date, said_to: date | None = None
) -> EventShown | Moved:
    """An event as of `position`, or where it went; with `said_to` as if nothing had been said after that day.

    Raises:
        NotFound: there is none that this level may see, or nobody asserted it by that day.
        Gone: it was recalled.
        TooMuch: see `said.said_by`.
    """
    held = await connection.fetchrow(SQL.event, event, level)
    rows = await connection.fetch(SQL.states, [event], level, position)
    if held is None or held["position"] > position:
        raise NotFound(f"No event {event} that you may see.")
    posted = await _posted(connection, event, position) if rows else None
    if posted is None:
        return _moved(event, _FATES.decode(held["fates"]), position)
    now = _STATE.decode(rows[0]["body"])
    heard = await connection.fetch(SQL.event_voices, event, level, position, VOICES_MAX)
    voices, total = [_VOICE.decode(row["body"]) for row in heard], heard[0]["total"] if heard else 0
    replies = [
        _STATE.decode(r["body"]) for r in await connection.fetch(SQL.event_replies, event, level, position, VOICES_MAX)
    ]
    answered = await states_of(connection, {n for s in (now, *replies) for n in s.replies_to}, level, position)
    said = NOTHING_LATER
    if said_to is not None:
        said = await said_by(connection, [now, *replies, *answered], level, position, said_to)
    state = said.state(now)
    if state is None:
        raise NotFound(f"Nobody whom you hear had asserted event {event} by {said_to}.")
    if (then := said.voices(state.id)) is not None:
        voices, total = then[:VOICES_MAX], len(then)
    sources = await _sources(connection, voices, level, position)
    targets = targets_said(said, answered)
    own = entry(state, "participant", targets, on)
    replied = [entry(each, "of", targets, on) for each in said.states(replies)]
    who = await _identities(connection, posted, voices, sources, level, position)
    names = await names_of(connection, [own, *replied], level, position, _more(voices, posted, who, level))
    return EventShown(
        **{name: getattr(own, name) for name in Entry.__struct_fields__ if name != "voices"},
        voices=[_voice(row, sources, level, who) for row in voices],
        voices_total=total,
        summary=posted.summary,
        external_ids=posted.external_ids,
        codes=[msgspec.to_builtins(each) for each in posted.codes],
        evidence=[msgspec.to_builtins(each) for each in posted.evidence],
        figures=msgspec.to_builtins(posted.figures),
        details=_details(posted),
        attribution=_attribution(state, posted, voices, sources, who, level),
        replies=replied,
        recorded_by=held["recorded_by"],
        names=names,
    )


def _moved(event: UUID, fates: list[Fate], position: int) -> Moved:
    """Where an event that stands no longer went, as of a position.

    Raises:
        NotFound: nowhere: what is left of it may not be seen.
        Gone: it was recalled.
    """
    fate = next((each for each in reversed(fates) if each.position <= position), None)
    if fate is not None and fate.survivor is not None:
        return Moved(UUID(fate.survivor))
    if fate is not None and fate.status != "live":
        raise Gone(f"Event {event} was {fate.status}.")
    raise NotFound(f"No event {event}.")


async def _posted(connection: Connection, event: UUID, position: int) -> Event | None:
    """The event as it was posted, or corrected last; None where nothing is left of it."""
    stored = await connection.fetchval(SQL.event_posted, event, position)
    if stored is None:
        return None
    return event_in(read_payload(stored))


async def _sources(connection: Connection, voices: list[VoiceRow], level: int, position: int) -> dict[str, Source]:
    rows = await connection.fetch(SQL.sources, list({row.source for row in voices}), level, position)
    return {str(row["id"]): _REGISTRATION.decode(row["body"]) for row in rows}


async def _identities(
    connection: Connection,
    event: Event,
    voices: list[VoiceRow],
    sources: dict[str, Source],
    level: int,
    position: int,
) -> World:
    """Who answers for whom, of those that the parts of an event, and so its attribution, are about."""
    parts = [row.part.removeprefix(PARTICIPANT) for row in voices if row.part and row.part.startswith(PARTICIPANT)]
    if not parts:
        return World()
    named = {*parts, *actors(event), *(each for source in sources.values() for each in tied_to(source))}
    rows = await connection.fetch(SQL.canonicals, [UUID(each) for each in named], level, position)
    return World(
        identity={
            str(row["actor"]): [
                Version(row=IdentityRow(low=level, high=level, canonical=str(row["canonical"])), from_position=0)
            ]
            for row in rows
        }
    )


def _details(event: Event) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(event)
    return {name: value for name, value in plain.items() if name not in _COMMON}


def _more(voices: list[VoiceRow], event: Event, who: World, level: int) -> set[str]:
    ids = {each for row in voices for each in (row.source, row.document, row.via) if each}
    told = (part_at(who, row.part, level) for row in voices)
    parts = {part.removeprefix(PARTICIPANT) for part in told if part and part.startswith(PARTICIPANT)}
    return ids | parts | {each for each in (event.document, event.via) if each} | {e.document for e in event.evidence}


def _voice(row: VoiceRow, sources: dict[str, Source], level: int, who: World) -> VoiceShown:
    source = sources.get(row.source)
    return VoiceShown(
        id=row.id,
        side=row.side,
        source=row.source,
        modality=row.modality,
        said=DateShown(
            words=row.said_words,
            edtf=row.said_edtf,
            earliest=row.said_earliest,
            latest=row.said_latest,
            assumed=row.said_assumed,
        ),
        tense=row.tense,
        grade=f"{(source.reliability if source else None) or 'F'}{row.credibility}",
        marking=MARKINGS[row.level],
        position=row.position,
        live=row.live_at(level) and not row.taken_back,
        taken_back=row.taken_back,
        part=part_at(who, row.part, level),
        ground=row.ground,
        happened=msgspec.convert(row.happened, DateShown) if row.happened else None,
        figures=row.figures,
        document=row.document,
        via=row.via,
        quote=row.quote,
    )


def _attribution(
    state: State, event: Event, voices: list[VoiceRow], sources: dict[str, Source], who: World, level: int
) -> dict[str, Stand]:
    things = {
        key: [
            Version(
                row=Thing(id=key, registration=s, revision=1, level=0, position=0, recorded_at=state.recorded_at),
                from_position=0,
            )
        ]
        for key, s in sources.items()
    }
    case = Case(
        id=state.id,
        position=state.position,
        recorded_at=state.recorded_at,
        recorded_by="",
        revision=state.revision,
        event=event,
        level=0,
    )
    return attribution(World(things=things, identity=who.identity), case, voices, level)
