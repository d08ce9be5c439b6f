"""README says what is so: its requests are made, its tables are compared."""

import re
import shlex
from pathlib import Path

import httpx
import msgspec
import pytest

from tests import contracts
from tests.api.streaming import stream
from tests.services import run
from timeline.app import Application
from timeline.cli import main
from timeline.formats import FORMATS
from timeline.importers import IMPORTERS
from timeline.importers.libya_week import posts

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
CURLS = [
    command
    for block in BLOCKS
    for command in re.split(r"\n(?=curl)", block.strip().replace("\\\n", " "))
    if command.startswith("curl")
]

TOKENS = [line.removeprefix("uv run timeline ") for block in BLOCKS for line in block.splitlines() if " token " in line]


def test_every_token_command_of_the_readme_works(tmp_path: Path) -> None:
    there = ("--data-dir", str(tmp_path / "data"))
    assert run("migrate", *there).returncode == 0

    for command in TOKENS:
        done = run(*shlex.split(command.replace("report.token", str(tmp_path / "report.token"))), *there)

        assert done.returncode == 0, done.stderr
    assert len(TOKENS) >= 2


@pytest.mark.parametrize("command", [each for each in CURLS if "-sN" not in each])
async def test_every_request_of_the_readme_is_answered(api: httpx.AsyncClient, command: str) -> None:
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    words = shlex.split(command.replace("$(cat timeline-data/owner.token)", "TOKEN"))
    url = next(word for word in words if word.startswith("http"))
    body = words[words.index("-d") + 1] if "-d" in words else None
    path = url.removeprefix("http://127.0.0.1:8000")

    answer = (
        await api.get(path)
        if body is None
        else await api.post(path, content=body, headers={"Content-Type": "application/json"})
    )

    assert answer.status_code == (200 if body is None else 201), answer.text
    assert answer.content


@pytest.mark.parametrize("command", [each for each in CURLS if "-sN" in each])
async def test_every_stream_of_the_readme_tells_something(
    application: Application, api: httpx.AsyncClient, command: str
) -> None:
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    words = shlex.split(command)
    path, _, query = next(word for word in words if word.startswith("http")).partition("?")
    headers = dict([words[words.index("-H") + 1].split(": ")]) if "-H" in words else {}

    async with stream(application, query, headers, path=path.removeprefix("http://127.0.0.1:8000")) as heard:
        records = await heard.until_told_all()

    assert records


def test_the_table_of_settings_is_the_one_that_would_be_written() -> None:
    assert contracts.settings_table() in README
    assert contracts.with_settings(README) == README


def test_every_address_is_listed() -> None:
    paths = msgspec.json.decode(contracts.openapi())["paths"]
    told = README.replace("`", " ")

    missing = [path for path in paths if not re.search(rf"[ /]{re.escape(path.split('/{named}')[0])}[ ,\n]", told)]

    assert [path for path in missing if path not in ("/", "/docs.css")] == []


def test_every_format_is_listed_as_it_is() -> None:
    listed = re.findall(r"^\| `(\.[a-z.]+)` \| `([^`]+)` \| (.*) \|$", README, re.MULTILINE)

    assert listed == [(each.suffix, each.essence, each.about) for each in FORMATS.values()]


def test_every_command_is_named() -> None:
    assert all(f"timeline {name}" in README for name in main.commands)


def test_the_two_commands_stand_there() -> None:
    assert "pip install uv && uv run timeline serve --sample" in README
    assert "pip install uv && uv run pytest" in README
    assert "uv run --quiet pytest" in (Path(__file__).parents[1] / ".ci" / "run").read_text(encoding="utf-8")


def test_every_importer_is_in_the_table() -> None:
    section = README.split("## Others' data\n")[1].split("\n## ")[0]
    told = dict(re.findall(r"^\| `([\w-]+)` \| (.+) \|$", section, re.MULTILINE))

    assert told == {name: each.title for name, each in IMPORTERS.items()}
