"""Answers as others read them: each format by software that is not ours, or by a strict reading of its standard."""

import csv
import io
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import docx
import icalendar
import msgpack
from markdown_it import MarkdownIt

ATOM = "{http://www.w3.org/2005/Atom}"
TOMBSTONES = "{http://purl.org/atompub/tombstones/1.0}"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
ANSWER_SECTIONS = ("happened", "said", "continuing", "ahead", "unresolved")


def lines_of_json(content: bytes) -> list[str]:
    return _listed(json.loads(content))


def _listed(answer: Any) -> list[str]:
    if "changes" in answer:
        return [each["id"] for each in answer["changes"]]
    if "sections" in answer:
        found = [each["id"] for name in ANSWER_SECTIONS for each in answer["sections"][name]]
        return list(dict.fromkeys(found))
    return [each["id"] for each in answer["entries"]]


def lines_of_ndjson(content: bytes) -> list[str]:
    lines = [json.loads(line) for line in content.splitlines()]
    return list(dict.fromkeys(each["id"] for each in lines if each.get("section") != "changed"))


def lines_of_csv(content: bytes) -> list[str]:
    rows = csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True)
    return list(dict.fromkeys(row["id"] for row in rows if row.get("section") != "changed"))


def lines_of_acled(content: bytes) -> list[str]:
    return [row["event_id_cnty"] for row in csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True)]


def lines_of_atom(content: bytes) -> list[str]:
    feed = ElementTree.fromstring(content)
    return [str(each.findtext(f"{ATOM}id")).removeprefix("urn:uuid:") for each in feed.iter(f"{ATOM}entry")]


def changes_of_atom(content: bytes) -> list[str]:
    """What changed and what is gone: a week's tombstones stand beside its events, those of a difference among them."""
    told = (each for each in ElementTree.fromstring(content) if each.tag in _ATOM_CHANGES)
    return [(each.get("ref") or str(each.findtext(f"{ATOM}id"))).removeprefix("urn:uuid:") for each in told]


_ATOM_CHANGES = (f"{ATOM}entry", f"{TOMBSTONES}deleted-entry")


def lines_of_ical(content: bytes) -> list[str]:
    return [str(each["UID"]) for each in icalendar.Calendar.from_ical(content).walk("VEVENT")]


def lines_of_geojson(content: bytes) -> list[str]:
    return [each["id"] for each in json.loads(content)["features"]]


def lines_of_timelinejs(content: bytes) -> list[str]:
    return [each["unique_id"] for each in json.loads(content)["events"]]


def lines_of_msgpack(content: bytes) -> list[str]:
    return _listed(msgpack.unpackb(content))


def lines_of_stix(content: bytes) -> list[str]:
    found = json.loads(content)["objects"]
    return [each["external_references"][0]["external_id"] for each in found if each["type"] in ("incident", "note")]


def lines_of_claims(content: bytes) -> list[str]:
    return [each["identifier"] for each in json.loads(content)["@graph"] if each["@type"] == "Claim"]


# What people read: the titles lead to the events.

CHANGED = "Changed in our records"


def lines_of_markdown(content: bytes) -> list[str]:
    """The links of a document as CommonMark has them, up to what changed in our records."""
    return _told(_links_of_markdown(content.decode()))


def _links_of_markdown(text: str) -> Iterator[tuple[bool, str]]:
    opened = ""
    for token in MarkdownIt("commonmark").parse(text):
        opened = token.tag if token.type == "heading_open" else "" if token.type == "heading_close" else opened
        if opened == "h2":
            yield True, token.content
        links = (each for each in token.children or [] if each.type == "link_open")
        yield from ((False, str(each.attrs["href"])) for each in links)


def lines_of_html(content: bytes) -> list[str]:
    page = _Links()
    page.feed(content.decode())
    return _told(page.found)


class _Links(HTMLParser):
    """Where the links of a page lead, and its headings."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[bool, str]] = []
        self._heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._heading = tag == "h2"
        self.found += [(False, str(to)) for name, to in attrs if (tag, name) == ("a", "href")]

    def handle_data(self, data: str) -> None:
        self.found += [(True, data)] if self._heading else []


def lines_of_docx(content: bytes) -> list[str]:
    return _told(_links_of_docx(docx.Document(io.BytesIO(content))))


def _links_of_docx(made: Any) -> Iterator[tuple[bool, str]]:
    for paragraph in made.paragraphs:
        links = paragraph.hyperlinks
        yield from ((False, link.address) for link in links)
        if not links and paragraph.text.startswith(CHANGED):  # what a style is called takes long to find
            yield paragraph.style.name == "Heading 2", paragraph.text


def _told(found: Iterable[tuple[bool, str]]) -> list[str]:
    """The events that the links of a document lead to, each once, up to the heading of what changed in our records."""
    told = itertools.takewhile(lambda each: not (each[0] and each[1].startswith(CHANGED)), found)
    addresses = [text for is_heading, text in told if not is_heading]
    assert all(_EVENT.fullmatch(each) for each in addresses), addresses
    return list(dict.fromkeys(each.removesuffix("/history")[-36:] for each in addresses))


_EVENT = re.compile(rf"https?://[^/]+/v1/events/{UUID.pattern}(/history)?")


def as_briefed(content: bytes) -> list[str]:
    """The ids of a week's JSON in the order of a brief, which tells assessments apart, after what was said."""
    sections = json.loads(content)["sections"]
    said = sections["said"]
    of = {**sections, "said": sorted(said, key=lambda each: each["kind"] == "assessment")}
    return list(dict.fromkeys(each["id"] for name in ANSWER_SECTIONS for each in of[name]))


READERS: dict[str, Callable[[bytes], list[str]]] = {
    "json": lines_of_json,
    "ndjson": lines_of_ndjson,
    "csv": lines_of_csv,
    "csv-acled": lines_of_acled,
    "atom": lines_of_atom,
    "icalendar": lines_of_ical,
    "geojson": lines_of_geojson,
    "timelinejs": lines_of_timelinejs,
    "msgpack": lines_of_msgpack,
    "stix": lines_of_stix,
    "claimreview": lines_of_claims,
    "markdown": lines_of_markdown,
    "html": lines_of_html,
    "docx": lines_of_docx,
}
"""The ids of the events in an answer, in their order, each once, by the format's name."""
CHANGES = {**READERS, "atom": changes_of_atom}
"""The same of a difference."""
BRIEFS = ("markdown", "html", "docx")
"""Formats in which a week is a brief."""


# RFC 5545, read strictly: §3.1 content lines, §3.3.11 TEXT, §3.6.1 events.

_LINE = re.compile(r"(?P<name>[A-Z][A-Z0-9-]*)(?P<parameters>(;[A-Z-]+=[A-Za-z0-9/-]+)*):(?P<value>.*)", re.DOTALL)
_TEXT = re.compile(r"([^\x00-\x08\x0a-\x1f\x7f\\;,]|\\[\\;,nN])*")
_TEXTS = re.compile(r"([^\x00-\x08\x0a-\x1f\x7f\\;,]|\\[\\;,nN]|,)*")
_VALUES = {
    "BEGIN": r"VCALENDAR|VEVENT",
    "END": r"VCALENDAR|VEVENT",
    "VERSION": r"2\.0",
    "CALSCALE": "GREGORIAN",
    "UID": UUID.pattern,
    "DTSTAMP": r"\d{8}T\d{6}Z",
    "CREATED": r"\d{8}T\d{6}Z",
    "LAST-MODIFIED": r"\d{8}T\d{6}Z",
    "SEQUENCE": r"\d+",
    "DTSTART": r"\d{8}",
    "DTEND": r"\d{8}",
    "STATUS": "TENTATIVE|CONFIRMED|CANCELLED",
    "TRANSP": "TRANSPARENT",
    "URL": r"https?://[!-~]+",
}
_TEXT_PROPERTIES = {"PRODID", "NAME", "X-WR-CALNAME", "SUMMARY", "DESCRIPTION", "LOCATION"}
_NEEDED = {"UID", "DTSTAMP", "DTSTART"}


def strictly(content: bytes) -> list[dict[str, str]]:
    """The events of a calendar by their properties; fails on whatever RFC 5545 does not allow."""
    assert content.endswith(b"\r\n")
    physical = content[:-2].split(b"\r\n")
    assert all(len(line) <= 75 and b"\r" not in line and b"\n" not in line for line in physical)
    assert all(line.decode() for line in physical), "a fold parts no character, and no line is empty"
    lines = content.decode().replace("\r\n ", "")[:-2].split("\r\n")
    return list(_components(lines))


def _components(lines: list[str]) -> Iterator[dict[str, str]]:
    open_: list[str] = []
    event: dict[str, str] = {}
    for line in lines:
        found = _LINE.fullmatch(line)
        assert found, line
        name, value = found["name"], found["value"]
        assert name in _VALUES or name in _TEXT_PROPERTIES or name == "CATEGORIES", name
        pattern = _TEXTS if name == "CATEGORIES" else _TEXT if name in _TEXT_PROPERTIES else re.compile(_VALUES[name])
        assert pattern.fullmatch(value), line
        assert found["parameters"] == (";VALUE=DATE" if name in ("DTSTART", "DTEND") else "")
        if name == "BEGIN":
            assert open_ == ([] if value == "VCALENDAR" else ["VCALENDAR"])
            open_.append(value)
            event = {}
        elif name == "END":
            assert open_.pop() == value
            if value == "VEVENT":
                assert event.keys() >= _NEEDED
                assert event.get("DTEND", "99999999") > event["DTSTART"], "the end is exclusive, after the start"
                yield event
        else:
            assert name not in event, f"{name} twice"
            event[name] = value
    assert open_ == []


# RFC 4287 §4.1 and RFC 6721.

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def atom(content: bytes) -> ElementTree.Element:
    """A feed; fails on what RFC 4287 does not allow."""
    feed = ElementTree.fromstring(content)
    assert feed.tag == f"{ATOM}feed"
    for each in (feed, *feed.findall(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            assert len(each.findall(ATOM + name)) == 1, name
        assert str(each.findtext(f"{ATOM}id")).startswith("urn:uuid:")
        assert UUID.fullmatch(str(each.findtext(f"{ATOM}id")).removeprefix("urn:uuid:"))
        moments = [str(found.text) for name in ("updated", "published") for found in each.findall(ATOM + name)]
        assert all(_INSTANT.fullmatch(moment) for moment in moments)
        kinds = [link.get("rel") for link in each.findall(f"{ATOM}link")]
        assert kinds.count("alternate") == 1
        assert all(str(link.get("href")).startswith("http") for link in each.findall(f"{ATOM}link"))
        assert all(author.findtext(f"{ATOM}name") for author in each.findall(f"{ATOM}author"))
    assert len(feed.findall(f"{ATOM}author")) == 1
    assert [link.get("rel") for link in feed.findall(f"{ATOM}link")].count("self") == 1
    names = [each.findtext(f"{ATOM}id") for each in feed.findall(f"{ATOM}entry")]
    assert len(set(names)) == len(names)
    for gone in feed.findall(f"{TOMBSTONES}deleted-entry"):
        assert UUID.fullmatch(str(gone.get("ref")).removeprefix("urn:uuid:"))
        assert _INSTANT.fullmatch(str(gone.get("when")))
        assert gone.get("ref") not in names
    newest = max((str(each.findtext(f"{ATOM}updated")) for each in feed.findall(f"{ATOM}entry")), default="")
    assert str(feed.findtext(f"{ATOM}updated")) >= newest
    return feed


# RFC 7946.


def geojson(content: bytes) -> list[dict[str, Any]]:
    """The features of a collection, or the one that it is; fails on what RFC 7946 does not allow."""
    found: dict[str, Any] = json.loads(content)
    if found["type"] == "FeatureCollection":
        assert not found.keys() & {"coordinates", "geometries", "geometry", "properties"}  # §7.1
        features: list[dict[str, Any]] = found["features"]
    else:
        features = [found]
    for feature in features:
        assert feature["type"] == "Feature"
        assert not feature.keys() & {"coordinates", "geometries", "features"}
        assert isinstance(feature["properties"], dict)
        assert isinstance(feature["id"], str)
        geometry = feature["geometry"]
        points = [] if geometry is None else [geometry["coordinates"]]
        if geometry is not None and geometry["type"] == "MultiPoint":
            points = geometry["coordinates"]
        assert geometry is None or geometry["type"] in ("Point", "MultiPoint")
        for longitude, latitude in points:
            assert -180 <= longitude <= 180
            assert -90 <= latitude <= 90
    return features
