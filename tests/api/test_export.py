"""A whole timeline in one answer, in every format that is written piece by piece: as of one position, or broken off."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio

from tests.api.test_http import live
from tests.api.test_posting import posted
from tests.formats.judges import READERS, atom, geojson, strictly
from timeline.api import timelines
from timeline.app import Application
from timeline.db.logins import PROJECTOR
from timeline.formats import FORMATS, offered
from timeline.importers.libya_week import posts
from timeline.model.entry import Page
from timeline.projections import pages
from timeline.projections.fold import VERSION
from timeline.projections.projector import rebuild

__all__ = ["live"]

EXPORTED = [each for each in offered(Page) if each.portions is not None]
WHOLE = {"limit": "all", "on": "2019-06-10"}
PATH = "/v1/timelines/all"


@pytest_asyncio.fixture
async def week(live: httpx.AsyncClient) -> httpx.AsyncClient:
    """The owner's client over a socket, of a service that holds the sample week."""
    assert (await live.post("/v1/events/batch", json=posts())).status_code == 201
    return live


@pytest.fixture
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Portions of three entries, so that twenty events need seven."""
    monkeypatch.setattr(timelines, "PORTION", 3)


async def test_an_export_is_the_page_that_would_hold_all_of_it(week: httpx.AsyncClient, small_portions: None) -> None:
    assert {each.name for each in EXPORTED} >= {"json", "ndjson", "csv", "csv-acled", "icalendar", "geojson", "stix"}
    for fmt in EXPORTED:
        page = await week.get(PATH + fmt.suffix, params=WHOLE | {"limit": "1000"})
        whole = await week.get(PATH + fmt.suffix, params=WHOLE)

        assert whole.status_code == 200, whole.text
        assert whole.headers["content-type"] == page.headers["content-type"]
        assert READERS[fmt.name](whole.content) == READERS[fmt.name](page.content)
        assert len(READERS[fmt.name](whole.content)) == 20
        if fmt.name != "stix":  # whose bundle is named by what was asked
            assert whole.content == page.content, fmt.name


async def test_an_export_of_nothing_is_whole_too(live: httpx.AsyncClient) -> None:
    for fmt in EXPORTED:
        whole = await live.get(PATH + fmt.suffix, params=WHOLE)
        assert READERS[fmt.name](whole.content) == []


async def test_an_export_is_as_of_one_position(week: httpx.AsyncClient, small_portions: None) -> None:
    wanted = (await week.get(f"{PATH}.ndjson", params=WHOLE)).content

    async with week.stream("GET", f"{PATH}.ndjson", params=WHOLE) as answer:
        pieces = answer.aiter_bytes()
        got = await anext(pieces)
        late = {"kind": "visit", "title": "Later", "occurred": "2019-06-07", "source": "unattributed"}
        await posted(week, "/v1/events", late)
        async for piece in pieces:
            got += piece

    assert got == wanted
    assert len((await week.get(f"{PATH}.ndjson", params=WHOLE)).content) > len(wanted)


async def test_an_export_goes_on_with_the_same_bytes_over_a_rebuild(
    application: Application, week: httpx.AsyncClient, small_portions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = application.service.reader.pool  # type: ignore[union-attr]  # it runs
    for suffix in (".ndjson", ".stix"):
        wanted, before = (await week.get(PATH + suffix, params=WHOLE)).content, await live.fetchval(LIVE)
        monkeypatch.setattr(timelines, "page", _after(2, lambda: rebuild(application.dsn, PROJECTOR)))

        whole = await week.get(PATH + suffix, params=WHOLE)

        assert await live.fetchval(LIVE) != before
        assert whole.content == wanted


async def test_an_export_is_broken_off_where_its_tables_are_gone_or_of_another_version(
    application: Application, week: httpx.AsyncClient, small_portions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dropped() -> None:
        for _ in range(2):  # the second drops what the first replaced, under a portion that is being read
            await rebuild(application.dsn, PROJECTOR)

    async def another() -> None:
        monkeypatch.setattr(pages, "VERSION", VERSION + 1)

    for happens in (dropped, another):
        monkeypatch.setattr(timelines, "page", _after(2, happens))
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            await week.get(f"{PATH}.ndjson", params=WHOLE)


LIVE = "SELECT tables FROM timeline.progress WHERE name = 'timelines' AND live"


def _after(portions: int, happens: Callable[[], Awaitable[object]]) -> Callable[..., Awaitable[Page]]:
    """Reads as ever; while the one after so many portions is read, something happens."""
    read = 0

    async def page(*given: Any) -> Page:
        nonlocal read
        read += 1
        if read == portions + 1:
            await happens()
        return await pages.page(*given)

    return page


async def test_an_export_goes_on_from_a_cursor_backwards_and_filtered(
    week: httpx.AsyncClient, small_portions: None
) -> None:
    first = (await week.get(PATH, params={"limit": "7", "order": "desc"})).json()
    rest = (await week.get(PATH, params={"limit": "all", "order": "desc", "cursor": first["next"]})).json()
    everything = (await week.get(PATH, params={"limit": "1000", "order": "desc"})).json()
    denied = (await week.get("/v1/events", params={"limit": "all", "standing": "denied", "q": "president"})).json()

    assert first["entries"] + rest["entries"] == everything["entries"]
    assert {each["standing"] for each in denied["entries"]} == {"denied"}
    assert rest["next"] is None


async def test_what_cannot_be_written_piece_by_piece_is_refused_and_names_what_can(week: httpx.AsyncClient) -> None:
    answer = await week.get(f"{PATH}.timelinejs", params=WHOLE)

    assert answer.status_code == 406
    assert "A whole timeline comes as .json" in answer.json()["detail"]
    assert ".atom" not in answer.json()["detail"]


@pytest.mark.parametrize("limit", ["0", "1001", "ALL", "5e0", "all "])
async def test_another_limit_is_refused(live: httpx.AsyncClient, limit: str) -> None:
    answer = await live.get(PATH, params={"limit": limit})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "?limit")


async def test_an_export_has_a_tag_and_links_to_what_else_can_be_exported(week: httpx.AsyncClient) -> None:
    whole = await week.get(f"{PATH}.csv", params=WHOLE)
    again = await week.get(f"{PATH}.csv", params=WHOLE, headers={"If-None-Match": whole.headers["etag"]})
    head = await week.head(f"{PATH}.csv", params=WHOLE)

    assert (again.status_code, again.content) == (304, b"")
    assert (head.status_code, head.content) == (200, b"")
    assert f"{PATH}.ndjson?limit=all" in whole.headers["link"]
    assert ".atom" not in whole.headers["link"]
    assert whole.headers["timeline-position"] == str(len(posts()))


async def test_an_export_that_is_larger_than_may_be_never_looks_whole(
    application: Application, week: httpx.AsyncClient, small_portions: None
) -> None:
    service = application.service
    assert service is not None
    smaller = msgspec.structs.replace(service.settings, export_entries_max=10)
    application.litestar.state.service = msgspec.structs.replace(service, settings=smaller)

    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        await week.get(f"{PATH}.ndjson", params=WHOLE)


async def test_an_export_ends_with_its_token(
    application: Application, week: httpx.AsyncClient, small_portions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(application.service.access), "still_valid", lambda *_: False)  # type: ignore[union-attr]  # it runs

    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        await week.get(f"{PATH}.ndjson", params=WHOLE)


async def test_no_connection_is_held_for_a_reader_who_does_not_read(
    application: Application, week: httpx.AsyncClient, small_portions: None
) -> None:
    held = application.service.reader.pool  # type: ignore[union-attr]  # it runs
    async with week.stream("GET", f"{PATH}.ndjson", params=WHOLE) as answer:
        await anext(answer.aiter_bytes())
        async with asyncio.timeout(10):
            while held.get_idle_size() != held.get_size():  # noqa: ASYNC110 – the pool sets no event
                await asyncio.sleep(0.01)


async def test_judges_take_exports(week: httpx.AsyncClient, small_portions: None) -> None:
    calendar = await week.get(f"{PATH}.ics", params=WHOLE)
    places = await week.get(f"{PATH}.geojson", params=WHOLE)
    feed = await week.get(f"{PATH}.atom", params={"limit": "5"})

    assert len(strictly(calendar.content)) == len(geojson(places.content)) == 20
    assert len(atom(feed.content)) > 5
    assert json.loads((await week.get(PATH, params=WHOLE)).content)["next"] is None
    assert FORMATS["atom"].portions is None
