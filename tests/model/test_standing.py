"""The standing of an event follows from its voices, by one table of rules."""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeline.model.standing import BECAUSE_MAX, Source, Standing, Voice, attribution, stand

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "golden" / "standing.json").read_text("utf-8"))

MEETING = frozenset({"haftar", "putin", "russia"})
STRIKE = frozenset({"lna", "migrants"})
SUMMIT = frozenset({"russia", "us"})

# The cast. Families are the sources' own unless one owner holds several.
PAPER = Source(id="paper", family="paper", reliability="B")
OTHER_PAPER = Source(id="other-paper", family="other-paper", reliability="B")
SISTER_PAPER = Source(id="sister-paper", family="paper", reliability="B")
HOUSE = Source(id="weekly", family="weekly", house=True, reliability="B")
NAMELESS = Source(id="unattributed", family="unattributed", named=False)
NAMELESS_OFFICIAL = Source(id="official", family="kremlin", named=False, reliability="C", speaks_for=("russia",))
VERIFIER = Source(id="verifier", family="verifier", reliability="B")
BODY = Source(id="un-body", family="un", reliability="B")
NAMELESS_BODY = Source(id="aid-worker", family="aid-worker", named=False, reliability="C")
KREMLIN = Source(
    id="kremlin", family="kremlin", reliability="C", speaks_for=("russia",), aligned_with=("putin", "russia")
)
WHITE_HOUSE = Source(id="white-house", family="us-exec", reliability="C", speaks_for=("us",), aligned_with=("us",))
HAFTAR_OFFICE = Source(
    id="haftar-office", family="haftar-office", reliability="D", speaks_for=("haftar",), aligned_with=("haftar", "lna")
)
LNA_SPOKESMAN = Source(
    id="lna-spokesman", family="lna-media", reliability="D", speaks_for=("lna",), aligned_with=("haftar", "lna")
)
HAFTAR_MEDIA = Source(id="haftar-media", family="haftar-media", reliability="D", aligned_with=("haftar", "lna"))


def says(source: Source, **said: Any) -> Voice:
    """A voice that states, unless told otherwise; `day` is the day of June 2019 on which it was said."""
    day = date(2019, 6, said.pop("day", 1))
    chosen: dict[str, Any] = {"side": "assert", "modality": "stated", "said_earliest": day, "said_latest": day} | said
    return Voice(id="", position=0, source=source, **chosen)


def denies(source: Source, **said: Any) -> Voice:
    return says(source, side="deny", **said)


def confirms(source: Source, ground: str | None, **said: Any) -> Voice:
    return says(source, side="confirm", ground=ground, **said)


def posted(*voices: Voice) -> list[Voice]:
    """The voices in the order posted: v1 at position 1, and so on."""
    return [msgspec.structs.replace(v, id=f"v{at}", position=at) for at, v in enumerate(voices, 1)]


def standing(*voices: Voice, of: frozenset[str] = MEETING, called_off: bool = False) -> Standing:
    return stand(posted(*voices), of, called_off=called_off)


def case_voices(case: dict[str, Any]) -> list[Voice]:
    sources = {source["id"]: msgspec.convert(source, Source) for source in case["sources"]}
    voices = []
    for position, voice in enumerate(case["voices"], 1):
        day = date(2019, 6, voice["said_order"])
        rest = {key: value for key, value in voice.items() if key not in ("said_order", "source")}
        voices.append(
            Voice(position=position, source=sources[voice["source"]], said_earliest=day, said_latest=day, **rest)
        )
    return voices


# The 34 cases


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_a_real_case_stands_where_an_editor_would_put_it(case: dict[str, Any]) -> None:
    found = stand(case_voices(case), frozenset(case["participants"]))

    want = case["want"]
    assert (found.rule, found.standing, found.phase) == (want["rule"], want["standing"], want["phase"])
    assert list(found.denied_by) == want["denied_by"]


def test_all_cases_are_carried() -> None:
    assert len(CASES) == 34


# The table of domain.md §4, where the 34 do not hold the line

TABLE: list[tuple[str, list[Voice], str, str, list[str]]] = [
    ("a paper's rumour", [says(PAPER, modality="rumoured")], "R8", "rumoured", []),
    ("one paper states", [says(PAPER)], "R7", "reported", []),
    ("a paper and pro-Haftar media", [says(PAPER), says(HAFTAR_MEDIA)], "R7", "reported", []),
    ("two papers of different owners", [says(PAPER), says(OTHER_PAPER)], "R6", "corroborated", []),
    ("two papers of one owner", [says(PAPER), says(SISTER_PAPER)], "R7", "reported", []),
    ("Haftar's office and the Kremlin", [says(HAFTAR_OFFICE), says(KREMLIN)], "R6", "corroborated", []),
    ("a paper and the Kremlin", [says(PAPER), says(KREMLIN)], "R6", "corroborated", []),
    ("a rumour denied", [says(NAMELESS, modality="rumoured"), denies(KREMLIN)], "R5", "denied", ["kremlin"]),
    ("one paper, denied", [says(PAPER), denies(KREMLIN)], "R4", "disputed", ["kremlin"]),
    ("own voice, denied", [says(HAFTAR_OFFICE), denies(KREMLIN)], "R4", "disputed", ["kremlin"]),
    (
        "two papers, an uninvolved body denies",
        [says(PAPER), says(OTHER_PAPER), denies(BODY)],
        "R4",
        "disputed",
        ["un-body"],
    ),
    ("one paper, nameless denial", [says(PAPER), denies(NAMELESS_BODY)], "R4", "disputed", ["aid-worker"]),
    (
        "two papers, a party denies",
        [says(PAPER), says(OTHER_PAPER), denies(KREMLIN)],
        "R3",
        "corroborated",
        ["kremlin"],
    ),
    (
        "two papers, a party and an uninvolved body deny",
        [says(PAPER), says(OTHER_PAPER), denies(KREMLIN), denies(BODY)],
        "R4",
        "disputed",
        ["kremlin", "un-body"],
    ),
    ("admitted, denied", [confirms(HAFTAR_OFFICE, "admission"), denies(KREMLIN)], "R2", "disputed", ["kremlin"]),
    (
        "a record, an uninvolved body denies",
        [confirms(VERIFIER, "record"), denies(BODY)],
        "R2",
        "disputed",
        ["un-body"],
    ),
    ("the Kremlin admits", [confirms(KREMLIN, "admission")], "R1", "confirmed", []),
    ("counterpart", [says(HAFTAR_MEDIA), confirms(KREMLIN, "counterpart")], "R1", "confirmed", []),
    ("a record, a party denies", [confirms(VERIFIER, "record"), denies(KREMLIN)], "R1", "confirmed", ["kremlin"]),
    ("a court, a party denies", [confirms(BODY, "authority"), denies(KREMLIN)], "R1", "confirmed", ["kremlin"]),
    (
        "admitted, and a court, and denied by a party",
        [confirms(HAFTAR_OFFICE, "admission"), confirms(BODY, "authority"), denies(KREMLIN)],
        "R1",
        "confirmed",
        ["kremlin"],
    ),
    (
        "a spokesman denies, another body of his government and a paper affirm",
        [
            denies(KREMLIN),
            says(msgspec.structs.replace(KREMLIN, id="foreign-ministry"), day=2),
            says(PAPER, day=3),
        ],
        "R4",
        "disputed",
        ["kremlin"],
    ),
    ("taken back, nothing left", [says(PAPER, taken_back=True)], "R0", "withdrawn", []),
    ("denied by its only source", [says(PAPER), denies(PAPER, day=2)], "R0", "withdrawn", ["paper"]),
    ("the only voice erased, a denial left", [denies(KREMLIN)], "R0", "unsupported", ["kremlin"]),
    ("the only voice recalled", [says(PAPER, live=False)], "R0", "unsupported", []),
    ("no voice at all", [], "R0", "unsupported", []),
]


@pytest.mark.parametrize(
    ("voices", "rule", "word", "denied_by"), [line[1:] for line in TABLE], ids=[line[0] for line in TABLE]
)
def test_each_line_of_the_table_of_cases_holds(voices: list[Voice], rule: str, word: str, denied_by: list[str]) -> None:
    found = standing(*voices)

    assert (found.rule, found.standing, list(found.denied_by)) == (rule, word, denied_by)


# Newest by said, per source


def test_the_newest_said_wins_whichever_was_typed_first() -> None:
    story, denial, admission = says(HAFTAR_MEDIA), denies(KREMLIN, day=2), confirms(KREMLIN, "admission", day=9)

    assert standing(story, denial, admission).rule == standing(admission, denial, story).rule == "R1"


def test_of_two_said_with_one_last_day_the_later_first_day_is_newer() -> None:
    vague = denies(KREMLIN, said_earliest=date(2019, 6, 1), said_latest=date(2019, 6, 9))
    exact = says(KREMLIN, said_earliest=date(2019, 6, 9), said_latest=date(2019, 6, 9))

    assert standing(exact, vague).denied_by == ()


def test_a_later_last_day_is_newer_whatever_its_first_day() -> None:
    vague = denies(KREMLIN, said_earliest=date(2019, 6, 1), said_latest=date(2019, 6, 9))
    exact = says(KREMLIN, said_earliest=date(2019, 6, 8), said_latest=date(2019, 6, 8))

    assert standing(vague, exact).denied_by == ("kremlin",)


def test_said_on_the_same_day_the_later_post_is_newer() -> None:
    assert standing(says(KREMLIN), denies(KREMLIN)).denied_by == ("kremlin",)
    assert standing(denies(KREMLIN), says(KREMLIN)).denied_by == ()


def test_a_voice_of_unknown_date_supersedes_no_dated_one() -> None:
    undated = denies(KREMLIN, said_earliest=None, said_latest=None)
    since = denies(KREMLIN, said_earliest=date(2019, 6, 1), said_latest=None)

    assert standing(says(KREMLIN), undated).denied_by == ()
    assert standing(says(KREMLIN, day=2), since).denied_by == ()
    assert standing(since, says(KREMLIN, said_earliest=None, said_latest=date(2019, 5, 1))).denied_by == ("kremlin",)


def test_an_unnamed_source_never_changes_its_mind() -> None:
    found = standing(says(NAMELESS), denies(NAMELESS, day=2))

    assert (found.rule, found.because) == ("R5", ("v1", "v2"))


def test_one_family_may_speak_with_two_voices() -> None:
    found = standing(denies(KREMLIN), says(msgspec.structs.replace(KREMLIN, id="state-tv"), day=2))

    assert found.denied_by == ("kremlin",)


def test_a_statement_after_a_denial_leaves_it_standing() -> None:
    assert standing(says(PAPER), denies(KREMLIN), says(KREMLIN, side="none", day=2)).rule == "R4"


def test_a_judgement_is_no_voice_for_or_against() -> None:
    assert standing(says(NAMELESS, modality="rumoured"), says(BODY, side="judge")).rule == "R8"


@pytest.mark.parametrize("void", [{"live": False}, {"modality": "rumoured"}, {"taken_back": True}])
def test_a_reply_without_effect_supersedes_nothing(void: dict[str, Any]) -> None:
    found = standing(says(KREMLIN), denies(KREMLIN, day=2, **void), confirms(HAFTAR_OFFICE, "admission", **void))

    assert (found.rule, found.because) == ("R7", ("v1",))


def test_taking_back_the_newest_voice_restores_the_one_before() -> None:
    assert standing(denies(KREMLIN), says(KREMLIN, day=2, taken_back=True), says(PAPER)).rule == "R4"


# Vouching


@pytest.mark.parametrize("reliability", ["A", "B", "C", "D"])
def test_a_source_rated_a_to_d_vouches(reliability: Any) -> None:
    assert standing(says(msgspec.structs.replace(PAPER, reliability=reliability))).sides == 1


@pytest.mark.parametrize(
    "voice",
    [
        says(msgspec.structs.replace(PAPER, reliability="E")),
        says(msgspec.structs.replace(PAPER, reliability="F")),
        says(msgspec.structs.replace(PAPER, named=False)),
        says(HOUSE),
        says(PAPER, modality="reported"),
        says(PAPER, modality="alleged"),
        says(PAPER, modality="rumoured"),
        says(HAFTAR_MEDIA),
    ],
)
def test_what_does_not_vouch_is_no_side(voice: Voice) -> None:
    found = standing(voice)

    assert (found.independent, found.sides) == (0, 0)


def test_an_office_that_does_not_vouch_is_no_side() -> None:
    assert standing(says(KREMLIN, modality="reported"), denies(HAFTAR_OFFICE)).rule == "R5"


# Parties, independence, camps


@pytest.mark.parametrize(
    "tie",
    [{"actor": "putin"}, {"speaks_for": ("putin",)}, {"aligned_with": ("putin",)}, {"opposed_to": ("putin",)}],
)
def test_a_source_tied_to_a_participant_is_a_party(tie: dict[str, Any]) -> None:
    tied = Source(id="tied", family="tied", reliability="B", **tie)

    found = standing(says(tied))

    assert (found.independent, found.partisan) == (0, True)


def test_ties_to_who_took_no_part_make_no_party() -> None:
    found = standing(says(WHITE_HOUSE))

    assert (found.independent, found.sides, found.partisan) == (1, 1, False)


def test_an_actor_speaking_for_itself_is_its_own_voice() -> None:
    putin = Source(id="putin-himself", family="putin", reliability="C", actor="putin")

    assert standing(says(putin), says(HAFTAR_OFFICE)).rule == "R6"


def test_offices_of_one_camp_are_one_side() -> None:
    both = frozenset({"haftar", "lna"})

    found = standing(says(HAFTAR_OFFICE), says(LNA_SPOKESMAN), of=both)

    assert (found.rule, found.sides) == ("R7", 1)


def test_two_allies_of_one_participant_are_one_camp() -> None:
    minister = Source(id="m", family="m", reliability="C", speaks_for=("lavrov",), aligned_with=("russia",))
    president = Source(id="p", family="p", reliability="C", speaks_for=("putin",), aligned_with=("russia",))

    found = standing(says(minister), says(president), of=MEETING | {"lavrov"})

    assert found.sides == 1


def test_an_outlet_that_likes_both_hosts_does_not_make_them_one_camp() -> None:
    fan = Source(id="fan", family="fan", reliability="C", aligned_with=("russia", "us"))

    found = standing(says(KREMLIN), says(WHITE_HOUSE), says(fan), of=SUMMIT)

    assert (found.rule, found.sides) == ("R6", 2)


def test_partisan_needs_every_live_voice_to_be_a_partys() -> None:
    assert standing(says(HAFTAR_MEDIA), denies(KREMLIN)).partisan
    assert not standing(says(HAFTAR_MEDIA), denies(KREMLIN), says(NAMELESS)).partisan
    assert not standing(says(HAFTAR_MEDIA, taken_back=True)).partisan


# Grounds of confirmation


@pytest.mark.parametrize("ground", [None, "authority", "record"])
def test_a_party_confirms_nothing_by_authority_or_record(ground: str | None) -> None:
    assert standing(says(HAFTAR_MEDIA), confirms(KREMLIN, ground)).rule == "R7"


@pytest.mark.parametrize("ground", ["admission", "counterpart", "authority", "record"])
@pytest.mark.parametrize("source", [NAMELESS_OFFICIAL, NAMELESS_BODY], ids=["party", "uninvolved"])
def test_a_nameless_official_confirms_nothing(source: Source, ground: str) -> None:
    assert standing(says(HAFTAR_MEDIA), confirms(source, ground)).rule == "R7"


@pytest.mark.parametrize("ground", ["authority", "record"])
def test_a_named_uninvolved_source_confirms_by_authority_or_record(ground: str) -> None:
    assert standing(says(HAFTAR_MEDIA), confirms(VERIFIER, ground)).rule == "R1"


def test_an_uninvolved_source_has_nothing_to_admit() -> None:
    assert standing(says(PAPER), confirms(VERIFIER, "admission")).rule == "R6"


def test_an_opponent_has_nothing_to_admit() -> None:
    opponent = Source(id="foe", family="foe", reliability="C", opposed_to=("haftar",))

    assert standing(says(PAPER), confirms(opponent, "admission")).rule == "R7"


def test_the_side_of_a_participant_may_admit() -> None:
    assert standing(says(PAPER), confirms(HAFTAR_MEDIA, "admission")).rule == "R1"


def test_a_counterpart_confirms_only_another_camps_assertion() -> None:
    own_outlet = Source(id="state-tv", family="kremlin", reliability="D", aligned_with=("russia",))

    assert standing(says(own_outlet), confirms(KREMLIN, "counterpart")).rule == "R7"
    assert standing(says(PAPER), confirms(KREMLIN, "counterpart")).rule == "R6"
    assert standing(denies(HAFTAR_OFFICE), confirms(KREMLIN, "counterpart")).rule == "R4"


def test_an_outlet_of_both_camps_is_no_other_camp() -> None:
    between = Source(id="between", family="between", reliability="D", aligned_with=("haftar", "russia"))

    assert standing(says(between), confirms(KREMLIN, "counterpart")).rule == "R7"


def test_an_ally_by_its_own_word_is_no_other_camp() -> None:
    president = Source(id="p", family="p", reliability="C", speaks_for=("putin",), aligned_with=("russia",))
    minister = Source(id="m", family="m", reliability="C", speaks_for=("russia",))
    fans = Source(id="fans", family="fans", reliability="D", aligned_with=("putin",))

    assert standing(says(fans), confirms(minister, "counterpart")).rule == "R1"
    assert standing(says(fans), says(president), confirms(minister, "counterpart")).rule == "R7"


def test_a_counterpart_must_speak_with_its_own_voice() -> None:
    ally = Source(id="ally", family="ally", reliability="C", aligned_with=("russia",))

    assert standing(says(HAFTAR_MEDIA), confirms(ally, "counterpart")).rule == "R7"


def test_an_assertion_has_no_ground() -> None:
    assert standing(says(VERIFIER, ground="record")).rule == "R7"


def test_two_confirmations_that_appeal_to_each_other_are_two_assertions() -> None:
    found = standing(confirms(KREMLIN, "counterpart"), confirms(WHITE_HOUSE, "counterpart"), of=SUMMIT)

    assert found.rule == "R6"


def test_a_confirmation_alone_keeps_an_event_whose_first_report_was_retracted() -> None:
    assert standing(says(PAPER, taken_back=True), confirms(BODY, "authority")).rule == "R1"


def test_only_a_finding_outweighs_the_denial_of_a_party() -> None:
    found = standing(confirms(HAFTAR_OFFICE, "admission"), says(PAPER), says(OTHER_PAPER), denies(KREMLIN))

    assert found.rule == "R2"


# Phase


def test_a_denied_plan_does_not_dispute_what_then_happened() -> None:
    rumour = says(NAMELESS, modality="rumoured", tense="future")
    denied_plan = denies(KREMLIN, tense="future")

    before, after = standing(rumour, denied_plan), standing(rumour, denied_plan, says(PAPER))

    assert (before.rule, before.phase) == ("R5", "expected")
    assert (after.rule, after.phase, after.denied_by) == ("R7", "occurred", ())


def test_two_announcements_do_not_corroborate_that_it_happened() -> None:
    announced = [says(s, tense="future") for s in (KREMLIN, HAFTAR_OFFICE)]

    assert standing(*announced, says(NAMELESS)).rule == "R7"


def test_a_confirmation_in_the_past_tense_ends_the_plan() -> None:
    found = standing(says(NAMELESS, tense="future"), confirms(KREMLIN, "admission"))

    assert (found.rule, found.phase) == ("R1", "occurred")


def test_word_on_the_plan_does_not_supersede_word_on_the_fact() -> None:
    found = standing(says(PAPER, day=1), denies(PAPER, tense="future", day=9))

    assert (found.rule, found.phase, found.denied_by) == ("R7", "occurred", ())


def test_until_it_is_asserted_to_have_happened_a_past_denial_counts() -> None:
    found = standing(says(PAPER, tense="future"), denies(KREMLIN))

    assert (found.rule, found.phase) == ("R4", "expected")


def test_a_retracted_past_report_leaves_the_plan() -> None:
    found = standing(says(PAPER, taken_back=True), says(OTHER_PAPER, tense="future"))

    assert (found.rule, found.phase) == ("R7", "expected")


def test_a_cancellation_calls_off_a_plan_and_never_what_happened() -> None:
    assert standing(says(PAPER, tense="future"), called_off=True).phase == "called_off"
    assert standing(says(PAPER), called_off=True).phase == "occurred"


def test_a_withdrawn_plan_is_no_past_event() -> None:
    assert standing(says(PAPER, tense="future", taken_back=True)).phase == "expected"
    assert standing(says(PAPER, tense="future"), denies(PAPER, day=2)).phase == "expected"
    assert standing(denies(KREMLIN, tense="future")).phase == "expected"
    assert standing(says(PAPER, taken_back=True), denies(KREMLIN, tense="future")).phase == "occurred"
    assert standing(says(PAPER, taken_back=True), says(NAMELESS, taken_back=True, tense="future")).phase == "occurred"
    assert standing().phase == "occurred"


# What an answer rests on

BECAUSE: list[tuple[str, list[Voice], tuple[str, ...]]] = [
    ("R0", [says(PAPER, taken_back=True), says(OTHER_PAPER, side="none")], ("v1",)),
    ("R0", [says(PAPER, taken_back=True, live=False)], ()),
    ("R0", [says(PAPER), denies(KREMLIN), denies(PAPER, day=2)], ("v3",)),
    ("R0", [denies(KREMLIN, taken_back=True), denies(BODY)], ()),
    ("R1", [says(PAPER), confirms(VERIFIER, "record"), confirms(KREMLIN, "admission")], ("v2", "v3")),
    (
        "R1",
        [denies(KREMLIN), says(PAPER), confirms(VERIFIER, "record"), confirms(HAFTAR_OFFICE, "admission")],
        ("v1", "v3"),
    ),
    ("R2", [says(PAPER), confirms(HAFTAR_OFFICE, "admission"), denies(KREMLIN)], ("v2", "v3")),
    ("R3", [denies(KREMLIN), says(PAPER), says(HAFTAR_OFFICE), says(OTHER_PAPER)], ("v1", "v2", "v4")),
    ("R4", [says(HAFTAR_OFFICE), says(HAFTAR_MEDIA), says(PAPER), denies(KREMLIN)], ("v1", "v3", "v4")),
    ("R5", [says(HAFTAR_MEDIA), says(NAMELESS, modality="rumoured"), denies(KREMLIN)], ("v1", "v2", "v3")),
    ("R6", [says(KREMLIN), says(NAMELESS), says(PAPER), says(HAFTAR_MEDIA)], ("v1", "v3")),
    ("R7", [says(NAMELESS), says(NAMELESS, modality="rumoured")], ("v1",)),
    ("R8", [says(NAMELESS, modality="rumoured"), says(PAPER, modality="rumoured")], ("v1", "v2")),
]


@pytest.mark.parametrize(("rule", "voices", "because"), BECAUSE)
def test_an_answer_names_the_voices_that_made_its_rule_fire(
    rule: str, voices: list[Voice], because: tuple[str, ...]
) -> None:
    found = standing(*voices)

    assert (found.rule, found.because, found.because_total) == (rule, because, len(because))


def test_an_answer_names_at_most_twenty_voices_and_counts_the_rest() -> None:
    found = standing(*[says(NAMELESS) for _ in range(30)])

    assert found.because == tuple(f"v{at}" for at in range(1, BECAUSE_MAX + 1))
    assert found.because_total == 30


@pytest.mark.parametrize(("reports", "denials"), [(30, 1), (1, 30), (30, 30)])
def test_many_reports_never_crowd_out_a_denial_nor_many_denials_a_report(reports: int, denials: int) -> None:
    found = standing(*[says(NAMELESS)] * reports, *[denies(NAMELESS)] * denials)

    shown_reports = sum(int(voice_id[1:]) <= reports for voice_id in found.because)
    assert (len(found.because), found.because_total) == (BECAUSE_MAX, reports + denials)
    assert shown_reports == {(30, 1): 19, (1, 30): 1, (30, 30): 10}[reports, denials]


def test_deniers_are_named_once_in_the_order_first_heard() -> None:
    voices = posted(says(PAPER), denies(NAMELESS), denies(KREMLIN), denies(NAMELESS))

    assert stand(voices[::-1], MEETING).denied_by == ("unattributed", "kremlin")


# Attribution: who did it


def test_the_strike_is_undisputed_and_who_did_it_is_not() -> None:
    voices = posted(says(PAPER), denies(LNA_SPOKESMAN, part="participant:lna"))

    assert stand(voices, STRIKE).denied_by == ()
    assert list(attribution(voices, STRIKE)) == ["lna"]
    assert attribution(voices, STRIKE)["lna"].standing == "disputed"


def test_an_accused_cannot_veto_two_papers_by_denying_its_part() -> None:
    voices = posted(says(PAPER), says(OTHER_PAPER), denies(LNA_SPOKESMAN, part="participant:lna"))

    found = attribution(voices, STRIKE)["lna"]

    assert (found.rule, found.denied_by) == ("R3", ("lna-spokesman",))


def test_it_happened_and_not_by_us_is_no_claim_of_responsibility() -> None:
    denial = denies(LNA_SPOKESMAN, part="participant:lna")
    voices = posted(denial, says(LNA_SPOKESMAN, day=2))

    assert stand(voices, STRIKE).rule == "R7"
    assert attribution(voices, STRIKE)["lna"].standing == "unsupported"


def test_a_part_taken_back_no_longer_stands_for_its_source() -> None:
    voices = posted(says(LNA_SPOKESMAN), denies(LNA_SPOKESMAN, part="participant:lna", taken_back=True))

    assert attribution(voices, STRIKE)["lna"].rule == "R7"


def test_word_on_a_planned_part_does_not_replace_word_on_the_fact() -> None:
    voices = posted(denies(PAPER, part="participant:lna", tense="future"), says(PAPER, day=9))

    assert attribution(voices, STRIKE)["lna"].rule == "R7"


def test_two_nameless_voices_on_part_and_whole_are_two() -> None:
    voices = posted(says(NAMELESS), denies(NAMELESS, part="participant:lna"))

    assert attribution(voices, STRIKE)["lna"].rule == "R5"


def test_a_third_group_may_claim_what_nobody_else_laid_on_it() -> None:
    amaq = Source(id="amaq", family="amaq", reliability="D", speaks_for=("is",))
    claim = says(amaq, part="participant:is", side="confirm", ground="admission")

    found = attribution(posted(says(PAPER), denies(BODY), claim), STRIKE)

    assert (found["is"].rule, found["is"].because, found["is"].partisan) == ("R1", ("v3",), True)


@pytest.mark.parametrize("part", ["date", "place", "content"])
def test_other_parts_give_no_attribution(part: str) -> None:
    voices = posted(says(PAPER), denies(KREMLIN, part=part))

    assert stand(voices, MEETING).denied_by == ()
    assert attribution(voices, MEETING) == {}


def test_a_rumoured_word_on_a_part_gives_no_attribution() -> None:
    voices = posted(says(PAPER), denies(KREMLIN, part="participant:putin", modality="rumoured"))

    assert attribution(voices, MEETING) == {}


def test_a_planned_part_can_be_called_off() -> None:
    voices = posted(says(PAPER, tense="future", part="participant:putin"))

    assert attribution(voices, MEETING, called_off=True)["putin"].phase == "called_off"


def test_attributions_come_in_the_order_first_heard() -> None:
    voices = posted(says(PAPER, part="participant:putin"), says(PAPER, part="participant:haftar"))

    assert list(attribution(voices[::-1], MEETING)) == ["putin", "haftar"]


# The Libya week (domain.md §12)

E03_SOURCE = msgspec.structs.replace(HAFTAR_MEDIA, named=False)
WHITE_HOUSE_SOURCE = Source(
    id="white-house-source",
    family="us-exec",
    named=False,
    reliability="C",
    speaks_for=("white-house",),
    aligned_with=("white-house", "us", "trump"),
)
E07_OF = frozenset({"haftar", "trump", "us"})
E07 = says(NAMELESS, modality="rumoured", tense="future", said_earliest=None, said_latest=date(2019, 6, 7))
E14 = denies(WHITE_HOUSE_SOURCE, tense="future", day=7)


def test_the_meeting_in_moscow_is_denied_and_partisan() -> None:
    found = standing(says(E03_SOURCE, day=14), denies(KREMLIN, day=14), says(HOUSE, side="judge", day=14))

    assert (found.rule, found.standing, found.phase) == ("R5", "denied", "occurred")
    assert (found.because, found.partisan, found.independent, found.sides) == (("v1", "v2"), True, 0, 0)


def test_the_rumoured_meeting_is_denied_while_still_expected() -> None:
    found = standing(E07, says(HOUSE, side="judge"), E14, of=E07_OF)

    assert (found.rule, found.standing, found.phase, found.because) == ("R5", "denied", "expected", ("v1", "v3"))
    assert (found.denied_by, found.partisan) == (("white-house-source",), False)


def test_the_rumoured_visit_is_a_rumour() -> None:
    found = standing(E07, of=frozenset({"haftar", "us"}))

    assert (found.rule, found.standing, found.phase) == ("R8", "rumoured", "expected")


def test_without_its_denier_or_its_only_assertion_a_denied_event_falls_back() -> None:
    assert standing(says(E03_SOURCE)).standing == "reported"
    assert standing(denies(KREMLIN)).standing == "unsupported"


# Properties, for any voices

ACTORS = ("a", "b", "c", "x")
PARTICIPANTS = st.frozensets(st.sampled_from(ACTORS[:3]))
RELATED = st.lists(st.sampled_from(ACTORS), max_size=2, unique=True).map(tuple)
DAYS = st.none() | st.dates(date(2019, 6, 1), date(2019, 6, 4))
TABLE_WORDS = {
    "R0": {"withdrawn", "unsupported"},
    "R1": {"confirmed"},
    "R2": {"disputed"},
    "R3": {"corroborated"},
    "R4": {"disputed"},
    "R5": {"denied"},
    "R6": {"corroborated"},
    "R7": {"reported"},
    "R8": {"rumoured"},
}

sources = st.builds(
    Source,
    id=st.sampled_from(["s0", "s1", "s2", "s3", "s4"]),
    family=st.sampled_from(["f0", "f1", "f2"]),
    named=st.sampled_from([True, True, False]),
    house=st.sampled_from([False, False, True]),
    reliability=st.sampled_from("ABCDEF"),
    actor=st.none() | st.sampled_from(ACTORS),
    speaks_for=RELATED,
    aligned_with=RELATED,
    opposed_to=RELATED,
)


@st.composite
def voice_lists(draw: st.DrawFn, /, **fixed: st.SearchStrategy[Any]) -> list[Voice]:
    """Up to ten voices by a few sources, each source the same wherever it speaks."""
    cast = draw(st.lists(sources, min_size=1, max_size=5, unique_by=lambda source: source.id))
    drawn: dict[str, st.SearchStrategy[Any]] = {
        "source": st.sampled_from(cast),
        "side": st.sampled_from(["assert", "assert", "deny", "deny", "confirm", "judge", "none"]),
        "modality": st.sampled_from(["stated", "stated", "reported", "rumoured", "alleged"]),
        "said_earliest": DAYS,
        "said_latest": DAYS,
        "tense": st.sampled_from(["past", "past", "future"]),
        "ground": st.sampled_from([None, "admission", "counterpart", "authority", "record"]),
        "part": st.sampled_from([None] * 6 + ["participant:a", "participant:x", "date"]),
        "taken_back": st.sampled_from([False] * 4 + [True]),
        "live": st.sampled_from([True] * 5 + [False]),
    } | fixed
    shape = st.builds(Voice, id=st.just(""), position=st.just(0), **drawn)
    return posted(*draw(st.lists(shape, max_size=10)))


def has_side(voice: Voice) -> bool:
    return voice.side in ("assert", "confirm", "deny")


@given(voice_lists(), PARTICIPANTS, st.booleans())
def test_any_voices_have_one_standing_under_one_rule(
    voices: list[Voice], participants: frozenset[str], called_off: bool
) -> None:
    found = stand(voices, participants, called_off=called_off)

    assert found.standing in TABLE_WORDS[found.rule]
    assert set(found.because) <= {voice.id for voice in voices if voice.part is None and has_side(voice)}
    assert found.because_total == len(found.because)
    assert attribution(voices, participants).keys() <= {"a", "x"}


@given(voice_lists(), PARTICIPANTS)
def test_the_rule_fits_the_counts_it_is_shown_with(voices: list[Voice], participants: frozenset[str]) -> None:
    found = stand(voices, participants)

    denied = bool(found.denied_by)
    holds = {
        "R0": found.sides == 0,
        "R1": True,
        "R2": denied,
        "R3": denied and found.independent >= 2,
        "R4": denied and found.sides >= 1,
        "R5": denied and found.sides == 0,
        "R6": not denied and found.sides >= 2,
        "R7": not denied and found.sides < 2,
        "R8": not denied and found.sides == 0,
    }
    assert holds[found.rule]
    assert 0 <= found.independent <= found.sides


@given(voice_lists(), PARTICIPANTS, st.randoms(use_true_random=False))
def test_the_order_in_which_voices_are_handed_over_is_irrelevant(
    voices: list[Voice], participants: frozenset[str], random: Any
) -> None:
    shuffled = random.sample(voices, len(voices))

    assert stand(shuffled, participants) == stand(voices, participants)
    assert attribution(shuffled, participants) == attribution(voices, participants)


def regardless_of_order(found: Standing) -> Standing:
    return msgspec.structs.replace(
        found, because=tuple(sorted(found.because)), denied_by=tuple(sorted(found.denied_by))
    )


@given(voice_lists(), PARTICIPANTS, st.randoms(use_true_random=False))
def test_the_order_of_posting_is_irrelevant_when_source_or_said_differ(
    voices: list[Voice], participants: frozenset[str], random: Any
) -> None:
    distinct = {(v.source.id, v.said_latest or v.said_earliest, v.said_earliest): v for v in voices}.values()
    places = random.sample(range(len(distinct)), len(distinct))
    moved = [msgspec.structs.replace(v, position=place) for v, place in zip(distinct, places, strict=True)]

    before, after = stand(list(distinct), participants), stand(moved, participants)

    assert regardless_of_order(before) == regardless_of_order(after)


@given(voice_lists(taken_back=st.just(False)), PARTICIPANTS, st.data())
def test_a_relay_changes_nothing(voices: list[Voice], participants: frozenset[str], data: st.DataObject) -> None:
    one_each = list({voice.source.id: voice for voice in voices}.values())
    told = [v for v in one_each if v.modality != "rumoured"]
    if not told:
        return
    original = data.draw(st.sampled_from(told))
    outlet = msgspec.structs.replace(original.source, id="relay")
    relay = msgspec.structs.replace(original, id="r", position=99, source=outlet, modality="reported")

    before, after = stand(one_each, participants), stand([*one_each, relay], participants)

    for field in ("standing", "rule", "phase", "independent", "sides", "partisan"):
        assert getattr(before, field) == getattr(after, field)
    assert [source for source in after.denied_by if source != "relay"] == list(before.denied_by)


@given(voice_lists(), PARTICIPANTS)
def test_taking_a_voice_back_equals_never_having_had_it_but_for_the_word_of_r0(
    voices: list[Voice], participants: frozenset[str]
) -> None:
    had, never = stand(voices, participants), stand([v for v in voices if not v.taken_back], participants)

    assert (had.rule, had.denied_by, had.sides, had.partisan) == (
        never.rule,
        never.denied_by,
        never.sides,
        never.partisan,
    )
    assert had.rule == "R0" or had == never


@given(voice_lists(), PARTICIPANTS)
def test_a_voice_without_effect_changes_nothing(voices: list[Voice], participants: frozenset[str]) -> None:
    effective = [
        v
        for v in voices
        if v.live and v.part is None and has_side(v) and (v.side == "assert" or v.modality != "rumoured")
    ]

    assert stand(voices, participants) == stand(effective, participants)


@given(voice_lists(), PARTICIPANTS)
def test_a_cancellation_changes_the_phase_of_a_plan_and_nothing_else(
    voices: list[Voice], participants: frozenset[str]
) -> None:
    plain, called_off = stand(voices, participants), stand(voices, participants, called_off=True)

    phase: Any = {"expected": "called_off", "occurred": "occurred"}[plain.phase]
    assert called_off == msgspec.structs.replace(plain, phase=phase)


def calls_made(work: Callable[[], object]) -> int:
    """Function calls, C's included: a measure of work that no busy machine can disturb."""
    events: list[str] = []
    sys.setprofile(lambda _frame, event, _arg: events.append(event))
    try:
        work()
    finally:
        sys.setprofile(None)
    return sum(event in ("call", "c_call") for event in events)


def crowd(size: int) -> Iterator[Voice]:
    """Every kind of voice, from ever new sources, every other on the part of a participant."""
    cast = [PAPER, NAMELESS, KREMLIN, HAFTAR_MEDIA, HAFTAR_OFFICE]
    sides = ["assert", "deny", "confirm"]
    for at in range(size):
        source = msgspec.structs.replace(cast[at % 5], id=f"s{at}", family=f"f{at}")
        part = "participant:putin" if at % 2 else None
        yield says(source, side=sides[at % 3], ground="counterpart", part=part)


@pytest.mark.parametrize("read", [stand, attribution])
def test_the_work_is_linear_in_the_number_of_voices(read: Callable[..., object]) -> None:
    few, many = posted(*crowd(500)), posted(*crowd(2000))

    assert calls_made(lambda: read(many, MEETING)) < 4.1 * calls_made(lambda: read(few, MEETING))
