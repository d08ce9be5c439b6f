"""Markdown (CommonMark, tables as in GFM): numbered entries, each with why it stands as it does; a week is a brief.

Every value goes through `escapes.inline`, so that no title can make a heading, a link or HTML of ours.
"""

from collections.abc import Iterable

from timeline.formats import words
from timeline.formats.blocks import NOTHING, bullets, changed, document, facts, item, table
from timeline.formats.brief import brief
from timeline.formats.escapes import inline, paragraphs
from timeline.formats.format import Format, Where, alone
from timeline.formats.words import Names
from timeline.model.changes import ChangeShown, Difference, History, VersionShown
from timeline.model.entry import Entry, EventShown, Page, RegisteredPage, VoiceShown
from timeline.model.impact import Impact, ImpactEvent, ImpactWeek
from timeline.model.slice import Slice

IMPACT_COLUMNS = ("week", "event", "stands", "would stand", "voices")


def _page(page: Page, where: Where) -> bytes:
    blocks = [f"# {inline(page.subject.name)}", words.moment(page.as_of, page.position)]
    blocks += [_numbered(page.entries, page.names, where)] if page.entries else [NOTHING]
    blocks += ["More entries follow on the next page."] if page.next else []
    return document(blocks)


def difference(found: Difference, where: Where) -> bytes:
    """What changed, numbered."""
    whose = ", ".join(inline(each.name) for each in found.subjects) or "All events"
    placed = f", week {found.week}" if found.week else ""
    blocks = [f"# {whose}{placed}: what changed", f"From position {found.from_} to position {found.to}."]
    blocks += [_numbered(found.changes, found.names, where)] if found.changes else [NOTHING]
    blocks += ["More changes follow on the next page."] if found.next else []
    return document(blocks)


def _history(found: History) -> bytes:
    stood = next((each.stood for each in reversed(found.versions) if each.stood), None)
    blocks = [f"# {inline(stood.title) if stood else 'Gone'}: history", words.moment(found.as_of, found.position)]
    versions = [_version(number, each, found.names) for number, each in enumerate(found.versions, 1)]
    blocks += ["\n".join(versions) if versions else NOTHING]
    blocks += ["More versions follow on the next page."] if found.next else []
    return document(blocks)


def _version(number: int, version: VersionShown, names: Names) -> str:
    marker = f"{number}. "
    stands = words.standing(version.stood, names) or "no standing" if version.stood else "gone"
    cause = version.cause
    by = f", recorded {words.instant(cause.recorded_at)} by {cause.recorded_by}" if cause else ""
    lines = [words.cause(cause)] if cause else []
    lines += [words.field_change(each, names) for each in version.changes]
    return f"{marker}**position {version.position}**: {inline(stands + by)}\n{bullets(lines, len(marker))}"


def single(event: EventShown, where: Where) -> bytes:
    """An event with its voices and replies."""
    told = [] if event.as_of is None else [words.moment(event.as_of, event.as_of)]
    blocks = [f"# {inline(event.title)}", *told, _when(event), bullets(_about(event, event.names))]
    blocks += paragraphs(event.summary or "")
    blocks += ["## Voices", *_voices(event)]
    if event.attribution:
        blocks += ["## Who took part", bullets(_attributed(event))]
    if event.replies:
        blocks += ["## Replies", _numbered(event.replies, event.names, where)]
    return document(blocks)


def _registered(page: RegisteredPage) -> bytes:
    rows = [
        (item.name or item.slug or item.id, item.kind, item.slug or "", item.marking, item.id) for item in page.items
    ]
    listed = [table(("name", "kind", "slug", "marking", "id"), rows)] if rows else [NOTHING]
    more = ["More follow on the next page."] if page.next else []
    return document(["# Registered", words.moment(page.as_of, page.position), *listed, *more])


def _impact(found: Impact) -> bytes:
    total = found.totals
    heading = f"# {inline(found.source.name)}, {_supposed(found)}"
    counts = (
        f"Voices: {total.voices}. Left without an assertion: {total.unsupported}; standing differently: "
        f"{total.changed}; standing as they do: {total.touched}; judgements on these: {total.judgements}."
    )
    blocks = [heading, f"{words.moment(found.as_of, found.position)} {counts}"]
    for title, lines in (
        ("Left without an assertion", found.unsupported),
        ("Would stand differently", found.changed),
        ("Would stand as they do", found.touched),
    ):
        blocks += [f"## {title}", table(IMPACT_COLUMNS, map(_would_stand, lines))] if lines else []
    if found.judgements:
        rows = [(j.week, j.title, words.name(j.source, found.names)) for j in found.judgements]
        blocks += ["## Judgements that rest on these", table(("week", "judgement", "source"), rows)]
    if found.weeks:
        blocks += ["## Weeks that carry these", bullets(map(_carrying, found.weeks))]
    return document([*blocks, *(["More follow on the next page."] if found.next else [])])


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


def _numbered(lines: Iterable[Entry | ChangeShown], names: Names, where: Where) -> str:
    """A numbered list, each line of which leads to its event."""
    return "\n".join(_item(number, line, names, where) for number, line in enumerate(lines, 1))


def _item(number: int, line: Entry | ChangeShown, names: Names, where: Where) -> str:
    """One numbered line, and what is to be said about it below."""
    if isinstance(line, ChangeShown):
        return changed(number, line, names, where)
    about = map(inline, _about(line, names))
    return item(number, words.when(line.occurred), line.title, where.event(line.id), about)


def _about(entry: Entry, names: Names) -> list[str]:
    """How it stands, what we make of it, what it answers, who took part, who says so."""
    return [
        ", ".join(part for part in (words.standing(entry, names), *words.circumstances(entry)) if part),
        *(f"judged {words.assessment(each, names)}" for each in entry.assessments),
        *(f"of “{each.title}” ({each.standing or 'no standing'})" for each in entry.of),
        facts(entry, names),
        f"source: {words.name(entry.source, names)}, {entry.modality}; marked {entry.marking}; "
        f"position {entry.position}",
    ]


# The event itself


def _when(event: EventShown) -> str:
    occurred = event.occurred
    return (
        f"**{inline(words.when(occurred))}** ({inline(occurred.edtf)}), in week {occurred.week}. "
        f"Revision {event.revision}, recorded {words.instant(event.recorded_at)}."
    )


def _voices(event: EventShown) -> list[str]:
    rows = [_voice(voice, event.names) for voice in event.voices]
    voices = table(("side", "source", "modality", "said", "grade", "quote"), rows) if rows else NOTHING
    more = event.voices_total - len(event.voices)
    return [voices, f"The oldest {len(event.voices)} of {event.voices_total} voices."] if more > 0 else [voices]


def _voice(voice: VoiceShown, names: Names) -> tuple[str, ...]:
    said = f"{words.when(voice.said)} (assumed)" if voice.said.assumed else words.when(voice.said)
    source = words.name(voice.source, names)
    return (words.side(voice, names), source, voice.modality, said, voice.grade, words.quote(voice.quote))


def _attributed(event: EventShown) -> list[str]:
    return [
        f"{words.name(actor, event.names)}: {words.standing(stand, event.names)}"
        for actor, stand in event.attribution.items()
    ]


FORMAT = Format(
    name="markdown",
    suffix=".md",
    media_type="text/markdown; charset=utf-8; variant=GFM",
    about="people: numbered lines with their standing; a week as a brief",
    renders={
        Page: _page,
        Slice: brief,
        Difference: difference,
        History: alone(_history),
        Impact: alone(_impact),
        EventShown: single,
        RegisteredPage: alone(_registered),
    },
)
