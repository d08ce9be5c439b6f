"""Tokens over HTTP: what they let in, what they are told as, and when they end."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.api.test_bad_input import problem
from tests.checks import check_log
from tests.conftest import client_of
from timeline.access.text import read_token
from timeline.app import Application
from timeline.log.tokens import SQL
from timeline.model.codec import canonical
from timeline.model.tokens import Token

READER = {"name": "weekly report", "scope": "read", "audience": "green"}


async def issued(api: httpx.AsyncClient, **asked: Any) -> dict[str, Any]:
    answer = await api.post("/v1/tokens", json=READER | asked)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def recorded(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Every record of the log, once it can be read."""
    head = (await api.get("/health/ready")).json()["log_position"]
    records: list[dict[str, Any]] = (await api.get("/v1/changes", params={"min_position": head})).json()["records"]
    return records


def holder(application: Application, made: dict[str, Any]) -> httpx.AsyncClient:
    """A client with an issued token."""
    return client_of(application, {"Authorization": f"Bearer {made['text']}"})


async def test_an_issued_token_reads_at_its_audience(application: Application, api: httpx.AsyncClient) -> None:
    made = await issued(api)

    answer = await holder(application, made).get("/v1/timelines/all")

    assert answer.status_code == 200
    assert made["token"] | {"state": "in_force", "scope": "read", "audience": "green"} == made["token"]


async def test_each_change_of_a_token_is_a_record_of_the_log(application: Application, api: httpx.AsyncClient) -> None:
    made = await issued(api, desk="libya")
    rotated = (await api.post(f"/v1/tokens/{made['token']['id']}/rotate")).json()
    await api.post(f"/v1/tokens/{made['token']['id']}/revoke")

    records = await recorded(api)

    old, new = made["token"]["id"], rotated["token"]["id"]
    assert [(r["kind"], r["subject"], r["revision"], r["recorded_by"]) for r in records] == [
        ("token", old, 1, "owner"),
        ("token", new, 1, "owner"),
        ("token", old, 2, "owner"),
        ("token", old, 3, "owner"),
    ]
    assert [r["body"].get("revoked") for r in records] == [None, None, None, True]
    assert records[2]["body"]["successor"] == new
    assert not any(made["text"] in str(r) or rotated["text"] in str(r) for r in records)
    await check_log(application.dsn)


async def test_a_successor_records_under_the_same_pseudonym(application: Application, api: httpx.AsyncClient) -> None:
    made = await issued(api, scope="curate")
    rotated = (await api.post(f"/v1/tokens/{made['token']['id']}/rotate")).json()

    for each, slug in ((made, "one"), (rotated, "two")):
        answer = await holder(application, each).post("/v1/topics", json={"slug": slug, "name": slug})
        assert answer.status_code == 201, answer.text

    records = await recorded(api)
    assert {r["recorded_by"] for r in records if r["kind"] == "topic"} == {made["token"]["subject"]}


async def test_a_revoked_token_is_refused_at_once(application: Application, api: httpx.AsyncClient) -> None:
    made = await issued(api)
    client = holder(application, made)
    assert (await client.get("/v1/timelines/all")).status_code == 200

    answer = await api.post(f"/v1/tokens/{made['token']['id']}/revoke")

    assert (answer.status_code, answer.json()["state"]) == (200, "revoked")
    after = await client.get("/v1/timelines/all")
    assert (after.status_code, problem(after)["type"]) == (401, "/problems/wrong-token")


async def test_a_token_is_issued_only_by_post_to_its_address(api: httpx.AsyncClient) -> None:
    for path in ("/v1/events", "/v1/events/batch?mode=each", "/v1/topics"):
        record = Token.example
        answer = await api.post(path, json=[record] if "batch" in path else record)

        told = answer.json()["verdicts"][0]["problem"] if "batch" in path else problem(answer)
        assert told["status"] == 422
        assert "POST /v1/tokens" in told["errors"][0]["expected"]


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"scope": "owner"}, "#/scope"),
        ({"audience": "red"}, "#/audience"),
        ({"scope": "admin", "audience": "amber"}, "#/audience"),
        ({"expires_at": "2019-01-01T00:00:00Z"}, "#/expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, "#/expires_at"),
        ({"desk": "Two Words"}, "#/desk"),
        ({"name": ""}, "#/name"),
        ({"subject": "owner"}, "#/subject"),
    ],
)
async def test_what_cannot_be_issued_is_told(api: httpx.AsyncClient, asked: dict[str, Any], pointer: str) -> None:
    answer = await api.post("/v1/tokens", json=READER | asked)

    assert (answer.status_code, [each["pointer"] for each in problem(answer)["errors"]]) == (422, [pointer])


async def test_the_list_tells_what_each_may_do_and_no_text(api: httpx.AsyncClient) -> None:
    made = await issued(api, name="<b>desk</b>", expires_at="2099-01-01T00:00:00Z")
    other = await issued(api)
    await api.post(f"/v1/tokens/{other['token']['id']}/revoke")

    answer = await api.get("/v1/tokens")

    assert [(t["name"], t["state"]) for t in answer.json()["tokens"]] == [
        ("<b>desk</b>", "in_force"),
        ("weekly report", "revoked"),
    ]
    assert answer.headers["cache-control"] == "no-store"
    assert made["text"].split("_")[2] not in answer.text
    assert (await api.get(f"/v1/tokens/{made['token']['id']}")).json() == answer.json()["tokens"][0]


async def test_of_a_rotated_token_both_go_on_until_the_overlap_is_over(
    application: Application, api: httpx.AsyncClient
) -> None:
    made = await issued(api, expires_at="2099-01-01T00:00:00Z")
    path = f"/v1/tokens/{made['token']['id']}/rotate"

    with_overlap = (await api.post(path, params={"overlap_seconds": 3600})).json()
    again = await api.post(path)

    assert with_overlap["replaces"]["successor"] == with_overlap["token"]["id"]
    assert with_overlap["token"]["predecessor"] == made["token"]["id"]
    assert with_overlap["token"]["subject"] == made["token"]["subject"]
    assert with_overlap["replaces"]["expires_at"] < with_overlap["token"]["expires_at"]
    assert (again.status_code, problem(again)["type"]) == (409, "/problems/token-ended")
    for each in (made, with_overlap):
        assert (await holder(application, each).get("/v1/timelines/all")).status_code == 200


async def test_without_an_overlap_the_old_token_ends_at_once(application: Application, api: httpx.AsyncClient) -> None:
    made = await issued(api)

    rotated = await api.post(f"/v1/tokens/{made['token']['id']}/rotate", params={"overlap_seconds": 0})

    assert rotated.json()["replaces"]["state"] == "expired"
    assert (await holder(application, made).get("/v1/timelines/all")).status_code == 401


async def test_revoking_twice_records_once(api: httpx.AsyncClient) -> None:
    made = await issued(api)
    path = f"/v1/tokens/{made['token']['id']}/revoke"

    first, second = (await api.post(path)).json(), (await api.post(path)).json()

    assert first == second
    assert [r["revision"] for r in await recorded(api)] == [1, 2]


async def test_two_who_rotate_at_once_make_one_successor(api: httpx.AsyncClient) -> None:
    made = await issued(api)

    answers = await asyncio.gather(*(api.post(f"/v1/tokens/{made['token']['id']}/rotate") for _ in range(5)))

    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409, 409]
    assert len((await api.get("/v1/tokens")).json()["tokens"]) == 2


@pytest.mark.parametrize("call", ["", "/rotate", "/revoke"])
@pytest.mark.parametrize("token", ["8c6d2b0e-2f0f-4a53-9d0e-5b7f3f6b7a10", "x", "tl_1"])
async def test_a_token_that_is_not_there_is_not_found(api: httpx.AsyncClient, call: str, token: str) -> None:
    answer = await (api.post if call else api.get)(f"/v1/tokens/{token}{call}")

    assert answer.status_code == 404


async def test_a_records_marking_hides_who_may_do_what(application: Application, api: httpx.AsyncClient) -> None:
    made = await issued(api, audience="amber")

    answer = await holder(application, made).get("/v1/changes")

    assert answer.json()["records"] == []


async def test_a_token_is_no_record_that_others_name(api: httpx.AsyncClient) -> None:
    made = await issued(api)
    erasure = {"kind": "erasure", "subject": made["token"]["id"], "reason": "Away.", "authority": "Nobody"}

    answer = await api.post("/v1/events", json=erasure)

    assert (answer.status_code, problem(answer)["type"]) == (422, "/problems/unknown-reference")


@pytest.mark.parametrize("name", ["token", "access_token"])
async def test_a_token_in_an_address_is_an_unknown_parameter(
    application: Application, api: httpx.AsyncClient, anonymous: httpx.AsyncClient, name: str
) -> None:
    made = await issued(api)

    answer = await anonymous.get("/v1/timelines/all", params={name: made["text"]})

    assert answer.status_code == 400
    assert made["text"].split("_")[2] not in answer.text


async def test_one_changed_letter_is_refused_before_anything_is_looked_up(
    application: Application, api: httpx.AsyncClient
) -> None:
    made = await issued(api)
    text = made["text"]
    changed = [text[:i] + ("b" if text[i] != "b" else "c") + text[i + 1 :] for i in range(3, len(text))]

    assert [each for each in changed if read_token(each) is not None] == []


async def test_the_database_lets_a_token_only_end(application: Application, api: httpx.AsyncClient) -> None:
    made = await issued(api, expires_at="2099-01-01T00:00:00Z")
    connection = await asyncpg.connect(application.dsn)
    try:
        row = await connection.fetchrow("SELECT * FROM timeline.token")
        assert row is not None
        for wider in ({"scope": "admin"}, {"audience": "amber+strict"}, {"expires_at": "2199-01-01T00:00:00.000000Z"}):
            body = {"id": made["token"]["id"], "name": row["name"], "scope": "read", "audience": "green"}
            body |= {"subject": str(row["subject"]), "marking": "amber+strict"}
            body |= {"expires_at": "2099-01-01T00:00:00.000000Z"} | wider
            said = {"id": str(uuid4()), "kind": "token", "shape": 1, "recorded_by": "owner", "body": body}
            with pytest.raises(asyncpg.CheckViolationError, match="a token may only end"):
                await connection.execute(
                    SQL.record_tokens, [row["id"]], [2], [bytes(32)], [bytes(32)], [canonical(said)], [None], bytes(8)
                )
    finally:
        await connection.close()


async def test_the_service_itself_cannot_write_tokens_otherwise(db: str) -> None:
    connection = await asyncpg.connect(db, server_settings={"role": "timeline_writer"})
    try:
        for statement in ("UPDATE timeline.token SET scope = 'admin'", "DELETE FROM timeline.token"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()
