"""ClaimReview as schema.org has it: claims are no facts, and a review says what was judged and by whom."""

import json
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.formats import samples
from tests.formats.hostile import HOSTILE
from tests.formats.test_csv import everywhere
from timeline.formats import FORMATS, render
from timeline.model.entry import AssessmentShown, Shape

# https://schema.org/ClaimReview, /Claim, /Rating, /Organization, /Thing: the properties that we use of each.
THING = {"@type", "@id", "name", "url", "identifier"}
CREATIVE_WORK = THING | {
    "abstract", "about", "author", "creativeWorkStatus", "dateCreated", "dateModified", "keywords", "temporalCoverage",
    "text",
}  # fmt: skip
PROPERTIES = {
    "Claim": CREATIVE_WORK,
    "ClaimReview": CREATIVE_WORK | {"claimReviewed", "itemReviewed", "reviewRating", "reviewBody"},
    "Rating": THING | {"ratingValue", "bestRating", "worstRating", "alternateName"},
    "Organization": THING,
    "Thing": THING,
}
NEEDED = {
    "ClaimReview": {"claimReviewed", "author", "url", "reviewRating", "itemReviewed"},
    "Rating": {"alternateName"},
}


def graph(answer: Shape) -> list[dict[str, Any]]:
    document = json.loads(render(FORMATS["claimreview"], answer))
    assert document["@context"] == "https://schema.org"
    for each in document["@graph"]:
        check(each)
    found: list[dict[str, Any]] = document["@graph"]
    return found


def check(thing: dict[str, Any]) -> None:
    """Fails on a property that schema.org does not know of such a thing, or on one that is needed."""
    assert thing.keys() <= PROPERTIES[thing["@type"]]
    assert thing.keys() >= NEEDED.get(thing["@type"], set())
    for value in thing.values():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                check(each)


def reviews(answer: Shape) -> list[dict[str, Any]]:
    return [each for each in graph(answer) if each["@type"] == "ClaimReview"]


@pytest.mark.parametrize(
    "answer", [samples.haftar(), samples.full_week(), samples.full_event(), samples.page()], ids=range(4)
)
def test_every_thing_is_as_schema_org_has_it(answer: Shape) -> None:
    found = graph(answer)

    assert len({each["@id"] for each in found}) == len(found)


def test_a_judged_claim_has_its_review() -> None:
    review = reviews(samples.haftar())[0]

    assert review["claimReviewed"] == "Haftar meets the Russian president"
    assert review["itemReviewed"]["author"]["name"] == "pro-Haftar media"
    assert review["author"]["name"] == "Weekly report"
    assert review["reviewRating"]["ratingValue"] == 1
    assert review["reviewRating"]["alternateName"] == "false, “both rumours”"
    assert review["url"].endswith("/v1/events/e15")


def test_what_is_not_judged_has_no_review_and_a_claim_is_no_fact() -> None:
    claims = [each for each in graph(samples.haftar()) if each["@type"] == "Claim"]

    assert len(reviews(samples.haftar())) == 2
    assert claims[1]["name"] == "[denied] Haftar meets the Russian president"
    assert claims[1]["creativeWorkStatus"] == "denied"
    assert claims[1]["temporalCoverage"] == "2019-06-01/2019-06-10"


def test_a_judgement_without_a_step_has_words_and_no_number() -> None:
    hedged = samples.entry(assessments=[AssessmentShown(id="e9", source=samples.WEEKLY, hedge="may be")])

    assert reviews(samples.page(hedged))[0]["reviewRating"] == {"@type": "Rating", "alternateName": "“may be”"}


class Scripts(HTMLParser):
    """What a page becomes that holds a document in a script element."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_ends_no_script_element(text: str) -> None:
    content = render(FORMATS["claimreview"], everywhere(text)).decode()
    parser = Scripts()

    parser.feed(f'<script type="application/ld+json">{content}</script><p>')

    assert parser.found == ["script", "p"]
    assert json.loads(content)["@graph"]
