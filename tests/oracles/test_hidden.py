"""Whatever is recorded above a reader's level changes no byte of what that reader is answered.

Random logs of clear to amber records; then random records that one level may not see: events, replies, judgements of
them and of who is who, edits and erasures of what is hidden already. Every read, at every level below, is the same
before and after: its status, its body, its ETag and every header but the position, for the log's size is no secret.
So is every post at those levels, taken, shown only or refused: `every_route` says what is asked of each route there is.
"""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio

from tests.conftest import client_of
from tests.oracles.every_route import ASKED, OPERATORS, VISIT, About, operations, read, told
from tests.projections.loading import post_stream, post_week
from tests.projections.streams import JUDGED, Stream
from timeline.access import Access, Identity, Scope
from timeline.app import Application
from timeline.importers.libya_week import Post, id_of
from timeline.model.kinds import EVENTS
from timeline.model.record import MARKINGS
from timeline.settings import Settings

SEEDS, LONG_SEEDS = 3, 250
VISIBLE_RECORDS, HIDDEN_RECORDS, ROUNDS = 40, 30, 2
WRITER = "somebody"


class Hidden:
    """Posts that a level may not see, of a log that holds some already; each can be admitted after those before it."""

    def __init__(self, seed: int, above: int, events: list[str]) -> None:
        self._random = random.Random(seed)
        self._stream = Stream(seed, f"hidden {seed} ")
        self._stream._events = [*events]
        self._stream._kinds = dict.fromkeys(events, "visit")
        self._markings = MARKINGS[above + 1 :]
        self._own: list[str] = []
        self._judged: dict[str, int] = {}
        self._seed = seed

    def begin(self) -> list[Post]:
        """One of each that can be registered: by names that a visible one may have too, and by names of its own."""
        unseen: list[dict[str, Any]] = [
            {"kind": "actor", "name": "Khalifa Haftar", "aliases": ["Unseen Actor"]},
            {"kind": "source", "name": "Weekly report", "reliability": "A", "speaks_for": ["haftar"]},
            {"kind": "topic", "name": "Libyan conflict"},
            {"kind": "place", "name": "Unseen Place", "precision": "town"},
            {"kind": "document", "title": "Unseen", "url": "https://unseen.example/x", "published": "2018-01-01"},
        ]
        slugs = [f"unseen-{post['kind']}" for post in unseen]
        own: list[dict[str, Any]] = [
            {"slug": s, "id": id_of(post["kind"], s)} for post, s in zip(unseen, slugs, strict=True)
        ]
        return [
            post | each | {"marking": self._random.choice(self._markings)}
            for post, each in zip(unseen, own, strict=True)
        ]

    def post(self) -> Post:
        """The next one."""
        if self._own and self._random.random() < 0.3:
            return self._edit()
        if self._random.random() < 0.15:
            return self._judgement()
        while True:
            post = self._stream.post()
            if post["kind"] in EVENTS:
                self._own.append(post["id"])
                hidden: Post = {"source": "unseen-source"} if self._random.random() < 0.3 else {}
                hidden |= {"participants": ["unseen-actor"]} if self._random.random() < 0.3 else {}
                return post | hidden | {"marking": self._random.choice(self._markings)}

    def _edit(self) -> Post:
        subject = self._random.choice(self._own)
        edit: Post = {"subject": subject, "reason": "A reason."}
        match self._random.choice(["retraction", "recall", "duplicate", "marking", "erasure"]):
            case "duplicate":
                return edit | {"kind": "duplicate", "survivor": self._random.choice(self._stream._events)}
            case "marking":
                return edit | {"kind": "marking", "marking": self._random.choice(self._markings)}
            case "erasure":
                return edit | {"kind": "erasure", "authority": "An officer"}
            case kind:
                return edit | {"kind": kind}

    def _judgement(self) -> Post:
        pair = self._random.sample(JUDGED, 2)
        own = id_of("same_actor", f"hidden {' '.join(sorted(pair))}")
        post: Post = {
            "kind": "same_actor",
            "id": own,
            "actors": pair,
            "judgement": self._random.choice(["same", "withdrawn"]),
        }
        post |= {"revision": self._judged[own]} if own in self._judged else {}
        self._judged[own] = self._judged.get(own, 0) + 1
        return post | {"marking": self._random.choice(self._markings)}


class Leveled(Access):
    """Lets everybody in, with one level."""

    def __init__(self, token: str, level: int) -> None:
        super().__init__(token, None)
        self._who = Identity(subject=WRITER, level=level, scope="admin", token=WRITER)

    def identify(self, authorization: str | None, scope: Scope = "read", *, is_asked: bool = False) -> Identity:
        return self._who

    def still_valid(self, who: Identity) -> bool:
        return True


@asynccontextmanager
async def let_in_at(application: Application, level: int) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that lets it read and write at this level."""
    before = application.service
    assert before is not None
    opened = msgspec.structs.replace(before, access=Leveled(application.token, level))
    application.litestar.state.service = opened
    try:
        async with client_of(application, {}) as client:
            yield client
    finally:
        application.litestar.state.service = before


@pytest_asyncio.fixture
async def application(db: str, tmp_path: Path) -> AsyncIterator[Application]:
    """The real service, which takes as many requests as come."""
    made = Application(Settings(data_dir=str(tmp_path), requests_per_second=0), db)
    async with made.running():
        yield made


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(LONG_SEEDS if metafunc.config.getoption("--long") else SEEDS))


async def test_what_is_above_a_level_changes_nothing_there(
    application: Application, api: httpx.AsyncClient, seed: int
) -> None:
    level = seed % 3
    await post_week(api)
    await post_stream(api, Stream(seed), VISIBLE_RECORDS)
    async with let_in_at(application, level) as writer:
        for _ in range(2):  # the second time, what was proposed is known
            receipts = await recorded(writer)
        events = await _events(writer)
    head = (await api.get("/v1/timelines/all")).json()["position"]
    hidden = Hidden(seed, level, events)
    posts = [*hidden.begin(), *(hidden.post() for _ in range(HIDDEN_RECORDS))]
    about = About(events, posts, head)
    async with let_in_at(application, level) as reader:
        before = await told(reader, about)

    taken, step = 0, -(-len(posts) // ROUNDS)
    for first in range(0, len(posts), step):
        answer = await api.post("/v1/events/batch", json=posts[first : first + step], params={"mode": "each"})
        taken += sum(verdict["status"] == 201 for verdict in answer.json()["verdicts"])
        async with let_in_at(application, level) as reader:
            after = await told(reader, about)
        wrong = [line for path in before for line in _differing(path, before[path], after.get(path))]
        assert wrong == [], "\n".join(each[:400] for each in wrong[:20])

    async with let_in_at(application, level) as writer:
        assert _differing("recorded", receipts, await recorded(writer)) == []
    assert taken > HIDDEN_RECORDS / 2
    assert before.keys() == after.keys()
    statuses = [
        each[0] for each in before.values() if isinstance(each, tuple | list) and each and isinstance(each[0], int)
    ]
    assert all(statuses.count(status) > 10 for status in (200, 304, 404, 422)), statuses


POSTED: tuple[tuple[str, Any, dict[str, str]], ...] = (
    ("/v1/events", {**VISIT, "id": id_of("event", "repeated")}, {}),
    ("/v1/events", VISIT, {"Idempotency-Key": "repeated"}),
    ("/v1/events", VISIT | {"participants": ["haftar"], "document": "https://example.org/seen"}, {}),
    ("/v1/events?on_missing=propose", VISIT | {"source": "Proposed Source", "topics": ["Libya", "proposed"]}, {}),
    ("/v1/events", VISIT | {"marking": "amber+strict", "participants": ["haftar"]}, {}),
    ("/v1/actors", {"slug": "seen", "name": "Seen", "id": id_of("actor", "seen"), "marking": "clear"}, {}),
    ("/v1/events/batch?mode=each", [VISIT | {"ref": "own"}, {**VISIT, "kind": "statement", "of": ["#own"]}], {}),
)


async def recorded(client: httpx.AsyncClient) -> list[Any]:
    """What is answered to posts that record something; all that they made is as if it were the same."""
    answers = [await client.post(path, json=body, headers=headers) for path, body, headers in POSTED]
    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
    return [read(answer, About([], [], 0)) for answer in answers]


def test_every_route_is_asked() -> None:
    assert operations() == ASKED.keys() | set(OPERATORS)


async def test_an_operator_s_figures_hold_no_word_of_any_record(
    application: Application, api: httpx.AsyncClient
) -> None:
    async def words() -> list[str]:
        answers = [await api.get(each.split()[1]) for each in OPERATORS]
        return [line.split("{")[0].split()[0] for line in answers[0].text.splitlines()] + [
            each.text for each in answers
        ]

    await post_week(api)
    before = await words()

    for slug in ("unseen", "Unseen"):
        await api.post("/v1/actors", json={"slug": slug, "name": "Unseen", "marking": "amber+strict"})
    after = await words()

    assert not any("unseen" in each.lower() for each in after)
    assert set(before[: -len(OPERATORS)]) == set(after[: -len(OPERATORS)])


def _differing(path: str, before: Any, after: Any) -> list[str]:
    """Where two answers differ, for a person to read."""
    if before == after or type(before) is not type(after):
        return [] if before == after else [f"{path}: {before!r} became {after!r}"]
    if isinstance(before, dict):
        names = sorted(before.keys() | after.keys())
        return [line for name in names for line in _differing(f"{path} {name}", before.get(name), after.get(name))]
    if isinstance(before, list | tuple) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [line for at, (one, other) in pairs for line in _differing(f"{path} {at}", one, other)]
    return [f"{path}: {before!r} became {after!r}"]


async def _events(client: httpx.AsyncClient) -> list[str]:
    page = (await client.get("/v1/timelines/all", params={"limit": 1000})).json()
    return [entry["id"] for entry in page["entries"]]
