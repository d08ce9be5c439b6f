"""CSV in the shape of ACLED's export: its 31 columns, for tools that read those.

The day is the first that it may have been (else the one that the timeline is ordered by), with how wide the dates are
as `time_precision`. Actors carry no direction. ACLED has no standing and no denials, so the standing begins the notes
and stands in the tags, and kinds that it never had leave its event types empty. `fatalities` is empty, not 0: unknown.
"""

from datetime import date

from timeline.formats import csv, words
from timeline.formats.format import Format, Portions, alone
from timeline.formats.words import SEPARATOR, Names
from timeline.model.entry import Entry, Page, PointShown
from timeline.model.slice import Slice

COLUMNS = (
    "event_id_cnty",
    "event_date",
    "year",
    "time_precision",
    "disorder_type",
    "event_type",
    "sub_event_type",
    "actor1",
    "assoc_actor_1",
    "inter1",
    "actor2",
    "assoc_actor_2",
    "inter2",
    "interaction",
    "civilian_targeting",
    "iso",
    "region",
    "country",
    "admin1",
    "admin2",
    "admin3",
    "location",
    "latitude",
    "longitude",
    "geo_precision",
    "source",
    "source_scale",
    "notes",
    "fatalities",
    "tags",
    "timestamp",
)
VIOLENCE, STRATEGIC, DEMONSTRATION = "Political violence", "Strategic developments", "Demonstrations"
TYPES = {
    "agreement": (STRATEGIC, STRATEGIC, "Agreement"),
    "military_action": (VIOLENCE, "", ""),
    "attack_on_civilians": (VIOLENCE, "Violence against civilians", ""),
    "protest": (DEMONSTRATION, "Protests", ""),
    "arrest": (STRATEGIC, STRATEGIC, "Arrests"),
}
"""By kind: disorder type, event type, sub-event type, as far as the kind alone decides them (a strike may be a battle
or an explosion)."""
GEO_PRECISION = {"exact": 1, "town": 1, "district": 2, "province": 3}
"""ACLED knows no country as a point; neither do we."""
WEEK_DAYS = 7


class _Timeline(Portions):
    def head(self, page: Page) -> bytes:
        return csv.table(COLUMNS, ())

    def entries(self, page: Page) -> bytes:
        return csv.rows(COLUMNS, (_row(entry, page.names) for entry in page.entries))


def _slice(week: Slice) -> bytes:
    return csv.table(COLUMNS, (_row(entry, week.names) for entry in words.once(week)))


def _row(entry: Entry, names: Names) -> csv.Row:
    day = entry.occurred.earliest or entry.occurred.at
    disorder, event, sub_event = TYPES.get(entry.kind, ("", "", ""))
    actors = [words.name(each.actor, names) for each in entry.participants]
    return {
        "event_id_cnty": entry.id,
        "event_date": day,
        "year": day.year,
        "time_precision": _time_precision(entry.occurred.earliest, entry.occurred.latest),
        "disorder_type": disorder,
        "event_type": event,
        "sub_event_type": sub_event,
        "actor1": actors[0] if actors else None,
        "assoc_actor_1": SEPARATOR.join(actors[2:]),
        "actor2": actors[1] if len(actors) > 1 else None,
        "civilian_targeting": "Civilian targeting" if entry.kind == "attack_on_civilians" else None,
        **_place(entry, names),
        "source": words.name(entry.source, names),
        "notes": f"{words.headline(entry)}. {words.standing(entry, names)}".rstrip(". "),
        "tags": SEPARATOR.join(_tags(entry)),
        "timestamp": int(entry.changed_at.timestamp()),
    }


def _time_precision(earliest: date | None, latest: date | None) -> int:
    """1 for a day, 2 within a week, 3 for wider or unknown."""
    if earliest is None or latest is None:
        return 3
    days = (latest - earliest).days + 1
    return 1 if days == 1 else 2 if days <= WEEK_DAYS else 3


def _place(entry: Entry, names: Names) -> dict[str, object]:
    place = next((each for role in ("site", "to", "from") for each in entry.places if each.role == role), None)
    if place is None:
        return {}
    known = names.get(place.place)
    point = known.point if known else None
    if not isinstance(point, PointShown) or point.precision not in GEO_PRECISION:
        return {"location": words.name(place.place, names)}
    return {
        "location": words.name(place.place, names),
        "latitude": point.latitude,
        "longitude": point.longitude,
        "geo_precision": GEO_PRECISION[point.precision],
    }


def _tags(entry: Entry) -> list[str]:
    told = {"kind": entry.kind, "standing": entry.standing, "phase": entry.phase, "marking": entry.marking}
    return [f"{name}={value}" for name, value in told.items() if value]


FORMAT = Format(
    name="csv-acled",
    suffix=".acled.csv",
    media_type="text/csv; charset=utf-8; header=present; profile=acled",
    about="tools that read ACLED's export: its columns (by suffix alone: `Accept: text/csv` is our own)",
    renders={Slice: alone(_slice)},
    portions=_Timeline,
)
