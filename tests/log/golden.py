"""The golden files of the log: a leaf, and one payload of each kind. Their bytes can never change.

`python -m tests.log.golden` writes those that are missing, and never touches one that is there.
"""

import asyncio
import json
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from timeline.log.admit import Admission, Admitted, Caller, Line
from timeline.log.merkle import leaf_bytes, leaf_hash
from timeline.log.read import LogReader
from timeline.log.record import Named, NewRecord, Stored, Subject
from timeline.model.edits import EDITS
from timeline.model.kinds import EVENTS, Event
from timeline.model.record import LEVEL_MAX, Record
from timeline.model.registry import REGISTRATIONS

FOLDER = Path(__file__).parents[1] / "golden" / "log"
PAYLOADS = FOLDER / "payloads"
KINDS: dict[str, type[Record]] = {**EVENTS, **EDITS, **REGISTRATIONS}
OWN_ID = UUID("0197b000-0000-7000-8000-000000000001")
NOW = datetime(2019, 6, 17, 8, tzinfo=UTC)
LEAVES: list[tuple[int, datetime, bytes]] = [
    (1, datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC), bytes(32)),
    (2, datetime(2026, 1, 2, 3, 4, 5, 0, UTC), b"\xff" * 32),
    (256, datetime(2026, 1, 2, 3, 4, 5, 10, timezone(timedelta(hours=5, minutes=30))), bytes(range(32))),
    (2**53, datetime(1999, 12, 31, 23, 59, 59, 999_999, UTC), bytes(range(32, 64))),
]


class Everything(LogReader):
    """A log in which every name is registered and every id is an event's: so that each example can be admitted."""

    def __init__(self) -> None:
        self._kinds: dict[UUID, str] = {}

    async def named(self, asked: Collection[tuple[str, str]]) -> dict[tuple[str, str], list[Named]]:
        """One thing for each name but that of the record itself, always the same."""
        found = {(kind, text): uuid5(NAMESPACE_URL, f"{kind}:{text}") for kind, text in asked}
        self._kinds |= {thing: kind for (kind, _), thing in found.items()}
        return {each: [Named("name", thing, each[1])] for each, thing in found.items()}

    async def subjects(self, ids: Iterable[UUID]) -> dict[UUID, Subject]:
        """Each is there, at its first revision."""
        return {each: Subject(self._kinds.get(each, "visit"), 1, 1) for each in ids if each != OWN_ID}

    async def marked(self, ids: Iterable[UUID]) -> dict[UUID, Subject]:
        """Whoever asks may see it."""
        return await self.subjects(ids)

    async def last_bodies(self, ids: Iterable[UUID]) -> dict[UUID, Stored]:
        """No document says when it was published."""
        return {}

    async def posted(self, events: Collection[UUID]) -> dict[UUID, Event]:
        """Nobody knows who took part."""
        return {}

    async def recorded(self, own: UUID, request: bytes) -> NewRecord | None:
        """Nothing was posted before."""
        return None


def admitted(kind: str) -> NewRecord:
    """The example of a kind as it goes to the log, under a fixed id, by a fixed caller."""
    post = msgspec.convert({**KINDS[kind].example, "id": str(OWN_ID)}, KINDS[kind])
    admission = Admission(Everything(), new_id=lambda: OWN_ID)
    (verdict,) = asyncio.run(admission.admit([Line(post=post)], Caller(subject="analyst", level=LEVEL_MAX), NOW))
    assert isinstance(verdict, Admitted), verdict
    return verdict.records[-1]


def leaves() -> list[dict[str, Any]]:
    """What goes into a leaf, its bytes as text, and its hash."""
    return [
        {
            "position": position,
            "recorded_at": at.isoformat(),
            "commitment": commitment.hex(),
            "leaf": leaf_bytes(position, at, commitment).decode(),
            "hash": leaf_hash(leaf_bytes(position, at, commitment)).hex(),
        }
        for position, at, commitment in LEAVES
    ]


def write_missing(path: Path, content: bytes) -> None:
    """Write a file once."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    write_missing(FOLDER / "leaf.json", json.dumps(leaves(), indent=1).encode() + b"\n")
    for each in KINDS:
        write_missing(PAYLOADS / f"{each}.json", admitted(each).payload)
