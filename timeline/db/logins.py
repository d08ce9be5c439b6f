"""Who to work as: a role of its own for each part of the service, so that none can do what it need not."""

from urllib.parse import urlsplit, urlunsplit

import asyncpg

CONNECT_SECONDS_MAX = 10.0

WRITER = "timeline_writer"
READER = "timeline_reader"
PROJECTOR = "timeline_projector"
ROLES = (WRITER, READER, PROJECTOR)


async def login_for(dsn: str, role: str) -> tuple[str, str | None]:
    """The DSN to connect with and the role to set there, so that what connects works as `role`.

    The embedded server lets us in as the role itself, and no statement leads from there to another. Elsewhere it is
    set on the login that was given, which a statement could undo; None where that login is no member of it.
    """
    connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS_MAX)
    try:
        found = await connection.fetchrow(
            "SELECT rolcanlogin AS logs_in, pg_has_role(oid, 'MEMBER') AS ours FROM pg_roles WHERE rolname = $1", role
        )
    finally:
        await connection.close()
    if found is None or not found["ours"]:
        return dsn, None
    own = _as_user(dsn, role)
    return (own, None) if found["logs_in"] and await _lets_in(own) else (dsn, role)


def _as_user(dsn: str, user: str) -> str:
    """The DSN with another user and no password."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}"))


async def _lets_in(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS_MAX)
    except (asyncpg.InvalidAuthorizationSpecificationError, ValueError):
        return False
    await connection.close()
    return True
