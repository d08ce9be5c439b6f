"""Word (.docx): a brief or a difference as a document, made of its Markdown; the same answer gives the same bytes."""

import io
import zipfile
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from timeline.formats import markdown
from timeline.formats.brief import TEMPLATE, brief, parts
from timeline.formats.escapes import printable
from timeline.formats.format import NOWHERE, Format, Where
from timeline.formats.html import MARKDOWN
from timeline.model.changes import Difference
from timeline.model.record import MARKINGS
from timeline.model.slice import Slice

if TYPE_CHECKING:
    from markdown_it.token import Token

INDENT_CM = 0.8
LINKED = (0x1F, 0x38, 0x64)
"""The colour of what leads to an event: dark, so that a printed brief reads as if it were black."""
PROPERTY_MAX = 200
"""Characters of a name in the title that Word tells; it takes 255 in all."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the document's archive: ZIP knows no earlier one."""


def document(week: Slice, where: Where = NOWHERE, template: str = TEMPLATE) -> bytes:
    """The brief as a document."""
    title = f"{_short(week.subject.name)}, week {week.week}"
    return _document(title, week.to, parts(week).marking, brief(week, where, template))


def _difference(found: Difference, where: Where) -> bytes:
    whose = ", ".join(each.name for each in found.subjects) or "All events"
    changed = max((each.recorded_at.date() for each in found.changes), default=date(*EPOCH[:3]))
    marking = max((each.marking for each in found.changes), key=MARKINGS.index, default=None)
    return _document(f"{_short(whose)}: what changed", changed, marking, markdown.difference(found, where))


def _short(name: str) -> str:
    return printable(name)[:PROPERTY_MAX]


def _document(title: str, day: date, marking: str | None, text: bytes) -> bytes:
    # Here, not above: it takes 0.2 s to load, which no other command shall pay for.
    import docx

    made = docx.Document()
    told = made.core_properties
    told.title, told.author, told.comments = title, "Timeline", ""
    told.created = told.modified = datetime.combine(day, time.min)
    if marking:
        made.sections[0].footer.paragraphs[0].text = f"TLP:{marking.upper()}"
    _Writer(made).write(MARKDOWN.parse(text.decode()))
    content = io.BytesIO()
    made.save(content)
    return _dated(content)


class _Writer:
    """Puts Markdown into a document: headings, paragraphs, lists by their own numbers, tables."""

    def __init__(self, made: Any) -> None:
        self._made = made
        self._numbers: list[int | None] = []
        """The next number of each list that is open; None for one without."""
        self._marker = ""
        self._heading = 0
        self._row: list[Any] | None = None

    def write(self, tokens: "list[Token]") -> None:
        """Write blocks in their order."""
        for token in tokens:
            match token.type:
                case "heading_open":
                    self._heading = int(token.tag[1:])
                case "heading_close":
                    self._heading = 0
                case "ordered_list_open":
                    self._numbers.append(int(token.attrs.get("start", 1)))
                case "bullet_list_open":
                    self._numbers.append(None)
                case "ordered_list_close" | "bullet_list_close":
                    self._numbers.pop()
                case "list_item_open":
                    self._marker = self._next()
                case "tr_open":
                    self._row = []
                case "tr_close":
                    self._end_row()
                case "inline":
                    self._inline(token)
                case "fence" | "code_block":
                    self._made.add_paragraph(printable(token.content))

    def _next(self) -> str:
        number = self._numbers[-1]
        if number is None:
            return "•\t"
        self._numbers[-1] = number + 1
        return f"{number}.\t"

    def _inline(self, token: "Token") -> None:
        if self._row is not None:
            self._row.append(token)
            return
        paragraph = self._made.add_heading(level=self._heading) if self._heading else self._made.add_paragraph()
        if self._numbers:
            self._indent(paragraph)
            paragraph.add_run(self._marker)
            self._marker = ""
        _runs(paragraph, token)

    def _indent(self, paragraph: Any) -> None:
        from docx.shared import Cm, Pt

        told = paragraph.paragraph_format
        told.left_indent, told.first_line_indent = Cm(INDENT_CM * len(self._numbers)), Cm(-INDENT_CM)
        told.tab_stops.add_tab_stop(Cm(INDENT_CM * len(self._numbers)))
        told.space_after = Pt(2)
        told.keep_with_next = len(self._numbers) == 1 and bool(self._marker)

    def _end_row(self) -> None:
        cells, self._row = self._row or [], None
        table = self._made.add_table(rows=1, cols=max(len(cells), 1))
        for cell, token in zip(table.rows[0].cells, cells, strict=True):
            _runs(cell.paragraphs[0], token)


def _runs(paragraph: Any, token: "Token") -> None:
    bold = italic = False
    address = ""
    for child in token.children or []:
        if child.type in ("link_open", "link_close"):
            address = str(child.attrs.get("href", ""))
        elif child.type in ("strong_open", "strong_close"):
            bold = child.type == "strong_open"
        elif child.type in ("em_open", "em_close"):
            italic = child.type == "em_open"
        elif child.type in ("softbreak", "hardbreak"):
            paragraph.add_run(" ")
        elif child.content:
            run = paragraph.add_run(printable(child.content))
            if bold:  # what is not set is as its style has it, and takes no time
                run.bold = True
            if italic:
                run.italic = True
            if address:
                _lead(paragraph, run, address)


def _lead(paragraph: Any, run: Any, address: str) -> None:
    """Make a run lead to an address; it is read as before, and printed so."""
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import RGBColor

    run.font.color.rgb = RGBColor(*LINKED)
    led = OxmlElement("w:hyperlink")
    led.set(qn("r:id"), paragraph.part.relate_to(address, RELATIONSHIP_TYPE.HYPERLINK, is_external=True))
    run._r.addprevious(led)
    led.append(run._r)


def _dated(content: io.BytesIO) -> bytes:
    """The archive with one time for all of its files: the library writes the clock's."""
    again = io.BytesIO()
    with zipfile.ZipFile(content) as made, zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as dated:
        for name in made.namelist():
            told = zipfile.ZipInfo(name, EPOCH)
            told.compress_type = zipfile.ZIP_DEFLATED
            dated.writestr(told, made.read(name))
    return again.getvalue()


FORMAT = Format(
    name="docx",
    suffix=".docx",
    media_type="application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    about="a week's brief or a difference as a Word document",
    renders={Slice: document, Difference: _difference},
)
