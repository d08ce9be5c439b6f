"""A log in memory: posts go in, the folds run, and the rows that pages read come out."""

import copy
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec

from timeline.importers.libya_week import NAMESPACE, Post, id_of
from timeline.log.record import Stored
from timeline.model import entry, references
from timeline.model.registry import REGISTRATIONS as REGISTERED_KINDS
from timeline.projections import fold
from timeline.projections.world import FOREVER, EntryRow, Version, World

RECORDED_AT = datetime(2019, 6, 17, 8, tzinfo=UTC)


class Log:
    """A log in memory: posts go in, and the read models come out."""

    def __init__(self) -> None:
        self.world = World()
        self.stored: list[Stored] = []
        self._ids: dict[tuple[str, str], str] = {}

    def post(self, posts: Iterable[Post]) -> "Log":
        """Append posts, and fold them."""
        for post in posts:
            stored = self._admitted(post)
            self.stored.append(stored)
            fold.fold(self.world, stored, fold.read_record(stored))
        return self

    def _admitted(self, post: Post) -> Stored:
        position = len(self.stored) + 1
        kind, own_id = post["kind"], post.get("id") or str(uuid5(NAMESPACE, str(position)))
        held = {name: value for name, value in post.items() if name not in ("kind", "id", "ref")}
        body = copy.deepcopy({"kind": kind, **held})
        for slot in references.slots(fold.KINDS[kind], body):
            slot.put(self._resolved(slot.found))
        body = {name: value for name, value in body.items() if name != "kind"}
        self._ids[kind, post.get("slug") or f"#{post.get('ref', own_id)}"] = own_id
        subject = body.get("subject", own_id)
        return Stored(
            position=position,
            id=UUID(own_id),
            kind=kind,
            subject=UUID(subject),
            revision=1 + sum(each.subject == UUID(subject) for each in self.stored),
            recorded_at=RECORDED_AT + timedelta(microseconds=position),
            recorded_by="analyst",
            shape=1,
            body={**body, "id": own_id} if kind in REGISTERED_KINDS else body,
        )

    def _resolved(self, found: references.Found) -> str:
        if found.to == "date":
            return found.text
        if found.text.startswith("#"):
            return next(own_id for (_, name), own_id in self._ids.items() if name == found.text)
        return found.text if found.text in self._ids.values() else self._ids[found.to, found.text]

    def state(self, ref: str, level: int = 0, position: int = FOREVER - 1) -> entry.State:
        """An event as readers at a level saw it at a position."""
        versions = self.world.states[id_of("event", ref)]
        row = next(row for row in _at(versions, position) if row.low <= level <= row.high)
        return msgspec.json.decode(row.body, type=entry.State)

    def entries(self, timeline: str, level: int = 0) -> list[tuple[str, EntryRow]]:
        """The entries of a timeline in its order, each with its event's ref."""
        rows = [
            (ref, row)
            for ref in self.refs()
            for row in _at(self.world.entries[id_of("event", ref)], FOREVER - 1)
            if row.timeline == timeline and row.low <= level <= row.high
        ]
        return sorted(rows, key=lambda found: _order(found[1]))

    def refs(self) -> list[str]:
        """The refs of the events posted, in the order of the log."""
        return [name.removeprefix("#") for _, name in self._ids if name.startswith("#E")]


def _at(versions: list[Version[Any]], position: int) -> list[Any]:
    return [v.row for v in versions if v.from_position <= position < v.to_position]


def _order(row: EntryRow) -> tuple[date, date, date, int]:
    return row.at, row.earliest, row.latest, row.position
