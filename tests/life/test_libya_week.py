"""The sample week, end to end over HTTP: posted as an analyst posts it, read as a tool reads it."""

from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.libya_week import (
    IN_ORDER,
    IT_HAPPENED,
    LATER_DATES,
    LATER_REPORTS,
    ORIGINALS,
    PAPER,
    REFS,
    SECOND_DENIAL,
    WEEKS,
    correction,
    ids,
    refs,
    report,
    shuffled,
    sources,
)
from timeline.importers.libya_week import EVENTS, PUBLISHED, REGISTRATIONS, Post, id_of, posts

Json = dict[str, Any]
REF_OF = {id_of("event", f"E{number:02}"): f"E{number:02}" for number in range(1, 31)}


class Week:
    """The service under test, and what was posted to it."""

    def __init__(self, api: httpx.AsyncClient) -> None:
        self._api = api

    async def post(self, *wanted: Post) -> list[Json]:
        """Post a batch that stands or falls together, wait until it shows, and return its verdicts."""
        answer = await self._api.post("/v1/events/batch", params={"mode": "atomic"}, json={"events": [*wanted]})
        verdicts: list[Json] = answer.json()["verdicts"]
        assert [verdict for verdict in verdicts if verdict["problem"]] == []
        last = max(verdict["position"] for verdict in verdicts)
        await self.get("/v1/timelines/all", min_position=last)
        return verdicts

    async def get(self, path: str, **params: Any) -> Json:
        """What an address answers."""
        answer = await self._api.get(path, params=params)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def event(self, ref: str, **params: Any) -> Json:
        """An event as it stands."""
        return await self.get(f"/v1/events/{id_of('event', ref)}", **params)

    async def timeline(self, of: str, **params: Any) -> list[Json]:
        """Every entry of a timeline."""
        entries: list[Json] = (await self.get(f"/v1/timelines/{of}", limit=1000, **params))["entries"]
        return entries

    async def shown(self, of: str) -> list[str]:
        """A timeline as the notes write it: `02`, `04*` through an event, `13s` as speaker."""
        sign = {"participant": "", "of": "*", "speaker": "s"}
        return [REF_OF[each["id"]].removeprefix("E") + sign[each["as"]] for each in await self.timeline(of)]

    async def matched(self, match: str) -> list[list[str]]:
        """For each week the refs of the events that match it, in order."""
        slices = [await self.get(f"/v1/weeks/{week}", match=match) for week in WEEKS]
        return [[REF_OF[each] for each in found["matched"]] for found in slices]

    async def section(self, name: str, **params: Any) -> list[list[str]]:
        """For each week the refs in one of its sections, by number."""
        slices = [await self.get(f"/v1/weeks/{week}", **params) for week in WEEKS]
        return [sorted(REF_OF[each["id"]] for each in found["sections"][name]) for found in slices]


@pytest_asyncio.fixture
async def week(api: httpx.AsyncClient) -> Week:
    """The sample week, posted in its order."""
    posted = Week(api)
    await posted.post(*posts())
    return posted


def by_ref(entries: list[Json]) -> dict[str, Json]:
    return {REF_OF[each["id"]]: each for each in entries}


def in_order(*wanted: str) -> list[str]:
    """These refs in the order of timelines."""
    return [ref for ref in refs(IN_ORDER) if ref in wanted]


# Posting


async def test_every_post_of_the_week_gets_a_receipt(api: httpx.AsyncClient) -> None:
    verdicts = await Week(api).post(*posts())

    assert [verdict["status"] for verdict in verdicts] == [201] * len(posts())
    assert [verdict["id"] for verdict in verdicts] == [post["id"] for post in posts()]
    assert [verdict["position"] for verdict in verdicts] == [*range(1, len(posts()) + 1)]
    assert [verdict["ref"] for verdict in verdicts][len(REGISTRATIONS) :] == REFS


async def test_posting_the_week_twice_is_a_repeat(week: Week) -> None:
    again = await week.post(*posts())

    assert [verdict["position"] for verdict in again] == [*range(1, len(posts()) + 1)]
    assert (await week.get("/v1/timelines/all"))["position"] == len(posts())


async def test_the_week_may_come_as_a_plain_array(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/events/batch", json=posts())

    assert [verdict["problem"] for verdict in answer.json()["verdicts"]] == [None] * len(posts())


# Standing


async def test_each_event_stands_by_its_rule(week: Week) -> None:
    entries = by_ref(await week.timeline("all"))

    fields = ("standing", "rule", "phase")
    assert {ref: tuple(each[name] for name in fields) for ref, each in entries.items()} == {
        **dict.fromkeys(refs("02 04 05 09 11-14 17-19"), ("reported", "R7", "occurred")),
        **dict.fromkeys(refs("01 08 10 15 16 20"), (None, None, "occurred")),
        "E03": ("denied", "R5", "occurred"),
        "E06": ("rumoured", "R8", "expected"),
        "E07": ("denied", "R5", "expected"),
    }


async def test_each_standing_names_the_voices_that_it_rests_on(week: Week) -> None:
    entries = by_ref(await week.timeline("all"))

    # The rights leaders spoke twice of the order; the newer word of a named source is the one that counts.
    others = {"E03": ids("E03", "E04"), "E07": ids("E07", "E14"), "E11": ids("E12")}
    assert {ref: each["because"] for ref, each in entries.items()} == {ref: ids(ref) for ref in REFS} | others
    assert all(each["because_total"] == len(each["because"]) for each in entries.values())


async def test_only_the_two_meetings_are_denied_and_by_whom_is_told(week: Week) -> None:
    entries = by_ref(await week.timeline("all"))

    assert {ref: each["denied_by"] for ref, each in entries.items() if each["denied_by"]} == {
        "E03": sources("russian-officials"),
        "E07": sources("white-house-source"),
    }


async def test_an_entry_stands_as_its_event_does(week: Week) -> None:
    fields = ("standing", "rule", "phase", "because", "denied_by", "independent", "sides", "partisan", "since")

    for ref, shown in by_ref(await week.timeline("all")).items():
        event = await week.event(ref)
        assert {name: shown[name] for name in fields} == {name: event[name] for name in fields}


async def test_only_partisans_spoke_of_the_meeting_in_moscow(week: Week) -> None:
    entries = by_ref(await week.timeline("all"))

    assert [ref for ref in REFS if entries[ref]["partisan"]] == ["E03"]


async def test_nobody_independent_vouches_but_for_the_newspaper_and_its_kind(week: Week) -> None:
    entries = by_ref(await week.timeline("all"))

    assert {ref for ref in REFS if entries[ref]["independent"]} == {"E04", "E13", "E17", "E18"}


async def test_judgements_lie_over_the_standing_and_never_in_it(week: Week) -> None:
    entries = by_ref(await week.timeline("all"))

    overlays = {
        ref: [(REF_OF[each["id"]], each["likelihood"], each["verdict"]) for each in entries[ref]["assessments"]]
        for ref in REFS
    }
    assert {ref: found for ref, found in overlays.items() if found} == {
        "E03": [("E15", None, "false")],
        "E06": [("E08", "unlikely", None)],
        "E07": [("E08", "unlikely", None), ("E15", None, "false")],
    }


async def test_a_meeting_judged_false_still_reads_as_denied(week: Week) -> None:
    event = await week.event("E03")

    assert event["standing"] == "denied"
    assert [each["verdict"] for each in event["assessments"]] == ["false"]


async def test_the_white_house_denied_the_meeting_and_not_the_visit(week: Week) -> None:
    visit, meeting = await week.event("E06"), await week.event("E07")

    assert (visit["standing"], meeting["standing"]) == ("rumoured", "denied")
    assert visit["denied_by"] == []


async def test_an_entry_counts_its_voices_by_side(week: Week) -> None:
    entries = by_ref(await week.timeline("all"))

    own = {"assert": 1, "deny": 0, "confirm": 0, "judge": 0}
    assert {ref: each["voices"] for ref, each in entries.items()} == {
        **dict.fromkeys(REFS, own),
        "E03": own | {"deny": 1, "judge": 1},
        "E06": own | {"judge": 1},
        "E07": own | {"deny": 1, "judge": 2},
        "E11": own | {"assert": 2},
    }


async def test_an_event_lists_its_voices_with_source_and_grade(week: Week) -> None:
    event = await week.event("E03")

    told = [(REF_OF[each["id"]], each["side"], each["modality"], each["grade"]) for each in event["voices"]]
    assert told == [
        ("E03", "assert", "stated", "D6"),
        ("E04", "deny", "stated", "C6"),
        ("E15", "judge", "stated", "B6"),
    ]
    assert [each["source"] for each in event["voices"]] == sources("pro-haftar-media", "russian-officials", "weekly")
    assert {each["document"] for each in event["voices"]} == {id_of("document", "weekly-report")}
    assert event["voices_total"] == 3


async def test_a_statement_about_an_event_takes_no_side_on_it(week: Week) -> None:
    event = await week.event("E11")

    sides = {REF_OF[each["id"]]: each["side"] for each in event["voices"]}
    assert sides == {"E11": "assert", "E12": "assert", "E13": "none"}


async def test_a_voice_tells_when_it_was_said(week: Week) -> None:
    said = {}
    for ref in refs("03 06 11 14 19"):
        own = next(voice for voice in (await week.event(ref))["voices"] if voice["id"] == id_of("event", ref))
        said[ref] = (own["said"]["edtf"], own["said"]["assumed"])

    assert said == {
        "E03": ("[2019-06-01..2019-06-14]", False),
        "E06": ("/2019-06-07", False),
        "E11": ("[2019-06-03..2019-06-09]", False),
        "E14": ("2019-06-07", False),
        "E19": (PUBLISHED, False),
    }


async def test_a_rumour_of_a_plan_and_its_denial_are_about_the_future(week: Week) -> None:
    event = await week.event("E07")

    assert {REF_OF[each["id"]]: each["tense"] for each in event["voices"]} == {
        "E07": "future",
        "E08": "future",
        "E14": "future",
        "E15": "future",
    }


# Dates


async def test_each_date_is_as_vague_as_the_report(week: Week) -> None:
    entries = by_ref(await week.timeline("all"))

    fields = ("edtf", "earliest", "latest", "ongoing")
    assert {ref: tuple(each["occurred"][name] for name in fields) for ref, each in entries.items()} == {
        **dict.fromkeys(refs("01 08 10 15 16 20"), (PUBLISHED, "2019-06-10", "2019-06-14", False)),
        **dict.fromkeys(refs("02 03"), ("[2019-06-01..2019-06-10]", "2019-06-01", "2019-06-10", False)),
        **dict.fromkeys(refs("05 09 19"), ("/..", None, None, True)),
        **dict.fromkeys(refs("06 07"), ("[2019-06-11..2019-06-20]", "2019-06-11", "2019-06-20", False)),
        **dict.fromkeys(refs("17 18"), ("/2019-06-14", None, "2019-06-14", False)),
        "E04": ("[2019-06-01..2019-06-14]", "2019-06-01", "2019-06-14", False),
        "E11": ("/2019-06-09", None, "2019-06-09", False),
        "E12": ("[2019-06-03..2019-06-09]", "2019-06-03", "2019-06-09", False),
        "E13": ("[2019-06-03..2019-06-14]", "2019-06-03", "2019-06-14", False),
        "E14": ("2019-06-07", "2019-06-07", "2019-06-07", False),
    }


async def test_the_words_of_a_date_are_kept(week: Week) -> None:
    entries = by_ref(await week.timeline("all"))

    words = {ref: entries[ref]["occurred"]["words"] for ref in refs("02 03 06 07 09 11 12 14")}
    assert words == {
        "E02": "early June 2019",
        "E03": "early June 2019",
        "E06": "mid-June 2019",
        "E07": "mid-June 2019",
        "E09": "increasingly",
        "E11": "by 9 June 2019",
        "E12": "last week",
        "E14": "7 June 2019",
    }


async def test_what_has_no_known_start_is_placed_by_when_it_was_said(week: Week) -> None:
    entries = by_ref(await week.timeline("all"))

    assert [ref for ref in REFS if entries[ref]["occurred"]["placed_by"] == "said"] == refs("05 09 11 17-19")


# Timelines


TIMELINES = {
    "actors/haftar": "02 03 04* 11 12* 13* 14* 08* 10 15* 16 20 09 19 06 07",
    "actors/lna": "11 12* 13* 01 19",
    "actors/russia": "02 03 04s 15* 05",
    "actors/united-states": "14* 08* 15* 06 07",
    "actors/trump": "14* 08* 15* 07",
    "actors/putin": "03 04* 15*",
    "actors/roth": "12 13s",
    "actors/new-york-times": "17s 18s",
    "actors/mbz": "17 18",
    "actors/gna": "01",
    "actors/us-congress": "09",
    "actors/fbi": "10",
    "actors/hrw": "12",
    "actors/white-house": "14s",
    "actors/uae": "17",
    "actors/muslim-brotherhood": "18",
    "places/moscow": "02 03 04* 15*",
    "places/united-states": "14* 08* 15* 06 07",
    "places/southern-tripoli": "19",
    "places/libya": "18",
    "places/sudan": "18",
}


async def test_each_timeline_holds_its_events_in_order(week: Week) -> None:
    assert {of: " ".join(await week.shown(of)) for of in TIMELINES} == TIMELINES


async def test_no_actor_or_place_of_the_week_is_without_a_timeline() -> None:
    named = {f"{post['kind']}s/{post['slug']}" for post in REGISTRATIONS if post["kind"] in ("actor", "place")}

    assert named == TIMELINES.keys()


@pytest.mark.parametrize("of", ["topics/libya", "all"])
async def test_the_topic_and_the_timeline_of_all_hold_the_whole_week_in_order(week: Week, of: str) -> None:
    entries = await week.timeline(of)

    assert [REF_OF[each["id"]] for each in entries] == refs(IN_ORDER)
    assert {each["as"] for each in entries} == {"participant"}


async def test_a_timeline_says_whose_it_is_and_what_ids_are_called(week: Week) -> None:
    page = await week.get("/v1/timelines/actors/haftar", limit=1000)

    assert page["subject"] == {
        "type": "actor",
        "id": id_of("actor", "haftar"),
        "slug": "haftar",
        "name": "Khalifa Haftar",
    }
    assert page["next"] is None
    assert page["names"][id_of("actor", "putin")] == {"type": "actor", "slug": "putin", "name": "Vladimir Putin"}
    named = {p["actor"] for each in page["entries"] for p in each["participants"]}
    assert named <= page["names"].keys()


async def test_a_timeline_is_the_same_by_id_and_by_slug(week: Week) -> None:
    by_id = await week.timeline(f"actors/{id_of('actor', 'haftar')}")

    assert by_id == await week.timeline("actors/haftar")


async def test_a_timeline_walked_in_small_pages_is_the_whole_timeline(week: Week) -> None:
    whole, walked, page = (
        await week.timeline("actors/haftar"),
        [],
        await week.get("/v1/timelines/actors/haftar", limit=3),
    )
    walked += page["entries"]
    while page["next"]:
        page = await week.get("/v1/timelines/actors/haftar", limit=3, cursor=page["next"])
        walked += page["entries"]

    assert walked == whole


async def test_a_reply_shows_what_it_answers_and_where_that_stands(week: Week) -> None:
    entries = by_ref(await week.timeline("all"))

    told = {ref: [(REF_OF[each["id"]], each["standing"]) for each in entries[ref]["of"]] for ref in REFS}
    assert {ref: of for ref, of in told.items() if of} == {
        "E04": [("E03", "denied")],
        "E08": [("E06", "rumoured"), ("E07", "denied")],
        "E12": [("E11", "reported")],
        "E13": [("E11", "reported")],
        "E14": [("E07", "denied")],
        "E15": [("E03", "denied"), ("E07", "denied")],
    }
    shown = {each["id"]: each["title"] for ref in REFS for each in entries[ref]["of"]}
    assert shown == {id_of("event", ref): ORIGINALS[ref]["title"] for ref in refs("03 06 07 11")}


async def test_a_denial_without_a_title_is_named_by_who_speaks(week: Week) -> None:
    assert (await week.event("E04"))["title"] == "Denial by Russian officials"


async def test_an_event_lists_what_was_said_about_it(week: Week) -> None:
    replies = [REF_OF[each["id"]] for each in (await week.event("E03"))["replies"]]

    assert replies == ["E04", "E15"]


async def test_participants_and_places_keep_their_roles(week: Week) -> None:
    entries = by_ref(await week.timeline("all"))

    roles = {ref: [p["role"] for p in entries[ref]["participants"]] for ref in refs("01-03 09 11 12 17 18")}
    assert roles == {
        "E01": ["about", "about"],
        "E02": ["actor", "host"],
        "E03": ["actor", "actor", "host"],
        "E09": ["actor", "about"],
        "E11": ["actor", "recipient"],
        "E12": ["actor", "actor"],
        "E17": ["about", "about"],
        "E18": ["about"],
    }
    assert [p["role"] for ref in refs("02 03 18") for p in entries[ref]["places"]] == ["to", "site", "about", "about"]
    assert entries["E18"]["against"] == [id_of("actor", "mbz")]


# Overdue


async def test_a_plan_is_overdue_from_the_day_after_its_last(week: Week) -> None:
    found = {}
    for on in ("2019-06-14", "2019-06-20", "2019-06-21", "2020-01-01"):
        found[on] = sorted(REF_OF[each["id"]] for each in await week.timeline("all", on=on) if each["overdue"])

    late = refs("06 07")
    assert found == {"2019-06-14": [], "2019-06-20": [], "2019-06-21": late, "2020-01-01": late}


async def test_a_plan_of_years_ago_is_overdue_today(week: Week) -> None:
    assert (await week.event("E07"))["overdue"]
    assert not (await week.event("E02"))["overdue"]


# Weeks


async def test_each_week_holds_what_matches_it(week: Week) -> None:
    expected = {
        "anchored": ["", "02-04 11-14", "01 05-10 15-20", ""],
        "possible": ["02-04", "02-04 11-14", "01-10 13 15-20", "06 07"],
        "certain": ["", "12 14", "01 08 10 15 16 20", ""],
    }

    for match, texts in expected.items():
        assert await week.matched(match) == [in_order(*refs(text)) for text in texts], match


async def test_each_event_is_anchored_in_exactly_one_week(week: Week) -> None:
    held = [ref for found in await week.matched("anchored") for ref in found]

    assert sorted(held) == REFS


async def test_an_entry_says_which_week_it_is_placed_in(week: Week) -> None:
    entries = await week.timeline("all")

    anchored = dict(zip(WEEKS, await week.matched("anchored"), strict=True))
    assert all(REF_OF[each["id"]] in anchored[each["occurred"]["week"]] for each in entries)


async def test_a_week_has_its_sections(week: Week) -> None:
    expected = {
        "happened": ["", "02 03 11", "", ""],
        "said": ["", "04 06 07 12-14", "01 08 10 15-18 20", ""],
        "continuing": ["", "", "05 09 19", "05 09 19"],
        "ahead": ["", "06 07", "06 07", ""],
        "unresolved": ["", "", "", "06 07"],
    }

    for section, texts in expected.items():
        assert await week.section(section) == [refs(text) for text in texts], section


async def test_a_week_of_one_actor_holds_only_its_entries(week: Week) -> None:
    assert await week.section("happened", actor="trump") == [[], [], [], []]
    assert await week.section("said", actor="trump") == [refs(text) for text in ("", "07 14", "08 15", "")]
    assert await week.section("ahead", actor="trump") == [refs(text) for text in ("", "07", "07", "")]


async def test_a_week_runs_from_monday_to_sunday(week: Week) -> None:
    found = await week.get("/v1/weeks/2019-W23")

    assert (found["week"], found["from"], found["to"]) == ("2019-W23", "2019-06-03", "2019-06-09")
    assert found["match"] == "anchored"
    assert found["truncated"] == []


# Order of posting


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_order_of_posting_changes_no_standing(api: httpx.AsyncClient, seed: int) -> None:
    week = Week(api)
    await week.post(*REGISTRATIONS, *shuffled(seed))

    entries = by_ref(await week.timeline("all"))
    stands = {ref: (each["standing"], each["rule"], each["phase"]) for ref, each in entries.items() if each["rule"]}
    assert stands == {
        **dict.fromkeys(refs("02 04 05 09 11-14 17-19"), ("reported", "R7", "occurred")),
        "E03": ("denied", "R5", "occurred"),
        "E06": ("rumoured", "R8", "expected"),
        "E07": ("denied", "R5", "expected"),
    }


@pytest.mark.parametrize("seed", [4, 5])
async def test_the_order_of_posting_changes_no_week(api: httpx.AsyncClient, seed: int) -> None:
    week = Week(api)
    await week.post(*REGISTRATIONS, *shuffled(seed))

    expected = ["", "02-04 11-14", "01 05-10 15-20", ""]
    assert [sorted(found) for found in await week.matched("anchored")] == [refs(text) for text in expected]
    assert await week.section("said") == [refs(text) for text in ("", "04 06 07 12-14", "01 08 10 15-18 20", "")]


async def test_the_week_posted_line_by_line_is_the_week_posted_at_once(api: httpx.AsyncClient) -> None:
    week = Week(api)
    await week.post(*REGISTRATIONS)
    for post in EVENTS:
        await week.post(_by_id(post))

    assert [each["id"] for each in await week.timeline("all")] == ids(*refs(IN_ORDER))
    assert (await week.event("E07"))["because"] == ids("E07", "E14")


def _by_id(post: Post) -> Post:
    """A post that names earlier events by their ids."""
    found = {name: value for name, value in post.items() if name != "ref"}
    for name in ("of", "based_on"):
        if name in found:
            found[name] = ids(*(ref.removeprefix("#") for ref in found[name]))
    if isinstance(post["occurred"], dict) and "during" in post["occurred"]:
        found["occurred"] = {"during": id_of("event", post["occurred"]["during"].removeprefix("#"))}
    return found


# Later evidence


async def test_a_party_s_report_leaves_a_denied_meeting_denied(week: Week) -> None:
    await week.post(*LATER_REPORTS)

    event = await week.event("E03")
    assert (event["standing"], event["rule"]) == ("denied", "R5")
    assert event["because"] == ids("E03", "E04", "E22")
    assert (event["independent"], event["sides"]) == (0, 0)
    assert (await week.event("E02"))["standing"] == "reported"


async def test_a_report_s_own_date_is_listed_beside_the_event_s(week: Week) -> None:
    await week.post(*LATER_REPORTS)

    event = await week.event("E02")
    happened = {REF_OF[each["id"]]: each["happened"] for each in event["voices"]}
    assert happened["E02"] is None
    assert (happened["E21"]["words"], happened["E21"]["edtf"]) == ("30 May 2019", "2019-05-30")
    assert event["occurred"]["edtf"] == "[2019-06-01..2019-06-10]"


async def test_a_report_folds_into_what_it_reports(week: Week) -> None:
    await week.post(*LATER_REPORTS)

    assert await week.shown("actors/putin") == ["03", "04*", "15*"]
    assert by_ref(await week.timeline("actors/haftar"))["E02"]["voices"]["assert"] == 2
    assert {"21", "22"} <= set(await week.shown("topics/libya"))


async def test_new_evidence_moves_events_to_another_week(week: Week) -> None:
    await week.post(*LATER_REPORTS, *LATER_DATES)

    anchored = await week.matched("anchored")
    assert sorted(anchored[0]) == refs("02 03 17 18 21 22")
    assert sorted(anchored[1]) == refs("04 11-14")
    assert sorted(anchored[2]) == refs("01 05-10 15 16 19 20")
    assert (await week.section("happened"))[0] == refs("02 03")
    assert (await week.section("said"))[0] == refs("17 18 21 22")


async def test_a_corrected_event_is_at_its_next_revision_and_keeps_its_voices(week: Week) -> None:
    await week.post(*LATER_DATES)

    event = await week.event("E03")
    assert event["revision"] == 2
    assert (event["occurred"]["edtf"], event["occurred"]["week"]) == ("2019-05-31", "2019-W22")
    assert (event["standing"], event["because"]) == ("denied", ids("E03", "E04"))


async def test_what_happens_during_an_event_follows_its_correction(week: Week) -> None:
    await week.post(correction("E02", occurred="2019-05-30/2019-05-31"))

    assert (await week.event("E03"))["occurred"]["edtf"] == "[2019-05-30..2019-05-31]"
    assert (await week.matched("anchored"))[0] == ["E02", "E03"]


async def test_a_correction_of_a_revision_that_moved_is_refused(week: Week, api: httpx.AsyncClient) -> None:
    await week.post(correction("E02", occurred="2019-05-30/2019-05-31"))

    stale = {**correction("E02", occurred="2019-05-29"), "id": id_of("correction", "another")}
    answer = await api.post("/v1/events", json=stale)

    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/wrong-revision"
    assert answer.json()["revision"] == 2


async def test_a_second_denial_of_one_government_changes_nothing_but_the_count(week: Week) -> None:
    before = await week.event("E07")
    await week.post(SECOND_DENIAL)

    after = await week.event("E07")
    same = ("standing", "rule", "phase", "since", "independent", "sides", "partisan", "occurred")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert [each["side"] for each in after["voices"]].count("deny") == 2
    assert after["denied_by"] == sources("white-house-source", "white-house")


async def test_a_denied_plan_does_not_dispute_what_a_paper_says_happened(week: Week) -> None:
    await week.post(*IT_HAPPENED)

    event = await week.event("E07")
    assert (event["standing"], event["rule"], event["phase"]) == ("reported", "R7", "occurred")
    assert event["denied_by"] == []
    assert not event["overdue"]


async def test_two_papers_dates_of_the_trip_are_listed_side_by_side(week: Week) -> None:
    told = {"of": "E06", "occurred": "19 June 2019", "tense": "past"}
    await week.post(
        PAPER,
        report("E24", **told, source="a-paper", happened="15 June 2019"),
        report("E25", **told, source="new-york-times", happened="18 June 2019"),
    )

    event = await week.event("E06")
    assert [each["happened"]["edtf"] for each in event["voices"] if each["happened"]] == ["2019-06-15", "2019-06-18"]
    assert (event["standing"], event["rule"], event["independent"]) == ("corroborated", "R6", 2)
    assert event["occurred"]["edtf"] == "[2019-06-11..2019-06-20]"
