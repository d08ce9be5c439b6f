"""Who speaks, as the rules of standing weigh it, and of whom; and what a source can't confirm. Pure."""

from collections.abc import Iterable

from timeline.model.kinds import Accusation, Confirmation, Event, Participant
from timeline.model.registry import Source
from timeline.model.standing import Source as Speaker
from timeline.model.standing import can_confirm

LACKING = {
    "admission": "an admission is by a participant, or by somebody on its side",
    "counterpart": "a counterpart is a participant, in its own voice",
    "authority": "an authority is on nobody's side",
    "record": "whoever shows a record is on nobody's side",
    None: "a confirmation has a ground: admission, counterpart, authority or record",
}


def speaker(source: str, known: Source | None) -> Speaker:
    """A source as the rules of standing weigh it; an unknown one, or one marked above the reader, has no weight."""
    if known is None:
        return Speaker(id=source, family=source, named=False)
    return Speaker(
        id=source,
        family=known.family or known.slug,
        named=known.named,
        house=known.house,
        reliability=known.reliability or "F",
        actor=known.actor,
        speaks_for=tuple(known.speaks_for),
        aligned_with=tuple(known.aligned_with),
        opposed_to=tuple(known.opposed_to),
    )


def actors(event: Event) -> list[str]:
    """The actors of an event: its participants, and whom it accuses."""
    own = [p.actor for p in event.participants if isinstance(p, Participant)]
    return own + (list(event.against) if isinstance(event, Accusation) else [])


def ground_lacking(event: Event, source: Source | None, confirmed: Iterable[Event]) -> str | None:
    """Why a confirmation counts as an assertion only, by who speaks and who took part; None where nothing tells.

    It may still count so for what others say: a counterpart confirms what another camp asserts.
    """
    if not isinstance(event, Confirmation) or event.part is not None or source is None:
        return None
    if not source.named:
        return "a source without a name confirms nothing"
    own = speaker(event.source, source)
    whole = [each for each in confirmed if not isinstance(each, Accusation)]  # of an accusation it confirms the content
    if all(can_confirm(own, event.ground, frozenset(actors(each))) for each in whole):
        return None
    return LACKING[event.ground]
