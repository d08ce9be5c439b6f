"""The command line: serve, migrate, rebuild, check.

Exit codes: 0 done · 1 a check found faults, or the work failed · 2 the command or a setting is wrong.
"""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import rich_click as click

from timeline import __version__
from timeline.errors import Broken, TimelineError, WrongSetting
from timeline.settings import Settings, from_environment

EXIT_FAILED = 1
EXIT_USAGE = 2
WATCH_SECONDS = 0.5

_DATA_DIR = click.option("--data-dir", metavar="FOLDER", help="Where the embedded database and the owner token live.")
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
@click.option("--sample", is_flag=True, default=None, help="Record the sample week; anybody may read what is clear.")
@_LOG_FORMAT
def serve(**given: Any) -> None:
    """Start the database and the service, and serve until Ctrl-C."""
    _run(given, _serve)


@main.command()
@_DATA_DIR
@_DATABASE
@_LOG_FORMAT
def migrate(**given: Any) -> None:
    """Bring the database to this version's schema. `serve` does it too."""
    _run(given, _migrate)


@main.command()
@click.argument("name", required=False, type=click.Choice(["timelines"]))
@_DATA_DIR
@_DATABASE
@_LOG_FORMAT
def rebuild(name: str | None, **given: Any) -> None:
    """Fold the whole log anew beside the live read models, and switch to the result. NAME: which; all when left out."""
    _run(given, _rebuild)


@main.command()
@_DATA_DIR
@_DATABASE
@_LOG_FORMAT
def check(**given: Any) -> None:
    """Verify the whole log, and that the read models equal a rebuild. Exit code 1 if anything does not hold."""
    _run(given, _check)


def _run(given: dict[str, Any], work: Callable[[Settings], Coroutine[Any, Any, int]]) -> None:
    from timeline.logs import configure

    try:
        settings = from_environment(given)
        configure(settings.log_format, settings.log_level)
        code = asyncio.run(work(settings))
    except WrongSetting as error:
        click.secho(error.detail, fg="red", err=True)
        code = EXIT_USAGE
    except TimelineError as error:
        click.secho(f"{error.title()}: {error.detail}", fg="red", err=True)
        code = EXIT_FAILED
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


@contextlib.asynccontextmanager
async def _database(settings: Settings, *, own: bool = False) -> AsyncIterator[tuple[str, Any]]:
    """A DSN, and the embedded server behind it if we run one.

    `own` starts the embedded server for ourselves; otherwise one that a running service started is used as it is.
    """
    if settings.database_url:
        yield settings.database_url, None
        return
    from timeline.db.embedded import EmbeddedServer

    server = EmbeddedServer(settings.data_path)
    if not own and await _answers(server.dsn):
        yield server.dsn, None
        return
    try:
        yield await server.start(), server
    finally:
        await server.stop()


async def _answers(dsn: str) -> bool:
    import asyncpg

    try:
        connection = await asyncpg.connect(dsn, timeout=2)
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return False
    await connection.close()
    return True


async def _serve(settings: Settings) -> int:
    from timeline.app import Application
    from timeline.db.migrate import migrate as apply

    listening = _listen(settings)
    with contextlib.closing(listening):
        async with _database(settings, own=True) as (dsn, server):
            await apply(dsn)
            application = Application(settings, dsn)
            async with application.running() as service:
                if settings.sample:
                    from timeline.sample import record_sample

                    await record_sample(service)
                await _serve_on(listening, application, settings, server)
    return 0


def _listen(settings: Settings) -> socket.socket:
    """The socket to serve on, taken before anything is started."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        where = f"{settings.host}:{settings.port}"
        raise WrongSetting(f"Can't listen on {where}: {error.strerror}. Choose another --port or --host.") from error
    return listening


async def _serve_on(listening: socket.socket, application: Any, settings: Settings, server: Any) -> None:
    import uvicorn

    config = uvicorn.Config(
        application.asgi,
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=max(1, round(settings.drain_seconds)),
        server_header=False,
        loop="none",
    )
    _print_where(listening, application, settings)
    uvicorn_server = uvicorn.Server(config)
    watching = asyncio.create_task(_keep_alive(server), name="watch the embedded server")
    try:
        await uvicorn_server.serve(sockets=[listening])
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _keep_alive(server: Any) -> None:
    """Start the embedded server again whenever it has died."""
    while server is not None:
        await asyncio.sleep(WATCH_SECONDS)
        if server.pid is None:
            import structlog

            structlog.get_logger().error("embedded server died; starting it again")
            with contextlib.suppress(Broken):
                await server.start()


def _print_where(listening: socket.socket, application: Any, settings: Settings) -> None:
    host, port = listening.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    token = settings.data_path / "owner.token"
    click.echo(f"Timeline {__version__} serves on {url}")
    click.echo(f"  the contract      {url}/docs")
    click.echo(f"  the owner's token {token}")
    if settings.sample:
        click.echo(f"  try               curl {url}/v1/timelines/actors/haftar.md")
    else:
        click.echo(f"  try               curl -H \"Authorization: Bearer $(cat '{token}')\" {url}/v1/timelines/all")
    click.echo("  stop              Ctrl-C")


async def _migrate(settings: Settings) -> int:
    from timeline.db.migrate import migrate as apply

    async with _database(settings) as (dsn, _):
        applied = await apply(dsn, on_step=lambda name: click.echo(f"applying {name}"))
    click.echo(f"{len(applied)} applied." if applied else "Nothing to apply.")
    return 0


async def _rebuild(settings: Settings) -> int:
    from timeline.app import PROJECTOR_ROLE, role_for
    from timeline.projections.projector import rebuild as fold_anew

    async with _database(settings) as (dsn, _):
        with _bar("rebuilding timelines") as show:
            found = await fold_anew(dsn, await role_for(dsn, PROJECTOR_ROLE), show)
    click.echo(found.words())
    return 0


async def _check(settings: Settings) -> int:
    from timeline.app import PROJECTOR_ROLE, role_for
    from timeline.checking import check_all

    async with _database(settings) as (dsn, _):
        with _bar("checking the log") as show_log, _bar("rebuilding to compare") as show_models:
            report = await check_all(dsn, await role_for(dsn, PROJECTOR_ROLE), show_log, show_models)
    for fault in report.faults:
        click.secho(fault, fg="red", err=True)
    click.echo(report.words())
    return EXIT_FAILED if report.faults else 0


@contextlib.contextmanager
def _bar(words: str) -> Any:
    """A progress bar on a terminal; nothing when piped."""
    if not sys.stderr.isatty():
        yield lambda at, of: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(words, total=None)
        yield lambda at, of: progress.update(task, completed=at, total=max(of, at, 1))


# Ctrl-C while starting stops at once, and runs every `finally` on its way.
signal.signal(signal.SIGTERM, signal.default_int_handler)
