"""Pages: each entry once, in order, as of one position and for one level, at a bounded cost."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from tests.checks import check_log
from tests.log.desk import Desk, Post, desk_on
from tests.projections.folding import fold_all, live_tables
from tests.projections.loading import post_stream, post_week
from tests.projections.reading import OWNER, Pages, reader_on
from tests.projections.streams import Stream
from timeline.app import Application
from timeline.errors import BadCursor
from timeline.importers.libya_week import id_of, posts
from timeline.model.entry import Entry, Page
from timeline.model.record import LEVELS, MARKINGS
from timeline.projections import pages

PAPER = {"kind": "source", "slug": "paper", "name": "A Paper", "marking": "clear"}
VISIT = {"kind": "visit", "title": "A visit", "occurred": "2019-06-07", "source": "paper", "marking": "clear"}


def event(ref: str) -> str:
    return id_of("event", ref)


def denial(of: UUID | str, **fields: Any) -> Post:
    return {"kind": "denial", "of": [str(of)], "source": "paper", "occurred": "2019-06-08", **fields}


class Unveiling(Stream):
    """A stream that hides nothing: raising a marking and erasing rewrite the past, and walks with it."""

    def post(self) -> Post:
        """The next post that is neither."""
        while (post := super().post())["kind"] in ("marking", "erasure"):
            continue
        return post


async def fold(dsn: str) -> None:
    """Fold everything that was posted."""
    async with live_tables(dsn) as (connection, tables):
        await fold_all(connection, tables)


@pytest_asyncio.fixture
async def desk(db: str) -> AsyncIterator[Desk]:
    """A desk that knows the paper."""
    async with desk_on(db) as opened:
        await opened.post(PAPER)
        yield opened


@pytest_asyncio.fixture
async def read(db: str) -> AsyncIterator[Pages]:
    """Somebody who reads the live tables."""
    async with reader_on(db) as reader:
        yield reader


@pytest_asyncio.fixture
async def week(db: str) -> AsyncIterator[Pages]:
    """The sample week, folded, with a hidden denial: E04 green and E14 amber, as the notes have it."""
    marked = {"E04": "green", "E14": "amber"}
    async with desk_on(db) as desk, reader_on(db) as reader:
        lines = [post | ({"marking": marked[post["ref"]]} if post.get("ref") in marked else {}) for post in posts()]
        await desk.post(*lines)
        await fold(db)
        yield reader


# Walks


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("limit", [1, 3, 50])
async def test_a_walk_is_the_one_large_page_cut_into_pieces(
    week: Pages, limit: int, level: int, backwards: bool
) -> None:
    whole = await week.page(level=level, backwards=backwards, limit=1_000)

    walked = await week.walk(level=level, backwards=backwards, limit=limit)

    assert [entry for page in walked for entry in page.entries] == whole.entries
    assert all(len(page.entries) <= limit for page in walked)
    assert (len(whole.entries), whole.next) == ({0: 18, 1: 19, 2: 20, 3: 20}[level], None)


async def test_backwards_is_the_reverse(week: Pages) -> None:
    forwards, backwards = await week.entries(limit=4), await week.entries(limit=4, backwards=True)

    assert [entry.id for entry in backwards] == [entry.id for entry in reversed(forwards)]


async def test_a_walk_during_writes_is_a_snapshot(application: Application, api: httpx.AsyncClient) -> None:
    await post_week(api)
    stream = Unveiling(5)
    walks: list[tuple[Page, list[Page]]] = []

    async def write() -> None:
        while len(walks) < 3:
            await post_stream(api, stream, 6)

    async with reader_on(application.dsn) as reader, asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        for limit in (2, 5, 9):
            walked = [await reader.page(limit=limit)]
            snapshot = await reader.page(position=walked[0].position, limit=1_000)
            while walked[-1].next:
                await asyncio.sleep(0.005)
                walked.append(await reader.page(walked[-1].next, limit=limit))
            walks.append((snapshot, walked))

    for snapshot, walked in walks:
        ids = [entry.id for page in walked for entry in page.entries]
        assert ids == [entry.id for entry in snapshot.entries]
        assert len(set(ids)) == len(ids)
        assert {page.position for page in walked} == {snapshot.position}
    assert walks[-1][0].position > walks[0][0].position


async def test_a_walk_shows_what_stood_when_it_began(desk: Desk, read: Pages, db: str) -> None:
    several = await desk.post(*(VISIT | {"title": f"Visit {n}", "occurred": f"2019-06-{n:02}"} for n in range(1, 9)))
    await fold(db)
    first = await read.page(limit=3)
    before = await read.entries(limit=50)

    # One already shown comes again later, one still to come goes to the front, a third is struck, a fourth denied.
    for n, occurred in ((0, "2019-06-30"), (7, "2019-05-01")):
        event = VISIT | {"title": f"Moved {n}", "occurred": occurred}
        edit = {"kind": "correction", "subject": str(several[n].id), "revision": 1, "reason": "A reason."}
        await desk.post(edit | {"ground": "our_error", "event": event})
    await desk.post({"kind": "recall", "subject": str(several[4].id), "reason": "A reason."}, denial(several[5].id))
    await fold(db)

    walked = [first]
    while walked[-1].next:
        walked.append(await read.page(walked[-1].next, limit=3))
    assert [entry for page in walked for entry in page.entries] == before
    assert [entry.title for entry in await read.entries(kinds=("visit",))][:2] == ["Moved 7", "Visit 2"]
    await check_log(db)


async def test_a_cursor_belongs_to_its_query(week: Pages) -> None:
    first = await week.page(limit=2)

    for asked in ({"backwards": True}, {"kinds": ("visit",)}, {"level": 0}, {"from_": date(2019, 6, 1)}):
        with pytest.raises(BadCursor):
            await week.page(first.next, **asked)

    assert (await week.page(first.next, limit=5)).entries != []


# Filters


async def test_filters_take_what_they_name_and_nothing_else(application: Application, api: httpx.AsyncClient) -> None:
    await post_week(api)
    await post_stream(api, Stream(7), 100)
    chance = random.Random(7)

    async with reader_on(application.dsn) as reader:
        for level in LEVELS:
            every = await reader.entries(level=level, limit=1_000)
            for _ in range(12):
                kinds = tuple(chance.sample(["visit", "denial", "meeting", "assessment", "policy"], 2))
                standings = tuple(chance.sample(["reported", "denied", "rumoured", "withdrawn"], 2))
                first = date(2019, 5, 25) + timedelta(days=chance.randrange(20))
                last = first + timedelta(days=chance.randrange(12))
                asked: dict[str, Any] = chance.choice(
                    [
                        {"kinds": kinds},
                        {"standings": standings},
                        {"from_": first, "to": last},
                        {"kinds": kinds, "to": last},
                    ]
                )

                found = await reader.entries(level=level, limit=chance.choice([2, 7, 100]), **asked)

                assert found == [each for each in every if fits(each, **asked)]


def fits(
    entry: Entry,
    kinds: tuple[str, ...] | None = None,
    standings: tuple[str, ...] | None = None,
    from_: date = date.min,
    to: date = date.max,
) -> bool:
    if kinds is not None and entry.kind not in kinds:
        return False
    return (standings is None or entry.standing in standings) and from_ <= entry.occurred.at <= to


async def test_what_a_machine_s_feed_says_is_shown_when_asked_for(desk: Desk, read: Pages, db: str) -> None:
    await desk.post({"kind": "source", "slug": "gdelt", "name": "GDELT", "feed": True})
    await desk.post(VISIT | {"source": "gdelt", "title": "By a machine"}, VISIT)
    await fold(db)

    without, with_feeds = [[e.title for e in await read.entries(feeds=feeds)] for feeds in (False, True)]

    assert (without, with_feeds) == (["A visit"], ["By a machine", "A visit"])


# The budget


async def test_a_page_looks_at_no_more_than_its_budget_and_a_walk_still_finds_all(
    desk: Desk, read: Pages, db: str
) -> None:
    day = date(2012, 1, 1)
    several = await desk.post(*(VISIT | {"occurred": str(day + timedelta(days=n))} for n in range(2_500)))
    rare = [several[n].id for n in (5, 1_999, 2_000, 2_400)]
    mobile = {"source": "other", "occurred": "2019-01-01", "marking": "clear"}
    await desk.post(PAPER | {"slug": "other", "name": "Another Paper"})
    await desk.post(*(denial(each, **mobile) for each in rare))
    await fold(db)

    forwards = await read.walk(standings=("denied",), limit=10)
    backwards = await read.walk(standings=("denied",), limit=10, backwards=True)
    nobody = await read.walk(standings=("confirmed",))

    assert [len(page.entries) for page in forwards] == [2, 2]
    assert [len(page.entries) for page in backwards] == [3, 1]
    assert [len(page.entries) for page in nobody] == [0, 0]
    assert [UUID(entry.id) for page in forwards for entry in page.entries] == rare


@pytest.mark.parametrize("budget", [1, 3, 20])
async def test_any_budget_gives_the_same_walk(week: Pages, budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = [
        {"level": level, "backwards": backwards, "kinds": kinds}
        for level in (0, OWNER)
        for backwards in (False, True)
        for kinds in ((), ("visit", "denial"), ("order",))
    ]
    wanted = [await week.entries(limit=100, **each) for each in asked]

    monkeypatch.setattr(pages, "LOOKED_AT_MAX", budget)

    assert [await week.entries(limit=2, **each) for each in asked] == wanted


async def test_a_reader_who_may_see_little_gets_short_pages_and_never_a_slow_one(
    week: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "LOOKED_AT_MAX", 5)

    walked = await week.walk(level=0, limit=5)

    assert len(walked) == 5
    assert [len(page.entries) for page in walked][:4] != [5, 5, 5, 5]
    assert sum(len(page.entries) for page in walked) == 18


# ETags


async def test_an_unchanged_timeline_is_answered_304_without_a_body(api: httpx.AsyncClient) -> None:
    await post_week(api)
    first = await api.get("/v1/timelines/actors/haftar")

    again = await api.get("/v1/timelines/actors/haftar", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize(
    ("post", "changes"),
    [
        (VISIT | {"source": "weekly", "participants": ["haftar"]}, True),
        (denial(event("E03"), source="weekly"), True),
        (denial(event("E02"), source="weekly", verdict="false") | {"kind": "assessment"}, True),
        (denial(event("E04"), source="weekly"), True),
        ({"kind": "retraction", "subject": event("E02"), "reason": "A reason."}, True),
        ({"kind": "recall", "subject": event("E19"), "reason": "A reason."}, True),
        ({"kind": "duplicate", "subject": event("E07"), "survivor": event("E06"), "reason": "-"}, True),
        ({"kind": "actor", "slug": "haftar", "name": "Marshal Haftar", "revision": 1, "marking": "clear"}, True),
        ({"kind": "actor", "slug": "putin", "name": "V. Putin", "revision": 1, "marking": "clear"}, True),
        (VISIT | {"source": "weekly", "participants": ["trump"]}, False),
        (VISIT | {"source": "weekly"}, False),
        (denial(event("E05"), source="weekly"), False),
        (denial(event("E01"), source="weekly"), False),
        ({"kind": "actor", "slug": "new", "name": "New", "marking": "clear"}, False),
        ({"kind": "recall", "subject": event("E05"), "reason": "A reason."}, False),
    ],
    ids=[
        "event", "denial", "assessment", "denial of a reply", "retraction", "recall", "duplicate", "renamed",
        "renamed participant", "other's event", "nobody's event", "denial of other's event", "denial of another",
        "registration", "other's recall",
    ],
)  # fmt: skip
async def test_a_timeline_s_etag_changes_exactly_when_it_does(db: str, post: Post, changes: bool) -> None:
    haftar = UUID(id_of("actor", "haftar"))
    async with desk_on(db) as desk, reader_on(db) as reader:
        await desk.post(*posts())
        await fold(db)
        before = [await reader.etag(level, haftar) for level in LEVELS]
        entries = await reader.entries(timeline=haftar)
        names = (await reader.page(timeline=haftar)).names

        await desk.post(post)
        await fold(db)
        after = [await reader.etag(level, haftar) for level in LEVELS]

        same = (await reader.entries(timeline=haftar), (await reader.page(timeline=haftar)).names) == (entries, names)
    assert same is not changes
    marked = MARKINGS.index(post.get("marking", "amber" if "of" in post else "clear"))
    assert [a != b for a, b in zip(after, before, strict=True)] == [changes and level >= marked for level in LEVELS]


async def test_an_amber_reply_changes_no_byte_for_an_anonymous_reader(
    api: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    await post_week(api)
    paths = ["/v1/timelines/actors/haftar", "/v1/timelines/all", "/v1/timelines/all.csv", "/v1/timelines/all.md"]
    before = [await anonymous.get(path) for path in paths]

    reply = await api.post("/v1/events", json=denial(event("E02"), source="weekly", modality="stated"))
    after = [await anonymous.get(path) for path in paths]

    position = reply.json()["position"]
    told = [re.sub(rb'(position"?[: ])%d\b' % position, rb"\g<1>%d" % (position - 1), each.content) for each in after]
    assert [a.headers["etag"] for a in after] == [b.headers["etag"] for b in before]
    assert told == [answer.content for answer in before]


# Levels


async def test_each_level_reads_the_standing_that_its_own_voices_make(week: Pages) -> None:
    seen = []

    for level in (0, 1, 2):
        entries = {entry.id: entry for entry in await week.entries(level=level)}
        seen.append(tuple(entries[event(ref)].standing for ref in ("E03", "E07")))

    assert seen == [("reported", "rumoured"), ("denied", "rumoured"), ("denied", "denied")]


async def test_what_is_hidden_is_named_nowhere(week: Pages) -> None:
    hidden = [event(ref) for ref in ("E04", "E14")]

    clear = str(await week.walk(level=0))
    green = str(await week.walk(level=1))

    assert [each in clear for each in hidden] == [False, False]
    assert [each in green for each in hidden] == [True, False]
