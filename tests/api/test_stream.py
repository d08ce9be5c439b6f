"""What a reader of the live feed may rely on."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.streaming import SSE, pages, positions, problem, stream
from tests.api.test_posting import PAPER, VISIT, posted
from tests.conftest import client_of
from timeline.app import Application
from timeline.formats import sse
from timeline.projections.live import Channel, Live, Portion
from timeline.settings import Settings

RECORDS = 20


@pytest.fixture
async def api(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """The owner's client; the log holds a clear source and visits by turns clear and amber."""
    await posted(api, "/v1/sources", PAPER)
    lines = [VISIT | {"title": f"visit {n}", "marking": ["clear", "amber"][n % 2]} for n in range(2, RECORDS + 1)]
    assert (await api.post("/v1/events/batch", json=lines)).status_code == 201
    return api


async def test_a_stream_tells_what_there_is_and_then_what_comes(
    application: Application, api: httpx.AsyncClient
) -> None:
    async with stream(application, token=application.token) as heard:
        before = await heard.until_told_all()
        await posted(api, "/v1/events", VISIT | {"title": "the next"})
        after = await heard.records(1)

    assert positions(before) == [*range(1, RECORDS + 1)]
    assert before + after == await pages(api)
    assert heard.headers["content-type"] == "text/event-stream"
    assert heard.raw.startswith(sse.BEGIN)


async def test_a_stream_goes_on_after_the_last_event_that_was_seen(
    application: Application, api: httpx.AsyncClient
) -> None:
    async with stream(application, "after=3", SSE | {"Last-Event-ID": "17"}, token=application.token) as heard:
        by_header = await heard.until_told_all()
    async with stream(application, "after=18", token=application.token) as heard:
        by_address = await heard.until_told_all()

    assert positions(by_header) == [18, 19, 20]
    assert positions(by_address) == [19, 20]


async def test_a_position_that_is_none_is_refused(application: Application, api: httpx.AsyncClient) -> None:
    for wrong in ("", "x", "-1", "1.0", str(2**53)):
        async with stream(application, "", SSE | {"Last-Event-ID": wrong}, token=application.token) as heard:
            assert heard.status == 400
            assert problem(heard)["errors"][0]["pointer"] == "#Last-Event-ID"


async def test_pages_go_on_after_it_as_well(api: httpx.AsyncClient) -> None:
    page = await api.get("/v1/changes", headers={"Last-Event-ID": "18"})

    assert positions(page.json()["records"]) == [19, 20]


async def test_what_is_hidden_is_not_on_a_stream_and_moves_nothing_on_it(
    application: Application, api: httpx.AsyncClient
) -> None:
    async with stream(application) as heard:
        before = await heard.until_told_all()
        for n in range(5):
            await posted(api, "/v1/events", VISIT | {"title": f"hidden {n}", "marking": "green"})
        await posted(api, "/v1/events", VISIT | {"title": "clear", "marking": "clear"})
        (after,) = await heard.records(1)

    assert positions(before) == [1, *range(2, RECORDS + 1, 2)]
    assert after["body"]["title"] == "clear"
    assert heard.raw.count(b"\n\n") == len(before) + 1 + 1
    assert b"hidden" not in heard.raw


async def test_a_record_that_was_closed_or_erased_is_on_no_stream_that_comes_later(
    application: Application, api: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    closed, erased = [
        (await posted(api, "/v1/events", VISIT | {"title": f"secret {n}", "marking": "clear"}))["id"] for n in (1, 2)
    ]
    async with stream(application) as first:
        await first.until_told_all()
        for n in range(3):  # these are held for whoever comes
            await posted(api, "/v1/events", VISIT | {"title": f"secret, later {n}", "marking": "clear"})
        await first.records(3)
        subject = (await pages(anonymous))[-1]["id"]
        reason = {"reason": "personal data"}
        await posted(api, "/v1/events", {"kind": "marking", "subject": closed, "marking": "green"} | reason)
        await posted(api, "/v1/events", {"kind": "erasure", "subject": erased, "authority": "officer"} | reason)
        await posted(api, "/v1/events", {"kind": "erasure", "subject": subject, "authority": "officer"} | reason)
        await posted(api, "/v1/events", VISIT | {"title": "open", "marking": "clear"})
        await first.records(1)
        async with stream(application, f"after={RECORDS + 2}") as second:
            records = await second.until_told_all()

        assert [each["body"]["title"] for each in records] == ["secret, later 0", "secret, later 1", "open"]
        assert records == await pages(anonymous, RECORDS + 2)


async def test_a_beat_tells_how_far_a_stream_is(application: Application, api: httpx.AsyncClient) -> None:
    service = application.service
    assert service is not None
    async with stream(application) as heard:
        await heard.until_told_all()
        await posted(api, "/v1/events", VISIT | {"title": "hidden", "marking": "green"})
        event = None
        while event is None or event.id == str(RECORDS):
            service.live.beats += 1
            service.live.ring()
            event = await heard.event()

    assert (event.event, event.id, event.json()) == ("position", str(RECORDS + 1), {"position": RECORDS + 1})


async def test_a_waiting_reader_is_answered_as_soon_as_something_comes(
    api: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    waiting = asyncio.create_task(anonymous.get("/v1/changes", params={"after": RECORDS, "wait": 30}))
    for n in range(3):
        await posted(api, "/v1/events", VISIT | {"title": f"hidden {n}", "marking": "green"})
        assert not waiting.done()
    await posted(api, "/v1/events", VISIT | {"title": "clear", "marking": "clear"})

    async with asyncio.timeout(5):
        page = (await waiting).json()
    assert positions(page["records"]) == [RECORDS + 4]
    assert page["next"] == RECORDS + 4


async def test_a_waiting_reader_is_told_when_nothing_came(api: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    waiting = asyncio.create_task(anonymous.get("/v1/changes", params={"after": RECORDS, "wait": 1}))
    await posted(api, "/v1/events", VISIT | {"title": "hidden", "marking": "green"})

    assert (await waiting).json() == {"records": [], "next": RECORDS + 1}


async def test_who_finds_records_does_not_wait(api: httpx.AsyncClient) -> None:
    async with asyncio.timeout(5):
        page = await api.get("/v1/changes", params={"after": RECORDS - 1, "wait": 60})

    assert positions(page.json()["records"]) == [RECORDS]


async def test_head_of_a_stream_ends(api: httpx.AsyncClient) -> None:
    answer = await api.head("/v1/changes", headers=SSE)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream"


async def test_a_stream_says_that_the_service_stops(application: Application, api: httpx.AsyncClient) -> None:
    async with stream(application, f"after={RECORDS}", token=application.token) as heard:
        await heard.until_told_all()
        application.end_streams()
        rest = await heard.rest()

    assert [(each.event, each.json()) for each in rest] == [("end", {"position": RECORDS, "why": "stopping"})]


@pytest.fixture
async def tight(db: str, tmp_path: Path) -> AsyncIterator[Application]:
    """A service of few streams."""
    settings = Settings(data_dir=str(tmp_path), public_audience="clear", streams_max=3, streams_per_token_max=2)
    made = Application(settings, db)
    async with made.running():
        yield made


async def test_a_token_has_so_many_streams_and_all_have_so_many(tight: Application) -> None:
    async with (
        stream(tight, token=tight.token) as one,
        stream(tight, token=tight.token) as two,
        client_of(tight, {"Authorization": f"Bearer {tight.token}"}) as client,
    ):
        async with stream(tight, token=tight.token) as three, stream(tight) as other, stream(tight) as last:
            refused = [(each.status, each.headers.get("retry-after")) for each in (one, two, three, other, last)]
            types = [problem(each)["type"] for each in (three, last)]
        waiting = await client.get("/v1/changes", params={"wait": 30})
        metrics = (await client.get("/metrics")).text

    assert refused == [(200, None), (200, None), (429, "5"), (200, None), (503, "5")]
    assert types == ["/problems/too-many-streams", "/problems/streams-full"]
    assert waiting.status_code == 429
    assert "timeline_open_streams 2.0" in metrics
    assert tight.service is not None
    assert tight.service.streams.open == 0


async def _issued(api: httpx.AsyncClient, **asked: str) -> dict[str, Any]:
    made = await api.post("/v1/tokens", json={"name": "A reader", "scope": "read", "audience": "green"} | asked)
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


async def test_a_stream_ends_at_once_when_its_token_is_revoked(
    application: Application, api: httpx.AsyncClient
) -> None:
    made = await _issued(api)
    async with stream(application, token=made["text"]) as heard, stream(application, token=application.token) as other:
        await heard.until_told_all()
        await other.until_told_all()
        revoked = await api.post(f"/v1/tokens/{made['token']['id']}/revoke")
        await posted(api, "/v1/events", VISIT | {"title": "after", "marking": "clear"})
        rest = await heard.rest()
        (*_, after) = await other.records(2)

    assert revoked.status_code == 200
    assert [(each.event, each.json()["why"]) for each in rest] == [("end", "token")]
    assert after["body"]["title"] == "after"


async def test_a_stream_ends_when_its_token_expires(application: Application, api: httpx.AsyncClient) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=2)
    made = await _issued(api, expires_at=expires.isoformat())
    async with stream(application, token=made["text"]) as heard:
        await heard.until_told_all()
        rest = await heard.rest()

    assert [(each.event, each.json()["why"]) for each in rest] == [("end", "token")]
    assert datetime.now(UTC) >= expires


async def test_a_record_that_comes_while_a_stream_looks_in_vain_is_told_without_a_beat(
    application: Application, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert application.service is not None
    live, looked = application.service.live, asyncio.Event()
    true_page = Live.page

    async def page(self: Live, channel: Channel, after: int) -> Portion:
        """As it was read, told when something has come meanwhile."""
        found = await true_page(self, channel, after)
        if not found.records and not looked.is_set():
            looked.set()
            while live._position <= after:  # noqa: ASYNC110  (it is what is waited for)
                await asyncio.sleep(0.01)
        return found

    async with stream(application, f"after={RECORDS}", token=application.token) as heard:
        await heard.until_told_all()
        monkeypatch.setattr(Live, "page", page)
        live.ring()
        await looked.wait()
        await posted(api, "/v1/events", VISIT | {"title": "meanwhile"})
        async with asyncio.timeout(5):
            (record,) = await heard.records(1)

    assert record["body"]["title"] == "meanwhile"
