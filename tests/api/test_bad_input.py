"""Whatever is sent: a problem document that names each fault, never a 5xx, never half a write."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.test_posting import PAPER, VISIT, posted
from tests.checks import check_log
from timeline.app import Application

JSON = {"Content-Type": "application/json"}
UNKNOWN = "01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01"
NOT_JSON: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \n ",
    "cut short": b'{"kind": "visit", "title":',
    "two documents": json.dumps(VISIT).encode() * 2,
    "not UTF-8": b'{"kind": "visit", "title": "\xff"}',
    "a surrogate as bytes": b'{"kind": "visit", "title": "\xed\xa0\x80"}',
    "UTF-16": json.dumps(VISIT).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(VISIT).encode(),
    "NaN": b'{"kind": "visit", "title": NaN}',
    "Infinity": b'{"kind": "visit", "title": -Infinity}',
    "1e400": b'{"kind": "visit", "credibility": 1e400}',
    "an integer of 5,000 digits": b'{"kind": "visit", "credibility": ' + b"9" * 5_000 + b"}",
    "100,000 levels of lists": b"[" * 100_000 + b"]" * 100_000,
    "100,000 levels of objects": b'{"a":' * 100_000,
    "500 levels": b'{"kind": "visit", "title":' + b"[" * 500 + b"]" * 500 + b"}",
    "a field twice": b'{"kind": "visit", "title": "a", "title": "b", "occurred": "2019", "source": "paper"}',
    "an inner field twice": b'{"kind": "visit", "occurred": {"edtf": "2019", "edtf": "2020"}}',
}
DENIAL = {"kind": "denial", "of": [UNKNOWN], "source": "paper", "occurred": "2019-06-07"}
CORRECTION = {"kind": "correction", "subject": UNKNOWN, "revision": 1, "ground": "our_error", "reason": "r"}
WRONG: dict[str, tuple[dict[str, Any], set[str]]] = {
    "a number as title": (VISIT | {"title": 1}, {"#/title"}),
    "a huge number as title": (VISIT | {"title": 10**300}, {"#/title"}),
    "no title": ({k: v for k, v in VISIT.items() if k != "title"}, {"#/title"}),
    "an empty title": (VISIT | {"title": ""}, {"#/title"}),
    "a blank title": (VISIT | {"title": "  "}, {"#/title"}),
    "a long title": (VISIT | {"title": "x" * 301}, {"#/title"}),
    "two lines as title": (VISIT | {"title": "a\nb"}, {"#/title"}),
    "NUL": (VISIT | {"title": "a\0b"}, {"#/title"}),
    "a bell": (VISIT | {"summary": "a\x07"}, {"#/summary"}),
    "DEL": (VISIT | {"title": "a\x7f"}, {"#/title"}),
    "NUL in a source": (VISIT | {"source": "pa\0per"}, {"#/source"}),
    "NUL in a date": (VISIT | {"occurred": "2019\0"}, {"#/occurred"}),
    "a lone surrogate": (VISIT | {"title": "\ud800"}, {"#/title"}),
    "a lone surrogate in a source": (VISIT | {"source": "\udfff"}, {"#/source"}),
    "a lone surrogate in a date": (VISIT | {"occurred": "\ud800"}, {"#/occurred"}),
    "a lone surrogate in a choice": (VISIT | {"modality": "\ud800"}, {"#/modality"}),
    "a lone surrogate in an id": (VISIT | {"id": "\ud800"}, {"#/id"}),
    "a lone surrogate in a list": (VISIT | {"topics": ["\ud800"]}, {"#/topics/0"}),
    "a lone surrogate in a quote": (VISIT | {"quote": {"text": "\ud800"}}, {"#/quote/text"}),
    "a lone surrogate in a part": (DENIAL | {"part": "participant:\ud800"}, {"#/part"}),
    "a lone surrogate as key": (VISIT | {"\ud800": 1}, {"#/%5Cud800"}),
    "a lone surrogate as inner key": (VISIT | {"external_ids": {"\ud800": "x"}}, {"#/external_ids/%5Cud800"}),
    "a lone surrogate as kind": ({"kind": "\ud800"}, {"#/kind"}),
    "a float where a number stands": (VISIT | {"credibility": 1.0}, {"#/credibility"}),
    "true where a number stands": (VISIT | {"credibility": True}, {"#/credibility"}),
    "out of range": (VISIT | {"credibility": 7}, {"#/credibility"}),
    "beyond 2^53": (VISIT | {"figures": {"killed": {"best": 2**53}}}, {"#/figures/killed/best"}),
    "beyond 2^64": (VISIT | {"figures": {"killed": {"best": 2**64}}}, {"#/figures/killed/best"}),
    "below 0": (VISIT | {"figures": {"killed": {"best": -1}}}, {"#/figures/killed/best"}),
    "an unknown field": (VISIT | {"titel": "x"}, {"#/titel"}),
    "a field that needs escapes": (VISIT | {"a/b~c d": 1}, {"#/a~1b~0c%20d"}),
    "an unknown inner field": (VISIT | {"quote": {"text": "x", "txt": 1}}, {"#/quote/txt"}),
    "a voice's list": (VISIT | {"voices": []}, {"#/voices"}),
    "no kind": ({"title": "x"}, {"#/kind"}),
    "an unknown kind": (VISIT | {"kind": "party"}, {"#/kind"}),
    "null as kind": (VISIT | {"kind": None}, {"#/kind"}),
    "a list as kind": (VISIT | {"kind": ["visit"]}, {"#/kind"}),
    "red": (VISIT | {"marking": "red"}, {"#/marking"}),
    "an id in upper case": (VISIT | {"id": UNKNOWN.upper()}, {"#/id"}),
    "an id that is none": (VISIT | {"id": "7"}, {"#/id"}),
    "a role of another kind": (VISIT | {"participants": [{"actor": "a", "role": "victim"}]}, {"#/participants/0/role"}),
    "101 participants": (VISIT | {"participants": ["a"] * 101}, {"#/participants"}),
    "21 external ids": (VISIT | {"external_ids": {f"a{n}": "x" for n in range(21)}}, {"#/external_ids"}),
    "a scheme in upper case": (
        VISIT | {"external_ids": {"ISO": "LY", "b": 1}},
        {"#/external_ids/ISO", "#/external_ids/b"},
    ),
    "an empty date": (VISIT | {"occurred": {}}, {"#/occurred"}),
    "words that can't be read, alone": (VISIT | {"occurred": {"words": "the blue moon"}}, {"#/occurred/edtf"}),
    "a year beyond the calendar": (VISIT | {"occurred": "Y-17E7"}, {"#/occurred"}),
    "the 31st of June": (VISIT | {"occurred": "2019-06-31"}, {"#/occurred"}),
    "a reply to nothing": (DENIAL | {"of": []}, {"#/of"}),
    "a reply to a title": (DENIAL | {"of": ["the visit"]}, {"#/of/0"}),
    "a quote that ends before it starts": (VISIT | {"quote": {"text": "x", "start": 5, "end": 2}}, {"#/quote/end"}),
    "a correction of nothing": (CORRECTION | {"event": VISIT}, {"#/subject"}),
    "a correction without an event": (CORRECTION, {"#/event"}),
    "a correction by an actor": (CORRECTION | {"event": {"kind": "actor", "slug": "a"}}, {"#/event/kind"}),
    "revision 0": (CORRECTION | {"event": VISIT, "revision": 0}, {"#/revision"}),
    "an erasure without authority": ({"kind": "erasure", "subject": UNKNOWN, "reason": "r"}, {"#/authority"}),
    "too large for one record": (
        VISIT
        | {"evidence": [{"document": f"https://example.org/{n}", "quote": {"text": "x" * 9_000}} for n in range(9)]},
        {"#"},
    ),
}


@pytest.fixture
async def api(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """The owner's client, of a service that knows the paper."""
    await posted(api, "/v1/sources", PAPER)
    return api


async def head(api: httpx.AsyncClient) -> int:
    """The last position of the log."""
    return int((await api.get("/health/ready")).json()["log_position"])


def problem(answer: httpx.Response) -> dict[str, Any]:
    """The answer's problem document, checked: whole, true to its status, and without a word of our insides."""
    found: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance", "errors"} <= found.keys()
    assert found["status"] == answer.status_code
    assert found["type"].startswith("/problems/")
    assert found["instance"].startswith(("/", "%"))
    assert all(fault.keys() == {"pointer", "expected", "found"} for fault in found["errors"])
    assert all(fault["expected"] and fault["found"] for fault in found["errors"])
    insides = (
        "Traceback",
        "asyncpg",
        "msgspec",
        "litestar",
        "SELECT ",
        str(Path(__file__).parents[2]),
        ".py",
        " at 0x",
        "codec",
    )
    assert [word for word in insides if word in answer.text] == []
    return found


def raw(body: Any) -> bytes:
    """JSON as a careless program writes it, lone surrogates escaped."""
    return json.dumps(body, ensure_ascii=True).encode()


async def test_a_body_that_is_not_json_is_refused_with_what_is_wrong(api: httpx.AsyncClient) -> None:
    answers = {name: await api.post("/v1/events", content=body, headers=JSON) for name, body in NOT_JSON.items()}

    assert {name: a.status_code for name, a in answers.items()} == dict.fromkeys(NOT_JSON, 400)
    assert {problem(a)["type"] for a in answers.values()} == {"/problems/malformed-json"}
    assert all(len(problem(a)["errors"]) == 1 for a in answers.values())
    assert await head(api) == 1


async def test_each_fault_is_named_with_where_it_stands(api: httpx.AsyncClient) -> None:
    answers = {name: await api.post("/v1/events", content=raw(b), headers=JSON) for name, (b, _) in WRONG.items()}

    found = {name: {fault["pointer"] for fault in problem(a)["errors"]} for name, a in answers.items()}
    assert {name: a.status_code for name, a in answers.items()} == dict.fromkeys(WRONG, 422)
    missing = {name: (pointers, found[name]) for name, (_, pointers) in WRONG.items() if not pointers <= found[name]}
    assert missing == {}
    assert await head(api) == 1


async def test_a_dry_run_refuses_what_a_post_would(api: httpx.AsyncClient) -> None:
    dry = {"dry_run": True}

    answers = [await api.post("/v1/events", content=raw(b), headers=JSON, params=dry) for b, _ in WRONG.values()]

    assert {a.status_code for a in answers} == {422}


async def test_a_value_that_is_no_object_is_refused(api: httpx.AsyncClient) -> None:
    answers = [
        await api.post(path, content=body, headers=JSON)
        for path in ("/v1/events", "/v1/actors", "/v1/documents")
        for body in ("null", "1", '"x"', "[]", "true", "1.5")
    ]

    assert {a.status_code for a in answers} == {422}
    assert {fault["pointer"] for a in answers for fault in problem(a)["errors"]} == {"#"}


async def test_a_registration_is_told_where_it_is_posted(api: httpx.AsyncClient) -> None:
    actor = await api.post("/v1/events", json={"kind": "actor", "slug": "haftar", "name": "Haftar"})
    visit = await api.post("/v1/actors", json=VISIT)
    place = await api.post("/v1/actors", json={"kind": "place", "slug": "moscow", "name": "Moscow"})

    assert "/v1/actors" in problem(actor)["errors"][0]["expected"]
    assert "/v1/events" in problem(visit)["errors"][0]["expected"]
    assert "/v1/places" in problem(place)["errors"][0]["expected"]
    assert {len(problem(a)["errors"]) for a in (actor, visit, place)} == {1}


async def test_wrong_registrations_are_refused(api: httpx.AsyncClient) -> None:
    actor = {"slug": "haftar", "name": "Haftar"}
    wrong: dict[str, tuple[str, dict[str, Any]]] = {
        "#/slug": ("actors", actor | {"slug": "Haftar H."}),
        "#/name": ("actors", {"slug": "haftar"}),
        "#/type": ("actors", actor | {"type": "planet"}),
        "#/aliases/1/script": ("actors", actor | {"aliases": ["x", {"name": "y", "script": "arab"}]}),
        "#/aliases": ("actors", actor | {"aliases": [str(n) for n in range(101)]}),
        "#/speaks_for/0": ("sources", {"slug": "s", "name": "S", "speaks_for": ["nobody"]}),
        "#/reliability": ("sources", {"slug": "s", "name": "S", "reliability": "G"}),
        "#/latitude": ("places", {"slug": "p", "name": "P", "latitude": 55.7}),
        "#/country": ("places", {"slug": "p", "name": "P", "country": "ru"}),
        "#/url": ("documents", {"url": "ftp://example.org"}),
        "#/published": ("documents", {"title": "x", "published": "someday"}),
        "#/actors": ("same-actors", {"actors": ["haftar"], "judgement": "same"}),
        "#/revision": ("topics", {"slug": "libya", "name": "Libya", "revision": 1}),
    }

    answers = {pointer: await api.post(f"/v1/{path}", json=body) for pointer, (path, body) in wrong.items()}

    found = {pointer: [fault["pointer"] for fault in problem(a)["errors"]] for pointer, a in answers.items()}
    assert found == {pointer: [pointer] for pointer in wrong}
    assert {a.status_code for a in answers.values()} == {422}


async def test_what_could_not_be_registered_is_not_proposed(api: httpx.AsyncClient) -> None:
    documents = ["x" * 301, "https://", "https://a b", "https://exa\u202emple.org", "http://" + "ж" * 9]

    answers = [
        await api.post("/v1/events", json=VISIT | {"document": each}, params={"on_missing": "propose"})
        for each in documents
    ]

    assert [a.status_code for a in answers] == [422] * len(documents)
    assert {fault["pointer"] for a in answers for fault in problem(a)["errors"]} == {"#/document"}
    assert await head(api) == 1


async def test_any_name_that_can_be_posted_can_be_proposed(api: httpx.AsyncClient, db: str) -> None:
    names = ["x" * 300, "!!!", "-", "\u202eabc", "Straße", "حفتر", "😀", "a" * 80, "a" * 81]

    answers = [
        await api.post("/v1/events", json=VISIT | {"participants": [each]}, params={"on_missing": "propose"})
        for each in names
    ]

    assert [a.status_code for a in answers] == [201] * len(names)
    assert all(a.json()["visible"] for a in answers)
    await check_log(db)


async def test_no_more_faults_are_listed_than_a_person_reads(api: httpx.AsyncClient) -> None:
    bodies = [
        VISIT | {f"field-{n}": n for n in range(5_000)},
        VISIT | {"topics": list(range(50)), "places": list(range(50))},
        VISIT | {"topics": list(range(100_000))},
    ]

    answers = [await api.post("/v1/events", json=body) for body in bodies]

    assert [len(problem(a)["errors"]) for a in answers] == [50, 50, 1]
    assert all(len(a.content) < 40_000 for a in answers)


async def test_a_body_comes_as_json_and_not_encoded(api: httpx.AsyncClient) -> None:
    body = raw(VISIT)
    wrong: list[dict[str, str]] = [
        {},
        {"Content-Type": ""},
        {"Content-Type": "text/plain"},
        {"Content-Type": "text/json"},
        {"Content-Type": "application/x-ndjson"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json, text/plain"},
        JSON | {"Content-Encoding": "gzip"},
        JSON | {"Content-Encoding": "br, gzip"},
    ]

    answers = [await api.post("/v1/events", content=body, headers=headers) for headers in wrong]
    good = await api.post("/v1/events", content=body, headers={"Content-Type": "Application/JSON; charset=utf-8"})

    assert [a.status_code for a in answers] == [415] * len(wrong)
    assert all("Expected" in problem(a)["detail"] for a in answers)
    assert (good.status_code, await head(api)) == (201, 2)


async def test_a_token_is_asked_for_before_a_body_is_read(anonymous: httpx.AsyncClient) -> None:
    for path in ("/v1/events", "/v1/events/batch", "/v1/actors"):
        answer = await anonymous.post(path, content=b"{", headers=JSON)

        assert (answer.status_code, problem(answer)["type"]) == (401, "/problems/no-token")
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_authorization_in_other_forms_is_401_and_never_more(
    anonymous: httpx.AsyncClient, application: Application
) -> None:
    token = application.token
    wrong = ["", " ", "Basic b3duZXI6eA==", "Bearer", "Bearer ", "Bearer x", "Bearer " + "x" * 60_000, token]
    wrong += [f"Bearer {token}x", f"Bearer {token[:-1]}", f"Bearer {token.upper()}", f"Token {token}", "Bearer \xe9"]
    wrong += [f"Bearer {token}, Bearer {token}", f"Bearer\t{token}", f'Bearer "{token}"', "Bearer null"]

    answers = [
        await anonymous.get("/v1/timelines/all", headers=[(b"Authorization", each.encode("latin-1"))]) for each in wrong
    ]
    right = [
        await anonymous.get("/v1/timelines/all", headers={"Authorization": f"{scheme} {token}"})
        for scheme in ("bearer", "BEARER", "Bearer ")
    ]

    assert [a.status_code for a in answers] == [401] * len(wrong)
    assert {problem(a)["type"] for a in answers} == {"/problems/wrong-token"}
    assert not any(token in a.text for a in answers)
    assert [a.status_code for a in right] == [200, 200, 200]


async def test_an_idempotency_key_is_one_quoted_string(api: httpx.AsyncClient) -> None:
    wrong = ['""', '"a', 'a"', '"a" "b"', '"a";x', "a,b", "a b", '"\\a"', '"\t"', '"\xe9"', '"' + "a" * 256 + '"', " "]
    right = ['"a b"', '"a\\"b"', "a-b_c.1", '"' + "a" * 255 + '"']

    def headers(key: str) -> list[tuple[bytes, bytes]]:
        return [(b"Idempotency-Key", key.encode("latin-1"))]

    refused = [await api.post("/v1/events", json=VISIT, headers=headers(key)) for key in wrong]
    twice = await api.post("/v1/events", json=VISIT, headers=headers('"a"') + headers('"b"'))
    taken = [await api.post("/v1/events", json=VISIT, headers=headers(key)) for key in right]

    assert {key: a.status_code for key, a in zip(wrong, refused, strict=True)} == dict.fromkeys(wrong, 400)
    assert all("Idempotency-Key" in problem(a)["detail"] for a in [*refused, twice])
    assert [a.status_code for a in taken] == [201] * len(right)
    assert len({a.json()["id"] for a in taken}) == len(right)


async def test_a_key_beside_an_id_yields_to_the_id(api: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": '"desk-7"'}
    body = VISIT | {"id": UNKNOWN}

    first = await api.post("/v1/events", json=body, headers=headers)
    other = await api.post("/v1/events", json=body | {"title": "Another"}, headers=headers)

    assert (first.status_code, first.json()["id"]) == (201, UNKNOWN)
    assert (other.status_code, problem(other)["type"]) == (409, "/problems/id-taken")


ADDRESSES = [
    "/v1/events/../",
    "/v1/events/..",
    "/v1/events/%2e%2e",
    "/v1/events/.json",
    "/v1/events/a%2fb",
    "/v1/events/%00",
    "/v1/events/7",
    "/v1/events/" + UNKNOWN,
    "/v1/events/" + UNKNOWN.upper(),
    "/v1/events/" + UNKNOWN.replace("-", "_"),
    "/v1/events/%7B" + UNKNOWN[:34] + "%7D",
    "/v1/actors/%00",
    "/v1/actors/a%00b",
    "/v1/actors/%ff",
    "/v1/actors/%0d%0aSet-Cookie:%20x",
    "/v1/actors/%F0%9F%98%80",
    "/v1/actors/" + "a" * 5_000,
    "/v1/actors/paper'--",
    "/v1/sources/paper.csv.json",
    "/v1/sources/paper.CSV",
    "/v1/sources/paper/",
    "/v1/timelines/actors/nobody",
    "/v1/timelines/actors/%00",
    "/v1/timelines/all/",
    "/v1/timelines/all.csv.json",
    "/v1/timelines/all%20",
    "/v1/timelines/all;x=1",
    "/v1//timelines/all",
    "//v1/timelines/all",
    "/v1/timelines",
    "/v1",
    "/v1/events/batch.json",
    "/openapi.json.json",
    "/v1/" + "a" * 5_000,
]


async def test_an_address_of_nothing_is_404_whatever_it_holds(api: httpx.AsyncClient) -> None:
    answers = {address: await api.get(f"http://timeline{address}") for address in ADDRESSES}

    assert {address: a.status_code for address, a in answers.items()} == dict.fromkeys(ADDRESSES, 404)
    assert all(problem(a)["detail"] for a in answers.values())
    assert all(len(a.content) < 1_000 for a in answers.values())


async def test_an_absurdly_long_address_is_refused(api: httpx.AsyncClient) -> None:
    long_path = await api.get("/v1/actors/" + "a" * 9_000)
    long_query = await api.get("/v1/actors", params={"q": "a" * 9_000})

    assert [problem(a)["status"] for a in (long_path, long_query)] == [400, 400]


async def test_a_hidden_event_is_not_told_from_none(api: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    hidden = await posted(api, "/v1/events", VISIT | {"marking": "green", "id": UNKNOWN})

    answers = [await anonymous.get(f"/v1/events/{each}") for each in (hidden["id"], UNKNOWN[:-1] + "2")]

    told = [problem(a)["detail"].replace(hidden["id"], "…").replace(UNKNOWN[:-1] + "2", "…") for a in answers]
    assert [a.status_code for a in answers] == [404, 404]
    assert told[0] == told[1]


PARAMETERS: dict[str, tuple[str, list[str]]] = {
    "unknown": ("timelines/all?x=1&y=2", ["?x", "?y"]),
    "another route's": ("timelines/all?q=a", ["?q"]),
    "in upper case": ("timelines/all?Limit=5", ["?Limit"]),
    "limit 0": ("timelines/all?limit=0", ["?limit"]),
    "limit 1001": ("timelines/all?limit=1001", ["?limit"]),
    "limit -1": ("timelines/all?limit=-1", ["?limit"]),
    "limit 5.0": ("timelines/all?limit=5.0", ["?limit"]),
    "limit 5e0": ("timelines/all?limit=5e0", ["?limit"]),
    "limit +5": ("timelines/all?limit=%2B5", ["?limit"]),
    "limit empty": ("timelines/all?limit=", ["?limit"]),
    "limit in Arabic digits": ("timelines/all?limit=%D9%A5", ["?limit"]),
    "limit twice": ("timelines/all?limit=1&limit=2", ["?limit"]),
    "limit true": ("timelines/all?limit=true", ["?limit"]),
    "from a month": ("timelines/all?from=2019-06", ["?from"]),
    "from the 31st of June": ("timelines/all?from=2019-06-31", ["?from"]),
    "from a moment": ("timelines/all?from=2019-06-03T00:00:00Z", ["?from"]),
    "from after to": ("timelines/all?from=2019-06-05&to=2019-06-01", ["?from"]),
    "an empty kind": ("timelines/all?kind=", ["?kind"]),
    "a kind too many": ("timelines/all?kind=visit,,denial", ["?kind"]),
    "a kind that is an edit": ("timelines/all?kind=correction", ["?kind"]),
    "an unknown standing": ("timelines/all?standing=true", ["?standing"]),
    "order": ("timelines/all?order=up", ["?order"]),
    "feeds": ("timelines/all?feeds=true", ["?feeds"]),
    "on": ("timelines/all?on=today", ["?on"]),
    "a negative position": ("timelines/all?min_position=-1", ["?min_position"]),
    "a position beyond 2^53": ("timelines/all?min_position=9007199254740992", ["?min_position"]),
    "many at once": ("timelines/all?limit=0&order=up&from=x&kind=party", ["?limit", "?order", "?from", "?kind"]),
    "match": ("weeks/2019-W23?match=exact", ["?match"]),
    "an actor with NUL": ("weeks/2019-W23?actor=%00", ["?actor"]),
    "an actor by name": ("weeks/2019-W23?actor=Khalifa%20Haftar", ["?actor"]),
    "limit of a week": ("weeks/2019-W23?limit=5", ["?limit"]),
    "NUL in a search": ("actors?q=%00", ["?q"]),
    "an empty search": ("actors?q=", ["?q"]),
    "a long search": ("actors?q=" + "a" * 201, ["?q"]),
    "not UTF-8": ("actors?%ff=1", ["?%EF%BF%BD"]),
    "a negative after": ("changes?after=-1", ["?after"]),
    "after beyond 2^53": ("changes?after=9007199254740992", ["?after"]),
    "limit of the feed": ("changes?limit=1001", ["?limit"]),
    "any of kinds": ("kinds?x=1", ["?x"]),
    "an event's": (f"events/{UNKNOWN}?limit=1", ["?limit"]),
}


async def test_a_wrong_parameter_is_400_with_every_fault(api: httpx.AsyncClient) -> None:
    answers = {name: await api.get(f"/v1/{address}") for name, (address, _) in PARAMETERS.items()}

    found = {name: [fault["pointer"] for fault in problem(a)["errors"]] for name, a in answers.items()}
    assert {name: a.status_code for name, a in answers.items()} == dict.fromkeys(PARAMETERS, 400)
    assert found == {name: pointers for name, (_, pointers) in PARAMETERS.items()}


async def test_a_wrong_parameter_of_a_post_records_nothing(api: httpx.AsyncClient) -> None:
    queries = ["dry_run=maybe", "dry_run=", "dry_run=true&dry_run=true", "on_missing=ignore", "wait=2", "x=1"]

    answers = [await api.post(f"/v1/events?{query}", json=VISIT) for query in queries]

    assert [problem(a)["status"] for a in answers] == [400] * len(queries)
    assert await head(api) == 1


async def test_a_cursor_that_we_did_not_give_is_refused(api: httpx.AsyncClient) -> None:
    for slug in ("a", "b", "c"):
        await posted(api, "/v1/actors", {"slug": slug, "name": slug})
        await posted(api, "/v1/events", VISIT | {"title": slug})
    for address in ("timelines/all?limit=1", "actors?limit=1"):
        cursor = (await api.get(f"/v1/{address}")).json()["next"]
        changed = [cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :] for at in range(len(cursor))]
        cut = [cursor[:at] for at in range(1, len(cursor))]
        other = ["x", "0" * 400, "a" * 401, cursor * 2, cursor + "=", cursor + "%00", "%C3%A9", "", cursor.lower()]

        answers = [await api.get(f"/v1/{address}&cursor={each}") for each in [*changed, *cut, *other]]

        assert {problem(a)["status"] for a in answers} == {400}
        assert (await api.get(f"/v1/{address}&cursor={cursor}")).status_code == 200


async def test_a_cursor_belongs_to_its_query_and_reader(api: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    for slug in ("a", "b", "c"):
        await posted(api, "/v1/actors", {"slug": slug, "name": slug, "marking": "clear"})
        await posted(api, "/v1/events", VISIT | {"title": slug, "marking": "clear"})
    entries = (await api.get("/v1/timelines/all?limit=1")).json()["next"]
    actors = (await api.get("/v1/actors?limit=1")).json()["next"]
    other = [
        f"timelines/all?order=desc&cursor={entries}",
        f"timelines/all?from=2019-01-01&cursor={entries}",
        f"timelines/all?kind=visit&cursor={entries}",
        f"timelines/actors/a?cursor={entries}",
        f"actors?q=a&cursor={actors}",
        f"sources?cursor={actors}",
        f"actors?cursor={entries}",
        f"timelines/all?cursor={actors}",
    ]

    answers = [await api.get(f"/v1/{address}") for address in other]
    strangers = [
        await anonymous.get(f"/v1/{each}") for each in (f"timelines/all?cursor={entries}", f"actors?cursor={actors}")
    ]
    larger = await api.get(f"/v1/timelines/all?limit=2&cursor={entries}")

    assert {problem(a)["type"] for a in [*answers, *strangers]} == {"/problems/bad-cursor"}
    assert [each["title"] for each in larger.json()["entries"]] == ["b", "c"]


async def test_a_format_that_is_not_offered_is_406_with_what_is(api: httpx.AsyncClient) -> None:
    asked = ["text/html", "image/*", ",", ";", "text", "application/json;q=0", "*/*;q=0", "text/csv;q=x", "\xff"]

    def headers(accept: str) -> list[tuple[bytes, bytes]]:
        return [(b"Accept", accept.encode("latin-1"))]

    answers = [await api.get("/v1/timelines/all", headers=headers(accept)) for accept in asked]
    suffixes = [await api.get(f"/v1/{path}") for path in ("changes.csv", "kinds.csv", "sources/paper.md", "changes.md")]

    assert {a.status_code for a in [*answers, *suffixes]} == {406}
    assert all(".json (application/json)" in problem(a)["detail"] for a in [*answers, *suffixes])


async def test_a_receipt_is_json_whatever_is_accepted(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/events", json=VISIT, headers={"Accept": "text/csv"})

    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/json")


async def test_a_carriage_return_is_refused_with_what_to_do(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/events", json={**VISIT, "summary": "one\r\ntwo"})

    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert fault == {
        "pointer": "#/summary",
        "expected": "text without control characters, its lines ended by a line feed (U+000A) alone",
        "found": "U+000D at character 3",
    }
