"""Headers that every answer has, whatever became of the request: what browsers may do with it, and whose."""

import base64
import hashlib
from collections.abc import Collection

from timeline.formats.html import STYLE

Headers = list[tuple[bytes, bytes]]

_OWN_STYLE = base64.b64encode(hashlib.sha256(STYLE.encode()).digest())
"""That of a brief: it stands in the page, which is to be sent, and no other style may (CSP Level 3 §8.4)."""
SECURITY: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self' 'sha256-%b'; img-src 'self'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'" % _OWN_STYLE,
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"x-permitted-cross-domain-policies", b"none"),
)
STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
"""Told only where TLS is: over plain HTTP browsers ignore it, and on an address of one's own it would outlive a try."""

EXPOSED = b"ETag, Link, Location, Retry-After, Timeline-Position, X-Request-Id"
ASKABLE = b"Accept, Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-Request-Id"
PREFLIGHT_SECONDS = b"600"


class Standing:
    """The headers that all answers of a service have."""

    def __init__(self, *, tls: bool, origins: Collection[str]) -> None:
        self._always = (*SECURITY, STRICT_TRANSPORT) if tls else SECURITY
        self._origins = {origin.encode("latin-1") for origin in origins}

    def of(self, scope: object, request_id: str) -> Headers:
        """Those of the answer to a request.

        A page of an origin that is not listed gets its answer too, and its browser keeps it from it; so what is
        answered depends on the origin, and caches are told. No cookie is known here, so no credentials are allowed.
        """
        found = [*self._always, (b"x-request-id", request_id.encode())]
        if self._origins:
            found.append((b"vary", b"Origin"))
            if (origin := _header(scope, b"origin")) in self._origins:
                found += [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", EXPOSED)]
        return found

    def preflight(self, scope: object, methods: str) -> Headers:
        """What a browser asks before it sends what a form could not (Fetch, CORS-preflight); none for others."""
        if _header(scope, b"origin") not in self._origins or not _header(scope, b"access-control-request-method"):
            return []
        return [
            (b"access-control-allow-methods", methods.encode()),
            (b"access-control-allow-headers", ASKABLE),
            (b"access-control-max-age", PREFLIGHT_SECONDS),
            (b"vary", b"Access-Control-Request-Method, Access-Control-Request-Headers"),
        ]


def _header(scope: object, wanted: bytes) -> bytes:
    headers: Headers = scope["headers"]  # type: ignore[index]  # (a mapping of the server's own)
    return next((value for name, value in headers if name == wanted), b"")
