"""Registries: actors, sources, topics, places, documents, memberships, judgements of identity."""

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from timeline.api.answer import elsewhere, headers_of, negotiated, respond
from timeline.api.body import JSON, body_of, decode, media_type, plain
from timeline.api.contract import Contract, append, read
from timeline.api.cursors import BEGINNING, Walk, fingerprint
from timeline.api.moments import asked_moment, check_walk
from timeline.api.posting import post_one
from timeline.api.query import Known, PostParams, RegistryParams, named_in_path, read_query
from timeline.api.service import Asked, identify, service
from timeline.api.written import Written
from timeline.model.entry import Receipt, RegisteredPage, RegisteredShown
from timeline.model.registry import COLLECTIONS, REGISTRATIONS
from timeline.projections.pages import Moved
from timeline.projections.registered import registered_one, registered_page


class OneParams(Known, frozen=True, kw_only=True):
    """What may be asked of one registered thing."""


TAG = "registries"


def _camel(words: str) -> str:
    return "".join(word.capitalize() for word in words.replace("-", "_").split("_"))


def _list(kind: str) -> HTTPRouteHandler:
    """The route that lists and searches a collection."""
    collection = COLLECTIONS[kind]

    async def list_them(request: Asked) -> Written:
        who, to = identify(request), service(request)
        params = read_query(request, RegistryParams)
        fmt = negotiated(request, RegisteredPage)
        as_of = await asked_moment(to, params.as_of, params.min_position)
        query = fingerprint(kind, params.q or "", who.level)
        walk = to.cursors.walk_of(params.cursor, query, Walk) if params.cursor else None
        if params.as_of is not None and as_of is not None and walk:
            await check_walk(to, params.as_of, as_of, walk.position)
        async with to.reader.at(as_of) as (connection, position):
            at = min(walk.position, position) if walk else position
            after = walk.after if walk else BEGINNING
            page, following = await registered_page(connection, kind, who.level, at, params.q, after, params.limit)
        if following is not None:
            page = msgspec.structs.replace(page, next=to.cursors.walk_text(Walk(query, at, following)))
        if as_of is not None:
            page = msgspec.structs.replace(page, as_of=at)
        return respond(request, fmt, page, headers_of(None, at, public=who.is_public))

    list_them.__doc__ = f"Registered {collection}, by slug; with `q`, those found by it."
    contract = Contract(
        operation_id=f"list{_camel(collection)}",
        tag=TAG,
        scope="read",
        query=RegistryParams,
        answers=RegisteredPage,
        refuses=(406, 503),
    )
    return read(f"/v1/{collection}", contract)(list_them)


def _get(kind: str) -> HTTPRouteHandler:
    """The route of one registered thing."""
    collection = COLLECTIONS[kind]

    async def get_one(request: Asked, named: FromPath[str]) -> Written:
        who, to = identify(request), service(request)
        params = read_query(request, OneParams)
        fmt = negotiated(request, RegisteredShown)
        named_in_path(named, kind)
        as_of = await asked_moment(to, params.as_of, params.min_position)
        async with to.reader.at(as_of) as (connection, position):
            found = await registered_one(connection, kind, named, who.level, position)
        if isinstance(found, Moved):
            return elsewhere(request, f"/v1/{collection}/{found.survivor}", 308)
        found = msgspec.structs.replace(found, as_of=as_of)
        return respond(request, fmt, found, headers_of(None, position, public=who.is_public))

    get_one.__doc__ = f"One of the {collection}, by id or slug."
    contract = Contract(
        operation_id=f"get{_camel(kind)}",
        tag=TAG,
        scope="read",
        query=OneParams,
        answers=RegisteredShown,
        refuses=(404, 406, 503),
    )
    return read(f"/v1/{collection}/{{named:str}}", contract)(get_one)


def _register(kind: str) -> HTTPRouteHandler:
    """The route that registers a thing, or states it anew."""
    collection, cls = COLLECTIONS[kind], REGISTRATIONS[kind]

    async def register(request: Asked) -> Written:
        who = identify(request)
        params = read_query(request, PostParams)
        media_type(request, (JSON,))
        async with body_of(request, service(request).settings.body_bytes_max) as body:
            return await post_one(request, decode(plain(body), cls), params, who)

    register.__doc__ = f"Register one of the {collection}, or state it anew by naming the revision it replaces."
    contract = Contract(
        operation_id=f"register{_camel(kind)}",
        tag=TAG,
        scope="curate",
        query=PostParams,
        body=cls,
        answers=Receipt,
        status=201,
        refuses=(409, 413, 415, 422, 503),
    )
    return append(f"/v1/{collection}", contract)(register)


ROUTES = [route(kind) for kind in COLLECTIONS for route in (_list, _get, _register)]
