"""`timeline brief`: the week in words, from the database itself or from a service."""

import asyncio
from pathlib import Path
from typing import Any

import rich_click as click

from timeline.cli.running import DATA_DIR, DATABASE, LOG_FORMAT, database, must_be_migrated, run
from timeline.errors import BadRequest, WrongSetting
from timeline.model.record import MARKINGS
from timeline.settings import Settings


@click.command()
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
@DATA_DIR
@DATABASE
@LOG_FORMAT
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
        run(given, lambda settings: _brief(settings, week, asked, audience or MARKINGS[-1]))
    elif audience is not None:
        raise click.UsageError("--audience does not go with --url: a service knows what its token may read.")
    elif not url.startswith(("http://", "https://")):
        raise click.UsageError("--url: expected an http or https address.")
    else:
        token = Path(token_file).read_text(encoding="utf-8").strip() if token_file else None
        run(given, lambda settings: _brief_there(url, week, asked, token))


async def _brief(settings: Settings, week: str, asked: dict[str, str], audience: str) -> int:
    from timeline.app import reading
    from timeline.briefing import brief_here

    async with database(settings) as (dsn, _):
        await must_be_migrated(dsn)
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
