"""An event's views: what readers at each level see of it, from its voices, its document and what is registered. Pure.

A view at a level is made from what that level may see and from nothing else, so that a hidden denial can't show
through. Equal neighbours are stored as one row.
"""

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from datetime import date, datetime
from functools import lru_cache
from hashlib import blake2b
from operator import eq
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from timeline.errors import BadDate
from timeline.model import entry
from timeline.model.dates import Occurred
from timeline.model.dates import again as read
from timeline.model.dating import Dates, dates_of, day
from timeline.model.filling import title_of
from timeline.model.kinds import Accusation, Assessment, Cancellation, Event, Report, Speech
from timeline.model.provenance import MODALITY_DEFAULT, Site
from timeline.model.record import LEVEL_MAX, LEVELS, MARKINGS, Record
from timeline.model.registry import Source, folded
from timeline.model.speaking import actors, speaker
from timeline.model.standing import PARTICIPANT, Standing, Voice, stand
from timeline.model.standing import Source as Speaker
from timeline.model.standing import attribution as stand_in_parts
from timeline.model.weeks import BOUNDS_DAYS_MAX, Placement, place
from timeline.projections.world import ALL, LIVE, Case, EntryRow, Placed, StateRow, View, VoiceRow, World

LAST_DAY = date.max
"""Sorts what has no known last day after everything that has one."""
Bounds = tuple[date | None, date | None]
_STATE = msgspec.json.Encoder()


def dates(world: World, case: Case, depth: int = 0) -> Dates:
    """The dates of an event as they stand now; `{"during": …}` is followed, a hundred events deep at most.

    It never fails: what admission could read from a document's date may be beyond that document's later dates.
    """
    recorded_on = case.recorded_at.date()
    published = _published(world, case)
    during = _during(case.event)
    other = world.cases.get(during) if during and depth < 100 else None
    if other is not None and other.level > case.level:
        other = None  # else its date would show through this one's
    within = dates(world, other, depth + 1).occurred if other else None
    for anchor in (published, None) if published else (None,):
        try:
            return dates_of(case.event, published=anchor, recorded_on=recorded_on, during=within)
        except BadDate:
            continue
    return Dates(occurred=_unread(case.event), said=published or day(recorded_on), said_assumed=published is None)


def _published(world: World, case: Case) -> Occurred | None:
    """The date of the event's document, if that tells any day; none of one marked above the event, for that date would
    show through its own."""
    document = world.document_below(case.event.document, case.level)
    found = read(document.published) if document and document.published else None
    return found if found and (found.earliest or found.latest) else None


def _unread(event: Event) -> Occurred:
    when = event.occurred
    words = when if isinstance(when, str) else when.words or when.edtf or ""
    return Occurred(words=words, edtf="XXXX", earliest=None, latest=None)


def happened(world: World, case: Case) -> entry.DateShown | None:
    """A report's own date of what it reports, read from its document's date or the day of recording."""
    event = case.event
    if not isinstance(event, Report) or event.happened is None:
        return None
    found = Occurred(words=event.happened, edtf="XXXX", earliest=None, latest=None)
    with suppress(BadDate):
        found = read(event.happened, _published(world, case) or day(case.recorded_at.date()))
    return entry.DateShown(words=found.words, edtf=found.edtf, earliest=found.earliest, latest=found.latest)


def _during(event: Event) -> str | None:
    when = event.occurred
    return when.during if not isinstance(when, str) and when.during else None


def voices(world: World, rows: Iterable[VoiceRow], level: int) -> list[Voice]:
    """What the rules of standing hear at a level."""
    speakers: dict[str, Speaker] = {}
    heard: list[Voice] = []
    for row in rows:
        if row.level > level:
            continue
        source = speakers.get(row.source)
        if source is None:
            source = speaker(row.source, world.source_at(row.source, level))
            source = speakers[row.source] = _as_one(world, source, level) if world.identity else source
        heard.append(_voice(row, source, part_at(world, row.part, level), level))
    return heard


def _as_one(world: World, source: Speaker, level: int) -> Speaker:
    """A speaker whose actors are named by those who answer for them."""

    def all_of(actors: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(world.canonical(each, level) for each in actors))

    return msgspec.structs.replace(
        source,
        actor=world.canonical(source.actor, level) if source.actor else None,
        speaks_for=all_of(source.speaks_for),
        aligned_with=all_of(source.aligned_with),
        opposed_to=all_of(source.opposed_to),
    )


def part_at(world: World, part: str | None, level: int) -> str | None:
    """The part that a voice bears on, its participant named by who answers for it."""
    if part is None or not world.identity or not part.startswith(PARTICIPANT):
        return part
    return PARTICIPANT + world.canonical(part.removeprefix(PARTICIPANT), level)


def _voice(row: VoiceRow, source: Speaker, part: str | None, level: int) -> Voice:
    return Voice(
        id=row.id,
        position=row.position,
        side=row.side,
        source=source,
        modality=row.modality,
        said_earliest=row.said_earliest,
        said_latest=row.said_latest,
        tense=row.tense,
        ground=row.ground,  # type: ignore[arg-type]  # one of a confirmation's four
        part=part,
        taken_back=row.taken_back,
        live=bool(row.live_levels >> level & 1),
    )


def tied_to(record: Record | None) -> list[str]:
    """The actors that a source is, speaks for, or takes sides for or against; none of another record."""
    if not isinstance(record, Source):
        return []
    named = [*record.speaks_for, *record.aligned_with, *record.opposed_to]
    return [record.actor, *named] if record.actor else named


def participants(world: World, event: Event, level: int) -> frozenset[str]:
    """The actors of an event as a level knows them: each by who answers for it."""
    named = actors(event)
    return frozenset(world.canonical(each, level) for each in named) if world.identity else frozenset(named)


def views(world: World, case: Case, found: Dates, before: dict[int, StateRow]) -> dict[int, View]:
    """The event as each level sees it; empty where it shows at none: recalled, or a duplicate."""
    if case.status != "live" or case.survivor is not None:
        return {}
    rows = world.voices_of(case.id)
    changes_at = _changes_at(world, case, rows)
    made: dict[int, View] = {}
    for level in range(case.level, len(MARKINGS)):
        # Of two rows that were stored neither is like the other, so it is enough to ask whether they are one.
        if level in changes_at or before.get(level) is not before.get(level - 1):
            made[level] = _view(world, case, found, rows, level, before.get(level))
        else:
            made[level] = made[level - 1]
    return made


def _changes_at(world: World, case: Case, rows: list[VoiceRow]) -> Collection[int]:
    """The levels whose view may be another than that of the level below."""
    if world.identity:
        return LEVELS
    found = {case.level, *case.distinct.values()}
    for row in rows:
        found.add(row.level)
        thing = world.thing(row.source)
        if thing is not None:
            found.add(thing.level)
        if row.live_levels not in (0, LIVE):
            found.update(n for n in LEVELS[1:] if _differs(row, n))
    return found


def _differs(row: VoiceRow, level: int) -> bool:
    return (row.live_levels >> level & 1) != (row.live_levels >> (level - 1) & 1)


def _view(world: World, case: Case, found: Dates, rows: list[VoiceRow], level: int, before: StateRow | None) -> View:
    seen = [row for row in rows if row.level <= level]
    standing = stand(
        voices(world, seen, level),
        participants(world, case.event, level),
        called_off=any(row.cancels and row.live_at(level) for row in seen),
    )
    when = found.occurred
    first_said = _first_said(seen, level, found.said)
    placement = place(when.earliest, when.latest, when.ongoing, first_said)
    earlier = _BEFORE.decode(before.body) if before else _Before(standing=None, since=world.now, changed_at=world.now)
    since = earlier.since if earlier.standing in (None, standing.standing) else world.now
    state = _state(world, case, found, placement, standing, seen, level, since, earlier.changed_at)
    body = _STATE.encode(state)
    if before is not None and body != before.body:
        state = msgspec.structs.replace(state, changed_at=world.now)
        body = _STATE.encode(state)
    return View(
        standing=standing,
        named=b"".join(map(_packed, dict.fromkeys(entry.named_in(state)))),
        answers=tuple(state.replies_to) or None,
        state=body,
        told=_told(state),
        source=state.source,
        text=folded(f"{state.title}\n{case.event.summary or ''}"),
        week=placement.week,
        at=placement.at,
        earliest=when.earliest or first_said[0] or first_said[1] or placement.at,
        latest=when.latest or LAST_DAY,
        bounded_from=when.earliest,
        bounded_to=when.latest,
        kind=case.event.kind_of(),
        flow="expected" if standing.phase == "expected" else "ongoing" if when.ongoing else "settled",
        said_at=place(None, None, False, first_said).at,
    )


@lru_cache(maxsize=16_384)
def _packed(own: str) -> bytes:
    return bytes.fromhex(own.replace("-", ""))


def _told(state: entry.State) -> int:
    """A hash of what a difference tells of an event, so that versions are compared without reading them whole."""
    distinct = state.distinct_from or None
    told = (state.occurred, state.standing, state.rule, state.phase, state.revision, state.assessments, distinct)
    return int.from_bytes(blake2b(_STATE.encode(told), digest_size=8).digest(), "big", signed=True)


class _Before(msgspec.Struct, frozen=True, kw_only=True):
    """What of an earlier state tells since when an event stands as it does, and since when all of it is as it is."""

    standing: str | None
    since: datetime
    changed_at: datetime


_BEFORE = msgspec.json.Decoder(_Before)


def _first_said(rows: list[VoiceRow], level: int, own: Occurred) -> Bounds:
    """The first time it was said: among live assertions, or among all if none is live; its own, if all are left out."""
    asserting = [r for r in rows if r.side == "assert" and r.part is None]
    live = [r for r in asserting if r.live_at(level) and not r.taken_back]
    said: list[Bounds] = [(r.said_earliest, r.said_latest) for r in live or asserting]
    return min(said, key=lambda s: s[0] or s[1] or LAST_DAY, default=(own.earliest, own.latest))


def _state(
    world: World,
    case: Case,
    found: Dates,
    placement: Placement,
    standing: Standing,
    rows: list[VoiceRow],
    level: int,
    since: datetime,
    changed_at: datetime,
) -> entry.State:
    event = case.event
    judged = isinstance(event, Assessment)
    return entry.State(
        id=case.id,
        kind=event.kind_of(),
        title=title(world, case),
        occurred=occurred_shown(found.occurred, placement),
        participants=[
            entry.ParticipantShown(
                actor=world.canonical(p.actor, level), role=p.role or event.default_role, as_written=p.as_written
            )
            for p in event.participants
        ],
        against=[world.canonical(each, level) for each in event.against] if isinstance(event, Accusation) else [],
        places=[entry.PlaceShown(place=p.place, role=p.role or "site") for p in event.places if isinstance(p, Site)],
        topics=event.topics,
        marking=MARKINGS[case.level],
        position=case.position,
        recorded_at=case.recorded_at,
        revision=case.revision,
        changed_at=changed_at,
        distinct_from=[each for each, marked in case.distinct.items() if marked <= level] or UNSET,
        source=event.source,
        modality=event.modality or MODALITY_DEFAULT,
        voices=counts(rows),
        assessments=[_assessment(row) for row in rows if row.judgement is not None and row.live_at(level)][:20],
        replies_to=event.of if isinstance(event, Speech) else [],
        standing=None if judged else standing.standing,
        rule=None if judged else standing.rule,
        **stand_shown(standing, since),
    )


def stand_shown(standing: Standing, since: datetime) -> dict[str, Any]:
    """The fields of a standing that every answer carries, but for its word and rule."""
    return {
        "phase": standing.phase,
        "because": list(standing.because),
        "because_total": standing.because_total,
        "since": since,
        "denied_by": list(standing.denied_by),
        "independent": standing.independent,
        "sides": standing.sides,
        "partisan": standing.partisan,
    }


def attribution(world: World, case: Case, rows: list[VoiceRow], level: int) -> dict[str, entry.Stand]:
    """Where each participant's part stands, for those that voices speak of."""
    heard = voices(world, rows, level)
    found = stand_in_parts(heard, participants(world, case.event, level))
    return {
        actor: entry.Stand(standing=s.standing, rule=s.rule, **stand_shown(s, case.recorded_at))
        for actor, s in found.items()
    }


def title(world: World, case: Case) -> str:
    """The event's title; a reply without one is named by its speaker, unless that source is marked above it."""
    source = world.thing(case.event.source)
    shown = source is not None and source.level <= case.level and isinstance(source.registration, Source)
    return title_of(case.event, source.registration.name if shown and source else None)  # type: ignore[attr-defined]  # a Source


def occurred_shown(when: Occurred, placement: Placement) -> entry.OccurredShown:
    """The date of an event as it is answered."""
    return entry.OccurredShown(
        words=when.words,
        edtf=when.edtf,
        earliest=when.earliest,
        latest=when.latest,
        ongoing=when.ongoing,
        week=placement.week,
        at=placement.at,
        placed_by=placement.placed_by,
    )


def counts(rows: list[VoiceRow]) -> entry.VoiceCounts:
    """How many of these voices take each side; those taken back are not counted."""
    sides = [row.side for row in rows if not row.taken_back]
    return entry.VoiceCounts(
        assert_=sides.count("assert"),
        deny=sides.count("deny"),
        confirm=sides.count("confirm"),
        judge=sides.count("judge"),
    )


def _assessment(row: VoiceRow) -> entry.AssessmentShown:
    return entry.AssessmentShown(id=row.id, source=row.source, **(row.judgement or {}))


def states(made: dict[int, View]) -> list[StateRow]:
    """The rows of an event's views: equal neighbours are one row."""
    return [
        StateRow(
            low=low,
            high=high,
            kind=view.kind,
            standing=None if view.kind == Assessment.kind_of() else view.standing.standing,
            phase=view.standing.phase,
            week=view.week,
            told=view.told,
            source=view.source,
            text=view.text,
            named=view.named,
            answers=view.answers,
            body=view.state,
        )
        for low, high, view in _runs(made, eq)
    ]


def _runs(made: dict[int, View], alike: Callable[[View, View], bool]) -> list[tuple[int, int, View]]:
    """Neighbouring levels whose views are alike, as one: the lowest, the highest, the view."""
    runs: list[tuple[int, int, View]] = []
    for level, view in sorted(made.items()):
        if runs and (runs[-1][2] is view or alike(runs[-1][2], view)):
            runs[-1] = (runs[-1][0], level, runs[-1][2])
        else:
            runs.append((level, level, view))
    return runs


def entries(world: World, case: Case, made: dict[int, View]) -> list[EntryRow]:
    """Where an event stands: one row for each timeline and run of levels at which it stands there alike."""
    source = world.registration(case.event.source, Source)
    feed = bool(source and source.feed)
    runs = _runs(made, lambda one, other: _place(one) == _place(other))
    widths = [_width(view.bounded_from, view.bounded_to) for _, _, view in runs]
    return [
        EntryRow(
            timeline=span.timeline,
            low=low if low > span.low else span.low,
            high=high if high < span.high else span.high,
            placed=span.placed,
            at=view.at,
            earliest=view.earliest,
            latest=view.latest,
            position=case.position,
            bounded_from=view.bounded_from,
            bounded_to=view.bounded_to,
            width=width,
            state=view.flow,
            said_at=view.said_at,
            feed=feed,
        )
        for span in spans(world, case)
        for (low, high, view), width in zip(runs, widths, strict=True)
        if high >= span.low and low <= span.high
    ]


def _width(first: date | None, last: date | None) -> int:
    """The class of width that bounds are of; see `EntryRow.width`."""
    if first is None or last is None:
        return 0
    days = last.toordinal() - first.toordinal()
    return 0 if days < BOUNDS_DAYS_MAX else 1 if days < 256 else 2 if days < 2_048 else 3


def _place(view: View) -> tuple[object, ...]:
    return view.at, view.earliest, view.latest, view.bounded_from, view.bounded_to, view.flow, view.said_at


class Span(NamedTuple):
    """A timeline that an event stands in, for readers at levels `low` to `high`, and why."""

    timeline: str
    placed: Placed
    low: int
    high: int


def spans(world: World, case: Case) -> list[Span]:
    """The timelines that an event stands in, those of actors under the name of who answers for them."""
    stands = sorted(stands_in(world, case).items())
    if not world.identity or world.identity.keys().isdisjoint(timeline for timeline, _ in stands):
        return [Span(timeline, placed, low, LEVEL_MAX) for timeline, (placed, low) in stands]
    found: list[Span] = []
    open_: dict[str, Span] = {}
    for level in LEVELS:
        here: dict[str, Placed] = {}
        for timeline, (placed, low) in stands:
            if low <= level:
                canonical = world.canonical(timeline, level)
                here[canonical] = min(placed, here.get(canonical, placed), key=PLACED.index)
        for timeline, placed in here.items():
            before = open_.get(timeline)
            if before is not None and before.placed == placed and before.high == level - 1:
                open_[timeline] = before._replace(high=level)
            else:
                found += [before] if before else []
                open_[timeline] = Span(timeline, placed, level, level)
    return sorted([*found, *open_.values()])


PLACED: list[Placed] = ["participant", "speaker", "of"]
"""Why an event stands somewhere, what counts first where there are several reasons."""
Stands = dict[str, tuple[Placed, int]]


def stands_in(world: World, case: Case, depth: int = 0, known: dict[str, Stands] | None = None) -> Stands:
    """The timelines that an event stands in, why, and from which level up.

    A reply stands where the events that it is `of` stand, at the higher of the two markings, else it would link an
    actor to a hidden event. A report only folds into them. An event that was struck holds nothing in its timelines.
    """
    known = {} if known is None else known
    if case.id in known:
        return known[case.id]  # two replies to the same two, thirty times over, are a thousand million ways up
    found: Stands = {}
    if isinstance(case.event, Speech) and not isinstance(case.event, Report) and depth < 100:
        for target in targets(world, case):
            through = stands_in(world, target, depth + 1, known)
            bears_from = known_to_bear(world, case, case.event.of, target)
            for timeline, (_, low) in through.items():
                level = max(low, bears_from)
                found[timeline] = ("of", min(level, found[timeline][1]) if timeline in found else level)
    for timeline, low in speaks_in(world, case).items():
        if timeline not in found or low <= found[timeline][1]:
            found[timeline] = ("speaker", low)
    known[case.id] = found | dict.fromkeys(keys(case.event), ("participant", case.level))
    return known[case.id]


def targets(world: World, case: Case) -> list[Case]:
    """The events that a case is `of`, each as the survivor that it turned out to be, if they still stand."""
    return answered(world, case, case.event.of if isinstance(case.event, Speech) else [])


def answered(world: World, case: Case, named: list[str]) -> list[Case]:
    """Those of the named events that still stand, each as its survivor. None that itself rests on the case.

    Replies are younger than what they answer, so only a merge into a younger event can close such a circle.
    """
    if not named:
        return []
    known = [world.cases[each] for each in named if each in world.cases]
    found = {(stands := survivor(world, each)).id: stands for each in known}
    return [
        each
        for each in found.values()
        if each.status == "live" and (each.position < case.position or not _rests_on(world, each, case))
    ]


def _rests_on(world: World, event: Case, other: Case) -> bool:
    """Whether an event is another, or answers it, directly or through others."""
    seen: set[str] = set()
    open_ = [event.id]
    while open_:
        if (each := open_.pop()) == other.id:
            return True
        if each not in seen and each in world.cases:
            seen.add(each)
            case = world.cases[each]
            open_ += [*answers(case.event), *([case.survivor] if case.survivor else [])]
    return False


def known_to_bear(world: World, case: Case, named: list[str], on: Case) -> int:
    """The lowest level that may know that an event bears on another, which it names or which a named one turned out to
    be: a merge of what is hidden from a reader must not bring a reply to that reader."""
    if on.id in named:
        return max(case.level, on.level)
    known = [world.cases[each] for each in named if each in world.cases]
    return max(case.level, on.level, min((e.level for e in known if survivor(world, e).id == on.id), default=0))


def answers(event: Event) -> set[str]:
    """The earlier events that an event depends on, or changes."""
    during = _during(event)
    named = event.of if isinstance(event, Speech) else event.cancels if isinstance(event, Cancellation) else []
    return {*named, during} if during else set(named)


def survivor(world: World, case: Case) -> Case:
    """The event that this one turned out to be, after every merge."""
    seen = {case.id}
    while case.survivor is not None and case.survivor not in seen:
        seen.add(case.survivor)
        case = world.cases[case.survivor]
    return case


def keys(event: Event) -> list[str]:
    """The timelines that an event stands in by itself: of its actors, topics and places, and the one of all."""
    return [ALL, *actors(event), *event.topics, *(p.place for p in event.places if isinstance(p, Site))]


def speaks_in(world: World, case: Case) -> dict[str, int]:
    """The timelines of the actor that speaks, what the source is and whom it speaks for, with the level to see that."""
    if not isinstance(case.event, Speech):
        return {}
    thing = world.thing(case.event.source)
    if thing is None or not isinstance(thing.registration, Source):
        return {}
    source = thing.registration
    actors = ([source.actor] if source.actor else []) + source.speaks_for
    return dict.fromkeys(actors, max(case.level, thing.level))
