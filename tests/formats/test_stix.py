"""STIX 2.1 by OASIS's schemas and by the `stix2` library: valid, marked, and the same ids each time."""

import io
import json
import re
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import stix2
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from referencing import Registry, Resource

from tests.formats import samples
from tests.formats.hostile import HOSTILE
from tests.formats.test_csv import everywhere
from timeline.formats import FORMATS, render
from timeline.formats.format import NOWHERE, Where
from timeline.formats.stix import EXTENSION, TLP, TLP_EXTENSION
from timeline.model.entry import Shape

SCHEMAS = Path(__file__).resolve().parents[3] / "shared" / "data" / "stix" / "stix21-json-schemas.tar.gz"
"""OASIS's schemas, where the data folder lies beside the project."""
FOLDERS = ("sdos", "sros", "common")
UUID5 = re.compile(r"[a-z-]+--[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
ANSWERS = {
    "page": samples.haftar(),
    "week": samples.full_week(),
    "event": samples.full_event(),
    "nothing": samples.page(),
    "empty week": samples.week(),
    "difference": samples.difference(),
}


def objects(answer: Shape, where: Where = NOWHERE) -> list[dict[str, Any]]:
    bundle = json.loads(render(FORMATS["stix"], answer, where))
    assert bundle.keys() == {"type", "id", "objects"}
    found: list[dict[str, Any]] = bundle["objects"]
    return found


def of(answer: Shape, kind: str) -> list[dict[str, Any]]:
    return [each for each in objects(answer) if each["type"] == kind]


@cache
def schemas() -> dict[str, Any]:
    """OASIS's schemas by their names."""
    with tarfile.open(SCHEMAS) as held:
        files = {each.name: held.extractfile(each) for each in held.getmembers() if each.name.endswith(".json")}
        return {name: json.load(io.BytesIO(file.read())) for name, file in files.items() if file}


@cache
def validator(kind: str) -> Any:
    found = {f"http://local/{name}": each for name, each in schemas().items()}
    resources = [(uri, Resource.from_contents({**each, "$id": uri})) for uri, each in found.items()]
    name = next(f"schemas/{folder}/{kind}.json" for folder in FOLDERS if f"schemas/{folder}/{kind}.json" in schemas())
    schema = {"$ref": f"http://local/{name}"}
    return Draft202012Validator(schema, registry=Registry().with_resources(resources))


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_bundle_is_parsed_by_the_library_as_it_is(answer: Shape) -> None:
    parsed = stix2.parse(render(FORMATS["stix"], answer), allow_custom=False)

    assert [each["id"] for each in parsed.objects] == [each["id"] for each in objects(answer)]


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_every_object_is_valid_by_the_schemas(answer: Shape) -> None:
    if not SCHEMAS.exists():
        pytest.skip("OASIS's schemas do not lie beside the project")

    faults = {
        each["id"]: [error.message for error in validator(each["type"]).iter_errors(each)] for each in objects(answer)
    }

    assert {name: found for name, found in faults.items() if found} == {}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_every_id_is_there_once_made_of_what_it_stands_for_and_leads_somewhere(answer: Shape) -> None:
    found = objects(answer)
    ids = [each["id"] for each in found]
    targets = {each["id"] for each in found}

    assert len(set(ids)) == len(ids)
    assert all(UUID5.fullmatch(each) for each in ids if each not in TLP.values())
    for each in found:
        assert each["created"] <= each.get("modified", each["created"])
        for name in ("source_ref", "target_ref", "created_by_ref"):
            assert each.get(name, ids[0]) in targets
        assert set(each.get("object_marking_refs", [])) <= targets


def test_ids_do_not_move_with_the_service() -> None:
    here, there = (objects(samples.haftar(), Where(base=base)) for base in ("http://here", "https://there"))

    assert [each["id"] for each in here] == [each["id"] for each in there]


def test_a_denied_meeting_is_named_denied_with_its_dates_as_written() -> None:
    meeting = of(samples.haftar(), "incident")[1]
    event = meeting["extensions"][EXTENSION]

    assert meeting["name"] == "[denied] Haftar meets the Russian president"
    assert (event["standing"], event["rule"], event["status"]) == ("denied", "R5", "undetermined")
    assert (event["start_time"], event["start_time_fidelity"]) == ("2019-06-01T00:00:00.000Z", "month")
    assert event["occurred"]["edtf"] == "[2019-06-01..2019-06-10]"


def test_what_is_said_is_a_note_about_what_it_is_of() -> None:
    denial, assessment, accusation = of(samples.haftar(), "note")
    meeting = of(samples.haftar(), "incident")[1]

    assert denial["object_refs"] == [meeting["id"]]
    assert denial["authors"] == ["Russian officials"]
    assert assessment["abstract"] == "[assessment] Too risky for him"
    assert accusation["object_refs"]


def test_a_judgement_is_an_opinion_and_a_likelihood_is_confidence() -> None:
    opinions, incidents = of(samples.haftar(), "opinion"), of(samples.haftar(), "incident")

    assert [each["opinion"] for each in opinions] == ["strongly-disagree", "strongly-disagree"]
    assert (opinions[1]["confidence"], opinions[1]["object_refs"]) == (15, [incidents[2]["id"]])
    assert "confidence" not in opinions[0]
    assert [each.get("confidence") for each in incidents] == [None, None, 15]


def test_a_marking_is_that_of_tlp_2() -> None:
    marked = of(samples.page(samples.entry(marking="amber+strict")), "marking-definition")

    assert [each["id"] for each in marked] == ["marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"]
    assert marked[0]["extensions"][TLP_EXTENSION]["tlp_2_0"] == "amber+strict"


def test_a_week_is_a_report_of_its_entries() -> None:
    report = of(samples.full_week(), "report")[0]

    assert report["name"] == "Khalifa Haftar, week 2019-W23"
    assert report["object_refs"] == [
        each["id"] for each in objects(samples.full_week()) if each["type"] in ("incident", "note")
    ]


def test_a_place_is_a_point_only_where_one_is_known() -> None:
    page = samples.haftar()
    country = msgspec.structs.replace(samples.MOSCOW_POINT, precision="country")
    place = msgspec.structs.replace(page.names[samples.MOSCOW], point=country)

    assert [each["name"] for each in of(page, "location")] == ["Moscow"]
    assert of(msgspec.structs.replace(page, names={**page.names, samples.MOSCOW: place}), "location") == []


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_a_value(text: str) -> None:
    page = everywhere(text)
    page = msgspec.structs.replace(
        page, entries=[msgspec.structs.replace(each, marking="clear") for each in page.entries]
    )

    content = render(FORMATS["stix"], page)

    assert b"<" not in content
    assert of(page, "incident")[0]["extensions"][EXTENSION]["title"] == text
