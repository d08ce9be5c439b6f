"""`timeline relay` into a real nats-server: each record once and in order, whatever is killed or relays as well."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest
import structlog

pytest.importorskip("nats", reason="the extra `nats` is not installed")

from nats.js.api import RetentionPolicy, StreamConfig

from tests import jetstream
from tests.jetstream import Message, NatsServer
from tests.oracles.homes import VISIT, client_of, home_for_services, serving
from tests.oracles.writers import Writers
from tests.postgres import ROOT
from tests.services import Service, environment, run, timeline
from timeline.app import Application
from timeline.cli.relay import _target
from timeline.errors import WrongDatabase, WrongSetting
from timeline.importers.libya_week import posts
from timeline.model.entry import RecordShown
from timeline.model.record import LEVEL_MAX, level_of
from timeline.relaying import NotStored, Place, Relay, Target, body_of, connected, headers_of, subject_of, takes, told

pytestmark = pytest.mark.xdist_group("relay")

NAME = "records"
KILLS, LONG_KILLS = 4, 40
WRITERS = 3
SETTINGS = {"TIMELINE_LOG_LEVEL": "warning", "TIMELINE_REQUESTS_PER_SECOND": "0"}
WAIT_SECONDS_MAX = 60.0
RECORD = RecordShown(
    position=7,
    id="8c6d2b0e-2f0f-4a53-9d0e-5b7f3f6b7a10",
    kind="visit",
    subject="8c6d2b0e-2f0f-4a53-9d0e-5b7f3f6b7a10",
    revision=1,
    recorded_at="2019-06-17T08:00:00Z",  # type: ignore[arg-type]  # as it comes, is how it is written
    recorded_by="owner",
    body={"title": "Besuch in Łódź"},
)


def test_a_message_says_which_record_it_is_and_what_it_follows() -> None:
    found = told(body_of(RECORD))

    assert found is not None
    assert (found.position, str(found.id)) == (7, RECORD.id)
    assert subject_of("desk.timeline", RECORD) == "desk.timeline.visit"
    assert headers_of(RECORD, 3) == {"Nats-Msg-Id": RECORD.id, "Nats-Expected-Last-Sequence": "3"}


@pytest.mark.parametrize("body", [None, b"", b"{}", b"[1]", b'{"position":"7","id":"x"}', b"\xff"])
def test_what_is_no_record_tells_no_place(body: bytes | None) -> None:
    assert told(body) is None


@pytest.mark.parametrize(
    ("subjects", "taken"),
    [
        (["a.b.>"], True),
        (["a.b.*"], True),
        (["other", "a.>"], True),
        ([">"], True),
        (["a.b"], False),
        (["a.b.visit"], False),
        (["a.bc.>"], False),
        ([], False),
    ],
)
def test_a_stream_takes_every_kind_or_is_not_relayed_to(subjects: list[str], taken: bool) -> None:
    assert takes(subjects, "a.b") is taken


def test_without_the_extra_the_command_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "timeline.relaying")
    monkeypatch.setitem(sys.modules, "nats", None)

    with pytest.raises(WrongSetting, match="extra `nats` to be installed"):
        _target(stream="records", prefix="timeline", url="nats://127.0.0.1", token=None, after=None)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--nats", "http://127.0.0.1:1", "--stream", "x", "--audience", "green"), "expected nats://"),
        (("--nats", "nats://127.0.0.1:1", "--stream", "x"), "--audience"),
        (("--nats", "nats://127.0.0.1:1", "--stream", "x.y", "--audience", "green"), "--stream: expected letters"),
        (
            ("--nats", "nats://127.0.0.1:1", "--stream", "x", "--subject-prefix", "a.*", "--audience", "green"),
            "--subject-prefix: expected letters",
        ),
    ],
)
def test_what_makes_no_sense_is_told(options: tuple[str, ...], expected: str) -> None:
    done = run("relay", *options)

    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    """A nats-server with JetStream and nothing in it."""
    if jetstream.SERVER is None:
        pytest.skip(jetstream.WHY_NOT)
    made = NatsServer(tmp_path / "nats")
    yield made
    made.stop()


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for services."""
    with home_for_services() as path:
        yield path


def target(server: NatsServer, **options: Any) -> Target:
    return Target(url=server.url, stream=NAME, prefix="timeline", **options)


@asynccontextmanager
async def relaying(application: Application, to: Target, level: int = LEVEL_MAX) -> AsyncIterator[asyncio.Task[None]]:
    """A relay of a running service's log, in this process."""
    assert application.service is not None
    task = asyncio.create_task(Relay(application.service, to, level).run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(server: NatsServer, position: int) -> None:
    """Wait until the stream has come to a position."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while await server.last_position(NAME) < position:  # noqa: ASYNC110 – the condition is in the server
            await asyncio.sleep(0.02)


async def feed_of(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Every record that a caller may see."""
    found: list[dict[str, Any]] = []
    after = 0
    head = (await api.get("/health/ready")).json()["log_position"]
    while after < head:
        page = (await api.get("/v1/changes", params={"after": after, "limit": 1000, "min_position": head})).json()
        found += page["records"]
        after = page["next"]
    return found


def as_published(records: list[dict[str, Any]]) -> list[Message]:
    """What a stream has to hold of these records."""
    return [
        Message(number, f"timeline.{each['kind']}", each["id"], each) for number, each in enumerate(records, start=1)
    ]


async def test_the_stream_holds_the_feed_as_it_is_in_pages(
    server: NatsServer, application: Application, api: httpx.AsyncClient
) -> None:
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    async with relaying(application, target(server)):
        await until(server, len(posts()))
        later = await api.post("/v1/events", json=VISIT | {"source": "white-house"})
        await until(server, later.json()["position"])

    assert await server.messages(NAME) == as_published(await feed_of(api))


async def test_what_is_marked_above_the_audience_is_not_published(
    server: NatsServer, application: Application, api: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    for marking in ("amber", "clear", "amber+strict"):
        visit = VISIT | {"source": "white-house", "marking": marking, "title": f"{marking} visit"}
        assert (await api.post("/v1/events", json=visit)).status_code == 201
    public = await feed_of(anonymous)

    async with relaying(application, target(server), level_of("clear")):
        await until(server, public[-1]["position"])

    found = await server.messages(NAME)
    assert found == as_published(public)
    assert {each.body.get("title") for each in found if each.body["kind"] == "visit"} & {"amber visit"} == set()
    assert len(found) < len(await feed_of(api))


async def test_a_relay_goes_on_after_the_last_message_of_the_stream(
    server: NatsServer, application: Application, api: httpx.AsyncClient
) -> None:
    async def relayed(post: dict[str, Any]) -> None:
        position = (await api.post("/v1/events", json=post)).json()["position"]
        async with relaying(application, target(server)):
            await until(server, position)

    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    for number in range(3):
        await relayed(VISIT | {"source": "white-house", "title": f"Visit {number}"})

    assert await server.messages(NAME) == as_published(await feed_of(api))


async def records_of(api: httpx.AsyncClient) -> list[RecordShown]:
    return msgspec.convert(await feed_of(api), list[RecordShown])


async def test_a_message_that_comes_again_is_known_by_its_id(
    server: NatsServer, application: Application, api: httpx.AsyncClient
) -> None:
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    records = (await records_of(api))[:20]
    async with connected(target(server)) as stream:
        await stream.made()
        place = await stream.publish(Place(0, 0), records)

        with pytest.raises(NotStored, match="sequence 21, found it as 1"):
            await stream.publish(place, records)

    assert place == Place(records[-1].position, 20)
    assert [each.sequence for each in await server.messages(NAME)] == [*range(1, 21)]


async def test_a_message_that_comes_again_after_its_id_is_forgotten_is_refused(
    server: NatsServer, application: Application, api: httpx.AsyncClient
) -> None:
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    records = (await records_of(api))[:20]
    async with server.client() as client:
        short = StreamConfig(name=NAME, subjects=["timeline.>"], duplicate_window=0.1)
        await client.jetstream().add_stream(short)
    async with connected(target(server)) as stream:
        await stream.publish(Place(0, 0), records)
        await asyncio.sleep(0.5)  # the window is a time

        with pytest.raises(NotStored, match="wrong last sequence"):
            await stream.publish(Place(0, 0), records)
        with pytest.raises(NotStored, match="wrong last sequence"):
            await stream.publish(Place(5, 5), records[5:])

    assert [each.sequence for each in await server.messages(NAME)] == [*range(1, 21)]


async def test_of_messages_on_their_way_none_is_taken_after_one_that_is_lost(
    server: NatsServer, application: Application, api: httpx.AsyncClient
) -> None:
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    records = (await records_of(api))[:20]
    async with connected(target(server)) as stream:
        await stream.made()
        await stream.publish(Place(0, 0), records[:5])

        with pytest.raises(NotStored, match="wrong last sequence"):
            await stream.publish(Place(6, 6), records[6:])  # as if the sixth had been sent and never came

    assert len(await server.messages(NAME)) == 5


async def test_two_relays_to_one_stream_publish_each_record_once(
    server: NatsServer, application: Application, api: httpx.AsyncClient
) -> None:
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    async with relaying(application, target(server)), relaying(application, target(server)):
        for number in range(50):
            visit = VISIT | {"source": "white-house", "title": f"Visit {number}"}
            position = (await api.post("/v1/events", json=visit)).json()["position"]
        await until(server, position)

    assert await server.messages(NAME) == as_published(await feed_of(api))


async def test_a_stream_that_is_away_is_waited_for(
    server: NatsServer, application: Application, api: httpx.AsyncClient
) -> None:
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    with structlog.testing.capture_logs() as logs:
        server.kill()
        async with relaying(application, target(server)):
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                while len([each for each in logs if each["event"] == "the stream is away"]) < 2:  # noqa: ASYNC110 – they are in a list
                    await asyncio.sleep(0.02)
            await asyncio.to_thread(server.start)
            await until(server, len(posts()))

    assert await server.messages(NAME) == as_published(await feed_of(api))
    waits = [each["retry_seconds"] for each in logs if each["event"] == "the stream is away"]
    assert waits == sorted(waits)


async def _with_work_queue(server: NatsServer) -> None:
    async with server.client() as client:
        config = StreamConfig(name=NAME, subjects=["timeline.>"], retention=RetentionPolicy.WORK_QUEUE)
        await client.jetstream().add_stream(config)


async def _with_other_subjects(server: NatsServer) -> None:
    async with server.client() as client:
        await client.jetstream().add_stream(StreamConfig(name=NAME, subjects=["timeline.visit"]))


async def _with_others_messages(server: NatsServer) -> None:
    async with server.client() as client:
        await client.jetstream().add_stream(StreamConfig(name=NAME, subjects=["timeline.>"]))
        await client.jetstream().publish("timeline.visit", b"from somebody else")


async def _of_another_log(server: NatsServer) -> None:
    async with server.client() as client:
        await client.jetstream().add_stream(StreamConfig(name=NAME, subjects=["timeline.>"]))
        await client.jetstream().publish("timeline.visit", body_of(RECORD))


@pytest.mark.parametrize(
    ("prepare", "wrong", "words"),
    [
        (_with_work_queue, WrongSetting, "expected the retention `limits`"),
        (_with_other_subjects, WrongSetting, "expected that it takes timeline.>, found timeline.visit"),
        (_with_others_messages, WrongSetting, "is none of ours"),
        (_of_another_log, WrongDatabase, "this log does not have it"),
    ],
)
async def test_a_stream_that_cannot_be_trusted_is_not_published_to(
    server: NatsServer, application: Application, prepare: Callable[..., Any], wrong: type[Exception], words: str
) -> None:
    await prepare(server)

    async with relaying(application, target(server)) as task, asyncio.timeout(WAIT_SECONDS_MAX):
        with pytest.raises(wrong, match=words):
            await task


async def test_where_the_last_message_was_removed_the_place_is_asked_for(
    server: NatsServer, application: Application, api: httpx.AsyncClient
) -> None:
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    async with relaying(application, target(server)):
        await until(server, len(posts()))
    async with server.client() as client:
        last = (await client.jetstream().stream_info(NAME)).state.last_seq
        await client.jetstream().delete_msg(NAME, last)
    later = (await api.post("/v1/events", json=VISIT | {"source": "white-house"})).json()["position"]

    async with relaying(application, target(server)) as task, asyncio.timeout(WAIT_SECONDS_MAX):
        with pytest.raises(WrongSetting, match="Say so with --after POSITION"):
            await task
    async with relaying(application, target(server, after=later - 1)):
        await until(server, later)

    async with server.client() as client:
        assert (await client.jetstream().stream_info(NAME)).state.last_seq == last + 1


async def test_a_new_stream_can_begin_later(
    server: NatsServer, application: Application, api: httpx.AsyncClient
) -> None:
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201

    async with relaying(application, target(server, after=len(posts()) - 3)):
        await until(server, len(posts()))

    assert [each.body["position"] for each in await server.messages(NAME)] == [
        *range(len(posts()) - 2, len(posts()) + 1)
    ]


class RelayProcess:
    """A `timeline relay` beside a service."""

    def __init__(self, service: Service, server: NatsServer, *options: str) -> None:
        words = ("relay", "--nats", server.url, "--stream", NAME, "--audience", "amber+strict", *options)
        self.stderr = service.data_dir.with_name(f"relay-{uuid4().hex[:8]}.stderr")
        with self.stderr.open("ab") as errors:
            self.process = subprocess.Popen(
                timeline(*words, "--data-dir", str(service.data_dir)), cwd=ROOT, env=environment(), stderr=errors
            )

    def __enter__(self) -> "RelayProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGKILL)

    def stop(self, sig: int = signal.SIGTERM) -> int:
        """Its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.process.wait(20)


async def test_every_record_comes_once_and_in_order_whatever_is_killed(
    server: NatsServer, home: Path, long: bool
) -> None:
    chance = random.Random(5)
    with serving(home / "data", env=SETTINGS) as service, ExitStack() as relays:
        writers = Writers(chance, service.url, service.token_path.read_text().strip())
        writers.start(WRITERS)
        relay = relays.enter_context(RelayProcess(service, server))
        for number in range(LONG_KILLS if long else KILLS):
            reached = await server.last_position(NAME)
            await writers.progress()
            await until(server, reached + 1)
            await asyncio.sleep(chance.uniform(0.0, 0.3))
            if number % 2:
                await asyncio.to_thread(server.kill)
                await writers.progress()
                await asyncio.to_thread(server.start)
            else:
                await asyncio.to_thread(relay.stop, signal.SIGKILL)
                relay = relays.enter_context(RelayProcess(service, server))
        await writers.stop()
        async with client_of(service) as api:
            log = await feed_of(api)
        await until(server, log[-1]["position"])
        code = await asyncio.to_thread(relay.stop)
        print(f"{len(log)} records")

        assert code == 0
        assert "Traceback" not in relay.stderr.read_text()
        assert await server.messages(NAME) == as_published(log)


async def test_a_relay_outlives_the_service_that_it_stands_beside(server: NatsServer, home: Path) -> None:
    relay: RelayProcess | None = None
    try:
        with serving(home / "data", env=SETTINGS) as service:
            relay = RelayProcess(service, server)
            await until(server, 2)
        again = await asyncio.to_thread(Service, home / "data", env=SETTINGS)
        try:
            async with client_of(again) as api:
                position = (await api.post("/v1/events", json=VISIT)).json()["position"]
                await until(server, position)
                log = await feed_of(api)
        finally:
            await asyncio.to_thread(again.stop, signal.SIGTERM)
    finally:
        code = relay.stop() if relay else None
    assert code == 0
    assert await server.messages(NAME) == as_published(log)


async def test_a_server_that_asks_for_a_token_is_given_it(tmp_path: Path, home: Path) -> None:
    if jetstream.SERVER is None:
        pytest.skip(jetstream.WHY_NOT)
    guarded = NatsServer(tmp_path / "guarded", "--auth", "s3cret")
    (home / "nats.token").write_text("s3cret\n")
    os.chmod(home / "nats.token", 0o600)
    try:
        with serving(home / "data", env=SETTINGS) as service:
            relay = RelayProcess(service, guarded, "--token-file", str(home / "nats.token"))
            try:
                async with asyncio.timeout(WAIT_SECONDS_MAX):
                    while "relaying" not in relay.stderr.read_text():
                        assert relay.process.poll() is None
                        await asyncio.sleep(0.05)
            finally:
                code = relay.stop()
            assert code == 0
            assert "s3cret" not in relay.stderr.read_text()
    finally:
        guarded.stop()
