"""The wire: how long and how large a request may be before it is one, and how slowly an answer may be taken.

The server underneath keeps a connection for ever that sends nothing, or a byte now and then, and reads a head of any
size; each costs a file descriptor and memory, and nobody has shown a token yet.
"""

import asyncio
import time
from collections.abc import Iterable
from http import HTTPStatus

import structlog
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from timeline.api.problems import MEDIA_TYPE, answer
from timeline.errors import HeadTooLarge, MalformedRequest, TimelineError, TooSlow

log = structlog.get_logger("timeline.wire")

HEAD_BYTES_MAX = 65_536
"""Of the request line and all headers; eight times what the longest address that we take needs."""
GRACE_SECONDS = 20.0
BYTES_PER_SECOND_MIN = 1_000
"""What a client has begun to send must come within the grace and a second more for each so many bytes."""
UNREAD_SECONDS_MAX = 60.0
"""How long an answer may wait for a client that takes no more of it."""
LINGER_SECONDS = 2.0
"""How long what follows a refusal is thrown away: closed at once, the client would see a reset and no answer."""
LOOK_SECONDS = 1.0


class Connection(HttpToolsProtocol):
    """A client's connection. It notes what the client owes us since when; `keep_brisk` looks, so no request pays."""

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

    def data_received(self, data: bytes) -> None:
        if self._refused_at is not None:
            return
        self._since = self._since or time.monotonic()
        self._received += len(data)
        super().data_received(data)
        if self._in_head and self._received > HEAD_BYTES_MAX and self._refused_at is None:
            self._refuse(_head_too_large())

    def on_message_begin(self) -> None:
        self._since = self._since or time.monotonic()  # of several in one piece, each but the first begins here
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES_MAX:
            self._refusal = _head_too_large()
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
        elif self._unread_since is not None and now - self._unread_since > UNREAD_SECONDS_MAX:
            log.warning("connection cut: its answer is not read")
            self._abort()
        elif self.transport.is_closing():
            return
        elif self._since is not None and now - self._since > GRACE_SECONDS + self._received / BYTES_PER_SECOND_MIN:
            if self.flow.read_paused:  # we are slower than the client
                self._since = now
            elif self._received:
                self._refuse(_too_slow(self._received))
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
        head = f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
        head += f"content-length: {len(response.content)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
        self.transport.write(head.encode() + response.content)
        self.transport.write_eof()
        self._refused_at = time.monotonic()

    def _abort(self) -> None:
        self._leave()
        self.transport.abort()

    def _leave(self) -> None:
        """Tell whoever answers that nobody listens any more: what it wrote now would fail."""
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()


def _too_slow(received: int) -> TooSlow:
    limit = f"{GRACE_SECONDS:.0f} seconds and one more for each {BYTES_PER_SECOND_MIN:,} bytes"
    return TooSlow(f"Expected the whole request within {limit}, found {received:,} bytes of it.")


def _head_too_large() -> HeadTooLarge:
    return HeadTooLarge(f"Expected an address and headers of at most {HEAD_BYTES_MAX:,} bytes, found more.")


async def keep_brisk(connections: Iterable[object]) -> None:
    """End connections that are too slow, for as long as this runs."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        now = time.monotonic()
        for connection in list(connections):
            if isinstance(connection, Connection):
                connection.cut_if_slow(now)
