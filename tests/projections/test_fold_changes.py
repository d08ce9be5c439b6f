"""What one record changes about others: regrades, re-dating, merges, replies to replies. Folds alone."""

import copy
import itertools
from typing import Any

import pytest

from tests.libya_week import PAPER, correction, ids, report
from tests.projections.logged import Log
from tests.projections.streams import Stream
from timeline.importers.libya_week import EVENTS, REGISTRATIONS, Post, id_of
from timeline.projections import fold
from timeline.projections.world import ALL, FOREVER, World


def week(*more: Post) -> Log:
    return Log().post([*REGISTRATIONS, *EVENTS, *more])


def anew(kind: str, slug: str, **changed: Any) -> Post:
    """A thing of the week, registered again with some fields changed."""
    first = next(post for post in REGISTRATIONS if (post["kind"], post["slug"]) == (kind, slug))
    return {**first, "revision": 1, **changed}


def statement(ref: str, *of: str, **fields: Any) -> Post:
    common = {"kind": "statement", "title": "Words", "source": "weekly", "marking": "clear", "occurred": "2019-06-12"}
    return {"ref": ref, "id": id_of("event", ref), **common, "of": ids(*of), **fields}


def edit(kind: str, ref: str, **fields: Any) -> Post:
    return {"kind": kind, "subject": id_of("event", ref), "reason": "A reason.", **fields}


# A registration that changes


def test_a_regraded_source_moves_the_events_that_it_is_heard_on() -> None:
    log = week(PAPER, report("E21", "E03", source="a-paper", occurred="2019-06-12"))
    before = log.state("E03")

    log.post([{**PAPER, "revision": 1, "reliability": "F"}])

    assert (before.standing, before.independent) == ("disputed", 1)
    assert (log.state("E03").standing, log.state("E03").independent) == ("denied", 0)


def test_a_source_found_to_be_no_party_makes_a_denial_impartial() -> None:
    log = week(anew("source", "russian-officials", speaks_for=[], aligned_with=[]))

    assert not log.state("E03").partisan


def test_a_source_that_turns_out_to_speak_for_an_actor_takes_its_words_and_the_replies_there() -> None:
    log = week(statement("E21", "E13"), anew("source", "roth", speaks_for=["uae"]))

    assert [(ref, row.placed) for ref, row in log.entries(id_of("actor", "uae"))] == [
        ("E13", "speaker"),
        ("E21", "of"),
        ("E17", "participant"),
    ]


def test_a_re_dated_document_re_dates_what_was_read_from_it() -> None:
    log = week(anew("document", "weekly-report", published="2019-06-20"))

    assert log.state("E12").occurred.edtf == "[2019-06-10..2019-06-16]"
    assert log.state("E19").occurred.week == "2019-W25"


def test_an_event_during_one_that_is_re_dated_by_its_document_follows_it() -> None:
    within = {**statement("E21"), "kind": "other", "occurred": {"during": id_of("event", "E12")}}
    del within["of"]

    log = week(within, anew("document", "weekly-report", published="2019-06-20"))

    assert log.state("E21").occurred.edtf == "[2019-06-10..2019-06-16]"


@pytest.mark.parametrize("published", ["/..", "XXXX", "/2019-06-14", "2019-06-10/"])
def test_a_document_dated_too_vaguely_stops_no_projection(published: str) -> None:
    log = week(anew("document", "weekly-report", published=published))

    assert log.state("E12").occurred.words == "last week"
    assert log.state("E19").occurred.placed_by == "said"


@pytest.mark.parametrize("occurred", ["ongoing", "XXXX", "/.."])
def test_what_was_said_on_no_known_day_is_placed_by_its_document(occurred: str) -> None:
    dated = statement("E21", occurred=occurred, document="weekly-report")
    undated = statement("E22", occurred=occurred)

    log = week(dated, undated)

    assert (log.state("E21").occurred.week, log.state("E22").occurred.week) == ("2019-W24", "2019-W25")


# Replies to replies


def test_thirty_layers_of_statements_on_two_statements_each_are_folded_at_once() -> None:
    layers = [[f"E{2 * n + 21}", f"E{2 * n + 22}"] for n in range(30)]
    log = week(statement(layers[0][0], "E02"), statement(layers[0][1], "E02"))

    for below, layer in itertools.pairwise(layers):
        log.post(statement(ref, *below) for ref in layer)

    assert dict(log.entries(id_of("actor", "haftar")))["E80"].placed == "of"


def test_a_denial_of_a_denial_takes_its_effect_away() -> None:
    denial = statement("E21", "E04", kind="denial", source="white-house-source", modality="stated")

    log = week(denial)

    assert (log.state("E04").standing, log.state("E03").standing) == ("disputed", "denied")
    assert week(denial, edit("retraction", "E04")).state("E03").standing == "reported"


def test_a_rumoured_denial_denies_nothing() -> None:
    log = week(statement("E21", "E02", kind="denial", modality="rumoured"))

    assert (log.state("E02").standing, log.state("E02").denied_by) == ("reported", [])


def test_a_denial_of_an_accusation_bears_on_what_it_says() -> None:
    log = week(statement("E21", "E18", kind="denial", source="white-house-source", modality="stated"))

    assert (log.state("E18").standing, log.state("E18").denied_by) == ("reported", [])
    assert log.state("E18").voices.deny == 1
    assert [row.part for row in log.world.voices_of(id_of("event", "E18"))] == [None, "content"]


def test_a_cancellation_calls_a_plan_off() -> None:
    called_off = statement("E21", kind="cancellation", cancels=ids("E06"), occurred="2019-06-15")
    del called_off["of"]

    log = week(called_off)

    assert (log.state("E06").phase, log.state("E07").phase) == ("called_off", "expected")


# Edits


def test_a_voice_taken_back_by_its_only_source_leaves_the_event_withdrawn() -> None:
    log = week(edit("retraction", "E02"))

    assert (log.state("E02").standing, log.state("E02").rule) == ("withdrawn", "R0")


def test_a_recalled_event_leaves_every_timeline_and_takes_its_replies_along() -> None:
    log = week(edit("recall", "E03"))

    assert log.entries(id_of("actor", "putin")) == []
    assert "E04" in dict(log.entries(ALL))


def test_a_recalled_denial_denies_nothing() -> None:
    assert week(edit("recall", "E04")).state("E03").standing == "reported"


def test_a_corrected_reply_answers_only_what_it_now_names() -> None:
    log = week(correction("E14", of=ids("E06")))

    assert (log.state("E06").standing, log.state("E07").standing) == ("denied", "rumoured")


def test_the_survivor_of_a_merge_hears_the_other_s_voice_and_replies() -> None:
    twin = statement("E21", kind="meeting", source="new-york-times", modality="stated")
    del twin["of"]

    log = week(twin, edit("duplicate", "E03", survivor=id_of("event", "E21")))

    assert log.state("E21").because == ids("E04", "E21")
    assert [each.verdict for each in log.state("E21").assessments] == ["false"]
    assert log.state("E21").voices.assert_ == 2


def test_a_merge_into_one_s_own_reply_closes_no_circle() -> None:
    log = week(
        statement("E21", "E04", kind="denial"),
        edit("duplicate", "E03", survivor=id_of("event", "E21")),
        edit("duplicate", "E21", survivor=id_of("event", "E04")),
    )

    assert log.state("E04").standing is not None


def test_two_merges_into_each_other_leave_one_standing() -> None:
    log = week(
        edit("duplicate", "E02", survivor=id_of("event", "E03")),
        edit("duplicate", "E03", survivor=id_of("event", "E02")),
    )

    held = {ref for ref, _ in log.entries(ALL)} & {"E02", "E03"}

    assert held == {"E03"}


# Whatever comes


@pytest.mark.parametrize("seed", range(12))
def test_what_a_record_left_alone_would_be_the_same_if_derived_again(seed: int) -> None:
    log, stream = Log().post(REGISTRATIONS), Stream(seed)

    for _ in range(30):
        log.post([stream.post()])

        again = copy.deepcopy(log.world)
        fold.settle(again, set(again.cases), len(log.stored))
        assert _live(again) == _live(log.world)


def _live(world: World) -> list[dict[str, list[Any]]]:
    """Every row that readers see."""
    voices = {event: [v for several in by_id.values() for v in several] for event, by_id in world.voices.items()}
    tables: list[dict[str, list[Any]]] = [{**world.states}, {**world.entries}, {**voices}]
    return [
        {event: [v.row for v in versions if v.to_position == FOREVER] for event, versions in table.items()}
        for table in tables
    ]
