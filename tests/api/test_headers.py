"""Every answer says what a browser may do with it, and only listed origins' pages may read it."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import client_of
from timeline.api.headers import EXPOSED, SECURITY
from timeline.app import Application
from timeline.settings import Settings

DESK, MAPS, STRANGER = "https://desk.example", "http://maps.example:8080", "https://stranger.example"
READ = "/v1/timelines/all"
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


@pytest.fixture
async def desk(db: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The owner's client of a service whose answers two origins may read, behind TLS."""
    settings = Settings(data_dir=str(tmp_path), cors_origins=f"{DESK}, {MAPS}", trusted_proxies="127.0.0.1")
    made = Application(settings, db)
    async with made.running(), client_of(made, {"Authorization": f"Bearer {made.token}"}) as client:
        yield client


async def every_kind(client: httpx.AsyncClient, **headers: str) -> dict[str, httpx.Response]:
    """An answer of each kind."""
    tag = (await client.get(READ)).headers["etag"]
    calls = {
        "a page": ("GET", READ, {}),
        "a page that is squeezed": ("GET", "/openapi.json", {"Accept-Encoding": "gzip"}),
        "its head": ("HEAD", READ, {}),
        "nothing new": ("GET", READ, {"If-None-Match": tag}),
        "nothing new, again": ("GET", READ, {"If-None-Match": tag}),
        "a redirection": ("GET", "/v1/weeks/current", {}),
        "not there": ("GET", "/nothing", {}),
        "bad": ("GET", f"{READ}?x=1", {}),
        "no such method": ("DELETE", READ, {}),
        "a wrong token": ("GET", READ, {"Authorization": "Bearer tl_wrong"}),
        "not acceptable": ("GET", READ, {"Accept": "image/png"}),
        "options": ("OPTIONS", READ, {}),
        "docs": ("GET", "/docs", {}),
        "a post": ("POST", "/v1/events", {"Content-Type": "text/plain"}),
    }
    return {name: await client.request(m, path, headers=h | headers) for name, (m, path, h) in calls.items()}


async def test_every_kind_of_answer_carries_every_header(desk: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    answers = await every_kind(desk)

    assert [a.status_code for a in answers.values()] == [
        200,
        200,
        200,
        304,
        304,
        307,
        404,
        400,
        405,
        401,
        406,
        204,
        200,
        415,
    ]
    for answer in answers.values():
        held = {name.decode(): value.decode() for name, value in SECURITY}
        assert {name: answer.headers.get(name) for name in held} == held
        assert answer.headers["strict-transport-security"]
        assert "Origin" in answer.headers["vary"]
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["x-request-id"]
    assert all("strict-transport-security" not in a.headers for a in (await every_kind(api)).values())


@pytest.mark.parametrize("origin", [DESK, MAPS])
async def test_a_listed_origin_reads_every_kind_of_answer(desk: httpx.AsyncClient, origin: str) -> None:
    for answer in (await every_kind(desk, Origin=origin)).values():
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-expose-headers"] == EXPOSED.decode()
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [STRANGER, "null", "*", "https://desk.example.evil", "https://desk.example:444", "HTTPS://DESK.EXAMPLE", ""],
)
async def test_no_other_origin_reads_anything(desk: httpx.AsyncClient, origin: str) -> None:
    answers = await every_kind(desk, Origin=origin)
    asked = await desk.options(READ, headers=ASKS | {"Origin": origin})

    for answer in (*answers.values(), asked):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_a_browser_may_ask_before_it_posts(desk: httpx.AsyncClient) -> None:
    asked = await desk.options("/v1/events", headers=ASKS | {"Origin": DESK})
    plain = await desk.options("/v1/events", headers={"Origin": DESK})

    assert asked.status_code == 204
    assert asked.headers["access-control-allow-methods"] == asked.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert {"Authorization", "Content-Type", "Idempotency-Key"} <= set(
        asked.headers["access-control-allow-headers"].split(", ")
    )
    assert int(asked.headers["access-control-max-age"]) <= 600
    assert {"Origin", "Access-Control-Request-Method"} <= set(asked.headers["vary"].split(", "))
    assert "access-control-allow-methods" not in plain.headers


async def test_where_no_origin_is_listed_none_is_allowed(api: httpx.AsyncClient) -> None:
    for answer in (await every_kind(api, Origin=DESK)).values():
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_a_browser_shows_a_brief_in_its_own_style_and_in_no_other(desk: httpx.AsyncClient) -> None:
    answer = await desk.get("/v1/weeks/2019-W23.html")

    (style,) = re.findall("<style>(.*?)</style>", answer.text, re.DOTALL)
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'self' 'sha256-{hashed}';" in answer.headers["content-security-policy"]
