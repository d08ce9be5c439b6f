"""Insecurity Insight: attacks on health care and on aid workers (Security in Numbers Database).

`Date` is a coder's day; most texts say only "December 2023:", so the month of the text is when it happened, and the
coder's day is kept beside it. Who did it is a report's accusation, never a fact: it is posted as an allegation about
that participant's part, and the attack itself names no actor. Counts come as texts, precision as a phrase.
"""

import re
from datetime import date

from timeline.importers.importer import (
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
    prose,
    rest,
)

SCHEME = "sind"
MONTHS = names("January February March April May June July August September October November December")
_MONTH = re.compile(rf"\s*({'|'.join(MONTHS)}) (\d{{4}})\b")
_DAY = re.compile(rf"\s*(\d{{1,2}}) ({'|'.join(MONTHS)}) (\d{{4}})\b")
PRECISIONS = {"1": "exact", "2": "district", "3": "district", "4": "province", "5": "country"}
KILLED = ("Health Workers Killed", "Aid Workers Killed")
INJURED = ("Health Workers Injured", "Aid Workers Injured")
USED = (
    "SiND Event ID", "Event Description", "Country", "Country ISO", "Admin 1", "Latitude", "Longitude", "Geo Precision",
    "Reported Perpetrator", "Reported Perpetrator Name", *KILLED, *INJURED,
)  # fmt: skip
UNKNOWN = ("", "no information", "unknown", "unidentified", "not applicable")


def rows(row: Row, context: Context) -> Mapped:
    """The attack of a row, and who is said to have done it."""
    external = row.needed("SiND Event ID")
    text = row.text("Event Description")
    coded = row.day("Date")
    topic = context.registered("topic", "sind", "sind", "Attacks on health care and aid workers")
    source = context.registered("source", "sind", "sind", "Insecurity Insight")
    place = _place(row, context)
    attack = event(
        context,
        SCHEME,
        external,
        kind="attack_on_civilians",
        title=line(_after_date(text), 200) or line(f"Attack, {place['name']}"),
        **({"summary": prose(text)} if text else {}),
        occurred=occurred(text, coded),
        said=f"[{_last(text, coded)}..]",
        source=source["id"],
        topics=[topic["id"]],
        places=[place["id"]],
        **_figures(row),
        **rest(row, USED),
    )
    things, events = [topic, source, place], [attack]
    name = line(row.text("Reported Perpetrator Name"))
    if name.casefold() not in UNKNOWN:
        accused = context.registered("actor", "sind:perpetrator", name.casefold(), name)
        things.append(accused)
        events.append(_allegation(context, external, attack, accused, source))
    return Mapped(events=tuple(events), things=tuple(things))


def _allegation(context: Context, external: str, attack: Post, accused: Post, source: Post) -> Post:
    return event(
        context,
        "sind:perpetrator",
        external,
        kind="report",
        of=[attack["id"]],
        part=f"participant:{accused['id']}",
        modality="alleged",
        occurred=attack["said"],
        source=source["id"],
        participants=[{"actor": accused["id"], "role": "about"}],
    )


def occurred(text: str, coded: date) -> str:
    """When it happened: the day or the month that the text begins with; the coder's day where it tells none."""
    if (found := _DAY.match(text)) is not None:
        return f"{int(found[3]):04}-{MONTHS.index(found[2]) + 1:02}-{int(found[1]):02}"
    if (found := _MONTH.match(text)) is not None:
        return f"{int(found[2]):04}-{MONTHS.index(found[1]) + 1:02}"
    return days(coded, coded)


def _last(text: str, coded: date) -> str:
    """The first day that it can have been said on: nothing is told before its month began."""
    told = occurred(text, coded)
    return told if len(told) == 10 else f"{told}-01"


def _after_date(text: str) -> str:
    found = _DAY.match(text) or _MONTH.match(text)
    return text[found.end() if found else 0 :].lstrip(" :,.")


def _place(row: Row, context: Context) -> Post:
    name = ", ".join(dict.fromkeys(filter(None, (row.text("Admin 1"), row.text("Country"))))) or "Unknown place"
    latitude, longitude = degrees(row.text("Latitude")), degrees(row.text("Longitude"))
    here = latitude is not None and longitude is not None and (float(latitude), float(longitude)) != (0.0, 0.0)
    fields: Post = {"latitude": latitude, "longitude": longitude} if here else {}
    if (told := re.match(r"\((\d)\)", row.text("Geo Precision"))) is not None and told[1] in PRECISIONS:
        fields["precision"] = PRECISIONS[told[1]]
    iso = row.text("Country ISO")
    ids = {"external_ids": {"iso-3166-1-alpha-3": iso}} if iso else {}
    return context.registered("place", "sind:place", f"{name} {latitude} {longitude}", name, **fields, **ids)


def _figures(row: Row) -> Post:
    found = {}
    for name, columns in (("killed", KILLED), ("injured", INJURED)):
        counts = [count for each in columns if (count := row.count(each)) is not None]
        if counts:
            found[name] = {"best": sum(counts)}
    return {"figures": found} if found else {}


IMPORTER = Importer(
    scheme=SCHEME,
    name="insecurity-insight",
    title="Insecurity Insight's attacks on health care and on aid workers, CSV or JSON",
    reads="csv",
    columns=("SiND Event ID", "Date", "Event Description", "Country", "Latitude", "Longitude"),
    rows=rows,
)
