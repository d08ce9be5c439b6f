"""The bytes of a payload: what was said, canonical, fixed for ever."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.log.golden import KINDS, NOW, OWN_ID, PAYLOADS, Everything, admitted
from timeline.log.admit import Admission, Caller, Line, Refused
from timeline.log.record import Stored
from timeline.model.codec import canonical, read_payload, text_faults
from timeline.model.kinds import Visit
from timeline.model.record import LEVEL_MAX
from timeline.projections.fold import read_record

INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)
ASCII_KEYS = st.text(st.characters(max_codepoint=127), max_size=8)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(ASCII_KEYS, inner, max_size=5),
    max_leaves=30,
)


def leaves_of(value: Any) -> Iterator[Any]:
    """Every value in a value that holds no others."""
    several = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    if several is None:
        yield value
    else:
        for each in several:
            yield from leaves_of(each)


# Golden


@pytest.mark.parametrize("kind", KINDS)
def test_the_bytes_of_a_payload_never_change(kind: str) -> None:
    assert admitted(kind).payload == (PAYLOADS / f"{kind}.json").read_bytes()


def test_every_golden_payload_is_of_a_kind_that_is_still_known() -> None:
    assert {path.stem for path in PAYLOADS.iterdir()} == set(KINDS)


@pytest.mark.parametrize("path", sorted(PAYLOADS.iterdir()), ids=lambda path: path.stem)
def test_a_recorded_payload_is_read_for_ever(path: Any) -> None:
    payload = read_payload(path.read_bytes())

    record = read_record(
        Stored(
            position=1,
            id=OWN_ID,
            kind=payload.kind,
            subject=OWN_ID,
            revision=1,
            recorded_at=NOW,
            recorded_by=payload.recorded_by,
            shape=payload.shape,
            body=payload.body,
        )
    )

    assert type(record) is KINDS[path.stem]
    assert {"kind": path.stem, **payload.body} == msgspec.to_builtins(record)


# What was said, and nothing else


@pytest.mark.parametrize("kind", KINDS)
def test_a_payload_holds_the_fields_that_were_posted_and_no_others(kind: str) -> None:
    posted = KINDS[kind].example

    body = read_payload(admitted(kind).payload).body

    assert set(body) - {"id"} == set(posted) - {"kind", "id"}
    assert body.get("occurred") == posted.get("occurred")


@pytest.mark.parametrize("derived", ["earliest", "latest", "ongoing", "week", "at", "edtf", "standing", "recorded_at"])
def test_nothing_derived_is_recorded(derived: str) -> None:
    assert all(f'"{derived}":' not in admitted(kind).payload.decode() for kind in KINDS)


def test_a_default_that_was_written_out_is_not_recorded() -> None:
    source = KINDS["source"].example
    written = {**source, "named": True, "house": False, "opposed_to": [], "summary": None, "external_ids": {}}

    assert msgspec.to_builtins(msgspec.convert(written, KINDS["source"])) == source


# Canonical


@given(VALUES)
@settings(max_examples=400, deadline=None)
def test_the_bytes_are_those_of_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_payload_is_rfc_8785(kind: str) -> None:
    payload = admitted(kind).payload

    assert payload == rfc8785.dumps(json.loads(payload))
    assert all(isinstance(each, str | int | bool) for each in leaves_of(json.loads(payload)))


def test_quotes_and_accents_are_kept_as_they_came() -> None:
    assert canonical({"title": "Café e\u0301 «»"}).decode() == '{"title":"Café e\u0301 «»"}'


# Text that no log may hold


@pytest.mark.parametrize("bad", [chr(code) for code in (0x00, 0x01, 0x0B, 0x0D, 0x1B, 0x1F, 0xD800, 0xDFFF)], ids=ascii)
@pytest.mark.parametrize("where", ["title", "summary"])
def test_text_that_no_log_may_hold_is_refused_with_where_it_stands(bad: str, where: str) -> None:
    faults = text_faults({"kind": "visit", where: f"Haftar{bad}", "topics": ["libya", f"a{bad}"]})

    assert [fault.pointer for fault in faults] == [f"#/{where}", "#/topics/1"]
    assert f"U+{ord(bad):04X}" in faults[0].found


@pytest.mark.parametrize("good", ["two\nlines", "a\ttab", "zero\u200dwidth", "\u2028", "\U0001f1f1\U0001f1fe"])
def test_other_text_is_taken(good: str) -> None:
    assert text_faults({"summary": good}) == []


async def test_admission_refuses_such_text_even_where_no_pattern_would() -> None:
    post = Visit(title="A visit", occurred="2019", source="paper", summary="half of a pair: \ud83d")

    (verdict,) = await Admission(Everything(), new_id=lambda: OWN_ID).admit(
        [Line(post=post)], Caller(subject="a", level=LEVEL_MAX), NOW
    )

    assert isinstance(verdict, Refused)
    assert [fault.pointer for fault in verdict.refusal.errors] == ["#/summary"]
