"""The lost-record oracle: whoever tails the log, on whatever path, is given 1..N once and in order."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.checks import check_log
from tests.log.appending import fetch
from tests.oracles.load import write_for
from tests.oracles.neighbours import cut_listeners, forgotten_transactions, listening, long_snapshot
from tests.oracles.pair import Pair, pair_on
from tests.oracles.tails import Judged, Tails, judge
from tests.oracles.variants import A_SEQUENCE, LONG_STALLS, NO_NOTIFY, PLAIN_SEQUENCE, STALLS, change_append, run_sql
from tests.postgres import Server

pytestmark = pytest.mark.xdist_group("lost")

SECONDS = 1.2
LONG_SECONDS = 25.0
VARIANT_ROUNDS_MAX = 20
HEAD = "SELECT coalesce(max(position), 0) AS position FROM timeline.log"


@pytest.fixture(scope="module")
def seconds(long: bool) -> float:
    """How long writers write."""
    return LONG_SECONDS if long else SECONDS


@pytest_asyncio.fixture(scope="module")
async def pair(embedded: Server, worker: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    """Two services on a database whose disk is slow at times; at the end the log is whole."""
    name = f"lost_{worker}"
    dsn = await embedded.create(name)
    async with pair_on(dsn, tmp_path_factory.mktemp(name)) as made:
        await run_sql(dsn, STALLS)
        yield made
    await check_log(dsn)
    await embedded.drop(name)


async def head(dsn: str) -> int:
    """The last position."""
    return int((await fetch(dsn, HEAD))[0]["position"])


async def judged(pair: Pair, seconds: float, seed: int, *, with_below: bool = False) -> Judged:
    """Write and read along for so long, and judge."""
    chance, after = random.Random(seed), await head(pair.dsn)
    tails = Tails(pair, after, chance)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(tails.read(with_below=with_below))
        load = await write_for(pair, seconds, chance)
        tails.end_at(await head(pair.dsn))
    found = await judge(pair, after, load, tails)
    print(f"\n{found.records} records, lost by reader: {dict(found.lost)}")
    return found


async def test_every_reader_is_given_every_record_once_and_in_order(pair: Pair, seconds: float) -> None:
    async with listening(pair.dsn) as heard:
        found = await judged(pair, seconds, seed=1)

    assert found.faults == []
    assert found.records > 50
    assert heard.channels != []


async def test_a_long_snapshot_hides_no_record_from_anybody_else(pair: Pair, seconds: float) -> None:
    async with long_snapshot(pair.dsn):
        found = await judged(pair, seconds, seed=2)

    assert found.faults == []


async def test_forgotten_transactions_hold_no_reader_back(pair: Pair, embedded: Server, seconds: float) -> None:
    async with forgotten_transactions(pair.dsn, elsewhere=embedded.dsn("postgres")):
        found = await judged(pair, seconds, seed=3)

    assert found.faults == []


async def test_a_reader_below_the_oldest_transaction_is_held_back_and_the_oracle_sees_it(
    pair: Pair, embedded: Server, seconds: float
) -> None:
    async with forgotten_transactions(pair.dsn, elsewhere=embedded.dsn("postgres")):
        found = await judged(pair, seconds, seed=4, with_below=True)

    held = {name for name, lost in found.lost.items() if lost}
    assert held == {"SQL below the oldest transaction"}
    assert len(found.faults) == 1


async def test_cut_listening_connections_cost_no_reader_a_record(pair: Pair, seconds: float) -> None:
    async with cut_listeners(pair.dsn, random.Random(5)) as cuts:
        found = await judged(pair, seconds, seed=5)

    assert found.faults == []
    assert cuts.times > 2


async def test_without_any_notification_every_record_is_found_by_polling(pair: Pair, seconds: float) -> None:
    true = await change_append(pair.dsn, NO_NOTIFY)
    try:
        async with listening(pair.dsn) as heard:
            found = await judged(pair, seconds, seed=6)
    finally:
        await run_sql(pair.dsn, true)

    assert heard.channels == []
    assert found.faults == []


async def test_a_plain_sequence_loses_records_and_the_oracle_sees_it(
    fresh_database: str, tmp_path: Path, seconds: float
) -> None:
    async with pair_on(fresh_database, tmp_path) as variant:
        await run_sql(variant.dsn, LONG_STALLS + A_SEQUENCE)
        await change_append(variant.dsn, PLAIN_SEQUENCE)
        found = await judged(variant, seconds, seed=7)
        for seed in range(8, 8 + VARIANT_ROUNDS_MAX):
            if not found.lost["SQL"]:  # on a busy machine few transactions overlap
                found = await judged(variant, seconds, seed)

    assert found.lost["SQL"] > 0
    assert f"SQL: {found.lost['SQL']} records never given" in " ".join(found.faults)
