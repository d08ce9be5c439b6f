"""Sign-ins of an OpenID Connect issuer (extra `oidc`): access tokens that are signed JWTs (RFC 9068), checked here.

Its keys are fetched without blocking the loop, kept, and fetched again when a token names one that is not known (not
more often than every half minute, however many such tokens come) or an hour has gone by. A token that was checked once
is known until it ends or the keys change. There is nothing to revoke here: what the issuer let end, has ended.
"""

import asyncio
import base64
import hashlib
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

import msgspec
import structlog

from timeline.access.identity import FOREIGN, Identity
from timeline.errors import Unavailable, WrongSetting, WrongToken
from timeline.model.record import LEVEL_MAX, level_of
from timeline.model.tokens import SCOPES, Scope

log = structlog.get_logger()

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a private key alone: with `none` or a shared secret anybody could sign."""
SCOPE_PREFIX = "timeline:"
LEEWAY_SECONDS = 30
REFETCH_SECONDS_MIN = 30.0
KEYS_SECONDS_MAX = 3_600.0
ANSWER_SECONDS_MAX = 5.0
ANSWER_BYTES_MAX = 1_048_576
TOKEN_CHARACTERS_MAX = 8_192
KEPT_MAX = 10_000
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """Whose tokens are taken, and where in them it stands what they may."""

    issuer: str
    audience: str
    scope_claim: str
    level_claim: str


class _Described(msgspec.Struct):
    """What an issuer says of itself (OpenID Connect Discovery §3), as far as it matters here."""

    issuer: str
    jwks_uri: str


class Issuer:
    """An issuer of sign-ins."""

    def __init__(self, claims: Claims, now: Callable[[], float] = time.time) -> None:
        try:
            import httpx
            from joserfc import jwk, jwt
            from joserfc.errors import JoseError
        except ImportError:
            raise WrongSetting(
                "TIMELINE_OIDC_ISSUER: expected the extra `oidc` to be installed: pip install 'timeline[oidc]'."
            ) from None
        _check(claims.issuer)
        self._claims = claims
        self._now = now
        self._jwk, self._jwt, self._refused = jwk, jwt, (JoseError, ValueError, TypeError, KeyError)
        self._failed = httpx.HTTPError
        self._client = httpx.AsyncClient(timeout=ANSWER_SECONDS_MAX, headers={"Accept": "application/json"})
        self._keys: dict[str, Any] = {}
        self._fetched_at = -KEYS_SECONDS_MAX
        self._lock = asyncio.Lock()
        self._known: dict[bytes, Identity] = {}

    async def stop(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def known(self, token: str) -> Identity | None:
        """Whose token it is, if it was checked before and still holds."""
        if time.monotonic() - self._fetched_at > KEYS_SECONDS_MAX:
            return None
        found = self._known.get(_digest(token))
        return found if found is not None and (found.expires_at or 0) > self._now() else None

    async def identity(self, token: str) -> Identity:
        """Whose token it is.

        Raises:
            WrongToken: it is not one of this issuer for us that is in force, or says nothing of what it may.
            Unavailable: the issuer's keys can't be had.
        """
        kid = _kid(token)
        key = await self._key(kid)
        try:
            found = self._jwt.decode(token, key, algorithms=[*ALGORITHMS])
            self._jwt.JWTClaimsRegistry(
                now=lambda: int(self._now()),
                leeway=LEEWAY_SECONDS,
                iss={"essential": True, "value": self._claims.issuer},
                aud={"essential": True, "value": self._claims.audience},
                exp={"essential": True},
                sub={"essential": True},
            ).validate(found.claims)
            who = self._identity(found.claims)
        except self._refused:
            raise _wrong() from None
        if len(self._known) >= KEPT_MAX:
            self._known.clear()
        self._known[_digest(token)] = who
        return who

    def _identity(self, claims: dict[str, Any]) -> Identity:
        level = level_of(claims[self._claims.level_claim]) if self._claims.level_claim in claims else 0
        scope = _scope(claims.get(self._claims.scope_claim))
        if scope is None or not isinstance(claims["sub"], str):
            raise _wrong()
        if scope == "admin" and level < LEVEL_MAX:
            scope = "curate"  # as a token of ours: who issues tokens sees the records about them
        subject = str(uuid5(uuid5(NAMESPACE_URL, self._claims.issuer), claims["sub"]))
        ends = float(claims["exp"]) + LEEWAY_SECONDS
        return Identity(subject=subject, level=level, scope=scope, token=FOREIGN + subject, expires_at=ends)

    async def _key(self, kid: str | None) -> Any:
        if self._found(kid) is None or time.monotonic() - self._fetched_at > KEYS_SECONDS_MAX:
            async with self._lock:
                age = time.monotonic() - self._fetched_at
                if age > KEYS_SECONDS_MAX or (self._found(kid) is None and age > REFETCH_SECONDS_MIN):
                    await self._fetch()
        found = self._found(kid)
        if found is None:
            raise _wrong()
        return found

    def _found(self, kid: str | None) -> Any:
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid or "")

    async def _fetch(self) -> None:
        """Get the keys. Those that we have go on where the issuer does not answer."""
        self._fetched_at, before = time.monotonic(), self._fetched_at
        try:
            where = self._claims.issuer.rstrip("/") + "/.well-known/openid-configuration"
            described = msgspec.json.decode(await self._get(where), type=_Described)
            if described.issuer != self._claims.issuer:
                raise ValueError("the issuer calls itself by another name")
            _check(described.jwks_uri)
            held = msgspec.json.decode(await self._get(described.jwks_uri))["keys"]
            usable = [each for each in held if each.get("kty") != "oct" and each.get("use", "sig") == "sig"]
            keys = {each.get("kid", ""): self._jwk.import_key(each) for each in usable}
        except (self._failed, msgspec.MsgspecError, WrongSetting, *self._refused) as error:
            log.warning("the issuer's keys can't be had", error=type(error).__name__)
            if not self._keys:
                self._fetched_at = before
                told = "The issuer of sign-ins does not answer as it should. Try again."
                raise Unavailable(told, retry_after_seconds=5) from None
            return
        if {kid: key.as_dict(private=False) for kid, key in keys.items()} != {
            kid: key.as_dict(private=False) for kid, key in self._keys.items()
        }:
            self._known.clear()
        self._keys = keys

    async def _get(self, where: str) -> bytes:
        async with self._client.stream("GET", where) as answer:
            answer.raise_for_status()
            body = b""
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > ANSWER_BYTES_MAX:
                    raise ValueError("the issuer's answer is too long")
            return body


def is_foreign(token: str) -> bool:
    """Whether a text has the form of a signed JWT."""
    return token.count(".") == 2 and len(token) <= TOKEN_CHARACTERS_MAX and token.isascii()


def _kid(token: str) -> str | None:
    """The key that a token says it was signed with; nothing of this is believed."""
    head = token.split(".")[0]
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)), type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError):
        raise _wrong() from None
    if found.get("alg") not in ALGORITHMS:
        raise _wrong()
    kid = found.get("kid")
    return kid if isinstance(kid, str) else None


def _scope(claim: object) -> Scope | None:
    """The highest scope in a claim: words apart by blanks, or a list of them; others' scopes are nobody's here."""
    words = claim.split() if isinstance(claim, str) else claim if isinstance(claim, list) else []
    held = [scope for scope in SCOPES if SCOPE_PREFIX + scope in words]
    return held[-1] if held else None


def _check(address: str) -> None:
    """Raise WrongSetting where keys would be fetched so that anybody on the way could exchange them."""
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise WrongSetting(f"TIMELINE_OIDC_ISSUER: expected an https address, found {address!r}.")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _wrong() -> WrongToken:
    return WrongToken(
        "Expected a token of this service or of its issuer of sign-ins that is in force and names a scope "
        f"({', '.join(SCOPE_PREFIX + each for each in SCOPES)}), found something else."
    )
