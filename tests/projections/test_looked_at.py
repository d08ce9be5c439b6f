"""A page that stops because it looked at enough loses no entry to the next one."""

from datetime import date

import pytest

from tests.log.desk import desk_on
from tests.projections.folding import fold_all, live_tables
from tests.projections.reading import OWNER, reader_on
from timeline.importers.libya_week import REGISTRATIONS
from timeline.model.entry import ReadyPage
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


async def test_where_all_is_hidden_nothing_is_looked_through_and_no_next_page_is_told_of(
    db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "LOOKED_AT_MAX", 2)
    async with desk_on(db) as desk:
        await desk.post(*REGISTRATIONS)
        for number in range(5):
            await desk.post({**VISIT, "title": f"Visit {number}", "marking": "amber"})
    async with live_tables(db) as (connection, tables):
        await fold_all(connection, tables)

    async with reader_on(db) as reader:
        found = {level: await first_page(reader.reader, level) for level in (1, 2)}

    assert (found[1].entries, found[1].next) == ([], None)
    assert len(found[2].entries) == 2
    assert found[2].next is not None


async def first_page(reader: pages.Reader, level: int) -> ReadyPage:
    async with reader.timeline("actor", "haftar", level) as (connection, opened):
        query = pages.Query(timeline=opened.timeline, level=level)
        return await pages.ready_page(connection, query, opened, None, opened.position, date(2019, 6, 30))
