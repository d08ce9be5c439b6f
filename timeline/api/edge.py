"""Before and after every request: what holds for all routes, around the framework.

The framework answers HEAD with 405, lists half of the methods in Allow where two handlers share a path, and counts no
request that no route takes; so these are decided here.
"""

import asyncio
import gzip
import re
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import structlog
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Receive, Send

from timeline.access import Identity
from timeline.api.answer import HEAD_ONLY, SUFFIX, SUFFIXES
from timeline.api.contract import Contract
from timeline.api.gate import Gate
from timeline.api.headers import Headers, Standing
from timeline.api.metrics import Metrics
from timeline.api.problems import answer, handle, instance_of
from timeline.api.recent import Recent
from timeline.api.service import IDENTITY
from timeline.errors import BadRequest, MethodNotAllowed, NotFound, TimelineError
from timeline.model.faults import shown

log = structlog.get_logger("timeline.access")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
ADDRESS_MAX = 8_000
"""Characters of a path and its query; RFC 9110 §4.1 asks for that many to be taken."""
SQUEEZED_BYTES_MIN = 1_000
"""Smaller answers are not worth the reader's time to unpack."""
SQUEEZE_LEVEL = 1
"""A page of 50 becomes a twelfth at level 1 in 0.2 ms; at level 9, the framework's own, a fifteenth in 1.2 ms."""
SQUEEZE_ASIDE_BYTES_MIN = 256_000
"""Larger answers are squeezed in a thread, so that others are served meanwhile."""


class _Address:
    """A path that routes take, with its methods."""

    def __init__(self, path: str) -> None:
        self.template = re.sub(r"\{(\w+):\w+\}", r"{\1}", path)
        self.parts = self.template.split("/")
        self.contracts: dict[str, Contract] = {}

    @property
    def methods(self) -> set[str]:
        """The methods that it takes."""
        return set(self.contracts)

    def takes(self, parts: list[str]) -> bool:
        """Whether a path of as many parts is one of these."""
        return all(own == part or (own[:1] == "{" and part) for own, part in zip(self.parts, parts, strict=True))


class _Addresses:
    """Every address that is served."""

    def __init__(self, routes: Iterable[Any]) -> None:
        self._exact: dict[str, _Address] = {}
        self._open: dict[tuple[int, str], list[_Address]] = {}
        for route in routes:
            if not isinstance(route, HTTPRoute):
                continue
            if route.path not in self._exact:
                made = self._exact[route.path] = _Address(route.path)
                if "{" in route.path:
                    self._open.setdefault((len(made.parts), made.parts[2]), []).append(made)
            for handler in route.route_handlers:
                if methods := set(map(str, handler.http_methods)) - {"OPTIONS"}:  # those the framework adds
                    # Without a contract, so without a scope, nothing is served.
                    self._exact[route.path].contracts |= dict.fromkeys(methods, handler.opt["contract"])

    def find(self, path: str) -> _Address | None:
        """The address that takes a path: one that is written so, before one with something left open."""
        if (found := self._exact.get(path)) is not None and "{" not in path:
            return found
        parts = path.split("/")
        candidates = self._open.get((len(parts), parts[2]), []) if len(parts) > 2 else []
        return next((each for each in candidates if each.takes(parts)), None)


class _Sender:
    """Passes an answer on: with the headers that all answers have, squeezed for who asks, without a body for HEAD.

    An answer's head waits for the first of its body, whose size decides.
    """

    def __init__(self, send: Send, scope: Any, added: Headers) -> None:
        self.status = 500
        self._send = send
        self._added = added
        self._head = scope["method"] == "HEAD"
        self._squeezes = any(name == b"accept-encoding" and _takes_gzip(value) for name, value in scope["headers"])
        self._start: Any = None
        self.is_begun = False
        """Whether a part of the answer is on its way, so that no other can be given."""
        self.headers: Headers = []

    async def __call__(self, message: Any) -> None:
        """Take one message of the answer."""
        if message["type"] == "http.response.start":
            self.status, self._start, self.headers = message["status"], message, message["headers"]
            return
        self.is_begun = True
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._start is not None:
            headers = self._start["headers"]
            if len(body) >= SQUEEZED_BYTES_MIN and not more:
                headers, body = await self._squeezed(headers, body)
            headers = [*headers, *self._added]
            await self._send({"type": "http.response.start", "status": self.status, "headers": headers})
            self._start = None
        await self._send({"type": "http.response.body", "body": b"" if self._head else body, "more_body": more})

    async def _squeezed(self, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
        """The answer as gzip (RFC 9110 §8.4.1.3), if the reader takes that."""
        names = {name for name, _ in headers}
        if b"vary" not in names:
            headers = [*headers, (b"vary", b"Accept-Encoding")]
        if not self._squeezes or b"content-encoding" in names:
            return headers, body
        if len(body) < SQUEEZE_ASIDE_BYTES_MIN:
            body = gzip.compress(body, SQUEEZE_LEVEL, mtime=0)
        else:
            body = await asyncio.to_thread(gzip.compress, body, SQUEEZE_LEVEL, mtime=0)
        kept = [each for each in headers if each[0] != b"content-length"]
        return [*kept, (b"content-encoding", b"gzip"), (b"content-length", str(len(body)).encode())], body


def _takes_gzip(accepted: bytes) -> bool:
    """Whether an Accept-Encoding names gzip, or anything, and does not refuse it by `q=0`."""
    for each in accepted.decode("latin-1").lower().split(","):
        name, *weight = (part.strip() for part in each.split(";"))
        if name in ("gzip", "*"):
            return not any(re.fullmatch(r"q=0(\.0*)?", part) for part in weight)
    return False


class Edge:
    """The outermost ASGI application."""

    def __init__(
        self,
        inner: ASGIApp,
        routes: Iterable[Any],
        gate: Gate,
        metrics: Metrics,
        recent: Recent,
        standing: Standing,
    ) -> None:
        self._inner = inner
        self._gate = gate
        self._standing = standing
        self._recent = recent
        self._metrics = metrics
        self._addresses = _Addresses(routes)
        self._log = log.bind()  # a logger that is not bound looks up how it is configured, 15 µs each time

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve one request, or pass the lifespan on."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = _request_id(scope)
        conditional = self._recent.asked(scope)
        if conditional is not None and (told := self._recent.holds(conditional, scope)) is not None:
            added = self._standing.of(scope, request_id)
            await send({"type": "http.response.start", "status": 304, "headers": [*told.headers, *added]})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            spent = time.perf_counter() - began
            self._note("GET", told.route, 304, spent, conditional.who, request_id=request_id)
            return
        asked, scope = scope, {**scope}  # the server goes on by its own: of HEAD it must know that no body follows
        address = self._prepare(scope)
        sender = _Sender(send, asked, self._standing.of(asked, request_id))
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._serve(scope, receive, sender, address)
                if conditional is not None:
                    self._recent.keep(conditional, sender.status, sender.headers, address)
            except Exception as error:
                # Left alone, the server underneath would answer in its own words. What is half sent it has to cut off.
                if sender.is_begun:
                    raise
                await handle(scope, error)(scope, receive, sender)
            finally:
                who = scope.get(IDENTITY)
                self._note(asked["method"], address, sender.status, time.perf_counter() - began, who)

    def _prepare(self, scope: Any) -> _Address | None:
        """Take a format's suffix off the path of what can be read, and find what may answer it."""
        path = scope["path"]
        suffix = next((each for each in SUFFIXES if path.endswith(each)), None) if path.startswith("/v1/") else None
        found = self._addresses.find(path.removesuffix(suffix)) if suffix else None
        if found is None or "GET" not in found.methods:
            return self._addresses.find(path)
        scope[SUFFIX], scope["path"] = suffix, path.removesuffix(suffix)
        scope["raw_path"] = quote(scope["path"]).encode()
        return found

    async def _serve(self, scope: Any, receive: Receive, send: Send, address: _Address | None) -> None:
        method = scope["method"]
        if len(scope["path"]) + len(scope["query_string"]) > ADDRESS_MAX:
            error: TimelineError = BadRequest(f"Expected an address of at most {ADDRESS_MAX:,} characters, found more.")
            await _refuse(error, scope, receive, send, {})
            return
        if address is None:
            error = NotFound(f"Nothing is served at {shown(scope['path'])}. See /docs.")
            await _refuse(error, scope, receive, send, {})
            return
        methods = address.methods & {"GET"} if SUFFIX in scope else address.methods  # no format is posted to
        allowed = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        allow = {"Allow": ", ".join(sorted(allowed))}
        if method == "OPTIONS":
            told = [(b"allow", allow["Allow"].encode()), *self._standing.preflight(scope, allow["Allow"])]
            await send({"type": "http.response.start", "status": 204, "headers": told})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        elif method not in allowed:
            await _refuse(MethodNotAllowed(f"Expected {allow['Allow']}, found {method}."), scope, receive, send, allow)
        else:
            if method == "HEAD":
                scope["method"], scope[HEAD_ONLY] = "GET", True  # a GET whose body is left out
            try:
                await self._gate.admit(scope, address.contracts[scope["method"]])
            except TimelineError as error:
                await _refuse(error, scope, receive, send, {})
                return
            await self._inner(scope, receive, send)

    def _note(
        self, method: str, address: _Address | None, status: int, seconds: float, who: Identity | None, **more: str
    ) -> None:
        """Count and log a request: never its body, its credentials or its query; of the token its public id."""
        route = address.template if address else "unknown"
        self._metrics.request(method, route, status, seconds)
        if who is not None and who.token:
            more["token"] = who.token
        self._log.info("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1), **more)


def _request_id(scope: Any) -> str:
    given = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"x-request-id"), "")
    return given if REQUEST_ID.fullmatch(given) else uuid4().hex


async def _refuse(error: TimelineError, scope: Any, receive: Receive, send: Send, headers: dict[str, str]) -> None:
    await answer(error, instance_of(scope), headers)(scope, receive, send)
