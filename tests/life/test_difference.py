"""What changed in the sample week between two moments, over HTTP."""

from typing import Any

import pytest_asyncio

from tests.api.test_posting import posted
from tests.formats.judges import CHANGES, UUID
from tests.libya_week import IT_HAPPENED, LATER_DATES, LATER_REPORTS, correction, ids, refs, sources
from tests.life.test_libya_week import REF_OF, Json, Week
from timeline.formats import offered
from timeline.importers.libya_week import EVENTS, REGISTRATIONS, id_of, posts
from timeline.model.changes import Difference

BASE = len(REGISTRATIONS)
"""What is registered comes first: E01 is at the position after it."""


@pytest_asyncio.fixture
async def week(api: Any) -> Week:
    """The sample week, posted in its order."""
    found = Week(api)
    await found.post(*posts())
    return found


async def differences(service: Week, **asked: Any) -> dict[str, Json]:
    """Every change by ref, over as many pages as there are."""
    found: dict[str, Json] = {}
    while True:
        page = await service.get("/v1/diff", **asked)
        for each in page["changes"]:
            ref = REF_OF[each["id"]]
            assert ref not in found
            found[ref] = each
        if page["next"] is None:
            return found
        asked["cursor"] = page["next"]


def told(change: Json) -> tuple[Any, ...]:
    """What changed, and by which events."""
    return change["what"], [REF_OF.get(each["id"], each["kind"]) for each in change["causes"]]


# The worked difference, from E13 to E20


async def test_the_worked_difference(week: Week) -> None:
    found = await differences(week, **{"from": BASE + 13, "to": BASE + 20})

    assert {ref: told(each) for ref, each in found.items()} == {
        **{ref: (["new"], []) for ref in refs("14-20")},
        "E03": (["judged"], ["E15"]),
        "E07": (["standing", "judged"], ["E14", "E15"]),
    }
    in_order = [*found]
    assert [{*in_order[:2]}, {*in_order[2:4]}, in_order[4:]] == [{*refs("07 14")}, {*refs("03 15")}, refs("16-20")]


async def test_a_denial_is_told_with_rule_and_cause_in_words(week: Week) -> None:
    found = (await differences(week, **{"from": BASE + 13, "to": BASE + 20}))["E07"]

    before, after = found["before"], found["after"]
    assert (before["standing"], before["rule"], before["denied_by"]) == ("rumoured", "R8", [])
    assert (after["standing"], after["rule"]) == ("denied", "R5")
    assert after["denied_by"] == sources("white-house-source")
    denial, judgement = found["causes"]
    assert (denial["kind"], denial["words"], denial["what"]) == ("denial", "denied by White House source", ["standing"])
    assert denial["source"] == sources("white-house-source")[0]
    assert (judgement["words"], judgement["what"]) == ("judged false by The weekly report", ["judged"])


async def test_overlays_are_gained(week: Week) -> None:
    found = await differences(week, **{"from": BASE + 13, "to": BASE + 20})

    def judged(ref: str, when: str) -> list[Any]:
        return [each["verdict"] or each["likelihood"] for each in found[ref][when]["assessments"]]

    assert (judged("E03", "before"), judged("E03", "after")) == ([], ["false"])
    assert (judged("E07", "before"), judged("E07", "after")) == (["unlikely"], ["unlikely", "false"])


async def test_pages_of_a_difference_tell_each_event_once(week: Week) -> None:
    whole = await differences(week, **{"from": BASE, "to": BASE + 20})

    paged = await differences(week, **{"from": BASE, "to": BASE + 20, "limit": 3})

    assert list(paged) == list(whole) == refs("01-20")
    assert paged == whole


async def test_a_difference_of_one_moment_is_empty(week: Week) -> None:
    for position in range(BASE + 21):
        assert (await week.get("/v1/diff", **{"from": position, "to": position}))["changes"] == []


async def test_a_difference_of_one_actor_or_topic_or_place(week: Week) -> None:
    asked = {"from": BASE + 13, "to": BASE + 20}

    assert {*await differences(week, actor="trump", **asked)} == {*refs("07 14 15")}
    assert {*await differences(week, actor="haftar", place="southern-tripoli", **asked)} == {*refs("19")}
    assert {*await differences(week, topic="libya", week="2019-W23", **asked)} == {*refs("03 14")}


# Later evidence


async def test_later_evidence_moves_events_from_week_to_week(week: Week) -> None:
    start = (await week.get("/v1/timelines/all"))["position"]
    await week.post(*LATER_REPORTS, *LATER_DATES)

    found = await differences(week, **{"from": start})

    moved = {ref: (each["week_before"], each["week"]) for ref, each in found.items() if each["week_before"]}
    assert moved == {
        **dict.fromkeys(refs("02 03"), ("2019-W23", "2019-W22")),
        **dict.fromkeys(refs("17 18"), ("2019-W24", "2019-W22")),
    }
    days = {ref: (found[ref]["before"]["occurred"]["words"], found[ref]["after"]["occurred"]["edtf"]) for ref in moved}
    assert days["E02"] == ("early June 2019", "2019-05-30/2019-05-31")
    assert found["E02"]["what"] == ["re-dated", "corrected"]
    (cause,) = found["E02"]["causes"]
    assert (cause["kind"], cause["ground"]) == ("correction", "new_evidence")
    assert cause["words"] == "corrected, on new evidence"
    assert cause["reason"] == "The days are known now."
    assert found["E03"]["standing"] == found["E03"]["standing_before"] == "denied"
    assert {ref: found[ref]["what"] for ref in refs("21 22")} == {"E21": ["new"], "E22": ["new"]}


async def test_what_happens_during_an_event_is_re_dated_by_its_correction(week: Week) -> None:
    start = (await week.get("/v1/timelines/all"))["position"]
    await week.post(correction("E02", occurred="2019-05-30/2019-05-31"))

    found = await differences(week, **{"from": start})

    assert told(found["E03"]) == (["re-dated"], ["correction"])
    assert found["E03"]["causes"][0]["words"] == "“Haftar travels to Moscow” was corrected, on new evidence"


async def test_a_plan_that_came_to_pass_is_told_by_its_phase(week: Week) -> None:
    start = (await week.get("/v1/timelines/all"))["position"]
    await week.post(*IT_HAPPENED)

    change = (await differences(week, **{"from": start}))["E07"]

    assert (change["what"], change["before"]["phase"], change["after"]["phase"]) == (
        ["standing", "phase"],
        "expected",
        "occurred",
    )
    assert change["causes"][0]["words"] == "stated by A paper"


# Edits


async def test_a_recalled_denial_changes_what_it_denied(week: Week, api: Any) -> None:
    start = (await week.get("/v1/timelines/all"))["position"]
    recall = {"kind": "recall", "subject": id_of("event", "E04"), "reason": "Typed into the wrong case."}
    await posted(api, "/v1/events", recall)

    found = await differences(week, **{"from": start})

    assert found["E04"]["what"] == ["gone", "recalled"]
    assert (found["E04"]["standing_before"], found["E04"]["standing"]) == ("reported", None)
    assert found["E04"]["causes"][0]["reason"] == "Typed into the wrong case."
    assert (found["E03"]["standing_before"], found["E03"]["standing"]) == ("denied", "reported")
    words = "“Denial by Russian officials” was recalled: our record is struck"
    assert [each["words"] for each in found["E03"]["causes"]] == [words]


async def test_a_retracted_rumour_is_taken_back(week: Week, api: Any) -> None:
    start = (await week.get("/v1/timelines/all"))["position"]
    await posted(api, "/v1/events", {"kind": "retraction", "subject": ids("E06")[0], "reason": "The story was pulled."})

    change = (await differences(week, **{"from": start}))["E06"]

    assert change["what"] == ["standing", "taken-back"]
    assert (change["standing"], change["after"]["rule"]) == ("withdrawn", "R0")
    assert change["causes"][0]["words"] == "taken back by Unattributed"


async def test_a_duplicate_is_told_with_its_survivor(week: Week, api: Any) -> None:
    start = (await week.get("/v1/timelines/all"))["position"]
    merge = {"kind": "duplicate", "subject": ids("E06")[0], "survivor": ids("E02")[0], "reason": "One trip."}
    await posted(api, "/v1/events", merge)

    change = (await differences(week, **{"from": start}))["E06"]

    assert change["what"] == ["gone", "merged"]
    assert (change["survivor"]["id"], change["survivor"]["title"]) == (ids("E02")[0], "Haftar travels to Moscow")


async def test_what_came_and_went_in_between_is_not_told(week: Week, api: Any) -> None:
    start = (await week.get("/v1/timelines/all"))["position"]
    post = {name: value for name, value in EVENTS[1].items() if name not in ("id", "ref")}
    visit = await posted(api, "/v1/events", post)
    await posted(api, "/v1/events", {"kind": "recall", "subject": visit["id"], "reason": "Twice."})

    assert await differences(week, **{"from": start}) == {}


# Markdown


async def test_a_difference_reads_as_an_editor_would_tell_it(week: Week, api: Any) -> None:
    answer = await api.get("/v1/diff.md", params={"from": BASE + 13, "to": BASE + 15, "actor": "trump"})

    assert UUID.sub("@", answer.text) == (
        f"# Donald Trump: what changed\n\nFrom position {BASE + 13} to position {BASE + 15}.\n\n"
        "1. **mid-June 2019**: [Haftar is to meet the US president](http://timeline/v1/events/@)\n"
        "   - was rumoured (R8), now denied by White House source (R5)\n"
        "   - judged false (The weekly report)\n"
        f"   - because denied by White House source (position {BASE + 14})\n"
        f"   - because judged false by The weekly report (position {BASE + 15})\n"
        "2. **7 June 2019**: [White House: no meeting with Haftar is planned](http://timeline/v1/events/@)\n"
        "   - new: reported (R7)\n"
        "3. **between 10 and 14 June 2019**: [Neither president's meeting with Haftar was more than a rumour](http://timeline/v1/events/@)\n"
        "   - new\n"
    )


async def test_every_form_of_a_difference_tells_of_the_same_events(week: Week, api: Any) -> None:
    await posted(api, "/v1/events", {"kind": "recall", "subject": id_of("event", "E04"), "reason": "Typed twice."})
    asked = {"from": BASE + 10}

    answers = {each.name: await api.get(f"/v1/diff{each.suffix}", params=asked) for each in offered(Difference)}

    wanted = CHANGES["json"](answers["json"].content)
    assert {name: CHANGES[name](answer.content) for name, answer in answers.items()} == dict.fromkeys(answers, wanted)
    assert len(wanted) > 10
    assert all(answer.headers["link"].count('rel="alternate"') == len(answers) - 1 for answer in answers.values())


# Weeks


async def test_a_week_tells_what_changed_since_as_a_difference_does(week: Week) -> None:
    since = BASE + 13
    found = await week.get("/v1/weeks/2019-W24", since=since, topic="libya")
    whole = await week.get("/v1/diff", **{"from": since, "topic": "libya", "limit": 1_000})

    assert found["sections"]["changed"] == whole["changes"]
    assert (found["changed_from"], found["changed_to"]) == (since, BASE + 20)
    assert {REF_OF[each["id"]] for each in found["sections"]["changed"]} == {*refs("03 07 14-20")}


async def test_a_week_as_of_then_tells_what_had_changed_by_then(week: Week) -> None:
    found = await week.get("/v1/weeks/2019-W24", since=BASE + 13, as_of=BASE + 14)

    assert {REF_OF[each["id"]]: each["what"] for each in found["sections"]["changed"]} == {
        "E07": ["standing"],
        "E14": ["new"],
    }


async def test_a_re_dated_event_is_told_in_the_difference_of_either_week(week: Week) -> None:
    start = (await week.get("/v1/timelines/all"))["position"]
    await week.post(*LATER_REPORTS, *LATER_DATES)

    left = await week.get("/v1/diff", **{"from": start, "week": "2019-W23"})
    come = await week.get("/v1/diff", **{"from": start, "week": "2019-W22"})

    assert {REF_OF[each["id"]] for each in left["changes"]} == {*refs("02 03")}
    assert {REF_OF[each["id"]] for each in come["changes"]} == {*refs("02 03 17 18 21 22")}


async def test_what_is_said_to_be_an_event_of_its_own_again_is_back(week: Week, api: Any) -> None:
    merge = {"kind": "duplicate", "subject": ids("E06")[0], "survivor": ids("E02")[0], "reason": "One trip."}
    await posted(api, "/v1/events", merge)
    merged = (await week.get("/v1/timelines/all"))["position"]
    await posted(api, "/v1/events", merge | {"survivor": ids("E06")[0], "reason": "Two trips."})

    found = await differences(week, **{"from": merged})

    assert told(found["E06"]) == (["back"], ["duplicate"])
    assert found["E06"]["causes"][0]["words"] == "found to be an event of its own again"
    both = (await differences(week, **{"from": merged - 1}))["E06"]
    assert told(both) == (["edited"], ["duplicate", "duplicate"])
