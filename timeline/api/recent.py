"""What readers were told lately, so that "you have it already" needs neither the framework nor the database.

A tag that was answered holds for as long as nothing was folded since, on the same day and the same tables: this process
folds, or follows who folds, so it knows. Another process's fold is known here some milliseconds after it is committed,
as a page read a moment earlier would be; whoever has to see a position asks with `min_position`, which is another
address. Nothing is kept of an answer but the headers of its 304.
"""

from datetime import date
from typing import Any

import msgspec

from timeline.access import Identity
from timeline.api.answer import have
from timeline.api.gate import Gate
from timeline.api.service import Service
from timeline.errors import TooManyRequests

KEPT_MAX = 10_000
"""Addresses kept at most; then all are forgotten, and found again as they are asked."""
HEADERS = (b"etag", b"timeline-position", b"vary", b"cache-control")
"""What a 304 carries of the headers of an answer (RFC 9110 §15.4.5)."""

Key = tuple[str, bytes, bytes, int, bool]
Stamp = tuple[int, str, date]


class Told(msgspec.Struct, frozen=True):
    """What an address answered: its tag and headers, and the state of reads at which it did."""

    tag: str
    headers: list[tuple[bytes, bytes]]
    route: Any
    stamp: Stamp


class Asked(msgspec.Struct, frozen=True):
    """A conditional request: who asks for what, what they have, and the state of reads as it came."""

    key: Key
    known: str
    stamp: Stamp
    who: Identity


class Recent:
    """What addresses answered lately to readers who asked whether it still holds."""

    def __init__(self, to: Service, gate: Gate) -> None:
        self._to = to
        self._gate = gate
        self._told: dict[Key, Told] = {}

    def asked(self, scope: Any) -> Asked | None:
        """A request for which "you have it already" may be the answer; None for every other."""
        given = {name: value for name, value in scope["headers"] if name in _TELLING}
        if b"if-none-match" not in given or scope["method"] != "GET" or len(given) < len(_named(scope)):
            return None
        stamp = _stamp(self._to)
        if stamp is None:
            return None
        who = self._gate.known(scope)
        if who is None:
            return None
        key = (scope["path"], scope["query_string"], given.get(b"accept", b""), who.level, who.is_public)
        return Asked(key, given[b"if-none-match"].decode("latin-1"), stamp, who)

    def holds(self, asked: Asked, scope: Any) -> Told | None:
        """What was told before, if the reader has that and nothing can have changed; it counts as a request.

        Who asks too often gets none: the gate will refuse it.
        """
        told = self._told.get(asked.key)
        if told is None or told.stamp != asked.stamp or not have(asked.known, told.tag):
            return None
        try:
            self._gate.count(asked.who, scope)
        except TooManyRequests:
            return None
        return told

    def keep(self, asked: Asked, status: int, headers: list[tuple[bytes, bytes]], route: Any) -> None:
        """Keep what a conditional request was answered, if reads did not move meanwhile."""
        tag = next((value for name, value in headers if name.lower() == b"etag"), None)
        if status not in (200, 304) or tag is None or _stamp(self._to) != asked.stamp:
            return
        if len(self._told) >= KEPT_MAX:
            self._told.clear()
        kept = [(name, value) for name, value in headers if name.lower() in HEADERS]
        self._told[asked.key] = Told(tag.decode("latin-1"), kept, route, asked.stamp)


_TELLING = frozenset((b"if-none-match", b"authorization", b"accept"))


def _named(scope: Any) -> list[bytes]:
    """The names of those headers, each as often as it was sent: of one sent twice the framework shall judge."""
    return [name for name, _ in scope["headers"] if name in _TELLING]


def _stamp(to: Service) -> Stamp | None:
    """The state of reads: whatever may change an answer changes this. None where reads stand still or are away."""
    health = to.projector.health
    if health.stopped is not None or health.waiting_for_database:
        return None
    return health.position, to.projector.tables, to.now().date()
