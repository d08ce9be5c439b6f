"""A weekly slice tells what our records of that week changed."""

from datetime import UTC, datetime

import httpx

from tests.api.test_posting import PAPER, VISIT, posted
from timeline.importers.libya_week import id_of, posts
from timeline.model.weeks import week_of


async def this_week(api: httpx.AsyncClient) -> dict[str, dict[str, object]]:
    week = week_of(datetime.now(UTC).date())
    answer = await api.get(f"/v1/weeks/{week}")
    assert answer.status_code == 200, answer.text
    return {each["title"]: each for each in answer.json()["sections"]["changed"]}


async def test_a_new_event_is_among_what_changed(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    await posted(api, "/v1/events", VISIT)

    change = (await this_week(api))["Haftar travels to Moscow"]

    assert (change["what"], change["standing"], change["standing_before"]) == (["new"], "reported", None)


async def test_what_was_recorded_and_recalled_within_the_week_is_not_listed(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    visit = await posted(api, "/v1/events", VISIT)
    await posted(api, "/v1/events", {"kind": "recall", "subject": visit["id"], "reason": "typed into the wrong case"})

    assert await this_week(api) == {}


async def test_a_week_long_past_lists_nothing_that_was_recorded_since(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    await posted(api, "/v1/events", VISIT)

    sections = (await api.get("/v1/weeks/2019-W23")).json()["sections"]

    assert [each["title"] for each in sections["happened"]] == ["Haftar travels to Moscow"]
    assert sections["changed"] == []


async def test_since_a_moment_tells_what_changed_up_to_now(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    visit = await posted(api, "/v1/events", VISIT)
    await posted(api, "/v1/events", {"kind": "recall", "subject": visit["id"], "reason": "typed into the wrong case"})

    found = (await api.get("/v1/weeks/2019-W23", params={"since": visit["position"]})).json()

    assert (found["changed_from"], found["changed_to"]) == (visit["position"], visit["position"] + 1)
    (change,) = found["sections"]["changed"]
    assert (change["what"], change["causes"][0]["reason"]) == (["gone", "recalled"], "typed into the wrong case")


async def test_changes_are_told_from_the_end_of_the_week_before_to_the_end_of_the_week(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    visit = await posted(api, "/v1/events", VISIT)
    this = week_of(datetime.now(UTC).date())

    found = {week: (await api.get(f"/v1/weeks/{week}")).json() for week in ("2019-W23", this, "2999-W01")}

    between = {week: (each["changed_from"], each["changed_to"]) for week, each in found.items()}
    end = visit["position"]
    assert between == {"2019-W23": (0, 0), this: (0, end), "2999-W01": (end, end)}


async def test_since_after_as_of_makes_no_sense(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    await posted(api, "/v1/events", VISIT)

    answer = await api.get("/v1/weeks/2019-W23", params={"since": 2, "as_of": 1})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "?since")


async def test_a_week_cites_what_its_lines_rest_on(api: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER | {"marking": "clear"})
    letter = {"slug": "a-letter", "title": "A letter", "published": "2019-06-05", "url": "https://example.org/a"}
    await posted(api, "/v1/documents", letter)
    visit = await posted(api, "/v1/events", VISIT | {"document": "a-letter", "marking": "clear"})

    whole = (await api.get("/v1/weeks/2019-W23")).json()["cited"]
    public = (await anonymous.get("/v1/weeks/2019-W23")).json()["cited"]

    (voice,) = whole["voices"][visit["id"]]
    document = whole["documents"][voice["document"]]
    assert (voice["side"], voice["id"]) == ("assert", visit["id"])
    assert (document["title"], document["url"]) == ("A letter", "https://example.org/a")
    assert document["published"]["edtf"] == "2019-06-05"
    assert (public["documents"], public["voices"].keys()) == ({}, whole["voices"].keys()), "the letter is amber"


async def test_a_hidden_denial_changes_no_byte_of_a_brief(api: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    paths = [f"/v1/weeks/2019-W23{suffix}?since=45&as_of=" for suffix in ("", ".md", ".csv", ".ndjson")]
    before = [(await anonymous.get(f"{path}52")).text for path in paths]
    denial = {"kind": "denial", "of": [id_of("event", "E02")], "source": "russian-officials", "occurred": "2019-06-05"}
    await posted(api, "/v1/events", denial | {"title": "A denial"})

    after = [(await anonymous.get(f"{path}53")).text for path in paths]
    owners = [(await api.get(f"{path}53")).text for path in paths]

    assert [each.replace("53", "52") for each in after] == [each.replace("53", "52") for each in before]
    assert all("A denial" in each for each in owners)
