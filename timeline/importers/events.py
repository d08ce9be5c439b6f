"""Our own records: JSON lines or a JSON array, as `POST /v1/events/batch` takes them, or CSV with the same fields.

In CSV a column is a field; lists are split on `;`, a participant's or a place's role stands behind a slash
(`russia/host`), and `defaults` is for the command line. A record without an id gets one that follows from what it says
and from how often the file says it, so that a file may be imported again.
"""

from typing import Any

from timeline.importers.importer import BadRow, Context, Importer, Mapped, Post, Row, identity
from timeline.model.codec import canonical
from timeline.model.edits import EDITS
from timeline.model.kinds import EVENTS
from timeline.model.registry import REGISTRATIONS

LISTS = {
    "topics",
    "of",
    "against",
    "cancels",
    "based_on",
    "aliases",
    "speaks_for",
    "aligned_with",
    "opposed_to",
    "actors",
}
ROLES = {"participants": "actor", "places": "place"}
"""Lists whose items may have a role, with the name of the item's own field."""
NUMBERS = {"credibility", "revision"}
FLAGS = {"named", "house", "feed", "seen", "proposed"}
TRUTHS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
KINDS = {**EVENTS, **EDITS, **REGISTRATIONS}


def rows(row: Row, context: Context) -> Mapped:
    """The record of a row."""
    post = {name: found for name, value in row.cells.items() if name and (found := _field(name, value)) is not None}
    kind = KINDS.get(str(post.get("kind")))
    if kind is None:
        raise BadRow("kind", f"expected one of {', '.join(sorted(KINDS))}; found {str(post.get('kind'))[:40]!r}")
    fields = kind.__struct_fields__
    if "marking" in fields and context.marking:
        post.setdefault("marking", context.marking)
    if "topics" in fields and context.topics:
        post["topics"] = [*post.get("topics", ()), *context.topics]
    if not post.get("id"):
        post = {"id": identity("events", canonical(post).decode())} | post
    return Mapped(events=(post,)) if kind not in REGISTRATIONS.values() else Mapped(events=(), things=(post,))


def _field(name: str, value: Any) -> Any:
    """A field of a record; None for a cell that says nothing. What came as JSON is as it is."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text:
        return None
    if name in ROLES:
        return [_part(ROLES[name], each) for each in _items(text)]
    if name in LISTS:
        return _items(text)
    if name in NUMBERS:
        if not text.isdecimal():
            raise BadRow(name, f"expected a whole number, found {text[:40]!r}")
        return int(text)
    if name in FLAGS:
        if text.casefold() not in TRUTHS:
            raise BadRow(name, f"expected true or false, found {text[:40]!r}")
        return TRUTHS[text.casefold()]
    return text


def _items(text: str) -> list[str]:
    return [each.strip() for each in text.split(";") if each.strip()]


def _part(field: str, text: str) -> str | Post:
    name, slash, role = text.rpartition("/")
    return {field: name.strip(), "role": role.strip()} if slash and "://" not in text else text


IMPORTER = Importer(
    scheme="",
    name="events",
    title="our own records, CSV or JSON lines",
    reads="csv",
    columns=("kind",),
    rows=rows,
)
