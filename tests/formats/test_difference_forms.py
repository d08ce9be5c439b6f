"""A difference is the same changes in every form, and what went is told in the way that each form has for it."""

import csv
import io
import json
from typing import Any

import msgspec
import pytest

from tests.formats import samples
from tests.formats.hostile import HOSTILE
from tests.formats.judges import CHANGES, atom, strictly
from tests.formats.test_brief import changed as with_text
from tests.formats.test_brief_forms import read
from tests.formats.test_csv import evaluated
from timeline.formats import FORMATS, offered, render
from timeline.model.changes import Difference


def bundle() -> list[dict[str, Any]]:
    objects: list[dict[str, Any]] = json.loads(render(FORMATS["stix"], samples.difference()))["objects"]
    return objects


def test_every_form_holds_the_same_changes_in_the_same_order() -> None:
    found = samples.difference()
    wanted = [each.id for each in found.changes]

    for fmt in offered(Difference):
        assert CHANGES[fmt.name](render(fmt, found)) == wanted, fmt.name
    assert len(offered(Difference)) == 10


def test_a_line_has_the_names_that_it_needs() -> None:
    lines = [json.loads(each) for each in render(FORMATS["ndjson"], samples.difference()).splitlines()]

    denied = next(each for each in lines if each["what"] == ["re-dated", "standing", "corrected"])
    assert denied["names"] == {
        samples.OFFICIALS: {"type": "source", "slug": "russian-officials", "name": "Russian officials"}
    }


def test_a_calendar_cancels_what_went_by_its_next_number() -> None:
    events = {each["UID"]: each for each in strictly(render(FORMATS["icalendar"], samples.difference()))}

    for change in samples.changes():
        told = events[change.id]
        if change.after:
            assert told["SEQUENCE"] == str(change.after.revision)
        else:
            assert change.before is not None
            assert (told["STATUS"], told["SEQUENCE"]) == ("CANCELLED", str(change.before.revision + 1))
            assert told["SUMMARY"].startswith("[gone")
    assert {told["STATUS"] for told in events.values()} == {"CANCELLED", "TENTATIVE"}


def test_a_bundle_revokes_what_was_recalled_and_nothing_that_may_come_back() -> None:
    recalled, merged = (
        next(each for each in samples.changes() if word in each.what) for word in ("recalled", "merged")
    )
    shown = json.loads(render(FORMATS["stix"], samples.page(samples.entry(7))))["objects"]

    objects = bundle()

    (revoked,) = (each for each in objects if each.get("revoked"))
    assert revoked["id"] == next(each["id"] for each in shown if each["type"] == "incident")
    assert (revoked["created"], revoked["modified"]) == ("2019-06-10T08:15:00.000Z", "2019-06-14T09:30:00.000Z")
    assert revoked["external_references"][0]["external_id"] == recalled.id
    note = next(each for each in objects if merged.title in each.get("abstract", ""))
    assert len(note["object_refs"]) == 2


def test_a_feed_of_a_difference_is_atom() -> None:
    assert len(atom(render(FORMATS["atom"], samples.difference()))) > 7


def hostile(text: str) -> Difference:
    """A difference with a text in every place that may hold somebody's words."""
    found = samples.difference()
    names = {each: msgspec.structs.replace(name, name=text) for each, name in found.names.items()}
    changes = [with_text(each, text) for each in found.changes]
    subjects = [msgspec.structs.replace(each, name=text) for each in found.subjects]
    return msgspec.structs.replace(found, names=names, changes=changes, subjects=subjects)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_each(text: str) -> None:
    found = hostile(text)
    wanted = [each.id for each in found.changes]

    for fmt in offered(Difference):
        assert CHANGES[fmt.name](render(fmt, found)) == wanted, fmt.name
    assert [[*each] for each in strictly(render(FORMATS["icalendar"], found))] == [
        [*each] for each in strictly(render(FORMATS["icalendar"], hostile("harmless")))
    ]
    page, harmless = (read(render(FORMATS["html"], each)).elements for each in (found, hostile("harmless")))
    assert page == harmless
    rows = csv.reader(io.StringIO(render(FORMATS["csv"], found).decode(), newline=""), strict=True)
    assert not [cell for row in rows for cell in row if evaluated(cell)]
