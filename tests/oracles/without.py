"""The model of a log in which some voices were never said, or a source was worth another grade all along."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from tests.oracles.model import Row
from tests.oracles.posts import id_of
from tests.oracles.replay import Happening, Law, Moment, Voice

LeftOut = Callable[[Moment, Happening], bool]
Stand = tuple[str, str]
"""A standing and its rule."""


class Without(Moment):
    """A moment of a log, some of whose events nobody ever said; what others said keeps the tense that it had."""

    def __init__(self, rows: list[Row], law: Law, before: Moment, left_out: LeftOut) -> None:
        self._left_out = left_out
        super().__init__(rows, law, before)

    def _spoken(self, speaker: Happening) -> dict[str, Voice]:
        return {} if self._left_out(self, speaker) else super()._spoken(speaker)


def by_source(source: str) -> LeftOut:
    """What a source posted."""
    return lambda _, event: event.body["source"] == source


def by_publisher(source: str, level: int) -> LeftOut:
    """What stands in a document of a publisher, as a reader at a level knows it."""

    def left_out(moment: Moment, event: Happening) -> bool:
        letter = moment.things.get(event.body.get("document", ""))
        if letter is None or moment._law.levels[letter.subject] > level:
            return False
        publisher = letter.body.get("publisher")
        return publisher is not None and id_of(publisher) == source

    return left_out


def said_after(day: date) -> LeftOut:
    """What began to be said, or can only have been said to the end, after a day."""

    def left_out(moment: Moment, event: Happening) -> bool:
        first, last = moment.said(event)
        said = first or last
        return said is not None and said > day

    return left_out


def graded(rows: list[Row], source: str, reliability: str) -> list[Row]:
    """The log in which a source had this reliability all along."""
    return [
        replace(row, body=row.body | {"reliability": reliability}) if row.subject == source else row for row in rows
    ]


def stands(moment: Moment, level: int) -> dict[str, Stand | None]:
    """Where each event stands that a level is shown; None for an assessment."""
    return {
        each.id: None
        if each.body["kind"] == "assessment"
        else (moment.found(each, level).standing, moment.found(each, level).rule)
        for each in moment.events.values()
        if moment.is_shown(each, level)
    }


def asserted(moment: Moment, level: int) -> set[str]:
    """The events shown at a level that somebody asserts or confirms there, with effect or without."""
    return {
        each
        for each in stands(moment, level)
        if any(v.side in ("assert", "confirm") and v.part is None and v.level <= level for v in moment._voices[each])
    }


def bearing(moment: Moment, left_out: LeftOut, level: int) -> set[str]:
    """The events on which a voice in question bears that a level sees."""
    return {
        on
        for each in moment.events.values()
        if each.level <= level and not each.recalled and left_out(moment, each)
        for on in moment._spoken(each)
        if on in moment.events and moment.is_shown(moment.events[on], level)
    }


def sees(rows: list[Row], source: str, level: int) -> bool:
    """Whether a reader at a level sees a source, by today's marking."""
    law = Law.of(rows)
    return source not in law.erased and law.levels[source] <= level
