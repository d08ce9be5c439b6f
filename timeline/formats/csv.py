"""CSV (RFC 4180) for spreadsheets: a header row, CRLF, UTF-8 without a byte order mark, and no cell that is a formula.

A cell that could begin a formula is shown with a leading `'` (escapes.cell). Values untouched are in JSON and NDJSON.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from timeline.formats import words
from timeline.formats.escapes import cell
from timeline.formats.format import Format, Portions, alone
from timeline.formats.words import SEPARATOR, Names
from timeline.model.changes import ChangeShown, Difference
from timeline.model.entry import Entry, Page, RegisteredPage, RegisteredShown
from timeline.model.slice import Slice

Row = Mapping[str, object]

COLUMNS: dict[str, Callable[[Entry, Names], object]] = {
    "position": lambda entry, _: entry.position,
    "id": lambda entry, _: entry.id,
    "kind": lambda entry, _: entry.kind,
    "title": lambda entry, _: entry.title,
    "occurred_words": lambda entry, _: entry.occurred.words,
    "edtf": lambda entry, _: entry.occurred.edtf,
    "earliest": lambda entry, _: entry.occurred.earliest,
    "latest": lambda entry, _: entry.occurred.latest,
    "ongoing": lambda entry, _: entry.occurred.ongoing,
    "week": lambda entry, _: entry.occurred.week,
    "as": lambda entry, _: entry.as_,
    "standing": lambda entry, _: entry.standing,
    "rule": lambda entry, _: entry.rule,
    "phase": lambda entry, _: entry.phase,
    "participants": words.participants,
    "participant_ids": lambda entry, _: SEPARATOR.join(each.actor for each in entry.participants),
    "against": lambda entry, names: words.listed(entry.against, names),
    "places": words.places,
    "topics": lambda entry, names: words.listed(entry.topics, names),
    "source": lambda entry, names: words.name(entry.source, names),
    "modality": lambda entry, _: entry.modality,
    "denied_by": lambda entry, names: words.listed(entry.denied_by, names),
    "independent": lambda entry, _: entry.independent,
    "voices_assert": lambda entry, _: entry.voices.assert_,
    "voices_deny": lambda entry, _: entry.voices.deny,
    "voices_confirm": lambda entry, _: entry.voices.confirm,
    "voices_judge": lambda entry, _: entry.voices.judge,
    "assessments": words.assessments,
    "of": lambda entry, _: words.targets(entry),
    "of_ids": lambda entry, _: SEPARATOR.join(each.id for each in entry.of),
    "marking": lambda entry, _: entry.marking,
    "recorded_at": lambda entry, _: entry.recorded_at,
}
"""The columns of an entry: new ones go to the end, none is renamed or moved."""
CHANGE_COLUMNS = ("changed", "week_before", "standing_before")
"""What only the lines of the section `changed` fill in."""
DIFFERENCE: dict[str, Callable[[ChangeShown, Names], object]] = {
    "position": lambda change, _: change.position,
    "id": lambda change, _: change.id,
    "kind": lambda change, _: change.kind,
    "title": lambda change, _: change.title,
    "changed": lambda change, _: SEPARATOR.join(change.what),
    "week": lambda change, _: change.week,
    "week_before": lambda change, _: change.week_before,
    "standing": lambda change, _: change.standing,
    "standing_before": lambda change, _: change.standing_before,
    "rule": lambda change, _: change.after and change.after.rule,
    "rule_before": lambda change, _: change.before and change.before.rule,
    "phase": lambda change, _: change.after and change.after.phase,
    "phase_before": lambda change, _: change.before and change.before.phase,
    "occurred_words": lambda change, _: change.after and change.after.occurred.words,
    "occurred_words_before": lambda change, _: change.before and change.before.occurred.words,
    "edtf": lambda change, _: change.after and change.after.occurred.edtf,
    "edtf_before": lambda change, _: change.before and change.before.occurred.edtf,
    "what_and_why": lambda change, names: SEPARATOR.join(words.change(change, names)),
    "causes": lambda change, _: SEPARATOR.join(each.id for each in change.causes),
    "survivor": lambda change, _: change.survivor and change.survivor.id,
    "marking": lambda change, _: change.marking,
    "recorded_at": lambda change, _: change.recorded_at,
}
"""The columns of a difference: new ones go to the end, none is renamed or moved."""
REGISTERED_COLUMNS = ("position", "id", "kind", "revision", "slug", "name", "marking", "recorded_at", "body")


class _Timeline(Portions):
    def head(self, page: Page) -> bytes:
        return table(COLUMNS, ())

    def entries(self, page: Page) -> bytes:
        return rows(COLUMNS, (_entry(entry, page.names) for entry in page.entries))


def _slice(week: Slice) -> bytes:
    lines = (
        {"section": section, **(_entry(line, week.names) if isinstance(line, Entry) else _change(line))}
        for section, line in words.sections(week)
    )
    return table(("section", *COLUMNS, *CHANGE_COLUMNS), lines)


def _difference(found: Difference) -> bytes:
    rows_of = ({each: value(change, found.names) for each, value in DIFFERENCE.items()} for change in found.changes)
    return table(DIFFERENCE, rows_of)


def _registered(page: RegisteredPage) -> bytes:
    return table(REGISTERED_COLUMNS, map(_registration, page.items))


def _entry(entry: Entry, names: Names) -> Row:
    return {column: value(entry, names) for column, value in COLUMNS.items()}


def _change(change: ChangeShown) -> Row:
    return {
        "position": change.position,
        "id": change.id,
        "kind": change.kind,
        "title": change.title,
        "week": change.week,
        "standing": change.standing,
        "marking": change.marking,
        "recorded_at": change.recorded_at,
        "changed": SEPARATOR.join(change.what),
        "week_before": change.week_before,
        "standing_before": change.standing_before,
    }


def _registration(item: RegisteredShown) -> Row:
    fields: dict[str, Any] = msgspec.structs.asdict(item)
    return {**fields, "body": msgspec.json.encode(item.body).decode()}


def table(columns: Iterable[str], lines: Iterable[Row]) -> bytes:
    """A header row, then the rows."""
    columns = tuple(columns)
    return rows(columns, ({each: each for each in columns},)) + rows(columns, lines)


def rows(columns: Iterable[str], lines: Iterable[Row]) -> bytes:
    """Rows alone."""
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    columns = tuple(columns)
    writer.writerows([_text(line.get(column)) for column in columns] for line in lines)
    return sheet.getvalue().encode()


def _text(value: object) -> str:
    """A cell: empty for null, dates and instants as in JSON, and nothing that a spreadsheet would evaluate."""
    if isinstance(value, str):
        return cell(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return cell(str(msgspec.to_builtins(value)))


FORMAT = Format(
    name="csv",
    suffix=".csv",
    media_type="text/csv; charset=utf-8; header=present",
    about="spreadsheets: a row an entry or a change, cells that are no formulas",
    renders={Slice: alone(_slice), Difference: alone(_difference), RegisteredPage: alone(_registered)},
    portions=_Timeline,
)
