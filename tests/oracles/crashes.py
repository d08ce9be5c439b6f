"""Kill -9 what a service stands on while writers write, and tell what does not hold afterwards."""

import asyncio
import os
import random
import re
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import httpx

from tests.oracles.writers import Attempt, Receipt, Writers
from tests.services import Service, postmaster_of, run
from timeline.db.embedded import EmbeddedServer

WRITERS = 6
READY_SECONDS_MAX = 20.0
HELD_SECONDS_MAX = 20.0
TITLE = re.compile(rb'"title":"((?:visit|denial|report)-[0-9a-f]{32})"')
LATER_WRITTEN = ("voice", "event_state", "timeline_entry", "timeline_head", "progress")
"""Tables that a fold writes after others: whoever waits for one of them has written already."""

PROCESSES = "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() ORDER BY pid"
NAMED = "SELECT pid FROM pg_stat_activity WHERE application_name = $1 ORDER BY pid"
HELD = """
SELECT pid FROM pg_stat_activity
WHERE application_name = 'timeline projector' AND backend_xid IS NOT NULL AND wait_event_type = 'Lock'
"""
ROWS = """
SELECT log.position, log.id::text AS id, payload.bytes
FROM timeline.log LEFT JOIN timeline.payload USING (position) ORDER BY log.position
"""
PROGRESS = "SELECT position FROM timeline.progress WHERE live"

Stored = dict[str, list[Receipt]]
"""What the log holds under each title: one record, if all is well."""


class Crashes:
    """One service on a database of its own, which outlives whatever is killed."""

    def __init__(self, data_dir: Path, seed: int, program: str = "timeline") -> None:
        self.chance = random.Random(seed)
        self.dsn = EmbeddedServer(data_dir).dsn
        self._data_dir = data_dir
        self._program = program
        self.service = Service(data_dir, program=program)
        self._told: dict[str, Receipt] = {}
        """Everything that was ever acknowledged, by title."""

    @property
    def token(self) -> str:
        return self.service.token_path.read_text().strip()

    async def round(self, kill: "Kill") -> list[str]:
        """Let writers write, kill something, let it mend itself; what does not hold then."""
        writers = Writers(self.chance, self.service.url, self.token)
        writers.start(WRITERS)
        await writers.progress()
        await asyncio.sleep(self.chance.uniform(0.05, 0.6))
        await kill(self)
        await asyncio.sleep(self.chance.uniform(0, 0.05))
        if self.service.process.poll() is not None:
            writers.url = await self.serve_again()
        faults = await self._mends_itself(writers)
        await writers.stop()
        return faults + await self._faults(writers)

    async def serve_again(self) -> str:
        """Start the service that was killed, as whoever runs it would. Returns where it serves."""
        self.close()
        self.service = await asyncio.to_thread(Service, self._data_dir, program=self._program)
        return self.service.url

    def close(self) -> None:
        """Let go of a service that has ended."""
        assert self.service.process.stdout is not None
        self.service.process.stdout.close()

    async def backends(self, named: str | None = None) -> list[int]:
        """The server's processes that do something for somebody, or those of this name."""
        async with self.connected() as connection:
            rows = await (connection.fetch(NAMED, named) if named else connection.fetch(PROCESSES))
        return [row["pid"] for row in rows]

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[asyncpg.Connection]:
        """A superuser's connection; what happens to it inside is nobody's concern."""
        connection = await asyncpg.connect(self.dsn)
        try:
            yield connection
        finally:
            connection.terminate()

    @asynccontextmanager
    async def projector_held(self) -> AsyncIterator[int]:
        """Inside, the projector stands in the middle of a transaction that has written. Its backend's number."""
        async with self.connected() as holder, self.connected() as watcher:
            tables = await holder.fetchval("SELECT tables FROM timeline.progress WHERE live")
            table = self.chance.choice(LATER_WRITTEN)
            schema = "timeline" if table == "progress" else tables
            await holder.execute(f'BEGIN; LOCK TABLE "{schema}"."{table}" IN SHARE MODE')
            async with asyncio.timeout(HELD_SECONDS_MAX):
                while not (pid := await watcher.fetchval(HELD)):  # noqa: ASYNC110  (only asking tells)
                    await asyncio.sleep(0.002)
            yield pid

    async def _mends_itself(self, writers: Writers) -> list[str]:
        """Whether the service is ready within seconds, without a hand, and takes posts again."""
        if not await self.becomes(200):
            return ["the service did not become ready again"]
        await writers.progress()
        return []

    async def becomes(self, status: int) -> bool:
        """Whether `/health/ready` comes to answer so, soon."""
        give_up = time.monotonic() + READY_SECONDS_MAX
        async with httpx.AsyncClient(base_url=self.service.url, timeout=READY_SECONDS_MAX) as client:
            while time.monotonic() < give_up:
                with suppress(httpx.TransportError):
                    if (await client.get("/health/ready")).status_code == status:
                        return True
                await asyncio.sleep(0.01)
        return False

    async def _faults(self, writers: Writers) -> list[str]:
        """Everything that does not hold: of what was told, of what is stored, of what a repeat makes of it."""
        before, head, faults = await self._stored()
        for attempt in writers.attempts:
            self._told |= attempt.receipts
            faults += _halves(attempt, before)
        for attempt in [each for each in writers.attempts if each.open]:
            told = await writers.repeat(attempt)
            self._told |= told
            faults += _untrue(told, before, head)
        after, _, still = await self._stored()
        faults += still + writers.faults + _copies(after) + _lost(self._told, after)
        return faults or await asyncio.to_thread(self.checked)

    async def _stored(self) -> tuple[Stored, int, list[str]]:
        """What the log holds, where it ends, and what is wrong with its positions."""
        async with self.connected() as connection:
            progress = await connection.fetchval(PROGRESS)
            rows = await connection.fetch(ROWS)
        found: Stored = {}
        for row in rows:
            for title in TITLE.findall(row["bytes"] or b"")[:1]:
                found.setdefault(title.decode(), []).append(Receipt(id=row["id"], position=row["position"]))
        head = rows[-1]["position"]
        faults = [] if [row["position"] for row in rows] == list(range(1, head + 1)) else ["the log has gaps"]
        faults += [f"the read models are at {progress}, the log ends at {head}"] if progress > head else []
        return found, head, faults + [f"position {r['position']} is half a row" for r in rows if r["bytes"] is None]

    def checked(self) -> list[str]:
        """What `timeline check` finds."""
        done = run("check", "--data-dir", str(self._data_dir))
        return [] if done.returncode == 0 else [f"timeline check: {done.stdout} {done.stderr[-2000:]}"]


def _halves(attempt: Attempt, stored: Stored) -> list[str]:
    present = sum(title in stored for title in attempt.titles)
    is_half = attempt.stands_or_falls and 0 < present < len(attempt.titles)
    return [f"{present} of {len(attempt.titles)} lines that stand or fall together are stored"] if is_half else []


def _untrue(told: dict[str, Receipt], before: Stored, head: int) -> list[str]:
    """A repeat of what was stored gets that record's receipt; of what was not, a fresh one."""
    faults = []
    for title, receipt in told.items():
        first = before.get(title)
        if first and (first[0].id, first[0].position) != (receipt.id, receipt.position):
            faults.append(f"{title} is at {first[0].position}, a repeat was told {receipt.position}")
        if not first and receipt.position <= head:
            faults.append(f"{title} was not stored, a repeat was told {receipt.position} of {head}")
        if receipt.replayed is not None and receipt.replayed != bool(first):
            faults.append(f"{title}: a repeat was told replayed={receipt.replayed}, stored before: {bool(first)}")
    return faults


def _copies(stored: Stored) -> list[str]:
    return [f"{title} is stored {len(several)} times" for title, several in stored.items() if len(several) > 1]


def _lost(told: dict[str, Receipt], stored: Stored) -> list[str]:
    faults = []
    for title, receipt in told.items():
        found = {(each.id, each.position) for each in stored.get(title, [])}
        if (receipt.id, receipt.position) not in found:
            faults.append(f"{title} was acknowledged at {receipt.position} and is not stored there")
    return faults


# What is killed

Kill = Callable[[Crashes], Awaitable[None]]


async def the_writers_backend(on: Crashes) -> None:
    _kill(on.chance.choice(await on.backends("timeline writer")))


async def the_projectors_backend_in_mid_transaction(on: Crashes) -> None:
    async with on.projector_held() as pid:
        _kill(pid)


async def any_process_of_the_server(on: Crashes) -> None:
    _kill(on.chance.choice(await on.backends()))


async def the_postmaster(on: Crashes) -> None:
    _kill(postmaster_of(on.service.data_dir))


async def the_api_process(on: Crashes) -> None:
    on.service.process.kill()
    await asyncio.to_thread(on.service.process.wait)


async def the_api_process_in_a_folds_mid_transaction(on: Crashes) -> None:
    async with on.projector_held():
        await the_api_process(on)


async def the_api_process_and_the_postmaster(on: Crashes) -> None:
    _kill(postmaster_of(on.service.data_dir))
    await the_api_process(on)


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


KILLS: tuple[Kill, ...] = (
    the_writers_backend,
    the_projectors_backend_in_mid_transaction,
    any_process_of_the_server,
    the_postmaster,
    the_api_process,
    the_api_process_in_a_folds_mid_transaction,
    the_api_process_and_the_postmaster,
)
"""Each a way to die; the first five are the quick profile's."""
