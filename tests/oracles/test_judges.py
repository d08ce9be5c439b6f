"""The judges that our schemas are held to are right themselves, on the published suite of JSON Schema 2020-12."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types

SUITE = Path(__file__).resolve().parents[3] / "shared" / "data" / "json_schema" / "draft2020-12.tar.gz"
FETCHED = (
    *("anchor", "defs", "dynamicRef", "id", "infinite-loop-detection", "ref", "refRemote"),
    *("unevaluatedItems", "unevaluatedProperties", "vocabulary"),
)
"""Files whose schemas name others by address: ours stand alone, and a test fetches nothing."""

NOT_IN_PYTHON = (
    r"\\p{",
    r"\\d",
    r"\\w",
    r"\\s",
    r"\\c",
    r"\\a",
    r"\\D",
    r"\\W",
    r"\\S",
    "$ref",
    "$dynamicRef",
    "$vocabulary",
)
"""Classes of characters that Python reads otherwise than JavaScript, which no schema of ours uses; and addresses."""


def groups() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each schema of the suite with its instances, under the name of its file."""
    with tarfile.open(SUITE) as suite:
        for member in suite.getmembers():
            name = Path(member.name).stem
            file = suite.extractfile(member) if member.name.endswith(".json") and name not in FETCHED else None
            for group in json.load(file) if file else []:
                if not any(each in json.dumps(group["schema"]) for each in NOT_IN_PYTHON):
                    yield name, group


@pytest.mark.skipif(not SUITE.is_file(), reason=f"the published JSON Schema suite is not at {SUITE}")
def test_the_validator_of_our_schemas_judges_the_published_suite_rightly() -> None:
    told = [
        (name, group["description"], case["description"], case["valid"], case["data"], group["schema"])
        for name, group in groups()
        for case in group["tests"]
    ]

    wrong = [each[:3] for each in told if Draft202012Validator(each[5]).is_valid(each[4]) != each[3]]

    assert len(told) > 500
    assert wrong == []
