"""A desk at which posts are admitted and appended, as the API does it and without the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import msgspec
import uuid_utils.compat

from tests.log.appending import WRITER_ROLE, writer_on
from timeline.db.pool import open_pool
from timeline.errors import TimelineError
from timeline.log.admit import Admission, Admitted, Caller, Line, Refused
from timeline.log.read import LogReader
from timeline.log.resolve import Missing
from timeline.log.writer import Writer
from timeline.model.codec import read_payload
from timeline.model.edits import EDITS
from timeline.model.kinds import EVENTS
from timeline.model.record import LEVEL_MAX, Record
from timeline.model.registry import REGISTRATIONS

NOW = datetime(2019, 6, 17, 8, tzinfo=UTC)
KINDS: dict[str, type[Record]] = {**EVENTS, **EDITS, **REGISTRATIONS}
Post = dict[str, Any]


def as_line(post: Post, number: int = 1) -> Line:
    """A post as the API reads it."""
    body = {name: value for name, value in post.items() if name != "ref"}
    return Line(post=msgspec.convert(body, KINDS[post["kind"]]), number=number, ref=post.get("ref"))


class Desk:
    """Posts go in, one by one or together; what the log would hold comes out."""

    def __init__(self, reader: LogReader, writer: Writer) -> None:
        self._admission = Admission(reader, uuid_utils.compat.uuid7)
        self._writer = writer

    async def verdicts(
        self, *posts: Post, on_missing: Missing = "reject", level: int = LEVEL_MAX
    ) -> list[Admitted | Refused]:
        """What admission says of posts in one batch; nothing is appended."""
        lines = [as_line(post, number) for number, post in enumerate(posts, 1)]
        caller = Caller(subject="analyst", level=level, on_missing=on_missing)
        return await self._admission.admit(lines, caller, NOW)

    async def post(self, *posts: Post, on_missing: Missing = "reject", level: int = LEVEL_MAX) -> list[Admitted]:
        """The posts, admitted and appended; the first refusal is raised."""
        verdicts = await self.verdicts(*posts, on_missing=on_missing, level=level)
        for verdict in verdicts:
            if isinstance(verdict, Refused):
                raise verdict.refusal
        admitted = cast("list[Admitted]", verdicts)
        for outcome in await self._writer.append([each.group() for each in admitted]):
            if isinstance(outcome, TimelineError):
                raise outcome
        return admitted

    async def id_of(self, post: Post) -> str:
        """The id of what a post records."""
        return str((await self.post(post))[0].id)


def body_of(admitted: Admitted) -> dict[str, Any]:
    """What the log holds of a line."""
    return read_payload(admitted.records[-1].payload).body


def id_in(admitted: Admitted) -> UUID:
    """The id by which a line's record is known."""
    return admitted.id


@asynccontextmanager
async def desk_on(dsn: str) -> AsyncIterator[Desk]:
    """A desk with its own connections."""
    pool = await open_pool(dsn, max_size=2, role=WRITER_ROLE)
    try:
        async with writer_on(dsn) as writer:
            yield Desk(LogReader(pool), writer)
    finally:
        pool.terminate()
