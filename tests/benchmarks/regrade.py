"""A source of many voices is graded anew, an actor of many events merged: `uv run python -m tests.benchmarks.regrade`.

Each against the first folding of the same events. `apart`: every voice posts an event of its own. `together`: all but
one are reports of the same event, so one event hears them all.
"""

import argparse
import asyncio
import resource
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import asyncpg

from tests.benchmarks.bench import folder_on_disk, machine
from tests.benchmarks.bulk import APPEND_RECORDS, append
from timeline.db.embedded import EmbeddedServer
from timeline.db.logins import PROJECTOR
from timeline.db.migrate import migrate
from timeline.log.record import NewRecord
from timeline.model.codec import Payload, payload_bytes
from timeline.projections.projector import BATCH_RECORDS_MAX, begin, connect, step

NAMESPACE = UUID("1b9a2f60-6c0e-4b6d-8f0e-0a9be1a3c7d2")
PAPER, HAFTAR, MARSHAL = (str(uuid5(NAMESPACE, name)) for name in ("paper", "haftar", "marshal"))


def record(kind: str, own: str, subject: str | None = None, revision: int = 1, **body: Any) -> NewRecord:
    """A record as admission would have made it; `own` names it."""
    own_id = uuid5(NAMESPACE, own)
    payload = payload_bytes(Payload(id=str(own_id), kind=kind, shape=1, recorded_by="bench", body=body))
    about = UUID(subject) if subject else own_id
    return NewRecord(id=own_id, kind=kind, subject=about, revision=revision, payload=payload, request=b"", type=kind)


def source(revision: int, reliability: str) -> NewRecord:
    """The paper, graded."""
    own = "paper" if revision == 1 else f"paper {revision}"
    fields: dict[str, Any] = {"slug": "paper", "name": "A Paper", "marking": "clear", "reliability": reliability}
    return record("source", own, PAPER, revision, id=PAPER, **fields)


def actor(name: str) -> NewRecord:
    """An actor."""
    own = str(uuid5(NAMESPACE, name))
    return record("actor", name, id=own, slug=name, name=name.capitalize(), marking="clear")


def voice(number: int, together: bool) -> NewRecord:
    """One voice of the paper's."""
    said: dict[str, Any] = {
        "source": PAPER,
        "modality": "stated",
        "marking": "clear",
        "occurred": f"2019-06-{1 + number % 28:02}",
    }
    if together and number:
        return record("report", f"event {number}", of=[str(uuid5(NAMESPACE, "event 0"))], **said)
    participants = [{"actor": MARSHAL, "role": "actor"}]
    return record("visit", f"event {number}", title=f"Visit {number}", participants=participants, **said)


async def measure(folder: Path, voices: int, together: bool) -> None:
    """Print what the first folding took, and what the registration took."""
    server = EmbeddedServer(folder / ("together" if together else "apart"))
    dsn = await server.start()
    try:
        await migrate(dsn)
        connection = await asyncpg.connect(dsn)
        posts = [source(1, "B"), actor("haftar"), actor("marshal")]
        posts += [voice(number, together) for number in range(voices)]
        for start in range(0, len(posts), APPEND_RECORDS):
            await append(connection, posts[start : start + APPEND_RECORDS])
        tables = await begin(dsn, PROJECTOR)
        folding = await connect(dsn, tables, PROJECTOR)
        first, at = await _folded(folding, tables, 0)
        await append(connection, [source(2, "F")])
        graded, at = await _folded(folding, tables, at)
        judgement = record("same_actor", "same", actors=[HAFTAR, MARSHAL], judgement="same", marking="clear")
        await append(connection, [judgement])
        merged, at = await _folded(folding, tables, at)
        await folding.close()
        await connection.close()
    finally:
        await server.stop()
    how = "reports of one event" if together else "events apart      "
    print(f"{voices:,} voices, {how}   folded first in {first:6.1f} s ({voices / first:,.0f}/s)")
    print(f"  the source graded anew in {graded:6.1f} s, {graded / first:.2f} of that")
    print(f"  the actor merged in       {merged:6.1f} s, {merged / first:.2f} of that")
    print(f"  memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


async def _folded(connection: asyncpg.Connection, tables: str, after: int) -> tuple[float, int]:
    """Seconds until everything in the log is folded, and how far that is."""
    began, at = time.perf_counter(), after
    while (reached := await step(connection, tables, at, BATCH_RECORDS_MAX)) > at:
        at = reached
    return time.perf_counter() - began, at


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voices", type=int, default=10_000)
    given = parser.parse_args()
    print(machine())
    with folder_on_disk() as folder:
        for together in (False, True):
            asyncio.run(measure(folder, given.voices, together))


if __name__ == "__main__":
    main()
