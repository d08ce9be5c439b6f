"""The projector: exactly once, whatever is killed, raced, poisoned or rebuilt meanwhile."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

import asyncpg
import httpx
import pytest

from tests.checks import check, check_log
from tests.log.appending import append, append_raw, erasure, fetch, tamper, topic, visit, writer_on
from tests.log.desk import desk_on
from tests.projections.folding import (
    ROLE,
    Breaking,
    digest,
    fold_all,
    fresh_tables,
    live_tables,
    position,
    projector_on,
    stopped,
)
from tests.projections.loading import post_stream, post_week
from tests.projections.streams import Stream
from timeline.app import Application
from timeline.db.listen import Listener
from timeline.errors import ForkedLog, PoisonRecord, WrongDatabase
from timeline.log.record import NewRecord, Stored
from timeline.projections import fold as folds
from timeline.projections import projector as projectors
from timeline.projections.projector import Fenced, Projector, drop_left, rebuild, step
from timeline.projections.store import SQL
from timeline.projections.world import World

PAPER = {"kind": "source", "slug": "paper", "name": "A Paper", "marking": "clear"}
VISIT = {"kind": "visit", "title": "A visit", "occurred": "2019-06-07", "source": "paper", "marking": "clear"}
KILL_PROJECTORS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'timeline projector'
"""
Fold = Callable[[World, Stored, Any], None]


async def fill(dsn: str, visits: int) -> list[UUID]:
    """A paper, so many visits, and a denial of the first; the ids of the visits."""
    async with desk_on(dsn) as desk:
        await desk.post(PAPER)
        admitted = await desk.post(*(VISIT | {"title": f"Visit {n}"} for n in range(visits)))
        await desk.post({"kind": "denial", "of": [str(admitted[0].id)], "source": "paper", "occurred": "2019-06-08"})
    return [each.id for each in admitted]


async def at_position(projector: Projector, wanted: int) -> None:
    """Wait for a projector that has lost its database, too."""
    async with asyncio.timeout(10):
        while projector.health.position < wanted:  # noqa: ASYNC110 – what `reached` does not wait for
            await asyncio.sleep(0.005)


async def ready(client: httpx.AsyncClient) -> tuple[int, str]:
    """What `/health/ready` answers, and what it says of the projection."""
    answer = await client.get("/health/ready")
    return answer.status_code, answer.json()["projection"]


# Live equals rebuilt


@pytest.mark.parametrize("seed", [2, 3, 4])
async def test_live_read_models_equal_rebuilt_ones_after_whatever_came(
    application: Application, api: httpx.AsyncClient, seed: int
) -> None:
    await post_week(api)
    taken = await post_stream(api, Stream(seed), 120)
    assert application.service is not None
    await application.service.projector.reached(await application.service.log.head(), 10)

    report = await check_log(application.dsn)

    assert taken > 75
    assert report.compared_at == report.records


async def test_how_records_are_cut_into_batches_leaves_no_trace(
    application: Application, api: httpx.AsyncClient
) -> None:
    await post_week(api)
    await post_stream(api, Stream(4), 80)
    digests = set()

    for limit in (1, 7, 200):
        async with fresh_tables(application.dsn) as (connection, tables):
            await fold_all(connection, tables, limit)
            digests.add(await digest(connection))

    assert len(digests) == 1


async def test_a_rebuild_has_the_digest_of_the_live_tables(db: str) -> None:
    await fill(db, 5)
    async with live_tables(db) as (connection, tables):
        await fold_all(connection, tables)
        live = await digest(connection)

    rebuilt = await rebuild(db, ROLE)

    async with live_tables(db) as (connection, tables):
        assert tables == rebuilt.tables
        assert await digest(connection) == live
    await check_log(db)


# Exactly once


async def test_a_crash_before_any_statement_leaves_nothing_of_the_batch(db: str) -> None:
    await fill(db, 3)
    async with live_tables(db) as (connection, tables):
        empty = await digest(connection)
    crashes = 0

    while True:
        async with live_tables(db) as (connection, tables):
            assert (await digest(connection), await position(connection, tables)) == (empty, 0)
            breaking = Breaking(connection, before=crashes + 2)  # the first reads the log, before the transaction
            try:
                await step(cast("asyncpg.Connection", breaking), tables, 0, 200)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                crashes += 1
                continue
            break

    assert crashes > 12
    await check_log(db)


async def test_of_two_that_fold_the_same_records_one_is_fenced(db: str) -> None:
    await fill(db, 6)

    async with live_tables(db) as (one, tables), live_tables(db) as (other, _):
        for at in range(8):
            outcomes = await asyncio.gather(
                step(one, tables, at, 1), step(other, tables, at, 1), return_exceptions=True
            )
            assert sorted(type(each).__name__ for each in outcomes) in (["Fenced", "int"], ["Fenced", "Fenced", "int"])

    await check_log(db)


async def test_one_that_is_behind_is_fenced_whatever_it_would_write(db: str) -> None:
    await fill(db, 3)

    async with live_tables(db) as (one, tables), live_tables(db) as (other, _):
        await step(one, tables, 0, 3)
        with pytest.raises(Fenced):
            await step(other, tables, 0, 200)

    await check_log(db)


async def test_one_that_is_behind_never_moves_progress_back_though_it_has_nothing_to_write(db: str) -> None:
    async with writer_on(db) as writer:
        (event,) = await append(writer, visit())
        await append(writer, erasure(event.id))

    async with live_tables(db) as (one, tables), live_tables(db) as (other, _):
        await step(one, tables, 0, 2)
        with pytest.raises(Fenced):
            await step(other, tables, 0, 1)
        assert await position(one, tables) == 2


async def test_another_takes_over_when_one_is_killed(db: str) -> None:
    async with projector_on(db) as one, projector_on(db) as other:
        await fill(db, 1)
        assert await one.reached(3, 10)
        await one.stop()
        await fill_more(db, 5)

        assert await other.reached(8, 10)

    await check_log(db)


async def fill_more(dsn: str, topics: int) -> None:
    async with writer_on(dsn) as writer:
        await append(writer, *(topic(f"more-{n}") for n in range(topics)))


async def test_killed_connections_delay_folding_and_double_nothing(db: str) -> None:
    async with projector_on(db) as projector, writer_on(db) as writer:
        for n in range(40):
            await append(writer, topic(f"topic-{n}"))
            if n % 8 == 0:
                await fetch(db, KILL_PROJECTORS)
                await asyncio.sleep(0.02)
        await at_position(projector, 40)

    await check_log(db)


# Poison


def poisoned_at(position: int) -> Fold:
    """A fold that can't take the record at a position."""
    fold = folds.fold

    def poisoned(world: World, stored: Stored, record: Any) -> None:
        fold(world, stored, record)
        if stored.position == position:
            raise KeyError("what this fold did not think of")

    return poisoned


async def append_poison(dsn: str, how: str) -> None:
    """Three good records, one that no version folds, and two good ones."""
    async with writer_on(dsn) as writer:
        await append(writer, *(topic(f"topic-{n}") for n in range(3)))
    connection = await asyncpg.connect(dsn)
    good = topic("topic-3")
    bad = NewRecord(
        id=good.id,
        kind="ghost" if how == "kind" else "topic",
        subject=good.id,
        revision=1,
        payload=good.payload,
        request=b"",
    )
    await append_raw(connection, bad)
    await connection.close()
    async with writer_on(dsn) as writer:
        await append(writer, topic("topic-4"), topic("topic-5"))
    spoilt = "UPDATE timeline.payload SET bytes = replace(encode(bytes, 'escape'), $1, $2)::bytea WHERE position = 4"
    changes: dict[str, tuple[str, ...]] = {
        "bytes": ("UPDATE timeline.payload SET bytes = '\\x7bff' WHERE position = 4",),
        "shape": (spoilt, '"shape":1', '"shape":9'),
        "field": (spoilt, "slug", "slag"),
        "gap": ("DELETE FROM timeline.log WHERE position = 4",),
    }
    if how in changes:
        await tamper(dsn, *changes[how])


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("kind", "Position 4: kind ghost, shape 1 is not known here"),
        ("shape", "Position 4: kind topic, shape 9 is not known here"),
        ("field", "Position 4: Object contains unknown field `slag`"),
        ("bytes", "Position 4 can't be folded: "),
        ("gap", "Expected position 4, found 5. Run `timeline check`."),
    ],
)
async def test_what_comes_before_poison_is_folded_and_nothing_is_skipped(db: str, how: str, said: str) -> None:
    await append_poison(db, how)

    async with projector_on(db) as projector:
        why = await stopped(projector)

    assert why.startswith(said)
    assert projector.health.position == 3
    async with live_tables(db) as (connection, tables):
        assert await position(connection, tables) == 3


async def test_what_the_database_cannot_hold_is_poison_too(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(db, 5)
    fold = folds.fold

    def spoiling(world: World, stored: Stored, record: Any) -> None:
        fold(world, stored, record)
        if stored.position == 4:
            world.cases[str(stored.id)].recorded_by = "a\x00b"

    monkeypatch.setattr(folds, "fold", spoiling)
    async with projector_on(db) as projector:
        why = await stopped(projector)

    assert why.startswith("Position 4 can't be folded: ")
    assert projector.health.position == 3


async def test_a_rebuild_that_meets_poison_leaves_the_live_tables_as_they_are(
    db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(db, 5)
    async with live_tables(db) as (connection, tables):
        await fold_all(connection, tables)

    with monkeypatch.context() as patch:
        patch.setattr(folds, "fold", poisoned_at(4))
        with pytest.raises(PoisonRecord, match="Position 4"):
            await rebuild(db, ROLE)

    async with live_tables(db) as (connection, live):
        assert live == tables
    await check_log(db)


# A log that is not the one that was folded


async def test_a_log_shorter_than_what_was_folded_stops_the_projection(db: str) -> None:
    await fill(db, 5)
    async with live_tables(db) as (connection, tables):
        await fold_all(connection, tables)
    await tamper(db, "DELETE FROM timeline.log WHERE position > 4")

    async with projector_on(db) as projector, asyncio.timeout(10):
        why = await stopped(projector)
        with pytest.raises(ForkedLog):
            await rebuild(db, ROLE)

    assert why == "The log ends at 4, and was folded to 7. Run `timeline check`."
    assert "progress is at 7, and the log ends at 4" in " ".join((await check(db)).faults)


async def test_a_projector_that_stands_still_gives_way_to_another(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projectors, "SILENT_SECONDS_MAX", 1)
    tables = await projectors.begin(db, ROLE)
    suspended = await projectors.connect(db, tables, ROLE, tails=True)
    assert await suspended.fetchval(SQL.try_alone, tables)

    async with projector_on(db) as projector:
        await fill(db, 3)

        assert await projector.reached(3, 30)
    assert suspended.is_closed()
    await check_log(db)


async def test_read_models_of_another_version_are_never_folded_into(db: str) -> None:
    async with projector_on(db) as projector:
        await fetch(db, "UPDATE timeline.progress SET version = version + 1 RETURNING 1")
        await fetch(db, KILL_PROJECTORS)
        why = await stopped(projector)
        with pytest.raises(WrongDatabase):
            await projectors.begin(db, ROLE)
        await fill(db, 2)

    assert why.startswith(f"The read models are of version {folds.VERSION + 1}, this is {folds.VERSION}.")
    assert [tuple(row) for row in await fetch(db, "SELECT version, position FROM timeline.progress")] == [
        (folds.VERSION + 1, 0)
    ]


# Rebuilds


async def test_tables_that_were_replaced_are_folded_no_further(db: str) -> None:
    await fill(db, 1)
    async with live_tables(db) as (connection, replaced):
        await fold_all(connection, replaced)
        await rebuild(db, ROLE)
        await fill_more(db, 2)

        with pytest.raises(Fenced):
            await step(connection, replaced, 3, 200, live_only=True)


async def test_no_switch_is_made_to_tables_that_are_behind(db: str) -> None:
    await fill(db, 3)
    async with live_tables(db) as (connection, live):
        await fold_all(connection, live)
        async with fresh_tables(db) as (other, behind):
            await step(other, behind, 0, 2)

            further = await projectors._switch(other, behind)

    assert further == 5
    async with live_tables(db) as (_, still):
        assert still == live


async def test_the_tables_that_a_rebuild_replaced_are_dropped_by_the_next(db: str) -> None:
    await fill(db, 1)
    first, second, third = [(await rebuild(db, ROLE)).tables for _ in range(3)]

    connection = await asyncpg.connect(db)
    dropped = await drop_left(connection)
    await connection.close()

    assert dropped == [second]
    schemas = {row["nspname"] for row in await fetch(db, "SELECT nspname FROM pg_namespace")}
    assert schemas & {first, second, third} == {third}


# Prompt


async def test_a_waiting_post_is_woken_long_before_the_poll(
    application: Application, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projectors, "POLL_SECONDS", 60.0)
    await api.post("/v1/sources", json=PAPER)
    await asyncio.sleep(0.3)  # by now a wait that began before is over

    took = []
    for _ in range(10):
        began = time.monotonic()
        assert (await api.post("/v1/events", json=VISIT)).json()["visible"] is True
        took.append(time.monotonic() - began)

    assert sorted(took)[5] < 0.1


async def test_a_notification_during_an_empty_read_is_not_slept_through(
    db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projectors, "POLL_SECONDS", 60.0)
    listener, real_step, appended = Listener(), projectors.step, asyncio.Event()
    await listener.start(db, "timeline_log")

    async def step_and_append(connection: asyncpg.Connection, tables: str, after: int, limit: int, **how: bool) -> int:
        reached = await real_step(connection, tables, after, limit, **how)
        if not appended.is_set():
            heard = listener.generation
            async with writer_on(db) as writer:
                await append(writer, topic("libya"))
            await listener.wait_past(heard, 10)
            appended.set()
        return reached

    monkeypatch.setattr(projectors, "step", step_and_append)
    projector = Projector(db, listener, ROLE)
    await projector.start()
    await appended.wait()
    reached = await projector.reached(1, 5)
    await projector.stop()
    await listener.stop()

    assert reached


async def test_without_any_notification_reads_are_live_within_the_poll(db: str) -> None:
    async with projector_on(db, hears=False) as projector, writer_on(db) as writer:
        for n in range(3):
            (receipt,) = await append(writer, topic(f"topic-{n}"))
            assert await projector.reached(receipt.position, 2 * projectors.POLL_SECONDS)


async def test_a_lost_listener_makes_posts_slower_and_no_less_visible(
    application: Application, api: httpx.AsyncClient
) -> None:
    await api.post("/v1/sources", json=PAPER)
    await application._listener.stop()

    answers = [(await api.post("/v1/events", json=VISIT)).json() for _ in range(3)]

    assert [answer["visible"] for answer in answers] == [True] * 3


async def test_a_stopped_projection_is_not_waited_for(db: str) -> None:
    await append_poison(db, "kind")

    async with projector_on(db) as projector:
        await stopped(projector)
        began = time.monotonic()
        reached = await projector.reached(6, 30)

    assert reached is False
    assert time.monotonic() - began < 0.1
