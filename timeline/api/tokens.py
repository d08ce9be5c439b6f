"""Tokens: issued, listed, rotated and revoked by admins. Each of these is a record of the log."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from litestar.params import FromPath
from msgspec import Meta

from timeline.api.answer import negotiated, respond
from timeline.api.body import JSON, body_of, decode, media_type, plain
from timeline.api.contract import Contract, append, read
from timeline.api.query import NoParams, Params, read_query
from timeline.api.service import Asked, Service, identify, service
from timeline.api.written import Written
from timeline.errors import NotFound
from timeline.log.resolve import as_uuid
from timeline.model.faults import shown
from timeline.model.tokens import TokenAsked, TokenIssued, TokenShown, TokensShown

TAG = "tokens"
PRIVATE = {"Cache-Control": "no-store", "Vary": "Accept, Authorization, Accept-Encoding"}
OVERLAP_SECONDS = 86_400
OVERLAP_SECONDS_MAX = 30 * 86_400


class RotateParams(Params, frozen=True, kw_only=True):
    """How a token is to be rotated."""

    overlap_seconds: Annotated[
        int, Meta(ge=0, le=OVERLAP_SECONDS_MAX, description="How long the old token goes on beside the new one.")
    ] = OVERLAP_SECONDS


@read(
    "/v1/tokens",
    Contract(
        operation_id="listTokens", tag=TAG, scope="admin", query=NoParams, answers=TokensShown, refuses=(406, 503)
    ),
)
async def list_tokens(request: Asked) -> Written:
    """Every token that was ever issued, in that order: who may do what, and never a token's text."""
    read_query(request, NoParams)
    fmt = negotiated(request, TokensShown)
    return respond(request, fmt, TokensShown(tokens=await service(request).tokens.listed()), PRIVATE)


@append(
    "/v1/tokens",
    Contract(
        operation_id="issueToken",
        tag=TAG,
        scope="admin",
        query=NoParams,
        body=TokenAsked,
        answers=TokenIssued,
        status=201,
        refuses=(413, 415, 422, 503),
    ),
)
async def issue_token(request: Asked) -> Written:
    """Issue a token. Its text is in this answer and never shown again; the log gets a record of it, without the text.

    A repeat issues another: revoke the one whose answer was lost.
    """
    read_query(request, NoParams)
    media_type(request, (JSON,))
    to = service(request)
    async with body_of(request, to.settings.body_bytes_max) as body:
        asked: TokenAsked = decode(plain(body), TokenAsked)
    return await _issued(to, await to.tokens.issue(asked, identify(request)))


@read(
    "/v1/tokens/{token:str}",
    Contract(
        operation_id="getToken", tag=TAG, scope="admin", query=NoParams, answers=TokenShown, refuses=(404, 406, 503)
    ),
)
async def get_token(request: Asked, token: FromPath[str]) -> Written:
    """A token as it stands, without its text."""
    read_query(request, NoParams)
    fmt = negotiated(request, TokenShown)
    return respond(request, fmt, await service(request).tokens.one(_id_of(token)), PRIVATE)


@append(
    "/v1/tokens/{token:str}/rotate",
    Contract(
        operation_id="rotateToken",
        tag=TAG,
        scope="admin",
        query=RotateParams,
        answers=TokenIssued,
        status=201,
        refuses=(404, 409, 503),
    ),
)
async def rotate_token(request: Asked, token: FromPath[str]) -> Written:
    """Issue a successor, which records under the same pseudonym. The old token goes on for `overlap_seconds`."""
    params = read_query(request, RotateParams)
    to, overlap = service(request), timedelta(seconds=params.overlap_seconds)
    return await _issued(to, await to.tokens.rotate(_id_of(token), overlap, identify(request)))


@append(
    "/v1/tokens/{token:str}/revoke",
    Contract(
        operation_id="revokeToken",
        tag=TAG,
        scope="admin",
        query=NoParams,
        answers=TokenShown,
        refuses=(404, 409, 503),
    ),
)
async def revoke_token(request: Asked, token: FromPath[str]) -> Written:
    """End a token at once, also for streams that are open. Revoking it again changes nothing."""
    read_query(request, NoParams)
    to = service(request)
    ended = await to.tokens.revoke(_id_of(token), identify(request))
    await to.table.refresh()
    return Written(msgspec.json.encode(ended), JSON, PRIVATE)


async def _issued(to: Service, issued: TokenIssued) -> Written:
    await to.table.refresh()  # so that the token lets in whoever has read this answer
    headers = PRIVATE | {"Location": f"/v1/tokens/{issued.token.id}"}
    return Written(msgspec.json.encode(issued), JSON, headers, 201)


def _id_of(token: str) -> UUID:
    found = as_uuid(token)
    if found is None:
        raise NotFound(f"No token {shown(token)}. Give its id, which is no secret; never its text.")
    return found
