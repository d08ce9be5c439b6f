"""What an analyst may rely on when posting."""

import asyncio
from typing import Any

import httpx

VISIT = {"kind": "visit", "title": "Haftar travels to Moscow", "occurred": "early June 2019", "source": "paper"}
PAPER = {"slug": "paper", "name": "A Paper", "reliability": "B", "marking": "clear"}


async def posted(api: httpx.AsyncClient, path: str, body: dict[str, Any], **query: Any) -> dict[str, Any]:
    answer = await api.post(path, json=body, params=query)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_first_post_needs_four_fields_and_shows_what_was_filled_in(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)

    receipt = await posted(api, "/v1/events", VISIT)

    assert receipt["position"] == 2
    assert receipt["visible"] is True
    filled = receipt["filled_in"]
    assert (filled["marking"], filled["modality"], filled["credibility"]) == ("amber", "reported", 6)
    assert (filled["occurred"]["earliest"], filled["occurred"]["latest"]) == ("2019-06-01", "2019-06-10")
    assert filled["said_assumed"] is True


async def test_a_post_is_read_back_by_the_next_get(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    receipt = await posted(api, "/v1/events", VISIT)

    event = (await api.get(f"/v1/events/{receipt['id']}")).json()

    assert (event["title"], event["standing"], event["rule"]) == ("Haftar travels to Moscow", "reported", "R7")
    assert event["occurred"]["words"] == "early June 2019"
    assert [voice["side"] for voice in event["voices"]] == ["assert"]


async def test_a_repeat_gets_the_first_receipt(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    body = VISIT | {"id": "01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01"}
    first = await posted(api, "/v1/events", body)

    again = await posted(api, "/v1/events", body)

    assert again == first


async def test_the_same_id_with_other_content_is_409(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    body = VISIT | {"id": "01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01"}
    await posted(api, "/v1/events", body)

    answer = await api.post("/v1/events", json=body | {"title": "Another"})

    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/id-taken")


async def test_an_idempotency_key_makes_one_record(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    headers = {"Idempotency-Key": '"desk-7"'}

    answers = await asyncio.gather(*(api.post("/v1/events", json=VISIT, headers=headers) for _ in range(8)))
    other = await api.post("/v1/events", json=VISIT | {"title": "Another"}, headers=headers)

    assert {a.status_code for a in answers} == {201}
    assert len({a.json()["position"] for a in answers}) == 1
    assert (other.status_code, other.json()["type"]) == (422, "/problems/key-reused")


async def test_every_fault_of_a_body_is_told(api: httpx.AsyncClient) -> None:
    body = {
        "kind": "visit",
        "titel": "x",
        "occurred": 7,
        "modality": "sworn",
        "participants": [{"actor": "a", "role": "denier"}],
    }

    answer = await api.post("/v1/events", json=body)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    pointers = {fault["pointer"] for fault in answer.json()["errors"]}
    assert pointers >= {"#/titel", "#/title", "#/occurred", "#/source", "#/modality", "#/participants/0/role"}


async def test_an_unknown_reference_is_named_with_where_it_stands(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/events", json=VISIT | {"participants": ["nobody"], "topics": ["nothing"]})

    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, "/problems/unknown-reference")
    assert {f["pointer"] for f in problem["errors"]} == {"#/participants/0", "#/topics/0", "#/source"}


async def test_an_ambiguous_name_is_answered_with_the_candidates(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    for slug in ("smith-a", "smith-b"):
        await posted(api, "/v1/actors", {"slug": slug, "name": "John Smith"})

    answer = await api.post("/v1/events", json=VISIT | {"participants": ["john  SMITH"]})

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/ambiguous-reference")
    assert "smith-a" in answer.json()["errors"][0]["found"]
    assert "smith-b" in answer.json()["errors"][0]["found"]


async def test_what_is_missing_may_be_proposed(api: httpx.AsyncClient) -> None:
    receipt = await posted(
        api, "/v1/events", VISIT | {"participants": ["General Nobody"], "source": "The Daily"}, on_missing="propose"
    )

    actor = (await api.get("/v1/actors/general-nobody")).json()
    source = (await api.get("/v1/sources/the-daily")).json()
    assert {each["kind"] for each in receipt["filled_in"]["proposed"]} == {"actor", "source"}
    assert actor["body"]["proposed"] is True
    assert source["name"] == "The Daily"


async def test_many_may_propose_the_same_name_at_once(api: httpx.AsyncClient) -> None:
    body = VISIT | {"source": "The Daily"}

    answers = await asyncio.gather(
        *(api.post("/v1/events", json=body, params={"on_missing": "propose"}) for _ in range(8))
    )

    assert [a.status_code for a in answers] == [201] * 8
    assert len((await api.get("/v1/sources")).json()["items"]) == 1


async def test_a_url_whose_document_was_erased_may_be_cited_again(api: httpx.AsyncClient) -> None:
    body = {"kind": "visit", "title": "A visit", "occurred": "2019-06-03", "source": "unattributed"}
    cited = body | {"document": "https://example.org/erased", "marking": "clear"}
    await api.post("/v1/sources", json={"slug": "unattributed", "name": "Unattributed", "named": False})
    first = await api.post("/v1/events", json=cited)
    (document,) = (await api.get("/v1/documents")).json()["items"]
    erasure = {"kind": "erasure", "subject": document["id"], "reason": "Care.", "authority": "An officer"}
    assert (await api.post("/v1/events", json=erasure)).status_code == 201

    again = await api.post("/v1/events", json=cited | {"title": "Another visit"})

    assert (first.status_code, again.status_code) == (201, 201), again.text
    (anew,) = (await api.get("/v1/documents")).json()["items"]
    assert (anew["body"]["url"], anew["id"] == document["id"]) == ("https://example.org/erased", False)


async def test_a_url_registers_a_document_once(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)

    for _ in range(2):
        await posted(api, "/v1/events", VISIT | {"document": "https://example.org/story?a=1"})

    documents = (await api.get("/v1/documents")).json()["items"]
    assert [d["body"]["url"] for d in documents] == ["https://example.org/story?a=1"]


async def test_a_reply_to_an_unknown_event_is_refused(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)

    answer = await api.post(
        "/v1/events",
        json={"kind": "denial", "of": ["01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01"], "source": "paper", "occurred": "2019"},
    )

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unknown-reference")


async def test_a_date_that_cannot_be_read_is_a_fault_with_examples(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)

    answer = await api.post("/v1/events", json=VISIT | {"occurred": "when the moon was blue"})

    fault = answer.json()["errors"][0]
    assert (answer.status_code, fault["pointer"]) == (422, "#/occurred")
    assert "EDTF" in fault["expected"]


async def test_a_dry_run_shows_what_would_change_and_records_nothing(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    visit = await posted(api, "/v1/events", VISIT | {"said": "2019-06-10"})
    denial = {"kind": "denial", "of": [visit["id"]], "source": "paper", "occurred": "2019-06-12", "modality": "stated"}

    answer = await api.post("/v1/events", json=denial, params={"dry_run": True})

    changes = {each["id"]: each for each in answer.json()["would_change"]}
    assert answer.status_code == 200
    assert (changes[visit["id"]]["standing_before"], changes[visit["id"]]["standing"]) == ("reported", "withdrawn")
    assert (await api.get("/v1/changes")).json()["next"] == 2


async def test_a_registration_names_the_revision_it_replaces(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/actors", {"slug": "haftar", "name": "Haftar"})

    taken = await api.post("/v1/actors", json={"slug": "haftar", "name": "Khalifa Haftar"})
    changed = await api.post("/v1/actors", json={"slug": "haftar", "name": "Khalifa Haftar", "revision": 1})
    repeated = await api.post("/v1/actors", json={"slug": "haftar", "name": "Khalifa Haftar", "revision": 1})
    stale = await api.post("/v1/actors", json={"slug": "haftar", "name": "Marshal Haftar", "revision": 1})

    assert (taken.status_code, taken.json()["type"], taken.json()["revision"]) == (409, "/problems/slug-taken", 1)
    assert (changed.status_code, changed.json()["revision"]) == (201, 2)
    assert repeated.json() == changed.json()
    assert (stale.status_code, stale.json()["revision"]) == (409, 2)


async def test_a_correction_names_the_revision_it_replaces(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    visit = await posted(api, "/v1/events", VISIT)
    correction = {
        "kind": "correction",
        "subject": visit["id"],
        "revision": 1,
        "ground": "new_evidence",
        "reason": "dated now",
        "event": VISIT | {"occurred": "2019-05-30/2019-05-31"},
    }

    first = await api.post("/v1/events", json=correction)
    second = await api.post("/v1/events", json=correction | {"reason": "again"})

    event = (await api.get(f"/v1/events/{visit['id']}")).json()
    assert (first.status_code, second.status_code, second.json()["revision"]) == (201, 409, 2)
    assert (event["revision"], event["occurred"]["week"]) == (2, "2019-W22")


async def test_a_source_takes_back_its_voice(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    visit = await posted(api, "/v1/events", VISIT)

    await posted(api, "/v1/events", {"kind": "retraction", "subject": visit["id"], "reason": "withdrawn by the paper"})

    assert (await api.get(f"/v1/events/{visit['id']}")).json()["standing"] == "withdrawn"


async def test_a_recalled_record_leaves_the_timelines(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    visit = await posted(api, "/v1/events", VISIT)

    await posted(api, "/v1/events", {"kind": "recall", "subject": visit["id"], "reason": "typed into the wrong case"})

    assert (await api.get("/v1/timelines/all")).json()["entries"] == []
    assert (await api.get(f"/v1/events/{visit['id']}")).status_code == 410


async def test_a_duplicate_leads_to_its_survivor_which_hears_its_voice(api: httpx.AsyncClient) -> None:
    for slug in ("paper", "other"):
        await posted(api, "/v1/sources", PAPER | {"slug": slug, "name": slug})
    one = await posted(api, "/v1/events", VISIT | {"modality": "stated"})
    two = await posted(api, "/v1/events", VISIT | {"modality": "stated", "source": "other"})

    merge = {"kind": "duplicate", "subject": two["id"], "survivor": one["id"], "reason": "the same"}
    await posted(api, "/v1/events", merge)

    moved = await api.get(f"/v1/events/{two['id']}")
    assert (moved.status_code, moved.headers["location"]) == (308, f"/v1/events/{one['id']}")
    assert (await api.get(f"/v1/events/{one['id']}")).json()["standing"] == "corroborated"


async def test_32_callers_of_one_revision_have_one_winner(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/actors", {"slug": "haftar", "name": "Haftar"})

    answers = await asyncio.gather(
        *(api.post("/v1/actors", json={"slug": "haftar", "name": f"Haftar {n}", "revision": 1}) for n in range(32))
    )

    codes = sorted(a.status_code for a in answers)
    assert codes == [201] + [409] * 31
    assert {a.json()["revision"] for a in answers} == {2}


async def test_a_registration_under_an_idempotency_key_can_be_repeated(api: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": '"desk-8"'}

    first, again = [await api.post("/v1/actors", json={"slug": "x", "name": "X"}, headers=headers) for _ in range(2)]

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"


async def test_a_reply_without_a_title_is_named_as_it_will_be_shown(api: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", PAPER)
    visit = await posted(api, "/v1/events", VISIT)

    receipt = await posted(
        api, "/v1/events", {"kind": "denial", "of": [visit["id"]], "source": "paper", "occurred": "7 June 2019"}
    )

    shown = (await api.get(f"/v1/events/{receipt['id']}")).json()
    assert receipt["filled_in"]["title"] == shown["title"] == "Denial by A Paper"


async def test_the_first_page_is_the_contract(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/")).content == (await anonymous.get("/docs")).content
