"""What every command does around its work: settings, signals, exit codes, the database, bars of progress."""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import rich_click as click

from timeline.errors import DatabaseUnavailable, TimelineError, WrongSetting
from timeline.settings import Settings, from_environment

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
CONNECT_SECONDS_MAX = 10.0

DATA_DIR = click.option(
    "--data-dir",
    metavar="FOLDER",
    help="Where the embedded database and the owner token live.  [default: timeline-data]",
)
DATABASE = click.option("--database-url", metavar="DSN", help="A PostgreSQL 15-18 to use instead of the embedded one.")
LOG_FORMAT = click.option("--log-format", type=click.Choice(["console", "json"]), help="How log lines are written.")

Work = Callable[[Settings], Coroutine[Any, Any, int]]


def run(given: dict[str, Any], work: Work, *, code_when_stopped: int = EXIT_INTERRUPTED) -> None:
    """Do the work, tell what went wrong in words, and leave with the exit code."""
    for sig in (signal.SIGINT, signal.SIGTERM):  # until the work hears them: imports take a while, and leave nothing
        signal.signal(sig, lambda *_: sys.exit(code_when_stopped))
    try:
        settings = from_environment(given)
    except WrongSetting as error:
        click.secho(error.detail, fg="red", err=True)
        sys.exit(EXIT_USAGE)
    from timeline.logs import configure

    configure(settings.log_format, settings.log_level)
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        sys.exit(runner.run(_done(settings, work, code_when_stopped)))


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _done(settings: Settings, work: Work, code_when_stopped: int) -> int:
    """The exit code of the work. A signal cancels it, once: what it started is stopped in its `finally`s."""
    working = asyncio.ensure_future(work(settings))
    _when_told_to_stop(lambda: working.cancelling() or working.cancel())
    try:
        return await working
    except asyncio.CancelledError:
        return code_when_stopped
    except WrongSetting as error:
        _tell(settings, error.detail)
        return EXIT_USAGE
    except TimelineError as error:
        _tell(settings, f"{error.title()}: {error.detail}")
        return EXIT_FAILED
    except Exception as error:
        from timeline.db.pool import is_lost

        if not is_lost(error) or isinstance(error, BrokenPipeError):
            raise
        _tell(settings, f"The database went away: {error}")
        return EXIT_FAILED


def _when_told_to_stop(stop: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A closed terminal stops us too, as our PostgreSQL would outlive us; not under nohup.
        if sig != signal.SIGHUP or signal.getsignal(sig) != signal.SIG_IGN:
            loop.add_signal_handler(sig, stop)


def _tell(settings: Settings, words: str) -> None:
    """Say why nothing came of it, as log lines are written."""
    if settings.log_format == "json":
        import structlog

        structlog.get_logger().error("stopped", detail=words)
    else:
        click.secho(words, fg="red", err=True)


@contextlib.asynccontextmanager
async def database(settings: Settings, *, make: bool = False, alone: bool = False) -> AsyncIterator[tuple[str, Any]]:
    """A DSN, and the embedded server behind it if it is ours to look after.

    `make` makes one where there is none; without `alone` the one of a running service is used as it is.
    """
    if settings.database_url:
        yield await _usable(settings.database_url), None
        return
    from timeline.db.embedded import DataInUse, EmbeddedServer, keep_reachable

    if make:
        keep_reachable(settings.data_path)
    server = EmbeddedServer(settings.data_path)
    if not make and not server.data.exists():
        raise WrongSetting(
            f"There is no database in {settings.data_path}. Expected the --data-dir of a `timeline serve`."
        )
    try:
        dsn = await server.start()
    except DataInUse:
        beside = None if alone else await server.beside()
        if beside is None:
            raise
        yield beside, None
        return
    try:
        yield dsn, server
    finally:
        await server.stop()


async def _usable(dsn: str) -> str:
    """The DSN of a database that lets us in. Never part of a message: it may hold a password."""
    import asyncpg

    try:
        connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS_MAX)
    except OSError as error:
        reason = error.strerror or str(error) or "no answer"
        raise DatabaseUnavailable(f"TIMELINE_DATABASE_URL: {reason}.") from None
    except asyncpg.PostgresError as error:
        raise WrongSetting(f"TIMELINE_DATABASE_URL: the database refuses us: {error}.") from None
    except (asyncpg.InterfaceError, ValueError) as error:
        raise WrongSetting(f"TIMELINE_DATABASE_URL: expected postgresql://user@host/database: {error}.") from None
    await connection.close()
    return dsn


async def must_be_migrated(dsn: str) -> None:
    from timeline.db.migrate import pending
    from timeline.errors import WrongDatabase

    missing = await pending(dsn)
    if missing:
        raise WrongDatabase(f"It lacks {', '.join(missing)}. Run `timeline migrate` on it first.")


def collect_less() -> None:
    """Leave out of garbage collection what is loaded by now, for it stays; and look less often.

    Records and rows come and go by the thousand and hold no cycles: with Python's own thresholds, looking through all
    that lives took a tenth of every post.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@contextlib.contextmanager
def bars(*words: str) -> Iterator[list[Callable[[int, int], object]]]:
    """A progress bar for each on a terminal; nothing when piped."""
    if not sys.stderr.isatty():
        yield [lambda at, of: None for _ in words]
        return
    from rich.console import Console
    from rich.progress import Progress, TaskID

    with Progress(console=Console(stderr=True), transient=True) as progress:

        def shown(task: TaskID) -> Callable[[int, int], object]:
            return lambda at, of: progress.update(task, completed=at, total=max(of, at, 1))

        yield [shown(progress.add_task(each, total=None)) for each in words]
