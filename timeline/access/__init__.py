"""Who asks, and what they may see and do.

The owner's token lies in a file; all others are in the database, and a table of them is kept here by `log.tokens`, so
that to know a token asks nobody. No database is reached from here.

    identity    who asks, and the ladder of scopes          text     a token as a text
    files       the owner's token, the key of the hashes    bucket   how often one may ask
    oidc        sign-ins of an issuer
"""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, Protocol

from timeline.access.files import owner_token, pepper
from timeline.access.identity import FOREIGN, OWNER, OWNER_IDENTITY, Identity
from timeline.access.oidc import Issuer, is_foreign
from timeline.access.text import hash_of, read_token
from timeline.errors import NoToken, WrongToken
from timeline.model.record import level_of
from timeline.model.tokens import SCOPES, Scope

__all__ = ["OWNER", "OWNER_IDENTITY", "SCOPES", "Access", "Held", "Identity", "Scope", "Table", "owner_token", "pepper"]

HOW = "Send `Authorization: Bearer <token>`. The owner's token is in <data-dir>/owner.token."
UNCONFIRMED_SECONDS_MAX = 10.0
"""How long a stream goes on while nobody can say whether its token was revoked."""
_NOBODY = bytes(32)


class Held(NamedTuple):
    """A token of the database that is in force, or will have expired."""

    hash: bytes
    """HMAC-SHA256 of its text under the pepper."""
    identity: Identity


class Table(Protocol):
    """The tokens of the database, as far as this process knows them."""

    def get(self, token_id: str) -> Held | None:
        """The token with this id, unless it was revoked."""

    @property
    def is_current(self) -> bool:
        """Whether a revocation elsewhere would have been heard of by now."""

    @property
    def confirmed_at(self) -> float:
        """When the database was asked last (monotonic seconds)."""

    async def refresh(self) -> None:
        """Ask the database, now."""

    async def changed(self) -> None:
        """Return when something is known that was not."""


class _NoTable:
    """Of a service without other tokens than the owner's."""

    is_current = True
    confirmed_at = float("inf")

    def get(self, token_id: str) -> Held | None:
        return None

    async def refresh(self) -> None:
        return None

    async def changed(self) -> None:
        await asyncio.Event().wait()


class Unsure(Exception):
    """Whose token it is can't be said without asking; see `Access.identified`."""


class Access:
    """Knows the owner's token by its hash, the others by a table, and what anybody may read."""

    def __init__(
        self,
        owner: str,
        audience: str | None,
        *,
        key: bytes = b"",
        table: Table | None = None,
        issuer: Issuer | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._owner_hash = _hash(owner)
        self._key = key
        self._table: Table = table or _NoTable()
        self._issuer = issuer
        self._now = now
        self._public = Identity(subject="", level=level_of(audience)) if audience else None

    def identify(self, authorization: str | None, scope: Scope = "read", *, is_asked: bool = False) -> Identity:
        """Who sends this Authorization header, from what is known here; whether they may is for the caller to ask.

        Args:
            authorization: the header, or None where none was sent.
            scope: what is wanted: what anybody may do needs no token.
            is_asked: the database was asked just now, so the table is right.

        Raises:
            NoToken: nothing was sent, and the call needs a token.
            WrongToken: what was sent is no token, is not known, was revoked, or has expired: it is not said which.
            Unsure: a revocation could have been missed.
        """
        if authorization is None:
            if self._public is None or scope != "read":
                raise NoToken(HOW)
            return self._public
        token = _token_in(authorization)
        # Compared as hashes, so that the time it takes tells nothing about the token.
        if hmac.compare_digest(_hash(token), self._owner_hash):
            return OWNER_IDENTITY
        return self._in_table(token, is_asked)

    def _in_table(self, token: str, is_asked: bool) -> Identity:
        if self._issuer is not None and is_foreign(token):
            if (who := self._issuer.known(token)) is None:
                raise Unsure
            return who
        presented = read_token(token)
        if presented is None:
            raise _wrong()
        if not (is_asked or self._table.is_current):
            raise Unsure
        held = self._table.get(presented.id)
        # One that is not known is compared too: the time must not tell which ids there are.
        same = hmac.compare_digest(hash_of(self._key, presented.text), held.hash if held else _NOBODY)
        if held is None or not same or not self._is_live(held):
            raise _wrong()
        return held.identity

    async def identified(self, authorization: str | None, scope: Scope = "read") -> Identity:
        """The same, and where the table may be behind the database is asked.

        Raises:
            NoToken, WrongToken: as `identify`.
            DatabaseUnavailable: it can't be asked, and nobody is let in on what was known before.
            Unavailable: nor can the issuer of sign-ins, whose token it says to be.
        """
        try:
            return self.identify(authorization, scope)
        except Unsure:
            token = _token_in(authorization)
            if self._issuer is not None and is_foreign(token):
                return await self._issuer.identity(token)
            await self._table.refresh()
            return self.identify(authorization, scope, is_asked=True)

    def still_valid(self, who: Identity) -> bool:
        """Whether one who was let in would be let in now: for what goes on after that, such as a stream."""
        if who.expires_at is not None and who.expires_at <= self._now():
            return False
        if who.is_public or who.token == OWNER or who.token.startswith(FOREIGN):
            return True
        if time.monotonic() - self._table.confirmed_at > UNCONFIRMED_SECONDS_MAX:
            return False
        held = self._table.get(who.token)
        return held is not None and self._is_live(held)

    async def until_ended(self, who: Identity) -> None:
        """Return as soon as one who was let in would not be any more: their token was revoked, or expired."""
        while self.still_valid(who):
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds_left(who)):
                    await self._table.changed()

    def _seconds_left(self, who: Identity) -> float:
        held = self._table.get(who.token)
        expires_at = held.identity.expires_at if held else who.expires_at
        left = UNCONFIRMED_SECONDS_MAX if expires_at is None else max(expires_at - self._now(), 0.0)
        return min(left, UNCONFIRMED_SECONDS_MAX)

    def _is_live(self, held: Held) -> bool:
        expires_at = held.identity.expires_at
        return expires_at is None or expires_at > self._now()


def _token_in(authorization: str | None) -> str:
    """The token of an Authorization header."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise _wrong()
    return token.strip()


def _wrong() -> WrongToken:
    return WrongToken("Expected `Bearer` and a token of this service that is in force, found something else.")


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
