"""Readers that tail the log on every path, and the oracle that judges what they were given."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import asyncpg
import httpx

from tests.log.appending import fetch
from tests.oracles.load import Load
from tests.oracles.pair import Pair
from timeline.log.read import SQL

NAIVE = "SELECT position, id FROM timeline.log WHERE position > $1 ORDER BY position LIMIT $2"
BELOW_THE_OLDEST = """
SELECT position, id FROM timeline.log
WHERE position > $1 AND xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
ORDER BY position LIMIT $2
"""
"""What some do where positions are drawn without a lock: read only what is older than every open transaction."""
AS_IT_STANDS = "SELECT position, id, recorded_at FROM timeline.log WHERE position > $1 ORDER BY position"
STEP_MAX = 200
PAUSE_SECONDS = 0.004


class Line(NamedTuple):
    """A record as a reader was given it."""

    position: int
    id: str


class Tails:
    """Everybody who reads along, from after a position until told where the log ends."""

    def __init__(self, pair: Pair, after: int, chance: random.Random) -> None:
        self._pair, self._after, self._chance = pair, after, chance
        self._end: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.given: dict[str, list[Line]] = {}

    async def read(self, *, with_below: bool = False) -> None:
        """Let all of them read until the end."""
        async with asyncio.TaskGroup() as readers:
            readers.create_task(self._by_sql("SQL", NAIVE))
            readers.create_task(self._by_sql("SQL as the projector reads", SQL.tail))
            if with_below:
                readers.create_task(self._by_sql("SQL below the oldest transaction", BELOW_THE_OLDEST))
            for name, client in zip(("one", "other"), self._pair.clients, strict=True):
                readers.create_task(self._by_pages(f"pages of {name}", client, "application/json"))
                readers.create_task(self._by_pages(f"NDJSON of {name}", client, "application/x-ndjson"))

    def end_at(self, position: int) -> None:
        """Nobody writes any more: this is the last position."""
        self._end.set_result(position)

    async def _by_sql(self, name: str, statement: str) -> None:
        given, after = self.given.setdefault(name, []), self._after
        connection = await asyncpg.connect(self._pair.dsn)
        try:
            while True:
                ended = self._end.done()
                limit = self._chance.randint(1, STEP_MAX)
                rows = await connection.fetch(statement, after, after + limit if statement is SQL.tail else limit)
                given += [Line(row["position"], str(row["id"])) for row in rows]
                after = max((row["position"] for row in rows), default=after)
                if ended and not rows:
                    return
                await asyncio.sleep(PAUSE_SECONDS * self._chance.random())
        finally:
            connection.terminate()

    async def _by_pages(self, name: str, client: httpx.AsyncClient, media_type: str) -> None:
        given, after = self.given.setdefault(name, []), self._after
        while True:
            asked = {"after": after, "limit": self._chance.randint(1, STEP_MAX)}
            ended = self._end.done()
            asked |= {"min_position": self._end.result()} if ended else {}
            answer = await client.get("/v1/changes", params=asked, headers={"Accept": media_type})
            if ended and answer.status_code == 503:
                return  # reads never get to the end; what this reader was not given counts as lost
            assert answer.status_code == 200, answer.text
            given += _lines(answer, media_type)
            reached = int(answer.headers["Timeline-Next"])
            if ended and reached == after:
                return
            if reached == after:
                await asyncio.sleep(PAUSE_SECONDS * self._chance.random())
            after = reached


def _lines(answer: httpx.Response, media_type: str) -> list[Line]:
    if media_type == "application/json":
        records = answer.json()["records"]
    else:
        records = [json.loads(line) for line in answer.text.splitlines()]
    return [Line(each["position"], each["id"]) for each in records]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What the oracle found."""

    records: int
    lost: Mapping[str, int]
    """How many records of the log each reader was never given."""
    faults: Sequence[str]
    """Everything that is not as promised, the losses among it."""


async def judge(pair: Pair, after: int, load: Load, tails: Tails) -> Judged:
    """Hold what was given to each reader, and what was acknowledged, against the log as it stands."""
    rows = await fetch(pair.dsn, AS_IT_STANDS, after)
    log = [Line(row["position"], str(row["id"])) for row in rows]
    lost = {name: len(set(log) - set(given)) for name, given in tails.given.items()}
    faults = [f"the log lacks {gap}" for gap in _gaps(after, log)]
    times = [row["recorded_at"] for row in rows]
    faults += ["a record is no later than the one ahead of it"] * (times != sorted(set(times)))
    faults += [fault for name, given in tails.given.items() for fault in _faults(name, given, log)]
    unstored = set(load.acknowledged.items()) - {(line.id, line.position) for line in log}
    faults += [f"{len(unstored)} acknowledged records are not in the log where they were said to be"] * bool(unstored)
    faults += [f"{len(load.unseen)} posts waited to be readable in vain"] * bool(load.unseen)
    return Judged(records=len(log), lost=lost, faults=faults)


def _gaps(after: int, log: list[Line]) -> list[str]:
    ends = [after, *(line.position for line in log)]
    return [f"{one + 1} to {other - 1}" for one, other in pairwise(ends) if other != one + 1]


def _faults(name: str, given: list[Line], log: list[Line]) -> list[str]:
    """What one reader was given amiss."""
    missing, strange = set(log) - set(given), set(given) - set(log)
    twice = [line for line, times in Counter(given).items() if times > 1]
    disordered = [other for one, other in pairwise(given) if other.position <= one.position]
    told = {"never given": missing, "not in the log": strange, "given twice": twice, "out of order": disordered}
    return [
        f"{name}: {len(lines)} records {what}, first {min(lines).position}" for what, lines in told.items() if lines
    ]
