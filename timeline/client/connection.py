"""What httpx is told, and what it tells: the same for both clients."""

from typing import Any
from uuid import uuid4

import httpx

from timeline.client.calls import Answer, Ask
from timeline.client.following import SILENCE_SECONDS_MAX
from timeline.client.retries import Lost

SILENT = httpx.Timeout(30.0, read=SILENCE_SECONDS_MAX)


def connection(url: str, token: str | None, timeout_seconds: float) -> dict[str, Any]:
    """How to come to a service.

    Raises:
        ValueError: the address is none of http or https.
    """
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"Expected an http or https address, found {url!r}.")
    return {
        "base_url": url.rstrip("/"),
        "headers": {"Authorization": f"Bearer {token}"} if token else {},
        "timeout": timeout_seconds,
        "follow_redirects": True,  # of an actor that is another; to the week that was last
    }


def options(ask: Ask) -> dict[str, Any]:
    """An ask as httpx takes it."""
    return {
        "method": ask.method,
        "url": ask.path,
        "params": ask.params,
        "headers": ask.headers,
        "content": ask.content,
    }


def answer_of(response: httpx.Response, content: bytes) -> Answer:
    """A response, read."""
    return Answer(status=response.status_code, headers=response.headers, content=content)


def lost(broken: httpx.RequestError) -> Lost:
    """An ask that no answer came to."""
    return Lost(str(broken) or type(broken).__name__)


def address(http: httpx.AsyncClient | httpx.Client) -> str:
    """Where the service is, as people are told."""
    return str(http.base_url).rstrip("/")


def made_up_key() -> str:
    """An Idempotency-Key for one post and its repeats."""
    return uuid4().hex
