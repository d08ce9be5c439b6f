"""Requests as bytes on a socket, for what no client library would send; and what a process weighs."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.services import Service

ANSWER_SECONDS_MAX = 30.0
MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        """Its problem document, checked to be one."""
        found: dict[str, Any] = json.loads(self.body)
        assert self.headers["content-type"] == "application/problem+json"
        assert found["status"] == self.status
        assert found["type"].startswith("/problems/")
        assert found["detail"]
        return found


class Wire:
    """One connection to a service."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, service: Service) -> "Wire":
        """A new connection."""
        url = urlsplit(service.url)
        return cls(*await asyncio.open_connection(url.hostname, url.port))

    async def send(self, data: bytes) -> None:
        """Send bytes as they are; for nothing where the other side has closed."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except ConnectionError:
            return

    async def end(self) -> None:
        """Send no more, and go on listening."""
        self._writer.write_eof()

    async def answer(self) -> Answer | None:
        """The next answer; None if the other side closes without one."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                top = await self._reader.readuntil(b"\r\n\r\n")
                first, *lines = top.decode("latin-1").rstrip().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
                body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        except (ConnectionError, asyncio.IncompleteReadError):
            return None
        finally:
            self.close()
        return Answer(status=int(first.split()[1]), headers=headers, body=body)

    def close(self) -> None:
        """Leave."""
        self._writer.transport.abort()


def head(service: Service, line: str, *headers: str) -> bytes:
    """The head of a request with the owner's token."""
    token = service.token_path.read_text().strip()
    lines = [f"{line} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def post(service: Service, path: str, body: bytes, *headers: str, media_type: str = "application/json") -> bytes:
    """A whole POST."""
    return head(service, f"POST {path}", f"Content-Type: {media_type}", f"Content-Length: {len(body)}", *headers) + body


async def exchange(service: Service, *parts: bytes) -> Answer | None:
    """Send on a connection of its own; the answer."""
    wire = await Wire.to(service)
    for part in parts:
        await wire.send(part)
    return await wire.answer()


def peak_bytes(service: Service) -> int:
    """The most memory that the process ever held."""
    return _status(service, "VmHWM")


def held_bytes(service: Service) -> int:
    """What it holds now."""
    return _status(service, "VmRSS")


def _status(service: Service, name: str) -> int:
    lines = Path(f"/proc/{service.process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024
