"""The command line: serve, brief, migrate, rebuild, check.

Exit codes: 0 done, for `serve` also stopped · 1 a check found faults, or the work failed · 2 the command or a setting
is wrong, or the port is taken · 130 interrupted. Imports stand in functions so that --help waits for none of them.
"""

import asyncio
import contextlib
import gc
import shlex
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import rich_click as click

from timeline import __version__
from timeline.errors import BadRequest, DatabaseUnavailable, TimelineError, WrongSetting
from timeline.model.record import MARKINGS
from timeline.settings import Settings, from_environment

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
WATCH_SECONDS = 0.25
RESTART_SECONDS_MAX = 5.0
CONNECT_SECONDS_MAX = 10.0
BACKLOG = 2_048

_DATA_DIR = click.option(
    "--data-dir",
    metavar="FOLDER",
    help="Where the embedded database and the owner token live.  [default: timeline-data]",
)
_DATABASE = click.option("--database-url", metavar="DSN", help="A PostgreSQL 15-18 to use instead of the embedded one.")
_LOG_FORMAT = click.option("--log-format", type=click.Choice(["console", "json"]), help="How log lines are written.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="timeline")
def main() -> None:
    """Timeline: who said what happened, where each claim stands, and what we knew when.

    Every option is also an environment variable: TIMELINE_PORT for --port. Those without an option are in the README.
    """


@main.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0 takes a free one.  [default: 8000]")
@_DATA_DIR
@_DATABASE
@click.option("--sample/--no-sample", default=None, help="Record the sample week; anybody may read what is clear.")
@_LOG_FORMAT
def serve(**given: Any) -> None:
    """Start the database and the service, and serve until Ctrl-C."""
    _run(given, _serve, code_when_stopped=0)


@main.command()
@click.option("--week", default="last", show_default=True, help="An ISO week (2019-W23), `current` or `last`.")
@click.option("--topic", metavar="NAME", help="Only what is about this topic: its slug or id.")
@click.option("--actor", metavar="NAME", help="Only what stands in this actor's timeline: its slug or id.")
@click.option("--since", metavar="MOMENT", help="Tell what changed since then.  [default: the end of the week before]")
@click.option("--as-of", metavar="MOMENT", help="What was known then.  [default: now]")
@click.option("--on", metavar="DAY", help="The day that overdue is judged by.  [default: today]")
@click.option(
    "--audience",
    type=click.Choice(MARKINGS),
    help="For whom: what is marked above is left out, and standings are made without it.  [default: amber+strict]",
)
@click.option("--url", help="Ask the service there instead of the database.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False),
    help="With --url: the file of the token to ask with; without one what anybody may read is asked for.",
)
@_DATA_DIR
@_DATABASE
@_LOG_FORMAT
def brief(week: str, audience: str | None, url: str | None, token_file: str | None, **given: Any) -> None:
    """Print the brief of a week in Markdown: what happened and was said, where it stands, what changed, on whose word.

    A MOMENT is a day, an instant, an ISO week or a position. Works on the database itself, beside a running service or
    without one. The same text is GET /v1/weeks/2019-W23.md.
    """
    options = {name: given.pop(name) for name in ("topic", "actor", "since", "as_of", "on")}
    asked = {name: value for name, value in options.items() if value is not None}
    if url is None and token_file is not None:
        raise click.UsageError("--token-file goes with --url.")
    if url is None:
        _run(given, lambda settings: _brief(settings, week, asked, audience or MARKINGS[-1]))
    elif audience is not None:
        raise click.UsageError("--audience does not go with --url: a service knows what its token may read.")
    elif not url.startswith(("http://", "https://")):
        raise click.UsageError("--url: expected an http or https address.")
    else:
        token = Path(token_file).read_text(encoding="utf-8").strip() if token_file else None
        _run(given, lambda settings: _brief_there(url, week, asked, token))


@main.command()
@_DATA_DIR
@_DATABASE
@_LOG_FORMAT
def migrate(**given: Any) -> None:
    """Bring the database to this version's schema. `serve` does it too."""
    _run(given, _migrate)


@main.command()
@click.argument("name", required=False, metavar="[NAME]", type=click.Choice(["timelines"]))
@_DATA_DIR
@_DATABASE
@_LOG_FORMAT
def rebuild(name: str | None, **given: Any) -> None:
    """Fold the whole log anew beside the live read models, and switch to the result.

    NAME: which read models; `timelines` are all there are so far, and the default.
    """
    _run(given, _rebuild)


@main.command()
@_DATA_DIR
@_DATABASE
@_LOG_FORMAT
def check(**given: Any) -> None:
    """Verify the whole log, and that the read models equal a rebuild. Exit code 1 if anything does not hold."""
    _run(given, _check)


Work = Callable[[Settings], Coroutine[Any, Any, int]]


def _run(given: dict[str, Any], work: Work, *, code_when_stopped: int = EXIT_INTERRUPTED) -> None:
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
async def _database(settings: Settings, *, make: bool = False, alone: bool = False) -> AsyncIterator[tuple[str, Any]]:
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


async def _must_be_migrated(dsn: str) -> None:
    from timeline.db.migrate import pending
    from timeline.errors import WrongDatabase

    missing = await pending(dsn)
    if missing:
        raise WrongDatabase(f"It lacks {', '.join(missing)}. Run `timeline migrate` on it first.")


async def _serve(settings: Settings) -> int:
    with contextlib.closing(_listen(settings)) as listening:
        from timeline.app import Application
        from timeline.db.migrate import migrate as apply

        async with _database(settings, make=True, alone=True) as (dsn, server):
            await apply(dsn)
            application = Application(settings, dsn)
            async with application.running() as service:
                if settings.sample:
                    from timeline.sample import record_sample

                    await record_sample(service)
                await _serve_on(listening, application, settings, server)
    return 0


def _listen(settings: Settings) -> socket.socket:
    """The socket to serve on, taken before anything is started. Who calls meanwhile waits.

    Listens at once: of two sockets that are bound and don't listen yet, neither learns of the other.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(BACKLOG)
    except (OSError, UnicodeError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or error
        where = f"{settings.host} port {settings.port}"
        raise WrongSetting(f"Can't listen on {where}: {reason}. Choose another --port or --host.") from error
    return listening


async def _serve_on(listening: socket.socket, application: Any, settings: Settings, server: Any) -> None:
    """Serve until cancelled, then let requests finish for as long as they may."""
    import uvicorn

    from timeline.api.wire import Connection, keep_brisk

    class Server(uvicorn.Server):
        """Leaves the signals to us: its own handling kills the process with the same signal afterwards."""

        def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]  # (wider)
            return contextlib.nullcontext()

    config = uvicorn.Config(
        application.asgi,
        http=Connection,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=settings.drain_seconds,  # type: ignore[arg-type]  # (it passes it to wait_for)
        server_header=False,
        loop="none",
        backlog=BACKLOG,
    )
    uvicorn_server = Server(config)
    _collect_less()
    watching = asyncio.gather(_keep_alive(server), keep_brisk(uvicorn_server.server_state.connections))
    serving = asyncio.create_task(uvicorn_server.serve(sockets=[listening]), name="serve")
    _print_where(listening, settings)
    try:
        await asyncio.shield(serving)
    finally:
        uvicorn_server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def _collect_less() -> None:
    """Leave out of garbage collection what is loaded by now, for it stays; and look less often.

    Records and rows come and go by the thousand and hold no cycles: with Python's own thresholds, looking through all
    that lives took a tenth of every post.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


async def _keep_alive(server: Any) -> None:
    """Start the embedded server again whenever it has died, and let it take no writes while its disk is full."""
    import structlog

    log = structlog.get_logger()
    wait = WATCH_SECONDS
    while server is not None:
        await asyncio.sleep(wait)
        wait = min(wait * 2, RESTART_SECONDS_MAX)
        try:
            if server.pid is None:
                log.error("embedded PostgreSQL died; starting it again")
                await server.start()
            await server.keep_spare()
        except Exception as error:  # whatever it is, the next attempt must come
            log.error("embedded PostgreSQL does not do its work", detail=str(error) or type(error).__name__)
        else:
            wait = WATCH_SECONDS


def _print_where(listening: socket.socket, settings: Settings) -> None:
    host, port = listening.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    token = settings.data_path / "owner.token"
    read = f"{url}/v1/timelines/actors/haftar.md" if settings.sample else f"{url}/v1/timelines/all"
    bearer = f'-H "Authorization: Bearer $(cat {shlex.quote(str(token))})" '
    click.echo(f"Timeline {__version__} serves on {url}")
    click.echo(f"  the contract      {url}/docs")
    click.echo(f"  the owner's token {token}")
    click.echo(f"  try               curl {'' if settings.audience else bearer}{shlex.quote(read)}")
    click.echo("  stop              Ctrl-C")


async def _migrate(settings: Settings) -> int:
    from timeline.db.migrate import migrate as apply

    async with _database(settings, make=True) as (dsn, _):
        applied = await apply(dsn, on_step=lambda name: click.echo(f"applying {name}"))
    click.echo(f"{len(applied)} applied." if applied else "Nothing to apply.")
    return 0


async def _brief(settings: Settings, week: str, asked: dict[str, str], audience: str) -> int:
    from timeline.app import reading
    from timeline.briefing import brief_here

    async with _database(settings) as (dsn, _):
        await _must_be_migrated(dsn)
        async with reading(settings, dsn) as to:
            try:
                found = await brief_here(to, week, asked, audience)
            except BadRequest as error:
                raise WrongSetting(error.detail) from None
    click.echo(found, nl=False)
    return 0


async def _brief_there(url: str, week: str, asked: dict[str, str], token: str | None) -> int:
    from timeline.briefing import brief_there

    try:
        found = await asyncio.to_thread(brief_there, url, week, asked, token)
    except BadRequest as error:
        raise WrongSetting(error.detail) from None
    click.echo(found, nl=False)
    return 0


async def _rebuild(settings: Settings) -> int:
    from timeline.app import PROJECTOR_ROLE, role_for
    from timeline.projections.projector import rebuild as fold_anew

    _collect_less()
    async with _database(settings) as (dsn, _):
        await _must_be_migrated(dsn)
        with _bars("rebuilding timelines") as (show,):
            found = await fold_anew(dsn, await role_for(dsn, PROJECTOR_ROLE), show)
    click.echo(found.words())
    return 0


async def _check(settings: Settings) -> int:
    from timeline.app import PROJECTOR_ROLE, role_for
    from timeline.checking import check_all

    async with _database(settings) as (dsn, _):
        await _must_be_migrated(dsn)
        with _bars("checking the log", "rebuilding to compare") as (show_log, show_models):
            report = await check_all(dsn, await role_for(dsn, PROJECTOR_ROLE), show_log, show_models)
    for fault in report.faults:
        click.secho(fault, fg="red", err=True)
    click.echo(report.words())
    return EXIT_FAILED if report.faults else 0


@contextlib.contextmanager
def _bars(*words: str) -> Iterator[list[Callable[[int, int], object]]]:
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
