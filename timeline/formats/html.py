"""HTML: a brief, a difference or an event as a page to read, print or send, made of its Markdown: no script, nothing
loaded."""

from html import escape

from markdown_it import MarkdownIt

from timeline.formats import markdown
from timeline.formats.brief import TEMPLATE, brief
from timeline.formats.escapes import line
from timeline.formats.format import NOWHERE, Format, Where
from timeline.model.changes import Difference
from timeline.model.entry import EventShown
from timeline.model.slice import Slice

# Raw HTML in Markdown stays text, and no link but http, https and mailto is one.
MARKDOWN = MarkdownIt("js-default")
STYLE = (
    "body{max-width:46em;margin:2em auto;padding:0 1em;font:16px/1.5 Georgia,serif;color:#111}"
    "h1,h2{font-family:system-ui,sans-serif;line-height:1.25}li>ul{color:#444;font-size:.92em}"
    "li{margin:.3em 0}a{color:inherit;text-decoration:underline dotted #999}"
    "table{border-collapse:collapse;font-size:.92em}td,th{border:1px solid #ccc;padding:.2em .5em;text-align:left}"
    "@media print{body{margin:0}a{text-decoration:none}}"
)


def page(week: Slice, where: Where = NOWHERE, template: str = TEMPLATE) -> bytes:
    """The brief as a page."""
    return _page(f"{week.subject.name}, week {week.week}", brief(week, where, template))


def _difference(found: Difference, where: Where) -> bytes:
    whose = ", ".join(each.name for each in found.subjects) or "All events"
    return _page(f"{whose}: what changed", markdown.difference(found, where))


def _event(event: EventShown, where: Where) -> bytes:
    return _page(event.title, markdown.single(event, where))


def _page(title: str, body: bytes) -> bytes:
    head = f'<meta charset="utf-8"><title>{escape(line(title))}</title><style>{STYLE}</style>'
    told = MARKDOWN.render(body.decode())
    return f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{told}</body>\n</html>\n'.encode()


FORMAT = Format(
    name="html",
    suffix=".html",
    media_type="text/html; charset=utf-8",
    about="a week's brief, a difference or an event as a page, to read, to print, to send",
    renders={Slice: page, Difference: _difference, EventShown: _event},
)
"""Also what a browser gets that is led to a week, a difference or an event."""
