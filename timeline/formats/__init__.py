"""What an answer looks like on the wire. Pure: an answer goes in, bytes come out. One file a format.

    format      what a format is: name, suffix, media type, a renderer per kind of answer
    json        every answer, in full (RFC 8259)      ndjson     one JSON object a line, names beside their ids
    csv         pages and weeks for spreadsheets      markdown   pages, events, what changed; a week as a brief
    acled       csv in the columns of ACLED        messagepack  what JSON is, packed
    atom        feeds, with tombstones             ical         calendars: tentative, confirmed, cancelled
    geojson     maps, with when                    timelinejs   slides of TimelineJS 3
    stix        STIX 2.1 bundles                   claimreview  schema.org's claims and their reviews
    brief       a week as an editor would send it     blocks     what Markdown answers are made of
    html        a brief as a page                  docx         a brief as a Word document
    sse         the feed as a stream of events
    words       the words that csv and markdown share
    escapes     hostile text stays text: one function per format that needs it

A module here that defines `FORMAT` is a format; there is no other place to enter it. Every format of one answer holds
the same entries in the same order, but that a brief tells assessments apart, after what was said.
"""

import importlib
import pkgutil
from functools import cache
from typing import Any

from timeline.errors import NotAcceptable
from timeline.formats.format import NOWHERE, Format, Where


def _discover() -> dict[str, Format]:
    """Every format in this folder by name, JSON first: it is the default and can render anything."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    formats: list[Format] = [module.FORMAT for module in modules if hasattr(module, "FORMAT")]
    return {each.name: each for each in sorted(formats, key=lambda each: (each.name != "json", each.name))}


FORMATS: dict[str, Format] = _discover()
"""Every format, by its name."""


@cache
def offered(answer: type) -> list[Format]:
    """The formats that answers of this type come in, JSON first."""
    return [each for each in FORMATS.values() if each.renderer(answer)]


def render(fmt: Format, answer: Any, where: Where = NOWHERE) -> bytes:
    """The answer's bytes in this format, with links that lead to where it is served.

    Raises:
        NotAcceptable: the format does not offer this type of answer.
    """
    kind: Any = type(answer)
    renderer = fmt.renderer(kind)
    if renderer is None:
        others = ", ".join(each.name for each in offered(kind))
        raise NotAcceptable(f"This answer does not come as {fmt.name}. Ask for one of: {others}.")
    return renderer(answer, where)
