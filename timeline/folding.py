"""Fold the log in a process of its own, beside one that fills it: an import, or a service that is sent batches.

Python runs on one core a process, and mapping and admitting take that. The child folds as any projector does: alone by
the lock on the tables, exactly once by compare-and-set. It ends when there has been nothing to fold for a while, and
with its parent, however that ends: its standard input closes then. The parent's own projector watches meanwhile, and
goes on where the child ends.
"""

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import structlog

from timeline.db.listen import Listener
from timeline.db.logins import PROJECTOR, login_for
from timeline.logs import configure
from timeline.projections.projector import REBUILD_RECORDS_MAX, Projector
from timeline.settings import Settings

log = structlog.get_logger()

START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 10.0
LOOK_SECONDS = 0.02
IDLE_SECONDS = 10.0
"""So long a child that has nothing to fold stays."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the parent says first, in a line of JSON: on no command line and in no environment, for it may hold a
    password."""

    dsn: str
    log_format: str
    log_level: str


@contextlib.asynccontextmanager
async def apart(settings: Settings, dsn: str, projector: Projector) -> AsyncIterator[Callable[[], None]]:
    """Inside, calling what this gives moves the folding from `projector` to a process of its own, where it is ours to
    move: beside a service that folds, nothing is started."""
    moving: asyncio.Task[None] | None = None

    def begin() -> None:
        nonlocal moving
        if (moving is None or moving.done()) and projector.health.folding:
            moving = asyncio.create_task(_moved(settings, dsn, projector), name="folding apart")

    try:
        yield begin
    finally:
        if moving is not None:
            moving.cancel()
            await asyncio.gather(moving, return_exceptions=True)


async def _moved(settings: Settings, dsn: str, projector: Projector) -> None:
    """Start the child, hand the tables over once it is ready, and keep it until cancelled."""
    told = msgspec.json.encode(Told(dsn=dsn, log_format=settings.log_format, log_level=settings.log_level))
    # From the folder that this package is in, which `-m` looks in first.
    home = Path(__file__).parents[1]
    words = (sys.executable, "-m", __name__)
    child = await asyncio.create_subprocess_exec(*words, stdin=PIPE, stdout=PIPE, cwd=home)
    try:
        async with asyncio.timeout(START_SECONDS_MAX):
            await _say(child, told)
            await _heard(child)  # it is ready to fold
            await projector.stop()
            try:
                await _say(child, b"fold")
                await _heard(child)  # it folds: from here ours only watches
            finally:
                await projector.start()
        if await child.wait():
            log.warning("the folding process failed; folding here", code=child.returncode)
    except (OSError, EOFError, TimeoutError) as error:
        log.warning("no folding in a process of its own", error=type(error).__name__)
    finally:
        await _ended(child)


async def _say(child: Process, words: bytes) -> None:
    assert child.stdin is not None
    child.stdin.write(words + b"\n")
    await child.stdin.drain()


async def _heard(child: Process) -> None:
    assert child.stdout is not None
    if not await child.stdout.readline():
        raise EOFError


async def _ended(child: Process) -> None:
    """Let the child end, which it does between two batches or by giving one up; end it, where it does not."""
    assert child.stdin is not None
    child.stdin.close()
    try:
        async with asyncio.timeout(STOP_SECONDS_MAX):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()


async def fold() -> None:
    """Be the child: fold, once told to, until standard input closes."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    told = msgspec.json.decode(await lines.readline(), type=Told)
    configure(told.log_format, told.log_level)
    dsn, role = await login_for(told.dsn, PROJECTOR)
    listener = Listener()
    await listener.start(dsn, "timeline_log")
    projector = Projector(dsn, listener, role, records_max=REBUILD_RECORDS_MAX)
    try:
        print("ready", flush=True)
        if await lines.readline():
            await projector.start()
            while not projector.health.folding and not lines.at_eof():  # noqa: ASYNC110  (health is looked at, not told)
                await asyncio.sleep(LOOK_SECONDS)
            print("folding", flush=True)
            await _until_idle(projector, lines)
    finally:
        await projector.stop()
        await listener.stop()


async def _until_idle(projector: Projector, lines: asyncio.StreamReader) -> None:
    """Until the parent has ended, or nothing was folded for a while."""
    folded = -1
    while folded != projector.health.position and not lines.at_eof():
        folded = projector.health.position
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS):
                await lines.read()


def main() -> None:
    """Run it. What stops the parent from a terminal reaches the child too, which waits for the parent to end it."""
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    asyncio.run(fold())


if __name__ == "__main__":
    main()
