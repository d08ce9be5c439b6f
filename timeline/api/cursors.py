"""Cursors on their way out and in: closed to whoever carries them, and told from what we did not give.

A page that ends where it has looked at enough goes on after the last entry that it looked at, which may be one that its
reader may not see: its days, its slug and its id must not be read from `next`. So a cursor is encrypted, and the same
one comes out the same, since it is part of an answer's bytes. It is bound to its query and to the reader's level by the
fingerprint in it.
"""

import base64
import hashlib
import hmac
from typing import TypeVar
from uuid import UUID

import msgspec

from timeline.errors import BadCursor

TAG_BYTES = 16
BEGINNING = ("", UUID(int=0))


class Walk(msgspec.Struct, frozen=True, array_like=True):
    """Where the next page of a registry starts, and the position that the whole walk reads at."""

    query: str
    position: int
    after: tuple[str, UUID]


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


class Seal:
    """Closes and opens cursors under the service's own key.

    A synthetic initialisation vector (as in RFC 5297): the tag is a keyed hash of what is closed, and what it is
    covered with follows from the tag. Processes that share their data directory's secrets open each other's.
    """

    def __init__(self, secret: bytes) -> None:
        self._of_tags, self._of_covers = (
            hmac.digest(secret, use, "sha256") for use in (b"cursor tag", b"cursor cover")
        )

    def sealed(self, text: str) -> str:
        """A text as a cursor."""
        return self._close(text.encode())

    def opened(self, text: str) -> str:
        """The text of a cursor.

        Raises:
            BadCursor: it is not one that we gave.
        """
        try:
            return self._open(text).decode()
        except UnicodeDecodeError:  # of another kind of answer
            raise _bad() from None

    def walk_text(self, walk: Walk | Steps | Lists) -> str:
        """The walk as a cursor."""
        return self._close(msgspec.msgpack.encode(walk))

    def walk_of(self, text: str, query: str, kind: type[W]) -> W:
        """The walk of a cursor that we gave for this query.

        Raises:
            BadCursor: it is not one, or belongs to another query.
        """
        try:
            walk = msgspec.msgpack.decode(self._open(text), type=kind)
        except msgspec.MsgspecError:
            raise _bad() from None
        if walk.query != query:
            raise BadCursor("This cursor belongs to another query: keep the other parameters, or start without it.")
        return walk

    def _close(self, inner: bytes) -> str:
        tag = hmac.digest(self._of_tags, inner, "sha256")[:TAG_BYTES]
        return base64.urlsafe_b64encode(tag + self._covered(tag, inner)).decode().rstrip("=")

    def _open(self, text: str) -> bytes:
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            raise _bad() from None
        tag, inner = raw[:TAG_BYTES], self._covered(raw[:TAG_BYTES], raw[TAG_BYTES:])
        # Closed again and compared whole: the last letter of Base64 has bits that decoding drops.
        if len(tag) < TAG_BYTES or not hmac.compare_digest(self._close(inner), text):
            raise _bad()
        return inner

    def _covered(self, tag: bytes, inner: bytes) -> bytes:
        cover = hashlib.shake_256(self._of_covers + tag).digest(len(inner))
        return (int.from_bytes(inner) ^ int.from_bytes(cover)).to_bytes(len(inner))


def fingerprint(*asked: object) -> str:
    """What a cursor is bound to."""
    return hashlib.sha256("\x00".join(map(str, asked)).encode()).hexdigest()[:16]


def _bad() -> BadCursor:
    return BadCursor("Expected a cursor as given in `next`, found something else. Start again without it.")
