"""The records that made a version of an event, each in words: what it did to that event."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from timeline.db.statements import load
from timeline.log.read import stored
from timeline.log.record import Stored
from timeline.model.edits import EDITS
from timeline.model.entry import NameShown, State
from timeline.model.kinds import EVENTS
from timeline.projections.pages import Connection, names_of

SQL = load(Path(__file__).with_name("diff.sql"))

SOMEBODY = "a source"
"""A speaker that the reader may not see."""
_STATE = msgspec.json.Decoder(State)


class Told(NamedTuple):
    """A record with everything that telling of it takes."""

    record: Stored
    states: Mapping[str, State]
    """The events that it names, as they were told then."""
    names: Mapping[str, NameShown]

    @property
    def body(self) -> dict[str, Any]:
        """What the record said."""
        return self.record.body or {}

    @property
    def source(self) -> str | None:
        """Whose voice it is: of an event its source; of a retraction that of the voice taken back."""
        if self.record.kind in EVENTS:
            return str(self.body["source"])
        subject = self.states.get(str(self.record.subject))
        return subject.source if self.record.kind == "retraction" and subject else None

    @property
    def speaker(self) -> str:
        """What that source is called."""
        source = self.source
        return self.names[source].name if source and source in self.names else SOMEBODY

    def title(self, event: str) -> str:
        """The title of an event, as far as it may be seen."""
        return f"“{self.states[event].title}”" if event in self.states else "another event"


async def told_of(connection: Connection, positions: Iterable[int], level: int, position: int) -> dict[int, Told]:
    """The records at these positions, as far as a level may see them, by position."""
    rows = await connection.fetch(SQL.records_at, sorted(set(positions)), level)
    records = [record for row in rows if (record := stored(row)).body is not None]
    wanted = sorted({(UUID(each), record.position) for record in records for each in _events_in(record)})
    events, moments = [event for event, _ in wanted], [moment for _, moment in wanted]
    known = await connection.fetch(SQL.last_told, events, level, moments) if wanted else []
    states: dict[int, dict[str, State]] = {record.position: {} for record in records}
    for row in known:
        states[row["position"]][str(row["event"])] = _STATE.decode(row["body"])
    named = {str(record.subject) for record in records}
    named |= {state.source for several in states.values() for state in several.values()}
    named |= {str(r.body["source"]) for r in records if r.kind in EVENTS and r.body}
    names = await names_of(connection, [], level, position, named)
    return {record.position: Told(record, states[record.position], names) for record in records}


def _events_in(record: Stored) -> set[str]:
    """The events that a record is about."""
    body = record.body or {}
    if record.kind in EVENTS:
        return {str(record.id), *body.get("of", []), *body.get("cancels", [])}
    if record.kind in EDITS:
        return {str(record.subject), *(body[name] for name in ("survivor", "other") if name in body)}
    return set()


def words(told: Told, event: str) -> str:
    """What a record did to an event: `denied by White House source`."""
    record, subject = told.record, str(told.record.subject)
    own = subject == event
    if record.kind in EVENTS:
        if own:
            return f"recorded, as told by {told.speaker}"
        return _said(told) if event in told.body.get("of", []) + told.body.get("cancels", []) else _said_elsewhere(told)
    if record.kind in EDITS:
        done = _edited(told, event)
        return done if own else f"{told.title(subject)} was {done}"
    if record.kind == "same_actor":
        return f"two actors were judged: {told.body['judgement']}"
    name = told.names[subject].name if subject in told.names else told.body.get("name") or told.body.get("title")
    return f"the {record.kind} {name or subject} was registered anew"


def _said(told: Told) -> str:
    """What a reply says of the event that it is `of`."""
    body, speaker = told.body, told.speaker
    match told.record.kind:
        case "report":
            return f"{body.get('modality', 'reported')} by {speaker}"
        case "denial":
            return f"{_doubtfully(body)}denied by {speaker}"
        case "confirmation":
            ground = f" ({body['ground']})" if "ground" in body else ""
            return f"{_doubtfully(body)}confirmed by {speaker}{ground}"
        case "assessment":
            judged = body.get("verdict") or body.get("likelihood", "").replace("_", " ") or "without a step"
            return f"judged {judged} by {speaker}"
        case "cancellation":
            return f"called off, says {speaker}"
        case kind:
            return f"told of in a {kind} by {speaker}"


def _doubtfully(body: dict[str, Any]) -> str:
    return "by rumour " if body.get("modality") == "rumoured" else ""


def _said_elsewhere(told: Told) -> str:
    """A record that bears on the event through others: a denial of a denial, the trip that a meeting was part of."""
    targets = [*told.body.get("of", []), *told.body.get("cancels", [])]
    of = f" of {told.title(targets[0])}" if targets else ""
    return f"{told.record.kind.replace('_', ' ')} by {told.speaker}{of}"


def _edited(told: Told, event: str) -> str:
    match told.record.kind:
        case "correction":
            return f"corrected, {'our error' if told.body['ground'] == 'our_error' else 'on new evidence'}"
        case "retraction":
            return f"taken back by {told.speaker}"
        case "recall":
            return "recalled: our record is struck"
        case "duplicate":
            return _merged(told, event)
        case "distinct":
            return _told_apart(told, event)
        case "marking":
            return f"marked {told.body['marking']}"
        case kind:
            return f"changed by a record of kind {kind}"


def _told_apart(told: Told, event: str) -> str:
    other = told.body["other"]
    than = "" if event == other else f" than {told.title(other)}"
    return f"{'no longer held' if told.body.get('withdrawn') else 'judged'} to be another event{than}"


def _merged(told: Told, event: str) -> str:
    survivor = told.body["survivor"]
    if survivor == str(told.record.subject):
        return "found to be an event of its own again"
    return "found to be the same event" if survivor == event else f"found to be the same as {told.title(survivor)}"
