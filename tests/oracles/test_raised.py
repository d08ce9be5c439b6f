"""A marking raised later hides in what was known before too, and no word of the event comes through others."""

import json

import httpx
import pytest

from tests.api.test_posting import PAPER, posted
from tests.oracles.every_route import About, told
from tests.oracles.test_hidden import application, let_in_at
from timeline.app import Application
from timeline.importers.libya_week import Post
from timeline.model.record import LEVEL_MAX

__all__ = ["application"]

CLEAR = {"marking": "clear"}
WORDS = ("Xanadu", "Zarathustra", "zarathustra", "Quisling", "Unheard-of place", "Whispered")
"""What only the event says that is hidden: its title, its participant's name and alias, its place, its quote."""


async def records(api: httpx.AsyncClient) -> tuple[str, list[str]]:
    """An event with words of its own, and clear records of every sort that rest on it."""
    await posted(api, "/v1/sources", PAPER | CLEAR)
    await posted(api, "/v1/sources", PAPER | CLEAR | {"slug": "kremlin", "name": "Kremlin"})
    await posted(api, "/v1/actors", {"slug": "zarathustra", "name": "Zarathustra", "aliases": ["Quisling"]} | CLEAR)
    await posted(api, "/v1/places", {"slug": "unheard", "name": "Unheard-of place"} | CLEAR)
    told_: Post = {"occurred": "2019-06-05", "said": "2019-06-05", **CLEAR}
    event: Post = {
        "kind": "meeting",
        "title": "A meeting in Xanadu",
        "source": "paper",
        "participants": ["zarathustra"],
    }
    event |= {"places": ["unheard"], "quote": {"text": "Whispered"}, "summary": "Of Xanadu."}
    secret = (await posted(api, "/v1/events", event | told_))["id"]
    reply: Post = {"source": "kremlin", "of": [secret], **told_}
    others = [
        {"kind": "denial", "modality": "stated", **reply},
        {"kind": "confirmation", "ground": "authority", **reply},
        {"kind": "report", **reply},
        {"kind": "assessment", "verdict": "false", **reply},
        {"kind": "statement", "title": "A statement", **reply},
        {"kind": "assessment", "title": "We judge", "source": "paper", "based_on": [secret], **told_},
        {"kind": "visit", "title": "Meanwhile", "source": "paper", **told_, "occurred": {"during": secret}},
        {"kind": "cancellation", "title": "Called off", "source": "paper", "cancels": [secret], **told_},
        {"kind": "visit", "title": "The same", "source": "paper", **told_},
    ]
    ids = [(await posted(api, "/v1/events", each))["id"] for each in others]
    merged = {"kind": "duplicate", "subject": ids[-1], "survivor": secret, "reason": "The same."}
    await posted(api, "/v1/events", merged)
    return secret, ids


@pytest.mark.parametrize("how", ["marking", "correction"])
async def test_no_word_of_what_was_raised_comes_through_others(
    application: Application, api: httpx.AsyncClient, how: str
) -> None:
    secret, ids = await records(api)
    head = (await api.get("/v1/timelines/all")).json()["position"]
    about = About(ids, [{"kind": "meeting", "id": secret}], head)
    async with let_in_at(application, 0) as reader:
        before = json.dumps(await told(reader, about), default=str)
    assert all(word in before for word in WORDS)

    raised: Post = {"kind": "marking", "subject": secret, "marking": "amber", "reason": "Whispered by Quisling."}
    if how == "correction":
        event = {"kind": "meeting", "title": "A meeting in Xanadu", "source": "paper", "occurred": "2019-06-05"}
        raised = {"kind": "correction", "subject": secret, "revision": 1, "ground": "our_error", "reason": "R"}
        raised["event"] = event | {"marking": "amber", "participants": ["zarathustra"]}
    await posted(api, "/v1/events", raised)
    for collection, slug in (("actors", "zarathustra"), ("places", "unheard")):
        thing = (await api.get(f"/v1/{collection}/{slug}")).json()
        body = {**thing["body"], "slug": slug, "revision": 1, "marking": "amber"}
        await posted(api, f"/v1/{collection}", body)
    async with let_in_at(application, 0) as reader:
        after = await told(reader, about)
    async with let_in_at(application, LEVEL_MAX) as reader:
        assert "Xanadu" in json.dumps(await told(reader, about), default=str)

    through = [(asked, word) for asked, found in after.items() for word in WORDS if word in _answer(found)]
    assert through == []


def _answer(found: object) -> str:
    return json.dumps(found, default=str, ensure_ascii=False)
