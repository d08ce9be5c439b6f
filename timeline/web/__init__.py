"""Pages: the contract as one page to read, made on the server, with nothing loaded from elsewhere."""

from pathlib import Path
from typing import Any

import jinja2
import msgspec

_FOLDER = Path(__file__).parent
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


def docs_page(contract: dict[str, Any]) -> bytes:
    """The OpenAPI document as HTML."""
    return _TEMPLATES.get_template("docs.html").render(contract=contract, pretty=_pretty).encode()


def docs_style() -> bytes:
    """The style sheet of that page."""
    return (_FOLDER / "docs.css").read_bytes()


def _pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
