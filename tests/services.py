"""Real `timeline serve` processes, and what is asked of them from outside."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.postgres import ROOT


class Service:
    """A running `timeline serve`."""

    def __init__(
        self,
        data_dir: Path,
        *options: str,
        env: Mapping[str, str] = {},
        wait: bool = True,
        stderr: int | None = None,
        program: str = "timeline",
    ) -> None:
        self.data_dir = data_dir
        self.stderr = data_dir.with_name(f"{data_dir.name}.stderr")
        self.printed: list[str] = []
        with self.stderr.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", program, "serve", "--data-dir", str(data_dir), "--port", "0", *options],
                cwd=ROOT,
                env=environment(env),
                stdout=subprocess.PIPE,
                stderr=errors if stderr is None else stderr,
                text=True,
            )
        if wait:
            self.wait_until_it_serves()

    def wait_until_it_serves(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed.append(line.strip())
            if line.strip().startswith("stop"):
                return
        raise AssertionError(self.stderr.read_text())

    @property
    def url(self) -> str:
        return self.printed[0].split()[-1]

    @property
    def token_path(self) -> Path:
        return Path(self._after("the owner's token"))

    @property
    def curl(self) -> str:
        return self._after("try")

    def _after(self, words: str) -> str:
        return next(line.removeprefix(words).strip() for line in self.printed if line.startswith(words))

    def client(self, *, token: bool = True) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token_path.read_text().strip()}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def stop(self, sig: int = signal.SIGINT) -> tuple[int, float]:
        """Its exit code, and the seconds it took."""
        began = time.monotonic()
        self.process.send_signal(sig)
        code = self.process.wait(20)
        seconds = time.monotonic() - began
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code, seconds


def timeline(*words: str) -> list[str]:
    return [sys.executable, "-m", "timeline", *words]


def environment(added: Mapping[str, str] = {}) -> dict[str, str]:
    """Ours, without the settings of whoever runs the tests; and hundreds of starts need what is compiled to be kept."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TIMELINE_")}
    return {name: value for name, value in ours.items() if name != "PYTHONDONTWRITEBYTECODE"} | dict(added)


def run(*words: str, env: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        timeline(*words), cwd=ROOT, env=environment(env), capture_output=True, text=True, timeout=60, check=False
    )


def processes_of(data_dir: Path) -> list[int]:
    """Every live process that works in its database."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if path.readlink() == data_dir / "postgres" / "data":
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def postmaster_of(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


def position_of(service: Service) -> int:
    with service.client() as client:
        return int(client.get("/health/ready").json()["log_position"])


def ids_of(service: Service) -> set[str]:
    """Of every record in the log."""
    found: set[str] = set()
    after: int | None = 0
    with service.client() as client:
        while True:
            records = client.get("/v1/changes", params={"after": after, "limit": 1000}).json()["records"]
            if not records:
                return found
            found |= {each["id"] for each in records}
            after = records[-1]["position"]
