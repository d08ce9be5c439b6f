"""An answer on its way out: the format asked for, and nothing at all where the reader has it already."""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any
from urllib.parse import quote, urlencode

from timeline.api.query import asked_in, encoded_again
from timeline.api.service import Asked, service
from timeline.api.written import Written
from timeline.errors import NotAcceptable
from timeline.formats import FORMATS, offered, render
from timeline.formats.format import Format, Where
from timeline.model.faults import shown

SUFFIX = "timeline_suffix"
"""Where the edge leaves the suffix that it took from a path."""
AUTHORITY = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
HEAD_ONLY = "timeline_head"
"""Where the edge notes that a GET was HEAD, and nobody will read a body."""
WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


def negotiated(request: Asked, answers: type, *, portioned: bool = False) -> Format:
    """The format that a request asks for, by its suffix or else by Accept; JSON when it does not say.

    Of those alone that are written portion by portion, where that is wanted.

    Raises:
        NotAcceptable: it is not one that such answers come in.
    """
    formats = _offered(answers, portioned=portioned)
    suffix = request.scope.get(SUFFIX)
    accept = ", ".join(request.headers.getall("accept", []))
    if suffix:
        chosen = next((each for each in formats if each.suffix == suffix), None)
    else:
        chosen = _liked_best(accept, answers, portioned)
    if chosen is None:
        names = ", ".join(f"{each.suffix} ({each.essence})" for each in formats)
        what = "A whole timeline" if portioned else "This"
        raise NotAcceptable(f"{what} comes as {names}; found {shown(suffix or accept)}.")
    return chosen


@lru_cache(maxsize=256)  # readers send the same few, and to weigh one takes as long as a tenth of a page
def _liked_best(accept: str, answers: type, portioned: bool) -> Format | None:
    offers: dict[str, Format] = {}
    for each in _offered(answers, portioned=portioned):
        offers.setdefault(each.essence, each)
    return preferred(accept, offers)


def preferred(accept: str, offers: Mapping[str, Format]) -> Format | None:
    """What an Accept header likes best (RFC 9110 §12.5.1); None where it takes nothing of what is offered.

    Of equals, that which is named first. The framework's own choice takes what is refused by `q=0`.
    """
    if not accept.strip():
        return next(iter(offers.values()))
    ranges = [_range(text) for text in accept.split(",")]
    best, chosen = (0.0, 0, 0), None
    for offer, each in offers.items():
        closeness, order, weight = max((_closeness(name, offer), -i, q) for i, (name, q) in enumerate(ranges))
        if closeness and weight and (weight, closeness, order) > best:
            best, chosen = (weight, closeness, order), each
    return chosen


def _range(text: str) -> tuple[str, float]:
    """A media range and its weight; 0 for a weight that is none."""
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    weight = next((each.removeprefix("q=") for each in parameters if each.startswith("q=")), "1")
    return name, float(weight) if WEIGHT.fullmatch(weight) else 0.0


def _closeness(name: str, offer: str) -> int:
    """How closely a media range names an offer; 0 where it does not."""
    return {offer: 3, offer.split("/")[0] + "/*": 2, "*/*": 1}.get(name, 0)


def unchanged(request: Asked, tag: str) -> bool:
    """Whether the reader has this version already: If-None-Match, compared weakly (RFC 9110 §13.1.2)."""
    return have(",".join(request.headers.getall("if-none-match", [])), tag)


def have(known: str, tag: str) -> bool:
    """Whether an If-None-Match names a tag, or any."""
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


def not_modified(tag: str, position: int, *, public: bool) -> Written:
    """304: what you have still holds."""
    return Written(b"", "", headers_of(tag, position, public=public), 304)


def respond(
    request: Asked, fmt: Format, answer: Any, headers: dict[str, str], status: int = 200, offers: type | None = None
) -> Written:
    """The answer, written in its format, with links to its other formats (RFC 8288): those that `offers` comes in."""
    links = linked(request, fmt, offers or type(answer), getattr(answer, "next", None))
    return Written(render(fmt, answer, where(request)), fmt.media_type, headers | links, status)


def linked(request: Asked, fmt: Format, offers: type, following: object, *, portioned: bool = False) -> dict[str, str]:
    """The header `Link`: to the other formats, and to the following page if there is one."""
    path = quote(request.scope["path"])
    links = _alternates(path, request.scope["query_string"], fmt.name, offers, portioned)
    if isinstance(following, str):
        query = urlencode([*(each for each in asked_in(request) if each[0] != "cursor"), ("cursor", following)])
        links = f'{links}{", " if links else ""}<{path}{request.scope.get(SUFFIX) or ""}?{query}>; rel="next"'
    return {"Link": links} if links and request.method == "GET" else {}


@lru_cache(maxsize=256)
def _alternates(path: str, query: bytes, but: str, offers: type, portioned: bool) -> str:
    asked = encoded_again(query)
    return ", ".join(
        f'<{path}{each.suffix}{"?" if asked else ""}{asked}>; rel="alternate"; type="{each.essence}"'
        for each in _offered(offers, portioned=portioned)
        if each.name != but
    )


@cache
def _offered(answers: type, *, portioned: bool) -> tuple[Format, ...]:
    return tuple(each for each in offered(answers) if each.portions is not None or not portioned)


def where(request: Asked) -> Where:
    """Where an answer is served: by the setting, else as it was asked for."""
    scope = request.scope
    return Where(base=base(request), path=quote(scope["path"]), query=encoded_again(scope["query_string"]))


def written_as(request: Asked, fmt: Format) -> str:
    """What a tag must tell of how an answer is written: its format, and the address in its links."""
    return f"{fmt.name} {base(request)}"


def base(request: Asked) -> str:
    """Scheme and authority that readers find the service by."""
    settings = service(request).settings
    if settings.public_url is not None:
        return settings.public_url
    host = request.headers.get("host", "")
    if not AUTHORITY.fullmatch(host):  # whoever sends no host, or one that is none, knows where they are
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        host = f"{host}:{settings.port}"
    return f"{request.scope['scheme']}://{host}"


def elsewhere(request: Asked, path: str, status: int) -> Written:
    """A redirection to a path of the same service, with the suffix and the query that were asked."""
    query = request.scope["query_string"].decode("latin-1")
    where = f"{path}{request.scope.get(SUFFIX) or ''}" + (f"?{query}" if query else "")
    headers = {"Location": where, "Cache-Control": "no-cache"}
    return Written(where.encode(), "text/plain; charset=utf-8", headers, status)


SUFFIXES = tuple(sorted((each.suffix for each in FORMATS.values()), key=len, reverse=True))
