"""Every read as of p is, byte for byte, the same read of a store that holds the records 1 to p and nothing else.

Over HTTP, at all four levels, for logs of anything that changes no marking and erases nothing; the other store is given
the same records at the same times. What was marked higher or erased since is shown at no position: that is asked apart.
"""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import asyncpg
import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.conftest import client_of
from tests.oracles.posts import ACTORS, CAST, PUBLISHED, Draft, Post, drafts, id_of, numbers, replies
from tests.postgres import keep_seed, reset
from tests.projections.folding import ROLE, fold_all
from timeline.access import Access, Identity, Scope
from timeline.app import Application
from timeline.db.migrate import migrate
from timeline.db.statements import Statements
from timeline.model.record import LEVELS
from timeline.model.weeks import week_of
from timeline.projections import events as projected_events
from timeline.projections import pages, registered
from timeline.projections.projector import begin, connect
from timeline.settings import Settings

PATH = "tests/oracles/test_as_of.py"
EDITS = ("correction", "retraction", "recall", "duplicate", "distinct")
HIDING = ("marking", "erasure")
LEVEL = "Bearer level-"
EVENTS_READ = 5


class Levels:
    """Readers of every level, whatever tokens there are: `Bearer level-2`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def identify(self, authorization: str | None, scope: Scope = "read") -> Identity:
        if authorization is not None and authorization.startswith(LEVEL):
            return Identity(subject="", level=int(authorization.removeprefix(LEVEL)))
        return self._access.identify(authorization, scope)

    async def identified(self, authorization: str | None, scope: Scope = "read") -> Identity:
        return self.identify(authorization, scope)


class Store:
    """A service on a database of its own; records are folded when the test says so."""

    def __init__(self, application: Application, client: httpx.AsyncClient) -> None:
        self.dsn, self.client = application.dsn, client

    async def empty(self) -> None:
        """Nothing was ever recorded."""
        connection = await asyncpg.connect(self.dsn)
        try:
            await reset(connection)
        finally:
            await connection.close()
        await begin(self.dsn, ROLE)

    async def fold(self) -> int:
        """Fold what is in the log; the last position."""
        tables = await begin(self.dsn, ROLE)
        connection = await connect(self.dsn, tables, ROLE)
        try:
            return await fold_all(connection, tables)
        finally:
            await connection.close()

    async def read(self, path: str, level: int) -> httpx.Response:
        """What a reader of a level is answered."""
        headers = {
            "Authorization": f"{LEVEL}{level}",
            "Accept-Encoding": "identity",
        }  # packed or not is a matter of length
        return await self.client.get(f"/v1/{path}", headers=headers)


class Pair(NamedTuple):
    """A store of whole logs, and one that is given their records one after the other."""

    runner: asyncio.Runner
    whole: Store
    first: Store


@contextmanager
def pair_on(dsn: str, other: str, folder: Path) -> Iterator[Pair]:
    """Two services without projectors of their own, on one loop."""
    with asyncio.Runner() as runner:
        applications = [Application(Settings(data_dir=str(folder)), each) for each in (dsn, other)]
        stores = []
        for application in applications:
            service = runner.run(application.start())
            runner.run(service.projector.stop())
            service.projector.health.position = 2**53  # whoever waits for a position is told that it is there
            levels = cast("Access", Levels(service.access))
            application.litestar.state.service = msgspec.structs.replace(service, access=levels)
            stores.append(Store(application, client_of(application, {"Authorization": f"Bearer {application.token}"})))
        try:
            yield Pair(runner, *stores)
        finally:
            for store, application in zip(stores, applications, strict=True):
                runner.run(store.client.aclose())
                runner.run(application.stop())


# Logs


class Step(NamedTuple):
    """One post before it is known what was posted before it."""

    what: str
    draft: Draft
    which: int
    other: int


def steps(*kinds: str) -> st.SearchStrategy[list[Step]]:
    """Logs in which events, replies, things named anew, judgements of who is who, and edits of these kinds mix."""
    events = st.builds(Step, st.just("event"), drafts | replies, numbers, numbers)
    anew = st.sampled_from(("registration", "registration", "judgement"))
    named_anew = st.builds(Step, anew, drafts, numbers, numbers)
    edits = st.builds(Step, st.sampled_from(kinds), drafts, numbers, numbers)
    return st.lists(events | events | events | edits | named_anew, min_size=4, max_size=14)


def posts_of(several: list[Step]) -> list[Post]:
    """The posts of a log, each in the order in which it may name the others."""
    made: list[Post] = []
    events: dict[str, Post] = {}
    revisions: dict[str, int] = {each["id"]: 1 for each in CAST}
    for number, step in enumerate(several):
        own = {"id": id_of(f"as of {number}")}
        if step.what == "event" or (step.what not in ("registration", "judgement") and not events):
            post = own | step.draft.body(list(events))
            events[own["id"]], revisions[own["id"]] = post, 1
        elif step.what == "registration":
            post = _named_anew(step, revisions)
        elif step.what == "judgement":
            post = _judged(step, revisions)
        else:
            post = own | _edit(step, events, revisions)
        made.append(post)
    return made


def _named_anew(step: Step, revisions: dict[str, int]) -> Post:
    """A thing of the cast under another name, or graded or dated otherwise; its marking stays."""
    thing = CAST[step.which % len(CAST)]
    fields: Post = {"name": f"{thing.get('name')} {step.other}"} if "name" in thing else {}
    if thing["kind"] == "source":
        fields |= {"reliability": "ABCDEF"[step.other % 6], "aligned_with": list(step.draft.participants)}
    if thing["kind"] == "document":
        fields |= {"published": PUBLISHED[step.other % len(PUBLISHED)]}
    if thing["kind"] == "actor" and step.other % 3 == 0:
        fields |= {"slug": f"{thing['slug']}-{step.other}"}
    revisions[thing["id"]] += 1
    return {**thing, **fields, "revision": revisions[thing["id"]] - 1}


def _judged(step: Step, revisions: dict[str, int]) -> Post:
    """Whether two of the actors are one, judged for the first time or anew."""
    two = [each for number, each in enumerate(ACTORS) if number != step.which % len(ACTORS)]
    own, word = id_of("one? ".join(two)), ("same", "same", "different", "withdrawn")[step.other % 4]
    judged = {"kind": "same_actor", "id": own, "actors": [id_of(each) for each in two], "judgement": word}
    before = revisions.get(own, 0)
    revisions[own] = before + 1
    return judged | {"marking": "clear"} | ({"revision": before} if before else {})


def _edit(step: Step, events: dict[str, Post], revisions: dict[str, int]) -> Post:
    ids = list(events)
    subject = ids[step.which % len(ids)]
    edit: Post = {"kind": step.what, "subject": subject, "reason": "A reason."}
    match step.what:
        case "correction":
            body = step.draft.body(ids[: ids.index(subject)])
            marking = events[subject].get("marking")
            body = {name: value for name, value in body.items() if name != "marking"}
            edit |= {"revision": revisions[subject], "ground": "our_error"}
            edit |= {"event": body | ({"marking": marking} if marking else {})}
        case "duplicate":
            edit |= {"survivor": ids[step.other % len(ids)]}
        case "distinct":
            edit |= {"other": ids[step.other % len(ids)]}
        case "marking":
            edit |= {"marking": ("green", "amber", "amber+strict")[step.other % 3]}
        case "erasure":
            edit |= {"authority": "An officer"}
        case _:
            pass
    revisions[subject] += 1
    return edit


async def record(pair: Pair, several: list[Post]) -> int:
    """Empty both stores, and record a log in the first; what is refused is left out. The last position."""
    await pair.whole.empty()
    await pair.first.empty()
    actors = [each for each in CAST if each["kind"] == "actor"]
    for lines in (actors, [each for each in CAST if each not in actors], several):
        answer = await pair.whole.client.post("/v1/events/batch", json=lines, params={"mode": "each"})
        assert answer.status_code in (200, 201), answer.text
    return await pair.whole.fold()


async def give(pair: Pair, after: int, until: int) -> None:
    """Give the other store the next records: the same ids, bytes and times."""
    source, target = [await asyncpg.connect(each.dsn) for each in (pair.whole, pair.first)]
    try:
        for table in ("log", "payload"):
            rows = await source.fetch(
                f"SELECT * FROM timeline.{table} WHERE position > $1 AND position <= $2 ORDER BY position", after, until
            )
            await target.copy_records_to_table(table, schema_name="timeline", records=[tuple(row) for row in rows])
    finally:
        await source.close()
        await target.close()
    assert await pair.first.fold() == until


# Reads


def reads_of(several: list[Post]) -> list[str]:
    """What is asked: timelines, weeks, events and registries, found by their names of any time."""
    events = [each["id"] for each in several if "occurred" in each]
    slugs = {each["slug"] for each in several if each["kind"] == "actor"} - {"haftar", "russia", "putin"}
    this_week = week_of(datetime.now(UTC).date())
    return [
        "timelines/all?on=2019-06-17&feeds=include",
        "timelines/all?on=2019-06-17&order=desc&limit=3&kind=visit,denial,report",
        "timelines/all.md?on=2019-06-17",
        "timelines/actors/haftar?on=2019-06-17&limit=2",
        "timelines/actors/russia.csv?on=2019-06-17",
        *(f"timelines/actors/{slug}?on=2019-06-17" for slug in sorted(slugs)),
        f"timelines/actors/{id_of('putin')}?on=2019-06-17&standing=reported,denied,disputed",
        "timelines/topics/libya?on=2019-06-17",
        "weeks/2019-W23?on=2019-06-17&match=possible&feeds=include",
        "weeks/2019-W24.md?on=2019-06-17&actor=haftar&topic=libya",
        f"weeks/{this_week}?on=2019-06-17",
        *(f"events/{each}?on=2019-06-17" for each in events[:: 1 + len(events) // EVENTS_READ]),
        *(f"events/{each}/history" for each in events[:1]),
        "sources?limit=4",
        "sources?q=paper",
        "actors",
        "documents.ndjson",
        "actors/haftar",
        "same-actors",
        "sources/insider",
        f"sources/{id_of('paper')}",
    ]


def as_of(path: str, position: int) -> str:
    """The same read, of what was known then."""
    return f"{path}{'&' if '?' in path else '?'}as_of={position}"


def plain(answer: httpx.Response, position: int) -> tuple[Any, ...]:
    """An answer but for its tag, and for what says as of when it was asked."""
    location = answer.headers.get("location", "")
    told = [answer.text if not location else "", answer.headers.get("link", ""), location]
    for mark, nothing in (
        (f'"as_of":{position}', '"as_of":null'),
        (f"?as_of={position}", ""),
        (f"&as_of={position}", ""),
    ):
        told = [each.replace(mark, nothing) for each in told]
    return answer.status_code, *(each.replace("?cursor", "&cursor") for each in told), _headers(answer)


def _headers(answer: httpx.Response) -> dict[str, str]:
    own = ("etag", "link", "location", "content-length", "x-request-id")  # told above, or of this one answer
    return {name: value for name, value in answer.headers.items() if name not in own}


async def compare(pair: Pair, path: str, level: int, position: int) -> None:
    """One read of then and the same of a store that ends there, page after page."""
    then = await pair.whole.read(as_of(path, position), level)
    now = await pair.first.read(path, level)
    assert plain(then, position) == plain(now, position), (path, level, position)
    paged = now.headers["content-type"].startswith("application/json") and "cursor=" not in path
    following = now.json().get("next") if paged else None
    if following is not None:
        await compare(pair, f"{path}{'&' if '?' in path else '?'}cursor={following}", level, position)


async def compare_log(pair: Pair, several: list[Post], looks: int, part: int) -> None:
    """A log at some positions, always at the last; of the reads one in so many, another for each level and position."""
    head = await record(pair, several)
    begun = min(len(CAST), head)
    sampled = sorted({begun + (head - begun) * n // looks for n in range(looks + 1)} | {begun // 2})
    reads, given_until = reads_of(several), 0
    for number, position in enumerate(sampled):
        await give(pair, given_until, position)
        given_until = position
        for level in LEVELS:
            for path in reads[(number + level) % part :: part]:
                await compare(pair, path, level, position)


# Profiles

QUICK = settings(
    max_examples=6, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
LONG = settings(QUICK, max_examples=1_000, derandomize=False)


@pytest.fixture
def pair(db: str, fresh_database: str, tmp_path: Path) -> Iterator[Pair]:
    """Two services on two databases."""
    with asyncio.Runner() as runner:
        runner.run(_prepared(fresh_database))
    with pair_on(db, fresh_database, tmp_path) as found:
        yield found


async def _prepared(dsn: str) -> None:
    await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    try:
        await keep_seed(connection)
    finally:
        await connection.close()


def test_every_read_as_of_a_position_is_that_of_a_store_that_ends_there(
    pair: Pair, long: bool, pytestconfig: pytest.Config
) -> None:
    looks, part = (3, 2) if long else (2, 3)

    @given(several=steps(*EDITS))
    def holds(several: list[Step]) -> None:
        pair.runner.run(compare_log(pair, posts_of(several), looks, part))

    _run(holds, long, pytestconfig)


def test_what_was_hidden_since_is_shown_at_no_position(pair: Pair, long: bool, pytestconfig: pytest.Config) -> None:
    @given(several=steps(*EDITS, *HIDING, *HIDING))
    def holds(several: list[Step]) -> None:
        pair.runner.run(look_for_hidden(pair, posts_of(several)))

    _run(holds, long, pytestconfig)


async def look_for_hidden(pair: Pair, several: list[Post]) -> None:
    """Whatever a level may not read of a log now, it may not read as of any position."""
    head = await record(pair, several)
    events = [each["id"] for each in several if "occurred" in each]
    for level in LEVELS:
        hidden = {each for each in events if (await pair.whole.read(f"events/{each}", level)).status_code == 404}
        for position in range(len(CAST), head + 1):
            page = (await pair.whole.read(as_of("timelines/all?limit=1000&feeds=include", position), level)).json()
            week = (await pair.whole.read(as_of("weeks/2019-W23?match=possible&feeds=include", position), level)).json()
            shown = {entry["id"] for entry in page["entries"]} | set(week["matched"])
            shown |= {of["id"] for entry in page["entries"] for of in entry["of"]}
            shown |= {each["id"] for entry in page["entries"] for each in entry["assessments"]}
            assert not shown & hidden, (level, position)
        for each in sorted(hidden)[:EVENTS_READ]:
            answers = [await pair.whole.read(as_of(f"events/{each}", at), level) for at in (len(CAST), head - 1, head)]
            assert {answer.status_code for answer in answers} == {404}, (level, each)


def _run(holds: Callable[[], None], long: bool, pytestconfig: pytest.Config) -> None:
    if not long:
        QUICK(holds)()
        return
    seeded = int(pytestconfig.getoption("--hypothesis-seed") or random.SystemRandom().getrandbits(32))
    print(f"To run these logs again: uv run pytest -n 0 -s {PATH} --long --hypothesis-seed={seeded}")
    seed(seeded)(LONG(holds))()


# Mutants: statements that forget the position

HOLDS = "from_position <= $3 AND to_position > $3"
HOLDS_NOW = "from_position <= $3 + 1000 AND to_position > $3 + 1000"


def _name_timelines_as_of_now(patch: pytest.MonkeyPatch) -> None:
    _forget(patch, pages, "coalesce($6, p.position)", "greatest($6, p.position)")


def _name_things_as_of_now(patch: pytest.MonkeyPatch) -> None:
    _forget(patch, pages, HOLDS, HOLDS_NOW, "names")


def _list_things_as_of_now(patch: pytest.MonkeyPatch) -> None:
    _forget(patch, registered, HOLDS, HOLDS_NOW)


def _show_events_as_posted_now(patch: pytest.MonkeyPatch) -> None:
    _forget(patch, projected_events, "log.position <= $2", "log.position <= $2 + 1000", "event_posted")


def _send_on_as_of_now(patch: pytest.MonkeyPatch) -> None:
    moved = projected_events._moved
    patch.setattr(projected_events, "_moved", lambda event, fates, _: moved(event, fates, 2**53))


def _forget(patch: pytest.MonkeyPatch, module: Any, position: str, instead: str, only: str = "") -> None:
    """Every statement of a module, or one, without its position."""
    texts = dict(module.SQL.items())
    forgetful = {name: text.replace(position, instead) if only in name else text for name, text in texts.items()}
    assert forgetful != texts
    patch.setattr(module, "SQL", Statements(Path("mutant.sql"), forgetful))


MUTANTS = [
    _name_timelines_as_of_now,
    _name_things_as_of_now,
    _list_things_as_of_now,
    _show_events_as_posted_now,
    _send_on_as_of_now,
]


def a_short_log() -> list[Post]:
    """What each mutant shows otherwise, in the fewest records."""
    visit = {
        "kind": "visit",
        "occurred": "2019-06-07",
        "source": "paper",
        "participants": ["russia"],
        "marking": "clear",
    }
    one, two, three = [visit | {"id": id_of(name), "title": name} for name in ("one", "two", "three")]
    corrected = {name: value for name, value in one.items() if name != "id"} | {"summary": "As told since."}
    edit = {"reason": "A reason."}
    russia = next(each for each in CAST if each.get("slug") == "russia")
    return [
        one,
        two,
        three,
        {"kind": "correction", "subject": one["id"], "revision": 1, "ground": "our_error", "event": corrected, **edit},
        {"kind": "duplicate", "subject": two["id"], "survivor": one["id"], **edit},
        {"kind": "duplicate", "subject": two["id"], "survivor": three["id"], **edit},
        {"kind": "recall", "subject": three["id"], **edit},
        {**russia, "revision": 1, "name": "The Federation"},
        {**russia, "revision": 2, "slug": "federation"},
    ]


async def _compare_short_log(pair: Pair, part: int = 1) -> None:
    await compare_log(pair, a_short_log(), looks=len(a_short_log()), part=part)


def test_a_short_log_is_the_same_at_each_position(pair: Pair) -> None:
    pair.runner.run(_compare_short_log(pair, part=3))


@pytest.mark.parametrize("forgetful", MUTANTS, ids=lambda forgetful: forgetful.__name__.strip("_"))
def test_a_statement_that_forgets_the_position_is_found_out(
    forgetful: Callable[[pytest.MonkeyPatch], None], pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgetful(monkeypatch)

    with pytest.raises(AssertionError):
        pair.runner.run(_compare_short_log(pair))
