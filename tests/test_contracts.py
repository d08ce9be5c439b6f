"""What others depend on: the OpenAPI document, the schema, the examples. Drift is red.

`uv run python -m tests.contracts` writes the generated files anew.
"""

import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it comes without types
from openapi_spec_validator import validate

from tests import contracts
from timeline.api.batch import Batch
from timeline.importers.libya_week import posts
from timeline.model.codec import Payload, read_payload
from timeline.model.edits import EDITS
from timeline.model.kinds import EVENTS
from timeline.model.record import Line, Record
from timeline.model.registry import COLLECTIONS, REGISTRATIONS, Registration
from timeline.model.tokens import ACCESS

TARGET = "01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01"
FOLDER = contracts.SCHEMA.parent
EXAMPLE = {"kind": "arrest", "charge": "theft"}


class Arrest(Record, frozen=True, kw_only=True, tag="arrest"):
    """A kind as it is published."""

    example = EXAMPLE
    charge: Line | None = None


class Changed(Record, frozen=True, kw_only=True, tag="arrest"):
    """The same kind, of another form under the same shape."""

    example = EXAMPLE
    charge: Line | None = None
    warrant: Line | None = None


class Anew(Record, frozen=True, kw_only=True, tag="arrest"):
    """The other form, under a shape of its own."""

    example = EXAMPLE
    shape = 2
    charge: Line | None = None
    warrant: Line | None = None


class Reworded(Record, frozen=True, kw_only=True, tag="arrest"):
    """The same form in better words."""

    example = {"kind": "arrest"}
    charge: Line | None = None
    """What for."""


def test_the_openapi_document_is_the_one_committed() -> None:
    assert contracts.openapi() == contracts.OPENAPI.read_bytes()


def test_the_openapi_document_is_valid() -> None:
    validate(msgspec.json.decode(contracts.openapi()))


def test_an_operation_that_was_published_is_still_there_under_its_name() -> None:
    offered = list(contracts.operations(msgspec.json.decode(contracts.openapi())))

    assert sorted(offered) == sorted(contracts.listed_operations())


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


def test_each_kind_has_its_published_schema() -> None:
    assert [n for n, cls in contracts.KINDS.items() if not contracts.is_as_published(FOLDER, cls)] == []


def test_each_version_of_a_kind_is_kept() -> None:
    versions = {f"{n}.v{shape}.json" for n, cls in contracts.KINDS.items() for shape in range(1, cls.shape + 1)}

    assert versions <= set(contracts.published(FOLDER))


def test_a_published_schema_is_byte_for_byte_what_was_published() -> None:
    there = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in FOLDER.glob("*.v*.json")}

    assert there == contracts.published(FOLDER)


def test_a_changed_form_is_not_published_under_its_old_version(tmp_path: Path) -> None:
    contracts.publish(tmp_path, [Arrest])
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    with pytest.raises(contracts.Published, match=r"arrest\.v1\.json: published"):
        contracts.publish(tmp_path, [Changed])

    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_new_shape_is_published_beside_the_old(tmp_path: Path) -> None:
    contracts.publish(tmp_path, [Arrest])
    before = (tmp_path / "arrest.v1.json").read_bytes()

    contracts.publish(tmp_path, [Anew])

    assert (tmp_path / "arrest.v1.json").read_bytes() == before
    assert list(contracts.published(tmp_path)) == ["arrest.v1.json", "arrest.v2.json"]
    assert b"warrant" in (tmp_path / "arrest.v2.json").read_bytes()


def test_words_alone_leave_a_published_schema_as_it_is(tmp_path: Path) -> None:
    contracts.publish(tmp_path, [Arrest])
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    contracts.publish(tmp_path, [Reworded])

    assert contracts.kind_schema(Reworded) != before["arrest.v1.json"]
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("kind", contracts.KINDS)
def test_a_kinds_schema_takes_its_example_and_nothing_beside_it(kind: str) -> None:
    cls = contracts.KINDS[kind]
    schema = schema_of(kind, cls.shape)
    judge = Draft202012Validator(schema)
    wrong = {"surprise": 1}

    Draft202012Validator.check_schema(schema)
    assert list(judge.iter_errors(cls.example)) == []
    assert not judge.is_valid(cls.example | {"surprise": 1})
    assert not judge.is_valid(cls.example | {"kind": "surprise"})
    assert not judge.is_valid({name: each for name, each in cls.example.items() if name != "kind"})
    assert [name for name in schema["properties"] if judge.is_valid(cls.example | {name: wrong})] == []


@pytest.mark.parametrize("kind", contracts.KINDS)
def test_a_kinds_schema_stands_by_itself(kind: str) -> None:
    schema = schema_of(kind, contracts.KINDS[kind].shape)
    named = set(re.findall(r'"\$ref":"([^"]+)"', msgspec.json.encode(schema).decode()))

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert (schema["$id"], schema["title"]) == (f"{kind}.v{contracts.KINDS[kind].shape}.json", kind)
    assert schema["description"]
    assert schema["additionalProperties"] is False
    assert named == {f"#/$defs/{name}" for name in schema.get("$defs", {})}


async def test_what_the_log_holds_fits_the_schema_of_its_kind_and_shape(week: httpx.AsyncClient, db: str) -> None:
    for kind, registration in REGISTRATIONS.items():
        assert (await week.post(f"/v1/{COLLECTIONS[kind]}", json=_fresh(registration))).status_code == 201, kind
    for kind, event in EVENTS.items():
        assert (await week.post("/v1/events", json=event.example)).status_code == 201, kind

    held = [stored async for stored in _payloads(db)]

    assert {each.kind for each in held} == {*EVENTS, *REGISTRATIONS}
    assert [faults for each in held if (faults := _faults(each))] == []


async def test_every_example_of_an_event_or_edit_can_be_posted(week: httpx.AsyncClient) -> None:
    order = ["correction", "retraction", "marking", "distinct", "duplicate", "recall", "erasure"]
    kinds = {**EVENTS, **{kind: EDITS[kind] for kind in order}}

    answers = {kind: await week.post("/v1/events", json=cls.example) for kind, cls in kinds.items()}

    refused = {kind: a.text for kind, a in answers.items() if a.status_code != 201}
    assert set(order) == set(EDITS)
    assert refused == {}


async def test_every_example_of_a_registration_can_be_posted(week: httpx.AsyncClient) -> None:
    for kind, cls in REGISTRATIONS.items():
        answer = await week.post(f"/v1/{COLLECTIONS[kind]}", json=_fresh(cls))

        assert answer.status_code == 201, (kind, answer.text)


async def test_the_example_of_a_batch_can_be_posted(week: httpx.AsyncClient) -> None:
    answer = await week.post("/v1/events/batch", json=Batch.example)

    assert answer.status_code == 201, answer.text


def _fresh(cls: type[Registration]) -> dict[str, Any]:
    """The example, under a slug of its own where it has one: the week registers some of them already."""
    return cls.example | ({"slug": f"another-{cls.kind_of().replace('_', '-')}"} if "slug" in cls.example else {})


def schema_of(kind: str, shape: int) -> dict[str, Any]:
    """A committed schema."""
    found: dict[str, Any] = msgspec.json.decode((FOLDER / f"{kind}.v{shape}.json").read_bytes())
    return found


async def _payloads(dsn: str) -> AsyncIterator[Payload]:
    connection = await asyncpg.connect(dsn)
    try:
        for row in await connection.fetch("SELECT bytes FROM timeline.payload ORDER BY position"):
            yield read_payload(row["bytes"])
    finally:
        await connection.close()


def _faults(stored: Payload) -> list[str]:
    judge = Draft202012Validator(schema_of(stored.kind, stored.shape))
    return [f"{stored.kind}: {each.message}" for each in judge.iter_errors({"kind": stored.kind, **stored.body})]


async def test_kinds_lists_every_kind_with_its_example(anonymous: httpx.AsyncClient) -> None:
    kinds = {each["kind"]: each for each in (await anonymous.get("/v1/kinds")).json()["kinds"]}

    assert set(kinds) == {*EVENTS, *EDITS, *REGISTRATIONS, *ACCESS}
    assert all(each["description"] and each["example"]["kind"] == kind for kind, each in kinds.items())
    assert kinds["denial"]["takes"] == "deny"
    assert kinds["visit"]["roles"][0] == "actor"
