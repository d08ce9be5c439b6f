"""`timeline relay`: the feed into a stream of NATS JetStream."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from timeline.cli.running import DATA_DIR, DATABASE, LOG_FORMAT, database, must_be_migrated, run
from timeline.errors import WrongSetting
from timeline.model.record import MARKINGS, level_of
from timeline.settings import Settings

if TYPE_CHECKING:
    from timeline.relaying import Target


@click.command()
@click.option("--nats", "url", metavar="URL", required=True, help="The NATS server: nats://host:4222, or tls://.")
@click.option("--stream", metavar="NAME", required=True, help="The stream; made, with file storage, if not there.")
@click.option("--subject-prefix", "prefix", default="timeline", show_default=True, help="Before the kind in subjects.")
@click.option(
    "--audience",
    type=click.Choice(MARKINGS),
    required=True,
    help="For whom: what is marked above is not published. What was published can't be taken back.",
)
@click.option(
    "--token-file", type=click.Path(exists=True, dir_okay=False), help="The file of the token that the server asks for."
)
@click.option(
    "--after",
    type=click.IntRange(min=0),
    metavar="POSITION",
    help="Begin after this position, where the stream is new or its last message was removed.",
)
@DATA_DIR
@DATABASE
@LOG_FORMAT
def relay(url: str, audience: str, token_file: str | None, **given: Any) -> None:
    """Publish the feed to a stream of NATS JetStream, each record once and in order, until Ctrl-C.

    Works on the database itself, beside a running service. Goes on after the last message of the stream. Needs the
    extra `nats`.
    """
    if not url.startswith(("nats://", "tls://")):
        raise click.UsageError("--nats: expected nats://host:port or tls://host:port.")
    token = Path(token_file).read_text(encoding="utf-8").strip() if token_file else None
    where = {name: given.pop(name) for name in ("stream", "prefix", "after")}
    run(
        given, lambda settings: _relay(settings, level_of(audience), url=url, token=token, **where), code_when_stopped=0
    )


async def _relay(settings: Settings, level: int, **where: Any) -> int:
    target = _target(**where)
    from timeline.app import reading
    from timeline.relaying import Relay

    async with database(settings) as (dsn, _):
        await must_be_migrated(dsn)
        async with reading(settings, dsn) as to:
            await Relay(to, target, level).run()
    return 0


def _target(**where: Any) -> "Target":
    try:
        from timeline.relaying import NAME, PREFIX, Target
    except ModuleNotFoundError as error:
        if error.name != "nats":
            raise
        raise WrongSetting("Expected the extra `nats` to be installed: pip install 'timeline[nats]'.") from None
    for option, pattern in (("stream", NAME), ("prefix", PREFIX)):
        if not pattern.fullmatch(where[option]):
            named = {"stream": "--stream", "prefix": "--subject-prefix"}[option]
            raise WrongSetting(f"{named}: expected letters, digits, - and _, found {where[option]!r}.")
    return Target(**where)
