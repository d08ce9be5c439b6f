"""Append to the log: one batch, one transaction, no gaps, no surprises.

One writer a process. Posts queue; what is waiting becomes one batch, is looked up once, decided in order, and appended
by one call of one SQL function: one fsync for all of it (measured elsewhere: 13-21 thousand durable appends a second
against 0.3-3.6 with a transaction each). No Python runs under the database's lock: deciding there let one process's
stalled loop delay the other's appends twentyfold.

If we crash before the call returns, the batch is stored whole or not at all, and nobody was told; the caller repeats
with the same id and gets the first receipt, or a fresh one.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg
import msgspec
import structlog

from timeline.db.pool import is_lost
from timeline.errors import (
    DatabaseUnavailable,
    IdTaken,
    InvalidRecord,
    KeyReused,
    NotFound,
    QueueFull,
    Refusal,
    ShuttingDown,
    SlugTaken,
    TimelineError,
    UnknownReference,
    WrongRevision,
)
from timeline.log.read import SQL
from timeline.log.record import TAKEN, Group, NewRecord, Receipt
from timeline.logs import CONNECTION_NAME_MAX, request_name
from timeline.model.registry import REGISTRATIONS

log = structlog.get_logger()

BATCH_RECORDS_MAX = 500
BATCH_BYTES_MAX = 4 * 2**20
RACES_MAX = 20
RETRY_SECONDS_MAX = 10.0
RETRY_STEP_SECONDS = 0.05
PASSING: tuple[type[BaseException], ...] = (
    # Another append, a dump or an operator holds the lock; the statement took too long.
    asyncpg.LockNotAvailableError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,
    # Memory ran out.
    asyncpg.InsufficientResourcesError,
)
"""What says nothing about a record: the same batch is tried again, whole, and no caller is told that it failed."""
CLOSED: tuple[type[BaseException], ...] = (asyncpg.ReadOnlySQLTransactionError, asyncpg.DiskFullError)
"""What says that nothing was recorded, and that trying again at once would end the same."""


class _Call(msgspec.Struct, kw_only=True, eq=False):
    """Whoever waits, and for how many verdicts still. One future for all: 10,000 lines waited on 10,000 of them."""

    all_told: asyncio.Future[None]
    asked_by: str
    """The request it came with, as the database is told."""
    left: int


class _Waiting(msgspec.Struct, kw_only=True, eq=False):
    """A group in the queue, and its verdict once there is one."""

    group: Group
    call: _Call
    needs: list["_Waiting"] = []
    """The groups ahead, of the same call, whose records this one refers to."""
    verdict: list[Receipt] | TimelineError | None = None

    @property
    def done(self) -> bool:
        """Whether there is nothing left to tell: it has its verdict, or the caller has left, whose future is then
        cancelled."""
        return self.verdict is not None or self.call.all_told.done()

    def missing(self) -> bool:
        """Whether a group that this one needs was refused. Groups are decided in order, so by now it has been told."""
        return any(isinstance(each.verdict, TimelineError) for each in self.needs)

    def settle(self, verdict: list[Receipt] | TimelineError) -> None:
        """Tell the caller, once, unless it has left."""
        if self.done:
            return
        self.verdict = verdict
        self.call.left -= 1
        if not self.call.left:
            self.call.all_told.set_result(None)


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    """A record that the log has, as far as deciding needs it."""

    receipt: Receipt
    kind: str
    salt: bytes | None
    request: bytes | None

    def same(self, new: NewRecord) -> bool:
        """Whether the post is the one that made this record. After an erasure nobody can say."""
        if self.salt is None or self.request is None:
            return False
        return hashlib.sha256(self.salt + new.request).digest() == self.request


Salts = dict[UUID, list[bytes]]
"""The salts that a record was sent with, one an attempt: 32 random bytes, so they tell whose attempt was stored."""


class _Place(NamedTuple):
    """Where a group finds its receipt among the batch's."""

    at: int
    repeated: bool = False
    """Whether another post of the same batch made the record."""

    def receipt(self, receipts: list[Receipt]) -> Receipt:
        """The receipt at this place, as the caller gets it."""
        found = receipts[self.at]
        return msgspec.structs.replace(found, repeated=True) if self.repeated else found


class _Batch:
    """What one look-up found, moved on by each group as it is decided in order."""

    def __init__(self, known: dict[UUID, _Known], revisions: dict[UUID, int], tried: Salts) -> None:
        self.known = known
        self.revisions = revisions
        self.tried = tried
        self.chosen: list[tuple[NewRecord, int]] = []
        self.accepted: list[tuple[_Waiting, list[_Place | Receipt]]] = []
        self._index: dict[UUID, int] = {}

    def decide(self, waiting: _Waiting) -> None:
        """Accept a group, or tell its caller why not; a refused group leaves no trace for the next."""
        alone = len(waiting.group.records) == 1  # one record changes nothing here before it is accepted
        before = None if alone else (dict(self.revisions), dict(self._index), len(self.chosen))
        try:
            if waiting.missing():
                raise UnknownReference("A line that this one refers to was refused.")
            self._need(waiting.group.needs)
            places = [self._place(record, waiting.group.by_key) for record in waiting.group.records]
        except TimelineError as refusal:
            if before is not None:
                self.revisions, self._index, size = before
                del self.chosen[size:]
            waiting.settle(refusal)
            return
        self.accepted.append((waiting, places))

    def _need(self, ids: Iterable[UUID]) -> None:
        for each in ids:
            if each not in self.revisions:
                raise UnknownReference(f"The line that this one refers to was refused (it would have been {each}).")

    def _place(self, new: NewRecord, by_key: bool) -> _Place | Receipt:
        """The record's place in the batch, or the receipt of the one that was there before."""
        if new.id in self._index:
            return self._repeat_in_batch(new, by_key)
        known = self.known.get(new.id)
        if known is not None:
            if known.same(new):
                ours = known.salt in self.tried.get(new.id, ())  # stored by an attempt of ours whose answer was lost
                return msgspec.structs.replace(known.receipt, repeated=not ours)
            raise self._other_content(new, by_key)
        current = self.revisions.get(new.subject, 0)
        wanted = new.revision or current + 1
        if wanted != current + 1 or (new.revision is None and current == 0):
            raise self._wrong_revision(new, current)
        self.revisions[new.subject] = wanted
        self._index[new.id] = len(self.chosen)
        self.chosen.append((new, wanted))
        return _Place(len(self.chosen) - 1)

    def _repeat_in_batch(self, new: NewRecord, by_key: bool) -> _Place:
        place = self._index[new.id]
        if self.chosen[place][0].request != new.request:
            raise self._other_content(new, by_key)
        return _Place(place, repeated=True)

    def _other_content(self, new: NewRecord, by_key: bool) -> Refusal:
        if new.kind in REGISTRATIONS and new.revision and new.revision > 1:
            # The record that becomes this revision is there, though it may have come after revisions were looked up.
            return self._wrong_revision(new, max(self.revisions.get(new.subject, 0), new.revision))
        if by_key:
            return KeyReused("This Idempotency-Key came before with another body. Use a new key for a new post.")
        return IdTaken(
            f"The id {new.id} belongs to another record. Leave the id out, or choose another.", id=str(new.id)
        )

    def _wrong_revision(self, new: NewRecord, current: int) -> Refusal:
        if current == 0:
            return _about(new, NotFound(f"No record with id {new.subject} to change.", id=str(new.subject)))
        replaces = f"you replace {new.revision - 1}" if new.revision else "it moved meanwhile"
        told = f"{new.subject} is at revision {current}, {replaces}. Read it again and decide."
        return _about(new, WrongRevision(told, id=str(new.subject), revision=current))


class Writer:
    """The batching writer of a process."""

    def __init__(self, pool: asyncpg.Pool, *, new_salt: Callable[[], bytes], queue_records_max: int = 10_000) -> None:
        self._pool = pool
        self._new_salt = new_salt
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._queued_records = 0
        self._queue_records_max = queue_records_max
        self._held: _Waiting | None = None
        self._task: asyncio.Task[None] | None = None
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    def start(self) -> None:
        """Begin to append what is queued."""
        self._task = asyncio.create_task(self._run(), name="log writer")

    async def drain(self) -> None:
        """Take nothing more, append what is queued, and stop."""
        self._draining = True
        if self._task is None:
            return
        idle = asyncio.create_task(self._idle.wait())
        await asyncio.wait({idle, self._task}, return_when=asyncio.FIRST_COMPLETED)
        idle.cancel()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def queued(self) -> int:
        """How many records wait, or are being appended."""
        return self._queued_records

    async def append(self, groups: list[Group]) -> list[list[Receipt] | TimelineError]:
        """Append groups in order; for each its receipts, one a record, once durable, or why it was refused.

        Raises:
            QueueFull: more records wait than may; none of these was queued.
            ShuttingDown: the service is stopping; none of these was queued.
        """
        size = sum(len(group.records) for group in groups)
        if self._draining:
            raise ShuttingDown("The service is stopping. Repeat the post with the same id.", retry_after_seconds=5)
        if self._queued_records and self._queued_records + size > self._queue_records_max:
            raise QueueFull(f"{self._queued_records} records wait to be appended.", retry_after_seconds=1)
        if not groups:
            return []
        call = _Call(all_told=asyncio.get_running_loop().create_future(), asked_by=request_name(), left=len(groups))
        waiting = [_Waiting(group=group, call=call) for group in groups]
        made = {record.subject: each for each in waiting for record in each.group.records}
        for each in waiting:
            if each.group.needs:
                each.needs = [made[need] for need in each.group.needs if need in made and made[need] is not each]
        self._queued_records += size
        self._idle.clear()
        for each in waiting:
            self._queue.put_nowait(each)
        await call.all_told
        return [each.verdict for each in waiting if each.verdict is not None]

    async def _run(self) -> None:
        while True:
            batch = [self._held or await self._queue.get()]
            self._held = None
            self._fill(batch)
            try:
                await self._append(batch)
            except Exception as error:  # one bad batch must not stop the writer for everyone
                log.exception("append failed", records=sum(len(w.group.records) for w in batch))
                for waiting in batch:
                    waiting.settle(TimelineError(f"The append failed: {type(error).__name__}."))
            finally:
                self._queued_records -= sum(len(w.group.records) for w in batch)
                if not self._queued_records:
                    self._idle.set()

    def _fill(self, batch: list[_Waiting]) -> None:
        """Add what waits, up to the batch's limits; what does not fit is held for the next."""
        records, size = len(batch[0].group.records), _bytes(batch[0])
        while not self._queue.empty():
            following = self._queue.get_nowait()
            records, size = records + len(following.group.records), size + _bytes(following)
            if records > BATCH_RECORDS_MAX or size > BATCH_BYTES_MAX:
                self._held = following
                return
            batch.append(following)

    async def _append(self, batch: list[_Waiting]) -> None:
        """Decide and append until every caller has a verdict; races and lost connections are decided again."""
        began, races = time.monotonic(), 0
        tried: Salts = {}
        while True:
            try:
                await self._decide_and_append(batch, tried)
                return
            except asyncpg.UniqueViolationError as error:
                races += 1
                if races > RACES_MAX or not await self._still_open(batch, error):
                    await self._settle_singly(batch, error)
                    return
            except CLOSED as error:
                self._turn_away(batch, error)
                return
            except Exception as error:
                if not (is_lost(error) or isinstance(error, PASSING)):
                    await self._settle_singly(batch, error)
                    return
                if time.monotonic() - began > RETRY_SECONDS_MAX or self._draining:
                    self._give_up(batch, error)
                    return
                log.warning("append interrupted; deciding again", error=type(error).__name__)
                await asyncio.sleep(RETRY_STEP_SECONDS)

    async def _decide_and_append(self, batch: list[_Waiting], tried: Salts) -> None:
        pending = [waiting for waiting in batch if not waiting.done]
        async with self._pool.acquire() as connection:
            decided = await self._look_up(connection, pending, tried)
            for waiting in pending:
                decided.decide(waiting)
            asked_by = _asked_by(pending)
            receipts = await self._insert(connection, decided.chosen, tried, asked_by) if decided.chosen else []
        for waiting, places in decided.accepted:
            waiting.settle([place.receipt(receipts) if isinstance(place, _Place) else place for place in places])

    async def _look_up(
        self, connection: asyncpg.pool.PoolConnectionProxy, pending: list[_Waiting], tried: Salts
    ) -> _Batch:
        records = [record for waiting in pending for record in waiting.group.records]
        needs = {each for waiting in pending for each in waiting.group.needs}
        subjects = list({record.subject for record in records} | needs)
        # Revisions first. What is appended between the two look-ups is then a known id, or breaks a unique index and is
        # decided again; the other way round a repeat would be told that its own record has moved the revision.
        revisions = await connection.fetch(SQL.current_revisions, subjects)
        rows = await connection.fetch(SQL.known_ids, [record.id for record in records])
        return _Batch({r["id"]: _known(r) for r in rows}, {r["subject"]: r["revision"] for r in revisions}, tried)

    async def _insert(
        self,
        connection: asyncpg.pool.PoolConnectionProxy,
        chosen: list[tuple[NewRecord, int]],
        tried: Salts,
        asked_by: str,
    ) -> list[Receipt]:
        salts = [self._new_salt() for _ in chosen]
        for salt, (new, _) in zip(salts, chosen, strict=True):
            tried.setdefault(new.id, []).append(salt)
        named = {new.subject: new for new, _ in chosen if new.keys is not None}
        names = [(new.subject, new.type, key.form, key.text) for new in named.values() for key in new.keys or ()]
        row = await connection.fetchrow(
            SQL.append_records,
            [new.id for new, _ in chosen],
            [new.kind for new, _ in chosen],
            [new.subject for new, _ in chosen],
            [revision for _, revision in chosen],
            salts,
            [hashlib.sha256(salt + new.request).digest() for salt, (new, _) in zip(salts, chosen, strict=True)],
            [new.payload for new, _ in chosen],
            *([name[i] for name in names] for i in range(4)),
            asked_by,
        )
        assert row is not None
        return [
            Receipt(
                id=new.id,
                position=row["first_position"] + i,
                recorded_at=row["first_recorded_at"] + timedelta(microseconds=i),
                subject=new.subject,
                revision=revision,
            )
            for i, (new, revision) in enumerate(chosen)
        ]

    async def _still_open(self, batch: list[_Waiting], error: asyncpg.UniqueViolationError) -> bool:
        """Whether deciding again can help: a slug taken meanwhile is no race over an id, and its post must be told."""
        return error.constraint_name != "name_alone" and any(not waiting.done for waiting in batch)

    async def _settle_singly(self, batch: list[_Waiting], error: Exception) -> None:
        """Replay each group alone, so that one bad record does not fail the others."""
        pending = [waiting for waiting in batch if not waiting.done]
        if len(pending) == 1:
            pending[0].settle(_refusal_of(error))
            return
        for waiting in pending:
            await self._append([waiting])

    def _turn_away(self, batch: list[_Waiting], error: BaseException) -> None:
        log.error("database takes no writes; posts refused", error=type(error).__name__, posts=len(batch))
        told = "The database takes no writes now: its disk is full, or it is a standby. Nothing was recorded."
        for waiting in batch:
            waiting.settle(DatabaseUnavailable(told, retry_after_seconds=10))

    def _give_up(self, batch: list[_Waiting], error: Exception) -> None:
        log.error("database does not come back; posts refused", error=type(error).__name__, posts=len(batch))
        for waiting in batch:
            waiting.settle(
                DatabaseUnavailable(
                    "The database does not answer, so it is not known whether this was recorded. "
                    "Repeat the post with the same id or Idempotency-Key: that is safe.",
                    retry_after_seconds=2,
                )
            )


def _about(new: NewRecord, refusal: Refusal) -> Refusal:
    """The refusal, knowing which record it is about: several of a batch may change the same subject."""
    refusal.record = new.id
    return refusal


def _refusal_of(error: Exception) -> TimelineError:
    """What a caller is told of an append that the database refused for good."""
    if isinstance(error, asyncpg.UniqueViolationError) and error.constraint_name == "name_alone":
        return SlugTaken(TAKEN)
    if isinstance(error, asyncpg.DataError | asyncpg.ProgramLimitExceededError):
        return InvalidRecord("The database can't hold this record.")
    log.error("append refused by the database", error=type(error).__name__, message=_message(error))
    return TimelineError("The append failed; nothing was recorded.")


def _message(error: Exception) -> str:
    """What may be logged of a database's refusal: its message, never its detail, which quotes values."""
    return error.args[0] if isinstance(error, asyncpg.PostgresError) and error.args else type(error).__name__


def _asked_by(batch: list[_Waiting]) -> str:
    """The first request of a batch and how many more there are; one that fails is tried again request by request."""
    requests = list(dict.fromkeys(waiting.call.asked_by for waiting in batch))
    return requests[0] if len(requests) < 2 else f"{requests[0][: CONNECTION_NAME_MAX - 8]} +{len(requests) - 1}"


def _bytes(waiting: _Waiting) -> int:
    return sum(len(record.payload) for record in waiting.group.records)


def _known(row: asyncpg.Record) -> _Known:
    receipt = Receipt(
        id=row["id"],
        position=row["position"],
        recorded_at=row["recorded_at"],
        subject=row["subject"],
        revision=row["revision"],
    )
    return _Known(receipt=receipt, kind=row["kind"], salt=row["salt"], request=row["request"])
