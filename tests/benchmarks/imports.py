"""How fast others' data gets in, and is readable: `uv run python -m tests.benchmarks.imports [FORMAT FILE …]`.

Without a file, rows in GDELT's layout are made: `timeline import` maps, admits, appends and folds them in one process,
and then NDJSON batches are posted to a service over HTTP, against the raw COPY of rows of that size.
"""

import argparse
import asyncio
import os
import random
import re
import subprocess
import threading
import time
from pathlib import Path

import httpx

from tests.benchmarks.bench import dsn_of, folder_on_disk, headers_of, machine, rss_mb, service_on_disk
from tests.benchmarks.posts import copied, post
from tests.postgres import ROOT
from tests.services import Service, timeline
from timeline.importers.gdelt import HEADERS_1

POSTED_LINES = 1_000
POSTERS = 4
BODIES = 50
PAYLOAD_BYTES = 1_000


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("given", nargs="*", metavar="FORMAT FILE …")
    parser.add_argument("--rows", type=int, default=20_000, help="how many rows are made")
    parser.add_argument("--seconds", type=float, default=10.0, help="of posting batches")
    asked = parser.parse_args()
    print(machine())
    with folder_on_disk() as folder:
        format_, files = (
            (asked.given[0], asked.given[1:]) if asked.given else ("gdelt1", [str(_made(folder, asked.rows))])
        )
        imported = _imported(folder, format_, files)
        posted, limit = _posted(folder, asked.seconds)
    print(f"COPY of rows of {PAYLOAD_BYTES:,} bytes {limit:>16,.0f} /s")
    print(f"to that: batches {posted / limit:.3f}, rows imported and readable {imported / limit:.3f}")


def _made(folder: Path, rows: int) -> Path:
    """Rows of GDELT 1.0, of a thousand places and as many actors, a few hundred a day."""
    path, columns, made = folder / "made.tsv", HEADERS_1[58], random.Random(1)
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            place, day = made.randrange(1_000), 1 + number * 28 // rows
            cells = dict.fromkeys(columns, "") | {
                "GLOBALEVENTID": str(900_000_000 + number),
                "SQLDATE": f"201906{day:02}",
                "DATEADDED": f"201906{day:02}",
                "Actor1Code": f"A{made.randrange(1_000)}",
                "Actor1Name": "SOMEBODY",
                "Actor2Code": f"B{made.randrange(1_000)}",
                "Actor2Name": "SOMEBODY ELSE",
                "EventCode": "190",
                "EventRootCode": "19",
                "ActionGeo_Type": "4",
                "ActionGeo_FullName": f"Place {place}, Province {place % 20}, Country {place % 40}",
                "ActionGeo_CountryCode": f"{chr(65 + place % 26)}{chr(65 + place % 40 // 26)}",
                "ActionGeo_Lat": f"{10 + place / 100}",
                "ActionGeo_Long": f"{20 + place / 100}",
                "ActionGeo_FeatureID": str(place),
                "NumMentions": "4",
                "AvgTone": "-1.5",
            }
            file.write("\t".join(cells.values()) + "\n")
    return path


def _imported(folder: Path, format_: str, files: list[str]) -> float:
    """Print how long an import took until all of it was recorded, and readable; rows a second."""
    words = timeline("import", format_, *files, "--data-dir", str(folder / "imported"), "--log-format", "json")
    began = time.perf_counter()
    importing = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    held: list[float] = []
    watching = threading.Thread(target=_watch, args=(importing, held))
    watching.start()
    printed, _ = importing.communicate()
    watching.join()
    seconds = time.perf_counter() - began
    rows = int(re.search(r"([\d,]+) rows read", printed)[1].replace(",", ""))  # type: ignore[index]  # it is printed
    told = printed.strip().splitlines()[-1]
    readable = float(re.match(r"([\d.]+) s until readable", told)[1])  # type: ignore[index]  # as above
    print(told)
    print(
        f"{rows:,} rows of {format_}, recorded and readable in {readable:.1f} s: {rows / readable:,.0f} a second; with "
        f"a database made and started for them, {seconds:.1f} s"
    )
    print(f"memory of the import at most {max(held, default=0):.0f} MB")
    return rows / readable


def _watch(process: "subprocess.Popen[str]", held: list[float]) -> None:
    while process.poll() is None:
        try:
            held.append(rss_mb(process.pid))
        except OSError:
            return
        time.sleep(0.2)


def _posted(folder: Path, seconds: float) -> tuple[float, float]:
    """Print how many events a second NDJSON batches bring into the log; that, and what COPY does."""
    with service_on_disk(folder, "--sample") as service:
        rate = asyncio.run(_post_batches(service, seconds))
        with service.client() as client:
            ready = client.get("/health/ready").json()
        limit = asyncio.run(copied(dsn_of(service), os.urandom(PAYLOAD_BYTES)))
        memory = rss_mb(service.process.pid)
    behind = ready["log_position"] - ready["projected_position"]
    print(f"NDJSON batches of {POSTED_LINES:,}, {POSTERS} at once {rate:>9,.0f} /s   service {memory:.0f} MB")
    print(f"reads {behind:,} behind at the end; batches wait from 20,000 on")
    return rate, limit


async def _post_batches(service: Service, seconds: float) -> float:
    """Events a second. What is sent is made before: the client has the same two cores."""
    lines = [post(each).replace("@", "") for each in range(POSTED_LINES)]
    bodies = ["\n".join(each.replace("Talks", f"Talks {n}") for each in lines).encode() for n in range(BODIES)]
    headers, done = headers_of(service) | {"Content-Type": "application/x-ndjson"}, 0
    began = time.perf_counter()

    async def posting() -> None:
        nonlocal done
        async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=60) as client:
            while time.perf_counter() < began + seconds:
                body = bodies[done // POSTED_LINES % BODIES]
                answer = await client.post("/v1/events/batch?mode=each&wait=false", content=body)
                assert answer.status_code == 201, answer.text[:300]
                done += answer.json()["recorded"]

    await asyncio.gather(*(posting() for _ in range(POSTERS)))
    return done / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
