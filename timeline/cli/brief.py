"""`timeline brief`: the week in words, from the database itself or from a service."""

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

import rich_click as click

from timeline.cli.running import DATA_DIR, DATABASE, LOG_FORMAT, database, must_be_migrated, run
from timeline.errors import BadRequest, WrongSetting
from timeline.model.record import MARKINGS
from timeline.settings import Settings


class Form(NamedTuple):
    """How a brief is to be written, and where to."""

    form: str
    template: str | None
    output: str | None

    def give(self, content: bytes) -> None:
        """Print it, or write it to its file."""
        if self.output is not None:
            Path(self.output).write_bytes(content)
        else:
            click.echo(content, nl=False)


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
@click.option("--format", "form", type=click.Choice(["md", "html", "docx"]), default="md", show_default=True)
@click.option(
    "--template",
    type=click.Path(exists=True, dir_okay=False),
    help="Put together by this Markdown template instead of ours (`--print-template` prints that to start from).",
)
@click.option("--print-template", is_flag=True, help="Print our template, and nothing else.")
@click.option("--output", type=click.Path(dir_okay=False), help="Write it to this file instead of printing it.")
@DATA_DIR
@DATABASE
@LOG_FORMAT
def brief(
    week: str,
    audience: str | None,
    url: str | None,
    token_file: str | None,
    form: str,
    template: str | None,
    print_template: bool,
    output: str | None,
    **given: Any,
) -> None:
    """Print the brief of a week: what happened and was said, where it stands, what changed, on whose word.

    A MOMENT is a day, an instant, an ISO week or a position. Works on the database itself, beside a running service or
    without one. The same is GET /v1/weeks/2019-W23.md, .html or .docx.
    """
    options = {name: given.pop(name) for name in ("topic", "actor", "since", "as_of", "on")}
    asked = {name: value for name, value in options.items() if value is not None}
    shape = Form(form, Path(template).read_text(encoding="utf-8") if template else None, output)
    if print_template:
        from timeline.formats.brief import TEMPLATE

        click.echo(TEMPLATE, nl=False)
        return
    if url is None and token_file is not None:
        raise click.UsageError("--token-file goes with --url.")
    if url is None:
        run(given, lambda settings: _brief(settings, week, asked, audience or MARKINGS[-1], shape))
    elif audience is not None:
        raise click.UsageError("--audience does not go with --url: a service knows what its token may read.")
    elif not url.startswith(("http://", "https://")):
        raise click.UsageError("--url: expected an http or https address.")
    else:
        token = Path(token_file).read_text(encoding="utf-8").strip() if token_file else None
        run(given, lambda settings: _brief_there(url, week, asked, token, shape))


async def _brief(settings: Settings, week: str, asked: dict[str, str], audience: str, shape: Form) -> int:
    from timeline.app import reading
    from timeline.briefing import week_here, written

    async with database(settings) as (dsn, _):
        await must_be_migrated(dsn)
        async with reading(settings, dsn) as to:
            try:
                found = await week_here(to, week, asked, audience)
            except BadRequest as error:
                raise WrongSetting(error.detail) from None
    base = settings.public_url or f"http://{settings.host}:{settings.port}"
    shape.give(written(found, shape.form, shape.template, base))
    return 0


async def _brief_there(url: str, week: str, asked: dict[str, str], token: str | None, shape: Form) -> int:
    import msgspec

    from timeline.briefing import week_there, written
    from timeline.model.slice import Slice

    suffix = f".{shape.form}" if shape.template is None else ".json"

    try:
        found = await asyncio.to_thread(week_there, url, week, asked, token, suffix)
    except BadRequest as error:
        raise WrongSetting(error.detail) from None
    if shape.template is not None:
        found = written(msgspec.json.decode(found, type=Slice), shape.form, shape.template, url.rstrip("/"))
    shape.give(found)
    return 0
