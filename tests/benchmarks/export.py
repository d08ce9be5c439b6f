"""What an export costs as the timeline grows: `uv run python -m tests.benchmarks.export --events 10000 1000000`.

The whole timeline of all, in each format that is written piece by piece, from a service on a database on disk: entries
and megabytes a second, and the most memory that the service held while it sent.
"""

import argparse
import asyncio
import time
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

import httpx

from tests.benchmarks.bench import folder_on_disk, machine, rss_mb, service_on_disk
from tests.benchmarks.bulk import run as build
from tests.services import Service
from timeline.formats import offered
from timeline.model.entry import Page

FORMATS = [each for each in offered(Page) if each.portions is not None]
SAMPLE_SECONDS = 0.05


class Cost(NamedTuple):
    """What one export took."""

    entries: int
    bytes_sent: int
    seconds: float
    peak_mb: float


def cost(service: Service, suffix: str, entries: int) -> Cost:
    """Export, read as it comes, and watch the service's memory meanwhile."""
    over, peaks = Event(), [rss_mb(service.process.pid)]

    def watch() -> None:
        while not over.wait(SAMPLE_SECONDS):
            peaks.append(rss_mb(service.process.pid))

    watching = Thread(target=watch)
    watching.start()
    began, size = time.perf_counter(), 0
    try:
        with (
            httpx.Client(base_url=service.url, timeout=600) as plain,
            plain.stream(
                "GET",
                f"/v1/timelines/all{suffix}?limit=all",
                headers={"Authorization": f"Bearer {service.token_path.read_text().strip()}"},
            ) as answer,
        ):
            assert answer.status_code == 200, answer.read()
            for piece in answer.iter_raw():
                size += len(piece)
    finally:
        over.set()
        watching.join()
    return Cost(entries, size, time.perf_counter() - began, max(peaks))


def entries_of(service: Service) -> int:
    """How many entries the timeline of all has: the lines of its NDJSON."""
    with (
        service.client() as client,
        client.stream("GET", "/v1/timelines/all.ndjson?limit=all", timeout=600) as answer,
    ):
        return sum(piece.count(b"\n") for piece in answer.iter_raw())


def measure(folder: Path, sizes: list[int]) -> None:
    """Print the cost of each format at each size."""
    first: dict[str, Cost] = {}
    for number, events in enumerate(sizes):
        data = folder / str(number)
        asyncio.run(build(events, data / "data"))
        with service_on_disk(data) as service:
            entries = entries_of(service)
            print(f"{entries:,} entries; service {rss_mb(service.process.pid):.0f} MB", flush=True)
            for fmt in FORMATS:
                found = cost(service, fmt.suffix, entries)
                before = first.setdefault(fmt.suffix, found)
                grown = f"{found.peak_mb - before.peak_mb:+.0f} MB to the first" if number else ""
                print(
                    f"{fmt.suffix:<12} {found.entries / found.seconds:>9,.0f} entries/s "
                    f"{found.bytes_sent / 1e6 / found.seconds:>7.1f} MB/s of {found.bytes_sent / 1e6:,.0f} MB   "
                    f"at most {found.peak_mb:.0f} MB   {grown}",
                    flush=True,
                )


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[10_000, 100_000])
    given = parser.parse_args()
    print(machine())
    with folder_on_disk() as folder:
        measure(folder, given.events)


if __name__ == "__main__":
    main()
