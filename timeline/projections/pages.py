"""Answer from the read models: every answer as of one position, for one level of reader."""

import base64
import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import asyncpg
import msgspec

from timeline.db.pool import unavailable_if_lost
from timeline.db.statements import load
from timeline.errors import BadCursor, Behind, NotFound
from timeline.model.entry import Entry, NameShown, Page, State, Subject, TargetShown
from timeline.projections.fold import VERSION
from timeline.projections.world import ALL, NAMES

SQL = load(Path(__file__).with_name("pages.sql"))

LOOKED_AT_MAX = 2_000
"""A page looks at no more entries than this, so that no filter and no level makes it slow."""
LIMIT_MAX = 1_000
FIRST = (date.min, date.min, date.min, 0)
LAST = (date.max, date.max, date.max, 2**63 - 1)
Key = tuple[date, date, date, int]
Connection = asyncpg.pool.PoolConnectionProxy

_STATE = msgspec.json.Decoder(State)


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a timeline."""

    timeline: UUID
    level: int
    from_: date = date.min
    to: date = date.max
    kinds: tuple[str, ...] = ()
    standings: tuple[str, ...] = ()
    backwards: bool = False
    feeds: bool = False
    limit: int = 50

    def fingerprint(self) -> str:
        """What a cursor is bound to: everything asked but the size of the page."""
        asked = msgspec.structs.replace(self, limit=0)
        return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()[:16]


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where the next page starts, and the position that the whole walk reads at."""

    query: str
    position: int
    key: Key

    def text(self) -> str:
        """As it is handed out: opaque, safe in a URL."""
        return base64.urlsafe_b64encode(msgspec.msgpack.encode(self)).decode().rstrip("=")


def read_cursor(text: str, query: Query) -> Cursor:
    """A cursor that we made for this query.

    Raises:
        BadCursor: it is not one, or belongs to another query.
    """
    try:
        cursor = msgspec.msgpack.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Cursor)
    except (ValueError, msgspec.MsgspecError) as error:
        raise BadCursor(
            "Expected a cursor as given in `next`, found something else. Start again without it."
        ) from error
    if cursor.query != query.fingerprint():
        raise BadCursor("This cursor belongs to another query: keep the other parameters, or start without it.")
    if not 0 <= cursor.position < 2**63 or not 0 <= cursor.key[3] < 2**63:
        raise BadCursor("Expected a cursor as given in `next`, found one out of range.")
    return cursor


class Reader:
    """The read side's connections, pointed at the live tables."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    @asynccontextmanager
    async def at(self, position: int | None = None) -> AsyncIterator[tuple[Connection, int]]:
        """A connection on the live tables, and the position to read at: the given one, or that of progress.

        The rows of one position never change while it is read, so several statements need no transaction.

        Raises:
            DatabaseUnavailable: the database does not answer.
            Behind: nothing was ever folded.
        """
        with unavailable_if_lost():
            async with self.pool.acquire() as connection:
                row = await connection.fetchrow(SQL.face_live_tables)
                if row is None:
                    raise Behind("No read model has been built yet.", retry_after_seconds=1)
                if row["version"] != VERSION:
                    told = f"The read models are of version {row['version']}, this process reads {VERSION}."
                    raise Behind(f"{told} Stop it, or run `timeline rebuild` with it.", retry_after_seconds=30)
                yield connection, row["position"] if position is None else position


async def etag(
    connection: Connection, query: Iterable[object], timelines: Iterable[UUID], level: int, position: int
) -> str:
    """The weak ETag of an answer: what was asked, at which level, under which rules, and when what it shows changed.

    Weak, for the answer also tells its position, which moves while the timeline stands still. A head beyond the
    position that is read has moved since: its tag would promise what this answer does not show, so it gets one that
    no later answer has.
    """
    head = await connection.fetchval(SQL.heads, [*timelines, NAMES], level)
    settled = head if head <= position else f"{head} after {position}"
    told = "\x00".join(map(str, (*query, level, VERSION, settled)))
    return f'W/"{hashlib.sha256(told.encode()).hexdigest()[:24]}"'


async def page(
    connection: Connection, query: Query, subject: Subject, cursor: Cursor | None, position: int, on: date
) -> Page:
    """A page of a timeline as of `position`; `on` is the day that overdue is judged by."""
    key = cursor.key if cursor else (LAST if query.backwards else FIRST)
    rows = await connection.fetch(
        SQL.entries_backwards if query.backwards else SQL.entries,
        query.timeline,
        query.level,
        position,
        *key,
        query.from_,
        query.to,
        LOOKED_AT_MAX,
        list(query.kinds) or None,
        list(query.standings) or None,
        query.feeds,
        query.limit + 1,
    )
    following = await _following(connection, query, rows, key, position)
    rows = rows[: query.limit]
    entries, names = await shown(connection, rows, query.level, position, on)
    return Page(
        position=position,
        as_of=None,
        subject=subject,
        entries=entries,
        names=names,
        next=Cursor(query.fingerprint(), position, following).text() if following else None,
    )


async def _following(
    connection: Connection, query: Query, rows: list[asyncpg.Record], key: Key, position: int
) -> Key | None:
    """The key that the next page starts after, if there may be one."""
    if len(rows) > query.limit:
        last = rows[query.limit - 1]
        return last["at"], last["earliest"], last["latest"], last["position"]
    statement = SQL.last_looked_at_backwards if query.backwards else SQL.last_looked_at
    row = await connection.fetchrow(statement, query.timeline, position, *key, query.from_, query.to, LOOKED_AT_MAX)
    return tuple(row) if row else None


async def shown(
    connection: Connection, rows: Iterable[asyncpg.Record], level: int, position: int, on: date
) -> tuple[list[Entry], dict[str, NameShown]]:
    """Entries from rows with `placed` and `body`: what they are `of` inline, with the names of every id."""
    states = [(row["placed"], _STATE.decode(row["body"])) for row in rows]
    targets = await targets_of(connection, [state for _, state in states], level, position)
    entries = [entry(state, placed, targets, on) for placed, state in states]
    return entries, await names_of(connection, entries, level, position)


async def targets_of(
    connection: Connection, states: Iterable[State], level: int, position: int
) -> dict[str, TargetShown]:
    """The events that these are `of`, as far as this level sees them."""
    wanted = {UUID(each) for state in states for each in state.replies_to}
    rows = await connection.fetch(SQL.states, list(wanted), level, position) if wanted else []
    found = [_STATE.decode(row["body"]) for row in rows]
    return {state.id: TargetShown(id=state.id, title=state.title, standing=state.standing) for state in found}


def entry(
    state: State, placed: Literal["participant", "of", "speaker"], targets: dict[str, TargetShown], on: date
) -> Entry:
    """A state as an entry of a timeline."""
    last = state.occurred.latest
    return Entry(
        **{name: getattr(state, name) for name in State.__struct_fields__},
        as_=placed,
        of=[targets[each] for each in state.replies_to if each in targets],
        overdue=state.phase == "expected" and last is not None and last < on,
    )


async def names_of(
    connection: Connection, entries: Iterable[Entry], level: int, position: int, more: Iterable[str] = ()
) -> dict[str, NameShown]:
    """What every id in the entries is called, as far as this level sees it."""
    wanted = {each for found in entries for each in _ids(found)} | set(more)
    rows = await connection.fetch(SQL.names, [UUID(each) for each in wanted], level, position) if wanted else []
    return {
        str(r["id"]): NameShown(type=r["kind"], slug=r["slug"], name=r["name"])
        for r in sorted(rows, key=lambda r: r["id"])
    }


def _ids(found: Entry) -> list[str]:
    return [
        found.source,
        *(p.actor for p in found.participants),
        *found.against,
        *(p.place for p in found.places),
        *found.topics,
        *found.denied_by,
        *(a.source for a in found.assessments),
    ]


async def subject_of(connection: Connection, kind: str, named: str, level: int, position: int) -> tuple[UUID, Subject]:
    """The registered thing whose timeline is asked for, by id or slug.

    Raises:
        NotFound: there is none that this level may see.
    """
    row = await registered_row(connection, kind, named, level, position)
    return row["id"], Subject(type=kind, id=str(row["id"]), slug=row["slug"], name=row["name"] or str(row["id"]))


EVERYTHING = (UUID(ALL), Subject(type="all", id=None, slug=None, name="All events"))


async def registered_row(connection: Connection, kind: str, named: str, level: int, position: int) -> Any:
    """The row of a registered thing, by id or slug."""
    try:
        found_id = UUID(named) if len(named) == 36 else None
    except ValueError:
        found_id = None
    row = await connection.fetchrow(SQL.registered_one, kind, found_id, named, level, position)
    if row is None:
        raise NotFound(f"No {kind} {named!r} that you may see. Give its id or slug.")
    return row
