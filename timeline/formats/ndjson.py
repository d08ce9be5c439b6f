"""NDJSON: one JSON object (RFC 8259) a line, each complete by itself, so that a reader may stop or split anywhere.

A line of a page is an entry with `names`, which tells the ids that it uses; a line of a week says its `section` too.
A line of a difference is a change, one of the feed a record. Nothing else is in between: position and cursor are in
the headers.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from timeline.formats import words
from timeline.formats.format import Format, Portions, alone
from timeline.formats.words import Names
from timeline.model.changes import ChangeShown, Difference, named_by
from timeline.model.entry import Entry, Feed, Page, RegisteredPage
from timeline.model.slice import Slice

_ENCODER = msgspec.json.Encoder()


class _Timeline(Portions):
    def entries(self, page: Page) -> bytes:
        return _lines(_complete(entry, page.names) for entry in page.entries)


def _slice(week: Slice) -> bytes:
    return _lines({"section": section, **_complete(line, week.names)} for section, line in words.sections(week))


def _difference(found: Difference) -> bytes:
    return _lines(_complete(change, found.names) for change in found.changes)


def _feed(feed: Feed) -> bytes:
    return _lines(feed.records)


def _registered(page: RegisteredPage) -> bytes:
    return _lines(page.items)


def _complete(line: Entry | ChangeShown, names: Names) -> dict[str, Any]:
    """The line with the names it needs."""
    used = words.ids(line) if isinstance(line, Entry) else named_by(line)
    own = {each: names[each] for each in used if each in names}
    return {**msgspec.to_builtins(line), "names": own}


def _lines(lines: Iterable[Any]) -> bytes:
    return _ENCODER.encode_lines(lines)


FORMAT = Format(
    name="ndjson",
    suffix=".ndjson",
    media_type="application/x-ndjson",
    about="one JSON object a line, with the names that it uses",
    renders={
        Slice: alone(_slice),
        Difference: alone(_difference),
        Feed: alone(_feed),
        RegisteredPage: alone(_registered),
    },
    portions=_Timeline,
)
