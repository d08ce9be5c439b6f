"""Weekly slices: what a brief of one ISO week is made from."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import msgspec
from litestar.params import FromPath

from timeline.access import Identity
from timeline.api.answer import elsewhere, headers_of, negotiated, not_modified, respond, unchanged
from timeline.api.contract import Contract, read
from timeline.api.moments import asked_moment
from timeline.api.query import WeekParams, read_query
from timeline.api.service import Asked, identify, service
from timeline.api.written import Written
from timeline.errors import BadDate, NotFound
from timeline.model.entry import Subject
from timeline.model.slice import Slice
from timeline.model.weeks import week_bounds, week_of
from timeline.projections.pages import EVERYTHING, Connection, etag, subject_of
from timeline.projections.slices import WeekQuery, week_after, week_slice


@read(
    "/v1/weeks/{week:str}",
    Contract(
        operation_id="getWeek", tag="weeks", query=WeekParams, answers=Slice, conditional=True, refuses=(404, 406, 503)
    ),
)
async def get_week(request: Asked, week: FromPath[str]) -> Written:
    """The slice of an ISO week (`2019-W23`), in sections; `current` and `last` answer 307 to the dated one."""
    who, to = identify(request), service(request)
    params = read_query(request, WeekParams)
    fmt = negotiated(request, Slice)
    if week in ("current", "last"):
        dated = week_after(week_of(to.now().date()), 0 if week == "current" else -1)
        return elsewhere(request, f"/v1/weeks/{dated}", 307)
    first, last = _bounds(week)
    as_of = await asked_moment(to, params.as_of, params.min_position)
    on = params.on or to.now().date()
    async with to.reader.at(as_of) as (connection, position):
        timeline, also, subject = await _subjects(connection, params, who, position)
        asked = (request.url.path, also, params.match, params.feeds, fmt.name, on)
        tag = await etag(connection, asked, [timeline, *([also] if also else [])], who.level, position, as_of)
        if unchanged(request, tag):
            return not_modified(tag, position, public=not who.may_write)
        since, until = [min(position, await to.log.position_at(moment)) for moment in _moments(first, last)]
        query_of = WeekQuery(
            week=week,
            timeline=timeline,
            also=also,
            level=who.level,
            match=params.match,
            feeds=params.feeds == "include",
        )
        found = await week_slice(connection, query_of, subject, position, since, until, on)
        found = msgspec.structs.replace(found, as_of=as_of)
    return respond(request, fmt, found, headers_of(tag, position, public=not who.may_write))


def _bounds(week: str) -> tuple[date, date]:
    try:
        return week_bounds(week)
    except BadDate as error:
        raise NotFound(f"No such week: {error.detail}. Also `current` and `last`.") from None


def _moments(first: date, last: date) -> tuple[datetime, datetime]:
    """The moments between which records are the week's; the calendar's own first and last have nothing beyond them."""
    beginning, end = datetime.combine(first, time.min, UTC), datetime.combine(last, time.max, UTC)
    return (beginning if first == date.min else beginning - timedelta(microseconds=1)), end


async def _subjects(
    connection: Connection, params: WeekParams, who: Identity, position: int
) -> tuple[UUID, UUID | None, Subject]:
    """The timeline that the slice is cut from, and a second one that its entries must stand in too."""
    found = [
        await subject_of(connection, kind, named, who.level, position)
        for kind, named in (("actor", params.actor), ("topic", params.topic))
        if named is not None
    ]
    if not found:
        return EVERYTHING[0], None, EVERYTHING[1]
    timeline, subject = found[0]
    return timeline, found[1][0] if len(found) == 2 else None, subject
