"""The sample week in tests: its refs as the notes write them, other orders of posting, and evidence that came later."""

import random
from typing import Any

from timeline.importers.libya_week import EVENTS, Post, id_of

REFS = [post["ref"] for post in EVENTS]
ORIGINALS = {post["ref"]: post for post in EVENTS}
WEEKS = ["2019-W22", "2019-W23", "2019-W24", "2019-W25"]
IN_ORDER = "02-04 11-14 01 08 10 15 16 20 05 09 19 06 07 17 18"
"""Every event in the order of timelines."""


def refs(text: str) -> list[str]:
    """`"02 05-07"` is E02 E05 E06 E07."""
    found: list[str] = []
    for part in text.split():
        first, _, last = part.partition("-")
        found += [f"E{number:02}" for number in range(int(first), int(last or first) + 1)]
    return found


def ids(*wanted: str) -> list[str]:
    """The ids of events, by ref."""
    return [id_of("event", ref) for ref in wanted]


def sources(*slugs: str) -> list[str]:
    """The ids of sources, by slug."""
    return [id_of("source", slug) for slug in slugs]


def shuffled(seed: int) -> list[Post]:
    """The events in another order, each after those that it names."""
    events = [*EVENTS]
    random.Random(seed).shuffle(events)
    placed: list[Post] = []
    while events:
        ready = next(post for post in events if _named(post) <= {f"#{each['ref']}" for each in placed})
        events.remove(ready)
        placed.append(ready)
    return placed


def _named(post: Post) -> set[str]:
    when = post["occurred"]
    during = [when["during"]] if isinstance(when, dict) and "during" in when else []
    return {*post.get("of", []), *post.get("based_on", []), *during}


OUTLET: Post = {
    "kind": "source",
    "id": id_of("source", "pro-lna-outlet"),
    "slug": "pro-lna-outlet",
    "name": "An outlet close to the LNA",
    "marking": "clear",
    "reliability": "D",
    "aligned_with": ["lna", "haftar"],
}
PAPER: Post = {
    "kind": "source",
    "id": id_of("source", "a-paper"),
    "slug": "a-paper",
    "name": "A paper",
    "marking": "clear",
    "reliability": "B",
}


def report(ref: str, of: str, **fields: Any) -> Post:
    """A further source's voice for an event of the week."""
    common = {"kind": "report", "modality": "stated", "marking": "clear", "topics": ["libya"]}
    return {"ref": ref, "id": id_of("event", ref), "of": ids(of), **common, **fields}


def correction(ref: str, **changed: Any) -> Post:
    """An event of the week with some fields changed, in place of its first revision."""
    inner = {name: value for name, value in ORIGINALS[ref].items() if name not in ("id", "ref")}
    return {
        "kind": "correction",
        "id": id_of("correction", ref),
        "subject": id_of("event", ref),
        "revision": 1,
        "ground": "new_evidence",
        "reason": "The days are known now.",
        "event": inner | changed,
    }


LATER_REPORTS = [
    OUTLET,
    report("E21", "E02", occurred="2019-06-01", happened="30 May 2019", source="pro-lna-outlet"),
    report("E22", "E03", occurred="2019-06-01", happened="31 May 2019", source="pro-lna-outlet"),
]
LATER_DATES = [
    correction("E02", occurred="2019-05-30/2019-05-31"),
    correction("E03", occurred="2019-05-31"),
    correction("E17", occurred="2019-06-02"),
    correction("E18", occurred="2019-06-02"),
]
SECOND_DENIAL: Post = {
    **{name: value for name, value in ORIGINALS["E14"].items() if name not in ("title", "of", "document")},
    "ref": "E23",
    "id": id_of("event", "E23"),
    "of": ids("E07"),
    "occurred": "8 June 2019",
    "source": "white-house",
}
IT_HAPPENED = [
    PAPER,
    report("E24", "E07", occurred="17 June 2019", happened="16 June 2019", source="a-paper", tense="past"),
]
