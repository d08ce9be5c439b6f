"""Feed readers take our feeds, and what was struck is taken from them."""

from xml.etree import ElementTree

import feedparser
import pytest

from tests.formats import samples
from tests.formats.hostile import HOSTILE
from tests.formats.judges import ATOM, TOMBSTONES, atom
from tests.formats.test_csv import everywhere
from timeline.formats import FORMATS, render
from timeline.formats.format import Where
from timeline.model.entry import Shape

WHERE = Where(base="https://example.org", path="/v1/timelines/actors/haftar", query="limit=2&cursor=c-1")


@pytest.mark.parametrize(
    "answer",
    [samples.haftar(), samples.full_week(), samples.difference(), samples.page(), samples.week()],
    ids=["page", "week", "difference", "empty page", "empty week"],
)
def test_a_feed_is_valid_and_read_by_others(answer: Shape) -> None:
    content = render(FORMATS["atom"], answer, WHERE)

    feed = atom(content)
    read = feedparser.parse(content)

    assert not read.bozo
    assert read.version == "atom10"
    assert [each.id for each in read.entries] == [each.findtext(f"{ATOM}id") for each in feed.iter(f"{ATOM}entry")]


def test_a_title_cannot_be_read_as_a_fact() -> None:
    titles = [each.title for each in feedparser.parse(render(FORMATS["atom"], samples.haftar())).entries]

    assert titles[:2] == ["[reported] Haftar travels to Moscow", "[denied] Haftar meets the Russian president"]


def test_ids_do_not_move_with_the_service() -> None:
    there, here = (render(FORMATS["atom"], samples.haftar(), each) for each in (WHERE, Where(path=WHERE.path)))

    entries = [[each.id for each in feedparser.parse(content).entries] for content in (there, here)]
    moved = Where(base="http://other", path=WHERE.path, query=WHERE.query)
    assert entries[0] == entries[1]
    assert feed_id(there) == feed_id(render(FORMATS["atom"], samples.page(), moved))
    assert feed_id(there) != feed_id(here)


def feed_id(content: bytes) -> str:
    return str(feedparser.parse(content).feed.id)


def test_a_page_leads_to_itself_and_to_the_next() -> None:
    links = {
        each["rel"]: each["href"]
        for each in feedparser.parse(render(FORMATS["atom"], samples.haftar(), WHERE)).feed.links
    }

    assert links["self"] == "https://example.org/v1/timelines/actors/haftar.atom?limit=2&cursor=c-1"
    assert links["next"] == "https://example.org/v1/timelines/actors/haftar.atom?limit=2&cursor=c-2"


def test_what_was_recalled_or_merged_is_a_tombstone_that_says_no_more_than_that() -> None:
    content = render(FORMATS["atom"], samples.difference())

    gone = atom(content).findall(f"{TOMBSTONES}deleted-entry")

    assert [str(each.get("ref"))[-2:] for each in gone] == ["07", "08"]
    assert [each.findtext(f"{TOMBSTONES}comment") for each in gone] == ["recalled", "merged"]
    assert b"Event 7" not in content


def test_a_change_says_why() -> None:
    changed = feedparser.parse(render(FORMATS["atom"], samples.difference())).entries[1]

    assert changed.title == "[denied] Event 3"
    assert "because denied by Russian officials (position 14)" in changed.content[0].value


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_makes_no_element(text: str) -> None:
    hostile, harmless = (shape(atom(render(FORMATS["atom"], everywhere(each)))) for each in (text, "harmless"))

    assert hostile == harmless


def shape(element: ElementTree.Element) -> list[str]:
    return [each.tag for each in element.iter()]
