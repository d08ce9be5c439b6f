"""What a tool that reads timelines, weeks and registries may rely on."""

import asyncio
import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.api.test_bad_input import problem
from tests.api.test_posting import PAPER, VISIT, posted
from tests.conftest import client_of
from tests.formats.judges import READERS
from tests.libya_week import IN_ORDER, ids, refs
from timeline.app import Application
from timeline.formats import FORMATS, offered
from timeline.importers.libya_week import id_of, posts
from timeline.model.entry import Page
from timeline.model.weeks import week_of
from timeline.settings import Settings

ALL = ids(*refs(IN_ORDER))
LINK = re.compile(r'<([^>]*)>; rel="([a-z]+)"(?:; type="([^"]*)")?')


@pytest_asyncio.fixture
async def week(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """The owner's client, of a service that holds the sample week."""
    answer = await api.post("/v1/events/batch", json=posts())
    assert answer.status_code == 201, answer.text
    return api


async def entries(client: httpx.AsyncClient, of: str, **asked: Any) -> list[str]:
    """The ids of a timeline's entries."""
    answer = await client.get(f"/v1/timelines/{of}", params={"limit": 1000, **asked})
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["entries"]]


def links(answer: httpx.Response) -> dict[str, str]:
    """The answer's links, by relation and type."""
    return {f"{rel} {kind}".strip(): target for target, rel, kind in LINK.findall(answer.headers.get("link", ""))}


def shown_ids(answer: httpx.Response) -> list[str]:
    """The ids that an answer shows, in its own format."""
    match answer.headers["content-type"].split(";")[0]:
        case "application/json":
            return [each["id"] for each in answer.json()["entries"]]
        case "application/x-ndjson":
            return [json.loads(line)["id"] for line in answer.text.splitlines()]
        case _:
            return [row["id"] for row in csv.DictReader(io.StringIO(answer.text, newline=""))]


async def test_a_timeline_is_found_by_id_and_by_slug(week: httpx.AsyncClient) -> None:
    for kind, slug in (("actor", "haftar"), ("topic", "libya"), ("place", "moscow")):
        by_slug = (await week.get(f"/v1/timelines/{kind}s/{slug}")).json()
        by_id = (await week.get(f"/v1/timelines/{kind}s/{by_slug['subject']['id']}")).json()
        by_upper = (await week.get(f"/v1/timelines/{kind}s/{by_slug['subject']['id'].upper()}")).json()

        assert by_slug == by_id == by_upper
        assert (by_slug["subject"]["type"], by_slug["subject"]["slug"]) == (kind, slug)
        assert by_slug["subject"]["id"] == id_of(kind, slug)
        assert by_slug["entries"]


async def test_from_and_to_cut_by_at(week: httpx.AsyncClient) -> None:
    page = (await week.get("/v1/timelines/all", params={"limit": 1000})).json()
    at = {each["id"]: each["occurred"]["at"] for each in page["entries"]}

    cut = await entries(week, "all", **{"from": "2019-06-03", "to": "2019-06-09"})
    day = await entries(week, "all", **{"from": "2019-06-07", "to": "2019-06-07"})
    around = await entries(week, "all", **{"from": "0001-01-01", "to": "9999-12-31"})

    assert cut == [each for each in at if "2019-06-03" <= at[each] <= "2019-06-09"]
    assert day == [each for each in at if at[each] == "2019-06-07"]
    assert day
    assert around == ALL


async def test_kinds_and_standings_are_repeated_or_separated_by_commas(week: httpx.AsyncClient) -> None:
    page = (await week.get("/v1/timelines/all", params={"limit": 1000})).json()["entries"]

    for name, values in (("kind", ["denial", "visit"]), ("standing", ["denied", "reported", "rumoured"])):
        wanted = [each["id"] for each in page if each[name] in values]
        repeated = await week.get("/v1/timelines/all", params={name: values})
        joined = await week.get("/v1/timelines/all", params={name: ",".join(values)})
        both = await week.get(f"/v1/timelines/all?{name}={values[0]},{values[1]}&{name}={values[-1]}")

        assert [shown_ids(a) for a in (repeated, joined, both)] == [wanted] * 3
        assert 0 < len(wanted) < len(page)
    denied_visits = await entries(week, "all", kind="visit", standing="denied")
    assert denied_visits == [e["id"] for e in page if (e["kind"], e["standing"]) == ("visit", "denied")]


async def test_order_desc_is_the_same_backwards(week: httpx.AsyncClient) -> None:
    assert await entries(week, "all") == ALL
    assert await entries(week, "all", order="desc") == ALL[::-1]


async def test_pages_of_any_size_are_the_whole(week: httpx.AsyncClient) -> None:
    for order, wanted in (("asc", ALL), ("desc", ALL[::-1])):
        for limit in (1, 7, len(ALL), 1000):
            found, cursor = [], ""
            for _ in range(len(ALL) + 1):
                asked: dict[str, Any] = {"limit": limit, "order": order} | ({"cursor": cursor} if cursor else {})
                page = (await week.get("/v1/timelines/all", params=asked)).json()
                assert len(page["entries"]) <= limit
                found += [each["id"] for each in page["entries"]]
                cursor = page["next"]
                if cursor is None:
                    break

            assert found == wanted, (order, limit)


async def test_a_filtered_walk_is_the_filtered_whole(week: httpx.AsyncClient) -> None:
    wanted = await entries(week, "actors/haftar", standing="reported,denied")

    found, target = [], "/v1/timelines/actors/haftar?standing=reported,denied&limit=2"
    while target:
        answer = await week.get(target)
        found += shown_ids(answer)
        target = links(answer).get("next", "")

    assert found == wanted


async def test_every_format_holds_the_same_ids_in_the_same_order(week: httpx.AsyncClient) -> None:
    for path in ("/v1/timelines/all", "/v1/timelines/actors/haftar", "/v1/timelines/topics/libya"):
        wanted = shown_ids(await week.get(path))
        titles = [each["title"] for each in (await week.get(path)).json()["entries"]]
        for fmt in offered(Page):
            by_suffix = await week.get(path + fmt.suffix)
            by_accept = await week.get(path, headers={"Accept": fmt.essence})

            assert by_suffix.headers["content-type"].split(";")[0] == fmt.essence
            if fmt.name != "csv-acled":
                assert by_suffix.content == by_accept.content
            if fmt.suffix == ".md":
                lines = [line for line in by_suffix.text.splitlines() if re.match(r"\d+\. ", line)]
                assert len(lines) == len(titles)
            else:
                assert READERS[fmt.name](by_suffix.content) == wanted


async def test_links_lead_to_the_other_formats_and_the_next_page(week: httpx.AsyncClient) -> None:
    asked = "from=2019-06-01&kind=visit,denial&kind=meeting&limit=2"
    answer = await week.get(f"/v1/timelines/all.csv?{asked}")
    found = links(answer)

    others = [each for each in offered(Page) if each.name != "csv"]
    assert {name for name in found if name.startswith("alternate")} == {f"alternate {each.essence}" for each in others}
    assert all(f"/v1/timelines/all{each.suffix}?" in answer.headers["link"] for each in others)
    for name, target in found.items():
        other = await week.get(target)
        assert other.status_code == 200, target
        if name == "next":
            assert other.headers["content-type"].startswith("text/csv")
            assert not set(shown_ids(other)) & set(shown_ids(answer))
        else:
            assert other.headers["content-type"].startswith(name.split()[1])
            fmt = next(each for each in others if f"all{each.suffix}?" in target)
            if fmt.name in READERS:
                assert READERS[fmt.name](other.content) == shown_ids(answer)


async def test_links_of_a_search_survive_any_script(api: httpx.AsyncClient) -> None:
    for slug in ("a", "b", "c"):
        await posted(api, "/v1/actors", {"slug": slug, "name": f"{slug} حفتر & <Söhne>"})

    first = await api.get("/v1/actors", params={"q": "حفتر & <s", "limit": 1})
    second = await api.get(links(first)["next"])
    table = await api.get(links(second)["alternate text/csv"])

    assert [a.json()["items"][0]["slug"] for a in (first, second)] == ["a", "b"]
    assert first.headers["link"].isascii()
    assert ",b," in table.text


async def test_the_last_page_has_no_next(week: httpx.AsyncClient) -> None:
    answer = await week.get("/v1/timelines/all", params={"limit": 1000})

    assert answer.json()["next"] is None
    assert "next" not in links(answer)


async def test_what_is_known_already_is_304_in_each_format(week: httpx.AsyncClient) -> None:
    event = id_of("event", "E02")
    for path in ("/v1/timelines/all", "/v1/timelines/actors/haftar", "/v1/weeks/2019-W23", f"/v1/events/{event}"):
        suffixes = [f.suffix for f in FORMATS.values() if (await week.get(path + f.suffix)).status_code == 200]
        tags = {suffix: (await week.get(path + suffix)).headers["etag"] for suffix in suffixes}

        assert ".json" in suffixes
        assert ".md" in suffixes
        assert len(set(tags.values())) == len(tags)
        for suffix, tag in tags.items():
            for known in (tag, "*", f'"x", {tag}', tag.removeprefix("W/")):
                again = await week.get(path + suffix, headers={"If-None-Match": known})
                assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
            other = next(each for name, each in tags.items() if name != suffix)
            assert (await week.get(path + suffix, headers={"If-None-Match": other})).status_code == 200


async def test_a_tag_changes_with_what_it_shows_and_only_then(week: httpx.AsyncClient) -> None:
    async def tags() -> dict[str, str]:
        paths = [
            "timelines/all",
            "timelines/actors/haftar",
            "timelines/actors/trump",
            f"events/{id_of('event', 'E02')}",
        ]
        return {path: (await week.get(f"/v1/{path}")).headers["etag"] for path in paths}

    before = await tags()
    denial = {"kind": "denial", "of": [id_of("event", "E02")], "source": "weekly", "occurred": "2019-06-14"}
    await posted(week, "/v1/events", denial)

    after = await tags()
    changed = {path for path in before if before[path] != after[path]}
    assert changed == {"timelines/all", "timelines/actors/haftar", f"events/{id_of('event', 'E02')}"}


async def test_a_tag_tells_readers_and_questions_apart(week: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    asked = ["", "?limit=5", "?order=desc", "?kind=visit", "?standing=denied", "?from=2019-06-01", "?feeds=include"]
    asked += ["?on=2019-06-01", "?limit=5&order=desc"]

    tags = [(await week.get(f"/v1/timelines/all{query}")).headers["etag"] for query in asked]
    tags.append((await anonymous.get("/v1/timelines/all")).headers["etag"])

    assert len(set(tags)) == len(asked) + 1


async def test_overdue_is_judged_by_the_day_asked_about(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    await posted(api, "/v1/events", VISIT | {"occurred": "2019-06-20", "said": "2019-06-05", "tense": "future"})

    found = {}
    for on in ("2019-06-20", "2019-06-21"):
        page = (await api.get("/v1/timelines/all", params={"on": on})).json()
        found[on] = page["entries"][0]["overdue"]

    assert found == {"2019-06-20": False, "2019-06-21": True}


async def test_a_machines_feed_is_shown_when_asked_for(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER | {"slug": "machine", "name": "Machine", "feed": True})
    event = await posted(api, "/v1/events", VISIT | {"source": "machine"})

    assert await entries(api, "all") == []
    assert await entries(api, "all", feeds="include") == [event["id"]]


async def test_a_position_that_is_not_read_yet_is_503_in_bounded_time(week: httpx.AsyncClient) -> None:
    position = int((await week.get("/v1/timelines/all")).headers["timeline-position"])
    paths = ["timelines/all", "weeks/2019-W23", f"events/{id_of('event', 'E02')}", "actors", "actors/haftar", "changes"]

    good = [await week.get(f"/v1/{path}", params={"min_position": position}) for path in paths]
    began = asyncio.get_running_loop().time()
    early = await asyncio.gather(*(week.get(f"/v1/{path}", params={"min_position": position + 1}) for path in paths))
    took = asyncio.get_running_loop().time() - began

    assert [a.status_code for a in good] == [200] * len(paths)
    assert [(problem(a)["type"], a.headers["retry-after"]) for a in early] == [("/problems/behind", "1")] * len(paths)
    assert took < 6


async def test_a_reader_may_wait_for_what_is_being_posted(week: httpx.AsyncClient) -> None:
    position = int((await week.get("/v1/timelines/all")).headers["timeline-position"])
    waiting = asyncio.create_task(week.get("/v1/timelines/all", params={"min_position": position + 1, "limit": 1000}))
    await asyncio.sleep(0.05)

    event = await posted(week, "/v1/events", VISIT | {"source": "weekly"})

    assert event["id"] in shown_ids(await waiting)


async def test_a_walk_while_others_write_shows_each_once_as_it_was(week: httpx.AsyncClient) -> None:
    snapshot = (await week.get("/v1/timelines/all", params={"limit": 1000})).json()
    first = (await week.get("/v1/timelines/all", params={"limit": 3})).json()
    found, cursor, n = first["entries"], first["next"], 0

    while cursor:
        n += 1
        new = VISIT | {"source": "weekly", "occurred": f"2019-06-{n % 28 + 1:02}", "title": f"new {n}"}
        await posted(week, "/v1/events", new)
        subject, taken_back = ALL[-n], {"kind": "recall", "reason": "test"}
        await week.post("/v1/events", json=taken_back | {"subject": subject})
        page = (await week.get("/v1/timelines/all", params={"limit": 3, "cursor": cursor})).json()
        assert page["position"] == snapshot["position"]
        found, cursor = found + page["entries"], page["next"]

    assert found == snapshot["entries"]
    assert await entries(week, "all") != ALL


async def test_a_walk_of_a_registry_shows_each_once_though_slugs_change(api: httpx.AsyncClient) -> None:
    for slug in ("a", "b", "c", "d", "e"):
        await posted(api, "/v1/actors", {"slug": slug, "name": slug})
    first = (await api.get("/v1/actors", params={"limit": 2})).json()
    moved = first["items"][0]
    await posted(api, "/v1/actors", {"id": moved["id"], "slug": "z", "name": "a", "revision": 1})
    await posted(api, "/v1/actors", {"slug": "f", "name": "f"})

    found, cursor = first["items"], first["next"]
    while cursor:
        page = (await api.get("/v1/actors", params={"limit": 2, "cursor": cursor})).json()
        found, cursor = found + page["items"], page["next"]

    assert [each["slug"] for each in found] == ["a", "b", "c", "d", "e"]
    assert [each["slug"] for each in (await api.get("/v1/actors")).json()["items"]] == ["b", "c", "d", "e", "f", "z"]


async def test_what_was_closed_during_a_walk_is_not_shown_by_it(
    api: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    for slug in ("a", "b", "c"):
        await posted(api, "/v1/actors", {"slug": slug, "name": f"Name of {slug}", "marking": "clear"})
    first = (await anonymous.get("/v1/actors", params={"limit": 1})).json()
    closed = {"slug": "b", "name": "Name of b", "marking": "green", "revision": 1}
    await posted(api, "/v1/actors", closed)

    second = await anonymous.get("/v1/actors", params={"limit": 2, "cursor": first["next"]})

    assert second.status_code == 200
    assert "Name of b" not in second.text


async def test_the_current_and_the_last_week_lead_to_dated_ones(api: httpx.AsyncClient) -> None:
    today = datetime.now(UTC).date()

    current = await api.get("/v1/weeks/current.csv?match=possible&feeds=include")
    last = await api.get("/v1/weeks/last")
    week_now, week_before = week_of(today), week_of(today - timedelta(weeks=1))

    assert (current.status_code, last.status_code) == (307, 307)
    assert current.headers["location"] == f"/v1/weeks/{week_now}.csv?match=possible&feeds=include"
    assert last.headers["location"] == f"/v1/weeks/{week_before}"
    followed = await api.get(current.headers["location"])
    assert (followed.status_code, followed.headers["content-type"].split(";")[0]) == (200, "text/csv")


async def test_a_week_that_is_none_is_404(api: httpx.AsyncClient) -> None:
    wrong = ["2019-W54", "2019-W53", "2019-W00", "2019-23", "2019W23", "2019-w23", "19-W23", "2019-W230", "next", "W23"]

    answers = [await api.get(f"/v1/weeks/{week}") for week in [*wrong, "0000-W01", "2019-W23T", "٢٠١٩-W23"]]

    assert {problem(a)["status"] for a in answers} == {404}


async def test_the_first_and_the_last_week_of_the_calendar_can_be_asked_for(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    for day in ("0001-01-01", "9999-12-31"):
        await posted(api, "/v1/events", VISIT | {"occurred": day, "title": day})

    first, last = [(await api.get(f"/v1/weeks/{week}")).json() for week in ("0001-W01", "9999-W52")]

    assert (first["from"], last["to"]) == ("0001-01-01", "9999-12-31")
    assert len(first["matched"]) == len(last["matched"]) == 1
    assert (await api.get("/v1/weeks/2020-W53")).status_code == 200


async def test_a_week_is_cut_by_actor_and_topic_together(week: httpx.AsyncClient) -> None:
    async def matched(**asked: str) -> set[str]:
        answer = await week.get("/v1/weeks/2019-W23", params=asked)
        assert answer.status_code == 200, answer.text
        return set(answer.json()["matched"])

    haftar, libya = await matched(actor="haftar"), await matched(topic="libya")
    both = await matched(actor="haftar", topic="libya")
    possible, certain = await matched(match="possible"), await matched(match="certain")
    missing = await week.get("/v1/weeks/2019-W23", params={"actor": "nobody"})

    assert both == haftar & libya
    assert certain <= await matched() <= possible
    assert both
    assert certain != possible
    assert problem(missing)["status"] == 404


async def test_every_format_of_a_week_holds_the_same(week: httpx.AsyncClient) -> None:
    sections = (await week.get("/v1/weeks/2019-W23")).json()["sections"]
    wanted = [each["id"] for section in sections.values() for each in section]

    table = await week.get("/v1/weeks/2019-W23.csv")
    lines = (await week.get("/v1/weeks/2019-W23.ndjson")).text.splitlines()
    brief = await week.get("/v1/weeks/2019-W23.md")

    assert shown_ids(table) == wanted
    assert [json.loads(line)["id"] for line in lines] == wanted
    assert all(title in brief.text for title in ("Happened", "Said"))


async def test_a_registered_thing_is_found_by_part_of_a_name_in_any_script_and_case(api: httpx.AsyncClient) -> None:
    names = {
        "haftar": ["خليفة حفتر", "Khalīfa"],
        "strasse": ["STRASSE"],
        "percent": ["100% _under"],
        "putin": ["Путин"],
    }
    for slug, aliases in names.items():
        await posted(api, "/v1/actors", {"slug": slug, "name": f"The {slug}", "aliases": aliases})
    asked = {
        "حفتر": ["haftar"],
        "خليفة": ["haftar"],
        "HAFT": ["haftar"],
        "khalīfa": ["haftar"],
        "straße": ["strasse"],
        "путин": ["putin"],
        "ПУТ": ["putin"],
        "ｐｕｔｉｎ": ["putin"],
        "  The   Pu": ["putin"],
        "100%": ["percent"],
        "%": ["percent"],
        "_": ["percent"],
        "the": ["haftar", "percent", "putin", "strasse"],
        "\\": [],
        "' OR 1=1 --": [],
        "nobody": [],
    }

    found = {q: (await api.get("/v1/actors", params={"q": q})).json()["items"] for q in asked}

    assert {q: [each["slug"] for each in items] for q, items in found.items()} == asked


async def test_a_registry_is_paged_by_slug(week: httpx.AsyncClient) -> None:
    whole = (await week.get("/v1/sources", params={"limit": 1000})).json()["items"]

    found, target = [], "/v1/sources?limit=3"
    while target:
        answer = await week.get(target)
        found += answer.json()["items"]
        target = links(answer).get("next", "")

    assert found == whole
    assert [each["slug"] for each in whole] == sorted(each["slug"] for each in whole)


async def test_documents_without_a_slug_are_paged_too(api: httpx.AsyncClient) -> None:
    for n in range(5):
        await posted(api, "/v1/documents", {"title": f"Document {n}"})

    found, cursor = [], ""
    for _ in range(9):
        asked = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await api.get("/v1/documents", params=asked)).json()
        found += [each["name"] for each in page["items"]]
        cursor = page["next"]
        if not cursor:
            break

    assert sorted(found) == [f"Document {n}" for n in range(5)]


async def test_what_is_registered_in_the_open_is_all_that_strangers_find(
    api: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    await posted(api, "/v1/actors", {"slug": "open", "name": "Open", "marking": "clear"})
    hidden = await posted(api, "/v1/actors", {"slug": "hidden", "name": "Hidden", "marking": "green"})

    listed = (await anonymous.get("/v1/actors")).json()["items"]
    searched = (await anonymous.get("/v1/actors", params={"q": "hidden"})).json()["items"]
    paths = ["actors/hidden", f"actors/{hidden['id']}", "timelines/actors/hidden", f"timelines/actors/{hidden['id']}"]
    answers = [await anonymous.get(f"/v1/{path}") for path in [*paths, "weeks/2019-W23?actor=hidden"]]
    nobody = await anonymous.get("/v1/actors/nobody")

    assert ([each["slug"] for each in listed], searched) == (["open"], [])
    assert {problem(a)["status"] for a in answers} == {404}
    assert problem(answers[0])["detail"] == problem(nobody)["detail"].replace("nobody", "hidden")


async def test_a_thing_of_another_registry_is_404(week: httpx.AsyncClient) -> None:
    answers = [
        await week.get(f"/v1/{path}")
        for path in ("topics/haftar", f"sources/{id_of('actor', 'haftar')}", "actors/libya")
    ]

    assert {problem(a)["status"] for a in answers} == {404}


async def test_a_merged_event_leads_on_with_suffix_and_query(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    one, two = [await posted(api, "/v1/events", VISIT | {"title": title}) for title in ("one", "two")]
    merge = {"kind": "duplicate", "subject": two["id"], "survivor": one["id"], "reason": "the same"}
    await posted(api, "/v1/events", merge)

    moved = await api.get(f"/v1/events/{two['id']}.md?on=2019-06-20")

    assert moved.status_code == 308
    assert moved.headers["location"] == f"/v1/events/{one['id']}.md?on=2019-06-20"
    assert moved.headers["cache-control"] == "no-cache"


async def test_without_a_public_audience_every_read_needs_a_token(db: str, tmp_path: Path) -> None:
    paths = ["timelines/all", "timelines/actors/a", "weeks/2019-W23", "weeks/current", "actors", "actors/a", "changes"]
    paths += [f"events/{id_of('event', 'E02')}", "documents.csv"]
    application = Application(Settings(data_dir=str(tmp_path)), db)

    async with application.running(), client_of(application, {}) as stranger:
        answers = [await stranger.get(f"/v1/{path}") for path in paths]
        wrong = await stranger.get("/v1/timelines/all?x=1&limit=0")
        open_ones = [await stranger.get(path) for path in ("/v1/kinds", "/docs", "/openapi.json", "/health/live")]

    assert {problem(a)["status"] for a in [*answers, wrong]} == {401}
    assert {a.status_code for a in open_ones} == {200}


@pytest.mark.parametrize("format_", ["", ".csv", ".ndjson", ".md"])
async def test_an_empty_timeline_is_an_answer(api: httpx.AsyncClient, format_: str) -> None:
    answer = await api.get(f"/v1/timelines/all{format_}")

    assert answer.status_code == 200
    assert answer.headers["timeline-position"] == "0"
