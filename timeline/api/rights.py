"""Who may record what: what a scope allows of one post, where its address alone does not say.

`append` posts events of every kind, takes back and corrects its own: what it recorded, or another token of its desk.
What such a post registers on the way (the document behind a URL, what `on_missing=propose` proposes) changes nothing
that was there, so it is allowed. Everything else changes what others said or named, and needs `curate`.
"""

from collections.abc import Sequence
from datetime import datetime

from timeline.access import Identity
from timeline.api.gate import require
from timeline.api.service import Service
from timeline.errors import Forbidden
from timeline.log.admit import Admitted, Caller, Line, Refused
from timeline.model.edits import Correction, Retraction
from timeline.model.kinds import Event
from timeline.model.record import Record, level_of

OF_ONES_OWN = (Retraction, Correction)
"""Edits that `append` may make of its own."""


async def verdicts_on(
    to: Service, lines: Sequence[Line], who: Identity, caller: Caller, now: datetime, *, telling: bool = True
) -> list[Admitted | Refused]:
    """A verdict on each line: whether its sender may record such a thing, and then admission's.

    Whether it is their own is asked last: of a record that they may not see, admission says that there is none.
    """
    barred = {line.number: refusal for line in lines if (refusal := _barred(line.post, who))}
    open_ = [line for line in lines if line.number not in barred]
    verdicts = {v.number: v for v in await to.admission.admit(open_, caller, now, telling=telling)}
    others = await _of_others(to, open_, verdicts, who)
    refused = barred | others
    return [
        Refused(number=line.number, ref=line.ref, refusal=refused[line.number])
        if line.number in refused
        else verdicts[line.number]
        for line in lines
    ]


def _barred(post: Record, who: Identity) -> Forbidden | None:
    """Why somebody may not post such a record at all."""
    try:
        require(who, "append" if isinstance(post, (Event, *OF_ONES_OWN)) else "curate")
    except Forbidden as refusal:
        return refusal
    return None


async def _of_others(
    to: Service, lines: Sequence[Line], verdicts: dict[int, Admitted | Refused], who: Identity
) -> dict[int, Forbidden]:
    """The lines that take back or correct what somebody else recorded, or mark it anew."""
    if who.may("curate"):
        return {}
    edits = {
        line.number: (line.post, verdict.records[-1].subject)
        for line in lines
        if isinstance(line.post, OF_ONES_OWN) and isinstance(verdict := verdicts[line.number], Admitted)
    }
    if not edits:
        return {}
    subjects = {subject for _, subject in edits.values()}
    # What is not in the log yet comes in the same batch, from the same sender.
    others = await to.tokens.of_others(subjects, who)
    levels = {subject: found.level for subject, found in (await to.log.marked(subjects)).items()}
    refused = {}
    for number, (post, subject) in edits.items():
        if subject in others:
            refused[number] = _forbidden(f"a {post.kind_of()} of what somebody else recorded", who)
        elif _marks_anew(post, levels.get(subject)):
            refused[number] = _forbidden("a correction that marks the event anew", who)
    return refused


def _marks_anew(post: Record, level: int | None) -> bool:
    """Whether a correction gives another marking than is in force; of an event of the same post nothing is, yet."""
    if not isinstance(post, Correction) or post.event.marking is None or level is None:
        return False
    return level_of(post.event.marking) != level


def _forbidden(what: str, who: Identity) -> Forbidden:
    return Forbidden(
        f"Expected a token of scope curate for {what}, found one of scope {who.scope}.",
        scope_needed="curate",
        scope_held=who.scope,
    )
