"""TimelineJS 3: a slide for each entry, for newsrooms that embed it. At most about 300 slides stay usable.

TimelineJS needs a day and takes texts as HTML. The day is the first that it may have been, else the one that the
timeline is ordered by; what readers see is the report's own words, and a headline that begins with the standing.
"""

from datetime import date
from html import escape
from typing import Any

import msgspec

from timeline.formats import words
from timeline.formats.escapes import embedded, line
from timeline.formats.format import Format, Where
from timeline.formats.words import Names
from timeline.model.entry import Entry, Page, Subject
from timeline.model.slice import Slice

_ENCODER = msgspec.json.Encoder()


def _page(page: Page, where: Where) -> bytes:
    slides = [_slide(entry, page.names, page.subject, where) for entry in page.entries]
    return _story(page.subject.name, words.moment(page.as_of, page.position), slides)


def _slice(week: Slice, where: Where) -> bytes:
    told = f"{words.span(week.from_, week.to)}. {words.moment(week.as_of, week.position)}"
    slides = [_slide(entry, week.names, week.subject, where) for entry in words.once(week)]
    return _story(f"{week.subject.name}, week {week.week}", told, slides)


def _story(headline: str, text: str, slides: list[dict[str, Any]]) -> bytes:
    title = {"text": {"headline": _html(headline), "text": f"<p>{_html(text)}</p>"}, "unique_id": "title"}
    return embedded(_ENCODER.encode({"scale": "human", "title": title, "events": slides}))


def _slide(entry: Entry, names: Names, subject: Subject, where: Where) -> dict[str, Any]:
    first = entry.occurred.earliest or entry.occurred.at
    last = entry.occurred.latest
    link = f'<p><a href="{escape(where.event(entry.id))}">{_html(where.event(entry.id))}</a></p>'
    return {
        "unique_id": entry.id,
        "start_date": _day(first),
        **({"end_date": _day(last)} if last is not None and last > first else {}),
        "display_date": _html(words.when(entry.occurred)),
        "text": {
            "headline": _html(words.headline(entry)),
            "text": "".join(f"<p>{_html(each)}</p>" for each in words.lines(entry, names) if each) + link,
        },
        "group": _html(_group(entry, names, subject)),
    }


def _group(entry: Entry, names: Names, subject: Subject) -> str:
    """The row that it stands in: by who took part, or by topic where the whole timeline is one actor's."""
    wanted = entry.topics if subject.type == "actor" else [each.actor for each in entry.participants]
    others = [each for each in wanted if each != subject.id]
    return words.name(others[0], names) if others else words.plain(entry.kind)


def _day(day: date) -> dict[str, int]:
    return {"year": day.year, "month": day.month, "day": day.day}


def _html(text: str) -> str:
    return escape(line(text))


FORMAT = Format(
    name="timelinejs",
    suffix=".timelinejs",
    media_type="application/x-timelinejs+json",
    about="TimelineJS 3 in a newsroom's page: a slide an entry, best with `limit=300` or less",
    renders={Page: _page, Slice: _slice},
)
