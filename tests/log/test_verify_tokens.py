"""A token that was let in, or let on, behind the log's back is found."""

from typing import Any

import httpx
import pytest

from tests.checks import check, check_log
from tests.log.appending import fetch, tamper
from timeline.app import Application

ASKED = {"name": "weekly report", "scope": "append", "audience": "green", "desk": "libya"}


@pytest.fixture
async def tokens(db: str, application: Application, api: httpx.AsyncClient) -> dict[str, str]:
    """Three tokens: one in force that ends, one rotated, one revoked."""

    async def issued(**asked: Any) -> str:
        answer = await api.post("/v1/tokens", json=ASKED | asked)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"]["id"])

    made = {name: await issued() for name in ("plain", "rotated", "revoked")}
    made["ending"] = await issued(expires_at="2099-01-01T00:00:00Z")
    assert (await api.post(f"/v1/tokens/{made['rotated']}/rotate")).status_code == 201
    assert (await api.post(f"/v1/tokens/{made['revoked']}/revoke")).status_code == 200
    head = (await api.get("/health/ready")).json()["log_position"]
    await api.get("/v1/changes", params={"min_position": head})
    await check_log(db)
    return made


@pytest.mark.parametrize(
    ("which", "change", "found"),
    [
        ("plain", "scope = 'curate'", ["scope"]),
        ("plain", "audience = 'amber+strict'", ["audience"]),
        ("plain", "desk = 'other'", ["desk"]),
        ("plain", "subject = gen_random_uuid()", ["subject"]),
        ("plain", "revoked_at = issued_at", ["revoked", "revoked_at"]),
        ("revoked", "revoked_at = NULL", ["revoked", "revoked_at"]),
        ("revoked", "revoked_at = revoked_at + interval '1 day'", ["revoked_at"]),
        ("ending", "expires_at = NULL", ["expires_at"]),
        ("ending", "expires_at = expires_at + interval '1 second'", ["expires_at"]),
        ("rotated", "expires_at = NULL, successor = NULL", ["expires_at", "successor"]),
        ("rotated", "position = 1", ["position"]),
        ("plain", "issued_at = issued_at - interval '1 day'", ["issued_at"]),
    ],
)
async def test_a_token_that_was_changed_is_found(
    db: str, tokens: dict[str, str], which: str, change: str, found: list[str]
) -> None:
    await tamper(db, f"UPDATE timeline.token SET {change} WHERE id = '{tokens[which]}'")

    faults = (await check(db)).faults

    assert faults == [f"token {tokens[which]}: its {name} is not what its last record says" for name in found]


async def test_a_token_that_nobody_recorded_is_found(db: str, tokens: dict[str, str]) -> None:
    columns = "position, revision, subject, name, audience, desk, hash, key, issued_at"
    await tamper(
        db,
        f"INSERT INTO timeline.token (id, scope, {columns}) SELECT '00000000-0000-4000-8000-000000000001', 'curate', "
        f"{columns} FROM timeline.token WHERE id = '{tokens['plain']}'",
    )

    assert (await check(db)).faults == ["token 00000000-0000-4000-8000-000000000001 is in no record of the log"]


async def test_a_token_that_was_taken_away_is_found(db: str, tokens: dict[str, str]) -> None:
    (row,) = await fetch(db, f"SELECT position FROM timeline.token WHERE id = '{tokens['plain']}'")
    await tamper(db, f"DELETE FROM timeline.token WHERE id = '{tokens['plain']}'")

    found = (await check(db)).faults

    assert found == [f"token {tokens['plain']} is missing, which position {row['position']} states"]
