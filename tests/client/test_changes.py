"""The feed is read to its end and beyond, each record once, whatever breaks in between."""

import asyncio
import contextlib
import itertools
import shutil
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.conftest import QUICK
from tests.postgres import new_home
from tests.services import Service, processes_of
from timeline import errors
from timeline.client import AsyncClient, Client, Retries
from timeline.client.following import Following
from timeline.errors import NoAnswer, TimelineError
from timeline.formats import sse
from timeline.model.entry import RecordShown

NOW = datetime(2019, 6, 7, tzinfo=UTC)
PATIENCE_SECONDS = 60.0


def shown(position: int, title: str = "visit — “so”") -> RecordShown:
    name = f"01931f66-8e6a-7b3c-a4ce-{position:012}"
    body = {"title": title}
    return RecordShown(
        position=position, id=name, kind="visit", subject=name, revision=1, recorded_at=NOW, recorded_by="me", body=body
    )


def following(after: int = 0) -> Following:
    made = Following([], after, QUICK, lambda: 0.0)
    made.ask()
    return made


@given(st.lists(st.integers(1, 400), max_size=12), st.booleans())
def test_a_stream_is_read_however_it_is_cut(cuts: list[int], crlf: bool) -> None:
    told = sse.BEGIN + sse.record(shown(3)) + b":ping\n\n" + sse.record(shown(5)) + sse.position(9)
    body = told.replace(b"\n", b"\r\n") if crlf else told
    ends = [0, *sorted(min(each, len(body)) for each in cuts), len(body)]
    read = following()

    heard = [record for a, b in itertools.pairwise(ends) for record in read.heard(body[a:b])]

    assert heard == [shown(3), shown(5)]
    assert (read.after, read.caught_up) == (9, True)


def test_after_is_what_was_taken() -> None:
    read = following()
    heard = read.heard(sse.record(shown(1)) + sse.record(shown(2)) + sse.position(7))

    assert next(heard).position == 1
    assert read.after == 1
    assert read.ask().headers["Last-Event-ID"] == "1"


def test_what_was_told_before_is_not_told_again() -> None:
    read = following(after=2)

    assert [each.position for each in read.heard(sse.record(shown(2)) + sse.record(shown(3)))] == [3]


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        (sse.end(2, "token"), errors.WrongToken),
        (sse.end(2, "gone"), errors.NotFound),
        (b"event: record\ndata: {]\n\n", NoAnswer),
    ],
)
def test_a_stream_that_ends_for_good_tells_why_after_its_records(last: bytes, kind: type[TimelineError]) -> None:
    read = following()

    assert [each.position for each in read.heard(sse.record(shown(1)) + last)] == [1]
    with pytest.raises(kind):
        read.ended(None)


def test_a_stream_that_was_heard_is_waited_for_without_an_end() -> None:
    read = Following([], 0, Retries(attempts=2), lambda: 1.0)
    read.ask()
    assert [*read.heard(sse.position(1) + sse.end(1, "stopping"))] == []

    waits = [read.ended(NoAnswer("gone")) for _ in range(12)]

    assert waits[:3] == [0.25, 0.5, 1.0]
    assert waits[-1] == 30.0
    with pytest.raises(errors.Forbidden):
        read.ended(errors.Forbidden("no"), again=False)


def test_a_service_that_was_never_there_is_not() -> None:
    read = following()

    assert [read.ended(NoAnswer("nobody")) for _ in range(QUICK.attempts - 1)] == [0.0] * 3
    with pytest.raises(NoAnswer):
        read.ended(NoAnswer("nobody"))


async def test_a_refusal_is_raised() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(404, content=b'{"type": "/problems/not-found"}'))

    async with AsyncClient(transport=transport, retries=QUICK) as client:
        with pytest.raises(errors.NotFound):
            await anext(aiter(client.changes(actor="nobody")))


# Real services


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    path = new_home()
    path.mkdir()
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., Service]]:
    """Start a service at the same address each time."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started: list[Service] = []
    data = home / uuid4().hex[:8]

    def one() -> Service:
        started.append(Service(data, "--port", str(port)))
        return started[-1]

    yield one
    for service in started:
        if service.process.poll() is None:
            service.stop(signal.SIGTERM)
    assert processes_of(data) == []


def post(title: str) -> dict[str, str]:
    return {"kind": "other", "title": title, "occurred": "2019-06-07", "source": "unattributed"}


class Listener:
    """Somebody who follows the feed meanwhile."""

    def __init__(self) -> None:
        self.heard: list[RecordShown] = []
        self.changed = threading.Condition()

    def take(self, record: RecordShown) -> bool:
        with self.changed:
            self.heard.append(record)
            self.changed.notify_all()
        return (record.body or {}).get("title") != "the last"

    def until(self, title: str) -> None:
        with self.changed:
            assert self.changed.wait_for(
                lambda: any((each.body or {}).get("title") == title for each in self.heard), PATIENCE_SECONDS
            ), [each.body for each in self.heard]


@pytest.mark.xdist_group("cli")
@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_lost_or_doubled_when_the_service_dies(start: Callable[..., Service], sig: int) -> None:
    service = start()
    token = service.token_path.read_text().strip()
    heard, heard_async = Listener(), Listener()
    listeners = [
        threading.Thread(target=_follow, args=(service.url, token, heard), daemon=True),
        threading.Thread(target=lambda: asyncio.run(_follow_async(service.url, token, heard_async)), daemon=True),
    ]
    for each in listeners:
        each.start()
    with Client(service.url, token, retries=Retries(attempts=30, longest_seconds=1.0)) as client:
        client.batch([post("a first"), *(post(f"{sig}-{n}") for n in range(30))], on_missing="propose")
        heard.until(f"{sig}-29")
        heard_async.until("a first")

        service.stop(sig)
        again = threading.Timer(0.3, start)
        again.start()
        client.post(post("after it"))  # asked again until the service is there
        again.join()
        heard.until("after it")
        client.post(post("the last"))
    for each in listeners:
        each.join(PATIENCE_SECONDS)

    positions = [each.position for each in heard.heard]
    assert positions == [*range(1, len(positions) + 1)]
    assert heard_async.heard == heard.heard
    titles = [(each.body or {}).get("title") for each in heard.heard]
    assert titles.count("after it") == titles.count("the last")


def _follow(url: str, token: str, listener: Listener) -> None:
    with Client(url, token) as client:
        _ = [*itertools.takewhile(listener.take, client.changes())]


async def _follow_async(url: str, token: str, listener: Listener) -> None:
    async with AsyncClient(url, token) as client:
        records: AsyncIterator[RecordShown] = aiter(client.changes())
        async with contextlib.aclosing(records):  # type: ignore[type-var]  # it is a generator
            async for record in records:
                if not listener.take(record):
                    return
