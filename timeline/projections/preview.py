"""What a post would change: the fold run on records that nobody appended, and thrown away."""

import msgspec

from timeline.log.record import NewRecord, Stored
from timeline.model.codec import read_payload
from timeline.model.entry import State, WouldChange
from timeline.projections.fold import fold, read_record
from timeline.projections.pages import Connection
from timeline.projections.store import load_world
from timeline.projections.world import StateRow

_STATE = msgspec.json.Decoder(State)


async def would_change(
    connection: Connection, records: list[NewRecord], position: int, level: int
) -> list[WouldChange]:
    """The events that would stand differently at a level after these records, and those that would be new.

    Oldest first, for in which order they are found depends on what else there is, hidden or not.
    """
    batch = []
    for i, new in enumerate(records, 1):
        payload = read_payload(new.payload)
        record = Stored(
            position=position + i,
            id=new.id,
            kind=new.kind,
            subject=new.subject,
            revision=new.revision or 2,
            recorded_at=await connection.fetchval("SELECT clock_timestamp()"),
            recorded_by=payload.recorded_by,
            shape=payload.shape,
            body=payload.body,
        )
        batch.append((record, read_record(record)))
    world = await load_world(connection, batch)  # type: ignore[arg-type]  # a pooled connection serves as well
    before = {event: world.states_of(event).get(level) for event in world.states}
    for record, read in batch:
        fold(world, record, read)
    after = {event: world.states_of(event).get(level) for event in world.states}
    oldest_first = sorted(after, key=lambda event: world.cases[event].position)
    found = [_difference(before.get(event), after[event]) for event in oldest_first]
    return [each for each in found if each is not None]


def _difference(before: StateRow | None, after: StateRow | None) -> WouldChange | None:
    if (before and before.standing) == (after and after.standing) and (before is None) == (after is None):
        return None
    told = _STATE.decode((after or before).body)  # type: ignore[union-attr]  # one of them is there
    return WouldChange(
        id=told.id,
        title=told.title,
        standing=after.standing if after else None,  # type: ignore[arg-type]  # a word of standing, as stored
        standing_before=before.standing if before else None,  # type: ignore[arg-type]  # as above
        rule=told.rule if after else None,
    )
