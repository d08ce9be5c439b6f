"""Clients that others' generators make from the document work: they post, read back typed, and refuse what is wrong.

What is generated is gone after the test.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import contracts
from tests.services import Service, environment

NODE = Path(__file__).with_name("node")
NPM_SECONDS_MAX = 180
REGISTRY_IS_AWAY = re.compile(r"E(NOTFOUND|AI_AGAIN|CONNREFUSED|TIMEDOUT|CONNRESET)|ENETUNREACH|network")
PACKAGE = "timeline_client"
NOT_GENERATED = {"Unsupported content type application/x-ndjson"}
"""What the Python generator says it leaves out: of a batch's two forms it takes the JSON one."""
TSC = ("--strict", "--target", "ES2022", "--module", "NodeNext", "--lib", "ES2022,DOM")

READS_BACK = f'''
"""Posts a visit and a denial of it, and reads the event and a timeline back."""

import json
import os

from {PACKAGE} import AuthenticatedClient
from {PACKAGE}.api.events import get_event, post_event
from {PACKAGE}.api.timelines import get_actor_timeline
from {PACKAGE}.models import (
    Denial,
    EventShown,
    GetActorTimelineKindItem,
    Page,
    ParticipantActorHostAbout,
    Problem,
    Receipt,
    Visit,
)
from {PACKAGE}.models.participant_actor_host_about_role_type_0 import ParticipantActorHostAboutRoleType0 as Role

client = AuthenticatedClient(base_url=os.environ["TIMELINE_URL"], token=os.environ["TIMELINE_TOKEN"])


def recorded(post: Visit | Denial) -> str:
    found = post_event.sync(client=client, body=post)
    assert isinstance(found, Receipt), found
    return found.id


host = ParticipantActorHostAbout(actor="russia", role=Role.HOST)
visit = recorded(
    Visit(
        kind="visit",
        title="Haftar travels to Ankara",
        occurred="early June 2019",
        source="unattributed",
        participants=["haftar", host],
    )
)
recorded(Denial(kind="denial", of=[visit], source="white-house-source", occurred="7 June 2019"))
event = get_event.sync(event=visit, client=client)
assert isinstance(event, EventShown), event
timeline = get_actor_timeline.sync(actor="haftar", client=client, kind=[GetActorTimelineKindItem.VISIT])
assert isinstance(timeline, Page), timeline
entry = next(each for each in timeline.entries if each.id == visit)
refused = post_event.sync(client=client, body=Denial(kind="denial", of=[visit], source="nobody", occurred="2019"))
assert isinstance(refused, Problem), refused

print(
    json.dumps(
        {{
            "sides": [each.side for each in event.voices],
            "week": entry.occurred.week,
            "standing": entry.standing and entry.standing.value,
            "refused": [each.pointer for each in refused.errors or []],
        }}
    )
)
'''
READ_BACK = {"sides": ["assert", "deny"], "week": "2019-W23", "standing": "denied", "refused": ["#/source"]}

WRONG = f"""
from {PACKAGE}.models import Denial, Visit

Visit(kind="visit", title="A visit", occurred="2019-06", source="weekly")
Visit(kind="visit", title="A visit", occurred="2019-06", source="weekly", surprise=1)  # wrong
Visit(kind="surprise", title="A visit", occurred="2019-06", source="weekly")  # wrong
Denial(kind="denial", occurred="7 June 2019", source="weekly")  # wrong
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the client that openapi-python-client makes, and its own words about what it left out."""
    folder = tmp_path_factory.mktemp("python")
    command = ["openapi_python_client", "generate", "--path", str(contracts.OPENAPI), "--meta", "none"]
    done = _run([sys.executable, "-m", *command, "--output-path", str(folder / PACKAGE)], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "said.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    return folder


@pytest.mark.xdist_group("python client")
def test_the_python_generator_takes_all_that_it_can(python: Path) -> None:
    said = (python / "said.txt").read_text(encoding="utf-8")
    modules = {path.stem for path in (python / PACKAGE / "api").rglob("*.py")} - {"__init__"}

    warned = set(re.findall(r"^(?:Unsupported|Cannot|Unable|ERROR|type) .*$", said, re.MULTILINE))

    assert warned == NOT_GENERATED
    assert said.count("WARNING") == len(NOT_GENERATED)
    assert len(modules) == len(contracts.listed_operations())


@pytest.mark.xdist_group("python client")
def test_the_python_client_is_sound(python: Path) -> None:
    program = python / "reads_back.py"
    program.write_text(READS_BACK, encoding="utf-8")

    compiled = _run([sys.executable, "-W", "error", "-m", "compileall", "-q", PACKAGE], python)
    typed = _mypy(python, "-p", f"{PACKAGE}.models", "-p", f"{PACKAGE}.api")
    own = _mypy(python, str(program))

    assert compiled.returncode == 0, compiled.stdout + compiled.stderr
    assert typed.returncode == 0, typed.stdout
    assert own.returncode == 0, own.stdout


@pytest.mark.xdist_group("python client")
def test_the_python_client_refuses_what_is_wrong(python: Path) -> None:
    (python / "wrong.py").write_text(WRONG, encoding="utf-8")

    judged = _mypy(python, "wrong.py")

    lines = {int(number) for number in re.findall(r"^wrong\.py:(\d+): error", judged.stdout, re.MULTILINE)}
    assert lines == {n for n, line in enumerate(WRONG.splitlines(), 1) if line.endswith("# wrong")}


@pytest.mark.xdist_group("python client")
def test_the_python_client_posts_and_reads_back(python: Path, service: Service) -> None:
    done = _run([sys.executable, "-W", "error", "-c", READS_BACK], python, service)

    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout) == READ_BACK


@pytest.fixture(scope="module")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the types that openapi-typescript makes, and the programs that use them."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("there is no node and npm here")
    folder = tmp_path_factory.mktemp("node")
    for each in NODE.iterdir():
        shutil.copy(each, folder)
    done = _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    if done.returncode != 0 and REGISTRY_IS_AWAY.search(done.stderr):
        pytest.skip("the npm registry can't be reached")
    assert done.returncode == 0, done.stderr
    # Without the flag, what has a default would be needed in a post.
    made = _tool(
        folder, "openapi-typescript", str(contracts.OPENAPI), "--output", "timeline.ts", "--default-non-nullable=false"
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert "warn" not in (made.stdout + made.stderr).lower(), made.stderr
    yield folder
    shutil.rmtree(folder / "node_modules")  # 60 MB, which pytest would keep for three runs


@pytest.mark.xdist_group("typescript client")
def test_the_typescript_client_posts_and_reads_back(typescript: Path, service: Service) -> None:
    made = _tool(typescript, "tsc", *TSC, "--noEmitOnError", "post_and_read.ts")
    done = _run(["node", "post_and_read.js"], typescript, service)

    assert made.returncode == 0, made.stdout
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == READ_BACK | {"posted": ["visit of 2", "denial of 1"]}


@pytest.mark.xdist_group("typescript client")
def test_the_typescript_client_refuses_what_is_wrong(typescript: Path) -> None:
    lines = (typescript / "wrong.ts").read_text(encoding="utf-8").splitlines()
    wanted = {number + 1 for number, line in enumerate(lines, 1) if line.startswith("// wrong:")}

    judged = _tool(typescript, "tsc", *TSC, "--noEmit", "wrong.ts")

    assert {int(each) for each in re.findall(r"^wrong\.ts\((\d+),", judged.stdout, re.MULTILINE)} == wanted
    assert len(wanted) == 10


def _run(command: list[str], folder: Path, service: Service | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, where it finds a service if there is one."""
    known = {"PYTHONPATH": str(folder), "PATH": f"{Path(sys.executable).parent}:{environment()['PATH']}"}
    if service is not None:
        known |= {"TIMELINE_URL": service.url, "TIMELINE_TOKEN": service.token_path.read_text().strip()}
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(known),
        capture_output=True,
        text=True,
        timeout=NPM_SECONDS_MAX,
        check=False,
    )


def _tool(folder: Path, name: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a tool that npm installed there."""
    return _run([str(folder / "node_modules" / ".bin" / name), *options], folder)


def _mypy(folder: Path, *what: str) -> subprocess.CompletedProcess[str]:
    """Check types as strictly as our own. The generator's `client.py` has faults that are the same for any document."""
    settings = folder / "mypy.ini"
    settings.write_text(f"[mypy]\nstrict = true\n[mypy-{PACKAGE}.client]\nignore_errors = true\n", encoding="utf-8")
    return _run([sys.executable, "-m", "mypy", "--config-file", str(settings), *what], folder)
