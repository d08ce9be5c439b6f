"""The client, in process, before the real application."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from timeline.app import Application
from timeline.client import AsyncClient, Retries

QUICK = Retries(attempts=4, first_seconds=0.01, longest_seconds=3.0)


def client_of(
    application: Application, transport: httpx.AsyncBaseTransport | None = None, retries: Retries = QUICK
) -> AsyncClient:
    there = transport or httpx.ASGITransport(application.asgi, raise_app_exceptions=False)
    return AsyncClient("http://timeline", application.token, transport=there, retries=retries)


@pytest_asyncio.fixture
async def client(application: Application) -> AsyncIterator[AsyncClient]:
    async with client_of(application) as made:
        yield made
