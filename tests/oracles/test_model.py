"""The service against a model of it: whatever is posted, repeated, refused, folded, crashed and rebuilt, in any order.

The model (model.py, replay.py, standings.py) is written from the documents: dictionaries, no increments, no versions.
"""

import asyncio
import random
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID, uuid4

import asyncpg
import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, currently_in_test_context, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.checks import check_log
from tests.conftest import client_of
from tests.oracles import stores
from tests.oracles.model import Ledger, Verdict
from tests.oracles.posts import (
    CAST,
    EDITS,
    MARKINGS,
    PUBLISHED,
    SOURCES,
    TIMELINES,
    Draft,
    Post,
    drafts,
    id_of,
    numbers,
    replies,
)
from tests.oracles.replay import ALL as MODEL_ALL
from tests.oracles.replay import LEVELS, Law, Line, Replay
from tests.postgres import reset
from tests.projections.folding import ROLE, Breaking, digest, position
from timeline.app import Application
from timeline.db.statements import Statements
from timeline.log import writer as writers
from timeline.log.record import NewRecord
from timeline.model import standing
from timeline.model.edits import Recall
from timeline.model.entry import Entry
from timeline.projections import events, pages, registered, slices
from timeline.projections import fold as folds
from timeline.projections import projector as projectors
from timeline.projections.feed import feed
from timeline.projections.projector import begin, connect, rebuild, step
from timeline.projections.world import ALL
from timeline.settings import Settings

Answer = TypeVar("Answer")
PATH = "tests/oracles/test_model.py"
TIMES = "SELECT position, recorded_at FROM timeline.log ORDER BY position"


class Desk:
    """A running service without its projector, on a loop of its own: records are folded when the test says so."""

    def __init__(self, runner: asyncio.Runner, application: Application, client: httpx.AsyncClient) -> None:
        self.runner, self.application, self.client = runner, application, client
        self.dsn = application.dsn

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """The outcome of some asynchronous work."""
        return self.runner.run(work)


@contextmanager
def desk_on(dsn: str, folder: Path) -> Iterator[Desk]:
    """A service that takes posts and folds nothing by itself."""
    with asyncio.Runner() as runner:
        application = Application(Settings(data_dir=str(folder), visible_wait_seconds=0.0), dsn)
        service = runner.run(application.start())
        runner.run(service.projector.stop())
        client = client_of(application, {"Authorization": f"Bearer {application.token}"})
        try:
            yield Desk(runner, application, client)
        finally:
            runner.run(client.aclose())
            runner.run(application.stop())


class Service(RuleBasedStateMachine):
    """Everything that may happen to a service, and what must be true of it each time."""

    desk: ClassVar[Desk]
    as_of_looks: ClassVar[int] = 2
    """How many positions of each log are read through the whole reader; rows are compared at every position."""
    as_of_events: ClassVar[int] = 6
    """How many events are then read one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger, self.replay = Ledger(), Replay()
        self.sent: list[tuple[Post, str | None]] = []
        """Single posts that were recorded, with their Idempotency-Key."""
        self.made = 0
        self.progress = self.rebuilt_at = 0
        self.times: list[datetime] = []
        self.connection: asyncpg.Connection | None = None
        self.tables = ""
        self.desk.run(self._empty())
        self._face_live_tables()

    # Posts

    @initialize()
    def register_the_cast(self) -> None:
        """Actors first: a batch of the model names nothing that the same batch registers."""
        self._post_batch([each for each in CAST if each["kind"] == "actor"], "atomic")
        self._post_batch([each for each in CAST if each["kind"] != "actor"], "atomic")

    @rule(several=st.lists(drafts, min_size=1, max_size=3), named_by=st.sampled_from(["id", "key", "server"]))
    def post(self, several: list[Draft], named_by: str) -> None:
        for draft in several:
            self._post_draft(draft, self.ledger.events(), named_by)

    @precondition(lambda self: self.ledger.events())
    @rule(several=st.lists(replies, min_size=1, max_size=3), which=numbers)
    def answer(self, several: list[Draft], which: int) -> None:
        """Several voices on one event, which is what standings are made of."""
        events = self.ledger.events()
        for draft in several:
            self._post_draft(draft, [events[which % len(events)]], "id")

    @precondition(lambda self: self.sent)
    @rule(which=numbers, otherwise=st.booleans())
    def post_again(self, which: int, otherwise: bool) -> None:
        post, key = self.sent[which % len(self.sent)]
        words = {"reason" if post["kind"] in EDITS else "summary": "In other words."}
        self._post_one(post | (words if otherwise else {}), key)

    @precondition(lambda self: self.ledger.events())
    @rule(
        kind=st.sampled_from([*EDITS, "correction", "correction", "duplicate", "marking"]),
        draft=drafts,
        which=numbers,
        other=numbers,
        marking=st.sampled_from(MARKINGS),
        stale=st.sampled_from([0, 0, 0, -1, 1]),
    )
    def edit(self, kind: str, draft: Draft, which: int, other: int, marking: str, stale: int) -> None:
        self._post_one({"id": self._new_id(), **self._edit(kind, draft, which, other, marking, stale)}, None)

    @rule(which=numbers, draft=drafts, stale=st.sampled_from([0, 0, 0, -1, 1, None]), marking=st.sampled_from(MARKINGS))
    def register_again(self, which: int, draft: Draft, stale: int | None, marking: str) -> None:
        things = [each for each in CAST if each["kind"] != "actor" and each["id"] not in self.ledger.erased]
        if things:
            thing = things[which % len(things)]
            self._post_one(self._registered(thing, draft, stale, marking), None)

    @rule(
        several=st.lists(drafts, min_size=1, max_size=4),
        mode=st.sampled_from(["each", "each", "atomic"]),
        spoilt=st.none() | st.tuples(numbers, st.sampled_from(["name", "ref", "id", "stale"])),
        again=st.booleans(),
    )
    def batch(self, several: list[Draft], mode: str, spoilt: tuple[int, str] | None, again: bool) -> None:
        lines = self._lines(several, spoilt)
        self._post_batch(lines + ([lines[-1] | {"ref": "again"}] if again else []), mode)
        if again:
            self._post_batch(lines, mode)

    # The projector

    @precondition(lambda self: self.progress < self.ledger.head)
    @rule(before=st.integers(2, 40), limit=st.integers(1, 30))
    def fold(self, before: int, limit: int) -> None:
        """Fold on, with the server process killed before one of the statements, if there are so many."""
        held = self.desk.run(digest(self._live))
        breaking = cast("asyncpg.Connection", Breaking(self._live, before))
        try:
            self.progress = self.desk.run(step(breaking, self.tables, self.progress, limit))
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            self._face_live_tables()
            assert self.desk.run(digest(self._live)) == held

    @precondition(lambda self: self.ledger.head > self.rebuilt_at + 10)
    @rule()
    def rebuild_beside(self) -> None:
        self._fold_all()
        held = self.desk.run(digest(self._live))

        self.desk.run(rebuild(self.desk.dsn, ROLE))

        self._face_live_tables()
        assert self.desk.run(digest(self._live)) == held
        self.rebuilt_at = self.ledger.head

    # What readers see

    @precondition(lambda self: self.progress > len(CAST))
    @rule(back=numbers, level=st.sampled_from(LEVELS), which=st.sampled_from(TIMELINES), limit=st.integers(1, 50))
    def read(self, back: int, level: int, which: str, limit: int) -> None:
        self._fold_all()
        self._compare_timeline(which, level, max(1, self.progress - back))
        self.desk.run(self._compare_ready(which, level, max(1, self.progress - back)))
        self._compare_feed(max(0, self.progress - back), limit)

    @invariant()
    def the_log_is_gapless_and_progress_is_not_ahead_of_it(self) -> None:
        rows = self.desk.run(self._live.fetch(TIMES))

        assert [row["position"] for row in rows] == list(range(1, self.ledger.head + 1))
        times = [row["recorded_at"] for row in rows]
        assert times == sorted(set(times))
        assert times[: len(self.times)] == self.times
        self.times = times
        assert self.desk.run(position(self._live, self.tables)) == self.progress <= self.ledger.head

    def teardown(self) -> None:
        """Every log ends by comparing all that it can show."""
        try:
            if self.ledger.head > len(CAST) and sys.exception() is None:
                self._fold_all()
                for level in LEVELS:
                    self._compare_timeline("all", level, self.progress)
                    self.desk.run(self._compare_ready("all", level, self.progress))
                self.desk.run(self._compare_every_position())
                self.desk.run(check_log(self.desk.dsn))
        finally:
            self._live.terminate()

    # Making posts

    def _post_draft(self, draft: Draft, earlier: list[str], named_by: str) -> None:
        key = f"key {self._next()}" if named_by == "key" else None
        self._post_one(draft.body(earlier) | ({"id": self._new_id()} if named_by == "id" else {}), key)

    def _edit(self, kind: str, draft: Draft, which: int, other: int, marking: str, stale: int) -> Post:
        events = self.ledger.events()
        subject = events[which % len(events)]
        edit: Post = {"kind": kind, "subject": subject, "reason": "A reason."}
        match kind:
            case "correction":
                # An event names only what came before it, but for the one time in a few that must be refused.
                earlier = events if stale == 1 else events[: events.index(subject)]
                edit |= {"revision": max(1, self.ledger.revisions[subject] + stale), "ground": "our_error"}
                edit |= {"event": draft.body(earlier)}
            case "duplicate":
                edit |= {"survivor": subject if stale == 1 else events[other % len(events)]}
            case "distinct":
                edit |= {"other": events[other % len(events)]} | ({"withdrawn": True} if stale == 0 else {})
            case "marking":
                edit |= {"marking": marking}
            case "erasure":
                edit |= {"authority": "An officer"}
                edit |= {"subject": id_of(SOURCES[other % len(SOURCES)])} if marking == "clear" else {}
        return edit

    def _registered(self, thing: Post, draft: Draft, stale: int | None, marking: str) -> Post:
        """The thing in full again, changed a little; `stale` None states it as if for the first time."""
        fields: Post = {"marking": marking}
        if thing["kind"] == "source":
            fields |= {"aligned_with": list(draft.participants), "reliability": "ABCDEF"[len(draft.of)]}
            fields |= {"named": not draft.lettered, "name": f"{thing['name']} {draft.kind}"}
        if thing["kind"] == "document":
            fields |= {"published": PUBLISHED[len(draft.of)]}
        if stale is None:
            return {**thing, **fields, "id": self._new_id()}
        return {**thing, **fields, "revision": max(1, self.ledger.revisions[thing["id"]] + stale)}

    def _lines(self, several: list[Draft], spoilt: tuple[int, str] | None) -> list[Post]:
        """Lines of a batch, each of which may answer the one before it by its ref; one may be spoilt."""
        lines: list[Post] = []
        for number, draft in enumerate(several):
            earlier = self.ledger.events() + [f"#line {n}" for n in range(number)]
            lines.append({"ref": f"line {number}", "id": self._new_id(), **draft.body(earlier[::-1])})
        if spoilt is not None:
            number, how = spoilt[0] % len(lines), spoilt[1]
            lines[number] = self._spoilt(lines[number], how)
        return lines

    def _spoilt(self, line: Post, how: str) -> Post:
        events = self.ledger.events()
        if how == "ref":
            return line | {"occurred": {"during": "#no such line"}}
        if how == "id" and events:
            return line | {"id": events[-1]}
        if how == "stale" and events:
            named = {name: each for name, each in line.items() if name not in ("id", "ref")}
            edit = {"kind": "correction", "subject": events[-1], "revision": 7, "ground": "our_error", "reason": "-"}
            return {"ref": line["ref"], "id": line["id"], **edit, "event": named}
        return line | {"source": "nobody-knows-them"}

    def _next(self) -> int:
        self.made += 1
        return self.made

    def _new_id(self) -> str:
        return id_of(f"post {self._next()}")

    # Sending posts

    def _post_one(self, post: Post, key: str | None) -> None:
        expected = self.ledger.copy().one(post, key)
        answer = self.desk.run(self._send(post, key))
        told = answer.json()
        _say(f"{post} → {answer.status_code} {told.get('type', told.get('position'))}")
        _assert_told(expected, answer)
        if expected.problem is None:
            self._recorded(post, key, told)

    def _recorded(self, post: Post, key: str | None, told: dict[str, Any]) -> None:
        verdict = self.ledger.one(post, key)
        row = self.ledger.settle(
            verdict, verdict.row.id if verdict.row and verdict.row.id else told["id"], _time(told), key
        )
        assert (told["position"], told["revision"], told["id"]) == (row.position, row.revision, _told_id(row))
        assert _time(told) == row.recorded_at
        if not verdict.repeated:
            self.sent.append((post, key))

    def _post_batch(self, lines: list[Post], mode: str) -> None:
        expected = self.ledger.batch(lines, mode)
        answer = self.desk.run(self._call("/v1/events/batch", lines, params={"mode": mode}))
        told = answer.json()
        _say(f"{mode} batch {lines} → {answer.status_code} {[v['status'] for v in told.get('verdicts', [])]}")
        refused = any(each.problem for each in expected)
        assert answer.status_code == (201 if not refused else 200 if mode == "each" else 422), told
        self.desk.run(self._note_times())
        for verdict, wanted in zip(told["verdicts"], expected, strict=True):
            _assert_line(verdict, wanted)

    async def _note_times(self) -> None:
        """A batch's verdicts tell no times: take those that the log has."""
        times = {row["position"]: row["recorded_at"] for row in await self._live.fetch(TIMES)}
        for at, row in enumerate(self.ledger.rows):
            if row.recorded_at is None and row.position in times:
                dated = replace(row, recorded_at=times[row.position])
                self.ledger.rows[at] = self.ledger.by_id[row.id] = dated
                if self.ledger.first[row.subject] == row:
                    self.ledger.first[row.subject] = dated

    async def _send(self, post: Post, key: str | None) -> httpx.Response:
        path = {"actor": "actors", "source": "sources", "topic": "topics", "document": "documents"}.get(post["kind"])
        headers = {"Idempotency-Key": f'"{key}"'} if key else {}
        body = {name: each for name, each in post.items() if name != "kind"} if path else post
        return await self._call(f"/v1/{path or 'events'}", body, headers=headers, params={"wait": "false"})

    async def _call(self, path: str, body: Any, **options: Any) -> httpx.Response:
        return await self.desk.client.post(path, json=body, **options)

    # Folding and reading

    @property
    def _live(self) -> asyncpg.Connection:
        return cast("asyncpg.Connection", self.connection)

    async def _empty(self) -> None:
        connection = await asyncpg.connect(self.desk.dsn)
        try:
            await reset(connection)
        finally:
            await connection.close()

    def _face_live_tables(self) -> None:
        if self.connection is not None:
            self.connection.terminate()
        self.tables = self.desk.run(begin(self.desk.dsn, ROLE))
        self.connection = self.desk.run(connect(self.desk.dsn, self.tables, ROLE))

    def _fold_all(self) -> None:
        while self.progress < self.ledger.head:
            self.progress = self.desk.run(step(self._live, self.tables, self.progress, 200))

    def _compare_timeline(self, which: str, level: int, at: int) -> None:
        """The same members in the same order, standing alike, as a model that knows only the first `at` records."""
        timeline = UUID(ALL) if which == "all" else UUID(id_of(which))
        shown = self.desk.run(stores.timeline(self._live, timeline, level, at))
        wanted = self.replay.at(self.ledger.rows, at).timeline(MODEL_ALL if which == "all" else id_of(which), level)
        assert [_of_entry(entry) for entry in shown] == [_of_line(line) for line in wanted], (which, level, at)

    def _compare_feed(self, after: int, limit: int) -> None:
        """Every record, in order, and of what was erased only that it was there."""
        found = self.desk.run(feed(cast("Any", self._live), after, limit, max(LEVELS), self.progress))
        rows = self.ledger.rows[after : min(after + limit, self.progress)]
        told = [(each.position, each.kind, each.subject, each.revision, each.body is None) for each in found.records]
        assert told == [(r.position, r.kind, r.subject, r.revision, self.ledger.is_gone(r)) for r in rows]

    async def _compare_ready(self, which: str, level: int, at: int) -> None:
        """The page that is put together from stored JSON, with names that were kept, is the page as it is written."""
        service = self.desk.application.service
        assert service is not None
        kind = "all" if which == "all" else "topic" if which == "libya" else "actor"
        if which != "all" and Law.of(self.ledger.rows).levels[id_of(which)] > level:
            return  # whoever may not see a topic has no timeline of it
        async with service.reader.timeline(kind, which, level) as (connection, opened):
            query = pages.Query(timeline=opened.timeline, level=level, limit=1_000)
            ready = await pages.ready_page(connection, query, opened, None, at, stores.ON)
            written = await pages.page(connection, query, opened.subject, None, at, stores.ON)
        assert msgspec.json.encode(ready) == msgspec.json.encode(written)

    async def _compare_every_position(self) -> None:
        """As of p is a replay of 1 to p: every row at every p, and all that a reader is answered at some."""
        held = await stores.held_at_each_position(self._live)
        levels = {str(row["id"]): row["level"] for row in await self._live.fetch(stores.LEVELS_TODAY)}
        stored = await stores.records(self._live, self.progress)
        for at, rows in enumerate(stores.replayed(stored, levels), 1):
            assert held(at) == rows, f"as of {at}"
        for at in _spread(self.progress, self.as_of_looks):
            await self._compare_reads(at)

    async def _compare_reads(self, at: int) -> None:
        timelines = [UUID(ALL), *(UUID(id_of(slug)) for slug in TIMELINES[1:])]
        known = [UUID(row.subject) for row in self.ledger.rows[len(CAST) : at] if row.revision == 1]
        events = known[:: 1 + len(known) // self.as_of_events]
        asked = (at, timelines, events, ["2019-W22", "2019-W23", "2019-W24", "2019-W25"])
        async with stores.first_records(self.desk.dsn, self._live, at) as fresh:
            for level in LEVELS:
                now = await stores.everything_read(self._live, level, *asked)
                then = await stores.everything_read(fresh, level, *asked)
                faults = [each for name in now for each in _differing(name, now[name], then[name])]
                assert faults == [], f"as of {at}, level {level}"


def _say(what: str) -> None:
    """A line of the story that is told of a failing log."""
    if currently_in_test_context():
        note(what)


def _differing(where: str, one: Any, other: Any) -> list[str]:
    """Where two answers differ, and how."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [each for name in one for each in _differing(f"{where}/{name}", one[name], other[name])]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [each for at in range(len(one)) for each in _differing(f"{where}/{at}", one[at], other[at])]
    return [] if one == other else [f"{where}: {one!r} as of then, {other!r} in a replay"]


def _time(told: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(told["recorded_at"])


def _told_id(row: Any) -> str:
    return str(row.subject if row.kind in ("actor", "source", "topic", "document") else row.id)


def _assert_told(expected: Verdict, answer: httpx.Response) -> None:
    """The status and the problem of an answer, with the revision that a refusal names."""
    told = answer.json()
    problem = told["type"].removeprefix("/problems/") if answer.status_code >= 400 else None
    assert (answer.status_code, problem) == (expected.status, expected.problem), told
    assert told.get("revision") == expected.current or expected.problem is None, told
    assert (answer.headers.get("idempotency-replayed") == "true") == expected.repeated


def _assert_line(verdict: dict[str, Any], wanted: Verdict) -> None:
    problem = verdict["problem"]["type"].removeprefix("/problems/") if verdict["problem"] else None
    assert (verdict["status"], problem) == (wanted.status, wanted.problem), verdict
    if wanted.row is not None:
        assert (verdict["position"], verdict["id"]) == (wanted.row.position, _told_id(wanted.row))
    if wanted.current is not None:
        assert verdict["problem"].get("revision") == wanted.current


def _of_entry(entry: Entry) -> dict[str, Any]:
    """What the model knows of an entry."""
    names = ("standing", "rule", "phase", "denied_by", "independent", "sides", "partisan")
    found = {name: getattr(entry, name) for name in names} if entry.kind != "assessment" else {"phase": entry.phase}
    counts = (entry.voices.assert_, entry.voices.deny, entry.voices.confirm, entry.voices.judge)
    distinct = frozenset(entry.distinct_from or ())
    common = (entry.id, entry.as_, entry.title, entry.revision, distinct, entry.marking, entry.occurred.at, counts)
    since = {"since": entry.since} if entry.kind != "assessment" else {}  # what has no standing stands so since nothing
    return {"entry": common, **found, **since}


def _of_line(line: Line) -> dict[str, Any]:
    shown = line.shown
    common = (shown.id, line.placed, shown.title, shown.revision, shown.distinct, shown.marking, shown.at, shown.counts)
    if shown.found is None:
        return {"entry": common, "phase": shown.phase}
    return {"entry": common, **vars(shown.found), "denied_by": list(shown.found.denied_by), "since": shown.since}


def _spread(last: int, how_many: int) -> list[int]:
    """So many positions up to the last, evenly."""
    return sorted({max(1, last * n // how_many) for n in range(1, how_many + 1)})


# Profiles

QUICK = settings(
    max_examples=10,
    stateful_step_count=20,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)
LONG = settings(QUICK, max_examples=150, stateful_step_count=50, derandomize=False)


def check(desk: Desk, profile: settings, seeded: int | None = None, **options: Any) -> None:
    """Run logs of a profile through the service and the model."""
    machine = type("ServiceOnADesk", (Service,), {"desk": desk, **options})
    run_state_machine_as_test(seed(seeded)(machine) if seeded is not None else machine, settings=profile)


def test_the_service_answers_and_shows_what_a_model_of_it_does(
    db: str, tmp_path: Path, long: bool, pytestconfig: pytest.Config
) -> None:
    with desk_on(db, tmp_path) as desk:
        if not long:
            check(desk, QUICK)
            return
        seeded = int(pytestconfig.getoption("--hypothesis-seed") or random.SystemRandom().getrandbits(32))
        again = f"uv run pytest -n 0 -s {PATH} --long --hypothesis-seed={seeded}"
        print(f"To run these logs again: {again}")
        check(desk, LONG, seeded, as_of_looks=6, as_of_events=20)


# Mutants: what the model must find out


def _ignore_recalls(patch: pytest.MonkeyPatch) -> None:
    edit = folds._edit
    patch.setattr(folds, "_edit", lambda w, s, e: set() if isinstance(e, Recall) else edit(w, s, e))


def _take_the_revision_before(patch: pytest.MonkeyPatch) -> None:
    place = writers._Batch._place

    def lenient(batch: Any, new: NewRecord, by_key: bool) -> Any:
        current = batch.revisions.get(new.subject, 0)
        if new.revision == current > 1:
            new = msgspec.structs.replace(new, revision=current + 1)
        return place(batch, new, by_key)

    patch.setattr(writers._Batch, "_place", lenient)


def _number_a_repeat_in_a_batch(patch: pytest.MonkeyPatch) -> None:
    def anew(batch: Any, new: NewRecord, by_key: bool) -> Any:
        other = uuid4()
        return batch._place(msgspec.structs.replace(new, id=other, subject=other), by_key)

    patch.setattr(writers._Batch, "_repeat_in_batch", anew)


def _read_what_ended_at_the_position(patch: pytest.MonkeyPatch) -> None:
    off_by_one = {name: text.replace("to_position > $3", "to_position >= $3") for name, text in pages.SQL.items()}
    for module in (pages, events, slices, registered):
        patch.setattr(module, "SQL", Statements(Path("mutant.sql"), off_by_one))


def _leave_the_past_as_it_was(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: Any) -> None:
        """Rows of the past keep what was erased, and the markings of then."""

    patch.setattr(projectors, "purge", nothing)


def _fold_without_a_transaction(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Breaking, "transaction", lambda self: nullcontext(), raising=False)


def _let_hidden_voices_show(patch: pytest.MonkeyPatch) -> None:
    voice = folds._voice
    patch.setattr(folds, "_voice", lambda *what, **how: msgspec.structs.replace(voice(*what, **how), level=0))


def _take_parties_for_independent(patch: pytest.MonkeyPatch) -> None:
    tie = standing._tie
    patch.setattr(standing, "_tie", lambda source, participants: tie(source, participants)._replace(party=False))
    patch.setattr(standing, "_like", standing._like.__wrapped__)  # else it remembers what it found before, and after


MUTANTS: list[Callable[[pytest.MonkeyPatch], None]] = [
    _ignore_recalls,
    _take_the_revision_before,
    _number_a_repeat_in_a_batch,
    _read_what_ended_at_the_position,
    _leave_the_past_as_it_was,
    _fold_without_a_transaction,
    _let_hidden_voices_show,
    _take_parties_for_independent,
]


PLAIN = Draft(
    kind="visit",
    occurred="2019-06-07",
    said="2019-06-05",
    source="paper",
    marking="clear",
    modality="stated",
    tense=None,
    ground=None,
    part=None,
    participants=("russia",),
    topical=True,
    lettered=False,
    titled=True,
    during=None,
    of=(),
)


def play_a_short_log(desk: Desk) -> None:
    """A little of everything: what each mutant spoils, in the fewest records."""
    service = type("ServiceOnADesk", (Service,), {"desk": desk})()
    try:
        service.register_the_cast()
        visit, denial = PLAIN, msgspec.structs.replace(PLAIN, kind="denial", source="kremlin")
        service.post([visit, msgspec.structs.replace(visit, occurred="early June 2019")], "id")
        service.answer([msgspec.structs.replace(denial, marking="amber"), denial], 0)
        service.fold(before=1_000, limit=100)
        service.edit("correction", visit, which=0, other=0, marking="clear", stale=0)
        service.edit("correction", visit, which=0, other=0, marking="clear", stale=-1)
        service.batch([visit], "each", None, again=True)
        service.edit("recall", visit, which=1, other=0, marking="clear", stale=0)
        service.edit("marking", visit, which=2, other=0, marking="green", stale=0)
        service.post_again(which=0, otherwise=False)
        for before in range(2, 60, 3):
            service.fold(before=before, limit=100)
        service.the_log_is_gapless_and_progress_is_not_ahead_of_it()
        service.rebuild_beside()
    finally:
        service.teardown()


def test_a_short_log_passes_for_the_model(db: str, tmp_path: Path) -> None:
    with desk_on(db, tmp_path) as desk:
        play_a_short_log(desk)


@pytest.mark.parametrize("broken", MUTANTS, ids=lambda broken: broken.__name__.strip("_"))
def test_a_service_that_is_broken_does_not_pass_for_the_model(
    broken: Callable[[pytest.MonkeyPatch], None],
    db: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken(monkeypatch)

    with desk_on(db, tmp_path) as desk, pytest.raises(AssertionError):
        play_a_short_log(desk)
