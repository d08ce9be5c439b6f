"""What admission lets through is RFC 8785 byte for byte, by the judge of others; the rest is refused and not stored."""

import asyncio
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.checks import check_log
from tests.log.appending import fetch
from tests.log.golden import KINDS, NOW, OWN_ID, Everything
from timeline.api.batch import AnyRecord
from timeline.api.body import decode, plain
from timeline.errors import Refusal
from timeline.log.admit import Admission, Admitted, Caller, Line
from timeline.model.codec import canonical, may_be_faulty, text_faults
from timeline.model.record import LEVEL_MAX

JCS = Path(__file__).resolve().parents[3] / "shared" / "data" / "jcs"
needs_data = pytest.mark.skipif(not JCS.is_dir(), reason=f"the published RFC 8785 vectors are not at {JCS}")
JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
INTEGER_MAX = 2**53 - 1
QUICK = settings(max_examples=300, derandomize=True, database=None, deadline=None)
LONG = settings(QUICK, max_examples=10_000, derandomize=False)

EXTRAS: dict[str, dict[str, Any]] = {
    "visit": {
        "summary": "Two lines,\nand «quotes».",
        "external_ids": {"gdelt": "1"},
        "figures": {"killed": {"best": 3, "low": 0, "high": INTEGER_MAX}},
        "quote": {"text": "he came", "start": 3, "end": 10},
        "codes": [{"scheme": "cameo", "code": "042"}],
    },
    "place": {"latitude": "55.7558", "longitude": "37.6173"},
}
hostile: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        ["\ud800", "a\udfffb", "\x00", "a\x1bb", "\x85", "Ünïcode", "e\u0301", "\U0001f1f1", "\u2028", '"\\/']
    ),
    st.sampled_from([0.5, -0.0, 1e21, 1.0, 5e-324]),
    st.sampled_from([2**53, -(2**53), 10**30, INTEGER_MAX, -1, 0]),
    st.sampled_from([None, True, [], {}, [[]], {"ключ": "1"}, {"é": 1}, {"a\x00": "1"}, {"\ud800": "1"}]),
    st.text(max_size=8),
)


def places_in(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything inside a post."""
    several = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in several:
        yield (*at, name)
        yield from places_in(each, (*at, name))


@st.composite
def spoilt_posts(draw: st.DrawFn) -> dict[str, Any]:
    """An example of some kind in which one value, or one name of a field, is something else."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    post = copy.deepcopy({**KINDS[kind].example, **EXTRAS.get(kind, {}), "id": str(OWN_ID)})
    way = draw(st.sampled_from([each for each in places_in(post) if each != ("kind",)]))
    held: Any = post
    for name in way[:-1]:
        held = held[name]
    if isinstance(held, dict) and draw(st.integers(0, 3)) == 0:
        held[draw(st.text(min_size=1, max_size=4) | st.sampled_from(["é", "\ud800"]))] = held.pop(way[-1])
    else:
        held[way[-1]] = draw(hostile)
    return post


def payload_of(post: dict[str, Any]) -> bytes | None:
    """What the log would hold of a post as it comes over HTTP; None if it is refused."""
    body = json.dumps(post).encode()
    try:
        record = decode(plain(body), AnyRecord)
    except Refusal:
        return None
    admission = Admission(Everything(), new_id=lambda: OWN_ID)
    (verdict,) = asyncio.run(admission.admit([Line(post=record)], Caller(subject="analyst", level=LEVEL_MAX), NOW))
    return verdict.records[-1].payload if isinstance(verdict, Admitted) else None


def faults_of(value: Any) -> list[str]:
    """What no payload may hold."""
    if isinstance(value, dict):
        names = [f"name {name!a}" for name in value if not name.isascii()]
        return names + [fault for each in value.values() for fault in faults_of(each)]
    if isinstance(value, list):
        return [fault for each in value for fault in faults_of(each)]
    is_text = isinstance(value, str) and not any("\ud800" <= char <= "\udfff" or char == "\x00" for char in value)
    is_number = isinstance(value, int) and abs(value) <= INTEGER_MAX
    return [] if is_text or is_number else [repr(value)]


def test_whatever_is_admitted_is_rfc_8785_and_holds_nothing_that_it_cannot(long: bool) -> None:
    taken = []

    @LONG if long else QUICK
    @given(spoilt_posts())
    def check(post: dict[str, Any]) -> None:
        payload = payload_of(post)
        if payload is not None:
            value = json.loads(payload)
            assert payload == rfc8785.dumps(value)
            assert faults_of(value) == []
            taken.append(payload)

    check()

    assert len(taken) > 10


@pytest.mark.parametrize(
    "spoil",
    [
        {"summary": "half of a pair: \ud83d"},
        {"title": "\udc00"},
        {"summary": "a\x00b"},
        {"figures": {"killed": {"best": 0.5}}},
        {"figures": {"killed": {"best": 2**53}}},
        {"figures": {"killed": {"best": -1}}},
        {"quote": {"text": "x", "start": 1.0}},
        {"external_ids": {"ключ": "1"}},
        {"external_ids": {"a\ud800": "1"}},
        {"é": "1"},
        {"credibility": 1e300},
    ],
    ids=ascii,
)
async def test_what_is_refused_is_not_stored(api: httpx.AsyncClient, db: str, spoil: dict[str, Any]) -> None:
    await api.post("/v1/sources", json={"slug": "unattributed", "name": "Nobody"})
    post = {"kind": "visit", "title": "A visit", "occurred": "2019", "source": "unattributed"} | spoil
    line = json.dumps(post)

    alone = await api.post("/v1/events", content=line, headers=JSON)
    each = await api.post("/v1/events/batch?mode=each", content=f"[{line}]", headers=JSON)
    ndjson = await api.post("/v1/events/batch", content=line, headers=NDJSON)

    assert (alone.status_code, each.status_code, ndjson.status_code) == (422, 200, 422)
    assert [row["kind"] for row in await fetch(db, "SELECT kind FROM timeline.log")] == ["source"]
    await check_log(db)


def test_a_codec_that_is_no_rfc_8785_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    as_it_came = msgspec.json.Encoder()
    monkeypatch.setattr("timeline.model.codec._ENCODER", as_it_came)

    with pytest.raises(AssertionError):
        test_whatever_is_admitted_is_rfc_8785_and_holds_nothing_that_it_cannot(long=False)


@needs_data
@pytest.mark.parametrize("name", ["arrays", "french", "structures", "values"])
def test_the_judge_writes_the_published_vectors(name: str) -> None:
    value = json.loads((JCS / "input" / f"{name}.json").read_bytes())

    assert rfc8785.dumps(value) == (JCS / "output" / f"{name}.json").read_bytes().rstrip(b"\n")


@needs_data
@pytest.mark.parametrize("name", ["arrays", "french"])
def test_we_write_the_published_vectors_that_hold_no_floats(name: str) -> None:
    value = json.loads((JCS / "input" / f"{name}.json").read_bytes())

    assert canonical(value) == (JCS / "output" / f"{name}.json").read_bytes().rstrip(b"\n")


@needs_data
@pytest.mark.parametrize("name", ["structures", "values"])
def test_the_other_vectors_hold_floats_which_no_post_may(name: str) -> None:
    value = json.loads((JCS / "input" / f"{name}.json").read_bytes())

    assert any("." in fault or "e" in fault for fault in faults_of(value))


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA1), 0x2028, 0xFFFD])
def test_a_text_with_a_fault_is_always_looked_at(code: int) -> None:
    held = {"text": f"before{chr(code)}after"}

    assert may_be_faulty(canonical(held)) >= bool(text_faults(held))


def test_what_people_write_is_not_looked_at_twice() -> None:
    assert not may_be_faulty(canonical({"text": 'Two lines\nand a\ttab, "quoted" by «Le Monde», § 5, É'}))
