"""What a marking hides, and what an erasure forgets."""

from typing import Any

import asyncpg
import httpx

from tests.api.test_posting import PAPER, VISIT, posted
from timeline.app import PROJECTOR_ROLE, Application
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
    compared = await compare(dsn, PROJECTOR_ROLE)
    assert compared is not None
    assert compared.differing == []


async def test_a_hidden_denial_does_not_show_through(api: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    visit, denial = await denied_visit(api, marking="amber")

    owner, public = [(await client.get(f"/v1/events/{visit}")).json() for client in (api, anonymous)]

    assert (owner["standing"], public["standing"]) == ("denied", "reported")
    assert denial not in str(public)
    assert (await anonymous.get(f"/v1/events/{denial}")).status_code == 404


async def test_a_record_above_a_level_changes_no_byte_there(
    api: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    visit, _ = await denied_visit(api, marking="clear")
    paths = ["/v1/timelines/all", f"/v1/events/{visit}", "/v1/weeks/2019-W23", "/v1/sources"]
    before = [await anonymous.get(path) for path in paths]

    hidden = {"kind": "denial", "of": [visit], "source": "paper", "occurred": "2019-06-13", "modality": "stated"}
    await posted(api, "/v1/events", hidden)

    after = [await anonymous.get(path) for path in paths]
    assert [a.headers.get("etag") for a in after] == [b.headers.get("etag") for b in before]
    assert [without_position(a) for a in after] == [without_position(b) for b in before]


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
