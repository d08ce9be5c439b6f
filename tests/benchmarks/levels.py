"""What a page takes by who asks: `uv run python -m tests.benchmarks.levels --events 5000`.

Three actors: of one everybody may see everything, of one nobody below `amber+strict` sees anything, of one nothing was
ever said. A page of each is asked for in turn, over HTTP, by a reader of what is clear and by the owner, never the same
page twice, so that none is remembered. What is hidden is looked through as far as what is shown, and no further: the
ratio of the two is what a reader could learn by a clock.
"""

import argparse
import json
import statistics
import time
from collections import defaultdict
from datetime import date, timedelta

import httpx

from tests.benchmarks.bench import folder_on_disk, headers_of, machine, service_on_disk
from tests.services import Service

ROUNDS = 300
LINES = 500
MARKINGS = {"seen": "clear", "hidden": "amber+strict"}


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5_000, help="of each of the two actors")
    given = parser.parse_args()
    print(machine())
    with folder_on_disk() as folder, service_on_disk(folder) as service:
        _fill(service, given.events)
        found = _asked(service)
    for (who, actor), seconds in found.items():
        print(f"{who:<8} a page of what is {actor:<8} {statistics.median(seconds) * 1000:6.2f} ms")
    for who in ("least", "owner"):
        seen = statistics.median(found[who, "seen"])
        for actor in ("hidden", "nothing"):
            print(f"{who:<8} {actor} to seen: {statistics.median(found[who, actor]) / seen:4.2f}")


def _fill(service: Service, events: int) -> None:
    with service.client() as api:
        for actor in (*MARKINGS, "nothing"):
            api.post("/v1/actors", json={"slug": actor, "name": actor.title(), "marking": "clear"}).raise_for_status()
        api.post("/v1/sources", json={"slug": "paper", "name": "A Paper", "marking": "clear"}).raise_for_status()
        for actor, marking in MARKINGS.items():
            for begun in range(0, events, LINES):
                posts = [_post(actor, marking, number) for number in range(begun, min(begun + LINES, events))]
                body = "\n".join(json.dumps(post) for post in posts)
                answer = api.post("/v1/events/batch", content=body, headers={"Content-Type": "application/x-ndjson"})
                answer.raise_for_status()


def _post(actor: str, marking: str, number: int) -> dict[str, object]:
    return {
        "kind": "visit",
        "title": f"Visit {number}",
        "occurred": str(date(2000, 1, 1) + timedelta(days=number)),
        "source": "paper",
        "participants": [actor],
        "marking": marking,
    }


def _asked(service: Service) -> dict[tuple[str, str], list[float]]:
    """Seconds of each page, by who asked and for what."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    with service.client() as api:
        least = api.post("/v1/tokens", json={"name": "least", "scope": "read", "audience": "clear"}).json()["text"]
    clients = {"least": {"Authorization": f"Bearer {least}"}, "owner": headers_of(service)}
    with httpx.Client(base_url=service.url, timeout=30) as client:
        for number in range(ROUNDS):
            since = date(1999, 1, 1) + timedelta(days=number)  # before everything: another question each time
            for who, headers in clients.items():
                for actor in ("seen", "hidden", "nothing"):
                    began = time.perf_counter()
                    answer = client.get(f"/v1/timelines/actors/{actor}?from={since}", headers=headers)
                    found[who, actor].append(time.perf_counter() - began)
                    answer.raise_for_status()
    return found


if __name__ == "__main__":
    main()
