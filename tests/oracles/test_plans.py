"""The cost of a page does not grow with the log: statements are explained on a log and on one ten times as long.

Quick: 1,500 and 15,000 events; long: 10,000 and 100,000. Everything that readers, the writer and the projector ask is
asked of both, each statement under a generic and under a custom plan.
"""

import itertools
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import NamedTuple

import asyncpg
import pytest
import pytest_asyncio

from tests.benchmarks.as_of import Corrected
from tests.benchmarks.bulk import EVENTS_A_DAY, FAMOUS_VERSIONS, Bulk, append_events, project, settle
from tests.oracles.asking import (
    FEED,
    FOLDED,
    FOLDER,
    LONG_AGO,
    READER,
    WINDOW,
    WITH_A_TOPIC,
    Ask,
    Known,
    Question,
    answers,
    known,
    questions_about,
)
from tests.oracles.explaining import PLANS, Plan, every_statement
from tests.postgres import Server
from timeline.db.migrate import migrate
from timeline.model.record import LEVELS
from timeline.projections import diff, feed, history, pages, registered
from timeline.projections.pages import EVERYTHING, Query, page
from timeline.projections.projector import rebuild

pytestmark = pytest.mark.xdist_group("plans")

QUICK, LONG = (1_500, 15_000), (10_000, 100_000)
LOOKED_AT = 300
REGISTERED_LOOKED_AT = 50
"""What a page may look at here: so little that the small log has more of it too."""
GROWTH = 1.5
A_ROW = 8
"""Pages for each row asked for or returned: descents of two B-trees, and what they lead to."""
SLACK = 60
BOUND = 1_000
"""Pages that a statement may touch besides those for its rows, and for the entries that it looks at."""
LARGE_PAGES = 40
"""A table of fewer pages may well be read whole, and one that has fewer than the rows asked for would cost."""

OPEN: Mapping[tuple[str, str], str] = {
    ("pages.week_entries", WITH_A_TOPIC): "seeks the topic among all events that were ever left open: shows at 100,000"
}
"""Statements that do not keep the promise in the long profile, by a word of the question, and why."""

NEVER_ASKED = {
    "migrate": "runs once for each version of the schema",
    "tables": "makes tables; the digest of a check reads all of them, for that is its purpose",
    "log.whole": "a check reads the whole log",
    "log.erasures": "a check reads the whole log",
    "log.every_name": "a check reads the whole log",
    "log.guards": "reads the catalog",
    "log.takes_writes": "reads a setting",
    "projector.live_tables": "reads progress, which has a row for each version",
    "projector.every_tables": "reads progress",
    "projector.begin_tables": "writes progress",
    "projector.forget_tables": "writes progress",
    "projector.leave": "writes progress",
    "projector.take_over": "writes progress",
    "tokens": "reads and writes the table of tokens, which are few",
    "again.speaking": "impact reads whatever rests on a source, at most 50,000 records",
    "again.published_by": "as `speaking`",
    "again.judged_on": "as `speaking`",
    "again.standing_at": "as `speaking`",
    "projector.hold_progress": "reads progress",
    "projector.bonds": "a record that touches too many events for one transaction reads all of them, to divide them",
    "projector.undo_voices": "by the keys of `end_voices`, between two transactions of one record",
    "projector.undo_states": "as `undo_voices`",
    "projector.undo_entries": "as `undo_voices`",
    "projector.undo_identities": "as `undo_voices`",
    "projector.try_alone": "takes a lock",
    "projector.try_rebuild": "takes a lock",
}
"""Statements, or whole files of them, that are not part of answering, appending or folding."""

DEAD_WEIGHT: Mapping[str, str] = {}
"""Indexes without which nothing costs more, and why they are there."""

INDEXES = """
SELECT index.relname AS name, t.relname AS of,
       CASE WHEN c.conname IS NULL THEN format('DROP INDEX %s', i.indexrelid::regclass)
            ELSE format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', i.indrelid::regclass, c.conname) END AS dropped
FROM pg_index AS i JOIN pg_class AS index ON index.oid = i.indexrelid JOIN pg_class AS t ON t.oid = i.indrelid
LEFT JOIN pg_constraint AS c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')
WHERE index.relnamespace IN ('timeline'::regnamespace, to_regnamespace($1)) ORDER BY name
"""
"""Every index of ours, and how to do without it."""


class Measured(NamedTuple):
    """What was asked of both logs."""

    dsn: str
    about: Known
    questions: list[Question]
    small: list[Plan]
    large: list[Plan]
    tables: Mapping[str, int]
    """The pages of the tables that are large in the longer log."""
    open: frozenset[tuple[str, str]]
    """What is known not to keep the promise at this length."""

    def faults(self, plans: list[Plan]) -> Iterator[str]:
        """Whatever breaks the promise in plans on the longer log, each beginning with its statement's name."""
        asked = [plan for plan in plans if not self.is_open(plan)]
        yield from grown(self.small, asked)
        yield from read_whole(asked, self.tables)
        yield from unbounded(asked)

    def is_open(self, plan: Plan) -> bool:
        """Whether this is known not to keep the promise."""
        return any(plan.statement == statement and word in plan.question for statement, word in self.open)


@pytest_asyncio.fixture(scope="module")
async def measured(embedded: Server, worker: str, long: bool) -> AsyncIterator[Measured]:
    """A database that is asked everything, grown tenfold, and asked again."""
    name, bulk = f"plans_{worker}", Bulk()
    dsn = await embedded.create(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "LOOKED_AT_MAX", LOOKED_AT)
        patch.setattr(registered, "LOOKED_AT_MAX", REGISTERED_LOOKED_AT)
        patch.setattr(diff, "LOOKED_AT_MAX", WINDOW)
        patch.setattr(history, "LOOKED_AT_MAX", WINDOW)
        patch.setattr(feed, "LOOKED_AT_MAX", WINDOW)
        await migrate(dsn)
        few, many = LONG if long else QUICK
        small = await _ask_at(dsn, bulk, few)
        large = await _ask_at(dsn, bulk, many)
        about = await known(dsn, bulk)
        tables, known_open = await _large_tables(dsn), frozenset(OPEN if long else ())
        yield Measured(dsn, about, questions_about(about), small, large, tables, known_open)
    await embedded.drop(name)


async def _ask_at(dsn: str, bulk: Bulk, events: int) -> list[Plan]:
    """Grow the log to so many events, and ask everything."""
    import time

    t = time.time()
    await append_events(dsn, bulk, events)
    print("append", time.time() - t)
    await project(dsn)
    print("project", time.time() - t)
    await settle(dsn)
    print("settle", time.time() - t)
    about = await known(dsn, bulk)
    r = await answers(dsn, about, questions_about(about))
    print("ask", time.time() - t)
    return r


async def _large_tables(dsn: str) -> dict[str, int]:
    large = "SELECT relname AS name, relpages AS pages FROM pg_class WHERE relkind = 'r' AND relpages > $1"
    return {row["name"]: row["pages"] for row in await _fetch(dsn, large, LARGE_PAGES)}


async def _fetch(dsn: str, statement: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return list(await connection.fetch(statement, *arguments))
    finally:
        await connection.close()


def grown(small: Iterable[Plan], large: Iterable[Plan]) -> Iterator[str]:
    """Statements that cost more in the longer log, though they were asked for and returned no more."""
    before: dict[tuple[str, str, str], Plan] = {}
    for plan in small:
        key = plan.question, plan.statement, plan.mode
        before[key] = max(plan, before.get(key, plan), key=lambda each: each.buffers)
    for plan in large:
        first = before.get((plan.question, plan.statement, plan.mode))
        if first is None or plan.buffers <= A_ROW * (plan.rows + _looks_at(plan)) + SLACK:
            continue
        if plan.buffers > GROWTH * first.buffers * max(1, plan.rows / first.rows) + SLACK:
            yield f"{_told(plan)} in place of {first.buffers} for {first.rows}"


def _looks_at(plan: Plan) -> int:
    """What it must look at besides what it returns, in a log of any length: all that changed or happened in a time."""
    if plan.statement == "diff.changes":
        return 2 * WINDOW  # versions that began, and versions that ended
    if plan.statement == "feed.feed":
        return FEED
    return 7 * EVENTS_A_DAY if plan.statement == "pages.week_entries" and WITH_A_TOPIC in plan.question else 0


def read_whole(plans: Iterable[Plan], tables: Mapping[str, int]) -> Iterator[str]:
    """Statements that read a large table from end to end."""
    for plan in plans:
        for table in sorted(plan.whole & tables.keys()):
            if tables[table] > A_ROW * plan.rows:
                yield f"{_told(plan)}, reads all {tables[table]} pages of {table}"


def unbounded(plans: Iterable[Plan]) -> Iterator[str]:
    """Statements that touch more pages than any may."""
    for plan in plans:
        if plan.buffers > BOUND + A_ROW * (plan.rows + LOOKED_AT):
            yield f"{_told(plan)}, is beyond every bound"


def _told(plan: Plan) -> str:
    return f"{plan.statement} ({plan.mode}), {plan.question}: {plan.buffers} pages for {plan.rows} rows"


def _statements(faults: Iterable[str]) -> set[str]:
    return {fault.split()[0] for fault in faults}


def test_what_is_asked_costs_no_more_in_a_longer_log(measured: Measured) -> None:
    faults = [*measured.faults(measured.large)]

    assert faults == [], "\n".join(faults)


def test_what_is_known_to_be_open_still_is(measured: Measured) -> None:
    known_open = [plan for plan in measured.large if measured.is_open(plan)]

    broken = _statements(grown(measured.small, known_open))

    assert broken == {statement for statement, _ in measured.open}


def test_every_statement_was_asked_or_says_why_not(measured: Measured) -> None:
    asked = {plan.statement for plan in measured.large}

    unasked = {name for name in every_statement() if name not in asked}

    assert unasked == {name for name in unasked if name in NEVER_ASKED or name.split(".")[0] in NEVER_ASKED}
    assert {name for name in NEVER_ASKED if "." in name} <= unasked


async def test_an_old_state_of_an_event_with_a_hundred_versions_costs_at_most_twice_the_live_one(
    measured: Measured,
) -> None:
    event = measured.about.events["the famous event"]
    versions = await _fetch(measured.dsn, "SELECT max(revision) FROM timeline.log WHERE subject = $1", event)

    for level, mode in itertools.product(LEVELS, PLANS):
        told = f"the famous event at level {level}"
        live, long_ago = (_cost(measured.large, each, mode) for each in (told, f"{told}, as of long ago"))
        assert long_ago <= 2 * live, (told, mode)
    assert versions[0]["max"] == FAMOUS_VERSIONS


@pytest.mark.parametrize("order", ["forwards", "backwards"])
async def test_a_page_of_events_with_many_versions_costs_at_most_twice_as_much_as_of_long_ago(
    db: str, order: str
) -> None:
    bulk = Corrected(events=60, versions=40)
    await append_events(db, bulk, 61)
    await project(db)
    await settle(db)
    about = await known(db, bulk)
    query = Query(timeline=about.subjects["hot"], level=max(LEVELS), backwards=order == "backwards", limit=50)
    moments = {"now": about.head, "long ago": LONG_AGO, "half": about.head // 2}

    def asking(position: int) -> Ask:
        return lambda on: page(on, query, EVERYTHING[1], None, position, bulk.today)

    plans = await answers(db, about, [Question(name, READER, asking(at)) for name, at in moments.items()])

    costs = {(name, mode): _cost(plans, name, mode) for name in moments for mode in PLANS}
    assert all(costs[name, mode] <= 2 * costs["now", mode] for name, mode in costs), costs
    assert {plan.rows for plan in plans if plan.statement.startswith("pages.entries")} == {51}


def _cost(plans: list[Plan], question: str, mode: str) -> int:
    return sum(plan.buffers for plan in plans if (plan.question, plan.mode) == (question, mode))


async def test_rebuilt_tables_are_planned_for_what_they_hold(db: str) -> None:
    await append_events(db, Bulk(), 50)

    tables = (await rebuild(db, FOLDER)).tables

    never_looked_at = (
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = $1::regnamespace AND reltuples < 0"
    )
    assert await _fetch(db, never_looked_at, tables) == []


async def test_dropping_any_index_turns_this_red(measured: Measured, long: bool) -> None:
    """Each index of a large table is dropped in turn, and whatever leaned on it asked again; then all is undone.

    One that nobody misses is dead weight. The quick profile drops every fourth.
    """
    missed_by_nobody = []
    indexes = await _fetch(measured.dsn, INDEXES, measured.about.tables)
    for index in [each for each in indexes if each["of"] in measured.tables][:: 1 if long else 4]:
        leaning = [plan for plan in measured.large if index["name"] in plan.indexes]
        if leaning and not await _red_without(measured, index["dropped"], leaning):
            missed_by_nobody.append(index["name"])

    assert set(missed_by_nobody) <= DEAD_WEIGHT.keys()


async def _red_without(measured: Measured, dropped: str, leaning: list[Plan]) -> set[str]:
    """The statements that break the promise once an index is dropped."""
    cheapest = {p.statement: p.question for p in sorted(leaning, key=lambda p: p.buffers, reverse=True)}
    asked = {FOLDED if question.startswith("folding") else question for question in cheapest.values()}
    questions = [each for each in measured.questions if each.name in asked]
    if FOLDED in asked:
        await settle(measured.dsn)  # what was undone before still lies in the tables
    try:
        plans = await answers(measured.dsn, measured.about, questions, without=dropped)
    except asyncpg.InvalidColumnReferenceError:
        return {"ON CONFLICT found no index"}
    return _statements(measured.faults(plans))
