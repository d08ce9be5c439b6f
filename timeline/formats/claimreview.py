"""ClaimReview (schema.org, JSON-LD): a claim for each entry, and for each judgement of it a review, for fact-checkers.

An entry is a `Claim` by its source, never an `Event`: schema.org's events happened. A judgement becomes a
`ClaimReview` in its own words; those that ICD 203 or a verdict puts on a scale have a rating from 1 to 5 too.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from timeline.formats import words
from timeline.formats.escapes import embedded, line
from timeline.formats.format import Format, Portions, Where, derived
from timeline.formats.words import Names
from timeline.model.entry import AssessmentShown, Entry, EventShown, OccurredShown, Page
from timeline.model.slice import Slice

Thing = dict[str, Any]

_ENCODER = msgspec.json.Encoder()
RATINGS = {
    "false": 1,
    "true": 5,
    "misleading": 2,
    "unproven": 3,
    "almost_no_chance": 1,
    "very_unlikely": 1,
    "unlikely": 2,
    "roughly_even": 3,
    "likely": 4,
    "very_likely": 5,
    "almost_certain": 5,
}


class _Timeline(Portions):
    def head(self, page: Page) -> bytes:
        return _HEAD

    def entries(self, page: Page) -> bytes:
        return self.joined(
            [_written(each) for entry in page.entries for each in _things(entry, page.names, self.where)]
        )

    def tail(self, page: Page) -> bytes:
        return _END


def _slice(week: Slice, where: Where) -> bytes:
    things = (_written(each) for entry in words.once(week) for each in _things(entry, week.names, where))
    return _HEAD + b",\n".join(things) + _END


def _single(event: EventShown, where: Where) -> bytes:
    return _HEAD + b",\n".join(map(_written, _things(event, event.names, where))) + _END


_HEAD = b'{"@context":"https://schema.org","@graph":[\n'
_END = b"\n]}\n"


def _written(thing: Thing) -> bytes:
    return embedded(_ENCODER.encode({name: value for name, value in thing.items() if value is not None}))


def _things(entry: Entry, names: Names, where: Where) -> Iterator[Thing]:
    claim = _claim(entry, names, where)
    yield claim
    for judgement in entry.assessments:
        yield _review(entry, claim, judgement, names, where)


def _claim(entry: Entry, names: Names, where: Where) -> Thing:
    return {
        "@type": "Claim",
        "@id": f"urn:uuid:{entry.id}",
        "identifier": entry.id,
        "name": line(words.headline(entry)),
        "text": line(entry.title),
        "author": _who(entry.source, names),
        "creativeWorkStatus": words.label(entry),
        "abstract": "\n".join(filter(None, map(line, words.lines(entry, names)))),
        "about": [{"@type": "Thing", "name": line(words.name(each.actor, names))} for each in entry.participants],
        "keywords": words.plain(entry.kind),
        "temporalCoverage": _covered(entry.occurred),
        "dateCreated": words.instant(entry.recorded_at),
        "dateModified": words.instant(entry.changed_at),
        "url": where.event(entry.id),
    }


def _review(entry: Entry, claim: Thing, judgement: AssessmentShown, names: Names, where: Where) -> Thing:
    told = words.judged(judgement)
    rating = RATINGS.get(judgement.verdict or judgement.likelihood or "")
    scale = {"ratingValue": rating, "bestRating": 5, "worstRating": 1} if rating else {}
    return {
        "@type": "ClaimReview",
        "@id": f"urn:uuid:{derived('review', judgement.id, entry.id)}",
        "url": where.event(judgement.id),
        "author": _who(judgement.source, names),
        "claimReviewed": claim["text"],
        "itemReviewed": {"@type": "Claim", "@id": claim["@id"], "name": claim["name"], "author": claim["author"]},
        "reviewRating": {"@type": "Rating", **scale, "alternateName": line(told)},
        "reviewBody": line(words.assessment(judgement, names)),
    }


def _who(source: str, names: Names) -> Thing:
    return {"@type": "Organization", "name": line(words.name(source, names)) or source}


def _covered(occurred: OccurredShown) -> str | None:
    """The days that it may have happened on, as an ISO 8601 interval; open where a bound is unknown."""
    if occurred.earliest is None and occurred.latest is None:
        return None
    return f"{occurred.earliest or '..'}/{occurred.latest or '..'}"


FORMAT = Format(
    name="claimreview",
    suffix=".jsonld",
    media_type="application/ld+json",
    about="fact-checkers and search engines: schema.org's Claim for each entry, a ClaimReview for each judgement",
    renders={Slice: _slice, EventShown: _single},
    portions=_Timeline,
)
