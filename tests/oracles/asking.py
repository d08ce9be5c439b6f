"""Everything that readers, writers and the projector ask of a database that `bulk` made, each question under a name."""

import copy
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import asyncpg
import msgspec

from tests.benchmarks.bulk import EDITED, Bulk, append
from tests.oracles.explaining import Explaining, Plan
from timeline.db.migrate import LOCK
from timeline.errors import Gone, NotFound
from timeline.log.read import LogReader
from timeline.log.record import Group, NewRecord
from timeline.log.writer import Writer
from timeline.model.record import LEVELS
from timeline.model.weeks import week_of
from timeline.projections.diff import DiffQuery, Place, changes
from timeline.projections.duplicates import proposed
from timeline.projections.events import event_shown
from timeline.projections.feed import SQL as FEEDS
from timeline.projections.feed import Sought, feed
from timeline.projections.history import history
from timeline.projections.pages import EVERYTHING as ALL_EVENTS
from timeline.projections.pages import SQL as READ
from timeline.projections.pages import Cursor, Query, Reader, Search, canonical_of, etag, page
from timeline.projections.projector import NAME, begin, connect, step
from timeline.projections.registered import registered_one, registered_page
from timeline.projections.said import page_said
from timeline.projections.slices import WeekQuery, week_slice
from timeline.projections.store import SQL as PROJECTOR

READER, WRITER, FOLDER = "timeline_reader", "timeline_writer", "timeline_projector"
LONG_AGO = 300
"""A position that stays as small as it is, however long the log becomes; the famous event then has a tenth of its
versions, or two."""
WINDOW = 300
"""Records between the two moments that a slice compares."""
FEED = 500
"""Records that are asked of the feed at once."""
EARLY_WEEK = "1970-W03"
DAYS_BACK = 15
FOLDED = "folded by the projector"
WITH_A_TOPIC = "with a topic"

Ask = Callable[[Any], Awaitable[object]]


class Question(NamedTuple):
    """One thing to ask, and the role that asks it."""

    name: str
    role: str
    ask: Ask


class Known(NamedTuple):
    """The things that questions are about."""

    bulk: Bulk
    tables: str
    head: int
    subjects: dict[str, UUID]
    events: dict[str, UUID]

    @property
    def day(self) -> date:
        """A day shortly before the end of the log."""
        return self.bulk.today - timedelta(days=DAYS_BACK)


async def known(dsn: str, bulk: Bulk) -> Known:
    """Find what to ask about."""
    tables = await begin(dsn, FOLDER)
    connection = await connect(dsn, tables, None)
    try:
        head = int(await connection.fetchval("SELECT max(position) FROM timeline.log"))
        slug = "SELECT subject FROM timeline.name WHERE form = 'slug' AND key = $1"
        named = {"hot": "hot", "a rare actor": "actor-40", "a topic": "topic-0", "a place": "place-0"}
        some = "SELECT id FROM event WHERE status = 'live' AND survivor IS NULL AND level = 0 AND position > $1 LIMIT 1"
        return Known(
            bulk=bulk,
            tables=tables,
            head=head,
            subjects={"all": ALL_EVENTS[0]}
            | {name: await connection.fetchval(slug, key) for name, key in named.items()},
            events={
                "the famous event": UUID(bulk.famous.id),
                "an early event": await connection.fetchval(some, 0),
                "a late event": await connection.fetchval(some, head - WINDOW),
            },
        )
    finally:
        await connection.close()


async def answers(dsn: str, about: Known, questions: Iterable[Question], *, without: str | None = None) -> list[Plan]:
    """Ask, and return the plan of every statement that it took; `without` is run before, to drop an index.

    Nothing that is asked, appended, folded or dropped stays.
    """
    plans: list[Plan] = []
    for role, several in itertools.groupby(questions, lambda each: each.role):
        connection = await connect(dsn, about.tables, None)
        try:
            undone = connection.transaction()
            await undone.start()
            if without is not None:
                await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)  # else its guards refuse it
                await connection.execute(without)
            await connection.execute(f"SET LOCAL ROLE {role}")
            on = Explaining(connection)
            for question in several:
                on.question = question.name
                await question.ask(on)
            plans += on.plans
            await undone.rollback()
        finally:
            connection.terminate()
    return plans


def questions_about(about: Known) -> list[Question]:
    """Every question, readers' first."""
    readers = [
        *_pages(about),
        *_etags(about),
        *_opened(about),
        *_events(about),
        *_weeks(about),
        *_differences(about),
        *_histories(about),
        *_registered(about),
        *_identities(about),
        *_suppositions(about),
        *_alike(about),
        *_feed(about),
    ]
    writers = [Question("looked up to admit a post", READER, partial(_admit, about))]
    writers += [Question(f"the log after {words}", READER, partial(_tail, at)) for at, words in _thirds(about).items()]
    writers += [Question("appended by the writer", WRITER, partial(_write, about))]
    return [*readers, *writers, Question(FOLDED, FOLDER, partial(_fold, about))]


def _pages(about: Known) -> Iterator[Question]:
    for name, level, backwards in itertools.product(about.subjects, LEVELS, (False, True)):
        told = f"page of {name} at level {level}{' backwards' if backwards else ''}"
        query = Query(timeline=about.subjects[name], level=level, backwards=backwards)
        yield _page(told, about, query)
        if name in ("all", "hot") and level in (0, 3):
            yield from _kinds_of_pages(told, about, query)


def _kinds_of_pages(told: str, about: Known, query: Query) -> Iterator[Question]:
    asked: dict[str, dict[str, Any]] = {
        "that matches no kind": {"kinds": ("election",)},
        "that matches no standing": {"standings": ("unheard-of",)},
        "from a late day": {"from_": about.day},
        "to an early day": {"to": date(1970, 1, 20)},
        "within a late week": {"from_": about.day, "to": about.day + timedelta(days=6)},
        "where nothing was": {"from_": date(1900, 1, 1), "to": date(1901, 1, 1)},
    }
    for words, fields in asked.items():
        yield _page(f"{told}, {words}", about, msgspec.structs.replace(query, **fields))
    searches = {
        "with a text that none has": Search(text="zyx"),
        "recorded lately": Search(first=about.head - WINDOW),
        "of a source that none is": Search(source=UUID(int=7)),
    }
    for words, search in searches.items():
        yield _page(f"{told}, {words}", about, msgspec.structs.replace(query, search=search))
    inside = Cursor(query.fingerprint(), about.head, (about.day, about.day, about.day, 0))
    yield _page(f"{told}, deep inside", about, query, cursor=inside)
    yield _page(f"{told}, as of long ago", about, query, position=LONG_AGO)
    yield _page(f"{told}, as of half the log", about, query, position=about.head // 2)


def _page(name: str, about: Known, query: Query, cursor: Cursor | None = None, position: int | None = None) -> Question:
    async def ask(on: Any) -> None:
        at = about.head if position is None else position
        await page(on, query, ALL_EVENTS[1], cursor, at, about.bulk.today)

    return Question(name, READER, ask)


def _etags(about: Known) -> Iterator[Question]:
    async def ask(timeline: UUID, on: Any) -> None:
        async with Reader(on).at() as (connection, position):
            await etag(connection, ("asked",), [timeline], 3, position)

    for name, timeline in about.subjects.items():
        yield Question(f"etag of {name}", READER, partial(ask, timeline))


def _opened(about: Known) -> Iterator[Question]:
    async def ask(kind: str, named: str, level: int, on: Any) -> None:
        with suppress(NotFound):
            async with Reader(on).timeline(kind, named, level):
                pass

    named = {"slug": "actor-40", "id": str(about.subjects["a rare actor"]), "a slug that none has": "nobody"}
    for (words, each), level in itertools.product(named.items(), (0, 3)):
        yield Question(f"a timeline opened by {words} at level {level}", READER, partial(ask, "actor", each, level))
    yield Question("the timeline of all opened", READER, partial(ask, "all", "", 3))


def _events(about: Known) -> Iterator[Question]:
    async def ask(event: UUID, level: int, position: int, on: Any) -> None:
        with suppress(NotFound, Gone):
            await event_shown(on, event, level, position, about.bulk.today)

    for (name, event), level in itertools.product(about.events.items(), LEVELS):
        yield Question(f"{name} at level {level}", READER, partial(ask, event, level, about.head))
        yield Question(f"{name} at level {level}, as of long ago", READER, partial(ask, event, level, LONG_AGO))


def _weeks(about: Known) -> Iterator[Question]:
    weeks = {"late": (week_of(about.day), about.head - WINDOW), "early": (EARLY_WEEK, 3 * WINDOW)}
    matches: dict[str, tuple[Any, str | None]] = {
        "anchored": ("anchored", None),
        "possible": ("possible", None),
        WITH_A_TOPIC: ("anchored", "a topic"),
    }
    for name, level, (when, (week, until)), (told, (match, also)) in itertools.product(
        ("all", "hot"), (0, 3), weeks.items(), matches.items()
    ):
        query = WeekQuery(
            week=week,
            timeline=about.subjects[name],
            also=about.subjects[also] if also else None,
            level=level,
            match=match,
            feeds=False,
        )
        yield Question(
            f"{when} week of {name}, {told}, at level {level}",
            READER,
            partial(_week, about, query, until - WINDOW, until),
        )
    query = WeekQuery(week=EARLY_WEEK, timeline=ALL_EVENTS[0], also=None, level=3, match="anchored", feeds=False)
    yield Question("week in which all of it was recorded", READER, partial(_week, about, query, 0, about.head))


async def _week(about: Known, query: WeekQuery, since: int, until: int, on: Any) -> None:
    await week_slice(on, query, ALL_EVENTS[1], about.head, since, until, about.bulk.today)


def _differences(about: Known) -> Iterator[Question]:
    windows = {
        "late": (about.head - WINDOW, about.head),
        "early": (2 * WINDOW, 3 * WINDOW),
        "whole": (0, about.head),
        "since long ago": (LONG_AGO, about.head),
    }
    for name, level, (when, (before, after)) in itertools.product(
        ("all", "hot", "a rare actor"), (0, 3), windows.items()
    ):
        query = DiffQuery(level=level, before=before, after=after, timelines=(about.subjects[name],))
        told = f"{when} difference of {name} at level {level}"
        yield Question(told, READER, partial(_difference, query, query.beginning))
        if when in ("whole", "since long ago"):
            inside = Place(before + (after - before) // 2, UUID(int=0))
            yield Question(f"{told}, deep inside", READER, partial(_difference, query, inside))
    query = DiffQuery(
        level=3, before=0, after=about.head, timelines=tuple(about.subjects[each] for each in ("hot", "a topic"))
    )
    placed = msgspec.structs.replace(query, week=week_of(about.day))
    yield Question("whole difference of two subjects", READER, partial(_difference, query, query.beginning))
    yield Question("whole difference of a late week", READER, partial(_difference, placed, query.beginning))


async def _difference(query: DiffQuery, place: Place, on: Any) -> None:
    await changes(on, query, place)


def _histories(about: Known) -> Iterator[Question]:
    async def ask(event: UUID, level: int, position: int, after: int, on: Any) -> None:
        with suppress(NotFound):
            await history(on, event, level, position, after, 50)

    for (name, event), level in itertools.product(about.events.items(), (0, 3)):
        told = f"history of {name} at level {level}"
        yield Question(told, READER, partial(ask, event, level, about.head, 0))
        yield Question(f"{told}, as of long ago", READER, partial(ask, event, level, LONG_AGO, 0))
        yield Question(f"{told}, deep inside", READER, partial(ask, event, level, about.head, about.head // 2))


def _registered(about: Known) -> Iterator[Question]:
    async def listed(kind: str, level: int, after: str, q: str | None, on: Any) -> None:
        await registered_page(on, kind, level, about.head, q, (after, UUID(int=0)), 50)

    async def one(kind: str, level: int, named: str, on: Any) -> None:
        with suppress(NotFound):
            await registered_one(on, kind, named, level, about.head)

    for kind, level in itertools.product(("actor", "document", "source"), (0, 3)):
        told = f"at level {level}"
        yield Question(f"{kind}s {told}", READER, partial(listed, kind, level, "", None))
        yield Question(f"{kind}s far on {told}", READER, partial(listed, kind, level, f"{kind}-40", None))
        yield Question(f"{kind}s with what none has {told}", READER, partial(listed, kind, level, "", "zyx"))
        yield Question(f"{kind}s with what few have {told}", READER, partial(listed, kind, level, "", f"{kind} 40"))
        yield Question(f"{kind} by slug {told}", READER, partial(one, kind, level, f"{kind}-40"))
        yield Question(f"{kind} by id {told}", READER, partial(one, kind, level, str(about.subjects["a rare actor"])))


def _alike(about: Known) -> Iterator[Question]:
    """What may be one happening, of a page of events near the end of the log."""

    async def ask(name: str, level: int, on: Any) -> None:
        query = Query(timeline=about.subjects[name], level=level, from_=about.day, limit=20)
        await proposed(on, query, None, about.head, about.bulk.today, 1)

    for name, level in itertools.product(("all", "hot"), (0, 3)):
        yield Question(f"what is alike of {name} at level {level}", READER, partial(ask, name, level))


def _identities(about: Known) -> Iterator[Question]:
    async def ask(position: int, on: Any) -> None:
        actors = [about.subjects["hot"], about.subjects["a rare actor"]]
        await canonical_of(on, "actor", actors[1], 3, position)
        await on.fetch(READ.canonicals, actors, 3, position)

    for at in (about.head, LONG_AGO):
        yield Question(
            f"who answers for actors as of {'now' if at == about.head else 'long ago'}", READER, partial(ask, at)
        )


def _suppositions(about: Known) -> Iterator[Question]:
    """What would stand if less had been said: of a page, of an event."""

    async def page_of(name: str, level: int, on: Any) -> None:
        query = Query(timeline=about.subjects[name], level=level, backwards=True, limit=20)
        await page_said(on, query, ALL_EVENTS[1], None, about.head, about.bulk.today, about.day)

    async def event(own: UUID, on: Any) -> None:
        with suppress(NotFound, Gone):
            await event_shown(on, own, 3, about.head, about.bulk.today, about.day)

    for name, level in itertools.product(("all", "hot"), (0, 3)):
        yield Question(f"page of {name} at level {level}, as said by a day", READER, partial(page_of, name, level))
    for name, own in about.events.items():
        yield Question(f"{name}, as said by a day", READER, partial(event, own))


def _thirds(about: Known) -> dict[int, str]:
    return {0: "the beginning", about.head // 2: "the middle", about.head - 100: "the end"}


def _feed(about: Known) -> Iterator[Question]:
    async def ask(after: int, level: int, on: Any) -> None:
        await feed(on, after, FEED, level, about.head)

    async def seek(after: int, level: int, sought: Sought, on: Any) -> None:
        await feed(on, after, FEED, level, about.head, sought)

    async def speaks_again(on: Any) -> None:
        await on.fetchval(FEEDS.speaks_again, about.head - WINDOW, about.head)

    yield Question("whether late records speak again", READER, speaks_again)
    wanted = {"of the hot actor": Sought(actor=about.subjects["hot"]), "that moved": Sought(standing_changed=True)}
    for (after, words), level in itertools.product(_thirds(about).items(), (0, 3)):
        yield Question(f"feed from {words} at level {level}", READER, partial(ask, after, level))
        for what, sought in wanted.items():
            yield Question(f"feed {what} from {words} at level {level}", READER, partial(seek, after, level, sought))


async def _tail(after: int, on: Any) -> None:
    await LogReader(on).page(after, 500)


async def _admit(about: Known, on: Any) -> None:
    reader = LogReader(on)
    texts = ["actor-40", "Actor 40", "The 40th one", "nobody"]
    await reader.named([*(("actor", each) for each in texts), ("document", "https://example.org/40")])
    await reader.subjects([*about.subjects.values(), *about.events.values(), uuid4()])
    await reader.marked([*about.subjects.values(), *about.events.values(), uuid4()])
    await reader.last_bodies([about.subjects["hot"], about.subjects["a rare actor"], about.events["a late event"]])
    await reader.posted([about.events["a late event"], about.events["the famous event"]])
    await reader.merged([about.events["a late event"]])
    await reader.head()
    for moment in (datetime(1970, 1, 1, tzinfo=UTC), datetime.now(UTC)):
        await reader.position_at(moment)


async def _write(about: Known, on: Any) -> None:
    """What comes next, through the batching writer; then the same again, which it knows for repeats."""
    async with _undone(on):
        writer = Writer(on, new_salt=lambda: bytes(32))
        writer.start()
        for _ in range(2):
            await writer.append([Group(records=(each,)) for each in _following(about)])
        await writer.drain()


async def _fold(about: Known, on: Any) -> None:
    """What comes next, one record in each transaction, so that each has its own plans."""
    async with _undone(on):
        records = _following(about)
        await on.execute(f"SET LOCAL ROLE {WRITER}")
        await append(on.unexplained, records)
        await on.execute(f"SET LOCAL ROLE {FOLDER}")
        at = int(await on.fetchval(PROJECTOR.position, NAME, about.tables))
        for record in records:
            on.question = f"folding of a {record.kind}"
            at = await step(on, about.tables, at, 1)


def _following(about: Known) -> list[NewRecord]:
    """What comes next in the stream, with a judgement, a registration anew and one edit of each kind."""
    bulk = copy.deepcopy(about.bulk)
    bulk.register_anew()
    for kind in EDITED:
        bulk.edit(kind)
    bulk.judge()
    return [next(bulk) for _ in range(30)]


@asynccontextmanager
async def _undone(on: asyncpg.Connection) -> AsyncIterator[None]:
    transaction = on.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()
