"""Each migration is applied once, whole or not at all, and a database that does not fit is refused."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from timeline.db import migrate as runner
from timeline.db.migrate import migrate, pending
from timeline.db.pool import unavailable_if_lost
from timeline.errors import DatabaseUnavailable, WrongDatabase


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Two migrations of our own."""
    (tmp_path / "0001_fruit.sql").write_text(
        "CREATE TABLE timeline.fruit (name text PRIMARY KEY);\nINSERT INTO timeline.fruit VALUES ('apple');\n"
    )
    (tmp_path / "0002_pear.sql").write_text(
        "DO $$ BEGIN INSERT INTO timeline.fruit VALUES ('pear'); END $$;\nCREATE TABLE unqualified ();\n"
    )
    return tmp_path


async def fruit(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    try:
        return [row["name"] for row in await connection.fetch("SELECT name FROM timeline.fruit ORDER BY name")]
    finally:
        await connection.close()


async def ask(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_what_is_missing_is_applied_in_order(fresh_database: str, files: Path) -> None:
    heard: list[str] = []

    before = await pending(fresh_database, files)
    applied = await migrate(fresh_database, files, heard.append)
    again = await migrate(fresh_database, files)

    assert before == applied == heard == ["0001_fruit", "0002_pear"]
    assert again == await pending(fresh_database, files) == []
    assert await fruit(fresh_database) == ["apple", "pear"]


async def test_a_later_file_is_applied_alone(fresh_database: str, files: Path) -> None:
    await migrate(fresh_database, files)
    (files / "0003_fig.sql").write_text("INSERT INTO fruit VALUES ('fig')")

    assert await pending(fresh_database, files) == ["0003_fig"]
    assert await migrate(fresh_database, files) == ["0003_fig"]
    assert await fruit(fresh_database) == ["apple", "fig", "pear"]


async def test_pending_changes_nothing(fresh_database: str, files: Path) -> None:
    await pending(fresh_database, files)

    assert await ask(fresh_database, "SELECT to_regnamespace('timeline')") is None


async def test_names_that_are_not_qualified_land_in_our_schema(fresh_database: str, files: Path) -> None:
    connection = await asyncpg.connect(fresh_database)
    path = await connection.fetchval("SHOW search_path")

    await migrate(connection, files)

    assert await connection.fetchval("SELECT to_regclass('timeline.unqualified') IS NOT NULL")
    assert await connection.fetchval("SHOW search_path") == path
    await connection.close()


async def test_eight_at_once_apply_each_file_once(fresh_database: str, files: Path) -> None:
    (files / "0003_slow.sql").write_text("SELECT pg_sleep(0.2)")

    applied = await asyncio.gather(*(migrate(fresh_database, files) for _ in range(8)))

    assert sorted(map(len, applied)) == [0] * 7 + [3]
    assert await fruit(fresh_database) == ["apple", "pear"]


async def test_an_edited_file_is_refused(fresh_database: str, files: Path) -> None:
    await migrate(fresh_database, files)
    with (files / "0001_fruit.sql").open("a") as file:
        file.write("-- a harmless comment\n")

    with pytest.raises(WrongDatabase, match=r"0001_fruit\.sql was edited"):
        await migrate(fresh_database, files)
    with pytest.raises(WrongDatabase, match=r"0001_fruit\.sql was edited"):
        await pending(fresh_database, files)


async def test_line_ends_of_another_system_are_no_edit(fresh_database: str, files: Path) -> None:
    await migrate(fresh_database, files)
    path = files / "0001_fruit.sql"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert await migrate(fresh_database, files) == []


async def test_a_newer_database_is_refused(fresh_database: str, files: Path) -> None:
    await migrate(fresh_database, files)
    (files / "0002_pear.sql").unlink()

    with pytest.raises(WrongDatabase, match="newer than this version: it has 0002_pear"):
        await migrate(fresh_database, files)


async def test_a_file_put_in_between_is_refused(fresh_database: str, files: Path) -> None:
    await migrate(fresh_database, files)
    (files / "0002_fig.sql").write_text("SELECT 1")
    (files / "0002_pear.sql").rename(files / "0003_pear.sql")

    with pytest.raises(WrongDatabase, match="has 0002_pear where this version has 0002_fig"):
        await migrate(fresh_database, files)


async def test_a_failing_file_leaves_nothing_of_itself(fresh_database: str, files: Path) -> None:
    (files / "0002_pear.sql").write_text("INSERT INTO timeline.fruit VALUES ('pear');\nSELECT 1 / 0;\n")

    with pytest.raises(asyncpg.DivisionByZeroError) as caught:
        await migrate(fresh_database, files)

    assert caught.value.__notes__ == ["while applying migration 0002_pear"]
    assert await fruit(fresh_database) == ["apple"]
    assert await pending(fresh_database, files) == ["0002_pear"]


async def test_a_killed_connection_leaves_nothing_and_gives_the_lock_back(fresh_database: str, files: Path) -> None:
    (files / "0002_pear.sql").write_text("SELECT pg_terminate_backend(pg_backend_pid());\n")

    with pytest.raises(DatabaseUnavailable), unavailable_if_lost():
        await migrate(fresh_database, files)

    (files / "0002_pear.sql").write_text("INSERT INTO fruit VALUES ('pear')")
    assert await migrate(fresh_database, files) == ["0002_pear"]


async def test_an_index_may_be_built_while_others_wait(fresh_database: str, files: Path) -> None:
    (files / "0003_index.sql").write_text(
        "-- outside a transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS by_name ON fruit (name)"
    )

    applied = await asyncio.gather(*(migrate(fresh_database, files) for _ in range(4)))

    assert sorted(map(len, applied)) == [0, 0, 0, 3]
    assert await ask(fresh_database, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'timeline.by_name'::regclass")


async def test_a_missing_folder_is_named(fresh_database: str, tmp_path: Path) -> None:
    with pytest.raises(WrongDatabase, match=r"the folder of migrations is missing: .*/nowhere"):
        await migrate(fresh_database, tmp_path / "nowhere")


async def test_an_old_postgresql_is_refused(fresh_database: str, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "VERSION_MIN", 99)

    with pytest.raises(WrongDatabase, match="PostgreSQL 99 or newer is needed, found"):
        await migrate(fresh_database, files)


@pytest.mark.parametrize("name", ["1_short.sql", "0003-hyphen.sql", "0003.sql"])
def test_a_misnamed_file_is_refused(files: Path, name: str) -> None:
    (files / name).write_text("SELECT 1")

    with pytest.raises(WrongDatabase, match="is called 0001_what_it_does"):
        runner.read(files)


def test_two_files_with_one_number_are_refused(files: Path) -> None:
    (files / "0002_plum.sql").write_text("SELECT 1")

    with pytest.raises(WrongDatabase, match="0002_pear and 0002_plum have the same number"):
        runner.read(files)
