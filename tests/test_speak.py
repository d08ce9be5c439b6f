"""`timeline post`, `show`, `week` and `watch`, as somebody at a terminal or a pipe meets them."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import ROOT, new_home
from tests.services import Service, environment, processes_of, run, timeline
from timeline.api.moments import POSITION
from timeline.cli.speak import ALIASES, BINARY, FORMS, PIECEMEAL, _token, lines_of, parts
from timeline.formats import FORMATS
from timeline.settings import Settings

pytestmark = pytest.mark.xdist_group("cli")

MEETING = "db153f3a-db58-5aac-9ada-9f71c49a0d4d"
HOSTILE = "up \u202e\u2066turned and\u200b bold"


@pytest.fixture(scope="module")
def sample() -> Iterator[Service]:
    """One service with the sample week."""
    home = new_home()
    home.mkdir()
    home.chmod(0o711)
    service = Service(home / "sample", "--sample")
    yield service
    service.stop(signal.SIGTERM)
    assert processes_of(service.data_dir) == []
    shutil.rmtree(home)


def said(sample: Service, *words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """A command that asks the sample, with the owner's token."""
    env = environment({"TIMELINE_URL": sample.url, "TIMELINE_DATA_DIR": str(sample.data_dir)})
    return subprocess.run(
        timeline(*words), cwd=ROOT, env=env, capture_output=True, text=True, input=given, timeout=60, check=False
    )


def seen(sample: Service, *words: str) -> str:
    """The same, as a terminal of 100 columns is given it."""
    ours, theirs = pty.openpty()
    env = environment({"TIMELINE_URL": sample.url, "TIMELINE_DATA_DIR": str(sample.data_dir), "COLUMNS": "100"})
    process = subprocess.Popen(
        timeline(*words), cwd=ROOT, env=env | {"TERM": "xterm-256color"}, stdout=theirs, stderr=theirs, stdin=theirs
    )
    os.close(theirs)
    told = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # the other side has closed
            break
        if not piece:
            break
        told += piece
    os.close(ours)
    assert process.wait(20) == 0, told
    return told.decode()


def denial(title: str) -> dict[str, object]:
    return {"kind": "other", "title": title, "occurred": "2019-06-06", "source": "unattributed", "topics": ["libya"]}


@pytest.mark.parametrize("form", ["object", "array", "lines"])
def test_what_a_file_holds_is_recorded(sample: Service, tmp_path: Path, form: str) -> None:
    file = tmp_path / "posts.json"
    posts = [denial(f"{form} 1"), denial(f"{form} 2")][: 1 if form == "object" else 2]
    text = json.dumps(posts[0] if form == "object" else posts, indent=2)
    file.write_text("\n".join(map(json.dumps, posts)) if form == "lines" else text)

    dry = said(sample, "post", str(file), "--dry-run")
    done = said(sample, "post", str(file))
    read = said(sample, "show", "topic", "libya", "--kind", "other", "--format", "ndjson").stdout

    assert (dry.returncode, dry.stderr, done.returncode, done.stderr) == (0, "", 0, "")
    verdicts = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(each[0], each[1]) for each in verdicts] == [(str(n), "recorded") for n in range(1, len(posts) + 1)]
    assert [line.split("\t")[1] for line in dry.stdout.splitlines()] == ["would be recorded"] * len(posts)
    assert all(POSITION.fullmatch(each[3]) and each[2] in read for each in verdicts)


def test_a_refused_line_is_told_and_stops_no_other(sample: Service) -> None:
    undated = denial("y") | {"occurred": "when?"}
    lines = [json.dumps(denial("before")), "{", json.dumps(undated), json.dumps(denial("x"))]

    done = said(sample, "post", "-", given="\n".join(lines) + "\n")

    verdicts = [line.split("\t") for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert [each[1] for each in verdicts] == ["recorded", "refused", "refused", "recorded"]
    assert "#/occurred" in verdicts[2][4]


def test_a_timeline_is_columns_when_piped_and_a_table_on_a_terminal(sample: Service) -> None:
    asked = ("show", "actor", "haftar", "--from", "2019-06-01", "--to", "2019-06-09", "--as-of", "35")
    piped = [line.split("\t") for line in said(sample, *asked).stdout.splitlines()]
    table = seen(sample, *asked)

    meeting = next(each for each in piped if each[-1] == MEETING)
    assert meeting[1:5] == ["early June 2019", "reported", "meeting", "Haftar meets the Russian president"]
    assert {len(each) for each in piped} == {7}
    assert "Haftar meets the Russian president" in table
    assert "\x1b[" in table
    assert MEETING in table
    assert [each[-1] for each in piped] == re.findall(r"[0-9a-f-]{36}", table)
    with sample.client() as client:
        page = client.get("/v1/timelines/actors/haftar?from=2019-06-01&to=2019-06-09&as_of=35").json()
    assert [each["id"] for each in page["entries"]] == [each[-1] for each in piped]
    assert said(sample, *asked, "--limit", "2").stdout.splitlines() == ["\t".join(each) for each in piped[:2]]


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("show", "actor", "haftar", "--format", "ical"), "/v1/timelines/actors/haftar.ics?limit=all"),
        (("show", "all", "--format", "md", "--kind", "denial"), "/v1/timelines/all.md?kind=denial&limit=1000"),
        (("show", "event", MEETING, "--format", "json"), f"/v1/events/{MEETING}.json"),
        (("week", "2019-W23", "--topic", "libya", "--format", "docx"), "/v1/weeks/2019-W23.docx?topic=libya"),
    ],
)
def test_other_formats_are_the_services_bytes(sample: Service, words: tuple[str, ...], path: str) -> None:
    env = environment({"TIMELINE_URL": sample.url})
    done = subprocess.run(
        timeline(*words, "--token-file", str(sample.token_path)), cwd=ROOT, env=env, capture_output=True, check=False
    )

    with sample.client() as client:
        assert done.stdout == client.get(path).content
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_week_and_an_event_are_shown(sample: Service) -> None:
    week = [line.split("\t") for line in said(sample, "week", "2019-W23").stdout.splitlines()]
    event = [line.split("\t") for line in said(sample, "show", "event", MEETING).stdout.splitlines()]
    table = seen(sample, "week", "2019-W23")

    assert {"happened", "said", "ahead"} <= {each[0] for each in week}
    assert ["standing", "denied (R5), occurred"] in event
    assert {"voice", "reply"} <= {each[0] for each in event}
    assert "week 2019-W23" in table
    assert "ahead" in table


def test_hostile_text_reaches_no_terminal_raw(sample: Service) -> None:
    post = denial(HOSTILE) | {"summary": "a\u2066b\tc\nd"}
    done = said(sample, "post", "-", given=json.dumps(post))
    own = done.stdout.split("\t")[2]

    table = seen(sample, "show", "topic", "libya", "--kind", "other")
    event = seen(sample, "show", "event", own)
    as_json = seen(sample, "show", "event", own, "--format", "json")
    plain = said(sample, "show", "topic", "libya", "--kind", "other").stdout
    refused = said(sample, "show", "event", "\x1b]0;owned\x07")

    for told in (table, event, as_json, plain, refused.stderr):
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x07\x80-\x9f]", told)
        assert re.sub(r"\x1b\[[0-9;]*m", "", told).count("\x1b") == 0
    assert "up turned" in table
    assert refused.returncode == 1


def test_who_leaves_early_is_no_error(sample: Service) -> None:
    env = environment({"TIMELINE_URL": sample.url})
    for words in (("show", "all"), ("show", "all", "--format", "json")):
        reader, writer = os.pipe()
        os.close(reader)

        done = subprocess.run(timeline(*words), cwd=ROOT, env=env, stdout=writer, stderr=subprocess.PIPE, check=False)

        os.close(writer)
        assert (done.returncode, done.stderr) == (0, b"")


def test_watch_tells_what_comes_until_it_is_stopped(sample: Service) -> None:
    env = environment({"TIMELINE_URL": sample.url, "TIMELINE_DATA_DIR": str(sample.data_dir)})
    with subprocess.Popen(
        timeline("watch", "--topic", "libya", "--after", "30"),
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        late = threading.Timer(60, process.kill)
        late.start()
        assert process.stdout is not None
        first = process.stdout.readline().split("\t")
        assert said(sample, "post", "-", given=json.dumps(denial("it comes"))).returncode == 0
        told = [first]
        while told[-1][3] != "it comes":
            told.append(process.stdout.readline().split("\t"))
        process.send_signal(signal.SIGINT)
        code = process.wait(20)
        late.cancel()
        assert process.stderr is not None
        words = process.stderr.read()

    assert (code, words) == (0, "")
    positions = [int(each[0]) for each in told]
    assert positions == sorted(set(positions))
    assert positions[0] > 30
    assert {len(each) for each in told} == {6}


def test_what_is_refused_is_told_in_words(sample: Service) -> None:
    nobody = said(sample, "show", "actor", "nobody")
    unknown = said(sample, "show", "all", "--as-of", "soon")
    silent = run("show", "all", "--url", "http://127.0.0.1:9")
    nowhere = run("show", "all", "--url", "timeline.example")
    lacking = said(sample, "show", "all", "--token-file", "/nonexistent")
    anonymous = run("post", "-", "--url", sample.url, "--data-dir", "/nonexistent")

    assert (nobody.returncode, unknown.returncode, silent.returncode) == (1, 1, 1)
    assert (nowhere.returncode, lacking.returncode) == (2, 2)
    assert "?as_of" in unknown.stderr
    assert "127.0.0.1:9 does not answer" in silent.stderr
    assert nowhere.stderr.startswith("TIMELINE_URL: expected")
    assert "/nonexistent" in lacking.stderr
    assert anonymous.stdout == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(shell: str) -> None:
    script = run("completion", shell)
    asked = {"_TIMELINE_COMPLETE": f"{shell}_complete", "COMP_WORDS": "timeline wa", "COMP_CWORD": "wa"}
    asked |= {"COMP_CWORD": "wa" if shell == "fish" else "1"}
    done = run(env=asked)

    assert (script.returncode, script.stderr) == (0, "")
    assert "_TIMELINE_COMPLETE" in script.stdout
    assert "watch" in done.stdout


def test_the_owners_token_is_given_to_nobody_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "owner.token").write_text("tl_own\n")
    (tmp_path / "report.token").write_text("tl_report\n")
    there, report = "https://timeline.example", str(tmp_path / "report.token")

    assert _token(Settings(data_dir=str(tmp_path), url="http://localhost:8000")) == "tl_own"
    assert _token(Settings(data_dir=str(tmp_path), url=there)) is None
    assert _token(Settings(data_dir=str(tmp_path), url=there, token_file=report)) == "tl_report"
    assert _token(Settings(data_dir=str(tmp_path / "none"))) is None


def test_every_format_can_be_asked_for() -> None:
    assert sorted(FORMS) == sorted(each.suffix[1:] for each in FORMATS.values() if each.name != "sse")
    assert set(PIECEMEAL) == {each.suffix[1:] for each in FORMATS.values() if each.portions}
    assert {*ALIASES.values(), *BINARY} <= set(FORMS)


def test_a_line_is_kept_as_it_stands() -> None:
    twice = b'{"a": 1, "a":\r\n "\\n"}'

    assert lines_of(twice) == [b'{"a": 1, "a":   "\\n"}']
    assert lines_of(b" [%b,\n7]" % twice) == [b'{"a": 1, "a":   "\\n"}', b"7"]
    assert lines_of(b"{}\r\n\n[\n") == [b"{}", b"["]
    assert lines_of(b"") == []
    assert [len(each) for each in parts([b"1"] * 2_001)] == [1_000, 1_000, 1]
