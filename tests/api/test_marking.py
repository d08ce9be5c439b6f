"""What a marking hides, and what an erasure forgets."""

from typing import Any

import asyncpg
import httpx
import pytest

from tests.api.test_posting import PAPER, VISIT, posted
from timeline.app import Application
from timeline.db.logins import PROJECTOR
from timeline.projections.compare import compare

CLEAR = {"marking": "clear"}


async def denied_visit(api: httpx.AsyncClient, **denial: Any) -> tuple[str, str]:
    """A clear visit to Moscow and its denial."""
    await posted(api, "/v1/sources", PAPER)
    await posted(api, "/v1/sources", PAPER | {"slug": "kremlin", "name": "Kremlin", "family": "russia-gov"})
    visit = await posted(api, "/v1/events", VISIT | CLEAR | {"said": "2019-06-10"})
    reply = {"kind": "denial", "of": [visit["id"]], "source": "kremlin", "occurred": "2019-06-12", "modality": "stated"}
    return visit["id"], (await posted(api, "/v1/events", reply | denial))["id"]


async def whole(dsn: str) -> None:
    compared = await compare(dsn, PROJECTOR)
    assert compared is not None
    assert compared.differing == []


async def test_a_hidden_denial_does_not_show_through(api: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    visit, denial = await denied_visit(api, marking="amber")

    owner, public = [(await client.get(f"/v1/events/{visit}")).json() for client in (api, anonymous)]

    assert (owner["standing"], public["standing"]) == ("denied", "reported")
    assert denial not in str(public)
    assert (await anonymous.get(f"/v1/events/{denial}")).status_code == 404


async def everything(client: httpx.AsyncClient, *events: str) -> list[tuple[str | None, Any]]:
    """The ETag and the body of every read, now and as of then."""
    paths = ["timelines/all", "timelines/actors/haftar", "weeks/2019-W23", *(f"events/{each}" for each in events)]
    named = ["sources", "sources/paper", "actors"]
    asked: list[dict[str, Any]] = [{}, *({"as_of": position} for position in (3, 4, 5))]
    answers = [await client.get(f"/v1/{path}", params={"on": "2019-06-17"} | each) for path in paths for each in asked]
    answers += [await client.get(f"/v1/{path}", params=each) for path in named for each in asked]
    return [(answer.headers.get("etag"), without_position(answer)) for answer in answers]


HIDDEN: dict[str, dict[str, Any]] = {
    "a denial": {"kind": "denial", "modality": "stated"},
    "a report with an earlier date": {"kind": "report", "said": "2018-06-01", "happened": "2018-05-31"},
    "a denial of the denial": {"kind": "denial", "modality": "stated", "of": "the denial"},
    "an assessment": {"kind": "assessment", "verdict": "false"},
}


@pytest.mark.parametrize("record", HIDDEN.values(), ids=HIDDEN)
async def test_a_record_above_a_level_changes_no_byte_there(
    api: httpx.AsyncClient, anonymous: httpx.AsyncClient, record: dict[str, Any]
) -> None:
    await posted(api, "/v1/actors", {"slug": "haftar", "name": "Khalifa Haftar", "marking": "clear"})
    visit, denial = await denied_visit(api, marking="clear", modality="reported")
    vague = VISIT | CLEAR | {"occurred": "/..", "said": "2019-06-05", "participants": ["haftar"]}
    placed_by_said = (await posted(api, "/v1/events", vague))["id"]
    before = await everything(anonymous, visit, denial, placed_by_said)

    of = [denial] if record.get("of") else [visit, placed_by_said]
    reply = {"source": "paper", "occurred": "2019-06-13", **record, "of": of, "marking": "amber"}
    hidden = await posted(api, "/v1/events", reply)
    added = await everything(anonymous, visit, denial, placed_by_said)
    edits: list[dict[str, Any]] = [
        {"kind": "marking", "marking": "amber+strict"},
        {"kind": "erasure", "authority": "officer"},
    ]
    purged = []
    for edit in edits:
        await posted(api, "/v1/events", {"subject": hidden["id"], "reason": "care", **edit})
        purged.append(await everything(anonymous, visit, denial, placed_by_said))

    assert added == before
    assert purged == [before, before]


async def test_a_hidden_thing_that_is_marked_anew_or_erased_changes_no_byte_below(
    api: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    source = await posted(api, "/v1/sources", PAPER | {"slug": "insider", "name": "Insider", "marking": "amber"})
    visit, denial = await denied_visit(api, marking="clear", source="insider")
    before = await everything(anonymous, visit, denial)

    again = PAPER | {"id": source["id"], "slug": "insider", "name": "Insider", "marking": "amber+strict", "revision": 1}
    await posted(api, "/v1/sources", again)
    marked = await everything(anonymous, visit, denial)
    erasure = {"kind": "erasure", "subject": source["id"], "reason": "care", "authority": "officer"}
    await posted(api, "/v1/events", erasure)

    assert marked == before
    assert await everything(anonymous, visit, denial) == before


@pytest.mark.parametrize("edit", [{"kind": "marking", "marking": "amber"}, {"kind": "erasure", "authority": "officer"}])
async def test_what_was_known_then_gets_another_tag_when_it_is_purged(
    api: httpx.AsyncClient, anonymous: httpx.AsyncClient, edit: dict[str, Any]
) -> None:
    visit, denial = await denied_visit(api, marking="clear")
    paths = ["timelines/all", f"events/{visit}", "weeks/2019-W23"]
    asked: dict[str, Any] = {"as_of": 4, "on": "2019-06-17"}
    before = [await anonymous.get(f"/v1/{path}", params=asked) for path in paths]

    await posted(api, "/v1/events", {"subject": denial, "reason": "care", **edit})

    for path, answer in zip(paths, before, strict=True):
        after = await anonymous.get(f"/v1/{path}", params=asked, headers={"If-None-Match": answer.headers["etag"]})
        assert after.status_code == 200, path
        assert denial in answer.text
        assert denial not in after.text


def without_position(answer: httpx.Response) -> Any:
    """The body but for the position of the read: the log's size is no secret."""
    body = answer.json()
    if "entries" in body or "sections" in body or "items" in body:
        body.pop("position")
    return body


async def test_raising_a_marking_hides_the_record_in_past_versions_too(
    application: Application, api: httpx.AsyncClient, anonymous: httpx.AsyncClient, db: str
) -> None:
    visit, denial = await denied_visit(api, marking="clear")
    first = (await anonymous.get("/v1/timelines/all", params={"limit": 1})).json()

    await posted(api, "/v1/events", {"kind": "marking", "subject": denial, "marking": "green", "reason": "care"})

    walked = await anonymous.get("/v1/timelines/all", params={"limit": 1, "cursor": first["next"]})
    connection = await asyncpg.connect(db)
    tables = application.service.projector.tables if application.service else ""
    rows = await connection.fetch(f'SELECT low, body FROM "{tables}".event_state WHERE event = $1', visit)
    await connection.close()
    assert walked.json()["entries"] == []
    assert (await anonymous.get(f"/v1/events/{visit}")).json()["standing"] == "reported"
    assert not any(b'"denied"' in row["body"] for row in rows if row["low"] == 0)
    await whole(db)


async def test_lowering_a_marking_opens_the_record(
    api: httpx.AsyncClient, anonymous: httpx.AsyncClient, db: str
) -> None:
    visit, denial = await denied_visit(api, marking="amber")

    await posted(api, "/v1/events", {"kind": "marking", "subject": denial, "marking": "clear", "reason": "published"})

    assert (await anonymous.get(f"/v1/events/{visit}")).json()["standing"] == "denied"
    await whole(db)


async def test_an_erasure_leaves_nothing_of_what_was_said(
    application: Application, api: httpx.AsyncClient, db: str
) -> None:
    visit, denial = await denied_visit(api, marking="clear", title="Nobody by the name of Zzyzx travelled")

    erasure = {"kind": "erasure", "subject": denial, "reason": "personal data", "authority": "officer, case 17"}
    await posted(api, "/v1/events", erasure)

    assert (await api.get(f"/v1/events/{visit}")).json()["standing"] == "reported"
    assert (await api.get(f"/v1/events/{denial}")).status_code == 404
    assert await holding("Zzyzx", db) == []
    await whole(db)


async def test_the_erasure_of_an_actor_takes_its_names(api: httpx.AsyncClient, db: str) -> None:
    await posted(api, "/v1/sources", PAPER)
    actor = await posted(api, "/v1/actors", {"slug": "zzyzx", "name": "Zzyzx", "aliases": ["Old Zzyzx"]})
    event = await posted(api, "/v1/events", VISIT | {"participants": ["zzyzx"]})

    erasure = {"kind": "erasure", "subject": actor["id"], "reason": "personal data", "authority": "officer"}
    await posted(api, "/v1/events", erasure)

    shown = (await api.get(f"/v1/events/{event['id']}")).json()
    assert shown["participants"][0]["actor"] == actor["id"]
    assert actor["id"] not in shown["names"]
    assert await holding("Zzyzx", db) == []
    await whole(db)


async def holding(text: str, dsn: str) -> list[str]:
    """Every table of every schema of ours in which a row holds a text, also inside bytes."""
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname LIKE 'timeline%' ORDER BY 1, 2"
        )
        needle = text.lower().encode().hex()
        found = []
        for schema, table in tables:
            name = f'"{schema}"."{table}"'
            query = f"SELECT count(*) FROM {name} AS t WHERE t::text ILIKE $1 OR t::text ILIKE $2 OR t::text ILIKE $3"
            args = (f"%{text}%", f"%{text.encode().hex()}%", f"%{needle}%")
            found += [name] if await connection.fetchval(query, *args) else []
        return found
    finally:
        await connection.close()


async def test_a_hidden_source_lends_a_clear_event_no_weight(
    api: httpx.AsyncClient, anonymous: httpx.AsyncClient, db: str
) -> None:
    for slug in ("paper", "other"):
        await posted(api, "/v1/sources", PAPER | {"slug": slug, "name": slug, "marking": "amber"})
    visit = await posted(api, "/v1/events", VISIT | CLEAR | {"modality": "stated"})
    report = {"kind": "report", "of": [visit["id"]], "source": "other", "occurred": "2019-06-12", "modality": "stated"}
    await posted(api, "/v1/events", report | CLEAR)

    owner, public = [(await client.get(f"/v1/events/{visit['id']}")).json() for client in (api, anonymous)]

    assert (owner["standing"], public["standing"]) == ("corroborated", "reported")
    assert [voice["grade"] for voice in public["voices"]] == ["F6", "F6"]
    await whole(db)


async def test_nothing_answers_what_was_erased(api: httpx.AsyncClient) -> None:
    visit, denial = await denied_visit(api)
    erasure = {"kind": "erasure", "subject": visit, "reason": "personal data", "authority": "officer"}
    await posted(api, "/v1/events", erasure)

    answer = await api.post(
        "/v1/events", json={"kind": "denial", "of": [visit], "source": "kremlin", "occurred": "2019-06-13"}
    )

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unknown-reference")
    assert "erased" in answer.json()["detail"]
    assert (await api.get(f"/v1/events/{denial}")).status_code == 200
