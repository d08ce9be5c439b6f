"""A stream as a reader has it: events one after another, from a service in this process or another."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
from httpx_sse import ServerSentEvent
from httpx_sse._decoders import SSEDecoder, SSELineDecoder

from timeline.app import Application

PATIENCE_SECONDS = 20.0
SSE = {"Accept": "text/event-stream"}


class Heard:
    """What comes on one stream, read by somebody else's parser."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.raw = b""
        self.ended = False
        self._events: asyncio.Queue[ServerSentEvent | None] = asyncio.Queue()
        self._lines, self._decoder = SSELineDecoder(), SSEDecoder()

    def take(self, body: bytes) -> None:
        self.raw += body
        for line in self._lines.decode(body.decode()) if body else []:
            if (event := self._decoder.decode(line)) is not None:
                self._events.put_nowait(event)

    def end(self) -> None:
        self.ended = True
        self._events.put_nowait(None)

    async def event(self) -> ServerSentEvent:
        """The next event."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            found = await self._events.get()
        assert found is not None, "the stream ended"
        return found

    async def records(self, number: int) -> list[dict[str, Any]]:
        """The next records, whatever else comes between."""
        found: list[dict[str, Any]] = []
        while len(found) < number:
            event = await self.event()
            assert event.event in ("record", "position"), event
            if event.event == "record":
                found.append(event.json())
                assert event.id == str(found[-1]["position"])
        return found

    async def until_told_all(self) -> list[dict[str, Any]]:
        """Every record that comes before the next word of how far the stream is."""
        found: list[dict[str, Any]] = []
        while (event := await self.event()).event != "position":
            found.append(event.json())
        return found

    async def rest(self) -> list[ServerSentEvent]:
        """Everything until the stream ends."""
        found: list[ServerSentEvent] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (event := await self._events.get()) is not None:
                found.append(event)
        return found


@asynccontextmanager
async def stream(
    application: Application,
    query: str = "",
    headers: Mapping[str, str] = SSE,
    *,
    token: str | None = None,
    path: str = "/v1/changes",
) -> AsyncIterator[Heard]:
    """A stream of a service in this process; the client of the other tests waits for answers to end."""
    heard, left = Heard(), asyncio.Event()
    began = asyncio.Event()
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if asked:
            await left.wait()
            return {"type": "http.disconnect"}
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            heard.status = message["status"]
            heard.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            return
        began.set()
        heard.take(message["body"])
        if not message["more_body"]:
            heard.end()

    given = {**headers, **({"Authorization": f"Bearer {token}"} if token else {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 1),
        "server": ("timeline", 80),
        "root_path": "",
    }
    serving = asyncio.create_task(application.asgi(scope, receive, send))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await began.wait()
        yield heard
    finally:
        left.set()
        await serving


def problem(heard: Heard) -> dict[str, Any]:
    """What a stream was refused with."""
    found: dict[str, Any] = msgspec.json.decode(heard.raw)
    return found


def positions(records: list[dict[str, Any]]) -> list[int]:
    """Where records stand in the log."""
    return [each["position"] for each in records]


async def pages(client: httpx.AsyncClient, after: int = 0, **asked: Any) -> list[dict[str, Any]]:
    """The same, page by page until there is no more."""
    found: list[dict[str, Any]] = []
    while True:
        answer = await client.get("/v1/changes", params={"after": after, **asked})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["records"]
        if page["next"] == after:
            return found
        after = page["next"]
