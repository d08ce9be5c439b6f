"""What of the feed a reader asks for: by kind, by whose timeline it is about, by what it did to a standing."""

import asyncio
from typing import Any

import httpx
import msgspec
import pytest

from tests.api.streaming import SSE, pages, positions, stream
from tests.api.test_posting import PAPER, VISIT, posted
from timeline.app import Application
from timeline.importers.libya_week import posts

FILTERS: list[dict[str, Any]] = [
    {"kind": "denial"},
    {"kind": "denial,visit,actor"},
    {"actor": "haftar"},
    {"actor": "mbz"},
    {"actor": "mbz", "topic": "libya"},
    {"topic": "libya"},
    {"actor": "russia", "topic": "libya"},
    {"standing_changed": "true"},
    {"actor": "haftar", "standing_changed": "true"},
    {"topic": "libya", "kind": "denial", "standing_changed": "true"},
]
Lines = dict[str, dict[str, Any]]
EVENTS = [each for each in posts() if "ref" in each]
REGISTRATIONS = [each for each in posts() if "ref" not in each]
EDITS = 4
"""Records that `_edited` posts."""


def asked(wanted: dict[str, Any]) -> str:
    """As in an address."""
    return "&".join(f"{name}={value}" for name, value in wanted.items())


async def timeline(client: httpx.AsyncClient, named: str, position: int) -> Lines:
    """The entries of a timeline as of a position, by event, without what they tell of other events."""
    answer = await client.get(f"/v1/timelines/{named}", params={"as_of": position, "limit": 1000})
    if answer.status_code == 404:
        return {}
    return {each["id"]: each | {"of": None, "overdue": None} for each in answer.json()["entries"]}


class Model:
    """What a filter should show, worked out from timelines as of each position."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._known: dict[tuple[str, int], Lines] = {}

    async def _at(self, named: str, position: int) -> Lines:
        if (named, position) not in self._known:
            self._known[named, position] = await timeline(self._client, named, position)
        return self._known[named, position]

    async def _other(self, things: list[str], position: int) -> set[str]:
        """The events that were made others, or came or went, and stand in all of these timelines, before or after."""
        told = [await self._at("all", each) for each in (position - 1, position)]
        stood = [[await self._at(each, at) for at in (position - 1, position)] for each in things]
        came_or_went = {each for before, after in stood for each in before.keys() ^ after.keys()}
        of_all = set.intersection(*(before.keys() | after.keys() for before, after in stood))
        return {each for each in of_all if told[0].get(each) != told[1].get(each) or each in came_or_went}

    async def _restood(self, position: int) -> dict[str, tuple[str, str | None]]:
        """The events that stand differently: from where to where."""
        before, after = await self._at("all", position - 1), await self._at("all", position)
        return {
            each: (line["standing"], after[each]["standing"] if each in after else None)
            for each, line in before.items()
            if line["standing"] and (each not in after or line["standing"] != after[each]["standing"])
        }

    async def shows(self, record: dict[str, Any], wanted: dict[str, Any], ids: dict[str, str]) -> Any:
        """Whether the filter shows a record; where standings are asked for, the events that stand differently."""
        if "kind" in wanted and record["kind"] not in wanted["kind"].split(","):
            return False
        things = [f"{sort}s/{wanted[sort]}" for sort in ("actor", "topic") if sort in wanted]
        other = await self._other(things, record["position"]) if things else set()
        if "standing_changed" in wanted:
            stood = await self._restood(record["position"])
            return {each: stood[each] for each in stood if not things or each in other}
        if not things or other:
            return True
        return all(record["subject"] == ids[each] for each in things)


@pytest.mark.parametrize("reader", ["api", "anonymous"])
async def test_a_filter_shows_what_as_of_reads_differ_in(
    api: httpx.AsyncClient, anonymous: httpx.AsyncClient, reader: str
) -> None:
    await _week(api)
    client = {"api": api, "anonymous": anonymous}[reader]
    model, ids = Model(client), await _ids(client)
    records = await pages(client)

    for wanted in FILTERS:
        shown = {record["position"]: record for record in await pages(client, **wanted)}
        expected = {
            record["position"]: found for record in records if (found := await model.shows(record, wanted, ids))
        }
        assert shown.keys() == expected.keys(), wanted
        assert shown, wanted
        if "standing_changed" in wanted:
            told = {
                position: {each["id"]: (each["standing_before"], each["standing"]) for each in record["changed"]}
                for position, record in shown.items()
            }
            assert told == expected


async def test_a_stream_shows_the_same_as_pages_caught_up_and_live(
    application: Application, api: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    await _post(api, REGISTRATIONS)
    whole = len(posts()) + EDITS
    async with asyncio.TaskGroup() as streams:
        followed = [
            (token, wanted, streams.create_task(_followed(application, wanted, token, whole)))
            for token in (application.token, None)
            for wanted in FILTERS
        ]
        await _post(api, EVENTS)
        await _edited(api)
        assert (await pages(api))[-1]["position"] == whole
        assert application.service is not None
        while not all(following.done() for _, _, following in followed):
            application.service.live.beats += 1
            application.service.live.ring()
            await asyncio.sleep(0.1)

    for token, wanted, following in followed:
        assert following.result() == await pages(api if token else anonymous, **wanted), wanted


async def _followed(
    application: Application, wanted: dict[str, Any], token: str | None, until: int
) -> list[dict[str, Any]]:
    """Every record of a stream, which began when half was there, until it says that it told all."""
    found: list[dict[str, Any]] = []
    async with stream(application, asked(wanted), SSE, token=token) as heard:
        while True:
            event = await heard.event()
            if event.event == "record":
                found.append(event.json())
            if int(event.id) >= until:
                return found


async def test_a_page_shows_so_many_and_looks_at_so_many(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    lines = [VISIT | {"title": f"visit {n}"} for n in range(2_500)]
    assert (await api.post("/v1/events/batch", json=lines)).status_code == 201
    await posted(
        api,
        "/v1/events",
        {"kind": "denial", "of": [(await pages(api))[5]["id"]], "source": "paper", "occurred": "2019-06-08"},
    )

    few = (await api.get("/v1/changes", params={"kind": "visit", "limit": 3, "after": 1})).json()
    none = (await api.get("/v1/changes", params={"kind": "denial"})).json()
    rest = (await api.get("/v1/changes", params={"kind": "denial", "after": none["next"]})).json()

    assert (positions(few["records"]), few["next"]) == ([2, 3, 4], 4)
    assert none == {"records": [], "next": 2_000}
    assert (positions(rest["records"]), rest["next"]) == ([2_502], 2_502)


async def test_what_is_asked_for_must_be_there(api: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    secret = {"slug": "secret", "name": "A Secret", "marking": "amber"}
    await posted(api, "/v1/actors", secret)

    answers = [await anonymous.get("/v1/changes", params={"actor": each}) for each in ("secret", "nobody")]

    assert [each.status_code for each in answers] == [404, 404]
    assert (await api.get("/v1/changes", params={"actor": "secret"})).json()["next"] == 1


async def test_a_stream_of_what_is_closed_ends(application: Application, api: httpx.AsyncClient) -> None:
    actor = {"slug": "secret", "name": "A Secret", "marking": "clear"}
    own = await posted(api, "/v1/actors", actor)
    async with stream(application, "actor=secret") as heard:
        await heard.until_told_all()
        await posted(api, "/v1/actors", actor | {"id": own["id"], "revision": 1, "marking": "green"})
        rest = await heard.rest()

    assert [each.event for each in rest] == ["end"]
    assert msgspec.json.decode(rest[0].data)["why"] == "gone"


async def test_another_name_of_an_actor_asks_for_the_same(application: Application, api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    for slug in ("marshal", "haftar"):
        await posted(api, "/v1/actors", {"slug": slug, "name": slug, "marking": "clear"})
    for n, slug in enumerate(["haftar", "marshal"]):
        await posted(api, "/v1/events", VISIT | {"title": f"visit {n}", "participants": [slug]})
    await posted(api, "/v1/same-actors", {"actors": ["marshal", "haftar"], "judgement": "same"})
    async with stream(application, "actor=haftar", token=application.token) as heard:
        caught_up = await heard.until_told_all()
        await posted(api, "/v1/events", VISIT | {"title": "visit 2", "participants": ["haftar"]})
        (live,) = await heard.records(1)

    both = [await pages(api, actor=slug) for slug in ("haftar", "marshal")]
    assert both[0] == both[1] == [*caught_up, live]
    assert positions(both[0]) == [2, 3, 4, 5, 6, 7]


async def _week(api: httpx.AsyncClient) -> None:
    """The Libya week, what happens to events afterwards, and one that is closed."""
    await _post(api, posts())
    await _edited(api)
    closed = (await _clear_events(api))[-1]
    await posted(api, "/v1/events", {"kind": "marking", "subject": closed, "marking": "green", "reason": "A reason."})


async def _edited(api: httpx.AsyncClient) -> None:
    """Recalled, denied in the open and in secret; a source comes to speak for somebody whom none of it was about."""
    recalled, *denied = (await _clear_events(api))[:3]
    await posted(api, "/v1/events", {"kind": "recall", "subject": recalled, "reason": "A reason."})
    for marking, each in zip(["clear", "amber"], denied, strict=True):
        denial = {"kind": "denial", "of": [each], "source": "white-house-source", "occurred": "2019-06-20"}
        await posted(api, "/v1/events", denial | {"marking": marking})
    known = (await api.get("/v1/sources/white-house-source")).json()
    await posted(api, "/v1/sources", known["body"] | {"speaks_for": ["mbz"], "revision": known["revision"]})


async def _clear_events(api: httpx.AsyncClient) -> list[str]:
    records = await pages(api, kind="visit,meeting,statement,publication,policy")
    return [each["id"] for each in records if each["body"].get("marking") == "clear"]


async def _post(api: httpx.AsyncClient, lines: list[dict[str, Any]]) -> None:
    answer = await api.post("/v1/events/batch", json=lines)
    assert answer.status_code == 201, answer.text


async def _ids(client: httpx.AsyncClient) -> dict[str, str]:
    found: dict[str, str] = {}
    for sort in ("actors", "topics"):
        for each in (await client.get(f"/v1/{sort}", params={"limit": 1000})).json()["items"]:
            found[f"{sort}/{each['slug']}"] = each["id"]
    return found
