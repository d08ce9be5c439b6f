"""The impact of the sample week's sources, over HTTP: what would stand without each of them."""

from typing import Any

import httpx
import pytest

from tests.api.test_posting import posted
from tests.libya_week import ids, refs
from timeline.importers.libya_week import PUBLISHED, REGISTRATIONS, id_of, posts
from timeline.projections import again

Json = dict[str, Any]
REF_OF = {id_of("event", f"E{number:02}"): f"E{number:02}" for number in range(1, 31)}


REGISTERED = len(REGISTRATIONS)


def without_position(found: Json) -> Json:
    """An answer without the position that it was read at, which moves with every record."""
    return {name: value for name, value in found.items() if name != "position"}


async def impact(api: httpx.AsyncClient, source: str, **params: Any) -> Json:
    """What rests on a source of the week."""
    answer = await api.get(f"/v1/sources/{source}/impact", params=params)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def listed(found: Json, name: str) -> list[str]:
    """The refs in one of its lists."""
    return [REF_OF[each["id"]] for each in found[name]]


def moves(found: Json, name: str = "changed") -> dict[str, str]:
    """How each event in a list would move: `denied R5 > reported R7`."""
    return {
        REF_OF[e["id"]]: f"{e['standing_before']} {e['rule_before']} > {e['standing']} {e['rule']}" for e in found[name]
    }


@pytest.fixture(autouse=True)
async def week(api: httpx.AsyncClient) -> None:
    """The week, posted."""
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201


async def test_without_russian_officials_the_meeting_is_reported(api: httpx.AsyncClient) -> None:
    found = await impact(api, "russian-officials")

    assert moves(found) == {"E03": "denied R5 > reported R7"}
    assert moves(found, "unsupported") == {"E04": "reported R7 > unsupported R0"}
    assert listed(found, "judgements") == refs("15 16")


async def test_without_the_white_house_source_the_other_meeting_is_rumoured(api: httpx.AsyncClient) -> None:
    found = await impact(api, "white-house-source")

    assert moves(found) == {"E07": "denied R5 > rumoured R8"}
    assert listed(found, "judgements") == refs("08 15 16")


async def test_without_pro_haftar_media_the_meeting_loses_its_only_assertion(api: httpx.AsyncClient) -> None:
    found = await impact(api, "pro-haftar-media")

    assert moves(found, "unsupported") == {"E03": "denied R5 > unsupported R0"}
    assert found["changed"] == []
    assert listed(found, "judgements") == refs("15 16")


async def test_without_the_unattributed_three_events_lose_theirs(api: httpx.AsyncClient) -> None:
    found = await impact(api, "unattributed")

    assert listed(found, "unsupported") == refs("02 06 07")
    assert listed(found, "judgements") == refs("08 10 15 16")
    assert found["weeks"] == [
        {"week": "2019-W23", "entries": 3, "onwards": 2},  # the rumours of 7 June are ahead or unresolved from then on
        {"week": "2019-W24", "entries": 4, "onwards": 0},
    ]
    assert found["totals"] == {
        "voices": 3,
        "unsupported": 3,
        "changed": 0,
        "touched": 0,
        "judgements": 4,
        "weeks": 2,
    }


async def test_without_rights_leaders_nobody_alleges_the_order(api: httpx.AsyncClient) -> None:
    found = await impact(api, "rights-leaders")

    assert listed(found, "unsupported") == refs("11 12")


async def test_without_the_weekly_its_own_events_and_every_judgement_fall(api: httpx.AsyncClient) -> None:
    found = await impact(api, "weekly")

    assert listed(found, "unsupported") == refs("05 09 19")
    assert listed(found, "judgements") == refs("01 08 10 15 16 20")
    assert {REF_OF[each["id"]]: each["own"] for each in found["judgements"]} == dict.fromkeys(
        refs("01 08 10 15 16 20"), True
    )
    assert listed(found, "touched") == refs("03 06 07")
    assert found["changed"] == []


async def test_all_twenty_rest_on_one_document(api: httpx.AsyncClient) -> None:
    found = await impact(api, "weekly", by="publisher")

    assert sorted([*listed(found, "unsupported"), *listed(found, "judgements")]) == refs("01-20")
    assert found["totals"]["voices"] == 20


async def test_what_is_relayed_rests_on_who_relays_it(api: httpx.AsyncClient) -> None:
    relayed = {"kind": "report", "of": ids("E19"), "source": "new-york-times", "via": "pro-haftar-media"}
    event = await posted(api, "/v1/events", {**relayed, "occurred": "2019-06-12", "marking": "clear"})

    found = await impact(api, "pro-haftar-media", by="publisher")

    assert [each["id"] for each in found["unsupported"]] == [event["id"]]
    assert listed(found, "touched") == ["E19"]


async def test_a_judgement_tells_what_it_rests_on_also_through_others(api: httpx.AsyncClient) -> None:
    found = await impact(api, "white-house-source")

    resting = {REF_OF[each["id"]]: [REF_OF[on] for on in each["rests_on"]] for each in found["judgements"]}
    assert resting == {"E08": ["E07"], "E15": ["E07"], "E16": ["E07", "E15"]}
    assert not any(each["own"] for each in found["judgements"])
    assert found["names"][id_of("source", "weekly")]["slug"] == "weekly"


async def test_a_judgement_that_rests_on_a_judgement_alone_is_found(api: httpx.AsyncClient) -> None:
    event = {"kind": "assessment", "title": "So nobody will come", "based_on": ids("E08"), "source": "weekly"}
    last = await posted(api, "/v1/events", {**event, "occurred": "2019-06-14", "marking": "clear"})

    found = await impact(api, "unattributed")

    told = next(each for each in found["judgements"] if each["id"] == last["id"])
    assert told["rests_on"] == ids("E08")


async def test_another_grade_weighs_otherwise(api: httpx.AsyncClient) -> None:
    for slug in ("a-paper", "b-paper"):
        paper = {"slug": slug, "name": slug, "reliability": "B", "marking": "clear"}
        await posted(api, "/v1/sources", paper)
        voice = {"kind": "report", "of": ids("E03"), "source": slug, "modality": "stated", "occurred": "2019-06-12"}
        await posted(api, "/v1/events", voice | {"marking": "clear"})

    worse = await impact(api, "a-paper", **{"as": "F"})
    same = await impact(api, "a-paper", **{"as": "A"})

    assert moves(worse) == {"E03": "corroborated R3 > disputed R4"}
    assert same["changed"] == []
    assert listed({"touched": same["touched"][:1]}, "touched") == ["E03"]


async def test_impact_as_of_then_is_what_rested_on_it_then(api: httpx.AsyncClient) -> None:
    found = await impact(api, "white-house-source", as_of=REGISTERED + 14)

    assert moves(found) == {"E07": "denied R5 > rumoured R8"}
    assert listed(found, "judgements") == refs("08")
    assert (found["as_of"], found["position"]) == (REGISTERED + 14, REGISTERED + 14)
    assert (await impact(api, "white-house-source", as_of=REGISTERED + 13))["totals"]["voices"] == 0


async def test_a_walk_holds_every_line_once(api: httpx.AsyncClient) -> None:
    whole, pages, cursor = await impact(api, "weekly"), list[Json](), None
    while not pages or cursor:
        pages.append(await impact(api, "weekly", limit=2, **({"cursor": cursor} if cursor else {})))
        cursor = pages[-1]["next"]

    assert len(pages) == 6
    for name in ("unsupported", "changed", "touched", "judgements"):
        assert [line for page in pages for line in page[name]] == whole[name]
    assert all(page["totals"] == whole["totals"] for page in pages)


async def test_the_same_in_words(api: httpx.AsyncClient) -> None:
    text = (await api.get("/v1/sources/russian-officials/impact.md")).text

    assert "# Russian officials, removed" in text
    assert "| 2019-W23 | Haftar meets the Russian president | denied (R5) | reported (R7) | 1 |" in text


# What a level does not see


async def test_hidden_voices_and_events_do_not_count(api: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    before = await impact(anonymous, "russian-officials")
    denial = {"kind": "denial", "of": ids("E02"), "source": "russian-officials", "occurred": "2019-06-12"}
    await posted(api, "/v1/events", denial)

    after = await impact(anonymous, "russian-officials")

    assert without_position(after) == without_position(before)
    assert (await impact(api, "russian-officials"))["totals"]["voices"] == 2


async def test_a_hidden_document_has_no_publisher(api: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    slug = {"slug": "weekly-report", "title": "The weekly report", "publisher": "weekly", "published": PUBLISHED}
    await posted(api, "/v1/documents", slug | {"revision": 1, "marking": "amber"})

    assert (await impact(anonymous, "weekly", by="publisher"))["totals"]["voices"] == 0
    assert (await impact(api, "weekly", by="publisher"))["totals"]["voices"] == 20


async def test_a_hidden_source_is_not_found(api: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    await posted(api, "/v1/sources", {"slug": "insider", "name": "Insider"})

    answers = [await anonymous.get(f"/v1/sources/{slug}/impact") for slug in ("insider", "nobody-at-all")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text.replace("insider", "nobody-at-all") == answers[1].text


# Bad input


@pytest.mark.parametrize(
    ("asked", "status", "pointer"),
    [
        ({"as": "G"}, 400, "?as"),
        ({"as": "removed,F"}, 400, "?as"),
        ({"by": "owner"}, 400, "?by"),
        ({"by": "publisher", "as": "B"}, 400, "?as"),
        ({"as_of": "99999"}, 400, "?as_of"),
        ({"limit": "0"}, 400, "?limit"),
        ({"cursor": "nonsense"}, 400, None),
        ({"standing": "denied"}, 400, "?standing"),
    ],
    ids=str,
)
async def test_what_cannot_be_asked_is_told(
    api: httpx.AsyncClient, asked: Json, status: int, pointer: str | None
) -> None:
    answer = await api.get("/v1/sources/weekly/impact", params=asked)

    assert answer.status_code == status, answer.text
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ([pointer] if pointer else [])


async def test_a_cursor_of_another_supposition_is_refused(api: httpx.AsyncClient) -> None:
    cursor = (await impact(api, "weekly", limit=1))["next"]

    answer = await api.get("/v1/sources/weekly/impact", params={"as": "F", "cursor": cursor})

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad-cursor")


async def test_more_than_can_be_folded_again_is_refused(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(again, "RECORDS_MAX", 3)

    answer = await api.get("/v1/sources/weekly/impact")

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/too-much")
    assert "50,000" not in answer.text
