"""A load generator: keep-alive connections that each send a request, wait for the whole answer, and send the next.

Runs as a process of its own (`drive` starts it), so that its work is not counted as the server's. It speaks just enough
HTTP/1.1 to know where an answer ends, which costs it about 20 µs a request.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import uvloop

from tests.postgres import ROOT

UNIQUE = b"{unique}"
"""What stands in a body is replaced by another 32 hexadecimal digits with each request."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What to send, and for how long."""

    url: str
    method: str = "GET"
    headers: dict[str, str] = {}
    bodies: tuple[str, ...] = ("",)
    """Sent in turn."""
    connections: int = 1
    seconds: float = 5.0
    warm_up_seconds: float = 1.0


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What came back after the warm-up."""

    answers: int
    seconds: float
    statuses: dict[str, int]
    p50_ms: float
    p99_ms: float
    bytes_last: int
    """Of the last answer's body."""

    @property
    def per_second(self) -> float:
        """Answers a second, whatever their status."""
        return self.answers / self.seconds


def drive(asked: Asked) -> Measured:
    """Load a server from a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.load"],
        cwd=ROOT,
        input=msgspec.json.encode(asked),
        capture_output=True,
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=Measured)


class _Connection(asyncio.Protocol):
    """One connection: the next request as soon as the answer is whole."""

    def __init__(self, load: "_Load") -> None:
        self._load = load
        self._held = b""
        self._missing = -1
        self._sent_at = 0.0
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self._load.lost(error)

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._load.next_request())

    def data_received(self, data: bytes) -> None:
        if self._missing > 0:
            self._missing -= len(data)
        else:
            self._held += data
            end = self._held.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._held[:end]
            self._missing = _length(head) - (len(self._held) - end - 4)
            self._load.answered(head, self._sent_at)
            self._held = b""
        if self._missing <= 0:
            self._missing = -1
            if not self._load.over:
                self._send()
            else:
                self._transport.close()


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    if at < 0:
        return 0
    return int(head[at + 15 :].split(b"\r\n", 1)[0])


class _Load:
    """What all connections send, and what they got."""

    def __init__(self, asked: Asked) -> None:
        at = urlsplit(asked.url)
        self.host, self.port = at.hostname or "", at.port or 80
        target = at.path + (f"?{at.query}" if at.query else "")
        head = f"{asked.method} {target} HTTP/1.1\r\nHost: {at.netloc}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in asked.headers.items())
        self._requests = [self._request(head, body.encode()) for body in asked.bodies]
        self._turn = 0
        self._took: list[float] = []
        self._statuses: Counter[str] = Counter()
        self._bytes_last = 0
        self.over = False
        self.failed: Exception | None = None
        self._counting = False

    def _request(self, head: str, body: bytes) -> list[bytes]:
        grown = len(body) + body.count(UNIQUE) * (32 - len(UNIQUE))
        length = f"Content-Length: {grown}\r\n" if body else ""
        return (head.encode() + length.encode() + b"\r\n" + body).split(UNIQUE)

    def next_request(self) -> bytes:
        self._turn += 1
        parts = self._requests[self._turn % len(self._requests)]
        return parts[0] if len(parts) == 1 else uuid4().hex.encode().join(parts)

    def answered(self, head: bytes, sent_at: float) -> None:
        if self._counting:
            self._took.append(time.perf_counter() - sent_at)
            self._statuses[head[9:12].decode()] += 1
            self._bytes_last = _length(head)

    def lost(self, error: Exception | None) -> None:
        if not self.over:
            self.failed = error or ConnectionError("the server closed a connection")

    async def run(self, asked: Asked) -> Measured:
        loop = asyncio.get_running_loop()
        for _ in range(asked.connections):
            await loop.create_connection(lambda: _Connection(self), self.host, self.port)
        await asyncio.sleep(asked.warm_up_seconds)
        self._counting, began = True, time.perf_counter()
        await asyncio.sleep(asked.seconds)
        self._counting, seconds = False, time.perf_counter() - began
        self.over = True
        await asyncio.sleep(0.2)
        if self.failed is not None:
            raise self.failed
        return Measured(
            answers=len(self._took),
            seconds=seconds,
            statuses=dict(self._statuses),
            p50_ms=_share(self._took, 0.50) * 1000,
            p99_ms=_share(self._took, 0.99) * 1000,
            bytes_last=self._bytes_last,
        )


def _share(took: Sequence[float], share: float) -> float:
    return sorted(took)[int(len(took) * share)] if took else 0.0


def main() -> None:
    """Read what is asked from standard input, write what was measured."""
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Asked)
    measured = uvloop.run(_Load(asked).run(asked))
    json.dump(msgspec.to_builtins(measured), sys.stdout)


if __name__ == "__main__":
    main()
