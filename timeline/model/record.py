"""The base of every record, and the small types that records share.

Limits stand here once; JSON Schema, OpenAPI and the refusals all follow from them.
"""

from typing import Annotated, Any, ClassVar, Literal, get_args

import msgspec
from msgspec import Meta

INTEGER_MAX = 2**53 - 1
"""The largest integer that every JSON reader holds exactly (RFC 8259 §6); also the limit of RFC 8785."""

# Patterns end with \Z: before `$` Python takes one more line feed, so that "haftar\n" was a slug beside "haftar".
SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*\Z"
_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*[^\x00-\x20\x7f-\x9f\u2028\u2029][^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z"
_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*\Z"
UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z"

Id = Annotated[
    str,
    Meta(pattern=UUID, description="A UUID in lower case. Yours (then a repeat is recognised), or made by the server."),
]
Line = Annotated[str, Meta(min_length=1, max_length=300, pattern=_LINE, description="One line of text.")]
Text = Annotated[
    str, Meta(min_length=1, max_length=10_000, pattern=_TEXT, description="Text; new lines and tabs are kept.")
]
Slug = Annotated[
    str, Meta(min_length=1, max_length=80, pattern=SLUG, description="A short name in an address: `white-house`.")
]
Url = Annotated[
    str, Meta(max_length=2_000, pattern=r"^https?://[!-~]+\Z", description="An http or https address, in ASCII.")
]
Language = Annotated[
    str, Meta(pattern=r"^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*\Z", max_length=35, description="A BCP 47 language tag.")
]
Decimal = Annotated[
    str,
    Meta(
        pattern=r"^-?[0-9]{1,3}(\.[0-9]{1,9})?\Z",
        max_length=14,
        description="A decimal number as a string, so that no reader rounds it.",
    ),
]
Count = Annotated[int, Meta(ge=0, le=INTEGER_MAX, description="A whole number from 0.")]
Revision = Annotated[
    int, Meta(ge=1, le=2**31 - 1, description="The how-manieth record about this thing; the first is 1.")
]
Code = Annotated[str, Meta(min_length=1, max_length=100, pattern=_LINE)]
ExternalIds = Annotated[
    dict[
        Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9][a-z0-9_.:-]*\Z")],
        Annotated[str, Meta(min_length=1, max_length=200, pattern=_LINE)],
    ],
    Meta(max_length=20, description='Ids of the same thing elsewhere, by scheme: `{"iso-3166-1": "LY"}`.'),
]

Marking = Annotated[
    Literal["clear", "green", "amber", "amber+strict"],
    Meta(description="TLP 2.0, from open to closed. Red is for named persons, so no shared store may hold it."),
]
MARKINGS: tuple[Literal["clear", "green", "amber", "amber+strict"], ...] = ("clear", "green", "amber", "amber+strict")
"""The ladder of markings; a level is an index into it. A reader at level n sees markings 0..n."""
MARKING_DEFAULT: Literal["amber"] = "amber"
LEVELS = range(len(MARKINGS))
LEVEL_MAX = len(MARKINGS) - 1


def level_of(marking: str | None) -> int:
    """The level (0..3) of a marking; the default's for None."""
    return [*MARKINGS].index(marking or MARKING_DEFAULT)  # type: ignore[arg-type]  # ValueError tells of another word


Reference = Literal["actor", "source", "document", "topic", "place", "event", "record", "date"]
"""What a reference may point at: `event` is an event of the log, `record` any record of it, `date` the calendar."""


def _refers(to: Reference, description: str, length_max: int = 300) -> Meta:
    return Meta(min_length=1, max_length=length_max, pattern=_LINE, description=description, extra={"refers": to})


ActorRef = Annotated[str, _refers("actor", "An actor: its id, slug, exact name or alias.")]
SourceRef = Annotated[str, _refers("source", "A source: its id, slug, exact name or alias.")]
DocumentRef = Annotated[
    str, _refers("document", "A document: its id, slug or exact title; a URL registers one.", 2_000)
]
TopicRef = Annotated[str, _refers("topic", "A topic: its id, slug, exact name or alias.")]
PlaceRef = Annotated[str, _refers("place", "A place: its id, slug, exact name or alias.")]
EventRef = Annotated[str, _refers("event", "An earlier event: its id, or `#ref` of an earlier line of the same batch.")]
RecordRef = Annotated[
    str, _refers("record", "An earlier record: its id, or `#ref` of an earlier line of the same batch.")
]


class Record(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="kind",
):
    """What every record of the log is made from; `kind` is its tag."""

    example: ClassVar[dict[str, Any]]
    """One record of this kind as a caller would post it; it is in the documents and is posted in a test."""
    shape: ClassVar[int] = 1
    """The version of the class's form; a payload keeps the one it was written with."""

    @classmethod
    def kind_of(cls) -> str:
        """The kind: the class's tag."""
        return str(cls.__struct_config__.tag)


class Part(msgspec.Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """The base of what stands inside a record."""


class When(Part, frozen=True, kw_only=True):
    """A date given in parts: words with their EDTF, or the bounds of another event."""

    words: Line | None = None
    """The words of the report, kept as they are."""
    edtf: Annotated[str, Meta(min_length=1, max_length=200, pattern=_LINE, extra={"refers": "date"})] | None = None
    """The same in EDTF (ISO 8601-2), when the words alone can't be read."""
    during: EventRef | None = None
    """An event whose days these are; its corrections are followed."""


Date = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=_LINE,
        description="A date in words (`early June 2019`, `by 14 June 2019`) or EDTF (`2019-06`, `/2019-06-14`).",
        extra={"refers": "date"},
    ),
]
Occurrence = Date | When


def choices(literal: Any) -> tuple[str, ...]:
    """The values of a Literal, also of an annotated one."""
    inner = get_args(literal)[0] if hasattr(literal, "__metadata__") else literal
    return tuple(get_args(inner))
