"""The sample week through the folds alone: no database, no clock."""

import itertools
from typing import Any

import pytest

from tests.libya_week import (
    IN_ORDER,
    IT_HAPPENED,
    LATER_DATES,
    LATER_REPORTS,
    REFS,
    SECOND_DENIAL,
    WEEKS,
    correction,
    ids,
    refs,
    shuffled,
    sources,
)
from tests.projections.logged import Log
from timeline.importers.libya_week import EVENTS, REGISTRATIONS, Post, id_of
from timeline.model import entry, weeks
from timeline.model.record import LEVELS, MARKINGS
from timeline.model.weeks import Match, Placement
from timeline.projections.world import ALL


def week(*events: Post, **changed: dict[str, Any]) -> Log:
    """The week, with fields of some events changed, and further posts after it."""
    own = [{**post, **changed.get(post["ref"], {})} for post in EVENTS]
    return Log().post([*REGISTRATIONS, *own, *events])


def position_of(ref: str) -> int:
    """The position of an event, when the week is posted in its order."""
    return len(REGISTRATIONS) + REFS.index(ref) + 1


def shown(log: Log, timeline: str) -> list[str]:
    """A timeline as the notes write it: `02`, `04*` through an event, `13s` as speaker."""
    sign = {"participant": "", "of": "*", "speaker": "s"}
    return [ref.removeprefix("E") + sign[row.placed] for ref, row in log.entries(timeline)]


# Standing


@pytest.mark.parametrize(
    ("ref", "standing", "rule", "phase", "because", "denied_by"),
    [
        ("E02", "reported", "R7", "occurred", ["E02"], []),
        ("E03", "denied", "R5", "occurred", ["E03", "E04"], ["russian-officials"]),
        ("E04", "reported", "R7", "occurred", ["E04"], []),
        ("E05", "reported", "R7", "occurred", ["E05"], []),
        ("E06", "rumoured", "R8", "expected", ["E06"], []),
        ("E07", "denied", "R5", "expected", ["E07", "E14"], ["white-house-source"]),
        ("E09", "reported", "R7", "occurred", ["E09"], []),
        ("E11", "reported", "R7", "occurred", ["E12"], []),
        ("E12", "reported", "R7", "occurred", ["E12"], []),
        ("E13", "reported", "R7", "occurred", ["E13"], []),
        ("E14", "reported", "R7", "occurred", ["E14"], []),
        ("E17", "reported", "R7", "occurred", ["E17"], []),
        ("E18", "reported", "R7", "occurred", ["E18"], []),
        ("E19", "reported", "R7", "occurred", ["E19"], []),
    ],
)
def test_each_event_stands_by_its_rule(
    ref: str, standing: str, rule: str, phase: str, because: list[str], denied_by: list[str]
) -> None:
    state = week().state(ref)

    assert (state.standing, state.rule, state.phase) == (standing, rule, phase)
    assert state.because == ids(*because)
    assert state.denied_by == sources(*denied_by)


@pytest.mark.parametrize("ref", refs("01 08 10 15 16 20"))
def test_an_assessment_has_no_standing(ref: str) -> None:
    state = week().state(ref)

    assert (state.standing, state.rule) == (None, None)


def test_only_partisans_spoke_of_the_meeting_in_moscow() -> None:
    log = week()

    assert log.state("E03").partisan
    assert not log.state("E07").partisan


def test_judgements_lie_over_the_standing_and_never_in_it() -> None:
    log = week()

    overlays = {ref: [(a.id, a.likelihood, a.verdict) for a in log.state(ref).assessments] for ref in REFS}

    assert {ref: found for ref, found in overlays.items() if found} == {
        "E03": [(id_of("event", "E15"), None, "false")],
        "E06": [(id_of("event", "E08"), "unlikely", None)],
        "E07": [(id_of("event", "E08"), "unlikely", None), (id_of("event", "E15"), None, "false")],
    }


def test_voices_are_counted_by_their_side() -> None:
    log = week()

    assert log.state("E07").voices == entry.VoiceCounts(assert_=1, deny=1, judge=2)
    assert log.state("E11").voices == entry.VoiceCounts(assert_=2)
    assert log.state("E02").voices == entry.VoiceCounts(assert_=1)


@pytest.mark.parametrize(
    ("ref", "at", "standing"),
    [
        ("E03", "E03", "reported"),
        ("E03", "E04", "denied"),
        ("E07", "E07", "rumoured"),
        ("E07", "E13", "rumoured"),
        ("E07", "E14", "denied"),
        ("E07", "E20", "denied"),
    ],
)
def test_a_standing_is_kept_as_of_each_position(ref: str, at: str, standing: str) -> None:
    assert week().state(ref, position=position_of(at)).standing == standing


def test_since_is_when_the_record_that_made_it_so_was_recorded() -> None:
    log = week()

    assert log.state("E07").since == log.stored[position_of("E14") - 1].recorded_at
    assert log.state("E06").since == log.stored[position_of("E06") - 1].recorded_at


def test_a_hidden_denial_does_not_show_through() -> None:
    log = week(E04={"marking": "green"}, E14={"marking": "amber"})

    seen = [(log.state("E03", level).standing, log.state("E07", level).standing) for level in LEVELS]

    assert MARKINGS == ("clear", "green", "amber", "amber+strict")
    assert seen == [("reported", "rumoured"), ("denied", "rumoured"), ("denied", "denied"), ("denied", "denied")]


# Timelines


@pytest.mark.parametrize(
    ("actor", "expected"),
    [
        ("haftar", "02 03 04* 11 12* 13* 14* 08* 10 15* 16 20 09 19 06 07"),
        ("lna", "11 12* 13* 01 19"),
        ("russia", "02 03 04s 15* 05"),
        ("united-states", "14* 08* 15* 06 07"),
        ("trump", "14* 08* 15* 07"),
        ("putin", "03 04* 15*"),
        ("roth", "12 13s"),
        ("new-york-times", "17s 18s"),
        ("mbz", "17 18"),
        ("gna", "01"),
        ("us-congress", "09"),
        ("fbi", "10"),
        ("hrw", "12"),
        ("white-house", "14s"),
        ("uae", "17"),
        ("muslim-brotherhood", "18"),
    ],
)
def test_each_actor_has_its_timeline_in_order(actor: str, expected: str) -> None:
    assert shown(week(), id_of("actor", actor)) == expected.split()


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("moscow", "02 03 04* 15*"),
        ("united-states", "14* 08* 15* 06 07"),
        ("southern-tripoli", "19"),
        ("libya", "18"),
        ("sudan", "18"),
    ],
)
def test_each_place_has_its_timeline_in_order(place: str, expected: str) -> None:
    assert shown(week(), id_of("place", place)) == expected.split()


def test_the_topic_and_the_timeline_of_all_hold_every_event_in_one_order() -> None:
    log = week()

    expected = [ref.removeprefix("E") for ref in refs(IN_ORDER)]

    assert shown(log, id_of("topic", "libya")) == expected
    assert shown(log, ALL) == expected


# Weeks


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("anchored", ["", "02-04 11-14", "01 05-10 15-20", ""]),
        ("possible", ["02-04", "02-04 11-14", "01-10 13 15-20", "06 07"]),
        ("certain", ["", "12 14", "01 08 10 15 16 20", ""]),
    ],
)
def test_each_week_holds_what_matches_it(match: Match, expected: list[str]) -> None:
    log = week()

    held = [[ref for ref in REFS if _matches(log.state(ref), match, each)] for each in WEEKS]

    assert held == [refs(text) for text in expected]


def _matches(state: entry.State, match: Match, week: str) -> bool:
    when = state.occurred
    placement = Placement(week=when.week, at=when.at, placed_by=when.placed_by)
    return weeks.matches(match, week, placement, when.earliest, when.latest)


def test_what_has_no_known_start_is_placed_by_when_it_was_said() -> None:
    log = week()

    assert [ref for ref in REFS if log.state(ref).occurred.placed_by == "said"] == refs("05 09 11 17-19")


def test_a_row_says_whether_the_event_is_expected_or_going_on_and_when_it_was_first_said() -> None:
    rows = dict(week().entries(ALL))

    assert [ref for ref in REFS if rows[ref].state == "expected"] == refs("06 07")
    assert [ref for ref in REFS if rows[ref].state == "ongoing"] == refs("05 09 19")
    assert {weeks.week_of(rows[ref].said_at) for ref in ("E06", "E07")} == {"2019-W23"}


# Order and later evidence


@pytest.mark.parametrize("seed", range(30))
def test_the_order_of_posting_changes_no_standing(seed: int) -> None:
    expected, found = week(), Log().post([*REGISTRATIONS, *shuffled(seed)])

    for ref in REFS:
        assert _stands(found.state(ref)) == _stands(expected.state(ref))


def _stands(state: entry.State) -> tuple[Any, ...]:
    told = (state.standing, state.rule, state.phase, state.partisan, state.voices, state.occurred)
    return (*told, sorted(state.because), state.denied_by, sorted(a.id for a in state.assessments))


def test_a_party_s_report_leaves_a_denied_meeting_denied() -> None:
    state = week(*LATER_REPORTS, *LATER_DATES).state("E03")

    assert (state.standing, state.rule) == ("denied", "R5")
    assert state.because == ids("E03", "E04", "E22")
    assert state.voices == entry.VoiceCounts(assert_=2, deny=1, judge=1)
    assert (state.independent, state.sides) == (0, 0)


def test_new_evidence_moves_the_trip_to_the_week_before() -> None:
    log = week(*LATER_REPORTS, *LATER_DATES)

    held = [ref for ref in log.refs() if log.state(ref).occurred.week == "2019-W22"]

    assert held == refs("02 03 17 18 21 22")
    assert shown(log, id_of("actor", "putin")) == ["03", "04*", "15*"]
    assert log.state("E02", position=position_of("E20")).occurred.week == "2019-W23"


def test_a_report_folds_into_what_it_reports() -> None:
    log = week(*LATER_REPORTS, *LATER_DATES)

    assert "21" not in "".join(shown(log, id_of("actor", "haftar")))
    assert {"21", "22"} <= set(shown(log, ALL))


def test_what_happens_during_an_event_follows_its_correction() -> None:
    log = week(correction("E02", occurred="2019-05-30/2019-05-31"))

    assert log.state("E03").occurred.edtf == "[2019-05-30..2019-05-31]"
    assert log.state("E03").occurred.week == "2019-W22"


def test_a_second_denial_of_one_government_changes_nothing_but_the_count() -> None:
    before, after = week().state("E07"), week(SECOND_DENIAL).state("E07")

    assert (after.standing, after.rule, after.phase) == (before.standing, before.rule, before.phase)
    assert (before.voices.deny, after.voices.deny) == (1, 2)
    assert after.denied_by == sources("white-house-source", "white-house")


def test_a_denied_plan_does_not_dispute_what_a_paper_says_happened() -> None:
    state = week(*IT_HAPPENED).state("E07")

    assert (state.standing, state.rule, state.phase) == ("reported", "R7", "occurred")
    assert state.denied_by == []


# Rows


def test_no_two_versions_of_a_row_hold_at_one_position() -> None:
    log = week(*LATER_REPORTS, *LATER_DATES)

    for ref, level in itertools.product(log.refs(), LEVELS):
        versions = [v for v in log.world.states[id_of("event", ref)] if v.row.low <= level <= v.row.high]
        for one, other in itertools.combinations(versions, 2):
            assert one.to_position <= other.from_position or other.to_position <= one.from_position


def test_a_timeline_s_head_is_the_last_position_that_changed_it() -> None:
    log = week()

    assert log.world.heads[id_of("actor", "white-house"), 0] == position_of("E14")
    assert log.world.heads[id_of("actor", "roth"), 0] == position_of("E13")
    assert log.world.heads[id_of("actor", "trump"), 0] == position_of("E15")
    assert (id_of("event", "E19"), 0) not in log.world.heads  # nothing changed since it was recorded
