"""Timelines: of an actor, a topic, a place, and of all."""

from collections.abc import Awaitable, Callable
from datetime import date
from uuid import UUID

import msgspec
from litestar.params import FromPath

from timeline.access import Identity
from timeline.api.answer import (
    HEAD_ONLY,
    elsewhere,
    headers_of,
    linked,
    negotiated,
    not_modified,
    respond,
    unchanged,
    where,
    written_as,
)
from timeline.api.contract import Contract, read
from timeline.api.export import Exported
from timeline.api.moments import asked_moment, check_walk
from timeline.api.query import TimelineParams, named_in_path, read_query
from timeline.api.service import Asked, identify, service
from timeline.api.written import Written
from timeline.errors import BadParameter, Fault
from timeline.formats.format import Format
from timeline.model.entry import Page, ReadyPage, Subject
from timeline.projections.pages import (
    LIMIT_MAX,
    Connection,
    Cursor,
    Opened,
    Query,
    Search,
    page,
    read_cursor,
    ready_page,
)
from timeline.projections.said import page_said

PORTION = LIMIT_MAX
"""Entries that an export reads at once."""


def _contract(name: str, *refuses: int) -> Contract:
    return Contract(
        operation_id=name,
        tag="timelines",
        scope="read",
        query=TimelineParams,
        answers=Page,
        conditional=True,
        refuses=(*refuses, 406, 422, 503),
    )


@read("/v1/timelines/actors/{actor:str}", _contract("getActorTimeline", 404))
async def actor_timeline(request: Asked, actor: FromPath[str]) -> Written | Exported:
    """The timeline of an actor: what it took part in, what was said about that, and what it said."""
    return await _timeline(request, "actor", actor)


@read("/v1/timelines/topics/{topic:str}", _contract("getTopicTimeline", 404))
async def topic_timeline(request: Asked, topic: FromPath[str]) -> Written | Exported:
    """The timeline of a topic."""
    return await _timeline(request, "topic", topic)


@read("/v1/timelines/places/{place:str}", _contract("getPlaceTimeline", 404))
async def place_timeline(request: Asked, place: FromPath[str]) -> Written | Exported:
    """The timeline of a place."""
    return await _timeline(request, "place", place)


@read("/v1/timelines/all", _contract("getWholeTimeline"))
async def whole_timeline(request: Asked) -> Written | Exported:
    """The timeline of everything."""
    return await _timeline(request, "all", "")


async def _timeline(request: Asked, kind: str, named: str) -> Written | Exported:
    who = identify(request)
    if kind != "all":
        named_in_path(named, kind)
    params = read_query(request, TimelineParams)

    async def asked(connection: Connection, opened: Opened) -> Query:
        return query_of(params, opened.timeline, who)

    return await paged(request, params, kind, named, who, asked)


Asking = Callable[[Connection, Opened], Awaitable[Query]]
"""What is asked of a timeline, once that is found."""


async def paged(
    request: Asked,
    params: TimelineParams,
    kind: str,
    named: str,
    who: Identity,
    asking: Asking,
    *,
    follow: bool = False,
) -> Written | Exported:
    """A page of a timeline, or with `limit=all` the whole of it.

    Where another actor answers for it, that one's if `follow`, else where to ask.
    """
    to = service(request)
    check_days(params.from_, params.to)
    whole = params.limit == "all"
    fmt = negotiated(request, Page, portioned=whole)
    as_of = await asked_moment(to, params.as_of, params.min_position)
    on = params.on or to.now().date()
    async with to.reader.timeline(kind, named, who.level, as_of, follow=follow) as (connection, opened):
        if opened.canonical is not None:
            return elsewhere(request, f"/v1/timelines/actors/{opened.canonical}", 308)
        query = await asking(connection, opened)
        asked = (query.fingerprint(), params.limit, params.cursor, written_as(request, fmt), on)
        tag = opened.tag(asked, who.level)
        if unchanged(request, tag):
            return not_modified(tag, opened.position, public=who.is_public)
        cursor = read_cursor(to.cursors.opened(params.cursor), query) if params.cursor else None
        if params.as_of is not None and as_of is not None and cursor:
            await check_walk(to, params.as_of, as_of, cursor.position)
        at = min(cursor.position, opened.position) if cursor else opened.position
        portions = _Portions(query=query, subject=opened.subject, at=at, on=on, said_to=params.said_to)
        found: Page | ReadyPage
        if fmt.name == "json" and params.said_to is None and not whole:
            found = await ready_page(connection, query, opened, cursor, at, on)
        else:
            found = await portions.one(connection, cursor)
    headers = headers_of(tag, at, public=who.is_public)
    found = msgspec.structs.replace(found, as_of=at) if as_of is not None else found
    if isinstance(found, Page) and whole:
        return _exported(request, who, fmt, found, portions, headers)
    if found.next is not None:
        found = msgspec.structs.replace(found, next=to.cursors.sealed(found.next))
    return respond(request, fmt, found, headers, offers=Page)


class _Portions(msgspec.Struct, frozen=True, kw_only=True):
    """One walk through a timeline at one position, a portion at a time."""

    query: Query
    subject: Subject
    at: int
    on: date
    said_to: date | None

    async def one(self, connection: Connection, cursor: Cursor | None) -> Page:
        """The portion after a cursor."""
        if self.said_to is not None:
            return await page_said(connection, self.query, self.subject, cursor, self.at, self.on, self.said_to)
        return await page(connection, self.query, self.subject, cursor, self.at, self.on)


def _exported(
    request: Asked, who: Identity, fmt: Format, first: Page, portions: _Portions, headers: dict[str, str]
) -> Written | Exported:
    """The whole of a timeline, its first portion in hand."""
    to = service(request)
    assert fmt.portions is not None, "negotiated as one that is written so"

    async def following(text: str) -> Page:
        async with to.reader.at(portions.at) as (connection, _):
            return await portions.one(connection, read_cursor(text, portions.query))

    headers |= linked(request, fmt, Page, None, portioned=True) | {"Content-Type": fmt.media_type}
    if HEAD_ONLY in request.scope:
        return Written(b"", fmt.media_type, headers)
    return Exported(to, who, fmt.portions(where(request)), first, following, headers)


def check_days(first: date | None, last: date | None) -> None:
    """Refuse days in the wrong order.

    Raises:
        BadParameter: the first lies after the last.
    """
    if first and last and first > last:
        fault = Fault(pointer="?from", expected=f"a day not after to ({last})", found=str(first))
        raise BadParameter(f"from ({first}) lies after to ({last}).", errors=[fault])


def query_of(params: TimelineParams, timeline: UUID, who: Identity, search: Search | None = None) -> Query:
    """What is asked of a timeline, by these parameters."""
    return Query(
        timeline=timeline,
        level=who.level,
        from_=params.from_ or date.min,
        to=params.to or date.max,
        search=search,
        kinds=tuple(sorted(set(params.kind))),
        standings=tuple(sorted(set(params.standing))),
        backwards=params.order == "desc",
        feeds=params.feeds == "include",
        said_to=params.said_to,
        limit=PORTION if params.limit == "all" else params.limit,
    )
