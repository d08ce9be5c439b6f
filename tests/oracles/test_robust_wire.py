"""Clients that send too much, too little, too slowly or nothing are refused or ended, and cost the others nothing."""

import asyncio
import gzip
import json
import time
import zlib
from collections.abc import Iterator

import pytest

from tests.oracles.bare import MIB, Answer, Wire, exchange, head, held_bytes, peak_bytes, post
from tests.oracles.homes import VISIT, end, home_for_services, is_whole, serving
from tests.services import Service, position_of

pytestmark = pytest.mark.xdist_group("robust")

GIB = 2**30
LINES_MAX = 10_000
SOON_SECONDS = 15.0
"""Longer than any pause of a busy machine; a hang is longer still."""
LINE = json.dumps(VISIT).encode()
CHUNKED = ("Content-Type: application/json", "Transfer-Encoding: chunked")


@pytest.fixture(scope="module")
def service(long: bool) -> Iterator[Service]:
    """One service for all that is done to it here; whole, quiet and not fat at the end."""
    program = "timeline" if long else "tests.oracles.hasty"
    with home_for_services() as home, serving(home / "store", program=program) as made:
        yield made
        is_whole(made.data_dir)
        end(made)
        said = made.stderr.read_text().splitlines()
        assert [line for line in said if "Traceback" in line or "[error" in line] == []


@pytest.fixture(autouse=True)
def nothing_is_written(service: Service) -> Iterator[None]:
    """Nothing that is refused here leaves a trace, and each time the service is well afterwards."""
    before = position_of(service)
    yield
    assert position_of(service) == before
    assert held_bytes(service) < GIB // 2


async def is_served(service: Service) -> bool:
    """Whether somebody else gets a true answer, soon."""
    async with asyncio.timeout(SOON_SECONDS):
        answer = await exchange(service, head(service, "GET /v1/timelines/all"))
    return answer is not None and answer.status == 200


async def refused(service: Service, *parts: bytes) -> tuple[int, str]:
    """The status and the problem's type, which come soon."""
    async with asyncio.timeout(SOON_SECONDS):
        answer = await exchange(service, *parts)
    assert answer is not None
    return answer.status, answer.problem["type"].removeprefix("/problems/")


# Too much


async def test_a_body_larger_than_it_may_be_is_refused_whether_its_length_is_told_or_not(service: Service) -> None:
    told = head(service, "POST /v1/events", "Content-Type: application/json", f"Content-Length: {GIB}")
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"

    answers = [
        await refused(service, told),
        await refused(service, head(service, "POST /v1/events", *CHUNKED) + chunk * 20),
        await refused(service, head(service, "POST /v1/events/batch", *CHUNKED), *[chunk * 16] * 40),
    ]

    assert answers == [(413, "body-too-large")] * 3


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x-gzip"])
async def test_a_compressed_body_is_refused_and_never_inflated(service: Service, encoding: str) -> None:
    bomb = gzip.compress(bytes(200 * MIB), 1) if "gzip" in encoding else zlib.compress(bytes(200 * MIB), 1)
    before = peak_bytes(service)

    answers = [
        await refused(service, post(service, path, bomb[: MIB // 2], f"Content-Encoding: {encoding}"))
        for path in ("/v1/events", "/v1/events/batch", "/v1/actors")
    ]

    assert answers == [(415, "unsupported-media-type")] * 3
    assert peak_bytes(service) - before < 20 * MIB


async def test_json_nested_ever_deeper_is_refused_in_little_time_and_memory(service: Service) -> None:
    levels = 100_000
    bodies = {
        "/v1/events": [b"[" * levels, b"[" * levels + b"]" * levels, b'{"a":' * levels + b"1" + b"}" * levels],
        "/v1/events/batch": [b'{"events":[{"kind":' + b"[" * levels + b"]" * levels + b"}]}", b"[" * 16 * MIB],
    }

    answers = [
        await refused(service, post(service, path, body)) for path, several in bodies.items() for body in several
    ]

    assert answers == [(400, "malformed-json")] * 5


async def test_a_line_nested_deep_is_that_lines_fault_alone(service: Service) -> None:
    deep = b'{"kind":"visit","title":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    body = b"\n".join([LINE, deep, LINE])

    answer = await exchange(service, post(service, "/v1/events/batch", body, media_type="application/x-ndjson"))

    assert answer is not None
    assert [verdict["status"] for verdict in answer.problem["verdicts"]] == [424, 400, 424]


@pytest.mark.parametrize("line", [LINE, b"1", b"{}"])
async def test_more_lines_than_a_batch_may_have_are_refused_at_once(service: Service, line: bytes) -> None:
    ndjson, array = (line + b"\n") * 100_000, b"[" + b",".join([line] * 100_000) + b"]"

    answers = [
        await refused(service, post(service, "/v1/events/batch", ndjson, media_type="application/x-ndjson")),
        await refused(service, post(service, "/v1/events/batch", array)),
    ]

    assert answers == [(413, "body-too-large")] * 2


async def test_a_heads_size_has_a_limit(service: Service) -> None:
    line = "GET /health/live"
    heads = {
        "a header of a mebibyte": [head(service, line, "X-A: " + "a" * MIB)],
        "ten thousand headers": [head(service, line, *(f"X-{n}: a" for n in range(10_000)))],
        "a header without an end": [head(service, line)[:-2] + b"X-A: ", *[b"a" * 65_536] * 400],
        "headers without an end": [head(service, line)[:-2], *[b"X-A: a\r\n" * 10_000] * 400],
        "an address without an end": [b"GET /", *[b"a" * 65_536] * 400],
    }

    answers = {name: await exchange(service, *parts) for name, parts in heads.items()}
    taken = await exchange(service, head(service, line, "X-A: " + "a" * 50_000, *(f"X-{n}: a" for n in range(500))))

    assert {name: answer.status for name, answer in answers.items() if answer} == dict.fromkeys(
        [name for name, answer in answers.items() if answer], 431
    )
    assert all(answer.problem["type"] == "/problems/head-too-large" for answer in answers.values() if answer)
    assert answers["ten thousand headers"] is not None
    assert taken is not None
    assert taken.status == 200


# Too little, too slowly, nothing


async def test_a_body_that_ends_before_its_length_is_never_taken_for_a_whole_one(service: Service) -> None:
    lines = (LINE + b"\n") * 3
    told = ("Content-Type: application/x-ndjson", f"Content-Length: {2 * len(lines)}")
    chunked = ("Content-Type: application/x-ndjson", "Transfer-Encoding: chunked")
    cut = [
        head(service, "POST /v1/events/batch?mode=each", *told) + lines,
        head(service, "POST /v1/events/batch?mode=each", *chunked) + b"%x\r\n" % len(lines) + lines + b"\r\n",
        head(service, "POST /v1/events", "Content-Type: application/json", "Content-Length: 999") + LINE,
    ]

    for data in cut:
        for leave in (Wire.end, Wire.close):
            wire = await Wire.to(service)
            await wire.send(data)
            await asyncio.sleep(0.05)  # it is being read by now
            left = leave(wire)
            await (left or asyncio.sleep(0))
            if leave is Wire.end:
                assert await wire.answer() is None

    assert await is_served(service)


async def test_who_sends_nothing_or_a_byte_now_and_then_is_ended_and_holds_up_nobody(
    service: Service,
) -> None:
    beginning = {
        "nothing": (b"", b""),
        "a head": (head(service, "GET /health/live")[:-2], b"a"),
        "a body": (head(service, "POST /v1/events", "Content-Type: application/json", "Content-Length: 9999"), b" "),
        "chunks": (head(service, "POST /v1/events", *CHUNKED), b"1\r\n \r\n"),
    }

    async with asyncio.TaskGroup() as slow:
        ended = {name: slow.create_task(dripping(service, *data)) for name, data in beginning.items()}
        assert await is_served(service)

    answers = {name: task.result() for name, task in ended.items()}
    assert answers["nothing"] is None
    told = [answer.problem["type"] for answer in answers.values() if answer]
    assert told == ["/problems/too-slow"] * 3


async def dripping(service: Service, beginning: bytes, drop: bytes) -> Answer | None:
    """Send a beginning, then a drop now and then for as long as anybody listens; what was answered."""
    wire = await Wire.to(service)
    await wire.send(beginning)
    answer = asyncio.create_task(wire.answer())
    while not answer.done():
        await asyncio.wait([answer], timeout=0.1)
        if beginning:
            await wire.send(drop)
    return answer.result()


async def test_who_does_not_read_the_answers_is_ended(service: Service) -> None:
    wire = await Wire.to(service)
    wire._reader._transport.pause_reading()  # type: ignore[attr-defined]  # nothing else stops a stream from reading
    request = head(service, "GET /openapi.json")
    began = time.monotonic()

    while not wire._writer.transport.is_closing() and time.monotonic() - began < 90:
        await wire.send(request)
        await asyncio.sleep(0.005)

    assert wire._writer.transport.is_closing()


async def test_while_500_connections_stand_idle_others_are_served(service: Service) -> None:
    answered = head(service, "GET /health/live")
    idle = [await Wire.to(service) for _ in range(500)]
    for number, wire in enumerate(idle):
        await wire.send((b"", answered, answered[:-9])[number % 3])

    served = [await is_served(service) for _ in range(20)]
    for wire in idle:
        wire.close()

    assert served == [True] * 20


async def test_a_request_that_is_no_http_gets_a_problem_too(service: Service) -> None:
    broken = [b"HELLO\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/9.9\r\n\r\n"]

    answers = [await refused(service, each) for each in broken]

    assert answers == [(400, "malformed-request")] * 3
