"""The programs in README run, against a real service."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.postgres import ROOT, new_home
from tests.services import Service, environment, processes_of

pytestmark = pytest.mark.xdist_group("cli")

PROGRAMS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
LINES_MAX = 20
"""What one reads at a glance."""
TOLD = {
    "AsyncClient": ["early June 2019 reported Haftar travels to Moscow", "denied\n"],
    "Client": ["reported", "['new'] Haftar is expected in Rome", " visit\n"],
}


@pytest.fixture(scope="module")
def sample() -> Iterator[Service]:
    home = new_home()
    home.mkdir()
    home.chmod(0o711)
    service = Service(home / "timeline-data", "--sample")
    yield service
    service.stop(signal.SIGTERM)
    assert processes_of(service.data_dir) == []
    shutil.rmtree(home)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda each: re.findall(r"timeline.client import (\w+)", each)[0])
def test_a_program_of_the_readme_runs(sample: Service, program: str) -> None:
    told = TOLD[re.findall(r"timeline.client import (\w+)", program)[0]]
    code = program.replace("http://127.0.0.1:8000", sample.url)
    env = environment({"PYTHONPATH": os.fspath(ROOT)})

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=sample.data_dir.parent,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert [each for each in told if each not in done.stdout] == [], done.stdout
    assert len(program.splitlines()) <= LINES_MAX


def test_there_are_two() -> None:
    assert len(PROGRAMS) == len(TOLD)
