"""Events by what they hold, whom they are about and when they were recorded."""

from typing import Any

import httpx
import pytest

from tests.api.test_posting import posted
from tests.projections.loading import post_week
from timeline.importers.libya_week import id_of


@pytest.fixture
async def week(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """The owner's client, of a service that holds the sample week."""
    await post_week(api)
    return api


def refs(page: dict[str, Any]) -> list[str]:
    known = {id_of("event", f"E{n:02}"): f"E{n:02}" for n in range(1, 21)}
    return [known[entry["id"]] for entry in page["entries"]]


async def found(client: httpx.AsyncClient, **asked: Any) -> list[str]:
    answer = await client.get("/v1/events", params=asked)
    assert answer.status_code == 200, answer.text
    return refs(answer.json())


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"q": "profile"}, ["E17", "E18"]),
        ({"q": "PROFILE ACCUSES"}, ["E18"]),
        ({"q": "haftar travels"}, ["E02"]),
        ({"q": "nothing holds this"}, []),
        ({"q": "%"}, []),
        ({"actor": "haftar", "place": "moscow"}, ["E02", "E03", "E04", "E15"]),
        ({"actor": "field-marshal-haftar"}, None),
        ({"topic": "libya", "actor": "trump", "kind": "meeting"}, ["E07"]),
        ({"place": "moscow", "standing": "denied"}, ["E03"]),
        ({"source": "roth"}, ["E13"]),
        ({"source": "roth", "actor": "lna"}, ["E13"]),
        ({"recorded_from": "52"}, ["E20"]),
        ({"recorded_to": "33"}, ["E01"]),
        ({"recorded_from": "34", "recorded_to": "35"}, ["E02", "E03"]),
        ({"recorded_from": "2019-06-01", "q": "profile"}, ["E17", "E18"]),
        ({"recorded_to": "2019-06-01"}, []),
        ({"q": "meet", "from": "2019-06-03", "to": "2019-06-09", "kind": "meeting"}, ["E03"]),
        ({"q": "meet", "as_of": "35", "standing": "denied"}, []),
        ({"q": "haftar meets", "said_to": "2019-05-31"}, []),
    ],
)
async def test_what_is_asked_for_is_found(
    week: httpx.AsyncClient, asked: dict[str, Any], wanted: list[str] | None
) -> None:
    if wanted is None:
        assert (await week.get("/v1/events", params=asked)).status_code == 404
    else:
        assert sorted(await found(week, **asked)) == wanted


async def test_without_anything_it_is_the_timeline_of_all(week: httpx.AsyncClient) -> None:
    searched, whole = [(await week.get(path)).json() for path in ("/v1/events", "/v1/timelines/all")]

    assert searched == whole


async def test_a_walk_finds_each_once_in_order(week: httpx.AsyncClient) -> None:
    whole = await found(week, actor="haftar", q="haftar")
    walked: list[str] = []
    asked: dict[str, Any] = {"actor": "haftar", "q": "haftar", "limit": 2}
    while True:
        page = (await week.get("/v1/events", params=asked)).json()
        walked += refs(page)
        if page["next"] is None:
            break
        asked["cursor"] = page["next"]

    assert walked == whole
    assert len(whole) > 3
    assert (await found(week, actor="haftar", q="haftar", order="desc")) == whole[::-1]


async def test_a_cursor_belongs_to_its_search(week: httpx.AsyncClient) -> None:
    page = (await week.get("/v1/events", params={"q": "haftar", "limit": 1})).json()

    answer = await week.get("/v1/events", params={"q": "russia", "limit": 1, "cursor": page["next"]})

    assert answer.status_code == 400


async def test_a_summary_is_searched_as_it_was_and_as_it_is(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", {"slug": "paper", "name": "A Paper"})
    visit = {"kind": "visit", "title": "A visit", "occurred": "2019-06-05", "source": "paper"}
    first = await posted(api, "/v1/events", visit | {"summary": "By way of Straße 7."})
    correction = {
        "kind": "correction",
        "subject": first["id"],
        "revision": 1,
        "ground": "our_error",
        "reason": "A slip.",
    }
    second = await posted(api, "/v1/events", correction | {"event": visit | {"summary": "By sea."}})

    asked = [{"q": "STRASSE 7"}, {"q": "by sea"}]
    now = [len((await api.get("/v1/events", params=each)).json()["entries"]) for each in asked]
    then = [
        len((await api.get("/v1/events", params=each | {"as_of": str(second["position"] - 1)})).json()["entries"])
        for each in asked
    ]

    assert (now, then) == ([0, 1], [1, 0])


async def test_what_is_hidden_is_not_found(api: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", {"slug": "paper", "name": "A Paper", "marking": "clear"})
    visit = {"kind": "visit", "title": "A visit", "occurred": "2019-06-05", "source": "paper"}
    await posted(api, "/v1/events", visit)

    assert (await anonymous.get("/v1/events", params={"q": "visit"})).json()["entries"] == []


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"recorded_from": "7", "recorded_to": "6"}, "?recorded_from"),
        ({"recorded_from": "2030-01-01"}, "?recorded_from"),
        ({"recorded_to": "soon"}, "?recorded_to"),
        ({"from": "2019-06-02", "to": "2019-06-01"}, "?from"),
        ({"q": ""}, "?q"),
        ({"q": "a\x00b"}, "?q"),
    ],
)
async def test_what_cannot_be_asked_is_told(week: httpx.AsyncClient, asked: dict[str, Any], pointer: str) -> None:
    answer = await week.get("/v1/events", params=asked)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, pointer)
