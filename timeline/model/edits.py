"""Edits: records that change how another record counts. Nothing is ever changed in place.

Edit
├── Correction    we amend an event: the whole of it again
├── Retraction    a source takes back its own voice
├── Recall        we strike our own record
├── Duplicate     two records are one event
├── Distinct      two events are not one, however alike they look
├── Remark        a record's marking is changed (kind `marking`)
└── Erasure       a payload is lawfully erased while every proof stays valid
"""

from typing import Annotated, Any, Literal, Union

from msgspec import Meta

from timeline.model.kinds import AnyEvent
from timeline.model.record import Date, DocumentRef, EventRef, Id, Line, Marking, Record, RecordRef, Revision, Text

Reason = Annotated[Text, Meta(description="Why; it is shown to readers of the history.")]


class Edit(Record, frozen=True, kw_only=True):
    """A record that changes how another counts, with its reason and authority."""

    id: Id | None = None
    subject: RecordRef
    """The record that is edited."""
    reason: Reason
    authority: Line | None = None
    """On whose authority, where that is not the poster's own."""


class Correction(Edit, frozen=True, kw_only=True, tag="correction"):
    """We amend an event: the whole of it again, replacing a named revision."""

    example = {
        "kind": "correction",
        "subject": "01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01",
        "revision": 1,
        "ground": "new_evidence",
        "reason": "An outlet dates the arrival to 30 May.",
        "event": {
            "kind": "visit",
            "title": "Haftar travels to Moscow",
            "occurred": "2019-05-30/2019-05-31",
            "source": "unattributed",
            "participants": ["haftar", {"actor": "russia", "role": "host"}],
        },
    }
    subject: EventRef
    revision: Revision
    """The revision that it replaces; 409 with the current one if that has moved."""
    ground: Literal["our_error", "new_evidence"]
    """Whether we erred, or somebody told more since."""
    event: AnyEvent
    """The event as it shall stand, in full."""


class Retraction(Edit, frozen=True, kw_only=True, tag="retraction"):
    """A source takes back its own voice: a post or a reply of its own."""

    example = {
        "kind": "retraction",
        "subject": "01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01",
        "said": "2019-06-20",
        "reason": "The outlet withdrew its story.",
    }
    subject: EventRef
    said: Date | None = None
    """When the source took it back."""
    document: DocumentRef | None = None
    """What it was taken back in."""


class Recall(Edit, frozen=True, kw_only=True, tag="recall"):
    """We strike our own record: it leaves the timelines and stays in the history."""

    example = {
        "kind": "recall",
        "subject": "01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01",
        "reason": "Typed into the wrong case.",
    }
    subject: EventRef


class Duplicate(Edit, frozen=True, kw_only=True, tag="duplicate"):
    """Two records are one event: the survivor takes the other's voices and replies."""

    example = {
        "kind": "duplicate",
        "subject": "01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01",
        "survivor": "01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c02",
        "reason": "The same visit, from two desks.",
    }
    subject: EventRef
    survivor: EventRef
    """The event that stays."""


class Distinct(Edit, frozen=True, kw_only=True, tag="distinct"):
    """Two events are not one, however alike they look: the pair is proposed as a duplicate no more."""

    example = {
        "kind": "distinct",
        "subject": "01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c02",
        "other": "01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01",
        "reason": "Two visits in one week; the second is on film.",
    }
    subject: EventRef
    """One of the two; where fewer may read one of them, that one, for whoever may read it may read this."""
    other: EventRef
    """The other."""
    withdrawn: bool = False
    """Whether an earlier judgement of the two is taken back, whichever of them it was recorded about."""


class Remark(Edit, frozen=True, kw_only=True, tag="marking"):
    """A record's marking is changed; raising it hides the record in past answers too."""

    example = {
        "kind": "marking",
        "subject": "01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01",
        "marking": "green",
        "reason": "The source asked for care.",
    }
    subject: EventRef
    marking: Marking
    """The marking that it has from now on."""


class Erasure(Edit, frozen=True, kw_only=True, tag="erasure"):
    """A record's payload is lawfully erased; its leaf stays, so every proof stays valid."""

    example = {
        "kind": "erasure",
        "subject": "01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01",
        "reason": "Personal data of a private person.",
        "authority": "Data protection officer, case 17",
    }
    authority: Line
    """On whose authority; an erasure always names it."""


EDITS: dict[str, type[Edit]] = {each.kind_of(): each for each in Edit.__subclasses__()}
"""Every kind of edit, by its tag."""
AnyEdit: Any = Union[tuple(EDITS.values())]  # noqa: UP007  (built from a tuple, so not writable with |)
