"""UCDP Georeferenced Event Dataset: fighting and attacks with deaths, by the Uppsala Conflict Data Program.

Layouts of release 19.1 (42 columns), 20.1 and later (49), and HDX's copies with a row of HXL tags: read by name. Dates
are read from the days, never from `date_prec`, which names no unit of the calendar. Traps: `source_date` may be wrong
by a year; `low ≤ best ≤ high` does not always hold; −1 sources means unknown; which side struck first is not said.
"""

import csv
import re
from datetime import date
from typing import Any

from timeline.importers.importer import (
    BadRow,
    Context,
    Importer,
    Mapped,
    Post,
    Row,
    days,
    degrees,
    event,
    line,
    names,
    rest,
)

SCHEME = "ucdp:ged"
ACTOR = "ucdp:actor"
PRECISIONS = {"1": "exact", "2": "district", "3": "district", "4": "province", "5": "region", "6": "country"}
"""By `where_prec`: 2 is within 25 km, 3 and 4 are centroids of an area, 5 is a line or a fuzzy area."""
KINDS = {"1": "military_action", "2": "military_action", "3": "attack_on_civilians"}
USED = names(
    "id type_of_violence side_a side_a_new_id gwnoa side_b side_b_new_id gwnob conflict_name conflict_new_id "
    "dyad_name dyad_new_id date_start date_end where_coordinates adm_1 adm_2 country latitude longitude where_prec "
    "source_original source_office source_date source_headline best low high event_clarity geom_wkt year"
)
COLUMNS = (
    "id type_of_violence side_a side_a_new_id side_b side_b_new_id conflict_name conflict_new_id dyad_name dyad_new_id "
    "date_start date_end where_coordinates country latitude longitude where_prec source_original best low high "
    "event_clarity"
)
DOCUMENTS_MAX = 50


def rows(row: Row, context: Context) -> Mapped:
    """The event of a row, with whatever it names."""
    kind = KINDS.get(row.needed("type_of_violence"))
    if kind is None:
        raise BadRow("type_of_violence", f"expected 1, 2 or 3, found {row.text('type_of_violence')!r}")
    first, last = row.day("date_start"), row.day("date_end")
    if last < first:
        raise BadRow("date_end", f"expected {first} or later, found {last}")
    aggregate = row.text("event_clarity") == "2"
    sides = _sides(row, context, kind)
    topics = [_topic(row, context, each) for each in ("conflict", "dyad")]
    place = _place(row, context)
    program = context.registered("source", "ucdp", "ucdp", "Uppsala Conflict Data Program")
    source = _source(row, context) or program
    documents, offices = _documents(row, context, first)
    posted = event(
        context,
        SCHEME,
        row.needed("id"),
        kind=kind,
        title=_title(row, aggregate),
        occurred=days(first, last, lasted=aggregate),
        participants=[{"actor": each["id"], "role": "actor"} for each in sides],
        topics=[each["id"] for each in topics],
        places=[place["id"]],
        source=source["id"],
        codes=_codes(row),
        **({"via": program["id"]} if source is not program else {}),
        **({"document": documents[0]["id"]} if documents else {}),
        **({} if documents and "published" in documents[0] else {"said": f"[{last}..]"}),
        **({"evidence": [{"document": each["id"]} for each in documents[1:]]} if documents[1:] else {}),
        **_figures(row),
        **rest(row, USED),
    )
    things = {each["id"]: each for each in (*sides, *topics, place, program, source, *offices, *documents)}
    return Mapped(events=(posted,), things=tuple(things.values()))


def _title(row: Row, aggregate: bool) -> str:
    where = line(row.text("where_coordinates") or row.text("country"), 100)
    one, other = line(row.text("side_a"), 80), line(row.text("side_b"), 80)
    several = "Several incidents: " if aggregate else ""
    if row.text("type_of_violence") == "3":
        return line(f"{several}{one}: attack on civilians, {where}")
    return line(f"{several}{one} and {other}: fighting, {where}")


def _sides(row: Row, context: Context, kind: str) -> list[Post]:
    """The sides as actors. Civilians are a class of people and no actor; who struck first is not said."""
    wanted = ("a",) if kind == "attack_on_civilians" else ("a", "b")
    found = []
    for side in wanted:
        external = row.needed(f"side_{side}_new_id")
        state = {"external_ids": {ACTOR: external, "gwno": gw}} if (gw := row.text(f"gwno{side}")) else {}
        found.append(context.registered("actor", ACTOR, external, row.needed(f"side_{side}"), **state))
    return found


def _topic(row: Row, context: Context, what: str) -> Post:
    return context.registered("topic", f"ucdp:{what}", row.needed(f"{what}_new_id"), row.needed(f"{what}_name"))


def _place(row: Row, context: Context) -> Post:
    latitude, longitude = degrees(row.needed("latitude")), degrees(row.needed("longitude"))
    names = dict.fromkeys(filter(None, map(row.text, ("where_coordinates", "adm_2", "adm_1", "country"))))
    fields: dict[str, Any] = {}
    if latitude is not None and longitude is not None and {latitude.strip("-0."), longitude.strip("-0.")} != {""}:
        fields = {"latitude": latitude, "longitude": longitude}
    if precision := PRECISIONS.get(row.text("where_prec")):
        fields["precision"] = precision
    name = ", ".join(names)
    told = f"{name} {latitude} {longitude} {row.text('where_prec')}"
    return context.registered("place", "ucdp:place", told, name, **fields)


def _source(row: Row, context: Context) -> Post | None:
    """Whoever UCDP names as the original source: mostly "police" or "a rebel spokesman", so it counts as unnamed."""
    name = line(row.text("source_original"))
    return context.registered("source", "ucdp:source", name.casefold(), name, named=False) if name else None


def _documents(row: Row, context: Context, first: date) -> tuple[list[Post], list[Post]]:
    """The articles that the row lists, and the sources that published them. Lists are parallel, split on `;`."""
    offices, dates, titles = (_listed(row.text(f"source_{each}")) for each in ("office", "date", "headline"))
    documents: dict[str, Post] = {}
    publishers: dict[str, Post] = {}
    for at, office in enumerate(offices[:DOCUMENTS_MAX]):
        if not office:
            continue
        publisher = context.registered("source", "ucdp:office", office.casefold(), office)
        title = line(titles[at]) if at < len(titles) else ""
        published = _published(dates[at], first) if at < len(dates) else None
        told = f"{office.casefold()} {published} {title}"
        document: Post = {"kind": "document", "publisher": publisher["id"], **context.marked()}
        document |= {"title": title} if title else {}
        document |= {"published": published} if published else {}
        own = context.registered("source", "ucdp:document", told, "x")["id"]
        documents[own] = document | {"id": own}
        publishers[publisher["id"]] = publisher
    return list(documents.values()), list(publishers.values())


def _listed(text: str) -> list[str]:
    """The items of a list split on `;`, of which some are in quotes."""
    return [
        line(each.strip('" '))
        for each in next(csv.reader([line(text, 1_000_000)], delimiter=";", skipinitialspace=True), [])
    ]


def _published(text: str, first: date) -> str | None:
    """The day of an article, unless that lies before what it tells of, as those that are wrong by a year do."""
    try:
        found = date.fromisoformat(text.strip()[:10])
    except ValueError:
        return None
    return found.isoformat() if found >= first else None


def _figures(row: Row) -> Post:
    killed = {name: found for name in ("best", "low", "high") if (found := row.count(name)) is not None}
    return {"figures": {"killed": killed}} if killed else {}


def _codes(row: Row) -> list[Post]:
    return [{"scheme": "ucdp.type_of_violence", "code": row.needed("type_of_violence")}]


def release_of(name: str) -> str:
    """The release that a file's name tells: `ged231.csv` holds 23.1."""
    found = re.search(r"ged_?(\d{2})_?(\d)", name.lower())
    return f"{found[1]}.{found[2]}" if found else ""


IMPORTER = Importer(
    scheme=SCHEME,
    name="ucdp-ged",
    title="UCDP Georeferenced Event Dataset, 19.1 and later, also as HDX gives it",
    reads="csv",
    columns=tuple(COLUMNS.split()),
    rows=rows,
    release_of=release_of,
)
