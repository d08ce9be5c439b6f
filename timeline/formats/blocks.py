"""The blocks that Markdown answers are made of: lists, tables, a numbered line with what is said about it.

Every value goes through `escapes.inline`, here or in the caller, before it becomes part of a line.
"""

from collections.abc import Iterable

from timeline.formats import words
from timeline.formats.escapes import inline, link
from timeline.formats.format import Where
from timeline.formats.words import Names
from timeline.model.changes import ChangeShown
from timeline.model.entry import Entry

NOTHING = "Nothing."


def item(number: int, when: str, title: str, address: str, below: Iterable[str]) -> str:
    """A numbered line: when and what, which leads to an address; below it escaped lines, indented to the text as
    CommonMark asks.

    CommonMark keeps a list's first number, so the numbering may go on under the next heading.
    """
    marker = f"{number}. "
    head = f"{marker}**{inline(when)}**: {link(title, address)}"
    return "\n".join([head, *(f"{' ' * len(marker)}- {line}" for line in below if line)])


def changed(number: int, line: ChangeShown, names: Names, where: Where) -> str:
    """What changed about an event, and why. It leads to the event, or to the history of one that is gone."""
    told = line.after or line.before
    when = words.when(told.occurred) if told else line.week
    address = where.event(line.id) + ("" if line.after else "/history")
    return item(number, when, line.title, address, map(inline, words.change(line, names)))


def facts(entry: Entry, names: Names) -> str:
    """What it was, who took part, where, about what."""
    against = words.listed(entry.against, names)
    parts = (
        words.plain(entry.kind),
        words.participants(entry, names),
        f"against {against}" if against else "",
        words.places(entry, names),
        words.listed(entry.topics, names),
    )
    return words.SEPARATOR.join(part for part in parts if part)


def bullets(lines: Iterable[str], indent: int = 0) -> str:
    """A list of plain texts."""
    return "\n".join(f"{' ' * indent}- {inline(line)}" for line in lines if line)


def table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A GFM table. `inline` escapes the pipes and leaves no line break, so no value ends its cell or its row."""
    lines = [columns, ("---",) * len(columns), *(tuple(map(inline, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def document(blocks: Iterable[str]) -> bytes:
    """Blocks as one text."""
    return ("\n\n".join(blocks) + "\n").encode()
