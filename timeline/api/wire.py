"""The wire: how long and how large a request may be before it is one, and how slowly an answer may be taken.

The server underneath keeps a connection for ever that sends nothing, or a byte now and then, and reads a head of any
size; each costs a file descriptor and memory, and nobody has shown a token yet.
"""

import asyncio
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import ClassVar

import structlog
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from timeline.api.headers import SECURITY
from timeline.api.problems import answer
from timeline.errors import HeadTooLarge, MalformedRequest, TimelineError, TooManyClients, TooSlow
from timeline.settings import Settings

log = structlog.get_logger("timeline.wire")

BYTES_PER_SECOND_MIN = 1_000
"""What a client has begun to send must come within the grace and a second more for each so many bytes."""
LINGER_SECONDS = 2.0
"""How long what follows a refusal is thrown away: closed at once, the client would see a reset and no answer."""
LOOK_SECONDS = 1.0


class Connection(HttpToolsProtocol):
    """A client's connection. It notes what the client owes us since when; `keep_brisk` looks, so no request pays."""

    limits: ClassVar[Settings] = Settings()
    _since: float | None = None
    """When the client began what it has not finished: to send a request, at first by connecting."""
    _received = 0
    _in_head = True
    _unread_since: float | None = None
    _refusal: TimelineError | None = None
    _refused_at: float | None = None
    _running: RequestResponseCycle | None = None
    """The request being answered; `cycle` is the last that came, which may have to wait for it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # (as its parent)
        self._since = time.monotonic()
        super().connection_made(transport)
        if len(self.connections) > self.limits.clients_max:
            self._refuse(TooManyClients("Too many clients are connected; try again.", retry_after_seconds=1))

    def data_received(self, data: bytes) -> None:
        if self._refused_at is not None:
            return
        self._since = self._since or time.monotonic()
        self._received += len(data)
        super().data_received(data)
        if self._in_head and self._received > self.limits.head_bytes_max and self._refused_at is None:
            self._refuse(self._head_too_large())

    def on_message_begin(self) -> None:
        self._since = self._since or time.monotonic()  # of several in one piece, each but the first begins here
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > self.limits.head_bytes_max:
            self._refusal = self._head_too_large()
            raise self._refusal  # which ends the parsing, and comes to send_400_response
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._since, self._received, self._in_head = None, 0, True
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self._unread_since = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._unread_since = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what could not be parsed; the parent would say so in plain text."""
        self._refuse(self._refusal or MalformedRequest("Expected a request of HTTP/1.1, found something else."))

    def cut_if_slow(self, now: float) -> None:
        """End it if the client is slower than it may be."""
        if self._refused_at is not None:
            if now - self._refused_at > LINGER_SECONDS:
                self._abort()
        elif self._unread_since is not None and now - self._unread_since > self.limits.unread_seconds_max:
            log.warning("connection cut: its answer is not read")
            self._abort()
        elif self.transport.is_closing():
            return
        elif self._since is not None and now - self._since > self._seconds_max():
            if self.flow.read_paused:  # we are slower than the client
                self._since = now
            elif self._received:
                self._refuse(self._too_slow())
            else:
                self.transport.close()

    def _refuse(self, error: TimelineError) -> None:
        """Answer with the problem and close; without the answer where another is under way."""
        log.warning("request refused on the wire", status=error.status, problem=error.slug())
        running = self._running
        if running is not None and running.response_started and not running.response_complete:
            self._abort()
            return
        self._leave()
        response = answer(error, "")
        told = [*SECURITY, *response.encoded, (b"connection", b"close")]
        lines = [f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}".encode()]
        head = b"\r\n".join([*lines, *(name + b": " + value for name, value in told), b"", b""])
        self.transport.write(head + response.content)
        if self.transport.can_write_eof():  # not over TLS
            self.transport.write_eof()
        self._refused_at = time.monotonic()

    def _seconds_max(self) -> float:
        return self.limits.request_grace_seconds + self._received / BYTES_PER_SECOND_MIN

    def _too_slow(self) -> TooSlow:
        limit = f"{self.limits.request_grace_seconds:.0f} seconds and one more for each {BYTES_PER_SECOND_MIN:,} bytes"
        return TooSlow(f"Expected the whole request within {limit}, found {self._received:,} bytes of it.")

    def _head_too_large(self) -> HeadTooLarge:
        most = f"{self.limits.head_bytes_max:,}"
        return HeadTooLarge(f"Expected an address and headers of at most {most} bytes, found more.")

    def _abort(self) -> None:
        self._leave()
        self.transport.abort()

    def _leave(self) -> None:
        """Tell whoever answers that nobody listens any more: what it wrote now would fail."""
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()


def connection_of(settings: Settings) -> type[Connection]:
    """The connections of a service that has these limits."""
    return type("Connection", (Connection,), {"limits": settings})


async def keep_brisk(connections: Iterable[object]) -> None:
    """End connections that are too slow, for as long as this runs."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        now = time.monotonic()
        for connection in list(connections):
            if isinstance(connection, Connection):
                connection.cut_if_slow(now)
