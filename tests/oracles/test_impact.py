"""What would stand without a source: the service against a model of the log in which that was never said."""

import random
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.oracles.posts import CAST, drafts, id_of, numbers, replies
from tests.oracles.replay import LEVELS, Law, Moment, _counts
from tests.oracles.stores import LEVELS_TODAY, ON, records
from tests.oracles.test_model import PLAIN, Desk, Service, desk_on
from tests.oracles.without import (
    LeftOut,
    Stand,
    Without,
    asserted,
    bearing,
    by_publisher,
    by_source,
    graded,
    said_after,
    sees,
    stands,
)
from timeline.errors import NotFound
from timeline.model.entry import Entry, EventShown, State, Subject
from timeline.model.impact import Impact
from timeline.projections.again import Folded, Supposed, part_about
from timeline.projections.events import event_shown
from timeline.projections.fold import fold, read_record
from timeline.projections.impact import ImpactQuery, impact
from timeline.projections.pages import EVERYTHING, Moved, Query, page, states_of
from timeline.projections.said import page_said
from timeline.projections.world import World

DAYS = (None, None, None, date(2019, 6, 4), date(2019, 6, 5))
PUBLISHED = [each | ({"publisher": "weekly"} if each["kind"] == "document" else {}) for each in CAST]
EDITED = ("correction", "retraction", "recall", "duplicate", "marking", "erasure")
firm = st.sampled_from(["stated", "stated", "reported", "rumoured"])
voices = st.builds(lambda draft, how: msgspec.structs.replace(draft, modality=how), replies, firm)
steps = st.one_of(
    st.tuples(st.just("answer"), st.lists(voices, min_size=1, max_size=5), numbers),
    st.tuples(st.just("answer"), st.lists(voices, min_size=1, max_size=5), numbers),
    st.tuples(st.just("post"), st.lists(drafts, min_size=1, max_size=3), st.just("id")),
    st.tuples(
        st.just("edit"),
        st.sampled_from(EDITED),
        drafts,
        numbers,
        numbers,
        st.sampled_from(["clear", "green", "amber"]),
        st.just(0),
    ),
    st.tuples(st.just("register_again"), numbers, drafts, st.just(0), st.sampled_from(["clear", "clear", "green"])),
)


class Supposing(Service):
    """A service at a desk that is told what the model is told, and is then asked what would stand otherwise."""

    def play(self, log: list[tuple[Any, ...]]) -> None:
        """Record the cast, and these steps."""
        for kinds in (("actor",), ("source",), ("topic", "document")):
            self._post_batch([each for each in PUBLISHED if each["kind"] in kinds], "atomic")
        for name, *arguments in [("post", [PLAIN], "id"), *log]:
            if self.ledger.events():
                getattr(self, name)(*arguments)
            elif name == "post":
                self.post(*arguments)
        self._fold_all()

    def suppose(self, draw: random.Random) -> None:
        """Think a source away, or give it another grade, and compare with the model that never knew otherwise."""
        at = draw.choice([self.progress, self.progress, draw.randint(len(CAST) + 1, self.progress)])
        spoke = [row.body["source"] for row in self.ledger.rows[len(CAST) : at] if "source" in row.body]
        if spoke:
            self._suppose(draw.choice(spoke), at, draw)

    def _suppose(self, source: str, at: int, draw: random.Random) -> None:
        level, said_to, by = (
            draw.choice((0, *LEVELS)),
            draw.choice(DAYS),
            draw.choice(("source", "source", "publisher")),
        )
        supposed = draw.choice(("removed", "removed", *"ABF")) if by == "source" else "removed"
        if not sees(self.ledger.rows, source, level):
            return
        rows, law, now = self.ledger.rows[:at], Law.of(self.ledger.rows), self.replay.at(self.ledger.rows, at)
        late = said_after(said_to) if said_to else _nothing
        before = Without(rows, law, now, late)
        in_question = by_source(source) if by == "source" else by_publisher(source, level)
        if supposed == "removed":
            after = Without(rows, law, now, lambda moment, event: late(moment, event) or in_question(moment, event))
        else:
            after = Without(graded(rows, source, supposed), law, now, late)

        found = self.desk.run(self._ask(source, by, supposed, said_to, level, at))

        _assert_alike(found, before, after, late, in_question, level)

    def recall(self, draw: random.Random) -> None:
        """Read the timeline of all as of what had been said by a day, and an event of it."""
        at = draw.choice([self.progress, self.progress, draw.randint(len(CAST) + 1, self.progress)])
        level, day = draw.choice((0, *LEVELS)), date(2019, 6, draw.choice((4, 5, 6, 9, 12, 14)))
        rows, now = self.ledger.rows[:at], self.replay.at(self.ledger.rows, at)
        then = Without(rows, Law.of(self.ledger.rows), now, said_after(day))

        found, plain = self.desk.run(self._read(day, level, at)), self.desk.run(self._read(None, level, at))

        known = asserted(then, level)
        assert [entry.id for entry in found] == [entry.id for entry in plain if entry.id in known]
        assert [_told(entry) for entry in found] == [_wanted(then, entry.id, level) for entry in found]
        assert [entry.occurred for entry in found] == [entry.occurred for entry in plain if entry.id in known]
        for entry in found[:: 1 + len(found) // 3]:
            shown = self.desk.run(self._read_one(entry.id, day, level, at))
            assert isinstance(shown, EventShown)
            heard = [v for v in then._voices[entry.id] if v.level <= level]
            assert sorted(each.id for each in shown.voices) == sorted(v.of.id for v in heard)
            assert (_stands(shown), shown.voices_total) == (_stands(entry), len(heard))
        hidden = [entry.id for entry in plain if entry.id not in known][:1]
        for each in hidden:
            with pytest.raises(NotFound):
                self.desk.run(self._read_one(each, day, level, at))

    def grade(self, draw: random.Random) -> None:
        """Give a source another grade, and compare with a store that was told that grade from the first."""
        at, level = draw.choice([self.progress, draw.randint(len(CAST) + 1, self.progress)]), draw.choice((0, *LEVELS))
        source, reliability = id_of(draw.choice(("paper", "other-paper", "kremlin", "office"))), draw.choice("ABDF")
        if not sees(self.ledger.rows, source, level):
            return

        found = self.desk.run(self._ask(source, "source", reliability, None, level, at))

        was, now = [self.desk.run(self._second_store(at, level, source, each)) for each in (None, reliability)]
        told = {e.id: ((e.standing_before, e.rule_before), (e.standing, e.rule)) for e in found.changed}
        assert told == {each: (was[each], now[each]) for each in was if was[each] != now[each]}

    async def _second_store(self, at: int, level: int, source: str, reliability: str | None) -> dict[str, Any]:
        """Where each event stands in a store that holds the same records, the source registered with a reliability."""
        levels = {str(row["id"]): row["level"] for row in await self._live.fetch(LEVELS_TODAY)}
        world = World(levels=levels)
        for stored in await records(self._live, at):
            graded_anew = reliability is not None and str(stored.subject) == source and stored.body is not None
            body = {**(stored.body or {}), "reliability": reliability} if graded_anew else stored.body
            record = msgspec.structs.replace(stored, body=body)
            fold(world, record, read_record(record))
        rows = {each: world.states_of(each).get(level) for each in world.cases}
        states = {each: msgspec.json.decode(row.body, type=State) for each, row in rows.items() if row is not None}
        return {each: (state.standing, state.rule) for each, state in states.items()}

    def fold_again(self, draw: random.Random) -> None:
        """Fold all of it again with nothing left out: each event stands as it is stored, but for since when."""
        at, level = draw.choice([self.progress, draw.randint(len(CAST) + 1, self.progress)]), draw.choice(LEVELS)

        again, stored = self.desk.run(self._folded(level, at))

        assert {each.id for each in stored} == {each for each in again.of if again.state(each) is not None}
        for state in stored:
            found = again.state(state.id)
            assert found is not None
            assert msgspec.structs.replace(found, since=state.since, changed_at=state.changed_at) == state

    async def _folded(self, level: int, at: int) -> tuple[Folded, list[State]]:
        service = self.desk.application.service
        assert service is not None
        known = [row.subject for row in self.ledger.rows[len(CAST) : at] if row.revision == 1]
        async with service.reader.at(at) as (connection, position):
            stored = await states_of(connection, known, level, position)
            part = await part_about(connection, [UUID(each.id) for each in stored], level, position)
        return Folded(part, Supposed()), stored

    async def _read(self, day: date | None, level: int, at: int) -> list[Entry]:
        service = self.desk.application.service
        assert service is not None
        query = Query(timeline=EVERYTHING[0], level=level, feeds=True, limit=1_000, said_to=day)
        async with service.reader.at(at) as (connection, position):
            asked = (connection, query, EVERYTHING[1], None, position, ON)
            return (await (page(*asked) if day is None else page_said(*asked, day))).entries

    async def _read_one(self, event: str, day: date, level: int, at: int) -> EventShown | Moved:
        service = self.desk.application.service
        assert service is not None
        async with service.reader.at(at) as (connection, position):
            return await event_shown(connection, UUID(event), level, position, ON, day)

    async def _ask(self, source: str, by: Any, supposed: Any, said_to: date | None, level: int, at: int) -> Impact:
        service = self.desk.application.service
        assert service is not None
        query = ImpactQuery(
            source=UUID(source),
            subject=Subject(type="source", id=source, slug=None, name=source),
            by=by,
            supposed=supposed,
            said_to=said_to,
            level=level,
            limit=1_000,
        )
        async with service.reader.at(at) as (connection, position):
            found, following = await impact(connection, query, position)
        assert following is None
        return found


def _nothing(_moment: Moment, _event: Any) -> bool:
    return False


def _assert_alike(
    found: Impact, before: Without, after: Without, late: LeftOut, in_question: LeftOut, level: int
) -> None:
    was, now = stands(before, level), stands(after, level)
    known = asserted(before, level)
    moved = {each: (was[each], now[each]) for each in known if was[each] != now[each]}
    listed = [*found.unsupported, *found.changed]
    told: dict[str, tuple[Stand | None, Stand | None]] = {
        e.id: ((e.standing_before, e.rule_before), (e.standing, e.rule)) for e in listed
    }
    assert told == moved
    assert {e.id for e in found.unsupported} == {
        each for each, (_, to) in moved.items() if to and to[0] == "unsupported"
    }
    assert all((e.standing, e.rule) == was[e.id] == now[e.id] for e in found.touched)
    borne = bearing(before, lambda m, e: not late(m, e) and in_question(m, e), level) & known
    events = {each for each in borne if was[each] is not None}
    assert events <= {e.id for e in [*listed, *found.touched]}


def _told(entry: Entry) -> dict[str, Any]:
    """How an entry stands, on whose word."""
    counts = entry.voices
    return {**_stands(entry), "counts": (counts.assert_, counts.deny, counts.confirm, counts.judge)}


def _stands(entry: Entry) -> dict[str, Any]:
    names = ("standing", "rule", "phase", "denied_by", "independent", "sides", "partisan")
    found = {name: getattr(entry, name) for name in names} if entry.standing else {"phase": entry.phase}
    return {**found, "judged": sorted(each.id for each in entry.assessments)}


def _wanted(then: Without, event: str, level: int) -> dict[str, Any]:
    """The same by the model."""
    case = then.events[event]
    found = vars(then.found(case, level))
    heard = [each for each in then._voices[event] if each.level <= level]
    judges = [each.of for each in heard if each.of.body["kind"] == "assessment" and each.of is not case]
    judged = case.body["kind"] == "assessment"
    return {
        **({"phase": found["phase"]} if judged else found | {"denied_by": [*found["denied_by"]]}),
        "counts": _counts(heard),
        "judged": sorted(each.id for each in judges if not each.taken_back),
    }


Look = Callable[[Supposing, random.Random], None]


def check(desk: Desk, examples: int, looks: int, look: Look, *, derandomize: bool) -> None:
    """Record so many logs, and look so often at each."""
    machine = type("SupposingOnADesk", (Supposing,), {"desk": desk})

    @settings(
        max_examples=examples,
        derandomize=derandomize,
        database=None,
        deadline=None,
        phases=(Phase.generate,),  # a log is short, and each takes a tenth of a second: to shrink one takes minutes
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(st.lists(steps, min_size=1, max_size=8), st.integers(0, 2**32))
    def compare(log: list[tuple[Any, ...]], seed: int) -> None:
        service = machine()
        try:
            service.play(log)
            draw = random.Random(seed)
            for _ in range(looks):
                look(service, draw)
        finally:
            service._live.terminate()

    compare()


def test_impact_is_what_a_log_without_the_source_shows(db: str, tmp_path: Path, long: bool) -> None:
    with desk_on(db, tmp_path) as desk:
        check(desk, 2_000 if long else 20, 10, Supposing.suppose, derandomize=not long)


def test_a_grade_weighs_as_in_a_second_store_that_was_told_it_from_the_first(
    db: str, tmp_path: Path, long: bool
) -> None:
    with desk_on(db, tmp_path) as desk:
        check(desk, 2_000 if long else 10, 8, Supposing.grade, derandomize=not long)


def test_what_is_folded_again_with_nothing_left_out_stands_as_it_is_stored(db: str, tmp_path: Path, long: bool) -> None:
    with desk_on(db, tmp_path) as desk:
        check(desk, 2_000 if long else 10, 3, Supposing.fold_again, derandomize=not long)


def test_what_had_been_said_by_a_day_is_what_a_log_without_the_rest_shows(db: str, tmp_path: Path, long: bool) -> None:
    with desk_on(db, tmp_path) as desk:
        check(desk, 2_000 if long else 15, 4, Supposing.recall, derandomize=not long)
