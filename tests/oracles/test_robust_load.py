"""More than there is room for, and a stop in the middle of it: refused politely, nothing lost, nothing half written."""

import asyncio
import json
import random
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.log.desk import Post
from tests.oracles.bare import MIB, held_bytes, peak_bytes
from tests.oracles.homes import VISIT, client_of, end, home_for_services, is_quiet, is_whole, serving
from tests.oracles.writers import Writers
from tests.services import Service, ids_of, position_of
from timeline.db.embedded import EmbeddedServer

pytestmark = pytest.mark.xdist_group("robust")

NDJSON = {"Content-Type": "application/x-ndjson"}
THE_LOCK = "SELECT pg_advisory_lock(hashtextextended('timeline.log', 0))"
QUEUE = 30


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for a service."""
    with home_for_services() as path:
        yield path


@asynccontextmanager
async def nobody_appends(service: Service) -> AsyncIterator[None]:
    """Inside, another transaction holds the log's lock, so that posts pile up."""
    connection = await asyncpg.connect(EmbeddedServer(service.data_dir).dsn)
    try:
        await connection.execute(THE_LOCK)
        yield
    finally:
        connection.terminate()


def visit() -> Post:
    """One with an id of its own."""
    return VISIT | {"id": str(uuid4())}


async def test_a_full_queue_refuses_whole_posts_with_when_to_come_again_and_loses_nothing(home: Path) -> None:
    with serving(home / "store", env={"TIMELINE_QUEUE_RECORDS_MAX": str(QUEUE)}) as service:
        async with client_of(service) as client:
            posts = [[visit()] for _ in range(60)] + [[visit() for _ in range(7)] for _ in range(20)]
            async with nobody_appends(service):
                waiting = [asyncio.create_task(posted(client, post)) for post in posts]
                await some(waiting, 40)
                health, read = await client.get("/health/ready"), await client.get("/v1/timelines/all")
            answers = await asyncio.gather(*waiting)
            again = [await posted(client, post) for post in posts]
            full = [each for each in answers if each.status_code == 503]
            taken = {post["id"] for several, a in zip(posts, answers, strict=True) for post in several if a.is_success}
            before, repeated = {a.status_code for a in answers}, {a.status_code for a in again}
        found = ids_of(service)
        is_whole(service.data_dir)
        is_quiet(service)

    assert (before, repeated) == ({201, 503}, {201})
    assert {a.json()["type"] for a in full} == {"/problems/queue-full"}
    assert all(int(a.headers["Retry-After"]) > 0 for a in full)
    assert (read.status_code, health.json()["queued_records"] <= QUEUE) == (200, True)
    assert taken <= found
    assert len(found) == 2 + sum(map(len, posts))


async def posted(client: httpx.AsyncClient, post: list[Post]) -> httpx.Response:
    """A post, or a batch that stands or falls together."""
    if len(post) == 1:
        return await client.post("/v1/events", json=post[0])
    return await client.post("/v1/events/batch", json=post, params={"mode": "atomic"})


async def some(tasks: list["asyncio.Task[httpx.Response]"], number: int) -> None:
    """Wait until so many are done."""
    async with asyncio.timeout(30):
        while sum(task.done() for task in tasks) < number:  # noqa: ASYNC110  (no event tells of several)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_answers_or_refuses_what_is_under_way_and_writes_nothing_by_halves(
    home: Path, sig: signal.Signals, long: bool
) -> None:
    if sig == signal.SIGINT and not long:
        pytest.skip("part of the long profile")
    chance = random.Random(7)
    with serving(home / "store") as service:
        token = service.token_path.read_text().strip()
        writers = Writers(chance, service.url, token)
        writers.start(8)
        for _ in range(5):
            await writers.progress()

        code, _ = await asyncio.to_thread(service.stop, sig)
        again = await asyncio.to_thread(Service, service.data_dir)
        try:
            writers.url = again.url
            await writers.stop()
            told = [(a, dict(a.receipts)) for a in writers.attempts]
            repeated = {title: r for a in writers.attempts if a.open for title, r in (await writers.repeat(a)).items()}
            found = ids_of(again)
            is_whole(again.data_dir)
            is_quiet(service)
        finally:
            end(again)

    receipts = {title: receipt for _, several in told for title, receipt in several.items()}
    assert code == 0
    assert writers.faults == []
    assert receipts
    assert {receipt.id for receipt in [*receipts.values(), *repeated.values()]} <= found
    assert all(repeated[title].position == receipts[title].position for title in receipts.keys() & repeated.keys())
    assert {title for attempt, _ in told for title in attempt.titles} == receipts.keys() | repeated.keys()


async def test_a_batch_of_as_many_lines_as_the_operator_allows_is_taken_whole_in_bounded_memory(
    home: Path, long: bool
) -> None:
    lines = 100_000 if long else 3_000
    body = "\n".join(json.dumps(VISIT | {"title": f"Visit {n}"}) for n in range(lines)).encode()
    bad = b"\n".join([b'{"kind":"visit"}'] * lines)
    env = {"TIMELINE_BATCH_LINES_MAX": str(lines), "TIMELINE_QUEUE_RECORDS_MAX": str(lines)}
    with serving(home / "store", env=env) as service:
        before, began = held_bytes(service), time.monotonic()
        async with client_of(service, 300) as client:
            posting = asyncio.create_task(client.post("/v1/events/batch", content=body, headers=NDJSON))
            answered = [await client.get("/health/live")]
            while not posting.done():
                await asyncio.sleep(0.2)
                answered.append(await client.get("/v1/timelines/all"))
            taken = (await posting).json()
            seconds = time.monotonic() - began
            refused = await client.post("/v1/events/batch", content=bad, headers=NDJSON)
            more = await client.post("/v1/events/batch", content=body + b"\n" + body, headers=NDJSON)
        position, peak = position_of(service), peak_bytes(service)
        is_whole(service.data_dir)
        is_quiet(service)

    assert (taken["recorded"], taken["refused"], position) == (lines, 0, lines + 2)
    assert {each.status_code for each in answered} == {200}
    assert (refused.status_code, more.status_code) == (422, 413)
    print(f"{lines:,} lines in {seconds:.1f} s, with {(peak - before) / MIB:,.0f} MiB")
    assert peak - before < 100 * MIB + lines * 10_000
