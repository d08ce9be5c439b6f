"""The brief of a week, as an editor would send it: what happened, who said so, and where each claim stands.

Judgements stand apart from what was said. Every line cites its sources and documents by number; they are listed at the
end, with what the grades and rules of this brief mean.

How the parts are put together is one template in Markdown, `brief.md.jinja`; HTML and .docx are made of what it gives.
An editor may bring another: it has `brief`, whose parts are Markdown, and `week`, whose texts become Markdown as they
are printed, so that no title makes a heading.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import jinja2
import msgspec
from jinja2.sandbox import ImmutableSandboxedEnvironment

from timeline.formats import words
from timeline.formats.blocks import changed, facts, item
from timeline.formats.escapes import inline
from timeline.formats.format import NOWHERE, Where
from timeline.model.entry import AssessmentShown, Entry
from timeline.model.record import MARKINGS
from timeline.model.slice import Citation, DocumentCited, Slice, SourceCited

TITLES = {
    "happened": "Happened",
    "said": "Said",
    "judged": "Assessments",
    "continuing": "Continuing",
    "ahead": "Ahead",
    "unresolved": "Unresolved",
}
JUDGEMENT = "assessment"
SIDES = {"assert": "told by", "confirm": "confirmed by", "deny": "denied by"}
RELIABILITY = {
    "A": "completely reliable",
    "B": "usually reliable",
    "C": "fairly reliable",
    "D": "not usually reliable",
    "E": "unreliable",
    "F": "reliability cannot be judged",
}
CREDIBILITY = {
    "1": "confirmed by other sources",
    "2": "probably true",
    "3": "possibly true",
    "4": "doubtful",
    "5": "improbable",
    "6": "truth cannot be judged",
}
RULES = {
    "R0": "nobody says so any more",
    "R1": "confirmed, and denied by none but parties",
    "R2": "confirmed, and denied",
    "R3": "denied only by parties, and told by two independent sources or more",
    "R4": "denied, and a source that vouches says so",
    "R5": "denied, and nobody who vouches says so",
    "R6": "two sides or more vouch for it",
    "R7": "somebody says so, and not as a rumour alone",
    "R8": "only rumours",
}


TEMPLATE = Path(__file__).with_name("brief.md.jinja").read_text(encoding="utf-8")
"""The template of a brief, where an editor brings no other."""


class Markdown(str):
    """Text that is Markdown already: a template prints it as it is."""

    __slots__ = ()


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a brief under a heading of its own."""

    name: str
    """Which: `happened`, `said`, `judged`, `continuing`, `ahead`, `unresolved` or `changed`."""
    title: Markdown
    lines: Markdown
    """A numbered list."""
    more: Markdown
    """That it holds more than is listed, or nothing."""


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """A brief in its parts, as a template prints them."""

    title: Markdown
    """Whose week, and which."""
    about: Markdown
    """Its days, the position that it is as of, and its marking."""
    marking: str | None
    """The TLP of its closest line."""
    sections: list[Section]
    """Those that hold something, numbered through the whole week."""
    changes: Section | None
    """What changed in our records, and why."""
    changes_more: Markdown
    sources: Markdown
    """The numbered sources and documents."""
    grades: Markdown
    """What the grades of this brief mean."""
    rules: Markdown
    """What the rules of this brief mean."""


def brief(week: Slice, where: Where = NOWHERE, template: str = TEMPLATE) -> bytes:
    """The brief in Markdown; each line leads to its event, where the week is served.

    Raises:
        jinja2.TemplateError: the template cannot be followed.
    """
    written = _TEMPLATES.from_string(template).render(brief=parts(week, where), week=week)
    return (re.sub(r"\n{3,}", "\n\n", written).strip() + "\n").encode()


def _printed(value: object) -> str:
    """What a template prints of a value: our Markdown as it is, anything else as text in Markdown."""
    return value if isinstance(value, Markdown) else inline(str(value))


# Another's template can reach what it is given, and nothing else; whatever it names has to be there.
_TEMPLATES = ImmutableSandboxedEnvironment(
    undefined=jinja2.StrictUndefined, finalize=_printed, trim_blocks=True, lstrip_blocks=True, autoescape=False
)


def parts(week: Slice, where: Where = NOWHERE) -> Brief:
    """The parts of a week's brief."""
    told = _Brief(week, where)
    marked = {each.marking for _, each in words.sections(week) if isinstance(each, Entry)}
    marking = max(marked, key=MARKINGS.index, default=None)
    match = "" if week.match == "anchored" else f" Events that {_MATCHES[week.match]}."
    tlp = f" TLP:{marking.upper()}." if marking else ""
    when = words.span(week.from_, week.to)
    whose = ", ".join(inline(each.name) for each in (week.subject, week.also) if each)
    sections, changes = list(told.sections()), told.changes()
    return Brief(
        title=Markdown(f"{whose}, week {week.week}"),
        about=Markdown(f"{when}.{match} {words.moment(week.as_of, week.position)}{tlp}"),
        marking=marking,
        sections=sections,
        changes=changes,
        changes_more=told.more_changes(),
        sources=told.sources(),
        grades=told.grades(),
        rules=told.rules(),
    )


_MATCHES = {"possible": "may lie in this week", "certain": "surely lie in this week"}
_Cites = tuple[str, str | None, str | None]
"""What one note tells of: a source, the document that it is read in, and who relays it."""


class _Brief:
    """The lines of a brief, and the notes that they cite."""

    def __init__(self, week: Slice, where: Where) -> None:
        self.week = week
        self._where = where
        self._notes: dict[_Cites, int] = {}
        self._grades: set[str] = set()
        self._rules: set[str] = set()
        self._lines: dict[str, int] = {}
        """The number under which each event was told first."""
        self._number = 0

    def sections(self) -> Iterator[Section]:
        """A list for every section that holds something, numbered through the whole week."""
        for section, entries in self._sections():
            if not entries:
                continue
            cut = section in self.week.truncated
            yield Section(
                name=section,
                title=Markdown(TITLES[section]),
                lines=Markdown("\n".join(map(self._line, entries))),
                more=Markdown("This section holds more than is listed here." if cut else ""),
            )

    def _sections(self) -> Iterator[tuple[str, list[Entry]]]:
        found = self.week.sections
        judged = [each for each in found.said if each.kind == JUDGEMENT]
        yield "happened", found.happened
        yield "said", [each for each in found.said if each.kind != JUDGEMENT]
        yield "judged", judged
        yield "continuing", found.continuing
        yield "ahead", found.ahead
        yield "unresolved", found.unresolved

    def changes(self) -> Section | None:
        """What changed in our records, and why."""
        week = self.week
        if not week.sections.changed:
            return None
        numbered = enumerate(week.sections.changed, self._number + 1)
        return Section(
            name="changed",
            title=Markdown(f"Changed in our records, from position {week.changed_from} to {week.changed_to}"),
            lines=Markdown("\n".join(changed(n, each, week.names, self._where) for n, each in numbered)),
            more=Markdown(""),
        )

    def more_changes(self) -> Markdown:
        """Where more of what changed is told."""
        week = self.week
        if "changed" not in week.truncated:
            return Markdown("")
        where = f"/v1/diff?from={week.changed_from}&to={week.changed_to}"
        return Markdown(f"More changed than is listed here: {inline(where)} tells all of it.")

    def _line(self, entry: Entry) -> str:
        self._number += 1
        first = self._lines.setdefault(entry.id, self._number)
        below = self._below(entry) if first == self._number else [f"see {first}"]
        return item(self._number, words.when(entry.occurred), entry.title, self._where.event(entry.id), below)

    def _below(self, entry: Entry) -> list[str]:
        names = self.week.names
        self._rules |= {entry.rule} if entry.rule else set()
        stands = [words.standing(entry, names), *words.circumstances(entry)]
        marked = f"; marked {entry.marking}" if entry.marking != MARKINGS[0] else ""
        return [
            inline(", ".join(part for part in stands if part)) if entry.kind != JUDGEMENT else "",
            self._told(entry),
            *map(self._judged, ((entry, each) for each in entry.assessments)),
            *(inline(f"of “{each.title}” ({each.standing or 'no standing'})") for each in entry.of),
            inline(facts(self._without_subject(entry), names) + marked),
        ]

    def _without_subject(self, entry: Entry) -> Entry:
        """The entry without the topic that the whole brief is about."""
        whole = {each.id for each in (self.week.subject, self.week.also) if each}
        return msgspec.structs.replace(entry, topics=[each for each in entry.topics if each not in whole])

    def _told(self, entry: Entry) -> str:
        """On whose word it stands: of an assessment what it judges."""
        cited = self.week.cited
        voices = cited.voices.get(entry.id, [])
        if entry.kind == JUDGEMENT:
            own = cited.judgements.get(entry.id)
            return self._judged((entry, own)) if own else ""
        heard = [f"{SIDES[each.side]} {self._voice(each)}" for each in voices if each.side in SIDES]
        return "; ".join(dict.fromkeys(heard))  # a source may say the same twice in one document

    def _voice(self, voice: Citation) -> str:
        self._grades |= {*voice.grade}
        return f"{inline(f'{self._name(voice.source)}, {voice.modality}')}, {voice.grade} {self._note(voice)}"

    def _judged(self, found: tuple[Entry, AssessmentShown]) -> str:
        """A judgement, told apart from what was said: ours, or somebody else's."""
        entry, judgement = found
        source = self.week.cited.sources.get(judgement.source)
        whose = "our assessment" if source and source.house else "assessment"
        voices = self.week.cited.voices.get(entry.id, [])
        cites = "".join(f" {self._note(each)}" for each in voices if each.id == judgement.id)
        steps = (judgement.likelihood, judgement.verdict, judgement.confidence, judgement.hedge)
        judged = words.assessment(judgement, self.week.names) if any(steps) else self._name(judgement.source)
        return inline(f"{whose}: {judged}") + cites

    def _name(self, source: str) -> str:
        known = self.week.cited.sources.get(source)
        return known.name if known else words.name(source, self.week.names)

    def _note(self, voice: Citation) -> str:
        """The number of the note that tells of a voice's source and document."""
        cites = (voice.source, voice.document, voice.via)
        return f"[{self._notes.setdefault(cites, len(self._notes) + 1)}]"

    def sources(self) -> Markdown:
        """The sources and documents by their numbers."""
        told = (f"- [{number}] {inline(self._source(*cites))}" for cites, number in self._notes.items())
        return Markdown("\n".join(told))

    def grades(self) -> Markdown:
        """What the grades of this brief mean."""
        letters = [f"{each} {RELIABILITY[each]}" for each in sorted(self._grades & RELIABILITY.keys())]
        figures = [f"{each} {CREDIBILITY[each]}" for each in sorted(self._grades & CREDIBILITY.keys())]
        told = [*letters, *figures]
        meaning = "Grades: the letter is the source's, the figure that of what it says here."
        return Markdown(f"{meaning} {'; '.join(told)}." if told else "")

    def rules(self) -> Markdown:
        """What the rules of this brief mean."""
        rules = [f"{each} {RULES[each]}" for each in sorted(self._rules)]
        return Markdown(f"Rules: {'; '.join(rules)}." if rules and self._notes else "")

    def _source(self, source: str, document_id: str | None, via: str | None) -> str:
        """A source and where it is read: `The Paper (B), in “Title” (Publisher, 7 June 2019), https://…`."""
        known = self.week.cited.sources.get(source)
        relayed = f", through {self._name(via)}" if via else ""
        read_in = self._document(self.week.cited.documents.get(document_id or ""))
        return f"{self._name(source)}{_kind(known)}{relayed}{read_in}"

    def _document(self, found: DocumentCited | None) -> str:
        if found is None:
            return ""
        published = words.when(found.published) if found.published else ""
        publisher = self._name(found.publisher) if found.publisher else ""
        told = ", ".join(each for each in (publisher, published) if each)
        parts = [f", in “{found.title}”" if found.title else ", in a document", f" ({told})" if told else ""]
        return "".join([*parts, f", {found.url}" if found.url else ""])


def _kind(source: SourceCited | None) -> str:
    if source is None:
        return ""
    notes: Iterable[str] = (source.reliability, "" if source.named else "unnamed", "our own" if source.house else "")
    return f" ({', '.join(each for each in notes if each)})"
