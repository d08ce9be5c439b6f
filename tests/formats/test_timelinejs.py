"""TimelineJS takes our slides, and no text of them is HTML."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.formats import samples
from tests.formats.hostile import HOSTILE
from tests.formats.test_csv import everywhere
from timeline.formats import FORMATS, render
from timeline.model.entry import Shape

EXAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "timelinejs"
"""TimelineJS's own examples, where the data folder lies beside the project."""


def story(answer: Shape) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(render(FORMATS["timelinejs"], answer))
    return found


def slide() -> dict[str, Any]:
    found: dict[str, Any] = story(samples.haftar())["events"][1]
    return found


def test_a_slide_has_a_day_for_the_axis_and_the_reports_words_for_readers() -> None:
    assert slide()["start_date"] == {"year": 2019, "month": 6, "day": 1}
    assert slide()["end_date"] == {"year": 2019, "month": 6, "day": 10}
    assert slide()["display_date"] == "early June 2019"
    assert slide()["unique_id"] == samples.meeting().id


def test_a_headline_cannot_be_read_as_a_fact() -> None:
    assert slide()["text"]["headline"] == "[denied] Haftar meets the Russian president"


def test_an_actors_slides_are_grouped_by_topic_and_a_weeks_by_actor() -> None:
    week = samples.full_week()

    assert slide()["group"] == "Libya"
    assert {each["group"] for each in story(week)["events"]} <= {"Russia", "Vladimir Putin", "Libya", "denial"}


def test_a_year_is_always_there() -> None:
    unknown = story(samples.page(samples.entry(occurred=samples.CONTINUES)))["events"][0]

    assert unknown["start_date"]["year"] == 2019
    assert "end_date" not in unknown


def test_every_member_is_one_that_its_own_examples_have() -> None:
    if not EXAMPLES.exists():
        pytest.skip("TimelineJS's examples do not lie beside the project")
    known: set[str] = {"unique_id"}  # documented, but not used in the examples
    for name in ("contrib__women_in_computing", "examples__republican__timeline3", "examples__twain__marktwain"):
        example = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
        known |= example.keys() | {key for each in example["events"] for key in each}
    known |= {"end_date", "display_date", "group"}

    told = story(samples.full_week())

    assert told.keys() <= known
    assert {key for each in told["events"] for key in each} <= known


class Elements(HTMLParser):
    """What a browser makes of a text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)

    def handle_comment(self, data: str) -> None:
        self.found.append("comment")


def elements(text: str) -> list[str]:
    parser = Elements()
    parser.feed(text)
    parser.close()
    return parser.found


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_makes_no_element(text: str) -> None:
    content = render(FORMATS["timelinejs"], everywhere(text))

    first = json.loads(content)["events"][0]

    assert b"<" not in content
    assert elements(first["text"]["headline"]) == elements(first["group"]) == elements(first["display_date"]) == []
    assert set(elements(first["text"]["text"])) == {"p", "a"}
    assert not re.search("[\0-\x08\x0e-\x1f]", first["text"]["headline"])
