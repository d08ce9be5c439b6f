"""The bytes of a leaf: fixed for ever, the same in Python and in the database."""

import hashlib
import json
import random
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.checks import check_log
from tests.log.appending import append, fetch, topic, visit, writer_on
from tests.log.golden import FOLDER, leaves
from timeline.log.merkle import leaf_bytes, leaf_hash

GOLDEN = json.loads((FOLDER / "leaf.json").read_bytes())


def test_the_bytes_of_a_leaf_never_change() -> None:
    assert leaves() == GOLDEN


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: str(golden["position"]))
def test_the_hash_of_a_leaf_is_that_of_rfc_9162(golden: dict[str, str]) -> None:
    assert hashlib.sha256(b"\x00" + golden["leaf"].encode()).hexdigest() == golden["hash"]


def test_a_leaf_tells_position_time_and_commitment_and_nothing_else() -> None:
    assert {tuple(json.loads(golden["leaf"])) for golden in GOLDEN} == {("commitment", "position", "recorded_at", "v")}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
async def test_the_database_makes_the_same_bytes(db: str, zone: str) -> None:
    chance = random.Random(7)
    start = datetime(2019, 6, 17, tzinfo=UTC)
    fractions = [0, 1, 10, 100_000, 999_999, *(chance.randrange(10**6) for _ in range(300))]
    times = [start + timedelta(days=chance.randrange(-9_000, 90_000), microseconds=each) for each in fractions]
    positions = [chance.randrange(1, 2**53) for _ in times]
    commitments = [chance.randbytes(32) for _ in times]

    connection = await asyncpg.connect(db, server_settings={"timezone": zone})
    rows = await connection.fetch(
        "SELECT timeline.leaf(p, t, c) FROM unnest($1::bigint[], $2::timestamptz[], $3::bytea[]) AS new (p, t, c)",
        positions,
        times,
        commitments,
    )
    await connection.close()

    assert [row["leaf"] for row in rows] == list(map(leaf_bytes, positions, times, commitments))


async def test_what_is_stored_is_the_commitment_to_salt_and_bytes_and_the_leaf_s_hash(db: str) -> None:
    async with writer_on(db) as writer:
        await append(writer, visit(), topic("libya"), visit())

    rows = await fetch(db, "SELECT * FROM timeline.log JOIN timeline.payload USING (position) ORDER BY position")

    assert len({row["salt"] for row in rows}) == 3
    for row in rows:
        assert row["commitment"] == hashlib.sha256(row["salt"] + row["bytes"]).digest()
        assert row["leaf_hash"] == leaf_hash(leaf_bytes(row["position"], row["recorded_at"], row["commitment"]))
    await check_log(db)
