"""The bodies of all requests together hold no more than they may, whoever sends them and however they end."""

import asyncio
import json
from collections.abc import Iterator

import httpx
import pytest

from tests.oracles.bare import MIB, Wire, exchange, head, post
from tests.oracles.homes import VISIT, home_for_services, serving
from tests.services import Service
from timeline.app import Application

NDJSON = "application/x-ndjson"
CLIENTS = 12
HELD, BATCH = 4 * MIB, 2 * MIB
SETTINGS = {
    "TIMELINE_BODIES_BYTES_MAX": str(HELD),
    "TIMELINE_BATCH_BYTES_MAX": str(BATCH),
    "TIMELINE_REQUESTS_PER_SECOND": "0",
    "TIMELINE_LOG_LEVEL": "warning",
}
POST = json.dumps(VISIT).encode()
WHOLE = b"\n".join([POST] * 5) + b"\n" * (BATCH - 6 * len(POST))
"""A batch of few lines that is nearly as large as one may be."""


@pytest.fixture
def little() -> Iterator[Service]:
    """A service that holds two whole batches."""
    with home_for_services() as home, serving(home / "data", env=SETTINGS) as service:
        yield service


async def half_sent(service: Service) -> Wire:
    """A batch of which all but the end has come."""
    wire = await Wire.to(service)
    top = head(service, "POST /v1/events/batch", f"Content-Type: {NDJSON}", f"Content-Length: {len(WHOLE)}")
    await wire.send(top + WHOLE[:-1])
    return wire


async def holds(service: Service, size: int) -> None:
    """Wait until all that was sent has come; before that, whoever comes next may have the room instead."""
    async with asyncio.timeout(20), httpx.AsyncClient(base_url=service.url) as client:
        while True:
            if _held((await client.get("/metrics")).text) >= size:
                return
            await asyncio.sleep(0.01)


def _held(metrics: str) -> float:
    lines = metrics.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("timeline_held_body_bytes "))


async def told(service: Service, status: int) -> None:
    """Post a whole batch until it is told so."""
    async with asyncio.timeout(20):
        while True:
            answer = await exchange(service, post(service, "/v1/events/batch", WHOLE, media_type=NDJSON))
            if answer is not None and answer.status == status:
                return


async def test_of_many_who_upload_at_once_those_beyond_are_told_to_come_again(little: Service) -> None:
    wires = [await half_sent(little) for _ in range(CLIENTS)]
    refused = [asyncio.create_task(wire.answer()) for wire in wires]
    while sum(each.done() for each in refused) < CLIENTS - 2:
        await asyncio.wait([each for each in refused if not each.done()], return_when=asyncio.FIRST_COMPLETED)
    small = await exchange(little, post(little, "/v1/events", POST))

    for wire, answered in zip(wires, refused, strict=True):
        if not answered.done():
            await wire.send(WHOLE[-1:])
    answers = [each for each in await asyncio.gather(*refused) if each is not None]

    assert small is not None
    assert small.status == 201
    assert sorted(each.status for each in answers) == [201, 201] + [503] * (CLIENTS - 2)
    assert {each.headers.get("retry-after") for each in answers if each.status == 503} == {"1"}
    assert all(json.loads(each.body)["type"] == "/problems/queue-full" for each in answers if each.status == 503)


async def test_who_leaves_in_the_middle_leaves_its_room_to_others(little: Service) -> None:
    for _ in range(3):
        wires = [await half_sent(little) for _ in range(2)]
        await holds(little, 2 * (len(WHOLE) - 1))
        await told(little, 503)
        for wire in wires:
            wire.close()
        await told(little, 201)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/events", POST, 422),
        ("/v1/events", b"{", 400),
        ("/v1/events/batch", b"[1]", 422),
        ("/v1/topics", b'{"slug": "libya", "name": "Libya"}', 201),
        ("/v1/tokens", b"[]", 422),
        ("/v1/events/batch", b"[" + b" " * (34 * MIB), 413),
    ],
)
async def test_whatever_is_answered_nothing_stays_held(
    application: Application, api: httpx.AsyncClient, path: str, body: bytes, status: int
) -> None:
    assert application.service is not None

    answer = await api.post(path, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == status, answer.text
    assert application.service.bodies.bytes == 0
