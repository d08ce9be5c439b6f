"""Errors as problem documents (RFC 9457), in one place."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import asyncpg
import msgspec
import structlog
from litestar.exceptions import HTTPException

from timeline.api.answer import SUFFIX
from timeline.api.written import Written
from timeline.db.pool import is_lost
from timeline.errors import (
    BadRequest,
    Behind,
    BodyTooLarge,
    DatabaseUnavailable,
    Fault,
    MethodNotAllowed,
    NotFound,
    TimelineError,
    Unauthorised,
    UnsupportedMediaType,
)
from timeline.model.entry import LineVerdict

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
INSTANCE_MAX = 300
LIKE_A_TOKEN = re.compile(rb"tl_[A-Za-z0-9_-]{32,}")
"""What is said back of a request names no token, though somebody wrote one into an address: problems are logged."""
_OF_STATUS: dict[int, type[TimelineError]] = {
    404: NotFound,
    405: MethodNotAllowed,
    413: BodyTooLarge,
    415: UnsupportedMediaType,
}


TOOK_TOO_LONG: tuple[type[BaseException], ...] = (
    # Cancelled at statement_timeout or by an operator; a lock was not had in time; a deadlock, or a replica that moved.
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionRollbackError,
)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A problem document (RFC 9457): what went wrong, for a person and for a program."""

    type: str
    """A stable address of this kind of problem, relative to the service."""
    title: str
    """What kind of problem it is, in words."""
    status: int
    """The HTTP status."""
    detail: str
    """What was expected, what was found, and what to do next."""
    instance: str
    """The path that was asked."""
    errors: list[Fault] = []
    """Every fault, not the first only."""
    id: str | None = None
    """The id that is taken, or that holds what was wanted."""
    revision: int | None = None
    """The current revision, after a wrong one."""
    scope_needed: str | None = None
    """The scope that this needs, where the token's is less."""
    scope_held: str | None = None
    """The scope of the token."""
    verdicts: list[LineVerdict] = []
    """A verdict for each line of a batch that was refused."""


def document(error: TimelineError, instance: str) -> dict[str, Any]:
    """The problem document of an error."""
    return {
        "type": f"/problems/{error.slug()}",
        "title": error.title(),
        "status": error.status,
        "detail": error.detail if error.status != 500 else "Something went wrong on our side. It was logged.",
        "instance": instance,
        "errors": [msgspec.to_builtins(fault) for fault in error.errors],
        **(error.extra if error.status != 500 else {}),
    }


def instance_of(scope: Any) -> str:
    """The path that was asked, as a URI reference; cut short where it is absurd."""
    return quote(scope["path"] + (scope.get(SUFFIX) or ""), safe="/~-._{}")[:INSTANCE_MAX]


def answer(error: TimelineError, instance: str, more: Mapping[str, str] = {}) -> Written:
    """The response to an error, with more headers where it has some."""
    headers: dict[str, str] = {"Cache-Control": "no-store", **more}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, Unauthorised):
        headers["WWW-Authenticate"] = 'Bearer realm="timeline"'
    body = LIKE_A_TOKEN.sub(b"tl_...", msgspec.json.encode(document(error, instance)))
    return Written(body, MEDIA_TYPE, headers, error.status)


def handle(scope: Any, error: Exception) -> Written:
    """The answer to any error that a request met."""
    return answer(_ours(error), instance_of(scope))


def _ours(error: Exception) -> TimelineError:
    if isinstance(error, TimelineError):
        if error.status >= 500 and error.status != 503:
            log.error("request failed", error=type(error).__name__, detail=error.detail)
        return error
    if isinstance(error, HTTPException) and error.status_code < 500:  # beyond that its detail is the framework's
        kind = _OF_STATUS.get(error.status_code, BadRequest)
        return kind(error.detail or kind.title())
    if isinstance(error, asyncpg.UndefinedTableError):  # two rebuilds came to their ends within one read
        return Behind("The read models were replaced while they were read. Ask again.", retry_after_seconds=1)
    if isinstance(error, TOOK_TOO_LONG):
        log.warning("a statement took too long", error=type(error).__name__)
        return DatabaseUnavailable("The database took too long. Ask for less, or try again.", retry_after_seconds=5)
    if is_lost(error):
        return DatabaseUnavailable("The database does not answer; try again.", retry_after_seconds=1)
    log.exception("request failed", error=type(error).__name__)
    return TimelineError("unexpected")
