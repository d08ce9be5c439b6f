"""`timeline token`, as it is typed: beside a running service and without one."""

import re
from pathlib import Path

import httpx
import pytest

from tests.services import Service, run
from timeline.access.text import read_token

ASKED = ("--name", "weekly report", "--scope", "append", "--audience", "green")


def test_without_a_service_tokens_are_issued_rotated_and_revoked(tmp_path: Path) -> None:
    there, out = ("--data-dir", str(tmp_path / "data")), tmp_path / "new.token"
    assert run("migrate", *there).returncode == 0

    made = run("token", "create", *ASKED, "--expires", "90d", "--desk", "libya", *there)
    presented = read_token(made.stdout.strip())
    assert presented is not None, made.stderr
    rotated = run("token", "rotate", presented.id, "--overlap", "1h", "--out", str(out), *there)
    revoked = run("token", "revoke", presented.id, *there)
    listed = run("token", "list", *there)

    assert (rotated.returncode, rotated.stdout, revoked.returncode, revoked.stdout) == (0, "", 0, "")
    assert out.stat().st_mode & 0o777 == 0o600
    successor = read_token(out.read_text().strip())
    assert successor is not None
    assert [line.split()[:3] for line in listed.stdout.splitlines()] == [
        [presented.id, "revoked", "append"],
        [successor.id, "in_force", "append"],
    ]
    words = made.stderr + rotated.stderr + revoked.stderr + listed.stdout + listed.stderr
    assert not re.search("tl_|" + made.stdout.split("_")[2], words)
    assert run("check", *there).returncode == 0


def test_beside_a_service_they_hold_there_at_once(tmp_path: Path) -> None:
    service = Service(tmp_path / "data")
    try:
        there = ("--data-dir", str(tmp_path / "data"))
        made = run("token", "create", *ASKED, *there)
        text = made.stdout.strip()
        presented = read_token(text)
        assert presented is not None
        with httpx.Client(base_url=service.url, headers={"Authorization": f"Bearer {text}"}) as client:
            before = client.get("/v1/timelines/all").status_code
            assert run("token", "revoke", presented.id, *there).returncode == 0
            after = client.get("/v1/timelines/all").status_code
    finally:
        service.stop()

    assert (before, after) == (200, 401)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("create", *ASKED, "--expires", "soon"), "90d"),
        (("create", *ASKED, "--out", "README.md"), "is there already"),
        (("rotate", "x"), "not a valid UUID"),
        (("create", "--name", "x", "--scope", "owner", "--audience", "green"), "'owner' is not one of"),
    ],
)
def test_what_is_wrong_is_told_before_anything_starts(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    done = run("token", *words, "--data-dir", str(tmp_path / "data"))

    assert done.returncode == 2
    assert told in re.sub(r"[\s│]+", " ", done.stderr)
    assert not (tmp_path / "data").exists()
