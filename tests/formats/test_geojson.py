"""Maps show where, as RFC 7946 has it: never a country's middle, and never a denied visit as a fact."""

import json
from typing import Any

import msgspec
import pytest

from tests.formats import samples
from tests.formats.hostile import HOSTILE
from tests.formats.judges import geojson
from tests.formats.test_csv import everywhere
from timeline.formats import FORMATS, render
from timeline.model.entry import PlaceShown, PointShown, Shape


def features(answer: Shape) -> list[dict[str, Any]]:
    return geojson(render(FORMATS["geojson"], answer))


def test_a_town_is_a_point_with_longitude_first_and_when_beside_it() -> None:
    visit = features(samples.haftar())[0]

    assert visit["geometry"] == {"type": "Point", "coordinates": [37.6173, 55.7558]}
    assert (visit["when"]["earliest"], visit["when"]["latest"]) == ("2019-06-01", "2019-06-10")
    assert visit["when"]["edtf"] == "[2019-06-01..2019-06-10]"


def test_a_denied_meeting_is_called_denied_wherever_its_name_is_printed() -> None:
    meeting = features(samples.haftar())[1]["properties"]

    assert meeting["name"] == "[denied] Haftar meets the Russian president"
    assert (meeting["standing"], meeting["rule"], meeting["denied_by"]) == ("denied", "R5", "Russian officials")


@pytest.mark.parametrize(
    ("precision", "shown"),
    [("exact", True), ("town", True), ("district", True), ("province", False), ("country", False), (None, False)],
)
def test_what_is_not_known_as_a_district_or_better_is_no_point(precision: str | None, shown: bool) -> None:
    page = samples.haftar()
    point = PointShown(latitude="55.7", longitude="37.6", precision=precision)
    name = msgspec.structs.replace(page.names[samples.MOSCOW], point=point)

    found = features(msgspec.structs.replace(page, names={**page.names, samples.MOSCOW: name}))

    assert (found[0]["geometry"] is not None) is shown


def test_a_place_that_it_is_about_or_that_has_no_point_is_no_geometry() -> None:
    about = samples.entry(places=[PlaceShown(place=samples.MOSCOW, role="about")])
    nowhere = samples.entry(3, places=[PlaceShown(place="p-unknown", role="site")])

    assert [each["geometry"] for each in features(samples.page(about, nowhere))] == [None, None]


def test_a_journey_is_where_it_led() -> None:
    page = samples.page(
        samples.entry(places=[PlaceShown(place="p-home", role="from"), PlaceShown(place=samples.MOSCOW, role="to")])
    )
    home = msgspec.structs.replace(
        page.names[samples.MOSCOW], point=PointShown(latitude="1", longitude="2", precision="town")
    )

    found = features(msgspec.structs.replace(page, names={**page.names, "p-home": home}))

    assert found[0]["geometry"]["coordinates"] == [37.6173, 55.7558]


def test_an_event_is_one_feature() -> None:
    event = samples.full_event()

    assert [each["id"] for each in features(event)] == [event.id]


def test_nothing_is_an_empty_collection() -> None:
    assert features(samples.page()) == features(samples.week()) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_ends_no_script(text: str) -> None:
    content = render(FORMATS["geojson"], everywhere(text))

    assert b"<" not in content
    assert json.loads(content)["features"][0]["properties"]["title"] == text
