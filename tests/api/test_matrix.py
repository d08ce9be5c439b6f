"""Every call × every scope, no token, a wrong one: made from the OpenAPI document, so that a new call is tried too."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar, get

from tests import contracts
from tests.api.test_bad_input import problem
from tests.api.test_tokens import issued
from tests.conftest import client_of
from timeline.api.contract import Contract, read
from timeline.api.edge import Edge
from timeline.api.openapi import document
from timeline.app import HANDLERS, Application, contract_document
from timeline.model.tokens import SCOPES
from timeline.settings import Settings

DOCUMENT: dict[str, Any] = msgspec.json.decode(contracts.openapi())
HOLDERS = (*SCOPES, "owner", "nobody", "wrong")
SOMETHING = "8c6d2b0e-2f0f-4a53-9d0e-5b7f3f6b7a10"


class Call(NamedTuple):
    """A call of the document, and the scope that it says it needs."""

    method: str
    path: str
    needs: str

    def expected(self, holder: str) -> int | None:
        """How it is refused to somebody; None where it is not."""
        if self.needs == "open":
            return None
        if holder in ("nobody", "wrong"):
            return 401
        return None if holder == "owner" or SCOPES.index(holder) >= SCOPES.index(self.needs) else 403


def calls() -> list[Call]:
    """Every call of the document."""
    return [
        Call(method, re.sub(r"\{\w+\}", SOMETHING, path), _needs(operation))
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    ]


def _needs(operation: dict[str, Any]) -> str:
    ways = [each for each in operation["security"] if each]
    if not ways:
        return "open"
    ((scope,),) = (each["bearer"] for each in ways)
    return str(scope)


@pytest_asyncio.fixture
async def closed(db: str, tmp_path: Path) -> AsyncIterator[Application]:
    """A service that nobody may read without a token."""
    made = Application(Settings(data_dir=str(tmp_path)), db)
    async with made.running():
        yield made


async def clients(application: Application) -> dict[str, httpx.AsyncClient]:
    owner = client_of(application, {"Authorization": f"Bearer {application.token}"})
    wanted = [{"name": scope, "scope": scope, "audience": "amber+strict"} for scope in SCOPES]
    texts: dict[str, str] = {each["name"]: (await issued(owner, **each))["text"] for each in wanted}
    texts["owner"] = application.token
    texts["wrong"] = texts["admin"][:-1] + ("a" if texts["admin"][-1] != "a" else "b")
    found = {name: client_of(application, {"Authorization": f"Bearer {text}"}) for name, text in texts.items()}
    return found | {"nobody": client_of(application, {})}


async def test_each_call_lets_in_whom_its_scope_says(closed: Application) -> None:
    holders, faults, tried = await clients(closed), [], 0
    for call in calls():
        for name in HOLDERS:
            answer = await holders[name].request(call.method, call.path, json={} if call.method == "post" else None)
            tried += 1
            refused = answer.status_code if answer.status_code in (401, 403) else None
            if refused != call.expected(name) or answer.status_code >= 500:
                faults.append(f"{call.method} {call.path} for {name}: {answer.status_code}")
            if refused == 403:
                told = problem(answer)
                assert (told["scope_needed"], told["scope_held"]) == (call.needs, name)

    assert faults == []
    assert tried == len(calls()) * len(HOLDERS) > 200


async def test_each_method_and_format_of_a_read_asks_too(closed: Application) -> None:
    holders = await clients(closed)
    read = [call for call in calls() if call.needs in SCOPES and call.method == "get"]

    for call in read:
        for method, path in (("HEAD", call.path), ("GET", f"{call.path}.json"), ("GET", f"{call.path}.csv")):
            answer = await holders["nobody"].request(method, path, headers={"If-None-Match": "*"})
            assert answer.status_code == 401, (method, path)


def test_every_scope_is_needed_somewhere() -> None:
    assert {call.needs for call in calls()} == {*SCOPES, "open"}


def test_what_is_open_says_so() -> None:
    opened = {call.path for call in calls() if call.needs == "open"}

    assert opened == {
        "/", "/docs", "/docs.css", "/health/live", "/health/ready", "/metrics", "/openapi.json", "/v1/kinds",
    }  # fmt: skip


def test_the_document_says_what_each_route_needs() -> None:
    told = {
        operation["operationId"]: _needs(operation)
        for methods in contract_document()["paths"].values()
        for operation in methods.values()
    }

    assert told == {handler.opt["contract"].operation_id: handler.opt["contract"].scope for handler in HANDLERS}


def test_a_contract_without_a_scope_is_none() -> None:
    with pytest.raises(TypeError, match="scope"):
        Contract(operation_id="x", tag="x")  # type: ignore[call-arg]  # as mypy says of a new one too


def test_a_route_without_a_contract_is_not_served() -> None:
    @get("/v1/bare")
    async def bare() -> None:
        """Nobody said who may call this."""

    made = Litestar([bare], openapi_config=None)
    nothing: Any = None

    with pytest.raises(KeyError, match="contract"):
        Edge(made, made.routes, nothing, nothing, nothing, nothing)


def test_a_route_that_needs_less_than_the_committed_document_says_is_seen() -> None:
    path = "/v1/tokens"
    handler = next(each for each in HANDLERS if path in each.paths and "GET" in each.http_methods)
    weaker = msgspec.structs.replace(handler.opt["contract"], scope="read")

    found = document([(path, read(path, weaker)(handler.fn))])

    assert found["paths"][path]["get"]["security"] != DOCUMENT["paths"][path]["get"]["security"]
