"""An answer on its way out: the format asked for, and nothing at all where the reader has it already."""

import hashlib
from typing import Any

from litestar import Response

from timeline.api.service import Asked
from timeline.errors import NotAcceptable
from timeline.formats import FORMATS, offered, render
from timeline.formats.format import Format

SUFFIX = "timeline_suffix"
"""Where the edge leaves the suffix that it took from a path."""


def negotiated(request: Asked, answers: type) -> Format:
    """The format that a request asks for, by its suffix or else by Accept; JSON when it does not say.

    Raises:
        NotAcceptable: it is not one that such answers come in.
    """
    formats = offered(answers)
    suffix = request.scope.get(SUFFIX)
    if suffix:
        chosen = next((each for each in formats if each.suffix == suffix), None)
    else:
        by_type = {each.media_type.split(";")[0]: each for each in formats}
        asked = request.headers.get("accept")
        accepted = request.accept.best_match([*by_type], default=None) if asked else next(iter(by_type))
        chosen = by_type.get(accepted) if accepted else None
    if chosen is None:
        names = ", ".join(f"{each.suffix} ({each.media_type.split(';')[0]})" for each in formats)
        raise NotAcceptable(f"This comes as {names}; found {suffix or request.headers.get('accept')}.")
    return chosen


def unchanged(request: Asked, tag: str) -> bool:
    """Whether the reader has this version already: If-None-Match, compared weakly (RFC 9110 §13.1.2)."""
    known = request.headers.get("if-none-match")
    if known is None:
        return False
    tags = {each.strip().removeprefix("W/") for each in known.split(",")}
    return "*" in tags or tag.removeprefix("W/") in tags


def headers_of(tag: str | None, position: int, *, public: bool) -> dict[str, str]:
    """The headers of a read."""
    found = {
        "Timeline-Position": str(position),
        "Vary": "Accept, Authorization, Accept-Encoding",
        "Cache-Control": "no-cache" if public else "private, no-cache",
    }
    return found | ({"ETag": tag} if tag else {})


def not_modified(tag: str, position: int, *, public: bool) -> Response[None]:
    """304: what you have still holds."""
    return Response(None, status_code=304, headers=headers_of(tag, position, public=public))


def respond(request: Asked, fmt: Format, answer: Any, headers: dict[str, str], status: int = 200) -> Response[bytes]:
    """The answer, written in its format, with links to its other formats (RFC 8288)."""
    links = [
        f'<{request.url.path}{each.suffix}{query}>; rel="alternate"; type="{each.media_type.split(";")[0]}"'
        for query in ("?" + request.url.query if request.url.query else "",)
        for each in offered(type(answer))
        if each is not fmt
    ]
    following = getattr(answer, "next", None)
    if isinstance(following, str):
        rest = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        query = "&".join(f"{name}={value}" for name, value in [*rest, ("cursor", following)])
        suffix = request.scope.get(SUFFIX) or ""
        links.append(f'<{request.url.path}{suffix}?{query}>; rel="next"')
    all_headers = headers | ({"Link": ", ".join(links)} if links and request.method == "GET" else {})
    return Response(render(fmt, answer), status_code=status, media_type=fmt.media_type, headers=all_headers)


def tag_of(*parts: object) -> str:
    """A strong ETag made from what determines an answer."""
    return '"' + hashlib.sha256("\x00".join(map(str, parts)).encode()).hexdigest()[:24] + '"'


SUFFIXES = tuple(sorted((each.suffix for each in FORMATS.values()), key=len, reverse=True))
