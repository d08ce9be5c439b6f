"""TimelineJS itself draws the Libya week, in a browser without a screen: every slide, and no text of ours as HTML."""

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.contract.test_clients import REGISTRY_IS_AWAY
from tests.formats import samples
from tests.formats.hostile import HOSTILE
from timeline.formats import FORMATS, render
from timeline.importers.libya_week import posts

pytestmark = pytest.mark.xdist_group("browser")

NODE = Path(__file__).with_name("node")
SECONDS_MAX = 180
DRAWING_MS = 8_000
"""The browser's own time in which it draws; it passes as fast as there is work."""
PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>untouched</title>
<link rel="stylesheet" href="timeline/css/timeline.css"><script src="timeline/js/timeline.js"></script></head>
<body><div id="drawn" style="width:1200px;height:700px"></div>
<script>window.alert = () => {{ document.title = "alerted" }};
new TL.Timeline("drawn", {story}, {{font: null, ga_measurement_id: null, hash_bookmark: false}});</script></body></html>
"""


@pytest.fixture(scope="module")
def browser() -> str:
    """A Chromium, found where systems put it."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("there is no Chromium here")
    return found


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with TimelineJS as npm has it."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm here")
    folder = tmp_path_factory.mktemp("timelinejs")
    for each in NODE.iterdir():
        shutil.copy(each, folder)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    if done.returncode != 0 and REGISTRY_IS_AWAY.search(done.stderr):
        pytest.skip("the npm registry can't be reached")
    assert done.returncode == 0, done.stderr
    (folder / "timeline").symlink_to(folder / "node_modules" / "@knight-lab" / "timelinejs" / "dist")
    yield folder
    shutil.rmtree(folder / "node_modules")


def drawn(browser: str, library: Path, story: bytes, name: str) -> str:
    """The page once it is drawn, as the browser has it. Its picture stays in the folder of this run."""
    page = library / f"{name}.html"
    page.write_text(PAGE.format(story=story.decode()), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1200,700"]
    options += [f"--user-data-dir={library / 'profile'}", f"--virtual-time-budget={DRAWING_MS}"]
    options += ["--host-resolver-rules=MAP * ~NOTFOUND", "--allow-file-access-from-files"]
    subprocess.run(
        [browser, *options, f"--screenshot={library / f'{name}.png'}", page.as_uri()],
        capture_output=True,
        timeout=SECONDS_MAX,
        check=True,
        env={**os.environ, "HOME": str(library)},
    )
    done = subprocess.run(
        [browser, *options, "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=True,
        env={**os.environ, "HOME": str(library)},
    )
    return done.stdout


def headlines(dom: str) -> list[str]:
    """The headlines of the slides, as readers see them."""
    found = re.findall(r'<h2 class="tl-headline[^"]*">(.*?)</h2>', dom, re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]+>", "", each)).strip() for each in found]


async def test_timelinejs_draws_every_slide_of_the_libya_week(
    api: httpx.AsyncClient, browser: str, library: Path
) -> None:
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    story = (await api.get("/v1/weeks/2019-W23.timelinejs?topic=libya&on=2019-06-10")).content

    dom = drawn(browser, library, story, "libya")

    wanted = [html.unescape(each["text"]["headline"]) for each in json.loads(story)["events"]]
    assert headlines(dom)[0] == "Libya, week 2019-W23"
    assert sorted(headlines(dom)[1:]) == sorted(wanted)
    assert [each for each in headlines(dom) if each.startswith("[denied]")]
    assert "early June 2019" in dom
    assert (library / "libya.png").stat().st_size > 20_000


def test_hostile_text_is_drawn_as_text(browser: str, library: Path) -> None:
    hostile = [text for text in HOSTILE if "<" in text or "&" in text or "javascript" in text]
    entries = [samples.entry(number, title=text) for number, text in enumerate(hostile, 10)]
    page = samples.page(*entries)

    dom = drawn(browser, library, render(FORMATS["timelinejs"], page), "hostile")

    assert "<title>untouched</title>" in dom
    assert not re.search(r"<img[^>]+onerror|<script>alert|<a[^>]+javascript:", dom)
    assert [each for each in headlines(dom) if "<script>alert(1)</script>" in each]
