"""Cursors on their way out and in: one that was changed or cut short is told from one that we gave.

A checksum, no signature: a cursor is bound to its query and to the reader's level by the fingerprint in it, so whoever
makes one up gets no more than by asking.
"""

import base64
import hashlib
from typing import TypeVar
from uuid import UUID

import msgspec

from timeline.errors import BadCursor

CHECK_LENGTH = 8
BEGINNING = ("", UUID(int=0))


class Walk(msgspec.Struct, frozen=True, array_like=True):
    """Where the next page of a registry starts, and the position that the whole walk reads at."""

    query: str
    position: int
    after: tuple[str, UUID]


def sealed(text: str) -> str:
    """A cursor with its checksum."""
    return text + _check(text)


def opened(text: str) -> str:
    """The cursor inside.

    Raises:
        BadCursor: it is not one that we gave.
    """
    inner, check = text[:-CHECK_LENGTH], text[-CHECK_LENGTH:]
    if check != _check(inner):
        raise _bad()
    return inner


class Steps(msgspec.Struct, frozen=True, array_like=True):
    """Where the next page of what changed starts, and the two positions that the whole walk compares."""

    query: str
    before: int
    after: int
    place: tuple[int, UUID]


class Lists(msgspec.Struct, frozen=True, array_like=True):
    """Where the next page of an answer of several lists starts: after a place in one of them."""

    query: str
    position: int
    after: tuple[int, int]


W = TypeVar("W", Walk, Steps, Lists)


def walk_text(walk: Walk | Steps | Lists) -> str:
    """The walk as a cursor."""
    return sealed(base64.urlsafe_b64encode(msgspec.msgpack.encode(walk)).decode().rstrip("="))


def walk_of(text: str, query: str, kind: type[W]) -> W:
    """The walk of a cursor that we gave for this query.

    Raises:
        BadCursor: it is not one, or belongs to another query.
    """
    inner = opened(text)
    try:
        walk = msgspec.msgpack.decode(base64.urlsafe_b64decode(inner + "=" * (-len(inner) % 4)), type=kind)
    except (ValueError, msgspec.MsgspecError):
        raise _bad() from None
    if walk.query != query:
        raise BadCursor("This cursor belongs to another query: keep the other parameters, or start without it.")
    return walk


def fingerprint(*asked: object) -> str:
    """What a cursor is bound to."""
    return hashlib.sha256("\x00".join(map(str, asked)).encode()).hexdigest()[:16]


def _check(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())[:CHECK_LENGTH].decode()


def _bad() -> BadCursor:
    return BadCursor("Expected a cursor as given in `next`, found something else. Start again without it.")
