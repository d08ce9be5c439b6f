"""A process of its own folds for one that fills the log: one at a time, none beside a service, and none that stays."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from tests.checks import check_log
from tests.log.appending import append, topic, writer_on
from tests.postgres import ROOT
from tests.projections.folding import projector_on
from timeline.api.posting import APART_RECORDS, keep_pace
from timeline.api.service import Writing
from timeline.folding import Told, _until_idle, apart
from timeline.projections.projector import Health, Projector
from timeline.settings import Settings

WAIT_SECONDS = 30


def children() -> list[int]:
    """The processes that this one has started to fold."""
    started = [pid for each in Path("/proc/self/task").glob("*/children") for pid in each.read_text().split()]
    return [int(pid) for pid in started if b"timeline.folding" in Path(f"/proc/{pid}/cmdline").read_bytes()]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not true():  # noqa: ASYNC110 – the condition belongs to others
            await asyncio.sleep(0.01)


async def test_another_process_folds_and_ours_goes_on_where_it_ends(db: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path))
    async with writer_on(db) as writer, projector_on(db) as ours, apart(settings, db, ours) as begin:
        await until(lambda: ours.health.folding)
        begin()
        begin()
        await until(lambda: not ours.health.folding)
        (receipt,) = await append(writer, topic("libya"))
        seen = await ours.reached(receipt.position, WAIT_SECONDS)
        watched, (child,) = not ours.health.folding, children()

        os.kill(child, signal.SIGKILL)
        (later,) = await append(writer, topic("sudan"))
        seen_later = await ours.reached(later.position, WAIT_SECONDS)

        assert (seen, watched, seen_later, ours.health.folding) == (True, True, True, True)
    assert children() == []
    await check_log(db)


async def test_beside_one_that_folds_nothing_is_started(db: str, tmp_path: Path) -> None:
    async with projector_on(db) as service:
        await until(lambda: service.health.folding)
        async with projector_on(db) as ours, apart(Settings(data_dir=str(tmp_path)), db, ours) as begin:
            begin()

            assert children() == []


@pytest.mark.parametrize("told", [b"", b"fold\n"])
async def test_it_ends_with_its_parent(db: str, told: bytes) -> None:
    words = msgspec.json.encode(Told(dsn=db, log_format="json", log_level="info"))
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "timeline.folding"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None

    async with asyncio.timeout(WAIT_SECONDS):
        child.stdin.write(words + b"\n" + told)
        ready = await child.stdout.readline()
        child.send_signal(signal.SIGINT)
        child.stdin.close()
        code = await child.wait()

    assert (ready, code) == (b"ready\n", 0)


async def test_one_that_has_nothing_to_fold_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("timeline.folding.IDLE_SECONDS", 0.05)
    idle, parent = SimpleNamespace(health=Health(position=3)), asyncio.StreamReader()

    async with asyncio.timeout(WAIT_SECONDS):
        await _until_idle(cast("Projector", idle), parent)

    assert not parent.at_eof()


@pytest.mark.parametrize(("behind", "begun"), [(APART_RECORDS, 0), (APART_RECORDS + 1, 1)])
async def test_what_loads_folds_apart_where_reads_fall_behind(behind: int, begun: int) -> None:
    async def head() -> int:
        return 7 + behind

    begins: list[int] = []
    to = SimpleNamespace(
        log=SimpleNamespace(head=head),
        projector=SimpleNamespace(health=Health(position=7)),
        fold_apart=lambda: begins.append(1),
    )

    await keep_pace(cast("Writing", to))

    assert len(begins) == begun
