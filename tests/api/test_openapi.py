"""The OpenAPI document keeps the rules that readers, validators and generators of clients rely on."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import msgspec
import pytest

from tests import contracts
from timeline.api.events import Posted
from timeline.api.query import RegistryParams, TimelineParams, WeekParams
from timeline.model.edits import EDITS
from timeline.model.kinds import EVENTS
from timeline.model.registry import COLLECTIONS, REGISTRATIONS

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
OPEN = {
    "BatchLine": "each line is read by itself as its kind, so that one that does not fit is refused alone",
}
"""Objects of a body that take fields which they do not list, and why."""
OF_READS, OF_POSTS = (
    {"400", "401", "406", "429", "503"},
    {"400", "401", "403", "409", "413", "415", "422", "429", "503"},
)
OF_TOKENS = {"400", "401", "403", "429", "503"}

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Document:
    """The document as it is served."""
    found: Document = msgspec.json.decode(contracts.openapi())
    return found


def parts(value: Any, at: str = "#") -> Iterator[tuple[str, Any]]:
    """Every object inside, with its place."""
    if isinstance(value, dict):
        yield at, value
        for name, each in value.items():
            yield from parts(each, f"{at}/{name}")
    elif isinstance(value, list):
        for i, each in enumerate(value):
            yield from parts(each, f"{at}/{i}")


def calls(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Every operation with its address and method."""
    for path, methods in document["paths"].items():
        yield from ((path, method, operation) for method, operation in methods.items())


def named(document: Document, schema: Document) -> Document:
    """The component that a schema refers to, or the schema itself."""
    found: Document = document["components"]["schemas"].get(schema.get("$ref", "").rsplit("/", 1)[-1], schema)
    return found


def unions_without_a_tag(document: Document) -> list[str]:
    """Unions of kinds that a reader could not tell apart by `kind` alone."""
    faults = []
    for at, part in parts(document):
        members = [named(document, each) for each in part.get("oneOf", part.get("anyOf", [])) if isinstance(each, dict)]
        if sum("kind" in each.get("properties", {}) for each in members) < 2:
            continue
        tags = {each["properties"]["kind"].get("const") for each in members}
        told = part.get("discriminator", {})
        if "oneOf" not in part or told.get("propertyName") != "kind" or set(told["mapping"]) != tags:
            faults.append(at)
    return faults


def open_objects(document: Document) -> list[str]:
    """Objects of a body that take fields which they do not list, other than those that shall."""
    bodies = {at: each["requestBody"] for at, _, each in calls(document) if "requestBody" in each}
    faults, left, seen = [], list(parts(bodies)), set()
    while left:
        at, part = left.pop()
        name = str(part.get("$ref", "")).rsplit("/", 1)[-1]
        if name and name not in seen:
            seen.add(name)
            left += parts(document["components"]["schemas"][name], name)
        place = at.replace("/properties/", ".")
        closed = part.get("additionalProperties", True) is not True or "propertyNames" in part
        if part.get("type") == "object" and not closed and place not in OPEN:
            faults.append(place)
    return faults


def wordless(document: Document) -> list[str]:
    """Schemas, properties, parameters, calls and answers that nothing is said of."""
    schemas = document["components"]["schemas"]
    faults = [name for name, each in schemas.items() if not each.get("description")]
    for name, each in schemas.items():
        faults += [
            f"{name}.{p}" for p, v in each.get("properties", {}).items() if not named(document, v).get("description")
        ]
    for path, method, call in calls(document):
        faults += [f"{method} {path}"] if not call.get("summary") else []
        faults += [f"{method} {path} {p['name']}" for p in call["parameters"] if not p.get("description")]
        faults += [f"{method} {path} {s}" for s, answer in call["responses"].items() if not answer.get("description")]
    return faults


def untold_problems(document: Document) -> list[str]:
    """Calls that do not tell of a problem that each of their sort may answer with, or not as a problem document."""
    faults = []
    for path, method, call in calls(document):
        refused = {status: each for status, each in call["responses"].items() if status >= "400"}
        wanted = OF_POSTS if method == "post" else OF_READS if path.startswith("/v1/") else {"400"}
        if path.startswith("/v1/tokens"):
            wanted = OF_TOKENS
        if call.get("security") == []:
            wanted = wanted - {"401", "429", "503"}
        if path.endswith("}"):
            wanted = wanted | {"404"}
        faults += [f"{method} {path}: {status}" for status in sorted(wanted - set(refused))]
        faults += [
            f"{method} {path}: {status} is no problem document"
            for status, each in refused.items()
            if each["content"] != PROBLEM and (path, status) != ("/health/ready", "503")  # it says how it is, also then
        ]
    return faults


def test_every_union_of_kinds_is_told_apart_by_its_tag(document: Document) -> None:
    assert unions_without_a_tag(document) == []
    assert "oneOf" in document["paths"]["/v1/events"]["post"]["requestBody"]["content"]["application/json"]["schema"]


def test_every_object_of_a_body_takes_only_the_fields_it_lists(document: Document) -> None:
    assert open_objects(document) == []


def test_nothing_is_without_words(document: Document) -> None:
    assert wordless(document) == []


def test_every_call_tells_of_its_problems(document: Document) -> None:
    assert untold_problems(document) == []


def test_every_operation_id_is_of_one_call(document: Document) -> None:
    ids = [call["operationId"] for _, _, call in calls(document)]

    assert len(ids) == len(set(ids))


def test_every_kind_has_an_example_where_it_is_posted(document: Document) -> None:
    posts = {path: call for path, method, call in calls(document) if method == "post" and "tokens" not in path}
    events = posts.pop("/v1/events")["requestBody"]["content"]["application/json"]["examples"]
    batch = posts.pop("/v1/events/batch")["requestBody"]["content"]["application/json"]["examples"]

    assert set(events) == {*EVENTS, *EDITS}
    assert list(batch) == ["batch"]
    assert {
        path: list(each["requestBody"]["content"]["application/json"]["examples"]) for path, each in posts.items()
    } == {f"/v1/{COLLECTIONS[kind]}": [kind] for kind in REGISTRATIONS}


def test_what_is_decoded_is_what_is_described(document: Document) -> None:
    told = document["paths"]["/v1/events"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    kinds = {cls.kind_of(): cls.__name__ for cls in Posted.__args__}

    assert told["discriminator"]["mapping"] == {
        kind: f"#/components/schemas/{name}" for kind, name in sorted(kinds.items())
    }


async def test_an_address_that_is_only_posted_to_says_so(api: httpx.AsyncClient, document: Document) -> None:
    answer = await api.get("/v1/events/batch")

    assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, POST")
    assert "405" in document["paths"]["/v1/events/{event}"]["get"]["responses"]


def _drops(*path: str) -> Callable[[Document], None]:
    def drop(document: Document) -> None:
        *way, last = path
        for step in way:
            document = document[step]
        del document[last]

    return drop


POSTED = ("paths", "/v1/events", "post", "requestBody", "content", "application/json", "schema")


@pytest.mark.parametrize(
    ("rule", "drop"),
    [
        (unions_without_a_tag, _drops(*POSTED, "discriminator")),
        (unions_without_a_tag, _drops(*POSTED, "discriminator", "mapping", "denial")),
        (unions_without_a_tag, _drops("components", "schemas", "Correction", "properties", "event", "discriminator")),
        (open_objects, _drops("components", "schemas", "Quote", "additionalProperties")),
        (open_objects, _drops("components", "schemas", "Topic", "additionalProperties")),
        (wordless, _drops("components", "schemas", "Entry", "properties", "rule", "description")),
        (wordless, _drops("components", "schemas", "Visit", "description")),
        (untold_problems, _drops("paths", "/v1/events", "post", "responses", "409")),
        (untold_problems, _drops("paths", "/v1/changes", "get", "responses", "503")),
        (
            untold_problems,
            _drops("paths", "/v1/weeks/{week}", "get", "responses", "404", "content", "application/problem+json"),
        ),
    ],
)
def test_each_rule_can_fail(
    rule: Callable[[Document], list[str]], drop: Callable[[Document], None], document: Document
) -> None:
    broken = copy.deepcopy(document)

    drop(broken)

    assert rule(broken)


def test_no_pattern_takes_one_more_line_feed() -> None:
    """Python's `$` would; the document's, which is ECMA 262's, does not."""
    wanted = [Posted, *REGISTRATIONS.values(), TimelineParams, WeekParams, RegistryParams]

    patterns = {part["pattern"] for _, part in parts(list(msgspec.json.schema_components(wanted))) if "pattern" in part}

    assert len(patterns) > 10
    assert [each for each in patterns if not each.endswith(r"\Z")] == []


async def test_a_line_feed_after_a_name_is_refused(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/topics", json={"slug": "libya\n", "name": "Libya\n", "external_ids": {"gnd\n": "1\n"}})

    assert answer.status_code == 422
    assert {each["pointer"] for each in answer.json()["errors"]} == {"#/slug", "#/name", "#/external_ids/gnd%0A"}
