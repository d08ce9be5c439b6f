"""A whole timeline in one answer: portion by portion, all as of one position, so that its size costs no memory.

A connection is held while a portion is read, not while it is sent: whoever reads slowly keeps nobody else waiting. An
export that cannot be finished (its token was revoked, it is larger than may be, the database went away) is broken off,
so that no reader takes a part for the whole: the last chunk (RFC 9112 §7.1) never comes.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import structlog
from litestar import Response
from litestar.types import Receive, Scope, Send

from timeline.access import Identity
from timeline.api.service import Service
from timeline.api.streamed import whose
from timeline.errors import TimelineError
from timeline.formats.format import Portions
from timeline.model.entry import Page

log = structlog.get_logger()

Following = Callable[[str], Coroutine[Any, Any, Page]]
"""Reads the portion that a cursor leads to."""


class Exported(Response[bytes]):
    """A timeline from its first portion on."""

    def __init__(
        self,
        to: Service,
        who: Identity,
        portions: Portions,
        first: Page,
        following: Following,
        headers: dict[str, str],
    ) -> None:
        self._to = to
        self._who = who
        self._portions = portions
        self._first = first
        self._following = following
        self._headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        """Itself: there is nothing to work out."""
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, portion by portion.

        Raises:
            TooManyStreams, StreamsFull: before anything is sent.
        """
        with self._to.streams.one_more(whose(self._who, scope)):
            reader = asyncio.create_task(_left(receive), name="export's reader")
            try:
                await send({"type": "http.response.start", "status": 200, "headers": self._headers})
                await self._send(send, reader)
            except TimelineError as error:
                log.warning("export broken off", why=type(error).__name__)
            finally:
                reader.cancel()
                with suppress(asyncio.CancelledError):
                    await reader

    async def _send(self, send: Send, reader: asyncio.Task[None]) -> None:
        page, sent = self._first, 0
        await _write(send, self._portions.head(page))
        while True:
            sent += len(page.entries)
            if sent > self._to.settings.export_entries_max:
                log.warning("export broken off", why="larger than export_entries_max")
                return
            await _write(send, self._portions.entries(page))
            if page.next is None:
                break
            if reader.done() or not self._to.access.still_valid(self._who):
                log.info("export broken off", why="its reader left" if reader.done() else "its token ended")
                return
            page = await self._following(page.next)
        await _write(send, self._portions.tail(page), more=False)


async def _write(send: Send, body: bytes, *, more: bool = True) -> None:
    if body or not more:
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _left(receive: Receive) -> None:
    """Return when nobody listens any more."""
    while (await receive())["type"] != "http.disconnect":
        pass
