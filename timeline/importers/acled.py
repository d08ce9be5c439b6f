"""ACLED: a user's own export of 31 columns; its terms forbid passing rows on, so none is here.

`actor1` and `actor2` carry no direction. `time_precision` 1 is a day, 2 the week around it, 3 its month. The id is
`event_id_cnty`; `timestamp` tells when the row was changed last.
"""

from datetime import date, timedelta

from timeline.importers.importer import Context, Importer, Mapped, Post, Row, degrees, event, line, prose, rest

SCHEME = "acled"
KINDS = {
    "battles": "military_action",
    "explosions/remote violence": "military_action",
    "violence against civilians": "attack_on_civilians",
    "protests": "protest",
    "riots": "protest",
}
SUB_KINDS = {
    "arrests": "arrest",
    "agreement": "agreement",
    "non-violent transfer of territory": "territory_change",
    "headquarters or base established": "mobilisation",
}
PRECISIONS = {"1": "town", "2": "district", "3": "province"}
COLUMNS = (
    "event_id_cnty", "event_date", "time_precision", "event_type", "sub_event_type", "actor1", "actor2", "country",
    "location", "latitude", "longitude", "geo_precision", "source", "notes", "fatalities",
)  # fmt: skip
USED = frozenset((*COLUMNS, "year", "timestamp", "assoc_actor_1", "assoc_actor_2"))


def rows(row: Row, context: Context) -> Mapped:
    """The event of a row, with whatever it names."""
    external, day = row.needed("event_id_cnty"), _day(row)
    actors = [
        context.registered("actor", "acled:actor", name.casefold(), name)
        for each in ("actor1", "assoc_actor_1", "actor2", "assoc_actor_2")
        for name in _listed(row.text(each))
    ]
    place = _place(row, context)
    topic = context.registered("topic", "acled:country", row.needed("country").casefold(), row.needed("country"))
    acled = context.registered("source", "acled", "acled", "ACLED")
    named = [
        context.registered("source", "acled:source", each.casefold(), each) for each in _listed(row.text("source"))
    ]
    fatalities = row.count("fatalities")
    posted = event(
        context,
        SCHEME,
        external,
        kind=_kind(row),
        title=line(f"{row.text('sub_event_type') or row.needed('event_type')}, {row.text('location')}"),
        occurred=occurred(row, day),
        said=f"[{day}..]",
        source=(named or [acled])[0]["id"],
        participants=[{"actor": each} for each in dict.fromkeys(each["id"] for each in actors)],
        places=[place["id"]],
        topics=[topic["id"]],
        codes=[{"scheme": "acled", "code": row.text("sub_event_type") or row.needed("event_type")}],
        **({"via": acled["id"]} if named else {}),
        **({"summary": prose(row.text("notes"))} if row.text("notes") else {}),
        **({"figures": {"killed": {"best": fatalities}}} if fatalities is not None else {}),
        **rest(row, USED),
    )
    # Each further outlet is a voice of its own.
    others = [
        event(
            context,
            "acled:source",
            f"{external} {each['id']}",
            kind="report",
            of=[posted["id"]],
            occurred=f"[{day}..]",
            source=each["id"],
            via=acled["id"],
        )
        for each in named[1:]
    ]
    things = {each["id"]: each for each in (*actors, place, topic, acled, *named)}
    return Mapped(events=(posted, *others), things=tuple(things.values()))


def _day(row: Row) -> date:
    return row.day("event_date")


def occurred(row: Row, day: date) -> str:
    """When it happened, as precisely as the row says."""
    precision = row.text("time_precision")
    if precision == "2":
        monday = day - timedelta(days=day.weekday())
        return f"[{monday}..{monday + timedelta(days=6)}]"
    return f"{day:%Y-%m}" if precision == "3" else day.isoformat()


def _kind(row: Row) -> str:
    sub = SUB_KINDS.get(row.text("sub_event_type").casefold())
    return sub or KINDS.get(row.needed("event_type").casefold(), "other")


def _listed(text: str) -> list[str]:
    return list(dict.fromkeys(found for each in text.split(";") if (found := line(each))))


def _place(row: Row, context: Context) -> Post:
    latitude, longitude = degrees(row.needed("latitude")), degrees(row.needed("longitude"))
    names = dict.fromkeys(filter(None, map(row.text, ("location", "admin3", "admin2", "admin1", "country"))))
    here = latitude is not None and longitude is not None and (float(latitude), float(longitude)) != (0.0, 0.0)
    fields: Post = {"latitude": latitude, "longitude": longitude} if here else {}
    if precision := PRECISIONS.get(row.text("geo_precision")):
        fields["precision"] = precision
    name = ", ".join(names)
    return context.registered("place", "acled:place", f"{name} {latitude} {longitude}", name, **fields)


IMPORTER = Importer(
    scheme=SCHEME,
    name="acled",
    title="ACLED, a user's own export",
    reads="csv",
    columns=COLUMNS,
    rows=rows,
)
