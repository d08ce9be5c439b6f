"""What may be asked of the service: each call as a request, and how its answer is read. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Generic, Literal, TypedDict, TypeVar
from urllib.parse import quote

import msgspec

from timeline.errors import NoAnswer
from timeline.model.changes import Difference, History
from timeline.model.codec import with_line_feeds
from timeline.model.entry import (
    BatchReceipt,
    EventShown,
    Feed,
    Page,
    Preview,
    Receipt,
    RegisteredPage,
    RegisteredShown,
)
from timeline.model.impact import By, Impact, Supposition
from timeline.model.likeness import Duplicates
from timeline.model.record import Record
from timeline.model.registry import COLLECTIONS
from timeline.model.slice import Slice
from timeline.model.standing import Word
from timeline.model.weeks import week_bounds, week_of

T = TypeVar("T")
Post = Record | Mapping[str, Any]
"""A record of any kind: one of `timeline.model.kinds`, `edits` or `registry`, or its fields with `kind`."""
Line = Post | tuple[str, Post]
"""A line of a batch; with a name, later ones name it: `of=["#name"]`."""
Day = date | str
Moment = date | int | str
"""A day, an instant (with its zone), an ISO week or a position."""
OnMissing = Literal["reject", "propose"]
Collection = Literal["actors", "sources", "topics", "places", "documents", "memberships", "same-actors"]
JSON = "application/json"
NDJSON = "application/x-ndjson"


class Fresh(TypedDict, total=False):
    """What every read may ask."""

    min_position: int


class Known(Fresh, total=False):
    """What a read may ask that tells what was known at a moment."""

    as_of: Moment


class Told(Known, total=False):
    """What a read of events may ask."""

    on: Day
    said_to: Day


class TimelineAsked(Told, total=False):
    """What may be asked of a timeline."""

    from_: Day
    to: Day
    kind: str | list[str]
    standing: Word | list[Word]
    order: Literal["asc", "desc"]
    limit: int
    cursor: str
    feeds: Literal["exclude", "include"]


class SearchAsked(TimelineAsked, total=False):
    """What may be asked of a search."""

    q: str
    actor: str
    topic: str
    place: str
    source: str
    recorded_from: Moment
    recorded_to: Moment


class WeekAsked(Told, total=False):
    """What may be asked of a week."""

    actor: str
    topic: str
    since: Moment
    match: Literal["anchored", "possible", "certain"]
    feeds: Literal["exclude", "include"]


class DiffAsked(Fresh, total=False):
    """What may be asked of a difference, but for its earlier moment."""

    to: Moment
    actor: str
    topic: str
    place: str
    week: str
    feeds: Literal["exclude", "include"]
    limit: int
    cursor: str


class HistoryAsked(Known, total=False):
    """What may be asked of a history."""

    limit: int
    cursor: str


class RegistryAsked(Known, total=False):
    """What may be asked of a registry."""

    q: str
    limit: int
    cursor: str


class ImpactAsked(Known, total=False):
    """What may be asked of the impact of a source."""

    as_: Supposition
    by: By
    said_to: Day
    limit: int
    cursor: str


class DuplicatesAsked(Fresh, total=False):
    """What may be asked of proposals."""

    actor: str
    topic: str
    place: str
    from_: Day
    to: Day
    kind: str | list[str]
    score_min: int
    feeds: Literal["exclude", "include"]
    limit: int
    cursor: str


class ChangesAsked(TypedDict, total=False):
    """What may be asked of the feed, but for where it begins."""

    actor: str
    topic: str
    kind: str | list[str]
    standing_changed: bool


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A request: made as often as it takes, it does the same once."""

    method: Literal["GET", "POST"] = "GET"
    path: str
    params: list[tuple[str, str]] = []
    headers: dict[str, str] = {}
    content: bytes | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. The names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Call(Generic[T]):
    """An ask and how its answer is read."""

    def __init__(self, ask: Ask, answers: type[T]) -> None:
        self.ask = ask
        self._answers = answers

    def read(self, answer: Answer) -> T:
        """The answer as its type.

        Raises:
            NoAnswer: it is none: somebody else answers there.
        """
        try:
            return msgspec.json.decode(answer.content, type=self._answers)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NoAnswer(f"{self.ask.path}: this is not what Timeline answers: {error}.") from None

    def following(self, cursor: str) -> "Call[T]":
        """The same from a cursor on."""
        kept = [each for each in self.ask.params if each[0] != "cursor"]
        return Call(msgspec.structs.replace(self.ask, params=[*kept, ("cursor", cursor)]), self._answers)


def params_of(asked: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values as they stand in an address; what is None is not asked."""
    return [(name.rstrip("_"), _text(value)) for name, value in asked.items() if value is not None]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):  # and instants, which are dates with a time
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    return str(value)


def _reading(answers: type[T], *path: str, **asked: Any) -> Call[T]:
    return Call(Ask(path=path_of(*path), params=params_of(asked)), answers)


def path_of(*segments: str) -> str:
    """An address below `/v1`, whatever stands in a name."""
    return "/v1/" + "/".join(quote(each, safe="") for each in segments)


def post(record: Post, key: str, on_missing: OnMissing) -> Call[Receipt]:
    """Record one."""
    return Call(_posting(record, key, on_missing), Receipt)


def preview(record: Post, on_missing: OnMissing) -> Call[Preview]:
    """What recording one would do."""
    ask = _posting(record, None, on_missing)
    return Call(msgspec.structs.replace(ask, params=[*ask.params, ("dry_run", "true")]), Preview)


def _posting(record: Post, key: str | None, on_missing: OnMissing) -> Ask:
    fields: dict[str, Any] = _fields(record)
    collection = COLLECTIONS.get(str(fields.get("kind")), "events")
    return Ask(
        method="POST",
        path=path_of(collection),
        params=[("on_missing", on_missing)],
        headers={"Content-Type": JSON} | ({} if key is None else {"Idempotency-Key": _quoted(key)}),
        content=msgspec.json.encode(fields),
    )


def batch(
    lines: Iterable[Line] | bytes,
    key: str,
    *,
    defaults: Mapping[str, Any],
    mode: Literal["atomic", "each"],
    on_missing: OnMissing,
    dry_run: bool,
) -> Call[BatchReceipt]:
    """Record many: records, or JSON lines as they stand, which take no `defaults`."""
    params = params_of({"mode": mode, "on_missing": on_missing, "dry_run": dry_run})
    headers = {"Content-Type": NDJSON if isinstance(lines, bytes) else JSON, "Idempotency-Key": _quoted(key)}
    if isinstance(lines, bytes):
        content = b"\n".join(map(_json_line, lines.splitlines())) if _RETURN.search(lines) else lines
    else:
        content = msgspec.json.encode(
            {"events": [_line(each) for each in lines], "defaults": with_line_feeds(dict(defaults))}
        )
    ask = Ask(method="POST", path=path_of("events", "batch"), params=params, headers=headers, content=content)
    return Call(ask, BatchReceipt)


def _line(line: Line) -> Any:
    return _fields(line[1]) | {"ref": line[0]} if isinstance(line, tuple) else _fields(line)


def _fields(record: Post) -> Any:
    """A record's fields. Texts pasted elsewhere may end their lines with CR LF, which no log takes."""
    return with_line_feeds(msgspec.to_builtins(record))


_RETURN = re.compile(rb"\\r|\\u000[dD]")


def _json_line(line: bytes) -> bytes:
    """The line as a record's fields; one that is no JSON as it is, for the service to refuse in its own words."""
    if not _RETURN.search(line):
        return line
    try:
        return msgspec.json.encode(with_line_feeds(msgspec.json.decode(line)))
    except msgspec.DecodeError:
        return line


def _quoted(key: str) -> str:
    """A key as a string of RFC 9651."""
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


def event(event: str, **asked: Any) -> Call[EventShown]:
    """An event as it stands."""
    return _reading(EventShown, "events", event, **asked)


def history(event: str, **asked: Any) -> Call[History]:
    """A page of an event's versions."""
    return _reading(History, "events", event, "history", **asked)


def timeline(actor: str | None, topic: str | None, place: str | None, **asked: Any) -> Call[Page]:
    """A page of a timeline.

    Raises:
        ValueError: more than one subject is given: what is of several is a search.
    """
    subjects = (("actors", actor), ("topics", topic), ("places", place))
    given = [(kind, named) for kind, named in subjects if named is not None]
    if len(given) > 1:
        raise ValueError("A timeline is of one actor, topic or place, or of all; `search` takes several.")
    return _reading(Page, "timelines", *(given[0] if given else ("all",)), **asked)


def search(**asked: Any) -> Call[Page]:
    """A page of a search."""
    return _reading(Page, "events", **asked)


def week(week: str, **asked: Any) -> Call[Slice]:
    """A week in its sections."""
    return _reading(Slice, "weeks", week, **asked)


def weeks(first: str, last: str) -> Iterator[str]:
    """The weeks from one to another.

    Raises:
        BadDate: one of them is none.
    """
    (monday, _), (_, sunday) = week_bounds(first), week_bounds(last)
    while monday <= sunday:
        yield week_of(monday)
        monday += timedelta(weeks=1)


def diff(from_: Moment, **asked: Any) -> Call[Difference]:
    """A page of what changed."""
    return _reading(Difference, "diff", from_=from_, **asked)


def registered(collection: Collection, **asked: Any) -> Call[RegisteredPage]:
    """A page of a registry."""
    return _reading(RegisteredPage, collection, **asked)


def thing(collection: Collection, named: str, **asked: Any) -> Call[RegisteredShown]:
    """A registered thing."""
    return _reading(RegisteredShown, collection, named, **asked)


def impact(source: str, **asked: Any) -> Call[Impact]:
    """A page of the impact of a source."""
    return _reading(Impact, "sources", source, "impact", **asked)


def duplicates(**asked: Any) -> Call[Duplicates]:
    """A page of pairs that may be one."""
    return _reading(Duplicates, "duplicates", **asked)


def feed(after: int, limit: int, wait: int, **asked: Any) -> Call[Feed]:
    """A page of the feed."""
    return _reading(Feed, "changes", after=after, limit=limit, wait=wait, **asked)
