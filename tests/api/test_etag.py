"""What an ETag promises."""

from uuid import UUID

import asyncpg
import httpx

from timeline.app import Application
from timeline.projections.pages import etag
from timeline.projections.world import ALL


async def test_a_tag_never_promises_what_the_answer_does_not_show(application: Application) -> None:
    assert application.service is not None
    async with application.service.reader.at() as (connection, _):
        await connection.execute("SELECT 1")
        before = await etag(connection, ("x",), [UUID(ALL)], 3, 0)

    # The head moves to 7 between the reading of a page at 5 and the reading of its head.
    class Moved:
        async def fetchval(self, *_: object) -> int:
            return 7

    behind = await etag(Moved(), ("x",), [UUID(ALL)], 3, 5)  # type: ignore[arg-type]  # stands in for a head that moved
    settled = await etag(Moved(), ("x",), [UUID(ALL)], 3, 7)  # type: ignore[arg-type]  # as above

    assert len({before, behind, settled}) == 3


async def test_read_models_of_another_version_are_not_read(application: Application, api: httpx.AsyncClient) -> None:
    connection = await asyncpg.connect(application.dsn)
    await connection.execute("UPDATE timeline.progress SET version = version + 1")
    await connection.close()

    answer = await api.get("/v1/timelines/all")

    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/behind")
    assert "version" in answer.json()["detail"]
