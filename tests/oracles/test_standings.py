"""The rules of standing, read twice: the product's reading against one written from the table alone."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles.standings import Found, Said, Speaker, stands
from timeline.model.standing import Source, Standing, Voice, stand

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "golden" / "standing.json").read_text("utf-8"))
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "standing" / "cases.json"
ACTORS = ["haftar", "lna", "putin", "russia"]
FIELDS = tuple(Found.__dataclass_fields__)
some_actors = st.lists(st.sampled_from(ACTORS), max_size=2, unique=True)
sources = st.builds(
    Source,
    id=st.sampled_from("abcdef"),
    family=st.sampled_from(["one", "other", "third"]),
    named=st.sampled_from([True, True, True, False]),
    house=st.sampled_from([False, False, False, True]),
    reliability=st.sampled_from("ABCDEF"),
    actor=st.none() | st.sampled_from(ACTORS),
    speaks_for=some_actors.map(tuple),
    aligned_with=some_actors.map(tuple),
    opposed_to=some_actors.map(tuple),
)
days = st.none() | st.sampled_from([date(2019, 6, day) for day in (1, 2, 3)])


@st.composite
def voice_lists(draw: st.DrawFn) -> list[Voice]:
    """Voices of a few sources, each source the same wherever it speaks."""
    cast = {each.id: each for each in draw(st.lists(sources, min_size=1, max_size=6))}
    one = st.builds(
        Voice,
        id=st.just(""),
        position=st.just(0),
        side=st.sampled_from(["assert", "assert", "deny", "confirm", "judge", "none"]),
        source=st.sampled_from(list(cast.values())),
        modality=st.sampled_from(["stated", "stated", "reported", "rumoured", "alleged"]),
        said_earliest=days,
        said_latest=days,
        tense=st.sampled_from(["past", "past", "future"]),
        ground=st.sampled_from([None, "admission", "counterpart", "authority", "record"]),
        taken_back=st.sampled_from([False, False, False, True]),
        live=st.sampled_from([True, True, True, False]),
    )
    found = draw(st.lists(one, max_size=9))
    return [msgspec.structs.replace(each, id=f"v{at}", position=at) for at, each in enumerate(found, 1)]


def as_said(voice: Voice) -> Said:
    source = voice.source
    return Said(
        position=voice.position,
        side=voice.side,
        speaker=Speaker(
            id=source.id,
            family=source.family,
            named=source.named,
            house=source.house,
            reliability=source.reliability,
            own=frozenset(source.speaks_for) | ({source.actor} if source.actor else set()),
            aligned=frozenset(source.aligned_with),
            opposed=frozenset(source.opposed_to),
        ),
        modality=voice.modality,
        days=(voice.said_earliest, voice.said_latest),
        tense=voice.tense,
        ground=voice.ground,
        taken_back=voice.taken_back,
        effective=voice.live,
    )


def told(standing: Standing) -> Found:
    return Found(**{name: getattr(standing, name) for name in FIELDS})


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_the_second_reading_puts_each_real_case_where_an_editor_would(case: dict[str, Any]) -> None:
    cast = {source["id"]: msgspec.convert(source, Source) for source in case["sources"]}
    voices = []
    for position, voice in enumerate(case["voices"], 1):
        day = date(2019, 6, voice["said_order"])
        fields = {name: each for name, each in voice.items() if name not in ("said_order", "source")}
        one = Voice(position=position, source=cast[voice["source"]], said_earliest=day, said_latest=day, **fields)
        voices += [as_said(one)] if one.part is None else []  # a voice on a part bears on that part alone

    found = stands(voices, frozenset(case["participants"]), called_off=False)

    want = case["want"]
    assert (found.rule, found.standing, found.phase) == (want["rule"], want["standing"], want["phase"])
    assert list(found.denied_by) == want["denied_by"]


@pytest.mark.skipif(not SHARED.is_file(), reason=f"the cases as first written are not at {SHARED}")
def test_the_cases_carried_here_are_those_first_written() -> None:
    assert json.loads(SHARED.read_text("utf-8")) == CASES


def test_an_assertion_that_carries_a_ground_is_confirmed_by_its_counterpart_like_any_other() -> None:
    """A confirmation that turned out to be the same event asserts it, with the ground it once had."""
    office = Source(id="office", family="office", speaks_for=("haftar",))
    kremlin = Source(id="kremlin", family="kremlin", speaks_for=("russia",))
    said: dict[str, Any] = {"said_earliest": None, "said_latest": None, "ground": "counterpart"}
    voices = [
        Voice(id="v1", position=1, side="assert", source=office, **said),
        Voice(id="v2", position=2, side="confirm", source=kremlin, **said),
    ]

    assert stand(voices, frozenset({"haftar", "russia"})).rule == "R1"


def test_both_readings_of_the_rules_give_the_same_standing(long: bool) -> None:
    @settings(max_examples=8_000 if long else 400, derandomize=not long, database=None, deadline=None)
    @given(voice_lists(), st.frozensets(st.sampled_from(ACTORS)), st.booleans())
    def agree(voices: list[Voice], actors: frozenset[str], called_off: bool) -> None:
        found = told(stand(voices, actors, called_off=called_off))

        assert found == stands(list(map(as_said, voices)), actors, called_off=called_off)

    agree()
