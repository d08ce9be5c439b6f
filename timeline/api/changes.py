"""The feed: every record in the order of the log, never pruned."""

from timeline.api.answer import headers_of, negotiated, respond
from timeline.api.contract import Contract, read
from timeline.api.query import ChangesParams, read_query
from timeline.api.service import Asked, identify, service
from timeline.api.written import Written
from timeline.model.entry import Feed
from timeline.projections.registered import feed


@read(
    "/v1/changes",
    Contract(
        operation_id="getChanges", tag="feed", scope="read", query=ChangesParams, answers=Feed, refuses=(406, 503)
    ),
)
async def get_changes(request: Asked) -> Written:
    """Records after a position, in order, none missing. Ask again `after` the `next` that you were given.

    The header `Timeline-Next` carries `next` in every format.
    """
    who, to = identify(request), service(request)
    params = read_query(request, ChangesParams)
    fmt = negotiated(request, Feed)
    await to.seen(params.min_position)
    async with to.reader.at() as (connection, position):
        found = await feed(connection, params.after, params.limit, who.level, position)
    headers = headers_of(None, position, public=who.is_public) | {"Timeline-Next": str(found.next)}
    return respond(request, fmt, found, headers)
