"""Registered things as they stand."""

from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from timeline.model.entry import RegisteredPage, RegisteredShown
from timeline.model.record import MARKINGS
from timeline.model.registry import folded
from timeline.projections.pages import LOOKED_AT_MAX, SQL, Connection, Moved, canonical_of, registered_row

Place = tuple[str, UUID]
"""Where a thing stands in its registry: its slug (empty for those without one), then its id."""


async def registered_one(
    connection: Connection, kind: str, named: str, level: int, position: int
) -> RegisteredShown | Moved:
    """A registered thing by id or slug, or who answers for it: an actor may have been judged to be another.

    Raises:
        NotFound: there is none that this level may see.
    """
    row = await registered_row(connection, kind, named, level, position)
    other = await canonical_of(connection, kind, row["id"], level, position)
    return Moved(other) if other is not None else _shown(row)


async def registered_page(
    connection: Connection, kind: str, level: int, position: int, q: str | None, after: Place, limit: int
) -> tuple[RegisteredPage, Place | None]:
    """Registered things of a kind by slug, after a place; with `q`, those with it in their slug, a name or an alias.

    Also the place that the next page starts after, if there may be one: a rare `q` may get a short page.
    """
    rows = await connection.fetch(
        SQL.registered_page, kind, level, position, *after, folded(q) if q else None, limit + 1, LOOKED_AT_MAX
    )
    items = [_shown(row) for row in rows[:limit]]
    page = RegisteredPage(position=position, items=items, next=None)
    if len(rows) > limit:
        return page, (rows[limit - 1]["slug"] or "", rows[limit - 1]["id"])
    last = await connection.fetchrow(SQL.last_registered_looked_at, kind, *after, LOOKED_AT_MAX)
    return page, (last["slug"], last["id"]) if last else None


def _shown(row: asyncpg.Record | Any) -> RegisteredShown:
    body: dict[str, Any] = msgspec.json.decode(row["body"])
    return RegisteredShown(
        id=str(row["id"]),
        kind=row["kind"],
        revision=row["revision"],
        position=row["position"],
        recorded_at=row["recorded_at"],
        marking=MARKINGS[row["level"]],
        slug=row["slug"],
        name=row["name"],
        body={name: value for name, value in body.items() if name not in ("kind", "id", "revision")},
    )
