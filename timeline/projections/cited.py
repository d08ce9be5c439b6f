"""What the lines of a week rest on: the voices with their grades, the sources and documents behind them."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from timeline.db.statements import load
from timeline.model.codec import read_payload
from timeline.model.dates import again as read
from timeline.model.entry import AssessmentShown, DateShown, Entry
from timeline.model.kinds import Assessment
from timeline.model.provenance import RELIABILITY_DEFAULT
from timeline.model.registry import AnyRegistration, Document, Source
from timeline.model.slice import Citation, Cited, DocumentCited, SourceCited
from timeline.projections.again import is_later
from timeline.projections.pages import Connection
from timeline.projections.world import VoiceRow

SQL = load(Path(__file__).with_name("cited.sql"))

CITED_MAX = 25
"""An event may rest on twenty voices and be judged by twenty: a line cites this many."""
_VOICE = msgspec.json.Decoder(VoiceRow)
_THING = msgspec.json.Decoder(AnyRegistration)
_JUDGES = ("likelihood", "verdict", "confidence", "hedge")


async def cited(
    connection: Connection, entries: Iterable[Entry], level: int, position: int, said_to: date | None = None
) -> Cited:
    """Everything that a brief of these entries cites, as this level sees it; nothing that was said after `said_to`."""
    by_id = {each.id: each for each in entries}
    voices = await _voices(connection, by_id.values(), level, position)
    if said_to is not None:
        voices = {
            event: [each for each in several if not is_later(each.said_earliest, each.said_latest, said_to)]
            for event, several in voices.items()
        }
    rows = [row for several in voices.values() for row in several]
    found = await things(connection, {each for row in rows for each in _named_in(row)}, level, position)
    publishers = {t.publisher for t in found.values() if isinstance(t, Document) and t.publisher}
    found |= await things(connection, publishers - found.keys(), level, position)
    sources = {each: thing for each, thing in found.items() if isinstance(thing, Source)}
    return Cited(
        voices={event: [_citation(row, sources) for row in several] for event, several in voices.items()},
        judgements=await _judgements(connection, by_id.values(), position),
        sources={each: _source(thing) for each, thing in sorted(sources.items())},
        documents={each: _document(t) for each, t in sorted(found.items()) if isinstance(t, Document)},
    )


async def _voices(
    connection: Connection, entries: Iterable[Entry], level: int, position: int
) -> dict[str, list[VoiceRow]]:
    """The voices on each event, its own first."""
    wanted = [(UUID(each.id), UUID(voice)) for each in entries for voice in _of(each)[:CITED_MAX]]
    events, ids = [event for event, _ in wanted], [voice for _, voice in wanted]
    found: dict[str, list[VoiceRow]] = {str(event): [] for event in events}
    for row in await connection.fetch(SQL.voices, events, ids, level, position) if wanted else []:
        found[str(row["event"])].append(_VOICE.decode(row["body"]))
    return found


def _of(entry: Entry) -> list[str]:
    return list(dict.fromkeys([entry.id, *entry.because, *(each.id for each in entry.assessments)]))


def _named_in(row: VoiceRow) -> set[str]:
    return {each for each in (row.source, row.document, row.via) if each}


async def things(connection: Connection, ids: set[str], level: int, position: int) -> dict[str, Any]:
    """Sources and documents as they were registered, as far as this level sees them."""
    rows = await connection.fetch(SQL.things, [UUID(each) for each in sorted(ids)], level, position) if ids else []
    return {str(row["id"]): _THING.decode(row["body"]) for row in rows}


def _citation(row: VoiceRow, sources: dict[str, Source]) -> Citation:
    source = sources.get(row.source)
    return Citation(
        id=row.id,
        side=row.side,
        source=row.source,
        modality=row.modality,
        grade=f"{(source.reliability if source else None) or RELIABILITY_DEFAULT}{row.credibility}",
        document=row.document,
        via=row.via,
    )


def _source(source: Source) -> SourceCited:
    return SourceCited(
        name=source.name,
        reliability=source.reliability or RELIABILITY_DEFAULT,
        named=source.named,
        house=source.house,
    )


def _document(document: Document) -> DocumentCited:
    return DocumentCited(
        title=document.title, publisher=document.publisher, published=_published(document), url=document.url
    )


def _published(document: Document) -> DateShown | None:
    if document.published is None:
        return None
    found = read(document.published)
    return DateShown(words=found.words, edtf=found.edtf, earliest=found.earliest, latest=found.latest)


async def _judgements(connection: Connection, entries: Iterable[Entry], position: int) -> dict[str, AssessmentShown]:
    """What each assessment judges: what it is `of` tells it too, but a key judgement is of nothing."""
    judging = {each.id: each for each in entries if each.kind == Assessment.kind_of()}
    rows = await connection.fetch(SQL.posted, [UUID(each) for each in judging], position) if judging else []
    found = {}
    for row in rows:
        payload = read_payload(row["bytes"])
        body = payload.body["event"] if payload.kind == "correction" else payload.body
        told = {name: body[name] for name in _JUDGES if name in body}
        found[str(row["event"])] = AssessmentShown(
            id=str(row["event"]), source=judging[str(row["event"])].source, **told
        )
    return found
