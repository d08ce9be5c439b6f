"""What would stand without a source: the service against a model of the log in which that was never said."""

import random
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracles.posts import CAST, drafts, numbers, replies
from tests.oracles.replay import LEVELS, Law, Moment
from tests.oracles.test_model import PLAIN, Desk, Service, desk_on
from tests.oracles.without import (
    LeftOut,
    Stand,
    Without,
    bearing,
    by_publisher,
    by_source,
    graded,
    said_after,
    sees,
    stands,
)
from timeline.model.entry import Subject
from timeline.model.impact import Impact
from timeline.projections.impact import ImpactQuery, impact

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
    asserted = {
        each
        for each in was
        if any(v.side in ("assert", "confirm") and v.part is None and v.level <= level for v in before._voices[each])
    }
    moved = {each: (was[each], now[each]) for each in asserted if was[each] != now[each]}
    listed = [*found.unsupported, *found.changed]
    told: dict[str, tuple[Stand | None, Stand | None]] = {
        e.id: ((e.standing_before, e.rule_before), (e.standing, e.rule)) for e in listed
    }
    assert told == moved
    assert {e.id for e in found.unsupported} == {
        each for each, (_, to) in moved.items() if to and to[0] == "unsupported"
    }
    assert all((e.standing, e.rule) == was[e.id] == now[e.id] for e in found.touched)
    borne = bearing(before, lambda m, e: not late(m, e) and in_question(m, e), level) & asserted
    events = {each for each in borne if was[each] is not None}
    assert events <= {e.id for e in [*listed, *found.touched]}


def check(desk: Desk, examples: int, looks: int, *, derandomize: bool) -> None:
    """Record so many logs, and suppose so many things of each."""
    machine = type("SupposingOnADesk", (Supposing,), {"desk": desk})

    @settings(
        max_examples=examples,
        derandomize=derandomize,
        database=None,
        deadline=None,
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
                service.suppose(draw)
        finally:
            service._live.terminate()

    compare()


def test_impact_is_what_a_log_without_the_source_shows(db: str, tmp_path: Path, long: bool) -> None:
    with desk_on(db, tmp_path) as desk:
        check(desk, 2_000 if long else 25, 12, derandomize=not long)
