"""Every parameter is held to what the document says of it: its limits are taken, and what lies just outside is not.

The values are made from the document, so that a parameter of tomorrow is tried without a line here.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import msgspec
import pytest

from tests import contracts
from timeline.api import timelines
from timeline.api.query import TimelineParams
from timeline.app import Application
from timeline.importers.libya_week import id_of, posts
from timeline.model.registry import COLLECTIONS, REGISTRATIONS
from timeline.model.tokens import TokenAsked

Call = dict[str, Any]
SLUGGED = {kind for kind, cls in REGISTRATIONS.items() if "slug" in cls.example}
DOCUMENT: dict[str, Any] = msgspec.json.decode(contracts.openapi())
EVENT = "01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01"
IN_PATH = {
    "actor": "haftar",
    "topic": "libya",
    "place": "moscow",
    "source": "weekly",
    "week": "2019-W23",
    "event": EVENT,
}
"""What each address is asked with while another parameter is tried; things that the service holds."""
DAYS = ["0001-01-01", "2019-06-03", "9999-12-31"]
NO_DAYS = ["", "2019-06", "2019-6-3", "2019-02-30", "20190603", "2019-06-03T00:00:00", "today", "2019-06-03\n"]
NO_NUMBERS = ["", "x", "1.0", "1e1", "0x1", " 1", "1 ", "+1", "١", "null", "1\n"]
NO_TRUTHS = ["", "yes", "2", "null", "tru", "true "]
ODD = [
    "",
    " ",
    "a b",
    "ä",
    "a/b",
    "a\x00",
    "a\x1f",
    "a\x7f",
    "a\n",
    "_",
    "-",
    "A",
    "a",
    "0",
    "%",
    '"',
    "'",
    "2019-W3",
    "2019W23",
    "2019-W23",
]
"""Texts of which each pattern takes some and refuses others."""


class Case(NamedTuple):
    """A value of a parameter, and whether the document says that it is taken."""

    value: str
    taken: bool


def cases(schema: dict[str, Any]) -> Iterator[Case]:
    """Values at the limits that a schema gives and just outside them."""
    if "anyOf" in schema:  # what none of them takes is refused
        tried = [case for each in schema["anyOf"] for case in cases(each)]
        taken = {case.value for case in tried if case.taken}
        yield from (Case(value, value in taken) for value in dict.fromkeys(case.value for case in tried))
        return
    schema = {"enum": [schema["const"]], **schema} if "const" in schema else schema
    if "enum" in schema:
        yield from (Case(each, True) for each in schema["enum"])
        wrong = [text for each in schema["enum"][:2] for text in (each.swapcase(), f"{each}x", f" {each}")]
        yield from (Case(text, False) for text in wrong)
        yield Case("", False)
        return
    match schema["type"], schema.get("format"):
        case "integer", _:
            least, most = schema["minimum"], schema["maximum"]
            yield from (Case(str(each), True) for each in (least, most))
            yield from (Case(str(each), False) for each in (least - 1, most + 1, 10**40))
            yield from (Case(each, False) for each in NO_NUMBERS)
        case "boolean", _:
            yield from (Case(each, True) for each in ("true", "false"))
            yield from (Case(each, False) for each in NO_TRUTHS)
        case "string", "date":
            yield from (Case(each, True) for each in DAYS)
            yield from (Case(each, False) for each in NO_DAYS)
        case "array", _:
            listed = list(cases(schema["items"]))
            yield from listed
            yield Case(",".join(each.value for each in listed if each.taken), True)
            yield from (Case(f"{listed[0].value},{each.value}", False) for each in listed if not each.taken)
        case "string", None:
            yield from _texts(schema)
        case other:
            raise AssertionError(f"nothing here tries {other}")


def _texts(schema: dict[str, Any]) -> Iterator[Case]:
    # As the document's dialect reads it: `$` is the very end.
    pattern = re.compile(re.sub(r"\$$", r"\\Z", schema["pattern"]))
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    texts = ODD + ([] if most is None else ["a" * most, "a" * (most + 1)])
    for text in texts:
        fits = least <= len(text) and (most is None or len(text) <= most)
        yield Case(text, bool(pattern.search(text)) and fits)


def parameters(method: str) -> list[tuple[str, Call, dict[str, Any]]]:
    """Every parameter of the calls of one method: its address, its call and itself."""
    return [
        (path, call, parameter)
        for path, methods in DOCUMENT["paths"].items()
        for name, call in methods.items()
        for parameter in call["parameters"]
        if name == method
    ]


def queried(method: str) -> list[tuple[str, Call, dict[str, Any]]]:
    """Every parameter of a query."""
    return [each for each in parameters(method) if each[2]["in"] == "query"]


def address(path: str) -> str:
    """The path with something that is there in its place."""
    kind = next((kind for kind, collection in COLLECTIONS.items() if path == f"/v1/{collection}/{{named}}"), "")
    return re.sub(r"\{(\w+)\}", lambda found: IN_PATH.get(found[1]) or id_of(kind, "tried"), path)


def in_path() -> list[tuple[str, Call, dict[str, Any]]]:
    """Every parameter of a path: its address, its call and itself."""
    return [each for each in parameters("get") if each[2]["in"] == "path"]


def headers() -> list[dict[str, Any]]:
    """Every parameter that is a header."""
    return [parameter for _, _, parameter in parameters("post") if parameter["in"] == "header"]


def is_fault_of(answer: httpx.Response, name: str) -> bool:
    """Whether an answer refuses this parameter's value, in a problem document that says so."""
    if answer.status_code != 400:
        return False
    assert answer.headers["content-type"] == "application/problem+json"
    return f"?{name}" in [each["pointer"] for each in answer.json()["errors"]]


@pytest.fixture
async def filled(api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> httpx.AsyncClient:
    """A service that has something at each address."""
    token = await api.post("/v1/tokens", json=TokenAsked.example)
    monkeypatch.setitem(IN_PATH, "token", token.json()["token"]["id"])
    things = [
        cls.example | {"id": id_of(kind, "tried")} | ({"slug": f"tried-{kind}"} if kind in SLUGGED else {})
        for kind, cls in REGISTRATIONS.items()
    ]
    visit = {"id": EVENT, "kind": "visit", "title": "A visit", "occurred": "2019-06", "source": "weekly"}
    answer = await api.post("/v1/events/batch", json=[*posts(), *things, visit])
    assert answer.status_code == 201, answer.text
    return api


@pytest.fixture
def hurried(application: Application, filled: httpx.AsyncClient) -> httpx.AsyncClient:
    """The same, which does not wait for positions that are far ahead."""
    to = application.litestar.state.service
    settings = msgspec.structs.replace(to.settings, visible_wait_seconds=0.01)
    application.litestar.state.service = msgspec.structs.replace(to, settings=settings)
    return filled


async def ask(client: httpx.AsyncClient, path: str, call: Call, *query: tuple[str, str]) -> httpx.Response:
    """The call, with what else it needs: a post is an example of the document's, recorded only when that is tried."""
    where = address(path)
    if "requestBody" not in call:
        needed = [each["name"] for each in call["parameters"] if each["in"] == "query" and each["required"]]
        more = [(name, "0") for name in needed if name != query[0][0]]
        method = "POST" if "201" in call["responses"] else "GET"
        return await client.request(method, where, params=[*query, *more])
    example = next(iter(call["requestBody"]["content"]["application/json"]["examples"].values()))["value"]
    return await client.post(
        where, params=[*query, *([] if query[0][0] == "dry_run" else [("dry_run", "true")])], json=example
    )


async def unheld(client: httpx.AsyncClient, method: str) -> tuple[list[str], int]:
    """Values of queries that are not taken as documented, and how many were tried."""
    found, tried = [], 0
    for path, call, parameter in queried(method):
        name = parameter["name"]
        for case in cases(parameter["schema"]):
            answer = await ask(client, path, call, (name, case.value))
            tried += 1
            if is_fault_of(answer, name) == case.taken or answer.status_code == 500:
                found.append(f"{call['operationId']}?{name}={case.value!r}: {answer.status_code}")
    return found, tried


@pytest.mark.parametrize("method", ["get", "post"])
async def test_a_query_is_held_to_its_documented_limits(hurried: httpx.AsyncClient, method: str) -> None:
    found, tried = await unheld(hurried, method)

    assert found == []
    assert tried > 200


async def test_a_limit_that_is_not_enforced_is_seen(
    hurried: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    wider = msgspec.defstruct("Wider", [("limit", int, 50)], bases=(TimelineParams,), frozen=True, kw_only=True)
    monkeypatch.setattr(timelines, "TimelineParams", wider)

    found, _ = await unheld(hurried, "get")

    assert [each for each in found if "limit='0'" in each or "limit='1001'" in each]


async def test_what_stands_once_is_not_given_twice(filled: httpx.AsyncClient) -> None:
    faults = []
    for path, call, parameter in (*queried("get"), *queried("post")):
        name, value = parameter["name"], next(each.value for each in cases(parameter["schema"]) if each.taken)
        answer = await ask(filled, path, call, (name, value), (name, value))
        if is_fault_of(answer, name) == (parameter["schema"].get("type") == "array"):
            faults.append(f"{call['operationId']}?{name}: {answer.status_code}")

    assert faults == []


async def test_a_path_that_can_name_nothing_is_not_found(filled: httpx.AsyncClient) -> None:
    faults = []
    for path, call, parameter in in_path():
        for case in cases(parameter["schema"]):
            if case.taken or not case.value or "/" in case.value:  # those are other addresses
                continue
            where = path.replace(f"{{{parameter['name']}}}", quote(case.value, safe=""))
            answer = await filled.get(where)
            if (answer.status_code, answer.headers["content-type"]) != (404, "application/problem+json"):
                faults.append(f"{call['operationId']} {case.value!r}: {answer.status_code}")

    assert faults == []


async def test_each_address_with_something_in_it_is_answered(filled: httpx.AsyncClient) -> None:
    answers = {path: (await filled.get(address(path))).status_code for path, _, _ in in_path()}
    weeks = [(await filled.get(f"/v1/weeks/{week}")).status_code for week in ("current", "last", "2019-W23")]
    upper = await filled.get(f"/v1/events/{EVENT.upper()}")

    assert set(answers.values()) == {200}
    assert weeks == [307, 307, 200]
    assert upper.status_code == 200


@pytest.mark.parametrize("length", [80, 81])
async def test_a_slug_of_the_longest_that_is_documented_is_found(filled: httpx.AsyncClient, length: int) -> None:
    slug = "a" * length

    posted = await filled.post("/v1/topics", json={"slug": slug, "name": "Long"})
    read = await filled.get(f"/v1/topics/{slug}")

    assert (posted.status_code, read.status_code) == ((201, 200) if length == 80 else (422, 404))


async def test_a_key_is_held_to_its_documented_form(filled: httpx.AsyncClient) -> None:
    (schema,) = {msgspec.json.encode(each["schema"]).decode() for each in headers()}
    topic = {"slug": "tried-key", "name": "Tried"}
    keys = ['""', '"a"', '"a b"', '"a\\""', '"a"b"', '"a', "a,b", *(each for each in ODD if each.isprintable()), "ä"]
    keys += [f'"{"a" * 255}"', f'"{"a" * 256}"', "a" * 255, "a" * 256]
    faults = []
    for key in keys:
        answer = await filled.post(
            "/v1/topics", params={"dry_run": "true"}, json=topic, headers={b"Idempotency-Key": key.encode()}
        )
        taken = re.search(msgspec.json.decode(schema)["pattern"], key.strip(" ")) is not None
        if answer.status_code != (200 if taken else 400):
            faults.append(f"{key!r}: {answer.status_code}")

    assert faults == []
