"""What a reader who follows the log may rely on."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.api.test_posting import PAPER, VISIT, posted

RECORDS = 20


@pytest.fixture
async def api(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """The owner's client; the log holds a clear source and visits by turns clear and amber."""
    await posted(api, "/v1/sources", PAPER)
    markings = ["clear", "amber"]
    lines = [VISIT | {"title": f"visit {n}", "marking": markings[n % 2]} for n in range(2, RECORDS + 1)]
    assert (await api.post("/v1/events/batch", json=lines)).status_code == 201
    return api


async def walk(client: httpx.AsyncClient, limit: int, after: int = 0) -> list[dict[str, Any]]:
    """Every record after a position, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        page = (await client.get("/v1/changes", params={"after": after, "limit": limit})).json()
        if page["next"] == after:
            return found
        found += page["records"]
        after = page["next"]


async def test_pages_show_every_record_once_in_order(api: httpx.AsyncClient) -> None:
    for limit in (1, 7, 1000):
        records = await walk(api, limit)

        assert [each["position"] for each in records] == [*range(1, RECORDS + 1)]
    assert [each["body"]["title"] for each in records[1:]] == [f"visit {n}" for n in range(2, RECORDS + 1)]
    assert {each["recorded_by"] for each in records} == {"owner"}
    assert [each["recorded_at"] for each in records] == sorted(each["recorded_at"] for each in records)


async def test_a_walk_goes_on_where_it_was(api: httpx.AsyncClient) -> None:
    assert [each["position"] for each in await walk(api, 3, after=13)] == [*range(14, RECORDS + 1)]


async def test_after_the_head_there_is_nothing_yet(api: httpx.AsyncClient) -> None:
    at_head = (await api.get("/v1/changes", params={"after": RECORDS})).json()
    beyond = (await api.get("/v1/changes", params={"after": RECORDS + 100})).json()
    far = (await api.get("/v1/changes", params={"after": 2**53 - 1})).json()

    assert at_head == {"records": [], "next": RECORDS}
    assert beyond == {"records": [], "next": RECORDS + 100}
    assert far == {"records": [], "next": 2**53 - 1}


async def test_every_format_holds_the_same_and_tells_what_is_next(api: httpx.AsyncClient) -> None:
    as_json = await api.get("/v1/changes", params={"after": 3, "limit": 5})
    by_suffix = await api.get("/v1/changes.ndjson", params={"after": 3, "limit": 5})
    by_accept = await api.get("/v1/changes?after=3&limit=5", headers={"Accept": "application/x-ndjson"})

    lines = [json.loads(line) for line in by_suffix.text.splitlines()]
    assert [each["position"] for each in lines] == [4, 5, 6, 7, 8]
    assert lines == as_json.json()["records"]
    assert by_accept.content == by_suffix.content
    assert by_suffix.headers["content-type"] == "application/x-ndjson"
    assert {a.headers["timeline-next"] for a in (as_json, by_suffix, by_accept)} == {"8"}
    assert {a.headers["timeline-position"] for a in (as_json, by_suffix, by_accept)} == {str(RECORDS)}


async def test_a_reader_without_a_token_sees_what_is_clear_and_no_more(
    api: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    records = await walk(anonymous, 3)
    page = await anonymous.get("/v1/changes", params={"after": 2, "limit": 1})

    assert [each["position"] for each in records] == [1, *range(2, RECORDS + 1, 2)]
    assert page.json() == {"records": [], "next": 3}


async def test_what_is_closed_later_leaves_the_feed(api: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    visit = (await walk(anonymous, 100))[-1]
    closed = {"kind": "marking", "subject": visit["id"], "marking": "green", "reason": "The source asked."}
    await posted(api, "/v1/events", closed)

    seen = {each["subject"] for each in await walk(anonymous, 100)}

    assert visit["id"] not in seen
    assert visit["id"] in {each["subject"] for each in await walk(api, 100)}


async def test_an_erased_record_keeps_its_place_without_its_words(api: httpx.AsyncClient) -> None:
    visit = (await walk(api, 100))[-1]
    erasure = {"kind": "erasure", "subject": visit["id"], "reason": "personal data", "authority": "officer"}
    await posted(api, "/v1/events", erasure)

    records = await walk(api, 100)

    assert [each["position"] for each in records] == [*range(1, RECORDS + 2)]
    assert (records[RECORDS - 1]["body"], records[RECORDS]["kind"]) == (None, "erasure")
    assert visit["body"]["title"] not in json.dumps(records)


async def test_a_reader_that_follows_writers_misses_nothing(api: httpx.AsyncClient) -> None:
    async def write(name: str) -> None:
        for n in range(10):
            await posted(api, "/v1/events", VISIT | {"title": f"{name} {n}"}, wait=False)

    writers = [asyncio.create_task(write(name)) for name in "abcd"]
    seen: list[int] = []
    after = 0
    while len(seen) < RECORDS + 40:
        page = (await api.get("/v1/changes", params={"after": after, "limit": 7})).json()
        seen += [each["position"] for each in page["records"]]
        after = page["next"]
    await asyncio.gather(*writers)

    assert seen == [*range(1, RECORDS + 41)]
