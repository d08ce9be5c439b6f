"""A real nats-server with JetStream, and what stands in its streams."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import nats
from nats.aio.client import Client
from nats.js.api import Header, RawStreamMsg

SERVER = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")
WHY_NOT = "nats-server is not installed (Debian: apt-get install nats-server)"
START_SECONDS_MAX = 20.0


class Message(NamedTuple):
    """A message of a stream."""

    sequence: int
    subject: str
    id: str | None
    body: dict[str, Any]


class NatsServer:
    """A nats-server that can be killed and started again on what it has stored."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self._port = -1
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """Where it answers, the same after each start."""
        return f"nats://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until it says where it listens."""
        assert SERVER is not None
        told = self._folder / "ports"
        told.mkdir(parents=True, exist_ok=True)
        for old in told.iterdir():
            old.unlink()
        command = [SERVER, "-js", "-sd", str(self._folder / "store"), "-a", "127.0.0.1", "-p", str(self._port)]
        command += ["--ports_file_dir", str(told), "-l", str(self._folder / "log"), *self._options]
        self._process = subprocess.Popen(command)
        until = time.monotonic() + START_SECONDS_MAX
        while not (found := _ports(told)):
            assert time.monotonic() < until, (self._folder / "log").read_text()
            time.sleep(0.02)
        self._port = int(found[0].rsplit(":", 1)[1])

    def kill(self) -> None:
        """Kill -9."""
        self.stop(signal.SIGKILL)

    def stop(self, sig: int = signal.SIGTERM) -> None:
        """End it, if it runs."""
        if self._process is not None:
            os.kill(self._process.pid, sig)
            self._process.wait()
            self._process = None

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """A connection."""
        made = await nats.connect(self.url)
        try:
            yield made
        finally:
            await made.close()

    async def messages(self, stream: str) -> list[Message]:
        """Every message that a stream holds."""
        async with self.client() as client:
            js = client.jetstream()
            state = (await js.stream_info(stream)).state
            found = [await js.get_msg(stream, seq=each) for each in range(state.first_seq, state.last_seq + 1)]
        return [
            Message(
                each.seq or 0, each.subject or "", (each.headers or {}).get(Header.MSG_ID), json.loads(each.data or b"")
            )
            for each in found
        ]

    async def last_position(self, stream: str) -> int:
        """The position that the last message of a stream tells; 0 where there is none."""
        async with self.client() as client:
            js = client.jetstream()
            try:
                last = (await js.stream_info(stream)).state.last_seq
                return int(json.loads((await js.get_msg(stream, seq=last)).data or b"")["position"]) if last else 0
            except nats.js.errors.NotFoundError:
                return 0


def _message(raw: RawStreamMsg) -> Message:
    headers = raw.headers or {}
    return Message(raw.seq or 0, raw.subject or "", headers.get(Header.MSG_ID), json.loads(raw.data or b""))


def _ports(folder: Path) -> list[str]:
    for path in folder.iterdir():
        try:
            found = json.loads(path.read_text())["nats"]
        except (json.JSONDecodeError, KeyError):
            continue  # half written
        return [each for each in found if "127.0.0.1" in each]
    return []
