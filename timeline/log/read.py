"""Read the log: look up what a post refers to, and tail what was recorded."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

import asyncpg

from timeline.db.statements import load
from timeline.errors import ForkedLog
from timeline.log.record import Named, Stored, Subject
from timeline.model.codec import read_payload
from timeline.model.registry import folded

SQL = load(Path(__file__).with_name("log.sql"))


class LogReader:
    """Everything that is asked of the log itself; never of a read model, which may lag."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def named(self, asked: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[Named]]:
        """What each (type, text) names, slugs and URLs before names and aliases."""
        if not asked:
            return {}
        types, texts = [a[0] for a in asked], [a[1] for a in asked]
        rows = await self._pool.fetch(SQL.resolve_names, types, texts, [folded(t) for t in texts])
        found: dict[tuple[str, str], list[Named]] = {}
        for row in rows:
            found.setdefault(asked[row["i"] - 1], []).append(Named(row["form"], row["subject"], row["label"]))
        return found

    async def subjects(self, ids: Iterable[UUID]) -> dict[UUID, Subject]:
        """What the log knows of each id that is a subject: an event or a registered thing."""
        wanted = list(set(ids))
        if not wanted:
            return {}
        rows = await self._pool.fetch(SQL.current_revisions, wanted)
        return {r["subject"]: Subject(r["kind"], r["position"], r["revision"], r["erased"]) for r in rows}

    async def last_bodies(self, ids: Iterable[UUID]) -> dict[UUID, Stored]:
        """The last registration of each thing, as recorded."""
        wanted = list(set(ids))
        if not wanted:
            return {}
        rows = await self._pool.fetch(SQL.last_records, wanted)
        return {r["subject"]: stored(r) for r in rows}

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
