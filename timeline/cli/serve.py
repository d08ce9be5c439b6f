"""`timeline serve`: the database, the service, and what looks after both until Ctrl-C."""

import asyncio
import contextlib
import shlex
import socket
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import rich_click as click

from timeline import __version__
from timeline.cli.running import DATA_DIR, DATABASE, LOG_FORMAT, collect_less, database, run
from timeline.errors import WrongSetting
from timeline.settings import Settings

WATCH_SECONDS = 0.25
RESTART_SECONDS_MAX = 5.0
BACKLOG = 2_048


@click.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0 takes a free one.  [default: 8000]")
@click.option(
    "--insecure",
    is_flag=True,
    default=None,
    help="Listen where others reach it, without TLS: tokens in the clear.",
)
@click.option("--tls-cert", metavar="FILE", help="Certificate and chain (PEM), to end TLS ourselves.")
@click.option("--tls-key", metavar="FILE", help="Its private key (PEM), of mode 0600.")
@DATA_DIR
@DATABASE
@click.option("--sample/--no-sample", default=None, help="Record the sample week; anybody may read what is clear.")
@LOG_FORMAT
def serve(**given: Any) -> None:
    """Start the database and the service, and serve until Ctrl-C."""
    run(given, _serve, code_when_stopped=0)


async def _serve(settings: Settings) -> int:
    refuse_in_the_clear(settings)
    tls = _tls(settings)
    with contextlib.closing(_listen(settings)) as listening:
        from timeline.app import Application
        from timeline.db.migrate import migrate as apply

        async with database(settings, make=True, alone=True) as (dsn, server):
            await apply(dsn)
            application = Application(settings, dsn)
            async with application.running() as service:
                if settings.sample:
                    from timeline.sample import record_sample

                    await record_sample(service)
                await _serve_on(listening, application, settings, server, tls)
    return 0


def refuse_in_the_clear(settings: Settings) -> None:
    """Let nobody's token pass a network in the clear without their knowing.

    Raises:
        WrongSetting: others reach the address, and neither is TLS there nor is it said that there need be none.
    """
    if settings.tls or settings.insecure or _is_loopback(settings.host):
        return
    raise WrongSetting(
        f"Others reach {settings.host}, and without TLS every token passes in the clear. Expected one of: --tls-cert "
        "and --tls-key; TIMELINE_TRUSTED_PROXIES, where a proxy in front ends TLS; --insecure, where the network is "
        "trusted."
    )


def _is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; of a name all that it stands for must be so."""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return True  # nothing listens there: that is told by who tries
    return all(ip_address(str(each).partition("%")[0]).is_loopback for each in found)


def _tls(settings: Settings) -> dict[str, str]:
    """What the server needs to end TLS, tried now rather than when somebody comes.

    Raises:
        WrongSetting: half of it is given, others may read the key, or the two can't be used.
    """
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise WrongSetting("TIMELINE_TLS_CERT and TIMELINE_TLS_KEY: expected both or neither.")
    if settings.tls_cert is None or settings.tls_key is None:
        return {}
    try:
        from timeline.access.files import refuse_shared

        refuse_shared(Path(settings.tls_key), "the private key")
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise WrongSetting(f"Can't use {settings.tls_cert} with {settings.tls_key}: {error}.") from error
    return {"ssl_certfile": settings.tls_cert, "ssl_keyfile": settings.tls_key}


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


async def _serve_on(
    listening: socket.socket, application: Any, settings: Settings, server: Any, tls: dict[str, str]
) -> None:
    """Serve until cancelled, then let requests finish for as long as they may."""
    import uvicorn

    from timeline.api.wire import connection_of, keep_brisk

    class Server(uvicorn.Server):
        """Leaves the signals to us: its own handling kills the process with the same signal afterwards."""

        def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]  # (wider)
            return contextlib.nullcontext()

    config = uvicorn.Config(
        application.asgi,
        http=connection_of(settings),
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=settings.drain_seconds,  # type: ignore[arg-type]  # (it passes it to wait_for)
        server_header=False,
        loop="none",
        backlog=BACKLOG,
        timeout_keep_alive=settings.idle_seconds_max,
        # Its own default believes whoever comes from this machine, and what an environment variable says.
        proxy_headers=settings.trusted_proxies is not None,
        forwarded_allow_ips=(settings.trusted_proxies or "").replace(" ", "").split(","),
        **tls,  # type: ignore[arg-type]  # (two of its many parameters, both paths)
    )
    uvicorn_server = Server(config)
    collect_less()
    watching = asyncio.gather(_keep_alive(server), keep_brisk(uvicorn_server.server_state.connections))
    serving = asyncio.create_task(uvicorn_server.serve(sockets=[listening]), name="serve")
    _print_where(listening, settings)
    try:
        await asyncio.shield(serving)
    finally:
        application.end_streams()
        uvicorn_server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


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
    scheme = "https" if settings.tls_cert else "http"
    url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    token = settings.data_path / "owner.token"
    read = f"{url}/v1/timelines/actors/haftar.md" if settings.sample else f"{url}/v1/timelines/all"
    bearer = f'-H "Authorization: Bearer $(cat {shlex.quote(str(token))})" '
    click.echo(f"Timeline {__version__} serves on {url}")
    click.echo(f"  the contract      {url}/docs")
    click.echo(f"  the owner's token {token}")
    click.echo(f"  try               curl {'' if settings.audience else bearer}{shlex.quote(read)}")
    click.echo("  stop              Ctrl-C")
