"""A line of a batch that is read in one go is what it is when it is looked at twice; what hides a fault is not."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timeline.api.batch import KINDS, line_of
from timeline.log.admit import Line, Refused
from timeline.model.codec import canonical

EXAMPLES = [msgspec.json.encode(each.example).decode() for each in KINDS.values()]
VISIT = '{"kind":"visit","title":"A","occurred":"2019","source":"s",%s}'
PUT_IN = (
    *('"', "\\", ":", ",", "{", "}", " ", "\\u0022", "\\u003a", "1.0", "null", "\x01", "é"),
    *('"title":"b",', '"title" :"b",', '"\\u0074itle":"b",', '"ref":"x",', '"topics":[],', '"summary":": x",'),
    *('"external_ids":{"a":"b","a":"c"},', '"figures":{"killed":{"best":1e2}},', '"summary":"\\":",'),
)


def twice(line: bytes) -> Line | Refused:
    """The line as it is read where one look is not enough: a field that is left out again makes it so."""
    return line_of(1, line, {"nothing": None})


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_line_reads_the_same_in_one_go(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(EXAMPLES))
    for _ in range(data.draw(st.integers(0, 3))):
        at = text.find(data.draw(st.sampled_from(",{:")), data.draw(st.integers(0, len(text)))) + 1
        text = text[:at] + data.draw(st.sampled_from(PUT_IN)) + text[at:]
    line = text.encode()

    once, again = line_of(1, line), twice(line)

    if isinstance(again, Refused):
        assert isinstance(once, Refused)
        assert once.refusal.detail == again.refusal.detail
    else:
        assert isinstance(once, Line)
        assert (once.ref, canonical(once.post)) == (again.ref, canonical(again.post))


@pytest.mark.parametrize(
    "more",
    [
        '"title":"B"',
        '"title" : "B"',
        '"title":"B","summary":": \\":\\":"',
        '"summary":"\\u0022:\\u0022:\\u0022\\u0022","title":"B"',
        '"external_ids":{"a":"1","a":"2"}',
        '"figures":{"killed":{"best":1,"best":2}}',
        '"participants":["x",{"actor":"y","actor":"z"}]',
    ],
)
def test_a_field_named_twice_is_refused_wherever_it_stands(more: str) -> None:
    refused = line_of(1, (VISIT % more).encode())

    assert isinstance(refused, Refused)
    assert "more than once" in refused.refusal.detail
