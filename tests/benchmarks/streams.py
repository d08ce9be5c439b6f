"""What a thousand open streams cost: memory, how soon a record is told, and the work of telling it.

`python -m tests.benchmarks.streams [streams] [records]`: a real service, posts one by one and then all at once.
"""

import asyncio
import os
import re
import signal
import statistics
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvloop

from tests.benchmarks.bench import folder_on_disk, headers_of, machine, rss_mb
from tests.services import Service

STREAMS, RECORDS = 1_000, 100
PAUSE_SECONDS = 0.2
OPEN_AT_ONCE = 50
SOURCE = {"kind": "source", "slug": "paper", "name": "A Paper"}
RECORD = re.compile(rb"event: record\nid: ([0-9]+)\n")


class Listener(asyncio.Protocol):
    """A client that notes when the first record at each position came, and how many came."""

    def __init__(self, request: bytes, came: dict[int, list[float]]) -> None:
        self._request = request
        self._came = came
        self._left = b""
        self.began = asyncio.get_running_loop().create_future()
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        if not self.began.done():
            self.began.set_result(data[:15])
        whole, _, self._left = (self._left + data).rpartition(b"\n\n")
        for position in RECORD.findall(whole):
            self._came.setdefault(int(position), []).append(now)


async def opened(url: str, headers: dict[str, str], number: int, came: dict[int, list[float]]) -> list[Listener]:
    """So many streams, each of which has begun."""
    where = urlsplit(url)
    host, port = where.hostname or "", where.port or 0
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if name != "Content-Type")
    request = f"GET /v1/changes.sse HTTP/1.1\r\nHost: {where.netloc}\r\n{head}\r\n".encode()
    loop, made = asyncio.get_running_loop(), []
    for first in range(0, number, OPEN_AT_ONCE):
        some = [
            (await loop.create_connection(lambda: Listener(request, came), host, port))[1]
            for _ in range(first, min(first + OPEN_AT_ONCE, number))
        ]
        for each in some:
            assert await each.began == b"HTTP/1.1 200 OK"
        made += some
    return made


def visit(title: str) -> dict[str, Any]:
    """A post."""
    return {"kind": "visit", "title": title, "occurred": "2019-06-05", "source": "paper"}


async def told_to_all(came: dict[int, list[float]], positions: list[int], number: int) -> None:
    """Wait until every stream was told of these."""
    async with asyncio.timeout(120):
        while any(len(came.get(each, ())) < number for each in positions):  # noqa: ASYNC110  (it changes with each event)
            await asyncio.sleep(0.01)


def cpu_seconds(pid: int) -> float:
    """What a process has worked so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measured(url: str, headers: dict[str, str], pid: int, number: int, records: int) -> None:
    """Open, post, and print."""
    before = rss_mb(pid)
    came: dict[int, list[float]] = {}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
        (await client.post("/v1/sources", json=SOURCE)).raise_for_status()
        streams = await opened(url, headers, number, came)
        print(f"memory: {before:.0f} MB with none open, {rss_mb(pid):.0f} MB with {number:,}")
        await _one_by_one(client, came, pid, number, records)
        await _all_at_once(client, came, pid, number)
    print(f"memory: {rss_mb(pid):.0f} MB after all")
    for each in streams:
        each.transport.close()


async def _one_by_one(client: httpx.AsyncClient, came: dict[int, list[float]], pid: int, n: int, records: int) -> None:
    sent: dict[int, float] = {}
    worked = cpu_seconds(pid)
    for each in range(records):
        at = time.monotonic()
        answer = await client.post("/v1/events", params={"wait": "false"}, json=visit(f"visit {each}"))
        sent[answer.json()["position"]] = at
        await asyncio.sleep(PAUSE_SECONDS)
    await told_to_all(came, list(sent), n)
    late = sorted((when - at) * 1_000 for position, at in sent.items() for when in came[position])
    p50, p99 = statistics.median(late), late[int(len(late) * 0.99)]
    each_ms = (cpu_seconds(pid) - worked) / records * 1_000
    print(
        f"one by one: {records} records to each, from post to reader p50 {p50:.0f} ms, p99 {p99:.0f} ms; "
        f"{each_ms:.0f} ms of work a record, the post itself among it ({each_ms / n * 1_000:.0f} µs a stream)"
    )
    assert all(len(came[position]) == n for position in sent)


async def _all_at_once(client: httpx.AsyncClient, came: dict[int, list[float]], pid: int, n: int) -> None:
    lines = [visit(f"at once {each}") for each in range(1_000)]
    worked, began = cpu_seconds(pid), time.monotonic()
    answer = await client.post("/v1/events/batch", json=lines)
    positions = [verdict["position"] for verdict in answer.json()["verdicts"]]
    await told_to_all(came, positions, n)
    took = max(when for position in positions for when in came[position]) - began
    each_us = (cpu_seconds(pid) - worked) / len(positions) / n * 1e6
    print(f"at once: 1,000 records to each within {took:.1f} s, {each_us:.1f} µs of work for a record on a stream")


def main() -> None:
    """Measure on a service of its own."""
    number, records = [*map(int, sys.argv[1:]), *(STREAMS, RECORDS)[len(sys.argv) - 1 :]]
    print(machine())
    env = {"TIMELINE_STREAMS_PER_TOKEN_MAX": str(number), "TIMELINE_LOG_LEVEL": "warning"}
    with folder_on_disk() as folder:
        service = Service(folder / "data", env=env)
        try:
            uvloop.run(measured(service.url, headers_of(service), service.process.pid, number, records))
        finally:
            service.stop(signal.SIGINT)


if __name__ == "__main__":
    main()
