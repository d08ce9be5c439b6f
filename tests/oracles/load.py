"""Eight writers that shake the order of commits: posts and batches through both services, and slow transactions."""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

import asyncpg
import httpx

from tests.log.appending import append_raw
from tests.log.desk import Desk, Post, desk_on
from tests.oracles.pair import VISIT, Pair
from timeline.log.admit import Admitted

BURST_MAX = 12
LINES_MAX = 80
STALL_SECONDS_MAX = 0.03
NDJSON = {"Content-Type": "application/x-ndjson"}
BAD_LINE: Post = {"kind": "visit", "title": "", "occurred": "2019-06-07", "source": "paper"}


class Undone(Exception):
    """A transaction is rolled back."""


@dataclass(kw_only=True)
class Load:
    """What the writers were told while they wrote."""

    chance: random.Random
    ends_at: float
    acknowledged: dict[str, int] = field(default_factory=dict)
    """The position of each record, by its id."""
    unseen: set[str] = field(default_factory=set)
    """Posts that waited to become readable and did not."""

    async def repeat(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write once at least, and until the time is over."""
        await write()
        while time.monotonic() < self.ends_at:
            await asyncio.sleep(self.chance.random() * STALL_SECONDS_MAX)
            await write()

    async def single(self, client: httpx.AsyncClient) -> None:
        """Some posts at once."""
        waits = self.chance.random() < 0.5
        await asyncio.gather(*(self._post(client, waits) for _ in range(self.chance.randint(1, BURST_MAX))))

    async def _post(self, client: httpx.AsyncClient, waits: bool) -> None:
        answer = await client.post("/v1/events", json=_visit(), params={} if waits else {"wait": "false"})
        assert answer.status_code == 201, answer.text
        receipt = answer.json()
        self.acknowledged[receipt["id"]] = receipt["position"]
        if waits and not receipt["visible"]:
            self.unseen.add(receipt["id"])

    async def batch(self, client: httpx.AsyncClient) -> None:
        """Lines in one batch, in either form and mode; by chance one of them is refused."""
        mode, bad = self.chance.choice(["atomic", "each"]), self.chance.random() < 0.3
        lines = [_visit() for _ in range(self.chance.randint(1, LINES_MAX))]
        lines[self.chance.randrange(len(lines)) :] += [BAD_LINE] if bad else []
        body = "\n".join(json.dumps(line) for line in lines)
        answer = await client.post("/v1/events/batch", params={"mode": mode}, content=body, headers=NDJSON)
        assert answer.status_code == (422 if bad and mode == "atomic" else 200 if bad else 201), answer.text
        verdicts = answer.json()["verdicts"]
        recorded = {each["id"]: each["position"] for each in verdicts if each["status"] == 201}
        assert len(recorded) == (0 if answer.status_code == 422 else len(lines) - bad)
        self.acknowledged |= recorded

    async def stall(self, connection: asyncpg.Connection, desk: Desk) -> None:
        """A transaction that takes its time after the append; by chance it is rolled back."""
        admitted = await desk.verdicts(*(_visit() for _ in range(self.chance.randint(1, BURST_MAX))))
        records = [each.records[-1] for each in admitted if isinstance(each, Admitted)]
        undone = self.chance.random() < 0.2
        with suppress(Undone):
            async with connection.transaction():
                first = await append_raw(connection, *records)
                await asyncio.sleep(self.chance.random() * STALL_SECONDS_MAX)
                if undone:
                    raise Undone
        if not undone:
            self.acknowledged |= {str(each.id): at for at, each in enumerate(records, first)}


def _visit() -> Post:
    return VISIT | {"id": str(uuid4())}


async def write_for(pair: Pair, seconds: float, chance: random.Random) -> Load:
    """Let eight writers write for so long; what they were told."""
    load = Load(chance=chance, ends_at=time.monotonic() + seconds)
    async with desk_on(pair.dsn) as desk, asyncio.TaskGroup() as writers:
        for client in pair.clients:
            writers.create_task(load.repeat(partial(load.single, client)))
            writers.create_task(load.repeat(partial(load.single, client)))
            writers.create_task(load.repeat(partial(load.batch, client)))
        for _ in range(2):
            writers.create_task(_stalling(pair.dsn, load, desk))
    return load


async def _stalling(dsn: str, load: Load, desk: Desk) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await load.repeat(partial(load.stall, connection, desk))
    finally:
        connection.terminate()
