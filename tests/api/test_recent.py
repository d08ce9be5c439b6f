"""A reader who has it already is told so from memory, for exactly as long as it holds."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest

from tests.api.test_posting import PAPER, VISIT, posted
from timeline.api.recent import Recent
from timeline.app import Application
from timeline.db.logins import PROJECTOR
from timeline.projections.projector import rebuild

CLEAR = {"marking": "clear"}
ALL = "/v1/timelines/all"


class Database:
    """Counts the statements that a service sends to read."""

    def __init__(self, application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        assert application.service is not None
        reader = application.service.reader
        acquire = reader.pool.acquire

        def counted(*arguments: Any, **options: Any) -> Any:
            self.asked += 1
            return acquire(*arguments, **options)

        monkeypatch.setattr(type(reader.pool), "acquire", lambda _, *a, **o: counted(*a, **o))


@pytest.fixture
async def tag(api: httpx.AsyncClient) -> str:
    """The tag of the timeline of all, which holds a visit."""
    await posted(api, "/v1/sources", PAPER)
    await posted(api, "/v1/events", VISIT | CLEAR)
    answer = await api.get(ALL)
    return str(answer.headers["etag"])


async def again(client: httpx.AsyncClient, tag: str, path: str = ALL, **headers: str) -> httpx.Response:
    return await client.get(path, headers={"If-None-Match": tag, **headers})


async def test_the_second_time_nobody_asks_the_database(
    application: Application, api: httpx.AsyncClient, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await again(api, tag)
    database = Database(application, monkeypatch)

    second = await again(api, tag)

    assert (first.status_code, second.status_code, database.asked) == (304, 304, 0)
    varying = {"x-request-id", "date"}
    assert {k: v for k, v in first.headers.items() if k not in varying} == {
        k: v for k, v in second.headers.items() if k not in varying
    }
    assert second.content == b""


@pytest.mark.parametrize("known", ['"x", {tag}', "{strong}", "*"])
async def test_a_tag_is_known_however_it_is_sent(api: httpx.AsyncClient, tag: str, known: str) -> None:
    await again(api, tag)

    answer = await again(api, known.format(tag=tag, strong=tag.removeprefix("W/")))

    assert answer.status_code == 304


async def test_a_post_is_seen_by_the_next_get(api: httpx.AsyncClient, tag: str) -> None:
    await again(api, tag)
    await posted(api, "/v1/events", VISIT | CLEAR)

    answer = await again(api, tag)

    assert (answer.status_code, len(answer.json()["entries"])) == (200, 2)


async def test_what_changes_elsewhere_leaves_the_tag_as_it_is(api: httpx.AsyncClient, tag: str) -> None:
    await again(api, tag)
    await posted(api, "/v1/topics", {"slug": "libya", "name": "Libya"})

    assert [(await again(api, tag)).status_code for _ in range(2)] == [304, 304]


async def test_another_tag_gets_the_answer(api: httpx.AsyncClient, tag: str) -> None:
    await again(api, tag)

    assert (await again(api, 'W/"another"')).status_code == 200


async def test_each_level_has_its_own(
    application: Application, api: httpx.AsyncClient, anonymous: httpx.AsyncClient, tag: str
) -> None:
    await again(api, tag)

    answer = await again(anonymous, tag)

    assert (answer.status_code, "private" in answer.headers["cache-control"]) == (200, False)


async def test_whoever_has_no_right_token_is_told_nothing(api: httpx.AsyncClient, tag: str) -> None:
    await again(api, tag)

    answer = await again(api, tag, Authorization="Bearer another")

    assert answer.status_code == 401


async def test_another_format_or_query_is_another_answer(api: httpx.AsyncClient, tag: str) -> None:
    await again(api, tag)

    others = [await again(api, tag, f"{ALL}.csv"), await again(api, tag, f"{ALL}?limit=1")]
    others.append(await again(api, tag, Accept="text/csv"))

    assert [each.status_code for each in others] == [200, 200, 200]


async def test_a_refused_request_is_refused_again(api: httpx.AsyncClient, tag: str) -> None:
    answers = [await again(api, "*", f"{ALL}?limit=0") for _ in range(2)]

    assert [each.status_code for each in answers] == [400, 400]


async def test_tomorrow_is_another_day(
    application: Application, api: httpx.AsyncClient, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await again(api, tag)
    assert application.service is not None
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    moved = msgspec.structs.replace(application.service, now=lambda: tomorrow)
    monkeypatch.setattr(application.asgi, "_recent", Recent(moved, application.asgi._gate))
    application.litestar.state.service = moved

    answer = await again(api, tag)

    assert answer.status_code == 200


async def test_tables_that_were_rebuilt_are_asked(
    application: Application, api: httpx.AsyncClient, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await again(api, tag)
    assert application.service is not None
    rebuilt = await rebuild(application.dsn, PROJECTOR)
    await posted(api, "/v1/topics", {"slug": "libya", "name": "Libya"})  # it follows the switch when it next looks
    while application.service.projector.tables != rebuilt.tables:
        await application.service.projector.reached(2**40, 0.02)
    database = Database(application, monkeypatch)

    answer = await again(api, tag)

    assert (answer.status_code, database.asked) == (304, 1)


async def test_while_reads_stand_still_the_database_is_asked(
    application: Application, api: httpx.AsyncClient, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await again(api, tag)
    assert application.service is not None
    monkeypatch.setattr(application.service.projector.health, "stopped", "A record can't be folded.")
    connection = await asyncpg.connect(application.dsn)
    await connection.execute("UPDATE timeline.progress SET version = version + 1")
    await connection.close()

    assert (await again(api, tag)).status_code == 503
