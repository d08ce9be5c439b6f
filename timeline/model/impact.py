"""What would stand without a source, or with another grade of it: the answer's shapes."""

from typing import Literal

from msgspec import field

from timeline.model.entry import Identifier, NameShown, Shape, Subject
from timeline.model.standing import Phase, Rule, Word

By = Literal["source", "publisher"]
Supposition = Literal["removed", "A", "B", "C", "D", "E", "F"]


class ImpactEvent(Shape, frozen=True, kw_only=True):
    """An event that the source speaks on, or that would stand differently without it."""

    id: Identifier
    kind: str
    """The kind of event."""
    title: str
    """What happened, in one line."""
    week: str
    """The ISO week that it is placed in."""
    position: int
    """The position of the post."""
    voices: int
    """How many of the voices in question bear on it."""
    standing_before: Word
    """Where it stands."""
    rule_before: Rule
    """The rule that gives that standing."""
    standing: Word
    """Where it would stand."""
    rule: Rule
    """The rule that would give that standing."""
    phase: Phase
    """Whether it would be expected, have occurred, or be called off."""
    because: list[Identifier]
    """The voices that would decide, by their records' ids; at most 20."""


class ImpactJudgement(Shape, frozen=True, kw_only=True):
    """An assessment by the source, or that rests on an event listed, directly or through another assessment."""

    id: Identifier
    title: str
    """Its title."""
    source: Identifier
    """Who judges."""
    week: str
    """The ISO week that it is placed in."""
    position: int
    """The position of the post."""
    own: bool
    """Whether it is one of the voices in question."""
    rests_on: list[Identifier]
    """What it rests on of all that is listed, `of` and `based_on`: events, and assessments that rest on some."""


class ImpactWeek(Shape, frozen=True, kw_only=True):
    """A week whose slice carries something listed."""

    week: str
    """The ISO week."""
    entries: int
    """How many of what is listed stand in its slice for the first time."""
    onwards: int
    """How many of those are still going on or expected, so that the slice of every later week carries them too."""


class ImpactTotals(Shape, frozen=True, kw_only=True):
    """How many there are in all, on this page and others."""

    voices: int
    """Voices that are taken to be unsaid, or of another grade."""
    unsupported: int
    """Events that would be left without an assertion."""
    changed: int
    """Events that would stand differently otherwise, by another rule at least."""
    touched: int
    """Events that would stand as they do."""
    judgements: int
    """Assessments that rest on any of these, or are the source's own."""
    weeks: int
    """Weeks in which any of these stands first."""


class Impact(Shape, frozen=True, kw_only=True):
    """What would stand without a source, or with another grade of it, as of one position."""

    position: int
    """The position of the log that it was read at."""
    as_of: int | None
    """The position asked for; null for now."""
    source: Subject
    """The source."""
    by: By
    """Whether its own voices are meant, or those that it published or relayed."""
    as_: Supposition = field(name="as")
    """What is supposed of them: that they were never said, or that the source has this reliability."""
    totals: ImpactTotals
    """How many there are of each."""
    unsupported: list[ImpactEvent]
    """Left without an assertion (R0): nobody took them back, and nobody else says so."""
    changed: list[ImpactEvent]
    """Standing differently otherwise, by another rule at least."""
    touched: list[ImpactEvent]
    """What these voices bear on without deciding: it would stand as it does."""
    judgements: list[ImpactJudgement]
    """Assessments that rest on any of these, or are the source's own."""
    weeks: list[ImpactWeek]
    """The weeks that carry any of these, at most 1,000, the same on every page."""
    names: dict[str, NameShown]
    """What each source here is called."""
    next: str | None
    """The cursor of the following page; null on the last."""
