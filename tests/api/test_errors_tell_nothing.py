"""Whatever goes wrong inside, no answer tells of SQL, paths, modules or stack traces."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from litestar.exceptions import HTTPException, InternalServerException

from tests.conftest import client_of
from timeline import app
from timeline.api import edge, events
from timeline.app import Application
from timeline.db.pool import open_pool
from timeline.errors import ForkedLog
from timeline.log.writer import Writer
from timeline.settings import Settings

VISIT = {"kind": "visit", "title": "A visit", "occurred": "early June 2019", "source": "paper"}
PAPER = {"slug": "paper", "name": "A Paper"}
SECRET = "SELECT bytes FROM timeline.payload -- /srv/timeline/secret.py line 7 hunter2"
TELLING = re.compile(
    r"select|insert|update|where|payload|relation|statement|lock|psycopg|asyncpg|litestar|msgspec|uvicorn|traceback"
    r"|\.py\b|/srv|/tmp|/home|line \d|hunter2|exception|\w+error\b|\bat 0x|timeline\.\w",
    re.IGNORECASE,
)
"""Words that no answer to what went wrong inside may hold; types of problems are looked at without their path."""


def tells_nothing(answer: httpx.Response) -> None:
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["status"] == answer.status_code
    assert not TELLING.search(answer.text.replace("/problems/timeline-error", "")), answer.text
    assert not any(TELLING.search(value) for value in answer.headers.values()), answer.headers
    assert set(body) == {"type", "title", "status", "detail", "instance", "errors"}


@pytest_asyncio.fixture
async def impatient(
    db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[Application]:
    """A service that waits not long for a statement, and for a lock as long as a test says."""
    lock_timeout_ms = getattr(request, "param", 100)
    monkeypatch.setattr(app, "open_pool", partial(open_pool, lock_timeout_ms=lock_timeout_ms, statement_timeout_ms=400))
    made = Application(Settings(data_dir=str(tmp_path)), db)
    async with made.running():
        yield made


@pytest_asyncio.fixture
async def client(impatient: Application) -> AsyncIterator[httpx.AsyncClient]:
    """The owner's client of it."""
    async with client_of(impatient, {"Authorization": f"Bearer {impatient.token}"}) as opened:
        assert (await opened.post("/v1/sources", json=PAPER)).status_code == 201
        yield opened


READS = ("/v1/timelines/all", "/v1/events?q=a", "/v1/weeks/2019-W23", "/v1/diff?from=0", "/v1/sources", "/v1/changes")


async def _held(db: str, client: httpx.AsyncClient, *statements: str) -> list[httpx.Response]:
    """Every read, while another holds what it needs."""
    other = await asyncpg.connect(db)
    try:
        transaction = other.transaction()
        await transaction.start()
        schema = await other.fetchval("SELECT tables FROM timeline.progress WHERE live")
        for each in statements:
            await other.execute(each.replace("<tables>", schema))
        answers = await asyncio.gather(*(client.get(path) for path in READS))
        await transaction.rollback()
        return list(answers)
    finally:
        await other.close()


LOCKS = ("LOCK <tables>.event_state, <tables>.registered, <tables>.timeline_entry, timeline.payload, timeline.log",)


async def test_a_lock_that_is_not_had_in_time_is_told_without_its_table(db: str, client: httpx.AsyncClient) -> None:
    answers = await _held(db, client, *LOCKS)

    assert {answer.status_code for answer in answers} == {503}
    for answer in answers:
        tells_nothing(answer)
        assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("impatient", [0], indirect=True)
async def test_a_statement_that_takes_too_long_is_told_without_its_words(db: str, client: httpx.AsyncClient) -> None:
    answers = await _held(db, client, *LOCKS)

    assert {answer.status_code for answer in answers} == {503}
    assert all("too long" in answer.json()["detail"] for answer in answers)
    for answer in answers:
        tells_nothing(answer)


async def test_a_lost_connection_is_told_as_such(db: str, client: httpx.AsyncClient) -> None:
    async def cut() -> None:
        other = await asyncpg.connect(db)
        # Of this database alone: the same server holds those of other tests that run beside this one.
        ours = "datname = current_database() AND application_name LIKE 'timeline%'"
        waiting = f"FROM pg_stat_activity WHERE {ours} AND wait_event_type = 'Lock'"
        backends, waits = f"SELECT pg_terminate_backend(pid) {waiting}", f"SELECT count(*) {waiting}"
        while not await other.fetchval(waits):  # noqa: ASYNC110 – another process's state: no event tells of it
            await asyncio.sleep(0.01)
        await other.execute(backends)
        await other.close()

    *answers, _ = await asyncio.gather(_held(db, client, *LOCKS), cut())

    assert {answer.status_code for answer in answers[0]} == {503}
    for answer in answers[0]:
        tells_nothing(answer)


RAISED: dict[str, Exception] = {
    "ours": ForkedLog(SECRET, where=SECRET),
    "Python's": RuntimeError(SECRET),
    "a key's": KeyError(SECRET),
    "PostgreSQL's": asyncpg.UndefinedColumnError(SECRET),
    "asyncpg's": asyncpg.DataError(SECRET),
    "a unique index's": asyncpg.UniqueViolationError(SECRET),
    "the framework's": InternalServerException(detail=SECRET),
    "the framework's own 503": HTTPException(detail=SECRET, status_code=503),
    "too deep": RecursionError(SECRET),
}


@pytest.mark.parametrize("error", RAISED.values(), ids=RAISED)
async def test_an_exception_in_a_route_is_told_without_its_words(
    client: httpx.AsyncClient, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(events, "event_shown", broken)
    monkeypatch.setattr(events, "post_one", broken)

    answers = [await client.get("/v1/events/01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01")]
    answers += [await client.post("/v1/events", json=VISIT)]

    for answer in answers:
        tells_nothing(answer)
        assert answer.status_code == 500


@pytest.mark.parametrize("error", RAISED.values(), ids=RAISED)
@pytest.mark.parametrize("where", ["_insert", "_look_up"])
async def test_an_exception_in_an_append_is_told_without_its_words(
    client: httpx.AsyncClient, error: Exception, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(Writer, where, broken)

    one = await client.post("/v1/events", json=VISIT)
    many = await client.post("/v1/events/batch?mode=each", json=[VISIT])

    (verdict,) = many.json()["verdicts"]
    tells_nothing(one)
    assert not TELLING.search(str(verdict).replace("/problems/timeline-error", ""))


async def test_an_exception_on_the_way_to_a_route_is_a_problem_document_too(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(edge._Addresses, "find", broken)
    monkeypatch.setattr(edge.Edge, "_prepare", lambda *_: None)
    monkeypatch.setattr(edge.Edge, "_serve", broken)

    tells_nothing(await client.get("/v1/timelines/all"))


MALFORMED: dict[str, Callable[[httpx.AsyncClient], Any]] = {
    "JSON": lambda client: client.post("/v1/events", content=b"{", headers={"Content-Type": "application/json"}),
    "a media type": lambda client: client.post("/v1/events", content=b"{}", headers={"Content-Type": "a/b;" * 50}),
    "a method": lambda client: client.request("BREW", "/v1/events"),
    "a path": lambda client: client.get("/v1/events/..%2f..%2fetc%2fpasswd"),
    "an encoding": lambda client: client.get("/v1/events?kind=%ff%fe"),
    "a number": lambda client: client.get("/v1/timelines/all?limit=1e400"),
    "a position": lambda client: client.get("/v1/changes?after=99999999999999999999"),
}


@pytest.mark.parametrize("ask", MALFORMED.values(), ids=MALFORMED)
async def test_what_is_malformed_is_refused_in_our_own_words(client: httpx.AsyncClient, ask: Any) -> None:
    answer = await ask(client)

    assert 400 <= answer.status_code < 500
    assert not re.search(r"asyncpg|litestar|msgspec|traceback|\.py\b|select|\w+Error\b", answer.text, re.IGNORECASE)
