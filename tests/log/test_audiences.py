"""Who may not see a record can't learn of it by writing: to them it is as if it were not there."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from tests.checks import check_log
from tests.log.desk import Desk, Post, body_of, desk_on
from tests.log.test_admit import STORY, VISIT, correction, denial
from timeline.errors import AmbiguousReference, IdTaken, Refusal, SlugTaken, UnknownReference
from timeline.log.admit import Refused
from timeline.model.record import MARKINGS

CLEAR, GREEN, AMBER, STRICT = range(4)
PAPER = {"kind": "source", "slug": "paper", "name": "A Paper", "marking": "clear"}
MOLE = {"kind": "source", "slug": "mole", "name": "The Mole", "aliases": ["Our Man"], "marking": "amber"}
HIDDEN_STORY = STORY | {"marking": "amber"}
SEEN = VISIT | {"marking": "clear"}


@pytest_asyncio.fixture
async def desk(db: str) -> AsyncIterator[Desk]:
    """A desk that knows a clear paper; a source and a document are amber."""
    async with desk_on(db) as opened:
        await opened.post(PAPER, MOLE, HIDDEN_STORY)
        yield opened
    await check_log(db)


async def refusal(desk: Desk, post: Post, level: int) -> Refusal:
    (verdict,) = await desk.verdicts(post, level=level)
    assert isinstance(verdict, Refused), verdict
    return verdict.refusal


def told(refused: Refusal, *ids: str) -> object:
    """Everything that is answered to it, but for the id that was asked about."""
    text = str((type(refused).__name__, refused.detail, refused.errors, refused.extra))
    for each in ids:
        text = text.replace(each, "<id>")
    return text


async def assert_as_unknown(desk: Desk, post: Any, hidden: str, level: int) -> None:
    """A post about what is hidden is refused in the very words that one about nothing is."""
    unknown = str(uuid4())

    about_hidden, about_nothing = [await refusal(desk, post(each), level) for each in (hidden, unknown)]

    assert isinstance(about_hidden, UnknownReference)
    assert told(about_hidden, hidden) == told(about_nothing, unknown)


# References


@pytest.mark.parametrize("named", ["mole", "The Mole", "our  man"])
async def test_a_hidden_source_is_unknown_by_slug_name_and_alias(desk: Desk, named: str) -> None:
    refused, other = [await refusal(desk, SEEN | {"source": each}, GREEN) for each in (named, "nobody")]

    assert isinstance(refused, UnknownReference)
    assert told(refused, named) == told(other, "nobody")
    assert (await desk.post(SEEN | {"source": named}, level=AMBER))[0].id


@pytest.mark.parametrize("named", ["story", "A Story"])
async def test_a_hidden_document_is_unknown_by_slug_and_title(desk: Desk, named: str) -> None:
    assert isinstance(await refusal(desk, SEEN | {"document": named}, GREEN), UnknownReference)


ABOUT: dict[str, Any] = {
    "a source": lambda id_: SEEN | {"source": id_},
    "of": lambda id_: denial(id_, marking="clear"),
    "based_on": lambda id_: {
        "kind": "assessment",
        "title": "We judge so",
        "based_on": [id_],
        "source": "paper",
        "occurred": "2019-06-12",
    },
    "during": lambda id_: SEEN | {"occurred": {"during": id_}},
    "cancels": lambda id_: {**SEEN, "kind": "cancellation", "cancels": [id_]},
    "correction": lambda id_: correction(id_, SEEN),
    "retraction": lambda id_: {"kind": "retraction", "subject": id_, "reason": "A reason."},
    "recall": lambda id_: {"kind": "recall", "subject": id_, "reason": "A reason."},
    "duplicate": lambda id_: {"kind": "duplicate", "subject": id_, "survivor": id_, "reason": "A reason."},
    "distinct": lambda id_: {"kind": "distinct", "subject": id_, "other": id_, "reason": "A reason."},
    "marking": lambda id_: {"kind": "marking", "subject": id_, "marking": "clear", "reason": "A reason."},
    "erasure": lambda id_: {"kind": "erasure", "subject": id_, "reason": "A reason.", "authority": "An officer"},
}


@pytest.mark.parametrize("about", ABOUT.values(), ids=ABOUT)
@pytest.mark.parametrize("level", [CLEAR, GREEN])
async def test_a_hidden_event_is_unknown_wherever_it_is_named(desk: Desk, about: Any, level: int) -> None:
    hidden = await desk.id_of(VISIT | {"marking": "amber"})

    await assert_as_unknown(desk, about, hidden, level)


@pytest.mark.parametrize("about", ["a source", "of", "erasure"])
async def test_what_is_hidden_is_not_told_by_its_kind(desk: Desk, about: str) -> None:
    hidden = str((await desk.post(MOLE | {"slug": "another"}))[0].id)

    await assert_as_unknown(desk, ABOUT[about], hidden, GREEN)


# Markings in force


EDITS: dict[str, tuple[list[Post], int]] = {
    "posted without a marking": ([{}], AMBER),
    "raised": ([{"marking": "clear"}, {"kind": "marking", "marking": "amber+strict"}], STRICT),
    "lowered": ([{"marking": "amber"}, {"kind": "marking", "marking": "clear"}], CLEAR),
    "raised and lowered": (
        [{"marking": "clear"}, {"kind": "marking", "marking": "amber"}, {"kind": "marking", "marking": "green"}],
        GREEN,
    ),
    "raised by a correction": ([{"marking": "clear"}, {"kind": "correction", "event": {"marking": "amber"}}], AMBER),
    "corrected, its marking left": ([{"marking": "green"}, {"kind": "correction", "event": {}}], GREEN),
    "raised, then corrected": (
        [{"marking": "clear"}, {"kind": "marking", "marking": "amber"}, {"kind": "correction", "event": {}}],
        AMBER,
    ),
    "raised, then recalled": (
        [{"marking": "clear"}, {"kind": "marking", "marking": "amber"}, {"kind": "recall"}],
        AMBER,
    ),
    "erased": ([{"marking": "clear"}, {"kind": "erasure", "authority": "An officer"}], STRICT + 1),
}


@pytest.mark.parametrize(("edits", "lowest"), EDITS.values(), ids=EDITS)
async def test_the_marking_in_force_is_what_counts(desk: Desk, edits: list[Post], lowest: int) -> None:
    event = await desk.id_of({**VISIT, **edits[0]})
    for revision, edit in enumerate(edits[1:], 1):
        more = {"subject": event, "reason": "A reason."} | edit
        if edit["kind"] == "correction":
            more = correction(event, {**VISIT, **edit["event"]}, revision)
        await desk.post(more)

    taken = [level for level in range(len(MARKINGS)) if _admitted(await desk.verdicts(denial(event), level=level))]

    assert taken == [*range(lowest, len(MARKINGS))]


async def test_a_registration_counts_by_its_last(desk: Desk) -> None:
    await desk.post(PAPER | {"marking": "amber", "revision": 1})
    assert isinstance(await refusal(desk, SEEN, GREEN), UnknownReference)

    await desk.post({"kind": "source", "slug": "paper", "name": "A Paper", "revision": 2})
    assert isinstance(await refusal(desk, SEEN, GREEN), UnknownReference)  # amber, as none was said

    await desk.post(PAPER | {"marking": "green", "revision": 3})
    assert _admitted(await desk.verdicts(SEEN, level=GREEN))
    assert not _admitted(await desk.verdicts(SEEN, level=CLEAR))


def _admitted(verdicts: list[Any]) -> bool:
    return not isinstance(verdicts[0], Refused)


# Names


async def test_a_hidden_homonym_makes_no_name_ambiguous(desk: Desk) -> None:
    seen = await desk.id_of(PAPER | {"slug": "other-mole", "name": "The Mole"})

    (taken,) = await desk.verdicts(SEEN | {"source": "The Mole"}, level=GREEN)

    assert not isinstance(taken, Refused)
    assert body_of(taken)["source"] == seen
    assert isinstance(await refusal(desk, SEEN | {"source": "The Mole"}, AMBER), AmbiguousReference)


async def test_candidates_are_those_that_the_writer_may_see(desk: Desk) -> None:
    for slug, marking in (("one", "clear"), ("two", "green"), ("three", "amber")):
        await desk.post(PAPER | {"slug": slug, "name": "Namesake", "marking": marking})

    (fault,) = (await refusal(desk, SEEN | {"source": "Namesake"}, GREEN)).errors

    assert "one" in fault.found
    assert "two" in fault.found
    assert "three" not in fault.found


async def test_a_hidden_slug_does_not_stand_before_a_visible_name(desk: Desk) -> None:
    named = await desk.id_of(PAPER | {"slug": "something", "name": "mole"})

    (taken,) = await desk.verdicts(SEEN | {"source": "mole"}, level=GREEN)

    assert not isinstance(taken, Refused)
    assert body_of(taken)["source"] == named


# What is taken


async def test_of_a_hidden_slug_only_that_it_is_taken_is_told(desk: Desk) -> None:
    refused = await refusal(desk, PAPER | {"slug": "mole", "name": "Another"}, GREEN)

    assert isinstance(refused, SlugTaken)
    assert (refused.extra, refused.errors) == ({}, ())
    assert not any(each in refused.detail for each in ("mole", "Mole", "at revision"))


async def test_a_hidden_address_is_refused_in_the_same_words(desk: Desk) -> None:
    slug = await refusal(desk, PAPER | {"slug": "mole"}, GREEN)

    with pytest.raises(SlugTaken) as address:
        await desk.post({"kind": "document", "url": STORY["url"], "marking": "clear"}, level=GREEN)

    assert told(address.value) == told(slug)


async def test_what_is_hidden_can_t_be_registered_anew(desk: Desk) -> None:
    hidden = str((await desk.post(MOLE | {"slug": "another"}))[0].id)
    anew = MOLE | {"slug": "third", "revision": 1}

    refused, unknown = [await refusal(desk, anew | {"id": each}, GREEN) for each in (hidden, str(uuid4()))]

    assert told(refused, hidden) == told(unknown)


async def test_an_address_that_is_taken_unseen_can_be_cited_again_and_again(desk: Desk) -> None:
    (first,) = await desk.post(SEEN | {"document": STORY["url"]}, level=GREEN)
    (second,) = await desk.post(SEEN | {"document": STORY["url"]}, level=GREEN)

    document = body_of(first)["document"]
    assert first.filled_in["proposed"] == [{"kind": "document", "id": document, "slug": None}]
    assert "said" in first.filled_in
    assert first.filled_in["said_assumed"]  # nothing of the hidden document's date
    assert body_of(second)["document"] == document
    assert "proposed" not in second.filled_in
    (seeing,) = await desk.post(SEEN | {"document": STORY["url"]}, level=AMBER)
    assert body_of(seeing)["document"] not in (document, None)


async def test_a_proposal_leaves_a_hidden_slug_to_its_owner(desk: Desk) -> None:
    (taken,) = await desk.post(SEEN | {"source": "Mole"}, on_missing="propose", level=GREEN)

    (proposed,) = taken.filled_in["proposed"]
    assert proposed["slug"].startswith("mole-")


# Ids and repeats


async def test_a_foreign_id_is_refused_in_the_same_words_whether_hidden_or_not(desk: Desk) -> None:
    refusals = []
    for marking in ("clear", "amber+strict"):
        foreign = await desk.id_of(VISIT | {"marking": marking})
        with pytest.raises(IdTaken) as refused:
            await desk.post(SEEN | {"id": foreign, "title": "Another"}, level=GREEN)
        refusals.append(told(refused.value, foreign))

    assert refusals[0] == refusals[1]


@pytest.mark.parametrize("post", [VISIT, denial, MOLE], ids=["event", "reply", "registration"])
async def test_what_was_posted_above_one_s_level_is_known_again(desk: Desk, post: Any) -> None:
    seen = await desk.id_of(SEEN)
    body = post(seen) if callable(post) else post
    own = {**body, "id": str(uuid4()), "marking": "amber+strict"} | ({"slug": "own"} if post is MOLE else {})
    (first,) = await desk.post(own, level=GREEN)

    (again,) = await desk.post(own, level=GREEN)

    assert again.id == first.id
    assert again.filled_in == first.filled_in


async def test_what_was_posted_above_one_s_level_is_gone_from_sight(desk: Desk) -> None:
    (above,) = await desk.post(VISIT | {"marking": "amber"}, level=GREEN)

    await assert_as_unknown(desk, denial, str(above.id), GREEN)


async def test_lines_of_a_batch_may_name_what_the_batch_itself_puts_above_its_writer(desk: Desk) -> None:
    visit = VISIT | {"ref": "visit", "marking": "amber"}

    _, reply = await desk.post(visit, denial("#visit", marking="amber"), level=GREEN)

    assert UUID(body_of(reply)["of"][0])


async def test_a_line_with_a_hidden_id_lends_it_to_no_other(desk: Desk) -> None:
    hidden = await desk.id_of(VISIT | {"marking": "amber"})

    with pytest.raises(IdTaken):
        await desk.post(SEEN | {"id": hidden}, denial(hidden), level=GREEN)
    with pytest.raises(UnknownReference):
        await desk.post(denial(hidden), level=GREEN)


# What the receipt says


async def test_a_writer_is_not_told_by_whom_a_confirmation_counts_when_that_is_hidden(desk: Desk) -> None:
    event = await desk.id_of(SEEN)
    confirmation = {"kind": "confirmation", "of": [event], "source": "paper", "occurred": "2019-06-12"}

    (below,) = await desk.verdicts(confirmation, level=CLEAR)

    assert not isinstance(below, Refused)
    assert "counts_as" in below.filled_in
    hidden = await desk.id_of(VISIT | {"marking": "amber"})
    await assert_as_unknown(desk, lambda id_: confirmation | {"of": [event, id_]}, hidden, GREEN)
