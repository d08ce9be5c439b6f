"""What a scope allows: events of one's own are taken back and corrected by who recorded them, or by their desk."""

from typing import Any

import httpx
import pytest

from tests.api.test_bad_input import problem
from tests.api.test_posting import PAPER, VISIT, posted
from tests.api.test_tokens import holder, issued
from timeline.app import Application

WRITER = {"scope": "append", "audience": "amber+strict"}
EVENT = "01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01"
SURVIVOR = EVENT[:-1] + "2"
CURATED: list[dict[str, Any]] = [
    {"kind": "recall", "subject": EVENT, "reason": "x"},
    {"kind": "duplicate", "subject": EVENT, "survivor": SURVIVOR, "reason": "x"},
    {"kind": "marking", "subject": EVENT, "marking": "green", "reason": "x"},
    {"kind": "erasure", "subject": EVENT, "reason": "x", "authority": "x"},
]
RETRACTION = {"kind": "retraction", "subject": EVENT, "reason": "x"}


def correction(**event: Any) -> dict[str, Any]:
    more = {"revision": 1, "ground": "our_error", "reason": "x", "event": VISIT | {"title": "Another"} | event}
    return {"kind": "correction", "subject": EVENT} | more


@pytest.fixture
async def writer(application: Application, api: httpx.AsyncClient) -> httpx.AsyncClient:
    """A token of scope append that has recorded an event; the source is the owner's."""
    await posted(api, "/v1/sources", PAPER)
    client = holder(application, await issued(api, **WRITER))
    await posted(client, "/v1/events", VISIT | {"id": EVENT})
    await posted(client, "/v1/events", VISIT | {"id": SURVIVOR})
    return client


@pytest.mark.parametrize("edit", [RETRACTION, correction(), correction(marking="amber")])
async def test_one_mends_what_one_recorded(writer: httpx.AsyncClient, edit: dict[str, Any]) -> None:
    assert (await writer.post("/v1/events", json=edit)).status_code == 201


@pytest.mark.parametrize("edit", [RETRACTION, correction(), *CURATED])
async def test_nobody_mends_anothers_without_curating(
    application: Application, api: httpx.AsyncClient, writer: httpx.AsyncClient, edit: dict[str, Any]
) -> None:
    another = holder(application, await issued(api, **WRITER))
    curator = holder(application, await issued(api, **WRITER | {"scope": "curate"}))

    refused, tried = (
        await another.post("/v1/events", json=edit),
        await another.post("/v1/events?dry_run=true", json=edit),
    )
    done = await curator.post("/v1/events", json=edit)

    assert (refused.status_code, tried.status_code, done.status_code) == (403, 403, 201)
    assert problem(refused) | {"scope_needed": "curate", "scope_held": "append"} == problem(refused)


@pytest.mark.parametrize("edit", [*CURATED, correction(marking="clear"), correction(marking="amber+strict")])
async def test_some_edits_of_ones_own_are_for_curators_too(writer: httpx.AsyncClient, edit: dict[str, Any]) -> None:
    assert (await writer.post("/v1/events", json=edit)).status_code == 403


async def test_a_marking_that_was_raised_is_not_lowered_by_a_correction(
    api: httpx.AsyncClient, writer: httpx.AsyncClient
) -> None:
    await posted(api, "/v1/events", {"kind": "marking", "subject": EVENT, "marking": "amber+strict", "reason": "x"})

    answer = await writer.post("/v1/events", json=correction(marking="amber") | {"revision": 2})

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("desks", "status"), [(("libya", "libya"), 201), (("libya", "mali"), 403), ((None, None), 403)]
)
async def test_tokens_of_one_desk_mend_for_each_other(
    application: Application, api: httpx.AsyncClient, desks: tuple[str | None, str | None], status: int
) -> None:
    await posted(api, "/v1/sources", PAPER)
    one, other = [holder(application, await issued(api, **WRITER, desk=desk)) for desk in desks]
    await posted(one, "/v1/events", VISIT | {"id": EVENT})

    answer = await other.post("/v1/events", json=RETRACTION)

    assert answer.status_code == status


async def test_a_successor_mends_what_the_token_before_it_recorded(
    application: Application, api: httpx.AsyncClient
) -> None:
    await posted(api, "/v1/sources", PAPER)
    made = await issued(api, **WRITER)
    await posted(holder(application, made), "/v1/events", VISIT | {"id": EVENT})
    rotated = (await api.post(f"/v1/tokens/{made['token']['id']}/rotate")).json()

    answer = await holder(application, rotated).post("/v1/events", json=RETRACTION)

    assert answer.status_code == 201


async def test_each_line_of_a_batch_has_its_own_verdict(writer: httpx.AsyncClient) -> None:
    lines = [
        VISIT | {"ref": "own"},
        {"kind": "retraction", "subject": "#own", "reason": "x"},
        {"kind": "topic", "slug": "libya", "name": "Libya"},
        CURATED[0],
    ]

    answer = await writer.post("/v1/events/batch?mode=each", json=lines)

    verdicts = answer.json()["verdicts"]
    assert [each["status"] for each in verdicts] == [201, 201, 403, 403]
    assert verdicts[2]["problem"]["type"] == "/problems/forbidden"
    assert (await writer.post("/v1/events/batch", json=lines)).status_code == 422


async def test_what_a_post_registers_on_the_way_is_allowed(writer: httpx.AsyncClient) -> None:
    post = VISIT | {"document": "https://example.org/a", "participants": ["somebody-new"]}

    answer = await writer.post("/v1/events?on_missing=propose", json=post)

    assert answer.status_code == 201
    assert len(answer.json()["filled_in"]["proposed"]) == 2


async def test_a_hidden_event_of_another_is_not_there(application: Application, api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER | {"marking": "clear"})
    await posted(api, "/v1/events", VISIT | {"id": EVENT, "marking": "amber+strict"})
    low = holder(application, await issued(api, scope="append", audience="green"))

    answers = [await low.post("/v1/events", json=RETRACTION | {"subject": subject}) for subject in (EVENT, SURVIVOR)]

    told = [answer.text.replace(EVENT, "x").replace(SURVIVOR, "x") for answer in answers]
    assert answers[0].status_code == 422
    assert told[0] == told[1]
