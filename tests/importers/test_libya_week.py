"""The sample week: each post fits the model, names only what came before it, and its dates read as they were meant."""

from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
import pytest

from timeline.importers.libya_week import EVENTS, PUBLISHED, REGISTRATIONS, Post, id_of, posts
from timeline.model import kinds, references, registry
from timeline.model.dates import Occurred, read
from timeline.model.dating import Dates, dates_of
from timeline.model.kinds import Event
from timeline.model.record import Record
from timeline.model.registry import COLLECTIONS, Registration

REPORT = read(PUBLISHED)
RECORDED = date(2026, 7, 1)
CLASSES: dict[str, type[Record]] = {**kinds.EVENTS, **registry.REGISTRATIONS}
EXAMPLES = [*kinds.EVENTS.values(), *registry.REGISTRATIONS.values()]


def decoded(post: Post) -> Any:
    bare = {name: value for name, value in post.items() if name != "ref"}
    return msgspec.convert(bare, CLASSES[post["kind"]])


def event(ref: str) -> Event:
    found = decoded(next(post for post in EVENTS if post["ref"] == ref))
    assert isinstance(found, Event)
    return found


def dates(ref: str) -> Dates:
    when = event(ref).occurred
    during = None if isinstance(when, str) or when.during is None else dates(when.during.removeprefix("#")).occurred
    return dates_of(event(ref), published=REPORT, recorded_on=RECORDED, during=during)


def named(post: Post) -> Iterator[references.Found]:
    """What a post refers to, but for the calendar."""
    record = decoded(post)
    for found in references.collect(type(record), msgspec.to_builtins(record)):
        if found.to != "date":
            yield found


@pytest.mark.parametrize("post", posts(), ids=lambda post: str(post.get("ref") or f"{post['kind']}:{post['slug']}"))
def test_each_post_fits_the_model(post: Post) -> None:
    record = decoded(post)

    assert record.kind_of() == post["kind"]
    assert record.marking == "clear"


def test_the_week_has_twenty_events_in_order() -> None:
    assert [post["ref"] for post in EVENTS] == [f"E{n:02}" for n in range(1, 21)]
    assert posts() == [*REGISTRATIONS, *EVENTS]


def test_every_post_has_an_id_of_its_own_that_never_changes() -> None:
    ids = [post["id"] for post in posts()]

    assert len(set(ids)) == len(ids)
    assert [str(UUID(each)) for each in ids] == ids
    assert id_of("event", "E01") == "6c04254b-4092-52c1-b1d2-7c0860591e59"


def test_each_post_names_only_what_was_posted_before_it() -> None:
    before: set[tuple[str, str]] = set()
    unknown = []
    for post in posts():
        unknown += [found for found in named(post) if (found.to, found.text) not in before]
        before.add((post["kind"], post["slug"]) if "slug" in post else ("event", f"#{post['ref']}"))

    assert unknown == []


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.kind_of())
def test_what_the_example_of_a_kind_names_is_registered_in_the_week(kind: type[Record]) -> None:
    registered = {(post["kind"], post["slug"]) for post in REGISTRATIONS}

    asked = {(found.to, found.text) for found in named(kind.example) if found.to in COLLECTIONS}

    assert asked <= registered


@pytest.mark.parametrize("kind", [each for each in registry.REGISTRATIONS.values() if "slug" in each.example])
def test_an_example_registration_says_what_the_week_says(kind: type[Registration]) -> None:
    post = next(p for p in REGISTRATIONS if (p["kind"], p["slug"]) == (kind.kind_of(), kind.example["slug"]))

    assert kind.example.items() <= post.items()


def test_no_post_quotes_the_report() -> None:
    assert [post for post in EVENTS if "quote" in post] == []


@pytest.mark.parametrize(
    ("ref", "occurred", "said"),
    [
        ("E01", PUBLISHED, PUBLISHED),
        ("E02", "[2019-06-01..2019-06-10]", PUBLISHED),
        ("E03", "[2019-06-01..2019-06-10]", "[2019-06-01..2019-06-14]"),
        ("E04", "[2019-06-01..2019-06-14]", "[2019-06-01..2019-06-14]"),
        ("E05", "/..", PUBLISHED),
        ("E06", "[2019-06-11..2019-06-20]", "/2019-06-07"),
        ("E07", "[2019-06-11..2019-06-20]", "/2019-06-07"),
        ("E08", PUBLISHED, PUBLISHED),
        ("E09", "/..", PUBLISHED),
        ("E10", PUBLISHED, PUBLISHED),
        ("E11", "/2019-06-09", "[2019-06-03..2019-06-09]"),
        ("E12", "[2019-06-03..2019-06-09]", "[2019-06-03..2019-06-09]"),
        ("E13", "[2019-06-03..2019-06-14]", "[2019-06-03..2019-06-14]"),
        ("E14", "2019-06-07", "2019-06-07"),
        ("E15", PUBLISHED, PUBLISHED),
        ("E16", PUBLISHED, PUBLISHED),
        ("E17", "/2019-06-14", "/2019-06-14"),
        ("E18", "/2019-06-14", "/2019-06-14"),
        ("E19", "/..", PUBLISHED),
        ("E20", PUBLISHED, PUBLISHED),
    ],
)
def test_each_date_reads_as_the_report_means_it(ref: str, occurred: str, said: str) -> None:
    found = dates(ref)

    assert (found.occurred.edtf, found.said.edtf) == (occurred, said)
    assert _days(found.occurred) == _days(read(occurred))
    assert not found.said_assumed


@pytest.mark.parametrize(
    ("ref", "words"),
    [
        ("E02", "early June 2019"),
        ("E03", "early June 2019"),
        ("E05", "ongoing"),
        ("E06", "mid-June 2019"),
        ("E07", "mid-June 2019"),
        ("E09", "increasingly"),
        ("E11", "by 9 June 2019"),
        ("E12", "last week"),
        ("E14", "7 June 2019"),
    ],
)
def test_the_words_of_a_date_are_kept(ref: str, words: str) -> None:
    assert dates(ref).occurred.words == words


def test_last_week_is_the_week_before_the_report() -> None:
    later = dates_of(event("E12"), published=read("2019-06-20"), recorded_on=RECORDED)

    assert later.occurred.edtf == "[2019-06-10..2019-06-16]"


def _days(when: Occurred) -> tuple[Any, Any, bool]:
    return when.earliest, when.latest, when.ongoing
