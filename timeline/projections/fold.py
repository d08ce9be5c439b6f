"""One record's step: what it adds, what it changes, and which events stand differently for it. Pure.

An event depends on its voices; a reply's voice depends on where the reply itself stands. Replies are younger than what
they answer, so what changed is derived youngest first, and each event once.
"""

import heapq
from collections.abc import Iterable
from typing import Any

import msgspec

from timeline.errors import PoisonRecord
from timeline.log.record import Stored
from timeline.model.dating import Dates
from timeline.model.edits import EDITS, Correction, Distinct, Duplicate, Edit, Erasure, Recall, Remark, Retraction
from timeline.model.kinds import EVENTS, Accusation, Assessment, Cancellation, Confirmation, Event, Report, Speech
from timeline.model.provenance import CREDIBILITY_DEFAULT, MODALITY_DEFAULT
from timeline.model.record import LEVELS, Record, level_of
from timeline.model.registry import REGISTRATIONS, Actor, Document, Registration, SameActor
from timeline.model.standing import Side, Tense
from timeline.model.tokens import ACCESS, Token
from timeline.projections import derive
from timeline.projections.identity import group_of, identify
from timeline.projections.world import (
    FOREVER,
    LIVE,
    NAMES,
    Case,
    EntryRow,
    Fate,
    StateRow,
    Thing,
    Version,
    View,
    VoiceRow,
    World,
    replace_rows,
)

KINDS: dict[str, type[Record]] = {**EVENTS, **EDITS, **REGISTRATIONS, **ACCESS}
answers = derive.answers
VERSION = 4
"""The version of these folds. Another number means other tables, built beside the live ones."""


def read_record(stored: Stored) -> Record | None:
    """The record as its class; None when its payload was erased.

    Raises:
        PoisonRecord: its kind or shape is not one that this version knows.
    """
    if stored.body is None:
        return None
    kind = KINDS.get(stored.kind)
    if kind is None or stored.shape != kind.shape:
        raise PoisonRecord(f"Position {stored.position}: kind {stored.kind}, shape {stored.shape} is not known here.")
    try:
        return msgspec.convert({"kind": stored.kind, **stored.body}, kind)
    except msgspec.ValidationError as error:
        raise PoisonRecord(f"Position {stored.position}: {error}") from error


def fold(world: World, stored: Stored, record: Record | None) -> None:
    """Take one record into the world, and derive every event that it changes."""
    settle(world, take(world, stored, record), stored.position)


def take(world: World, stored: Stored, record: Record | None) -> set[str]:
    """Take one record into the world; the events that have to be derived for it."""
    world.now = stored.recorded_at
    match record:
        case None | Token():
            return set()
        case Event():
            return _event(world, stored, record)
        case Edit():
            return _edit(world, stored, record)
        case Registration():
            return _registration(world, stored, record)
        case _:
            raise PoisonRecord(f"Position {stored.position}: nothing folds {stored.kind}.")


def rests_on(event: Event) -> set[str]:
    """The sources and documents that an event rests on."""
    named = [event.source, event.via, event.document, *(each.document for each in event.evidence)]
    return {each for each in named if each}


def _event(world: World, stored: Stored, event: Event) -> set[str]:
    own = str(stored.id)
    case = Case(
        id=own,
        position=stored.position,
        recorded_at=stored.recorded_at,
        recorded_by=stored.recorded_by,
        revision=stored.revision,
        event=event,
        level=world.levels.get(own, level_of(event.marking)),
    )
    world.cases[case.id] = case
    _link(world, case)
    return {case.id}


def _link(world: World, case: Case) -> None:
    for target in answers(case.event):
        world.replies.setdefault(target, set()).add(case.id)
        world.new_replies.add((target, case.id))
    for thing in rests_on(case.event):
        world.uses.setdefault(thing, set()).add(case.id)
        world.new_uses.add((thing, case.id))
    if isinstance(case.event, Assessment):
        world.new_bases.update((basis, case.id) for basis in case.event.based_on)


def _registration(world: World, stored: Stored, registration: Registration) -> set[str]:
    subject = str(stored.subject)
    versions = world.things.setdefault(subject, [])
    before = versions[-1] if versions else None
    if before is not None and before.from_position == stored.position:
        return _rest_of(world, subject, registration)
    thing = Thing(
        id=subject,
        registration=registration,
        revision=stored.revision,
        level=world.levels.get(subject, level_of(registration.marking)),
        position=before.row.position if before else stored.position,
        recorded_at=stored.recorded_at,
    )
    versions.append(Version(row=thing, from_position=stored.position))
    changed: set[str] = set()
    if before is not None:
        before.to_position = stored.position
        if before.row.level != thing.level:
            world.purged.add(subject)
        for level in range(min(before.row.level, thing.level), len(LEVELS)):
            world.heads[NAMES, level] = stored.position
        changed = _resting_on(world, subject)
    if isinstance(registration, Document) and registration.publisher:
        world.new_bases.add((registration.publisher, subject))
    if isinstance(registration, SameActor):
        return changed | _judge(world, stored, registration, before.row.registration if before else None)
    if isinstance(registration, Actor) and before is not None and before.row.level != thing.level:
        return changed | _standing_in(world, identify(world, [subject], stored.position))
    return changed


def _rest_of(world: World, subject: str, registration: Registration) -> set[str]:
    """More events of a record that touches so many that they are derived in several transactions; see the projector."""
    judged = registration.actors if isinstance(registration, SameActor) else [subject]
    return _resting_on(world, subject) | _standing_in(world, group_of(world, judged))


def _judge(world: World, stored: Stored, judgement: SameActor, before: Registration | None) -> set[str]:
    """The events of everyone for whom another answers from now on, or no longer does."""
    own = str(stored.subject)
    named = {*judgement.actors, *(before.actors if isinstance(before, SameActor) else [])}
    for actor in judgement.actors:
        world.judged.setdefault(actor, set()).add(own)
        world.new_judged.add((actor, own))
    return _standing_in(world, identify(world, named, stored.position))


def _standing_in(world: World, actors: set[str]) -> set[str]:
    """The events that stand in the timelines of actors: whatever is said of or by them."""
    return {
        event
        for event, versions in world.entries.items()
        for v in versions
        if v.row.timeline in actors and v.to_position == FOREVER
    }


def _resting_on(world: World, thing: str) -> set[str]:
    """The events that rest on a thing, those that follow them, and those that weigh their voices."""
    found: set[str] = set()
    for event in world.uses.get(thing, ()):
        found |= {event} | _followers(world, event) | world.hearers.get(event, set())
    return found


def _edit(world: World, stored: Stored, edit: Edit) -> set[str]:
    if isinstance(edit, Erasure):
        # The payload is gone from the log already. What was made of it goes when the past is folded again without it.
        world.purged.add(edit.subject)
        return set()
    case = world.cases.get(edit.subject)
    if case is None:
        return set()  # its subject was erased: there is nothing to change
    case.revision, case.changed = stored.revision, True
    match edit:
        case Correction():
            case.event = edit.event
            _mark(world, case, edit.event.marking)
            _link(world, case)
        case Retraction():
            case.taken_back = True
        case Recall():
            case.status = "recalled"
        case Remark():
            _mark(world, case, edit.marking)
        case Duplicate():
            return _duplicate(world, stored, case, edit.survivor)
        case Distinct():
            return _tell_apart(world, case, edit)
    return {case.id} | _followers(world, case.id)


def _mark(world: World, case: Case, marking: str | None) -> None:
    """Give a case another marking: its past is then read under it too."""
    level = world.levels.get(case.id, level_of(marking) if marking else case.level)
    if level != case.level:
        case.level = level
        world.purged.add(case.id)


def _duplicate(world: World, stored: Stored, case: Case, survivor: str) -> set[str]:
    """The survivor hears the other's voices, until the other is said to be itself again.

    A merge that would close a circle changes nothing; nor does one into an event that readers of this one may not see.
    """
    into = world.cases.get(survivor)
    before = case.survivor
    if survivor == case.id and before is not None:
        case.survivor = None
        return {case.id} | _followers(world, case.id) | _before(world, before)
    if into is None:
        return {case.id}
    # Bound to each other though nothing comes of it now: under other markings it may, when the past is folded again.
    world.replies.setdefault(survivor, set()).add(case.id)
    world.new_replies.add((survivor, case.id))
    if into.level > case.level or derive.survivor(world, into).id == case.id:
        return {case.id}
    case.survivor = survivor
    return {case.id} | _followers(world, case.id) | _before(world, survivor)


def _tell_apart(world: World, case: Case, edit: Distinct) -> set[str]:
    """Each of the two is told to be another than the other, or no longer."""
    other = world.cases.get(edit.other)
    if other is None:
        return {case.id}
    # Bound to each other: where one is marked anew or erased, the past of both is folded again.
    world.replies.setdefault(other.id, set()).add(case.id)
    world.new_replies.add((other.id, case.id))
    for one, another in ((case, other), (other, case)):
        kept = {event: level for event, level in one.distinct.items() if event != another.id}
        one.distinct = kept if edit.withdrawn else {**kept, another.id: another.level}
        one.changed = True
    return {case.id, other.id}


def _before(world: World, event: str) -> set[str]:
    """An event and what it answers, directly or through others: a merge may close a circle there, or open it again."""
    found: set[str] = set()
    open_ = [event]
    while open_:
        each = open_.pop()
        if each not in found and each in world.cases:
            found.add(each)
            open_ += answers(world.cases[each].event)
    return found


def _followers(world: World, event: str) -> set[str]:
    """Everything that answers an event, and what answers that: their entries and dates follow it."""
    found: set[str] = set()
    open_ = [event]
    while open_:
        fresh = world.replies.get(open_.pop(), set()) - found
        found |= fresh
        open_ += fresh
    return found


def settle(world: World, changed: set[str], position: int) -> None:
    """Derive what changed, youngest first, and whatever hears it."""
    queue = [(-world.cases[each].position, each) for each in changed if each in world.cases]
    heapq.heapify(queue)
    waiting = {each for _, each in queue}
    while queue:
        _, event = heapq.heappop(queue)
        waiting.discard(event)
        for heard_by in _derive(world, world.cases[event], position):
            if heard_by not in waiting:
                waiting.add(heard_by)
                heapq.heappush(queue, (-world.cases[heard_by].position, heard_by))


def _derive(world: World, case: Case, position: int) -> set[str]:
    """Derive one event; the events that hear its voice, if that changed."""
    _note_fate(case, position)
    found = derive.dates(world, case)
    _own_voice(world, case, found, position)
    before = world.states_of(case.id)
    made = derive.views(world, case, found, before)
    replace_rows(world.states.setdefault(case.id, []), derive.states(made), position)
    replace_rows(world.entries.setdefault(case.id, []), derive.entries(world, case, made) if made else [], position)
    changed = (
        {n for n in LEVELS if _body(before.get(n)) != (made[n].state if n in made else None)} if before else {*made}
    )
    _touch(world, case, changed, position)
    return _speak(world, case, made, found, position)


def _note_fate(case: Case, position: int) -> None:
    """Note what became of an event, where that is new."""
    before = case.fates[-1] if case.fates else Fate(0, "live", None)
    if (case.status, case.survivor) != (before.status, before.survivor):
        case.fates = [*case.fates, Fate(position, case.status, case.survivor)]
        case.changed = True


def _body(row: StateRow | None) -> bytes | None:
    return row.body if row else None


def _touch(world: World, case: Case, levels: set[int], position: int) -> None:
    """Move the heads of every timeline that shows the event, at the levels at which it changed there."""
    new = position == case.position
    stood: set[tuple[EntryRow, int]] = set()
    stands: set[tuple[EntryRow, int]] = set()
    for version in world.entries[case.id]:
        row, begun = version.row, version.from_position == position
        seen_at = range(row.low, row.high + 1)
        if not new and (begun or position == version.to_position):
            # Rows are cut where any level sees a change: a level that sees none is told of none.
            alike = msgspec.structs.replace(row, low=0, high=0)
            (stands if begun else stood).update((alike, level) for level in seen_at)
        if version.to_position == FOREVER:
            for level in seen_at:
                if new or level in levels:
                    world.heads[row.timeline, level] = position
    for row, level in stood ^ stands:
        world.heads[row.timeline, level] = position
    for target in derive.answers(case.event).union(each.id for each in derive.targets(world, case)):
        for level in levels:
            world.heads[target, level] = position
    if new:
        return  # it is new: nothing shows it but what was just moved, and its own head begins where it was recorded
    for level in levels:
        world.heads[case.id, level] = position
        world.shown_anew[case.id, level] = position


def _own_voice(world: World, case: Case, found: Dates, position: int) -> None:
    """The voice with which an event asserts itself."""
    rows = (
        []
        if case.status != "live" or case.unsaid
        else [_voice(world, case, found, "assert", live_levels=LIVE, on=case, level=case.level)]
    )
    replace_rows(world.voices.setdefault(case.id, {}).setdefault(case.id, []), rows, position)


def _speak(world: World, case: Case, made: dict[int, View], found: Dates, position: int) -> set[str]:
    """Put the event's voice to the events that it is `of`, cancels, or turned out to be."""
    heard: set[str] = set()
    wanted = _spoken(world, case, made, found)
    hearers = world.hearers.setdefault(case.id, set())
    if not wanted and not hearers:
        return heard
    for target in wanted.keys() | hearers:
        versions = world.voices.setdefault(target, {}).setdefault(case.id, [])
        live = [v.row for v in versions if v.to_position == FOREVER]
        rows = [wanted[target]] if target in wanted else []
        if live != rows:
            replace_rows(versions, rows, position)
            heard.add(target)
            # It lists what was said about it, to whoever may see that.
            world.heads.update({(target, level): position for level in _heard_anew(live, rows)})
    world.hearers[case.id] = set(wanted)
    return heard


def _heard_anew(before: list[VoiceRow], after: list[VoiceRow]) -> Iterable[int]:
    """The levels at which these voices are heard otherwise than those before."""
    if not (before and after):
        return range(min(row.level for row in (*before, *after)), len(LEVELS))
    return [level for level in LEVELS if _heard(before, level) != _heard(after, level)]


def _heard(rows: list[VoiceRow], level: int) -> list[VoiceRow]:
    return [row.heard_at(level) for row in rows if row.level <= level]


def _spoken(world: World, case: Case, made: dict[int, View], found: Dates) -> dict[str, VoiceRow]:
    """What an event says about others, by the event that hears it."""
    if case.status != "live" or case.unsaid:
        return {}
    spoken: dict[str, VoiceRow] = {}
    if case.survivor is not None:
        into = derive.survivor(world, case)
        level = max(case.level, into.level)
        spoken[into.id] = _voice(world, case, found, "assert", live_levels=LIVE, on=into, level=level)
    targets = derive.targets(world, case)
    cancelled = case.event.cancels if isinstance(case.event, Cancellation) else []
    if not targets and not cancelled:
        return spoken
    live = _live_levels(case, made)
    for target in targets:
        level = derive.known_to_bear(world, case, case.event.of, target)  # type: ignore[attr-defined]  # speech: it has targets
        spoken[target.id] = _voice(world, case, found, case.event.takes, live_levels=live, on=target, level=level)
    for target in derive.answered(world, case, cancelled):
        level = derive.known_to_bear(world, case, cancelled, target)
        voice = _voice(world, case, found, "none", live_levels=live, on=target, level=level)
        spoken[target.id] = msgspec.structs.replace(voice, cancels=True)
    return spoken


def _live_levels(case: Case, made: dict[int, View]) -> int:
    """The levels at which a reply has effect: where it is not itself denied, taken back, or (but to assert) rumoured.

    A report of a rumour is one more rumour, and the rules weigh it as such.
    """
    if case.taken_back:
        return 0
    if isinstance(case.event, Assessment):
        return LIVE
    dead = {"denied", "withdrawn", "unsupported"} | (set() if case.event.takes == "assert" else {"rumoured"})
    return sum(1 << level for level, view in made.items() if view.standing.standing not in dead)


def _voice(world: World, case: Case, found: Dates, side: Side, *, live_levels: int, on: Case, level: int) -> VoiceRow:
    """The voice of an event on another, or on itself, for readers from a level up."""
    event = case.event
    return VoiceRow(
        id=case.id,
        position=case.position,
        level=level,
        source=event.source,
        side=side,
        modality=event.modality or MODALITY_DEFAULT,
        tense=_tense(world, case, on, found, level),
        said_words=found.said.words,
        said_edtf=found.said.edtf,
        said_earliest=found.said.earliest,
        said_latest=found.said.latest,
        said_assumed=found.said_assumed,
        credibility=event.credibility or CREDIBILITY_DEFAULT,
        live_levels=live_levels,
        taken_back=case.taken_back,
        part=_part(event, on) if on is not case else None,
        ground=event.ground if isinstance(event, Confirmation) and on is not case else None,
        happened=msgspec.to_builtins(derive.happened(world, case)) if isinstance(event, Report) else None,
        judgement=_judgement(event) if on is not case else None,
        figures=msgspec.to_builtins(event.figures) if event.figures else None,
        document=event.document if event.document else None,
        via=event.via if event.via else None,
        quote=msgspec.to_builtins(event.quote) if event.quote else None,
    )


def _tense(world: World, case: Case, on: Case, found: Dates, level: int) -> Tense:
    """As stated. Of itself, future where all of it lies after it was said; of another, the tense of that event's phase
    when the voice was recorded."""
    event = case.event
    if on is case:
        planned = found.occurred.earliest and found.said.latest and found.occurred.earliest > found.said.latest
        return "past" if event.speech else event.tense or ("future" if planned else "past")
    if event.tense is not None:
        return event.tense
    if on.id not in case.tenses:
        state = world.states_of(on.id).get(level)
        case.tenses = {**case.tenses, on.id: "future" if state and state.phase == "expected" else "past"}
        case.changed = True
    return case.tenses[on.id]


def _part(event: Event, on: Case) -> str | None:
    """The part of another event that a voice bears on. An accusation was made, for it is there: what is denied of it,
    or confirmed, is what it says."""
    part = event.part if isinstance(event, Speech) else None
    if part is None and event.takes in ("deny", "confirm") and isinstance(on.event, Accusation):
        return "content"
    return part


def _judgement(event: Event) -> dict[str, Any] | None:
    """What an assessment judges, as far as it says."""
    if not isinstance(event, Assessment):
        return None
    names = ("likelihood", "verdict", "confidence", "hedge")
    return {name: value for name in names if (value := getattr(event, name)) is not None}
