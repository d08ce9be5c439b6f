"""What pages are measured against, served by the same framework and server: `python -m tests.benchmarks.limits DSN`.

/bytes   the bytes of a page, from memory: what HTTP alone costs
/bare    the statement of a page, its rows joined: what the database and HTTP cost, and nothing that a reader needs
"""

import sys
from datetime import date
from uuid import UUID

import asyncpg
import uvicorn
from litestar import Litestar, Response, get

from timeline.db.pool import open_pool
from timeline.projections.pages import LOOKED_AT_MAX, SQL

READY = "serves at "


def application(pool: asyncpg.Pool, page: bytes, timeline: UUID) -> Litestar:
    """Both routes."""
    first = (date.min, date.min, date.min, 0)
    asked = (timeline, 3, 2**53, *first, date.min, date.max, LOOKED_AT_MAX, None, None, False, 51, date.max)

    @get("/bytes")
    async def from_memory() -> Response[bytes]:
        return Response(page, media_type="application/json")

    @get("/bare")
    async def from_the_database() -> Response[bytes]:
        async with pool.acquire() as connection:
            rows = await connection.fetch(SQL.entries, *asked)
        return Response(b"[" + b",".join(row["body"] for row in rows) + b"]", media_type="application/json")

    return Litestar([from_memory, from_the_database], openapi_config=None, logging_config=None)


async def serve(dsn: str, timeline: UUID, page: bytes) -> None:
    """Serve on a free port until ended; the first line printed says where."""
    pool = await open_pool(dsn, max_size=12)
    async with pool.acquire() as connection:
        tables = await connection.fetchval("SELECT tables FROM timeline.progress WHERE live")
    await pool.close()
    pool = await asyncpg.create_pool(dsn, max_size=12, server_settings={"search_path": f"{tables}, timeline"})
    config = uvicorn.Config(
        application(pool, page, timeline), port=0, log_level="warning", access_log=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    print(f"{READY}http://127.0.0.1:{socket.getsockname()[1]}", flush=True)
    await server.serve(sockets=[socket])


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve(sys.argv[1], UUID(sys.argv[2]), sys.stdin.buffer.read()))
