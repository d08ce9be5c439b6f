"""What the benchmarks run on is what the service itself would have recorded."""

import itertools
from typing import Any

from tests.benchmarks.bulk import EDITED, Bulk, append_events, project
from tests.checks import check_log
from tests.log.appending import fetch
from tests.log.desk import body_of, desk_on
from timeline.log.record import NewRecord
from timeline.model.codec import read_payload

EVENTS = 250


async def test_admission_makes_the_same_of_the_same_posts(db: str) -> None:
    bulk = Bulk()
    records = list(itertools.islice(bulk, 400))
    for kind in EDITED:
        bulk.edit(kind)
    bulk.register_anew()
    records += bulk.until(bulk.events)

    async with desk_on(db) as desk:
        admitted = await desk.post(*map(_post_of, records))

    assert {*EDITED} <= {record.kind for record in records}
    for record, found in zip(records, admitted, strict=True):
        made = found.records[-1]
        assert (made.id, made.kind, made.subject, made.keys) == (record.id, record.kind, record.subject, record.keys)
        assert body_of(found) == read_payload(record.payload).body
    await check_log(db)


async def test_a_log_that_was_interrupted_goes_on_as_it_would_have(db: str) -> None:
    await append_events(db, Bulk(), EVENTS // 3)
    await project(db)
    await append_events(db, Bulk(), EVENTS)
    await project(db)

    rows = await fetch(db, "SELECT id FROM timeline.log ORDER BY position")
    expected = Bulk()

    assert [row["id"] for row in rows] == [record.id for record in expected.until(EVENTS)]
    assert (await check_log(db)).compared_at == len(rows)


def _post_of(record: NewRecord) -> dict[str, Any]:
    return {"id": str(record.id), "kind": record.kind, **read_payload(record.payload).body}
