"""How the service speaks HTTP, over a real socket: methods, headers, bodies that are too large, formats."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import msgspec
import pytest_asyncio
import uvicorn

from tests import contracts
from tests.api.test_bad_input import UNKNOWN, head, problem
from tests.api.test_posting import PAPER, VISIT, posted
from timeline.api.wire import Connection
from timeline.app import Application

MIB = 1_048_576
JSON = {"Content-Type": "application/json"}
PAPER_ACTOR = {"slug": "paper", "name": "A Paper"}


@pytest_asyncio.fixture
async def live(application: Application) -> AsyncIterator[httpx.AsyncClient]:
    """The owner's client over a socket, as `timeline serve` listens."""
    config = uvicorn.Config(
        application.asgi,
        http=Connection,
        port=0,
        lifespan="off",
        log_config=None,
        loop="none",
        server_header=False,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  (nothing here could set an event)
        await asyncio.sleep(0.005)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    async with httpx.AsyncClient(
        base_url=f"http://{host}:{port}", headers={"Authorization": f"Bearer {application.token}"}
    ) as client:
        yield client
    server.should_exit = True
    await serving


@pytest_asyncio.fixture
async def visited(live: httpx.AsyncClient) -> httpx.AsyncClient:
    """The same, of a service that knows a visit."""
    await posted(live, "/v1/sources", PAPER)
    await posted(live, "/v1/events", VISIT | {"id": UNKNOWN, "marking": "clear"})
    return live


async def exchange(live: httpx.AsyncClient, *parts: bytes) -> list[tuple[int, bytes]]:
    """Send bytes as they are; the answers' statuses and bodies, until the other side closes."""
    url = live.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    text = await reader.read()
    writer.close()
    await writer.wait_closed()
    found = []
    for part in parts:
        top, _, text = text.partition(b"\r\n\r\n")
        length = next((int(line[15:]) for line in top.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        length = 0 if part.startswith(b"HEAD ") else length
        found.append((int(top.split()[1]), text[:length]))
        text = text[length:]
    return found


def request(live: httpx.AsyncClient, line: str, *headers: str) -> bytes:
    """The head of a request with the owner's token."""
    token = live.headers["authorization"]
    return "\r\n".join([f"{line} HTTP/1.1", "Host: x", f"Authorization: {token}", *headers, "", ""]).encode("latin-1")


def operations() -> Iterator[tuple[str, set[str]]]:
    """Every path of the contract with something in its place, and its methods."""
    for path, methods in msgspec.json.decode(contracts.OPENAPI.read_bytes())["paths"].items():
        filled = path.replace("{event}", UNKNOWN).replace("{week}", "2019-W23")
        for name in ("actor", "topic", "place", "named"):
            filled = filled.replace("{" + name + "}", "paper")
        yield filled, {method.upper() for method in methods}


async def test_head_is_get_without_its_body(visited: httpx.AsyncClient) -> None:
    moving = {"date", "x-request-id"}
    for path, methods in operations():
        if "GET" not in methods or path == "/metrics":
            continue
        full, bare = await visited.get(path), await visited.head(path)

        assert (bare.status_code, bare.content) == (full.status_code, b""), path
        assert [h for h in full.headers.items() if h[0] not in moving] == [
            h for h in bare.headers.items() if h[0] not in moving
        ], path


async def test_a_connection_outlives_head_and_refusals(visited: httpx.AsyncClient) -> None:
    answers = await exchange(
        visited,
        request(visited, "HEAD /health/live"),
        request(visited, "GET /health/live"),
        request(visited, "DELETE /health/live"),
        request(visited, "HEAD /nothing"),
        request(visited, "GET /nothing"),
        request(visited, "GET /v1/events/" + UNKNOWN, "Connection: close"),
    )

    assert [code for code, _ in answers] == [200, 200, 405, 404, 404, 200]
    assert json.loads(answers[-1][1])["id"] == UNKNOWN


async def test_options_and_405_list_every_method_of_an_address(visited: httpx.AsyncClient) -> None:
    for path, methods in operations():
        allowed = {"OPTIONS", *methods} | ({"HEAD"} if "GET" in methods else set())

        options = await visited.options(path)
        assert (options.status_code, options.content) == (204, b""), path
        assert set(options.headers["allow"].split(", ")) == allowed, path
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - allowed:
            refused = await visited.request(method, path)
            assert (refused.status_code, set(refused.headers["allow"].split(", "))) == (405, allowed), (method, path)


async def test_a_405_is_a_problem_document(visited: httpx.AsyncClient) -> None:
    answers = [
        await visited.delete("/v1/timelines/all"),
        await visited.get("/v1/events/batch"),
        await visited.put("/v1/timelines/all.csv"),
        await visited.post("/v1/actors.json", json={"slug": "a", "name": "A"}),
    ]

    assert [problem(a)["type"] for a in answers] == ["/problems/method-not-allowed"] * 4
    assert problem(answers[2])["instance"] == "/v1/timelines/all.csv"


async def test_every_answer_is_safe_to_show_and_to_trace(visited: httpx.AsyncClient) -> None:
    answers = [await visited.get(path) for path in ("/v1/timelines/all", "/nothing", "/docs", "/v1/kinds?x=1")]
    own = await visited.get("/health/live", headers={"X-Request-Id": "desk-7"})
    forged = await visited.get("/health/live", headers={"X-Request-Id": "a b<"})

    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "script" not in answer.headers["content-security-policy"]
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert len(answer.headers["x-request-id"]) == 32
        assert "server" not in answer.headers
    assert (own.headers["x-request-id"], forged.headers["x-request-id"] == "a b<") == ("desk-7", False)


async def test_the_docs_load_nothing_from_elsewhere(visited: httpx.AsyncClient) -> None:
    page, style = await visited.get("/docs"), await visited.get("/docs.css")

    assert (page.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "<script" not in page.text
    assert "http://" not in page.text.replace("http://www.w3.org", "")
    assert all(path in page.text for path in msgspec.json.decode(contracts.OPENAPI.read_bytes())["paths"])


async def test_large_answers_are_compressed_where_that_is_understood(visited: httpx.AsyncClient) -> None:
    for n in range(20):
        await posted(visited, "/v1/events", VISIT | {"title": f"visit {n}"}, wait=n == 19)

    squeezed = await visited.get("/v1/timelines/all", headers={"Accept-Encoding": "gzip"})
    plain = await visited.get("/v1/timelines/all", headers={"Accept-Encoding": "identity"})

    assert (squeezed.headers["content-encoding"], "content-encoding" in plain.headers) == ("gzip", False)
    assert int(squeezed.headers["content-length"]) < len(plain.content) / 3
    assert squeezed.content == plain.content
    for answer in (squeezed, plain):
        assert {"Accept", "Authorization", "Accept-Encoding"} <= set(answer.headers["vary"].replace(",", " ").split())
    assert squeezed.headers["etag"] == plain.headers["etag"]


async def test_a_body_of_a_mebibyte_is_read_and_a_byte_more_is_413(visited: httpx.AsyncClient) -> None:
    fits = json.dumps(VISIT).encode().ljust(MIB)

    for path in ("/v1/events", "/v1/actors", "/v1/documents"):
        refused = await visited.post(path, content=fits + b" ", headers=JSON)
        assert (refused.status_code, problem(refused)["type"]) == (413, "/problems/body-too-large"), path
        assert "1,048,576" in refused.json()["detail"]
    taken = await visited.post("/v1/events", content=fits, headers=JSON)

    assert (taken.status_code, await head(visited)) == (201, 3)


async def test_a_batch_may_be_larger_but_not_without_end(visited: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(600):
            yield b" " * 65_536

    fits = json.dumps([VISIT]).encode().ljust(4 * MIB)

    taken = await visited.post("/v1/events/batch", content=fits, headers=JSON)
    refused = await visited.post("/v1/events/batch", content=endless(), headers=JSON)

    assert (taken.status_code, refused.status_code, await head(visited)) == (201, 413, 3)


async def test_a_body_of_no_told_length_is_cut_off_at_its_limit(visited: httpx.AsyncClient) -> None:
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    top = request(visited, "POST /v1/events", "Content-Type: application/json", "Transfer-Encoding: chunked")
    url = visited.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(top + chunk * 20)  # not its end: the answer must not wait for that

    status = await asyncio.wait_for(reader.readline(), 5)

    writer.close()
    assert b" 413 " in status


async def test_a_told_length_is_refused_before_a_byte_of_the_body(visited: httpx.AsyncClient) -> None:
    url = visited.base_url
    for line, length in (("POST /v1/events", MIB + 1), ("POST /v1/events/batch", 10**15)):
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(request(visited, line, "Content-Type: application/json", f"Content-Length: {length}"))

        status = await asyncio.wait_for(reader.readline(), 5)

        writer.close()
        assert b" 413 " in status


async def test_a_client_that_leaves_while_it_posts_leaves_nothing(visited: httpx.AsyncClient) -> None:
    body = json.dumps(VISIT).encode()
    url = visited.base_url
    for sent in (0, 10, len(body)):
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(request(visited, "POST /v1/events", "Content-Type: application/json", "Content-Length: 500"))
        writer.write(body[:sent])
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    await asyncio.sleep(0.1)
    assert (await visited.get("/health/live")).status_code == 200
    assert await head(visited) == 2


async def test_a_request_that_is_no_http_never_reaches_us_and_breaks_nothing(visited: httpx.AsyncClient) -> None:
    broken = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"HELLO\r\n\r\n",
        b"get /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
        request(visited, "POST /v1/events", "Content-Length: -1"),
        request(visited, "POST /v1/events", "Content-Length: 1", "Content-Length: 2"),
        request(visited, "POST /v1/events", "Content-Length: 2", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
        request(visited, "POST /v1/events", "Transfer-Encoding: chunked") + b"zz\r\n",
        request(visited, "GET /v1/actors/\xff"),
    ]

    answers = [await asyncio.wait_for(exchange(visited, each), 5) for each in broken]

    assert [found[0][0] for found in answers] == [400] * len(broken)
    assert (await visited.get("/health/ready")).json()["status"] == "ready"


async def test_header_tricks_change_nothing(visited: httpx.AsyncClient) -> None:
    close = "Connection: close"
    tricks = [
        request(visited, f"GET http://evil.example/v1/events/{UNKNOWN}", close),
        request(visited, f"GET /v1/events/{UNKNOWN}", "X-Original-URL: /metrics", "X-Rewrite-URL: /metrics", close),
        request(visited, f"GET /v1/events/{UNKNOWN}", "X-HTTP-Method-Override: DELETE", close),
        request(visited, f"GET /v1/events/{UNKNOWN}", "X-Forwarded-Host: evil.example", close),
        request(visited, f"GET /v1/events/{UNKNOWN}", "X-Forwarded-Prefix: /evil", "Forwarded: host=evil", close),
        request(visited, f"GET /v1/events/{UNKNOWN}#fragment", close),
        request(visited, f"GET /v1/events/{UNKNOWN}", "Cookie: a=b; a=c", "Range: bytes=0-1", close),
    ]

    answers = [(await exchange(visited, each))[0] for each in tricks]

    assert [code for code, _ in answers] == [200] * len(tricks)
    assert {json.loads(body)["id"] for _, body in answers} == {UNKNOWN}
    assert not any(b"evil" in body for _, body in answers)


async def test_an_upgrade_is_not_taken(visited: httpx.AsyncClient) -> None:
    asked = request(
        visited,
        "GET /health/live",
        "Upgrade: websocket",
        "Connection: Upgrade, close",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    )

    assert (await exchange(visited, asked))[0][0] in (200, 400, 426)


PREFERRED: dict[str, str] = {
    "": "application/json",
    "*/*": "application/json",
    "application/*": "application/json",
    "application/json": "application/json",
    "APPLICATION/JSON": "application/json",
    "application/json; charset=utf-8": "application/json",
    "text/csv": "text/csv",
    "text/*": "text/csv",
    "text/markdown, text/csv": "text/markdown",
    "text/csv;q=0.5, text/markdown;q=0.9": "text/markdown",
    "text/csv;q=0.5, text/markdown; Q=0.9": "text/markdown",
    "text/html, application/xhtml+xml, */*;q=0.1": "application/json",
    "text/html, text/*;q=0.2, text/csv;q=0": "text/calendar",
    "*/*, application/json;q=0": "application/atom+xml",
    "text/csv, */*": "text/csv",
    "application/x-ndjson, application/json;q=0.9": "application/x-ndjson",
    "text/csv;q=1.000, application/json;q=0.999": "text/csv",
    "text/csv;q=1.1, application/json;q=0.001": "application/json",
    "text/csv;q=abc, application/json;q=0.1": "application/json",
}


async def test_the_format_is_what_accept_likes_best(visited: httpx.AsyncClient) -> None:
    found = {}
    for accept in PREFERRED:
        answer = await visited.get("/v1/timelines/all", headers={"Accept": accept})
        found[accept] = answer.headers["content-type"].split(";")[0]

    assert found == PREFERRED


async def test_several_accept_headers_count_as_one(visited: httpx.AsyncClient) -> None:
    headers = [("Accept", "text/html"), ("Accept", "text/csv;q=0.5"), ("Accept", "text/markdown")]

    answer = await visited.get("/v1/timelines/all", headers=headers)

    assert answer.headers["content-type"].startswith("text/markdown")


async def test_a_suffix_counts_before_accept(visited: httpx.AsyncClient) -> None:
    answer = await visited.get("/v1/timelines/all.md", headers={"Accept": "text/csv"})

    assert answer.headers["content-type"] == "text/markdown; charset=utf-8; variant=GFM"


def schemas() -> dict[str, Any]:
    document: dict[str, Any] = msgspec.json.decode(contracts.OPENAPI.read_bytes())
    return document["components"]["schemas"]  # type: ignore[no-any-return]  # decoded JSON


def test_components_have_names_that_a_person_would_give() -> None:
    assert [name for name in schemas() if not name.isalnum() or not name[0].isupper()] == []
    assert {"ParticipantActorHostAbout", "ParticipantActorAbout"} <= schemas().keys()
    assert schemas()["Visit"]["additionalProperties"] is False


CONDITIONAL = {"events", "timelines", "weeks", "diff"}


def test_every_operation_tells_of_every_status_it_gives() -> None:
    paths = msgspec.json.decode(contracts.OPENAPI.read_bytes())["paths"]
    posts = [m["post"] for path, m in paths.items() if "post" in m and not path.startswith("/v1/tokens")]
    reads = {
        path: m["get"]["responses"].keys() for path, m in paths.items() if "get" in m and "406" in m["get"]["responses"]
    }
    named = {path for path in reads if "{" in path} | {
        "/v1/changes",
        "/v1/diff",
        "/v1/duplicates",
        "/v1/events",
    }  # asked of an actor, a topic or a place

    assert all({"200", "201", "400", "401", "409", "413", "415", "422", "503"} <= o["responses"].keys() for o in posts)
    assert all({"200", "400", "406"} <= codes for codes in reads.values())
    assert {path for path, codes in reads.items() if "404" in codes} == named
    assert {path.split("/")[2] for path, codes in reads.items() if "304" in codes} == CONDITIONAL


async def test_a_read_carries_a_tag_where_the_contract_says_so(visited: httpx.AsyncClient) -> None:
    paths = msgspec.json.decode(contracts.OPENAPI.read_bytes())["paths"]
    await posted(visited, "/v1/actors", PAPER_ACTOR)
    for address, (path, methods) in zip(paths, operations(), strict=True):
        if "GET" in methods:
            answer = await visited.get(path)
            tagged = answer.status_code == 200 and "etag" in answer.headers

            assert tagged == ("304" in paths[address]["get"]["responses"] and answer.status_code == 200), path
