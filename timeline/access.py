"""Who asks, and what they may see and do.

One token so far, the owner's: 256 random bits in a file of mode 0600. A later issue of tokens, scopes and levels has
its room here; the rest of the service only asks `identify`.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

import msgspec

from timeline.errors import NoToken, WrongSetting, WrongToken
from timeline.model.record import LEVEL_MAX, level_of

TOKEN_PREFIX = "tl_"  # noqa: S105  (the public part, by which a leaked token is recognised)
TOKEN_CHARACTERS_MIN = 32
OWNER = "owner"


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks."""

    subject: str
    """The pseudonym that goes into `recorded_by`; empty for a reader without a token."""
    level: int
    """The highest level (index of a marking) that they may read."""
    may_write: bool


class Access:
    """Knows the owner's token by its hash, and what anybody may read."""

    def __init__(self, owner_token: str, audience: str | None) -> None:
        self._owner_hash = _hash(owner_token)
        self._public = Identity(subject="", level=level_of(audience), may_write=False) if audience else None

    def identify(self, authorization: str | None, *, to_write: bool = False) -> Identity:
        """Who sends this Authorization header.

        Raises:
            NoToken: nothing was sent, and the call needs a token.
            WrongToken: what was sent is not a token that we know.
        """
        if authorization is None:
            if self._public is None or to_write:
                raise NoToken("Send `Authorization: Bearer <token>`. The owner's token is in <data-dir>/owner.token.")
            return self._public
        scheme, _, token = authorization.partition(" ")
        # Compared as hashes, so that the time it takes tells nothing about the token.
        if scheme.lower() != "bearer" or not hmac.compare_digest(_hash(token.strip()), self._owner_hash):
            raise WrongToken("Expected `Bearer` and a token of this service, found something else.")
        return Identity(subject=OWNER, level=LEVEL_MAX, may_write=True)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def owner_token(path: Path) -> str:
    """The owner's token, made at the first start. The file is readable by its owner alone.

    Raises:
        WrongSetting: the file can't be read or made, or holds no token of ours.
    """
    try:
        if not path.exists():
            _make_token(path)
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSetting(f"Can't use the owner's token in {path}: {error}. Choose another --data-dir.") from error
    # An emptied file would make `Bearer` and nothing the owner.
    if len(token) < TOKEN_CHARACTERS_MIN or not token.isprintable():
        raise WrongSetting(f"Expected the owner's token in {path}, found none. Remove the file, and a new one is made.")
    return token


def _make_token(path: Path) -> None:
    """Write a token that nobody knows, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(TOKEN_PREFIX + secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # Not replaced: of two processes that start here at once on a database elsewhere, both serve the first's token.
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)
