"""Timelines: of an actor, a topic, a place, and of all."""

from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import FromPath

from timeline.access import Identity
from timeline.api.answer import headers_of, negotiated, not_modified, respond, unchanged
from timeline.api.contract import Contract, read
from timeline.api.cursors import opened, sealed
from timeline.api.query import TimelineParams, named_in_path, read_query
from timeline.api.service import Asked, identify, service
from timeline.errors import BadParameter, Fault
from timeline.model.entry import Page, Subject
from timeline.projections.pages import EVERYTHING, Connection, Query, etag, page, read_cursor, subject_of


def _contract(name: str, *refuses: int) -> Contract:
    return Contract(
        operation_id=name,
        tag="timelines",
        query=TimelineParams,
        answers=Page,
        conditional=True,
        refuses=(*refuses, 406, 503),
    )


@read("/v1/timelines/actors/{actor:str}", _contract("getActorTimeline", 404))
async def actor_timeline(request: Asked, actor: FromPath[str]) -> Response[Any]:
    """The timeline of an actor: what it took part in, what was said about that, and what it said."""
    return await _timeline(request, "actor", actor)


@read("/v1/timelines/topics/{topic:str}", _contract("getTopicTimeline", 404))
async def topic_timeline(request: Asked, topic: FromPath[str]) -> Response[Any]:
    """The timeline of a topic."""
    return await _timeline(request, "topic", topic)


@read("/v1/timelines/places/{place:str}", _contract("getPlaceTimeline", 404))
async def place_timeline(request: Asked, place: FromPath[str]) -> Response[Any]:
    """The timeline of a place."""
    return await _timeline(request, "place", place)


@read("/v1/timelines/all", _contract("getWholeTimeline"))
async def whole_timeline(request: Asked) -> Response[Any]:
    """The timeline of everything."""
    return await _timeline(request, "all", "")


async def _timeline(request: Asked, kind: str, named: str) -> Response[Any]:
    who, to = identify(request), service(request)
    params = read_query(request, TimelineParams)
    first, last = params.from_ or date.min, params.to or date.max
    if first > last:
        fault = Fault(pointer="?from", expected=f"a day not after to ({last})", found=str(first))
        raise BadParameter(f"from ({first}) lies after to ({last}).", errors=[fault])
    fmt = negotiated(request, Page)
    await to.seen(params.min_position)
    on = params.on or to.now().date()
    async with to.reader.at() as (connection, position):
        timeline, subject = await _subject(connection, kind, named, who, position)
        query = _query(params, timeline, who, first, last)
        tag = await etag(
            connection, (query.fingerprint(), query.limit, params.cursor, fmt.name, on), [timeline], who.level, position
        )
        if unchanged(request, tag):
            return not_modified(tag, position, public=not who.may_write)
        cursor = read_cursor(opened(params.cursor), query) if params.cursor else None
        at = min(cursor.position, position) if cursor else position
        found = await page(connection, query, subject, cursor, at, on)
    if found.next is not None:
        found = msgspec.structs.replace(found, next=sealed(found.next))
    return respond(request, fmt, found, headers_of(tag, at, public=not who.may_write))


async def _subject(connection: Connection, kind: str, named: str, who: Identity, position: int) -> tuple[UUID, Subject]:
    if kind == "all":
        return EVERYTHING
    return await subject_of(connection, kind, named_in_path(named, kind), who.level, position)


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
        limit=params.limit,
    )
