"""Where an event stands, decided by rule from who said what and never set by hand.

| rule | condition | standing |
|---|---|---|
| R0 | no live assertion | withdrawn if one was taken back (or its only source now denies it), else unsupported |
| R1 | confirmed and not denied; or confirmed by authority or record and denied only by parties | confirmed |
| R2 | otherwise confirmed and denied | disputed |
| R3 | denied only by parties, independent ≥ 2 | corroborated |
| R4 | denied, sides ≥ 1 | disputed |
| R5 | denied, no side | denied |
| R6 | sides ≥ 2 | corroborated |
| R7 | some assertion that is not rumour | reported |
| R8 | only rumours | rumoured |

The first rule that holds is the one that fires, so exactly one does, for any set of voices. To *affirm* is to assert or
to confirm; a confirmation whose ground does not hold is an assertion. A voice is *live* when it has an effect, is not
taken back, not superseded by its own source, and not a voice on the plan once the thing itself is asserted.

Contract: pure and total; the order of the sequence is irrelevant, positions decide; the cost is linear in the voices.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import lru_cache
from typing import Literal, NamedTuple

import msgspec

Side = Literal["assert", "deny", "confirm", "judge", "none"]
Modality = Literal["stated", "reported", "rumoured", "alleged"]
Tense = Literal["past", "future"]
Ground = Literal["admission", "counterpart", "authority", "record"]
Reliability = Literal["A", "B", "C", "D", "E", "F"]
Phase = Literal["expected", "occurred", "called_off"]
Rule = Literal["R0", "R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8"]
Word = Literal["rumoured", "reported", "corroborated", "confirmed", "disputed", "denied", "withdrawn", "unsupported"]

BECAUSE_MAX = 20
"""An event may have thousands of voices; an answer names this many of the deciding ones, and their number."""

PARTICIPANT = "participant:"
"""The parts that say who took part begin with this; the actor's id follows."""

_WORD: dict[Rule, Word] = {
    "R1": "confirmed",
    "R2": "disputed",
    "R3": "corroborated",
    "R4": "disputed",
    "R5": "denied",
    "R6": "corroborated",
    "R7": "reported",
    "R8": "rumoured",
}


class Source(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who says it, as in force at the position read. Every relation names actors."""

    id: str
    family: str
    named: bool = True
    house: bool = False
    reliability: Reliability = "F"
    actor: str | None = None
    """The actor that this source is: its own voice."""
    speaks_for: tuple[str, ...] = ()
    aligned_with: tuple[str, ...] = ()
    opposed_to: tuple[str, ...] = ()


class Voice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One source taking one side on one event."""

    id: str
    position: int
    side: Side
    source: Source
    modality: Modality = "reported"
    said_earliest: date | None
    said_latest: date | None
    tense: Tense = "past"
    ground: Ground | None = None
    """What a confirmation rests on."""
    part: str | None = None
    """`participant:<actor id>`, `date`, `place` or `content`; None is the whole event."""
    taken_back: bool = False
    """Its source retracted it."""
    live: bool = True
    """False for a reply that is itself rumoured, denied or recalled: it has no effect."""


class Standing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where an event stands, the rule that fired, and what it rests on."""

    standing: Word
    rule: Rule
    phase: Phase
    because: tuple[str, ...]
    """Ids of the deciding voices, in position order, at most `BECAUSE_MAX`."""
    because_total: int
    denied_by: tuple[str, ...]
    """Ids of the sources of live denials, in the order first heard."""
    independent: int
    sides: int
    partisan: bool
    """There is a live voice, and every live voice is a party's."""


class _Tie(NamedTuple):
    """What a source is to the participants of an event."""

    own: frozenset[str]
    """The participants whose own voice it is."""
    side: frozenset[str]
    """The participants on whose side it is."""
    party: bool


class _Weighed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The live voices of one event, by what each does for it. One voice may be in several lists."""

    affirming: list[Voice]
    denials: list[Voice]
    confirmations: list[Voice]
    """Those whose ground holds."""
    independents: list[Voice]
    """They vouch and are no party."""
    siding: list[Voice]
    """They vouch, and are no party or a participant's own."""
    independent: int
    sides: int
    denied_only_by_parties: bool
    partisan: bool


def stand(voices: Sequence[Voice], participants: frozenset[str], *, called_off: bool = False) -> Standing:
    """The standing of the event: voices on the whole event decide, voices on a part do not."""
    if len(voices) == 1:
        return _alone(voices[0], participants, called_off)
    return _settle([voice for voice in voices if voice.part is None], participants, called_off)


def _alone(voice: Voice, participants: frozenset[str], called_off: bool) -> Standing:
    """Where an event with one voice stands, as most do: as any other by that source, said in the same manner.

    Worked out for each it was a sixth of what folding a machine's feed took.
    """
    tied = participants.intersection(_tied(voice.source)) if participants else participants
    likened = _Manner(voice.side, voice.modality, voice.tense, voice.ground, voice.part, voice.taken_back, voice.live)
    found = _like(voice.source, likened, tied, called_off)
    return msgspec.structs.replace(found, because=(voice.id,)) if found.because else found


class _Manner(NamedTuple):
    """What of a voice decides where an event stands that has no other."""

    side: Side
    modality: Modality
    tense: Tense
    ground: Ground | None
    part: str | None
    taken_back: bool
    live: bool


@lru_cache(maxsize=8_192)
def _like(source: Source, manner: _Manner, tied: frozenset[str], called_off: bool) -> Standing:
    """The standing of an event whose one voice is like this, with the participants that the source is tied to."""
    voice = Voice(id="", position=0, source=source, said_earliest=None, said_latest=None, **manner._asdict())
    return _settle([voice] if voice.part is None else [], tied, called_off)


def attribution(
    voices: Sequence[Voice], participants: frozenset[str], *, called_off: bool = False
) -> dict[str, Standing]:
    """For each actor on whose part somebody spoke: where it stands that this actor took part."""
    spoken: dict[str, list[Voice]] = {}
    for voice in sorted(voices, key=_position):
        if voice.part is not None and voice.part.startswith(PARTICIPANT) and _has_effect(voice):
            spoken.setdefault(voice.part.removeprefix(PARTICIPANT), []).append(voice)
    whole = [voice for voice in voices if voice.part is None]
    return {
        actor: _settle(
            on_part + (_implied(whole, on_part) if actor in participants else []), participants | {actor}, called_off
        )
        for actor, on_part in spoken.items()
    }


def _implied(whole: Iterable[Voice], on_part: Iterable[Voice]) -> list[Voice]:
    """The voices on the whole event that also bear on a part of it.

    Who asserts an event asserts the participants it names, else an accused could veto any finding by denying its part.
    But "it happened, and not by us" is no claim of responsibility: where a source spoke on the part, that alone counts.
    """
    specific = {(voice.source.id, voice.tense) for voice in on_part if voice.source.named and not voice.taken_back}
    return [voice for voice in whole if (voice.source.id, voice.tense) not in specific]


def _settle(voices: Iterable[Voice], participants: frozenset[str], called_off: bool) -> Standing:
    # Callers hand voices over in log order, on which this sort is one pass.
    heard = sorted(filter(_has_effect, voices), key=_position)
    live = _live(heard)
    weighed = _weigh(live, participants)
    if weighed.affirming:
        rule, affirming, denying = _decide(weighed)
        word = _WORD[rule]
    else:
        rule, affirming, denying = "R0", *_backed_out(heard, weighed.denials)
        word = "withdrawn" if affirming or denying else "unsupported"
    return Standing(
        standing=word,
        rule=rule,
        phase=_phase(live, heard, called_off),
        because=_named(affirming, denying),
        because_total=len(affirming) + len(denying),
        denied_by=tuple(dict.fromkeys(voice.source.id for voice in weighed.denials)),
        independent=weighed.independent,
        sides=weighed.sides,
        partisan=weighed.partisan,
    )


# Which voices are live


def _has_effect(voice: Voice) -> bool:
    """A judgement or a statement takes no side here, and a rumour that somebody denied or confirmed is no denial."""
    if voice.side == "assert":
        return voice.live
    return voice.live and voice.side in ("deny", "confirm") and voice.modality != "rumoured"


def _live(heard: Iterable[Voice]) -> list[Voice]:
    """Those that count: once a past assertion is live, only past voices; of each source the newest.

    Tense goes first. "It will happen" is about the plan, so it must not supersede its source's "it happened", not even
    when a vague or assumed `said` makes it look newer.
    """
    held = [voice for voice in heard if not voice.taken_back]
    past = _newest([voice for voice in held if voice.tense == "past"])
    return past if any(map(_affirms, past)) else _newest(held)


def _newest(voices: Sequence[Voice]) -> list[Voice]:
    """One voice of each named source; all of the unnamed, for two "officials" may be two people."""
    if len(voices) == 1:
        return list(voices)
    newest: dict[str, Voice] = {}
    for voice in voices:
        # Voices come in position order, so that of two said on the same days the later post wins.
        if _said(voice) >= _said(newest.setdefault(voice.source.id, voice)):
            newest[voice.source.id] = voice
    return [voice for voice in voices if not voice.source.named or newest[voice.source.id] is voice]


def _said(voice: Voice) -> tuple[date, date]:
    """When it was said, to compare. A day we do not know makes no voice newer than one whose day we know."""
    earliest = voice.said_earliest or date.min
    return voice.said_latest or earliest, earliest


def _phase(live: Sequence[Voice], heard: Sequence[Voice], called_off: bool) -> Phase:
    """Expected while only a plan is asserted. With no live assertion, what was once asserted tells which it was."""
    telling = list(filter(_affirms, live)) or list(filter(_affirms, heard)) or heard
    if not telling or any(voice.tense == "past" for voice in telling):
        return "occurred"
    return "called_off" if called_off else "expected"


# What each voice weighs


def _weigh(live: Sequence[Voice], participants: frozenset[str]) -> _Weighed:
    ties = {id(voice.source): _tie(voice.source, participants) for voice in live}

    def tie(voice: Voice) -> _Tie:
        return ties[id(voice.source)]

    affirming = [voice for voice in live if _affirms(voice)]
    denials = [voice for voice in live if voice.side == "deny"]
    joining = {tie.side for tie in ties.values() if tie.own}
    # Without an own voice and a confirmation nobody asks who stands with whom.
    camps = _camps(joining, participants) if joining or any(v.side == "confirm" for v in affirming) else {}
    vouching = [voice for voice in affirming if _vouches(voice)]
    independents = [voice for voice in vouching if not tie(voice).party]
    independent = len({voice.source.family for voice in independents})
    heads = {camps[actor] for voice in vouching for actor in tie(voice).own}
    return _Weighed(
        affirming=affirming,
        denials=denials,
        confirmations=_confirmations(affirming, tie, camps),
        independents=independents,
        siding=[voice for voice in vouching if tie(voice).own or not tie(voice).party],
        independent=independent,
        sides=independent + len(heads),
        denied_only_by_parties=bool(denials) and all(tie(voice).party for voice in denials),
        partisan=bool(ties) and all(tie.party for tie in ties.values()),
    )


def _confirmations(affirming: Sequence[Voice], tie: Callable[[Voice], _Tie], camps: dict[str, str]) -> list[Voice]:
    """The confirmations whose ground holds. None holds for an unnamed source: a nameless official confirms nothing."""
    confirming = [voice for voice in affirming if voice.side == "confirm" and voice.source.named]
    if not confirming:
        return []

    def camps_of(voice: Voice) -> frozenset[str]:
        return frozenset(camps[actor] for actor in tie(voice).side)

    # Two confirmations that each appeal to the other's confirm nothing, so those by counterpart are not among these.
    # An assertion has no ground, though it may carry one: of a confirmation that turned out to be the same event.
    others = (voice for voice in affirming if voice.side == "assert" or voice.ground != "counterpart")
    asserted = {camps_of(voice) for voice in others} - {frozenset()}

    def holds(voice: Voice) -> bool:
        if voice.ground == "counterpart" and not any(camps_of(voice).isdisjoint(other) for other in asserted):
            return False
        return _has_ground(tie(voice), voice.ground)

    return [voice for voice in confirming if holds(voice)]


def _has_ground(tie: _Tie, ground: Ground | None) -> bool:
    match ground:
        case "admission":
            return bool(tie.side)
        case "counterpart":
            return bool(tie.own)
        case "authority" | "record":
            return not tie.party
        case None:
            return False


def can_confirm(source: Source, ground: Ground | None, participants: frozenset[str]) -> bool:
    """Whether a source can have a ground to confirm what these took part in; else it merely asserts it."""
    return source.named and _has_ground(_tie(source, participants), ground)


def _affirms(voice: Voice) -> bool:
    return voice.side in ("assert", "confirm")


def _vouches(voice: Voice) -> bool:
    """Says so itself, under its name, and is worth hearing; our own report must not corroborate what it read."""
    source = voice.source
    return source.named and not source.house and source.reliability in "ABCD" and voice.modality == "stated"


def _tied(source: Source) -> set[str | None]:
    """Whom a source is, speaks for, or takes sides for or against: to it all other participants are alike."""
    return {source.actor, *source.speaks_for, *source.aligned_with, *source.opposed_to}


def _tie(source: Source, participants: frozenset[str]) -> _Tie:
    own = participants.intersection((source.actor, *source.speaks_for))
    side = own.union(participants.intersection(source.aligned_with))
    return _Tie(own, side, bool(side) or not participants.isdisjoint(source.opposed_to))


def _camps(joining: Iterable[frozenset[str]], participants: frozenset[str]) -> dict[str, str]:
    """Each participant's camp, called by one of its members: an own voice joins those on whose side it is.

    Only own voices join, else an outlet that likes both hosts would turn their two announcements into one.
    """
    camps = {actor: actor for actor in participants}
    for allies in joining:
        joined = {camps[actor] for actor in allies}
        camps = {actor: min(joined) if camp in joined else camp for actor, camp in camps.items()}
    return camps


# Which rule holds


def _decide(weighed: _Weighed) -> tuple[Rule, Sequence[Voice], Sequence[Voice]]:
    """The first of R1 to R8 that holds, with the affirming and the denying voices that make it hold."""
    confirmations, denials = weighed.confirmations, weighed.denials
    findings = [voice for voice in confirmations if voice.ground in ("authority", "record")]
    if confirmations and not denials:
        return "R1", confirmations, ()
    if findings and weighed.denied_only_by_parties:
        return "R1", findings, denials
    if confirmations:
        return "R2", confirmations, denials
    if weighed.denied_only_by_parties and weighed.independent >= 2:
        return "R3", weighed.independents, denials
    if denials and weighed.sides >= 1:
        return "R4", weighed.siding, denials
    if denials:
        return "R5", weighed.affirming, denials
    if weighed.sides >= 2:
        return "R6", weighed.siding, ()
    if firm := [voice for voice in weighed.affirming if voice.modality != "rumoured"]:
        return "R7", firm, ()
    return "R8", weighed.affirming, ()


def _backed_out(heard: Sequence[Voice], denials: Iterable[Voice]) -> tuple[list[Voice], list[Voice]]:
    """R0: the assertions that were taken back, and the denials by sources that had asserted it themselves."""
    affirming = [voice for voice in heard if _affirms(voice)]
    asserters = {voice.source.id for voice in affirming if not voice.taken_back}
    return (
        [voice for voice in affirming if voice.taken_back],
        [voice for voice in denials if voice.source.id in asserters],
    )


def _named(affirming: Sequence[Voice], denying: Sequence[Voice]) -> tuple[str, ...]:
    """The ids to show; each side keeps half the room, so that many reports never crowd out the denial that decided."""
    shown = list(affirming[: max(BECAUSE_MAX // 2, BECAUSE_MAX - len(denying))])
    shown += denying[: BECAUSE_MAX - len(shown)]
    return tuple(voice.id for voice in sorted(shown, key=_position))


def _position(voice: Voice) -> int:
    return voice.position
