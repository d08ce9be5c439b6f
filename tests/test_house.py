"""The house rules: style, types and the direction of imports are tests like any other."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PURE = ("model", "formats", "importers")
EXCEPTION = re.compile(r"# (noqa|type: ignore)\b")
REASON = re.compile(r"# noqa: [A-Z0-9, ]+ +[(–]|# type: ignore\[[a-z, -]+\] +# ")
CLOCKS = re.compile(r"\b(datetime\.now|date\.today|time\.time|utcnow|perf_counter|monotonic)\b")


def run(*command: str) -> None:
    """Run a tool of this environment; its words are the failure's."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.xdist_group("house")
def test_the_code_is_clean_by_ruff() -> None:
    run("ruff", "check", ".")


@pytest.mark.xdist_group("house")
def test_the_code_is_formatted_by_ruff() -> None:
    run("ruff", "format", "--check", ".")


@pytest.mark.xdist_group("house")
def test_the_types_hold_strictly() -> None:
    run("mypy")


@pytest.mark.xdist_group("house")
def test_imports_point_one_way() -> None:
    command = "import sys; from importlinter.cli import lint_imports_command as run; sys.argv = ['lint-imports']; run()"
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_pure_asks_no_clock() -> None:
    files = [p for folder in PURE for p in (ROOT / "timeline" / folder).rglob("*.py")]
    files += [ROOT / "timeline" / "projections" / name for name in ("fold.py", "derive.py", "world.py")]

    asking = [str(p) for p in files if CLOCKS.search(p.read_text(encoding="utf-8"))]

    assert asking == []


def test_every_lint_exception_gives_its_reason() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("timeline", "tests")
        for path in (ROOT / folder).rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if EXCEPTION.search(line) and "re.compile" not in line and not REASON.search(line)
    ]

    assert bare == []
