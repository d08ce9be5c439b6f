"""Pages: the contract as one page to read, made on the server, with nothing loaded from elsewhere."""

import html
import re
from pathlib import Path
from typing import Any

import jinja2
import msgspec

_FOLDER = Path(__file__).parent
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
_QUOTED = re.compile("`([^`]+)`")
READ_FIRST = ("events", "timelines", "weeks", "registries", "feed", "service")
"""The order of a first reading; other tags come after."""


def docs_page(contract: dict[str, Any]) -> bytes:
    """The OpenAPI document as HTML."""
    page = _TEMPLATES.get_template("docs.html")
    return page.render(contract=contract, groups=_groups(contract), pretty=_pretty, words=_words).encode()


def docs_style() -> bytes:
    """The style sheet of that page."""
    return (_FOLDER / "docs.css").read_bytes()


def _groups(contract: dict[str, Any]) -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
    """Method, path and operation of every call, by tag."""
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {tag: [] for tag in READ_FIRST}
    for path, operations in contract["paths"].items():
        for method, operation in sorted(operations.items(), reverse=True):
            groups.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    return {tag: calls for tag, calls in groups.items() if calls}


def _words(text: str) -> str:
    """A docstring's words as HTML, with what stands between backticks as code."""
    return _QUOTED.sub(r"<code>\1</code>", html.escape(text))


def _pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
