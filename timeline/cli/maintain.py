"""`timeline migrate`, `rebuild`, `check`: what operators do to a database, beside a running service or without one."""

from typing import Any

import rich_click as click

from timeline.cli.running import (
    DATA_DIR,
    DATABASE,
    EXIT_FAILED,
    LOG_FORMAT,
    bars,
    collect_less,
    database,
    must_be_migrated,
    run,
)
from timeline.settings import Settings


@click.command()
@DATA_DIR
@DATABASE
@LOG_FORMAT
def migrate(**given: Any) -> None:
    """Bring the database to this version's schema. `serve` does it too."""
    run(given, _migrate)


async def _migrate(settings: Settings) -> int:
    from timeline.db.migrate import migrate as apply

    async with database(settings, make=True) as (dsn, _):
        applied = await apply(dsn, on_step=lambda name: click.echo(f"applying {name}"))
    click.echo(f"{len(applied)} applied." if applied else "Nothing to apply.")
    return 0


@click.command()
@click.argument("name", required=False, metavar="[NAME]", type=click.Choice(["timelines"]))
@DATA_DIR
@DATABASE
@LOG_FORMAT
def rebuild(name: str | None, **given: Any) -> None:
    """Fold the whole log anew beside the live read models, and switch to the result.

    NAME: which read models; `timelines` are all there are so far, and the default.
    """
    run(given, _rebuild)


async def _rebuild(settings: Settings) -> int:
    from timeline.db.logins import PROJECTOR, login_for
    from timeline.projections.projector import rebuild as fold_anew

    collect_less()
    async with database(settings) as (dsn, _):
        await must_be_migrated(dsn)
        with bars("rebuilding timelines") as (show,):
            found = await fold_anew(*await login_for(dsn, PROJECTOR), show)
    click.echo(found.words())
    return 0


@click.command()
@DATA_DIR
@DATABASE
@LOG_FORMAT
def check(**given: Any) -> None:
    """Verify the whole log, the tokens by it, and that the read models equal a rebuild. Exit code 1 if any is wrong."""
    run(given, _check)


async def _check(settings: Settings) -> int:
    from timeline.checking import check_all
    from timeline.db.logins import PROJECTOR, READER, login_for

    async with database(settings) as (dsn, _):
        await must_be_migrated(dsn)
        with bars("checking the log", "rebuilding to compare") as (show_log, show_models):
            folds, reads = await login_for(dsn, PROJECTOR), await login_for(dsn, READER)
            report = await check_all(*folds, show_log, show_models, reads)
    for fault in report.faults:
        click.secho(fault, fg="red", err=True)
    click.echo(report.words())
    return EXIT_FAILED if report.faults else 0
