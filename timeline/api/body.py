"""What a request says in its body: JSON read once, every fault of it told."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

import msgspec
from litestar.exceptions import InternalServerException

from timeline.api.service import Asked, service
from timeline.errors import BadRequest, BodyTooLarge, Fault, InvalidRecord, MalformedJson, UnsupportedMediaType
from timeline.log.resolve import invalid
from timeline.model.edits import EDITS
from timeline.model.faults import faults, shown, under
from timeline.model.kinds import EVENTS
from timeline.model.registry import COLLECTIONS
from timeline.model.tokens import ACCESS

JSON = "application/json"
NDJSON = "application/x-ndjson"
NESTED_MAX = 32
"""More levels than any record has. What is deeper can't be walked to name its faults, so it is refused whole."""


def media_type(request: Asked, allowed: tuple[str, ...]) -> str:
    """The body's media type.

    Raises:
        UnsupportedMediaType: it is missing, encoded, or not one of those allowed.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(f"Expected a body without Content-Encoding, found {shown(encoding)}.")
    given = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if given not in allowed:
        found = shown(given) if given else "none"
        raise UnsupportedMediaType(f"Expected Content-Type {' or '.join(allowed)}, found {found}.")
    return given


@asynccontextmanager
async def body_of(request: Asked, bytes_max: int) -> AsyncIterator[bytes]:
    """The body, held while inside; what is too large is refused by its announced length, or as soon as it is too large.

    It counts as it comes, not as announced: who announces much and sends nothing takes nobody's room.

    Raises:
        BodyTooLarge: it has more bytes than that.
        QueueFull: with those of other requests they are more than may be held.
        BadRequest: the client left before all of it was here.
    """
    bodies = service(request).bodies
    announced = request.headers.get("content-length", "")
    if announced.isdigit():
        if int(announced) > bytes_max:
            raise _too_large(bytes_max, f"{int(announced):,}")
        bodies.check(int(announced))
    parts: list[bytes] = []
    size = 0
    try:
        async for part in _parts(request):
            if size + len(part) > bytes_max:
                raise _too_large(bytes_max, "more")
            bodies.check(len(part))
            bodies.bytes += len(part)
            size += len(part)
            parts.append(part)
        body = b"".join(parts)
        parts.clear()
        yield body
    finally:
        bodies.bytes -= size


async def _parts(request: Asked) -> AsyncIterator[bytes]:
    try:
        async for part in request.stream():
            yield part
    except InternalServerException:  # the framework's word for a client that left
        raise BadRequest("The client left before its body was whole.") from None


def _too_large(bytes_max: int, found: str) -> BodyTooLarge:
    return BodyTooLarge(f"Expected a body of at most {bytes_max:,} bytes, found {found}.")


def plain(body: bytes) -> Any:
    """The body as plain objects.

    Raises:
        MalformedJson: it is not JSON, names a field twice, is nested too deeply, or holds a number that is too large.
    """
    if not body.strip():
        raise _malformed("a JSON document", "an empty body")
    try:
        return json.loads(
            body.decode(), parse_constant=_refuse_constant, parse_float=_float, object_pairs_hook=_named_once
        )
    except RecursionError:
        raise _malformed(f"JSON nested at most {NESTED_MAX} levels deep", "it nested deeper") from None
    except UnicodeDecodeError as error:
        raise _malformed("UTF-8", f"another byte at offset {error.start}") from None
    except json.JSONDecodeError as error:
        where = f"{error.msg[:1].lower()}{error.msg[1:].split(' (')[0]} at line {error.lineno}, column {error.colno}"
        raise _malformed("JSON in UTF-8", f"something else: {where}") from None
    except ValueError:  # Python reads no integer of more than 4,300 digits
        raise _malformed("numbers that can be held", "one of thousands of digits") from None


def decode(value: Any, wanted: Any) -> Any:
    """A plain value as the type wanted.

    Raises:
        MalformedJson: it is nested too deeply.
        InvalidRecord: it does not fit; with every fault.
    """
    try:
        # Encoded and decoded again: 12 µs a record, where `msgspec.convert` looks at the union of 40 kinds for 60.
        return _decoder(wanted).decode(msgspec.json.encode(value))
    except (msgspec.MsgspecError, UnicodeEncodeError, OverflowError, RecursionError):
        raise _refusal(value, wanted) from None


@lru_cache(maxsize=64)
def _decoder(wanted: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(wanted)


def _refusal(value: Any, wanted: Any) -> InvalidRecord | MalformedJson:
    if _is_deep(value):
        return _malformed(f"JSON nested at most {NESTED_MAX} levels deep", "it nested deeper")
    misplaced = _misplaced(value, wanted)
    found = [misplaced] if misplaced else faults(value, wanted)
    return invalid(found or [Fault(pointer="#", expected="a record", found=shown(value))])


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(NESTED_MAX):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


def _misplaced(value: Any, wanted: Any) -> Fault | None:
    """A record of a kind that is posted elsewhere: its other faults would only be those of the wrong kind."""
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind in _tags(wanted):
        return None
    if kind in ACCESS:
        expected = f"a kind that can be posted; a {kind} is issued by POST /v1/tokens, which records it"
        return Fault(pointer=under("#", "kind"), expected=expected, found=shown(kind))
    where = f"/v1/{COLLECTIONS[kind]}" if kind in COLLECTIONS else "/v1/events" if kind in {**EVENTS, **EDITS} else None
    if where is None:
        return None
    here = "one of " + ", ".join(_tags(wanted))
    expected = f"{here}; {kind} is posted to {where}, or in a batch"
    return Fault(pointer=under("#", "kind"), expected=expected, found=shown(kind))


def _tags(wanted: Any) -> list[str]:
    members = getattr(wanted, "__args__", (wanted,))
    return [str(each.__struct_config__.tag) for each in members]


def _malformed(expected: str, found: str) -> MalformedJson:
    fault = Fault(pointer="#", expected=expected, found=found)
    return MalformedJson(f"Expected {expected}, found {found}.", errors=[fault])


def _refuse_constant(name: str) -> Any:
    raise _malformed("JSON", f"{name}, which is none")


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _malformed("numbers that can be held", shown(text))
    return number


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. One that names a field twice means one thing to one reader and another to the next."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _malformed("each field of an object once", f"{shown(twice)} more than once")
    return found
