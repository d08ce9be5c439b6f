"""The impact of a source: what would stand differently if it turned out bad."""

import msgspec
from litestar.params import FromPath

from timeline.api.answer import headers_of, negotiated, respond
from timeline.api.contract import Contract, read
from timeline.api.cursors import Lists, fingerprint
from timeline.api.moments import asked_moment, check_walk
from timeline.api.query import ImpactParams, named_in_path, read_query
from timeline.api.service import Asked, identify, service
from timeline.api.written import Written
from timeline.errors import BadParameter, Fault
from timeline.model.impact import Impact
from timeline.projections.impact import ImpactQuery, impact
from timeline.projections.pages import subject_of


@read(
    "/v1/sources/{source:str}/impact",
    Contract(
        operation_id="getImpact",
        tag="registries",
        scope="read",
        query=ImpactParams,
        answers=Impact,
        refuses=(404, 406, 422, 503),
    ),
)
async def get_impact(request: Asked, source: FromPath[str]) -> Written:
    """What would stand differently if a source had said nothing, or were worth another grade.

    Its voices are those that it posted itself; with `by=publisher` those in a document that it published, or that it
    relayed. Without them events stand as in a log in which they were never said. 422 where it is too much to work out.
    """
    who, to = identify(request), service(request)
    params = read_query(request, ImpactParams)
    fmt = negotiated(request, Impact)
    named_in_path(source, "source")
    if params.by == "publisher" and params.as_ != "removed":
        fault = Fault(pointer="?as", expected="removed, for a publisher's grade weighs nothing", found=params.as_)
        raise BadParameter(f"{fault.pointer}: expected {fault.expected}, found {fault.found}.", errors=[fault])
    as_of = await asked_moment(to, params.as_of, params.min_position)
    asked = fingerprint(source, params.as_, params.by, params.said_to, who.level)
    walk = to.cursors.walk_of(params.cursor, asked, Lists) if params.cursor else None
    if params.as_of is not None and as_of is not None and walk:
        await check_walk(to, params.as_of, as_of, walk.position)
    async with to.reader.folding, to.reader.at(as_of) as (connection, now):
        position = min(walk.position, now) if walk else now
        thing, subject = await subject_of(connection, "source", source, who.level, position)
        query = ImpactQuery(
            source=thing,
            subject=subject,
            by=params.by,
            supposed=params.as_,
            said_to=params.said_to,
            level=who.level,
            after=walk.after if walk else (0, 0),
            limit=params.limit,
        )
        found, following = await impact(connection, query, position)
    found = msgspec.structs.replace(
        found,
        as_of=None if as_of is None else position,
        next=to.cursors.walk_text(Lists(asked, position, following)) if following else None,
    )
    return respond(request, fmt, found, headers_of(None, position, public=who.is_public))
