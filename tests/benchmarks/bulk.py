"""Make a large database quickly and honestly: `uv run python -m tests.benchmarks.bulk --events 1000000 --data-dir D`.

Every record has the payload that admission would have made of the post, goes through the log's own append function, and
is folded by the real projector; only HTTP and admission are left out. The stream of records depends on its seed alone
and the longer one begins with the shorter, so an interrupted run goes on where it stopped and a database can be grown.
"""

import argparse
import asyncio
import hashlib
import itertools
import os
import platform
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import msgspec

from tests.log.appending import WRITER_ROLE
from timeline.db.embedded import EmbeddedServer, keep_reachable
from timeline.db.logins import PROJECTOR as PROJECTOR_ROLE
from timeline.db.migrate import migrate
from timeline.log.read import SQL
from timeline.log.record import NewRecord
from timeline.model.codec import Payload, canonical, payload_bytes
from timeline.model.registry import REGISTRATIONS, keys
from timeline.projections.projector import NAME, begin, connect, rebuild, step
from timeline.projections.store import SQL as PROJECTOR

RECORDED_BY = "bulk"
APPEND_RECORDS = 5_000
STEP_RECORDS = 2_000
TELL_SECONDS = 5.0

FIRST_DAY = date(1970, 1, 5)
EVENTS_A_DAY = 50
"""A log that is ten times as long covers ten times as many days; a week always holds about as much."""
RECENT = 400
"""Replies and edits speak of one of so many latest events."""
FAMOUS_VERSIONS = 100
FAMOUS_EVERY = 6
"""The famous event is corrected after so many others, until it has all of its versions."""
FAMOUS_VOICES = 30

OCCURRENCES = {"military_action": 30, "meeting": 20, "visit": 15, "policy": 10, "aid": 8, "protest": 7, "arrest": 5}
REPLIES = {"report": 50, "denial": 22, "confirmation": 13, "assessment": 10, "statement": 5}
MARKED = {"clear": 40, "green": 20, None: 35, "amber+strict": 5}
MODALITIES = {"stated": 45, "reported": 35, "rumoured": 12, "alleged": 8}
EDITED = {"correction": 600, "retraction": 60, "duplicate": 30, "recall": 20, "marking": 8, "erasure": 2}
PROSE = (
    "officials said that the convoy left before dawn and that nobody was hurt / a spokesman denied it without giving "
    "details / two people who asked not to be named described talks near the port / witnesses heard shelling from the "
    "south for most of the night / an outlet close to the ministry announced a visit and later took the notice down"
)

_WORDS = PROSE.replace(" /", ".").split(" ")

Body = dict[str, Any]


class Told(msgspec.Struct, kw_only=True):
    """An event that later records may speak of."""

    id: str
    kind: str
    body: Body
    revision: int = 1


class Bulk(Iterator[NewRecord]):
    """An endless stream of records, the same for the same seed.

    `given` counts the records handed out, `events` the events made so far.
    """

    def __init__(self, seed: int = 1, *, hot_share: float = 0.3) -> None:
        self.given = 0
        self.events = 0
        self.hot = ""
        """The actor that takes part in `hot_share` of all occurrences."""
        self.famous = Told(id="", kind="", body={})
        """The event with a hundred versions."""
        self._random = random.Random(seed)
        self._hot_share = hot_share
        self._made: deque[NewRecord] = deque()
        self._numbers = itertools.count()
        self._things: dict[str, list[str]] = {kind: [] for kind in REGISTRATIONS}
        self._actors: deque[tuple[str, Body]] = deque(maxlen=50)
        self._recent: deque[Told] = deque(maxlen=RECENT)
        self._planned: deque[tuple[date, str]] = deque()
        self._begin()

    def __next__(self) -> NewRecord:
        while not self._made:
            self._happens()
        self.given += 1
        return self._made.popleft()

    def until(self, events: int) -> list[NewRecord]:
        """The next records, so many as one append takes, or to the end of what so many events bring along."""
        found: list[NewRecord] = []
        while len(found) < APPEND_RECORDS and (self.events < events or self._made):
            found.append(next(self))
        return found

    @property
    def today(self) -> date:
        """The day that the stream has come to."""
        return FIRST_DAY + timedelta(days=self.events // EVENTS_A_DAY)

    def _begin(self) -> None:
        """What is registered before anything happens."""
        for number in range(12):
            self._register("topic", {"slug": f"topic-{number}", "name": f"Topic {number}"})
        for number in range(60):
            self._register("place", {"slug": f"place-{number}", "name": f"Place {number}", "country": "LY"})
        self.hot = self._register("actor", {"slug": "hot", "name": "The hot actor", "type": "person"})
        for _ in range(60):
            self._new_actor()
        for number in range(60):
            self._register("source", self._source(number))
        self._register("source", {"slug": "machine", "name": "A machine", "feed": True})

    def _source(self, number: int) -> Body:
        of = self._things["actor"]
        extra: Body = {} if number % 3 else {"aligned_with": [self.hot, of[number % len(of)]]}
        extra |= {"speaks_for": [of[number % len(of)]]} if number % 7 == 0 else {}
        extra |= {"named": False} if number % 5 == 0 else {}
        return {
            "slug": f"source-{number}",
            "name": f"Source {number}",
            "reliability": "ABCDEF"[number % 6],
            "family": f"family-{number // 3}",
            **extra,
        }

    def _happens(self) -> None:
        """The next event, and what comes with it."""
        if self._chance(1 / 40):
            self._new_actor()
        if self._chance(1 / 200):
            self.register_anew()
        if self._planned and self._planned[0][0] <= self.today:
            self._speak("report", [self._planned.popleft()[1]], modality="stated", tense="past")
        elif not self._recent or self._chance(0.72):
            self._occur()
        else:
            self._reply()
        if self._chance(0.035):
            self.edit(self._pick(EDITED))
        if self.events % FAMOUS_EVERY == 0 and self.famous.revision < FAMOUS_VERSIONS:
            self._correct(self.famous)
        if self.events % FAMOUS_EVERY == 3 and self.events < FAMOUS_VOICES * FAMOUS_EVERY:
            self._speak(self._pick(REPLIES), [self.famous.id])

    def _occur(self) -> None:
        kind = self._pick(OCCURRENCES)
        body = self._occurrence(kind) | ({} if self.famous.id else {"marking": "clear"})
        told = self._event(kind, body)
        if not self.famous.id:
            self.famous = told
        if body.get("tense") == "future" and self._chance(0.9):
            self._planned.append((self.today + timedelta(days=25), told.id))

    def _occurrence(self, kind: str) -> Body:
        hot = [self.hot] if not self.famous.id or self._chance(self._hot_share) else []
        several = [*hot, *(self._some("actor") for _ in range(self._random.randint(1, 2)))]
        second = {"role": "host"} if kind in ("visit", "meeting") else {}
        body: Body = {
            "title": f"{kind.replace('_', ' ').capitalize()} {self.events}: {self._prose(5)}",
            **self._dated(),
            "participants": [{"actor": each, **(second if i else {})} for i, each in enumerate(dict.fromkeys(several))],
            "topics": [self._some("topic")],
            "source": self._some("source"),
            "modality": self._pick(MODALITIES),
        }
        body |= {"places": [{"place": self._some("place")}]} if self._chance(0.7) else {}
        body |= {"summary": self._prose(40)} if self._chance(0.5) else {}
        body |= {"quote": {"text": self._prose(30), "lang": "en"}} if self._chance(0.3) else {}
        body |= {"document": self._new_document()} if self._chance(0.25) else {}
        return body | self._marked()

    def _dated(self) -> Body:
        """When it happened and when that was said, as vague as reports are."""
        day, chance = self.today - timedelta(days=int(10 * self._random.random() ** 3)), self._random.random()
        later = day + timedelta(days=self._random.randint(1, 9))
        said = {"said": f"{self.today:%Y-%m-%d}"} if self._chance(0.97) else {}
        if chance < 0.04:
            return {"occurred": f"{self.today + timedelta(days=20):%Y-%m-%d}", "tense": "future"} | said
        if chance < 0.043:
            return {"occurred": f"since {day.day} {day:%B %Y}"} | said
        words = f"{'early' if day.day < 11 else 'mid' if day.day < 21 else 'late'} {day:%B %Y}"
        shapes = [f"[{day:%Y-%m-%d}..{later:%Y-%m-%d}]", f"{day:%Y-%m-%d}/{later:%Y-%m-%d}", f"{day:%Y-%m}", words]
        return {"occurred": self._random.choice(shapes) if chance < 0.35 else f"{day:%Y-%m-%d}"} | said

    def _reply(self) -> None:
        kind = self._pick(REPLIES)
        several = 2 if kind == "assessment" and self._chance(0.3) else 1
        self._speak(kind, list(dict.fromkeys(self._earlier().id for _ in range(several))))

    def _speak(self, kind: str, of: list[str], **fields: str) -> None:
        body: Body = {
            "of": of,
            "occurred": f"{self.today:%Y-%m-%d}",
            "source": self._some("source"),
            "modality": self._pick(MODALITIES),
            **fields,
            **self._marked(),
        }
        body |= {"title": f"A statement: {self._prose(6)}"} if kind == "statement" else {}
        body |= {"ground": self._random.choice(["authority", "admission", "record"])} if kind == "confirmation" else {}
        body |= {"likelihood": self._random.choice(["unlikely", "likely"])} if kind == "assessment" else {}
        self._event(kind, body)

    def edit(self, kind: str) -> None:
        """Edit one of the recent events next."""
        told = self._earlier()
        if told.id == self.famous.id:
            return
        match kind:
            case "correction":
                self._correct(told)
                return
            case "duplicate":
                survivor = self._earlier()
                if survivor.id == told.id:
                    return
                fields = {"survivor": survivor.id}
            case "marking":
                fields = {"marking": self._random.choice(["clear", "green", "amber"])}
            case "erasure":
                fields = {"authority": "An officer"}
            case _:
                fields = {}
        self._change(told, kind, {"reason": "A reason.", **fields})
        if kind != "marking":
            self._recent.remove(told)

    def _correct(self, told: Told) -> None:
        """The whole of the event again: dated anew, or told in other words."""
        anew = self._dated() if "of" not in told.body and self._chance(0.5) else {}
        told.body = {**told.body, **anew, "summary": self._prose(40)}
        event = {"kind": told.kind, **told.body}
        body = {"revision": told.revision, "ground": "new_evidence", "reason": self._prose(8), "event": event}
        self._change(told, "correction", body)

    def _change(self, told: Told, kind: str, body: Body) -> None:
        told.revision += 1
        self._add(kind, self._new_id(), {"subject": told.id, **body}, UUID(told.id), told.revision)

    def _event(self, kind: str, body: Body) -> Told:
        told = Told(id=self._new_id(), kind=kind, body=body)
        self._add(kind, told.id, body, UUID(told.id), 1)
        self._recent.append(told)
        self.events += 1
        return told

    def _new_actor(self) -> None:
        number = len(self._things["actor"])
        body = {"slug": f"actor-{number}", "name": f"Actor {number}", "aliases": [f"The {number}th one"]}
        body |= self._marked()
        self._actors.append((self._register("actor", body), body))

    def register_anew(self) -> None:
        """State one of the latest actors again next."""
        own_id, body = self._actors.popleft()
        again = {"marking": "clear", **body, "summary": self._prose(10), "revision": 1, "id": own_id}
        self._add("actor", str(uuid5(UUID(own_id), "revision 2")), again, UUID(own_id), 2)

    def judge(self) -> None:
        """Judge the two latest actors to be the same next, and take that back."""
        own, pair = self._new_id(), [own_id for own_id, _ in list(self._actors)[-2:]]
        for revision, judgement in enumerate(("same", "withdrawn"), 1):
            body = {"actors": pair, "judgement": judgement, "marking": "clear", "id": own}
            record = own if revision == 1 else str(uuid5(UUID(own), f"revision {revision}"))
            self._add("same_actor", record, body, UUID(own), revision)

    def _new_document(self) -> str:
        if self._things["document"] and self._chance(0.5):
            return self._things["document"][-1]
        number = len(self._things["document"])
        body = {
            "title": f"Document {number}: {self._prose(6)}",
            "url": f"https://example.org/{number}",
            "publisher": self._some("source"),
            "published": f"{self.today:%Y-%m-%d}",
            "type": "article",
        }
        return self._register("document", body | self._marked())

    def _register(self, kind: str, body: Body) -> str:
        own_id = self._new_id()
        self._add(kind, own_id, {"marking": "clear", **body, "id": own_id}, UUID(own_id), 1)
        self._things[kind].append(own_id)
        return own_id

    def _add(self, kind: str, own_id: str, body: Body, subject: UUID, revision: int) -> None:
        held = {name: value for name, value in body.items() if value is not None}
        found_by = None
        if kind in REGISTRATIONS:
            found_by = tuple(keys(msgspec.convert({"kind": kind, **held}, REGISTRATIONS[kind])))
        self._made.append(
            NewRecord(
                id=UUID(own_id),
                kind=kind,
                subject=subject,
                revision=revision,
                payload=payload_bytes(Payload(id=own_id, kind=kind, shape=1, recorded_by=RECORDED_BY, body=held)),
                request=canonical({"kind": kind, **held}) + b" by " + RECORDED_BY.encode(),
                keys=found_by,
                type=kind,
            )
        )

    def _new_id(self) -> str:
        """Ordered by time, as the server makes them: random ids would touch other index pages."""
        clock, bits = 1_700_000_000_000 + next(self._numbers), self._random.getrandbits(74)
        return str(UUID(int=clock << 80 | 7 << 76 | bits >> 62 << 64 | 2 << 62 | bits & (1 << 62) - 1))

    def _marked(self) -> Body:
        marking = self._pick(MARKED)
        return {"marking": marking} if marking else {}

    def _earlier(self) -> Told:
        """One of the recent events, the latest likeliest."""
        return self._recent[-1 - int(len(self._recent) * self._random.random() ** 2)]

    def _some(self, kind: str) -> str:
        """One of the registered things: a few often, most of them seldom."""
        several = self._things[kind]
        return several[int(len(several) * self._random.random() ** 2.5)]

    def _prose(self, words: int) -> str:
        start = int(len(_WORDS) * self._random.random())
        return " ".join(itertools.islice(itertools.cycle(_WORDS), start, start + words))

    def _pick(self, weights: dict[Any, int]) -> Any:
        return self._random.choices([*weights], [*weights.values()])[0]

    def _chance(self, share: float) -> bool:
        return self._random.random() < share


Tell = Callable[[int, int], object]


def _silent(at: int, of: int) -> None:
    """Nobody watches."""


async def append_events(dsn: str, bulk: Bulk, events: int, tell: Tell = _silent) -> None:
    """Append until the stream has so many events. What the log holds of it already is passed over."""
    async with _connected(dsn) as connection:
        held = await connection.fetchval(SQL.head) or 0
        while bulk.given < held:
            next(bulk)
        sending: asyncio.Task[None] | None = None
        while batch := bulk.until(events):
            if sending is not None:
                await sending
            sending = asyncio.create_task(append(connection, batch))
            await asyncio.sleep(0)  # the server takes these in while the next are made
            tell(bulk.events, events)
        if sending is not None:
            await sending


async def append(connection: asyncpg.Connection, records: list[NewRecord]) -> None:
    """Append records in one transaction, with salts and names as the writer gives them."""
    salts = [os.urandom(32) for _ in records]
    named = {new.subject: new for new in records if new.keys is not None}
    names = [(new.subject, new.type, key.form, key.text) for new in named.values() for key in new.keys or ()]
    await connection.execute(
        SQL.append_records,
        [new.id for new in records],
        [new.kind for new in records],
        [new.subject for new in records],
        [new.revision for new in records],
        salts,
        [hashlib.sha256(salt + new.request).digest() for salt, new in zip(salts, records, strict=True)],
        [new.payload for new in records],
        *([name[i] for name in names] for i in range(4)),
        RECORDED_BY,
    )


async def project(dsn: str, tell: Tell = _silent) -> int:
    """Fold what is in the log and not yet in the read models; all of it anew where nothing was folded.

    Returns the position reached.
    """
    tables = await begin(dsn, PROJECTOR_ROLE)
    connection = await connect(dsn, tables, PROJECTOR_ROLE)
    try:
        at = int(await connection.fetchval(PROJECTOR.position, NAME, tables))
        head = int(await connection.fetchval(SQL.head) or 0)
        if at == 0:
            return (await rebuild(dsn, PROJECTOR_ROLE, tell)).position
        while at < head:
            at = await step(connection, tables, at, STEP_RECORDS)
            tell(at, head)
        return at
    finally:
        await connection.close()


async def settle(dsn: str) -> None:
    """Do at once what autovacuum does in time: statistics for the planner, and pages known to be visible to all."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn, server_settings={"role": WRITER_ROLE})
    try:
        yield connection
    finally:
        await connection.close()


def _telling(what: str) -> Tell:
    """Prints how far it is and how fast, every few seconds."""
    began = told = time.monotonic()

    def tell(at: int, of: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told > TELL_SECONDS:
            told = now
            print(f"{what:9} {at:>9,} of {of:,}, {now - began:.0f} s", flush=True)

    return tell


async def build(dsn: str, events: int) -> None:
    """Make or finish the database, and print what it took."""
    began, bulk = time.monotonic(), Bulk()
    await append_events(dsn, bulk, events, _telling("appended"))
    appended = time.monotonic()
    print(f"{bulk.given:,} records with {bulk.events:,} events in the log")
    _rate("append", bulk.given, appended - began)
    reached = await project(dsn, _telling("folded"))
    _rate("project", reached, time.monotonic() - appended)
    await settle(dsn)
    print(f"the hot actor is {bulk.hot}, the event with {FAMOUS_VERSIONS} versions {bulk.famous.id}")


def _rate(what: str, records: int, seconds: float) -> None:
    print(f"{what:9} {seconds:8.1f} s {records / seconds:>10,.0f} records/s, if none were there before")


async def run(events: int, data_dir: Path) -> None:
    """Build it in the embedded database of a data directory, which `timeline serve` may then serve."""
    keep_reachable(data_dir)
    server = EmbeddedServer(data_dir)
    dsn = await server.start()
    try:
        await migrate(dsn)
        print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}; {data_dir}")
        await build(dsn, events)
    finally:
        await server.stop()


def main() -> None:
    """Read the options and build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, required=True, help="how many events the log shall hold")
    parser.add_argument("--data-dir", type=Path, required=True, help="the data directory of a `timeline serve`")
    given = parser.parse_args()
    asyncio.run(run(given.events, given.data_dir.expanduser().resolve()))


if __name__ == "__main__":
    main()
