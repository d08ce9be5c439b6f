"""Readers of the live feed who come back whenever they are cut off, and what each of them was given."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
from httpx_sse import aconnect_sse

PAUSE_SECONDS = 0.05
ANSWER_SECONDS_MAX = 60.0
Given = list[tuple[int, str]]


class Followers:
    """Everybody who follows, from the beginning until told where the log ends."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        """Where the service is now: it may be another after it was killed."""
        self.given: dict[str, Given] = {}
        self.cut = 0
        """How often a reader was cut off and came back."""
        self._token = token
        self._end: int | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, how: Callable[[httpx.AsyncClient, Given], Awaitable[None]]) -> None:
        """Let one more follow."""
        self._tasks.append(asyncio.create_task(self._follow(how, self.given.setdefault(name, [])), name=name))

    async def all_at(self, end: int) -> None:
        """Nobody writes any more, and this is the last position: wait until everybody was told so."""
        self._end = end
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            await asyncio.gather(*self._tasks)

    async def _follow(self, how: Callable[[httpx.AsyncClient, Given], Awaitable[None]], given: Given) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        async with httpx.AsyncClient(headers=headers, timeout=ANSWER_SECONDS_MAX) as client:
            await how(client, given)

    def _is_over(self, reached: int) -> bool:
        return self._end is not None and reached >= self._end

    async def by_stream(self, client: httpx.AsyncClient, given: Given) -> None:
        """As `EventSource` does: come back with the id of the last event."""
        last = 0
        while not self._is_over(last):
            with suppress(httpx.TransportError):
                headers = {"Last-Event-ID": str(last)} if last else {}
                async with aconnect_sse(client, "GET", f"{self.url}/v1/changes", headers=headers) as source:
                    async for event in source.aiter_sse():
                        if event.event == "record":
                            given.append(_line(event.json()))
                        last = int(event.id)
                        if self._is_over(last):
                            return
            self.cut += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def by_waiting(self, client: httpx.AsyncClient, given: Given) -> None:
        """Page by page, each waiting for something to come."""
        await self._by_pages(client, given, wait=1)

    async def by_pages(self, client: httpx.AsyncClient, given: Given) -> None:
        """Page by page, as fast as they come."""
        await self._by_pages(client, given, limit=7)

    async def _by_pages(self, client: httpx.AsyncClient, given: Given, **asked: Any) -> None:
        after = 0
        while not self._is_over(after):
            try:
                answer = await client.get(f"{self.url}/v1/changes", params={"after": after, **asked})
            except httpx.TransportError:
                self.cut += 1
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if answer.status_code == 503:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            assert answer.status_code == 200, answer.text
            page = answer.json()
            given += [_line(each) for each in page["records"]]
            if page["next"] == after:
                await asyncio.sleep(PAUSE_SECONDS)
            after = page["next"]


def _line(record: dict[str, Any]) -> tuple[int, str]:
    return record["position"], record["id"]
