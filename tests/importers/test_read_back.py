"""Real data, loaded and read back as timelines and weeks, where the data folder is beside the project."""

import json
from pathlib import Path

import httpx
import pytest

from tests.importers.test_data import DATA
from tests.test_importing import head, here, load
from timeline.app import Application

pytestmark = [
    pytest.mark.skipif(not DATA.is_dir(), reason="no data folder beside the project"),
    pytest.mark.xdist_group("real data"),
]
WEEKS = ("2019-W22", "2019-W23", "2019-W24", "2019-W25", "2019-W26")


async def test_the_central_african_republic_reads_back_as_a_timeline_and_as_weeks(
    application: Application, api: httpx.AsyncClient, db: str, tmp_path: Path
) -> None:
    file = "ucdp_ged/ged231_central_african_republic.csv.gz"
    expected = json.loads((DATA / "EXPECTED.json").read_text())[file]

    tally = await load(here(application), "ucdp-ged", DATA / file, refusals=tmp_path / "refused.csv")

    assert (tally.recorded, tally.refused) == (expected["rows"], 0)
    await api.get(f"/v1/timelines/all?limit=1&min_position={await head(db)}")
    entries, path = 0, "/v1/timelines/all?limit=1000"
    while path:
        page = (await api.get(path)).json()
        entries += len(page["entries"])
        path = f"/v1/timelines/all?limit=1000&cursor={page['next']}" if page["next"] else ""
    assert entries == expected["rows"]
    for week in WEEKS:
        told = expected["iso_weeks_june_2019"][week]
        certain = (await api.get(f"/v1/weeks/{week}?match=certain")).json()["sections"]["happened"]
        possible = (await api.get(f"/v1/weeks/{week}?match=possible")).json()["sections"]["happened"]
        # A row wider than a month is placed by what was said of it; EXPECTED.json counts it where it may lie.
        assert len(certain) == told["certainly_inside"], week
        assert len(possible) >= told["possibly_inside"], week


async def test_libya_reads_back_from_gdelt_with_feeds_and_is_nowhere_without(
    application: Application, api: httpx.AsyncClient, db: str, tmp_path: Path
) -> None:
    file = "gdelt/gdelt1_nw_africa_1979_1992.tsv.gz"

    tally = await load(here(application), "gdelt1", DATA / file, refusals=tmp_path / "refused.csv", limit=3_000)

    assert (tally.recorded, tally.refused) == (3_000, 0)
    shown = await api.get(f"/v1/timelines/places/fips-ly?feeds=include&limit=1000&min_position={await head(db)}")
    week = await api.get("/v1/weeks/1979-W10?feeds=include")
    assert len(shown.json()["entries"]) > 100
    assert {each["standing"] for each in shown.json()["entries"]} == {"reported"}
    assert week.json()["sections"]["happened"]
    assert (await api.get("/v1/timelines/places/fips-ly")).json()["entries"] == []
