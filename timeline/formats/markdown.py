"""Markdown (CommonMark, tables as in GFM) for an analyst's brief: numbered entries, each with why it stands as it does.

Every value goes through `escapes.inline`, so that no title can make a heading, a link or HTML of ours.
"""

from collections.abc import Iterable, Iterator

from timeline.formats import words
from timeline.formats.escapes import inline, paragraphs
from timeline.formats.format import Format
from timeline.formats.words import Names
from timeline.model.changes import ChangeShown, Difference, History, VersionShown
from timeline.model.entry import Entry, EventShown, Page, RegisteredPage, VoiceShown
from timeline.model.impact import Impact, ImpactEvent, ImpactWeek
from timeline.model.slice import Slice

TITLES = {
    "happened": "Happened",
    "said": "Said",
    "continuing": "Continuing",
    "ahead": "Ahead",
    "unresolved": "Unresolved",
    "changed": "Changed in our records",
}
"""Headings of a week's sections; one that is not here is called by its own name."""
IMPACT_COLUMNS = ("week", "event", "stands", "would stand", "voices")
NOTHING = "Nothing."


def _page(page: Page) -> bytes:
    blocks = [f"# {inline(page.subject.name)}", _moment(page.as_of, page.position)]
    blocks += [_numbered(page.entries, page.names)] if page.entries else [NOTHING]
    blocks += ["More entries follow on the next page."] if page.next else []
    return _document(blocks)


def _slice(week: Slice) -> bytes:
    blocks = [
        f"# {inline(week.subject.name)}, week {week.week}",
        f"{week.from_} to {week.to}, {week.match}. {_moment(week.as_of, week.position)}",
    ]
    shown = list(_sections(week))
    return _document([*blocks, *(shown or [NOTHING])])


def _sections(week: Slice) -> Iterator[str]:
    """A heading and a list for every section that holds something, numbered through the whole week."""
    grouped: dict[str, list[Entry | ChangeShown]] = {}
    for section, line in words.sections(week):
        grouped.setdefault(section, []).append(line)
    number = 1
    for section, lines in grouped.items():
        yield f"## {TITLES.get(section, inline(words.plain(section).capitalize()))}"
        yield _numbered(lines, week.names, number)
        if section in week.truncated:
            yield "This section holds more than is listed here."
        number += len(lines)


def _difference(found: Difference) -> bytes:
    whose = ", ".join(inline(each.name) for each in found.subjects) or "All events"
    placed = f", week {found.week}" if found.week else ""
    blocks = [f"# {whose}{placed}: what changed", f"From position {found.from_} to position {found.to}."]
    blocks += [_numbered(found.changes, found.names)] if found.changes else [NOTHING]
    blocks += ["More changes follow on the next page."] if found.next else []
    return _document(blocks)


def _history(found: History) -> bytes:
    stood = next((each.stood for each in reversed(found.versions) if each.stood), None)
    blocks = [f"# {inline(stood.title) if stood else 'Gone'}: history", _moment(found.as_of, found.position)]
    versions = [_version(number, each, found.names) for number, each in enumerate(found.versions, 1)]
    blocks += ["\n".join(versions) if versions else NOTHING]
    blocks += ["More versions follow on the next page."] if found.next else []
    return _document(blocks)


def _version(number: int, version: VersionShown, names: Names) -> str:
    marker = f"{number}. "
    stands = words.standing(version.stood, names) or "no standing" if version.stood else "gone"
    cause = version.cause
    by = f", recorded {words.instant(cause.recorded_at)} by {cause.recorded_by}" if cause else ""
    lines = [words.cause(cause)] if cause else []
    lines += [words.field_change(each, names) for each in version.changes]
    return f"{marker}**position {version.position}**: {inline(stands + by)}\n{_bullets(lines, len(marker))}"


def _event(event: EventShown) -> bytes:
    moment = [] if event.as_of is None else [_moment(event.as_of, event.as_of)]
    blocks = [f"# {inline(event.title)}", *moment, _when(event), _bullets(_about(event, event.names))]
    blocks += paragraphs(event.summary or "")
    blocks += ["## Voices", *_voices(event)]
    if event.attribution:
        blocks += ["## Who took part", _bullets(_attributed(event))]
    if event.replies:
        blocks += ["## Replies", _numbered(event.replies, event.names)]
    return _document(blocks)


def _registered(page: RegisteredPage) -> bytes:
    rows = [
        (item.name or item.slug or item.id, item.kind, item.slug or "", item.marking, item.id) for item in page.items
    ]
    table = [_table(("name", "kind", "slug", "marking", "id"), rows)] if rows else [NOTHING]
    more = ["More follow on the next page."] if page.next else []
    return _document(["# Registered", _moment(page.as_of, page.position), *table, *more])


def _impact(found: Impact) -> bytes:
    total = found.totals
    heading = f"# {inline(found.source.name)}, {_supposed(found)}"
    counts = (
        f"Voices: {total.voices}. Left without an assertion: {total.unsupported}; standing differently: "
        f"{total.changed}; standing as they do: {total.touched}; judgements on these: {total.judgements}."
    )
    blocks = [heading, f"{_moment(found.as_of, found.position)} {counts}"]
    for title, lines in (
        ("Left without an assertion", found.unsupported),
        ("Would stand differently", found.changed),
        ("Would stand as they do", found.touched),
    ):
        blocks += [f"## {title}", _table(IMPACT_COLUMNS, map(_would_stand, lines))] if lines else []
    if found.judgements:
        rows = [(j.week, j.title, words.name(j.source, found.names)) for j in found.judgements]
        blocks += ["## Judgements that rest on these", _table(("week", "judgement", "source"), rows)]
    if found.weeks:
        blocks += ["## Weeks that carry these", _bullets(map(_carrying, found.weeks))]
    return _document([*blocks, *(["More follow on the next page."] if found.next else [])])


def _supposed(found: Impact) -> str:
    whose = "as a publisher, " if found.by == "publisher" else ""
    return f"{whose}removed" if found.as_ == "removed" else f"with reliability {found.as_}"


def _would_stand(line: ImpactEvent) -> tuple[str, ...]:
    before, after = f"{line.standing_before} ({line.rule_before})", f"{line.standing} ({line.rule})"
    return line.week, line.title, before, after, str(line.voices)


def _carrying(week: ImpactWeek) -> str:
    onwards = f", {week.onwards} of them in every later week too" if week.onwards else ""
    return f"{week.week}: {week.entries}{onwards}"


# One entry


def _numbered(lines: Iterable[Entry | ChangeShown], names: Names, start: int = 1) -> str:
    """A numbered list; CommonMark keeps a list's first number, so the numbering may go on under the next heading."""
    return "\n".join(_item(number, line, names) for number, line in enumerate(lines, start))


def _item(number: int, line: Entry | ChangeShown, names: Names) -> str:
    """One numbered line, and what is to be said about it below, indented to the text as CommonMark asks."""
    marker = f"{number}. "
    if isinstance(line, ChangeShown):
        return f"{marker}{_head(_changed_when(line), line.title)}\n{_bullets(words.change(line, names), len(marker))}"
    return f"{marker}{_head(words.when(line.occurred), line.title)}\n{_bullets(_about(line, names), len(marker))}"


def _changed_when(line: ChangeShown) -> str:
    told = line.after or line.before
    return words.when(told.occurred) if told else line.week


def _head(when: str, title: str) -> str:
    return f"**{inline(when)}**: {inline(title)}"


def _about(entry: Entry, names: Names) -> list[str]:
    """How it stands, what we make of it, what it answers, who took part, who says so."""
    return [
        ", ".join(part for part in (words.standing(entry, names), *words.circumstances(entry)) if part),
        *(f"judged {words.assessment(each, names)}" for each in entry.assessments),
        *(f"of “{each.title}” ({each.standing or 'no standing'})" for each in entry.of),
        _facts(entry, names),
        f"source: {words.name(entry.source, names)}, {entry.modality}; marked {entry.marking}; "
        f"position {entry.position}",
    ]


def _facts(entry: Entry, names: Names) -> str:
    against = words.listed(entry.against, names)
    parts = (
        words.plain(entry.kind),
        words.participants(entry, names),
        f"against {against}" if against else "",
        words.places(entry, names),
        words.listed(entry.topics, names),
    )
    return words.SEPARATOR.join(part for part in parts if part)


# The event itself


def _when(event: EventShown) -> str:
    occurred = event.occurred
    return (
        f"**{inline(words.when(occurred))}** ({inline(occurred.edtf)}), in week {occurred.week}. "
        f"Revision {event.revision}, recorded {words.instant(event.recorded_at)}."
    )


def _voices(event: EventShown) -> list[str]:
    rows = [_voice(voice, event.names) for voice in event.voices]
    table = _table(("side", "source", "modality", "said", "grade", "quote"), rows) if rows else NOTHING
    more = event.voices_total - len(event.voices)
    return [table, f"The oldest {len(event.voices)} of {event.voices_total} voices."] if more > 0 else [table]


def _voice(voice: VoiceShown, names: Names) -> tuple[str, ...]:
    said = f"{words.when(voice.said)} (assumed)" if voice.said.assumed else words.when(voice.said)
    source = words.name(voice.source, names)
    return (words.side(voice, names), source, voice.modality, said, voice.grade, words.quote(voice.quote))


def _attributed(event: EventShown) -> list[str]:
    return [
        f"{words.name(actor, event.names)}: {words.standing(stand, event.names)}"
        for actor, stand in event.attribution.items()
    ]


# Blocks


def _moment(as_of: int | None, position: int) -> str:
    return f"As of position {position if as_of is None else as_of}."


def _bullets(lines: Iterable[str], indent: int = 0) -> str:
    return "\n".join(f"{' ' * indent}- {inline(line)}" for line in lines if line)


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A GFM table. `inline` escapes the pipes and leaves no line break, so no value ends its cell or its row."""
    lines = [columns, ("---",) * len(columns), *(tuple(map(inline, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _document(blocks: Iterable[str]) -> bytes:
    return ("\n\n".join(blocks) + "\n").encode()


FORMAT = Format(
    name="markdown",
    suffix=".md",
    media_type="text/markdown; charset=utf-8; variant=GFM",
    renders={
        Page: _page,
        Slice: _slice,
        Difference: _difference,
        History: _history,
        Impact: _impact,
        EventShown: _event,
        RegisteredPage: _registered,
    },
)
