"""Every way this service refuses, each with the status and the words its reader needs.

    TimelineError
    ├── Refusal                     the caller can mend it; becomes a problem document (RFC 9457)
    │   ├── BadRequest 400          MalformedRequest · MalformedJson · BadParameter · UnknownParameter · BadCursor
    │   ├── Unauthorised 401        NoToken · WrongToken
    │   ├── Forbidden 403           TooManyRequests 429 · TooManyStreams
    │   ├── NotFound 404            MethodNotAllowed 405 · NotAcceptable 406 · Gone 410
    │   ├── Conflict 409            IdTaken · WrongRevision · SlugTaken · TokenEnded
    │   ├── BodyTooLarge 413        UnsupportedMediaType 415 · TooSlow 408 · HeadTooLarge 431
    │   ├── InvalidRecord 422       BatchRefused · UnknownReference · AmbiguousReference · KeyReused · NotApplicable
    │   ├── TooMuch 422
    │   └── Unavailable 503         QueueFull · StreamsFull · TooManyClients · Behind · ShuttingDown
    │                               DatabaseUnavailable
    └── Broken                      the operator must act: ForkedLog · PoisonRecord · WrongDatabase · WrongSetting
                                    EmbeddedServerFailed · NoAnswer

A class's docstring is the problem's title, its name in kebab-case the problem's type.
"""

import re
from typing import ClassVar
from uuid import UUID

import msgspec


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with a request: where, what was expected there, and what was found."""

    pointer: str
    """JSON Pointer in a URI fragment (`#/participants/0/actor`), or `?name` for a query parameter."""
    expected: str
    """What would have been taken there."""
    found: str
    """What stood there, cut short where it is long."""


class TimelineError(Exception):
    """Something went wrong."""

    status: ClassVar[int] = 500

    def __init__(
        self,
        detail: str,
        *,
        errors: tuple[Fault, ...] | list[Fault] = (),
        retry_after_seconds: int | None = None,
        **extra: object,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after_seconds = retry_after_seconds
        self.extra = extra

    @classmethod
    def slug(cls) -> str:
        """The problem type's last segment: `WrongRevision` is `wrong-revision`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def title(cls) -> str:
        """The first line of the docstring, without its full stop."""
        return (cls.__doc__ or "").strip().splitlines()[0].rstrip(".")


class Refusal(TimelineError):
    """The request was refused."""

    status = 400
    record: UUID | None = None
    """The record of a batch that it is about, where one is to blame."""


class BadRequest(Refusal):
    """The request could not be read."""

    status = 400


class MalformedJson(BadRequest):
    """The body is not JSON that we can read."""


class BadParameter(BadRequest):
    """A parameter has a value that is not allowed."""


class UnknownParameter(BadRequest):
    """A query parameter is not known here."""


class MalformedRequest(BadRequest):
    """The request is not HTTP that we can read."""


class BadCursor(BadRequest):
    """The cursor was not made by this service, or for another query."""


class Unauthorised(Refusal):
    """A valid token is needed."""

    status = 401


class NoToken(Unauthorised):
    """This call needs a token."""


class WrongToken(Unauthorised):
    """The token is not known."""


class Forbidden(Refusal):
    """The token may not do this."""

    status = 403


class TooManyRequests(Refusal):
    """More was asked in a short time than is answered."""

    status = 429


class TooManyStreams(TooManyRequests):
    """More streams are open than one token may have."""


class NotFound(Refusal):
    """There is nothing here that you may see."""

    status = 404


class MethodNotAllowed(Refusal):
    """This address does not take this method."""

    status = 405


class NotAcceptable(Refusal):
    """None of the formats asked for is offered here."""

    status = 406


class Gone(Refusal):
    """It was here and was struck."""

    status = 410


class Conflict(Refusal):
    """The request does not fit what the log already holds."""

    status = 409


class IdTaken(Conflict):
    """The id belongs to a record with other content."""


class WrongRevision(Conflict):
    """The revision to replace is not the current one."""


class SlugTaken(Conflict):
    """The slug belongs to something else."""


class TokenEnded(Conflict):
    """The token has ended or was replaced."""


class BodyTooLarge(Refusal):
    """The body is larger than this service takes."""

    status = 413


class TooSlow(Refusal):
    """The request came too slowly."""

    status = 408


class HeadTooLarge(Refusal):
    """The request's head is larger than this service takes."""

    status = 431


class UnsupportedMediaType(Refusal):
    """The body's media type is not taken here."""

    status = 415


class InvalidRecord(Refusal):
    """The record does not fit its kind."""

    status = 422


class BatchRefused(InvalidRecord):
    """A line of the batch was refused, so none was recorded."""


class UnknownReference(InvalidRecord):
    """The record refers to something that is not registered."""


class AmbiguousReference(InvalidRecord):
    """A name in the record fits more than one registered thing."""


class KeyReused(InvalidRecord):
    """The Idempotency-Key was used before with other content."""


class NotApplicable(InvalidRecord):
    """The edit does not apply to the record it names."""


class TooMuch(Refusal):
    """More would have to be worked out than one answer may take."""

    status = 422


class Unavailable(Refusal):
    """The service cannot answer now; try again."""

    status = 503


class QueueFull(Unavailable):
    """Too many posts are waiting."""


class StreamsFull(Unavailable):
    """As many streams are open as may be."""


class TooManyClients(Unavailable):
    """As many clients are connected as may be."""


class Behind(Unavailable):
    """The read model has not reached the position asked for."""


class DatabaseUnavailable(Unavailable):
    """The database does not answer."""


class ShuttingDown(Unavailable):
    """The service is stopping."""


class BadDate(TimelineError, ValueError):
    """The text is not a date that we can read.

    Raised by `model.dates`; admission turns it into a `Fault` of an `InvalidRecord`.
    """

    status = 422

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(f"expected {expected}, found {found!r}")
        self.found = found
        self.expected = expected


class Broken(TimelineError):
    """The operator must act."""


class NoAnswer(Broken):
    """The service does not answer."""


class ForkedLog(Broken):
    """The log is not the one that was written before."""


class PoisonRecord(Broken):
    """A record cannot be folded; the projection has stopped before it."""


class WrongDatabase(Broken):
    """The database cannot be used by this version."""


class WrongSetting(Broken):
    """A setting has a value that is not allowed."""


class EmbeddedServerFailed(Broken):
    """The embedded PostgreSQL did not start."""
