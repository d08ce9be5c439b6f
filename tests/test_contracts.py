"""What others depend on: the OpenAPI document, the schema, the examples. Drift is red.

`uv run python -m tests.contracts` writes the generated files anew.
"""

from typing import Any

import httpx
import msgspec
import pytest
from openapi_spec_validator import validate

from tests import contracts
from timeline.importers.libya_week import posts
from timeline.model.edits import EDITS
from timeline.model.kinds import EVENTS
from timeline.model.registry import COLLECTIONS, REGISTRATIONS

TARGET = "01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01"


def test_the_openapi_document_is_the_one_committed() -> None:
    assert contracts.openapi() == contracts.OPENAPI.read_bytes()


def test_the_openapi_document_is_valid() -> None:
    validate(msgspec.json.decode(contracts.openapi()))


def test_every_operation_has_a_name_words_and_problems() -> None:
    paths = msgspec.json.decode(contracts.openapi())["paths"]
    operations = [o for methods in paths.values() for o in methods.values()]

    assert len({o["operationId"] for o in operations}) == len(operations)
    assert all(o["summary"] for o in operations)
    assert all("application/problem+json" in o["responses"]["400"]["content"] for o in operations)


async def test_the_document_is_served_as_committed(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/openapi.json")

    assert answer.content == contracts.OPENAPI.read_bytes()


async def test_the_schema_file_is_what_all_migrations_make(embedded: Any, db: str, fresh_database: str) -> None:
    await contracts.apply(fresh_database, contracts.SCHEMA.read_text(encoding="utf-8"))

    assert await contracts.schema(fresh_database) == await contracts.schema(db)


async def test_the_schema_file_is_the_one_that_would_be_written(db: str) -> None:
    assert await contracts.schema(db) == contracts.SCHEMA.read_text(encoding="utf-8")


@pytest.fixture
async def week(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """A service that holds the sample week, and the event that the examples reply to."""
    answer = await api.post("/v1/events/batch", json=posts())
    assert answer.status_code == 201, answer.text
    visit = {"id": TARGET, "kind": "visit", "title": "A visit", "occurred": "2019-06", "source": "weekly"}
    assert (await api.post("/v1/events", json=visit)).status_code == 201
    survivor = visit | {"id": TARGET[:-1] + "2", "title": "Another"}
    assert (await api.post("/v1/events", json=survivor)).status_code == 201
    return api


async def test_every_example_of_an_event_or_edit_can_be_posted(week: httpx.AsyncClient) -> None:
    order = ["correction", "retraction", "marking", "duplicate", "recall", "erasure"]
    kinds = {**EVENTS, **{kind: EDITS[kind] for kind in order}}

    answers = {kind: await week.post("/v1/events", json=cls.example) for kind, cls in kinds.items()}

    refused = {kind: a.text for kind, a in answers.items() if a.status_code != 201}
    assert set(order) == set(EDITS)
    assert refused == {}


async def test_every_example_of_a_registration_can_be_posted(week: httpx.AsyncClient) -> None:
    for kind, cls in REGISTRATIONS.items():
        fresh = cls.example | ({"slug": f"another-{kind.replace('_', '-')}"} if "slug" in cls.example else {})

        answer = await week.post(f"/v1/{COLLECTIONS[kind]}", json=fresh)

        assert answer.status_code == 201, (kind, answer.text)


async def test_kinds_lists_every_kind_with_its_example(anonymous: httpx.AsyncClient) -> None:
    kinds = {each["kind"]: each for each in (await anonymous.get("/v1/kinds")).json()["kinds"]}

    assert set(kinds) == {*EVENTS, *EDITS, *REGISTRATIONS}
    assert all(each["description"] and each["example"]["kind"] == kind for kind, each in kinds.items())
    assert kinds["denial"]["takes"] == "deny"
    assert kinds["visit"]["roles"][0] == "actor"
