"""What the routes work with."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

import msgspec
from litestar import Request
from litestar.datastructures import State

from timeline.access import Access, Identity
from timeline.api.bodies import Bodies
from timeline.api.cursors import Seal
from timeline.api.streams import Streams
from timeline.errors import Behind
from timeline.log.admit import Admission
from timeline.log.read import LogReader
from timeline.log.tokens import Tokens, TokenTable
from timeline.log.writer import Writer
from timeline.projections.live import Live
from timeline.projections.pages import Reader
from timeline.projections.projector import Projector
from timeline.settings import Settings

Asked = Request[object, object, State]
IDENTITY = "timeline_identity"
"""Where the gate leaves who sent a request."""


class Reads(msgspec.Struct, frozen=True, kw_only=True):
    """The parts that answer."""

    settings: Settings
    log: LogReader
    projector: Projector
    reader: Reader
    now: Callable[[], datetime]

    async def seen(self, min_position: int | None) -> None:
        """Wait, bounded, until reads show a position.

        Raises:
            Behind: they don't yet. Never stale in silence.
        """
        if min_position is None:
            return
        if not await self.projector.reached(min_position, self.settings.visible_wait_seconds):
            at = self.projector.health.position
            raise Behind(f"Position {min_position} is not readable yet; reads are at {at}.", retry_after_seconds=1)


class Writing(Reads, frozen=True, kw_only=True):
    """The parts that answer and record."""

    admission: Admission
    writer: Writer
    fold_apart: Callable[[], None] = lambda: None
    """Called where reads fall behind: folds in a process of its own from then on, until they have caught up."""


class Service(Writing, frozen=True, kw_only=True):
    """The parts of a running service."""

    access: Access
    cursors: Seal
    tokens: Tokens
    table: TokenTable
    live: Live
    streams: Streams
    bodies: Bodies


def service(request: Asked) -> Service:
    """The service that a request came to."""
    found: Service = request.app.state.service
    return found


def identify(request: Asked) -> Identity:
    """Who sends the request, as the gate found: it was let in for the scope that the route's contract names."""
    who: Identity = cast("dict[str, Any]", request.scope)[IDENTITY]
    return who
