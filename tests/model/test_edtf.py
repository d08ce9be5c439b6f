"""EDTF levels 0 to 2 (ISO 8601-2:2019, LoC EDTF 2019), judged by our own cases and the verdicts of five libraries."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeline.errors import BadDate
from timeline.model import edtf

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "edtf"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the public EDTF corpora are not at {DATA}")

# Where the verdicts' bounds are not ours, and the rule of the house that says so.
HOUSE_BOUNDS = {
    "1950S2": "1900-01-01/1999-12-31",  # the standard; libraries keep the year
    "1953S2": "1900-01-01/1999-12-31",
    "1953S3": "1950-01-01/1959-12-31",
    "1985-04-12T23:20:30-04": "1985-04-12/1985-04-12",  # the day as written
    "1985-04-12T23:20:30-04:00": "1985-04-12/1985-04-12",
    "2020-05-01T10:30:45+14:00": "2020-05-01/2020-05-01",
    "2020-05-01T24:00:00Z": "2020-05-01/2020-05-01",
    "1999-24": "1999-12-01/2000-02-29",  # winter ends in the next year
    "2010-24": "2010-12-01/2011-02-28",
    "2020-24": "2020-12-01/2021-02-28",
}
# The strings on which implementations differ, and the side that notes/domain.md §7 takes.
CONTESTED_REFUSED = {"-01", "-05", "-99", "00", "19", "20", "-0000-01-01"}


def bounds(text: str) -> str:
    read = edtf.parse(text)
    sides = (day and "{:04}-{:02}-{:02}".format(*day) for day in (read.earliest, read.latest))
    return "/".join(side or "" for side in sides)


def accepts(text: str) -> bool:
    try:
        edtf.parse(text)
    except BadDate:
        return False
    return True


def rows(*classes: str) -> list[dict[str, object]]:
    if not DATA.is_dir():
        return []
    return [row for row in json.loads((DATA / "consensus.json").read_text()) if row["cls"] in classes]


@needs_data
def test_every_string_that_must_be_accepted_is_accepted() -> None:
    refused = [row["input"] for row in rows("must-accept") if not accepts(str(row["input"]))]

    assert refused == []
    assert len(rows("must-accept")) == 171


@needs_data
def test_every_string_that_must_be_refused_is_refused() -> None:
    accepted = [row["input"] for row in rows("must-reject") if accepts(str(row["input"]))]

    assert accepted == []
    assert len(rows("must-reject")) == 15


@needs_data
def test_contested_strings_follow_the_rules_of_the_house() -> None:
    refused = {
        row["input"] for row in rows("contested", "should-accept", "should-reject") if not accepts(str(row["input"]))
    }

    assert refused == CONTESTED_REFUSED


@needs_data
def test_bounds_are_those_the_implementations_agree_on_but_for_the_rules_of_the_house() -> None:
    differing = {}
    for row in rows("must-accept", "should-accept", "contested"):
        agreed = row["bounds_consensus"]
        if isinstance(agreed, dict) and accepts(str(row["input"])):
            ours = bounds(str(row["input"]))
            if ours != f"{agreed['min']}/{agreed['max']}":
                differing[row["input"]] = ours

    assert differing == HOUSE_BOUNDS


@needs_data
def test_every_example_of_the_library_of_congress_is_read() -> None:
    examples = json.loads((DATA / "loc-edtf-examples.json").read_text())["examples"]

    assert [example["edtf"] for example in examples if not accepts(example["edtf"])] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # level 0
        ("2019-06-07", "2019-06-07/2019-06-07"),
        ("2019-06", "2019-06-01/2019-06-30"),
        ("2019", "2019-01-01/2019-12-31"),
        ("0007", "0007-01-01/0007-12-31"),
        ("2020-02", "2020-02-01/2020-02-29"),
        ("2004-02-01/2005", "2004-02-01/2005-12-31"),
        # the written day stands, whatever the offset or the hour
        ("2019-06-07T23:20:30-04:00", "2019-06-07/2019-06-07"),
        ("2019-06-07T00:30+14", "2019-06-07/2019-06-07"),
        ("2019-06-07T10:30", "2019-06-07/2019-06-07"),
        ("2019-06-07T10:30:45.123Z", "2019-06-07/2019-06-07"),
        ("2019-06-07T24:00:00Z", "2019-06-07/2019-06-07"),
        ("2016-12-31T23:59:60Z", "2016-12-31/2016-12-31"),
        # marks never widen
        ("2019-06~", "2019-06-01/2019-06-30"),
        ("2019-06-~05", "2019-06-05/2019-06-05"),
        ("2004?-~06-%04", "2004-06-04/2004-06-04"),
        # unspecified digits
        ("2019-06-0X", "2019-06-01/2019-06-09"),
        ("2019-06-XX", "2019-06-01/2019-06-30"),
        ("1984-1X", "1984-10-01/1984-12-31"),
        ("2019-02-2X", "2019-02-20/2019-02-28"),
        ("2019-XX-31", "2019-01-31/2019-12-31"),
        ("2019-XX-3X", "2019-01-30/2019-12-31"),
        ("156X~", "1560-01-01/1569-12-31"),
        ("1X99", "1099-01-01/1999-12-31"),
        ("201X-02-29", "2012-02-29/2016-02-29"),
        ("19XX-24", "1900-12-01/2000-02-29"),
        ("-01XX", "-199-01-01/-100-12-31"),
        ("XXXX", "/"),
        ("XXXX-12-25", "/"),
        # seasons, quarters, thirds, halves
        ("2019-21", "2019-03-01/2019-05-31"),
        ("2019-22", "2019-06-01/2019-08-31"),
        ("2019-23", "2019-09-01/2019-11-30"),
        ("2019-24", "2019-12-01/2020-02-29"),
        ("2019-28", "2019-12-01/2020-02-29"),
        ("2019-29", "2019-09-01/2019-11-30"),
        ("2019-30", "2019-12-01/2020-02-29"),
        ("2019-32", "2019-06-01/2019-08-31"),
        ("2019-33", "2019-01-01/2019-03-31"),
        ("2019-36", "2019-10-01/2019-12-31"),
        ("2019-37", "2019-01-01/2019-04-30"),
        ("2019-39", "2019-09-01/2019-12-31"),
        ("2019-40", "2019-01-01/2019-06-30"),
        ("2019-41", "2019-07-01/2019-12-31"),
        # intervals: unknown and open
        ("/2019-06-14", "/2019-06-14"),
        ("../2019-06-14", "/2019-06-14"),
        ("2019-06-14/", "2019-06-14/"),
        ("2019-04-04/..", "2019-04-04/"),
        ("/..", "/"),
        ("../..", "/"),
        ("2004-06-XX/2004-07-03", "2004-06-01/2004-07-03"),
        # sets: the hull
        ("[2019-06-01..2019-06-10]", "2019-06-01/2019-06-10"),
        ("{1960,1961-12}", "1960-01-01/1961-12-31"),
        ("[1670..1672,1667]", "1667-01-01/1672-12-31"),
        ("[..1984]", "/1984-12-31"),
        ("[1760-12..]", "1760-12-01/"),
        ("[1667, 1668, 1670..1672]", "1667-01-01/1672-12-31"),
        # years beyond four digits, exponents, significant digits
        ("Y17E7", "170000000-01-01/170000000-12-31"),
        ("Y-17E7", "-170000000-01-01/-170000000-12-31"),
        ("Y171010000S3", "171000000-01-01/171999999-12-31"),
        ("Y3388E2S3", "338000-01-01/338999-12-31"),
        ("1950S2", "1900-01-01/1999-12-31"),
        ("-1950S2", "-1999-01-01/-1900-12-31"),
        ("-0044-03-15", "-044-03-15/-044-03-15"),
    ],
)
def test_the_days_a_date_allows(text: str, expected: str) -> None:
    assert bounds(text) == expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "EDTF date"),
        ("/", "interval"),
        ("2019/2020/2021", "interval"),
        ("2019-06-09/2019-06-03", "not before its start"),
        ("[2019-06-10..2019-06-01]", "not before its start"),
        ("2019-02-29", "01 to 28"),
        ("2019-06-31", "01 to 30"),
        ("2019-13", "01 to 12"),
        ("2019-42", "21 to 41"),
        ("2019-13-01", "01 to 12"),
        ("2019-22-05", "01 to 12"),
        ("-0000", '"0000"'),
        ("19", "four digits"),
        ("199", "four digits"),
        ("-05", "four digits"),
        ("19-06-07", "four digits"),
        ("(2011)-06-04~", "not brackets"),
        ("2019-02-3X", "real day"),
        ("2019-2X-01", "real day"),
        ("1X01-02-29", "leap year"),
        ("Y2019", "more than four digits"),
        ("1950S5", "significant"),
        ("1950S0", "significant"),
        ("Y17E7-12-26", "EDTF date"),
        ("2019-06-07T25:00", "time"),
        ("2019-06-07T24:01", "time"),
        ("2019-06-07T10", "time"),
        ("2019-06-07T10:30+25", "time"),
        ("2019-6-7", "EDTF date"),
        ("[]", "set"),
        ("[2019}", "set"),
        ("[..]", "open"),
        ("[2019,..2020]", "open"),
        ("[2019..,2020]", "open"),
        ("[2019..2020..2021]", "EDTF date"),
        ("[2019,  2020]", "EDTF date"),
        ("２０１９", "EDTF date"),
        ("2019\n", "EDTF date"),
    ],
)
def test_what_is_no_edtf_is_refused_with_what_was_expected(text: str, hint: str) -> None:
    with pytest.raises(BadDate) as refused:
        edtf.parse(text)

    assert hint in refused.value.expected


def test_only_an_open_end_is_still_going_on() -> None:
    ongoing = [text for text in ("2019/..", "/..", "../..", "2019/", "../2019", "[2019..]") if edtf.parse(text).ongoing]

    assert ongoing == ["2019/..", "/..", "../.."]


def test_a_blank_after_a_comma_is_read_and_not_written() -> None:
    assert edtf.parse("{1667, 1668}").text == "{1667,1668}"


def test_a_text_longer_than_the_limit_is_refused_without_being_echoed() -> None:
    with pytest.raises(BadDate, match="at most 200") as refused:
        edtf.parse("2" * 1_000_000)

    assert len(refused.value.found) < 50


@pytest.mark.parametrize(
    "text", ["[" + "XXX1-02-29," * 17 + "2019]", "Y" + "9" * 190 + "E999", "~" * 200, "[..".ljust(200, ".")]
)
def test_hostile_texts_of_full_length_are_judged(text: str) -> None:
    accepts(text)


EDTF_CHARACTERS = st.text(alphabet="0129X-~?%/.,[]{}YESTZ:+ ", max_size=24)


@given(EDTF_CHARACTERS | st.text(max_size=30))
def test_any_text_is_read_or_refused_with_bad_date(text: str) -> None:
    if accepts(text):
        read = edtf.parse(text)

        assert read.earliest is None or read.latest is None or read.earliest <= read.latest


@given(EDTF_CHARACTERS)
def test_the_canonical_text_reads_the_same(text: str) -> None:
    if accepts(text):
        read = edtf.parse(text)

        assert edtf.parse(read.text) == read


@given(st.dates(), st.sampled_from(["", "~", "?", "%"]))
def test_every_day_reads_as_itself(day: object, mark: str) -> None:
    assert bounds(f"{day}{mark}") == f"{day}/{day}"


@given(st.dates(), st.sets(st.integers(0, 9), min_size=1))
def test_a_masked_day_lies_within_its_bounds(day: object, hidden: set[int]) -> None:
    mask = "".join("X" if i in hidden and digit != "-" else digit for i, digit in enumerate(str(day)))

    read = edtf.parse(mask)

    real = edtf.parse(str(day)).earliest
    assert real is not None
    assert read.earliest is None or read.earliest <= real
    assert read.latest is None or real <= read.latest
