"""What the benchmarks share: a real service on a database on disk, and what this machine is."""

import asyncio
import os
import platform
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.load import Measured
from tests.services import Service
from timeline.db.embedded import EmbeddedServer

PROSE = "Sources said that the talks would go on for two days and that no statement was planned; nobody was named. "


@contextmanager
def folder_on_disk() -> Iterator[Path]:
    """A folder that outlives a power cut, so not one in memory, which the database's own user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="timeline-benchmark-", dir="/var/tmp"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def service_on_disk(folder: Path, *options: str) -> Iterator[Service]:
    """`timeline serve` as anybody starts it: its own PostgreSQL with fsync, an access log to a file. But that its owner
    may ask as often as the machine lets them: that is what is measured."""
    service = Service(folder / "data", *options, env={"TIMELINE_REQUESTS_PER_SECOND": "0"})
    try:
        yield service
    finally:
        service.stop(signal.SIGINT)


def dsn_of(service: Service) -> str:
    """The database of a service, for what is measured beside it."""
    found = asyncio.run(EmbeddedServer(service.data_dir).beside())
    assert found is not None, "the service's database does not answer"
    return found


def headers_of(service: Service) -> dict[str, str]:
    """What a request of the owner carries."""
    token = service.token_path.read_text().strip()
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def rss_mb(pid: int) -> float:
    """The memory of a process that is in use now, in megabytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def machine() -> str:
    """The facts without which a figure says nothing."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")), "")
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{os.cpu_count()} cores ({model or platform.machine()}), {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; load before: {load}. Load generator, service and PostgreSQL share them."
    )


def told(name: str, measured: Measured, *notes: str) -> str:
    """A line of what was measured."""
    expected = {"200", "201", "304"}
    wrong = {status: n for status, n in measured.statuses.items() if status not in expected}
    line = f"{name:<34} {measured.per_second:>9,.0f} /s   p50 {measured.p50_ms:6.1f} ms   p99 {measured.p99_ms:6.1f} ms"
    return "   ".join([line, *notes, *([f"NOT ANSWERED: {wrong}"] if wrong else [])])
