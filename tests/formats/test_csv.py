"""CSV reads back as the same entries, and no cell of it is a formula."""

import csv
import io
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats import samples
from tests.formats.hostile import HOSTILE
from timeline.formats import FORMATS, render
from timeline.formats.csv import CHANGE_COLUMNS, COLUMNS
from timeline.formats.escapes import cell
from timeline.model.entry import NameShown, OccurredShown, Page, ParticipantShown, Shape

ACTS = re.compile("[=+@＝＋－＠-]|[\t\r\n\0]")


def rows(answer: Shape, delimiter: str = ",") -> list[list[str]]:
    text = render(FORMATS["csv"], answer).decode()
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def table(answer: Shape) -> list[dict[str, str]]:
    header, *lines = rows(answer)
    assert all(len(line) == len(header) for line in lines)
    return [dict(zip(header, line, strict=True)) for line in lines]


def everywhere(text: str) -> Page:
    """A page with the text in every cell that may hold somebody's words."""
    when = OccurredShown(
        words=text, edtf=text, earliest=None, latest=None, ongoing=False, week=text, at=samples.EARLY_JUNE.at,
        placed_by="said",
    )  # fmt: skip
    entry = samples.entry(
        title=text, kind=text, occurred=when, marking=text, modality=text, source="x", against=["x"], topics=["x"],
        denied_by=["x"], participants=[ParticipantShown(actor="x", role=text)],
    )  # fmt: skip
    page = samples.page(entry, samples.denial())
    names = {**page.names, "x": NameShown(type="actor", slug=None, name=text)}
    return msgspec.structs.replace(page, names=names)


def evaluated(value: str) -> bool:
    """Whether a spreadsheet that drops blanks, quotes and invisible characters sees a formula or a control."""
    seen = re.sub('^[ "\u00a0\u00ad\u200b-\u200f\u2060\ufeff]+', "", value)
    return bool(ACTS.match(value) or ACTS.match(seen))


def test_a_denied_meeting_reads_in_words() -> None:
    meeting = table(samples.haftar())[1]

    assert meeting["standing"] == "denied"
    assert meeting["denied_by"] == "Russian officials"
    assert meeting["participants"] == "Khalifa Haftar (actor); Vladimir Putin (actor)"
    assert meeting["participant_ids"] == "a-haftar; a-putin"
    assert meeting["assessments"] == "false, “both rumours” (Weekly report)"
    assert (meeting["ongoing"], meeting["earliest"]) == ("false", "2019-06-01")


def test_a_reply_names_what_it_is_of() -> None:
    denial = table(samples.haftar())[2]

    assert (denial["of"], denial["of_ids"]) == (samples.meeting().title, samples.meeting().id)


def test_what_is_unknown_is_an_empty_cell() -> None:
    line = table(samples.page(samples.entry(occurred=samples.CONTINUES, standing=None)))[0]

    assert (line["earliest"], line["latest"], line["standing"]) == ("", "", "")


def test_an_id_that_nobody_named_stands_for_itself() -> None:
    accusation = table(samples.page(samples.accusation()))[0]

    assert (accusation["source"], accusation["against"]) == (samples.UNREGISTERED, "Mohammed bin Zayed")


def test_a_week_has_the_same_columns_after_its_section() -> None:
    header, *_ = rows(samples.full_week())

    assert header == ["section", *COLUMNS, *CHANGE_COLUMNS]


def test_a_change_says_what_was_before() -> None:
    redated = table(samples.full_week())[8]

    assert (redated["section"], redated["changed"]) == ("changed", "re-dated; standing; corrected")
    assert (redated["standing"], redated["standing_before"]) == ("denied", "reported")
    assert (redated["week"], redated["week_before"]) == ("2019-W23", "2019-W24")


@pytest.mark.parametrize("answer", [samples.page(), samples.week()], ids=["page", "week"])
def test_nothing_is_a_header_alone(answer: Shape) -> None:
    assert len(rows(answer)) == 1


def test_lines_end_as_rfc_4180_says() -> None:
    content = render(FORMATS["csv"], samples.haftar())

    assert content.count(b"\r\n") == content.count(b"\n") == 7
    assert not content.startswith(b"\xef\xbb\xbf")


def test_a_registration_is_kept_whole_in_its_body() -> None:
    line = table(samples.registry())[0]

    assert (line["slug"], line["body"][:16]) == ("haftar", '{"kind":"actor",')


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_of_hostile_text_is_evaluated(text: str) -> None:
    first, second = rows(everywhere(text))[1:]

    assert not [each for each in first if evaluated(each)]
    assert second[1] == samples.denial().id


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_no_cell_is_evaluated_where_the_list_separator_is_another(text: str, delimiter: str) -> None:
    cells = [each for row in rows(everywhere(text), delimiter) for each in row]

    assert not [each for each in cells if re.match('[\\s"\u00ad\u200b\ufeff]*[=+@＝＋－＠-]', each)]


@pytest.mark.parametrize("text", ["Haftar's visit", "a = b", "2019-06-01", "x@y", "e-mail", "", "'quoted'", "a; b"])
def test_harmless_text_is_not_touched(text: str) -> None:
    assert cell(text) == text


@given(st.text())
def test_defusing_adds_apostrophes_and_nothing_else(text: str) -> None:
    assert cell(text).replace("'", "") == text.replace("'", "")
    assert not evaluated(cell(text))
    assert cell(cell(text)) == cell(text)
