"""Wikipedia's current events, in their structured form: a sentence, the articles behind it, and what it names.

Each item is a publication-dated report of the outlets that it cites: the first is its voice, the others are further
voices. What it names is kept as topics, for an article on a person is no statement that the person took part.
"""

from datetime import date
from typing import Any

from timeline.importers.importer import BadRow, Context, Importer, Mapped, Post, Row, event, line, prose

SCHEME = "wikipedia-current-events"


def rows(row: Row, context: Context) -> Mapped:
    """The event of an item, and a report for each further article."""
    external, text = row.needed("id"), prose(row.needed("description"))
    day = row.day("date")
    portal = context.registered("source", SCHEME, "portal", "Wikipedia: current events")
    topics = [_topic(each, context) for each in _objects(row, "entity")]
    story = row.cells.get("belongsToStory")
    topics += [_topic(story, context)] if isinstance(story, dict) and story.get("name") else []
    cited = [_cited(each, context) for each in _objects(row, "source") if each.get("url")]
    source = cited[0][0] if cited else portal
    posted = event(
        context,
        SCHEME,
        external,
        kind="other",
        title=line(text, 200),
        summary=text,
        occurred=_around(day),
        said=day.isoformat(),
        source=source["id"],
        topics=list(dict.fromkeys(each["id"] for each in topics))[:50],
        **({"via": portal["id"], "document": cited[0][1]["id"]} if cited else {}),
    )
    others = [
        event(
            context,
            f"{SCHEME}:article",
            f"{external} {document['id']}",
            kind="report",
            of=[posted["id"]],
            occurred=day.isoformat(),
            source=outlet["id"],
            via=portal["id"],
            document=document["id"],
        )
        for outlet, document in cited[1:]
    ]
    things = {e["id"]: e for e in (portal, *topics, *(e for pair in cited for e in pair))}
    return Mapped(events=(posted, *others), things=tuple(things.values()))


def _around(day: date) -> str:
    """An item stands under the day that it was in the news: it happened on that day or not long before."""
    return f"{day}~"


def _objects(row: Row, column: str) -> list[dict[str, Any]]:
    found = row.cells.get(column) or []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise BadRow(column, "expected a list of objects")
    return found


def _topic(entity: dict[str, Any], context: Context) -> Post:
    address = str(entity.get("wikipediaUrl") or entity.get("wikiURL") or entity.get("name") or "")
    return context.registered("topic", "wikipedia", address, str(entity.get("name") or address))


def _cited(article: dict[str, Any], context: Context) -> tuple[Post, Post]:
    """The outlet and the article."""
    name = line(str(article.get("sourceName") or "Unnamed outlet"))
    outlet = context.registered("source", "wikipedia:outlet", name.casefold(), name)
    address = str(article["url"]).strip()
    own = context.registered("source", "wikipedia:article", address, "x")["id"]
    fits = address.startswith(("http://", "https://")) and address.isascii() and address.isprintable()
    where = (
        {"url": address} if fits and " " not in address and len(address) <= 2_000 else {"title": line(address) or name}
    )
    return outlet, {
        "kind": "document",
        "id": own,
        "publisher": outlet["id"],
        "type": "article",
        **where,
        **context.marked(),
    }


IMPORTER = Importer(
    scheme=SCHEME,
    name="wikipedia-current-events",
    title="Wikipedia's current events as structured JSON",
    reads="json",
    columns=("id", "date", "description"),
    rows=rows,
)
