"""Who said it, how, and in what: the parts of a voice.

Reliability is a source's (Admiralty A to F), credibility one voice's (1 to 6). They are rated apart and never averaged.
"""

from typing import Annotated, Literal

from msgspec import Meta

from timeline.model.record import Code, Count, DocumentRef, Language, Line, Part, PlaceRef, Text

Modality = Annotated[
    Literal["stated", "reported", "rumoured", "alleged"],
    Meta(
        description="How the source says it: `stated` itself, `reported` from others (the default), `rumoured`, "
        "or `alleged` without showing it. Only `stated` vouches."
    ),
]
MODALITY_DEFAULT: Literal["reported"] = "reported"
Tense = Annotated[
    Literal["past", "future"],
    Meta(description="Whether it is said to have happened, or to be going to. A reply takes its target's by default."),
]
Credibility = Annotated[
    int, Meta(ge=1, le=6, description="Admiralty credibility of this voice: 1 confirmed … 5 improbable, 6 not judged.")
]
CREDIBILITY_DEFAULT = 6
Reliability = Annotated[
    Literal["A", "B", "C", "D", "E", "F"],
    Meta(description="Admiralty reliability of a source: A completely reliable … E unreliable, F not judged."),
]
RELIABILITY_DEFAULT: Literal["F"] = "F"
Ground = Annotated[
    Literal["admission", "counterpart", "authority", "record"],
    Meta(
        description="What a confirmation rests on: an `admission` by a participant or its side, a `counterpart` "
        "confirming another camp's word, an uninvolved `authority`, or a `record`. A ground that the source cannot "
        "have makes the confirmation count as one more assertion."
    ),
]
VoicePart = Annotated[
    str,
    Meta(
        max_length=320,
        pattern=r"^(participant:[^\x00-\x1f\x7f]{1,300}|date|place|content)\Z",
        description="The part of the event that the reply bears on: `participant:<actor>`, `date`, `place` or "
        "`content`. The whole event when left out.",
        extra={"refers": "part"},
    ),
]


class Quote(Part, frozen=True, kw_only=True):
    """The quoted words, and where they stand in the document."""

    text: Text
    """The words in their own language."""
    lang: Language | None = None
    translation: Text | None = None
    """The same in the language of the desk."""
    start: Count | None = None
    """First character, counted in code points from 0."""
    end: Count | None = None
    """One past the last character, in code points."""


class Evidence(Part, frozen=True, kw_only=True):
    """A further document that carries the same voice."""

    document: DocumentRef
    """Which document."""
    quote: Quote | None = None
    """The words in it."""
    note: Line | None = None
    """What to know about it."""


class Estimate(Part, frozen=True, kw_only=True):
    """A figure as its source gives it: best, low and high, each if given."""

    best: Count | None = None
    """The one figure that it gives, or thinks likeliest."""
    low: Count | None = None
    """At least so many."""
    high: Count | None = None
    """At most so many."""


class Figures(Part, frozen=True, kw_only=True):
    """How many people, by this voice."""

    killed: Estimate | None = None
    """How many died."""
    injured: Estimate | None = None
    """How many were hurt."""
    displaced: Estimate | None = None
    """How many had to leave their homes."""


class CodeOf(Part, frozen=True, kw_only=True):
    """A code of another scheme, with that scheme's version."""

    scheme: Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9][a-z0-9_.-]*\Z")]
    """Whose code: `plover`, `cameo`, `acled`."""
    code: Code
    """The code."""
    version: Code | None = None
    """The scheme's version."""


class Site(Part, frozen=True, kw_only=True):
    """A place of an event, and what it is to it."""

    place: PlaceRef
    role: Literal["site", "from", "to", "about"] | None = None
    """`site` when left out."""
    as_written: Line | None = None
    """The name as the report writes it."""
