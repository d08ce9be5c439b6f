"""Calendars show what happened as RFC 5545 has it, and nothing looks settled that is not."""

from datetime import date, datetime
from typing import Any

import icalendar
import msgspec
import pytest

from tests.formats import samples
from tests.formats.hostile import HOSTILE
from tests.formats.judges import strictly
from tests.formats.test_csv import everywhere
from timeline.formats import FORMATS, render
from timeline.model.entry import Shape


def events(answer: Shape) -> list[Any]:
    content = render(FORMATS["icalendar"], answer)
    strictly(content)
    return list(icalendar.Calendar.from_ical(content).walk("VEVENT"))


@pytest.mark.parametrize(
    "answer", [samples.haftar(), samples.full_week(), samples.full_event(), samples.page()], ids=range(4)
)
def test_a_calendar_is_read_by_others_and_strictly(answer: Shape) -> None:
    content = render(FORMATS["icalendar"], answer)

    read = strictly(content)

    assert [str(each["UID"]) for each in events(answer)] == [each["UID"] for each in read]
    assert len({each["UID"] for each in read}) == len(read)


def test_a_denied_meeting_is_cancelled_and_its_title_says_so() -> None:
    meeting = events(samples.haftar())[1]

    assert meeting["STATUS"] == "CANCELLED"
    assert meeting["SUMMARY"] == "[denied] Haftar meets the Russian president"
    assert meeting["DESCRIPTION"].startswith("early June 2019\ndenied by Russian officials (R5), ")


@pytest.mark.parametrize(
    ("standing", "phase", "status"),
    [
        ("rumoured", "expected", "TENTATIVE"),
        ("reported", "occurred", "TENTATIVE"),
        ("disputed", "occurred", "TENTATIVE"),
        ("corroborated", "occurred", "CONFIRMED"),
        ("confirmed", "occurred", "CONFIRMED"),
        ("denied", "occurred", "CANCELLED"),
        ("withdrawn", "occurred", "CANCELLED"),
        ("unsupported", "occurred", "CANCELLED"),
        ("corroborated", "called_off", "CANCELLED"),
        (None, "occurred", "TENTATIVE"),
    ],
)
def test_only_what_is_corroborated_is_confirmed(standing: str | None, phase: str, status: str) -> None:
    event = events(samples.page(samples.entry(standing=standing, phase=phase)))[0]

    assert event["STATUS"] == status


def test_days_are_whole_and_the_end_is_the_day_after() -> None:
    event = events(samples.page(samples.entry()))[0]

    assert (event["DTSTART"].dt, event["DTEND"].dt) == (date(2019, 6, 1), date(2019, 6, 11))
    assert not isinstance(event["DTSTART"].dt, datetime)


def test_an_unknown_day_is_the_one_that_the_timeline_is_ordered_by_and_the_words_say_so() -> None:
    event = events(samples.page(samples.entry(occurred=samples.CONTINUES)))[0]

    assert (event["DTSTART"].dt, event["DTEND"].dt) == (date(2019, 6, 10), date(2019, 6, 11))
    assert event["DESCRIPTION"].startswith("continues (since an unknown day)\n")


def test_a_correction_raises_the_sequence_and_keeps_the_id() -> None:
    first, second = (events(samples.page(samples.entry(revision=n)))[0] for n in (1, 2))

    assert first["UID"] == second["UID"]
    assert (first["SEQUENCE"], second["SEQUENCE"]) == (1, 2)


def test_the_last_day_of_the_calendar_has_no_day_after() -> None:
    last = msgspec.structs.replace(samples.EARLY_JUNE, earliest=date.max, latest=date.max)

    event = strictly(render(FORMATS["icalendar"], samples.page(samples.entry(occurred=last))))[0]

    assert (event["DTSTART"], "DTEND" in event) == ("99991231", False)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_ends_no_line_and_adds_no_property(text: str) -> None:
    hostile, harmless = (strictly(render(FORMATS["icalendar"], everywhere(each))) for each in (text, "harmless"))

    assert [[*each] for each in hostile] == [[*each] for each in harmless]
    assert hostile[1]["UID"] == samples.denial().id
