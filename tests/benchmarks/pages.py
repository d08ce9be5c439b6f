"""Pages against what HTTP alone and a bare statement cost: `uv run python -m tests.benchmarks.pages`.

A page of 50 from the database, and the 304 of a reader who has it, at 16 connections.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.bench import dsn_of, folder_on_disk, headers_of, machine, rss_mb, service_on_disk, told
from tests.benchmarks.limits import READY
from tests.benchmarks.load import UNIQUE, Asked, Measured, drive
from tests.benchmarks.posts import post
from tests.postgres import ROOT
from tests.services import Service

EVENTS = 2_000
PAGE = "/v1/timelines/actors/haftar?limit=50"


@contextmanager
def limits(dsn: str, timeline: str, page: bytes) -> Iterator[str]:
    """The server of the limits, and where it serves."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.limits", dsn, timeline],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(page)
        process.stdin.close()
        yield process.stdout.readline().decode().strip().removeprefix(READY)
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def fill(service: Service) -> None:
    """Post so many events that stand in one timeline."""
    with service.client() as client:
        for number in range(0, EVENTS, 500):
            lines = ",".join(post(each).replace(UNIQUE.decode(), str(each)) for each in range(number, number + 500))
            answer = client.post("/v1/events/batch", content=f"[{lines}]", headers={"Content-Type": "application/json"})
            assert answer.status_code == 201, answer.text


def measure(folder: Path, seconds: float, connections: int) -> None:
    """Print the figures of pages."""
    with service_on_disk(folder, "--sample") as service:
        fill(service)
        with service.client() as client:
            page = client.get(PAGE)
        headers = headers_of(service)

        def driven(url: str, **more: str) -> Measured:
            named = {name.replace("_", "-"): value for name, value in more.items()}
            return drive(Asked(url=url, headers=headers | named, connections=connections, seconds=seconds))

        with limits(dsn_of(service), page.json()["subject"]["id"], page.content) as url:
            from_memory, bare = driven(f"{url}/bytes"), driven(f"{url}/bare")
        ours = driven(service.url + PAGE)
        unchanged = driven(service.url + PAGE, If_None_Match=page.headers["etag"])
        print(told(f"the same {len(page.content):,} bytes from memory", from_memory))
        print(told("the bare statement", bare))
        print(told("a page of 50", ours, f"to the bare statement {ours.per_second / bare.per_second:.2f}"))
        to_memory = f"to the bytes {unchanged.per_second / from_memory.per_second:.2f}"
        print(told("its 304", unchanged, to_memory, f"to a page {unchanged.per_second / ours.per_second:.1f}"))
        print(f"service {rss_mb(service.process.pid):.0f} MB")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each figure")
    parser.add_argument("--connections", type=int, default=16)
    given = parser.parse_args()
    print(machine())
    with folder_on_disk() as folder:
        measure(folder, given.seconds, given.connections)


if __name__ == "__main__":
    main()
