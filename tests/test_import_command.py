"""`timeline import`: real processes, into a database of their own and through a service."""

import csv
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import ROOT, new_home
from tests.services import Service, environment, processes_of, run

pytestmark = pytest.mark.xdist_group("cli")

GOLDEN = ROOT / "tests" / "golden" / "importers"
ROWS = 2_500


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that the database's own user reaches."""
    made = new_home()
    made.mkdir()
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


def test_a_file_is_imported_shown_and_repeated(home: Path) -> None:
    file, data, refused = str(GOLDEN / "acled.csv"), str(home / "data"), str(home / "refused.csv")
    asked = ("import", "acled", file, "--data-dir", data, "--marking", "clear", "--refusals", refused)

    dry = run(*asked, "--dry-run")
    first = run(*asked)
    again = run(*asked)
    checked = run("check", "--data-dir", data)

    assert (dry.returncode, first.returncode, again.returncode, checked.returncode) == (1, 1, 1, 0)
    assert "Nothing was recorded. This would be:" in dry.stdout
    assert "10 rows read: 8 recorded, 0 unchanged, 0 corrected, 2 refused." in dry.stdout
    assert "10 rows read: 8 recorded, 0 unchanged, 0 corrected, 2 refused." in first.stdout
    assert "10 rows read: 0 recorded, 8 unchanged, 0 corrected, 2 refused." in again.stdout
    assert "refused.csv" in first.stderr
    assert len(list(csv.reader((home / "refused.csv").read_text().splitlines()))) == 3
    assert processes_of(home / "data") == []


def test_a_file_is_imported_through_a_service_and_beside_it(home: Path) -> None:
    service = Service(home / "data")
    try:
        there = ("--url", service.url, "--token-file", str(service.token_path), "--refusals", str(home / "r.csv"))

        first = run("import", "gdelt1", str(GOLDEN / "gdelt1.tsv"), "--marking", "clear", *there)
        beside = run(
            "import", "gdelt1", str(GOLDEN / "gdelt1.tsv"), "--marking", "clear", "--data-dir", str(home / "data")
        )
        with service.client() as client:
            shown = client.get("/v1/timelines/places/fips-ly?feeds=include").json()
            without = client.get("/v1/timelines/places/fips-ly").json()
    finally:
        service.stop(signal.SIGTERM)

    assert (first.returncode, beside.returncode) == (0, 0), first.stderr + beside.stderr
    assert "10 rows read: 10 recorded, 0 unchanged" in first.stdout
    assert "10 rows read: 0 recorded, 10 unchanged" in beside.stdout
    assert (len(shown["entries"]), len(without["entries"])) == (5, 0)
    assert {each["standing"] for each in shown["entries"]} == {"reported"}


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (("import", "nothing", "x"), 2, "is not one of"),
        (("import", "acled"), 2, "Missing argument"),
        (("import", "acled", str(GOLDEN / "gdelt1.tsv")), 1, "This is no ACLED"),
        (
            ("import", "acled", str(GOLDEN / "acled.csv"), "--token-file", str(GOLDEN / "acled.csv")),
            2,
            "goes with --url",
        ),
        (("import", "acled", str(GOLDEN / "acled.csv"), "--recall-missing", "--limit", "3"), 2, "needs whole files"),
        (("import", "gdelt1", str(GOLDEN / "gdelt1.tsv"), "--url", "http://127.0.0.1:9"), 1, "does not answer"),
    ],
)
def test_what_makes_no_sense_is_told(home: Path, options: tuple[str, ...], code: int, told: str) -> None:
    where = () if "--url" in options or len(options) < 3 or code == 2 else ("--data-dir", str(home / "data"))

    done = run(*options, *where)

    assert done.returncode == code
    assert told in " ".join(done.stderr.split())


def test_an_import_that_was_killed_goes_on_where_it_was(home: Path) -> None:
    rows = list(csv.reader((GOLDEN / "acled.csv").read_text().splitlines()))
    large = home / "large.csv"
    with large.open("w", newline="") as file:
        csv.writer(file).writerows([rows[0], *([f"SND9{n}", *rows[1][1:]] for n in range(ROWS))])
    data = str(home / "data")
    asked = ("import", "acled", str(large), "--data-dir", data)
    importing = subprocess.Popen(
        [sys.executable, "-m", "timeline", *asked], cwd=ROOT, env=environment({}), stdout=subprocess.DEVNULL
    )
    note = home / "data" / "imports"
    until = time.monotonic() + 60
    while not list(note.glob("*.json")) and time.monotonic() < until:
        time.sleep(0.01)
    importing.send_signal(signal.SIGKILL)
    importing.wait()

    resumed = run(*asked, "--resume")
    again = run(*asked)
    checked = run("check", "--data-dir", data)

    assert resumed.returncode == again.returncode == checked.returncode == 0, resumed.stderr + checked.stderr
    read, before = (
        int(found[1].replace(",", "")) if (found := re.search(words, resumed.stdout)) else 0
        for words in (r"([\d,]+) rows read", r"([\d,]+) rows were done before")
    )
    assert read + before == ROWS
    assert before > 0
    assert f"{ROWS:,} rows read: 0 recorded, {ROWS:,} unchanged" in again.stdout
