"""A page that stops because it looked at enough loses no entry to the next one."""

import pytest

from tests.log.desk import desk_on
from tests.projections.folding import fold_all, live_tables
from tests.projections.reading import OWNER, reader_on
from timeline.importers.libya_week import REGISTRATIONS
from timeline.projections import pages

VISIT = {
    "kind": "visit",
    "title": "A visit",
    "occurred": "2019-06-20",
    "tense": "future",
    "said": "2019-06-07",
    "source": "weekly",
    "participants": ["haftar"],
    "marking": "clear",
}
IT_TOOK_PLACE = {
    "kind": "report",
    "occurred": "2019-06-21",
    "tense": "past",
    "source": "roth",
    "modality": "stated",
    "marking": "amber",
}


@pytest.mark.parametrize("backwards", [False, True])
async def test_an_event_that_stands_differently_at_levels_is_on_some_page(
    db: str, monkeypatch: pytest.MonkeyPatch, backwards: bool
) -> None:
    monkeypatch.setattr(pages, "LOOKED_AT_MAX", 1)
    async with desk_on(db) as desk:
        await desk.post(*REGISTRATIONS)
        visit = await desk.id_of(VISIT)
        await desk.post({**IT_TOOK_PLACE, "of": [visit]})
    async with live_tables(db) as (connection, tables):
        await fold_all(connection, tables)

    async with reader_on(db) as reader:
        found = {
            level: {entry.id for entry in await reader.entries(level=level, backwards=backwards)}
            for level in range(OWNER + 1)
        }

    assert [level for level, ids in found.items() if visit not in ids] == []
