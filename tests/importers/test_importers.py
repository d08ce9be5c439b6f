"""Each importer makes of ten hand-written rows what its golden file says, and is found by its name."""

import io
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.postgres import ROOT
from timeline.api.batch import AnyRecord
from timeline.importers import IMPORTERS
from timeline.importers.importer import BadFile, BadRow, Context, Importer, days
from timeline.importers.tables import rows

GOLDEN = ROOT / "tests" / "golden" / "importers"
FILES = sorted(each for each in GOLDEN.iterdir() if each.suffix != ".golden")


def importer_of(path: Path) -> Importer:
    return IMPORTERS[path.stem.removesuffix("-mentions")]


def mapped(importer: Importer, text: str, context: Context | None = None) -> list[dict[str, Any]]:
    """What each row becomes, or why it is refused."""
    found: list[dict[str, Any]] = []
    for each in rows(importer, io.StringIO(text, newline="\n")):
        if isinstance(each, tuple):
            found.append({"line": each[0], "column": each[1].column, "reason": each[1].reason})
            continue
        try:
            made = importer.rows(each, context or Context(marking="clear", release="1.0"))
        except BadRow as bad:
            found.append({"line": each.line, "column": bad.column, "reason": bad.reason})
        else:
            found.append({"line": each.line, "things": list(made.things), "events": list(made.events)})
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_rows_become_what_the_golden_file_says(path: Path) -> None:
    found = mapped(importer_of(path), path.read_text(encoding="utf-8"))

    # Rewritten by `python -m tests.importers.golden`, and read before it is committed.
    assert written(found) == (GOLDEN / f"{path.name}.golden").read_bytes()


def written(found: list[dict[str, Any]]) -> bytes:
    """The golden form of what rows become."""
    return msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_post_is_a_record_that_may_be_posted(path: Path) -> None:
    for row in mapped(importer_of(path), path.read_text(encoding="utf-8")):
        for post in (*row.get("things", ()), *row.get("events", ())):
            msgspec.convert(post, AnyRecord)


def test_every_importer_has_a_golden_file() -> None:
    assert {importer_of(path).name for path in FILES} == set(IMPORTERS)


def test_a_mapping_does_not_depend_on_what_was_mapped_before() -> None:
    text = (GOLDEN / "ucdp-ged.csv").read_text(encoding="utf-8")

    assert mapped(IMPORTERS["ucdp-ged"], text) == mapped(IMPORTERS["ucdp-ged"], text)


def test_a_range_of_days_is_written_as_precisely_as_it_is() -> None:
    from datetime import date

    assert days(date(2019, 6, 3), date(2019, 6, 3)) == "2019-06-03"
    assert days(date(2020, 2, 1), date(2020, 2, 29)) == "2020-02"
    assert days(date(2019, 1, 1), date(2019, 12, 31)) == "2019"
    assert days(date(2019, 6, 3), date(2019, 6, 9)) == "[2019-06-03..2019-06-09]"
    assert days(date(2019, 6, 1), date(2019, 6, 30), lasted=True) == "2019-06-01/2019-06-30"


HEADER = (GOLDEN / "acled.csv").read_text(encoding="utf-8").splitlines()[0]
WHOLE = (GOLDEN / "gdelt2.tsv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("acled", "", "Expected a header row"),
        ("acled", HEADER.replace("event_date,", "") + "\n", "it lacks event_date"),
        ("acled", HEADER + ",notes,notes\n", "it has notes more than once"),
        ("ucdp-ged", "a,b\n1,2\n", "it lacks id, type_of_violence, side_a"),
        ("gdelt2", "1\t2\t3\n", "expected 16 or 61 columns, found 3"),
        ("gdelt1", WHOLE, "expected 57 or 58 columns, found 61"),
        ("gdelt2", WHOLE.replace("\t010\t010\t01\t", "\t10\t10\t1\t"), "leading zeros are lost"),
        ("gdelt2", WHOLE.replace("20190607121500", "2.01906E+13"), "scientific notation"),
        ("wikipedia-current-events", "[{", "no JSON"),
    ],
)
def test_a_file_of_another_form_is_refused_whole_and_told_why(name: str, text: str, told: str) -> None:
    with pytest.raises(BadFile, match=told.replace("+", r"\+")):
        mapped(IMPORTERS[name], text)


def test_a_row_of_another_layout_is_refused_with_its_line() -> None:
    lines = WHOLE.splitlines()
    lines[4] = "\t".join(lines[4].split("\t")[:58])

    found = mapped(IMPORTERS["gdelt2"], "\n".join(lines))

    assert found[4] == {"line": 5, "column": "", "reason": "expected 61 columns as on the first line, found 58"}
    assert "events" in found[5]


def test_a_mark_crlf_and_blank_rows_change_nothing() -> None:
    text = (GOLDEN / "insecurity-insight.csv").read_text(encoding="utf-8").replace("\r\n", "\n")
    dressed = "\ufeff" + text.replace("\n", "\r\n") + "\r\n,,,\r\n\r\n"

    assert mapped(IMPORTERS["insecurity-insight"], dressed) == mapped(IMPORTERS["insecurity-insight"], text)


@pytest.mark.parametrize(
    "line", ['{"kind": "visit", "summary": "one\\r\\ntwo"}\r\n', 'kind,summary\r\nvisit,"one\r\ntwo"\r\n']
)
def test_texts_hold_no_carriage_return(line: str) -> None:
    (row,) = rows(IMPORTERS["events"], io.StringIO(line, newline="\n"))

    assert not isinstance(row, tuple)
    assert row.cells["summary"] == "one\ntwo"
