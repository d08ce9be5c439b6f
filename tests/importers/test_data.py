"""Whole files of real data, where the data folder is beside the project: totals are those worked out without us."""

import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import ROOT
from timeline.importers import IMPORTERS
from timeline.importers.importer import BadRow, Context, Mapped
from timeline.importers.tables import rows

DATA = ROOT.parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="no data folder beside the project")

FILES = [
    ("ucdp-ged", "ucdp_ged/ged191_myanmar_bangladesh.csv"),
    ("ucdp-ged", "ucdp_ged/ged231_central_african_republic.csv.gz"),
    ("gdelt2", "gdelt/20161013151500.export.CSV.gz"),
    ("gdelt2", "gdelt/20180101000000.export.CSV.gz"),
    ("gdelt1", "gdelt/gdelt1_nw_africa_1979_1992.tsv.gz"),
    ("insecurity-insight", "insecurity_insight/health_care_2016_2023.csv.gz"),
    ("insecurity-insight", "insecurity_insight/aid_workers_2020_2024.json.gz"),
    ("wikipedia-current-events", "wikipedia_current_events/2015-09-01_15.json"),
]
ROWS = {
    "insecurity_insight/health_care_2016_2023.csv.gz": 8_599,
    "insecurity_insight/aid_workers_2020_2024.json.gz": 1_299,
    "wikipedia_current_events/2015-09-01_15.json": 214,
}


def mapped(name: str, path: Path) -> Iterator[Mapped]:
    """What each row becomes; a refused row fails the test that asks."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for each in rows(IMPORTERS[name], io.StringIO(data.decode(), newline="\n")):
        if isinstance(each, tuple):
            raise each[1]
        yield IMPORTERS[name].rows(each, Context())


@pytest.mark.parametrize(("name", "file"), FILES, ids=[file for _, file in FILES])
def test_every_row_of_a_file_is_taken_and_the_totals_agree(name: str, file: str) -> None:
    expected: dict[str, Any] = json.loads((DATA / "EXPECTED.json").read_text()).get(file, {})
    taken, ids, killed, days, kinds = 0, set[str](), 0, 0, Counter[str]()
    try:
        for each in mapped(name, DATA / file):
            event = each.events[0]
            taken += 1
            ids.add(event["id"])
            kinds[event["kind"]] += 1
            killed += event.get("figures", {}).get("killed", {}).get("best", 0)
            days += len(event["occurred"]) == len("2019-06-03")
    except BadRow as bad:
        raise AssertionError(f"after {taken} rows: {bad}") from bad

    assert taken == len(ids) == expected.get("rows", ROWS.get(file))
    if name == "ucdp-ged":
        assert killed == expected["sum_best"]
        assert days == expected["exact_day"]
        assert kinds["attack_on_civilians"] == expected["by_type"]["3"]


def test_every_actor_of_the_list_is_one_that_events_name_by_the_same_id() -> None:
    path = DATA / "ucdp_ged" / "ucdp-actor-221.csv"

    actors = [each.things[0] for each in mapped("ucdp-actor", path)]
    ids = {each["external_ids"]["ucdp:actor"]: each["id"] for each in actors}
    named = {
        each["external_ids"]["ucdp:actor"]: each["id"]
        for _, file in FILES[:2]
        for row in mapped("ucdp-ged", DATA / file)
        for each in row.things
        if "ucdp:actor" in each.get("external_ids", {})
    }

    assert len(actors) == len(ids) == 1_725
    assert sum("aliases" in each for each in actors) == 788
    assert {own: ids[own] for own in named.keys() & ids.keys()} == {
        own: named[own] for own in named.keys() & ids.keys()
    }
    assert len(named.keys() & ids.keys()) > 50


def test_columns_of_gdelt_are_those_of_its_codebooks() -> None:
    from timeline.importers.gdelt import HEADERS_1, HEADERS_2, MENTIONS

    told = json.loads((DATA / "gdelt" / "HEADERS.json").read_text())

    assert told["gdelt2_export_61"] == HEADERS_2[61]
    assert told["gdelt1_export_58"] == HEADERS_1[58]
    assert told["gdelt1_export_57_before_2013_04_01"] == HEADERS_1[57]
    assert told["gdelt2_mentions_16"] == MENTIONS
