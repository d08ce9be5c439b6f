"""Loading others' data: each row once, a later release as corrections, every row accounted for."""

import csv
import gzip
import io
import tracemalloc
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import zstandard

from tests.checks import check_log
from tests.postgres import ROOT
from timeline.access import OWNER
from timeline.app import Application
from timeline.importers import IMPORTERS
from timeline.importers.importer import BadFile, Context, identity
from timeline.importing import Loader, Outcome, Refusals, Tally
from timeline.loading import Here, There
from timeline.log.admit import Caller
from timeline.model.record import LEVEL_MAX

GOLDEN = ROOT / "tests" / "golden" / "importers"
UCDP = GOLDEN / "ucdp-ged.csv"
FIRST = identity("ucdp:ged", "700001")


def here(application: Application) -> Here:
    assert application.service is not None
    return Here(application.service, Caller(subject=OWNER, level=LEVEL_MAX))


async def load(
    sink: Any, name: str, *paths: Path, refusals: Path | None = None, recalls: bool = False, **asked: Any
) -> Tally:
    """Load files, as the command does."""
    listed = Refusals(refusals or paths[0].with_suffix(".refused"))
    options = {each: asked.pop(each) for each in ("after", "limit") if each in asked}
    dry = asked.pop("dry", False)
    loader = Loader(sink, IMPORTERS[name], Context(**({"marking": "clear"} | asked)), listed, dry=dry)
    loader.seen = set() if recalls else None
    try:
        for path in paths:
            async for _ in loader.load(path, **options):
                pass
        if recalls:
            await loader.recall_missing()
    finally:
        listed.close()
    assert loader.tally.read == sum(
        (loader.tally.recorded, loader.tally.unchanged, loader.tally.corrected, loader.tally.refused)
    )
    return loader.tally


def written(path: Path, rows: Iterable[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def ucdp(path: Path, change: Any = None) -> Path:
    """The hand-written rows, changed."""
    rows = list(csv.reader(UCDP.read_text(encoding="utf-8-sig").splitlines()))
    header, tags, *lines = rows
    cells = [dict(zip(header, each, strict=True)) for each in lines]
    cells = change(cells) if change else cells
    return written(path, [header, tags, *([each[name] for name in header] for each in cells)])


async def events_of(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    return list((await api.get("/v1/timelines/all?limit=1000&feeds=include")).json()["entries"])


async def test_a_file_is_recorded_and_its_refused_rows_are_listed(
    application: Application, api: httpx.AsyncClient, db: str, tmp_path: Path
) -> None:
    tally = await load(here(application), "ucdp-ged", ucdp(tmp_path / "ged191.csv"), refusals=tmp_path / "refused.csv")

    assert (tally.read, tally.recorded, tally.refused) == (10, 9, 1)
    listed = list(csv.DictReader((tmp_path / "refused.csv").read_text().splitlines()))
    assert [(each["file"], each["line"], each["column"]) for each in listed] == [("ged191.csv", "12", "date_end")]
    shown = (await api.get(f"/v1/events/{FIRST}?min_position={await head(db)}")).json()
    assert shown["external_ids"]["ucdp:ged"] == "700001"
    assert shown["external_ids"]["ucdp:ged:release"] == "19.1"
    assert shown["figures"]["killed"] == {"best": 1, "low": 1, "high": 1}
    assert shown["standing"] == "reported"
    await check_log(db)


@pytest.mark.parametrize("name", sorted(IMPORTERS))
async def test_what_is_loaded_twice_is_recorded_once(
    application: Application, db: str, name: str, tmp_path: Path
) -> None:
    path = next(each for each in GOLDEN.iterdir() if each.stem == name and each.suffix != ".golden")
    first = await load(here(application), name, path, refusals=tmp_path / "one.csv")
    size = await head(db)

    again = await load(here(application), name, path, refusals=tmp_path / "two.csv")

    assert again.recorded == again.corrected == 0
    assert (again.unchanged, again.refused) == (first.recorded, first.refused)
    assert await head(db) == size
    await check_log(db)


async def test_a_later_release_corrects_exactly_what_it_tells_otherwise(
    application: Application, api: httpx.AsyncClient, db: str, tmp_path: Path
) -> None:
    sink = here(application)
    await load(sink, "ucdp-ged", ucdp(tmp_path / "ged191.csv"))

    def revised(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        rows[0]["best"] = rows[0]["high"] = "7"
        return [*rows, rows[1] | {"id": "700011"}]

    tally = await load(sink, "ucdp-ged", ucdp(tmp_path / "ged201.csv", revised))
    again = await load(sink, "ucdp-ged", ucdp(tmp_path / "ged201.csv", revised))
    older = await load(sink, "ucdp-ged", ucdp(tmp_path / "ged191.csv"))

    assert (tally.recorded, tally.corrected, tally.unchanged) == (1, 1, 8)
    assert (again.recorded, again.corrected, again.unchanged) == (0, 0, 10)
    assert (older.corrected, older.unchanged) == (0, 9)
    shown = (await api.get(f"/v1/events/{FIRST}?min_position={await head(db)}")).json()
    assert (shown["revision"], shown["figures"]["killed"]["best"]) == (2, 7)
    history = (await api.get(f"/v1/events/{FIRST}/history")).json()
    assert "release 20.1 tells it so" in str(history)
    await check_log(db)


async def test_what_an_analyst_corrected_stays_until_the_data_changes(
    application: Application, api: httpx.AsyncClient, db: str, tmp_path: Path
) -> None:
    sink = here(application)
    path = ucdp(tmp_path / "ged191.csv")
    await load(sink, "ucdp-ged", path)
    body = await posted(db, FIRST)
    ours = {"kind": "correction", "subject": FIRST, "revision": 1, "ground": "our_error", "reason": "Read again."}
    answer = await api.post("/v1/events", json=ours | {"event": body | {"title": "A clash by the harbour"}})
    assert answer.status_code == 201, answer.text

    tally = await load(sink, "ucdp-ged", path)

    assert (tally.corrected, tally.unchanged) == (0, 9)
    shown = (await api.get(f"/v1/events/{FIRST}")).json()
    assert (shown["title"], shown["revision"]) == ("A clash by the harbour", 2)


async def test_what_the_data_no_longer_has_is_recalled_when_asked(
    application: Application, api: httpx.AsyncClient, db: str, tmp_path: Path
) -> None:
    sink = here(application)
    await load(sink, "ucdp-ged", ucdp(tmp_path / "ged191.csv"))
    fewer = ucdp(tmp_path / "ged201.csv", lambda rows: rows[1:9])

    tally = await load(sink, "ucdp-ged", fewer, recalls=True, release="20.1")
    again = await load(sink, "ucdp-ged", fewer, recalls=True, release="20.1")

    assert (tally.recalled, again.recalled) == (1, 0)
    await api.get(f"/v1/events/{FIRST}?min_position={await head(db)}")
    assert FIRST not in [each["id"] for each in await events_of(api)]
    await check_log(db)


@pytest.mark.parametrize("cut", [1, 4, 8])
async def test_a_load_that_was_cut_off_ends_the_same_when_it_is_run_again(
    application: Application, db: str, tmp_path: Path, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("timeline.importing.CHUNK_ROWS", 3)
    sink, path = here(application), ucdp(tmp_path / "ged191.csv")
    await load(sink, "ucdp-ged", path, limit=cut)

    tally = await load(sink, "ucdp-ged", path)

    assert (tally.recorded + tally.unchanged, tally.unchanged) == (9, min(cut, 9))
    whole = await subjects(db)
    assert whole == await subjects_of_one_run(application, db, path)


async def test_a_load_goes_on_behind_the_line_it_had_come_to(application: Application, tmp_path: Path) -> None:
    path = ucdp(tmp_path / "ged191.csv")

    tally = await load(here(application), "ucdp-ged", path, after=6)

    assert (tally.read, tally.recorded, tally.passed_over) == (6, 5, 4)


async def test_a_dry_run_tells_what_would_be_and_records_nothing(
    application: Application, db: str, tmp_path: Path
) -> None:
    path = ucdp(tmp_path / "ged191.csv")

    before = await load(here(application), "ucdp-ged", path, dry=True)
    size = await head(db)
    await load(here(application), "ucdp-ged", path)
    after = await load(here(application), "ucdp-ged", path, dry=True)

    assert size == 0
    assert (before.recorded, before.refused, before.kinds["military_action"]) == (9, 1, 8)
    assert (after.recorded, after.unchanged) == (0, 9)


async def actor_of(application: Application, api: httpx.AsyncClient, external: str) -> dict[str, Any]:
    assert await here(application).readable(30)
    answer = await api.get(f"/v1/actors/{identity('ucdp:actor:actor', external)}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("remote", [False, True])
async def test_the_list_of_actors_fills_in_those_that_events_named(
    application: Application, api: httpx.AsyncClient, db: str, tmp_path: Path, remote: bool
) -> None:
    sink = There(api, "reject") if remote else here(application)
    await load(sink, "ucdp-ged", ucdp(tmp_path / "ged191.csv"))
    listed = GOLDEN / "ucdp-actor.csv"
    later = written_later(listed, tmp_path / "ucdp-actor-231.csv")
    refused = tmp_path / "refused.csv"

    seen = await load(sink, "ucdp-actor", listed, refusals=refused, dry=True)
    first = await load(sink, "ucdp-actor", listed, refusals=refused)
    again = await load(sink, "ucdp-actor", listed, refusals=refused)
    filled = await actor_of(application, api, "9202")
    newer = await load(sink, "ucdp-actor", later, refusals=refused)

    assert (seen.recorded, seen.corrected, seen.refused) == (first.recorded, first.corrected, 2)
    assert (first.recorded + first.corrected, again.unchanged, again.recorded, again.corrected) == (8, 8, 0, 0)
    assert first.corrected >= 2
    assert (filled["revision"], filled["body"]["external_ids"]["ucdp:actor"]) == (2, "9202")
    assert "Front démocratique des Dunes" in {each["name"] for each in filled["body"]["aliases"]}
    assert (newer.corrected, newer.unchanged) == (1, 7)
    assert (await actor_of(application, api, "9202"))["body"]["name"] == "Dune Front of Sandland"
    await check_log(db)


async def test_an_actor_that_an_analyst_registered_anew_stays_until_the_list_changes(
    application: Application, api: httpx.AsyncClient, tmp_path: Path
) -> None:
    sink, refused = here(application), tmp_path / "refused.csv"
    await load(sink, "ucdp-ged", ucdp(tmp_path / "ged191.csv"))
    held = await actor_of(application, api, "9202")
    own = held["body"] | {"id": held["id"], "name": "The Dune Front", "revision": 1}
    assert (await api.post("/v1/actors", json=own)).status_code == 201

    tally = await load(sink, "ucdp-actor", GOLDEN / "ucdp-actor.csv", refusals=refused)

    assert tally.unchanged == 1
    assert (await actor_of(application, api, "9202"))["name"] == "The Dune Front"


def written_later(listed: Path, path: Path) -> Path:
    """The list of a later release, in which one actor is called otherwise."""
    path.write_text(listed.read_text(encoding="utf-8").replace("9202,Dune Front,", "9202,Dune Front of Sandland,"))
    return path


async def test_what_a_refused_row_names_is_not_registered(application: Application, db: str, tmp_path: Path) -> None:
    tally = await load(here(application), "ucdp-ged", ucdp(tmp_path / "ged191.csv"), topics=("nowhere",))

    assert (tally.recorded, tally.refused) == (0, 10)
    assert await head(db) == 0


async def test_through_a_service_it_is_the_same(
    application: Application, api: httpx.AsyncClient, db: str, tmp_path: Path
) -> None:
    path = ucdp(tmp_path / "ged191.csv")
    later = ucdp(tmp_path / "ged201.csv", lambda rows: [row | {"best": "3"} for row in rows[:2]])
    there = There(api, "reject")

    first = await load(there, "ucdp-ged", path)
    seen = await load(there, "ucdp-ged", path, dry=True)
    again = await load(there, "ucdp-ged", later, recalls=True, release="20.1")

    assert (first.recorded, first.refused) == (9, 1)
    assert (seen.recorded, seen.unchanged) == (0, 9)
    assert (again.corrected, again.recalled) == (2, 7)
    await check_log(db)


async def test_packed_files_are_read_as_they_are(application: Application, tmp_path: Path) -> None:
    text = ucdp(tmp_path / "ged191.csv").read_bytes()
    packed = {
        "ged191.csv.gz": gzip.compress(text, mtime=0),
        "ged191.csv.zst": zstandard.ZstdCompressor().compress(text),
        "ged191.zip": zipped({"ged191.csv": text}),
    }
    for name, data in packed.items():
        (tmp_path / name).write_bytes(data)

    tallies = [await load(here(application), "ucdp-ged", tmp_path / name) for name in packed]

    assert [(each.recorded, each.unchanged) for each in tallies] == [(9, 0), (0, 9), (0, 9)]


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("cut.csv.gz", gzip.compress(UCDP.read_bytes(), mtime=0)[:-40], "cut off after line|damaged after line"),
        ("two.zip", None, "Expected one file in the zip, found 2"),
        ("latin.csv", UCDP.read_bytes().replace(b"Marsa town", "Märsa".encode("latin-1")), "not UTF-8"),
        ("broken.zip", b"PK\x03\x04 nothing behind it", "not a zip"),
    ],
)
async def test_a_file_that_cannot_be_read_is_told(
    application: Application, db: str, tmp_path: Path, name: str, data: bytes | None, told: str
) -> None:
    (tmp_path / name).write_bytes(data if data is not None else zipped({"a.csv": b"", "b.csv": b""}))

    with pytest.raises(BadFile, match=told):
        await load(here(application), "ucdp-ged", tmp_path / name)

    await check_log(db)


def zipped(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return held.getvalue()


async def head(db: str) -> int:
    return int(await value(db, "SELECT coalesce(max(position), 0) FROM timeline.log"))


async def subjects(db: str) -> list[str]:
    """What the log holds, in its order."""
    connection = await asyncpg.connect(db)
    try:
        rows = await connection.fetch("SELECT kind || ' ' || subject AS told FROM timeline.log ORDER BY position")
    finally:
        await connection.close()
    return [row["told"] for row in rows]


@pytest.mark.parametrize("refused", ["by the importer", "by the log"])
async def test_however_many_rows_are_refused_no_more_is_held(
    tmp_path: Path, refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("timeline.importing.CHUNK_ROWS", 200)

    few, many = [await held_for(tmp_path, rows, refused) for rows in (600, 3_000)]

    assert many < 1.2 * few


async def held_for(tmp_path: Path, count: int, refused: str) -> int:
    """The most bytes held while a file is loaded of which every row is refused; all of them are listed, in order."""
    kind = "visit" if refused == "by the log" else "no kind"
    path, listed = tmp_path / f"{count}.csv", tmp_path / f"{count}.refused"
    written(path, [["kind", "title", "occurred", "source"], *([kind, "A", "2019", "s"] for _ in range(count))])

    class Refusing(Listing):
        async def post(self, posts: Any, *, beside: Any = (), dry: bool) -> list[Outcome]:
            return [Outcome("refused", "source", "expected a registered source")] * len(posts)

    tracemalloc.start()
    tally = await load(Refusing(), "events", path, refusals=listed)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert tally.refused == count
    with listed.open() as file:
        assert [row["line"] for row in csv.DictReader(file)] == [str(line) for line in range(2, count + 2)]
    return held


class Listing:
    """A sink that records nothing, and lists what it is given."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def post(self, posts: Any, *, beside: Any = (), dry: bool) -> list[Outcome]:
        self.told.extend(f"{post['kind']} {post['id']}" for post in posts)
        return [Outcome("recorded")] * len(posts)

    async def held(self, ids: Any) -> dict[str, Any]:
        return {}


async def subjects_of_one_run(application: Application, db: str, path: Path) -> list[str]:
    """What an uninterrupted load posts, in its order: by a sink that records nothing."""
    sink = Listing()
    await load(sink, "ucdp-ged", path)
    return sink.told


async def posted(db: str, event: str) -> dict[str, Any]:
    from timeline.model.codec import read_payload

    row = await value(db, f"SELECT bytes FROM timeline.payload JOIN timeline.log USING (position) WHERE id = '{event}'")
    payload = read_payload(row)
    return {"kind": payload.kind, **payload.body}


async def value(db: str, query: str) -> Any:
    connection = await asyncpg.connect(db)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()
