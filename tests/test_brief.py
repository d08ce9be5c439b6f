"""`timeline brief`: what a service answers is what it prints, beside that service, instead of it, and from afar."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import new_home
from tests.services import Service, processes_of, run
from timeline.importers.libya_week import id_of

pytestmark = pytest.mark.xdist_group("cli")

MEETING = id_of("event", "E07")
ASKED = ("--week", "2019-W23", "--topic", "libya", "--actor", "haftar", "--since", "45", "--on", "2019-06-10")
PATH = "/v1/weeks/2019-W23.md?topic=libya&actor=haftar&since=45&on=2019-06-10"


@pytest.fixture(scope="module")
def sample() -> Iterator[Service]:
    """One service with the sample week."""
    home = new_home()
    home.mkdir()
    home.chmod(0o711)
    service = Service(home / "sample", "--sample")
    yield service
    if service.process.poll() is None:
        service.stop(signal.SIGTERM)
    assert processes_of(service.data_dir) == []
    shutil.rmtree(home)


def found_at(service: Service) -> dict[str, str]:
    """Where links shall lead: a database does not know where it is served."""
    return {"TIMELINE_PUBLIC_URL": service.url}


def test_a_brief_beside_a_service_is_what_the_service_answers(sample: Service) -> None:
    with sample.client() as client:
        answered = client.get(PATH).text

    here = run("brief", *ASKED, "--data-dir", str(sample.data_dir), env=found_at(sample))
    there = run("brief", *ASKED, "--url", sample.url, "--token-file", str(sample.token_path))

    assert answered.startswith("# Khalifa Haftar, Libya, week 2019-W23\n")
    assert (here.returncode, here.stdout) == (0, answered)
    assert (there.returncode, there.stdout, there.stderr) == (0, answered, "")


def test_a_brief_for_an_audience_leaves_out_what_is_marked_above(sample: Service) -> None:
    denial = {"kind": "denial", "of": [MEETING], "source": "white-house", "occurred": "2019-06-08", "title": "No trip"}
    with sample.client() as client:
        assert client.post("/v1/events", json=denial).status_code == 201
    week = ("brief", "--week", "2019-W23")

    all_of_it = run(*week, "--data-dir", str(sample.data_dir)).stdout
    public = run(*week, "--data-dir", str(sample.data_dir), "--audience", "clear", env=found_at(sample)).stdout
    anonymous = run(*week, "--url", sample.url).stdout

    assert "No trip" in all_of_it
    assert "TLP:AMBER." in all_of_it
    assert "No trip" not in public
    assert public == anonymous


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (("--week", "2019-W54"), 1, "No such week"),
        (("--topic", "nobody"), 1, "No topic 'nobody'"),
        (("--since", "yesterday"), 2, "?since: expected"),
        (("--as-of", "2999-01-01"), 2, "?as_of: expected a moment up to now"),
        (("--since", "40", "--as-of", "30"), 2, "since (40, position 40) lies after as_of (30, position 30)."),
    ],
)
def test_what_makes_no_sense_is_told_with_its_exit_code(
    sample: Service, options: tuple[str, ...], code: int, told: str
) -> None:
    here = run("brief", *options, "--data-dir", str(sample.data_dir))
    there = run("brief", *options, "--url", sample.url)

    for done in (here, there):
        assert (done.returncode, done.stdout) == (code, "")
        assert told in done.stderr


@pytest.mark.parametrize("form", ["html", "docx"])
def test_a_brief_in_another_form_is_what_the_service_answers(sample: Service, tmp_path: Path, form: str) -> None:
    with sample.client() as client:
        answered = client.get(PATH.replace(".md", f".{form}")).content
        last = client.get(f"/v1/weeks/last.{form}?topic=libya", follow_redirects=True)

    options = (*ASKED, "--format", form, "--output")
    here = run("brief", *options, str(tmp_path / "a"), "--data-dir", str(sample.data_dir), env=found_at(sample))
    there = run("brief", *options, str(tmp_path / "b"), "--url", sample.url)

    assert (here.returncode, there.returncode) == (0, 0)
    assert (tmp_path / "a").read_bytes() == answered
    assert (tmp_path / "b").read_bytes()[:15] == answered[:15]
    assert last.status_code == 200
    assert last.url.path.endswith(f".{form}")
    assert last.url.query == b"topic=libya"


def test_an_editor_starts_from_our_template_and_brings_another(sample: Service, tmp_path: Path) -> None:
    ours = run("brief", "--print-template").stdout
    own = tmp_path / "own.md.jinja"
    own.write_text(ours.replace("# {{ brief.title }}", "# For the desk: {{ brief.title }}"), encoding="utf-8")
    broken = tmp_path / "broken.md.jinja"
    broken.write_text("{% for %}", encoding="utf-8")
    found = found_at(sample)
    plain = run("brief", *ASKED, "--data-dir", str(sample.data_dir), env=found).stdout

    here = run("brief", *ASKED, "--data-dir", str(sample.data_dir), "--template", str(own), env=found)
    token = ("--token-file", str(sample.token_path))
    there = run("brief", *ASKED, "--url", sample.url, *token, "--template", str(own))
    refused = run("brief", *ASKED, "--data-dir", str(sample.data_dir), "--template", str(broken))

    assert here.stdout == there.stdout == plain.replace("# Khalifa", "# For the desk: Khalifa", 1)
    assert refused.returncode == 2
    assert "The template cannot be followed (line 1)" in refused.stderr


def test_a_brief_from_nowhere_is_told(tmp_path: Path) -> None:
    nowhere = run("brief", "--url", "http://127.0.0.1:9")
    empty = run("brief", "--data-dir", str(tmp_path / "none"))
    both = run("brief", "--url", "http://127.0.0.1:9", "--audience", "clear")

    assert (nowhere.returncode, empty.returncode, both.returncode) == (1, 2, 2)
    assert "http://127.0.0.1:9 does not answer" in nowhere.stderr
    assert "There is no database" in empty.stderr


def test_a_brief_needs_no_service(sample: Service) -> None:
    with sample.client() as client:
        answered = client.get(PATH).text
    sample.stop(signal.SIGTERM)

    done = run("brief", *ASKED, "--data-dir", str(sample.data_dir), env=found_at(sample))

    assert (done.returncode, done.stdout) == (0, answered)
    assert processes_of(sample.data_dir) == []
