"""The sample: one week of the Libyan conflict in June 2019, as an analyst would post it.

What a public weekly report says, in our own words: a trip reported and denied, a trip rumoured and denied, an order
alleged, the judgements that rest on them. `posts()` is ready for `POST /v1/events/batch`: each id is fixed, so that
posting the week twice is a repeat. Replies name what they answer by `#ref`.
"""

from typing import Any
from uuid import UUID, uuid5

Post = dict[str, Any]

NAMESPACE = UUID("5d0c1c4e-6a55-4b8e-9a3f-2f1d3c0b7e19")
"""Ids are derived from this and a slug or ref."""
PUBLISHED = "[2019-06-10..2019-06-14]"
"""The report carries no date; it was written on one of these working days."""


def id_of(kind: str, name: str) -> str:
    """The fixed id of a registered thing, by its kind and slug, or of an event, by `event` and its ref."""
    return str(uuid5(NAMESPACE, f"{kind}:{name}"))


def posts() -> list[Post]:
    """The whole week in the order to post it: what is registered, then the events."""
    return [*REGISTRATIONS, *EVENTS]


def _registered(kind: str, slug: str, **fields: Any) -> Post:
    return {"kind": kind, "id": id_of(kind, slug), "slug": slug, "marking": "clear", **fields}


def _event(ref: str, kind: str, **fields: Any) -> Post:
    common = {"topics": ["libya"], "marking": "clear", "document": "weekly-report"}
    return {"ref": ref, "kind": kind, "id": id_of("event", ref), **fields, **common}


def _judged(ref: str, **fields: Any) -> Post:
    """A judgement of the report's own authors, made in the report."""
    return _event(ref, "assessment", occurred=PUBLISHED, source="weekly", modality="stated", **fields)


REGISTRATIONS: tuple[Post, ...] = (
    _registered("topic", "libya", name="Libya", aliases=["Libyan conflict"]),
    # Actors
    _registered(
        "actor",
        "haftar",
        name="Khalifa Haftar",
        type="person",
        aliases=["Field Marshal Haftar", {"name": "خليفة حفتر", "lang": "ar", "script": "Arab"}],
    ),
    _registered("actor", "lna", name="Libyan National Army", type="armed_group", aliases=["Libyan Arab Armed Forces"]),
    _registered("actor", "gna", name="Government of National Accord", type="organisation"),
    _registered("actor", "russia", name="Russia", type="state", aliases=["Russian Federation"]),
    _registered("actor", "putin", name="Vladimir Putin", type="person"),
    _registered("actor", "united-states", name="United States", type="state", aliases=["United States of America"]),
    _registered("actor", "trump", name="Donald Trump", type="person"),
    _registered("actor", "white-house", name="White House", type="office"),
    _registered("actor", "us-congress", name="United States Congress", type="organisation", aliases=["US Congress"]),
    _registered("actor", "fbi", name="Federal Bureau of Investigation", type="organisation", aliases=["FBI"]),
    _registered("actor", "roth", name="Kenneth Roth", type="person"),
    _registered("actor", "hrw", name="Human Rights Watch", type="organisation"),
    _registered("actor", "new-york-times", name="The New York Times", type="organisation"),
    _registered(
        "actor",
        "mbz",
        name="Mohammed bin Zayed",
        type="person",
        aliases=["Mohammed bin Zayed Al Nahyan", {"name": "محمد بن زايد", "lang": "ar", "script": "Arab"}],
    ),
    _registered("actor", "uae", name="United Arab Emirates", type="state", aliases=["Emirates"]),
    _registered("actor", "muslim-brotherhood", name="Muslim Brotherhood", type="organisation"),
    # Sources
    _registered("source", "unattributed", name="Unattributed", named=False, reliability="F"),
    _registered(
        "source",
        "pro-haftar-media",
        name="Pro-Haftar media",
        named=False,
        reliability="D",
        aligned_with=["haftar", "lna"],
    ),
    _registered(
        "source",
        "russian-officials",
        name="Russian officials",
        reliability="C",
        family="russia-gov",
        speaks_for=["russia"],
        aligned_with=["russia", "putin"],
    ),
    _registered(
        "source",
        "white-house",
        name="White House",
        reliability="C",
        family="us-exec",
        actor="white-house",
        speaks_for=["white-house"],
        aligned_with=["white-house", "united-states", "trump"],
    ),
    _registered(
        "source",
        "white-house-source",
        name="White House source",
        named=False,
        reliability="C",
        family="us-exec",
        speaks_for=["white-house"],
        aligned_with=["white-house", "united-states", "trump"],
    ),
    _registered("source", "rights-leaders", name="Human rights leaders", reliability="B"),
    _registered("source", "roth", name="Kenneth Roth", reliability="B", family="hrw", actor="roth"),
    _registered("source", "new-york-times", name="The New York Times", reliability="B", actor="new-york-times"),
    _registered("source", "weekly", name="The weekly report", reliability="B", house=True),
    # Places
    _registered(
        "place",
        "moscow",
        name="Moscow",
        precision="town",
        latitude="55.7558",
        longitude="37.6173",
        country="RU",
    ),
    _registered("place", "united-states", name="United States", precision="country", country="US"),
    _registered("place", "libya", name="Libya", precision="country", country="LY"),
    _registered(
        "place", "southern-tripoli", name="Southern Tripoli", precision="district", country="LY", within="libya"
    ),
    _registered("place", "sudan", name="Sudan", precision="country", country="SD"),
    # The document that all of it was read in
    _registered(
        "document",
        "weekly-report",
        title="Weekly report on Libya",
        type="report",
        publisher="weekly",
        published=PUBLISHED,
        language="en",
    ),
)

EVENTS: tuple[Post, ...] = (
    _judged(
        "E01",
        title="Both Libyan camps still court foreign support",
        summary="Neither the government in Tripoli nor the army in the east has stopped looking for backers abroad.",
        participants=["gna", "lna"],
    ),
    _event(
        "E02",
        "visit",
        title="Haftar travels to Moscow",
        occurred="early June 2019",
        source="unattributed",
        modality="reported",
        participants=["haftar", {"actor": "russia", "role": "host"}],
        places=[{"place": "moscow", "role": "to"}],
    ),
    _event(
        "E03",
        "meeting",
        title="Haftar meets the Russian president",
        summary="Outlets friendly to Haftar say that Putin received him during the trip.",
        occurred={"during": "#E02"},
        source="pro-haftar-media",
        modality="stated",
        said="[2019-06-01..2019-06-14]",
        participants=["haftar", "putin", {"actor": "russia", "role": "host"}],
        places=["moscow"],
    ),
    _event(
        "E04",
        "denial",
        of=["#E03"],
        occurred="[2019-06-01..2019-06-14]",
        source="russian-officials",
        modality="stated",
    ),
    _event(
        "E05",
        "policy",
        title="Moscow moves to a more neutral line",
        summary="Russia seems to be placing itself at an equal distance from the two camps.",
        occurred="ongoing",
        source="weekly",
        modality="stated",
        participants=["russia"],
    ),
    _event(
        "E06",
        "visit",
        title="Haftar is to visit the United States",
        occurred="mid-June 2019",
        source="unattributed",
        modality="rumoured",
        tense="future",
        said="by 7 June 2019",
        participants=["haftar", {"actor": "united-states", "role": "host"}],
        places=[{"place": "united-states", "role": "to"}],
    ),
    _event(
        "E07",
        "meeting",
        title="Haftar is to meet the US president",
        occurred={"during": "#E06"},
        source="unattributed",
        modality="rumoured",
        tense="future",
        said="by 7 June 2019",
        participants=["haftar", "trump", {"actor": "united-states", "role": "host"}],
        places=["united-states"],
    ),
    _judged(
        "E08",
        title="A trip to the United States would be too risky for Haftar",
        of=["#E06", "#E07"],
        likelihood="unlikely",
    ),
    _event(
        "E09",
        "policy",
        title="Members of Congress want Haftar's conduct looked into",
        summary="The wish is growing. Nobody says that an investigation was opened.",
        occurred={"words": "increasingly", "edtf": "/.."},
        source="weekly",
        modality="stated",
        participants=["us-congress", {"actor": "haftar", "role": "about"}],
    ),
    _judged(
        "E10",
        title="Landing in the United States could bring Haftar before the FBI",
        based_on=["#E06"],
        hedge="could",
        participants=["haftar", "fbi"],
    ),
    _event(
        "E11",
        "order",
        title="Haftar orders his men to take no prisoners",
        occurred="by 9 June 2019",
        source="rights-leaders",
        modality="alleged",
        said="last week",
        participants=["haftar", {"actor": "lna", "role": "recipient"}],
    ),
    _event(
        "E12",
        "publication",
        title="Videos of the order are published",
        of=["#E11"],
        occurred="last week",
        source="rights-leaders",
        modality="alleged",
        participants=["roth", "hrw"],
    ),
    _event(
        "E13",
        "statement",
        title="Roth: the videos could serve a prosecution",
        of=["#E11"],
        occurred="[2019-06-03..2019-06-14]",
        source="roth",
        modality="stated",
    ),
    _event(
        "E14",
        "denial",
        title="White House: no meeting with Haftar is planned",
        of=["#E07"],
        occurred="7 June 2019",
        source="white-house-source",
        modality="stated",
        tense="future",
    ),
    _judged(
        "E15",
        title="Neither president's meeting with Haftar was more than a rumour",
        of=["#E03", "#E07"],
        verdict="false",
    ),
    _judged(
        "E16",
        title="Such rumours may show how much Haftar needs support",
        based_on=["#E03", "#E07", "#E15"],
        hedge="may be",
        participants=["haftar"],
    ),
    _event(
        "E17",
        "publication",
        title="The New York Times profiles Mohammed bin Zayed",
        occurred="by 14 June 2019",
        source="new-york-times",
        modality="stated",
        participants=[{"actor": "mbz", "role": "about"}, {"actor": "uae", "role": "about"}],
    ),
    _event(
        "E18",
        "accusation",
        title="The profile accuses Mohammed bin Zayed of sowing discord",
        summary="It blames him for stirring conflict, in Libya and Sudan too, out of enmity to the Brotherhood.",
        occurred="by 14 June 2019",
        source="new-york-times",
        modality="stated",
        against=["mbz"],
        participants=["muslim-brotherhood"],
        places=[{"place": "libya", "role": "about"}, {"place": "sudan", "role": "about"}],
    ),
    _event(
        "E19",
        "military_action",
        title="Fighting south of Tripoli goes on",
        summary="The offensive continues without either side breaking through.",
        occurred="ongoing",
        source="weekly",
        modality="stated",
        participants=["haftar", "lna"],
        places=["southern-tripoli"],
    ),
    _judged(
        "E20",
        title="Backing Haftar will cost his supporters more",
        based_on=["#E19"],
        hedge="will",
        participants=["haftar"],
    ),
)
"""E01 to E20, in this order: a reply comes after what it answers."""
