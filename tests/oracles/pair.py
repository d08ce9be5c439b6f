"""Two real services on one database, and a client of each."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.log.desk import Post
from tests.services import Service
from timeline.db.migrate import migrate

PAPER: Post = {"kind": "source", "slug": "paper", "name": "A Paper", "marking": "clear"}
VISIT: Post = {"kind": "visit", "title": "A visit", "occurred": "2019-06-07", "source": "paper", "marking": "clear"}
ANSWER_SECONDS_MAX = 120.0
IDLE_SECONDS_MAX = 1.0
"""A service closes a connection that stood idle for five: who posts on one at that moment is told nothing."""
SETTINGS = {
    "TIMELINE_LOG_LEVEL": "warning",
    # Both together, beside what other tests hold, within the 50 connections of the tests' server.
    "TIMELINE_CONNECTIONS_MAX": "4",
    # Longer than any pause of a busy machine: whatever is not readable by then never will be.
    "TIMELINE_VISIBLE_WAIT_SECONDS": "60",
}


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two services on one database."""

    dsn: str
    services: tuple[Service, Service]
    clients: tuple[httpx.AsyncClient, httpx.AsyncClient]

    def client(self, number: int) -> httpx.AsyncClient:
        """A client, of one service and the other by turns."""
        return self.clients[number % 2]


@asynccontextmanager
async def pair_on(dsn: str, folder: Path, program: str = "timeline") -> AsyncIterator[Pair]:
    """Two services on a database that holds a paper to report in; stopped at the end, and both in good order."""
    await migrate(dsn)
    async with (
        service_on(dsn, folder / "one", program) as one,
        service_on(dsn, folder / "other", program) as other,
        client_of(one) as first,
        client_of(other) as second,
    ):
        made = await first.post("/v1/sources", json=PAPER)
        assert made.status_code == 201, made.text
        yield Pair(dsn=dsn, services=(one, other), clients=(first, second))


@asynccontextmanager
async def service_on(dsn: str, folder: Path, program: str = "timeline") -> AsyncIterator[Service]:
    """A service on a database, stopped at the end."""
    env = {**SETTINGS, "TIMELINE_DATABASE_URL": dsn}
    service = await asyncio.to_thread(Service, folder, env=env, program=program)
    try:
        yield service
    finally:
        code, _ = await asyncio.to_thread(service.stop, signal.SIGTERM)
    assert code == 0, service.stderr.read_text()


def client_of(service: Service) -> httpx.AsyncClient:
    """A client with the owner's token."""
    token = service.token_path.read_text().strip()
    return httpx.AsyncClient(
        base_url=service.url,
        headers={"Authorization": f"Bearer {token}"},
        timeout=ANSWER_SECONDS_MAX,
        limits=httpx.Limits(keepalive_expiry=IDLE_SECONDS_MAX),
    )


async def ready(client: httpx.AsyncClient) -> tuple[int, dict[str, Any]]:
    """What `/health/ready` answers."""
    answer = await client.get("/health/ready")
    return answer.status_code, answer.json()
