"""Many callers who want the same thing at once, and the oracle: one wins, and every other is told the truth."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from tests.log.desk import Post
from tests.oracles.pair import VISIT, Pair

CALLERS = 32
UNRELATED = 8


@dataclass(frozen=True, kw_only=True)
class Race:
    """What the callers post, and what a loser must be told."""

    path: str
    posts: Sequence[Post]
    """One for each caller. Those that are equal are one post, repeated."""
    refusal: tuple[int, str]
    """Status and type of the problem for whoever posts other content than the winner."""
    names: Mapping[str, Any] = field(default_factory=dict)
    """What that problem must name."""
    key: str | None = None
    """The Idempotency-Key of all of them."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What one caller was told."""

    post: Post
    status: int
    body: dict[str, Any]
    """The receipt, or the problem."""
    replayed: bool

    @property
    def receipt(self) -> tuple[Any, ...]:
        """What is the same in the receipt of every repeat."""
        return self.body["id"], self.body["position"], self.body.get("recorded_at")


async def run_apart(pair: Pair, race: Race, chance: random.Random) -> list[Told]:
    """Each caller posts by itself, to one service or the other, while others post what has nothing to do with it."""
    headers = {"Idempotency-Key": f'"{race.key}"'} if race.key else {}
    calls = [
        asyncio.create_task(pair.client(at).post(race.path, json=post, headers=headers))
        for at, post in enumerate(race.posts)
    ]
    others = [
        asyncio.create_task(pair.client(at).post("/v1/events", json=VISIT | {"id": str(uuid4())}))
        for at in range(UNRELATED)
    ]
    await asyncio.gather(*chance.sample([*calls, *others], len(calls) + len(others)))
    assert [each.result().status_code for each in others] == [201] * UNRELATED
    return [_told(post, call.result()) for post, call in zip(race.posts, calls, strict=True)]


def _told(post: Post, answer: httpx.Response) -> Told:
    replayed = answer.headers.get("Idempotency-Replayed") == "true"
    return Told(post=post, status=answer.status_code, body=answer.json(), replayed=replayed)


async def run_in_one_batch(pair: Pair, race: Race, chance: random.Random) -> list[Told]:
    """All callers are lines of one batch; a line in which nothing is wrong stands between any two."""
    lines = [line for post in race.posts for line in (post, VISIT | {"id": str(uuid4())})]
    client = pair.client(chance.randrange(2))
    answer = (await client.post("/v1/events/batch", json=lines, params={"mode": "each"})).json()
    own, others = answer["verdicts"][::2], answer["verdicts"][1::2]
    assert [each["status"] for each in others] == [201] * len(race.posts)
    first = min((each["line"] for each in own if each["status"] == 201), default=0)
    assert answer["recorded"] == len(others) + (1 if first else 0)
    return [
        Told(post=post, status=each["status"], body=each["problem"] or each, replayed=each["line"] != first)
        for post, each in zip(race.posts, own, strict=True)
    ]


def faults_of(race: Race, told: Sequence[Told]) -> list[str]:
    """Whatever is not as it must be: one first receipt; for its repeats just that; for all others the refusal."""
    taken = [each for each in told if each.status == 201]
    firsts = [each for each in taken if not each.replayed]
    if len(firsts) != 1:
        return [f"{len(firsts)} callers of {len(told)} were told that they were first"]
    return [fault for each in told for fault in _faults(race, firsts[0], each)]


def _faults(race: Race, first: Told, other: Told) -> list[str]:
    if other.post == first.post:
        if other.status != 201:
            return [f"a repeat was refused: {other.status} {other.body}"]
        return [] if other.receipt == first.receipt else [f"a repeat got another receipt: {other.body}"]
    if (other.status, other.body.get("type")) != race.refusal:
        return [f"expected {race.refusal}, found {other.status} {other.body}"]
    wrong = {name: other.body.get(name) for name, value in race.names.items() if other.body.get(name) != value}
    return [f"expected {race.names}, found {wrong}"] if wrong else []
