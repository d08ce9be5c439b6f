"""Post events and edits, one or many; read one."""

import asyncio
from typing import Any, Union
from uuid import UUID

import msgspec
from litestar.params import FromPath

from timeline.api.answer import elsewhere, headers_of, negotiated, not_modified, respond, unchanged, written_as
from timeline.api.batch import BatchBody, lines_of
from timeline.api.body import JSON, NDJSON, body_of, decode, media_type, plain
from timeline.api.contract import Contract, append, read
from timeline.api.cursors import Steps, fingerprint
from timeline.api.moments import asked_moment, check_walk
from timeline.api.posting import post_batch, post_one
from timeline.api.problems import answer, instance_of
from timeline.api.query import BatchParams, EventParams, HistoryParams, PostParams, ProvenanceParams, read_query
from timeline.api.service import Asked, identify, service
from timeline.api.written import Written
from timeline.errors import BatchRefused, NotFound
from timeline.log.resolve import as_uuid
from timeline.model.changes import History
from timeline.model.edits import EDITS
from timeline.model.entry import BatchReceipt, EventShown, Receipt
from timeline.model.faults import shown
from timeline.model.kinds import EVENTS
from timeline.model.prov import Provenance
from timeline.projections.events import event_shown
from timeline.projections.history import history
from timeline.projections.pages import Moved, etag
from timeline.projections.provenance import provenance

Posted: Any = Union[tuple({**EVENTS, **EDITS}.values())]  # noqa: UP007  (built from a tuple, so not writable with |)


@append(
    "/v1/events",
    Contract(
        operation_id="postEvent",
        tag="events",
        scope="append",
        query=PostParams,
        body=Posted,
        answers=Receipt,
        status=201,
        refuses=(409, 413, 415, 422, 503),
    ),
)
async def post_event(request: Asked) -> Written:
    """Record one event or edit.

    Four fields are enough: `kind, title, occurred, source`; for a reply `kind, of, source, occurred`. The receipt
    shows what was filled in. Repeat a post with the same `id` or `Idempotency-Key` and you get the first receipt.
    """
    who = identify(request)
    params = read_query(request, PostParams)
    media_type(request, (JSON,))
    async with body_of(request, service(request).settings.body_bytes_max) as body:
        return await post_one(request, decode(plain(body), Posted), params, who)


@append(
    "/v1/events/batch",
    Contract(
        operation_id="postBatch",
        tag="events",
        scope="append",
        query=BatchParams,
        body=BatchBody,
        body_media_types=(JSON, NDJSON),
        answers=BatchReceipt,
        status=201,
        refuses=(409, 413, 415, 422, 503),
    ),
)
async def post_events(request: Asked) -> Written:
    """Record many records of any kind, all or each, with a verdict for every line.

    201 when every line was recorded (or was before); 200 with `mode=each` when some were refused, and with `dry_run`;
    422 with `mode=atomic` when one was refused, and then nothing was recorded.
    """
    who = identify(request)
    params = read_query(request, BatchParams)
    given = media_type(request, (JSON, NDJSON))
    settings = service(request).settings
    async with body_of(request, settings.batch_bytes_max) as body:
        # In a thread: to name the faults of 10,000 lines takes seconds, in which others must be answered.
        lines = await asyncio.to_thread(lines_of, body, given, settings.batch_lines_max)
        receipt = await post_batch(request, lines, params, who)
    if receipt.refused and params.mode == "atomic" and not params.dry_run:
        problem = BatchRefused(
            f"{receipt.refused} of {len(receipt.verdicts)} lines were refused, so nothing was recorded.",
            verdicts=msgspec.to_builtins(receipt.verdicts),
        )
        return answer(problem, instance_of(request.scope))
    status = 200 if receipt.refused or params.dry_run else 201
    return Written(msgspec.json.encode(receipt), JSON, {}, status)


@read(
    "/v1/events/{event:str}",
    Contract(
        operation_id="getEvent",
        tag="events",
        scope="read",
        query=EventParams,
        answers=EventShown,
        conditional=True,
        refuses=(404, 406, 410, 422, 503),
    ),
)
async def get_event(request: Asked, event: FromPath[str]) -> Written:
    """An event as it stands, with its voices and what was said about it. 308 where it turned out to be another.

    As of before it was merged or recalled it stands as it stood then.
    """
    who = identify(request)
    params = read_query(request, EventParams)
    fmt = negotiated(request, EventShown)
    to = service(request)
    event_id = _id_of(event)
    as_of = await asked_moment(to, params.as_of, params.min_position)
    on = params.on or to.now().date()
    async with to.reader.at(as_of) as (connection, position):
        asked = (request.url.path, written_as(request, fmt), on, params.said_to)
        tag = await etag(connection, asked, [event_id], who.level, position, as_of)
        found = await event_shown(connection, event_id, who.level, position, on, params.said_to)
    public = who.is_public
    if isinstance(found, Moved):
        return elsewhere(request, f"/v1/events/{found.survivor}", 308)
    if unchanged(request, tag):
        return not_modified(tag, position, public=public)
    found = msgspec.structs.replace(found, as_of=as_of)
    return respond(request, fmt, found, headers_of(tag, position, public=public))


@read(
    "/v1/events/{event:str}/provenance",
    Contract(
        operation_id="getEventProvenance",
        tag="events",
        scope="read",
        query=ProvenanceParams,
        answers=Provenance,
        conditional=True,
        refuses=(404, 406, 410, 503),
    ),
)
async def get_provenance(request: Asked, event: FromPath[str]) -> Written:
    """Where an event comes from, as W3C PROV-JSON: voices, quotes, documents, and who recorded what, when.

    Of its first 1,000 voices and what was edited since. 308 where it turned out to be another.
    """
    who, to = identify(request), service(request)
    params = read_query(request, ProvenanceParams)
    fmt = negotiated(request, Provenance)
    event_id = _id_of(event)
    as_of = await asked_moment(to, params.as_of, params.min_position)
    async with to.reader.at(as_of) as (connection, position):
        asked = (request.url.path, written_as(request, fmt))
        tag = await etag(connection, asked, [event_id], who.level, position, as_of)
        found = await event_shown(connection, event_id, who.level, position, to.now().date())
        if isinstance(found, Moved):
            return elsewhere(request, f"/v1/events/{found.survivor}/provenance", 308)
        if unchanged(request, tag):
            return not_modified(tag, position, public=who.is_public)
        traced = await provenance(connection, found, who.level, position)
    return respond(request, fmt, traced, headers_of(tag, position, public=who.is_public))


@read(
    "/v1/events/{event:str}/history",
    Contract(
        operation_id="getEventHistory",
        tag="events",
        scope="read",
        query=HistoryParams,
        answers=History,
        conditional=True,
        refuses=(404, 406, 503),
    ),
)
async def get_history(request: Asked, event: FromPath[str]) -> Written:
    """Every version of an event: what changed, and because of which record.

    As you see it, oldest first. What was recalled keeps its history, and so does what turned out to be another event.
    """
    who, to = identify(request), service(request)
    params = read_query(request, HistoryParams)
    fmt = negotiated(request, History)
    event_id = _id_of(event)
    as_of = await asked_moment(to, params.as_of, params.min_position)
    asked = fingerprint("history", event_id, who.level)
    walk = to.cursors.walk_of(params.cursor, asked, Steps) if params.cursor else None
    if walk and params.as_of is not None and as_of is not None:
        await check_walk(to, params.as_of, as_of, walk.after)
    async with to.reader.at(walk.after if walk else as_of) as (connection, position):
        told = (asked, params.limit, params.cursor, written_as(request, fmt))
        tag = await etag(connection, told, [event_id], who.level, position, as_of)
        after = walk.place[0] if walk else 0
        found = await history(connection, event_id, who.level, position, after, params.limit)
    if unchanged(request, tag):
        return not_modified(tag, position, public=who.is_public)
    following = found.following
    answer = History(
        id=str(event_id),
        position=position,
        as_of=as_of,
        versions=found.versions,
        names=found.names,
        next=to.cursors.walk_text(Steps(asked, 0, position, (following, event_id))) if following is not None else None,
    )
    return respond(request, fmt, answer, headers_of(tag, position, public=who.is_public))


def _id_of(event: str) -> UUID:
    found = as_uuid(event)
    if found is None:
        raise NotFound(f"No event {shown(event)}. Give its id.")
    return found
