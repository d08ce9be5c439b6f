"""ACLED's columns, without a fact that we do not have."""

import csv
import io
from datetime import date

import msgspec
import pytest

from tests.formats import samples
from tests.formats.hostile import HOSTILE
from tests.formats.test_csv import evaluated, everywhere
from timeline.formats import FORMATS, render
from timeline.formats.acled import COLUMNS
from timeline.model.entry import OccurredShown, Shape


def rows(answer: Shape) -> list[dict[str, str]]:
    text = render(FORMATS["csv-acled"], answer).decode()
    found = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert all(list(row) == list(COLUMNS) for row in found)
    return found


def dated(earliest: date | None, latest: date | None) -> OccurredShown:
    return msgspec.structs.replace(samples.EARLY_JUNE, earliest=earliest, latest=latest)


def test_there_are_the_31_columns() -> None:
    assert len(COLUMNS) == len(set(COLUMNS)) == 31
    assert (COLUMNS[0], COLUMNS[-1]) == ("event_id_cnty", "timestamp")


def test_a_denied_meeting_says_so_in_its_notes_and_tags() -> None:
    meeting = rows(samples.haftar())[1]

    assert meeting["notes"].startswith("[denied] Haftar meets the Russian president. denied by Russian officials")
    assert "standing=denied" in meeting["tags"].split("; ")
    assert (meeting["actor1"], meeting["actor2"]) == ("Khalifa Haftar", "Vladimir Putin")
    assert (meeting["latitude"], meeting["geo_precision"]) == ("55.7558", "1")


def test_what_is_unknown_is_empty_and_not_nought() -> None:
    denial = rows(samples.haftar())[2]

    assert {denial[each] for each in ("fatalities", "event_type", "actor1", "location", "latitude", "iso")} == {""}


@pytest.mark.parametrize(
    ("earliest", "latest", "precision"),
    [
        (date(2019, 6, 7), date(2019, 6, 7), "1"),
        (date(2019, 6, 3), date(2019, 6, 9), "2"),
        (date(2019, 6, 3), date(2019, 6, 10), "3"),
        (date(2019, 6, 3), None, "3"),
    ],
)
def test_how_wide_its_dates_are_is_its_precision(earliest: date, latest: date | None, precision: str) -> None:
    row = rows(samples.page(samples.entry(occurred=dated(earliest, latest))))[0]

    assert (row["event_date"], row["year"], row["time_precision"]) == (str(earliest), "2019", precision)


def test_an_unknown_start_is_the_day_that_the_timeline_is_ordered_by() -> None:
    assert rows(samples.page(samples.entry(occurred=samples.CONTINUES)))[0]["event_date"] == "2019-06-10"


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_of_hostile_text_is_evaluated(text: str) -> None:
    first, second = rows(everywhere(text))

    assert not [each for each in first.values() if evaluated(each)]
    assert second["event_id_cnty"] == samples.denial().id
