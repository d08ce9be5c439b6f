"""What was known when: every read as of a day, an instant, a week or a position."""

from typing import Any

import httpx
import pytest_asyncio

from timeline.importers.libya_week import id_of, posts

REFS = [post.get("ref") for post in posts()]
MEETING, DENIAL = id_of("event", "E03"), id_of("event", "E04")
BEFORE = REFS.index("E04")
"""The last position before the denial of the meeting."""


@pytest_asyncio.fixture
async def week(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """The owner's client, of a service that holds the sample week."""
    answer = await api.post("/v1/events/batch", json=posts())
    assert answer.status_code == 201, answer.text
    return api


async def told(client: httpx.AsyncClient, path: str, **asked: Any) -> Any:
    """An answer's body."""
    answer = await client.get(f"/v1/{path}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_week_is_told_as_it_was_known(week: httpx.AsyncClient) -> None:
    then, now = await told(week, "weeks/2019-W23", as_of=BEFORE), await told(week, "weeks/2019-W23")

    assert (then["as_of"], then["position"], now["as_of"]) == (BEFORE, BEFORE, None)
    assert [MEETING in each["matched"] for each in (then, now)] == [True, True]
    assert [DENIAL in each["matched"] for each in (then, now)] == [False, True]
    stood = [{e["id"]: e["standing"] for e in each["sections"]["happened"]}[MEETING] for each in (then, now)]
    assert stood == ["reported", "denied"]
