"""Whatever is changed behind the log's back is found, and named."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import pytest_asyncio

from tests.checks import check, check_log
from tests.log.appending import append, erasure, fetch, tamper, topic, writer_on
from tests.log.desk import desk_on
from tests.projections.folding import projector_on
from timeline.checking import check_all
from timeline.log.record import NewRecord

PAPER = {"kind": "source", "slug": "paper", "name": "A Paper"}
VISIT = {"kind": "visit", "title": "A visit", "occurred": "early June 2019", "source": "paper"}


@pytest_asyncio.fixture
async def whole(db: str) -> AsyncIterator[str]:
    """Seven records, the fourth erased, all folded, nobody at work on them."""
    async with desk_on(db) as desk:
        admitted = await desk.post(PAPER, *(VISIT | {"title": f"Visit {n}", "ref": f"v{n}"} for n in range(2, 6)))
        await desk.post(
            {"kind": "erasure", "subject": str(admitted[3].id), "reason": "A reason.", "authority": "An officer"}
        )
        await desk.post({"kind": "marking", "subject": str(admitted[1].id), "reason": "A reason.", "marking": "clear"})
    async with projector_on(db) as projector:
        assert await projector.reached(7, 10)
    yield db


async def test_a_whole_log_has_no_fault(whole: str) -> None:
    report = await check_log(whole)

    assert (report.records, report.erased, report.compared_at) == (7, 1, 7)
    assert report.words().startswith("The log is whole: 7 records, 1 erased; read models equal a rebuild at 7.")


async def test_an_empty_log_is_whole(db: str) -> None:
    assert (await check_log(db)).records == 0


@pytest.mark.parametrize("during", ["log", "models"])
async def test_what_is_recorded_and_erased_during_a_check_is_no_fault(
    whole: str, during: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("timeline.log.verify.STEP", 1)
    monkeypatch.setattr("timeline.projections.compare.REBUILD_RECORDS_MAX", 1)
    erasures = [erasure(row["id"]) for row in await fetch(whole, "SELECT id FROM timeline.log WHERE position = 5")]

    def meanwhile(phase: str, at: int) -> None:
        if (phase, at) == (during, 1):
            with ThreadPoolExecutor() as another:
                another.submit(asyncio.run, record_beside(whole, *erasures, topic("libya"))).result()

    async with projector_on(whole) as projector:
        report = await check_all(
            whole, None, lambda at, of: meanwhile("log", at), lambda at, of: meanwhile("models", at)
        )
        assert await projector.reached(9, 10)

    assert report.faults == []
    assert (await check_log(whole)).records == 9


async def test_a_check_waits_for_an_erasure_to_be_folded(whole: str) -> None:
    (row,) = await fetch(whole, "SELECT id FROM timeline.log WHERE position = 5")
    await record_beside(whole, erasure(row["id"]))

    checking = asyncio.create_task(check_log(whole))
    await asyncio.sleep(0.2)  # without an event to wait for: a check that does not wait is over by then, and wrong
    async with projector_on(whole) as projector:
        assert await projector.reached(8, 10)
        report = await checking

    assert report.compared_at == 8


async def test_an_erasure_that_nobody_folds_is_named(whole: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("timeline.projections.compare.ERASURE_SECONDS_MAX", 0)
    (row,) = await fetch(whole, "SELECT id FROM timeline.log WHERE position = 5")
    await record_beside(whole, erasure(row["id"]))

    report = await check(whole)

    assert report.faults[0] == "read model: the erasure at position 8 is not folded yet"


async def record_beside(dsn: str, *records: NewRecord) -> None:
    async with writer_on(dsn) as writer:
        await append(writer, *records)


async def test_progress_is_told_to_whoever_watches(whole: str) -> None:
    told: list[tuple[str, int, int]] = []

    await check_all(
        whole, None, lambda at, of: told.append(("log", at, of)), lambda at, of: told.append(("models", at, of))
    )

    assert told[-1] == ("models", 7, 7)
    assert ("log", 7, 7) in told


@pytest.mark.parametrize(
    ("tampering", "named"),
    [
        (
            "UPDATE timeline.payload SET bytes = set_byte(bytes, 60, 88) WHERE position = 3",
            "position 3: its commitment",
        ),
        ("UPDATE timeline.payload SET bytes = '\\x7b' WHERE position = 3", "position 3: its payload can't be read"),
        ("UPDATE timeline.payload SET bytes = '\\x7b7d' WHERE position = 3", "position 3: its payload can't be read"),
        ("UPDATE timeline.payload SET bytes = '\\xff' WHERE position = 3", "position 3: its payload can't be read"),
        (
            "UPDATE timeline.payload SET bytes = bytes || ' ' WHERE position = 3",
            "position 3: its payload is not canonical",
        ),
        ("UPDATE timeline.payload SET salt = sha256('a') WHERE position = 3", "position 3: its commitment"),
        ("UPDATE timeline.log SET commitment = sha256('a') WHERE position = 2", "position 2: its leaf hash"),
        ("UPDATE timeline.log SET leaf_hash = sha256('a') WHERE position = 2", "position 2: its leaf hash"),
        (
            "UPDATE timeline.log SET recorded_at = recorded_at + interval '1 us' WHERE position = 2",
            "position 2: its leaf hash",
        ),
        ("UPDATE timeline.log SET recorded_at = '1999-01-01' WHERE position = 2", "position 2: recorded before"),
        (
            "UPDATE timeline.log SET kind = 'meeting' WHERE position = 2",
            "position 2: its payload speaks of another record",
        ),
        (
            "UPDATE timeline.log SET id = gen_random_uuid() WHERE position = 2",
            "position 2: its payload speaks of another",
        ),
        ("UPDATE timeline.log SET revision = 5 WHERE position = 7", "position 7: its revision does not follow"),
        ("UPDATE timeline.log SET subject = gen_random_uuid() WHERE position = 7", "position 7: its revision does not"),
        (
            "UPDATE timeline.log SET subject = gen_random_uuid() WHERE position = 2",
            "position 2: its payload speaks of another subject",
        ),
        ("DELETE FROM timeline.payload WHERE position = 3", "position 3: its payload is gone without an erasure"),
        ("DELETE FROM timeline.payload WHERE position = 6", "position 6: its payload is gone without an erasure"),
        ("DELETE FROM timeline.log WHERE position = 3", "position 4: expected position 3"),
        ("DELETE FROM timeline.log WHERE position = 1", "position 2: expected position 1"),
        ("DELETE FROM timeline.log WHERE position = 7", "progress is at 7"),
        ("UPDATE timeline.log SET position = 20 WHERE position = 7", "position 20: expected position 7"),
    ],
)
async def test_tampering_with_the_log_is_found_and_named(whole: str, tampering: str, named: str) -> None:
    await tamper(whole, tampering)

    async with asyncio.timeout(10):
        report = await check(whole)

    assert any(named in fault for fault in report.faults), report.faults


async def test_two_records_that_changed_places_are_found(whole: str) -> None:
    await tamper(whole, "UPDATE timeline.log SET position = 30 WHERE position = 2")
    await tamper(whole, "UPDATE timeline.log SET position = 2 WHERE position = 3")
    await tamper(whole, "UPDATE timeline.log SET position = 3 WHERE position = 30")

    report = await check(whole)

    assert {fault[:10] for fault in report.faults} >= {"position 2", "position 3"}


@pytest.mark.parametrize(
    ("tampering", "table"),
    [
        ("UPDATE event_state SET standing = 'confirmed' WHERE kind = 'visit'", "event_state"),
        ("UPDATE event_state SET body = body || ' '", "event_state"),
        ("DELETE FROM timeline_entry WHERE position = 3", "timeline_entry"),
        ("UPDATE timeline_entry SET at = at + 1 WHERE position = 3", "timeline_entry"),
        ("UPDATE event SET status = 'recalled' WHERE position = 3", "event"),
        ("UPDATE registered SET name = 'Another'", "registered"),
        ("UPDATE voice SET level = 0", "voice"),
        ("DELETE FROM rest", "rest"),
        ("INSERT INTO answer VALUES (gen_random_uuid(), gen_random_uuid())", "answer"),
    ],
)
async def test_tampering_with_a_read_model_is_found_and_its_table_named(whole: str, tampering: str, table: str) -> None:
    (live,) = await fetch(whole, "SELECT tables FROM timeline.progress WHERE live")
    await tamper(whole, f'SET search_path = "{live["tables"]}"; {tampering}')

    report = await check(whole)

    assert [fault.partition(":")[2].strip().partition(":")[0] for fault in report.faults] == [table]


async def test_a_check_leaves_no_tables_behind(whole: str) -> None:
    schemas = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'timelines%'"
    before = await fetch(whole, schemas)
    await tamper(whole, "DELETE FROM timeline.log WHERE position = 3")

    await check(whole)

    assert await fetch(whole, schemas) == before
    assert len(await fetch(whole, "SELECT FROM timeline.progress")) == 1


async def test_a_name_that_was_turned_to_another_thing_is_found(whole: str) -> None:
    await tamper(whole, "UPDATE timeline.name SET key = 'another' WHERE form = 'slug'")

    report = await check(whole)

    assert any("'another'" in fault and "never registered" in fault for fault in report.faults)
    assert any("'paper'" in fault and "missing" in fault for fault in report.faults)
