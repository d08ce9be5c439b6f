"""The brief of a week, as an editor would send it: what happened, who said so, and where each claim stands.

Judgements stand apart from what was said. Every line cites its sources and documents by number; they are listed at the
end, with what the grades and rules of this brief mean.
"""

from collections.abc import Iterable, Iterator

import msgspec

from timeline.formats import words
from timeline.formats.blocks import NOTHING, changed, document, facts, item
from timeline.formats.escapes import inline
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


def brief(week: Slice) -> bytes:
    """The brief in Markdown."""
    told = _Brief(week)
    blocks = [*_heading(week), *(list(told.sections()) or [NOTHING]), *told.changes(), *told.notes()]
    return document(blocks)


def _heading(week: Slice) -> Iterator[str]:
    whose = ", ".join(inline(each.name) for each in (week.subject, week.also) if each)
    yield f"# {whose}, week {week.week}"
    marked = {each.marking for _, each in words.sections(week) if isinstance(each, Entry)}
    marking = max(marked, key=MARKINGS.index, default=None)
    match = "" if week.match == "anchored" else f" Events that {_MATCHES[week.match]}."
    tlp = f" TLP:{marking.upper()}." if marking else ""
    yield f"{words.span(week.from_, week.to)}.{match} {words.moment(week.as_of, week.position)}{tlp}"


_MATCHES = {"possible": "may lie in this week", "certain": "surely lie in this week"}
_Cites = tuple[str, str | None, str | None]
"""What one note tells of: a source, the document that it is read in, and who relays it."""


class _Brief:
    """The lines of a brief, and the notes that they cite."""

    def __init__(self, week: Slice) -> None:
        self.week = week
        self._notes: dict[_Cites, int] = {}
        self._grades: set[str] = set()
        self._rules: set[str] = set()
        self._lines: dict[str, int] = {}
        """The number under which each event was told first."""
        self._number = 0

    def sections(self) -> Iterator[str]:
        """A heading and a list for every section that holds something, numbered through the whole week."""
        for section, entries in self._sections():
            if not entries:
                continue
            yield f"## {TITLES[section]}"
            yield "\n".join(map(self._line, entries))
            if section in self.week.truncated:
                yield "This section holds more than is listed here."

    def _sections(self) -> Iterator[tuple[str, list[Entry]]]:
        found = self.week.sections
        judged = [each for each in found.said if each.kind == JUDGEMENT]
        yield "happened", found.happened
        yield "said", [each for each in found.said if each.kind != JUDGEMENT]
        yield "judged", judged
        yield "continuing", found.continuing
        yield "ahead", found.ahead
        yield "unresolved", found.unresolved

    def changes(self) -> Iterator[str]:
        """What changed in our records, and why."""
        week = self.week
        if week.sections.changed:
            yield f"## Changed in our records, from position {week.changed_from} to {week.changed_to}"
            start = self._number + 1
            yield "\n".join(changed(n, each, week.names) for n, each in enumerate(week.sections.changed, start))
        if "changed" in week.truncated:
            where = f"/v1/diff?from={week.changed_from}&to={week.changed_to}"
            yield f"More changed than is listed here: {inline(where)} tells all of it."

    def _line(self, entry: Entry) -> str:
        self._number += 1
        first = self._lines.setdefault(entry.id, self._number)
        below = self._below(entry) if first == self._number else [f"see {first}"]
        return item(self._number, words.when(entry.occurred), entry.title, below)

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

    def notes(self) -> Iterator[str]:
        """The sources and documents by their numbers, then what the grades and rules mean."""
        if not self._notes:
            return
        yield "## Sources"
        yield "\n".join(f"- [{number}] {inline(self._source(*cites))}" for cites, number in self._notes.items())
        letters = [f"{each} {RELIABILITY[each]}" for each in sorted(self._grades & RELIABILITY.keys())]
        figures = [f"{each} {CREDIBILITY[each]}" for each in sorted(self._grades & CREDIBILITY.keys())]
        told = [*letters, *figures]
        if told:
            yield f"Grades: the letter is the source's, the figure that of what it says here. {'; '.join(told)}."
        rules = [f"{each} {RULES[each]}" for each in sorted(self._rules)]
        if rules:
            yield f"Rules: {'; '.join(rules)}."

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
