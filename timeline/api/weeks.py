"""Weekly slices: what a brief of one ISO week is made from."""

from datetime import UTC, date, datetime, time, timedelta

import msgspec
from litestar.params import FromPath

from timeline.access import Identity
from timeline.api.answer import elsewhere, headers_of, negotiated, not_modified, respond, unchanged, written_as
from timeline.api.contract import Contract, read
from timeline.api.moments import asked_moment, position_of
from timeline.api.query import WeekParams, read_query
from timeline.api.service import Asked, Reads, identify, service
from timeline.api.written import Written
from timeline.errors import BadDate, BadParameter, Fault, NotFound
from timeline.model.entry import Subject
from timeline.model.faults import shown
from timeline.model.slice import Slice
from timeline.model.weeks import week_bounds, week_of
from timeline.projections.pages import EVERYTHING, Connection, etag, subject_of
from timeline.projections.slices import WeekQuery, week_after, week_slice


@read(
    "/v1/weeks/{week:str}",
    Contract(
        operation_id="getWeek",
        tag="weeks",
        scope="read",
        query=WeekParams,
        answers=Slice,
        conditional=True,
        refuses=(404, 406, 422, 503),
    ),
)
async def get_week(request: Asked, week: FromPath[str]) -> Written:
    """The slice of an ISO week (`2019-W23`), in sections; `current` and `last` answer 307 to the dated one.

    What changed is told since the end of the week before, up to the end of the week; with `since` from that moment up
    to the one that is read at.
    """
    who, to = identify(request), service(request)
    params = read_query(request, WeekParams)
    fmt = negotiated(request, Slice)
    if week in ("current", "last"):
        return elsewhere(request, f"/v1/weeks/{_dated(to, week)}", 307)
    as_of = await asked_moment(to, params.as_of, params.min_position)
    moments = await _moments(to, params, week, as_of)
    async with to.reader.at(as_of) as (connection, position):
        query, subjects = await _query(connection, params, who, week, position)
        timelines = [query.timeline, *([query.also] if query.also else [])]
        narrowed = (query.also, params.match, params.feeds, params.since, params.said_to)
        asked = (request.url.path, *narrowed, written_as(request, fmt), moments.on)
        tag = await etag(connection, asked, timelines, who.level, position, as_of)
        if unchanged(request, tag):
            return not_modified(tag, position, public=who.is_public)
        found = await _slice(connection, query, subjects, position, moments)
    found = msgspec.structs.replace(found, as_of=as_of)
    return respond(request, fmt, found, headers_of(tag, position, public=who.is_public))


async def weekly(to: Reads, who: Identity, params: WeekParams, week: str) -> Slice:
    """The slice of a week, or of `current` or `last`, as the route answers it.

    Raises:
        NotFound, BadParameter, Behind: as the route refuses it.
    """
    dated = _dated(to, week) if week in ("current", "last") else week
    as_of = await asked_moment(to, params.as_of, params.min_position)
    moments = await _moments(to, params, dated, as_of)
    async with to.reader.at(as_of) as (connection, position):
        query, subjects = await _query(connection, params, who, dated, position)
        found = await _slice(connection, query, subjects, position, moments)
    return msgspec.structs.replace(found, as_of=as_of)


def _dated(to: Reads, week: str) -> str:
    return week_after(week_of(to.now().date()), 0 if week == "current" else -1)


class _Moments(msgspec.Struct, frozen=True, kw_only=True):
    """What a week is told by: the day that overdue is judged by, and the two positions that changes lie between."""

    on: date
    since: int
    until: int | None
    """None for the position that is read at."""


async def _moments(to: Reads, params: WeekParams, week: str, as_of: int | None) -> _Moments:
    """The moments of a week.

    Changes are told since the end of the week before, or since `since`. Without that they end with the week: what was
    recorded later is no part of it, else a week of long ago would list everything.

    Raises:
        BadParameter: `since` lies after `as_of`.
    """
    first, last = _bounds(week)
    on = params.on or to.now().date()
    if params.since is None:
        beginning, end = [await to.log.position_at(each) for each in _ends(first, last)]
        return _Moments(on=on, since=beginning, until=end)
    since = await position_of(to, params.since, "since")
    if as_of is not None and since > as_of:
        expected = f"a moment not after as_of ({params.as_of})"
        told = f"since ({params.since}, position {since}) lies after as_of ({params.as_of}, position {as_of})."
        raise BadParameter(told, errors=[Fault(pointer="?since", expected=expected, found=shown(params.since))])
    return _Moments(on=on, since=since, until=None)


async def _query(
    connection: Connection, params: WeekParams, who: Identity, week: str, position: int
) -> tuple[WeekQuery, list[Subject]]:
    """What is asked of the week, and whose it is: the timeline that the slice is cut from, and a second one that its
    entries must stand in too."""
    found = [
        await subject_of(connection, kind, named, who.level, position)
        for kind, named in (("actor", params.actor), ("topic", params.topic))
        if named is not None
    ] or [EVERYTHING]
    query = WeekQuery(
        week=week,
        timeline=found[0][0],
        also=found[1][0] if len(found) == 2 else None,
        level=who.level,
        match=params.match,
        feeds=params.feeds == "include",
        said_to=params.said_to,
    )
    return query, [subject for _, subject in found]


async def _slice(
    connection: Connection, query: WeekQuery, subjects: list[Subject], position: int, moments: _Moments
) -> Slice:
    until = position if moments.until is None else min(position, moments.until)
    since = min(position, moments.since)
    found = await week_slice(connection, query, subjects[0], position, since, until, moments.on)
    return msgspec.structs.replace(found, also=subjects[1]) if len(subjects) == 2 else found


def _bounds(week: str) -> tuple[date, date]:
    try:
        return week_bounds(week)
    except BadDate as error:
        raise NotFound(f"No such week: {error.detail}. Also `current` and `last`.") from None


def _ends(first: date, last: date) -> tuple[datetime, datetime]:
    """The moments between which records are the week's; the calendar's own first and last have nothing beyond them."""
    beginning, end = datetime.combine(first, time.min, UTC), datetime.combine(last, time.max, UTC)
    return (beginning if first == date.min else beginning - timedelta(microseconds=1)), end
