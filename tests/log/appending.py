"""Records to append, and writers to append them with."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from uuid import UUID, uuid4, uuid5

import asyncpg

from timeline.db.pool import open_pool
from timeline.errors import TimelineError
from timeline.log.read import SQL
from timeline.log.record import Group, NewRecord, Receipt
from timeline.log.writer import Writer
from timeline.model.codec import Payload, payload_bytes
from timeline.model.edits import EDITS
from timeline.model.registry import Key, folded

SOURCE = UUID("0197a1b2-0000-7000-8000-000000000001")
WRITER_ROLE = "timeline_writer"


def visit(own_id: UUID | None = None, title: str = "A visit") -> NewRecord:
    """An event."""
    return _new("visit", own_id or uuid4(), title=title)


def correction(subject: UUID, replaces: int, reason: str = "A reason.") -> NewRecord:
    """An edit that replaces a revision."""
    return _new("correction", uuid4(), subject, replaces + 1, reason=reason)


def remark(subject: UUID) -> NewRecord:
    """An edit that becomes whatever revision is next."""
    return _new("marking", uuid4(), subject, None, marking="clear")


def erasure(subject: UUID) -> NewRecord:
    """The edit after which a payload may go."""
    return _new("erasure", uuid4(), subject, None, reason="A reason.", authority="An officer")


def topic(slug: str, *names: str, subject: UUID | None = None, replaces: int = 0) -> NewRecord:
    """A registration, found by its slug and names."""
    subject = subject or uuid4()
    own_id = uuid5(subject, f"revision {replaces + 1}") if replaces else subject
    found_by = (Key("slug", slug), *(Key("name", folded(name)) for name in names or (slug,)))
    return _new(
        "topic", own_id, subject, replaces + 1, keys=found_by, id=str(subject), slug=slug, name=(names or (slug,))[0]
    )


def _new(
    kind: str,
    own_id: UUID,
    subject: UUID | None = None,
    revision: int | None = 1,
    keys: tuple[Key, ...] | None = None,
    **body: str,
) -> NewRecord:
    about = {"subject": str(subject)} if kind in EDITS else {}
    payload = payload_bytes(Payload(id=str(own_id), kind=kind, shape=1, recorded_by="tester", body=about | body))
    return NewRecord(
        id=own_id,
        kind=kind,
        subject=subject or own_id,
        revision=revision,
        payload=payload,
        request=payload,
        keys=keys,
        type=kind,
    )


@asynccontextmanager
async def writer_on(
    dsn: str, *, started: bool = True, queue: int = 10_000, lock_timeout_ms: int = 5_000
) -> AsyncIterator[Writer]:
    """A writer with a pool of its own, as a process has one; drained at the end."""
    pool = await open_pool(
        dsn, max_size=1, role=WRITER_ROLE, application_name="timeline writer", lock_timeout_ms=lock_timeout_ms
    )
    writer = Writer(pool, new_salt=lambda: os.urandom(32), queue_records_max=queue)
    if started:
        writer.start()
    try:
        yield writer
    finally:
        await writer.drain()
        pool.terminate()


async def append(writer: Writer, *records: NewRecord) -> list[Receipt]:
    """The receipts of records that stand or fall together."""
    (verdict,) = await writer.append([Group(records=records)])
    if isinstance(verdict, TimelineError):
        raise verdict
    return verdict


async def in_one_batch(writer: Writer, records: Iterable[NewRecord]) -> list[Receipt | TimelineError]:
    """A verdict for each of many callers, whose posts were all queued before the writer looked."""
    callers = [asyncio.create_task(writer.append([Group(records=(record,))])) for record in records]
    await asyncio.sleep(0.01)
    writer.start()
    verdicts = [verdict for (verdict,) in await asyncio.gather(*callers)]
    return [verdict if isinstance(verdict, TimelineError) else verdict[-1] for verdict in verdicts]


async def append_raw(connection: asyncpg.Connection, *records: NewRecord) -> int:
    """Call the append function as any client could; the first position."""
    salts = [os.urandom(32) for _ in records]
    return int(
        await connection.fetchval(
            SQL.append_records,
            [record.id for record in records],
            [record.kind for record in records],
            [record.subject for record in records],
            [record.revision for record in records],
            salts,
            salts,
            [record.payload for record in records],
            *([], [], [], []),
            "tests",
        )
    )


async def times(dsn: str) -> list[tuple[int, int]]:
    """Positions with their time in microseconds, in order."""
    rows = await fetch(
        dsn, "SELECT position, (extract(epoch FROM recorded_at) * 1000000)::bigint AS at FROM timeline.log ORDER BY 1"
    )
    return [(row["position"], row["at"]) for row in rows]


async def fetch(dsn: str, statement: str, *arguments: object) -> list[asyncpg.Record]:
    """The rows of one statement, as the superuser."""
    connection = await asyncpg.connect(dsn)
    try:
        return list(await connection.fetch(statement, *arguments))
    finally:
        await connection.close()


async def tamper(dsn: str, statement: str, *arguments: object) -> None:
    """Change what no trigger lets anybody change: as the superuser, under whom they can be silenced."""
    connection = await asyncpg.connect(dsn, server_settings={"session_replication_role": "replica"})
    try:
        await connection.execute(statement, *arguments)
    finally:
        await connection.close()
