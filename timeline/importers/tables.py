"""Rows out of a file's text: CSV with a header, GDELT's TAB files without one, JSON arrays and JSON lines. Pure.

What a spreadsheet, a server or HDX does to a file is met here once: a byte order mark, CRLF, blank rows at the end, a
row of HXL tags under the header, rows that are too short or too long.
"""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from timeline.importers.importer import BadFile, BadRow, Importer, Row
from timeline.model.codec import with_line_feeds

CELL_CHARACTERS_MAX = 1_000_000
HXL_SHARE = 0.5
"""A row of which so many cells begin with `#` is one of HXL tags."""


def rows(importer: Importer, lines: Iterable[str]) -> Iterator[Row | tuple[int, BadRow]]:
    """The rows of a file, each with the line that it begins on; or the line, and why there is no row.

    Raises:
        BadFile: its columns are not the importer's, or it is not what the importer reads.
    """
    if importer.reads == "tsv":
        return _headless(importer, lines)
    first, lines = _peeked(lines)
    if importer.reads == "json" or first.lstrip("\ufeff \t\r\n")[:1] in ("[", "{"):
        return _objects(importer, lines)
    return _table(importer, lines)


def _peeked(lines: Iterable[str]) -> tuple[str, Iterator[str]]:
    """The first line that is not blank, and all of them again."""
    given = iter(lines)
    seen: list[str] = []
    for each in given:
        seen.append(each)
        if each.strip("\ufeff \t\r\n"):
            break

    def again() -> Iterator[str]:
        yield from seen
        yield from given

    return (seen[-1] if seen else ""), again()


def _table(importer: Importer, lines: Iterator[str]) -> Iterator[Row | tuple[int, BadRow]]:
    reader = csv.reader(_without_returns(_without_mark(lines)), strict=True)
    columns: list[str] = []
    try:
        while not any(columns):
            columns = [each.strip() for each in next(reader)]
    except StopIteration:
        raise BadFile("Expected a header row, found an empty file.") from None
    except csv.Error as error:
        raise BadFile(f"The header row can't be read: {error}.") from None
    while columns and not columns[-1]:
        columns.pop()
    check_columns(importer, columns)
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield begins, BadRow("", f"the row can't be read: {error}")
            continue
        row = _row(columns, cells, begins)
        if row is not None:
            yield row


def _row(columns: list[str], cells: list[str], begins: int) -> Row | tuple[int, BadRow] | None:
    if not any(each.strip() for each in cells):
        return None
    if sum(each.startswith("#") for each in cells) > len(columns) * HXL_SHARE:
        return None
    while len(cells) > len(columns) and not cells[-1].strip():
        cells.pop()
    if len(cells) != len(columns):
        return begins, BadRow("", f"expected {len(columns)} cells, found {len(cells)}")
    return Row(line=begins, cells=dict(zip(columns, cells, strict=True)))


def check_columns(importer: Importer, columns: list[str]) -> None:
    """Refuse a header that lacks a column, or has one twice.

    Raises:
        BadFile: with every such column.
    """
    missing = [each for each in importer.columns if each not in columns]
    doubled = sorted({each for each in columns if each and columns.count(each) > 1})
    told = [f"it lacks {', '.join(missing)}"] if missing else []
    told += [f"it has {', '.join(doubled)} more than once"] if doubled else []
    if told:
        raise BadFile(f"This is no {importer.title}: {'; '.join(told)}. Found the columns {', '.join(columns[:60])}.")


def _headless(importer: Importer, lines: Iterable[str]) -> Iterator[Row | tuple[int, BadRow]]:
    """Rows split at TABs, by as many columns as the first row has; a quotation mark is a character."""
    columns: list[str] = []
    for number, each in enumerate(_without_mark(lines), 1):
        text = each.rstrip("\r\n")
        if not text.strip():
            continue
        cells = text.split("\t")
        if not columns:
            known = importer.headers.get(len(cells))
            if known is None:
                expected = " or ".join(map(str, sorted(importer.headers)))
                raise BadFile(f"This is no {importer.title}: expected {expected} columns, found {len(cells)}.")
            columns = list(known)
        if len(cells) != len(columns):
            yield number, BadRow("", f"expected {len(columns)} columns as on the first line, found {len(cells)}")
        else:
            yield Row(line=number, cells=dict(zip(columns, cells, strict=True)))


def _objects(importer: Importer, lines: Iterator[str]) -> Iterator[Row | tuple[int, BadRow]]:
    """The objects of a JSON array, or of JSON lines."""
    first, lines = _peeked(_without_mark(lines))
    if first.lstrip()[:1] != "[":
        yield from _json_lines(importer, lines)
        return
    try:
        values: Any = msgspec.json.decode("".join(lines).encode("utf-8", "surrogatepass"))
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BadFile(f"The file is no JSON: {error}.") from None
    for number, value in enumerate(values, 1):
        yield _object(importer, number, value)


def _json_lines(importer: Importer, lines: Iterator[str]) -> Iterator[Row | tuple[int, BadRow]]:
    for number, each in enumerate(lines, 1):
        if not each.strip():
            continue
        try:
            value = msgspec.json.decode(each.encode("utf-8", "surrogatepass"))
        except (msgspec.DecodeError, UnicodeError) as error:
            yield number, BadRow("", f"the line is no JSON: {error}")
        else:
            yield _object(importer, number, value)


def _object(importer: Importer, number: int, value: Any) -> Row | tuple[int, BadRow]:
    if not isinstance(value, dict):
        return number, BadRow("", "expected an object")
    missing = [each for each in importer.columns if each not in value]
    if missing:
        return number, BadRow(missing[0], f"expected the fields {', '.join(importer.columns)}")
    return Row(line=number, cells=with_line_feeds(value))


def _without_mark(lines: Iterable[str]) -> Iterator[str]:
    """The lines without the byte order mark that may begin them."""
    first = True
    for each in lines:
        yield each.removeprefix("\ufeff") if first else each
        first = False


def _without_returns(lines: Iterable[str]) -> Iterator[str]:
    """The lines ended by LF alone: a lone CR in a cell is a blank, where `csv` would give the whole file up."""
    for each in lines:
        ended = each.endswith("\n")
        yield each.rstrip("\r\n").replace("\r", " ") + ("\n" if ended else "")
