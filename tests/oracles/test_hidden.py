"""Whatever is recorded above a reader's level changes no byte of what that reader is answered.

Random logs of clear to amber records; then random records that one level may not see: events, replies, judgements of
them and of who is who, edits and erasures of what is hidden already. Every read, at every level below, is the same
before and after: its status, its body, its ETag and every header but the position, for the log's size is no secret.
"""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest

from tests.conftest import client_of
from tests.projections.loading import post_stream, post_week
from tests.projections.streams import JUDGED, Stream
from timeline.access import Access
from timeline.app import Application
from timeline.importers.libya_week import Post, id_of
from timeline.model.kinds import EVENTS
from timeline.model.record import MARKINGS

SEEDS, LONG_SEEDS = 3, 250
VISIBLE_RECORDS, HIDDEN_RECORDS = 40, 24
ON = "2019-06-17"
WALKED = ("timelines/all", "timelines/actors/haftar", "timelines/actors/russia", "timelines/topics/libya")
WEEKS = ("2019-W22", "2019-W23", "2019-W24", "2019-W25")
SOURCES = ("unattributed", "russian-officials", "weekly")
FOLLOWS_THE_LOG = ("timeline-position", "timeline-next", "x-request-id", "content-length", "content-encoding", "link")
"""Headers that tell how far the log is, in digits or in a cursor, or how long a body with such digits is."""


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
                return post | {"marking": self._random.choice(self._markings)}

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


@asynccontextmanager
async def reading_at(application: Application, level: int) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token, of a service that is open to this level."""
    before = application.service
    assert before is not None
    opened = msgspec.structs.replace(before, access=Access(application.token, MARKINGS[level]))
    application.litestar.state.service = opened
    try:
        async with client_of(application, {}) as client:
            yield client
    finally:
        application.litestar.state.service = before


async def told(client: httpx.AsyncClient, events: list[str], hidden: list[str], head: int) -> dict[str, Any]:
    """Everything that a reader is answered, by what was asked."""
    asked = [*(f"{path}{how}" for path in WALKED for how in ("?", "?order=desc&limit=3&", f"?as_of={head}&"))]
    asked += [f"weeks/{week}{how}" for week in WEEKS for how in ("?", "?match=possible&", f"?as_of={head}&")]
    asked += [f"events/{each}?" for each in (*events, *hidden)]
    asked += [f"events/{each}/history?" for each in (*events[::3], *hidden[:3])]
    asked += [f"sources/{each}/impact?" for each in SOURCES] + [f"sources/{each}/impact?as=F&" for each in SOURCES[:1]]
    asked += [f"diff?from={at}&" for at in (0, head // 2, head - 3)] + [f"diff?from=0&to={head}&actor=haftar&"]
    asked += [
        "actors?",
        "sources?q=a&",
        "same-actors?",
        "actors/field-marshal?",
        "timelines/all.csv?",
        "weeks/2019-W23.md?",
    ]
    asked += [f"events?q=e&as_of={head}&", "events?actor=haftar&topic=libya&", "events?source=weekly&recorded_from=9&"]
    asked += [f"timelines/all?said_to=2019-06-08&as_of={head}&"]
    found = {path: await _answer(client, f"/v1/{path}") for path in asked}
    return found | {"changes": await _records(client)}


async def _answer(client: httpx.AsyncClient, path: str) -> Any:
    judged = (
        ""
        if any(each in path for each in ("history", "diff", "actors?", "sources?", "same-actors", "field"))
        else f"on={ON}"
    )
    answer = await client.get((path + judged).rstrip("?&"))
    headers = {name: value for name, value in answer.headers.items() if name not in FOLLOWS_THE_LOG}
    return answer.status_code, headers, _without_the_log_s_size(answer)


def _without_the_log_s_size(answer: httpx.Response) -> Any:
    if "json" not in answer.headers.get("content-type", ""):
        return [line for line in answer.text.splitlines() if "s of position" not in line]
    body = answer.json()
    for name in ("position", "to", "next", "instance"):
        body.pop(name, None)
    return body


async def _records(client: httpx.AsyncClient) -> list[Any]:
    """The records of the feed, walked to its end."""
    found: list[Any] = []
    after = 0
    while True:
        page = (await client.get("/v1/changes", params={"after": after})).json()
        found += page["records"]
        if page["next"] == after:
            return found
        after = page["next"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(LONG_SEEDS if metafunc.config.getoption("--long") else SEEDS))


async def test_what_is_above_a_level_changes_nothing_there(
    application: Application, api: httpx.AsyncClient, seed: int
) -> None:
    level = seed % 3
    await post_week(api)
    await post_stream(api, Stream(seed), VISIBLE_RECORDS)
    head = (await api.get("/v1/timelines/all")).json()["position"]
    events = await _events(api)
    hidden = Hidden(seed, level, events)
    posts = [hidden.post() for _ in range(HIDDEN_RECORDS)]
    async with reading_at(application, level) as reader:
        before = await told(reader, events, hidden._own, head)

    taken = 0
    for first in range(0, len(posts), 8):
        answer = await api.post("/v1/events/batch", json=posts[first : first + 8], params={"mode": "each"})
        taken += sum(verdict["status"] == 201 for verdict in answer.json()["verdicts"])
        async with reading_at(application, level) as reader:
            after = await told(reader, events, hidden._own, head)
        wrong = [line for path in before for line in _differing(path, before[path], after[path])]
        assert wrong == []

    assert taken > HIDDEN_RECORDS / 2
    assert sum(status == 200 for status, *_ in list(before.values())[:-1]) > 20


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


async def _events(api: httpx.AsyncClient) -> list[str]:
    page = (await api.get("/v1/timelines/all", params={"limit": 1000})).json()
    return [entry["id"] for entry in page["entries"]]
