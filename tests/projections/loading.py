"""A mixed load for the real service: the sample week, then whatever a stream of records brings."""

import random
from typing import Any

import httpx

from tests.projections.streams import Stream
from timeline.importers.libya_week import Post, posts

LINES_MAX = 12


async def post_week(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    """The sample week in one batch; its verdicts."""
    return await _batch(api, posts())


async def post_stream(api: httpx.AsyncClient, stream: Stream, records: int) -> int:
    """So many records of a stream, in batches of any size. Returns how many were taken: some name what was refused."""
    sizes, taken, sent = random.Random(records), 0, 0
    while sent < records:
        several = [stream.post() for _ in range(sizes.randint(1, LINES_MAX))]
        sent += len(several)
        verdicts = await _batch(api, several)
        moved = [
            post | {"revision": verdict["problem"]["revision"]}
            for post, verdict in zip(several, verdicts, strict=True)
            if verdict["status"] == 409 and "revision" in verdict["problem"]
        ]
        verdicts += await _batch(api, moved) if moved else []
        taken += sum(verdict["status"] == 201 for verdict in verdicts)
        # 404: an edit of a line that was refused.
        assert {verdict["status"] for verdict in verdicts} <= {201, 404, 409, 422}, verdicts
    return taken


async def _batch(api: httpx.AsyncClient, lines: list[Post]) -> list[dict[str, Any]]:
    answer = await api.post("/v1/events/batch", json=lines, params={"mode": "each"})
    assert answer.status_code in (200, 201), answer.text
    verdicts: list[dict[str, Any]] = answer.json()["verdicts"]
    return verdicts
