"""How fast a projector that is behind catches up, and a rebuild: `uv run python -m tests.benchmarks.catch_up`.

The log of `tests.benchmarks.bulk` (see there for its mix), folded from its beginning in the steps of an API process and
in those of a rebuild, against the raw COPY of as many rows as the fold writes.
"""

import argparse
import asyncio
import resource
import time
from pathlib import Path

import asyncpg

from tests.benchmarks.bench import folder_on_disk, machine
from tests.benchmarks.bulk import Bulk, append_events
from timeline.db.embedded import EmbeddedServer
from timeline.db.logins import PROJECTOR
from timeline.db.migrate import migrate
from timeline.projections.projector import BATCH_RECORDS_MAX, REBUILD_RECORDS_MAX, begin, connect, rebuild, step

TABLES = ("event", "answer", "rest", "basis", "registered", "voice", "event_state", "timeline_entry", "timeline_head")


async def measure(folder: Path, events: int) -> None:
    """Print records a second."""
    server = EmbeddedServer(folder / "data")
    dsn = await server.start()
    try:
        await migrate(dsn)
        bulk = Bulk()
        await append_events(dsn, bulk, events)
        tables = await begin(dsn, PROJECTOR)
        connection = await connect(dsn, tables, PROJECTOR)
        began, at, worked = time.perf_counter(), 0, time.process_time()
        while (reached := await step(connection, tables, at, BATCH_RECORDS_MAX)) > at:
            at = reached
        live, worked = time.perf_counter() - began, time.process_time() - worked
        began = time.perf_counter()
        await rebuild(dsn, PROJECTOR)
        anew = time.perf_counter() - began
        copied = await _copied(connection, tables)
        await connection.close()
    finally:
        await server.stop()
    print(f"{at:,} records with {events:,} events")
    print(
        f"caught up in steps of {BATCH_RECORDS_MAX}     {at / live:>8,.0f} records/s, {worked / live:.0%} of it Python"
    )
    print(f"rebuilt in steps of {REBUILD_RECORDS_MAX:,}     {at / anew:>8,.0f} records/s")
    print(f"the same rows by COPY alone   {at / copied:>8,.0f} records/s   catching up to that: {copied / live:.2f}")
    print(f"memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


async def _copied(connection: asyncpg.Connection, tables: str) -> float:
    """Seconds to copy all rows of the read models into tables with the same indexes."""
    await connection.execute("CREATE SCHEMA timelines_copied")
    seconds = 0.0
    for table in TABLES:
        rows = [tuple(row) for row in await connection.fetch(f'SELECT * FROM "{tables}".{table}')]
        await connection.execute(f'CREATE TABLE timelines_copied.{table} (LIKE "{tables}".{table} INCLUDING ALL)')
        began = time.perf_counter()
        await connection.copy_records_to_table(table, schema_name="timelines_copied", records=rows)
        seconds += time.perf_counter() - began
    return seconds


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    given = parser.parse_args()
    print(machine())
    with folder_on_disk() as folder:
        asyncio.run(measure(folder, given.events))


if __name__ == "__main__":
    main()
