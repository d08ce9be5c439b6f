"""Actors judged to be one, and duplicates: what was asked for under the other name is answered by who it turned out."""

from typing import Any

import httpx
import pytest

from tests.api.test_marking import whole
from tests.api.test_posting import PAPER, VISIT, posted
from timeline.app import Application

CLEAR = {"marking": "clear"}
MARSHAL = {"slug": "field-marshal", "name": "The Field Marshal", **CLEAR}
SAME = {"actors": ["haftar", "field-marshal"], "judgement": "same", **CLEAR}


@pytest.fixture
async def api(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """The owner's client, of a service that knows a paper, an actor and a topic."""
    await posted(api, "/v1/sources", PAPER)
    await posted(api, "/v1/actors", {"slug": "haftar", "name": "Khalifa Haftar", **CLEAR})
    await posted(api, "/v1/topics", {"slug": "libya", "name": "Libya", **CLEAR})
    return api


async def two(api: httpx.AsyncClient, **judgement: Any) -> dict[str, str]:
    """Haftar and the Field Marshal, a visit of the latter, and the judgement that they are one."""
    await posted(api, "/v1/actors", MARSHAL)
    visit = await posted(api, "/v1/events", VISIT | CLEAR | {"participants": ["field-marshal"]})
    same = await posted(api, "/v1/same-actors", SAME | judgement)
    haftar = next(e for e in (await api.get("/v1/actors?q=haftar")).json()["items"] if e["slug"] == "haftar")
    return {"haftar": haftar["id"], "visit": visit["id"], "same": same["id"], "at": str(same["position"])}


async def titles(client: httpx.AsyncClient, path: str, **params: Any) -> list[str]:
    answer = await client.get(path, params=params, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return [entry["id"] for entry in answer.json()["entries"]]


@pytest.mark.parametrize("path", ["/v1/timelines/actors/field-marshal", "/v1/actors/field-marshal"])
async def test_an_old_name_answers_where_to_ask(api: httpx.AsyncClient, path: str) -> None:
    made = await two(api)

    answer = await api.get(path + ".json", params={"min_position": made["at"]})

    assert answer.status_code == 308
    assert answer.headers["location"] == (
        f"{path.removesuffix('field-marshal')}{made['haftar']}.json?min_position={made['at']}"
    )


async def test_the_one_who_answers_has_the_timeline_of_both(api: httpx.AsyncClient) -> None:
    made = await two(api)
    later = await posted(api, "/v1/events", VISIT | CLEAR | {"participants": ["field-marshal"], "topics": []})

    shown = await titles(api, "/v1/timelines/actors/field-marshal")

    assert {made["visit"], later["id"]} <= set(shown)
    assert shown == await titles(api, "/v1/timelines/actors/haftar")


async def test_before_they_were_judged_each_has_its_own(api: httpx.AsyncClient) -> None:
    made = await two(api)
    before = int(made["at"]) - 1

    assert await titles(api, "/v1/timelines/actors/field-marshal", as_of=before) == [made["visit"]]
    assert made["visit"] not in await titles(api, "/v1/timelines/actors/haftar", as_of=before)
    assert (await api.get("/v1/actors/field-marshal", params={"as_of": before})).status_code == 200


async def test_a_filter_takes_either_name(api: httpx.AsyncClient) -> None:
    await two(api)

    for path, asked in (("/v1/weeks/2019-W23", {}), ("/v1/diff", {"from": "0"})):
        one, other = [await api.get(path, params=asked | {"actor": name}) for name in ("haftar", "field-marshal")]
        assert one.status_code == other.status_code == 200, other.text
        assert one.json() == other.json()


async def test_a_search_by_the_other_name_is_that_of_both_and_its_tag_moves_with_it(api: httpx.AsyncClient) -> None:
    made = await two(api)
    asked = {"actor": "field-marshal", "q": "moscow"}
    before = await api.get("/v1/events", params=asked)
    later = await posted(api, "/v1/events", VISIT | CLEAR | {"participants": ["haftar"]})

    after = await api.get("/v1/events", params=asked, headers={"If-None-Match": before.headers["etag"]})

    assert [entry["id"] for entry in before.json()["entries"]] == [made["visit"]]
    assert after.status_code == 200
    assert {entry["id"] for entry in after.json()["entries"]} == {made["visit"], later["id"]}
    assert after.json()["subject"]["slug"] == "haftar"


async def test_a_judgement_taken_back_leaves_nothing_of_it(application: Application, api: httpx.AsyncClient) -> None:
    made = await two(api)

    await posted(api, "/v1/same-actors", SAME | {"id": made["same"], "judgement": "withdrawn", "revision": 1})

    assert await titles(api, "/v1/timelines/actors/field-marshal") == [made["visit"]]
    assert (await api.get("/v1/actors/field-marshal")).status_code == 200
    await whole(application.dsn)


async def test_whoever_may_not_see_the_judgement_sees_two(
    application: Application, api: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    await posted(api, "/v1/actors", MARSHAL)
    await posted(api, "/v1/events", VISIT | CLEAR | {"participants": ["field-marshal"]})
    paths = ("timelines/actors/field-marshal", "timelines/actors/haftar", "actors/field-marshal", "weeks/2019-W23")
    before = [await anonymous.get(f"/v1/{path}", params={"as_of": 4}) for path in paths]
    tags = [(await anonymous.get(f"/v1/{path}")).headers.get("etag") for path in paths]

    await posted(api, "/v1/same-actors", SAME | {"marking": "green"})

    assert [(await anonymous.get(f"/v1/{path}", params={"as_of": 4})).content for path in paths] == [
        each.content for each in before
    ]
    assert [(await anonymous.get(f"/v1/{path}")).headers.get("etag") for path in paths] == tags
    assert (await api.get("/v1/actors/field-marshal")).status_code == 308


async def test_a_judgement_marked_higher_later_was_never_seen_below(
    application: Application, api: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    made = await two(api)
    assert (await anonymous.get("/v1/actors/field-marshal")).status_code == 308

    await posted(api, "/v1/same-actors", SAME | {"id": made["same"], "marking": "amber", "revision": 1})

    for as_of in ({}, {"as_of": made["at"]}):
        assert (await anonymous.get("/v1/actors/field-marshal", params=as_of)).status_code == 200
        assert await titles(anonymous, "/v1/timelines/actors/field-marshal", **as_of) == [made["visit"]]
        assert (await api.get("/v1/actors/field-marshal", params=as_of)).status_code == 308
    await whole(application.dsn)


async def test_an_actor_marked_higher_later_was_never_one_with_another_below(
    application: Application, api: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    made = await two(api)

    await posted(api, "/v1/actors", MARSHAL | {"marking": "amber", "revision": 1})

    for as_of in ({}, {"as_of": made["at"]}):
        assert made["visit"] not in await titles(anonymous, "/v1/timelines/actors/haftar", **as_of)
        assert made["visit"] in await titles(api, "/v1/timelines/actors/haftar", **as_of)
    await whole(application.dsn)


async def test_an_erased_judgement_was_never_made(application: Application, api: httpx.AsyncClient) -> None:
    made = await two(api)

    erasure = {"kind": "erasure", "subject": made["same"], "reason": "A reason.", "authority": "An officer"}
    await posted(api, "/v1/events", erasure)

    for as_of in ({}, {"as_of": made["at"]}):
        assert await titles(api, "/v1/timelines/actors/field-marshal", **as_of) == [made["visit"]]
    await whole(application.dsn)


@pytest.mark.parametrize(
    ("path", "post", "pointer"),
    [
        ("/v1/same-actors", {**SAME, "actors": ["haftar", "haftar"]}, "#/actors/1"),
        ("/v1/memberships", {"member": "haftar", "of": "haftar"}, "#/of"),
    ],
)
async def test_nobody_is_judged_with_or_belongs_to_itself(
    api: httpx.AsyncClient, path: str, post: dict[str, Any], pointer: str
) -> None:
    answer = await api.post(path, json=post)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_topic_is_not_within_itself(api: httpx.AsyncClient) -> None:
    libya = (await api.get("/v1/topics/libya")).json()

    answer = await api.post("/v1/topics", json=libya["body"] | {"slug": "libya", "within": "libya", "revision": 1})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/within")


# Duplicates


def duplicate(subject: str, survivor: str) -> dict[str, Any]:
    return {"kind": "duplicate", "subject": subject, "survivor": survivor, "reason": "A reason."}


async def test_a_duplicate_that_is_itself_again_stands_as_before(
    application: Application, api: httpx.AsyncClient
) -> None:
    one, other = [(await posted(api, "/v1/events", VISIT | CLEAR))["id"] for _ in range(2)]
    before = [(await api.get(f"/v1/events/{each}")).json() for each in (one, other)]
    await posted(api, "/v1/events", duplicate(other, one))
    assert (await api.get(f"/v1/events/{other}")).status_code == 308

    await posted(api, "/v1/events", duplicate(other, other))

    after = [(await api.get(f"/v1/events/{each}")).json() for each in (one, other)]
    moved = ("since", "changed_at", "revision")
    assert [{k: v for k, v in each.items() if k not in moved} for each in after] == [
        {k: v for k, v in each.items() if k not in moved} for each in before
    ]
    await whole(application.dsn)


async def test_what_is_no_duplicate_cannot_be_itself_again(api: httpx.AsyncClient) -> None:
    visit = (await posted(api, "/v1/events", VISIT))["id"]

    answer = await api.post("/v1/events", json=duplicate(visit, visit))

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/survivor")


async def test_one_batch_may_merge_and_part_again(api: httpx.AsyncClient) -> None:
    one, other = [(await posted(api, "/v1/events", VISIT))["id"] for _ in range(2)]

    lines = [duplicate(other, one), duplicate(other, other), duplicate(other, other)]
    answer = await api.post("/v1/events/batch", json=lines, params={"mode": "each"})

    assert [verdict["status"] for verdict in answer.json()["verdicts"]] == [201, 201, 422]


async def test_an_event_is_not_merged_into_one_that_its_readers_may_not_see(
    api: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    hidden = (await posted(api, "/v1/events", VISIT | {"marking": "amber"}))["id"]
    shown = (await posted(api, "/v1/events", VISIT | CLEAR))["id"]
    before = (await anonymous.get(f"/v1/events/{shown}")).json()

    await posted(api, "/v1/events", duplicate(shown, hidden))

    after = (await anonymous.get(f"/v1/events/{shown}")).json()
    moved = {"revision": 2} | {name: after[name] for name in ("position", "changed_at")}
    assert after == before | moved


# Dates that rest on what is marked above


async def test_a_document_above_an_event_does_not_date_it(api: httpx.AsyncClient) -> None:
    letter = {"slug": "letter", "title": "Letter", "published": "2019-06-20", "marking": "amber"}
    await posted(api, "/v1/documents", letter)
    lettered = {**VISIT, "occurred": "last week", "document": "letter"}

    below, beside = [await posted(api, "/v1/events", lettered | {"marking": each}) for each in ("clear", "amber")]

    weeks = [(await api.get(f"/v1/events/{each['id']}")).json()["occurred"]["week"] for each in (below, beside)]
    assert weeks[1] == "2019-W24"
    assert weeks[0] != weeks[1]
    assert below["filled_in"]["said"] != "2019-06-20"


async def test_what_happened_during_a_hidden_event_does_not_tell_when_that_was(api: httpx.AsyncClient) -> None:
    hidden = (await posted(api, "/v1/events", VISIT | {"marking": "amber"}))["id"]

    within = await posted(api, "/v1/events", VISIT | CLEAR | {"occurred": {"during": hidden}})

    assert (await api.get(f"/v1/events/{within['id']}")).json()["occurred"]["earliest"] is None
