"""A second reading of the rules of standing, written from their table and made to be obvious, not fast."""

from dataclasses import dataclass
from datetime import date

PAST = "past"


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """A source, as the reader may weigh it; every relation names actors."""

    id: str
    family: str
    named: bool = True
    house: bool = False
    reliability: str = "F"
    own: frozenset[str] = frozenset()
    """The actor that it is, and those that it speaks for."""
    aligned: frozenset[str] = frozenset()
    opposed: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Said:
    """One voice on an event as a whole, at one level of reader."""

    position: int
    side: str
    speaker: Speaker
    modality: str
    days: tuple[date | None, date | None]
    tense: str
    ground: str | None = None
    taken_back: bool = False
    effective: bool = True
    """Whether the reply itself stands, so that it counts."""

    @property
    def affirms(self) -> bool:
        """Whether it asserts or confirms."""
        return self.side in ("assert", "confirm")

    @property
    def newness(self) -> tuple[date, date, int]:
        """Later is newer: by the last day it may have been said on, then the first, then its place in the log."""
        first, last = self.days
        return last or first or date.min, first or date.min, self.position


@dataclass(frozen=True, kw_only=True)
class Found:
    """Where an event stands, with the counts that are shown beside it."""

    standing: str
    rule: str
    phase: str
    denied_by: tuple[str, ...]
    independent: int
    sides: int
    partisan: bool


def stands(voices: list[Said], actors: frozenset[str], *, called_off: bool) -> Found:
    """The standing of an event that these actors take part in."""
    heard = sorted((each for each in voices if _is_heard(each)), key=lambda each: each.position)
    live = _live(heard)
    affirming = [each for each in live if each.affirms]
    denials = [each for each in live if each.side == "deny"]
    vouching = [each for each in affirming if _vouches(each)]
    independent = len({each.speaker.family for each in vouching if not _is_party(each.speaker, actors)})
    camps = _camps(live, actors)
    speaking = {camp for camp in camps if any(each.speaker.own & camp for each in vouching)}
    sides = independent + len(speaking)
    confirming = [each for each in affirming if _confirms(each, affirming, actors, camps)]
    rule, word = _rule(heard, affirming, denials, confirming, independent, sides, actors)
    return Found(
        standing=word,
        rule=rule,
        phase=_phase(affirming, heard, called_off),
        denied_by=tuple(dict.fromkeys(each.speaker.id for each in denials)),
        independent=independent,
        sides=sides,
        partisan=bool(live) and all(_is_party(each.speaker, actors) for each in live),
    )


def _is_heard(voice: Said) -> bool:
    if not voice.effective or voice.side not in ("assert", "deny", "confirm"):
        return False
    return voice.side == "assert" or voice.modality != "rumoured"


def _live(heard: list[Said]) -> list[Said]:
    kept = [each for each in heard if not each.taken_back]
    past = _not_superseded([each for each in kept if each.tense == PAST])
    return past if any(each.affirms for each in past) else _not_superseded(kept)


def _not_superseded(voices: list[Said]) -> list[Said]:
    """Of a named source only its newest voice."""

    def superseded(voice: Said) -> bool:
        own = [each for each in voices if each.speaker.id == voice.speaker.id]
        return voice.speaker.named and any(each.newness > voice.newness for each in own)

    return [each for each in voices if not superseded(each)]


def _vouches(voice: Said) -> bool:
    speaker = voice.speaker
    return voice.modality == "stated" and speaker.named and not speaker.house and speaker.reliability < "E"


def _is_party(speaker: Speaker, actors: frozenset[str]) -> bool:
    return bool(actors & (speaker.own | speaker.aligned | speaker.opposed))


def _camps(live: list[Said], actors: frozenset[str]) -> set[frozenset[str]]:
    """The participants in groups: whoever speaks for one joins it to those on whose side it is."""
    camps = {frozenset([actor]) for actor in actors}
    for voice in live:
        if voice.speaker.own & actors:
            allies = (voice.speaker.own | voice.speaker.aligned) & actors
            joined = {camp for camp in camps if camp & allies}
            camps = (camps - joined) | {frozenset().union(*joined)}
    return camps


def _confirms(voice: Said, affirming: list[Said], actors: frozenset[str], camps: set[frozenset[str]]) -> bool:
    """Whether it confirms on a ground that its source has."""
    speaker = voice.speaker
    if voice.side != "confirm" or not speaker.named:
        return False
    if voice.ground == "admission":
        return bool(actors & (speaker.own | speaker.aligned))
    if voice.ground == "counterpart":
        words = [each for each in affirming if each.side == "assert" or each.ground != "counterpart"]
        others = [_sided(each.speaker, actors, camps) for each in words]
        mine = _sided(speaker, actors, camps)
        return bool(speaker.own & actors) and any(other and not other & mine for other in others)
    return voice.ground in ("authority", "record") and not _is_party(speaker, actors)


def _sided(speaker: Speaker, actors: frozenset[str], camps: set[frozenset[str]]) -> set[frozenset[str]]:
    mine = (speaker.own | speaker.aligned) & actors
    return {camp for camp in camps if camp & mine}


def _rule(
    heard: list[Said],
    affirming: list[Said],
    denials: list[Said],
    confirming: list[Said],
    independent: int,
    sides: int,
    actors: frozenset[str],
) -> tuple[str, str]:
    """The first row of the table that holds."""
    only_parties = bool(denials) and all(_is_party(each.speaker, actors) for each in denials)
    findings = any(each.ground in ("authority", "record") for each in confirming)
    table = [
        ("R0", _nothing_left(heard, denials), not affirming),
        ("R1", "confirmed", bool(confirming) and (not denials or (findings and only_parties))),
        ("R2", "disputed", bool(confirming) and bool(denials)),
        ("R3", "corroborated", only_parties and independent >= 2),
        ("R4", "disputed", bool(denials) and sides >= 1),
        ("R5", "denied", bool(denials)),
        ("R6", "corroborated", sides >= 2),
        ("R7", "reported", any(each.modality != "rumoured" for each in affirming)),
        ("R8", "rumoured", True),
    ]
    return next((rule, word) for rule, word, holds in table if holds)


def _nothing_left(heard: list[Said], denials: list[Said]) -> str:
    """Withdrawn if a source backed out: by taking its word back, or by denying what it had asserted."""
    asserted = [each for each in heard if each.affirms]
    denying = {each.speaker.id for each in denials}
    backed_out = any(each.taken_back or each.speaker.id in denying for each in asserted)
    return "withdrawn" if backed_out else "unsupported"


def _phase(affirming: list[Said], heard: list[Said], called_off: bool) -> str:
    telling = affirming or [each for each in heard if each.affirms] or heard
    if not telling or any(each.tense == PAST for each in telling):
        return "occurred"
    return "called_off" if called_off else "expected"
