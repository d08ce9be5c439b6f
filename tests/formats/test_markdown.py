"""Markdown reads well raw, and a parser that is not ours (markdown-it-py, which rich brings) finds our marks only."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.formats import samples
from tests.formats.hostile import HOSTILE
from timeline.formats import FORMATS, render
from timeline.formats.escapes import inline, link
from timeline.formats.format import NOWHERE
from timeline.model.entry import (
    AssessmentShown,
    DateShown,
    EventShown,
    NameShown,
    ParticipantShown,
    Shape,
    Stand,
    TargetShown,
)

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def raw(answer: Shape) -> str:
    return render(FORMATS["markdown"], answer).decode()


def tokens(text: str) -> list[Token]:
    """Every token of the document, those within lines too."""
    return [inner for token in PARSER.parse(text) for inner in [token, *(token.children or [])]]


def structure(text: str) -> list[tuple[str, str]]:
    """What the document is made of, without what it says."""
    return [(token.type, token.tag) for token in tokens(text) if token.type not in ("text", "text_special", "inline")]


def lines(text: str) -> list[str]:
    """What the document says, block by block; several blanks are one, as in HTML."""
    inlines = [token for token in PARSER.parse(text) if token.type == "inline"]
    return [re.sub(" +", " ", "".join(child.content for child in token.children or [])) for token in inlines]


def shown(text: str) -> str:
    """The text as it should come out: on one line, without explicit directions; CommonMark replaces NUL."""
    text = text.replace("\0", "\ufffd")
    flat = re.sub("[\t-\r\x1c-\x1f\x85\u2028\u2029]+", " ", DIRECTIONS.sub("", text))
    return re.sub(" +", " ", flat.strip())


def event(text: str) -> EventShown:
    """An event with the text in every place that may hold somebody's words."""
    names = {**samples.NAMES, "x": NameShown(type="actor", slug=None, name=text)}
    stand = Stand(**{name: getattr(samples.meeting(), name) for name in Stand.__struct_fields__})
    date = DateShown(words=text, edtf=text, earliest=None, latest=None)
    quote = {"text": text, "translation": text}
    return samples.event(
        title=text,
        summary="summary",
        kind=text,
        source="x",
        against=["x"],
        denied_by=["x"],
        participants=[ParticipantShown(actor="x", role=text)],
        assessments=[AssessmentShown(id="a", source="x", hedge=text, likelihood=text)],
        of=[TargetShown(id="t", title=text, standing="denied", kind="meeting")],
        voices=[samples.voice("assert", "x", said=date, modality=text, grade=text, quote=quote, part=text)],
        attribution={"x": stand},
        replies=[samples.entry(title=text)],
        names=names,
    )


def test_an_entry_says_when_what_and_why_it_stands_so() -> None:
    text = raw(samples.page(samples.meeting()))

    address = NOWHERE.event(samples.meeting().id)
    assert f"1. **early June 2019**: [Haftar meets the Russian president]({address})\n" in text
    assert "   - denied by Russian officials (R5), every voice is a party's\n" in text
    assert "   - judged false, “both rumours” (Weekly report)\n" in text


def test_a_reply_says_what_it_answers_and_where_that_stands() -> None:
    assert "- of “Haftar meets the Russian president” (denied)" in raw(samples.page(samples.denial()))


def test_a_plan_whose_day_is_over_reads_as_overdue() -> None:
    assert "rumoured (R8), expected, overdue" in raw(samples.page(samples.rumour()))


def test_a_corroborated_event_still_names_who_denies_it() -> None:
    entry = samples.entry(standing="corroborated", rule="R3", denied_by=[samples.OFFICIALS])

    assert "- corroborated, denied by Russian officials (R3)" in raw(samples.page(entry))


def test_of_many_deniers_a_few_are_named() -> None:
    entry = samples.entry(standing="denied", rule="R5", denied_by=[f"s-{number}" for number in range(12)])

    assert "denied by s-0, s-1, s-2, s-3, s-4, s-5, s-6, s-7, s-8, s-9 and 2 more (R5)" in raw(samples.page(entry))


def test_a_page_says_as_of_which_position_it_holds() -> None:
    assert "As of position 41." in raw(samples.page())
    assert "As of position 20." in raw(samples.page(as_of=20))
    assert "As of position 20." in raw(samples.event(as_of=20))
    assert "As of position" not in raw(samples.event())


def test_a_page_that_goes_on_says_so() -> None:
    assert "More entries follow" in raw(samples.page(samples.entry(), following="c"))
    assert "More entries follow" not in raw(samples.page(samples.entry()))


@pytest.mark.parametrize("answer", [samples.page(), samples.week()], ids=["page", "week"])
def test_where_there_is_nothing_it_says_nothing(answer: Shape) -> None:
    assert raw(answer).endswith("\n\nNothing.\n")


def test_a_week_has_a_heading_for_each_section_that_holds_something() -> None:
    text = raw(samples.full_week())

    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == [
        "## Happened",
        "## Said",
        "## Assessments",
        "## Continuing",
        "## Ahead",
        "## Changed in our records, from position 13 to 20",
        "## Sources",
    ]
    assert text.count("This section holds more than is listed here.") == 1


def test_a_week_is_numbered_through() -> None:
    lists = [token for token in tokens(raw(samples.full_week())) if token.type == "ordered_list_open"]

    assert [token.attrs.get("start", 1) for token in lists] == [1, 3, 5, 6, 7, 8]


def test_a_change_says_from_what_to_what() -> None:
    text = raw(samples.full_week())

    assert (
        f"9. **early June 2019**: [Event 3]({NOWHERE.event(samples.entry(3).id)})\n"
        "   - re-dated from continues (since an unknown day) to early June 2019, from week 2019-W24 to 2019-W23\n"
        "   - was reported (R7), now denied by Russian officials (R5)\n"
        "   - corrected\n"
        "   - because denied by Russian officials (position 14)\n"
        "   - because corrected, our error, on the authority of the desk: “Typed into the wrong week.” (position 15)\n"
    ) in text


def test_an_event_lists_its_voices_in_a_table() -> None:
    text = raw(samples.full_event())

    assert "| assert | pro-Haftar media | stated | 7 June 2019 | D6 | “he met the president” |" in text
    assert "| deny (Russia, taken back) | Russia |" in text
    assert "| confirm (no effect) | The Paper | stated | 14 June 2019 (assumed) |" in text
    assert "The oldest 4 of 12 voices." in text


def test_our_own_marks_are_all_that_a_parser_finds() -> None:
    assert {kind for kind, _ in structure(raw(samples.full_week()))} == {
        "heading_open", "heading_close", "paragraph_open", "paragraph_close", "ordered_list_open", "ordered_list_close",
        "bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close", "strong_open", "strong_close",
        "link_open", "link_close",
    }  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_makes_no_structure_in_a_page(text: str) -> None:
    hostile = samples.page(samples.entry(title=text), samples.meeting(), name=text)
    harmless = samples.page(samples.entry(title="x"), samples.meeting(), name="x")

    assert structure(raw(hostile)) == structure(raw(harmless))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_makes_no_structure_in_an_event(text: str) -> None:
    assert structure(raw(event(text))) == structure(raw(event("x")))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_it_was(text: str) -> None:
    read = lines(raw(event(text)))

    assert read[0] == shown(text)
    assert shown(f"of “{text}” (denied)") in read


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_summary_is_paragraphs_of_text(text: str) -> None:
    found = {kind for kind, _ in structure(raw(samples.event(summary=text)))}

    assert found == {kind for kind, _ in structure(raw(samples.event(summary="x")))}


@pytest.mark.parametrize(
    "text", ["AT&T", "snake_case_name", "US-backed", "1.5 million", "Benghazi (Libya)", "no. 1!", "C#", "a + b"]
)
def test_text_that_cannot_act_reads_raw_as_it_is(text: str) -> None:
    assert inline(text) == text


@given(
    st.text(
        alphabet=st.one_of(st.sampled_from("\\`*_[]<>()#+-.!|&~;:/w1 \n"), st.characters(exclude_categories=["Cs"]))
    )
)
def test_any_text_is_one_paragraph_of_itself(text: str) -> None:
    wanted = shown(text.replace("\0", "\ufffd"))

    marked = f"x **{inline(text)}**: {inline(text)}" if wanted else "x : "

    assert lines(marked) == [shown(f"x {wanted}: {wanted}") if wanted else "x :"]
    assert lines(f"| a |\n|---|\n| {inline(text)} |") == ["a", wanted]


@given(st.text(alphabet="\\`*_[]<>()#+-.!|&~;:=12 ab"))
def test_any_text_may_begin_a_line(text: str) -> None:
    assert lines(inline(text)) == ([shown(text)] if shown(text) else [])


@pytest.mark.parametrize("text", [*HOSTILE, "a]", "[a](b)", "a](javascript:x) [b", "\\]", "![x](y)"])
def test_a_link_is_the_text_and_leads_where_it_should(text: str) -> None:
    read = tokens(f"1. **when**: {link(text, 'http://127.0.0.1/a(b)')}")

    inner = [each for each in read if each.type in ("link_open", "image")]
    assert [each.attrs for each in inner] == [{"href": "http://127.0.0.1/a%28b%29"}]
    words = [each.content for each in read if each.type in ("text", "text_special")]
    assert re.sub(" +", " ", "".join(words)) == f"when: {shown(text)}".rstrip()
