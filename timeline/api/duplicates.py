"""Proposals: pairs of events that may be one, for somebody to decide."""

from datetime import date

from timeline.api.answer import headers_of, negotiated, respond
from timeline.api.contract import Contract, read
from timeline.api.query import DuplicatesParams, read_query
from timeline.api.service import Asked, identify, service
from timeline.api.timelines import check_days
from timeline.api.written import Written
from timeline.model.likeness import Duplicates
from timeline.projections.duplicates import proposed
from timeline.projections.pages import Query, read_cursor


@read(
    "/v1/duplicates",
    Contract(
        operation_id="getDuplicates",
        tag="events",
        scope="read",
        query=DuplicatesParams,
        answers=Duplicates,
        refuses=(404, 406, 422, 503),
    ),
)
async def get_duplicates(request: Asked) -> Written:
    """Pairs of events that may be one, with what speaks for it. Nothing is merged: that is decided by a `duplicate`.

    A page looks at the next events of the timeline, and at those near them in the timelines of their actors and places;
    it may have no pair while `next` leads on. Events that were merged already are not proposed.
    """
    who, to = identify(request), service(request)
    params = read_query(request, DuplicatesParams)
    check_days(params.from_, params.to)
    fmt = negotiated(request, Duplicates)
    await to.seen(params.min_position)
    given = [(kind, named) for kind in ("actor", "topic", "place") if (named := getattr(params, kind)) is not None]
    kind, named = given[0] if given else ("all", "")
    on = to.now().date()
    async with to.reader.timeline(kind, named, who.level, follow=True) as (connection, opened):
        query = Query(
            timeline=opened.timeline,
            level=who.level,
            kinds=tuple(sorted(set(params.kind))),
            feeds=params.feeds == "include",
            limit=params.limit,
            from_=params.from_ or date.min,
            to=params.to or date.max,
        )
        cursor = read_cursor(to.cursors.opened(params.cursor), query) if params.cursor else None
        at = min(cursor.position, opened.position) if cursor else opened.position
        found = await proposed(connection, query, cursor, at, on, params.score_min)
    answer = Duplicates(
        position=at,
        pairs=found.pairs,
        names=found.names,
        next=to.cursors.sealed(found.next) if found.next else None,
    )
    return respond(request, fmt, answer, headers_of(None, at, public=who.is_public))
