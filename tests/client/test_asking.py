"""What is posted is read back, typed, by every call."""

import inspect
from datetime import UTC, date, datetime
from typing import Any, get_type_hints

import msgspec
import pytest

from timeline.api import query
from timeline.client import AsyncClient, Client, calls
from timeline.errors import BatchRefused, IdTaken, KeyReused, NotFound, WrongRevision
from timeline.importers.libya_week import id_of, posts
from timeline.model.edits import Recall
from timeline.model.entry import Entry
from timeline.model.kinds import Denial, Visit
from timeline.model.registry import Actor

MEETING = "db153f3a-db58-5aac-9ada-9f71c49a0d4d"


async def test_a_record_is_posted_and_read_back(client: AsyncClient) -> None:
    await client.batch(posts())
    visit = Visit(
        title="Haftar travels to Paris", occurred="mid-June 2019", source="unattributed", participants=["haftar"]
    )

    receipt = await client.post(visit)
    denied = await client.post(Denial(of=[receipt.id], source="white-house", occurred="2019-06-20"))
    found = await client.event(receipt.id, min_position=denied.position)

    assert receipt.filled_in["marking"] == "amber"
    assert (found.title, found.standing, found.voices_total) == ("Haftar travels to Paris", "denied", 2)
    assert [found.names[each.source].slug for each in found.voices] == ["unattributed", "white-house"]


async def test_lines_that_end_as_elsewhere_are_recorded_as_the_log_takes_them(client: AsyncClient) -> None:
    visit = {"kind": "visit", "title": "A visit", "occurred": "2019-06-05", "source": "unattributed"}
    pasted, plain = ({**visit, "summary": each} for each in ("one\r\ntwo\rthree", "one\ntwo\nthree"))

    receipt = await client.post(pasted, key="a", on_missing="propose")
    again = await client.post(plain, key="a", on_missing="propose")
    one, two = (await client.batch(msgspec.json.encode(pasted) + b"\r\n{", mode="each")).verdicts

    assert (again.id, again.position) == (receipt.id, receipt.position)
    assert (await client.event(receipt.id, min_position=receipt.position)).summary == "one\ntwo\nthree"
    assert (await client.event(str(one.id), min_position=one.position or 0)).summary == "one\ntwo\nthree"
    assert two.status == 400


async def test_a_registration_goes_to_its_registry(client: AsyncClient) -> None:
    receipt = await client.post(Actor(slug="tobruk", name="House of Representatives", type="organisation"))
    found = await client.thing("actors", "tobruk", min_position=receipt.position)

    assert found.id == receipt.id
    with pytest.raises(WrongRevision) as refused:
        await client.post({"kind": "actor", "slug": "tobruk", "name": "HoR", "type": "organisation", "revision": 7})
    assert refused.value.extra["revision"] == 1


async def test_a_preview_records_nothing(client: AsyncClient) -> None:
    visit = {"kind": "visit", "title": "Nobody goes", "occurred": "2019-06-05", "source": "unattributed"}

    shown = await client.preview(visit, on_missing="propose")

    assert shown.record["body"]["title"] == "Nobody goes"
    assert [each.title async for each in client.timeline()] == []


async def test_lines_of_a_batch_name_each_other(client: AsyncClient) -> None:
    await client.batch(posts())
    call = {"kind": "call", "title": "They speak", "source": "unattributed"}

    receipt = await client.batch(
        [("call", call), Denial(of=["#call"], source="white-house", occurred="2019-06-08")],
        defaults={"occurred": "2019-06-07", "participants": ["haftar"]},
    )

    found = await client.event(str(receipt.verdicts[0].id))
    assert [each.status for each in receipt.verdicts] == [201, 201]
    assert (found.standing, found.occurred.edtf) == ("denied", "2019-06-07")


async def test_a_refused_batch_tells_of_each_line(client: AsyncClient) -> None:
    good = {"kind": "call", "title": "They speak", "source": "unattributed", "occurred": "2019"}

    with pytest.raises(BatchRefused) as refused:
        await client.batch([good, good | {"occurred": "when?"}], on_missing="propose")
    each = await client.batch([good, good | {"occurred": "when?"}], on_missing="propose", mode="each")

    assert [
        verdict["status"] for verdict in msgspec.convert(refused.value.extra["verdicts"], list[dict[str, Any]])
    ] == [424, 422]
    assert [verdict.status for verdict in each.verdicts] == [201, 422]


async def test_a_walk_follows_cursors_and_knows_the_names(client: AsyncClient) -> None:
    await client.batch(posts())
    whole = [each async for each in client.timeline(actor="haftar")]

    walk = client.timeline(actor="haftar", limit=2, order="desc")
    told = [each async for each in walk]
    pages = [page async for page in client.timeline(actor="haftar", limit=2).pages()]

    assert len(whole) > 6
    assert [each.id for each in told] == [each.id for each in reversed(whole)]
    assert len(pages) == -(-len(whole) // 2)
    assert {walk.names[each.source].type for each in told} == {"source"}
    assert walk.page is not None
    assert walk.page.subject.slug == "haftar"


async def test_every_list_is_walked(client: AsyncClient) -> None:
    await client.batch(posts())
    await client.post(Recall(subject=id_of("event", "E01"), reason="twice"))

    found: dict[str, list[Any]] = {
        "search": [each async for each in client.search(q="moscow", recorded_to=datetime.now(UTC), limit=1)],
        "topic": [
            each async for each in client.timeline(topic="libya", kind=["visit", "meeting"], said_to="2019-06-07")
        ],
        "place": [each async for each in client.timeline(place="moscow", from_=date(2019, 6, 1), to="2019-06-30")],
        "diff": [each async for each in client.diff(45, limit=1)],
        "history": [each async for each in client.history(MEETING, limit=1)],
        "actors": [each async for each in client.registered("actors", limit=2)],
        "impact": [each async for each in client.impact("russian-officials", limit=1, as_="F")],
        "duplicates": [each async for each in client.duplicates(score_min=1, limit=20)],
        "weeks": [each async for each in client.weeks("2019-W22", "2019-W24", topic="libya")],
    }

    assert {name for name, each in found.items() if len(each) < 2} == set()
    assert all(isinstance(each, Entry) for each in found["topic"])
    assert [each.week for each in found["weeks"]] == ["2019-W22", "2019-W23", "2019-W24"]
    assert (await client.week()).position > 50


async def test_what_was_known_then_is_read(client: AsyncClient) -> None:
    await client.batch(posts())

    now, then = await client.event(MEETING), await client.event(MEETING, as_of=35)

    assert (then.standing, now.standing) == ("reported", "denied")


async def test_an_answer_comes_as_it_is_in_another_format(client: AsyncClient) -> None:
    await client.batch(posts())
    written = client.written("/v1/timelines/actors/haftar.ics", limit="all")

    content = b"".join([chunk async for chunk in written])

    assert content.startswith(b"BEGIN:VCALENDAR\r\n")
    assert content.endswith(b"END:VCALENDAR\r\n")
    assert written.headers["content-type"].startswith("text/calendar")


async def test_the_same_key_is_the_same_post(client: AsyncClient) -> None:
    post = {"kind": "other", "title": "Once", "occurred": "2019", "source": "unattributed"}
    own = post | {"id": "01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01"}

    first = await client.post(post, key='my "key"', on_missing="propose")
    again = await client.post(post, key='my "key"')
    by_id = [await client.post(own), await client.post(own)]

    assert (again.id, again.position) == (first.id, first.position)
    assert by_id[0].position == by_id[1].position != first.position
    with pytest.raises(KeyReused):
        await client.post(post | {"title": "Twice"}, key='my "key"')
    with pytest.raises(IdTaken):
        await client.post(own | {"title": "Twice"})


async def test_a_subject_is_one(client: AsyncClient) -> None:
    with pytest.raises(ValueError, match="search"):
        client.timeline(actor="haftar", topic="libya")
    with pytest.raises(NotFound):
        await anext(aiter(client.timeline(actor="nobody/../all?x=1")))


def test_an_address_is_http() -> None:
    with pytest.raises(ValueError, match="http"):
        Client("timeline.example")


def test_both_clients_ask_the_same() -> None:
    def methods(of: type) -> dict[str, list[str]]:
        own = {
            name: each
            for name, each in vars(of).items()
            if not name.startswith("_") and name not in ("close", "aclose")
        }
        return {name: [*map(str, inspect.signature(each).parameters.values())] for name, each in own.items()}

    assert methods(Client) == methods(AsyncClient)


@pytest.mark.parametrize(
    ("asked", "params", "beside"),
    [
        (calls.TimelineAsked, query.TimelineParams, set()),
        (calls.SearchAsked, query.SearchParams, set()),
        (calls.Told, query.EventParams, set()),
        (calls.WeekAsked, query.WeekParams, set()),
        (calls.DiffAsked, query.DiffParams, {"from"}),
        (calls.HistoryAsked, query.HistoryParams, set()),
        (calls.RegistryAsked, query.RegistryParams, set()),
        (calls.ImpactAsked, query.ImpactParams, set()),
        (calls.DuplicatesAsked, query.DuplicatesParams, set()),
        (calls.ChangesAsked, query.ChangesParams, {"after", "limit", "wait", "min_position"}),
    ],
)
def test_whatever_the_service_takes_can_be_asked(asked: type, params: Any, beside: set[str]) -> None:
    taken = {each.encode_name for each in msgspec.structs.fields(params)}

    assert {name.rstrip("_") for name in get_type_hints(asked)} | beside == taken
