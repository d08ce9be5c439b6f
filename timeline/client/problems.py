"""An answer that refuses, as the exception that its problem document tells of."""

from typing import Any

import msgspec

from timeline import errors
from timeline.errors import BadDate, Fault, TimelineError

KNOWN = ("type", "title", "status", "detail", "errors")
TAKEN = ("self", "retry_after_seconds")
"""Arguments of an exception that no member of a document may stand for."""
OF_STATUS: dict[int, type[TimelineError]] = {
    400: errors.BadRequest,
    401: errors.Unauthorised,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    406: errors.NotAcceptable,
    408: errors.TooSlow,
    409: errors.Conflict,
    410: errors.Gone,
    413: errors.BodyTooLarge,
    415: errors.UnsupportedMediaType,
    422: errors.InvalidRecord,
    429: errors.TooManyRequests,
    431: errors.HeadTooLarge,
    502: errors.NoAnswer,
    503: errors.Unavailable,
    504: errors.NoAnswer,
}
"""What a refusal is that tells no type we know: a proxy's, or that of a later version."""


OF_SLUG: dict[str, type[TimelineError]] = {
    each.slug(): each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, TimelineError) and not issubclass(each, BadDate)
}
"""Every type of problem. A `BadDate` never leaves the service: it is a fault of an `InvalidRecord` there."""


def problem_of(status: int, content: bytes, retry_after: str | None = None) -> TimelineError:
    """The exception that an answer tells of.

    `extra` holds what else the document says: `instance`, the current `revision`, the `verdicts` of a batch.
    """
    told = _told(content)
    slug = str(told.get("type", "")).removeprefix("/problems/")
    default = errors.Refusal if status < 500 else TimelineError
    made = OF_SLUG.get(slug) or OF_STATUS.get(status, default)
    more = {"status": status} | {name: each for name, each in told.items() if name not in KNOWN}
    seconds = int(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None
    return made(
        str(told.get("detail") or told.get("title") or f"The service answers {status}."),
        errors=_faults(told.get("errors")),
        retry_after_seconds=seconds,
        **more,
    )


def of_document(problem: dict[str, Any]) -> TimelineError:
    """The same of a problem document within an answer: a line's of a batch."""
    status = problem.get("status")
    return problem_of(status if isinstance(status, int) else 500, msgspec.json.encode(problem))


def _told(content: bytes) -> dict[str, Any]:
    try:
        found: Any = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return {name: each for name, each in found.items() if name not in TAKEN} if isinstance(found, dict) else {}


def _faults(told: Any) -> list[Fault]:
    try:
        return msgspec.convert(told or [], list[Fault])
    except msgspec.ValidationError:
        return []
