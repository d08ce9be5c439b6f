"""The forms a record has between a post and the log, and the receipt that comes back."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from timeline.model.registry import Key

TAKEN = "A slug or address in this post is registered already. Choose another; if it was free a moment ago, post again."
"""All that is said of what has it: who posts may not see that, or it was registered a moment ago."""


class Subject(NamedTuple):
    """A thing that the log knows: the kind of its first record, and its current revision."""

    kind: str
    position: int
    revision: int
    erased: bool = False
    """Whether nothing is left of what was said: it can't be answered any more."""
    level: int = 0
    """The lowest level that may see it, where that was asked: by its marking in force, and the highest once erased."""


class Named(NamedTuple):
    """One thing that a text names."""

    form: str
    subject: UUID
    label: str
    """Its slug, or else the name that was found: for a reader who must choose."""


class NewRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record that passed admission and has no position yet."""

    id: UUID
    kind: str
    subject: UUID
    revision: int | None
    """The revision it becomes: exact where the post names the one it replaces, else None for the next."""
    payload: bytes
    request: bytes
    """The post as it came, canonical: a repeat is known by it."""
    keys: tuple[Key, ...] | None = None
    """By what the registered thing is found from now on; None for records that register nothing."""
    type: str = ""
    """The kind of the registered thing, which its keys are unique in."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Records that stand or fall together: a post and the registrations it proposes, or an atomic batch."""

    records: tuple[NewRecord, ...]
    needs: frozenset[UUID] = frozenset()
    """Ids of records queued before this group that must have been accepted."""
    by_key: bool = False
    """Whether the ids were derived from an Idempotency-Key, so that other content is a reused key."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a record once it is durable."""

    id: UUID
    position: int
    recorded_at: datetime
    subject: UUID
    revision: int
    repeated: bool = False
    """Whether the record was there before; the receipt is then the first one's."""


class Stored(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A record as the log holds it."""

    position: int
    id: UUID
    kind: str
    subject: UUID
    revision: int
    recorded_at: datetime
    recorded_by: str
    shape: int
    body: dict[str, Any] | None
    """None when the payload was erased."""
