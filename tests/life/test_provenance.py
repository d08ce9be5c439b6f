"""Where an event comes from, in W3C PROV: as another library reads it, and within the constraints of the standard."""

import json
from typing import Any

import httpx
import pytest_asyncio
from prov.model import ProvDocument

from tests.api.test_posting import posted
from timeline.importers.libya_week import id_of, posts

MEETING = id_of("event", "E03")
PREFIX = "urn:uuid:"


@pytest_asyncio.fixture
async def week(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """The owner's client, of a service that holds the sample week."""
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    return api


async def document(client: httpx.AsyncClient, event: str, **asked: Any) -> dict[str, Any]:
    answer = await client.get(f"/v1/events/{event}/provenance", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    within_constraints(found)
    return found


def within_constraints(found: dict[str, Any]) -> None:
    """Fails on what PROV-CONSTRAINTS forbids of statements like ours, and where the `prov` library reads another."""
    read = ProvDocument.deserialize(content=json.dumps(found), format="json")
    assert {str(each.identifier) for each in read.get_records() if each.identifier and ":" in str(each.identifier)} >= {
        *found["entity"], *found["activity"], *found["agent"]
    }  # fmt: skip
    kinds = {kind: set(found[kind]) for kind in ("entity", "activity", "agent")}
    assert not kinds["entity"] & kinds["activity"]  # constraint 55
    assert not kinds["activity"] & kinds["agent"]
    ends = {
        "entity": "entity",
        "generatedEntity": "entity",
        "usedEntity": "entity",
        "activity": "activity",
        "agent": "agent",
    }
    relations = [each for kind, told in found.items() if kind not in (*kinds, "prefix") for each in told.values()]
    for relation in relations:  # constraint 50: each end is of its type
        assert all(relation[f"prov:{end}"] in kinds[kind] for end, kind in ends.items() if f"prov:{end}" in relation)
    for told in found["wasGeneratedBy"].values():  # constraints 30 and 34: generated within the activity, by one alone
        activity = found["activity"][told["prov:activity"]]
        assert activity["prov:startTime"] <= told["prov:time"] <= activity["prov:endTime"]
    generated = [each["prov:entity"] for each in found["wasGeneratedBy"].values()]
    assert len(set(generated)) == len(generated)
    derived = {(e["prov:generatedEntity"], e["prov:usedEntity"]) for e in found["wasDerivedFrom"].values()}
    assert not acyclic_fault(derived)  # constraint 52: nothing is derived from itself


def acyclic_fault(pairs: set[tuple[str, str]]) -> bool:
    left = set(pairs)
    while free := {pair for pair in left if pair[1] not in {other for other, _ in left}}:
        left -= free
    return bool(left)


async def test_a_meeting_leads_to_the_words_it_rests_on_and_to_who_denied_it(week: httpx.AsyncClient) -> None:
    found = await document(week, MEETING)

    names = {each: told.get("prov:label") for each, told in (found["agent"] | found["entity"]).items()}
    event = f"uuid:{MEETING}"
    rests = [
        each["prov:usedEntity"] for each in found["wasDerivedFrom"].values() if each["prov:generatedEntity"] == event
    ]
    bears = [each["prov:influencer"] for each in found["wasInfluencedBy"].values()]
    whose = {each["prov:entity"]: names[each["prov:agent"]] for each in found["wasAttributedTo"].values()}
    assert found["entity"][event]["tl:standing"] == "denied"
    assert [whose[each] for each in rests] == ["Pro-Haftar media"]
    assert "Russian officials" in [whose[each] for each in bears]


async def test_a_quote_leads_to_its_words_in_the_document(week: httpx.AsyncClient) -> None:
    quote = {"text": "they never met", "lang": "en", "start": 386, "end": 400}
    denial = {"kind": "denial", "of": [MEETING], "source": "white-house", "occurred": "2019-06-08"}
    await posted(week, "/v1/events", denial | {"quote": quote, "document": "https://example.org/briefing"})

    found = await document(week, MEETING)

    quoted = next(each for each in found["entity"].values() if "oa:exact" in each)
    read_in = next(each for each in found["entity"].values() if "prov:atLocation" in each and "briefing" in str(each))
    assert (quoted["oa:exact"], quoted["oa:start"], quoted["oa:end"]) == ("they never met", 386, 400)
    assert read_in["prov:atLocation"] == "https://example.org/briefing"
    assert {each.get("prov:type", {}).get("$") for each in found["wasDerivedFrom"].values()} == {None, "prov:Quotation"}


async def test_every_voice_has_who_recorded_it_and_when(week: httpx.AsyncClient) -> None:
    found = await document(week, MEETING)

    voices = (await week.get(f"/v1/events/{MEETING}")).json()["voices"]
    assert len(found["wasGeneratedBy"]) == len(voices) == len(found["activity"]) == len(found["wasAssociatedWith"])


async def test_an_edit_bears_on_it(week: httpx.AsyncClient) -> None:
    before = await document(week, MEETING)
    marking = {"kind": "marking", "subject": MEETING, "marking": "green", "reason": "Partners alone."}
    await posted(week, "/v1/events", marking)

    after = await document(week, MEETING)

    assert len(after["activity"]) == len(before["activity"]) + 1
    assert await document(week, MEETING, as_of=str(len(posts()))) == before


async def test_what_may_not_be_seen_is_no_part_of_it(week: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    before = await document(anonymous, MEETING)
    hidden = {"kind": "denial", "of": [MEETING], "source": "white-house", "occurred": "2019-06-08", "title": "Never"}
    await posted(week, "/v1/events", hidden)

    assert await document(anonymous, MEETING) == before
    assert len((await document(week, MEETING))["wasInfluencedBy"]) == len(before["wasInfluencedBy"]) + 1


async def test_what_is_not_there_is_404_and_other_formats_are_refused(week: httpx.AsyncClient) -> None:
    missing = await week.get(f"/v1/events/{id_of('event', 'none')}/provenance")
    other = await week.get(f"/v1/events/{MEETING}/provenance.csv")

    assert (missing.status_code, other.status_code) == (404, 406)
    assert ".json" in other.json()["detail"]
