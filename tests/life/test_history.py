"""Every version of an event of the sample week: what changed, and because of which record."""

from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.api.test_posting import posted
from tests.libya_week import LATER_DATES, LATER_REPORTS, correction, ids
from tests.life.test_difference import BASE
from tests.life.test_libya_week import REF_OF, Json, Week
from timeline.importers.libya_week import id_of, posts


@pytest_asyncio.fixture
async def week(api: Any) -> Week:
    """The sample week, posted in its order."""
    found = Week(api)
    await found.post(*posts())
    return found


async def history(of: Week, ref: str, **asked: Any) -> list[Json]:
    """Every version of an event, over as many pages as there are."""
    found: list[Json] = []
    while True:
        page = await of.get(f"/v1/events/{id_of('event', ref)}/history", **asked)
        found += page["versions"]
        if page["next"] is None:
            return found
        asked["cursor"] = page["next"]


def because(version: Json) -> str:
    """The record that made a version."""
    return REF_OF.get(version["cause"]["id"], str(version["cause"]["kind"]))


def fields(version: Json) -> dict[str, tuple[Any, Any]]:
    """What changed, from what to what."""
    return {each["field"]: (each["before"], each["after"]) for each in version["changes"]}


async def test_a_meeting_is_reported_then_denied_then_judged(week: Week) -> None:
    versions = await history(week, "E03")

    assert [(each["position"] - BASE, because(each), each["what"]) for each in versions] == [
        (3, "E03", ["new"]),
        (4, "E04", ["standing"]),
        (15, "E15", ["judged"]),
    ]
    assert [each["stood"]["standing"] for each in versions] == ["reported", "denied", "denied"]
    assert versions[0]["changes"] == []
    denied = fields(versions[1])
    assert denied["standing"] == ("reported", "denied")
    assert denied["rule"] == ("R7", "R5")
    assert denied["voices"][1]["deny"] == 1
    assert versions[1]["cause"]["words"] == "denied by Russian officials"
    assert versions[1]["cause"]["recorded_by"] == "owner"
    assert [*fields(versions[2])] == ["voices", "assessments"]


async def test_later_evidence_is_told_version_by_version(week: Week) -> None:
    await week.post(*LATER_REPORTS, *LATER_DATES)

    trip, meeting = await history(week, "E02"), await history(week, "E03")

    assert [because(each) for each in trip] == ["E02", "E21", "correction"]
    assert [*fields(trip[1])] == ["voices", "because"]
    dated = fields(trip[2])
    assert (dated["occurred"][0]["words"], dated["occurred"][1]["edtf"]) == (
        "early June 2019",
        "2019-05-30/2019-05-31",
    )
    assert (dated["occurred"][0]["week"], dated["occurred"][1]["week"]) == ("2019-W23", "2019-W22")
    assert dated["revision"] == (1, 2)
    assert (trip[2]["cause"]["ground"], trip[2]["cause"]["reason"]) == ("new_evidence", "The days are known now.")
    assert trip[2]["what"] == ["re-dated", "corrected"]
    # The meeting was during the trip, so the trip's correction moved it too, and then its own.
    assert [(because(each), each["what"]) for each in meeting[-2:]] == [
        ("correction", ["re-dated"]),
        ("correction", ["re-dated", "corrected"]),
    ]


async def test_a_correction_names_what_else_it_changed(week: Week) -> None:
    await week.post(correction("E02", summary="He stayed two days.", credibility=2))

    changed = fields((await history(week, "E02"))[-1])

    assert {name: each for name, each in changed.items() if name != "revision"} == {
        "summary": (None, "He stayed two days."),
        "credibility": (None, 2),
    }


async def test_a_recalled_event_keeps_its_history(week: Week, api: httpx.AsyncClient) -> None:
    recall = {"kind": "recall", "subject": ids("E04")[0], "reason": "Typed into the wrong case.", "authority": "Desk"}
    await posted(api, "/v1/events", recall)

    versions = await history(week, "E04")

    assert (await api.get(f"/v1/events/{ids('E04')[0]}")).status_code == 410
    assert [(each["what"], each["stood"] is None) for each in versions] == [
        (["new"], False),
        (["gone", "recalled"], True),
    ]
    cause = versions[-1]["cause"]
    assert (cause["words"], cause["reason"], cause["authority"]) == (
        "recalled: our record is struck",
        "Typed into the wrong case.",
        "Desk",
    )
    assert [each["what"] for each in await history(week, "E04", as_of=versions[-1]["position"] - 1)] == [["new"]]


async def test_a_duplicate_keeps_its_history(week: Week, api: httpx.AsyncClient) -> None:
    merge = {"kind": "duplicate", "subject": ids("E06")[0], "survivor": ids("E02")[0], "reason": "One trip."}
    await posted(api, "/v1/events", merge)

    gone, survivor = (await history(week, "E06"))[-1], (await history(week, "E02"))[-1]

    assert (gone["what"], gone["cause"]["words"]) == (
        ["gone", "merged"],
        "found to be the same as “Haftar travels to Moscow”",
    )
    assert survivor["cause"]["words"] == "“Haftar is to visit the United States” was found to be the same event"
    assert fields(survivor)["voices"][1]["assert"] == 2


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_a_history_comes_in_pages(week: Week, limit: int) -> None:
    await week.post(*LATER_REPORTS, *LATER_DATES)

    assert await history(week, "E03", limit=limit) == await history(week, "E03")


async def test_a_hidden_event_has_no_history(week: Week, api: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    post = {"kind": "visit", "title": "A visit", "occurred": "2019-06-01", "source": "unattributed"}
    hidden = await posted(api, "/v1/events", post)
    denial = {"kind": "denial", "of": ids("E02"), "source": "russian-officials", "occurred": "2019-06-12"}
    before = (await anonymous.get(f"/v1/events/{ids('E02')[0]}/history")).json()["versions"]
    await posted(api, "/v1/events", denial)

    after = (await anonymous.get(f"/v1/events/{ids('E02')[0]}/history")).json()["versions"]

    found = [
        (await anonymous.get(f"/v1/events/{each}/history")).status_code
        for each in (hidden["id"], id_of("event", "nobody"), "E02")
    ]
    assert found == [404, 404, 404]
    known = await anonymous.get(f"/v1/events/{hidden['id']}/history", headers={"If-None-Match": "*"})
    assert known.status_code == 404
    assert after == before
    assert len(await history(week, "E02")) == 2


async def test_a_history_reads_as_an_editor_would_tell_it(week: Week, api: httpx.AsyncClient) -> None:
    answer = await api.get(f"/v1/events/{ids('E03')[0]}/history.md", params={"as_of": BASE + 4})

    lines = answer.text.splitlines()
    assert lines[0] == "# Haftar meets the Russian president: history"
    assert lines[2] == f"As of position {BASE + 4}."
    assert f"   - because denied by Russian officials (position {BASE + 4})" in lines
    assert "   - standing: reported → denied" in lines
    assert "   - denied by: none → Russian officials" in lines
