"""Single posts against one transaction for each and against raw COPY: `uv run python -m tests.benchmarks.posts`.

Everything is durable (fsync on, a database on disk). `waiting` posts are answered when reads show them, the others when
they are durable.
"""

import argparse
import asyncio
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

from tests.benchmarks.bench import PROSE, dsn_of, folder_on_disk, headers_of, machine, rss_mb, service_on_disk, told
from tests.benchmarks.load import UNIQUE, Asked, drive
from tests.services import Service
from timeline.log.read import SQL

CONNECTIONS = (1, 16, 64)
WAITS = {"not waiting": "?wait=false", "waiting": ""}
COPIED_ROWS = 20_000
SERVER_CONNECTIONS_MAX = 32
"""More than the embedded server lets in beside the service's own; appends wait for each other in any case."""


def post(number: int) -> str:
    """A post of some 1.1 KB: two actors and a topic by slug, a source, a summary."""
    body = {
        "kind": "meeting",
        "title": f"Talks {UNIQUE.decode()}",
        "summary": PROSE * 7,
        "occurred": f"2019-06-{1 + number % 28:02}",
        "source": "unattributed",
        "marking": "clear",
        "participants": ["haftar", {"actor": "russia", "role": "actor"}],
        "topics": ["libya"],
    }
    return json.dumps(body)


async def transactions(dsn: str, payload: bytes, connections: int, seconds: float) -> float:
    """Appends a second with a transaction for each, by the log's own function, on so many connections."""
    done = 0
    until = time.perf_counter() + seconds

    async def append() -> None:
        nonlocal done
        connection = await asyncpg.connect(dsn)
        try:
            while time.perf_counter() < until:
                await connection.fetchrow(SQL.append_records, *_columns(payload), "posts")
                done += 1
        finally:
            await connection.close()

    await asyncio.gather(*(append() for _ in range(min(connections, SERVER_CONNECTIONS_MAX))))
    return done / seconds


def _columns(payload: bytes) -> list[list[Any]]:
    own, salt = uuid4(), os.urandom(32)
    request = hashlib.sha256(salt + payload).digest()
    return [[own], ["meeting"], [own], [1], [salt], [request], [payload], [], [], [], []]


async def copied(dsn: str, payload: bytes) -> float:
    """Rows a second of COPY of the same bytes into a plain table, in one transaction."""
    connection = await asyncpg.connect(dsn)
    rows = [(uuid4(), payload) for _ in range(COPIED_ROWS)]
    try:
        await connection.execute("CREATE TABLE public.copied (id uuid PRIMARY KEY, bytes bytea NOT NULL)")
        began = time.perf_counter()
        await connection.copy_records_to_table("copied", schema_name="public", records=rows)
        seconds = time.perf_counter() - began
        await connection.execute("DROP TABLE public.copied")
    finally:
        await connection.close()
    return COPIED_ROWS / seconds


async def payload_of(dsn: str) -> bytes:
    """What the log holds of the last post."""
    connection = await asyncpg.connect(dsn)
    try:
        found: bytes = await connection.fetchval("SELECT bytes FROM timeline.payload ORDER BY position DESC LIMIT 1")
    finally:
        await connection.close()
    return found


def measure(folder: Path, seconds: float) -> None:
    """Print the figures of posts."""
    with service_on_disk(folder, "--sample") as service:
        rates = {}
        for connections in CONNECTIONS:
            for words, query in WAITS.items():
                rates[connections, words] = _posted(service, connections, words, query, seconds)
        dsn = dsn_of(service)
        payload = asyncio.run(payload_of(dsn))
        for connections in CONNECTIONS:
            alone = asyncio.run(transactions(dsn, payload, connections, seconds))
            ratios = ", ".join(
                f"{words} {rates[connections, words] / alone:.2f}" for words in ("not waiting", "waiting")
            )
            print(f"a transaction for each, {connections:>2} connections {alone:>9,.0f} /s   posts to that: {ratios}")
        limit = asyncio.run(copied(dsn, payload))
        share = max(rates.values()) / limit
        print(f"COPY of the same {len(payload):,} bytes {limit:>16,.0f} /s   the best of posts to that: {share:.3f}")


def _posted(service: Service, connections: int, words: str, query: str, seconds: float) -> float:
    asked = Asked(
        url=f"{service.url}/v1/events{query}",
        method="POST",
        headers=headers_of(service),
        bodies=tuple(post(number) for number in range(50)),
        connections=connections,
        seconds=seconds,
    )
    measured = drive(asked)
    behind = _behind(service)
    print(
        told(
            f"posts, {connections:>2} connections, {words}",
            measured,
            f"reads {behind:,} behind",
            f"service {rss_mb(service.process.pid):.0f} MB",
        )
    )
    while _behind(service):
        time.sleep(0.1)
    return measured.per_second


def _behind(service: Service) -> int:
    with service.client() as client:
        ready = client.get("/health/ready").json()
    return int(ready["log_position"] - ready["projected_position"])


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each figure")
    seconds = parser.parse_args().seconds
    print(machine())
    with folder_on_disk() as folder:
        measure(folder, seconds)


if __name__ == "__main__":
    main()
