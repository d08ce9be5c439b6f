"""What a program may rely on when it posts many records at once."""

import asyncio
import json
import time
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.api.test_bad_input import head, problem, raw
from tests.api.test_posting import PAPER, VISIT, posted
from tests.checks import check_log
from timeline.app import Application

BATCH = "/v1/events/batch"
NDJSON = {"Content-Type": "application/x-ndjson"}
HAFTAR = {"kind": "actor", "slug": "haftar", "name": "Khalifa Haftar", "ref": "haftar"}
UNTITLED = {name: value for name, value in VISIT.items() if name != "title"}
DENIAL = {"kind": "denial", "source": "paper", "occurred": "2019-06-07"}


@pytest.fixture
async def api(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """The owner's client, of a service that knows the paper."""
    await posted(api, "/v1/sources", PAPER)
    return api


async def batch(
    api: httpx.AsyncClient, body: Any, headers: dict[str, str] | None = None, **query: Any
) -> httpx.Response:
    """Post a batch: bytes as they are, else as JSON."""
    content = body if isinstance(body, bytes) else raw(body)
    return await api.post(
        BATCH, content=content, params=query, headers={"Content-Type": "application/json"} | (headers or {})
    )


def ndjson(*lines: Any) -> bytes:
    return b"".join(raw(line) + b"\n" for line in lines)


def codes(answer: httpx.Response) -> list[int]:
    """The status of each line."""
    return [verdict["status"] for verdict in answer.json()["verdicts"]]


def pointers(answer: httpx.Response, line: int) -> list[str]:
    """Where the faults of a line stand."""
    verdict = answer.json()["verdicts"][line - 1]
    return [fault["pointer"] for fault in verdict["problem"]["errors"]]


async def test_an_array_an_object_and_ndjson_are_read_alike(api: httpx.AsyncClient) -> None:
    lines = [VISIT | {"title": "one"}, VISIT | {"title": "two"}]

    answers = [
        await batch(api, lines),
        await batch(api, {"events": lines}),
        await batch(api, ndjson(*lines), NDJSON),
        await batch(api, b"\r\n" + b"\r\n\r\n".join(map(raw, lines)), NDJSON),
    ]

    assert [a.status_code for a in answers] == [201] * 4
    assert [(a.json()["recorded"], a.json()["visible"]) for a in answers] == [(2, True)] * 4
    assert [v["position"] for a in answers for v in a.json()["verdicts"]] == [*range(2, 10)]


async def test_a_batch_is_answered_once_it_is_durable_where_reads_are_not_waited_for(
    application: Application, api: httpx.AsyncClient, db: str
) -> None:
    folding = await asyncpg.connect(db)
    async with folding.transaction():
        await folding.execute("SELECT FROM timeline.progress FOR UPDATE")  # no projector moves on
        began = time.monotonic()
        answer = await batch(api, [VISIT], wait=False)
        seconds = time.monotonic() - began
    await folding.close()

    assert (answer.status_code, answer.json()["visible"]) == (201, False)
    assert seconds < application.settings.visible_wait_seconds


async def test_later_lines_name_earlier_ones_by_ref_slug_and_name(api: httpx.AsyncClient, db: str) -> None:
    lines = [
        HAFTAR,
        {"kind": "place", "slug": "moscow", "name": "Moscow"},
        VISIT | {"ref": "visit", "participants": ["#haftar", {"actor": "KHALIFA  haftar"}], "places": ["moscow"]},
        DENIAL | {"of": ["#visit"], "ref": "denial"},
        DENIAL | {"kind": "confirmation", "of": ["#visit"], "part": "participant:#haftar"},
        {
            "kind": "correction",
            "subject": "#visit",
            "revision": 1,
            "ground": "our_error",
            "reason": "r",
            "event": VISIT,
        },
        {"kind": "retraction", "subject": "#denial", "reason": "r"},
    ]

    answer = await batch(api, lines)

    verdicts = answer.json()["verdicts"]
    visit = (await api.get(f"/v1/events/{verdicts[2]['id']}")).json()
    assert (answer.status_code, [v["ref"] for v in verdicts][:4]) == (201, ["haftar", None, "visit", "denial"])
    assert (visit["revision"], len(visit["replies"])) == (2, 2)
    await check_log(db)


async def test_a_ref_of_a_later_line_or_of_none_is_refused(api: httpx.AsyncClient) -> None:
    answer = await batch(api, [VISIT | {"participants": ["#haftar"]}, HAFTAR, VISIT | {"participants": ["#none"]}])

    assert codes(answer) == [422, 424, 422]
    assert pointers(answer, 1) == ["#/participants/0"]
    assert "earlier line" in answer.json()["verdicts"][0]["problem"]["errors"][0]["expected"]
    assert await head(api) == 1


async def test_a_ref_of_another_kind_is_refused(api: httpx.AsyncClient) -> None:
    answer = await batch(api, [HAFTAR, DENIAL | {"of": ["#haftar"]}, VISIT | {"places": ["#haftar"]}])

    assert codes(answer) == [424, 422, 422]


async def test_a_ref_given_twice_is_refused(api: httpx.AsyncClient) -> None:
    lines = [VISIT | {"ref": "a"}, VISIT | {"ref": "b"}, VISIT | {"ref": "a"}, DENIAL | {"of": ["#a"]}]

    atomic = await batch(api, lines)
    each = await batch(api, lines, mode="each")

    assert (codes(atomic), codes(each)) == ([424, 424, 422, 424], [201, 201, 422, 201])
    assert pointers(atomic, 3) == ["#/ref"]
    assert "line 1" in atomic.json()["verdicts"][2]["problem"]["errors"][0]["found"]


async def test_a_ref_is_a_short_text(api: httpx.AsyncClient) -> None:
    refs: list[Any] = [1, "", "x" * 101, "a\nb", "\ud800", ["a"]]

    answer = await batch(api, [VISIT | {"ref": ref} for ref in [*refs, None, "x" * 100, "Путин"]], mode="each")

    assert codes(answer) == [422] * len(refs) + [201] * 3
    assert all(pointers(answer, line) == ["#/ref"] for line in range(1, len(refs) + 1))


async def test_defaults_fill_in_what_a_kind_has_and_a_line_has_not(api: httpx.AsyncClient) -> None:
    defaults = {"source": "paper", "marking": "clear", "reliability": "B", "occurred": "2019-06-04", "title": "T"}
    lines = [
        {"kind": "visit"},
        {"kind": "visit", "title": "own", "marking": "green"},
        {"kind": "actor", "slug": "a", "name": "A"},
        {"kind": "source", "slug": "s", "name": "S"},
    ]

    answer = await batch(api, {"events": lines, "defaults": defaults})

    records = (await api.get("/v1/changes?after=1")).json()["records"]
    assert answer.status_code == 201, answer.text
    assert [r["body"].get("title") for r in records] == ["T", "own", None, None]
    assert [r["body"].get("marking") for r in records] == ["clear", "green", "clear", "clear"]
    assert [r["body"].get("reliability") for r in records] == [None, None, None, "B"]


async def test_a_default_that_no_line_could_take_is_refused(api: httpx.AsyncClient) -> None:
    for name in ("sorce", "id", "revision", "ref", "kind", ""):
        answer = await batch(api, {"events": [VISIT], "defaults": {name: "x"}})

        assert answer.status_code == 422
        assert [f["pointer"] for f in problem(answer)["errors"]] == [f"#/defaults/{name}"]


async def test_a_wrong_default_is_the_fault_of_each_line_that_takes_it(api: httpx.AsyncClient) -> None:
    own = VISIT | {"title": "own"}

    answer = await batch(api, {"events": [UNTITLED, own, UNTITLED], "defaults": {"title": ""}}, mode="each")

    assert codes(answer) == [422, 201, 422]
    assert pointers(answer, 3) == ["#/title"]


async def test_atomic_records_all_or_none_and_tells_the_innocent_so(api: httpx.AsyncClient) -> None:
    lines = [HAFTAR, VISIT, VISIT | {"title": "", "credibility": 9}, VISIT | {"source": "nobody"}, 7]

    answer = await batch(api, lines)

    assert (answer.status_code, problem(answer)["type"]) == (422, "/problems/batch-refused")
    assert codes(answer) == [424, 424, 422, 422, 422]
    assert pointers(answer, 3) == ["#/title", "#/credibility"]
    assert answer.json()["verdicts"][2]["problem"]["instance"] == f"{BATCH}#line-3"
    assert await head(api) == 1
    assert (await api.get("/v1/actors/haftar")).status_code == 404


async def test_each_records_what_it_can(api: httpx.AsyncClient, db: str) -> None:
    lines = [VISIT, 7, None, [], "x", {}, VISIT | {"kind": "party"}, VISIT | {"source": "nobody"}, VISIT]

    answer = await batch(api, lines, mode="each")

    receipt = answer.json()
    assert answer.status_code == 200
    assert codes(answer) == [201, 422, 422, 422, 422, 422, 422, 422, 201]
    assert (receipt["mode"], receipt["recorded"], receipt["repeated"], receipt["refused"]) == ("each", 2, 0, 7)
    assert await head(api) == 3
    await check_log(db)


async def test_a_line_that_rests_on_a_refused_one_is_refused(api: httpx.AsyncClient) -> None:
    lines = [VISIT | {"ref": "visit", "title": ""}, DENIAL | {"of": ["#visit"]}, HAFTAR | {"slug": "X"}, VISIT]

    answer = await batch(api, lines, mode="each")

    assert codes(answer) == [422, 422, 422, 201]


async def test_a_line_that_is_not_json_is_that_lines_fault(api: httpx.AsyncClient) -> None:
    body = raw(VISIT) + b"\n{bad\n\xff\xfe\n" + b"[" * 100_000 + b'\n{"kind": NaN}\n{"a": 1, "a": 2}\n' + raw(VISIT)

    each = await batch(api, body, NDJSON, mode="each")
    atomic = await batch(api, body, NDJSON)

    assert codes(each) == [201, 400, 400, 400, 400, 400, 201]
    assert (atomic.status_code, codes(atomic)) == (422, [424, 400, 400, 400, 400, 400, 424])
    assert await head(api) == 3


async def test_a_body_that_is_no_batch_is_refused(api: httpx.AsyncClient) -> None:
    wrong: list[tuple[Any, int]] = [
        ([], 422),
        ({}, 422),
        ({"events": []}, 422),
        ({"events": None}, 422),
        ({"events": {}}, 422),
        ({"events": [VISIT], "defaults": []}, 422),
        ({"events": [VISIT], "default": {}}, 422),
        ("x", 422),
        (None, 422),
        (VISIT, 422),
        (b"", 400),
        (b"[", 400),
        (b'[{"kind": "visit"}', 400),
        (b"[" * 100_000, 400),
    ]

    answers = [await batch(api, body) for body, _ in wrong]
    empty = [await batch(api, body, NDJSON) for body in (b"", b"\n\n", b"  \r\n")]

    assert [a.status_code for a in answers] == [code for _, code in wrong]
    assert [problem(a)["status"] for a in empty] == [422] * 3
    assert all(problem(a)["errors"] for a in answers)
    assert await head(api) == 1


async def test_hostile_lines_are_refused_like_posts(api: httpx.AsyncClient) -> None:
    deep = '{"kind": "visit", "title": ' + "[" * 500 + "]" * 500 + "}"
    lines = ['{"kind": "\\ud800"}', '{"\\ud800": 1}', '"\\ud800"', '{"kind": "visit", "ref": "\\ud800"}', deep, "1e300"]

    answer = await batch(api, f"[{','.join(lines)}]".encode(), mode="each")

    assert answer.status_code == 200
    assert codes(answer) == [422, 422, 422, 422, 400, 422]
    assert await head(api) == 1


async def test_too_many_lines_are_413(api: httpx.AsyncClient) -> None:
    answers = [
        await batch(api, [VISIT] * 10_001),
        await batch(api, ndjson(VISIT) * 10_001, NDJSON),
        await batch(api, b"x\n" * 10_001, NDJSON),
    ]

    assert [problem(a)["type"] for a in answers] == ["/problems/body-too-large"] * 3
    assert "10,000" in answers[0].json()["detail"]
    assert await head(api) == 1


async def test_a_repeat_of_the_whole_batch_is_all_repeats(api: httpx.AsyncClient, db: str) -> None:
    lines = [
        HAFTAR | {"id": str(uuid4())},
        *(VISIT | {"id": str(uuid4()), "participants": ["haftar"]} for _ in range(3)),
    ]

    first = await batch(api, lines)
    again = await batch(api, lines)
    longer = await batch(api, [*lines, VISIT | {"title": "new"}])

    assert (first.json()["recorded"], again.json()["recorded"], again.json()["repeated"]) == (4, 0, 4)
    assert [v["position"] for v in again.json()["verdicts"]] == [v["position"] for v in first.json()["verdicts"]]
    assert (longer.json()["recorded"], longer.json()["repeated"]) == (1, 4)
    await check_log(db)


async def test_a_key_makes_a_batch_one_whatever_is_tried_again(api: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": '"week-23"'}
    lines = [HAFTAR, VISIT | {"ref": "v", "participants": ["#haftar"]}, DENIAL | {"of": ["#v"]}]

    answers = await asyncio.gather(*(batch(api, lines, key) for _ in range(6)))
    other = await batch(api, [*lines[:2], DENIAL | {"of": ["#v"], "occurred": "2019-06-08"}], key)

    assert [a.status_code for a in answers] == [201] * 6
    assert sorted(a.json()["recorded"] for a in answers) == [0, 0, 0, 0, 0, 3]
    assert len({tuple(v["position"] for v in a.json()["verdicts"]) for a in answers}) == 1
    assert (other.status_code, problem(other)["type"]) == (422, "/problems/key-reused")
    assert await head(api) == 4


async def test_an_id_that_is_taken_refuses_the_atomic_batch_whole(api: httpx.AsyncClient) -> None:
    taken = await posted(api, "/v1/events", VISIT)
    lines = [VISIT | {"title": "new"}, VISIT | {"id": taken["id"], "title": "other"}]

    atomic = await batch(api, lines)
    head_then = await head(api)
    each = await batch(api, lines, mode="each")

    assert (atomic.status_code, [v["status"] for v in atomic.json()["verdicts"]]) == (422, [424, 409])
    assert taken["id"] in atomic.text
    assert head_then == 2
    assert codes(each) == [201, 409]


async def test_one_id_in_two_lines_is_one_record(api: httpx.AsyncClient) -> None:
    own = VISIT | {"id": str(uuid4())}

    same = await batch(api, [own, own])
    other = await batch(api, [own | {"id": str(uuid4())}, own | {"title": "other"}], mode="each")

    assert (same.json()["recorded"], same.json()["repeated"]) == (1, 1)
    assert codes(other) == [201, 409]
    assert await head(api) == 3


async def test_a_slug_registered_twice_in_a_batch_is_refused(api: httpx.AsyncClient) -> None:
    again = await batch(api, [HAFTAR, HAFTAR | {"ref": "b", "name": "Another"}], mode="each")
    replaced = await batch(api, [HAFTAR | {"slug": "b"}, HAFTAR | {"slug": "b", "ref": None, "revision": 1}])

    assert codes(again) == [201, 409]
    assert codes(replaced) == [201, 201]


async def test_a_dry_run_of_a_batch_records_nothing(api: httpx.AsyncClient) -> None:
    good = [HAFTAR, VISIT | {"participants": ["#haftar", "New Person"]}]

    answer = await batch(api, good, dry_run="true", on_missing="propose")
    mixed = await batch(api, [*good, VISIT | {"title": ""}], dry_run="true", on_missing="propose")

    assert (answer.status_code, codes(answer), answer.json()["recorded"]) == (200, [200, 200], 0)
    assert (mixed.status_code, codes(mixed), mixed.json()["refused"]) == (200, [200, 200, 422], 1)
    assert await head(api) == 1


async def test_a_name_proposed_by_several_lines_is_registered_once(api: httpx.AsyncClient, db: str) -> None:
    names = ["General Nobody", "general  nobody", "General-Nobody", "GENERAL NOBODY"]

    answer = await batch(api, [VISIT | {"participants": [name]} for name in names], on_missing="propose")

    actors = (await api.get("/v1/actors")).json()["items"]
    assert answer.status_code == 201, answer.text
    assert [each["name"] for each in actors] == ["General Nobody", "General-Nobody"]
    assert len({each["slug"] for each in actors}) == 2
    await check_log(db)


async def test_batches_that_propose_the_same_name_at_once_all_succeed(api: httpx.AsyncClient) -> None:
    lines = [VISIT | {"participants": ["General Nobody"], "source": "The Daily"}, VISIT]

    answers = await asyncio.gather(*(batch(api, lines, on_missing="propose") for _ in range(6)))

    assert [a.status_code for a in answers] == [201] * 6
    assert len((await api.get("/v1/actors")).json()["items"]) == 1
    assert len((await api.get("/v1/sources")).json()["items"]) == 2


async def test_others_are_answered_while_a_large_batch_is_read(api: httpx.AsyncClient) -> None:
    body = json.dumps([VISIT | {"title": ""}] * 4_000).encode()
    running = asyncio.create_task(batch(api, body, mode="each"))
    answered = 0

    async with asyncio.timeout(60):
        while not running.done():
            await asyncio.sleep(0.001)
            answered += (await api.get("/health/live")).status_code == 200

    assert (await running).status_code == 200
    assert answered > 10


async def test_a_line_that_needs_a_refused_one_is_refused_too(api: httpx.AsyncClient) -> None:
    taken = await posted(api, "/v1/events", VISIT)
    lines = [VISIT | {"id": taken["id"], "title": "other", "ref": "x"}, DENIAL | {"of": ["#x"]}]

    answer = await batch(api, lines, mode="each")

    assert codes(answer) == [409, 422]
    assert (await api.get(f"/v1/events/{taken['id']}")).json()["replies"] == []
