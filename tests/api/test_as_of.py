"""What was known when: every read as of a day, an instant, a week or a position."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.api.test_bad_input import problem
from tests.api.test_posting import PAPER, VISIT, posted
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


async def test_a_timeline_is_told_as_it_was_known(week: httpx.AsyncClient) -> None:
    then, now = [await told(week, "timelines/actors/haftar", limit=1000, **asked) for asked in ({"as_of": BEFORE}, {})]

    assert (then["as_of"], then["position"], now["as_of"]) == (BEFORE, BEFORE, None)
    assert max(each["position"] for each in then["entries"]) == BEFORE < max(e["position"] for e in now["entries"])
    assert {e["id"]: e["standing"] for e in then["entries"]}[MEETING] == "reported"


async def test_before_anything_was_recorded_nothing_was_known(week: httpx.AsyncClient) -> None:
    everything = await told(week, "timelines/all", as_of=0)
    days = [(await told(week, "timelines/all", as_of=each))["as_of"] for each in ("2019-06-14", "2019-W24")]
    missing = [await week.get(f"/v1/{path}?as_of=0") for path in ("timelines/actors/haftar", f"events/{MEETING}")]

    assert (everything["entries"], everything["names"], everything["as_of"]) == ([], {}, 0)
    assert days == [0, 0]
    assert (await told(week, "actors", as_of=0))["items"] == []
    assert [each.status_code for each in missing] == [404, 404]


async def test_an_event_is_told_as_it_stood(week: httpx.AsyncClient) -> None:
    then, now = [await told(week, f"events/{MEETING}", **asked) for asked in ({"as_of": BEFORE}, {})]

    assert (then["as_of"], now["as_of"]) == (BEFORE, None)
    assert (then["standing"], now["standing"]) == ("reported", "denied")
    assert (len(then["voices"]), then["replies"]) == (1, [])
    assert (await week.get(f"/v1/events/{MEETING}", params={"as_of": BEFORE})).headers["timeline-position"] == str(
        BEFORE
    )


async def test_a_format_says_as_of_when(week: httpx.AsyncClient) -> None:
    paths = ("timelines/all", "weeks/2019-W23", f"events/{MEETING}", "actors")

    pages = [(await week.get(f"/v1/{path}.md", params={"as_of": BEFORE})).text for path in paths]

    assert [f"As of position {BEFORE}." in page for page in pages] == [True] * 4


async def test_a_recalled_event_stands_as_of_before_its_recall(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    visit = await posted(api, "/v1/events", VISIT)
    await posted(api, "/v1/events", {"kind": "recall", "subject": visit["id"], "reason": "typed twice"})

    answers = {p: await api.get(f"/v1/events/{visit['id']}", params={"as_of": p}) for p in (1, 2, 3)}

    assert [each.status_code for each in answers.values()] == [404, 200, 410]
    assert answers[2].json()["revision"] == 1


async def test_a_duplicate_stands_as_of_before_it_was_merged(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    one, two, three = [await posted(api, "/v1/events", VISIT | {"title": title}) for title in ("One", "Two", "Three")]
    for survivor in (two, three):
        duplicate = {"kind": "duplicate", "subject": one["id"], "survivor": survivor["id"], "reason": "the same"}
        await posted(api, "/v1/events", duplicate)

    answers = {p: await api.get(f"/v1/events/{one['id']}", params={"as_of": p}) for p in (4, 5, 6)}

    assert [each.status_code for each in answers.values()] == [200, 308, 308]
    where = [answers[p].headers["location"] for p in (5, 6)]
    assert where == [f"/v1/events/{each['id']}?as_of={p}" for each, p in ((two, 5), (three, 6))]
    survivor = (await api.get(where[0])).json()
    assert [voice["id"] for voice in survivor["voices"]] == [one["id"], two["id"]]


async def test_things_are_called_what_they_were_called(api: httpx.AsyncClient) -> None:
    named = {"slug": "gnu", "name": "Government of National Unity", "marking": "clear"}
    first = await posted(api, "/v1/actors", named)
    await posted(api, "/v1/sources", PAPER)
    await posted(api, "/v1/events", VISIT | {"participants": ["gnu"]})
    anew = named | {"id": first["id"], "revision": 1, "slug": "gnu-old", "name": "Former government"}
    await posted(api, "/v1/actors", anew)
    await posted(api, "/v1/actors", {"slug": "gnu", "name": "Another", "marking": "clear"})

    pages = {p: await told(api, "timelines/actors/gnu", as_of=p) for p in (1, 3, 5)}
    found = {p: await told(api, "actors", q="national", as_of=p) for p in (3, 4)}
    one = [await told(api, f"actors/{first['id']}", **asked) for asked in ({"as_of": 3}, {})]

    assert [each["subject"]["name"] for each in pages.values()] == [named["name"], named["name"], "Another"]
    assert [len(each["entries"]) for each in pages.values()] == [0, 1, 0]
    assert pages[3]["names"][first["id"]]["slug"] == "gnu"
    assert (await api.get("/v1/timelines/actors/gnu", params={"as_of": 4})).status_code == 404
    assert [len(each["items"]) for each in found.values()] == [1, 0]
    assert [(each["slug"], each["revision"], each["position"], each["as_of"]) for each in one] == [
        ("gnu", 1, 1, 3),
        ("gnu-old", 2, 1, None),
    ]
    assert one[0]["recorded_at"] == first["recorded_at"] < one[1]["recorded_at"]


async def test_a_walk_as_of_then_stays_there(week: httpx.AsyncClient) -> None:
    for path, listed in (("timelines/actors/haftar", "entries"), ("sources", "items")):
        whole = await told(week, path, as_of=BEFORE, limit=1000)
        walked: list[Any] = []
        page = await told(week, path, as_of=BEFORE, limit=2)
        while page["next"]:
            walked += page[listed]
            page = await told(week, path, as_of=BEFORE, limit=2, cursor=page["next"])
        assert walked + page[listed] == whole[listed]
        assert page["as_of"] == BEFORE


async def test_a_cursor_of_another_moment_is_refused(week: httpx.AsyncClient) -> None:
    for path in ("timelines/all", "sources"):
        cursor = (await told(week, path, as_of=BEFORE, limit=1))["next"]
        live = (await told(week, path, limit=1))["next"]

        other = await week.get(f"/v1/{path}", params={"as_of": BEFORE - 1, "limit": 1, "cursor": cursor})
        now = await week.get(f"/v1/{path}", params={"as_of": BEFORE, "limit": 1, "cursor": live})

        assert {problem(each)["type"] for each in (other, now)} == {"/problems/bad-cursor"}
        assert (await told(week, path, limit=1, cursor=cursor))["position"] == BEFORE


async def test_a_walk_as_of_today_outlives_a_post(week: httpx.AsyncClient) -> None:
    today = datetime.now(UTC).date().isoformat()
    for path in ("timelines/all", "sources"):
        first = await told(week, path, as_of=today, limit=1)
        await posted(week, "/v1/events", VISIT | {"source": "weekly"})

        second = await told(week, path, as_of=today, limit=1, cursor=first["next"])

        assert second["as_of"] == first["as_of"]
        gone = await week.get(f"/v1/{path}", params={"as_of": "2019-06-14", "limit": 1, "cursor": first["next"]})
        assert problem(gone)["type"] == "/problems/bad-cursor"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("999999", "a position up to"),
        ("2999-01-01", "a moment up to now"),
        ("2999-W01", "a moment up to now"),
        ("2999-01-01T00:00:00Z", "a moment up to now"),
        ("2019-02-30", "a day (2019-06-14)"),
        ("2019-W60", "a day (2019-06-14)"),
        ("2019-06-14T25:00Z", "a day (2019-06-14)"),
        ("yesterday", "A day (2019-06-14)"),
        ("07", "A day (2019-06-14)"),
        ("-1", "A day (2019-06-14)"),
        ("", "A day (2019-06-14)"),
        ("2019-06-14%00", "A day (2019-06-14)"),
        ("99999999999999999", "A day (2019-06-14)"),
    ],
)
async def test_what_is_no_moment_is_refused(week: httpx.AsyncClient, asked: str, expected: str) -> None:
    paths = (
        "timelines/all",
        "timelines/actors/haftar",
        f"events/{MEETING}",
        "weeks/2019-W23",
        "actors",
        "actors/haftar",
    )

    refused = [problem(await week.get(f"/v1/{path}?as_of={asked}")) for path in paths]

    assert [each["type"] for each in refused] == ["/problems/bad-parameter"] * len(paths)
    assert all(each["errors"][0]["pointer"] == "?as_of" for each in refused)
    assert all(expected in each["errors"][0]["expected"] for each in refused)


async def test_as_of_is_not_asked_of_what_has_no_moment(week: httpx.AsyncClient) -> None:
    refused = problem(await week.get("/v1/changes?as_of=1"))

    assert refused["type"] == "/problems/unknown-parameter"


async def test_what_was_known_then_keeps_its_tag_whatever_is_posted(week: httpx.AsyncClient) -> None:
    paths = ("timelines/all", "timelines/actors/haftar", f"events/{MEETING}", "weeks/2019-W23")
    asked: dict[str, Any] = {"as_of": BEFORE, "on": "2019-06-17"}
    before = [await week.get(f"/v1/{path}", params=asked) for path in paths]

    await posted(week, "/v1/events", {"kind": "denial", "of": [MEETING], "source": "weekly", "occurred": "2019-06-13"})

    tags = [each.headers["etag"] for each in before]
    after = [
        await week.get(f"/v1/{path}", params=asked, headers={"If-None-Match": tag})
        for path, tag in zip(paths, tags, strict=True)
    ]
    assert [each.status_code for each in after] == [304] * len(paths)
    assert [each.headers["timeline-position"] for each in after] == [str(BEFORE)] * len(paths)
    assert len(set(tags)) == len({each.headers["etag"] for each in before + after}) == len(paths)
    assert [(await week.get(f"/v1/{path}", params=asked)).content for path in paths] == [b.content for b in before]


async def test_tags_of_two_moments_differ(week: httpx.AsyncClient) -> None:
    asked: list[dict[str, Any]] = [{"as_of": BEFORE}, {"as_of": BEFORE + 1}, {}]

    tags = [
        (await week.get("/v1/timelines/all", params={"on": "2019-06-17", **each})).headers["etag"] for each in asked
    ]

    assert len(set(tags)) == 3
