"""The lines of a batch: each read as its kind, or refused by itself."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, Union

import msgspec
from msgspec import Meta

from timeline.api.body import NDJSON, decode, plain
from timeline.errors import BodyTooLarge, Fault, Refusal
from timeline.log.admit import Line, Refused
from timeline.log.resolve import invalid
from timeline.model.codec import canonical
from timeline.model.edits import EDITS
from timeline.model.faults import shown, under
from timeline.model.kinds import EVENTS
from timeline.model.record import Record
from timeline.model.registry import REGISTRATIONS

KINDS: dict[str, type[Record]] = {**EVENTS, **EDITS, **REGISTRATIONS}
FIELDS: dict[str, frozenset[str]] = {
    kind: frozenset(f.encode_name for f in msgspec.structs.fields(cls)) for kind, cls in KINDS.items()
}
DEFAULTABLE = frozenset().union(*FIELDS.values()) - {"id", "revision"}
"""What a default may say: any field of any kind but those that no two lines share."""
Defaults = Annotated[
    dict[str, Any], Meta(extra_json_schema={"propertyNames": {"type": "string", "enum": sorted(DEFAULTABLE)}})
]
REF_MAX = 100
AnyRecord: Any = Union[tuple(KINDS.values())]  # noqa: UP007  (built from a tuple, so not writable with |)

_RECORD: msgspec.json.Decoder[Record] = msgspec.json.Decoder(AnyRecord)

KindOfRecord: Any = Literal[tuple(KINDS)]
"""A kind of event, edit or registration; made from the kinds, so that a new one is known here."""


class BatchLine(msgspec.Struct, frozen=True, kw_only=True):
    """A record of any kind, with the fields that it would be posted with alone; `defaults` may stand in for some.

    It is read by itself: with `mode=each` a line that does not fit its kind is refused alone, and the others are not.
    """

    kind: Annotated[KindOfRecord, Meta(description="What the line is; its other fields are those of this kind.")]
    ref: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=REF_MAX,
                description="A name for the line, by which later ones name it: `#ref`.",
            ),
        ]
        | None
    ) = None


Lines = Annotated[list[BatchLine], Meta(min_length=1)]
"""What the document says of lines; they are decoded one by one, each as its kind."""


class Batch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Many records at once, and what most of them share."""

    example: ClassVar[dict[str, Any]] = {
        "defaults": {"marking": "clear", "participants": ["haftar"]},
        "events": [
            {
                "kind": "invitation",
                "ref": "invited",
                "title": "Haftar is invited to Rome",
                "occurred": "June 2019",
                "source": "unattributed",
            },
            {"kind": "denial", "of": ["#invited"], "occurred": "7 June 2019", "source": "white-house-source"},
        ],
    }
    events: Lines
    """Records of any kind; each may carry `ref`, by which later lines name it as `#ref`."""
    defaults: Defaults = {}
    """Fields for every line that may have them and does not."""


BatchBody = Batch | Lines
"""A batch may also be a plain array of records."""


class _Envelope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A batch whose lines are not looked at yet: one that is no object is that line's fault alone."""

    events: list[Any]
    defaults: dict[str, Any] = {}


def lines_of(body: bytes, media_type: str, lines_max: int) -> list[Line | Refused]:
    """The lines of a batch, in order.

    Raises:
        MalformedJson: the body as a whole can't be read.
        BodyTooLarge: it has too many lines.
        InvalidRecord: it has none, or its envelope or its defaults don't fit.
    """
    defaults: dict[str, Any] = {}
    if media_type == NDJSON:
        values: list[Any] = [line for line in body.splitlines() if line.strip()]
    else:
        value = plain(body)
        batch = _Envelope(events=value) if isinstance(value, list) else decode(value, _Envelope)
        values, defaults = batch.events, batch.defaults
    if len(values) > lines_max:
        raise BodyTooLarge(f"Expected at most {lines_max:,} lines, found {len(values):,}. Post them in parts.")
    if not values:
        raise invalid([Fault(pointer="#", expected="at least one record", found="none")])
    _check_defaults(defaults)
    return _once_each([line_of(number, value, defaults) for number, value in enumerate(values, 1)])


def _check_defaults(defaults: dict[str, Any]) -> None:
    """Refuse what no line could take: it would be left out in silence."""
    unknown = [
        Fault(
            pointer=under("#/defaults", name),
            expected="a field that records of some kind have, other than id, revision and kind",
            found=shown(name),
        )
        for name in defaults
        if name not in DEFAULTABLE
    ]
    if unknown:
        raise invalid(unknown)


def line_of(number: int, value: Any, defaults: Mapping[str, Any] = MappingProxyType({})) -> Line | Refused:
    """A line as its kind, or why it is of none."""
    if isinstance(value, bytes) and not defaults and (post := _at_once(value)) is not None:
        return Line(post=post, number=number)
    ref = None
    try:
        record = plain(value) if isinstance(value, bytes) else value
        if isinstance(record, dict):
            ref = _ref(record)
            record = _defaulted(record, defaults)
        return Line(post=decode(record, AnyRecord), number=number, ref=ref)
    except Refusal as refusal:
        return Refused(number=number, ref=ref, refusal=refusal)


def _at_once(line: bytes) -> Record | None:
    """The record that a line is, where one look is enough; None where it has a fault, a `ref`, or needs a second look.

    The decoder takes the last of two fields of one name, which must be refused. It left none out if what it made has
    as many quotation marks as the line. Escaped ones can't be told from others by counting: those get the second look.
    """
    try:
        post: Record = _RECORD.decode(line)
        if b'\\"' in line or b"\\u00" in line or line.count(b'"') != canonical(post).count(b'"'):
            return None
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return post


def _defaulted(record: dict[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A record without its `ref`, with the defaults that its kind may have and that it does not state."""
    if not defaults:
        return {name: each for name, each in record.items() if name != "ref"} if "ref" in record else record
    fields = FIELDS.get(str(record.get("kind")), frozenset())
    record = {name: each for name, each in record.items() if name != "ref"}
    return {name: each for name, each in defaults.items() if name in fields} | record


def _ref(record: dict[str, Any]) -> str | None:
    ref = record.get("ref")
    if ref is None:
        return None
    if not isinstance(ref, str) or not 0 < len(ref) <= REF_MAX or not ref.isprintable():
        expected = f"a printable text of 1 to {REF_MAX} characters"
        raise invalid([Fault(pointer="#/ref", expected=expected, found=shown(ref))])
    return ref


def _once_each(lines: list[Line | Refused]) -> list[Line | Refused]:
    """A ref that came before is refused: it would name one thing above it and another below."""
    first: dict[str, int] = {}
    checked: list[Line | Refused] = []
    for line in lines:
        before = first.setdefault(line.ref, line.number) if line.ref else line.number
        if before != line.number and isinstance(line, Line):
            fault = Fault(pointer="#/ref", expected="a ref of its own", found=f"{shown(line.ref)}, as on line {before}")
            line = Refused(number=line.number, ref=line.ref, refusal=invalid([fault]))
        checked.append(line)
    return checked
