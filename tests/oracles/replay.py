"""What a reader is shown after the first p records, worked out anew from those records: no versions, no increments.

Under today's law: what was erased was never said, and a record is marked as it is marked last.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

from tests.oracles.model import REGISTERED, Row, answered
from tests.oracles.posts import EDITS, MARKINGS, Post, id_of
from tests.oracles.standings import Found, Said, Speaker, stands

ALL = "all"
LEVELS = range(len(MARKINGS))
UNMARKED = MARKINGS.index("amber")
Days = tuple[date | None, date | None]
TAKES = {
    "publication": "assert",
    "accusation": "assert",
    "report": "assert",
    "denial": "deny",
    "confirmation": "confirm",
}
TAKES |= {"assessment": "judge"}
SPEAKS = {*TAKES, "statement"}


class When(NamedTuple):
    """The days that a text allows."""

    first: date | None
    last: date | None
    ongoing: bool = False


def _june(first: int, last: int) -> When:
    return When(date(2019, 6, first), date(2019, 6, last))


BY_HAND = {
    "2019-06-01": _june(1, 1),
    "2019-06-05": _june(5, 5),
    "2019-06-07": _june(7, 7),
    "2019-06-12": _june(12, 12),
    "2019-06-20": _june(20, 20),
    "early June 2019": _june(1, 10),
    "[2019-06-03..2019-06-14]": _june(3, 14),
    "[2019-06-03..2019-06-09]": _june(3, 9),
    "[2019-06-08..2019-06-14]": _june(8, 14),
    "/2019-06-09": When(None, date(2019, 6, 9)),
    "/2019-06-01": When(None, date(2019, 6, 1)),
    "2019-04-04/..": When(date(2019, 4, 4), None, True),
    "ongoing": When(None, None, True),
    "2019": When(date(2019, 1, 1), date(2019, 12, 31)),
    "2019-07-01": When(date(2019, 7, 1), date(2019, 7, 1)),
}
"""What the dates of our posts mean, read by a person; "last week" is worked out."""


@dataclass(frozen=True, kw_only=True)
class Law:
    """What counts today, whatever was recorded then."""

    erased: frozenset[str]
    levels: dict[str, int]

    def extends(self, earlier: "Law") -> bool:
        """Whether this only adds markings of what was not there before."""
        return self.erased == earlier.erased and earlier.levels.items() <= self.levels.items()

    @staticmethod
    def of(rows: list[Row]) -> "Law":
        """The law as these records leave it."""
        levels: dict[str, int] = {}
        for row in rows:
            marking = row.body.get("event", row.body).get("marking")
            if row.kind not in EDITS:
                levels[row.subject] = MARKINGS.index(marking) if marking else UNMARKED
            elif row.kind in ("marking", "correction") and marking and row.subject in levels:
                levels[row.subject] = MARKINGS.index(marking)
        return Law(erased=frozenset(r.subject for r in rows if r.kind == "erasure"), levels=levels)


@dataclass
class Happening:
    """An event after its edits."""

    id: str
    position: int
    recorded_at: datetime
    revision: int
    body: Post
    level: int
    recalled: bool = False
    taken_back: bool = False
    survivor: str | None = None
    distinct: set[str] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An event as a reader at one level is shown it."""

    id: str
    title: str
    revision: int
    distinct: frozenset[str]
    marking: str
    at: date
    key: tuple[date, date, date, int]
    counts: tuple[int, int, int, int]
    found: Found | None
    """None for an assessment, which has no standing."""
    phase: str
    since: datetime


class Line(NamedTuple):
    """An event in a timeline, and why it stands there."""

    shown: Shown
    placed: str


@dataclass(frozen=True, kw_only=True)
class Voice:
    """One source's word on an event, before a reader's level decides what it weighs."""

    of: Happening
    level: int
    side: str
    tense: str
    ground: str | None
    part: str | None
    is_always_heard: bool
    """An event's own voice, or that of one that turned out to be the same event."""
    cancels: bool


@dataclass
class Memory:
    """The little that depends on the past: when a standing began, and in which tense a reply spoke."""

    since: dict[tuple[str, int], tuple[str | None, datetime]] = field(default_factory=dict)
    tenses: dict[tuple[str, str], str] = field(default_factory=dict)


class Moment:
    """Everything after the first p records."""

    def __init__(self, rows: list[Row], law: Law, before: "Moment | None") -> None:
        self.now = _time(rows[-1])
        self.events: dict[str, Happening] = {}
        self.things: dict[str, Row] = {}
        self._law = law
        for row in rows:
            self._take(row)
        self.memory: Memory = Memory(dict(before.memory.since), dict(before.memory.tenses)) if before else Memory()
        self._standings: dict[tuple[str, int], Found] = {}
        self._said: dict[str, Days] = {}
        self._remember_tenses(before)
        self._voices: dict[str, list[Voice]] = {each: [] for each in self.events}
        for event in sorted(self.events.values(), key=lambda each: each.position):
            for on, voice in self._spoken(event).items():
                self._voices[on].append(voice)
        for event in self.events.values():
            self._begin(event)

    # Taking records

    def _take(self, row: Row) -> None:
        if row.kind == "erasure" or row.subject in self._law.erased:
            return
        if row.kind in REGISTERED:
            self.things[row.subject] = row
        elif row.kind not in EDITS:
            level = self._law.levels[row.subject]
            self.events[row.id] = Happening(row.id, row.position, _time(row), row.revision, row.body, level)
        else:
            self._edit(row, self.events[row.subject])

    def _edit(self, row: Row, event: Happening) -> None:
        event.revision = row.revision
        match row.kind:
            case "correction":
                event.body = row.body["event"]
            case "retraction":
                event.taken_back = True
            case "recall":
                event.recalled = True
            case "distinct" if row.body["other"] in self.events:
                other = self.events[row.body["other"]]
                for one, another in ((event, other), (other, event)):
                    (one.distinct.discard if row.body.get("withdrawn") else one.distinct.add)(another.id)
            case "duplicate":
                into = self.events.get(row.body["survivor"])
                if into is event:
                    event.survivor = None
                elif into is not None and into.level <= event.level and self.stands_as(into) is not event:
                    event.survivor = into.id

    def stands_as(self, event: Happening) -> Happening:
        """What an event turned out to be, after every merge."""
        seen = [event.id]
        while event.survivor is not None and event.survivor not in seen:
            event = self.events[event.survivor]
            seen.append(event.id)
        return event

    # Who answers whom

    def targets(self, event: Happening, named: list[str]) -> list[Happening]:
        """The named events that still stand, each as what it turned out to be; none that rests on this one itself."""
        found = {into.id: into for each in named if each in self.events for into in [self.stands_as(self.events[each])]}
        return [
            each
            for each in found.values()
            if not each.recalled and (each.position < event.position or not self._rests(each.id, event.id, set()))
        ]

    def _rests(self, event: str, other: str, seen: set[str]) -> bool:
        if event == other:
            return True
        if event in seen or event not in self.events:
            return False
        seen.add(event)
        found = self.events[event]
        named = answered(found.body) + ([found.survivor] if found.survivor else [])
        return any(self._rests(each, other, seen) for each in named)

    def _spoken(self, speaker: Happening) -> dict[str, Voice]:
        """What an event says, by the event it says that about: of several ways the last one counts."""
        if speaker.recalled:
            return {}
        kind, into = speaker.body["kind"], self.stands_as(speaker)
        spoken = {speaker.id: self._voice(speaker, speaker, "assert", own=True)}
        if into is not speaker:
            spoken[into.id] = self._voice(speaker, into, "assert", merged=True)
        for on in self._answered_by(speaker):
            spoken[on.id] = self._voice(speaker, on, TAKES.get(kind, "none"), cancels=kind == "cancellation")
        return spoken

    def _answered_by(self, speaker: Happening) -> list[Happening]:
        """The events that it is `of`, or cancels."""
        kind, body = speaker.body["kind"], speaker.body
        named = body.get("of", []) if kind in SPEAKS else body.get("cancels", []) if kind == "cancellation" else []
        return self.targets(speaker, named)

    def _voice(
        self,
        speaker: Happening,
        on: Happening,
        side: str,
        *,
        own: bool = False,
        merged: bool = False,
        cancels: bool = False,
    ) -> Voice:
        return Voice(
            of=speaker,
            level=self._known_from(speaker, on),
            side=side,
            tense=self._tense(speaker, on),
            ground=None if own or speaker.body["kind"] != "confirmation" else speaker.body.get("ground"),
            part=None if own else self._part(speaker, on),
            is_always_heard=own or merged,
            cancels=cancels,
        )

    def _known_from(self, speaker: Happening, on: Happening) -> int:
        """The lowest level that may know that one event speaks of another: of both, and of what it names on the way."""
        body = speaker.body
        named = [self.events[each] for each in (*body.get("of", []), *body.get("cancels", [])) if each in self.events]
        ways = [each.level for each in named if self.stands_as(each) is on]
        return max(speaker.level, on.level, min(ways, default=0))

    def _part(self, speaker: Happening, on: Happening) -> str | None:
        part: str | None = speaker.body.get("part")
        takes = TAKES.get(speaker.body["kind"])
        return "content" if part is None and takes in ("deny", "confirm") and on.body["kind"] == "accusation" else part

    def _tense(self, speaker: Happening, on: Happening) -> str:
        body = speaker.body
        if speaker is on and body["kind"] in SPEAKS:
            return "past"
        if body.get("tense"):
            return str(body["tense"])
        if speaker is not on:
            return self.memory.tenses.get((speaker.id, on.id), "past")
        first, said = self.occurred(speaker).first, self.said(speaker)[1]
        return "future" if first and said and first > said else "past"

    # When

    def occurred(self, event: Happening) -> When:
        """The days that it may have happened on."""
        text = event.body["occurred"]
        if isinstance(text, dict):
            other = self.events.get(text["during"])
            found = self.occurred(other) if other and other.level <= event.level else When(None, None)
            return When(found.first, found.last)
        published = self._published(event)
        if text != "last week":
            return BY_HAND[text]
        said = event.body.get("said")
        anchors = [published, BY_HAND[said] if said else None, _day(event.recorded_at)]
        return next(week for each in anchors if each is not None and (week := _week_before(each)) is not None)

    def said(self, event: Happening) -> Days:
        """The days that its source may have said so on."""
        if event.id not in self._said:
            self._said[event.id] = self._worked_out_said(event)[:2]
        return self._said[event.id]

    def _worked_out_said(self, event: Happening) -> When:
        if event.body.get("said"):
            return BY_HAND[event.body["said"]]
        occurred, published = self.occurred(event), self._published(event)
        if event.body["kind"] in SPEAKS and (occurred.first or occurred.last):
            return occurred
        if event.body["occurred"] == "last week" and published and _week_before(published) is None:
            published = None  # nothing that hangs on this document's date can be read any more
        return published or _day(event.recorded_at)

    def _published(self, event: Happening) -> When | None:
        document = self.things.get(event.body.get("document", ""))
        if document is None or self._law.levels[document.subject] > event.level:
            return None
        text = document.body.get("published")
        return BY_HAND[text] if text else None

    # Where it stands

    def speaker(self, source: str, level: int) -> Speaker:
        """A source as a reader at a level may weigh it."""
        thing = self.things.get(source)
        if thing is None or self._law.levels[source] > level:
            return Speaker(id=source, family=source, named=False)
        body = thing.body
        own = {*body.get("speaks_for", []), *([body["actor"]] if body.get("actor") else [])}
        return Speaker(
            id=source,
            family=str(body.get("family", body["slug"])),
            named=body.get("named", True),
            house=body.get("house", False),
            reliability=body.get("reliability", "F"),
            own=frozenset(own),
            aligned=frozenset(body.get("aligned_with", [])),
        )

    def found(self, event: Happening, level: int) -> Found:
        """The standing of an event, assessments included: whether those have effect never hangs on it."""
        known = self._standings.get((event.id, level))
        if known is None:
            heard = [each for each in self._voices[event.id] if each.level <= level]
            actors = frozenset([*event.body.get("participants", []), *event.body.get("against", [])])
            called_off = any(each.cancels and self._has_effect(each, level) for each in heard)
            said = [self._weighed(each, level) for each in heard if each.part is None]
            known = self._standings[event.id, level] = stands(said, actors, called_off=called_off)
        return known

    def _weighed(self, voice: Voice, level: int) -> Said:
        body = voice.of.body
        return Said(
            position=voice.of.position,
            side=voice.side,
            speaker=self.speaker(body["source"], level),
            modality=body.get("modality", "reported"),
            days=self.said(voice.of),
            tense=voice.tense,
            ground=voice.ground,
            taken_back=voice.of.taken_back,
            effective=self._has_effect(voice, level),
        )

    def _has_effect(self, voice: Voice, level: int) -> bool:
        """A reply counts unless it is itself taken back, denied, or (but to assert) a rumour."""
        if voice.is_always_heard:
            return True
        if voice.of.taken_back:
            return False
        if voice.of.body["kind"] == "assessment":
            return True
        if voice.of.survivor is not None:
            return False
        word = self.found(voice.of, level).standing
        rumour_is_dead = TAKES.get(voice.of.body["kind"], "none") != "assert"
        return word not in ("denied", "withdrawn", "unsupported") and not (word == "rumoured" and rumour_is_dead)

    # What is shown

    def is_shown(self, event: Happening, level: int) -> bool:
        """Whether a reader at this level sees it at all."""
        return not event.recalled and event.survivor is None and event.level <= level

    def shown(self, event: Happening, level: int) -> Shown:
        """An event as it is shown at a level that sees it."""
        heard = [each for each in self._voices[event.id] if each.level <= level]
        occurred, first_said = self.occurred(event), self._first_said(heard, level)
        at = placed(occurred, first_said)
        first = occurred.first or first_said[0] or first_said[1] or at
        found, judged = self.found(event, level), event.body["kind"] == "assessment"
        return Shown(
            id=event.id,
            title=self._title(event),
            revision=event.revision,
            distinct=frozenset(each for each in event.distinct if self.events[each].level <= level),
            marking=MARKINGS[event.level],
            at=at,
            key=(at, first, occurred.last or date.max, event.position),
            counts=_counts(heard),
            found=None if judged else found,
            phase=found.phase,
            since=self.memory.since[event.id, level][1],
        )

    def _first_said(self, heard: list[Voice], level: int) -> Days:
        asserting = [each for each in heard if each.side == "assert" and each.part is None]
        live = [each for each in asserting if self._has_effect(each, level) and not each.of.taken_back]
        said = [self.said(each.of) for each in live or asserting]
        return min(said, key=lambda days: days[0] or days[1] or date.max)

    def _title(self, event: Happening) -> str:
        if event.body.get("title"):
            return str(event.body["title"])
        kind, source = event.body["kind"].capitalize(), self.things.get(event.body["source"])
        seen = source is not None and self._law.levels[source.subject] <= event.level
        return f"{kind} by {source.body['name']}" if seen and source else kind

    def timeline(self, timeline: str, level: int) -> list[Line]:
        """The entries of a timeline in its order, machines' feeds left out."""
        lines = [
            Line(self.shown(event, level), found[0])
            for event in self.events.values()
            if self.is_shown(event, level) and not self._is_fed(event)
            if (found := self._stands_in(event).get(timeline)) is not None and found[1] <= level
        ]
        return sorted(lines, key=lambda line: line.shown.key)

    def _is_fed(self, event: Happening) -> bool:
        source = self.things.get(event.body["source"])
        return source is not None and bool(source.body.get("feed"))

    def _stands_in(self, event: Happening) -> dict[str, tuple[str, int]]:
        """The timelines that an event stands in, why, and from which level up."""
        body, found = event.body, dict[str, tuple[str, int]]()
        if body["kind"] in SPEAKS and body["kind"] != "report":
            for target in self.targets(event, body.get("of", [])):
                for timeline, (_, low) in self._stands_in(target).items():
                    level = max(low, self._known_from(event, target))
                    before = found.get(timeline)
                    found[timeline] = ("of", min(level, before[1]) if before else level)
        source = self.things.get(body["source"])
        if body["kind"] in SPEAKS and source is not None:
            low = max(event.level, self._law.levels[source.subject])
            for actor in self.speaker(source.subject, max(LEVELS)).own:
                if actor not in found or low <= found[actor][1]:
                    found[actor] = ("speaker", low)
        named = [ALL, *body.get("participants", []), *body.get("against", []), *body.get("topics", [])]
        return found | dict.fromkeys(named, ("participant", event.level))

    # The past

    def _remember_tenses(self, before: "Moment | None") -> None:
        """Fix the tense of every reply that speaks for the first time, by the phase its target was in just before."""
        for event in self.events.values():
            into = self.stands_as(event)
            for target in [*self._answered_by(event), *([into] if into is not event else [])]:
                known = (event.id, target.id) in self.memory.tenses or event.body.get("tense")
                if not known and not event.recalled:
                    level = self._known_from(event, target)
                    self.memory.tenses[event.id, target.id] = _tense_before(before, target.id, level)

    def _begin(self, event: Happening) -> None:
        """Note since when it stands as it does: what was away, as a duplicate, begins anew."""
        for level in LEVELS:
            if not self.is_shown(event, level):
                self.memory.since.pop((event.id, level), None)
            else:
                word = None if event.body["kind"] == "assessment" else self.found(event, level).standing
                before = self.memory.since.get((event.id, level))
                as_before = before is not None and before[0] in (None, word)
                self.memory.since[event.id, level] = (word, before[1] if before and as_before else self.now)


def _tense_before(before: Moment | None, target: str, level: int) -> str:
    known = before.events.get(target) if before else None
    if before is None or known is None or not before.is_shown(known, level):
        return "past"
    return "future" if before.found(known, level).phase == "expected" else "past"


class Replay:
    """Every moment of a log, worked out again whenever the law changes."""

    def __init__(self) -> None:
        self._law: Law | None = None
        self._moments: list[Moment] = []

    def at(self, rows: list[Row], position: int) -> Moment:
        """The moment after so many of these records, from 1, under the law that all of them leave."""
        law = Law.of(rows)
        if self._law is None or not law.extends(self._law):
            self._moments = []
        self._law = law
        while len(self._moments) < position:
            before = self._moments[-1] if self._moments else None
            self._moments.append(Moment(rows[: len(self._moments) + 1], law, before))
        return self._moments[position - 1]


def _time(row: Row) -> datetime:
    if row.recorded_at is None:
        raise ValueError(f"position {row.position} was not recorded")
    return row.recorded_at


def _day(at: datetime) -> When:
    return When(at.date(), at.date())


def _week_before(anchor: When) -> When | None:
    """The ISO weeks before each of these days; None where no first day is known."""
    if anchor.first is None:
        return None
    first, last = anchor.first, anchor.last or anchor.first
    return When(
        first - timedelta(days=first.weekday() + 7), last - timedelta(days=last.weekday() + 7) + timedelta(days=6)
    )


def _counts(heard: list[Voice]) -> tuple[int, int, int, int]:
    sides = [each.side for each in heard if not each.of.taken_back]
    return sides.count("assert"), sides.count("deny"), sides.count("confirm"), sides.count("judge")


def placed(occurred: When, said: Days) -> date:
    """The day by which an event is ordered: the first, in the week that holds most of its days, of what places it."""
    if occurred.first and occurred.last and (occurred.last - occurred.first).days < 31:
        return _day_of_most(occurred.first, occurred.last)
    if occurred.first and (occurred.ongoing or occurred.last is None):
        return occurred.first
    first, last = said
    if first and last and (last - first).days < 31:
        return _day_of_most(first, last)
    day = first or last
    assert day is not None
    return day


def _day_of_most(first: date, last: date) -> date:
    """By counting days: the first day of the week that most of them fall in, the earlier week on a tie."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    weeks = [day.isocalendar()[:2] for day in days]
    best = max(dict.fromkeys(weeks), key=weeks.count)
    return days[weeks.index(best)]


TIMELINES = {ALL: ALL, **{slug: id_of(slug) for slug in ("haftar", "russia", "putin", "libya")}}
