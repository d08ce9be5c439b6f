"""HTML: a week's brief as a page to send or to print, made of its Markdown: no script, nothing loaded."""

from html import escape

from markdown_it import MarkdownIt

from timeline.formats.brief import TEMPLATE, brief
from timeline.formats.escapes import line
from timeline.formats.format import NOWHERE, Format, Where
from timeline.model.slice import Slice

# Raw HTML in Markdown stays text, and no link but http, https and mailto is one.
MARKDOWN = MarkdownIt("js-default")
STYLE = (
    "body{max-width:46em;margin:2em auto;padding:0 1em;font:16px/1.5 Georgia,serif;color:#111}"
    "h1,h2{font-family:system-ui,sans-serif;line-height:1.25}li>ul{color:#444;font-size:.92em}"
    "li{margin:.3em 0}a{color:inherit;text-decoration:underline dotted #999}"
    "@media print{body{margin:0}a{text-decoration:none}}"
)


def page(week: Slice, where: Where = NOWHERE, template: str = TEMPLATE) -> bytes:
    """The brief as a page."""
    body = MARKDOWN.render(brief(week, where, template).decode())
    title = escape(line(f"{week.subject.name}, week {week.week}"))
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{body}</body>\n</html>\n'.encode()


FORMAT = Format(
    name="html",
    suffix=".html",
    media_type="text/html; charset=utf-8",
    about="a week's brief as a page, to read, to print, to send",
    renders={Slice: page},
)
"""Also what a browser gets that is led to a week."""
