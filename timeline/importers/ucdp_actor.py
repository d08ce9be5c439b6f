"""UCDP Actor Dataset: who the sides of UCDP's events are, with their full and former names, by the Uppsala program.

An actor has the id that UCDP GED's sides have, so what an event registered by its short name is filled in. Names come
as UCDP uses them, in the language of the actor, in English, and after a change: all are aliases. What split off from
what, joined or allied itself with it has no day in the list, so it stands in the summary, not as a membership. Traps: a
byte order mark; `n/a` and blanks for nothing; names with blanks around them; lists of names that hold commas, where the
parallel list of ids is what counts; numbers of states that do not follow their names, and so are left out.
"""

import re

from timeline.importers.importer import Context, Importer, Mapped, Post, Row, fingerprinted, line, prose
from timeline.importers.ucdp_ged import ACTOR

TYPES = {"1": "armed_group", "2": "armed_group", "3": "people", "4": "state"}
"""By `Org`: formally organised groups, informally organised ones, supporters of a party or an ethnic group, states."""
ALIASES = (
    ("NameOrig", "former"),
    ("NameOrigFull", "alias"),
    ("NameOrigFullEng", "alias"),
    ("NewName", "alias"),
    ("NewNameFullMotherTongue", "alias"),
    ("NewNameFullEng", "alias"),
)
NOTES = (
    ("Split off from", "NamePrev", "ActorIdPrev"),
    ("Split off for a time from", "NameSplitTemp", "ActorIdSplitTemp"),
    ("Allied with", "NameAlliance", "ActorIdAlliance"),
    ("Joined", "GroupName", "ActorIdGroup"),
)
COLUMNS = (
    "ActorId NameData NameOrig NameOrigFull NameOrigFullEng NameChange NewName NewNameFullMotherTongue NewNameFullEng "
    "Org NamePrev ActorIdPrev NameSplitTemp ActorIdSplitTemp NameAlliance ActorIdAlliance GroupName ActorIdGroup "
    "Location Version"
)


def rows(row: Row, context: Context) -> Mapped:
    """The actor of a row, in full."""
    external, name = row.needed("ActorId"), line(row.needed("NameData"))
    found = {
        **({"type": kind} if (kind := TYPES.get(row.text("Org"))) else {}),
        **({"aliases": aliases} if (aliases := _aliases(row, name)) else {}),
        **({"summary": summary} if (summary := _summary(row)) else {}),
    }
    ids = {ACTOR: external, f"{ACTOR}:release": context.release or row.needed("Version")}
    actor = context.registered("actor", ACTOR, external, name, **found)
    return Mapped(events=(), things=(fingerprinted(actor | {"external_ids": ids}),))


def _aliases(row: Row, name: str) -> list[Post]:
    """Every other name, once. The first name of one that changed its name is a former one."""
    found: dict[str, Post] = {}
    changed = row.text("NameChange") == "1"
    for column, told in ALIASES:
        alias = _told(row, column)
        if alias and alias != name and alias not in found:
            found[alias] = {"name": alias, "type": told} if changed and told == "former" else {"name": alias}
    return list(found.values())


def _summary(row: Row) -> str:
    """Whom it split off from, joined or allied itself with, by UCDP's ids; and where it acts."""
    told = [
        f"{words} {others} (UCDP actor {ids})."
        for words, names, ids_in in NOTES
        if (others := _told(row, names)) and (ids := _told(row, ids_in))
    ]
    told += [f"Location: {where}."] if (where := _told(row, "Location")) else []
    return prose("\n".join(told))


def _told(row: Row, column: str) -> str:
    """A cell as a line; nothing where the list says that there is nothing."""
    found = line(row.text(column)).replace(" ,", ",")
    return "" if found.lower() in ("n/a", "na", "-") else found


def release_of(name: str) -> str:
    """The release that a file's name tells: `ucdp-actor-221.csv` holds 22.1."""
    found = re.search(r"actor[-_]?(\d{2})_?(\d)", name.lower())
    return f"{found[1]}.{found[2]}" if found else ""


IMPORTER = Importer(
    scheme=ACTOR,
    name="ucdp-actor",
    title="UCDP Actor Dataset, 22.1 and its like",
    reads="csv",
    columns=tuple(COLUMNS.split()),
    rows=rows,
    release_of=release_of,
)
