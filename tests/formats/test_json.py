"""JSON holds the whole answer, under the names of the shapes."""

import json

import pytest

from tests.formats import samples
from tests.formats.hostile import HOSTILE
from timeline.formats import FORMATS, render
from timeline.model.entry import DateShown


def test_an_entry_is_written_under_its_public_names() -> None:
    page = json.loads(render(FORMATS["json"], samples.haftar()))

    denied = page["entries"][1]
    assert denied["as"] == "participant"
    assert denied["voices"] == {"assert": 1, "deny": 1, "confirm": 0, "judge": 1}
    assert page["next"] == "c-2"
    assert page["names"]["a-haftar"]["name"] == "Khalifa Haftar"


def test_the_days_of_a_week_are_from_and_to() -> None:
    week = json.loads(render(FORMATS["json"], samples.week()))

    assert (week["from"], week["to"]) == ("2019-06-03", "2019-06-09")


def test_any_shape_can_be_json() -> None:
    date = DateShown(words="2019", edtf="2019", earliest=None, latest=None)

    assert json.loads(render(FORMATS["json"], date))["words"] == "2019"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_back_as_it_went_in(text: str) -> None:
    page = samples.page(samples.entry(title=text), name=text)

    read = json.loads(render(FORMATS["json"], page))

    assert read["subject"]["name"] == read["entries"][0]["title"] == text
