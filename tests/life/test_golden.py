"""The Libya timeline and week, byte for byte: what tools and briefs were built on must not change unnoticed.

`UPDATE_GOLDEN=1 uv run pytest -n 0 tests/life/test_golden.py` writes them anew.
"""

import os
import re
from pathlib import Path

import httpx
import pytest

from timeline.importers.libya_week import posts

GOLDEN = Path(__file__).parents[1] / "golden" / "life"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
ANSWERS = {
    "haftar.json": "/v1/timelines/actors/haftar.json?on=2019-06-10",
    "haftar.md": "/v1/timelines/actors/haftar.md?on=2019-06-10",
    "haftar.csv": "/v1/timelines/actors/haftar.csv?on=2019-06-10",
    "2019-W23.json": "/v1/weeks/2019-W23.json?on=2019-06-10",
    "2019-W23.md": "/v1/weeks/2019-W23.md?on=2019-06-10&since=45",
    "2019-W24.md": "/v1/weeks/2019-W24.md?on=2019-06-17",
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_the_libya_week_reads_as_it_always_did(api: httpx.AsyncClient, name: str) -> None:
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201

    answer = await api.get(ANSWERS[name])

    text = TIME.sub("<time>", answer.text)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.mkdir(parents=True, exist_ok=True)
        (GOLDEN / name).write_bytes(text.encode())
    assert text.encode() == (GOLDEN / name).read_bytes()
