"""`timeline post`, `show`, `week` and `watch`: a running service, from the command line."""

import os
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import rich_click as click

from timeline.cli.running import DATA_DIR, EXIT_FAILED, EXIT_INTERRUPTED, LOG_FORMAT, run
from timeline.errors import TimelineError, WrongSetting
from timeline.settings import Settings

FORMS = (
    *("json", "ndjson", "csv", "acled.csv", "md", "html", "docx", "ics", "atom", "geojson"),
    *("jsonld", "timelinejs", "stix", "msgpack"),
)
BINARY = ("docx", "msgpack")
PIECEMEAL = ("json", "ndjson", "csv", "acled.csv", "ics", "geojson", "jsonld", "stix")
"""Formats that a service writes to the end of a timeline, however long that is."""
ALIASES = {"ical": "ics", "markdown": "md"}
PAGE_MAX = 1_000
LINES_MAX = 1_000
"""Lines that are posted at once; later ones name earlier ones of the same."""
BATCH_BYTES_MAX = 16 * 1024 * 1024
HERE = ("localhost", "127.0.0.1", "::1")
"""Hosts that the owner's token is given to without being asked."""
F = TypeVar("F", bound=Callable[..., Any])


def speaking(command: F) -> F:
    """The options of every command that asks a service."""
    for option in (
        click.option("--url", metavar="URL", help="Where the service is.  [default: http://127.0.0.1:8000]"),
        click.option(
            "--token-file",
            metavar="FILE",
            help="The file of the token to ask with.  [default: owner.token in the data directory, for a service here]",
        ),
        DATA_DIR,
        LOG_FORMAT,
    ):
        command = option(command)
    return command


def reading(command: F) -> F:
    """The options of every command that reads events."""
    for option in (
        click.option("--as-of", metavar="MOMENT", help="What was known then: a day, instant, ISO week or position."),
        click.option("--said-to", metavar="DAY", help="As if nothing had been said after this day."),
        click.option("--on", metavar="DAY", help="The day that overdue is judged by.  [default: today]"),
        click.option(
            "--format",
            "form",
            type=click.Choice([*FORMS, *ALIASES]),
            help="What the service answers in this format, as it is.  [default: a table; columns when piped]",
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("file", metavar="FILE|-", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Only tell what would be recorded.")
@click.option(
    "--on-missing",
    type=click.Choice(["reject", "propose"]),
    default="reject",
    show_default=True,
    help="Whether names that nobody registered are refused, or registered as proposals.",
)
@speaking
def post(file: Any, dry_run: bool, on_missing: str, **given: Any) -> None:
    """Record what a file holds: one record, an array of them, or one in each line.

    Each is recorded or refused by itself, with a verdict: its number, what became of it, its id, its position, and why
    it was refused. Exit code 1 when one was.
    """
    content = file.read()

    async def work(client: Any) -> int:
        from timeline.cli import shown

        first, refused = 0, 0
        for lines in parts(lines_of(content)):
            body = b"\n".join(lines)
            receipt = await client.batch(body, mode="each", on_missing=on_missing, dry_run=dry_run)
            shown.verdicts(receipt, first, dry_run)
            first, refused = first + len(lines), refused + receipt.refused
        if not first:
            click.secho("Nothing to record.", err=True)
        return EXIT_FAILED if refused else 0

    _speak(given, work)


def lines_of(content: bytes) -> list[bytes]:
    """Records, each on one line: of an array, of a single one, or as they stand."""
    import msgspec

    try:
        whole: Any = msgspec.json.decode(content, type=msgspec.Raw)
        values = msgspec.json.decode(whole, type=list[msgspec.Raw]) if content.lstrip()[:1] == b"[" else [whole]
    except msgspec.DecodeError:  # several of them, or one that the service will refuse in its own words
        return [each for each in content.splitlines() if each.strip()]
    # A line break of JSON is never within a text, where it would have to be escaped.
    return [bytes(each).replace(b"\r", b" ").replace(b"\n", b" ") for each in values]


def parts(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """The lines in batches that a service takes."""
    part: list[bytes] = []
    size = 0
    for line in lines:
        if part and (len(part) == LINES_MAX or size + len(line) > BATCH_BYTES_MAX):
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line) + 1
    if part:
        yield part


@click.command()
@click.argument("what", type=click.Choice(["actor", "topic", "place", "event", "all"]))
@click.argument("name", required=False)
@click.option("--from", "from_", metavar="DAY", help="From this day on.")
@click.option("--to", metavar="DAY", help="Up to this day.")
@click.option("--kind", metavar="KINDS", help="Only these kinds, with commas between.")
@click.option("--standing", metavar="WORDS", help="Only where it stands so, with commas between.")
@click.option("--order", type=click.Choice(["asc", "desc"]), help="From the first day on, or from the last back.")
@click.option("--feeds", type=click.Choice(["exclude", "include"]), help="Whether to show what only machines say.")
@click.option("--limit", type=click.IntRange(1), help="At most so many.  [default: all]")
@reading
@speaking
def show(what: str, name: str | None, form: str | None, limit: int | None, **given: Any) -> None:
    """Show a timeline: of an actor, a topic, a place (by slug or id), or of all; or an event, by its id."""
    if (name is None) != (what == "all"):
        raise click.UsageError("Expected a NAME, but for `all`.")
    asked = _asked(given, "from_", "to", "kind", "standing", "order", "feeds", "as_of", "said_to", "on")
    form = ALIASES.get(form or "", form)
    _must_be_shown(form)
    if what == "event":
        unfit = [f"--{each.rstrip('_')}" for each in asked if each not in ("as_of", "said_to", "on")]
        if unfit or limit is not None:
            raise click.UsageError(f"{', '.join(unfit) or '--limit'} does not go with an event.")

    async def work(client: Any) -> int:
        from timeline.cli import shown
        from timeline.client.calls import path_of

        if form is not None and what == "event":
            return await _pass(client, f"{path_of('events', str(name))}.{form}", asked)
        if form is not None:
            path = path_of("timelines", *((f"{what}s", str(name)) if name is not None else ("all",)))
            return await _pass(client, f"{path}.{form}", asked | {"limit": _limit(limit, form)})
        if what == "event":
            shown.event(await client.event(name, **asked))
            return 0
        subject = {} if name is None else {what: name}
        left = limit if limit is not None else sys.maxsize
        walk = client.timeline(**subject, **asked, limit=min(left, PAGE_MAX if not shown.on_terminal() else 100))
        async for page in walk.pages():
            shown.entries("", page.entries[:left], page.names)
            left -= len(page.entries)
            if left <= 0:
                break
        return 0

    _speak(given, work)


def _limit(limit: int | None, form: str) -> str | int:
    if limit is not None:
        return min(limit, PAGE_MAX)
    return "all" if form in PIECEMEAL else PAGE_MAX


@click.command()
@click.argument("week", metavar="WEEK", default="last")
@click.option("--topic", metavar="NAME", help="Only what is about this topic.")
@click.option("--actor", metavar="NAME", help="Only what stands in this actor's timeline.")
@click.option("--since", metavar="MOMENT", help="Tell what changed since then.  [default: the end of the week before]")
@click.option("--match", type=click.Choice(["anchored", "possible", "certain"]), help="How surely it lies in the week.")
@reading
@speaking
def week(week: str, form: str | None, **given: Any) -> None:
    """Show a week in its sections: an ISO week (2019-W23), `current` or `last`."""
    asked = _asked(given, "topic", "actor", "since", "match", "as_of", "said_to", "on")
    form = ALIASES.get(form or "", form)
    _must_be_shown(form)

    async def work(client: Any) -> int:
        from timeline.cli import shown
        from timeline.client.calls import path_of

        if form is not None:
            return await _pass(client, f"{path_of('weeks', week)}.{form}", asked)
        shown.week(await client.week(week, **asked))
        return 0

    _speak(given, work)


@click.command()
@click.option("--actor", metavar="NAME", help="Only what changed the timeline of this actor.")
@click.option("--topic", metavar="NAME", help="Only what changed the timeline of this topic.")
@click.option("--kind", metavar="KINDS", help="Only these kinds, with commas between.")
@click.option("--standing-changed", is_flag=True, default=None, help="Only what left an event standing differently.")
@click.option("--after", metavar="POSITION", type=click.IntRange(0), help="Begin behind this position.  [default: now]")
@click.option("--format", "form", type=click.Choice(["ndjson"]), help="The record as JSON, one in each line.")
@speaking
def watch(after: int | None, form: str | None, **given: Any) -> None:
    """Show records as they come, until Ctrl-C. A service that comes back is followed on, and nothing is left out."""
    asked = _asked(given, "actor", "topic", "kind", "standing_changed")

    async def work(client: Any) -> int:
        import msgspec

        from timeline.cli import shown

        async with aclosing(aiter(client.changes(after if after is not None else await _now(client), **asked))) as told:
            async for record in told:
                if form is None:
                    shown.record(record)
                else:
                    shown.Passed().give(msgspec.json.encode(record) + b"\n", last=True)
        return 0

    _speak(given, work, code_when_stopped=0)


async def _now(client: Any) -> int:
    """The position that reads have come to."""
    async with aclosing(client.search(limit=1).pages()) as pages:
        page = await anext(pages)
    return int(page.position)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands and options; README says where it goes."""
    from click.shell_completion import get_completion_class

    from timeline.cli import main

    made = get_completion_class(shell)
    assert made is not None, "click knows all three"
    click.echo(made(main, {}, "timeline", "_TIMELINE_COMPLETE").source())


def _asked(given: dict[str, Any], *names: str) -> dict[str, Any]:
    """What is asked of the service, taken out of the options."""
    options = {name: given.pop(name) for name in names}
    return {name: value for name, value in options.items() if value is not None}


def _must_be_shown(form: str | None) -> None:
    if form in BINARY and sys.stdout.isatty():
        raise click.UsageError(f"{form} is nothing for a terminal: pipe it, or write it to a file (> FILE).")


async def _pass(client: Any, path: str, asked: dict[str, Any]) -> int:
    """Print what the service answers, as it is."""
    from timeline.cli.shown import Passed

    out, written = Passed(), client.written(path, **asked)
    async with aclosing(_pieces(written)) as pieces:
        async for chunk in pieces:
            out.give(chunk)
    out.give(b"", last=True)
    if asked.get("limit") == PAGE_MAX and 'rel="next"' in written.headers.get("link", ""):
        click.secho(f"There is more: these are the first {PAGE_MAX:,}. Narrow it by --from and --to.", err=True)
    return 0


async def _pieces(written: Any) -> AsyncGenerator[bytes]:
    async for chunk in written:
        yield chunk


def _speak(
    given: dict[str, Any], work: Callable[[Any], Coroutine[Any, Any, int]], code_when_stopped: int = EXIT_INTERRUPTED
) -> None:
    """Do what is asked of the service. Whoever reads us may leave when they have enough."""

    async def spoken(settings: Settings) -> int:
        from timeline.cli.shown import inert
        from timeline.client import AsyncClient, Retries

        async with AsyncClient(settings.url, _token(settings), retries=Retries(attempts=4)) as client:
            try:
                return await work(client)
            except TimelineError as error:
                faults = [f"{each.pointer}: expected {each.expected}, found {each.found}" for each in error.errors]
                for each in (f"{error.title()}: {error.detail}", *faults):
                    click.secho(inert(each), fg="red", err=True)
                return EXIT_FAILED

    try:
        run(given, spoken, code_when_stopped=code_when_stopped)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _token(settings: Settings) -> str | None:
    """The token to ask with: the one that was named, else the owner's, for a service on this machine."""
    path = Path(settings.token_file) if settings.token_file else settings.data_path / "owner.token"
    if settings.token_file is None and (urlsplit(settings.url).hostname not in HERE or not path.exists()):
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise WrongSetting(f"TIMELINE_TOKEN_FILE: {path} cannot be read: {reason}.") from None
