"""What speaks for two events being one: each reason for itself, and what parts two events whatever else is alike."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec

from timeline.model.entry import (
    Entry,
    OccurredShown,
    ParticipantShown,
    PlaceShown,
    PointShown,
    VoiceCounts,
)
from timeline.model.likeness import Likened, alike, score


def event(kind: str = "meeting", first: int = 5, last: int = 5, **fields: Any) -> Entry:
    earliest, latest = date(2019, 6, first), date(2019, 6, last)
    occurred = OccurredShown(
        words="",
        edtf=f"[{earliest}..{latest}]",
        earliest=earliest,
        latest=latest,
        ongoing=False,
        week="2019-W23",
        at=earliest,
        placed_by="occurred",
    )
    actors = fields.pop("actors", ())
    places = fields.pop("places", ())
    given: dict[str, Any] = {
        **{key: [] for key in ("because", "denied_by", "assessments", "replies_to", "against", "topics", "of")},
        **dict.fromkeys(("because_total", "independent", "sides", "position"), 0),
        "id": "x",
        "title": "",
        "marking": "clear",
        "revision": 1,
        "source": "s",
        "modality": "reported",
        "standing": "reported",
        "rule": "R7",
        "phase": "occurred",
        "partisan": False,
        "overdue": False,
        "since": datetime(2019, 6, 5, tzinfo=UTC),
        "changed_at": datetime(2019, 6, 5, tzinfo=UTC),
        "recorded_at": datetime(2019, 6, 5, tzinfo=UTC),
        "voices": VoiceCounts(assert_=1, deny=0, confirm=0, judge=0),
        "participants": [ParticipantShown(actor=each, role="actor", as_written=None) for each in actors],
        "places": [PlaceShown(place=each, role="site") for each in places],
        "as_": "participant",
    }
    return Entry(kind=kind, occurred=occurred, **(given | fields))


def reasons(one: Entry, other: Entry, **given: tuple[Any, Any]) -> dict[str, int]:
    pair = [
        Likened(entry=each, **{name: values[i] for name, values in given.items()})
        for i, each in enumerate((one, other))
    ]
    return {each.what: each.points for each in alike(*pair)}


def test_events_of_other_kinds_are_not_alike_but_those_that_reporters_confuse_are() -> None:
    assert reasons(event("meeting"), event("protest")) == {}
    assert reasons(event("meeting"), event("visit"))["kind"] < reasons(event("meeting"), event("meeting"))["kind"]


def test_days_that_overlap_count_less_the_wider_they_are_and_days_apart_part() -> None:
    assert reasons(event(), event())["dates"] == 20
    assert reasons(event(), event(first=4, last=9))["dates"] == 15
    assert reasons(event(), event(first=1, last=30))["dates"] == 8
    assert reasons(event(), event(first=8, last=8))["dates"] == 5
    assert reasons(event(), event(first=9, last=9)) == {}


def test_participants_count_by_the_share_that_is_the_same() -> None:
    assert reasons(event(actors=["a", "b"]), event(actors=["b", "a"]))["participants"] == 25
    assert reasons(event(actors=["a", "b"]), event(actors=["a", "c"]))["participants"] == 8
    assert "participants" not in reasons(event(actors=["a"]), event(actors=["c"]))


def test_places_count_when_they_are_the_same_or_near() -> None:
    tripoli = PointShown(latitude="32.8872", longitude="13.1913", precision="town")
    near = PointShown(latitude="32.80", longitude="13.20", precision="town")
    far = PointShown(latitude="32.1167", longitude="20.0667", precision="town")

    assert reasons(event(places=["p"]), event(places=["p"]))["places"] == 15
    assert reasons(event(), event(), points=((tripoli,), (near,)))["places"] == 10
    assert "places" not in reasons(event(), event(), points=((tripoli,), (far,)))


def test_the_same_words_quote_document_and_machine_s_group_count() -> None:
    one, other = event(title="Talks in the old harbour"), event(title="Talks at the new harbour")

    assert reasons(one, other)["words"] == 15
    assert reasons(one, other, quote=("We met.", "We met."))["quote"] == 20
    assert reasons(one, other, documents=(frozenset("d"), frozenset("d")))["document"] == 10
    assert reasons(one, other, group=("g", "g"))["external"] == 20
    assert "external" not in reasons(one, other, group=("", ""))


def test_the_score_is_a_hundred_at_most() -> None:
    whole = event(actors=["a"], places=["p"], title="Talks in the harbour")
    held = Likened(entry=whole, quote="We met.", group="g")

    found = alike(held, msgspec.structs.replace(held))

    assert sum(each.points for each in found) > 100
    assert score(found) == 100
    assert [each.points for each in found] == sorted((each.points for each in found), reverse=True)
