"""Hear that the log has grown: one LISTEN connection per process, fanned out to every task that waits.

A notification is a hint. It is lost when the connection dies, passes no transaction pooler and reaches no standby; so
whoever waits here also looks for itself at each timeout. Polling is the truth, the hint only makes it prompt.

    seen = listener.generation          # before looking
    records = await read_after(position)
    if not records:
        await listener.wait_past(seen, timeout_seconds=0.5)
"""

import asyncio
import random

import asyncpg
import structlog

log = structlog.get_logger(__name__)

CONNECT_SECONDS_MAX = 10.0
RETRY_SECONDS_MIN = 0.1
RETRY_SECONDS_MAX = 5.0
CHECK_SECONDS = 30.0
"""How often a silent connection is asked whether it still lives: a vanished host says nothing by itself."""


class Listener:
    """Counts the notifications of one channel; reconnects by itself until it is stopped."""

    def __init__(self) -> None:
        self.generation = 0
        """Grows with each notification and each reconnection, as something may have happened while we were deaf."""
        self.is_listening = False
        self._rung = asyncio.Event()
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self, dsn: str, channel: str) -> None:
        """Listen from now on. Returns after the first attempt, even a failed one: the next follow by themselves."""
        if self._task is not None:
            raise RuntimeError("this listener was started already")
        self._task = asyncio.create_task(self._keep_listening(dsn, channel), name=f"listen to {channel}")
        await self._tried.wait()

    async def stop(self) -> None:
        """Close the connection and wake everybody up. May be called twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._ring()

    async def wait(self, timeout_seconds: float) -> None:
        """Return at the next notification, at the latest after the timeout."""
        await self.wait_past(self.generation, timeout_seconds)

    async def wait_past(self, seen: int, timeout_seconds: float) -> int:
        """As `wait`, but at once if there was a notification since `seen`. Returns the generation now."""
        if self.generation <= seen:
            try:
                async with asyncio.timeout(timeout_seconds):
                    await self._rung.wait()
            except TimeoutError:
                pass
        return self.generation

    def _ring(self) -> None:
        """Wake up who waits now; who comes later gets a new event to wait for."""
        self.generation += 1
        self._rung.set()
        self._rung = asyncio.Event()

    async def _keep_listening(self, dsn: str, channel: str) -> None:
        retry_seconds = RETRY_SECONDS_MIN
        while True:
            try:
                await self._listen(dsn, channel)
            except Exception as error:
                # Whatever it was, this task must not end: nobody waits for it, and the polling covers for it meanwhile.
                log.warning("listening failed", channel=channel, error=repr(error), retry_seconds=retry_seconds)
            if self.is_listening:
                retry_seconds = RETRY_SECONDS_MIN
            self.is_listening = False
            self._tried.set()
            await asyncio.sleep(retry_seconds * random.uniform(0.5, 1.0))  # noqa: S311 – spreads retries, guards nothing
            retry_seconds = min(retry_seconds * 2, RETRY_SECONDS_MAX)

    async def _listen(self, dsn: str, channel: str) -> None:
        """Listen until the connection ends."""
        ended = asyncio.Event()
        connection = await asyncpg.connect(
            dsn, timeout=CONNECT_SECONDS_MAX, server_settings={"application_name": "timeline listener"}
        )
        try:
            connection.add_termination_listener(lambda _: ended.set())
            await connection.add_listener(channel, lambda *_: self._ring())
            self.is_listening = True
            self._ring()
            self._tried.set()
            while not await _happens(ended, CHECK_SECONDS):
                await connection.execute("SELECT 1", timeout=CONNECT_SECONDS_MAX)
            log.warning("the listening connection was closed", channel=channel)
        finally:
            connection.terminate()  # not close: it would wait for an answer from a server that may be gone


async def _happens(event: asyncio.Event, timeout_seconds: float) -> bool:
    try:
        async with asyncio.timeout(timeout_seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
