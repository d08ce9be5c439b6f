"""What a service answers, for people: tables with colours on a terminal, lines of columns anywhere else.

Columns are separated by tabs, and their order stays: a field holds neither tabs nor line breaks. Whatever somebody
wrote into a title is text: it moves no cursor, sets no colour, begins no line.
"""

import codecs
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import rich_click as click

from timeline.model.changes import ChangeShown
from timeline.model.entry import BatchReceipt, DateShown, Entry, EventShown, NameShown, RecordShown
from timeline.model.slice import Slice

COLOURS = {
    "confirmed": "bold green",
    "corroborated": "green",
    "rumoured": "yellow",
    "disputed": "magenta",
    "denied": "red",
    "withdrawn": "dim",
    "unsupported": "dim",
    "refused": "red",
}
Names = Mapping[str, NameShown]
Row = tuple[str, ...]
ENTRY = ("when", "standing", "kind", "what", "who", "id")
"""The columns of an entry; a line begins with the day that it is ordered by."""


def on_terminal() -> bool:
    """Whether somebody looks."""
    return sys.stdout.isatty()


def inert(text: str) -> str:
    """The text on one line, which no terminal acts on."""
    from timeline.formats.escapes import line

    return line(text).replace("\t", " ")


def rows(title: str, columns: Row, told: Iterable[Row], *, before: Row = ()) -> None:
    """Print rows: a table with its title, or lines that begin with what stands before."""
    found = [tuple(map(inert, each)) for each in told]
    if not on_terminal():
        click.echo("".join("\t".join((*before, *each)) + "\n" for each in found), nl=False)
        return
    if not found:
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(inert(title)) if title else None, title_justify="left", box=None, pad_edge=False)
    own = columns[-1] == "id"
    for name in columns[:-1] if own else columns:
        table.add_column(name, header_style="dim", overflow="fold", ratio=1 if name == "what" else None)
    table.expand = "what" in columns
    for each in found:
        cells = [Text(cell, style=COLOURS.get(cell, "")) for cell in (each[:-1] if own else each)]
        if own:  # an id needs half a line, so it stands below
            cells[columns.index("what")].append(f"\n{each[-1]}", style="dim")
        table.add_row(*cells)
    Console(file=sys.stdout).print(table)


def entries(title: str, told: Iterable[Entry], names: Names, *, before: Row = ()) -> None:
    """Print entries: the day, when in words, standing, kind, title, source, id."""
    if on_terminal():
        rows(title, ENTRY, (_entry(each, names)[1:] for each in told))
    else:
        rows(title, ("at", *ENTRY), (_entry(each, names) for each in told), before=before)


def _entry(told: Entry, names: Names) -> Row:
    at, words = told.occurred.at.isoformat(), told.occurred.words
    return (at, words, told.standing or "-", told.kind, told.title, _name(names, told.source), told.id)


def _name(names: Names, own: str) -> str:
    return names[own].name if own in names else own


def week(told: Slice) -> None:
    """Print a week, section by section."""
    if on_terminal():
        also = f", {told.also.name}" if told.also else ""
        click.echo(inert(f"{told.subject.name}{also}, week {told.week} ({told.from_} to {told.to})"))
    for section in ("happened", "said", "continuing", "ahead", "unresolved"):
        entries(section, getattr(told.sections, section), told.names, before=(section,))
    rows(
        "changed",
        ("when", "standing", "what", "id"),
        (_changed(each) for each in told.sections.changed),
        before=("changed",),
    )


def _changed(told: ChangeShown) -> Row:
    words = ", ".join(told.what)
    return (told.recorded_at.date().isoformat(), told.standing or "-", f"{told.title} ({words})", told.id)


def event(told: EventShown) -> None:
    """Print an event: what it is, its voices, its replies."""
    facts = {
        "title": told.title,
        "kind": told.kind,
        "occurred": f"{told.occurred.words} ({told.occurred.edtf}, {told.occurred.week})",
        "standing": f"{told.standing or '-'} ({told.rule or '-'}), {told.phase}",
        "participants": "; ".join(f"{_name(told.names, each.actor)} ({each.role})" for each in told.participants),
        "places": "; ".join(f"{_name(told.names, each.place)} ({each.role})" for each in told.places),
        "topics": "; ".join(_name(told.names, each) for each in told.topics),
        "marking": told.marking,
        "summary": told.summary or "",
        "recorded": f"{told.recorded_at.isoformat()} by {told.recorded_by}, position {told.position}",
        "id": told.id,
    }
    rows("", ("", " "), ((name, text) for name, text in facts.items() if text))
    voices = (
        (each.side, _name(told.names, each.source), each.modality, _said(each.said), each.grade, _live(each), each.id)
        for each in told.voices
    )
    rows("voices", ("side", "what", "how", "said", "grade", "effect", "id"), voices, before=("voice",))
    entries("replies", told.replies, told.names, before=("reply",))


def _said(date: DateShown) -> str:
    return date.words + (" (assumed)" if date.assumed else "")


def _live(voice: Any) -> str:
    return "taken back" if voice.taken_back else "live" if voice.live else "no effect"


def verdicts(told: BatchReceipt, first: int, dry_run: bool) -> None:
    """Print a verdict for each line of a batch, whose first line has this number: what became of it, id, position."""
    from timeline.client.problems import of_document

    shown = []
    for each in told.verdicts:
        words, why = "would be recorded" if dry_run else "repeated" if each.repeated else "recorded", ""
        if each.problem is not None:
            problem = of_document(each.problem)
            faults = "; ".join(f"{one.pointer}: expected {one.expected}, found {one.found}" for one in problem.errors)
            words, why = "refused", faults or problem.detail
        shown.append((str(first + each.line), words, each.id or "-", str(each.position or "-"), why))
    rows("", ("line", "verdict", "recorded as", "position", "why"), shown)


def record(told: RecordShown) -> None:
    """Print a record of the feed, in one line also on a terminal: position, when, kind, what, by whom, its subject."""
    body = told.body or {}
    moves = (
        [] if not told.changed else [f"{each.title}: {each.standing_before} → {each.standing}" for each in told.changed]
    )
    what = "; ".join(moves) or body.get("title") or body.get("name") or body.get("reason") or "-"
    cells = (
        told.position,
        told.recorded_at.isoformat(timespec="seconds"),
        told.kind,
        what,
        told.recorded_by,
        told.subject,
    )
    fields = [inert(str(each)) for each in cells]
    if on_terminal():
        colours = ("dim", "dim", "cyan", "", "dim", "dim")
        click.echo("  ".join(_painted(text, colour) for text, colour in zip(fields, colours, strict=True)))
    else:
        click.echo("\t".join(fields))


def _painted(text: str, colour: str) -> str:
    return click.style(text, dim=True) if colour == "dim" else click.style(text, fg=colour or None)


class Passed:
    """Bytes of a service on their way out: as they are, but that a terminal gets text that it does not act on."""

    def __init__(self) -> None:
        self._terminal = on_terminal()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def give(self, content: bytes, *, last: bool = False) -> None:
        """Print a piece."""
        if self._terminal:
            click.echo("".join(self._tamed(self._decoder.decode(content, last))), nl=False)
        else:
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()

    def _tamed(self, text: str) -> Iterator[str]:
        from timeline.formats.escapes import printable

        yield printable(text.replace("\r\n", "\n")).replace("\r", "\ufffd").replace("\x85", "\ufffd")
