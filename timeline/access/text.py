"""A token as a text: `tl_<id>_<secret>_<checksum>`.

The prefix is what scanners of leaked secrets look for, the id may be logged, the checksum refuses what was cut short or
made up before anything is looked up. Lower-case letters, digits and underscores: a shell and a
double click take it whole.
"""

import base64
import hmac
import re
import zlib
from typing import NamedTuple
from uuid import UUID

SECRET_BYTES = 32
_TEXT = re.compile(r"(tl_([0-9a-f]{32})_[a-z2-7]{52})_([a-z2-7]{7})")


class Presented(NamedTuple):
    """A token that could be one of ours."""

    id: str
    """Its public id, a UUID."""
    text: bytes
    """The whole of it, as it is hashed."""


def write_token(token_id: UUID, secret: bytes) -> str:
    """The text of a token; `secret` is 32 random bytes."""
    head = f"tl_{token_id.hex}_{_base32(secret)}"
    return f"{head}_{_checksum(head)}"


def read_token(text: str) -> Presented | None:
    """What a text says it is; None where it is no token, or was cut or mistyped."""
    found = _TEXT.fullmatch(text)
    if found is None or _checksum(found[1]) != found[3]:
        return None
    return Presented(str(UUID(found[2])), text.encode())


def hash_of(key: bytes, text: bytes) -> bytes:
    """What is kept of a token. Its 256 bits are random, so one round is enough (1.7 µs; argon2 takes 109 ms)."""
    return hmac.digest(key, text, "sha256")


def _checksum(head: str) -> str:
    return _base32(zlib.crc32(head.encode()).to_bytes(4))


def _base32(value: bytes) -> str:
    return base64.b32encode(value).decode().rstrip("=").lower()
