"""A weekly slice tells what our records of that week changed."""

from datetime import UTC, datetime

import httpx

from tests.api.test_posting import PAPER, VISIT, posted
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
