"""Nothing that fits the document, nor anything just beside it, gets an answer that the document does not tell of.

schemathesis makes requests from the document in four phases: its examples, every limit of every field (coverage), at
random (fuzzing), and one call after another with what the first gave (stateful). It checks each answer: no 5xx, a
documented status, content type, headers and body, what is valid taken, what is not refused, other methods refused.
`hooks.py` has what it must know besides, each with its reason.
"""

import json
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests import contracts
from tests.postgres import ROOT
from tests.services import Service, environment
from timeline.model.tokens import SCOPES

CONFIG = Path(__file__).with_name("schemathesis.toml")
PHASES = ("examples", "coverage", "fuzzing", "stateful")
QUICK_EXAMPLES, LONG_EXAMPLES = 12, 100
"""Requests for each call in the phases that are random."""
QUICK_CASES_MIN, LONG_CASES_MIN = 3_000, 10_000
QUICK_SCOPE_EXAMPLES, QUICK_SCOPE_CASES_MIN, LONG_SCOPE_CASES_MIN = 4, 150, 5_000
"""The same with a token of each scope, of whom most calls refuse most."""
TOKENS_HELD = 50
"""Tokens that there are to be read, rotated and revoked."""
SEED_BITS = 32
SAME_EACH_TIME = ("--generation-deterministic",)
NOT_COVERED_QUICKLY = """
[[operations]]
include-operation-id = "postEvent"
[operations.phases.coverage]
enabled = false  # 38 kinds make 50,000 requests at their limits: the long profile sends them
"""
Document = dict[str, Any]


def tried(
    service: Service,
    folder: Path,
    *options: str,
    config: str = "",
    document: Path = contracts.OPENAPI,
    scope: str | None = None,
) -> tuple[dict[str, Any], str]:
    """What schemathesis reports of a service, for a program and for a person; it is the owner, or has a token."""
    settings, report = folder / "schemathesis.toml", folder / "report.json"
    settings.write_text(CONFIG.read_text(encoding="utf-8") + config, encoding="utf-8")
    asked = {"name": "tried", "scope": scope or "read", "audience": "amber+strict"}
    with service.client() as api:
        made = [api.post("/v1/tokens", json=asked).json() for _ in range(TOKENS_HELD)]
    token = made.pop()["text"] if scope else service.token_path.read_text().strip()
    env = environment({"HELD_TOKENS": ",".join(each["token"]["id"] for each in made)})
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings), "run", str(document)]
    command += ["--url", service.url, "-H", f"Authorization: Bearer {token}", "--no-color", *options]
    command += ["--report", "json", "--report-json-path", str(report)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert report.exists(), done.stdout + done.stderr
    return json.loads(report.read_text(encoding="utf-8")), done.stdout


def test_every_call_answers_as_the_document_says(hurried: Service, tmp_path: Path, long: bool) -> None:
    seed = secrets.randbits(SEED_BITS)
    print(f"with --long, --seed {seed} makes the same requests again")
    chosen = ("-n", str(LONG_EXAMPLES), "--seed", str(seed)) if long else ("-n", str(QUICK_EXAMPLES), *SAME_EACH_TIME)

    report, told = tried(
        hurried, tmp_path, "--phases", ",".join(PHASES), *chosen, config="" if long else NOT_COVERED_QUICKLY
    )

    print(f"{report['test_cases']['generated']} requests")
    assert report["exit_code"] == 0, told
    assert report["complete"]
    assert report["operations"]["tested"] == report["operations"]["total"] == len(contracts.listed_operations())
    assert {phase: report["phases"][phase]["status"] for phase in PHASES} == dict.fromkeys(PHASES, "success")
    assert report["test_cases"]["generated"] >= (LONG_CASES_MIN if long else QUICK_CASES_MIN)
    assert [call for call, rates in report["valid_rates"].items() if not any(map(_accepted, rates.values()))] == []


@pytest.mark.parametrize("scope", SCOPES)
def test_with_a_token_of_each_scope_too(hurried: Service, tmp_path: Path, long: bool, scope: str) -> None:
    chosen = ("-n", str(LONG_EXAMPLES)) if long else ("-n", str(QUICK_SCOPE_EXAMPLES), *SAME_EACH_TIME)
    phases = ("--phases", "examples,fuzzing" + (",coverage" if long else ""))

    report, told = tried(hurried, tmp_path, *phases, *chosen, config=NOT_COVERED_QUICKLY, scope=scope)

    print(f"{report['test_cases']['generated']} requests")
    assert report["exit_code"] == 0, told
    assert report["operations"]["tested"] == report["operations"]["total"] == len(contracts.listed_operations())
    assert report["test_cases"]["generated"] >= (LONG_SCOPE_CASES_MIN if long else QUICK_SCOPE_CASES_MIN)


def _accepted(rate: dict[str, int]) -> int:
    return rate["accepted"]


def _narrows_a_limit(document: Document) -> None:
    parameters = document["paths"]["/v1/topics"]["get"]["parameters"]
    next(each for each in parameters if each["name"] == "limit")["schema"]["maximum"] = 100


def _forgets_a_status(document: Document) -> None:
    del document["paths"]["/v1/places/{named}"]["get"]["responses"]["404"]


def _renames_a_field(document: Document) -> None:
    kinds = document["components"]["schemas"]["KindsShown"]
    kinds["required"] = ["sorts"]


def _forgets_a_header(document: Document) -> None:
    headers = document["paths"]["/v1/documents"]["get"]["responses"]["200"]["headers"]
    headers["Timeline-Surprise"] = headers["Timeline-Position"]


CHANGES: dict[str, tuple[Callable[[Document], None], str]] = {
    "listTopics": (_narrows_a_limit, "Schema-violating request accepted"),
    "getPlace": (_forgets_a_status, "Undocumented status code"),
    "getKinds": (_renames_a_field, "Response violates schema"),
    "listDocuments": (_forgets_a_header, "Missing required response header"),
}
"""What a document could say that is not so, by the call that shows it, and how that is reported."""


def test_a_document_that_says_something_else_is_found_out(hurried: Service, tmp_path: Path) -> None:
    document: Document = msgspec.json.decode(contracts.openapi())
    for change, _ in CHANGES.values():
        change(document)
    wrong = tmp_path / "openapi.json"
    wrong.write_bytes(msgspec.json.encode(document))
    calls = [word for operation in CHANGES for word in ("--include-operation-id", operation)]

    report, told = tried(hurried, tmp_path, *calls, "--phases", "coverage", document=wrong)

    assert report["exit_code"] == 1
    assert report["operations"]["tested"] == len(CHANGES)
    assert [failure for _, failure in CHANGES.values() if failure not in told] == []
