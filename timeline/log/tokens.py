"""Issue, rotate and revoke tokens, each with its record of the log in one transaction; and know who holds which.

`Tokens` writes and lists. `TokenTable` is what a process knows of them, so that a request costs no round trip: it hears
of a change by NOTIFY and looks by itself twice a second. Where it can't be sure to have heard, `is_current` is False,
and each request asks the database: a revocation holds at once in every process.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4, uuid5

import asyncpg
import msgspec
import structlog

from timeline.access import Held, Identity
from timeline.access.text import SECRET_BYTES, hash_of, write_token
from timeline.db.listen import Listener
from timeline.db.pool import unavailable_if_lost
from timeline.db.statements import load
from timeline.errors import Conflict, DatabaseUnavailable, Fault, NotFound, TokenEnded
from timeline.log.resolve import invalid
from timeline.log.writer import CLOSED
from timeline.model.codec import Payload, canonical, payload_bytes, read_payload
from timeline.model.record import LEVEL_MAX, MARKINGS, level_of
from timeline.model.tokens import Token, TokenAsked, TokenIssued, TokenShown

SQL = load(Path(__file__).with_name("tokens.sql"))
log = structlog.get_logger()

CHANNEL = "timeline_token"
POLL_SECONDS = 0.5
OVERDUE_SECONDS = 1.0
RACES_MAX = 5
SALT_BYTES = 32
KEY_ID_BYTES = 8


class _Write(NamedTuple):
    """A token as it shall stand, and the hash of its text if it is new."""

    state: Token
    revision: int
    hash: bytes | None


class Tokens:
    """The tokens of a database."""

    def __init__(
        self,
        reads: asyncpg.Pool,
        writes: asyncpg.Pool,
        key: bytes,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._reads = reads
        self._writes = writes
        self._key = key
        self._now = now

    async def listed(self) -> list[TokenShown]:
        """Every token, in the order of issue."""
        with unavailable_if_lost():
            rows = await self._reads.fetch(SQL.every_token)
        return [self._shown(row) for row in rows]

    async def one(self, token: UUID) -> TokenShown:
        """A token.

        Raises:
            NotFound: there is none with this id.
        """
        return self._shown(await self._row(token))

    async def of_others(self, subjects: Collection[UUID], who: Identity) -> set[UUID]:
        """Those things of the log that neither this caller nor another of their desk recorded first."""
        rows = await self._reads.fetch(SQL.of_others, list(subjects), who.subject, who.desk)
        return {row["subject"] for row in rows}

    async def issue(self, asked: TokenAsked, by: Identity) -> TokenIssued:
        """Issue a token, for an admin.

        Raises:
            InvalidRecord: it could do more than who issues it, or would be over before it begins.
        """
        self._check(asked, by)
        expires_at = _instant(asked.expires_at) if asked.expires_at else None
        state = Token(
            id=str(uuid4()),
            name=asked.name,
            scope=asked.scope,
            audience=asked.audience,
            subject=str(uuid4()),
            marking="amber+strict",
            desk=asked.desk,
            expires_at=expires_at,
        )
        text, new = self._made(state)
        await self._write([new], by)
        return TokenIssued(text=text, token=await self.one(UUID(state.id)))

    async def rotate(self, token: UUID, overlap: timedelta, by: Identity) -> TokenIssued:
        """Issue a successor, which records under the same pseudonym; the token itself goes on for the overlap.

        The successor lasts as long as the token was to last.

        Raises:
            NotFound: there is none with this id.
            TokenEnded: it is revoked or has expired, or has a successor already.
        """
        for _ in range(RACES_MAX):
            row = await self._row(token)
            now = self._now()
            if self._shown(row).state != "in_force" or row["successor"]:
                why = f"it was rotated: its successor is {row['successor']}" if row["successor"] else "it has ended"
                raise TokenEnded(f"Expected a token in force that was not rotated, found one where {why}.")
            before = _state(row)
            lasts = row["expires_at"] - row["issued_at"] if row["expires_at"] else None
            end = min(now + overlap, row["expires_at"] or now + overlap)
            after = msgspec.structs.replace(
                before,
                id=str(uuid4()),
                expires_at=_instant(now + lasts) if lasts else None,
                predecessor=before.id,
            )
            text, new = self._made(after)
            ending = msgspec.structs.replace(before, expires_at=_instant(end), successor=after.id)
            if await self._written([new, _Write(ending, row["revision"] + 1, None)], by):
                return TokenIssued(text=text, token=await self.one(UUID(after.id)), replaces=await self.one(token))
        raise _raced(token)

    async def revoke(self, token: UUID, by: Identity) -> TokenShown:
        """End a token for good. One that is revoked already stays as it is.

        Raises:
            NotFound: there is none with this id.
        """
        for _ in range(RACES_MAX):
            row = await self._row(token)
            if row["revoked_at"] is not None:
                return self._shown(row)
            ended = msgspec.structs.replace(_state(row), revoked=True)
            if await self._written([_Write(ended, row["revision"] + 1, None)], by):
                return await self.one(token)
        raise _raced(token)

    def _check(self, asked: TokenAsked, by: Identity) -> None:
        faults = []
        if level_of(asked.audience) > by.level:
            expected = f"no more than {MARKINGS[by.level]}, the audience of who issues it"
            faults.append(Fault(pointer="#/audience", expected=expected, found=asked.audience))
        if asked.scope == "admin" and level_of(asked.audience) < LEVEL_MAX:
            expected = f"{MARKINGS[LEVEL_MAX]}, for an admin sees the records about tokens"
            faults.append(Fault(pointer="#/audience", expected=expected, found=asked.audience))
        if asked.expires_at is not None and asked.expires_at <= self._now():
            expected = "an instant that lies ahead"
            faults.append(Fault(pointer="#/expires_at", expected=expected, found=asked.expires_at.isoformat()))
        if faults:
            raise invalid(faults)

    def _made(self, state: Token) -> tuple[str, _Write]:
        """A text for a new token, and what is kept of it."""
        text = write_token(UUID(state.id), os.urandom(SECRET_BYTES))
        return text, _Write(state, 1, hash_of(self._key, text.encode()))

    async def _written(self, writes: list[_Write], by: Identity) -> bool:
        """Whether they were written; not where another changed one of them meanwhile."""
        try:
            await self._write(writes, by)
        except (asyncpg.UniqueViolationError, asyncpg.CheckViolationError):
            return False
        return True

    async def _write(self, writes: list[_Write], by: Identity) -> None:
        payloads = [_payload(each, by) for each in writes]
        salts = [os.urandom(SALT_BYTES) for _ in writes]
        requests = [canonical(msgspec.to_builtins(each.state)) + b" by " + by.subject.encode() for each in writes]
        try:
            with unavailable_if_lost():
                await self._writes.execute(
                    SQL.record_tokens,
                    [UUID(each.state.id) for each in writes],
                    [each.revision for each in writes],
                    salts,
                    [hashlib.sha256(salt + said).digest() for salt, said in zip(salts, requests, strict=True)],
                    payloads,
                    [each.hash for each in writes],
                    key_id(self._key),
                )
        except CLOSED as error:
            raise DatabaseUnavailable(
                "The database takes no writes now. Nothing was recorded.", retry_after_seconds=10
            ) from error

    async def _row(self, token: UUID) -> asyncpg.Record:
        with unavailable_if_lost():
            row = await self._reads.fetchrow(SQL.one_token, token)
        if row is None:
            raise NotFound(f"No token {token}.")
        return row

    def _shown(self, row: asyncpg.Record) -> TokenShown:
        expired = row["expires_at"] is not None and row["expires_at"] <= self._now()
        return TokenShown(
            id=str(row["id"]),
            name=row["name"],
            scope=row["scope"],
            audience=row["audience"],
            desk=row["desk"],
            subject=str(row["subject"]),
            state="revoked" if row["revoked_at"] else "expired" if expired else "in_force",
            issued_at=row["issued_at"],
            expires_at=row["expires_at"],
            revoked_at=row["revoked_at"],
            predecessor=_text(row["predecessor"]),
            successor=_text(row["successor"]),
            position=row["position"],
        )


class TokenTable:
    """The tokens in force, as far as this process knows; see `access.Table`."""

    def __init__(self, pool: asyncpg.Pool, key: bytes, listener: Listener) -> None:
        self._pool = pool
        self._key_id = key_id(key)
        self._listener = listener
        self._held: dict[str, Held] = {}
        self._position = 0
        self._confirmed_at = 0.0
        self._lock = asyncio.Lock()
        self._begun = self._done = 0
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the tokens, and follow them from now on."""
        with suppress(DatabaseUnavailable):  # then each request asks
            await self.refresh()
        self._task = asyncio.create_task(self._follow(), name="tokens")

    async def stop(self) -> None:
        """Follow no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def get(self, token_id: str) -> Held | None:
        """The token with this id, unless it was revoked."""
        return self._held.get(token_id)

    @property
    def is_current(self) -> bool:
        """Whether a revocation elsewhere would have been heard of by now."""
        return self._listener.is_listening and time.monotonic() - self._confirmed_at < OVERDUE_SECONDS

    @property
    def confirmed_at(self) -> float:
        """When the database was asked last (monotonic seconds)."""
        return self._confirmed_at

    async def changed(self) -> None:
        """Return when something is known that was not."""
        await self._changed.wait()

    async def refresh(self) -> None:
        """Ask the database. Whoever comes while it is asked shares the next asking, which begins after they came.

        Raises:
            DatabaseUnavailable: it does not answer.
        """
        wanted = self._begun + 1
        async with self._lock:
            if self._done >= wanted:
                return
            self._begun += 1
            mine, began = self._begun, time.monotonic()
            with unavailable_if_lost():
                rows = await self._pool.fetch(SQL.tokens_after, self._position)
            self._take(rows)
            self._done, self._confirmed_at = mine, began

    def _take(self, rows: list[asyncpg.Record]) -> None:
        for row in rows:
            self._position = row["position"]
            own = str(row["id"])
            if row["key"] != self._key_id:
                log.warning("a token was hashed under another key, and is not known here", token=own)
            elif row["revoked_at"] is not None:
                self._held.pop(own, None)
            else:
                self._held[own] = Held(row["hash"], _identity(row))
        if rows:
            self._changed.set()
            self._changed = asyncio.Event()

    async def _follow(self) -> None:
        while True:
            seen = self._listener.generation
            try:
                await self.refresh()
            except Exception as error:  # whatever it is, the next attempt must come: till then each request asks
                log.warning("tokens can't be followed", error=type(error).__name__)
            await self._listener.wait_past(seen, POLL_SECONDS)


async def verify_tokens(connection: asyncpg.Connection) -> list[str]:
    """Each way in which tokens are not what the log says of them. Their hashes are in no record, and not compared."""
    return [fault for row in await connection.fetch(SQL.tokens_and_records) for fault in _token_faults(row)]


def _token_faults(row: asyncpg.Record) -> list[str]:
    if row["id"] is None:
        return [f"token {row['stated']} is missing, which position {row['stated_position']} states"]
    if row["stated"] is None:
        return [f"token {row['id']} is in no record of the log"]
    try:
        stated = msgspec.convert({"kind": Token.kind_of(), **read_payload(row["bytes"] or b"").body}, Token)
    except msgspec.MsgspecError:
        return [f"token {row['id']}: its record at position {row['stated_position']} can't be read"]
    held = msgspec.structs.asdict(_state(row))
    wrong = [name for name, value in msgspec.structs.asdict(stated).items() if held[name] != value]
    ended_at = row["stated_at"] if stated.revoked else None
    told = {
        "position": row["position"] == row["stated_position"],
        "revision": row["revision"] == row["stated_revision"],
        "issued_at": row["issued_at"] == row["first_at"],
        "revoked_at": row["revoked_at"] == ended_at,
    }
    wrong += [name for name, holds in told.items() if not holds]
    return [f"token {row['id']}: its {name} is not what its last record says" for name in wrong]


def key_id(key: bytes) -> bytes:
    """What tells a key from another, and nothing about it."""
    return hashlib.sha256(b"timeline token key\n" + key).digest()[:KEY_ID_BYTES]


def _identity(row: asyncpg.Record) -> Identity:
    return Identity(
        subject=str(row["subject"]),
        level=level_of(row["audience"]),
        scope=row["scope"],
        token=str(row["id"]),
        desk=row["desk"],
        expires_at=row["expires_at"].timestamp() if row["expires_at"] else None,
    )


def _state(row: asyncpg.Record) -> Token:
    """The token as its last record states it."""
    return Token(
        id=str(row["id"]),
        name=row["name"],
        scope=row["scope"],
        audience=row["audience"],
        subject=str(row["subject"]),
        marking="amber+strict",
        desk=row["desk"],
        expires_at=_instant(row["expires_at"]) if row["expires_at"] else None,
        revoked=row["revoked_at"] is not None,
        predecessor=_text(row["predecessor"]),
        successor=_text(row["successor"]),
    )


def _payload(write: _Write, by: Identity) -> bytes:
    """The record: its id is the token's, or follows from the revision that it becomes, as a registration's does."""
    subject = UUID(write.state.id)
    own = subject if write.revision == 1 else uuid5(subject, f"revision {write.revision}")
    body = {name: value for name, value in msgspec.to_builtins(write.state).items() if name != "kind"}
    return payload_bytes(
        Payload(id=str(own), kind=Token.kind_of(), shape=Token.shape, recorded_by=by.subject, body=body)
    )


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _text(found: UUID | None) -> str | None:
    return str(found) if found else None


def _raced(token: UUID) -> Conflict:
    return Conflict(f"Token {token} is being changed by others. Try again.")
