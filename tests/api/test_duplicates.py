"""GET /v1/duplicates: what may be one happening is proposed with its reasons, and left to a person to decide."""

from typing import Any

import httpx
import pytest

from tests.checks import check_log
from timeline.importers.libya_week import posts


@pytest.fixture
async def desk(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """A service with the sample week."""
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    return api


async def posted(api: httpx.AsyncClient, **fields: Any) -> str:
    body = {"kind": "meeting", "occurred": "2019-07-10", "source": "unattributed", "marking": "clear"} | fields
    answer = await api.post("/v1/events", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def pairs(client: httpx.AsyncClient, query: str = "") -> list[tuple[str, str]]:
    answer = await client.get(f"/v1/duplicates?{query}")
    assert answer.status_code == 200, answer.text
    return [(pair["events"][0]["id"], pair["events"][1]["id"]) for pair in answer.json()["pairs"]]


async def two_reports(api: httpx.AsyncClient, **fields: Any) -> tuple[str, str]:
    first = await posted(api, title="Haftar meets Putin in Moscow", participants=["haftar", "putin"])
    second = await posted(api, title="Putin receives Haftar, Moscow", participants=["putin", "haftar"], **fields)
    return first, second


async def test_two_reports_of_one_meeting_are_proposed_with_their_reasons(desk: httpx.AsyncClient) -> None:
    first, second = await two_reports(desk)

    answer = (await desk.get("/v1/duplicates?from=2019-07-01")).json()

    assert [(p["events"][0]["id"], p["events"][1]["id"]) for p in answer["pairs"]] == [(first, second)]
    (pair,) = answer["pairs"]
    assert pair["group"] is None
    assert pair["score"] == sum(each["points"] for each in pair["reasons"]) >= 60
    assert next(each["what"] for each in pair["reasons"]) == "participants"
    assert {"haftar", "putin"} <= {each["slug"] for each in answer["names"].values()}


async def test_nothing_is_merged_until_somebody_says_so_and_then_it_is_not_proposed(
    desk: httpx.AsyncClient, db: str
) -> None:
    first, second = await two_reports(desk)
    apart = (await desk.get(f"/v1/events/{second}")).json()
    merge = {"kind": "duplicate", "subject": second, "survivor": first, "reason": "One meeting."}

    answer = await desk.post("/v1/events", json=merge)

    assert apart["voices"][0]["id"] == second
    assert answer.status_code == 201, answer.text
    assert await pairs(desk, "from=2019-07-01") == []
    await check_log(db)


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "protest"},
        {"occurred": "2019-07-20"},
        {"participants": ["serraj"], "title": "Talks elsewhere"},
    ],
)
async def test_what_differs_in_kind_day_or_everybody_is_not_proposed(
    desk: httpx.AsyncClient, other: dict[str, Any]
) -> None:
    if "serraj" in str(other):
        assert (await desk.post("/v1/actors", json={"slug": "serraj", "name": "Serraj"})).status_code == 201
    await posted(desk, title="Haftar meets Putin", participants=["haftar", "putin"])
    await posted(desk, **({"title": "Haftar meets Putin", "participants": ["haftar", "putin"]} | other))

    assert await pairs(desk, "from=2019-07-01") == []


async def test_actors_judged_to_be_the_same_count_as_one(desk: httpx.AsyncClient) -> None:
    await desk.post("/v1/actors", json={"slug": "the-marshal", "name": "The Marshal", "marking": "clear"})
    first = await posted(desk, title="The Marshal in Moscow", participants=["the-marshal", "putin"])
    second = await posted(desk, title="Haftar in Moscow", participants=["haftar", "putin"])
    before = await pairs(desk, "from=2019-07-01&score_min=70")
    judged = {"actors": ["haftar", "the-marshal"], "judgement": "same", "marking": "clear"}
    assert (await desk.post("/v1/same-actors", json=judged)).status_code == 201

    assert before == []
    assert await pairs(desk, "from=2019-07-01&score_min=70") == [(first, second)]


async def test_a_pair_is_proposed_once_however_the_walk_is_cut(desk: httpx.AsyncClient) -> None:
    made = [
        await posted(desk, title=f"Talks {n}", participants=["haftar", "putin"], occurred=f"2019-07-{10 + n % 3}")
        for n in range(6)
    ]
    whole = await pairs(desk, "from=2019-07-01&score_min=30")

    walked: list[tuple[str, str]] = []
    path: str | None = "/v1/duplicates?from=2019-07-01&score_min=30&limit=1"
    while path is not None:
        answer = (await desk.get(path)).json()
        walked += [(p["events"][0]["id"], p["events"][1]["id"]) for p in answer["pairs"]]
        following = answer["next"]
        path = f"/v1/duplicates?from=2019-07-01&score_min=30&limit=1&cursor={following}" if following else None

    assert sorted(walked) == sorted(whole)
    assert len(set(whole)) == len(whole) == 15
    assert {frozenset(each) for each in whole} == {frozenset((a, b)) for a in made for b in made if a != b}


async def test_mirrored_readings_of_a_machine_are_proposed_where_feeds_are_asked_for(
    desk: httpx.AsyncClient, tmp_path: Any
) -> None:
    from tests.importers.test_importers import GOLDEN, mapped
    from timeline.importers import IMPORTERS

    rows = mapped(IMPORTERS["gdelt2"], (GOLDEN / "gdelt2.tsv").read_text(encoding="utf-8"))[:2]
    for row in rows:
        for post in (*row["things"], *row["events"]):
            assert (await desk.post("/v1/events/batch?mode=each", json=[post])).status_code in (200, 201, 207)
    ids = tuple(row["events"][0]["id"] for row in rows)

    assert await pairs(desk, "feeds=include&score_min=70&from=2019-06-07&to=2019-06-07") == [ids]
    assert ids not in await pairs(desk, "score_min=1")
    (mirrored,) = (await desk.get("/v1/duplicates?feeds=include&score_min=70&from=2019-06-07&to=2019-06-07")).json()[
        "pairs"
    ]
    assert mirrored["group"] == rows[0]["events"][0]["external_ids"]["gdelt:group"]


async def test_two_reports_are_found_in_a_crowd(desk: httpx.AsyncClient) -> None:
    common = {"kind": "protest", "source": "unattributed", "marking": "clear", "participants": ["haftar", "putin"]}
    crowd = [common | {"title": f"Protest {n}", "occurred": f"2019-07-{1 + n % 9:02}"} for n in range(450)]
    assert (await desk.post("/v1/events/batch", json=crowd)).status_code == 201
    pair = await two_reports(desk)

    assert await pairs(desk, "from=2019-07-10&min_position=450") == [pair]


async def test_a_hidden_event_is_in_no_pair(desk: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    first, second = await two_reports(desk, marking="green")

    assert await pairs(desk, "from=2019-07-01") == [(first, second)]
    assert await pairs(anonymous, "from=2019-07-01") == []


@pytest.mark.parametrize(
    "query", ["score_min=0", "score_min=101", "limit=0", "from=2019-07-02&to=2019-07-01", "as_of=3"]
)
async def test_what_makes_no_sense_is_refused(desk: httpx.AsyncClient, query: str) -> None:
    assert (await desk.get(f"/v1/duplicates?{query}")).status_code in (400, 422)


async def tell_apart(api: httpx.AsyncClient, one: str, other: str, **fields: Any) -> httpx.Response:
    body = {"kind": "distinct", "subject": one, "other": other, "reason": "Two meetings.", **fields}
    return await api.post("/v1/events", json=body)


@pytest.mark.parametrize("turned", [False, True])
async def test_a_pair_told_apart_is_proposed_no_more_until_that_is_taken_back(
    desk: httpx.AsyncClient, db: str, turned: bool
) -> None:
    first, second = await two_reports(desk)
    third = await posted(desk, title="Putin and Haftar meet", participants=["haftar", "putin"])
    one, other = (second, first) if turned else (first, second)

    assert (await tell_apart(desk, one, other)).status_code == 201
    apart = await pairs(desk, "from=2019-07-01&score_min=50")
    assert (await tell_apart(desk, other, one, withdrawn=True)).status_code == 201

    assert apart == [(first, third), (second, third)]
    assert (first, second) in await pairs(desk, "from=2019-07-01&score_min=50")
    await check_log(db)


async def test_a_walk_begun_before_two_were_told_apart_still_proposes_them(desk: httpx.AsyncClient) -> None:
    await posted(desk, title="Before it", participants=["haftar"], occurred="2019-07-01")
    first, second = await two_reports(desk)
    asked = "from=2019-07-01&score_min=50&limit=1"
    begun = (await desk.get(f"/v1/duplicates?{asked}")).json()["next"]

    await tell_apart(desk, first, second)

    assert await pairs(desk, f"{asked}&cursor={begun}") == [(first, second)]
    assert await pairs(desk, "from=2019-07-01&score_min=50") == []


async def test_both_events_say_from_whom_they_were_told_apart_and_by_which_record(desk: httpx.AsyncClient) -> None:
    first, second = await two_reports(desk)
    record = (await tell_apart(desk, first, second)).json()["id"]

    for own, other, words in (
        (first, second, "judged to be another event than “Putin receives Haftar, Moscow”"),
        (second, first, "“Haftar meets Putin in Moscow” was judged to be another event"),
    ):
        event = (await desk.get(f"/v1/events/{own}")).json()
        last = (await desk.get(f"/v1/events/{own}/history")).json()["versions"][-1]
        assert event["distinct_from"] == [other]
        assert "told-apart" in last["what"]
        assert last["cause"]["id"] == record
        assert last["cause"]["words"] == words


async def test_readers_who_may_not_see_one_of_a_pair_learn_nothing_of_its_being_told_apart(
    desk: httpx.AsyncClient, anonymous: httpx.AsyncClient, db: str
) -> None:
    shown, hidden = await two_reports(desk, marking="green")
    before = (await anonymous.get(f"/v1/events/{shown}")).content

    refused = await tell_apart(desk, shown, hidden)
    assert (await tell_apart(desk, hidden, shown)).status_code == 201
    feed = (await anonymous.get("/v1/changes?limit=1000")).text
    assert hidden not in feed

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "#/subject"
    assert (await anonymous.get(f"/v1/events/{shown}")).content == before
    assert (await desk.get(f"/v1/events/{shown}")).json()["distinct_from"] == [hidden]
    await check_log(db)


async def test_raising_a_marking_hides_that_two_were_told_apart(
    desk: httpx.AsyncClient, anonymous: httpx.AsyncClient, db: str
) -> None:
    first, second = await two_reports(desk)
    await tell_apart(desk, second, first)
    before = (await anonymous.get(f"/v1/events/{first}")).json()

    mark = {"kind": "marking", "subject": second, "marking": "amber", "reason": "Asked for."}
    assert (await desk.post("/v1/events", json=mark)).status_code == 201

    assert before["distinct_from"] == [second]
    assert "distinct_from" not in (await anonymous.get(f"/v1/events/{first}")).json()
    await check_log(db)


async def test_an_event_is_not_told_apart_from_itself(desk: httpx.AsyncClient) -> None:
    first, _ = await two_reports(desk)

    answer = await tell_apart(desk, first, first)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/other")
