"""An event tells since when all that a reader sees of it is as it is, and nothing of what that reader does not see."""

from collections import defaultdict
from datetime import datetime
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest

from tests.projections.loading import post_stream, post_week
from tests.projections.streams import Stream
from timeline.app import Application
from timeline.model.record import LEVELS

RECORDS = 120


@pytest.mark.parametrize("seed", [2, 3, 4])
async def test_it_moves_with_whatever_a_level_sees_change_and_with_nothing_else(
    application: Application, api: httpx.AsyncClient, seed: int
) -> None:
    await post_week(api)
    await post_stream(api, Stream(seed), RECORDS)
    assert application.service is not None
    projector = application.service.projector
    assert await projector.reached(await application.service.log.head(), 10)

    connection = await asyncpg.connect(application.dsn)
    try:
        log = await connection.fetch("SELECT position, recorded_at FROM timeline.log")
        rows = await connection.fetch(f'SELECT * FROM "{projector.tables}".event_state ORDER BY from_position')
    finally:
        await connection.close()
    recorded = {each["position"]: each["recorded_at"] for each in log}
    kept = moved = 0
    versions: dict[tuple[Any, int], list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        for level in LEVELS[row["low"] : row["high"] + 1]:
            versions[row["event"], level].append(row)
    for several in versions.values():
        for before, row in zip([None, *several], several, strict=False):
            told, moment = _told(row), recorded[row["from_position"]]
            if before is None or before["to_position"] != row["from_position"] or _told(before)[1] != told[1]:
                assert told[0] == moment
                moved += before is not None
            else:
                assert told[0] == _told(before)[0]
                kept += 1

    assert kept > 0  # at one level where only another saw it change
    assert moved > RECORDS / 4


def _told(row: asyncpg.Record) -> tuple[datetime, dict[str, Any]]:
    """Since when, and what."""
    body = msgspec.json.decode(row["body"])
    return msgspec.convert(body.pop("changed_at"), datetime), body
