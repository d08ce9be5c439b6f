"""The live feed: one reader in the process tails the feed, and wakes everybody who follows it.

A follower is where it is by its own position and nothing else. What it has not been told it takes from what the reader
holds of the last records, or else from the database, page by page: catch-up and live are the same step, so that there
is no seam to lose a record at. A follower that is slow holds nothing up and keeps nothing in memory; it falls back to
pages. Records are read once for all followers at a level and written down once for all who ask for them alike.

How far reads are is found by polling; a notification only makes the projector look sooner.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import structlog

from timeline.errors import NotFound, Unavailable
from timeline.formats.sse import Why
from timeline.model.entry import Feed, RecordShown
from timeline.projections import feed as feeds
from timeline.projections.feed import Headline, Sought, Timelines, Touch, found_by, head_of, timelines_of, touched
from timeline.projections.pages import Connection, Reader
from timeline.projections.projector import Projector

log = structlog.get_logger()

STEP_RECORDS_MAX = 200
"""Positions that are read at once for all followers."""
PAGE_RECORDS_MAX = 200
"""Records that a follower takes from the database at once; for all that it is told, no more than PORTION_BYTES_MAX."""
PORTION_BYTES_MAX = 65_536
"""What a follower is handed at once; one record may be as large."""
HELD_BYTES_MAX = 4_000_000
"""What is held of the last records for those who ask alike; who is further behind asks the database."""
CATCHING_UP_MAX = 3
"""Followers that read from the database at once, so that pages find connections too."""
WAIT_SECONDS = 1.0
RETRY_SECONDS = 0.25

Render = Callable[[RecordShown], bytes]


class Portion(NamedTuple):
    """What a follower is handed: some records written down, none for a beat, and where it is then."""

    body: bytes
    after: int
    records: int
    why: Why | None = None
    """Why it is the last."""


class Channel:
    """What is held of the last records, for everybody at a level who asks alike."""

    def __init__(self, level: int, sought: Sought) -> None:
        self.level = level
        self.sought = sought
        self.followers: set[Follower] = set()
        self.gone = False
        self.start: int | None = None
        """Everything after this position is held, up to `position`; None until the reader has begun to hold."""
        self.position = 0
        self._positions: list[int] = []
        self._written: list[bytes] = []
        self._bytes = 0
        self._taken: dict[int, Portion] = {}

    def begin(self, position: int) -> None:
        """Hold what comes after a position, if nothing is held yet."""
        if self.start is None:
            self.start = self.position = position

    def forget(self) -> None:
        """Drop what is held: some of it may have been erased or hidden since."""
        self._positions, self._written, self._bytes = [], [], 0
        self._taken.clear()
        if self.start is not None:
            self.start = self.position

    def add(self, written: list[tuple[int, bytes]], until: int) -> None:
        """Hold these as well; the oldest go where it is too much."""
        self._taken.clear()
        for position, body in written:
            self._positions.append(position)
            self._written.append(body)
            self._bytes += len(body)
        dropped = 0
        while self._bytes > HELD_BYTES_MAX:
            self.start = self._positions[dropped]
            self._bytes -= len(self._written[dropped])
            dropped += 1
        del self._positions[:dropped], self._written[:dropped]
        self.position = until

    def take(self, after: int) -> Portion | None:
        """The next that is held after a position; None where it is not held whole."""
        if self.start is None or after < self.start:
            return None
        if after >= self.position:
            return Portion(b"", after, 0)
        if (found := self._taken.get(after)) is None:
            found = self._taken[after] = self._joined(after)
        return found

    def _joined(self, after: int) -> Portion:
        first = bisect_right(self._positions, after)
        last, size = first, 0
        while last < len(self._positions) and (last == first or size + len(self._written[last]) <= PORTION_BYTES_MAX):
            size += len(self._written[last])
            last += 1
        reached = self.position if last == len(self._positions) else self._positions[last - 1]
        return Portion(b"".join(self._written[first:last]), reached, last - first)


class Follower:
    """Somebody who follows the feed: hands out what comes next, and waits for it."""

    def __init__(self, live: "Live", channel: Channel, after: int) -> None:
        self.after = after
        """Everything up to here was handed out, as far as it is asked for."""
        self._live = live
        self._channel = channel
        self._beat = live.beats
        self._rung = asyncio.Event()
        self._told_all = False
        self._why: Why | None = None

    def ring(self) -> None:
        """Let it look again."""
        self._rung.set()

    def end(self, why: Why) -> None:
        """Let it hand out nothing more but why it ends."""
        self._why = why
        self.ring()

    async def next(self) -> Portion:
        """What comes next: records, or a beat where nothing did. The last one says why."""
        while True:
            self._rung.clear()  # before looking: what comes now rings again
            if (why := self._ended()) is not None:
                return Portion(b"", self.after, 0, why)
            if self._beat != self._live.beats:
                self._beat = self._live.beats
                return Portion(b"", self.after, 0)
            portion = await self._look()
            if portion is None:
                continue
            moved = portion.after > self.after
            self.after = max(self.after, portion.after)
            if portion.body:
                return portion
            if moved:
                continue
            if not self._told_all:
                self._told_all = True
                return Portion(b"", self.after, 0)
            await self._rung.wait()

    async def something(self, seconds: float) -> None:
        """Wait, for so long at most, until there is something to show; where it is then tells how far there is none."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._ended() is None:
                    self._rung.clear()
                    before = self.after
                    portion = await self._look()
                    if portion is not None and portion.body:
                        return
                    if portion is not None:
                        self.after = max(self.after, portion.after)
                    if self.after == before:
                        await self._rung.wait()

    def _ended(self) -> Why | None:
        if self._why is not None:
            return self._why
        return "stopping" if self._live.stopping else "gone" if self._channel.gone else None

    async def _look(self) -> Portion | None:
        """What is held after where it is, or else a page; None where the database is away for a while."""
        held = self._channel.take(self.after)
        if held is not None:
            return held
        try:
            return await self._live.page(self._channel, self.after)
        except NotFound:
            self._channel.gone = True
        except Unavailable:
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS):
                    await self._rung.wait()
        return None


class Live:
    """The reader that tails the feed for everybody in the process."""

    def __init__(self, reader: Reader, projector: Projector, render: Render, beat_seconds: float) -> None:
        self.beats = 0
        """How many times it was time to say that all is well: at a rhythm that nothing changes."""
        self.stopping = False
        self._reader = reader
        self._projector = projector
        self._render = render
        self._beat_seconds = beat_seconds
        self._position = 0
        self._channels: dict[tuple[int, Sought], Channel] = {}
        self._catching_up = asyncio.Semaphore(CATCHING_UP_MAX)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to tail, where reads are now."""
        self._position = self._projector.health.position
        self._tasks = [
            asyncio.create_task(self._tail(), name="live feed"),
            asyncio.create_task(self._keep_beat(), name="live feed's beat"),
        ]

    def end(self) -> None:
        """Let every follower say that the service stops, and leave. Who comes now is told at once."""
        self.stopping = True
        self.ring()

    async def stop(self) -> None:
        """Stop tailing."""
        self.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def ring(self) -> None:
        """Let everybody look again."""
        for channel in self._channels.values():
            for follower in channel.followers:
                follower.ring()

    @contextmanager
    def following(self, level: int, sought: Sought, after: int) -> Iterator[Follower]:
        """Follow from after a position, while inside."""
        channel = self._channels.setdefault((level, sought), Channel(level, sought))
        follower = Follower(self, channel, after)
        channel.followers.add(follower)
        try:
            yield follower
        finally:
            channel.followers.discard(follower)
            if not channel.followers:
                del self._channels[level, sought]

    async def page(self, channel: Channel, after: int) -> Portion:
        """What a follower was not told yet and is not held, from the database: whole records, no more than it may keep.

        Raises:
            NotFound: what is asked for is nothing that the level may see any more.
            Unavailable: the database does not answer.
        """
        async with self._catching_up, self._reader.at() as (connection, position):
            found = await feeds.feed(connection, after, PAGE_RECORDS_MAX, channel.level, position, channel.sought)
        return self._portion(found)

    def _portion(self, found: Feed) -> Portion:
        written: list[bytes] = []
        size = 0
        for record in found.records:
            body = self._render(record)
            if written and size + len(body) > PORTION_BYTES_MAX:
                return Portion(b"".join(written), record.position - 1, len(written))
            written.append(body)
            size += len(body)
        return Portion(b"".join(written), found.next, len(written))

    async def _keep_beat(self) -> None:
        while True:
            await asyncio.sleep(self._beat_seconds)
            self.beats += 1
            self.ring()

    async def _tail(self) -> None:
        while True:
            try:
                if not await self._projector.reached(self._position + 1, WAIT_SECONDS):
                    await asyncio.sleep(RETRY_SECONDS if self._projector.health.stopped else 0)
                    continue
                before = self._position
                await self._step()
                if self._position == before:  # reads are not as far as this process was told
                    await asyncio.sleep(RETRY_SECONDS)
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS)
            except Exception as error:  # whatever it is, this must not end in silence: nobody else wakes the followers
                log.error("the live feed was interrupted", error=type(error).__name__, detail=str(error))
                await asyncio.sleep(WAIT_SECONDS)

    async def _step(self) -> None:
        """Read what came, for every level that is followed, and hand it to the channels all at once."""
        channels = list(self._channels.values())
        if not channels:
            self._position = self._projector.health.position
            return
        after = self._position
        for channel in channels:
            channel.begin(after)
        async with self._reader.at() as (connection, now):
            until = min(now, after + STEP_RECORDS_MAX)
            speaks_again = await connection.fetchval(feeds.SQL.speaks_again, after, until)
            written: dict[Channel, list[tuple[int, bytes]]] = {}
            for level in {channel.level for channel in channels}:
                at_level = [channel for channel in channels if channel.level == level]
                written |= await self._read(connection, level, at_level, after, until, now)
        # Nothing is awaited from here on: a database that goes away before leaves everything as it was.
        self._position = until
        for channel in channels:
            self._hand_on(channel, written[channel], until, forget=speaks_again)

    async def _read(
        self, connection: Connection, level: int, channels: list[Channel], after: int, until: int, now: int
    ) -> dict[Channel, list[tuple[int, bytes]]]:
        """What each channel of a level is to be told of these positions."""
        records = await feeds.records(connection, after, until, level)
        whole = {record.position: self._render(record) for record in records}
        heads = [head_of(record) for record in records]
        asking = [channel.sought for channel in channels if channel.sought.asks_what_changed]
        of = await timelines_of(connection, {each for sought in asking for each in sought.things}, level, now)
        touches: dict[int, list[Touch]] = {}
        if asking:
            standings = any(not sought.things for sought in asking)
            touches = await touched(connection, heads, level, of, standings=standings)
        told: dict[Channel, list[tuple[int, bytes]]] = {}
        for channel in channels:
            channel.gone = channel.gone or not all(each in of for each in channel.sought.things)
            found = _found(channel.sought, of, heads, touches)
            told[channel] = [(each, whole[each]) for each in whole if each in found]
            if channel.sought.standing_changed and found:
                some = [record for record in records if record.position in found]
                changed = await feeds.with_changes(connection, some, found, level)
                told[channel] = [(record.position, self._render(record)) for record in changed]
        return told

    def _hand_on(self, channel: Channel, written: list[tuple[int, bytes]], until: int, *, forget: bool) -> None:
        before = channel.position
        if forget:
            channel.forget()
        channel.add(written, until)
        for follower in channel.followers:
            if written or channel.gone or follower.after != before:
                follower.ring()
            else:
                follower.after = until  # it has everything: nothing of this was for it


def _found(
    sought: Sought, of: Timelines, heads: Iterable[Headline], touches: dict[int, list[Touch]]
) -> dict[int, list[Touch]]:
    return {head.position: some for head in heads if (some := found_by(sought, of, head, touches)) is not None}
