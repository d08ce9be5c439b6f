"""Every format of one query holds the same events in the same order: 200 queries, each in every format."""

import random
from collections import Counter
from typing import Any

import httpx

from tests.formats.judges import BRIEFS, READERS, as_briefed
from tests.libya_week import WEEKS
from timeline.formats import offered
from timeline.importers.libya_week import posts
from timeline.model.entry import Page
from timeline.model.slice import Slice

QUERIES = 200
ACTORS = ["haftar", "putin", "russia", "united-states", "trump", "lna", "mbz", "new-york-times"]
STANDINGS = ["rumoured", "reported", "denied", "corroborated"]
KINDS = ["visit", "meeting", "denial", "assessment", "statement", "publication", "policy"]


def query(chance: random.Random) -> tuple[str, dict[str, Any]]:
    """A path without its suffix, and what is asked."""
    asked: dict[str, Any] = {"on": f"2019-06-{chance.randint(1, 30):02}", "as_of": chance.randint(30, 52)}
    if chance.random() < 0.3:
        week = {"match": chance.choice(["anchored", "possible", "certain"])}
        of = {"topic": "libya"} if chance.random() < 0.5 else {"actor": chance.choice(ACTORS[:3])}
        return f"/v1/weeks/{chance.choice(WEEKS)}", asked | week | (of if chance.random() < 0.7 else {})
    if chance.random() < 0.5:
        asked |= {"kind": chance.sample(KINDS, chance.randint(1, 4))}
    if chance.random() < 0.4:
        asked |= {"standing": chance.sample(STANDINGS, chance.randint(1, 3))}
    asked |= {"order": chance.choice(["asc", "desc"]), "limit": chance.choice([1, 3, 7, 50, 1000])}
    if chance.random() < 0.3:
        return "/v1/events", asked | {"q": chance.choice(["haftar", "e", "meet", "nothing at all"])}
    if chance.random() < 0.2:
        asked |= {"said_to": f"2019-06-{chance.randint(5, 14):02}"}
    whose = chance.choice(["all", "topics/libya", *(f"actors/{actor}" for actor in ACTORS[:5])])
    return f"/v1/timelines/{whose}", asked


async def test_every_format_of_a_query_holds_the_same_events_in_the_same_order(api: httpx.AsyncClient) -> None:
    assert (await api.post("/v1/events/batch", json=posts())).status_code == 201
    held: Counter[int] = Counter()
    for seed in range(QUERIES):
        path, asked = query(random.Random(seed))
        formats = offered(Slice if "weeks" in path else Page)
        answers = {each.name: await api.get(path + each.suffix, params=asked) for each in formats}
        assert {answer.status_code for answer in answers.values()} == {200}, (path, asked)

        wanted = READERS["json"](answers["json"].content)
        briefed = as_briefed(answers["json"].content) if "weeks" in path else wanted
        assert sorted(briefed) == sorted(wanted)
        for name, answer in answers.items():
            assert READERS[name](answer.content) == (briefed if name in BRIEFS else wanted), (name, path, asked)
        links = {answer.headers["link"].count('rel="next"') for answer in answers.values()}
        assert len(links) == 1, (path, asked)
        held[len(wanted)] += 1

    assert len(held) > 8, "queries that find many, few and nothing"
    assert READERS.keys() == {each.name for each in (*offered(Page), *offered(Slice))}
