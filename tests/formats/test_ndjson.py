"""Each line of NDJSON is complete by itself."""

import json
from typing import Any

import pytest

from tests.formats import samples
from tests.formats.hostile import HOSTILE
from timeline.formats import FORMATS, render
from timeline.model.entry import Shape


def lines(answer: Shape) -> list[dict[str, Any]]:
    content = render(FORMATS["ndjson"], answer)
    assert content == b"" or content.endswith(b"\n")
    return [json.loads(line) for line in content.split(b"\n")[:-1]]


def test_a_line_of_a_page_is_the_entry_of_its_json_with_the_names_it_uses() -> None:
    whole = json.loads(render(FORMATS["json"], samples.haftar()))

    read = lines(samples.haftar())

    assert [{**line, "names": None} for line in read] == [{**entry, "names": None} for entry in whole["entries"]]
    assert set(read[1]["names"]) == {"a-haftar", "a-putin", "p-moscow", "t-libya", "s-media", "s-officials", "s-weekly"}


def test_an_id_that_nobody_named_has_no_name() -> None:
    assert samples.UNREGISTERED not in lines(samples.page(samples.accusation()))[0]["names"]


def test_the_accused_is_named() -> None:
    assert samples.MBZ in lines(samples.page(samples.accusation()))[0]["names"]


def test_every_line_of_a_week_says_its_section_and_carries_names() -> None:
    read = lines(samples.full_week())

    sections = [line["section"] for line in read]
    assert sections == ["happened"] * 2 + ["said"] * 3 + ["continuing", "ahead"] + ["changed"] * len(samples.changes())
    assert all("names" in line for line in read)


def test_a_line_of_the_feed_is_a_record() -> None:
    assert [(line["position"], line["body"]) for line in lines(samples.feed())] == [
        (1, {"kind": "actor", "slug": "haftar"}),
        (2, None),
    ]


def test_a_registered_thing_is_a_line() -> None:
    assert [line["slug"] for line in lines(samples.registry())] == ["haftar"]


@pytest.mark.parametrize("answer", [samples.page(), samples.week()], ids=["page", "week"])
def test_nothing_is_no_line(answer: Shape) -> None:
    assert lines(answer) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_never_ends_its_line(text: str) -> None:
    read = lines(samples.page(samples.entry(title=text), samples.entry(3)))

    assert [line["title"] for line in read] == [text, samples.entry().title]
