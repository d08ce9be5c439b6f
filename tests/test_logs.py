"""Log lines stay lines, whatever is in them."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog

from tests.formats.hostile import HOSTILE
from timeline import logs


class Terminal(StringIO):
    """What a person looks at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _unset() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def written(text: str, form: str, stream: StringIO, monkeypatch: pytest.MonkeyPatch) -> str:
    """A line with a text in each place that a value may stand in, and an exception that speaks it."""
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    monkeypatch.setattr(logging, "captureWarnings", lambda _: None)
    logs.configure(form, "info")
    log = structlog.get_logger()
    log.info("request", route=text, number=7)
    try:
        raise ValueError(text)
    except ValueError:
        log.exception("request failed", error=text)
    return stream.getvalue()


CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_json_line_stays_one_line(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = written(text, "json", StringIO(), monkeypatch).split("\n")

    assert [json.loads(line)["event"] for line in lines if line] == ["request", "request failed"]
    assert "".join(lines).isprintable()


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
@pytest.mark.parametrize("stream", [StringIO, Terminal])
def test_a_line_on_a_console_carries_no_control(
    text: str, stream: type[StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = re.sub(r"\x1b\[[0-9;]*m", "", written(text, "console", stream(), monkeypatch))  # our own colours

    assert not CONTROLS.search(told), ascii(told)
    assert len([line for line in told.splitlines() if "request" in line and "[info" in line]) == 1


def test_an_escape_sequence_is_not_passed_off_as_our_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    told = written("\x1b[2J\x1b]0;owned\x07", "console", Terminal(), monkeypatch)

    assert "\x1b[2J" not in told
    assert "\x1b]" not in told
