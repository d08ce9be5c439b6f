"""One corpus of hostile texts goes through every field that takes text, and out of every format.

The fields are found by walking the types of every kind, the formats by walking `FORMATS`: a new one is covered by being
there. Quick: each field gets a few texts, each text many fields; long: each field every text.
"""

import csv
import io
import itertools
import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, get_args

import httpx
import pytest
from markdown_it import MarkdownIt
from msgspec import inspect

from tests.api.test_posting import posted
from tests.formats.hostile import HOSTILE, UNHOLDABLE
from tests.formats.judges import BRIEFS, READERS, as_briefed
from timeline.api.batch import KINDS
from timeline.formats import FORMATS, offered
from timeline.importers.libya_week import posts
from timeline.model.codec import text_faults
from timeline.model.entry import EventShown, Feed, Page, RegisteredPage
from timeline.model.record import Line, Text
from timeline.model.slice import Slice

FREE = {meta.pattern for kind in (Line, Text) for meta in get_args(kind)[1:]}
"""The patterns of fields that take any words."""
LINES_TOGETHER = 2_000
TEXTS_QUICK = 5
REFERENCES = {"actor": "haftar", "source": "weekly", "topic": "libya", "place": "moscow", "document": "weekly-report"}
EVENT = next(post["id"] for post in posts() if post["kind"] == "visit")
LATER = next(post["id"] for post in reversed(posts()) if post["kind"] == "assessment")
TEXTS = [*HOSTILE, *UNHOLDABLE]

Way = tuple[str, bool, Callable[[str], Any]]
"""Where a text may stand, whether any words may stand there, and the value with a text there."""


def ways(info: inspect.Type, at: str = "", pattern: str | None = None, reference: bool = False) -> Iterator[Way]:
    """Every place in a type that a text can be put in."""
    match info:
        case inspect.Metadata(type=inner, extra=extra):
            yield from ways(inner, at, pattern, reference or bool((extra or {}).get("refers")))
        case inspect.StrType():
            yield at, info.pattern in FREE and not reference, lambda text: text
        case inspect.LiteralType():
            yield at, False, lambda text: text
        case inspect.UnionType(types=types):
            for each in types:
                yield from ways(each, at, pattern, reference)
        case inspect.ListType(item_type=item):
            yield from (
                (f"{name}/0", free, lambda text, make=make: [make(text)]) for name, free, make in ways(item, at)
            )
        case inspect.DictType(key_type=key, value_type=value):
            yield from (
                (f"{name}/*", free, lambda t, make=make: {"key": make(t)}) for name, free, make in ways(value, at)
            )
            yield from ((f"{name}~", False, lambda t, make=make: {make(t): "value"}) for name, _, make in ways(key, at))
        case inspect.StructType(cls=cls, fields=fields):
            base = getattr(cls, "example", None) or {f.encode_name: least(f.type) for f in fields if f.required}
            tagged = {info.tag_field: info.tag} if info.tag_field else {}
            for field in fields:
                for name, free, make in ways(field.type, f"{at}/{field.encode_name}"):
                    own = field.encode_name
                    yield name, free, partial(_with, {**base, **tagged}, own, make)


def _with(base: dict[str, Any], name: str, make: Callable[[str], Any], text: str) -> dict[str, Any]:
    return {**base, name: make(text)}


def least(info: inspect.Type) -> Any:
    """A value of a type that is refused for nothing."""
    match info:
        case inspect.Metadata(type=inner, extra=extra):
            return REFERENCES.get((extra or {}).get("refers", ""), least(inner))
        case inspect.StrType():
            return "2019-06"
        case inspect.IntType():
            return 1
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.ListType():
            return []
        case inspect.UnionType(types=types):
            return least(types[0])
        case _:
            return {}


def every_way() -> list[tuple[str, Way]]:
    """Every place of every kind."""
    return [(kind, way) for kind, cls in KINDS.items() for way in ways(inspect.type_info(cls))]


def fitted(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """The record of a kind; what its example names as events is one that is in the log here."""
    own: dict[str, Any] = json.loads(EXAMPLES.sub(EVENT, json.dumps(body)))
    taken = (
        {"slug": f"fresh-{next(NUMBERS)}"} if "slug" in own and own["slug"] == KINDS[kind].example.get("slug") else {}
    )
    edits = {"subject": LATER} if own.get("subject") == EVENT else {}
    return {**own, **taken, **edits, "kind": kind}


NUMBERS = itertools.count()
EXAMPLES = re.compile("01931f66-[0-9a-f-]{27}")


def lines(texts: dict[int, list[str]], found: list[tuple[str, Way]]) -> Iterator[tuple[str, bool, str, dict[str, Any]]]:
    for number, (kind, (at, free, make)) in enumerate(found):
        for text in texts[number]:
            yield f"{kind}{at}", free, text, fitted(kind, make(text))


async def test_every_field_takes_every_text_or_says_why_not(api: httpx.AsyncClient, long: bool) -> None:
    found = every_way()
    step = len(TEXTS) // TEXTS_QUICK
    texts = {n: TEXTS if long else [*TEXTS[n % step :: step], "harmless"] for n in range(len(found))}
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    asked = list(lines(texts, found))
    refused_harmless = []

    for first in range(0, len(asked), LINES_TOGETHER):
        some = asked[first : first + LINES_TOGETHER]
        answer = await api.post(
            "/v1/events/batch",
            params={"mode": "each", "dry_run": True, "on_missing": "propose"},
            content=json.dumps([body for *_, body in some]),
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code in (200, 422), answer.text[:1000]
        for (at, free, text, _), verdict in zip(some, answer.json()["verdicts"], strict=True):
            assert verdict["status"] in (200, 409, 422), (at, text, verdict)
            problem = verdict["problem"]
            if verdict["status"] == 422:
                assert problem["type"] != "/problems/timeline-error", (at, text, problem)
                assert problem["errors"], (at, text, problem)
                assert all(fault["pointer"].startswith("#") and fault["expected"] for fault in problem["errors"])
                assert len(json.dumps(problem)) < 4_000, (at, text)
            if verdict["status"] == 200:
                assert not text_faults(text), (at, text)
            elif text == "harmless" and free and not at.endswith(DATES):
                refused_harmless.append((at, problem["detail"]))

    assert len(found) > 500
    assert refused_harmless == []


DATES = ("/occurred/words",)
"""Of any words, but read further."""


# Out of every format


def record_of(number: int, text: str) -> list[dict[str, Any]]:
    """Registrations and events with a text wherever any words may stand."""
    line = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text)[:300].strip()
    whole = "".join(c for c in text if c in "\n\t" or (not "\x00" <= c <= "\x1f" and not "\x7f" <= c <= "\x9f"))
    line, whole = (each if each.strip() else "blank" for each in (line, whole))
    slug, marking = f"hostile-{number}", {"marking": "clear"}
    told = {"occurred": "2019-06-05", "said": "2019-06-05", "topics": ["libya"], **marking}
    return [
        {"kind": "actor", "slug": slug, "name": line, "aliases": [line], "summary": whole, **marking},
        {"kind": "source", "slug": slug, "name": line, "speaks_for": [slug], **marking},
        {
            "kind": "place",
            "slug": slug,
            "name": line,
            "latitude": "1",
            "longitude": "2",
            "precision": "town",
            **marking,
        },
        {"kind": "document", "slug": slug, "title": line, "collected_by": line, **marking},
        {
            "kind": "visit",
            "ref": slug,
            "title": line,
            "summary": whole,
            "source": slug,
            "document": slug,
            "participants": [{"actor": slug, "as_written": line}],
            "places": [slug],
            "quote": {"text": whole, "translation": whole},
            "external_ids": {"other": line[:200]},
            **told,
        },
        {"kind": "assessment", "of": [f"#{slug}"], "source": slug, "hedge": line, "verdict": "false", **told},
        {"kind": "denial", "of": [f"#{slug}"], "source": slug, **told},
    ]


PATHS: dict[str, Any] = {
    "/v1/timelines/all?limit=1000": Page,
    "/v1/timelines/topics/libya?limit=1000": Page,
    "/v1/weeks/2019-W23": Slice,
    "/v1/actors?limit=1000": RegisteredPage,
    "/v1/changes?limit=1000": Feed,
}
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OWN_LINK = re.compile(r"http://timeline/v1/events/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(/history)?")
"""Where the titles of events lead."""
ACTIVE = {"html_block", "html_inline", "image", "fence", "code_block", "code_inline", "s_open"}
FORMULA = re.compile(r'^[\s"\u200b-\u200f\u2060\ufeff]*[=+@＝＋＠\t\r-]')


@pytest.fixture
def inert() -> dict[str, Callable[[bytes], None]]:
    """What must be so of an answer besides that its reader finds the events in it."""

    def markdown(content: bytes) -> None:
        tokens = [inner for token in MARKDOWN.parse(content.decode()) for inner in [token, *(token.children or [])]]
        assert not {token.type for token in tokens} & ACTIVE
        links = [str(token.attrs["href"]) for token in tokens if token.type == "link_open"]
        assert [each for each in links if not OWN_LINK.fullmatch(each)] == []

    def html(content: bytes) -> None:
        assert not re.search(r"<(script|svg|img|iframe|a\s[^>]*javascript)|\son\w+=", _tags(content), re.IGNORECASE)

    return {"markdown": markdown, "html": html}


def _tags(content: bytes) -> str:
    """The tags of a page, without its texts and without what our own template says in its head."""
    return " ".join(re.findall(r"<[^<>]*>", content.decode().split("</head>")[-1]))


async def test_what_is_taken_comes_out_of_every_format_as_text(
    api: httpx.AsyncClient, inert: dict[str, Callable[[bytes], None]]
) -> None:
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    everything = [record_of(number, text) for number, text in enumerate(HOSTILE)]
    for several in everything:
        answer = await api.post("/v1/events/batch", params={"mode": "each"}, json=several)
        assert {verdict["status"] for verdict in answer.json()["verdicts"]} == {201}, answer.text

    for path, kind in PATHS.items():
        base, _, query = path.partition("?")
        wanted = (await api.get(path)).json()
        for fmt in offered(kind):
            if (fmt.name, kind) == ("sse", Feed):
                continue  # tests/formats/test_sse.py, for it goes on
            answer = await api.get(f"{base}{fmt.suffix}?{query}")
            assert answer.status_code == 200, (path, fmt.name, answer.text[:500])
            answer.headers["content-type"].encode("ascii")
            assert all(value.isprintable() for value in answer.headers.values())
            if fmt.name in READERS and kind in (Page, Slice):
                briefed = kind is Slice and fmt.name in BRIEFS
                told = (as_briefed if briefed else READERS["json"])(json.dumps(wanted).encode())
                assert READERS[fmt.name](answer.content) == told, (path, fmt.name)
            if fmt.name in inert:
                inert[fmt.name](answer.content)
            if "csv" in fmt.name:
                _no_formula(answer.content)

    shown = {entry["title"] for entry in (await api.get("/v1/timelines/all?limit=1000&kind=visit")).json()["entries"]}
    assert {several[4]["title"] for several in everything} <= shown  # as they were


def _no_formula(content: bytes) -> None:
    for row in csv.reader(io.StringIO(content.decode(), newline=""), strict=True):
        assert not [cell for cell in row if FORMULA.match(cell)], row


async def test_events_with_hostile_words_come_in_every_format(api: httpx.AsyncClient) -> None:
    for number, text in enumerate(HOSTILE[::4]):
        body = await api.post(
            "/v1/events/batch", params={"mode": "each"}, json=[*posts()[:12], *record_of(number, text)]
        )
        event = body.json()["verdicts"][-3]["id"]
        for fmt in offered(EventShown):
            answer = await api.get(f"/v1/events/{event}{fmt.suffix}")
            assert answer.status_code == 200, (text, fmt.name, answer.text)
        assert (await api.get(f"/v1/events/{event}/history.md")).status_code == 200
        assert (await api.get(f"/v1/events/{event}/provenance")).status_code == 200


# Addresses, headers and problem documents


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
async def test_an_address_with_hostile_words_is_answered_in_words(api: httpx.AsyncClient, text: str) -> None:
    await posted(api, "/v1/actors", {"slug": "seen", "name": "Seen"})
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("latin-1")
    asked = [{"q": text}, {"actor": text}, {"cursor": text}, {"kind": text}, {"as_of": text}, {text[:50] or "x": "1"}]
    quoted = httpx.QueryParams({"q": text})["q"]
    paths = [f"/v1/actors/{httpx.URL('/', params={'x': quoted}).query.decode()[2:]}"]

    answers = [await api.get("/v1/events", params=each) for each in asked] + [await api.get(each) for each in paths]
    answers += [await api.get("/v1/kinds", headers={b"X-Request-Id": text.encode("latin-1", "replace")})]

    for answer in answers:
        assert answer.status_code < 500, (answer.request.url, answer.text)
        assert answer.headers["x-request-id"].isalnum() or re.fullmatch(r"[\w.:/+=-]+", answer.headers["x-request-id"])
        assert all(value.isprintable() for value in answer.headers.values())
        if answer.status_code >= 400:
            problem = answer.json()
            assert problem["instance"].isascii()
            assert len(answer.content) < 6_000


def test_every_format_that_lists_events_has_a_reader() -> None:
    told = {"markdown", "html", "docx", "sse", *READERS}

    assert {each.name for each in FORMATS.values()} <= told, "read it back in tests/formats/judges.py"
