"""`timeline token`: issue, list, rotate and revoke tokens, beside a running service or without one.

Whoever may use the database and its key is the owner. The token alone goes to standard output, words to standard error.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import rich_click as click

from timeline.cli.running import DATA_DIR, DATABASE, LOG_FORMAT, database, must_be_migrated, run
from timeline.errors import InvalidRecord, WrongSetting
from timeline.model.record import MARKINGS
from timeline.model.tokens import SCOPES, TokenAsked, TokenIssued, TokenShown
from timeline.settings import Settings

LASTS = re.compile(r"([0-9]{1,5})([hd])")
OUT = click.option(
    "--out",
    metavar="FILE",
    callback=lambda *given: _new_file(given[-1]),
    help="Write the token to this new file, readable by you alone, instead of printing it.",
)
ID = click.argument("token_id", metavar="ID", type=click.UUID)


@click.group()
def token() -> None:
    """Issue, list, rotate and revoke tokens: who may read and write, and how much."""


@token.command()
@click.option("--name", required=True, help="What to call it in the list and in the log.")
@click.option("--scope", required=True, type=click.Choice(SCOPES), help="What it may do; each holds those before it.")
@click.option("--audience", required=True, type=click.Choice(MARKINGS), help="The highest marking that it may read.")
@click.option(
    "--expires",
    metavar="WHEN",
    callback=lambda *given: _moment(given[-1]),
    help="After how long (`90d`, `12h`) or on which day (`2027-01-01`) it ends.",
)
@click.option("--desk", metavar="SLUG", help="Its desk: tokens of one desk mend what the others recorded.")
@OUT
@DATA_DIR
@DATABASE
@LOG_FORMAT
def create(out: Path | None, name: str, scope: Any, audience: Any, **given: Any) -> None:
    """Issue a token and print it: it is shown this once."""

    ends, desk = given.pop("expires"), given.pop("desk")

    async def work(tokens: Any, owner: Any) -> None:
        asked = TokenAsked(name=name, scope=scope, audience=audience, expires_at=ends, desk=desk)
        _give(await tokens.issue(_checked(asked), owner), out)

    run(given, lambda settings: _with_tokens(settings, work))


@token.command("list")
@DATA_DIR
@DATABASE
@LOG_FORMAT
def list_(**given: Any) -> None:
    """List every token that was ever issued: id, state, scope, audience, end, desk, name."""

    async def work(tokens: Any, owner: Any) -> None:
        for each in await tokens.listed():
            click.echo(_line(each))

    run(given, lambda settings: _with_tokens(settings, work))


@token.command()
@ID
@click.option(
    "--overlap",
    metavar="TIME",
    default="24h",
    show_default=True,
    callback=lambda *given: _time(given[-1]),
    help="How long the old one goes on: `7d`, `24h`, `0h`.",
)
@OUT
@DATA_DIR
@DATABASE
@LOG_FORMAT
def rotate(token_id: UUID, overlap: timedelta, out: Path | None, **given: Any) -> None:
    """Issue a successor of a token and print it; it records under the same pseudonym."""

    async def work(tokens: Any, owner: Any) -> None:
        _give(await tokens.rotate(token_id, overlap, owner), out)

    run(given, lambda settings: _with_tokens(settings, work))


@token.command()
@ID
@DATA_DIR
@DATABASE
@LOG_FORMAT
def revoke(token_id: UUID, **given: Any) -> None:
    """End a token at once, in every running service and on every open stream."""

    async def work(tokens: Any, owner: Any) -> None:
        click.echo(_line(await tokens.revoke(token_id, owner)), err=True)

    run(given, lambda settings: _with_tokens(settings, work))


Work = Callable[[Any, Any], Awaitable[None]]


async def _with_tokens(settings: Settings, work: Work) -> int:
    from timeline.app import token_office

    async with database(settings) as (dsn, _):
        await must_be_migrated(dsn)
        async with token_office(settings, dsn) as (tokens, owner):
            try:
                await work(tokens, owner)
            except InvalidRecord as error:
                raise WrongSetting(error.detail) from None
    return 0


def _checked(asked: TokenAsked) -> TokenAsked:
    """The same, held to the rules that hold over HTTP."""
    import msgspec

    try:
        return msgspec.convert(msgspec.to_builtins(asked), TokenAsked)
    except msgspec.ValidationError as error:
        raise WrongSetting(f"{error}.") from None


def _new_file(name: str | None) -> Path | None:
    if name is not None and Path(name).exists():
        raise click.BadParameter(f"{name} is there already. Name a new file.")
    return Path(name) if name is not None else None


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    if LASTS.fullmatch(text):
        return datetime.now(UTC) + _time(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"expected `90d`, `12h` or a day such as 2027-01-01, found {text!r}.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _time(text: str) -> timedelta:
    found = LASTS.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"expected days or hours such as `7d` or `24h`, found {text!r}.")
    return timedelta(**{{"h": "hours", "d": "days"}[found[2]]: int(found[1])})


def _give(issued: TokenIssued, out: Path | None) -> None:
    """Hand over the token: alone on standard output, or in a file of mode 0600."""
    from timeline.access.files import write_secret

    if out is None:
        click.echo(issued.text)
    elif not write_secret(out, issued.text + "\n"):
        raise WrongSetting(f"--out: {out} came to be meanwhile. The token is lost: revoke {issued.token.id}.")
    click.echo(_line(issued.token), err=True)
    if issued.replaces is not None:
        click.echo(f"{issued.replaces.id} goes on until {issued.replaces.expires_at:%Y-%m-%d %H:%M} UTC", err=True)


def _line(each: TokenShown) -> str:
    ends = f"{each.expires_at:%Y-%m-%dT%H:%MZ}" if each.expires_at else "-"
    return f"{each.id}  {each.state:8}  {each.scope:6}  {each.audience:12}  {ends:17}  {each.desk or '-'}  {each.name}"
