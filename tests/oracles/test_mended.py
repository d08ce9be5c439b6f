"""What the model and the oracles found out, each once: faults that were, and must not come back."""

from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.api.test_posting import PAPER, VISIT, posted
from tests.checks import check_log
from tests.log.appending import fetch
from tests.log.desk import desk_on
from tests.projections.folding import fold_all, live_tables
from timeline.app import Application
from timeline.model.entry import EventShown
from timeline.projections.events import event_shown

ON = date(2019, 6, 17)
DENIAL = {"kind": "denial", "source": "paper", "occurred": "2019-06-08", "marking": "clear"}


async def shown_at(application: Application, event: str, position: int) -> EventShown:
    """An event as the owner read it at a position."""
    assert application.service is not None
    async with application.service.reader.at(position) as (connection, _):
        found = await event_shown(connection, UUID(event), 3, position, ON)
    assert isinstance(found, EventShown)
    return found


@pytest.fixture
async def api(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """The owner's client, of a service that knows the paper."""
    await posted(api, "/v1/sources", PAPER)
    return api


def edit(kind: str, subject: str, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "subject": subject, "reason": "A reason.", **fields}


async def test_an_event_corrected_since_is_read_with_the_words_of_then(
    application: Application, api: httpx.AsyncClient
) -> None:
    visit = await posted(api, "/v1/events", VISIT | {"summary": "As first told."})
    corrected = VISIT | {"summary": "As told since."}
    again = edit("correction", visit["id"], revision=1, ground="our_error", event=corrected)
    await posted(api, "/v1/events", again)

    assert (await shown_at(application, visit["id"], visit["position"])).summary == "As first told."


async def test_an_event_merged_since_is_still_read_as_of_before(
    application: Application, api: httpx.AsyncClient
) -> None:
    one, two = [await posted(api, "/v1/events", VISIT) for _ in range(2)]
    await posted(api, "/v1/events", edit("duplicate", two["id"], survivor=one["id"]))

    assert (await shown_at(application, two["id"], two["position"])).id == two["id"]


async def test_a_denial_corrected_to_be_of_another_event_no_longer_answers_the_first(api: httpx.AsyncClient) -> None:
    one, two = [await posted(api, "/v1/events", VISIT) for _ in range(2)]
    denial = await posted(api, "/v1/events", DENIAL | {"of": [one["id"]]})
    of_the_other = DENIAL | {"of": [two["id"]]}
    again = edit("correction", denial["id"], revision=1, ground="our_error", event=of_the_other)
    await posted(api, "/v1/events", again)

    first, second = [(await api.get(f"/v1/events/{each['id']}")).json() for each in (one, two)]

    assert [len(each["replies"]) for each in (first, second)] == [0, 1]


async def test_what_happened_during_an_event_is_no_reply_to_it(api: httpx.AsyncClient) -> None:
    visit = await posted(api, "/v1/events", VISIT)
    await posted(api, "/v1/events", VISIT | {"occurred": {"during": visit["id"]}})

    assert (await api.get(f"/v1/events/{visit['id']}")).json()["replies"] == []


async def test_a_survivor_takes_the_replies_of_the_other(api: httpx.AsyncClient) -> None:
    one, two = [await posted(api, "/v1/events", VISIT) for _ in range(2)]
    denial = await posted(api, "/v1/events", DENIAL | {"of": [two["id"]]})
    await posted(api, "/v1/events", edit("duplicate", two["id"], survivor=one["id"]))

    shown = (await api.get(f"/v1/events/{one['id']}")).json()

    assert [each["id"] for each in shown["voices"]][-1] == denial["id"]
    assert [each["id"] for each in shown["replies"]] == [denial["id"]]


@pytest.mark.parametrize("moved", ["the source was renamed", "the event was erased"])
async def test_a_repeat_gets_the_first_receipt_though_its_names_have_moved(
    api: httpx.AsyncClient, db: str, moved: str
) -> None:
    visit = await posted(api, "/v1/events", VISIT)
    key = {"Idempotency-Key": '"denial-1"'}
    first = await api.post("/v1/events", json=DENIAL | {"of": [visit["id"]]}, headers=key)
    if moved == "the source was renamed":
        paper = (await api.get("/v1/sources/paper")).json()
        await posted(api, "/v1/sources", PAPER | {"id": paper["id"], "slug": "gazette", "revision": 1})
    else:
        await posted(api, "/v1/events", edit("erasure", visit["id"], authority="An officer"))
    recorded = len(await fetch(db, "SELECT FROM timeline.log"))

    again = await api.post("/v1/events", json=DENIAL | {"of": [visit["id"]]}, headers=key)

    assert len(await fetch(db, "SELECT FROM timeline.log")) == recorded
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["position"] == first.json()["position"]


async def test_the_line_that_names_a_stale_revision_is_the_one_that_is_blamed(api: httpx.AsyncClient) -> None:
    visit = await posted(api, "/v1/events", VISIT)
    lines = [
        edit("correction", visit["id"], revision=1, ground="our_error", event=VISIT | {"title": title})
        for title in ("first", "second")
    ]

    answer = await api.post("/v1/events/batch", json=lines)

    assert [each["status"] for each in answer.json()["verdicts"]] == [424, 409]


async def test_what_is_registered_again_after_an_erasure_is_live_as_rebuilt(db: str) -> None:
    thing = {"kind": "topic", "slug": "libya", "name": "Libya", "marking": "clear"}
    async with desk_on(db) as desk, live_tables(db) as (connection, tables):
        subject = await desk.id_of(thing)
        await desk.post(edit("erasure", subject, authority="An officer"))
        await desk.post(thing | {"id": subject, "revision": 2})
        await fold_all(connection, tables)
        await desk.post(thing | {"id": subject, "revision": 3, "marking": "green"})
        await fold_all(connection, tables)

    await check_log(db)
