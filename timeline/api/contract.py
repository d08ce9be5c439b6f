"""What each route says of itself: the handler carries it, the OpenAPI document and the tests read it."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec
from litestar import get as litestar_get
from litestar import post as litestar_post
from litestar.handlers import HTTPRouteHandler

from timeline.access import Scope


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """A route's part in the contract."""

    operation_id: str
    tag: str
    scope: Scope | Literal["open"]
    """What a caller must be allowed to do; `open` is for anybody. The gate asks for it before the route runs."""
    query: type[msgspec.Struct] | None = None
    headers: Mapping[str, str] = {}
    """What may be said in headers of its own, in words by name."""
    body: Any = None
    """The type of the body, or None."""
    body_media_types: tuple[str, ...] = ("application/json",)
    answers: type | None = None
    """The type of the answer; its formats are those that render it."""
    status: int = 200
    conditional: bool = False
    """Whether its answers carry an ETag, so that 304 is an answer too."""
    raw_media_type: str | None = None
    """The media type of an answer that is no struct."""
    refuses: tuple[int, ...] = ()
    """Statuses of problems that it may answer with, beyond those of every route."""


Handler = Callable[[Any], HTTPRouteHandler]


def read(path: str, contract: Contract) -> Handler:
    """A GET route."""
    return litestar_get(path, opt={"contract": contract}, include_in_schema=False)


def append(path: str, contract: Contract, *, body_bytes_max: int | None = None) -> Handler:
    """A POST route; the body's size is capped by the edge before anything is parsed."""
    return litestar_post(
        path,
        opt={"contract": contract},
        include_in_schema=False,
        status_code=contract.status,
        request_max_body_size=body_bytes_max,
    )
