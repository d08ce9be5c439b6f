"""What hostile clients do to the memory of the service, and to others: `uv run python -m tests.benchmarks.memory`.

A real service is sent a body without an end, a batch of a million lines, a thousand connections that say nothing, and
readers who never take their answers; meanwhile another client asks for pages. Ends with code 1 where the process held
more than it may, or the other client was not served.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec

from tests.benchmarks.bench import folder_on_disk, machine, service_on_disk
from tests.oracles.bare import MIB, Answer, Wire, exchange, head, peak_bytes, post
from tests.oracles.homes import VISIT, register
from tests.services import Service

HELD_BYTES_MAX = 300_000_000
SERVED_SECONDS_MAX = 5.0
LINE = json.dumps(VISIT).encode() + b"\n"
NDJSON = "application/x-ndjson"
CHUNKED = ("Content-Type: application/json", "Transfer-Encoding: chunked")


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """How much of each."""

    upload_bytes: int = 2**30
    lines: int = 1_000_000
    idle: int = 1_000
    readers: int = 20
    unread_seconds: float = 20.0
    entries: int = 10_000
    """As many lines as a batch may have."""
    uploads: int = 20
    """Whole batches that come at once, of which the budget of bodies takes some."""
    upload_mib: int = 30


class Suffered(msgspec.Struct, frozen=True, kw_only=True):
    """What it came to."""

    what: str
    told: str
    peak_bytes: int
    served: int
    slowest_seconds: float

    def words(self) -> str:
        """A line."""
        return (
            f"{self.what:<44} {self.told:<28} peak {self.peak_bytes / 1e6:5.0f} MB   "
            f"meanwhile {self.served} pages served, the slowest in {self.slowest_seconds * 1000:.0f} ms"
        )


async def suffer(service: Service, load: Load) -> list[Suffered]:
    """Do all of it, one after the other."""
    await fill(service, load.entries)
    trials: list[tuple[str, Callable[[], Awaitable[str]]]] = [
        (f"an upload of {load.upload_bytes / MIB:,.0f} MiB", lambda: upload(service, load.upload_bytes)),
        ("the same to the batch", lambda: upload(service, load.upload_bytes, "/v1/events/batch")),
        (f"a batch of {load.entries:,} lines, which is taken", lambda: batch(service, load.entries)),
        (f"a batch of {load.lines:,} lines", lambda: batch(service, load.lines)),
        (f"a batch of {load.lines:,} lines of one byte", lambda: batch(service, load.lines, b"1\n")),
        (f"{load.uploads} batches of {load.upload_mib} MiB at once", lambda: batches(service, load)),
        (f"{load.idle:,} connections that say nothing", lambda: idle(service, load.idle)),
        (f"{load.readers} readers who stop reading", lambda: stop_reading(service, load.readers, load.unread_seconds)),
    ]
    return [await beside(service, what, trial) for what, trial in trials]


async def fill(service: Service, entries: int) -> None:
    """Record what pages are made of."""
    lines = b"".join(json.dumps(VISIT | {"title": f"Visit {n}"}).encode() + b"\n" for n in range(entries))
    answer = await exchange(service, post(service, "/v1/events/batch", lines, media_type=NDJSON))
    assert answer is not None
    assert answer.status in (200, 201), answer.body


async def beside(service: Service, what: str, trial: Callable[[], Awaitable[str]]) -> Suffered:
    """Do one thing while somebody else asks for pages."""
    seconds: list[float] = []
    trying = asyncio.ensure_future(trial())
    while not trying.done() or not seconds:
        began = time.monotonic()
        answer = await exchange(service, head(service, "GET /v1/timelines/all?limit=50"))
        seconds.append(time.monotonic() - began)
        assert answer is not None, f"not served beside {what}"
        assert answer.status == 200, f"{answer.status} beside {what}"
        await asyncio.sleep(0.05)
    told = await trying
    return Suffered(
        what=what, told=told, peak_bytes=peak_bytes(service), served=len(seconds), slowest_seconds=max(seconds)
    )


def outcome(answer: Answer | None) -> str:
    """What was answered, in a word."""
    return "closed" if answer is None else f"{answer.status}"


async def upload(service: Service, size: int, path: str = "/v1/events") -> str:
    """Send a body in chunks whose length nobody tells, whether it is taken or not."""
    chunk = b"100000\r\n" + b" " * MIB + b"\r\n"
    wire = await Wire.to(service)
    await wire.send(head(service, f"POST {path}", *CHUNKED))
    sent = 0
    while sent < size and not wire._writer.transport.is_closing():
        await wire.send(chunk)
        sent += MIB
    return outcome(await wire.answer())


async def batch(service: Service, lines: int, line: bytes = LINE) -> str:
    """Send a batch of more lines than it may have, announced."""
    size = lines * len(line)
    asked = head(service, "POST /v1/events/batch", f"Content-Type: {NDJSON}", f"Content-Length: {size}")
    parts = [line * 10_000] * (lines // 10_000) + [line * (lines % 10_000)]
    return outcome(await exchange(service, asked, *parts))


async def batches(service: Service, load: Load) -> str:
    """Send many whole batches at once, each a line that is none; how many were read, and how many refused."""
    body = b"x" * (load.upload_mib * MIB)
    asked = post(service, "/v1/events/batch", body, media_type=NDJSON)
    answers = await asyncio.gather(*(exchange(service, asked) for _ in range(load.uploads)))
    told = Counter(map(outcome, answers))
    return ", ".join(f"{number} x {status}" for status, number in sorted(told.items()))


async def idle(service: Service, number: int) -> str:
    """Connect, say nothing or half of a head, and stay for a while."""
    wires = []
    for n in range(number):
        wire = await Wire.to(service)
        await wire.send((b"", b"GET /health/live HTT", head(service, "POST /v1/events", *CHUNKED))[n % 3])
        wires.append(wire)
    for _ in range(20):
        await asyncio.sleep(0.05)
    for wire in wires:
        wire.close()
    return "held open"


async def stop_reading(service: Service, number: int, seconds: float) -> str:
    """Ask for large pages again and again, and take nothing of what is answered."""
    wires = [await Wire.to(service) for _ in range(number)]
    asked = head(service, "GET /v1/timelines/all?limit=1000")
    for wire in wires:
        wire._reader._transport.pause_reading()  # type: ignore[attr-defined]  # nothing else stops a stream from reading
    until = time.monotonic() + seconds
    while time.monotonic() < until and not all(wire._writer.transport.is_closing() for wire in wires):
        for wire in wires:
            if not wire._writer.transport.is_closing():
                wire._writer.write(asked)
        await asyncio.sleep(0.1)
    for wire in wires:
        wire.close()
    return "cut off, or left"


def faults(suffered: list[Suffered]) -> list[str]:
    """What was more than may be."""
    return [
        each.words()
        for each in suffered
        if each.peak_bytes > HELD_BYTES_MAX or each.slowest_seconds > SERVED_SECONDS_MAX
    ]


def main() -> int:
    """Print the figures; 1 where one is out of bounds."""
    print(machine())
    with folder_on_disk() as folder, service_on_disk(folder) as service:
        register(service)
        print(f"{'before':<44} {'':<28} peak {peak_bytes(service) / 1e6:5.0f} MB")
        suffered = asyncio.run(suffer(service, Load()))
    for each in suffered:
        print(each.words())
    return 1 if faults(suffered) else 0


if __name__ == "__main__":
    sys.exit(main())
