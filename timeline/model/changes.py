"""What changed between two moments, and from version to version of one event, with the records that made it so."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from timeline.model.entry import (
    AssessmentShown,
    Identifier,
    Moment,
    NameShown,
    OccurredShown,
    Shape,
    Subject,
    TargetShown,
)
from timeline.model.standing import Phase, Rule, Word

What = Literal[
    "new",
    "back",
    "re-dated",
    "standing",
    "phase",
    "judged",
    "told-apart",
    "corrected",
    "taken-back",
    "marked",
    "edited",
    "recalled",
    "merged",
    "gone",
]
"""What may change about an event. What is `gone` was `recalled` or `merged` too; what was un-merged is `back`; what was
merged and un-merged in between was `edited`."""


class StoodShown(Shape, frozen=True, kw_only=True):
    """An event as a difference compares it: when it happened, where it stood, what was judged of it."""

    title: str
    """Its title."""
    occurred: OccurredShown
    """When."""
    standing: Word | None
    """Null for an assessment, which has none."""
    rule: Rule | None
    """The rule that gave the standing."""
    phase: Phase
    """Whether it is expected, occurred, or was called off."""
    denied_by: list[Identifier]
    """The sources of the live denials."""
    revision: int
    """The how-manieth record about it."""
    assessments: list[AssessmentShown]
    """What analysts judged of it."""
    distinct_from: list[Identifier] | UnsetType = UNSET
    """The events that it was judged not to be; left out where there is none."""


class CauseShown(Shape, frozen=True, kw_only=True):
    """A record after which an event stood differently."""

    position: int
    """Its place in the log."""
    id: Identifier
    """The record's id."""
    kind: str
    """The kind of record."""
    recorded_at: Moment
    """When our log took it."""
    recorded_by: str
    """Who recorded it, by pseudonym."""
    what: list[What]
    """What it changed about the event."""
    words: str
    """What it did to the event, in words: `denied by White House source`."""
    source: Identifier | None = None
    """Whose voice it is; null where it is nobody's."""
    ground: str | None = None
    """Of a correction, whether we erred or evidence is new; of a confirmation, what it rests on."""
    reason: str | None = None
    """Why, of an edit."""
    authority: str | None = None
    """On whose authority, of an edit."""


class ChangeShown(Shape, frozen=True, kw_only=True):
    """What changed about an event between two positions."""

    id: Identifier
    kind: str
    """The kind of event."""
    title: str
    """Its title."""
    marking: str
    """TLP 2.0: `clear`, `green`, `amber` or `amber+strict`."""
    posted_at: Moment
    """When its post was recorded."""
    what: list[What]
    """What changed: it is new or gone, was moved in time, stands differently, was corrected, and so on."""
    week: str
    """The week that it is placed in."""
    week_before: str | None = None
    """The week that it was placed in, where that changed."""
    standing: Word | None = None
    """Where it stands."""
    standing_before: Word | None = None
    """Where it stood."""
    position: int
    """The position of the record that changed it last."""
    recorded_at: Moment
    """When the record was recorded that changed it last, of those that you may see."""
    before: StoodShown | None = None
    """As it was at the earlier position; null where it was not there."""
    after: StoodShown | None = None
    """As it is at the later position; null where it is not there."""
    causes: list[CauseShown] = []
    """The records after which it stood differently, oldest first, at most the last 20 of `causes_total`. Its own post
    is not among them, nor what you may not see."""
    causes_total: int = 0
    """How many times it came to stand differently."""
    survivor: TargetShown | None = None
    """The event that it turned out to be, of one that was merged."""


def named_by(change: ChangeShown) -> list[str]:
    """Every id in a change that stands for something with a name, each once."""
    used = [cause.source for cause in change.causes if cause.source]
    for told in (change.before, change.after):
        used += [*told.denied_by, *(each.source for each in told.assessments)] if told else []
    return list(dict.fromkeys(used))


class Difference(Shape, frozen=True, kw_only=True):
    """What changed between two moments."""

    from_: int = msgspec.field(name="from")
    """The position that the earlier moment is."""
    to: int
    """The position that the later moment is: the answer is as of it."""
    subjects: list[Subject]
    """Whose events were asked for; none for all."""
    week: str | None
    """The week asked for; null for all."""
    changes: list[ChangeShown]
    """In the order in which they began."""
    names: dict[str, NameShown]
    """What each id here is called."""
    next: str | None
    """The cursor of the following page; null on the last."""


class FieldChange(Shape, frozen=True, kw_only=True):
    """A field of an event that became another."""

    field: str
    """Its name, as in an entry or in what was posted."""
    before: Any
    """What it was."""
    after: Any
    """What it is from then on."""


class VersionShown(Shape, frozen=True, kw_only=True):
    """A version of an event: how it stood from a position on, and what made it so."""

    position: int
    """The position that it holds from: that of the record that made it."""
    what: list[What]
    """What changed against the version before; empty where it is only heard of more often."""
    stood: StoodShown | None
    """How it stood from then on; null where it was gone."""
    changes: list[FieldChange]
    """The fields that became others, of a version that has one before it."""
    cause: CauseShown | None
    """The record that made it so; null where you may not see it."""


class History(Shape, frozen=True, kw_only=True):
    """Every version of an event, oldest first."""

    id: Identifier
    position: int
    """The position of the log that it was read at."""
    as_of: int | None
    """The position asked for; null for now."""
    versions: list[VersionShown]
    """In the order of their positions."""
    names: dict[str, NameShown]
    """What each id here is called."""
    next: str | None
    """The cursor of the following page; null on the last."""
