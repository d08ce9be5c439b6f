"""`timeline import`: others' data into the log, from a file or several, here or through a service."""

import contextlib
import hashlib
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import rich_click as click

from timeline.cli.running import DATA_DIR, DATABASE, EXIT_FAILED, LOG_FORMAT, collect_less, database, run
from timeline.errors import WrongSetting
from timeline.importers import IMPORTERS
from timeline.importers.importer import BadFile, Context
from timeline.model.record import MARKINGS
from timeline.settings import Settings

READABLE_SECONDS_MAX = 600.0
OWN = (
    *("dry_run", "on_missing", "marking", "topics", "release", "limit"),
    *("resume", "recall_missing", "refusals", "url", "token_file"),
)
"""The options that are no settings of the service."""


@click.command("import", context_settings={"max_content_width": 120})
@click.argument("format_", metavar="FORMAT", type=click.Choice(list(IMPORTERS)))
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Only tell what would be recorded.")
@click.option(
    "--on-missing",
    type=click.Choice(["reject", "propose"]),
    default="reject",
    show_default=True,
    help="Whether names that nobody registered are refused, or registered as proposals.",
)
@click.option("--marking", type=click.Choice(MARKINGS), help="The marking of whatever is recorded.  [default: amber]")
@click.option("--topic", "topics", metavar="NAME", multiple=True, help="A topic that every event is put under too.")
@click.option("--release", metavar="TEXT", default="", help="The release of the data, where its file does not tell.")
@click.option("--limit", type=click.IntRange(min=1), help="Read so many rows of each file at most.")
@click.option("--resume", is_flag=True, help="Go on behind the last row that an interrupted run had finished with.")
@click.option("--recall-missing", is_flag=True, help="Recall what was imported before and these files no longer have.")
@click.option("--refusals", metavar="FILE", help="Where refused rows are listed.  [default: <first file>.refusals.csv]")
@click.option("--url", help="Record through the service there instead of in the database itself.")
@click.option("--token-file", type=click.Path(exists=True, dir_okay=False), help="With --url: the file of its token.")
@DATA_DIR
@DATABASE
@LOG_FORMAT
def load(format_: str, files: tuple[str, ...], **given: Any) -> None:
    """Record others' data: each row once, however often its file is imported.

    FORMAT is the data's own form; FILE may be packed by gzip, zip or zstd. A later release corrects exactly what it
    tells otherwise. Works on the database itself, beside a running service or without one, or through a service.
    Exit code 1 if a row was refused or a file could not be read to its end.
    """
    options = {name: given.pop(name) for name in OWN}
    if options["token_file"] and not options["url"]:
        raise click.UsageError("--token-file goes with --url.")
    token_file = options.pop("token_file")
    options["token"] = Path(token_file).read_text(encoding="utf-8").strip() if token_file else ""
    if options["recall_missing"] and (options["limit"] or options["resume"] or not IMPORTERS[format_].scheme):
        raise click.UsageError("--recall-missing needs whole files of a format with ids of its own.")
    run(given, lambda settings: _load(settings, format_, [Path(each) for each in files], options))


async def _load(settings: Settings, format_: str, files: list[Path], options: dict[str, Any]) -> int:
    from timeline.importing import Loader, Refusals

    importer = IMPORTERS[format_]
    context = Context(marking=options["marking"], topics=options["topics"], release=options["release"])
    refusals = Refusals(Path(options["refusals"] or f"{files[0].name}.refusals.csv"))
    faults: list[str] = []
    async with _sink(settings, options) as sink:
        collect_less()
        began = time.monotonic()
        loader = Loader(sink, importer, context, refusals, dry=options["dry_run"])
        loader.seen = set() if options["recall_missing"] else None
        for path in files:
            try:
                await _file(settings, loader, path, options)
            except BadFile as bad:
                faults.append(str(bad))
        if options["recall_missing"] and not faults and not loader.tally.refused:
            await loader.recall_missing()
        elif options["recall_missing"]:
            faults.append("Nothing was recalled: the files were not read whole, so what is missing is not known.")
        recorded = time.monotonic()
        if hasattr(sink, "readable") and not options["dry_run"]:
            await sink.readable(READABLE_SECONDS_MAX)
    refusals.close()
    _tell(loader, refusals, options, recorded - began, time.monotonic() - began)
    for each in faults:
        click.secho(each, fg="red", err=True)
    return EXIT_FAILED if faults or loader.tally.refused else 0


async def _file(settings: Settings, loader: Any, path: Path, options: dict[str, Any]) -> None:
    """Load one file, noting how far it has come, so that an interrupted run can be resumed."""
    note = settings.data_path / "imports" / f"{_fingerprint(path)}.json"
    after = int(json.loads(note.read_text())["line"]) if options["resume"] and note.exists() else 0
    began = time.monotonic()
    with _progress(path) as show:
        async for line in loader.load(path, after, options["limit"]):
            if not options["dry_run"] and not options["limit"]:
                note.parent.mkdir(parents=True, exist_ok=True)
                note.write_text(json.dumps({"file": path.name, "line": line}))
            show(loader.tally.read, time.monotonic() - began)
    note.unlink(missing_ok=True)


def _fingerprint(path: Path) -> str:
    """What a file is known by when its import goes on: its size and how it begins."""
    with path.open("rb") as file:
        return hashlib.sha256(f"{path.stat().st_size}".encode() + file.read(1_048_576)).hexdigest()[:32]


def _tell(loader: Any, refusals: Any, options: dict[str, Any], recorded_seconds: float, seconds: float) -> None:
    tally = loader.tally
    if options["dry_run"]:
        click.echo("Nothing was recorded. This would be:")
    for kind, count in tally.kinds.most_common():
        click.echo(f"  {kind:<20} {count:>10,}")
    click.echo(tally.words())
    if not options["dry_run"]:
        rate = sum(tally.kinds.values()) / max(recorded_seconds, 0.001)
        click.echo(f"{seconds:.1f} s until readable; {rate:,.0f} records a second into the log.")
    if refusals.count:
        click.secho(f"The refused rows are listed in {refusals.path}.", fg="yellow", err=True)


@contextlib.asynccontextmanager
async def _sink(settings: Settings, options: dict[str, Any]) -> AsyncIterator[Any]:
    from timeline.loading import ANSWER_SECONDS_MAX, Here, There

    if options["url"]:
        import httpx

        if not options["url"].startswith(("http://", "https://")):
            raise WrongSetting("--url: expected an http or https address.")
        headers = {"Authorization": f"Bearer {options['token']}"} if options["token"] else {}
        async with httpx.AsyncClient(
            base_url=options["url"].rstrip("/"), headers=headers, timeout=ANSWER_SECONDS_MAX
        ) as client:
            yield There(client, options["on_missing"])
        return
    from timeline.access import OWNER
    from timeline.app import writing
    from timeline.db.migrate import migrate
    from timeline.log.admit import Caller
    from timeline.model.record import LEVEL_MAX

    async with database(settings, make=True) as (dsn, _):
        await migrate(dsn)
        async with writing(settings, dsn) as to:
            yield Here(to, Caller(subject=OWNER, level=LEVEL_MAX, on_missing=options["on_missing"]))


@contextlib.contextmanager
def _progress(path: Path) -> Any:
    """Rows, rate and what is left, on a terminal; nothing when piped."""
    if not sys.stderr.isatty():
        yield lambda rows, seconds: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(path.name, total=None, told="")
        yield lambda rows, seconds: bar.update(task, told=f"{rows:,} rows, {rows / max(seconds, 0.001):,.0f} a second")
