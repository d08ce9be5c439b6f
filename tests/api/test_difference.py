"""What may be asked of a difference, and what a reader is told who may not see all of it."""

from typing import Any

import httpx
import pytest

from tests.api.test_posting import posted
from timeline.importers.libya_week import REGISTRATIONS, id_of, posts
from timeline.projections import diff

BASE = len(REGISTRATIONS)


async def of_the_week(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/events/batch", json=posts())
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("asked", "pointer", "expected"),
    [
        ({}, "?from", "a value"),
        ({"from": 5, "to": 4}, "?from", "a moment not after to (4)"),
        ({"from": "2019-06-14", "to": 10**9}, "?to", "a position up to 52, the last of the log"),
        ({"from": "2999-01-01"}, "?from", "a moment up to now"),
        ({"from": "yesterday"}, "?from", "a position (41)"),
        ({"from": 1, "week": "2019-W54"}, "?week", "an ISO week that its year has"),
        ({"from": 1, "limit": 0}, "?limit", ">= 1"),
    ],
)
async def test_what_makes_no_sense_is_a_clear_problem(
    api: httpx.AsyncClient, asked: dict[str, Any], pointer: str, expected: str
) -> None:
    await of_the_week(api)

    answer = await api.get("/v1/diff", params=asked)

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad-parameter")
    fault = answer.json()["errors"][0]
    assert fault["pointer"] == pointer
    assert expected in fault["expected"]


@pytest.mark.parametrize("named", [{"actor": "nobody"}, {"topic": "haftar"}, {"place": id_of("actor", "haftar")}])
async def test_a_difference_of_what_is_not_there_is_not_found(api: httpx.AsyncClient, named: dict[str, str]) -> None:
    await of_the_week(api)

    assert (await api.get("/v1/diff", params={"from": 0, **named})).status_code == 404


async def test_a_cursor_belongs_to_its_query(api: httpx.AsyncClient) -> None:
    await of_the_week(api)
    page = (await api.get("/v1/diff", params={"from": 0, "limit": 5})).json()

    other = await api.get("/v1/diff", params={"from": 1, "cursor": page["next"]})
    worn = await api.get("/v1/diff", params={"from": 0, "cursor": page["next"] + "A"})

    assert [each.json()["type"] for each in (other, worn)] == ["/problems/bad-cursor"] * 2


async def test_a_walk_compares_the_same_moments_while_others_write(api: httpx.AsyncClient) -> None:
    await of_the_week(api)
    page = (await api.get("/v1/diff", params={"from": 0, "limit": 5})).json()
    await posted(api, "/v1/events", {"kind": "recall", "subject": id_of("event", "E20"), "reason": "No."})

    rest = (await api.get("/v1/diff", params={"from": 0, "limit": 100, "cursor": page["next"]})).json()

    assert (rest["from"], rest["to"], rest["next"]) == (0, BASE + 20, None)
    assert len(page["changes"]) + len(rest["changes"]) == 20


async def test_a_page_looks_at_a_bounded_number_of_versions(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await of_the_week(api)
    whole = (await api.get("/v1/diff", params={"from": 0, "actor": "trump"})).json()["changes"]
    monkeypatch.setattr(diff, "LOOKED_AT_MAX", 4)

    found, sizes = [], []
    asked: dict[str, Any] = {"from": 0, "actor": "trump"}
    while True:
        page = (await api.get("/v1/diff", params=asked)).json()
        found += page["changes"]
        sizes.append(len(page["changes"]))
        if page["next"] is None:
            break
        asked["cursor"] = page["next"]

    assert found == whole
    assert 0 in sizes
    assert len(sizes) > 5


async def test_what_a_reader_has_still_holds(api: httpx.AsyncClient) -> None:
    await of_the_week(api)
    tag = (await api.get("/v1/diff", params={"from": 45})).headers["ETag"]

    again = await api.get("/v1/diff", params={"from": 45}, headers={"If-None-Match": tag})
    await posted(api, "/v1/events", {"kind": "recall", "subject": id_of("event", "E04"), "reason": "No."})
    moved = await api.get("/v1/diff", params={"from": 45}, headers={"If-None-Match": tag})

    assert (again.status_code, moved.status_code) == (304, 200)


async def test_a_hidden_denial_changes_no_byte_of_a_difference(
    api: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    await of_the_week(api)
    asked = {"from": BASE + 13, "to": BASE + 20}
    before = [(await anonymous.get(f"/v1/diff{suffix}", params=asked)).content for suffix in ("", ".md")]
    denial = {"kind": "denial", "of": [id_of("event", "E02")], "source": "russian-officials", "occurred": "2019-06-12"}
    hidden = await posted(api, "/v1/events", {**denial, "marking": "amber"})
    said = {"kind": "statement", "title": "Nothing to add", "of": [id_of("event", "E02")], "occurred": "2019-06-12"}
    await posted(api, "/v1/events", {**said, "source": "russian-officials", "marking": "clear"})

    after = [(await anonymous.get(f"/v1/diff{suffix}", params=asked)).content for suffix in ("", ".md")]
    public = (await anonymous.get("/v1/diff", params={"from": BASE + 20})).json()["changes"]
    owner = (await api.get("/v1/diff", params={"from": BASE + 20})).json()["changes"]

    assert after == before
    assert [each["title"] for each in public] == ["Nothing to add"]
    assert {each["title"]: each["standing"] for each in owner}["Haftar travels to Moscow"] == "denied"
    assert hidden["id"] in {each["id"] for each in owner}


async def test_a_hidden_recall_of_what_is_hidden_is_no_cause(
    api: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    await of_the_week(api)
    denial = {"kind": "denial", "of": [id_of("event", "E02")], "source": "russian-officials", "occurred": "2019-06-12"}
    hidden = await posted(api, "/v1/events", {**denial, "marking": "amber"})
    await posted(api, "/v1/events", {"kind": "recall", "subject": hidden["id"], "reason": "Typed wrongly."})

    found = [
        (await client.get("/v1/diff", params={"from": BASE + 20})).json()["changes"] for client in (api, anonymous)
    ]

    assert found == [[], []]
