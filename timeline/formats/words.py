"""The words that formats for people share: who, where, how it stands, what we make of it. Plain text, not escaped."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from timeline.model.changes import CauseShown, ChangeShown, FieldChange, StoodShown
from timeline.model.entry import AssessmentShown, DateShown, Entry, NameShown, OccurredShown, Stand, State, VoiceShown
from timeline.model.slice import Sections, Slice
from timeline.model.standing import PARTICIPANT

Names = Mapping[str, NameShown]
SEPARATOR = "; "
NAMED_MAX = 10
"""An event may have thousands of deniers; a sentence names this many."""


def name(reference: str, names: Names) -> str:
    """What an id is called; the id itself where nobody named it."""
    return names[reference].name if reference in names else reference


def listed(references: Iterable[str], names: Names) -> str:
    """All their names, in one cell."""
    return SEPARATOR.join(name(each, names) for each in references)


def participants(entry: Entry, names: Names) -> str:
    """Who took part, and as what: `Khalifa Haftar (actor); Russia (host)`."""
    return SEPARATOR.join(f"{name(each.actor, names)} ({each.role})" for each in entry.participants)


def places(entry: Entry, names: Names) -> str:
    """Where, and what the place is to the event: `Moscow (to)`."""
    return SEPARATOR.join(f"{name(each.place, names)} ({each.role})" for each in entry.places)


def targets(entry: Entry) -> str:
    """What it is `of`, by title."""
    return SEPARATOR.join(each.title for each in entry.of)


def when(told: OccurredShown | DateShown) -> str:
    """A date for a reader of prose: the report's words, or the days where it gave EDTF or words without a year.

    `early June 2019` stays; `last week` is `last week (between 3 and 9 June 2019)`; `/2019-06-14` is `by 14 June 2019`.
    """
    if _EDTF.fullmatch(told.words):
        return _days(told) or told.words
    if re.search(r"\d{4}", told.words):
        return told.words
    days = _days(told)
    return f"{told.words} ({days})" if days else told.words


_EDTF = re.compile(r"[-0-9XYESTZ~?%/.,:+\[\]{} ]+")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def _days(told: OccurredShown | DateShown) -> str:
    first, last = told.earliest, told.latest
    doubt = "about " if "~" in told.edtf or "%" in told.edtf else ""
    if first is None or last is None:
        known = first or last
        if known is None:
            return "since an unknown day" if told.edtf.endswith("..") else ""
        return f"{'since' if first else 'by'} {doubt}{_day(known)}"
    if first == last:
        return doubt + _day(first)
    if (first.day, last) == (1, _month_end(first)):
        return f"{doubt}{_MONTHS[first.month - 1]} {first.year}"
    if (first.month, first.day, last.month, last.day) == (1, 1, 12, 31):
        return f"{doubt}{first.year}" if first.year == last.year else f"{doubt}{first.year} to {last.year}"
    start = str(first.day) if (first.year, first.month) == (last.year, last.month) else _day(first)
    return (
        f"{doubt}between {start} and {_day(last)}" if told.edtf.startswith("[") else f"{doubt}{start} to {_day(last)}"
    )


def moment(as_of: int | None, position: int) -> str:
    """The position that an answer is as of."""
    return f"As of position {position if as_of is None else as_of}."


def span(first: date, last: date) -> str:
    """Days from one to another: `3 to 9 June 2019`."""
    start = str(first.day) if (first.year, first.month) == (last.year, last.month) else _day(first)
    return f"{start} to {_day(last)}"


def _month_end(day: date) -> date:
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1) if (day.year, day.month) != (9999, 12) else None
    return following - timedelta(days=1) if following else date.max


def _day(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def assessments(entry: Entry, names: Names) -> str:
    """Every live judgement, in words."""
    return SEPARATOR.join(assessment(each, names) for each in entry.assessments)


def assessment(judgement: AssessmentShown, names: Names) -> str:
    """One judgement: `unlikely, low confidence, "probably unfounded" (Weekly report)`."""
    return f"{judged(judgement)} ({name(judgement.source, names)})"


def judged(judgement: AssessmentShown) -> str:
    """What is judged, without by whom."""
    parts = [
        plain(judgement.likelihood or ""),
        judgement.verdict or "",
        f"{judgement.confidence} confidence" if judgement.confidence else "",
        f"“{judgement.hedge}”" if judgement.hedge else "",
    ]
    return ", ".join(part for part in parts if part) or "no step given"


def standing(stand: Stand | State | StoodShown, names: Names) -> str:
    """Where it stands, who denies it, and by which rule: `denied by Russian officials (R5)`. Empty if it has none."""
    if stand.standing is None:
        return ""
    deniers = _some(stand.denied_by, names)
    if not deniers:
        told: str = stand.standing
    elif stand.standing == "denied":
        told = f"denied by {deniers}"
    else:
        told = f"{stand.standing}, denied by {deniers}"
    return f"{told} ({stand.rule})" if stand.rule else told


def circumstances(entry: Entry) -> list[str]:
    """What else a reader should know before relying on it."""
    return [
        word
        for word, holds in (
            (plain(entry.phase), entry.phase != "occurred"),
            ("overdue", entry.overdue),
            ("every voice is a party's", entry.partisan),
        )
        if holds
    ]


def change(changed: ChangeShown, names: Names) -> list[str]:
    """What changed, a line each: `was rumoured (R8), now denied by White House source (R5)`; then why."""
    before, after = changed.before, changed.after
    told = _compared(before, after, names) if before and after else [_appeared(changed, names)]
    return [*told, *(words for what in changed.what if (words := _EDITS.get(what))), *map(cause, changed.causes)]


_EDITS = {
    "corrected": "corrected",
    "taken-back": "taken back by its source",
    "marked": "marked anew",
    "edited": "edited",
    "told-apart": "told apart, or no longer",
}


def cause(told: CauseShown) -> str:
    """A record that changed an event: `because denied by White House source (position 48)`."""
    reason = f": “{told.reason}”" if told.reason else ""
    authority = f", on the authority of {told.authority}" if told.authority else ""
    return f"because {told.words}{authority}{reason} (position {told.position})"


def field_change(changed: FieldChange, names: Names) -> str:
    """A field that became another: `standing: reported → denied`."""
    return f"{plain(changed.field)}: {_valued(changed.before, names)} → {_valued(changed.after, names)}"


def _valued(value: Any, names: Names) -> str:
    """A value of a field, ids by their names."""
    if isinstance(value, dict):
        if "words" in value and "edtf" in value:
            return str(value["words"])
        return ", ".join(f"{plain(name)} {_valued(each, names)}" for name, each in value.items() if each is not None)
    if isinstance(value, list):
        return SEPARATOR.join(_valued(each, names) for each in value) or "none"
    if isinstance(value, str):
        return name(value, names)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _appeared(changed: ChangeShown, names: Names) -> str:
    """That an event came or went."""
    if changed.after is not None:
        stands = standing(changed.after, names)
        came = "new" if "new" in changed.what else "an event of its own again"
        return f"{came}: {stands}" if stands else came
    if "recalled" in changed.what:
        return "gone: recalled"
    same = f" as “{changed.survivor.title}” ({changed.survivor.standing or 'no standing'})" if changed.survivor else ""
    return f"gone: the same event{same}" if "merged" in changed.what else "gone"


def _compared(before: StoodShown, after: StoodShown, names: Names) -> list[str]:
    """What is otherwise than it was."""
    told = []
    if before.occurred != after.occurred:
        weeks = [each.occurred.week for each in (before, after)]
        moved = f", from week {weeks[0]} to {weeks[1]}" if weeks[0] != weeks[1] else ""
        told.append(f"re-dated from {when(before.occurred)} to {when(after.occurred)}{moved}")
    if (before.standing, before.rule) != (after.standing, after.rule):
        told.append(f"was {standing(before, names)}, now {standing(after, names)}")
    if before.phase != after.phase:
        told.append(f"was {plain(before.phase)}, now {plain(after.phase)}")
    told += [f"judged {assessment(each, names)}" for each in after.assessments if each not in before.assessments]
    told += [
        f"no longer judged {assessment(each, names)}" for each in before.assessments if each not in after.assessments
    ]
    return told


def label(entry: Entry) -> str:
    """How it stands, in the words that go before its title wherever a title stands alone: `denied, expected`.

    Of what has no standing its kind: an assessment.
    """
    told = [entry.standing or plain(entry.kind), plain(entry.phase) if entry.phase != "occurred" else ""]
    return ", ".join([*(word for word in told if word), *(["overdue"] if entry.overdue else [])])


def headline(entry: Entry) -> str:
    """A title that cannot be read as a fact: `[denied] Haftar meets the Russian president`."""
    return f"[{label(entry)}] {entry.title}"


def lines(entry: Entry, names: Names) -> list[str]:
    """What there is to say below a headline, a line each: when, how it stands, judgements, what it answers, who, where,
    on whose word."""
    told = [standing(entry, names), *circumstances(entry)]
    against = listed(entry.against, names)
    involved = (
        plain(entry.kind),
        participants(entry, names),
        f"against {against}" if against else "",
        places(entry, names),
        listed(entry.topics, names),
    )
    return [
        when(entry.occurred),
        ", ".join(each for each in told if each),
        *(f"judged {assessment(each, names)}" for each in entry.assessments),
        *(f"of “{each.title}” ({each.standing or 'no standing'})" for each in entry.of),
        SEPARATOR.join(each for each in involved if each),
        f"source: {name(entry.source, names)}, {entry.modality}; marked {entry.marking}",
    ]


def once(week: Slice) -> list[Entry]:
    """The entries of a week, each event once, where it stands first: for formats whose ids stand for one thing."""
    found: dict[str, Entry] = {}
    for _, line in sections(week):
        if isinstance(line, Entry):
            found.setdefault(line.id, line)
    return list(found.values())


def side(voice: VoiceShown, names: Names) -> str:
    """The side a voice takes, on which part, and whether it counts: `deny (Russia, taken back)`."""
    part = name((voice.part or "").removeprefix(PARTICIPANT), names)
    effect = "taken back" if voice.taken_back else "" if voice.live else "no effect"
    notes = ", ".join(note for note in (part, effect) if note)
    return f"{voice.side} ({notes})" if notes else voice.side


def quote(quoted: Any) -> str:
    """The quoted words, with their translation if there is one."""
    if quoted is None:
        return ""
    fields = msgspec.to_builtins(quoted)
    translation = fields.get("translation")
    return f"“{fields['text']}”" + (f" (translated: “{translation}”)" if translation else "")


def ids(entry: Entry) -> list[str]:
    """Every id on the line that has a name, each once, in the order they stand there."""
    used = [
        *(each.actor for each in entry.participants),
        *entry.against,
        *(each.place for each in entry.places),
        *entry.topics,
        entry.source,
        *entry.denied_by,
        *(each.source for each in entry.assessments),
    ]
    return list(dict.fromkeys(used))


def sections(week: Slice) -> Iterator[tuple[str, Entry | ChangeShown]]:
    """Every line of the week with the section it stands in, in the order of the sections."""
    for section in Sections.__struct_fields__:
        for line in getattr(week.sections, section):
            yield section, line


def plain(word: str) -> str:
    """An identifier as a reader says it: `called_off` is `called off`."""
    return word.replace("_", " ")


def instant(moment: datetime) -> str:
    """A moment as JSON writes it (RFC 3339)."""
    return str(msgspec.to_builtins(moment))


def _some(references: list[str], names: Names) -> str:
    """The first few names; beyond them how many more."""
    shown = ", ".join(name(each, names) for each in references[:NAMED_MAX])
    more = len(references) - NAMED_MAX
    return f"{shown} and {more} more" if more > 0 else shown
