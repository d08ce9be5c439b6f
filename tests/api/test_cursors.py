"""A cursor may stand at what its reader may not see; nothing of that can be read from it."""

import base64
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.test_posting import PAPER, VISIT, posted
from timeline.api.cursors import Seal, Walk
from timeline.errors import BadCursor
from timeline.projections import pages, registered

LOOKED_AT = 4


def inside(cursor: str) -> bytes:
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


async def test_a_page_that_ends_at_what_is_hidden_tells_nothing_of_it(
    api: httpx.AsyncClient, anonymous: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pages, registered):
        monkeypatch.setattr(module, "LOOKED_AT_MAX", LOOKED_AT)
    await posted(api, "/v1/sources", PAPER)
    for n in range(LOOKED_AT + 2):
        await posted(api, "/v1/actors", {"slug": f"operation-{n}", "name": "Secret", "marking": "amber"})
        await posted(api, "/v1/events", VISIT | {"occurred": f"2019-06-0{n + 1}", "marking": "amber"})
    await posted(api, "/v1/actors", {"slug": "z", "name": "Seen", "marking": "clear"})
    seen = await posted(api, "/v1/events", VISIT | {"occurred": "2019-06-20", "marking": "clear"})

    pages_: list[dict[str, Any]] = [(await anonymous.get(f"/v1/{each}")).json() for each in ("actors", "timelines/all")]

    assert [page.get("items", page.get("entries")) for page in pages_] == [[], []]
    assert all(page["next"] for page in pages_)
    for page in pages_:
        assert not any(each in inside(page["next"]) for each in (b"operation", b"2019", b"-06-"))
    following = await anonymous.get("/v1/actors", params={"cursor": pages_[0]["next"]})
    assert [each["slug"] for each in following.json()["items"]] == ["z"]
    following = await anonymous.get("/v1/timelines/all", params={"cursor": pages_[1]["next"]})
    assert [each["id"] for each in following.json()["entries"]] == [seen["id"]]


WALK = Walk("fingerprint", 7, ("operation-4", UUID(int=1)))


@given(secret=st.binary(min_size=1, max_size=40), text=st.text(max_size=200).filter(lambda t: t.isascii()))
def test_what_was_sealed_is_opened_and_always_looks_alike(secret: bytes, text: str) -> None:
    seal = Seal(secret)

    assert seal.opened(seal.sealed(text)) == text
    assert seal.sealed(text) == Seal(secret).sealed(text)
    assert seal.walk_of(seal.walk_text(WALK), "fingerprint", Walk) == WALK


def test_another_s_cursor_is_refused() -> None:
    with pytest.raises(BadCursor):
        Seal(b"one").walk_of(Seal(b"other").walk_text(WALK), "fingerprint", Walk)
