"""Tokens: the record of the log that states one, and what their admins are told. Nobody posts that record.

It says everything that stands about a token but its text and its hash: whoever reads the log learns who could do what,
and when, and nobody learns a token.
"""

from datetime import datetime
from typing import Annotated, Literal, get_args

from msgspec import Meta

from timeline.model.entry import Identifier, Shape
from timeline.model.record import Id, Line, Marking, Part, Record, Slug

Scope = Literal["read", "append", "curate", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""The ladder of scopes: each holds those before it."""
ScopeField = Annotated[
    Scope,
    Meta(
        description="What it may do: read; append events, and take back and correct its own; curate registries, "
        "duplicates, markings, recalls, erasures and others' records; admin: issue tokens. Each holds those before."
    ),
]
Audience = Annotated[Marking, Meta(description="The highest marking that it may read.")]
Desk = Annotated[Slug, Meta(description="The desk that it is of: what one token of a desk posted, all of it may mend.")]
Instant = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z\Z",
        max_length=27,
        description="An instant in UTC, to the microsecond.",
    ),
]


class Token(Record, frozen=True, kw_only=True, tag="token"):
    """A token was issued, rotated or revoked: all that stands about it from then on. Never posted: see `/v1/tokens`."""

    example = {
        "kind": "token",
        "id": "8c6d2b0e-2f0f-4a53-9d0e-5b7f3f6b7a10",
        "name": "weekly report",
        "scope": "read",
        "audience": "green",
        "subject": "3e0a6a52-7d4c-4d0b-8a0f-6f0e1c9d2b11",
        "marking": "amber+strict",
        "expires_at": "2027-01-01T00:00:00.000000Z",
    }
    id: Id
    """The token's public id, the same in each record about it."""
    name: Line
    """What its admin calls it."""
    scope: ScopeField
    audience: Audience
    subject: Id
    """The pseudonym that stands as `recorded_by` in what it records; its successors keep it."""
    marking: Literal["amber+strict"]
    """Who may read this record."""
    desk: Desk | None = None
    expires_at: Instant | None = None
    """When it ends by itself, if it does."""
    revoked: bool = False
    """Whether it was ended."""
    predecessor: Id | None = None
    """The token that it replaces."""
    successor: Id | None = None
    """The token that replaces it."""


ACCESS: dict[str, type[Record]] = {Token.kind_of(): Token}
"""Every kind of record about who may do what, by its tag. None can be posted."""


class TokenAsked(Part, frozen=True, kw_only=True):
    """A token that an admin wants issued."""

    example = {"name": "weekly report", "scope": "read", "audience": "green", "expires_at": "2099-01-01T00:00:00Z"}
    name: Line
    """What to call it; it stands in the list and in the log."""
    scope: ScopeField
    audience: Audience
    desk: Desk | None = None
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None
    """When it ends by itself; never when left out."""


class TokenShown(Shape, frozen=True, kw_only=True):
    """A token as it stands: all but its text, which was shown once."""

    id: Identifier
    """Its public id, the second part of its text."""
    name: str
    """What its admin calls it."""
    scope: ScopeField
    audience: Audience
    desk: str | None
    """The desk that it is of."""
    subject: Identifier
    """The pseudonym that stands as `recorded_by` in what it records."""
    state: Literal["in_force", "expired", "revoked"]
    """Whether it lets anybody in now."""
    issued_at: datetime
    """When it was issued."""
    expires_at: datetime | None
    """When it ends by itself; null for one that does not."""
    revoked_at: datetime | None
    """When it was revoked."""
    predecessor: Identifier | None
    """The token that it replaces."""
    successor: Identifier | None
    """The token that replaces it."""
    position: int
    """The place in the log of the last record about it."""


class TokenIssued(Shape, frozen=True, kw_only=True):
    """A new token. Its text is in this answer and nowhere else."""

    text: str
    """The token, to be sent as `Authorization: Bearer ...`. Keep it: it can't be shown again."""
    token: TokenShown
    """What is known of it."""
    replaces: TokenShown | None = None
    """The token that it replaces, which goes on until its `expires_at`."""


class TokensShown(Shape, frozen=True, kw_only=True):
    """Every token that was ever issued."""

    tokens: list[TokenShown]
    """In the order of issue."""
