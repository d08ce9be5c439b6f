"""Before and after every request: what holds for all routes, around the framework.

The framework answers HEAD with 405, lists half of the methods in Allow where two handlers share a path, and counts no
request that no route takes; so these are decided here.
"""

import re
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import structlog
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Receive, Send

from timeline.api.answer import SUFFIX, SUFFIXES
from timeline.api.metrics import Metrics
from timeline.api.problems import MEDIA_TYPE, answer, instance_of
from timeline.errors import BadRequest, MethodNotAllowed, NotFound, TimelineError
from timeline.model.faults import shown

log = structlog.get_logger("timeline.access")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
PARTS = re.compile(r"(\{\w+:\w+\})")
ADDRESS_MAX = 8_000
"""Characters of a path and its query; RFC 9110 §4.1 asks for that many to be taken."""
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'",
}


class _Address:
    """A path that routes take, with its methods."""

    def __init__(self, path: str) -> None:
        self.template = re.sub(r"\{(\w+):\w+\}", r"{\1}", path)
        self.pattern = re.compile(
            "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in PARTS.split(path))
        )
        self.methods: set[str] = set()


class Edge:
    """The outermost ASGI application."""

    def __init__(self, inner: ASGIApp, routes: Iterable[Any], metrics: Metrics) -> None:
        self._inner = inner
        self._metrics = metrics
        found: dict[str, _Address] = {}
        for route in routes:
            if isinstance(route, HTTPRoute):
                found.setdefault(route.path, _Address(route.path)).methods |= set(route.methods)
        self._addresses = list(found.values())

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve one request, or pass the lifespan on."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = _request_id(scope)
        asked, scope = scope, {**scope}  # the server goes on by its own: of HEAD it must know that no body follows
        address, status = self._prepare(scope), 500
        head = asked["method"] == "HEAD"

        async def answer_with(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                added = {**SECURITY_HEADERS, "X-Request-Id": request_id}
                message["headers"] = [
                    *message["headers"],
                    *((k.lower().encode(), v.encode()) for k, v in added.items()),
                ]
            elif head and message["type"] == "http.response.body":
                message = {"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)}
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._serve(scope, receive, answer_with, address)
            finally:
                seconds = time.perf_counter() - began
                self._note(asked["method"], address, status, seconds)

    def _prepare(self, scope: Any) -> _Address | None:
        """Take a format's suffix off the path of what can be read, and find what may answer it."""
        path = scope["path"]
        suffix = next((each for each in SUFFIXES if path.startswith("/v1/") and path.endswith(each)), None)
        found = self._find(path.removesuffix(suffix)) if suffix else None
        if found is None or "GET" not in found.methods:
            return self._find(path)
        scope[SUFFIX], scope["path"] = suffix, path.removesuffix(suffix)
        scope["raw_path"] = quote(scope["path"]).encode()
        return found

    def _find(self, path: str) -> _Address | None:
        known = [each for each in self._addresses if each.pattern.fullmatch(path)]
        return min(known, key=lambda each: each.template.count("{"), default=None)

    async def _serve(self, scope: Any, receive: Receive, send: Send, address: _Address | None) -> None:
        method = scope["method"]
        if len(scope["path"]) + len(scope["query_string"]) > ADDRESS_MAX:
            error: TimelineError = BadRequest(f"Expected an address of at most {ADDRESS_MAX:,} characters, found more.")
            await _refuse(error, scope, send, {})
            return
        if address is None:
            error = NotFound(f"Nothing is served at {shown(scope['path'])}. See /docs.")
            await _refuse(error, scope, send, {})
            return
        methods = address.methods & {"GET"} if SUFFIX in scope else address.methods  # no format is posted to
        allowed = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        allow = {"Allow": ", ".join(sorted(allowed))}
        if method == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": [(b"allow", allow["Allow"].encode())]})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        elif method not in allowed:
            await _refuse(MethodNotAllowed(f"Expected {allow['Allow']}, found {method}."), scope, send, allow)
        else:
            if method == "HEAD":
                scope["method"] = "GET"  # a GET whose body is left out
            await self._inner(scope, receive, send)

    def _note(self, method: str, address: _Address | None, status: int, seconds: float) -> None:
        """Count and log a request: never its body, its credentials or its query."""
        route = address.template if address else "unknown"
        self._metrics.request(method, route, status, seconds)
        log.info("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1))


def _request_id(scope: Any) -> str:
    given = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"x-request-id"), "")
    return given if REQUEST_ID.fullmatch(given) else uuid4().hex


async def _refuse(error: TimelineError, scope: Any, send: Send, headers: dict[str, str]) -> None:
    response = answer(error, instance_of(scope))
    sent = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(response.content)).encode())]
    sent += [(name.lower().encode(), value.encode()) for name, value in (response.headers | headers).items()]
    await send({"type": "http.response.start", "status": error.status, "headers": sent})
    await send({"type": "http.response.body", "body": response.content, "more_body": False})
