"""Races: of many callers who want one id, one revision or one key, one wins and the others are told the truth."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.checks import check_log
from tests.log.appending import fetch
from tests.log.desk import Post
from tests.oracles.pair import VISIT, Pair, pair_on
from tests.oracles.races import CALLERS, Race, Told, faults_of, run_apart, run_in_one_batch
from tests.oracles.variants import NO_UNIQUE_INDEXES, STALLS, run_sql
from tests.postgres import Server

pytestmark = pytest.mark.xdist_group("races")

ROUNDS = 2
LONG_ROUNDS = 25
VARIANT_ROUNDS_MAX = 20
CONTENTS = [1, 2, CALLERS]
"""How many different contents the callers post: all the same, two camps, everybody their own."""
BATCHES = 12
TITLES = """
SELECT id::text, convert_from(bytes, 'UTF8')::jsonb #>> '{body,title}' AS title
FROM timeline.log JOIN timeline.payload USING (position) WHERE id = ANY ($1::uuid[])
"""
Run = Callable[[Pair, Race, random.Random], Awaitable[list[Told]]]
ways = pytest.mark.parametrize("run", [run_apart, run_in_one_batch])


@pytest.fixture(scope="module")
def rounds(long: bool) -> int:
    """How often each race is run."""
    return LONG_ROUNDS if long else ROUNDS


@pytest_asyncio.fixture(scope="module")
async def pair(embedded: Server, worker: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    """Two services on a database whose disk is slow at times; at the end the log is whole."""
    name = f"races_{worker}"
    dsn = await embedded.create(name)
    async with pair_on(dsn, tmp_path_factory.mktemp(name)) as made:
        await run_sql(dsn, STALLS)
        yield made
    await check_log(dsn)
    await embedded.drop(name)


def titled(post: Post, contents: int, field: str = "title") -> list[Post]:
    """The post for each caller, in so many contents."""
    return [post | {field: f"Content {number % contents}"} for number in range(CALLERS)]


async def posted(pair: Pair, path: str, post: Post) -> dict[str, Any]:
    """The receipt of a post that nobody else makes."""
    answer = await pair.client(0).post(path, json=post)
    assert answer.status_code == 201, answer.text
    receipt: dict[str, Any] = answer.json()
    return receipt


def over_one_id(contents: int) -> Race:
    """All name the id."""
    own = VISIT | {"id": str(uuid4())}
    return Race(
        path="/v1/events",
        posts=titled(own, contents),
        refusal=(409, "/problems/id-taken"),
        names={"id": own["id"]},
    )


def over_one_thing(thing: Post, contents: int, replaced: int) -> Race:
    """All state a registered thing anew, naming the revision that they replace."""
    return Race(
        path="/v1/actors",
        posts=titled(thing | {"revision": replaced}, contents, "name"),
        refusal=(409, "/problems/wrong-revision"),
        names={"id": thing["id"], "revision": replaced + 1},
    )


def over_one_event(event: str, replaced: int) -> Race:
    """All correct an event, naming the revision that they replace."""
    correction = {"kind": "correction", "subject": event, "revision": replaced, "ground": "our_error", "event": VISIT}
    return Race(
        path="/v1/events",
        posts=titled(correction, CALLERS, "reason"),
        refusal=(409, "/problems/wrong-revision"),
        names={"id": event, "revision": replaced + 1},
    )


@ways
@pytest.mark.parametrize("contents", CONTENTS)
async def test_one_id_is_one_record_for_whoever_posts_it(pair: Pair, rounds: int, run: Run, contents: int) -> None:
    for seed in range(rounds):
        race = over_one_id(contents)
        told = await run(pair, race, random.Random(seed))

        assert faults_of(race, told) == []
        stored = await fetch(pair.dsn, TITLES, [race.posts[0]["id"]])
        assert [row["title"] for row in stored] == [each.post["title"] for each in told if each.status == 201][:1]


@ways
@pytest.mark.parametrize("contents", CONTENTS)
async def test_a_registered_thing_is_replaced_once_at_each_revision(
    pair: Pair, rounds: int, run: Run, contents: int
) -> None:
    thing = {"kind": "actor", "slug": f"actor-{uuid4().hex[:8]}", "name": "An actor"}
    thing |= {"id": (await posted(pair, "/v1/actors", thing))["id"]}

    for revision in range(1, rounds + 1):
        race = over_one_thing(thing, contents, replaced=revision)
        told = await run(pair, race, random.Random(revision))

        assert faults_of(race, told) == []


@ways
async def test_an_event_is_corrected_once_at_each_revision(pair: Pair, rounds: int, run: Run) -> None:
    event = (await posted(pair, "/v1/events", VISIT))["id"]

    for revision in range(1, rounds + 1):
        race = over_one_event(event, replaced=revision)
        told = await run(pair, race, random.Random(revision))

        assert faults_of(race, told) == []


@ways
async def test_a_slug_is_registered_once(pair: Pair, rounds: int, run: Run) -> None:
    for seed in range(rounds):
        thing = {"kind": "actor", "slug": f"actor-{uuid4().hex[:8]}"}
        race = Race(path="/v1/actors", posts=titled(thing, CALLERS, "name"), refusal=(409, "/problems/slug-taken"))
        told = await run(pair, race, random.Random(seed))

        assert faults_of(race, told) == []


@pytest.mark.parametrize("contents", CONTENTS)
async def test_one_idempotency_key_is_one_record(pair: Pair, rounds: int, contents: int) -> None:
    for seed in range(rounds):
        race = Race(
            path="/v1/events",
            posts=titled(VISIT, contents),
            refusal=(422, "/problems/key-reused"),
            key=str(uuid4()),
        )
        told = await run_apart(pair, race, random.Random(seed))

        assert faults_of(race, told) == []


async def test_edits_that_name_no_revision_all_find_their_place(pair: Pair, rounds: int) -> None:
    for _ in range(rounds):
        event = (await posted(pair, "/v1/events", VISIT))["id"]
        edit = {"kind": "marking", "subject": event, "marking": "green", "reason": "A reason."}
        answers = await asyncio.gather(*(pair.client(n).post("/v1/events", json=edit) for n in range(CALLERS)))

        assert sorted(each.json()["revision"] for each in answers) == list(range(2, CALLERS + 2))


async def test_a_name_that_all_propose_is_registered_once(pair: Pair, rounds: int) -> None:
    for _ in range(rounds):
        name = f"General {uuid4().hex[:8]}"
        post, how = VISIT | {"participants": [name]}, {"on_missing": "propose"}
        answers = await asyncio.gather(
            *(pair.client(n).post("/v1/events", json=post, params=how) for n in range(CALLERS))
        )
        found = (await pair.client(0).get("/v1/actors", params={"q": name})).json()["items"]

        assert [each.status_code for each in answers] == [201] * CALLERS
        assert [each["name"] for each in found] == [name]


async def test_atomic_batches_over_the_same_ids_win_whole_or_leave_no_trace(pair: Pair, rounds: int) -> None:
    for seed in range(rounds):
        chance, shared = random.Random(seed), [str(uuid4()) for _ in range(6)]
        batches = [batch_over(shared, f"Content {number % 2}", chance) for number in range(BATCHES)]
        answers = await asyncio.gather(
            *(pair.client(n // 2).post("/v1/events/batch", json=lines) for n, lines in enumerate(batches))
        )
        ids = {line["id"] for lines in batches for line in lines}
        stored = {row["id"]: row["title"] for row in await fetch(pair.dsn, TITLES, list(ids))}

        won = [lines for lines, answer in zip(batches, answers, strict=True) if answer.status_code == 201]
        refused = {v["status"] for a in answers if a.status_code != 201 for v in a.json()["verdicts"]}
        assert {a.status_code for a in answers} <= {201, 422}
        assert refused <= {409, 424}
        assert stored == {line["id"]: line["title"] for lines in won for line in lines}


def batch_over(shared: list[str], title: str, chance: random.Random) -> list[Post]:
    """Lines over some of the shared ids in any order, and one that no other batch has."""
    ids = [*chance.sample(shared, chance.randint(1, len(shared))), str(uuid4())]
    return [VISIT | {"id": each, "title": title} for each in chance.sample(ids, len(ids))]


async def test_without_the_unique_indexes_there_are_two_winners_and_the_oracle_sees_it(
    fresh_database: str, tmp_path: Path
) -> None:
    faults: list[str] = []
    async with pair_on(fresh_database, tmp_path) as variant:
        await run_sql(variant.dsn, STALLS + NO_UNIQUE_INDEXES)
        for seed in range(VARIANT_ROUNDS_MAX):
            race = over_one_id(CALLERS)
            faults += faults_of(race, await run_apart(variant, race, random.Random(seed)))
            if faults:
                break

    assert faults == ["2 callers of 32 were told that they were first"]
