"""The canonical bytes of a record: RFC 8785 for the JSON that we allow ourselves.

Bytes hashed are bytes stored. Keys are ASCII, numbers are integers within 2^53 - 1, text holds no NUL and no lone
surrogate; within those bounds sorted msgspec output *is* RFC 8785 (checked by property against the `rfc8785` package),
at twenty times its speed.
"""

import re
from typing import Any

import msgspec

from timeline.errors import Fault

PAYLOAD_BYTES_MAX = 65_536
"""The largest payload of one record. Longer texts belong in a document, quoted by their offsets."""

_ENCODER = msgspec.json.Encoder(order="sorted")


class Payload(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the log holds of a record: what was said, and who recorded it. Never what we derive."""

    id: str
    kind: str
    shape: int
    recorded_by: str
    body: dict[str, Any]


_DECODER = msgspec.json.Decoder(Payload)


def canonical(value: Any) -> bytes:
    """The RFC 8785 form of a value made of ASCII-keyed objects, lists, text, integers, booleans and null."""
    return _ENCODER.encode(value)


def payload_bytes(payload: Payload) -> bytes:
    """The bytes of a payload as they are hashed and stored."""
    return _ENCODER.encode(payload)


def read_payload(stored: bytes) -> Payload:
    """A payload from its stored bytes.

    Raises:
        msgspec.ValidationError: the bytes are not a payload.
    """
    return _DECODER.decode(stored)


_MAY_BE_FAULTY = re.compile(rb"\\[ubfr]|\x7f|\xc2[\x80-\x9f]")


def may_be_faulty(canonical_form: bytes) -> bool:
    """Whether texts in a canonical form may have faults: controls are escaped there, or are one of two byte sequences.

    An escaped line feed, TAB or quotation mark is none; what looks like an escape and is text is looked at once more.
    """
    # Most have none of the three bytes that all of these begin with: three passes of `in` cost a tenth of the pattern.
    if b"\\" not in canonical_form and b"\xc2" not in canonical_form and b"\x7f" not in canonical_form:
        return False
    return _MAY_BE_FAULTY.search(canonical_form) is not None


def text_faults(value: Any, pointer: str = "#") -> list[Fault]:
    """Every text in `value` that no log may hold: NUL, other control characters, lone surrogates."""
    if isinstance(value, str):
        fault = _text_fault(value)
        expected = _EXPECTED_LINES if fault and fault.startswith("U+000D") else "text without control characters"
        return [Fault(pointer=pointer, expected=expected, found=fault)] if fault else []
    if isinstance(value, list):
        return [f for i, each in enumerate(value) for f in text_faults(each, f"{pointer}/{i}")]
    if isinstance(value, dict):
        return [f for name, each in value.items() for f in text_faults(each, f"{pointer}/{name}")]
    return []


_EXPECTED_LINES = "text without control characters, its lines ended by a line feed (U+000A) alone"


def with_line_feeds(value: Any) -> Any:
    """The same, as the log takes it: lines of texts that CR LF or CR ended are ended by LF. For whoever posts."""
    if isinstance(value, str):
        return value.replace("\r\n", "\n").replace("\r", "\n") if "\r" in value else value
    if isinstance(value, list | tuple):
        return [with_line_feeds(each) for each in value]
    if isinstance(value, dict):
        return {name: with_line_feeds(each) for name, each in value.items()}
    return value


def _text_fault(text: str) -> str | None:
    if text.isprintable():
        return None
    for at, char in enumerate(text):
        if (char < " " and char not in "\n\t") or "\x7f" <= char <= "\x9f":
            return f"U+{ord(char):04X} at character {at}"
        if "\ud800" <= char <= "\udfff":
            return f"lone surrogate U+{ord(char):04X} at character {at}"
    return None
