"""A brief is the same as Markdown, HTML and Word, by our template or an editor's own."""

import io
import re
import zipfile
from html.parser import HTMLParser

import docx
import jinja2
import pytest

from tests.formats import samples
from tests.formats.hostile import HOSTILE
from tests.formats.test_brief import with_words
from timeline.formats import FORMATS, render
from timeline.formats.brief import TEMPLATE, brief
from timeline.formats.docx import document
from timeline.formats.format import NOWHERE
from timeline.formats.html import MARKDOWN, page
from timeline.model.slice import Slice


class Page(HTMLParser):
    """Elements and text of a page, as a browser has them."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        assert not attrs or tag in ("html", "meta", "ol", "a"), (tag, attrs)
        assert tag != "a" or [(name, str(to).startswith(NOWHERE.event(""))) for name, to in attrs] == [("href", True)]

    def handle_data(self, data: str) -> None:
        self.text += data.split()


def read(content: bytes) -> Page:
    found = Page()
    found.feed(content.decode())
    found.close()
    return found


def told(markdown: bytes) -> list[str]:
    """The words of Markdown, as a parser shows them."""
    return read(MARKDOWN.render(markdown.decode()).encode()).text


def paragraphs(content: bytes) -> list[str]:
    return [each.text for each in docx.Document(io.BytesIO(content)).paragraphs]


def test_the_page_says_what_the_markdown_says() -> None:
    week = samples.full_week()

    words = read(render(FORMATS["html"], week)).text

    assert words[-len(told(brief(week))) :] == told(brief(week))


def test_the_document_says_what_the_markdown_says() -> None:
    week = samples.full_week()

    texts = [re.sub(r"^(\d+\.|•)\t", "", text) for text in paragraphs(render(FORMATS["docx"], week))]

    assert "".join("".join(texts).split()) == "".join(told(brief(week)))


def test_the_document_has_headings_numbers_that_go_on_and_its_marking() -> None:
    read = docx.Document(io.BytesIO(render(FORMATS["docx"], samples.full_week())))

    headings = [each.text for each in read.paragraphs if each.style and str(each.style.name).startswith("Heading")]
    numbers = [int(found[1]) for each in read.paragraphs if (found := re.match(r"(\d+)\.\t", each.text))]
    assert headings[:3] == ["Khalifa Haftar, week 2019-W23", "Happened", "Said"]
    assert headings[-1] == "Sources"
    assert numbers == list(range(1, len(numbers) + 1))
    assert read.sections[0].footer.paragraphs[0].text == "TLP:CLEAR"
    assert read.core_properties.title == "Khalifa Haftar, week 2019-W23"


def test_the_same_week_is_the_same_document_byte_for_byte() -> None:
    assert render(FORMATS["docx"], samples.full_week()) == render(FORMATS["docx"], samples.full_week())
    made = zipfile.ZipFile(io.BytesIO(render(FORMATS["docx"], samples.week())))
    assert {each.date_time for each in made.infolist()} == {(1980, 1, 1, 0, 0, 0)}


OWN = """# Our weekly: {{ brief.title }}

Prepared for {{ week.subject.name }} *by hand*.
{% for section in brief.sections if section.name != "judged" %}

## {{ loop.index }} {{ section.title }}

{{ section.lines }}
{% endfor %}
"""


def test_an_editors_template_decides_what_stands_where_in_every_form() -> None:
    week = samples.full_week()

    text = brief(week, template=OWN).decode()

    assert text.startswith("# Our weekly: Khalifa Haftar, week 2019-W23\n\nPrepared for Khalifa Haftar *by hand*.\n")
    assert "## 1 Happened" in text
    assert "Assessments" not in text
    assert "<h2>1 Happened</h2>" in page(week, template=OWN).decode()
    assert "Our weekly: Khalifa Haftar, week 2019-W23" in paragraphs(document(week, template=OWN))


WRONG = ["{{ brief.nothing }}", "{% if %}", "{{ ''.__class__.__mro__ }}", "{{ open('x') }}"]


@pytest.mark.parametrize("template", WRONG)
def test_a_template_that_cannot_be_followed_is_told(template: str) -> None:
    with pytest.raises(jinja2.TemplateError):
        brief(samples.full_week(), template=template)


def test_nothing_is_told_as_nothing() -> None:
    assert "Nothing." in read(render(FORMATS["html"], samples.week())).text
    assert "Nothing." in paragraphs(render(FORMATS["docx"], samples.week()))
    assert "Nothing." in TEMPLATE


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_makes_no_element_of_a_page(text: str) -> None:
    hostile, harmless = (read(render(FORMATS["html"], with_words(each))).elements for each in (text, "harmless"))

    assert hostile == harmless


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_makes_no_structure_in_a_template_that_prints_it(text: str) -> None:
    week: Slice = with_words(text)

    hostile = read(page(week, template="# A\n\nfor {{ week.subject.name }}\n"))

    assert hostile.elements[hostile.elements.index("body") :] == ["body", "h1", "p"]


@pytest.mark.parametrize("text", [*HOSTILE, "bell \x07 null \x00 escape \x1b end \ufffe"])
def test_hostile_text_makes_no_paragraph_of_a_document(text: str) -> None:
    hostile, harmless = (paragraphs(render(FORMATS["docx"], with_words(each))) for each in (text, "harmless"))

    assert len(hostile) == len(harmless)
