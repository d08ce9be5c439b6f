"""What an operator sets narrower than the contract holds on every route."""

from typing import Any

import httpx
import msgspec
import pytest

from tests.contracts import OPENAPI
from timeline.app import Application
from timeline.importers.libya_week import posts

DOCUMENT = msgspec.json.decode(OPENAPI.read_bytes())
PAGED = [
    path
    for path, calls in DOCUMENT["paths"].items()
    if "{" not in path and any(each["name"] == "limit" for each in calls.get("get", {}).get("parameters", []))
]


def narrowed(application: Application, **settings: Any) -> None:
    service = application.service
    assert service is not None
    smaller = msgspec.structs.replace(service.settings, **settings)
    application.litestar.state.service = msgspec.structs.replace(service, settings=smaller)


@pytest.mark.parametrize("path", PAGED)
async def test_no_page_holds_more_than_the_operator_allows(
    application: Application, api: httpx.AsyncClient, path: str
) -> None:
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    narrowed(application, page_entries_max=3)

    needed = {"from": "1"} if path == "/v1/diff" else {}
    asked: tuple[dict[str, str], ...] = ({"limit": "4"}, {"limit": "3"}, {})

    more, most, unasked = [await api.get(path, params=needed | each) for each in asked]

    assert more.status_code == 400
    fault = {"pointer": "?limit", "expected": "at most 3, as this service is set", "found": "4"}
    assert more.json()["errors"] == [fault]
    assert (most.status_code, unasked.status_code) == (200, 200)
    assert all(len(held) <= 3 for held in most.json().values() if isinstance(held, list))
    if path != "/v1/changes":  # how far it waited may differ
        assert unasked.json() == most.json()


async def test_pages_that_the_operator_made_small_are_walked_to_the_end(
    application: Application, api: httpx.AsyncClient
) -> None:
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    whole = [each["id"] for each in (await api.get("/v1/timelines/all?limit=1000")).json()["entries"]]
    narrowed(application, page_entries_max=3)

    found: list[str] = []
    at: str | None = "/v1/timelines/all"
    while at:
        page = await api.get(at)
        found += [each["id"] for each in page.json()["entries"]]
        at = page.links.get("next", {}).get("url")

    assert found == whole
    assert len(whole) > 3
