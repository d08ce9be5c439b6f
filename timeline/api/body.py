"""What a request says in its body: JSON read once, every fault of it told."""

import json
from typing import Any

import msgspec

from timeline.api.service import Asked
from timeline.errors import Fault, MalformedJson, UnsupportedMediaType
from timeline.log.resolve import invalid
from timeline.model.codec import text_faults
from timeline.model.faults import faults

JSON = "application/json"
NDJSON = "application/x-ndjson"


def media_type(request: Asked, allowed: tuple[str, ...]) -> str:
    """The body's media type.

    Raises:
        UnsupportedMediaType: it is missing, encoded, or not one of those allowed.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(f"Expected a body without Content-Encoding, found {encoding}.")
    given = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if given not in allowed:
        raise UnsupportedMediaType(f"Expected Content-Type {' or '.join(allowed)}, found {given or 'none'}.")
    return given


def decode(body: bytes, wanted: Any) -> Any:
    """The body as the type wanted.

    Raises:
        MalformedJson: it is not JSON.
        InvalidRecord: it does not fit; with every fault.
    """
    try:
        return msgspec.json.decode(body, type=wanted)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        value = plain(body)
        found = text_faults(value) + faults(value, wanted)
        raise invalid(
            found or [Fault(pointer="#", expected="a record", found="something that can't be read")]
        ) from None


def plain(body: bytes) -> Any:
    """The body as plain objects.

    Raises:
        MalformedJson: it is not JSON, or nested too deeply, or holds a number that no reader can hold exactly.
    """
    if not body.strip():
        raise MalformedJson("Expected a JSON document, found an empty body.")
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        raise MalformedJson("Expected JSON nested a few levels deep, found it too deep to read.") from None
    except UnicodeDecodeError as error:
        raise MalformedJson(f"Expected UTF-8, found another byte at offset {error.start}.") from None
    except ValueError as error:
        raise MalformedJson(f"Expected JSON, found something else: {error}.") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
