"""Whatever bytes come, the service answers or ends the connection, serves the next, and does not grow."""

import asyncio
import random
import re
from collections.abc import Iterator

import pytest

from tests.benchmarks.memory import HELD_BYTES_MAX, Load, faults, suffer
from tests.oracles.bare import MIB, Wire, exchange, head, held_bytes, peak_bytes, post
from tests.oracles.homes import end, home_for_services, is_whole, serving
from tests.services import Service, position_of

pytestmark = pytest.mark.xdist_group("robust")

SECONDS_MAX = 15.0
"""More than the patience of a hasty service, and than any pause of a busy machine; a hang is longer still."""
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
TOGETHER = 16
POST = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
WRONG: dict[str, tuple[bytes, set[int]]] = {
    "two lengths": (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", {400, 401}),
    "a length and chunks": (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400, 401}),
    "chunks, and a length": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", {400, 401}),
    "an encoding nobody knows": (POST + b"Transfer-Encoding: cow\r\n\r\n", {400, 401}),
    "chunked, twice": (POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", {400, 401}),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n", {400}),
    "a length that is none": (POST + b"Content-Length: 1e3\r\n\r\n", {400}),
    "a length beyond all": (POST + b"Content-Length: 99999999999999999999999\r\n\r\n", {400, 413}),
    "a chunk without a size": (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", {400, 401}),
    "a chunk beyond all": (POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", {400, 401}),
    "a chunk with more than it says": (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\naaaa\r\n0\r\n\r\n", {400, 401}),
    "NUL in a path": (b"GET /v1/\x00 HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
    "NUL, escaped": (b"GET /v1/actors/%00 HTTP/1.1\r\nHost: x\r\n\r\n", {400, 401, 404}),
    "NUL in a header": (b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n", {400}),
    "a header without a name": (b"GET /health/live HTTP/1.1\r\n: x\r\n\r\n", {400}),
    "a header on two lines": (b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\n\r\n", {200, 400}),
    "a blank before the colon": (b"GET /health/live HTTP/1.1\r\nHost : x\r\n\r\n", {200, 400}),
    "lines without CR": (b"GET /health/live HTTP/1.1\nHost: x\n\n", {200, 400}),
    "a method that is none": (b"G\xc3\x89T / HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
    "a method nobody knows": (b"FROB /health/live HTTP/1.1\r\nHost: x\r\n\r\n", {400, 405}),
    "CONNECT": (b"CONNECT a.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", {400, 404, 405}),
    "TRACE": (b"TRACE /health/live HTTP/1.1\r\nHost: x\r\n\r\n", {400, 405}),
    "an address of a proxy": (b"GET http://a.example/health/live HTTP/1.1\r\nHost: x\r\n\r\n", {200, 400, 404}),
    "an escape that is none": (b"GET /v1/actors/%zz HTTP/1.1\r\nHost: x\r\n\r\n", {400, 401, 404}),
    "bytes that are no UTF-8": (b"GET /v1/actors/%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n", {400, 401, 404}),
    "a path upwards": (b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", {400, 404}),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 404}),
    "an upgrade": (b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", {200, 400}),
    "an expectation": (POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", {100, 401}),
    "an expectation of more": (POST + b"Expect: a-miracle\r\nContent-Length: 2\r\n\r\n{}", {401, 417}),
}


@pytest.fixture(scope="module")
def service(long: bool) -> Iterator[Service]:
    """One service for all of it; quiet at the end, and whole."""
    env = {"TIMELINE_REQUESTS_PER_SECOND": "0"}
    with home_for_services() as home, serving(home / "store", program="tests.oracles.hasty", env=env) as made:
        yield made
        is_whole(made.data_dir)
        end(made)
        said = made.stderr.read_text().splitlines()
        assert [line for line in said if "Traceback" in line or "[error" in line] == []


async def is_served(service: Service) -> None:
    """The next client gets a true answer, soon."""
    async with asyncio.timeout(SECONDS_MAX):
        answer = await exchange(service, head(service, "GET /v1/timelines/all"))
    assert answer is not None
    assert answer.status == 200


async def said_to(service: Service, *parts: bytes, ends: bool = True) -> list[int]:
    """The statuses of all answers to these bytes; the connection ends in time, or this fails."""
    wire = await Wire.to(service)
    for part in parts:
        await wire.send(part)
    try:
        if ends and not wire._writer.transport.is_closing():
            await wire.end()
        async with asyncio.timeout(SECONDS_MAX):
            said = await wire._reader.read(-1)
    except (ConnectionError, OSError):
        return []
    finally:
        wire.close()
    return [int(each) for each in STATUS.findall(said)]


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_wrong_with_a_request_is_told_or_ends_it(service: Service, name: str) -> None:
    data, expected = WRONG[name]

    statuses = await said_to(service, data)

    assert statuses or "length" in name or "chunk" in name  # a body that never came whole is nobody's request
    assert set(statuses) <= expected
    await is_served(service)


async def test_no_request_hides_in_the_body_of_another(service: Service) -> None:
    """Where two servers in a row see other ends of a request, the second takes a body for the next request."""
    hidden = b"GET /v1/timelines/all HTTP/1.1\r\nHost: x\r\n\r\n"
    told = b"Content-Length: %d\r\n" % len(hidden)
    ways = [
        POST + told + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
        POST + b"Transfer-Encoding: chunked\r\n" + told + b"\r\n0\r\n\r\n" + hidden,
        POST + b"Transfer-Encoding: identity, chunked\r\n" + told + b"\r\n0\r\n\r\n" + hidden,
        POST + b"Content-Length: 0\r\n" + told + b"\r\n" + hidden,
    ]

    answers = [await said_to(service, each) for each in ways]

    assert [each for each in answers if len(each) > 1] == []


async def test_pipelined_requests_are_answered_in_order_each_once(service: Service) -> None:
    asked = [
        head(service, f"GET {path}") for path in ("/health/live", "/nothing", "/v1/kinds?x=1", "/v1/timelines/all")
    ]

    whole = await said_to(service, b"".join(asked * 5), ends=False)
    by_byte = await said_to(service, *[bytes([each]) for each in b"".join(asked)], ends=False)

    assert whole == [200, 404, 400, 200] * 5
    assert by_byte == [200, 404, 400, 200]


async def test_who_ends_early_leaves_nothing_and_holds_up_nobody(service: Service) -> None:
    before = position_of(service)
    body = b'{"kind": "visit", "title": "A visit", "occurred": "2019-06-07", "source": "paper"}'
    request = post(service, "/v1/events", body)

    for cut in range(0, len(request) - 1, 7):
        statuses = await said_to(service, request[:cut])
        assert set(statuses) <= {400, 408}

    assert position_of(service) == before
    await is_served(service)


def mutated(chance: random.Random, request: bytes) -> bytes:
    """A request with a few bytes of it other than they were."""
    data = bytearray(request)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(7):
            case 0:
                data[at:at] = chance.randbytes(chance.randint(1, 9))
            case 1:
                del data[at : at + chance.randint(1, 30)]
            case 2 if at < len(data):
                data[at] = chance.randrange(256)
            case 3:
                data[at:at] = chance.choice([b"\r\n", b"\n", b"\x00", b"%00", b": ", b"\r\n\r\n", b",", b'"', b"\xff"])
            case 4:
                begin = chance.randrange(len(data) + 1)
                data[at:at] = data[begin : begin + chance.randint(1, 60)]
            case 5:
                data[at:at] = chance.choice(
                    [b"Content-Length: 9\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: x\r\n"]
                )
            case _:
                data[at:] = b""
        if not data:
            data += b"G"
    return bytes(data)


def good_requests(service: Service) -> list[bytes]:
    """Requests of each kind, of whom nothing is recorded however they are changed: they are dry runs, or reads."""
    body = b'{"kind": "visit", "title": "A visit", "occurred": "2019-06-07", "source": "paper"}'
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    return [
        head(service, "GET /v1/timelines/all?limit=5", "Accept: text/csv;q=0.5, */*", 'If-None-Match: W/"a"'),
        head(service, "GET /v1/weeks/2019-W23.md?topic=x", "Accept-Encoding: gzip", "Range: bytes=0-9"),
        head(service, "GET /v1/events?q=visit&from=2019-06-01", "X-Request-Id: desk-1", "Origin: https://a.example"),
        head(service, "GET /v1/diff?from=1"),
        head(service, "OPTIONS /v1/events", "Access-Control-Request-Method: POST", "Origin: https://a.example"),
        head(service, "HEAD /v1/actors/haftar"),
        post(service, "/v1/events?dry_run=true", body),
        post(service, "/v1/events/batch?dry_run=true", b"[" + body + b"]"),
        head(service, "POST /v1/events?dry_run=true", "Content-Type: application/json", "Transfer-Encoding: chunked")
        + chunks,
        head(service, "GET /health/ready", "Connection: close"),
    ]


async def test_changed_at_random_no_request_hangs_breaks_or_grows_the_service(service: Service, long: bool) -> None:
    chance = random.Random(20190607)
    good = good_requests(service)
    rounds = 1_500 if long else 40
    found: set[int] = set()
    for _ in range(10):
        await asyncio.gather(*(said_to(service, mutated(chance, chance.choice(good))) for _ in range(TOGETHER)))
    before = held_bytes(service)

    for number in range(rounds):
        several = [chance.choice(good) for _ in range(TOGETHER)]
        changed = [mutated(chance, each) + (chance.choice(good) if chance.random() < 0.2 else b"") for each in several]
        for statuses in await asyncio.gather(*(said_to(service, each) for each in changed)):
            found |= set(statuses)
        if number % 10 == 0:
            await is_served(service)

    assert {each for each in found if each >= 500} <= {503}
    assert {200, 400, 401, 404} <= found
    assert held_bytes(service) - before < 30 * MIB


async def test_nothing_hostile_takes_much_memory_or_anybodys_turn(service: Service, long: bool) -> None:
    """What `tests/benchmarks/memory.py` measures, in little."""
    little = Load(upload_bytes=64 * MIB, lines=100_000, idle=200, readers=5, unread_seconds=3, entries=300)

    suffered = await suffer(service, Load() if long else little)

    assert faults(suffered) == []
    assert [each.told for each in suffered[:5]] == ["413", "413", "201", "413", "413"]
    assert peak_bytes(service) < HELD_BYTES_MAX
