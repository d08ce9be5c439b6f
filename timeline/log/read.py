"""Read the log: look up what a post refers to, and tail what was recorded."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Generic, TypeVar
from uuid import UUID

import asyncpg
import msgspec

from timeline.db.pool import unavailable_if_lost
from timeline.db.statements import load
from timeline.errors import ForkedLog
from timeline.log.record import Named, NewRecord, Stored, Subject
from timeline.model.codec import Payload, read_payload
from timeline.model.kinds import AnyEvent, Event
from timeline.model.record import LEVEL_MAX, level_of
from timeline.model.registry import folded

SQL = load(Path(__file__).with_name("log.sql"))


KEYS_TOGETHER_MAX = 100
"""A caller that asks for more than so many things at once asks alone, so that no other waits for its answer."""
K = TypeVar("K")
V = TypeVar("V")


class _Together(Generic[K, V]):
    """Answers many callers with one query: whoever comes while one runs shares the next, which begins after they came.

    64 posts that come at once then cost one round trip; each its own was a quarter of what a post took.
    """

    def __init__(self, ask: Callable[[list[K]], Awaitable[dict[K, V]]]) -> None:
        self._ask = ask
        self._wanted: set[K] = set()
        self._answer: asyncio.Future[dict[K, V]] | None = None
        self._task: asyncio.Task[None] | None = None

    async def get(self, keys: Collection[K]) -> dict[K, V]:
        """What is found for these keys."""
        if not keys:
            return {}
        if len(keys) > KEYS_TOGETHER_MAX:
            return await self._ask(list(keys))
        if self._answer is None:
            self._answer = asyncio.get_running_loop().create_future()
            self._answer.add_done_callback(_heard)
        answer = self._answer
        self._wanted.update(keys)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="look-ups")
        found = await asyncio.shield(answer)  # one caller that leaves must not take the answer from the others
        return {key: found[key] for key in keys if key in found}

    async def _run(self) -> None:
        try:
            while self._answer is not None:
                answer, wanted = self._answer, list(self._wanted)
                self._answer = None
                self._wanted.clear()
                try:
                    answer.set_result(await self._ask(wanted))
                except Exception as error:
                    answer.set_exception(error)
                finally:
                    answer.cancel()  # of one that is answered nothing; else nobody would ever answer it
        finally:
            self._task = None


def _heard(answer: asyncio.Future[Any]) -> None:
    """All callers may have left: then nobody asks for the error, and asyncio would complain."""
    if not answer.cancelled():
        answer.exception()


class LogReader:
    """Everything that is asked of the log itself; never of a read model, which may lag."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._named = _Together(self._ask_named)
        self._subjects = _Together(self._ask_subjects)
        self._marked = _Together(self._ask_marked)
        self._last_bodies = _Together(self._ask_last_bodies)

    async def named(self, asked: Collection[tuple[str, str]]) -> dict[tuple[str, str], list[Named]]:
        """What each (type, text) names, slugs and URLs before names and aliases."""
        return await self._named.get(asked)

    async def subjects(self, ids: Collection[UUID]) -> dict[UUID, Subject]:
        """What the log knows of each id that is a subject: an event or a registered thing."""
        return await self._subjects.get(ids)

    async def marked(self, ids: Collection[UUID]) -> dict[UUID, Subject]:
        """As `subjects`, each with the level that may see it; for writers who may not see everything."""
        return await self._marked.get(ids)

    async def last_bodies(self, ids: Collection[UUID]) -> dict[UUID, Stored]:
        """The last registration of each thing, as recorded."""
        return await self._last_bodies.get(ids)

    async def _ask_named(self, asked: list[tuple[str, str]]) -> dict[tuple[str, str], list[Named]]:
        types, texts = [a[0] for a in asked], [a[1] for a in asked]
        rows = await self._pool.fetch(SQL.resolve_names, types, texts, [folded(t) for t in texts])
        found: dict[tuple[str, str], list[Named]] = {}
        for row in rows:
            found.setdefault(asked[row["i"] - 1], []).append(Named(row["form"], row["subject"], row["label"]))
        return found

    async def _ask_subjects(self, ids: list[UUID]) -> dict[UUID, Subject]:
        rows = await self._pool.fetch(SQL.current_revisions, ids)
        return {r["subject"]: Subject(r["kind"], r["position"], r["revision"], r["erased"]) for r in rows}

    async def _ask_marked(self, ids: list[UUID]) -> dict[UUID, Subject]:
        rows = await self._pool.fetch(SQL.marked_revisions, ids)
        return {r["subject"]: Subject(r["kind"], r["position"], r["revision"], r["erased"], _level(r)) for r in rows}

    async def _ask_last_bodies(self, ids: list[UUID]) -> dict[UUID, Stored]:
        return {r["subject"]: stored(r) for r in await self._pool.fetch(SQL.last_records, ids)}

    async def posted(self, events: Collection[UUID]) -> dict[UUID, Event]:
        """Events as they were posted, or corrected last; nothing of what was erased."""
        rows = await self._pool.fetch(SQL.posted, list(events)) if events else []
        return {r["subject"]: event_in(read_payload(r["bytes"])) for r in rows}

    async def merged(self, events: Collection[UUID]) -> set[UUID]:
        """Those events that are duplicates of another, as said last."""
        rows = await self._pool.fetch(SQL.merges, list(events)) if events else []
        return {r["subject"] for r in rows if read_payload(r["bytes"]).body["survivor"] != str(r["subject"])}

    async def position_of(self, own: UUID) -> int | None:
        """Where the record with this id stands, whoever may see it.

        Raises:
            DatabaseUnavailable: the database does not answer.
        """
        with unavailable_if_lost():
            rows = await self._pool.fetch(SQL.known_ids, [own])
        return rows[0]["position"] if rows else None

    async def recorded(self, own: UUID, request: bytes) -> NewRecord | None:
        """The record with this id as somebody would append it again, if it was made by this request."""
        rows = await self._pool.fetch(SQL.known_ids, [own])
        if not rows or rows[0]["salt"] is None or sha256(rows[0]["salt"] + request).digest() != rows[0]["request"]:
            return None
        row = rows[0]
        return NewRecord(
            id=own,
            kind=row["kind"],
            subject=row["subject"],
            revision=row["revision"],
            payload=row["bytes"],
            request=request,
        )

    async def head(self) -> int:
        """The last position; 0 when nothing was recorded."""
        return int(await self._pool.fetchval(SQL.head) or 0)

    async def position_at(self, moment: datetime) -> int:
        """The last position recorded at or before a moment (UTC)."""
        return int(await self._pool.fetchval(SQL.position_at, moment))

    async def page(self, after: int, limit: int) -> list[Stored]:
        """The next records after a position, at most `limit`."""
        return gapless(after, [stored(r) for r in await self._pool.fetch(SQL.tail, after, after + limit)])

    async def tail(self, after: int, step: int = 500) -> AsyncIterator[Stored]:
        """Every record after a position, until there are no more."""
        while records := await self.page(after, step):
            for record in records:
                yield record
            after = records[-1].position


def _level(row: asyncpg.Record) -> int:
    """The level that a marking asks of readers; of what is erased nobody can say, so the highest."""
    return level_of(row["marking"]) if row["known"] else LEVEL_MAX


def event_in(payload: Payload) -> Event:
    """The event that a record posts, or corrects."""
    inner = payload.body["event"] if payload.kind == "correction" else {"kind": payload.kind, **payload.body}
    found: Event = msgspec.convert(inner, AnyEvent)
    return found


def stored(row: asyncpg.Record) -> Stored:
    """A record from its row in the log and its payload, if that was not erased."""
    payload = read_payload(row["bytes"]) if row["bytes"] is not None else None
    return Stored(
        position=row["position"],
        id=row["id"],
        kind=row["kind"],
        subject=row["subject"],
        revision=row["revision"],
        recorded_at=row["recorded_at"],
        recorded_by=payload.recorded_by if payload else "",
        shape=payload.shape if payload else 0,
        body=payload.body if payload else None,
    )


def gapless(after: int, records: list[Stored]) -> list[Stored]:
    """The records, if they follow `after` one by one: only a gapless log can check itself on every delivery."""
    for expected, record in enumerate(records, after + 1):
        if record.position != expected:
            raise ForkedLog(f"Expected position {expected}, found {record.position}. Run `timeline check`.")
    return records
