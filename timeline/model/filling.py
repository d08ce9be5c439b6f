"""What the server fills in, so that a first post needs four fields and hides nothing."""

from typing import Any

from timeline.model.dates import Occurred
from timeline.model.dating import Dates
from timeline.model.edits import Correction
from timeline.model.kinds import Event
from timeline.model.provenance import CREDIBILITY_DEFAULT, MODALITY_DEFAULT, RELIABILITY_DEFAULT
from timeline.model.record import MARKING_DEFAULT, Record
from timeline.model.registry import Registration, Source


def filled_in(post: Record, dates: Dates | None, speaker: str | None = None) -> dict[str, Any]:
    """Each field that the post left out, with the value that counts; and what its date words were read as."""
    match post:
        case Event():
            return _of_event(post, dates, speaker)
        case Correction():
            inner = _of_event(post.event, dates, speaker)
            return {"event": inner} if inner else {}
        case Registration():
            return _of_registration(post)
        case _:
            return {}


def _of_registration(post: Registration) -> dict[str, Any]:
    filled: dict[str, Any] = {} if post.marking else {"marking": MARKING_DEFAULT}
    if isinstance(post, Source):
        filled |= {} if post.reliability else {"reliability": RELIABILITY_DEFAULT}
        filled |= {} if post.family else {"family": post.slug}
    return filled


def _of_event(event: Event, dates: Dates | None, speaker: str | None) -> dict[str, Any]:
    defaults = {
        "marking": MARKING_DEFAULT,
        "modality": MODALITY_DEFAULT,
        "credibility": CREDIBILITY_DEFAULT,
        "title": title_of(event, speaker),
    }
    filled: dict[str, Any] = {name: value for name, value in defaults.items() if getattr(event, name) is None}
    unstated = sum(1 for each in event.participants if isinstance(each, str) or each.role is None)
    if unstated:
        filled["role"] = event.default_role
    if dates is not None:
        filled["occurred"] = read_as(dates.occurred)
        if event.said is None:
            filled["said"] = read_as(dates.said)
        if dates.said_assumed:
            filled["said_assumed"] = True
    return filled


def read_as(found: Occurred) -> dict[str, Any]:
    """How date words were read: the EDTF and its bounds, null where unknown."""
    return {
        "edtf": found.edtf,
        "earliest": found.earliest.isoformat() if found.earliest else None,
        "latest": found.latest.isoformat() if found.latest else None,
        "ongoing": found.ongoing,
    }


def title_of(event: Event, speaker: str | None = None) -> str:
    """The title of an event: its own, or for a reply without one its kind and, if known, who speaks."""
    if event.title:
        return event.title
    kind = event.kind_of().capitalize()
    return f"{kind} by {speaker}" if speaker else kind
