"""The client for programs that do one thing after another: `asynchronous` without the waiting for several."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Self, TypeVar, Unpack

import httpx

from timeline.client import calls
from timeline.client.calls import Answer, Ask, Call, Collection, Line, Moment, OnMissing, Post
from timeline.client.connection import SILENT, address, answer_of, connection, lost, made_up_key, options
from timeline.client.following import Following
from timeline.client.pages import I, P, Walk
from timeline.client.retries import NEVER, USUAL, Lost, Retries, asked_again, error_of, pause, steps
from timeline.model.changes import ChangeShown, Difference, History, VersionShown
from timeline.model.entry import (
    BatchReceipt,
    Entry,
    EventShown,
    Feed,
    Page,
    Preview,
    Receipt,
    RecordShown,
    RegisteredPage,
    RegisteredShown,
)
from timeline.model.impact import Impact
from timeline.model.likeness import Duplicates, Pair
from timeline.model.slice import Slice

T = TypeVar("T")


class SyncWalk(Walk[P, I]):
    """Iterate over what is told, page after page; or over the `pages`."""

    def __init__(self, ask: Callable[[Call[P]], P], first: Call[P], items: Callable[[P], Sequence[I]]) -> None:
        super().__init__(first, items)
        self._ask = ask

    def pages(self) -> Iterator[P]:
        """The pages themselves."""
        call: Call[P] | None = self._first
        while call is not None:
            page = self._ask(call)
            call = self._after(call, page)
            yield page

    def __iter__(self) -> Iterator[I]:
        for page in self.pages():
            yield from self._items(page)


class SyncChanges:
    """Iterate over records as they come, each once, across whatever breaks in between. It ends when you leave it."""

    def __init__(self, http: httpx.Client, following: Following) -> None:
        self._http = http
        self._following = following

    @property
    def after(self) -> int:
        """Everything asked for up to this position was told: where another may go on."""
        return self._following.after

    def __iter__(self) -> Iterator[RecordShown]:
        following = self._following
        while True:
            error, again = None, True
            try:
                with self._http.stream(**options(following.ask()), timeout=SILENT) as response:
                    if response.is_success:
                        for chunk in response.iter_bytes():
                            yield from following.heard(chunk)
                    else:
                        found = answer_of(response, response.read())
                        error, again = error_of(found, address(self._http)), asked_again(found)
            except httpx.RequestError as broken:
                error = error_of(lost(broken), address(self._http))
            time.sleep(following.ended(error, again=again))


class SyncWritten:
    """Iterate over the bytes of an answer, in whatever format its address asks for."""

    def __init__(self, http: httpx.Client, ask: Ask, retries: Retries, chance: Callable[[], float]) -> None:
        self.headers: Mapping[str, str] = {}
        """The answer's headers, once it has begun. `next` leads on where `link` names it."""
        self._http = http
        self._ask = ask
        self._retries = retries
        self._chance = chance

    def __iter__(self) -> Iterator[bytes]:
        made, retries = 0, self._retries
        while True:
            found: Answer | Lost
            try:
                with self._http.stream(**options(self._ask)) as response:
                    self.headers = response.headers
                    if response.is_success:
                        retries = NEVER  # what was given already can't be taken back
                        yield from response.iter_bytes()
                        return
                    found = answer_of(response, response.read())
            except httpx.RequestError as broken:
                found = lost(broken)
            made += 1
            time.sleep(pause(found, made, retries, address(self._http), self._chance()))


class Client:
    """A service, asked with a token, or without one for what anybody may read. Use it with `async with`."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        token: str | None = None,
        *,
        retries: Retries = USUAL,
        timeout_seconds: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`transport` and `chance` are for tests: what requests go through, and by how much waits differ."""
        self._http = httpx.Client(**connection(url, token, timeout_seconds), transport=transport)
        self._retries = retries
        self._chance = chance

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End its connections."""
        self._http.close()

    def post(self, record: Post, *, key: str | None = None, on_missing: OnMissing = "reject") -> Receipt:
        """Record one event, edit or registration; the same `key` (or `id`) again gives the first receipt."""
        return self._ask(calls.post(record, key or made_up_key(), on_missing))

    def preview(self, record: Post, *, on_missing: OnMissing = "reject") -> Preview:
        """What posting it would record and change; nothing is recorded."""
        return self._ask(calls.preview(record, on_missing))

    def batch(
        self,
        lines: Iterable[Line] | bytes,
        *,
        defaults: Mapping[str, Any] = {},
        mode: Literal["atomic", "each"] = "atomic",
        on_missing: OnMissing = "reject",
        dry_run: bool = False,
        key: str | None = None,
    ) -> BatchReceipt:
        """Record many, all or each: records, `(name, record)` where later ones name it `#name`, or JSON lines.

        Raises:
            BatchRefused: of mode `atomic`, where a line is refused; `extra["verdicts"]` tells of each.
        """
        how: Any = {"defaults": defaults, "mode": mode, "on_missing": on_missing, "dry_run": dry_run}
        return self._ask(calls.batch(lines, key or made_up_key(), **how))

    def event(self, event: str, **asked: Unpack[calls.Told]) -> EventShown:
        """An event as it stands; of one that turned out to be another, that."""
        return self._ask(calls.event(event, **asked))

    def history(self, event: str, **asked: Unpack[calls.HistoryAsked]) -> SyncWalk[History, VersionShown]:
        """Every version of an event, oldest first."""
        return SyncWalk(self._ask, calls.history(event, **asked), lambda page: page.versions)

    def timeline(
        self,
        *,
        actor: str | None = None,
        topic: str | None = None,
        place: str | None = None,
        **asked: Unpack[calls.TimelineAsked],
    ) -> SyncWalk[Page, Entry]:
        """The timeline of an actor, a topic, a place, or of all; `names` says what the ids are called."""
        return SyncWalk(self._ask, calls.timeline(actor, topic, place, **asked), lambda page: page.entries)

    def search(self, **asked: Unpack[calls.SearchAsked]) -> SyncWalk[Page, Entry]:
        """Entries that fit all of what is asked."""
        return SyncWalk(self._ask, calls.search(**asked), lambda page: page.entries)

    def week(self, week: str = "last", **asked: Unpack[calls.WeekAsked]) -> Slice:
        """A week in its sections: `2019-W23`, `current` or `last`."""
        return self._ask(calls.week(week, **asked))

    def weeks(self, first: str, last: str, **asked: Unpack[calls.WeekAsked]) -> Iterator[Slice]:
        """One week after the other, both ends included."""
        for each in calls.weeks(first, last):
            yield self.week(each, **asked)

    def diff(self, from_: Moment, **asked: Unpack[calls.DiffAsked]) -> SyncWalk[Difference, ChangeShown]:
        """What changed since a moment, each event once."""
        return SyncWalk(self._ask, calls.diff(from_, **asked), lambda page: page.changes)

    def registered(
        self, collection: Collection, **asked: Unpack[calls.RegistryAsked]
    ) -> SyncWalk[RegisteredPage, RegisteredShown]:
        """What a registry holds, by slug."""
        return SyncWalk(self._ask, calls.registered(collection, **asked), lambda page: page.items)

    def thing(self, collection: Collection, named: str, **asked: Unpack[calls.Known]) -> RegisteredShown:
        """A registered thing, by its slug or id."""
        return self._ask(calls.thing(collection, named, **asked))

    def impact(self, source: str, **asked: Unpack[calls.ImpactAsked]) -> SyncWalk[Impact, Impact]:
        """What rests on a source, as pages: each has several lists, and `totals` of all."""
        return SyncWalk(self._ask, calls.impact(source, **asked), lambda page: [page])

    def duplicates(self, **asked: Unpack[calls.DuplicatesAsked]) -> SyncWalk[Duplicates, Pair]:
        """Pairs of events that may be one."""
        return SyncWalk(self._ask, calls.duplicates(**asked), lambda page: page.pairs)

    def changes(self, after: int = 0, **asked: Unpack[calls.ChangesAsked]) -> SyncChanges:
        """Every record after a position, and then those that come."""
        params = calls.params_of(asked)
        return SyncChanges(self._http, Following(params, after, self._retries, self._chance))

    def feed(self, after: int = 0, *, limit: int = 500, wait: int = 0, **asked: Unpack[calls.ChangesAsked]) -> Feed:
        """The same page by page: ask `after` its `next`, and `wait` seconds where there is nothing yet."""
        return self._ask(calls.feed(after, limit, wait, **asked))

    def written(self, path: str, **asked: Any) -> SyncWritten:
        """What an address answers, as it is, piece by piece: `/v1/timelines/actors/haftar.ics` with `limit="all"`."""
        ask = Ask(path=path, params=calls.params_of(asked))
        return SyncWritten(self._http, ask, self._retries, self._chance)

    def _ask(self, call: Call[T]) -> T:
        going = steps(call, self._retries, address(self._http), self._chance)
        told: Any = None
        while True:
            try:
                step = going.send(told)
            except StopIteration as end:
                found: T = end.value
                return found
            if isinstance(step, Ask):
                told = self._send(step)
            else:
                time.sleep(step)

    def _send(self, ask: Ask) -> Answer | Lost:
        try:
            response = self._http.request(**options(ask))
        except httpx.RequestError as broken:
            return lost(broken)
        return answer_of(response, response.content)
