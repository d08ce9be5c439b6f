"""Rebuilds in processes of their own, to let run, to hold at a step and to kill; and readers who watch meanwhile."""

import asyncio
import random
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
import httpx

from tests.log.appending import fetch
from tests.oracles.pair import VISIT, Pair
from tests.postgres import ROOT
from tests.projections.loading import post_stream
from tests.projections.streams import Stream
from tests.services import environment, timeline

GATE = "timeline.oracle"
HOLD = f"SELECT pg_advisory_lock(hashtextextended('{GATE}', 0))"  # our own name
GATED_MOVES = f"""
CREATE FUNCTION timeline.pass_gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended('{GATE}', 0));
  RETURN NEW;
END
$$;
CREATE TRIGGER gate BEFORE UPDATE ON timeline.progress
  FOR EACH ROW WHEN (NOT OLD.live AND NOT NEW.live) EXECUTE FUNCTION timeline.pass_gate();
"""
"""Whoever holds the gate stops each rebuild at the end of its next transaction, before the commit."""
WITNESSED_MOVES = """
CREATE TABLE timeline.moved (tables text, before bigint, after bigint);
CREATE FUNCTION timeline.witness() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO timeline.moved VALUES (NEW.tables, OLD.position, NEW.position);
  RETURN NULL;
END
$$;
CREATE TRIGGER witness AFTER UPDATE OF position ON timeline.progress
  FOR EACH ROW EXECUTE FUNCTION timeline.witness();
"""
"""Every move of progress is written down where no projector can change it."""
SLOW_MOVES = """
CREATE FUNCTION timeline.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_sleep(random() * 0.05);
  RETURN NEW;
END
$$;
CREATE TRIGGER dawdle BEFORE UPDATE ON timeline.progress
  FOR EACH ROW WHEN (OLD.live) EXECUTE FUNCTION timeline.dawdle();
"""
"""Each projector takes its time between its rows and its move: whoever folded less may be the last to move."""
MOVES_NOT_FORWARD = "SELECT tables, before, after FROM timeline.moved WHERE after <= before"
AT_THE_GATE = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'timeline projector' AND wait_event = 'advisory'
"""
TABLES = "SELECT tables, live, position FROM timeline.progress ORDER BY live, tables"
SCHEMAS = "SELECT nspname AS tables FROM pg_namespace WHERE nspname LIKE 'timelines\\_%'"
REBUILD_SECONDS_MAX = 600.0
PAUSE_SECONDS = 0.02
"""Between two requests of one caller, at most: others need the processors too."""
ERASED = [
    VISIT | {"ref": "visit"},
    {"kind": "erasure", "subject": "#visit", "reason": "A reason.", "authority": "An officer"},
]
"""Records that leave no row behind: no unique index tells two projectors that both have folded them."""
PATHS = ("/v1/timelines/all?limit=5", "/v1/changes?limit=3&after=2", "/v1/sources?limit=2", "/v1/weeks/2019-W23")


async def rebuild(dsn: str) -> subprocess.CompletedProcess[str]:
    """A whole `timeline rebuild`."""
    command = timeline("rebuild", "--database-url", dsn)
    return await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=REBUILD_SECONDS_MAX,
    )


def begin_rebuild(dsn: str) -> subprocess.Popen[bytes]:
    """A `timeline rebuild` that goes on by itself."""
    command = timeline("rebuild", "--database-url", dsn)
    return subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=True
    )


async def kill(process: subprocess.Popen[bytes]) -> int:
    """Kill -9. Returns how it ended: it may have been quicker."""
    process.send_signal(signal.SIGKILL)
    return await asyncio.to_thread(process.wait, 20)


@asynccontextmanager
async def gate_shut(dsn: str) -> AsyncIterator[None]:
    """No rebuild commits a step inside."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(HOLD)
        yield
    finally:
        connection.terminate()


async def begun(dsn: str) -> subprocess.Popen[bytes]:
    """A `timeline rebuild` that has begun: its tables are there, beside those that were there before."""
    before = {row["tables"] for row in await fetch(dsn, TABLES)}
    process = begin_rebuild(dsn)
    async with asyncio.timeout(REBUILD_SECONDS_MAX):
        while process.poll() is None and not await _are_more(dsn, before):  # noqa: ASYNC110 – in another process
            await asyncio.sleep(0.01)
    return process


async def _are_more(dsn: str, before: set[str]) -> bool:
    return not {row["tables"] for row in await fetch(dsn, TABLES)} <= before


async def until_rows(dsn: str, statement: str, wanted: int) -> None:
    """Wait until a statement finds so many rows."""
    async with asyncio.timeout(REBUILD_SECONDS_MAX):
        while len(await fetch(dsn, statement)) != wanted:  # noqa: ASYNC110 – the condition is in the database
            await asyncio.sleep(0.01)


async def live_and_left(dsn: str) -> tuple[str, set[str]]:
    """The tables that readers read, and all others that there are."""
    rows = await fetch(dsn, TABLES)
    (live,) = [row["tables"] for row in rows if row["live"]]
    schemas = {row["tables"] for row in await fetch(dsn, SCHEMAS)}
    return live, (schemas | {row["tables"] for row in rows}) - {live}


@dataclass
class Watched:
    """What readers were answered, and what writers were told."""

    reads: int = 0
    posts: int = 0
    faults: list[str] = field(default_factory=list)


@asynccontextmanager
async def watched(pair: Pair, seed: int, *, erased_only: bool = False) -> AsyncIterator[Watched]:
    """Writers write and readers read inside, through both services; the fields tell what they were answered."""
    found, chance = Watched(), random.Random(seed)
    several = [
        _read(pair, found, chance),
        _read(pair, found, chance),
        _post_erased(pair, found, chance),
        _post_erased(pair, found, chance),
    ]
    if not erased_only:
        several += [
            _post(pair, found, chance),
            _post_everything(pair.client(seed), Stream(seed, f"stream {seed} ")),
        ]
    tasks = [asyncio.create_task(each) for each in several]
    try:
        yield found
        found.faults += [repr(each.exception()) for each in tasks if each.done()]
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(pair: Pair, found: Watched, chance: random.Random) -> None:
    """Read from one service and the other in turn: whatever was shown by one is shown by the other after it."""
    seen = 0
    while True:
        await asyncio.sleep(chance.random() * PAUSE_SECONDS)
        path = chance.choice(PATHS)
        answer = await pair.client(chance.randrange(2)).get(path)
        found.reads += 1
        if answer.status_code != 200:
            found.faults.append(f"{path}: {answer.status_code} {answer.text}")
            continue
        position = int(answer.headers["Timeline-Position"])
        if position < seen:
            found.faults.append(f"{path}: readers went back from {seen} to {position}")
        seen = max(seen, position)


async def _post(pair: Pair, found: Watched, chance: random.Random) -> None:
    """Post to one service, and read it from the other."""
    while True:
        await asyncio.sleep(chance.random() * PAUSE_SECONDS)
        to = chance.randrange(2)
        answer = await pair.client(to).post("/v1/events", json=VISIT)
        receipt = answer.json()
        if answer.status_code != 201 or not receipt["visible"]:
            health = (await pair.client(to).get("/health/ready")).text
            found.faults.append(f"a post: {answer.status_code} {answer.text}; the service is {health}")
            continue
        shown = await pair.client(1 - to).get(f"/v1/events/{receipt['id']}")
        if shown.status_code != 200:
            found.faults.append(f"what was posted at {receipt['position']}: {shown.status_code} {shown.text}")
        found.posts += 1


async def _post_erased(pair: Pair, found: Watched, chance: random.Random) -> None:
    """Post what is erased at once, which leaves its place and no word."""
    while True:
        await asyncio.sleep(chance.random() * PAUSE_SECONDS)
        answer = await pair.client(chance.randrange(2)).post("/v1/events/batch", json=ERASED)
        found.posts += 1
        if answer.status_code != 201:
            found.faults.append(f"a post and its erasure: {answer.status_code} {answer.text}")


async def _post_everything(client: httpx.AsyncClient, stream: Stream) -> None:
    while True:
        await post_stream(client, stream, 20)
