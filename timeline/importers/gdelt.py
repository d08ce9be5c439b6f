"""GDELT events, 1.0 and 2.0, and the mentions of 2.0: what a machine read in the news.

One reading is one voice of the source `gdelt`, a machine's feed of reliability F: it never vouches, and stays out of
timelines unless they are asked for with `feeds=include`. Actors are kept as written, never resolved. Traps: codes are
texts, and a file that went through a spreadsheet has lost their leading zeros; dates that lie a year before their
reading are "this day last year", so they are marked approximate; actors' countries are CAMEO, places' are FIPS 10-4.
"""

import hashlib
import re
from datetime import date
from functools import lru_cache

from timeline.importers.importer import (
    BadFile,
    BadRow,
    Context,
    Importer,
    Mapped,
    Post,
    Row,
    degrees,
    event,
    line,
    names,
    rest,
)

SCHEME = "gdelt"
GUESSED_DAYS = (30, 365, 366)
"""So far before its reading lies a date that was worked out from words such as "last month" or "last year"."""
ROOTS = {
    "01": "statement",
    "02": "statement",
    "03": "policy",
    "04": "meeting",
    "05": "policy",
    "06": "aid",
    "07": "aid",
    "08": "policy",
    "09": "investigation",
    "10": "statement",
    "11": "accusation",
    "12": "statement",
    "13": "threat",
    "14": "protest",
    "15": "mobilisation",
    "16": "sanction",
    "17": "sanction",
    "18": "military_action",
    "19": "military_action",
    "20": "military_action",
}
"""The kind of an event by the root of its CAMEO code."""
BASES = {
    "041": "call",
    "042": "visit",
    "043": "visit",
    "057": "agreement",
    "0841": "release",
    "087": "territory_change",
    "166": "expulsion",
    "173": "arrest",
    "181": "attack_on_civilians",
    "182": "attack_on_civilians",
    "202": "attack_on_civilians",
}
"""Kinds of codes that differ from their root's; the longest that a code begins with counts."""
CENTROIDS = {"1": "country", "2": "province", "5": "province"}
"""Types of places that are the middle of an area: a country, a state of the US, a province elsewhere."""
MIRRORED = {"042": "043", "043": "042"}
"""Codes that tell one thing from either side: a visit made, and a visit received."""

_ACTOR = ("Code", "Name", "CountryCode", "KnownGroupCode", "EthnicCode", "Religion1Code", "Religion2Code")
_ACTORS = [f"Actor{n}{each}" for n in (1, 2) for each in (*_ACTOR, "Type1Code", "Type2Code", "Type3Code")]
_FIRST = ["GLOBALEVENTID", "SQLDATE", "MonthYear", "Year", "FractionDate", *_ACTORS]
_MIDDLE = names(
    "IsRootEvent EventCode EventBaseCode EventRootCode QuadClass GoldsteinScale NumMentions NumSources NumArticles "
    "AvgTone"
)
_GEO_1 = ("Type", "FullName", "CountryCode", "ADM1Code", "Lat", "Long", "FeatureID")
_GEO_2 = ("Type", "FullName", "CountryCode", "ADM1Code", "ADM2Code", "Lat", "Long", "FeatureID")


def _columns(geo: tuple[str, ...]) -> list[str]:
    places = [f"{which}Geo_{each}" for which in ("Actor1", "Actor2", "Action") for each in geo]
    return [*_FIRST, *_MIDDLE, *places, "DATEADDED"]


HEADERS_1 = {57: _columns(_GEO_1), 58: [*_columns(_GEO_1), "SOURCEURL"]}
HEADERS_2 = {61: [*_columns(_GEO_2), "SOURCEURL"]}
MENTIONS = names(
    "GLOBALEVENTID EventTimeDate MentionTimeDate MentionType MentionSourceName MentionIdentifier SentenceID "
    "Actor1CharOffset Actor2CharOffset ActionCharOffset InRawText Confidence MentionDocLen MentionDocTone "
    "MentionDocTranslationInfo Extras"
)
NEEDED = ("GLOBALEVENTID", "SQLDATE", "EventCode", "EventRootCode", "ActionGeo_Type", "DATEADDED")
USED = frozenset(
    names(
        "GLOBALEVENTID SQLDATE MonthYear Year FractionDate EventCode EventBaseCode EventRootCode DATEADDED SOURCEURL "
        "ActionGeo_Type ActionGeo_FullName ActionGeo_CountryCode ActionGeo_ADM1Code ActionGeo_Lat ActionGeo_Long "
        "ActionGeo_FeatureID Actor1Code Actor1Name Actor2Code Actor2Name"
    )
)


def rows(row: Row, context: Context) -> Mapped:
    """What a row becomes: an event, or, of a file of mentions, one more reading of an event."""
    return _mention(row, context) if "MentionIdentifier" in row.cells else _event(row, context)


def _event(row: Row, context: Context) -> Mapped:
    code, added = _code(row), _added(row, "DATEADDED")
    day = _day(row, "SQLDATE")
    feed = _feed(context.marking)
    places = _places(row, context)
    url = _address(row.text("SOURCEURL"))
    posted = event(
        context,
        SCHEME,
        row.needed("GLOBALEVENTID"),
        kind=kind_of(code),
        title=_title(row, code),
        occurred=f"{day}~" if (added - day).days in GUESSED_DAYS else day.isoformat(),
        said=added.isoformat(),
        source=feed["id"],
        codes=[{"scheme": "cameo", "code": code}, *_actors(row)],
        external_ids={"gdelt:group": group_of(row, code, day)},
        **({"places": [each["id"] for each in places]} if places else {}),
        **({"document": url} if url else {}),
        **rest(row, USED),
    )
    # A statement's day is the day of its saying; there is no other `said`.
    if posted["kind"] in ("statement", "accusation"):
        posted = {name: each for name, each in posted.items() if name != "said"}
    return Mapped(events=(posted,), things=(feed, *places))


def _mention(row: Row, context: Context) -> Mapped:
    """One more place where GDELT read an event: a report of it, which folds into it."""
    external = row.needed("GLOBALEVENTID")
    identifier, sentence = row.needed("MentionIdentifier"), row.text("SentenceID")
    url = _address(identifier)
    feed = _feed(context.marking)
    posted = event(
        context,
        "gdelt:mention",
        f"{external} {hashlib.sha256(f'{identifier} {sentence}'.encode()).hexdigest()[:32]}",
        kind="report",
        of=[event(Context(), SCHEME, external)["id"]],
        occurred=_added(row, "MentionTimeDate").isoformat(),
        source=feed["id"],
        **({"document": url} if url else {}),
        **rest(row, ("GLOBALEVENTID",)),
    )
    return Mapped(events=(posted,), things=(feed,))


def kind_of(code: str) -> str:
    """The kind of a CAMEO code."""
    for length in (4, 3):
        if (found := BASES.get(code[:length])) is not None:
            return found
    return ROOTS[code[:2]]


def _code(row: Row) -> str:
    code, root = row.needed("EventCode"), row.needed("EventRootCode")
    if len(root) != 2 or not code.startswith(root) or not code.isdecimal():
        raise BadFile(
            f"EventCode {code!r} with root {root!r} on line {row.line}: leading zeros are lost, as in a file that went "
            "through a spreadsheet. Import the file as GDELT gave it."
        )
    if root not in ROOTS:
        raise BadRow("EventRootCode", f"expected 01 to 20, found {root!r}")
    return code


def _added(row: Row, column: str) -> date:
    text = row.needed(column)
    if "E+" in text.upper() or "." in text:
        raise BadFile(
            f"{column} {text!r} on line {row.line} is a number in scientific notation, as in a file that went through "
            "a spreadsheet. Import the file as GDELT gave it."
        )
    return _day(row, column)


def _day(row: Row, column: str) -> date:
    text = row.needed(column)
    try:
        return _date(text[:8])
    except ValueError:
        raise BadRow(column, f"expected a day such as 20180131, found {text[:40]!r}") from None


@lru_cache(maxsize=8)
def _feed(marking: str | None) -> Post:
    own = Context(marking=marking).registered("source", "gdelt", "gdelt", "GDELT", feed=True, reliability="F")
    return own | {"slug": "gdelt"}


@lru_cache(maxsize=2_048)
def _date(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def _title(row: Row, code: str) -> str:
    one, other = (line(row.text(f"Actor{n}Name") or row.text(f"Actor{n}Code"), 80) or "?" for n in (1, 2))
    return line(f"{one} → {other}: {kind_of(code).replace('_', ' ')} (CAMEO {code})")


def _actors(row: Row) -> list[Post]:
    """The actors as written, and their codes: nobody has said which registered actor is meant."""
    found = []
    for n in (1, 2):
        for what, scheme in (("Name", f"gdelt.actor{n}"), ("Code", f"cameo.actor{n}")):
            if text := line(row.text(f"Actor{n}{what}"), 100):
                found.append({"scheme": scheme, "code": text})
    return found


def group_of(row: Row, code: str, day: date) -> str:
    """What readings that look alike share, and those that tell the same from either side: the day, the place, the code
    and the two actors in any order."""
    actors = sorted(row.text(f"Actor{n}Code") for n in (1, 2))
    told = [
        str(day),
        row.text("ActionGeo_FeatureID"),
        row.text("ActionGeo_FullName"),
        min(code, MIRRORED.get(code, code)),
    ]
    return hashlib.sha256("\x1f".join([*told, *actors]).encode()).hexdigest()[:24]


def _places(row: Row, context: Context) -> list[Post]:
    """The place of the action, and its country, each in GDELT's own scheme. Nothing lies at 0, 0."""
    kind, name = row.text("ActionGeo_Type"), row.text("ActionGeo_FullName")
    if kind in ("", "0") or not name:
        return []
    told = (row.text(f"ActionGeo_{each}") for each in ("CountryCode", "Lat", "Long", "FeatureID"))
    return _placed(context.marking, kind, name, *told)


@lru_cache(maxsize=20_000)  # most events are where the ones before them were
def _placed(
    marking: str | None, kind: str, name: str, country: str, latitude_text: str, longitude_text: str, feature: str
) -> list[Post]:
    context = Context(marking=marking)
    found = []
    if country:
        # The last part of a place's name is its country's.
        fields = {"precision": "country", "external_ids": {"fips-10-4": country}}
        named = context.registered("place", "fips-10-4", country, name.rsplit(",", 1)[-1], **fields)
        found.append(named | {"slug": f"fips-{country.lower()}" if country.isalnum() else named["slug"]})
    if kind == "1" and found:
        return found
    latitude, longitude = degrees(latitude_text), degrees(longitude_text)
    here = latitude is not None and longitude is not None and (float(latitude), float(longitude)) != (0.0, 0.0)
    where = {"latitude": latitude, "longitude": longitude} if here else {}
    external = f"{feature} {name} {latitude} {longitude}"
    within = {"within": found[0]["id"]} if found else {}
    precision = CENTROIDS.get(kind, "town")
    return [*found, context.registered("place", "gdelt:place", external, name, precision=precision, **where, **within)]


def _address(text: str) -> str | None:
    """An address that a document may have: http, in ASCII, not too long."""
    return text if re.fullmatch(r"https?://[!-~]{1,1900}", text) else None


IMPORTERS = (
    Importer(
        scheme=SCHEME,
        name="gdelt1",
        title="GDELT 1.0 events, 57 or 58 columns",
        reads="tsv",
        columns=NEEDED,
        headers=HEADERS_1,
        rows=rows,
    ),
    Importer(
        scheme=SCHEME,
        name="gdelt2",
        title="GDELT 2.0 events, 61 columns, and their mentions, 16 columns",
        reads="tsv",
        columns=("GLOBALEVENTID",),
        headers=HEADERS_2 | {16: MENTIONS},
        rows=rows,
    ),
)
