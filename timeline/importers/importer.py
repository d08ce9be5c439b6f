"""What an importer is: the layouts that it reads, and what each row becomes. Pure.

A row becomes posts, as an analyst would make them: the things that it names, then its events. Every id follows from the
data's own ids, so importing a file twice makes the same posts; a newer release of a row makes the same id with other
content, which the loader turns into a correction.
"""

import hashlib
import re
from collections.abc import Callable, Container, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

import msgspec

from timeline.model.codec import canonical
from timeline.model.registry import slug_of

Post = dict[str, Any]

NAMESPACE = UUID("8f0f6a52-6d0e-5f5e-9a57-0c6b1f0f5f0a")
"""Ids are UUIDv5 of this and of a scheme with its own id."""
FINGERPRINT = "import"
"""The external id under which an event carries the fingerprint of what was imported: whether a later release says
otherwise is seen by it, also where an analyst has corrected the event meanwhile."""
_OF_NAMESPACE = hashlib.sha1(NAMESPACE.bytes, usedforsecurity=False)
_VARIANT = {each: "89ab"[int(each, 16) & 3] for each in "0123456789abcdef"}
LINE_MAX = 300
TEXT_MAX = 10_000
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class BadRow(Exception):
    """A row can't be taken: which column, and why."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(f"{column}: {reason}")
        self.column = column
        self.reason = reason


class BadFile(Exception):
    """The whole file can't be taken, and why."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a file, by the names of its columns."""

    line: int
    """The line that it begins on, from 1."""
    cells: Mapping[str, Any]
    """What it says, as text; values of JSON as they are."""

    def text(self, column: str) -> str:
        """A cell as text without blanks around it; empty where there is nothing."""
        value = self.cells.get(column)
        return "" if value is None else str(value).strip()

    def needed(self, column: str) -> str:
        """A cell that must say something."""
        if found := self.text(column):
            return found
        raise BadRow(column, "expected a value, found none")

    def count(self, column: str) -> int | None:
        """A whole number from 0; None where there is nothing, or less, which some data sets write for unknown."""
        text = self.text(column)
        if not text:
            return None
        if not re.fullmatch(r"-?[0-9]{1,15}(\.0+)?", text):
            raise BadRow(column, f"expected a whole number, found {text[:40]!r}")
        found = int(text.split(".")[0])
        return found if found >= 0 else None

    def day(self, column: str) -> date:
        """A calendar day: `2015-05-11`, also with a time behind it, which says nothing."""
        text = self.needed(column)
        try:
            return date.fromisoformat(text[:10])
        except ValueError:
            raise BadRow(column, f"expected a day such as 2015-05-11, found {text[:40]!r}") from None


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What an import was asked to do with every row."""

    marking: str | None = None
    """The marking of whatever is recorded; the service's default where none is given."""
    topics: tuple[str, ...] = ()
    """Topics that every event is put under, beside its own."""
    release: str = ""
    """The release of the data, where the file or the operator tells it."""

    def registered(self, kind: str, scheme: str, external: str, name: str, **fields: Any) -> Post:
        """The registration of a thing that the data names by an id of its own."""
        own, slug, shown, known = _named(kind, scheme, external, name)
        ids = {"external_ids": {scheme: known}}
        return ids | {"kind": kind, "id": own, "slug": slug, "name": shown, **self.marked(), **fields}

    def marked(self) -> Post:
        """The marking that was asked for, if any."""
        return {"marking": self.marking} if self.marking else {}


class Mapped(msgspec.Struct, frozen=True, kw_only=True):
    """What a row becomes."""

    events: tuple[Post, ...]
    things: tuple[Post, ...] = ()
    """What the events name, each before what names it."""


class Importer(msgspec.Struct, frozen=True, kw_only=True):
    """A format of others' data."""

    name: str
    """What it is called on the command line."""
    scheme: str
    """The external id by which an event of this data is known again."""
    title: str
    """What it is, in a few words."""
    reads: Literal["csv", "tsv", "json"]
    """Comma-separated with a header, tab-separated without one and without quoting, or a JSON array or JSON lines."""
    columns: tuple[str, ...]
    """The columns that must be there; others are kept as they are."""
    headers: Mapping[int, Sequence[str]] = {}
    """The names of the columns of a file without a header, by how many there are."""
    rows: Callable[[Row, Context], Mapped]
    """What a row becomes."""
    release_of: Callable[[str], str] = lambda _: ""
    """The release that a file's name tells."""


@lru_cache(maxsize=20_000)  # most rows name what the ones before them named
def _named(kind: str, scheme: str, external: str, name: str) -> tuple[str, str, str, str]:
    """The id, slug, name and external id of a thing."""
    own = identity(f"{scheme}:{kind}", external)
    shown = line(name) or line(external)
    return own, f"{slug_of(shown)[:60].rstrip('-')}-{own[-8:]}", shown, line(external, 200)


def names(text: str) -> list[str]:
    """Names of columns, written with blanks between."""
    return text.split()


def identity(scheme: str, external: str) -> str:
    """The id of a thing or event that a data set calls so: its UUIDv5, in a third of the time that `uuid5` takes."""
    digest = _OF_NAMESPACE.copy()
    digest.update(f"{scheme}:{external}".encode())
    text = digest.hexdigest()
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"


def event(context: Context, scheme: str, external: str, **fields: Any) -> Post:
    """An event that a data set knows by an id of its own, with its fingerprint."""
    ids = {scheme: external} | ({f"{scheme}:release": context.release} if context.release else {})
    topics = [*fields.pop("topics", ()), *context.topics]
    post = {"id": identity(scheme, external), **context.marked(), **fields}
    post |= {"topics": topics} if topics else {}
    post["external_ids"] = ids | fields.get("external_ids", {})
    return fingerprinted(post)


def fingerprinted(post: Post) -> Post:
    """The post with what it says as an external id, its release left out: the same words are the same in any."""
    told = post.get("external_ids", {})
    ids = {name: each for name, each in told.items() if not name.endswith(":release")}
    digest = hashlib.sha256(canonical(post | {"external_ids": ids})).hexdigest()[:32]
    return post | {"external_ids": told | {FINGERPRINT: digest}}


def line(text: str, length_max: int = LINE_MAX) -> str:
    """A text as one line that a record may hold: no controls, no more than so many characters."""
    # What is printable has no blank but the space, so nearly every cell is a line as it is.
    plain = text.isprintable() and "  " not in text and text[:1] != " " and text[-1:] != " "
    found = text if plain else " ".join(_CONTROLS.sub(" ", text).split())
    return found if len(found) <= length_max else found[: length_max - 1].rstrip() + "…"


def prose(text: str) -> str:
    """A text of several lines that a record may hold."""
    found = "\n".join(line(each, TEXT_MAX) for each in text.splitlines()).strip()
    return found if len(found) <= TEXT_MAX else found[: TEXT_MAX - 1] + "…"


def rest(row: Row, used: Container[str]) -> Post:
    """Whatever else the row says, word for word: the quote that carries it, a line a column."""
    left = [f"{name}: {line(str(value), 600)}" for name, value in row.cells.items() if value and name not in used]
    text = "\n".join(left)[:TEXT_MAX]
    return {"quote": {"text": text}} if text else {}


def days(first: date, last: date, *, lasted: bool = False) -> str:
    """The EDTF of a range of days, as precise as the range: a day, a whole month, a whole year, else one of these days;
    from the first to the last where it lasted."""
    if first == last:
        return first.isoformat()
    if lasted:
        return f"{first}/{last}"
    ends = last + timedelta(days=1)
    if first.day == 1 and ends.day == 1 and (first.year, first.month) == (last.year, last.month):
        return f"{first:%Y-%m}"
    if (first.month, first.day, last.month, last.day, first.year) == (1, 1, 12, 31, last.year):
        return f"{first:%Y}"
    return f"[{first}..{last}]"


def degrees(text: str) -> str | None:
    """A coordinate as a decimal text that a place may hold; None where it is none."""
    found = re.fullmatch(r"(-?[0-9]{1,3})(?:\.([0-9]+))?", text.strip())
    if found is None:
        return None
    return found[1] + (f".{found[2][:9]}" if found[2] else "")
