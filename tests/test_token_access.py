"""What a process knows of tokens: at once, in every process, and when it can't be sure."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from tests.api.test_tokens import holder, issued
from tests.conftest import client_of
from timeline.access import UNCONFIRMED_SECONDS_MAX, Access, Held, Identity
from timeline.access.bucket import KEPT_MAX, OWNER_TIMES, Buckets
from timeline.access.files import pepper, write_secret
from timeline.access.text import hash_of, read_token, write_token
from timeline.app import Application
from timeline.errors import TooManyRequests, WrongSetting, WrongToken
from timeline.settings import Settings

KEY = bytes(range(32))
ID = "8c6d2b0e-2f0f-4a53-9d0e-5b7f3f6b7a10"
TEXT = write_token(UUID(ID), bytes(range(32)))
ALL = "/v1/timelines/all"


class Tables:
    """A table of tokens in the test's hand."""

    def __init__(self, held: dict[str, Held]) -> None:
        self.held = held
        self.is_current, self.confirmed_at = True, time.monotonic()
        self.refreshed = 0
        self.event = asyncio.Event()

    def get(self, token_id: str) -> Held | None:
        return self.held.get(token_id)

    async def refresh(self) -> None:
        self.refreshed += 1

    async def changed(self) -> None:
        await self.event.wait()


def table(**more: Any) -> Tables:
    who = Identity(subject="s", level=1, scope="append", token=ID, **more)
    return Tables({ID: Held(hash_of(KEY, TEXT.encode()), who)})


def test_a_token_says_its_id_and_survives_no_mistake() -> None:
    assert read_token(TEXT) == (ID, TEXT.encode())
    assert TEXT.isascii()
    assert TEXT.replace("_", "").isalnum()
    for wrong in ("", TEXT[:-1], TEXT + "a", TEXT.upper(), f" {TEXT}", TEXT.replace("_", "-"), TEXT + "\n"):
        assert read_token(wrong) is None


def test_the_right_id_with_another_secret_is_refused_like_an_unknown_one() -> None:
    other, unknown = write_token(UUID(ID), bytes(32)), write_token(UUID(int=1), bytes(32))
    access = Access("o" * 40, None, key=KEY, table=table())

    told = set()
    for text in (other, unknown, "tl_x", f"{TEXT}x"):
        with pytest.raises(WrongToken) as caught:
            access.identify(f"Bearer {text}")
        told.add(caught.value.detail)

    assert len(told) == 1


def test_an_unknown_id_costs_the_same_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return False

    monkeypatch.setattr("hmac.compare_digest", compare)
    access = Access("o" * 40, None, key=KEY, table=table())

    for text in (TEXT, write_token(UUID(int=1), bytes(32))):
        with pytest.raises(WrongToken):
            access.identify(f"Bearer {text}")

    assert compared == [(32, 32)] * 4


async def test_where_a_revocation_could_be_missed_the_database_is_asked() -> None:
    held = table()
    access = Access("o" * 40, None, key=KEY, table=held)

    for is_current, asked in ((True, 0), (False, 1), (False, 2), (True, 2)):
        held.is_current = is_current
        assert (await access.identified(f"Bearer {TEXT}")).token == ID
        assert held.refreshed == asked


def test_a_token_ends_by_the_clock() -> None:
    now = [100.0]
    access = Access("o" * 40, None, key=KEY, table=table(expires_at=101.0), now=lambda: now[0])
    who = access.identify(f"Bearer {TEXT}")
    assert access.still_valid(who)

    now[0] = 101.0

    assert not access.still_valid(who)
    with pytest.raises(WrongToken):
        access.identify(f"Bearer {TEXT}")


async def test_whoever_goes_on_is_told_when_a_token_is_revoked() -> None:
    held = table()
    access = Access("o" * 40, None, key=KEY, table=held)
    ended = asyncio.create_task(access.until_ended(access.identify(f"Bearer {TEXT}")))
    await asyncio.sleep(0)
    assert not ended.done()

    held.held.clear()
    held.event.set()

    await asyncio.wait_for(ended, 1)


def test_nobody_goes_on_for_long_while_nothing_can_be_confirmed() -> None:
    held = table()
    access = Access("o" * 40, "clear", key=KEY, table=held)
    held.confirmed_at = time.monotonic() - UNCONFIRMED_SECONDS_MAX - 1

    assert not access.still_valid(access.identify(f"Bearer {TEXT}"))
    assert access.still_valid(access.identify(None))
    assert access.still_valid(access.identify(f"Bearer {'o' * 40}"))


def test_a_bucket_takes_its_burst_and_then_its_rate() -> None:
    now = [0.0]
    buckets = Buckets(10, 5, lambda: now[0])
    for _ in range(5):
        buckets.take("a")

    with pytest.raises(TooManyRequests) as caught:
        buckets.take("a")
    buckets.take("b")
    now[0] = 0.1
    buckets.take("a")
    with pytest.raises(TooManyRequests):
        buckets.take("a")
    now[0] = 10.0
    for _ in range(5):
        buckets.take("a")

    assert caught.value.retry_after_seconds == 1


def test_the_owners_bucket_is_larger_and_nought_is_no_limit() -> None:
    buckets, none = Buckets(10, 5, lambda: 0.0), Buckets(0, 1, lambda: 0.0)
    for _ in range(5 * OWNER_TIMES):
        buckets.take("owner", OWNER_TIMES)
    for _ in range(1_000):
        none.take("a")

    with pytest.raises(TooManyRequests):
        buckets.take("owner", OWNER_TIMES)


def test_however_many_ask_only_so_many_buckets_are_kept_and_the_emptiest_of_them() -> None:
    buckets = Buckets(1, 3, lambda: 0.0)
    for _ in range(3):
        buckets.take("greedy")

    for each in range(3 * KEPT_MAX):
        buckets.take(each)

    assert len(buckets._full_at) <= KEPT_MAX
    with pytest.raises(TooManyRequests):
        buckets.take("greedy")


def test_the_key_is_made_once_private_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "store" / "token.key"

    made = pepper(path)

    assert (len(made), path.stat().st_mode & 0o777) == (32, 0o600)
    assert pepper(path) == made
    assert not write_secret(path, "other")
    path.write_text("00" * 31)
    with pytest.raises(WrongSetting, match="Bring the file back"):
        pepper(path)


@asynccontextmanager
async def another(application: Application) -> AsyncIterator[Application]:
    """A second process of the same service: the same database and the same data directory."""
    made = Application(application.settings, application.dsn)
    async with made.running():
        yield made


async def test_a_revocation_holds_in_every_process_without_its_looking(
    application: Application, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("timeline.log.tokens.POLL_SECONDS", 3600.0)
    monkeypatch.setattr("timeline.log.tokens.OVERDUE_SECONDS", 3600.0)
    made = await issued(api)
    async with another(application) as other:
        client = holder(other, made)
        assert (await client.get(ALL)).status_code == 200

        assert other.service is not None
        access = other.service.access
        ended = asyncio.create_task(access.until_ended(access.identify(f"Bearer {made['text']}")))
        await api.post(f"/v1/tokens/{made['token']['id']}/revoke")

        await asyncio.wait_for(ended, 9)  # sooner than a stream looks by itself
        assert (await client.get(ALL)).status_code == 401


async def test_a_process_that_hears_nothing_asks_for_each_request(
    application: Application, api: httpx.AsyncClient
) -> None:
    made = await issued(api)
    async with another(application) as other:
        client = holder(other, made)
        assert (await client.get(ALL)).status_code == 200
        assert other._table is not None
        await other._token_listener.stop()
        other._token_listener.is_listening = False
        await other._table.stop()
        await api.post(f"/v1/tokens/{made['token']['id']}/revoke")

        assert (await client.get(ALL)).status_code == 401


async def test_you_have_it_already_is_told_to_nobody_who_was_revoked(
    application: Application, api: httpx.AsyncClient
) -> None:
    made = await issued(api)
    client = holder(application, made)
    tag = (await client.get(ALL)).headers["etag"]
    answers = [(await client.get(ALL, headers={"If-None-Match": tag})).status_code for _ in range(2)]

    await api.post(f"/v1/tokens/{made['token']['id']}/revoke")
    after = await client.get(ALL, headers={"If-None-Match": tag})

    assert (answers, after.status_code) == ([304, 304], 401)


async def test_who_asks_too_often_is_told_when_to_come_back(db: str, tmp_path: Path) -> None:
    made = Application(Settings(data_dir=str(tmp_path), requests_per_second=0.5, requests_burst=3), db)
    async with made.running():
        owner = client_of(made, {"Authorization": f"Bearer {made.token}"})
        client = holder(made, await issued(owner))
        other = holder(made, await issued(owner))
        tag = (await client.get(ALL)).headers["etag"]
        statuses = [(await client.get(ALL, headers={"If-None-Match": tag})).status_code for _ in range(3)]
        refusal = await client.get(ALL)

        assert statuses == [304, 304, 429]
        assert refusal.json()["type"] == "/problems/too-many-requests"
        assert refusal.headers["retry-after"] == "2"
        assert (await other.get(ALL)).status_code == 200
        assert (await client.get("/health/live")).status_code == 200


async def test_whoever_tries_tokens_is_slowed_down_too(db: str, tmp_path: Path) -> None:
    made = Application(Settings(data_dir=str(tmp_path), requests_per_second=0.5, requests_burst=3), db)
    async with made.running():
        client = client_of(made, {"Authorization": f"Bearer {TEXT}"})

        assert [(await client.get(ALL)).status_code for _ in range(5)] == [401, 401, 401, 429, 429]


async def test_a_token_under_another_key_is_not_known(application: Application, api: httpx.AsyncClient) -> None:
    made = await issued(api)
    moved = application.settings.data_path / "elsewhere"
    other = Application(Settings(data_dir=str(moved)), application.dsn)
    async with other.running():
        assert (await holder(other, made).get(ALL)).status_code == 401


async def test_no_round_trip_is_made_for_a_known_token(
    application: Application, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await issued(api)
    assert application.service is not None
    asked = []
    monkeypatch.setattr(asyncpg.Connection, "fetch", lambda *given, **_: asked.append(given))

    who = await application.service.access.identified(f"Bearer {made['text']}")

    assert (who.token, asked) == (made["token"]["id"], [])
