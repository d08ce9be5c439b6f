"""Timelines: of an actor, a topic, a place, and of all."""

from datetime import date
from uuid import UUID

import msgspec
from litestar.params import FromPath

from timeline.access import Identity
from timeline.api.answer import elsewhere, headers_of, negotiated, not_modified, respond, unchanged
from timeline.api.contract import Contract, read
from timeline.api.cursors import opened as opened_cursor
from timeline.api.cursors import sealed
from timeline.api.moments import asked_moment, check_walk
from timeline.api.query import TimelineParams, named_in_path, read_query
from timeline.api.service import Asked, identify, service
from timeline.api.written import Written
from timeline.errors import BadParameter, Fault
from timeline.model.entry import Page, ReadyPage
from timeline.projections.pages import Query, page, read_cursor, ready_page
from timeline.projections.said import page_said


def _contract(name: str, *refuses: int) -> Contract:
    return Contract(
        operation_id=name,
        tag="timelines",
        query=TimelineParams,
        answers=Page,
        conditional=True,
        refuses=(*refuses, 406, 422, 503),
    )


@read("/v1/timelines/actors/{actor:str}", _contract("getActorTimeline", 404))
async def actor_timeline(request: Asked, actor: FromPath[str]) -> Written:
    """The timeline of an actor: what it took part in, what was said about that, and what it said."""
    return await _timeline(request, "actor", actor)


@read("/v1/timelines/topics/{topic:str}", _contract("getTopicTimeline", 404))
async def topic_timeline(request: Asked, topic: FromPath[str]) -> Written:
    """The timeline of a topic."""
    return await _timeline(request, "topic", topic)


@read("/v1/timelines/places/{place:str}", _contract("getPlaceTimeline", 404))
async def place_timeline(request: Asked, place: FromPath[str]) -> Written:
    """The timeline of a place."""
    return await _timeline(request, "place", place)


@read("/v1/timelines/all", _contract("getWholeTimeline"))
async def whole_timeline(request: Asked) -> Written:
    """The timeline of everything."""
    return await _timeline(request, "all", "")


async def _timeline(request: Asked, kind: str, named: str) -> Written:
    who, to = identify(request), service(request)
    params = read_query(request, TimelineParams)
    first, last = params.from_ or date.min, params.to or date.max
    if first > last:
        fault = Fault(pointer="?from", expected=f"a day not after to ({last})", found=str(first))
        raise BadParameter(f"from ({first}) lies after to ({last}).", errors=[fault])
    fmt = negotiated(request, Page)
    if kind != "all":
        named_in_path(named, kind)
    as_of = await asked_moment(to, params.as_of, params.min_position)
    on = params.on or to.now().date()
    async with to.reader.timeline(kind, named, who.level, as_of) as (connection, opened):
        if opened.canonical is not None:
            return elsewhere(request, f"/v1/timelines/actors/{opened.canonical}", 308)
        query = _query(params, opened.timeline, who, first, last)
        fingerprint = query.fingerprint()
        asked = (fingerprint, query.limit, params.cursor, fmt.name, on)
        tag = opened.tag(asked, who.level)
        if unchanged(request, tag):
            return not_modified(tag, opened.position, public=not who.may_write)
        cursor = read_cursor(opened_cursor(params.cursor), query) if params.cursor else None
        if params.as_of is not None and as_of is not None and cursor:
            await check_walk(to, params.as_of, as_of, cursor.position)
        at = min(cursor.position, opened.position) if cursor else opened.position
        found: Page | ReadyPage
        if params.said_to is not None:
            found = await page_said(connection, query, opened.subject, cursor, at, on, params.said_to)
        elif fmt.name == "json":
            found = await ready_page(connection, query, opened, cursor, at, on)
        else:
            found = await page(connection, query, opened.subject, cursor, at, on)
    if found.next is not None or as_of is not None:
        following = sealed(found.next) if found.next is not None else None
        found = msgspec.structs.replace(found, next=following, as_of=None if as_of is None else at)
    return respond(request, fmt, found, headers_of(tag, at, public=not who.may_write), offers=Page)


def _query(params: TimelineParams, timeline: UUID, who: Identity, first: date, last: date) -> Query:
    return Query(
        timeline=timeline,
        level=who.level,
        from_=first,
        to=last,
        kinds=tuple(sorted(set(params.kind))),
        standings=tuple(sorted(set(params.standing))),
        backwards=params.order == "desc",
        feeds=params.feeds == "include",
        said_to=params.said_to,
        limit=params.limit,
    )
