"""The sample week as of what had been said by a day, over HTTP: back-filled data asked by when it was said."""

from typing import Any

import httpx
import pytest

from tests.api.test_posting import posted
from tests.libya_week import IT_HAPPENED, refs
from timeline.importers.libya_week import id_of, posts
from timeline.projections import said

Json = dict[str, Any]
REF_OF = {id_of("event", f"E{number:02}"): f"E{number:02}" for number in range(1, 31)}
HAFTAR = "/v1/timelines/actors/haftar"


async def get(api: httpx.AsyncClient, path: str, **params: Any) -> Json:
    """What an address answers."""
    answer = await api.get(path, params=params)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def of_event(ref: str) -> str:
    """The address of an event of the week."""
    return f"/v1/events/{id_of('event', ref)}"


def shown(entries: list[Json]) -> list[str]:
    """The refs of entries, in their order."""
    return [REF_OF[each["id"]] for each in entries]


@pytest.fixture(autouse=True)
async def week(api: httpx.AsyncClient) -> None:
    """The week, posted."""
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201


async def test_a_timeline_holds_what_somebody_had_asserted(api: httpx.AsyncClient) -> None:
    by_sixth = (await get(api, HAFTAR, said_to="2019-06-06"))["entries"]
    by_seventh = (await get(api, HAFTAR, said_to="2019-06-07"))["entries"]

    assert shown(by_sixth) == refs("03 04 11 12 13")
    assert shown(by_seventh) == refs("03 04 11 12 13 14 06 07")


async def test_judgements_that_came_later_are_left_out(api: httpx.AsyncClient) -> None:
    now, then = await get(api, of_event("E07")), await get(api, of_event("E07"), said_to="2019-06-07")

    assert [len(found["assessments"]) for found in (now, then)] == [2, 0]
    assert (then["standing"], then["rule"], then["phase"]) == ("denied", "R5", "expected")
    assert [each["side"] for each in then["voices"]] == ["assert", "deny"]
    assert (then["voices_total"], shown(then["replies"])) == (2, refs("14"))


async def test_an_event_that_nobody_had_asserted_is_not_there(api: httpx.AsyncClient) -> None:
    answer = await api.get(of_event("E07"), params={"said_to": "2019-06-06"})

    assert answer.status_code == 404
    assert "2019-06-06" in answer.json()["detail"]


async def test_what_was_recorded_late_counts_by_when_it_was_said(api: httpx.AsyncClient) -> None:
    denial = {"kind": "denial", "of": [id_of("event", "E11")], "source": "russian-officials", "modality": "stated"}
    await posted(api, "/v1/events", {**denial, "occurred": "2019-06-20", "marking": "clear"})

    told = {day: await get(api, of_event("E11"), said_to=day) for day in ("2019-06-19", "2019-06-20")}

    assert [(found["standing"], found["denied_by"] != []) for found in told.values()] == [
        ("reported", False),
        ("denied", True),
    ]
    assert told["2019-06-19"]["since"] < told["2019-06-20"]["since"]


async def test_a_reply_that_was_denied_later_still_counted_then(api: httpx.AsyncClient) -> None:
    denial = {"kind": "denial", "of": [id_of("event", "E04")], "source": "russian-officials", "modality": "stated"}
    await posted(api, "/v1/events", {**denial, "occurred": "2019-06-20", "marking": "clear"})

    now, then = await get(api, of_event("E03")), await get(api, of_event("E03"), said_to="2019-06-19")

    assert (now["standing"], then["standing"]) == ("reported", "denied")
    assert [each["live"] for each in then["voices"]][:2] == [True, True]
    [inline] = (await get(api, of_event("E04"), said_to="2019-06-19"))["of"]
    assert inline["standing"] == "denied"


async def test_a_plan_is_ahead_until_somebody_says_that_it_happened(api: httpx.AsyncClient) -> None:
    assert (await api.post("/v1/events/batch", json=IT_HAPPENED)).status_code == 201

    now = (await get(api, "/v1/weeks/2019-W24"))["sections"]
    then = (await get(api, "/v1/weeks/2019-W24", said_to="2019-06-16"))["sections"]

    assert [shown(found["ahead"]) for found in (now, then)] == [refs("06"), refs("06 07")]
    assert [("E07" in shown(found["happened"])) for found in (now, then)] == [True, False]


async def test_a_week_as_of_what_was_said_by_its_friday(api: httpx.AsyncClient) -> None:
    found = await get(api, "/v1/weeks/2019-W23", said_to="2019-06-07")

    sections = {name: sorted(shown(listed)) for name, listed in found["sections"].items() if name != "changed"}
    assert sections == {
        "happened": refs("03 11"),
        "said": refs("04 06 07 12 13 14"),
        "continuing": [],
        "ahead": refs("06 07"),
        "unresolved": [],
    }
    assert found["sections"]["changed"] == []


async def test_the_order_and_the_dates_stay(api: httpx.AsyncClient) -> None:
    now = (await get(api, HAFTAR))["entries"]
    then = (await get(api, HAFTAR, said_to="2019-06-09"))["entries"]

    kept = [each for each in now if each["id"] in {other["id"] for other in then}]
    assert [(each["id"], each["occurred"], each["as"]) for each in then] == [
        (each["id"], each["occurred"], each["as"]) for each in kept
    ]


async def test_what_was_all_said_by_then_is_told_byte_for_byte_as_now(api: httpx.AsyncClient) -> None:
    plain, told = [await api.get(HAFTAR, params=asked) for asked in ({}, {"said_to": "2019-12-31"})]

    assert told.content == plain.content
    assert told.headers["etag"] != plain.headers["etag"]


async def test_a_standing_is_asked_for_as_it_was(api: httpx.AsyncClient) -> None:
    assert (await api.post("/v1/events/batch", json=IT_HAPPENED)).status_code == 201

    now = (await get(api, HAFTAR, standing="denied"))["entries"]
    then = (await get(api, HAFTAR, standing="denied", said_to="2019-06-14"))["entries"]

    assert (shown(now), shown(then)) == (refs("03"), refs("03 07"))


async def test_impact_goes_by_what_had_been_said(api: httpx.AsyncClient) -> None:
    found = await get(api, "/v1/sources/white-house-source/impact", said_to="2019-06-07")

    assert [(REF_OF[each["id"]], each["standing"]) for each in found["changed"]] == [("E07", "rumoured")]
    assert (found["judgements"], found["totals"]["voices"]) == ([], 1)
    assert (await get(api, "/v1/sources/white-house-source/impact", said_to="2019-06-06"))["totals"]["voices"] == 0


async def test_a_page_that_weighs_many_voices_ends_early_and_leads_on(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await get(api, HAFTAR, said_to="2019-06-09")
    monkeypatch.setattr(said, "VOICES_MAX", 3)

    pages = [await get(api, HAFTAR, said_to="2019-06-09")]
    while pages[-1]["next"]:
        pages.append(await get(api, HAFTAR, said_to="2019-06-09", cursor=pages[-1]["next"]))

    assert len(pages) > 3
    assert [each for page in pages for each in page["entries"]] == whole["entries"]


async def test_a_cursor_keeps_its_day(api: httpx.AsyncClient) -> None:
    cursor = (await get(api, HAFTAR, said_to="2019-06-09", limit=1))["next"]

    answer = await api.get(HAFTAR, params={"said_to": "2019-06-10", "cursor": cursor})

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad-cursor")


@pytest.mark.parametrize("path", [HAFTAR, "/v1/weeks/2019-W23", of_event("E03"), "/v1/sources/weekly/impact"])
@pytest.mark.parametrize("day", ["2019-06", "7 June 2019", "2019-06-31", ""])
async def test_a_day_that_is_none_is_refused(api: httpx.AsyncClient, path: str, day: str) -> None:
    answer = await api.get(path, params={"said_to": day})

    assert answer.status_code == 400
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["?said_to"]


@pytest.mark.parametrize("path", [HAFTAR, "/v1/weeks/2019-W23", of_event("E03")])
async def test_what_is_hidden_changes_no_byte(api: httpx.AsyncClient, anonymous: httpx.AsyncClient, path: str) -> None:
    asked = {"said_to": "2019-06-09", "on": "2019-06-17"}
    before = await anonymous.get(path, params=asked)
    for target, day in (("E03", "2019-06-20"), ("E04", "2019-06-08"), ("E04", "2019-06-20")):
        denial = {"kind": "denial", "of": [id_of("event", target)], "source": "white-house", "modality": "stated"}
        last = await posted(api, "/v1/events", {**denial, "occurred": day})

    after = await anonymous.get(path, params=asked)

    same = after.text.replace(f'"position":{last["position"]},', f'"position":{last["position"] - 3},')
    assert (same, after.headers["etag"]) == (before.text, before.headers["etag"])
