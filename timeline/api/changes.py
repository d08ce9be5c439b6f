"""The feed: every record in the order of the log, never pruned; page by page, or as a stream that goes on."""

import re
from typing import Any
from uuid import UUID

from timeline.access import Identity
from timeline.api.answer import HEAD_ONLY, headers_of, negotiated, respond
from timeline.api.contract import Contract, read
from timeline.api.query import POSITION_MAX, ChangesParams, read_query
from timeline.api.service import Asked, Service, identify, service
from timeline.api.streamed import Streamed, whose
from timeline.api.written import Written
from timeline.errors import BadParameter, Fault
from timeline.formats import sse
from timeline.model.entry import Feed
from timeline.model.faults import shown
from timeline.projections.feed import Sought, feed
from timeline.projections.pages import Connection, subject_of

LAST_EVENT_ID = "Last-Event-ID"
POSITION = re.compile(r"[0-9]{1,16}")


@read(
    "/v1/changes",
    Contract(
        operation_id="getChanges",
        tag="feed",
        scope="read",
        query=ChangesParams,
        headers={
            LAST_EVENT_ID: "The position to go on after; counts before `after`. What `EventSource` sends by itself."
        },
        answers=Feed,
        refuses=(404, 406, 429, 503),
    ),
)
async def get_changes(request: Asked) -> Any:
    """Records after a position, in order, none missing. Ask again `after` the `next` that you were given.

    The header `Timeline-Next` carries `next` in every format. With `wait` an answer without records waits for one. As
    `text/event-stream` the answer goes on: what there is and then what comes, each record once, with its position as
    the event's id; `position` events say how far you are, `end` why it ends.
    """
    who, to = identify(request), service(request)
    params = read_query(request, ChangesParams)
    after = _after(request, params)
    fmt = negotiated(request, Feed)
    await to.seen(params.min_position)
    async with to.reader.at() as (connection, position):
        sought = await _sought(connection, params, who, position)
        streams = fmt is sse.FORMAT
        found = None if streams else await feed(connection, after, params.limit, who.level, position, sought)
    if found is None:
        return _stream(request, to, who, sought, after)
    if params.wait and not found.records:
        found, position = await _waited(request, to, who, sought, found.next, params)
    headers = headers_of(None, position, public=who.is_public) | {"Timeline-Next": str(found.next)}
    return respond(request, fmt, found, headers)


def _after(request: Asked, params: ChangesParams) -> int:
    given = request.headers.get(LAST_EVENT_ID)
    if given is None:
        return params.after
    if not POSITION.fullmatch(given) or int(given) > POSITION_MAX:
        fault = Fault(pointer=f"#{LAST_EVENT_ID}", expected="a position", found=shown(given))
        raise BadParameter(f"{LAST_EVENT_ID}: expected a position, found {fault.found}.", errors=[fault])
    return int(given)


async def _sought(connection: Connection, params: ChangesParams, who: Identity, position: int) -> Sought:
    """What is asked for, its actor and topic by their ids."""

    async def thing(kind: str, named: str | None) -> UUID | None:
        return None if named is None else (await subject_of(connection, kind, named, who.level, position))[0]

    return Sought(
        kinds=tuple(sorted(set(params.kind))),
        actor=await thing("actor", params.actor),
        topic=await thing("topic", params.topic),
        standing_changed=params.standing_changed,
    )


def _stream(request: Asked, to: Service, who: Identity, sought: Sought, after: int) -> Streamed | Written:
    if HEAD_ONLY in request.scope:
        return Written(b"", sse.FORMAT.media_type, {"Cache-Control": "no-store"})
    return Streamed(to, who, sought, after)


async def _waited(
    request: Asked, to: Service, who: Identity, sought: Sought, after: int, params: ChangesParams
) -> tuple[Feed, int]:
    """A page of what comes within the time that is asked for; and the position that it was read at."""
    with (
        to.streams.one_more(whose(who, request.scope)),
        to.live.following(who.level, sought, after) as follower,
    ):
        await follower.something(params.wait)
        after = follower.after
    async with to.reader.at() as (connection, position):
        return await feed(connection, after, params.limit, who.level, position, sought), position
