"""What a post may refer to, and what is refused before anything is appended."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.checks import check_log
from tests.log.appending import fetch
from tests.log.desk import Desk, Post, body_of, desk_on
from timeline.errors import (
    AmbiguousReference,
    Fault,
    IdTaken,
    InvalidRecord,
    Refusal,
    SlugTaken,
    UnknownReference,
    WrongRevision,
)
from timeline.log.admit import Admitted, Refused
from timeline.model.registry import REGISTRATIONS

PAPER = {"kind": "source", "slug": "paper", "name": "A Paper", "aliases": ["The Daily  Paper", "Straßen-Blatt"]}
HAFTAR = {
    "kind": "actor",
    "slug": "haftar",
    "name": "Khalifa Haftar",
    "aliases": ["Field Marshal Haftar", {"name": "خليفة حفتر", "lang": "ar"}],
}
STORY = {
    "kind": "document",
    "slug": "story",
    "title": "A Story",
    "url": "https://example.org/story",
    "published": "2019-06-12",
}
VISIT = {"kind": "visit", "title": "A visit", "occurred": "early June 2019", "source": "paper"}


def denial(*of: str, **fields: Any) -> Post:
    return {"kind": "denial", "of": [*of], "source": "paper", "occurred": "7 June 2019", **fields}


def correction(subject: str, event: Post, revision: int = 1) -> Post:
    return {
        "kind": "correction",
        "subject": subject,
        "revision": revision,
        "ground": "our_error",
        "reason": "A reason.",
        "event": event,
    }


@pytest_asyncio.fixture
async def desk(db: str) -> AsyncIterator[Desk]:
    """A desk at which the paper, Haftar and the story are known. Whatever it appends, the log stays whole."""
    async with desk_on(db) as opened:
        await opened.post(PAPER, HAFTAR, STORY)
        yield opened
    await check_log(db)


async def refusal_of(desk: Desk, post: Post) -> Refusal:
    (verdict,) = await desk.verdicts(post)
    assert isinstance(verdict, Refused)
    return verdict.refusal


def pointers(refusal: Refusal) -> list[str]:
    return [fault.pointer for fault in refusal.errors]


# What is referred to


@pytest.mark.parametrize(
    "named",
    ["haftar", "Khalifa Haftar", "khalifa  HAFTAR", " Khalifa\u00a0Haftar ", "field marshal haftar", "خليفة حفتر"],
)
async def test_an_actor_is_known_by_slug_name_and_alias_whatever_case_and_blanks(desk: Desk, named: str) -> None:
    (by_name, by_slug) = await desk.post(VISIT | {"participants": [named]}, VISIT | {"participants": ["haftar"]})

    assert body_of(by_name)["participants"] == body_of(by_slug)["participants"]


@pytest.mark.parametrize("named", ["paper", "a paper", "the daily paper", "STRASSEN-BLATT"])
async def test_a_source_is_known_by_slug_name_and_alias(desk: Desk, named: str) -> None:
    (by_name, by_slug) = await desk.post(VISIT | {"source": named}, VISIT)

    assert body_of(by_name)["source"] == body_of(by_slug)["source"]


async def test_a_thing_is_known_by_its_id(desk: Desk) -> None:
    moscow = await desk.id_of({"kind": "place", "slug": "moscow", "name": "Moscow"})

    (visit,) = await desk.post(VISIT | {"places": [moscow]})

    assert body_of(visit)["places"] == [{"place": moscow}]


@pytest.mark.parametrize("named", ["story", "a story", "https://example.org/story"])
async def test_a_document_is_known_by_slug_title_and_url(desk: Desk, named: str) -> None:
    (by_name, by_slug) = await desk.post(VISIT | {"document": named}, VISIT | {"document": "story"})

    assert body_of(by_name)["document"] == body_of(by_slug)["document"]
    assert len(by_name.records) == 1


async def test_an_unknown_url_registers_a_document_marked_as_the_post(desk: Desk) -> None:
    (visit,) = await desk.post(VISIT | {"document": "https://example.org/new", "marking": "green"})

    document, _ = visit.records
    assert (document.kind, str(document.subject)) == ("document", body_of(visit)["document"])
    assert visit.filled_in["proposed"] == [{"kind": "document", "id": str(document.id), "slug": None}]
    assert b'"marking":"green"' in document.payload


async def test_a_document_s_date_is_when_the_source_said_so(desk: Desk) -> None:
    (visit,) = await desk.post(VISIT | {"document": "story", "occurred": "last week"})

    assert visit.filled_in["said"]["edtf"] == "2019-06-12"
    assert visit.filled_in["occurred"]["earliest"] == "2019-06-03"
    assert body_of(visit)["occurred"] == "last week"


async def test_an_old_name_is_known_no_more_and_the_new_one_is(desk: Desk) -> None:
    await desk.post(HAFTAR | {"name": "Marshal Haftar", "aliases": [], "revision": 1})

    (visit,) = await desk.post(VISIT | {"participants": ["marshal haftar"]})
    refusal = await refusal_of(desk, VISIT | {"participants": ["Khalifa Haftar"]})

    assert len(body_of(visit)["participants"]) == 1
    assert isinstance(refusal, UnknownReference)


async def test_a_slug_goes_before_a_name(desk: Desk) -> None:
    await desk.post({"kind": "actor", "slug": "other", "name": "haftar"})

    (visit, own) = await desk.post(VISIT | {"participants": ["haftar"]}, VISIT | {"participants": ["Khalifa Haftar"]})

    assert body_of(visit)["participants"] == body_of(own)["participants"]


async def test_a_name_of_two_is_refused_with_both(desk: Desk) -> None:
    await desk.post(*({"kind": "actor", "slug": f"smith-{n}", "name": "John Smith"} for n in (1, 2)))

    refusal = await refusal_of(desk, VISIT | {"participants": ["haftar", "JOHN smith"]})

    assert isinstance(refusal, AmbiguousReference)
    assert pointers(refusal) == ["#/participants/1"]
    assert ["smith-1" in refusal.errors[0].found, "smith-2" in refusal.errors[0].found] == [True, True]


async def test_every_unknown_reference_is_told_at_once(desk: Desk) -> None:
    refusal = await refusal_of(
        desk,
        VISIT | {"source": "nobody", "participants": ["haftar", {"actor": "x"}], "topics": ["y"], "document": "z"},
    )

    assert isinstance(refusal, UnknownReference)
    assert sorted(pointers(refusal)) == ["#/document", "#/participants/1/actor", "#/source", "#/topics/0"]


async def test_a_thing_of_another_kind_is_not_taken(desk: Desk) -> None:
    refusal = await refusal_of(desk, VISIT | {"source": "haftar", "participants": ["paper"]})

    assert sorted(pointers(refusal)) == ["#/participants/0", "#/source"]


# Proposals


async def test_what_is_unknown_may_be_proposed(desk: Desk) -> None:
    post = VISIT | {"participants": ["General Nobody"], "topics": ["Trade & Aid"], "source": "The Weekly"}

    (visit,) = await desk.post(post, on_missing="propose")
    (again,) = await desk.post(post, on_missing="propose")

    assert {(p["kind"], p["slug"]) for p in visit.filled_in["proposed"]} == {
        ("actor", "general-nobody"),
        ("topic", "trade-aid"),
        ("source", "the-weekly"),
    }
    assert (len(visit.records), len(again.records)) == (4, 1)
    assert body_of(again) == body_of(visit)


async def test_one_unknown_name_is_proposed_once_in_a_record(desk: Desk) -> None:
    post = VISIT | {"participants": ["General Nobody", {"actor": "general  nobody", "role": "host"}]}

    (visit,) = await desk.post(post, on_missing="propose")

    assert len({each["actor"] for each in body_of(visit)["participants"]}) == 1


@pytest.mark.parametrize("together", [True, False])
async def test_a_proposed_slug_that_is_taken_becomes_another(desk: Desk, together: bool) -> None:
    names = ["Haftar!", "محمد بن زايد", "سيف", "Haftar?"]
    several = [VISIT | {"participants": names}] if together else [VISIT | {"participants": [each]} for each in names]

    admitted = await desk.post(*several, on_missing="propose")

    slugs = [proposed["slug"] for each in admitted for proposed in each.filled_in["proposed"]]
    assert [slug[:7] for slug in slugs] == ["haftar-", "unnamed", "unnamed", "haftar-"]
    assert len(set(slugs)) == 4


async def test_an_event_is_never_proposed(desk: Desk) -> None:
    (verdict,) = await desk.verdicts(denial(str(uuid4())), on_missing="propose")

    assert isinstance(verdict, Refused)
    assert pointers(verdict.refusal) == ["#/of/0"]


# Lines of one batch


async def test_a_line_names_an_earlier_one_by_its_ref_slug_or_name(desk: Desk) -> None:
    admitted = await desk.post(
        {"kind": "actor", "slug": "putin", "name": "Vladimir Putin"},
        VISIT | {"ref": "trip", "participants": ["putin", "vladimir putin"]},
        denial("#trip", ref="no"),
        denial("#no"),
    )

    actor, trip, no = (str(each.id) for each in admitted[:3])
    assert body_of(admitted[1])["participants"] == [{"actor": actor}, {"actor": actor}]
    assert (body_of(admitted[2])["of"], body_of(admitted[3])["of"]) == ([trip], [no])
    assert [{str(each) for each in a.needs} for a in admitted] == [set(), {actor}, {trip}, {no}]


async def test_a_line_cannot_name_itself_or_a_later_one(desk: Desk) -> None:
    first, second, third = await desk.verdicts(denial("#later"), denial("#own", ref="own"), VISIT | {"ref": "later"})

    assert [isinstance(each, Refused) and pointers(each.refusal) for each in (first, second)] == [["#/of/0"]] * 2
    assert isinstance(third, Admitted)


async def test_a_line_that_names_a_refused_one_is_refused(desk: Desk) -> None:
    verdicts = await desk.verdicts(VISIT | {"ref": "trip", "source": "nobody"}, denial("#trip"), VISIT)

    assert [type(each) for each in verdicts] == [Refused, Refused, Admitted]


async def test_one_name_is_proposed_once_in_a_batch(desk: Desk) -> None:
    post = VISIT | {"participants": ["General Nobody"]}

    admitted = await desk.post(post, post, on_missing="propose")

    assert [len(each.records) for each in admitted] == [2, 1]


# What may not be said of what


async def test_a_reply_to_a_registration_is_refused(desk: Desk) -> None:
    actor = await desk.id_of({"kind": "actor", "slug": "putin", "name": "Vladimir Putin"})

    refusal = await refusal_of(desk, denial(actor))

    assert isinstance(refusal, UnknownReference)
    assert refusal.errors[0].found == f'"{actor}", which is a registration of kind actor'


async def test_an_edit_of_an_edit_is_refused(desk: Desk) -> None:
    visit = await desk.id_of(VISIT)
    recall = await desk.id_of({"kind": "recall", "subject": visit, "reason": "A reason."})

    refusal = await refusal_of(desk, {"kind": "recall", "subject": recall, "reason": "A reason."})

    assert pointers(refusal) == ["#/subject"]


async def test_a_correction_that_closes_a_circle_is_refused(desk: Desk) -> None:
    visit = await desk.id_of(VISIT)
    first = await desk.id_of(denial(visit))
    second = await desk.id_of(denial(first))

    refusals = [
        await refusal_of(desk, correction(first, denial(second))),
        await refusal_of(desk, correction(first, denial(first))),
        await refusal_of(desk, correction(visit, {**VISIT, "kind": "cancellation", "cancels": [first]})),
        await refusal_of(desk, correction(visit, VISIT | {"occurred": {"during": second}})),
    ]

    assert [pointers(each) for each in refusals] == [
        ["#/event/of/0"],
        ["#/event/of/0"],
        ["#/event/cancels/0"],
        ["#/event/occurred/during"],
    ]


async def test_a_correction_may_name_other_earlier_events(desk: Desk) -> None:
    visit, other = await desk.id_of(VISIT), await desk.id_of(VISIT)
    reply = await desk.id_of(denial(visit))

    (corrected,) = await desk.post(correction(reply, denial(other)))

    assert body_of(corrected)["event"]["of"] == [other]


async def test_an_event_is_no_duplicate_of_itself(desk: Desk) -> None:
    visit = await desk.id_of(VISIT)

    refusal = await refusal_of(desk, {"kind": "duplicate", "subject": visit, "survivor": visit, "reason": "A reason."})

    assert pointers(refusal) == ["#/survivor"]


@pytest.mark.parametrize(
    ("post", "pointer"),
    [
        (VISIT | {"occurred": "when the moon was blue"}, "#/occurred"),
        (VISIT | {"occurred": {"words": "soon"}}, "#/occurred/edtf"),
        (VISIT | {"occurred": {}}, "#/occurred"),
        (VISIT | {"said": "30 February 2019"}, "#/said"),
        (VISIT | {"quote": {"text": "a", "start": 9, "end": 3}}, "#/quote/end"),
    ],
)
async def test_what_does_not_fit_together_is_refused(desk: Desk, post: Post, pointer: str) -> None:
    refusal = await refusal_of(desk, post)

    assert isinstance(refusal, InvalidRecord)
    assert pointers(refusal) == [pointer]


# Size


async def test_a_record_too_large_is_refused_before_the_log(desk: Desk) -> None:
    sources = [{"document": "story", "quote": {"text": f"{n}" * 9_000}} for n in range(8)]

    refusal = await refusal_of(desk, VISIT | {"evidence": sources})

    assert isinstance(refusal, InvalidRecord)
    assert refusal.errors[0].expected == "a record of at most 65,536 bytes"


async def test_a_record_as_large_as_allowed_is_taken(db: str, desk: Desk) -> None:
    evidence = [{"document": "story", "quote": {"text": f"{n}" * 9_000}} for n in range(7)]

    (visit,) = await desk.post(VISIT | {"evidence": evidence})

    assert len(visit.records[-1].payload) > 60_000
    assert (await fetch(db, "SELECT max(octet_length(bytes)) AS longest FROM timeline.payload"))[0]["longest"] > 60_000


async def test_an_address_that_is_none_registers_no_document(desk: Desk) -> None:
    visit = {"kind": "visit", "title": "A visit", "occurred": "2019", "source": "paper"}

    for address in ("https://example.org/" + chr(0x10000) * 1_900, "https://", "http://a b"):
        with pytest.raises(InvalidRecord):
            await desk.post(visit | {"document": address})


# Registrations


@pytest.mark.parametrize("kind", sorted(REGISTRATIONS))
async def test_each_registration_is_changed_by_naming_its_revision(desk: Desk, kind: str) -> None:
    await desk.post(
        {"kind": "actor", "slug": "lna", "name": "LNA"}, {"kind": "actor", "slug": "russia", "name": "Russia"}
    )
    await desk.post(
        {"kind": "actor", "slug": "putin", "name": "Putin"}, {"kind": "source", "slug": "weekly", "name": "W"}
    )
    example = REGISTRATIONS[kind].example
    own = {"id": str(uuid4())} | ({"slug": "own"} if "slug" in example else {})
    post: Post = {**example, **own}

    (first,) = await desk.post(post)
    (second,) = await desk.post(post | {"revision": 1})

    assert (str(first.id), str(second.id)) == (own["id"], own["id"])
    assert [each.records[-1].revision for each in (first, second)] == [1, 2]
    assert second.records[-1].id != second.id


async def test_a_slug_that_is_taken_is_told_with_its_holder(desk: Desk) -> None:
    refusal = await refusal_of(desk, {"kind": "actor", "slug": "haftar", "name": "Another"})

    assert isinstance(refusal, SlugTaken)
    assert refusal.extra["revision"] == 1


async def test_a_slug_is_unique_among_things_of_its_kind_only(desk: Desk) -> None:
    (place,) = await desk.post({"kind": "place", "slug": "haftar", "name": "Haftar's house"})

    assert place.records[-1].kind == "place"


async def test_a_revision_that_moved_is_told(desk: Desk) -> None:
    await desk.post(HAFTAR | {"revision": 1, "summary": "A commander."})

    with pytest.raises(WrongRevision) as refusal:
        await desk.post(HAFTAR | {"revision": 1, "summary": "A marshal."})

    assert refusal.value.extra["revision"] == 2


async def test_an_id_of_another_record_is_taken(desk: Desk) -> None:
    visit = await desk.id_of(VISIT)

    with pytest.raises(IdTaken):
        await desk.post(VISIT | {"id": visit, "title": "Another"})
    with pytest.raises(IdTaken):
        await desk.post({"kind": "actor", "id": visit, "slug": "another", "name": "Another"})


async def test_a_change_of_what_was_never_registered_names_the_field(desk: Desk) -> None:
    refusal = await refusal_of(desk, {"kind": "actor", "slug": "nobody", "name": "Nobody", "revision": 3})

    assert refusal.errors == (
        Fault(pointer="#/revision", expected="nothing, for no such actor is registered", found="3"),
    )


# A confirmation by who has no ground for it

OFFICE = {"kind": "source", "slug": "office", "name": "His office", "actor": "haftar", "reliability": "C"}
RALLY = {"kind": "source", "slug": "rally", "name": "A rally", "aligned_with": ["haftar"], "reliability": "D"}
NOBODY = {"kind": "source", "slug": "nobody", "name": "Officials", "named": False}


@pytest.mark.parametrize(
    ("source", "ground", "told"),
    [
        ("paper", "admission", "an admission is by a participant, or by somebody on its side"),
        ("paper", "counterpart", "a counterpart is a participant, in its own voice"),
        ("rally", "counterpart", "a counterpart is a participant, in its own voice"),
        ("office", "authority", "an authority is on nobody's side"),
        ("rally", "record", "whoever shows a record is on nobody's side"),
        ("nobody", "authority", "a source without a name confirms nothing"),
        ("paper", None, "a confirmation has a ground: admission, counterpart, authority or record"),
        ("paper", "authority", None),
        ("office", "admission", None),
        ("rally", "admission", None),
        ("office", "counterpart", None),
    ],
)
@pytest.mark.parametrize("together", [True, False])
async def test_a_confirmation_without_its_ground_is_taken_and_told_to_be_an_assertion(
    desk: Desk, source: str, ground: str | None, told: str | None, together: bool
) -> None:
    await desk.post(OFFICE, RALLY, NOBODY)
    visit = VISIT | {"participants": ["haftar"]}
    confirmation = {"kind": "confirmation", "source": source, "occurred": "2019-06-08"}
    confirmation |= {"ground": ground} if ground else {}

    if together:
        taken = await desk.post(visit | {"ref": "visit"}, confirmation | {"of": ["#visit"]})
    else:
        (posted,) = await desk.post(visit)
        taken = await desk.post(confirmation | {"of": [str(posted.id)]})

    assert taken[-1].filled_in.get("counts_as") == (f"an assertion: {told}" if told else None)


async def test_who_took_part_is_read_from_the_last_correction(desk: Desk) -> None:
    await desk.post(OFFICE)
    (visit,) = await desk.post(VISIT)
    await desk.post(correction(str(visit.id), VISIT | {"participants": ["haftar"]}))
    confirmation = {"kind": "confirmation", "source": "office", "occurred": "2019-06-08", "of": [str(visit.id)]}

    (taken,) = await desk.post(confirmation | {"ground": "admission"})

    assert "counts_as" not in taken.filled_in


async def test_a_confirmation_of_what_is_no_event_is_refused(desk: Desk) -> None:
    source = await desk.id_of(PAPER | {"slug": "other"})
    confirmation = {"kind": "confirmation", "of": [source], "source": "paper", "occurred": "2019-06-12"}

    assert pointers(await refusal_of(desk, confirmation)) == ["#/of/0"]
