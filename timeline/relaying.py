"""`timeline relay`: the feed into a stream of NATS JetStream, each record once and in order.

The relay keeps no place of its own, for that could lie: the last message of the stream is the last record that was
published, and so says where to go on. Each message names the one that it must follow (`Nats-Expected-Last-Sequence`),
so that whatever is sent again, late or by another relay, is known by its `Nats-Msg-Id` or refused, however long ago it
was; and a page of messages can be on its way at once, for where one is lost none after it is taken.

    connect, read the place  ->  read a page of the feed  ->  publish it, wait for every answer  ->  the next page
             ^------------------ anything that goes wrong: wait, and begin again ------------------------'
"""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple
from uuid import UUID

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import Header, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from timeline.api.service import Reads
from timeline.errors import Unavailable, WrongDatabase, WrongSetting
from timeline.model.entry import Feed, RecordShown
from timeline.projections.feed import feed

log = structlog.get_logger()

PAGE_RECORDS = 200
"""Positions that are read, and messages that are on their way, at once: 13 MB where each is as large as may be."""
ANSWER_SECONDS_MAX = 10.0
CLOSE_SECONDS_MAX = 2.0
CONNECT_SECONDS_MAX, PING_SECONDS = 5, 10
WAIT_SECONDS = 1.0
RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 0.25, 15.0
PREFIX = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_ENCODER = msgspec.json.Encoder()


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where records go."""

    url: str
    stream: str
    prefix: str
    token: str | None = None
    after: int | None = None
    """Where to begin in a stream whose last message is not there to tell."""


class Place(NamedTuple):
    """How far a stream is."""

    position: int
    """Every record up to this one that may be seen was published."""
    sequence: int
    """The stream's last sequence, which the next message has to follow."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a message of ours says of its record, as far as it matters here."""

    position: int
    id: UUID


class NotStored(Exception):
    """The stream did not store a message as it was sent: it can't now, or another relay was there too."""


class _Error(msgspec.Struct, frozen=True, kw_only=True):
    description: str = ""


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What JetStream says to a message."""

    seq: int = 0
    duplicate: bool = False
    error: _Error | None = None


AWAY = (nats.errors.Error, OSError, TimeoutError, NotStored)
"""What may be over when it is tried again."""


def subject_of(prefix: str, record: RecordShown) -> str:
    """The subject of a record's message: those who want some kinds alone subscribe to those."""
    return f"{prefix}.{record.kind}"


def body_of(record: RecordShown) -> bytes:
    """A record as its message holds it: the JSON that it is in a page of the feed."""
    return _ENCODER.encode(record)


def headers_of(record: RecordShown, follows: int) -> dict[str, str]:
    """By what a message is known when it comes again, and the sequence that it has to follow."""
    return {Header.MSG_ID: record.id, Header.EXPECTED_LAST_SEQUENCE: str(follows)}


def told(body: bytes | None) -> Told | None:
    """What a message says of its record; None where it is none of ours."""
    try:
        return msgspec.json.decode(body or b"", type=Told)
    except msgspec.MsgspecError:
        return None


def takes(subjects: Iterable[str], prefix: str) -> bool:
    """Whether a stream of these subjects takes every record's message."""
    parts = prefix.split(".")
    whole = {".".join([*parts[:length], ">"]) for length in range(len(parts) + 1)}
    return any(each in whole or each == f"{prefix}.*" for each in subjects)


class Stream:
    """A stream of JetStream, over one connection."""

    def __init__(self, client: Client, target: Target) -> None:
        self._client = client
        self._js: JetStreamContext = client.jetstream(timeout=ANSWER_SECONDS_MAX)
        self._target = target
        self._inbox = client.new_inbox()
        self._waiting: dict[str, asyncio.Future[_Answer]] = {}

    async def begin(self) -> None:
        """Hear the answers to what is published."""
        # Not the library's `publish_async`: in 2.16 it loses what is refused, so that each refusal took a timeout.
        await self._client.subscribe(f"{self._inbox}.*", cb=self._answered)

    async def _answered(self, message: Msg) -> None:
        waiting = self._waiting.get(message.subject)
        if waiting is None or waiting.done():
            return
        try:
            waiting.set_result(msgspec.json.decode(message.data, type=_Answer))
        except msgspec.MsgspecError:  # nobody was there to answer: the server says so, in a header
            waiting.set_exception(NotStored(f"no stream takes {self._target.prefix}.> now"))

    def lost(self) -> None:
        """The connection is gone: no answer comes any more."""
        for each in self._waiting.values():
            if not each.done():
                each.set_exception(nats.errors.ConnectionClosedError())

    async def made(self) -> None:
        """Make the stream if it is not there.

        Raises:
            WrongSetting: the one that is there does not take what we publish, or drops it before it is read twice.
        """
        target = self._target
        try:
            config = (await self._js.stream_info(target.stream)).config
        except NotFoundError:
            subjects = [f"{target.prefix}.>"]
            await self._js.add_stream(StreamConfig(name=target.stream, subjects=subjects, storage=StorageType.FILE))
            log.info("the stream was made", stream=target.stream)
            return
        if not takes(config.subjects or (), target.prefix):
            found = ", ".join(config.subjects or ()) or "none"
            raise WrongSetting(f"Stream {target.stream}: expected that it takes {target.prefix}.>, found {found}.")
        if config.retention not in (None, RetentionPolicy.LIMITS):
            raise WrongSetting(
                f"Stream {target.stream}: expected the retention `limits`, found `{config.retention}`: its last "
                "message has to stay, for it tells where to go on."
            )

    async def place(self, known: Place | None) -> tuple[Place, Told | None]:
        """How far the stream is, and what its last message tells; `known` is what its last acknowledgement told.

        Raises:
            WrongSetting: nothing tells how far it is, or somebody else publishes to it.
        """
        name = self._target.stream
        last = (await self._js.stream_info(name)).state.last_seq
        if last == 0:
            return Place(self._target.after or 0, 0), None
        try:
            message = await self._js.get_msg(name, seq=last)
        except NotFoundError:
            if known is not None and known.sequence == last:
                return known, None
            if self._target.after is None:
                raise WrongSetting(
                    f"Stream {name}: its last message (sequence {last}) was removed, so that nothing tells which "
                    "record to go on after. Say so with --after POSITION."
                ) from None
            return Place(self._target.after, last), None
        if (record := told(message.data)) is None:
            raise WrongSetting(
                f"Stream {name}: its last message ({message.subject}) is none of ours. Expected a stream that nobody "
                "else publishes to."
            )
        return Place(record.position, last), record

    async def publish(self, place: Place, records: Sequence[RecordShown]) -> Place:
        """Publish records behind a place, and wait until all are stored; the place after them.

        Raises:
            NotStored, or another of AWAY: the stream did not store them all. Those that it did are the first of them.
        """
        try:
            for sequence, record in enumerate(records, place.sequence):
                await self._send(record, sequence)
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                answers = await asyncio.gather(*self._waiting.values())
        finally:
            for each in self._waiting.values():
                each.cancel()
                _ = each.cancelled() or each.exception()  # or asyncio complains of those that nobody asked
            self._waiting.clear()
        for sequence, answer in enumerate(answers, place.sequence + 1):
            if answer.error is not None:
                raise NotStored(answer.error.description)
            if answer.duplicate or answer.seq != sequence:
                raise NotStored(f"expected a message to be stored as sequence {sequence}, found it as {answer.seq}")
        return Place(records[-1].position, place.sequence + len(records)) if records else place

    async def _send(self, record: RecordShown, follows: int) -> None:
        reply = f"{self._inbox}.{follows}"
        self._waiting[reply] = asyncio.get_running_loop().create_future()
        headers = headers_of(record, follows) | {Header.EXPECTED_STREAM: self._target.stream}
        await self._client.publish(subject_of(self._target.prefix, record), body_of(record), reply, headers)


class Relay:
    """Publishes what a level may see of the feed, and what comes."""

    def __init__(self, to: Reads, target: Target, level: int) -> None:
        self._to = to
        self._target = target
        self._level = level
        self._place: Place | None = None
        self._retry_seconds = RETRY_SECONDS_MIN

    async def run(self) -> None:
        """Publish until cancelled.

        Raises:
            WrongSetting: the stream is none that we can publish to.
            WrongDatabase: it was fed from another log.
        """
        while True:
            try:
                async with connected(self._target) as stream:
                    await self._relay(stream)
            except AWAY as error:
                await self._pause("the stream is away", error)
            except Unavailable as error:
                await self._pause("the feed cannot be read", error)

    async def _relay(self, stream: Stream) -> None:
        await stream.made()
        place, record = await stream.place(self._place)
        if record is not None:
            await self._must_be_of_this_log(record)
        log.info("relaying", stream=self._target.stream, after=place.position, sequence=place.sequence)
        while True:
            self._place = place
            found = await self._page(place.position)
            if found.records:
                place = await stream.publish(place, found.records)
                self._retry_seconds = RETRY_SECONDS_MIN
            if found.next > place.position:
                place = Place(found.next, place.sequence)
            elif not await self._to.projector.reached(place.position + 1, WAIT_SECONDS):
                await asyncio.sleep(WAIT_SECONDS if self._to.projector.health.stopped else 0)

    async def _page(self, after: int) -> Feed:
        async with self._to.reader.at() as (connection, position):
            return await feed(connection, after, PAGE_RECORDS, self._level, position)

    async def _must_be_of_this_log(self, record: Told) -> None:
        position = await self._to.log.position_of(record.id)
        if position != record.position:
            there = "does not have it" if position is None else f"has it at {position}"
            raise WrongDatabase(
                f"The last message of stream {self._target.stream} is record {record.id} at position "
                f"{record.position}; this log {there}. It was fed from another log, or this one from an old backup."
            )

    async def _pause(self, what: str, error: BaseException) -> None:
        wait, self._retry_seconds = self._retry_seconds, min(self._retry_seconds * 2, RETRY_SECONDS_MAX)
        log.warning(what, stream=self._target.stream, error=str(error) or type(error).__name__, retry_seconds=wait)
        await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 – spreads retries, guards nothing


@asynccontextmanager
async def connected(target: Target) -> AsyncIterator[Stream]:
    """The stream, over a connection that is never mended behind our back: what it may have lost, nobody would know."""
    client = Client()
    stream: Stream | None = None
    why: list[Exception] = []

    async def closed() -> None:
        if stream is not None:
            stream.lost()

    async def failed(error: Exception) -> None:
        why.append(error)

    try:
        try:
            await client.connect(
                target.url,
                name="timeline relay",
                token=target.token,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=CONNECT_SECONDS_MAX,
                ping_interval=PING_SECONDS,
                error_cb=failed,
                closed_cb=closed,
            )
        except nats.errors.NoServersError as error:
            raise (why or [error])[-1] from None
        stream = Stream(client, target)
        await stream.begin()
        yield stream
    finally:
        with suppress(*AWAY):
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                await client.close()
