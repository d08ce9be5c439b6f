"""The feed as a stream: what a follower is handed, as Server-Sent Events, until one of the two leaves."""

import asyncio
from typing import Any

from litestar import Response
from litestar.types import Receive, Scope, Send

from timeline.access import Identity
from timeline.api.gate import address_of
from timeline.api.service import Service
from timeline.formats import sse
from timeline.projections.feed import Sought
from timeline.projections.live import Follower, Portion

HEADERS = [
    (b"content-type", sse.FORMAT.media_type.encode()),
    (b"cache-control", b"no-store"),
    (b"vary", b"Accept, Authorization, Accept-Encoding"),
    (b"x-accel-buffering", b"no"),  # a proxy that collects answers would hold the stream back
]


def whose(who: Identity, scope: Any) -> str:
    """By what streams are counted: the token, or where somebody without one calls from."""
    return f"address {address_of(scope)}" if who.is_public else f"token {who.token}"


class Streamed(Response[bytes]):
    """An answer that goes on."""

    def __init__(self, to: Service, who: Identity, sought: Sought, after: int) -> None:
        self._to = to
        self._who = who
        self._sought = sought
        self._after = after

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        """Itself: there is nothing to work out."""
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the stream ends.

        Raises:
            TooManyStreams, StreamsFull: before anything is sent.
        """
        counted = self._to.streams.one_more(whose(self._who, scope))
        with counted, self._to.live.following(self._who.level, self._sought, self._after) as follower:
            watching = [
                asyncio.create_task(_until_left(receive, follower), name="stream's reader"),
                asyncio.create_task(self._until_ended(follower), name="stream's token"),
            ]
            try:
                await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
                await _write(send, sse.BEGIN)
                await self._tell(send, follower)
            finally:
                for task in watching:
                    task.cancel()

    async def _tell(self, send: Send, follower: Follower) -> None:
        while True:
            portion = await follower.next()
            if portion.why == "left":
                return
            if not self._to.access.still_valid(self._who):
                portion = Portion(b"", follower.after, 0, "token")
            if portion.why is not None:
                await _write(send, sse.end(portion.after, portion.why), more=False)
                return
            await _write(send, portion.body if portion.records else sse.position(portion.after))
            self._to.streams.records += portion.records

    async def _until_ended(self, follower: Follower) -> None:
        """End the stream as soon as its token holds no more."""
        await self._to.access.until_ended(self._who)
        follower.end("token")


async def _write(send: Send, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _until_left(receive: Receive, follower: Follower) -> None:
    """End the stream when nobody listens any more: what is sent then goes nowhere, and nobody says so."""
    while (await receive())["type"] != "http.disconnect":
        pass
    follower.end("left")
