"""Named statements come whole from their file, and a faulty file says where."""

from pathlib import Path

import pytest

from timeline.db.statements import load

TWO = """-- The statements of this test.

-- name: one
-- Read one; $1 its id.
SELECT 1
WHERE $1

-- name: two_of_them

CREATE FUNCTION two() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  -- the name of the game
  RETURN 2;
END $$;
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "some.sql"
    path.write_text(TWO)
    return path


def test_statements_are_read_by_name(file: Path) -> None:
    sql = load(file)

    assert list(sql) == ["one", "two_of_them"]
    assert sql.one == sql["one"] == "-- name: one\n-- Read one; $1 its id.\nSELECT 1\nWHERE $1"
    assert sql.two_of_them.endswith("-- the name of the game\n  RETURN 2;\nEND $$;")


def test_an_unknown_name_says_which_file_and_what_it_has(file: Path) -> None:
    sql = load(file)

    with pytest.raises(AttributeError, match=r"some\.sql has no statement 'tow'; it has one, two_of_them"):
        _ = sql.tow
    with pytest.raises(KeyError):
        _ = sql["tow"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-- name: a\nSELECT 1\n-- name: a\nSELECT 2", r"some\.sql:3: there is a statement a already"),
        ("-- name: Two Words\nSELECT 1", r"some\.sql:1: expected '-- name: lower_case_name'"),
        ("--name: a\nSELECT 1", r"some\.sql:1: expected"),
        ("SELECT 0\n-- name: a\nSELECT 1", r"some\.sql: SQL stands before the first"),
        ("-- name: a\n-- says much, does nothing\n\n-- name: b\nSELECT 1", r"some\.sql: the statement a is empty"),
    ],
)
def test_a_faulty_file_is_refused(file: Path, text: str, message: str) -> None:
    file.write_text(text)

    with pytest.raises(ValueError, match=message):
        load(file)


def test_every_file_of_the_package_can_be_read() -> None:
    package = Path(__file__).parents[2] / "timeline"

    for path in package.rglob("*.sql"):
        assert len(load(path)) > 0, path
