"""Actors judged to be one, and no longer: events follow, at each level as far as it may know, and exactly back."""

import copy
import random
from typing import Any

import msgspec
import pytest

from tests.libya_week import ids
from tests.projections.logged import Log
from tests.projections.streams import ACTORS, Stream
from timeline.importers.libya_week import EVENTS, REGISTRATIONS, Post, id_of
from timeline.model import entry
from timeline.model.record import LEVELS
from timeline.projections.world import FOREVER, EntryRow

RECORDS = 60
LEVEL = {"clear": 0, "green": 1, "amber": 2}


def judged(one: str, other: str, judgement: str = "same", **fields: Any) -> Post:
    """A judgement of identity; its second one is the first with a `revision`."""
    own = id_of("same_actor", f"{one} {other} {fields.pop('name', '')}")
    return {"kind": "same_actor", "id": own, "actors": [one, other], "judgement": judgement, **CLEAR, **fields}


CLEAR = {"marking": "clear"}
FIELD_MARSHAL: Post = {
    "kind": "actor",
    "id": id_of("actor", "field-marshal"),
    "slug": "field-marshal",
    "name": "The Field Marshal",
    "marking": "clear",
}
"""Registered after Haftar, so it is Haftar who answers for both."""


def visit(ref: str, *participants: str, **fields: Any) -> Post:
    common = {
        "kind": "visit",
        "title": "A visit",
        "source": "new-york-times",
        "modality": "stated",
        "occurred": "2019-06-05",
    }
    return {"ref": ref, "id": id_of("event", ref), **common, **CLEAR, "participants": list(participants), **fields}


def week(*more: Post) -> Log:
    return Log().post([*REGISTRATIONS, *EVENTS, FIELD_MARSHAL, *more])


def refs(log: Log, actor: str, level: int = 0) -> list[str]:
    return [ref for ref, _ in log.entries(id_of("actor", actor), level)]


def test_who_was_registered_first_answers_for_both() -> None:
    log = week(visit("E21", "field-marshal"), judged("field-marshal", "haftar"))

    assert "E21" in refs(log, "haftar")
    assert refs(log, "field-marshal") == []
    assert [each.actor for each in log.state("E21").participants] == [id_of("actor", "haftar")]


def test_what_is_posted_of_the_other_later_stands_with_the_first() -> None:
    log = week(judged("field-marshal", "haftar"), visit("E21", "field-marshal"))

    assert "E21" in refs(log, "haftar")
    assert refs(log, "field-marshal") == []


def test_what_one_s_own_side_says_of_the_other_is_partisan_once_they_are_one() -> None:
    said = visit("E21", "field-marshal", source="pro-haftar-media")

    apart, one = week(said), week(said, judged("haftar", "field-marshal"))

    assert (apart.state("E21").partisan, one.state("E21").partisan) == (False, True)


def test_a_denial_by_the_other_s_own_source_is_a_party_s() -> None:
    own = {"kind": "source", "id": id_of("source", "marshal-s-office"), "slug": "marshal-s-office", **CLEAR}
    own |= {"name": "The Field Marshal's office", "reliability": "C", "actor": "field-marshal"}
    denial: Post = {"ref": "E22", "id": id_of("event", "E22"), "kind": "denial", "source": "marshal-s-office", **CLEAR}
    denial |= {"of": ids("E21"), "occurred": "2019-06-08", "modality": "stated"}
    second = {**visit("E23"), "kind": "report", "source": "roth", "of": ids("E21"), "participants": []}
    posts = (own, visit("E21", "haftar"), second, denial)

    apart, one = week(*posts), week(*posts, judged("haftar", "field-marshal"))

    assert (apart.state("E21").rule, one.state("E21").rule) == ("R4", "R3")


@pytest.mark.parametrize("withdrawn", ["withdrawn", "different", "unsure"])
def test_a_judgement_withdrawn_gives_everyone_their_own_back(withdrawn: str) -> None:
    log = week(visit("E21", "field-marshal"), judged("haftar", "field-marshal"))

    log.post([judged("haftar", "field-marshal", withdrawn, revision=1)])

    assert refs(log, "field-marshal") == ["E21"]
    assert "E21" not in refs(log, "haftar")


def test_of_two_judgements_on_a_pair_the_newest_counts_until_it_is_withdrawn() -> None:
    same, different = judged("haftar", "field-marshal"), judged("haftar", "field-marshal", "different", name="2")

    log = week(visit("E21", "field-marshal"), same, different)
    assert refs(log, "field-marshal") == ["E21"]

    log.post([{**different, "judgement": "withdrawn", "revision": 1}])
    assert refs(log, "field-marshal") == []


def test_three_are_one_through_the_second_and_two_again_without_it() -> None:
    chain = [judged("field-marshal", "lna"), judged("lna", "haftar")]

    log = week(visit("E21", "field-marshal"), *chain)
    assert "E21" in refs(log, "haftar")
    assert refs(log, "lna") == []

    log.post([{**chain[1], "judgement": "withdrawn", "revision": 1}])
    assert "E21" in refs(log, "lna")
    assert "E21" not in refs(log, "haftar")


def test_a_circle_of_judgements_is_one_group() -> None:
    pairs = [("haftar", "lna"), ("lna", "field-marshal"), ("field-marshal", "haftar")]

    log = week(visit("E21", "field-marshal"), *(judged(*pair) for pair in pairs))

    assert "E21" in refs(log, "haftar")


@pytest.mark.parametrize("hidden", ["judgement", "actor"])
def test_a_level_that_may_not_know_sees_two(hidden: str) -> None:
    judgement = judged("haftar", "field-marshal", **({"marking": "amber"} if hidden == "judgement" else {}))
    marshal = FIELD_MARSHAL | ({"marking": "amber"} if hidden == "actor" else {})

    log = Log().post([*REGISTRATIONS, *EVENTS, marshal, visit("E21", "field-marshal"), judgement])

    assert [refs(log, "field-marshal", level) for level in LEVELS] == [["E21"], ["E21"], [], []]
    assert ["E21" in refs(log, "haftar", level) for level in LEVELS] == [False, False, True, True]
    assert log.state("E21", 1).participants[0].actor == id_of("actor", "field-marshal")


def test_who_takes_part_under_both_names_stands_in_the_timeline_once() -> None:
    log = week(visit("E21", "field-marshal", "haftar"), judged("haftar", "field-marshal"))

    assert refs(log, "haftar").count("E21") == 1


# Any log


def seen(log: Log) -> dict[Any, Any]:
    """What readers at each level see of every event: its state and where it stands, but for when it came to be so."""
    found: dict[Any, Any] = {}
    for event, versions in log.world.states.items():
        for row in (v.row for v in versions if v.to_position == FOREVER):
            for level in range(row.low, row.high + 1):
                state = msgspec.json.decode(row.body, type=entry.State)
                begun = log.stored[0].recorded_at
                found[event, level] = msgspec.structs.replace(state, since=begun, changed_at=begun, revision=0)
    for event, places in log.world.entries.items():
        for place in (v.row for v in places if v.to_position == FOREVER):
            found |= {(event, level, place.timeline): _place(place) for level in range(place.low, place.high + 1)}
    return found


def _place(row: EntryRow) -> EntryRow:
    return msgspec.structs.replace(row, low=0, high=0)


def stream(seed: int) -> list[Post]:
    made = Stream(seed)
    return [post for post in (made.post() for _ in range(RECORDS)) if post["kind"] != "same_actor"]


def renamed(posts: list[Post], one: str, other: str) -> list[Post]:
    """The same posts, as if whoever wrote them had used one name."""

    def named(value: Any) -> Any:
        if isinstance(value, list):
            return [named(each) for each in value]
        return one if value == other else value

    fields = ("participants", "against", "speaks_for", "aligned_with", "opposed_to")
    found = copy.deepcopy(posts)
    for post in found:
        for each in (post, post.get("event", {})):
            each.update({name: named(each[name]) for name in fields if name in each})
    return found


@pytest.mark.parametrize("seed", range(40))
def test_two_that_are_one_from_the_first_are_as_one_posted_under_one_name(seed: int) -> None:
    one, other = ACTORS[0], ACTORS[1 + seed % 4]
    posts = stream(seed)

    merged = Log().post([*REGISTRATIONS, judged(one, other), *posts])
    named = Log().post([*renamed([*REGISTRATIONS], one, other), judged(one, other), *renamed(posts, one, other)])

    assert seen(merged) == seen(named)


@pytest.mark.parametrize("seed", range(40))
def test_a_merge_taken_back_leaves_everything_as_it_was(seed: int) -> None:
    chance, posts = random.Random(seed), stream(seed)
    apart = Log().post([*REGISTRATIONS, *posts])
    pairs = [tuple(chance.sample(ACTORS[:6], 2)) for _ in range(3)]
    markings = [chance.choice([*LEVEL]) for _ in pairs]
    judgements = [
        judged(*pair, marking=m, name=str(i)) for i, (pair, m) in enumerate(zip(pairs, markings, strict=True))
    ]

    log = Log().post([*REGISTRATIONS, *posts, *judgements])
    between = seen(log)
    log.post(each | {"judgement": "withdrawn", "revision": 1} for each in judgements)

    assert seen(log) == seen(apart)
    for level in range(min(map(LEVEL.__getitem__, markings))):
        assert {k: v for k, v in between.items() if k[1] == level} == {
            k: v for k, v in seen(apart).items() if k[1] == level
        }


@pytest.mark.parametrize("seed", range(40))
def test_duplicates_that_are_themselves_again_leave_everything_as_it_was(seed: int) -> None:
    chance = random.Random(seed)
    posts = [post for post in stream(seed) if post["kind"] != "duplicate"]
    apart = Log().post([*REGISTRATIONS, *posts])
    pairs = [chance.sample(sorted(apart.world.cases), 2) for _ in range(4)]

    def merged(subject: str, survivor: str) -> Post:
        return {"kind": "duplicate", "subject": subject, "survivor": survivor, "reason": "A reason."}

    log = Log().post([*REGISTRATIONS, *posts, *(merged(*pair) for pair in pairs)])
    log.post(merged(subject, subject) for subject, _ in reversed(pairs))

    assert seen(log) == seen(apart)
