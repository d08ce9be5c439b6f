"""Dates in words: kept as written, read as EDTF, never sharper than they were said."""

import json
import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from timeline.errors import BadDate
from timeline.model import date_words, edtf
from timeline.model.dates import Occurred, read

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "edtf"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the public EDTF corpora are not at {DATA}")

FRIDAY = read("2019-06-07")
STRADDLING = read("[2019-06-08..2019-06-14]")
ONE_WEEK = read("[2019-06-10..2019-06-14]")


# EDTF


def test_a_date_keeps_its_words_its_edtf_and_its_days() -> None:
    occurred = read("early June 2019")

    assert occurred == Occurred(
        words="early June 2019",
        edtf="[2019-06-01..2019-06-10]",
        earliest=date(2019, 6, 1),
        latest=date(2019, 6, 10),
        ongoing=False,
        anchored=False,
    )


@pytest.mark.parametrize(
    ("text", "earliest", "latest", "ongoing"),
    [
        ("2019-06-07", "2019-06-07", "2019-06-07", False),
        ("2019-06-~05", "2019-06-05", "2019-06-05", False),
        ("/2019-06-14", None, "2019-06-14", False),
        ("2019-06-14/", "2019-06-14", None, False),
        ("2019-04-04/..", "2019-04-04", None, True),
        ("/..", None, None, True),
        ("XXXX-12-25", None, None, False),
        ("00XX", "0001-01-01", "0099-12-31", False),
        ("2019-W23", "2019-06-03", "2019-06-09", False),
    ],
)
def test_edtf_is_read_before_words(text: str, earliest: str | None, latest: str | None, ongoing: bool) -> None:
    occurred = read(text)

    assert (str(occurred.earliest), str(occurred.latest)) == (str(earliest), str(latest))
    assert occurred.ongoing is ongoing
    assert not occurred.anchored


@pytest.mark.parametrize(
    "text", ["0000", "-0044-03-15", "-0044/2019", "2019/Y17E7", "Y17E8", "9999-24", "5th century BCE"]
)
def test_an_event_outside_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(BadDate, match="0001 to 9999"):
        read(text)


@pytest.mark.parametrize(
    "text", ["", " 2019", "2019 ", "7 June\t2019", "2019\x00", "2019-06-07\n", "7 June 2019\u2028", "x" * 201]
)
def test_blanks_around_control_characters_and_long_texts_are_refused(text: str) -> None:
    with pytest.raises(BadDate):
        read(text)


def test_a_fault_names_what_was_found_and_what_would_do() -> None:
    with pytest.raises(BadDate) as refused:
        read("shortly before the talks")

    assert refused.value.found == "shortly before the talks"
    assert '"early June 2019"' in refused.value.expected
    assert "EDTF" in refused.value.expected


# Words with their year


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        # parts of a month, a year, a decade, a century
        ("early June 2019", "[2019-06-01..2019-06-10]"),
        ("beginning of June 2019", "[2019-06-01..2019-06-10]"),
        ("mid-June 2019", "[2019-06-11..2019-06-20]"),
        ("the middle of June, 2019", "[2019-06-11..2019-06-20]"),
        ("late February 2020", "[2020-02-21..2020-02-29]"),
        ("END OF JUNE 2019", "[2019-06-21..2019-06-30]"),
        ("mid-to-late June 2019", "[2019-06-11..2019-06-30]"),
        ("early 2019", "[2019-01..2019-04]"),
        ("mid 2019", "[2019-05..2019-08]"),
        ("late in 2019", "[2019-09..2019-12]"),
        ("early 1990s", "[1990..1993]"),
        ("late 19th century", "[1867..1900]"),
        ("first half of June 2019", "[2019-06-01..2019-06-15]"),
        ("the second half of June 2019", "[2019-06-16..2019-06-30]"),
        ("first half of 2019", "[2019-01..2019-06]"),
        ("Q3 2019", "2019-35"),
        ("third quarter of 2019", "2019-35"),
        # days, weeks, months, seasons
        ("7 June 2019", "2019-06-07"),
        ("June 7, 2019", "2019-06-07"),
        ("June 7th 2019", "2019-06-07"),
        ("the 7th of June 2019", "2019-06-07"),
        ("on 7 Jun. 2019", "2019-06-07"),
        ("Friday 7 June 2019", "2019-06-07"),
        ("Fri., June 7, 2019", "2019-06-07"),
        ("7\u00a0June 2019", "2019-06-07"),
        ("week of 3 June 2019", "[2019-06-03..2019-06-09]"),
        ("in the week of 5 June 2019", "[2019-06-03..2019-06-09]"),
        ("week 23 of 2019", "[2019-06-03..2019-06-09]"),
        ("June 2019", "2019-06"),
        ("Sept 2019", "2019-09"),
        ("6/2019", "2019-06"),
        ("summer 2019", "2019-22"),
        ("winter 2018-19", "2018-24"),
        ("in the fall of 2019", "2019-23"),
        ("1990s", "199X"),
        ("the nineties", "199X"),
        ("2000s", "200X"),
        ("19th century", "18XX"),
        ("twenty-first century", "20XX"),
        ("the year 1800", "1800"),
        ("17 CE", "0017"),
        # ranges: one of these days, or lasted
        ("between 3 and 9 June 2019", "[2019-06-03..2019-06-09]"),
        ("between June 3 and 9, 2019", "[2019-06-03..2019-06-09]"),
        ("3-9 June 2019", "2019-06-03/2019-06-09"),
        ("3–9 June 2019", "2019-06-03/2019-06-09"),
        ("June 3-9, 2019", "2019-06-03/2019-06-09"),
        ("from 3 to 9 June 2019", "2019-06-03/2019-06-09"),
        ("from Monday 3 until Sunday 9 June 2019", "2019-06-03/2019-06-09"),
        ("30 June to 3 July 2019", "2019-06-30/2019-07-03"),
        ("28 December to 3 January 2020", "2019-12-28/2020-01-03"),
        ("28 December 2019 to 3 January", "2019-12-28/2020-01-03"),
        ("2019-06-03 to 2019-06-09", "2019-06-03/2019-06-09"),
        ("May to June 2019", "2019-05/2019-06"),
        ("1851-52", "1851/1852"),
        ("late May or early June 2019", "[2019-05-21..2019-05-31,2019-06-01..2019-06-10]"),
        ("3 or 4 June 2019", "[2019-06-03,2019-06-04]"),
        ("3 and 4 June 2019", "{2019-06-03,2019-06-04}"),
        # open sides
        ("since 4 April 2019", "2019-04-04/.."),
        ("ongoing since April 2019", "2019-04/.."),
        ("since late April 2019", "2019-04-21/.."),
        ("from 4 April 2019", "2019-04-04/"),
        ("from 4 April 2019 onwards", "2019-04-04/.."),
        ("by 14 June 2019", "/2019-06-14"),
        ("no later than 14 June 2019", "/2019-06-14"),
        ("before 14 June 2019", "/2019-06-14"),
        ("until mid-June 2019", "/2019-06-20"),
        ("after 14 June 2019", "[2019-06-14..]"),
        ("ongoing", "/.."),
        ("still ongoing", "/.."),
        # nights
        ("overnight 4 June 2019", "[2019-06-04..2019-06-05]"),
        ("overnight on 4 June 2019", "[2019-06-04..2019-06-05]"),
        ("overnight 4-5 June 2019", "[2019-06-04..2019-06-05]"),
        ("on the night of 31 December 2019", "[2019-12-31..2020-01-01]"),
        # marks
        ("about 5 June 2019", "2019-06-05~"),
        ("around early June 2019", "[2019-06-01~..2019-06-10~]"),
        ("circa 1990s", "199X~"),
        ("possibly June 2019", "2019-06?"),
        ("perhaps about June 2019", "2019-06%"),
        ("since about 4 April 2019", "2019-04-04~/.."),
    ],
)
def test_words_with_a_year_need_no_anchor(words: str, expected: str) -> None:
    occurred = read(words)

    assert (occurred.edtf, occurred.anchored) == (expected, False)


# Words that need an anchor


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("7 June", "2019-06-07"),
        ("Friday 7 June", "2019-06-07"),
        ("mid-June", "[2019-06-11..2019-06-20]"),
        ("June", "2019-06"),
        ("20 December", "2018-12-20"),  # the nearer of two
        ("29 February", "2020-02-29"),
        ("since 4 April", "2019-04-04/.."),
        ("by 14 June", "/2019-06-14"),
        ("3-9 June", "2019-06-03/2019-06-09"),
        ("from 28 December to 3 January", "2018-12-28/2019-01-03"),
        ("from 3 June to yesterday", "2019-06-03/2019-06-06"),
        ("today", "2019-06-07"),
        ("yesterday", "2019-06-06"),
        ("the day before yesterday", "2019-06-05"),
        ("three days ago", "2019-06-04"),
        ("this week", "[2019-06-03..2019-06-09]"),
        ("last week", "[2019-05-27..2019-06-02]"),
        ("earlier this week", "[2019-06-03..2019-06-07]"),
        ("later this month", "[2019-06-07..2019-06-30]"),
        ("last month", "2019-05"),
        ("early this month", "[2019-06-01..2019-06-10]"),
        ("by the end of the month", "/2019-06-30"),
        ("last year", "2018"),
        ("June last year", "2018-06"),
        ("late last year", "[2018-09..2018-12]"),
        ("on Tuesday", "2019-06-04"),
        ("Friday", "2019-06-07"),
        ("last Friday", "2019-05-31"),
        ("next Monday", "2019-06-10"),
        ("Tuesday of last week", "2019-05-28"),
        ("overnight", "[2019-06-06..2019-06-07]"),
        ("overnight on Tuesday", "[2019-06-04..2019-06-05]"),
    ],
)
def test_words_without_a_year_are_read_from_the_documents_date(words: str, expected: str) -> None:
    occurred = read(words, FRIDAY)

    assert (occurred.edtf, occurred.anchored) == (expected, True)


@pytest.mark.parametrize(
    "words", ["7 June", "mid-June", "since 4 April", "last week", "yesterday", "Tuesday", "overnight"]
)
@pytest.mark.parametrize("anchor", [None, read("/..")])
def test_words_without_a_year_or_a_document_date_are_refused(words: str, anchor: Occurred | None) -> None:
    with pytest.raises(BadDate, match="document date"):
        read(words, anchor)


@pytest.mark.parametrize(
    ("words", "anchor", "expected"),
    [
        ("last week", STRADDLING, "[2019-05-27..2019-06-09]"),
        ("last week", ONE_WEEK, "[2019-06-03..2019-06-09]"),
        ("yesterday", ONE_WEEK, "[2019-06-09..2019-06-13]"),
        ("on Tuesday", ONE_WEEK, "[2019-06-04,2019-06-11]"),
        ("last month", read("[2019-05-30..2019-06-02]"), "[2019-04..2019-05]"),
        ("early last month", read("[2019-05-30..2019-06-02]"), "[2019-04-01..2019-04-10,2019-05-01..2019-05-10]"),
        ("7 June", ONE_WEEK, "2019-06-07"),
        ("1 July", read("2018/2019"), "[2018-07-01,2019-07-01]"),
        ("1 February", read("2018/2019"), "[2018-02-01,2019-02-01,2020-02-01]"),
        ("29 February", read("2017/2021"), "[2016-02-29,2020-02-29]"),
        ("Friday 7 June", read("2018/2019"), "2019-06-07"),
        ("7 June", read("/2019-06-14"), "2019-06-07"),  # one side is enough to tell a year
    ],
)
def test_a_fuzzy_document_date_gives_the_union_over_its_days(words: str, anchor: Occurred, expected: str) -> None:
    assert read(words, anchor).edtf == expected


def test_a_document_date_without_a_start_cannot_tell_last_week() -> None:
    with pytest.raises(BadDate, match="document date"):
        read("last week", read("/2019-06-14"))


def test_what_goes_on_since_april_began_before_it_was_said() -> None:
    assert read("since 4 April", read("2020-01-10")).edtf == "2019-04-04/.."
    assert read("4 April", read("2020-01-10")).edtf == "2020-04-04"


def test_a_wrong_weekday_is_refused_with_the_right_one() -> None:
    with pytest.raises(BadDate, match="Friday: that is the weekday of 2019-06-07"):
        read("Monday 7 June 2019")


@pytest.mark.parametrize(
    "words",
    [
        "30 February 2019",
        "31 June",
        "10/7/2008",
        "7.6.2019",
        "7 June 19",
        "1800s",
        "early last week",
        "early on 7 June 2019",
        "by Friday",
        "9-3 June 2019",
        "June 9-3, 2019",
        "9 June to 3 June 2019",
        "late to early June 2019",
        "between June 2019",
        "since",
        "the",
        "7",
        "about 7",
        "7 June 2019 or so",
        "early June and late June 2019",
        "overnight in June 2019",
        "overnight 4-6 June 2019",
        "winter 2018-20",
        "week 54 of 2019",
        "week of June 2019",
        "mid 1995-96 7",
        "tomorrow or never",
        "7 giugno 2019",
        "7 June २०१९",
    ],
)
def test_what_is_not_clear_is_refused(words: str) -> None:
    with pytest.raises(BadDate) as refused:
        read(words, FRIDAY)

    assert refused.value.found
    assert refused.value.expected


@pytest.mark.parametrize(
    ("words", "anchor"),
    [
        ("tomorrow", "9999-12-31"),
        ("yesterday", "0001-01-01"),
        ("last month", "0001-01-01"),
        ("next year", "9999-12-31"),
        ("next week", "9999-12-31"),
        ("overnight 31 December 9999", "2019"),
        ("week of 3 June 0000", "2019"),
        ("Friday 3 June 0000", "2019"),
    ],
)
def test_words_that_leave_the_calendar_are_refused(words: str, anchor: str) -> None:
    with pytest.raises(BadDate):
        read(words, read(anchor))


# The corpora


# Where our rules differ: a year must be said or known, and the ends of a range are its outer years.
NEEDS_A_YEAR = {"January 12", "January"}
BINDING_ELSEWHERE = {"1857-mid 1860s": "1857/1866", "1920s -early 1930s": "1920/1933", "1860s-1870s": "1860/1879"}
NOISE_WE_REFUSE = {"active 17-19th Centuries"}


@needs_data
def test_prose_dates_that_two_implementations_agree_on_read_the_same() -> None:
    cases = json.loads((DATA / "natlang-python-edtf.json").read_text())["agreements"]
    differing = {}
    refused = set()
    for case in cases:
        try:
            found = read(case["input"]).edtf
        except BadDate:
            refused.add(case["input"])
            continue
        if found != case["edtf"]:
            differing[case["input"]] = found

    assert len(cases) == 74
    assert differing == BINDING_ELSEWHERE
    assert refused == NEEDS_A_YEAR | NOISE_WE_REFUSE


@needs_data
def test_prose_without_a_date_is_refused() -> None:
    corpus = json.loads((DATA / "natlang-python-edtf.json").read_text())

    for case in [*corpus["agreements_no_match"], *corpus["not_adopted"]]:
        with pytest.raises(BadDate):
            read(case["input"])


@needs_data
def test_early_mid_and_late_have_the_bounds_of_the_corpus_and_are_written_as_sets() -> None:
    cases = json.loads((DATA / "natlang-edtf-ts-early-mid-late.json").read_text())

    for case in cases:
        ours, theirs = date_words.write(case["input"]).bounds, edtf.parse(case["edtf"])
        assert (ours.earliest, ours.latest) == (theirs.earliest, theirs.latest), case["input"]
        first, last = case["edtf"].split("/")
        joined = re.search(r"(?<!early)(?<!mid)(?<!middle) (to|through|-) ", case["input"])
        assert ours.text == (case["edtf"] if joined else f"[{first}..{last}]"), case["input"]
    assert len(cases) == 129


# Properties


_WORDS = (
    "early mid late end - – to and or from between since by until after the of in on about circa ? ~ overnight ongoing "
    "first second half quarter week month year day days ago last this next earlier later today yesterday tomorrow "
    "June Feb. May Sept December Friday Tue winter summer 1 3 7th 29 31 52 0 007 2019 1900 9999 0000 0001 1990 s "
    "century c BC AD Q 2019-06 2019-06-07 2019-02-30 sixties twentieth twenty-first / , : 12345 . ["
)
VOCABULARY = _WORDS.split()
anchors = st.none() | st.sampled_from(
    [
        read(text)
        for text in ("2019-06-07", "[2019-12-20..2020-01-10]", "2018/2019", "0001-01-01", "9999-12-31", "/2019")
    ]
)


@settings(max_examples=600)
@given(st.lists(st.sampled_from(VOCABULARY), max_size=8).map(" ".join), anchors)
@example("mid 1995-96", None)
@example("1 BC - 52", None)
def test_any_words_are_read_consistently_or_refused_with_bad_date(words: str, anchor: Occurred | None) -> None:
    try:
        occurred = read(words, anchor)
    except BadDate:
        return

    again = read(occurred.edtf)
    assert occurred.words == words
    assert (again.earliest, again.latest, again.ongoing) == (occurred.earliest, occurred.latest, occurred.ongoing)
    assert occurred.earliest is None or occurred.latest is None or occurred.earliest <= occurred.latest


@given(st.text(max_size=60), anchors)
def test_any_text_is_read_or_refused_with_bad_date(text: str, anchor: Occurred | None) -> None:
    try:
        occurred = read(text, anchor)
    except BadDate:
        return

    assert occurred.earliest is None or occurred.latest is None or occurred.earliest <= occurred.latest


@given(st.dates())
def test_a_day_written_in_words_is_that_day(day: date) -> None:
    written = [
        f"{day.day} {day:%B} {day.year:04}",
        f"{day:%b} {day.day}, {day.year:04}",
        f"{day:%A} {day.day} {day:%B} {day.year:04}",
    ]

    assert {read(words).edtf for words in written} == {day.isoformat()}


@given(
    st.dates(min_value=date(2, 1, 1), max_value=date(9998, 1, 1)),
    st.dates(min_value=date(2, 1, 1), max_value=date(9998, 1, 1)),
)
def test_a_day_without_a_year_is_the_nearest_such_day(day: date, said: date) -> None:
    found = read(f"{day.day} {day:%B}", read(said.isoformat())).earliest

    assert found is not None
    assert (found.month, found.day) == (day.month, day.day)
    if (day.month, day.day) != (2, 29):
        assert abs((found - said).days) <= 183


@given(st.dates(min_value=date(2, 1, 1), max_value=date(9998, 1, 1)))
def test_last_week_lies_within_a_fortnight_before(said: date) -> None:
    occurred = read("last week", read(said.isoformat()))

    assert occurred.earliest is not None
    assert occurred.latest is not None
    assert (occurred.earliest.weekday(), occurred.latest.weekday()) == (0, 6)
    assert 1 <= (said - occurred.latest).days <= 7


@pytest.mark.parametrize(
    "word", ["early ", "-", "~", "the ", "week ", "1 ", "to ", "june ", "2019-06-07 ", "no later than "]
)
def test_texts_of_full_length_are_judged_in_time(word: str) -> None:
    text = (word * 200)[:200].strip()

    with pytest.raises(BadDate):
        read(text, FRIDAY)
