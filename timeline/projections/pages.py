"""Answer from the read models: every answer as of one position, for one level of reader."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args
from uuid import UUID

import asyncpg
import msgspec
from msgspec import UNSET

from timeline.db.pool import unavailable_if_lost
from timeline.db.statements import load
from timeline.errors import BadCursor, Behind, NotFound
from timeline.logs import request_name
from timeline.model.entry import Entry, NameShown, Page, PointShown, ReadyPage, State, Subject, TargetShown, named_in
from timeline.model.registry import Place
from timeline.projections.fold import VERSION
from timeline.projections.world import ALL, NAMES, PURGES, Placed

SQL = load(Path(__file__).with_name("pages.sql"))

LOOKED_AT_MAX = 2_000
"""A page looks at no more entries than this, so that no filter and no level makes it slow."""
LIMIT_MAX = 1_000
Key = tuple[date, date, date, int]
Connection = asyncpg.pool.PoolConnectionProxy

NAMES_KEPT_MAX = 50_000

_STATE = msgspec.json.Decoder(State)
_TARGET = msgspec.json.Decoder(TargetShown)
_PLACE = msgspec.json.Decoder(Place)
_NAME = msgspec.json.Encoder()


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What a search asks for besides what a timeline can be asked."""

    first: int = 0
    """The first position at which it may have been recorded."""
    last: int = 2**53
    source: UUID | None = None
    """Who said it first."""
    text: str | None = None
    """What its title or summary holds, folded."""
    also: tuple[UUID, ...] = ()
    """Other timelines that it stands in."""


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
    said_to: date | None = None
    """As if nothing had been said after this day; see `said`."""
    search: "Search | None" = None
    """What is asked for besides, of a search."""
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


class Moved(msgspec.Struct, frozen=True):
    """What was asked for turned out to be another: ask for that."""

    survivor: UUID


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A timeline as it is found when somebody comes to read it."""

    position: int
    """That of progress, or the one asked about."""
    as_of: int | None
    timeline: UUID
    canonical: UUID | None
    """The actor that answers for this one; its timeline is the one to read."""
    subject: Subject
    head: int
    """Where it last changed, or a name that may stand on it."""
    purged: int
    """Where the past was last folded again."""
    shows: bool
    """Whether readers at this level may ever have seen anything there."""
    names: "Names"

    def tag(self, query: Iterable[object], level: int) -> str:
        """The weak ETag of a page of it; see `etag`."""
        if self.as_of is not None:
            return tag_as_of(query, level, self.purged, self.as_of)
        return tag_of(query, level, self.head, self.position)


class Names:
    """What registered things are called, as far as one level sees them: kept until one of them is named anew."""

    def __init__(self, key: tuple[str, int, int]) -> None:
        self.key = key
        """The live tables, the level, and the position at which a name last changed there."""
        self._known: dict[bytes, tuple[str, msgspec.Raw]] = {}

    async def of(self, connection: Connection, wanted: set[bytes], level: int, position: int) -> dict[str, msgspec.Raw]:
        """The names of these ids (16 bytes each) as of a position, written down, in the order of ids."""
        if position < self.key[2]:
            return dict(sorted((await _names(connection, wanted, level, position)).values()))
        missing = wanted - self._known.keys()
        if missing:
            if len(self._known) > NAMES_KEPT_MAX:
                self._known.clear()
                missing = wanted
            self._known |= await _names(connection, missing, level, position)
        return dict(sorted(self._known[each] for each in wanted if each in self._known))


async def _names(
    connection: Connection, wanted: Iterable[bytes], level: int, position: int
) -> dict[bytes, tuple[str, msgspec.Raw]]:
    rows = await connection.fetch(SQL.names, [UUID(bytes=each) for each in wanted], level, position)
    return {row["id"].bytes: (str(row["id"]), msgspec.Raw(_NAME.encode(_name(row)))) for row in rows}


def _name(row: asyncpg.Record) -> NameShown:
    place = _PLACE.decode(row["place"]) if row["place"] is not None else None
    point = (
        PointShown(latitude=place.latitude, longitude=place.longitude, precision=place.precision)
        if place and place.latitude and place.longitude
        else UNSET
    )
    return NameShown(type=row["kind"], slug=row["slug"], name=row["name"], point=point)


class Reader:
    """The read side's connections, pointed at the live tables."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self._names: dict[int, Names] = {}
        self.folding = asyncio.Semaphore(1)
        """Held by whoever folds a large part of the log again: two would take twice the memory, and no less time."""

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
                now = await _face(connection)
                yield connection, now if position is None else position

    @asynccontextmanager
    async def timeline(
        self, kind: str, named: str, level: int, as_of: int | None = None, *, follow: bool = False
    ) -> AsyncIterator[tuple[Connection, Opened]]:
        """A connection on the live tables, and a timeline as it is there now, or was as of a position.

        `kind` is `all` for the timeline of everything; another is named as things were called then. Where another actor
        answers for the one that is named, its timeline if `follow`.

        Raises:
            NotFound: nothing has that id or slug that this level may see.
            DatabaseUnavailable, Behind: as `at`.
        """
        with unavailable_if_lost():
            async with self.pool.acquire() as connection:
                opened = await self._opened(connection, kind, named, level, as_of)
                if opened.canonical is not None and follow:
                    opened = await self._opened(connection, kind, str(opened.canonical), level, as_of)
                yield connection, opened

    async def _opened(self, connection: Connection, kind: str, named: str, level: int, as_of: int | None) -> Opened:
        asked = (kind, *_id_or_slug(named), level, UUID(ALL) if kind == "all" else None, as_of, request_name())
        try:
            row = await connection.fetchrow(SQL.open_timeline, *asked)
        except asyncpg.UndefinedTableError:  # a new connection, or one on tables that a rebuild has dropped
            row = None
        if row is None or not row["faced"]:
            await _face(connection)
            row = await connection.fetchrow(SQL.open_timeline, *asked)
            assert row is not None
        _check_version(row["version"])
        if row["timeline"] is None:
            raise _not_found(kind, named)
        subject = EVERYTHING[1] if kind == "all" else _subject(kind, row["timeline"], row)
        key = (row["tables"], level, row["named"])
        if level not in self._names or self._names[level].key != key:
            self._names[level] = Names(key)
        return Opened(
            position=row["position"] if as_of is None else as_of,
            as_of=as_of,
            timeline=row["timeline"],
            canonical=row["canonical"],
            subject=subject,
            head=max(row["head"], row["named"]),
            purged=row["purged"],
            shows=row["head"] > 0,
            names=self._names[level],
        )


async def _face(connection: Connection) -> int:
    """Point a connection at the live tables; how far they are."""
    row = await connection.fetchrow(SQL.face_live_tables, request_name())
    if row is None:
        raise Behind("No read model has been built yet.", retry_after_seconds=1)
    _check_version(row["version"])
    return int(row["position"])


def _check_version(version: int) -> None:
    if version != VERSION:
        told = f"The read models are of version {version}, this process reads {VERSION}."
        raise Behind(f"{told} Stop it, or run `timeline rebuild` with it.", retry_after_seconds=30)


async def etag(
    connection: Connection,
    query: Iterable[object],
    timelines: Iterable[UUID],
    level: int,
    position: int,
    as_of: int | None = None,
) -> str:
    """The weak ETag of an answer: what was asked, at which level, under which rules, and when what it shows changed.

    Weak, for the answer also tells its position, which moves while the timeline stands still. A head beyond the
    position that is read has moved since: its tag would promise what this answer does not show, so it gets one that
    no later answer has. What was known as of a position changes only when the past is folded again.
    """
    if as_of is not None:
        return tag_as_of(query, level, await connection.fetchval(SQL.heads, [UUID(PURGES)], level), as_of)
    head = await connection.fetchval(SQL.heads, [*timelines, NAMES], level)
    return tag_of(query, level, head, position)


def tag_as_of(query: Iterable[object], level: int, purged: int, as_of: int) -> str:
    """The tag of an answer as of a position that was asked for; see `etag`."""
    return _tag((*query, f"as of {as_of}"), level, f"purged {purged}")


def tag_of(query: Iterable[object], level: int, head: int, position: int) -> str:
    """The tag of an answer whose head is known; see `etag`."""
    return _tag(query, level, head if head <= position else f"{head} after {position}")


def _tag(query: Iterable[object], level: int, settled: object) -> str:
    told = "\x00".join(map(str, (*query, level, VERSION, settled)))
    return f'W/"{hashlib.sha256(told.encode()).hexdigest()[:24]}"'


async def page(
    connection: Connection, query: Query, subject: Subject, cursor: Cursor | None, position: int, on: date
) -> Page:
    """A page of a timeline as of `position`; `on` is the day that overdue is judged by."""
    rows, following = await rows_of(connection, query, cursor, position, on)
    entries, names = await shown(connection, rows, query.level, position, on)
    return Page(position=position, as_of=None, subject=subject, entries=entries, names=names, next=following)


async def ready_page(
    connection: Connection, query: Query, opened: Opened, cursor: Cursor | None, position: int, on: date
) -> ReadyPage:
    """The same page, its entries put together from stored JSON: as `page` would be written, byte for byte."""
    # Where all is hidden nothing is looked through: by a clock too it is a timeline of which nothing was ever said.
    rows, following = await rows_of(connection, query, cursor, position, on) if opened.shows else ([], None)
    answered = {each for row in rows if row["answers"] for each in row["answers"]}
    targets = await _ready_targets(connection, answered, query.level, position) if answered else {}
    # Many entries of a timeline name the same few, so that most of these are equal.
    wanted = {each[i : i + 16] for each in {row["named"] for row in rows} for i in range(0, len(each), 16)}
    return ReadyPage(
        position=position,
        as_of=None,
        subject=opened.subject,
        entries=[_ready(row, targets) for row in rows],
        names=await opened.names.of(connection, wanted, query.level, position),
        next=following,
    )


def _ready(row: asyncpg.Record, targets: dict[UUID, bytes]) -> msgspec.Raw:
    """An entry: its state's JSON with the fields that its place in this timeline adds."""
    body, answers = row["body"], row["answers"]
    if not answers:
        return msgspec.Raw(body[:-1] + _ADDED[row["placed"], row["overdue"]])
    of = b",".join(targets[each] for each in answers if each in targets)
    return msgspec.Raw(body[:-1] + _added(row["placed"], row["overdue"], of))


def _added(placed: str, overdue: bool, of: bytes = b"") -> bytes:
    return b',"as":"%b","of":[%b],"overdue":%b}' % (placed.encode(), of, b"true" if overdue else b"false")


_ADDED = {(placed, overdue): _added(placed, overdue) for placed in get_args(Placed) for overdue in (False, True)}


async def _ready_targets(connection: Connection, answered: set[UUID], level: int, position: int) -> dict[UUID, bytes]:
    rows = await connection.fetch(SQL.states, list(answered), level, position)
    return {row["event"]: msgspec.json.encode(_TARGET.decode(row["body"])) for row in rows}


async def rows_of(
    connection: Connection, query: Query, cursor: Cursor | None, position: int, on: date
) -> tuple[list[asyncpg.Record], str | None]:
    """The rows of a page, and the cursor of the next."""
    first, last = (query.from_, date.min, date.min, 0), (query.to, date.max, date.max, 2**63 - 1)
    key: Key = cursor.key if cursor else last if query.backwards else first
    asked: tuple[object, ...] = ()
    statement = SQL.entries_backwards if query.backwards else SQL.entries
    if (search := query.search) is not None:
        asked = (search.first, search.last, search.source, search.text, list(search.also))
        statement = SQL.found_backwards if query.backwards else SQL.found
    rows = await connection.fetch(
        statement,
        query.timeline,
        query.level,
        position,
        *key,
        query.from_,
        query.to,
        LOOKED_AT_MAX,
        list(query.kinds) or None,
        (list(query.standings) or None) if query.said_to is None else None,
        query.feeds,
        query.limit + 1,
        on,
        *asked,
    )
    following = await _following(connection, query, rows, key)
    return rows[: query.limit], Cursor(query.fingerprint(), position, following).text() if following else None


async def _following(connection: Connection, query: Query, rows: list[asyncpg.Record], key: Key) -> Key | None:
    """The key that the next page starts after, if there may be one."""
    if len(rows) > query.limit:
        last = rows[query.limit - 1]
        return last["at"], last["earliest"], last["latest"], last["position"]
    statement = SQL.last_looked_at_backwards if query.backwards else SQL.last_looked_at
    row = await connection.fetchrow(statement, query.timeline, *key, query.from_, query.to, LOOKED_AT_MAX)
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
    return await targets_named(connection, {UUID(each) for s in states for each in s.replies_to}, level, position)


async def targets_named(
    connection: Connection, wanted: Iterable[UUID], level: int, position: int
) -> dict[str, TargetShown]:
    """Events by title and standing, as far as this level sees them."""
    ids = sorted(wanted)
    rows = await connection.fetch(SQL.states, ids, level, position) if ids else []
    return {str(row["event"]): _TARGET.decode(row["body"]) for row in rows}


async def states_of(connection: Connection, events: Iterable[str], level: int, position: int) -> list[State]:
    """Events as they stand, as far as this level sees them."""
    ids = sorted(map(UUID, events))
    rows = await connection.fetch(SQL.states, ids, level, position) if ids else []
    return [_STATE.decode(row["body"]) for row in rows]


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
    wanted = {each for found in entries for each in named_in(found)} | set(more)
    rows = await connection.fetch(SQL.names, [UUID(each) for each in wanted], level, position) if wanted else []
    return {str(row["id"]): _name(row) for row in sorted(rows, key=lambda row: row["id"])}


async def subject_of(connection: Connection, kind: str, named: str, level: int, position: int) -> tuple[UUID, Subject]:
    """The registered thing whose timeline is asked for, by id or slug; of an actor, who answers for it.

    Raises:
        NotFound: there is none that this level may see.
    """
    row = await registered_row(connection, kind, named, level, position)
    if (other := await canonical_of(connection, kind, row["id"], level, position)) is not None:
        row = await registered_row(connection, kind, str(other), level, position)
    return row["id"], _subject(kind, row["id"], row)


async def canonical_of(connection: Connection, kind: str, thing: UUID, level: int, position: int) -> UUID | None:
    """The actor that answers for another, which was judged to be the same; None for all other things."""
    found = await connection.fetchval(SQL.canonical, thing, level, position) if kind == "actor" else None
    return UUID(str(found)) if found else None


def _subject(kind: str, thing: UUID, row: asyncpg.Record) -> Subject:
    return Subject(type=kind, id=str(thing), slug=row["slug"], name=row["name"] or str(thing))


EVERYTHING = (UUID(ALL), Subject(type="all", id=None, slug=None, name="All events"))


async def registered_row(connection: Connection, kind: str, named: str, level: int, position: int) -> Any:
    """The row of a registered thing, by id or slug."""
    row = await connection.fetchrow(SQL.registered_one, kind, *_id_or_slug(named), level, position)
    if row is None:
        raise _not_found(kind, named)
    return row


def _id_or_slug(named: str) -> tuple[UUID | None, str | None]:
    """What a path names a thing by: its id where it is one, else its slug."""
    try:
        return (UUID(named), None) if len(named) == 36 else (None, named)
    except ValueError:
        return None, named


def _not_found(kind: str, named: str) -> NotFound:
    return NotFound(f"No {kind} {named!r} that you may see. Give its id or slug.")
