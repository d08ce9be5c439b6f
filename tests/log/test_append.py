"""Appending: no gaps, no doubles, a verdict for everybody, whatever happens meanwhile."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from tests.checks import check_log
from tests.log.appending import (
    append,
    append_raw,
    correction,
    erasure,
    fetch,
    in_one_batch,
    remark,
    tamper,
    times,
    topic,
    visit,
    writer_on,
)
from timeline.errors import (
    DatabaseUnavailable,
    IdTaken,
    InvalidRecord,
    KeyReused,
    NotFound,
    QueueFull,
    ShuttingDown,
    SlugTaken,
    TimelineError,
    UnknownReference,
    WrongRevision,
)
from timeline.log.record import Group, NewRecord, Receipt
from timeline.log.writer import Writer

THE_LOCK = "SELECT pg_advisory_lock(hashtextextended('timeline.log', 0))"
RECORDED_IN_2100 = """
UPDATE timeline.log SET recorded_at = '2100-01-01 00:00Z',
  leaf_hash = sha256('\\x00'::bytea || timeline.leaf(position, '2100-01-01 00:00Z', commitment))
"""
KILL_WRITERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'timeline writer'
"""


@pytest_asyncio.fixture
async def db(db: str) -> AsyncIterator[str]:
    """An empty log; whatever a test here did to it, it is whole at the end."""
    yield db
    await check_log(db)


@asynccontextmanager
async def locked(dsn: str) -> AsyncIterator[None]:
    """Nobody can append inside: another transaction takes its time."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(THE_LOCK)
        yield
    finally:
        connection.terminate()


# Positions and times


async def test_records_of_one_call_have_consecutive_positions_and_times(db: str) -> None:
    async with writer_on(db) as writer:
        receipts = await append(writer, visit(), visit(), visit())

    assert [r.position for r in receipts] == [1, 2, 3]
    assert [(r.position, int(r.recorded_at.timestamp() * 1_000_000 + 0.5)) for r in receipts] == await times(db)


async def test_a_clock_set_back_orders_no_record(db: str) -> None:
    async with writer_on(db) as writer:
        await append(writer, visit())
        await tamper(db, RECORDED_IN_2100)

        (second,), (third,) = [await append(writer, visit()) for _ in range(2)]

    assert second.recorded_at.isoformat() == "2100-01-01T00:00:00.000001+00:00"
    assert third.recorded_at.isoformat() == "2100-01-01T00:00:00.000002+00:00"


# What the function itself refuses, whoever calls it


@pytest.mark.parametrize("isolation", ["repeatable_read", "serializable"])
async def test_an_isolation_that_would_number_twice_is_refused(db: str, isolation: Any) -> None:
    connection = await asyncpg.connect(db)

    with pytest.raises(asyncpg.InvalidTransactionStateError, match="READ COMMITTED"):
        async with connection.transaction(isolation=isolation):
            await append_raw(connection, visit())
    await connection.close()


async def test_a_skipped_revision_is_refused(db: str) -> None:
    connection, event = await asyncpg.connect(db), visit()
    await append_raw(connection, event)

    with pytest.raises(asyncpg.CheckViolationError, match="a revision was skipped"):
        await append_raw(connection, correction(event.id, replaces=2))
    await connection.close()
    assert await times(db) != []


async def test_an_empty_append_is_refused(db: str) -> None:
    connection = await asyncpg.connect(db)

    with pytest.raises(asyncpg.InvalidParameterValueError, match="nothing to append"):
        await append_raw(connection)
    await connection.close()


async def test_arrays_of_unequal_length_are_refused(db: str) -> None:
    connection = await asyncpg.connect(db)

    with pytest.raises(asyncpg.NotNullViolationError):
        await connection.execute(
            "SELECT timeline.append_records($1, '{visit}', $1, '{1}', $2, $2, $2, '{}', '{}', '{}', '{}')",
            [uuid4(), uuid4()],
            [b"0" * 32, b"1" * 32],
        )
    await connection.close()


# Repeats and revisions


async def test_32_callers_with_one_post_in_one_batch_get_one_receipt(db: str) -> None:
    event = visit()

    async with writer_on(db, started=False) as writer:
        verdicts = await in_one_batch(writer, [event] * 32)

    assert {v.position for v in verdicts if isinstance(v, Receipt)} == {1}
    assert len(await times(db)) == 1


async def test_32_callers_with_one_id_in_one_batch_have_one_winner(db: str) -> None:
    own_id = uuid4()

    async with writer_on(db, started=False) as writer:
        verdicts = await in_one_batch(writer, [visit(own_id, f"Visit {n}") for n in range(32)])

    assert isinstance(verdicts[0], Receipt)
    assert {type(v) for v in verdicts[1:]} == {IdTaken}
    assert len(await times(db)) == 1


async def test_a_repeat_through_another_writer_gets_the_first_receipt(db: str) -> None:
    event = visit()

    async with writer_on(db) as one, writer_on(db) as other:
        (first,) = await append(one, event)
        (second,) = await append(other, event)

    assert (second.position, second.recorded_at, second.repeated) == (first.position, first.recorded_at, True)


async def test_a_repeat_that_another_writer_appends_between_two_look_ups_gets_its_receipt(db: str) -> None:
    event = visit()

    async with writer_on(db) as one, writer_on(db) as other:
        one._pool = Meanwhile(one._pool, lambda: append(other, event))  # type: ignore[assignment]  # as it uses it
        (receipt,) = await append(one, event)

    assert (receipt.position, receipt.repeated) == (1, True)


class Meanwhile:
    """A pool on whose connections something happens after the first look-up."""

    def __init__(self, pool: asyncpg.Pool, happens: Callable[[], Awaitable[object]]) -> None:
        self._pool, self._happens = pool, [happens]

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        async with self._pool.acquire() as connection:
            self._connection, self.fetchrow = connection, connection.fetchrow
            yield self

    async def fetch(self, *arguments: Any) -> Any:
        rows = await self._connection.fetch(*arguments)
        while self._happens:
            await self._happens.pop()()
        return rows


async def test_other_content_under_one_idempotency_key_is_a_reused_key(db: str) -> None:
    own_id = uuid4()

    async with writer_on(db) as writer:
        await append(writer, visit(own_id))
        (verdict,) = await writer.append([Group(records=(visit(own_id, "Another"),), by_key=True)])

    assert isinstance(verdict, KeyReused)


async def test_what_was_erased_is_repeated_by_nobody(db: str) -> None:
    event = visit()

    async with writer_on(db) as writer:
        await append(writer, event)
        await append(writer, erasure(event.id))

        with pytest.raises(IdTaken):
            await append(writer, event)


@pytest.mark.parametrize("registered", [False, True])
async def test_32_that_replace_one_revision_in_one_batch_have_one_winner(db: str, registered: bool) -> None:
    first = topic("libya") if registered else visit()
    again = [
        topic("libya", f"Libya {n}", subject=first.id, replaces=1) if registered else correction(first.id, 1, f"{n}")
        for n in range(32)
    ]

    async with writer_on(db, started=False) as writer:
        verdicts = await in_one_batch(writer, [first, *again])

    winner, *others = verdicts[1:]
    assert isinstance(winner, Receipt)
    assert winner.revision == 2
    assert [(type(v), v.extra) for v in others if isinstance(v, TimelineError)] == [
        (WrongRevision, {"id": str(first.id), "revision": 2})
    ] * 31


async def test_who_loses_a_revision_between_two_look_ups_is_told_the_one_that_won(db: str) -> None:
    first = topic("libya")
    winner, loser = [topic("libya", name, subject=first.id, replaces=1) for name in ("Libya", "Libyan war")]

    async with writer_on(db) as one, writer_on(db) as other:
        await append(one, first)
        one._pool = Meanwhile(one._pool, lambda: append(other, winner))  # type: ignore[assignment]  # as it uses it
        with pytest.raises(WrongRevision) as refusal:
            await append(one, loser)

    assert refusal.value.extra["revision"] == 2


async def test_an_edit_of_nothing_is_not_found(db: str) -> None:
    async with writer_on(db) as writer:
        for edit in (remark(uuid4()), correction(uuid4(), replaces=1)):
            with pytest.raises(NotFound):
                await append(writer, edit)


# Records that stand or fall together


async def test_a_group_with_one_refused_record_leaves_no_trace(db: str) -> None:
    event, other = visit(), visit()

    async with writer_on(db, started=False) as writer:
        together = asyncio.create_task(writer.append([Group(records=(event, correction(event.id, replaces=5)))]))
        verdicts = await in_one_batch(writer, [event, correction(event.id, replaces=1), other])
        (refused,) = await together

    assert isinstance(refused, WrongRevision)
    assert [(v.position, v.revision) for v in verdicts if isinstance(v, Receipt)] == [(1, 1), (2, 2), (3, 1)]


async def test_a_line_whose_target_was_refused_is_refused_too(db: str) -> None:
    bad, good = remark(uuid4()), visit()
    lines = [
        (bad, set[UUID]()),
        (good, set[UUID]()),
        (visit(), {bad.id}),
        (visit(), {good.id}),
        (visit(), {bad.id, good.id}),
    ]

    async with writer_on(db) as writer:
        verdicts = await writer.append([Group(records=(line,), needs=frozenset(needs)) for line, needs in lines])

    assert [type(v) for v in verdicts] == [NotFound, list, UnknownReference, list, UnknownReference]


# One bad record, one lost caller, a full queue, the end


@pytest.mark.parametrize(
    ("bad", "refusal"),
    [
        (topic("libya", "Another Libya"), SlugTaken),
        (topic("nul", "a\x00b"), InvalidRecord),
        (topic("long", "".join(chr(0x10000 + n * 7) for n in range(2_000))), InvalidRecord),
    ],
)
async def test_one_bad_record_does_not_fail_the_others_of_its_batch(
    db: str, bad: NewRecord, refusal: type[TimelineError]
) -> None:
    good = [topic("libya"), *(visit() for _ in range(20))]

    async with writer_on(db, started=False) as writer:
        verdicts = await in_one_batch(writer, [*good[:10], bad, *good[10:]])

    assert [type(v) for v in verdicts if not isinstance(v, Receipt)] == [refusal]
    assert [row["id"] for row in await fetch(db, "SELECT id FROM timeline.log ORDER BY position")] == [
        g.id for g in good
    ]


@pytest.mark.parametrize("leave", ["before the append", "during it"])
async def test_callers_who_leave_cost_the_others_of_their_batch_nothing(db: str, leave: str) -> None:
    left, stayed = [visit() for _ in range(5)], [visit() for _ in range(5)]

    async with writer_on(db, started=False) as writer:
        async with locked(db):
            going = [asyncio.create_task(append(writer, record)) for record in left]
            staying = [asyncio.create_task(append(writer, record)) for record in stayed]
            await asyncio.sleep(0)
            if leave == "during it":
                writer.start()
                await asyncio.sleep(0.05)  # by now the batch is in the database's hands
            for caller in going:
                caller.cancel()
            await asyncio.sleep(0)
            if leave == "before the append":
                writer.start()
        receipts = [(await caller)[0] for caller in staying]
        again = [(await append(writer, record))[0] for record in left]

    assert [receipt.repeated for receipt in receipts] == [False] * 5
    assert [receipt.repeated for receipt in again] == [leave == "during it"] * 5


async def test_a_full_queue_refuses_and_loses_nothing(db: str) -> None:
    async with writer_on(db, started=False, queue=10) as writer:
        waiting = [asyncio.create_task(append(writer, visit())) for _ in range(10)]
        await asyncio.sleep(0)

        with pytest.raises(QueueFull) as refusal:
            await append(writer, visit())
        writer.start()
        receipts = await asyncio.gather(*waiting)

    assert refusal.value.retry_after_seconds == 1
    assert sorted(r.position for (r,) in receipts) == list(range(1, 11))


async def test_more_bytes_than_a_batch_takes_are_appended_in_order(db: str) -> None:
    long = [visit(title="x" * 60_000) for _ in range(150)]

    async with writer_on(db, started=False) as writer:
        verdicts = await in_one_batch(writer, long)

    assert [v.position for v in verdicts if isinstance(v, Receipt)] == list(range(1, 151))


async def test_a_drain_appends_what_is_queued_and_takes_no_more(db: str) -> None:
    async with writer_on(db, started=False) as writer:
        waiting = [asyncio.create_task(append(writer, visit())) for _ in range(1_200)]
        await asyncio.sleep(0)
        writer.start()

        await writer.drain()
        receipts = await asyncio.gather(*waiting)
        with pytest.raises(ShuttingDown):
            await append(writer, visit())

    assert sorted(r.position for (r,) in receipts) == list(range(1, 1_201))
    assert writer.queued == 0


# The database goes away


async def test_a_lock_held_for_long_delays_posts_and_fails_none(db: str) -> None:
    async with writer_on(db, lock_timeout_ms=50) as writer:
        async with locked(db):
            waiting = [asyncio.create_task(append(writer, visit())) for _ in range(20)]
            await asyncio.sleep(0.3)
        receipts = await asyncio.gather(*waiting)

    assert sorted(r.position for (r,) in receipts) == list(range(1, 21))


async def test_killed_connections_lose_and_double_nothing(db: str) -> None:
    records = [visit() for _ in range(600)]

    async def post(writer: Writer, own: list[NewRecord]) -> list[Receipt]:
        return [await append_until_told(writer, record) for record in own]

    async with killing(db), writer_on(db) as one, writer_on(db) as other:
        several = await asyncio.gather(*(post([one, other][n % 2], records[n::20]) for n in range(20)))

    acknowledged = {receipt.id: receipt.position for receipts in several for receipt in receipts}
    stored = {row["id"]: row["position"] for row in await fetch(db, "SELECT id, position FROM timeline.log")}
    assert acknowledged == stored
    assert len(stored) == 600


@asynccontextmanager
async def killing(dsn: str) -> AsyncIterator[None]:
    """Every writer's connection dies, again and again, while inside."""
    connection, chance = await asyncpg.connect(dsn), random.Random(1)

    async def kill() -> None:
        while True:
            await connection.execute(KILL_WRITERS)
            await asyncio.sleep(chance.uniform(0.01, 0.1))

    task = asyncio.create_task(kill())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        connection.terminate()


async def append_until_told(writer: Writer, record: NewRecord) -> Receipt:
    """What a careful caller does: where it is not known whether a post was recorded, repeat it."""
    while True:
        with suppress(DatabaseUnavailable):
            return (await append(writer, record))[0]


class Interrupted:
    """A pool whose connections break at the append: `before` the server hears of it, or `after` it has committed."""

    def __init__(self, pool: asyncpg.Pool, moment: str, times_left: int = 1) -> None:
        self._pool, self._moment, self._times_left = pool, moment, times_left

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        async with self._pool.acquire() as connection:
            self._connection = connection
            yield self

    async def fetch(self, *arguments: Any) -> Any:
        return await self._connection.fetch(*arguments)

    async def fetchrow(self, *arguments: Any) -> Any:
        breaks = self._times_left > 0
        self._times_left -= breaks
        if breaks and self._moment == "before":
            raise ConnectionResetError
        row = await self._connection.fetchrow(*arguments)
        if breaks:
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        return row


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_an_append_whose_answer_was_lost_is_acknowledged_once(db: str, moment: str) -> None:
    first, second = visit(), visit()

    async with writer_on(db) as writer:
        await append(writer, first)
        writer._pool = Interrupted(writer._pool, moment)  # type: ignore[assignment]  # as much of a pool as it uses
        (receipt,) = await append(writer, second)

    assert (receipt.id, receipt.position) == (second.id, 2)
    assert [(row["id"], row["position"]) for row in await fetch(db, "SELECT id, position FROM timeline.log")] == [
        (first.id, 1),
        (second.id, 2),
    ]


async def test_a_correction_whose_answer_was_lost_is_no_conflict_with_itself(db: str) -> None:
    event = visit()

    async with writer_on(db) as writer:
        await append(writer, event)
        writer._pool = Interrupted(writer._pool, "after")  # type: ignore[assignment]  # as above
        (receipt,) = await append(writer, correction(event.id, replaces=1))

    assert (receipt.position, receipt.revision) == (2, 2)


async def test_a_database_that_stays_away_is_said_to_be_so(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("timeline.log.writer.RETRY_SECONDS_MAX", 0.2)

    async with writer_on(db) as writer:
        pool = writer._pool
        writer._pool = Interrupted(pool, "before", times_left=10**6)  # type: ignore[assignment]  # as above
        with pytest.raises(DatabaseUnavailable) as refusal:
            await append(writer, visit())
        writer._pool = pool
        (receipt,) = await append(writer, visit())

    assert refusal.value.retry_after_seconds == 2
    assert receipt.position == 1
