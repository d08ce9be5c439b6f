"""Load files of others' data: mapped, admitted, appended; repeatable, resumable, accounted for row by row.

Every id follows from the data, so what was loaded before is a repeat. An event that is known with another fingerprint
was told otherwise by a later release: it is corrected, on the ground of new evidence, in its present revision. Rows are
taken in order and in chunks; whatever ends a load, running it again makes the same log.
"""

import asyncio
import csv
import gzip
import io
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

import msgspec

from timeline.importers.importer import FINGERPRINT, BadFile, BadRow, Context, Importer, Mapped, Post, Row, identity
from timeline.importers.tables import rows

CHUNK_ROWS = 1_000
TURN_ROWS = 25
"""So many rows are mapped before the chunk that is being recorded has a turn."""
SENT_MAX = 100_000
"""Things that are remembered as registered; one more is registered again, which is a repeat."""
NOT_THERE = ("left", "refused")
GZIP, ZIP, ZSTD = b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd"


class Outcome(NamedTuple):
    """What became of a post."""

    done: str
    """`recorded`, `repeated`, `taken` (its id holds something else), `refused`, or `left`, as nothing names it."""
    column: str = ""
    reason: str = ""


class Held(NamedTuple):
    """An event that the log has under an id."""

    revision: int
    fingerprint: str | None
    """Of what was imported last; None where it was erased, or nobody imported it."""
    thing: Post | None = None
    """A registered thing as it stands; None of an event."""


class Sink(Protocol):
    """Where posts go: the log itself, or a service."""

    async def post(self, posts: Sequence[Post], *, beside: Collection[int] = (), dry: bool) -> list[Outcome]:
        """Record posts, each for itself, those `beside` only for others that name them; what became of each."""

    async def held(self, ids: Sequence[str]) -> dict[str, Held]:
        """Those events and registered actors that are there, as they stand."""

    def imported(self, scheme: str) -> AsyncIterator[tuple[str, str]]:
        """Every event that ever came with an external id of this scheme, and that id."""


class Tally(msgspec.Struct, kw_only=True):
    """What became of the rows. They add up: read = recorded + unchanged + corrected + refused."""

    read: int = 0
    recorded: int = 0
    unchanged: int = 0
    corrected: int = 0
    refused: int = 0
    passed_over: int = 0
    """Rows that an earlier run had finished with; not read again."""
    recalled: int = 0
    """Events that the data no longer has."""
    kinds: Counter[str] = msgspec.field(default_factory=Counter)
    """How many posts of each kind were recorded."""

    def words(self) -> str:
        """The same in a sentence."""
        told = (
            f"{self.read:,} rows read: {self.recorded:,} recorded, {self.unchanged:,} unchanged, "
            f"{self.corrected:,} corrected, {self.refused:,} refused."
        )
        told += f" {self.recalled:,} events recalled, for the data no longer has them." if self.recalled else ""
        return told + (f" {self.passed_over:,} rows were done before." if self.passed_over else "")


class Refusals:
    """The rows that were refused, in a CSV file that is made with the first of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: IO[str] | None = None
        self._rows: Any = None

    def add(self, file: str, line: int, column: str, reason: str) -> None:
        """Note one."""
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8", newline="")
            self._rows = csv.writer(self._file)
            self._rows.writerow(("file", "line", "column", "reason"))
        self.count += 1
        self._rows.writerow((file, line, column, reason))

    def close(self) -> None:
        """Nothing more comes."""
        if self._file is not None:
            self._file.close()


class _Work(msgspec.Struct, kw_only=True):
    """One row on its way."""

    line: int
    mapped: Mapped = Mapped(events=())
    refusal: tuple[str, str] | None = None
    done: set[str] = set()


class Loader:
    """Loads files of one format."""

    def __init__(self, sink: Sink, importer: Importer, context: Context, refusals: Refusals, *, dry: bool) -> None:
        self.tally = Tally()
        self._sink = sink
        self._importer = importer
        self._context = context
        self._refusals = refusals
        self._dry = dry
        self._sent: set[str] = set()
        self.seen: set[str] | None = None
        """The ids of every event of the data, where those that it no longer has are to be recalled."""

    async def load(self, path: Path, after: int = 0, limit: int | None = None) -> AsyncIterator[int]:
        """Load a file, from the row behind a line; gives the line that it has come to, after each chunk.

        While the log takes a chunk the next is read and mapped, which depends on nothing that the log holds: the
        database works on one core and this process on another. No chunk is admitted before the last one is recorded.

        Raises:
            BadFile: the file can't be read, or not to its end. What came before that is recorded.
        """
        recording: asyncio.Task[int] | None = None
        try:
            async for chunk in self._chunks(path, after, limit):
                if recording is not None:
                    yield await recording
                recording = asyncio.create_task(self._take(path, chunk), name="chunk of an import")
            if recording is not None:
                yield await recording
        finally:
            if recording is not None:
                recording.cancel()
                await asyncio.gather(recording, return_exceptions=True)

    async def _chunks(self, path: Path, after: int, limit: int | None) -> AsyncIterator[list[_Work]]:
        """The rows of a file, mapped, so many at a time; those before a fault of the file before it is told."""
        context = self._context
        if not context.release:
            context = msgspec.structs.replace(context, release=self._importer.release_of(path.name))
        chunk: list[_Work] = []
        fault: BadFile | None = None
        try:
            with opened(path) as lines:
                for each in _limited(rows(self._importer, lines), limit):
                    if (each[0] if isinstance(each, tuple) else each.line) <= after:
                        self.tally.passed_over += 1
                        continue
                    work = self._mapped(each, context)
                    self.tally.read += 1
                    chunk.append(work)
                    if len(chunk) == CHUNK_ROWS:
                        yield chunk
                        chunk = []
                    elif self.tally.read % TURN_ROWS == 0:
                        await asyncio.sleep(0)
        except BadFile as bad:
            fault = bad
        if chunk:
            yield chunk
        if fault is not None:
            raise fault

    def _mapped(self, row: Row | tuple[int, BadRow], context: Context) -> _Work:
        try:
            if isinstance(row, tuple):
                line, bad = row
                raise bad
            line = row.line
            return _Work(line=line, mapped=self._importer.rows(row, context))
        except BadRow as bad:
            return _Work(line=line, refusal=(bad.column, bad.reason))

    async def _take(self, path: Path, chunk: list[_Work]) -> int:
        """Record a chunk: what its rows name, then their events; then correct what was told otherwise. Returns the line
        that it ends with."""
        if self.seen is not None:
            self.seen.update(str(post["id"]) for work in chunk for post in work.mapped.events)
        posts: list[tuple[_Work, Post, bool]] = []
        fresh: set[str] = set()
        for work in chunk:
            for thing in work.mapped.things:
                if thing["id"] not in self._sent and thing["id"] not in fresh:
                    fresh.add(thing["id"])
                    posts.append((work, thing, True))
            posts += [(work, post, False) for post in work.mapped.events]
        beside = [at for at, (work, _, is_thing) in enumerate(posts) if is_thing and work.mapped.events]
        told = [post for _, post, _ in posts]
        outcomes = await self._sink.post(told, beside=beside, dry=self._dry) if told else []
        taken: list[tuple[_Work, Post]] = []
        for (work, post, is_thing), outcome in zip(posts, outcomes, strict=True):
            if outcome.done == "taken" and not (is_thing and work.mapped.events):
                taken.append((work, post))
            else:
                self._note(work, post, outcome, is_thing and bool(work.mapped.events))
        if not self._dry:
            there = [post["id"] for post, o in zip(told, outcomes, strict=True) if o.done not in NOT_THERE]
            self._remember(fresh.intersection(there))
        await self._correct(taken)
        for work in chunk:
            self._settle(path, work)
        return chunk[-1].line

    def _remember(self, fresh: set[str]) -> None:
        if len(self._sent) > SENT_MAX:
            self._sent.clear()
        self._sent |= fresh

    def _note(self, work: _Work, post: Post, outcome: Outcome, beside: bool) -> None:
        """Take in what became of a post. A thing that is registered otherwise by now is left as it is."""
        if outcome.done == "refused":
            work.refusal = work.refusal or (outcome.column, outcome.reason)
        elif outcome.done == "recorded":
            self.tally.kinds[post["kind"]] += 1
        if not beside:
            work.done = work.done | {"repeated" if outcome.done == "taken" else outcome.done}

    async def _correct(self, taken: list[tuple[_Work, Post]]) -> None:
        """Correct the events that are known with another fingerprint, and register anew what rows are about.

        A thing that came with an event, and that nobody has changed since, is filled in; what an analyst registered
        anew stays until the data itself changes, as an event does.
        """
        if not taken:
            return
        held = await self._sink.held([post["id"] for _, post in taken])
        wrong: list[tuple[_Work, Post]] = []
        for work, post in taken:
            told = post.get("external_ids", {}).get(FINGERPRINT)
            there = held.get(post["id"])
            bare = there is not None and there.thing is not None and there.revision == 1 and told is not None
            if there is None or there.fingerprint == told or (there.fingerprint is None and not bare):
                work.done = work.done | {"repeated"}  # also what was erased since, or is another's: it stays as it is
            else:
                wrong.append((work, self._anew(post, there) if there.thing else self._correction(post, there)))
        outcomes = await self._sink.post([post for _, post in wrong], dry=self._dry) if wrong else []
        for (work, post), outcome in zip(wrong, outcomes, strict=True):
            corrected = outcome.done == "recorded" or (self._dry and outcome.done == "taken")
            if corrected:
                self.tally.kinds[post["kind"]] += 1
            if outcome.done == "refused":
                work.refusal = work.refusal or (outcome.column, outcome.reason)
            work.done = work.done | {"corrected" if corrected else outcome.done}

    def _correction(self, post: Post, held: Held) -> Post:
        """The correction of an event to what a later release tells. Its marking is for people to change."""
        release = post["external_ids"].get(f"{self._importer.scheme}:release") or "a later one"
        told = post["external_ids"][FINGERPRINT]
        return {
            "kind": "correction",
            "id": identity("correction", f"{post['id']} {held.revision} {told}"),
            "subject": post["id"],
            "revision": held.revision,
            "ground": "new_evidence",
            "reason": f"{self._importer.title}: release {release} tells it so.",
            "event": {name: value for name, value in post.items() if name not in ("id", "marking")},
        }

    @staticmethod
    def _anew(post: Post, held: Held) -> Post:
        """A thing registered anew as the data tells it. Its slug and marking are for people to change."""
        assert held.thing is not None, "asked of an event"
        kept = {name: held.thing[name] for name in ("slug", "marking") if name in held.thing}
        ids = held.thing.get("external_ids", {}) | post["external_ids"]
        return (
            {name: each for name, each in post.items() if name != "marking"}
            | kept
            | {
                "revision": held.revision,
                "external_ids": ids,
            }
        )

    def _settle(self, path: Path, work: _Work) -> None:
        """Count a row by what became of its posts."""
        if work.refusal is not None:
            self.tally.refused += 1
            self._refusals.add(path.name, work.line, *work.refusal)
        elif "corrected" in work.done:
            self.tally.corrected += 1
        elif "recorded" in work.done:
            self.tally.recorded += 1
        else:
            self.tally.unchanged += 1

    async def recall_missing(self) -> None:
        """Recall every event of this data that none of the files loaded has any more."""
        assert self.seen is not None, "asked for before the first file"
        gone = [each async for each, _ in self._sink.imported(self._importer.scheme) if each not in self.seen]
        for at in range(0, len(gone), CHUNK_ROWS):
            posts = [self._recall(each) for each in gone[at : at + CHUNK_ROWS]]
            for outcome in await self._sink.post(posts, dry=self._dry):
                self.tally.recalled += outcome.done == "recorded"

    def _recall(self, event: str) -> Post:
        reason = f"{self._importer.title}: release {self._context.release or 'loaded last'} no longer has it."
        own = identity("recall", f"{event} {self._context.release}")
        return {"kind": "recall", "id": own, "subject": event, "reason": reason}


def _limited(found: Iterator[Row | tuple[int, BadRow]], limit: int | None) -> Iterator[Row | tuple[int, BadRow]]:
    for number, each in enumerate(found):
        if limit is not None and number >= limit:
            return
        yield each


@contextmanager
def opened(path: Path) -> Iterator[Iterator[str]]:
    """The lines of a file, unpacked where it is gzip, zip or zstd.

    Raises:
        BadFile: it can't be opened, is cut off, or is not UTF-8; inside too, while lines are taken.
    """
    with ExitStack() as stack:
        try:
            raw = stack.enter_context(path.open("rb"))
            start = raw.read(4)
            raw.seek(0)
            unpacked = stack.enter_context(_unpacked(raw, start))
            text = stack.enter_context(io.TextIOWrapper(unpacked, encoding="utf-8", newline="\n"))
        except (OSError, zipfile.BadZipFile) as error:
            raise BadFile(f"{path}: {error}.") from None
        yield _lines(path, text)


def _unpacked(raw: IO[bytes], start: bytes) -> AbstractContextManager[Any]:
    if start.startswith(GZIP):
        return gzip.GzipFile(fileobj=raw)
    if start.startswith(ZIP):
        packed = zipfile.ZipFile(raw)
        members = [each for each in packed.infolist() if not each.is_dir() and not each.filename.startswith("__MACOSX")]
        if len(members) != 1:
            raise BadFile(f"Expected one file in the zip, found {len(members)}. Unpack it and name the file.")
        return packed.open(members[0])
    if start.startswith(ZSTD):
        import zstandard

        return zstandard.ZstdDecompressor().stream_reader(raw)
    return raw


def _lines(path: Path, text: io.TextIOWrapper) -> Iterator[str]:
    number = 0
    try:
        for each in text:
            number += 1
            yield each
    except UnicodeDecodeError as error:
        raise BadFile(
            f"{path}: after line {number}: not UTF-8 (byte {error.object[error.start]:#04x}). Save it as UTF-8 and "
            "load it again."
        ) from None
    except (EOFError, OSError) as error:
        raise BadFile(f"{path}: cut off after line {number}: {error}. What came before is recorded.") from None
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ("zlib", "zstandard"):
            raise
        raise BadFile(f"{path}: damaged after line {number}: {error}. What came before is recorded.") from None
