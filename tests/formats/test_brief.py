"""The brief of a week reads as an editor would send it, and every line leads to its sources."""

import re

import msgspec
import pytest

from tests.formats import samples
from tests.formats.hostile import HOSTILE
from tests.formats.test_markdown import raw, structure
from timeline.formats.format import NOWHERE
from timeline.model.changes import ChangeShown
from timeline.model.slice import Slice


def notes(text: str) -> dict[str, str]:
    """The notes at the end, by number."""
    return dict(re.findall(r"^- \[(\d+)\] (.*)$", text, re.MULTILINE))


def test_every_line_cites_notes_that_are_there() -> None:
    text = raw(samples.full_week())

    cited = set(re.findall(r"(?<!- )\[(\d+)\]", text))
    assert cited == {*notes(text)}
    assert [*notes(text)] == ["1", "2", "3", "4", "5"]


def test_a_line_tells_on_whose_word_it_stands_with_grades() -> None:
    text = raw(samples.full_week())

    told = "   - told by pro-Haftar media, stated, D6 [1]; denied by Russian officials, stated, C2 [2]\n"
    assert f"   - denied by Russian officials (R5), every voice is a party's\n{told}" in text
    assert "C fairly reliable; D not usually reliable; F reliability cannot be judged" in text
    assert "2 probably true; 6 truth cannot be judged" in text
    assert "R5 denied, and nobody who vouches says so" in text
    assert "R6" not in text


def test_a_note_tells_of_the_source_and_where_it_is_read() -> None:
    found = notes(raw(samples.full_week()))

    assert found["1"] == (
        r"pro-Haftar media (D, unnamed), in “Weekly \*report\*” (Weekly report, 14 June 2019), "
        r"https\://example.org/report_1"
    )
    assert found["3"] == "Russian officials (C)"
    assert found["5"].startswith("Weekly report (B, our own), in “Weekly")


def test_our_assessments_stand_apart_and_are_called_ours() -> None:
    text = raw(samples.full_week())

    said, assessed = text.split("## Assessments")
    assert "Too risky for him" not in said
    assert "   - our assessment: unlikely, “may” (Weekly report) [5]\n" in assessed
    assert "   - our assessment: false, “both rumours” (Weekly report)\n" in said


def test_what_is_told_twice_is_told_in_full_once() -> None:
    text = raw(samples.full_week())

    assert text.count("told by s-unregistered, rumoured") == 1
    address = NOWHERE.event(samples.rumour().id)
    assert f"7. **early June 2019**: [Haftar to visit the United States]({address})\n   - see 4\n" in text


def test_a_brief_is_marked_as_its_closest_line() -> None:
    assert " TLP:CLEAR." in raw(samples.week(happened=[samples.entry()]))
    amber = raw(samples.week(happened=[samples.entry(), samples.entry(3, marking="amber")]))
    assert " TLP:AMBER." in amber
    assert amber.count("; marked amber") == 1


def test_changes_that_are_not_listed_are_told_where_to_find() -> None:
    text = raw(samples.week(changed=samples.changes(), truncated=["changed"]))

    assert "More changed than is listed here: /v1/diff?from=13&to=20 tells all of it." in text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_makes_no_structure_in_a_brief(text: str) -> None:
    assert structure(raw(with_words(text))) == structure(raw(with_words("harmless")))


def with_words(text: str) -> Slice:
    """The week with a text in every place that may hold somebody's words."""
    week = samples.full_week()
    cited = samples.CITED
    sources = {each: msgspec.structs.replace(source, name=text) for each, source in cited.sources.items()}
    documents = {each: msgspec.structs.replace(d, title=text, url=text) for each, d in cited.documents.items()}
    told = [changed(each, text) for each in samples.changes()]
    return msgspec.structs.replace(
        week,
        subject=msgspec.structs.replace(week.subject, name=text),
        also=msgspec.structs.replace(week.subject, name=text),
        sections=msgspec.structs.replace(week.sections, changed=told),
        cited=msgspec.structs.replace(cited, sources=sources, documents=documents),
        names={each: msgspec.structs.replace(name, name=text) for each, name in week.names.items()},
    )


def changed(change: ChangeShown, text: str) -> ChangeShown:
    """A change with a text in its place for words."""
    causes = [msgspec.structs.replace(each, words=text, reason=text, authority=text) for each in change.causes]
    return msgspec.structs.replace(change, title=text, causes=causes)
