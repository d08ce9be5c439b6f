"""A registration that touches many events is derived in several transactions: unseen until whole, and the same."""

import asyncpg
import httpx
import pytest

from tests.projections.folding import Breaking, digest, fold_all, fresh_tables, live_tables, position
from tests.projections.loading import post_stream, post_week
from tests.projections.streams import Stream
from timeline.app import Application
from timeline.projections import projector, store
from timeline.projections.projector import Fenced, step

RECORDS = 60


async def regraded(api: httpx.AsyncClient) -> None:
    """Events by one source that nothing binds to each other, two denials of each; then the source is graded anew."""
    for n in range(8):
        visit = {"kind": "visit", "title": "A visit", "occurred": "2019-06-05", "source": "roth", "modality": "stated"}
        posted = await api.post("/v1/events", json=visit | {"participants": ["haftar"], "topics": ["libya"]})
        denials = [
            {"kind": "denial", "of": [posted.json()["id"]], "source": source, "occurred": f"2019-06-0{day}"}
            for source, day in (("roth", 6 + n % 2), ("russian-officials", 8))
        ]
        answer = await api.post("/v1/events/batch", json=denials)
        assert answer.status_code == 201, answer.text
    source = (await api.get("/v1/sources/roth")).json()
    again = source["body"] | {"kind": "source", "id": source["id"], "reliability": "F", "revision": source["revision"]}
    answer = await api.post("/v1/sources", json=again)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("seed", [5, 6, 7])
async def test_in_portions_of_any_size_the_read_models_are_the_same(
    application: Application, api: httpx.AsyncClient, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await post_week(api)
    await post_stream(api, Stream(seed), RECORDS)
    await regraded(api)
    digests, wide = set(), 0
    told = store.portions

    async def counted(*asked: object) -> list[frozenset[str]]:
        nonlocal wide
        found = await told(*asked)  # type: ignore[arg-type]  # passed on as they came
        wide += len(found) > 1
        return found

    monkeypatch.setattr(projector, "portions", counted)
    for size in (1, 3, 1_000):
        monkeypatch.setattr(store, "PORTION_EVENTS_MAX", size)
        async with fresh_tables(application.dsn) as (connection, tables):
            await fold_all(connection, tables, 7)
            digests.add(await digest(connection))

    assert wide > 4
    assert len(digests) == 1


SEEN = """
SELECT string_agg(t::text, E'\\n' ORDER BY t::text) FROM (
  SELECT event, low, high, body FROM event_state WHERE from_position <= $1 AND to_position > $1
) AS t
"""


async def test_after_a_crash_between_two_portions_nothing_of_them_is_seen_and_the_rest_is_derived(
    application: Application, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await post_week(api)
    await regraded(api)
    async with live_tables(application.dsn) as (connection, tables):
        last, whole = await position(connection, tables), await digest(connection)
    monkeypatch.setattr(store, "PORTION_EVENTS_MAX", 1)

    async with fresh_tables(application.dsn) as (connection, tables):
        await fold_all_but_the_last(connection, tables, last)
        before, partly = await connection.fetchval(SEEN, last - 1), 0
        for statement in range(1, 200):
            other = await projector.connect(application.dsn, tables, "timeline_projector")
            try:
                await step(Breaking(other, statement), tables, last - 1, 200)  # type: ignore[arg-type]  # serves as a connection
                break
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                assert await position(connection, tables) == last - 1
                assert await connection.fetchval(SEEN, last - 1) == before
                partly += bool(
                    await connection.fetchval("SELECT count(*) FROM event_state WHERE from_position = $1", last)
                )
            finally:
                other.terminate()

        assert partly > 3
        assert await position(connection, tables) == last
        assert await digest(connection) == whole


async def fold_all_but_the_last(connection: asyncpg.Connection, tables: str, last: int) -> None:
    """Fold everything before a position."""
    at = 0
    while at < last - 1:
        at = await step(connection, tables, at, last - 1 - at)


async def test_a_projector_that_was_overtaken_writes_no_portion(
    application: Application, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await post_week(api)
    await regraded(api)
    monkeypatch.setattr(store, "PORTION_EVENTS_MAX", 1)
    async with live_tables(application.dsn) as (connection, tables):
        last, whole = await position(connection, tables), await digest(connection)

        with pytest.raises(Fenced):
            await step(connection, tables, last - 1, 200)

        assert await digest(connection) == whole
