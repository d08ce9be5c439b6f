"""A format is one file; every format of an answer holds the same entries in the same order."""

import csv
import io
import re

import msgspec
import pytest

from tests.formats import golden, samples
from tests.formats.judges import BRIEFS, READERS
from timeline.errors import NotAcceptable
from timeline.formats import FORMATS, offered, render
from timeline.model.changes import Difference, History
from timeline.model.entry import EventShown, Feed, Page, RegisteredPage, RegisteredShown
from timeline.model.impact import Impact
from timeline.model.slice import Slice


def test_formats_are_found_by_looking_json_first() -> None:
    assert next(iter(FORMATS)) == "json"
    assert {"json", "ndjson", "csv", "markdown"} <= set(FORMATS)


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        (Page, set(READERS) - {"html", "docx"}),
        (Slice, set(READERS)),
        (Difference, {"json", "ndjson", "csv", "markdown", "html", "docx", "atom", "icalendar", "stix"}),
        (Impact, {"json", "markdown"}),
        (EventShown, {"json", "markdown", "html"}),
        (History, {"json", "markdown"}),
        (Feed, {"json", "ndjson", "sse"}),
        (RegisteredPage, {"json", "ndjson", "csv", "markdown"}),
        (RegisteredShown, {"json"}),
    ],
)
def test_an_answer_comes_in_these_formats(answer: type, names: set[str]) -> None:
    found = offered(answer)

    assert found[0].name == "json"
    assert names <= {each.name for each in found}


def test_a_format_that_does_not_offer_the_answer_is_refused_and_names_those_that_do() -> None:
    with pytest.raises(NotAcceptable, match=r"does not come as csv\. Ask for one of: json, msgpack, ndjson"):
        render(FORMATS["csv"], samples.feed())


def test_suffixes_and_media_types_are_distinct() -> None:
    assert len({each.suffix for each in FORMATS.values()}) == len(FORMATS)
    assert len({each.media_type for each in FORMATS.values()}) == len(FORMATS)


@pytest.mark.parametrize("answer", [samples.haftar(), samples.full_week()], ids=["page", "week"])
@pytest.mark.parametrize("name", [each for each in READERS if each not in BRIEFS])
def test_every_format_names_the_same_events_in_the_same_order(name: str, answer: Page | Slice) -> None:
    wanted = READERS["json"](render(FORMATS["json"], answer))

    assert READERS[name](render(FORMATS[name], answer)) == wanted
    assert len(wanted) > 5


@pytest.mark.parametrize("answer", [samples.haftar(), samples.full_week()], ids=["page", "week"])
def test_every_format_holds_the_same_entries_in_the_same_order(answer: Page | Slice) -> None:
    lines = [msgspec.json.decode(line) for line in render(FORMATS["ndjson"], answer).splitlines()]
    cells = list(csv.DictReader(io.StringIO(render(FORMATS["csv"], answer).decode(), newline="")))
    text = render(FORMATS["markdown"], answer).decode()
    headings = re.findall(r"^\d+\. \*\*.*\*\*: \[(.*)\]\(.*\)$", text, re.MULTILINE)
    whole = re.findall(
        rb'"id":"(01931f66[^"]+)","(?:kind|title)":"[^"]*"(?!,"standing")', render(FORMATS["json"], answer)
    )

    assert [line["id"] for line in lines] == [cell["id"] for cell in cells] == [each.decode() for each in whole]
    assert [line["title"] for line in lines] == [cell["title"] for cell in cells] == headings


@pytest.mark.parametrize(("name", "content"), list(golden.rendered()), ids=[name for name, _ in golden.rendered()])
def test_the_bytes_of_every_format_are_those_of_its_golden_file(name: str, content: bytes) -> None:
    assert content == (golden.FOLDER / name).read_bytes()


def test_there_is_no_golden_file_that_nothing_makes() -> None:
    assert {path.name for path in golden.FOLDER.iterdir()} == {name for name, _ in golden.rendered()}
