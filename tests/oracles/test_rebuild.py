"""Rebuilds, twin projectors and poison, in real processes and under load: reads never go back, and end the same."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.checks import check, check_log
from tests.log.appending import fetch
from tests.log.desk import desk_on
from tests.oracles.pair import PAPER, VISIT, Pair, client_of, pair_on, ready, service_on
from tests.oracles.poisoned import POISON
from tests.oracles.rebuilding import (
    AT_THE_GATE,
    GATED_MOVES,
    MOVES_NOT_FORWARD,
    SLOW_MOVES,
    WITNESSED_MOVES,
    begin_rebuild,
    begun,
    gate_shut,
    kill,
    live_and_left,
    rebuild,
    until_rows,
    watched,
)
from tests.oracles.variants import run_sql
from tests.postgres import Server
from tests.projections.loading import post_week
from timeline.db.migrate import migrate

pytestmark = pytest.mark.xdist_group("rebuild")

REBUILDS, LONG_REBUILDS = 1, 10
KILLS, LONG_KILLS = 1, 10
RECORDS, LONG_RECORDS = 2_000, 6_000
"""Beside the sample week, so that a rebuild takes more than one transaction."""
LAST_MOMENT_SECONDS = 0.5
"""After the beginning of a rebuild; by then some are done."""
TWIN_SECONDS, LONG_TWIN_SECONDS = 2.0, 45.0


@pytest_asyncio.fixture(scope="module")
async def pair(
    embedded: Server, worker: str, tmp_path_factory: pytest.TempPathFactory, long: bool
) -> AsyncIterator[Pair]:
    """Two services with the sample week and more, and a gate for rebuilds; at the end all is whole."""
    name = f"rebuild_{worker}"
    dsn = await embedded.create(name)
    async with pair_on(dsn, tmp_path_factory.mktemp(name)) as made:
        await run_sql(dsn, GATED_MOVES + WITNESSED_MOVES)
        await post_week(made.client(0))
        async with desk_on(dsn) as desk:
            for _ in range(LONG_RECORDS if long else RECORDS, 0, -500):
                await desk.post(*[VISIT] * 500)
        yield made
    assert await fetch(dsn, MOVES_NOT_FORWARD) == []
    await check_log(dsn)
    await embedded.drop(name)


async def test_rebuilds_under_load_take_no_reader_back_and_fail_none(pair: Pair, long: bool) -> None:
    live = [(await live_and_left(pair.dsn))[0]]

    async with watched(pair, seed=1) as found:
        for _ in range(LONG_REBUILDS if long else REBUILDS):
            done = await rebuild(pair.dsn)
            assert done.returncode == 0, done.stderr
            assert "readers are on it" in done.stdout
            live.append((await live_and_left(pair.dsn))[0])

    print(f"\n{len(live) - 1} rebuilds beside {found.posts} posts and {found.reads} reads")
    assert found.faults == []
    assert min(found.posts, found.reads) > 5
    assert len(set(live)) == len(live)
    assert (await live_and_left(pair.dsn))[1] == {live[-2]}


async def test_killed_rebuilds_leave_what_is_live_and_the_next_drops_what_they_left(pair: Pair, long: bool) -> None:
    chance, ended = random.Random(2), list[int]()
    live, replaced = await live_and_left(pair.dsn)

    async with watched(pair, seed=2) as found:
        ended.append(await killed_in_mid_transaction(pair.dsn))
        still, left = await live_and_left(pair.dsn)
        for _ in range(LONG_KILLS if long else KILLS):
            process = await begun(pair.dsn)
            await asyncio.sleep(chance.random() * LAST_MOMENT_SECONDS)
            ended.append(await kill(process))
        done = await rebuild(pair.dsn)

    print(f"\n{ended.count(-9)} of {len(ended)} rebuilds were killed before they were done")
    assert found.faults == []
    assert (still, len(left - replaced)) == (live, 1)
    assert (ended[0], set(ended) | {-9, 0}) == (-9, {-9, 0})
    assert done.returncode == 0, done.stderr
    assert len((await live_and_left(pair.dsn))[1]) == 1
    await check_log(pair.dsn)


async def killed_in_mid_transaction(dsn: str) -> int:
    """How a rebuild ended that was killed with a step folded and not committed."""
    async with gate_shut(dsn):
        process = begin_rebuild(dsn)
        await until_rows(dsn, AT_THE_GATE, 1)
        ended = await kill(process)
    await until_rows(dsn, AT_THE_GATE, 0)
    return ended


async def test_of_two_rebuilds_at_once_one_is_done_and_no_reader_learns_of_it(pair: Pair) -> None:
    async with watched(pair, seed=4) as found:
        both = await asyncio.gather(rebuild(pair.dsn), rebuild(pair.dsn))

    assert found.faults == []
    assert 0 in {each.returncode for each in both}, [each.stderr for each in both]


# Two projectors


@dataclass(frozen=True, kw_only=True)
class Twins:
    """How two services of one program got on with each other."""

    fenced: int
    """How often one found its move refused."""
    faults: list[str]


async def twins_judged(dsn: str, folder: Path, program: str, seconds: float, *, erased_only: bool = False) -> Twins:
    """Load two services of a program for so long, or until a projection moves back; what is amiss in the end."""
    async with pair_on(dsn, folder, program=program) as pair:
        await post_week(pair.client(0))
        await run_sql(dsn, WITNESSED_MOVES + SLOW_MOVES)
        async with watched(pair, seed=3, erased_only=erased_only) as found:
            give_up = time.monotonic() + seconds
            while time.monotonic() < give_up and not await fetch(dsn, MOVES_NOT_FORWARD):  # noqa: ASYNC110 – elsewhere
                await asyncio.sleep(0.1)
        healths = [await ready(client) for client in pair.clients]
        fenced = sum(each.stderr.read_text().count("projector fenced") for each in pair.services)
    faults = [f"stopped: {told['projection']}" for status, told in healths if status != 200]
    faults += [f"progress moved from {before} to {after}" for _, before, after in await fetch(dsn, MOVES_NOT_FORWARD)]
    print(f"\n{program}: {found.posts} posts, {found.reads} reads, fenced {fenced} times")
    return Twins(fenced=fenced, faults=found.faults + faults + (await check(dsn)).faults)


async def test_two_projectors_that_both_fold_double_nothing_and_lose_nothing(
    fresh_database: str, tmp_path: Path, long: bool
) -> None:
    seconds = LONG_TWIN_SECONDS if long else TWIN_SECONDS

    found = await twins_judged(fresh_database, tmp_path, "tests.oracles.impolite", seconds)

    assert found.faults == []
    assert found.fenced > 0


async def test_without_compare_and_set_progress_goes_back_and_the_oracle_sees_it(
    fresh_database: str, tmp_path: Path
) -> None:
    found = await twins_judged(fresh_database, tmp_path, "tests.oracles.unfenced", LONG_TWIN_SECONDS, erased_only=True)

    assert any(fault.startswith("progress moved from") for fault in found.faults)


# Poison


async def test_poison_stops_reads_loudly_and_no_write_and_a_mended_fold_goes_on_without_loss(
    fresh_database: str, tmp_path: Path
) -> None:
    await migrate(fresh_database)
    broken = service_on(fresh_database, tmp_path / "broken", program="tests.oracles.poisoned")
    async with broken as service, client_of(service) as client:
        await client.post("/v1/sources", json=PAPER)
        titles = ["Good", "Good", POISON, "After", "After"]
        receipts = [(await client.post("/v1/events", json=VISIT | {"title": title})).json() for title in titles]
        last = receipts[-1]["position"]
        status, told = await ready(client)
        shown = await client.get("/v1/timelines/all")
        behind = await client.get("/v1/timelines/all", params={"min_position": last})

        async with service_on(fresh_database, tmp_path / "mended") as mended, client_of(mended) as other:
            whole = await other.get("/v1/timelines/all", params={"min_position": last})
            healths = [(await ready(each))[0] for each in (client, other)]
            afresh = await client.get("/v1/timelines/all")

    assert [receipt["visible"] for receipt in receipts] == [True, True, False, False, False]
    assert (status, told["log_position"], told["projected_position"]) == (503, last, 3)
    assert told["projection"].startswith("Position 4 can't be folded: KeyError")
    assert (shown.status_code, len(shown.json()["entries"])) == (200, 2)
    assert (behind.status_code, behind.json()["type"]) == (503, "/problems/behind")
    assert len(whole.json()["entries"]) == len(afresh.json()["entries"]) == 5
    assert healths == [503, 200]
    await check_log(fresh_database)
