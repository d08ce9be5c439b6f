"""Open a pool of connections, and know a lost database from a wrong query."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from timeline.errors import DatabaseUnavailable

CONNECT_SECONDS_MAX = 10.0
COMMAND_GRACE_SECONDS = 5.0

LOST: tuple[type[BaseException], ...] = (
    # No socket, nobody listening, connection reset, no route. TimeoutError is one too: the server cancels what exceeds
    # statement_timeout itself, so a command that runs into our own, longer limit has no server at its other end.
    OSError,
    # Class 08: closed in the middle of an operation. Whether a commit then took place is unknown: repeat idempotently.
    asyncpg.PostgresConnectionError,
    # Starting, recovering or stopping.
    asyncpg.CannotConnectNowError,
    # Ended by its operator; ended because another backend crashed and shared memory may be damaged.
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    # The server closed a connection that stood still, as after a suspended machine. What was open was rolled back.
    asyncpg.IdleSessionTimeoutError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    # Nobody was let in, or memory or disk ran out: nothing was done, and nothing is wrong with the query.
    asyncpg.InsufficientResourcesError,
    # asyncpg's own word when a server killed in mid-query leaves half a message.
    asyncpg.InternalClientError,
)
"""What always means that the connection is lost or the database is down; trying again later is right.

`InterfaceError` is not among them, although a connection that dies while it is held raises just that: its subclass
`DataError` says that an argument is wrong, and whoever tries that again tries for ever. `is_lost` tells them apart.
"""

CLOSED = re.compile(r"connection is closed|connection has been released back to the pool")


def is_lost(error: BaseException) -> bool:
    """Whether this means a lost connection or a database that is down, and nothing wrong with the query."""
    if isinstance(error, LOST):
        return True
    return type(error) is asyncpg.InterfaceError and CLOSED.search(str(error)) is not None


@contextmanager
def unavailable_if_lost() -> Iterator[None]:
    """Inside, every sign of a lost database becomes `DatabaseUnavailable`; all else passes as it is.

    Keep nothing but database calls inside: any other OSError would look like a lost database too.
    """
    try:
        yield
    except Exception as error:
        if not is_lost(error):
            raise
        raise DatabaseUnavailable("the database does not answer; try again", retry_after_seconds=1) from error


async def _keep(connection: object) -> None:
    """Nothing to undo: nobody here leaves a transaction, a lock or a listener behind."""


async def open_pool(
    dsn: str,
    *,
    min_size: int = 1,
    max_size: int = 8,
    role: str | None = None,
    statement_timeout_ms: int = 30_000,
    lock_timeout_ms: int = 5_000,
    application_name: str = "timeline",
) -> asyncpg.Pool:
    """Connections that all act as `role`, read times as UTC and find our tables in `timeline`.

    These are settings of the session's start, so RESET ROLE does not undo them; PgBouncer would have to be told to pass
    them. What a caller sets for its session stays set at release: the pool's own RESET ALL would cost every statement a
    second round trip. A zero switches a timeout off. UUIDs come as asyncpg's subclass of `uuid.UUID`, which equals,
    hashes and encodes as it does; building the plain class costs 0.9 µs each more.
    """
    settings = {
        "application_name": application_name,
        "search_path": "timeline, public",
        "timezone": "UTC",
        "statement_timeout": str(statement_timeout_ms),
        "lock_timeout": str(lock_timeout_ms),
    }
    if role is not None:
        settings["role"] = role
    return await asyncpg.create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        server_settings=settings,
        timeout=CONNECT_SECONDS_MAX,
        reset=_keep,
        command_timeout=statement_timeout_ms / 1000 + COMMAND_GRACE_SECONDS if statement_timeout_ms else None,
    )
