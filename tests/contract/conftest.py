"""A real service for those who come from outside, with the sample week; its log is checked when they have left."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest_asyncio

from tests.checks import check_log
from tests.contract.holding import HELD
from tests.services import Service

SETTINGS = {
    "TIMELINE_LOG_LEVEL": "warning",
    "TIMELINE_REQUESTS_PER_SECOND": "0",
    "TIMELINE_CONNECTIONS_MAX": "6",  # of the 50 that the tests' server has for all
    # Longer than any pause of a busy machine: what was posted can be read back.
    "TIMELINE_VISIBLE_WAIT_SECONDS": "20",
}
HURRIED = {"TIMELINE_VISIBLE_WAIT_SECONDS": "0.02"}
"""For callers that ask for positions which are far ahead, hundreds of times."""


@asynccontextmanager
async def serving(db: str, folder: Path, env: dict[str, str]) -> AsyncIterator[Service]:
    """A running `timeline serve` inside; after it the log is whole."""
    made = await asyncio.to_thread(Service, folder / "data", env=SETTINGS | env | {"TIMELINE_DATABASE_URL": db})
    try:
        with made.client() as client:
            answer = client.post("/v1/events/batch", json=HELD)
        assert answer.status_code == 201, answer.text
        yield made
    finally:
        await asyncio.to_thread(made.stop)
    await check_log(db)


@pytest_asyncio.fixture
async def service(db: str, tmp_path: Path) -> AsyncIterator[Service]:
    """A service for clients."""
    async with serving(db, tmp_path, {}) as made:
        yield made


@pytest_asyncio.fixture
async def hurried(db: str, tmp_path: Path) -> AsyncIterator[Service]:
    """A service that waits for nothing."""
    async with serving(db, tmp_path, HURRIED) as made:
        yield made
