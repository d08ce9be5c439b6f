"""Atom (RFC 4287): a feed of entries, each named for good by the UUID of its event and newest by what changed it.

A title begins with the standing, so that no feed reader shows a denied visit as news. An entry is updated when the
record was recorded that made it stand as it stands. Of a difference what changed is an entry, and what was recalled or
merged a tombstone (RFC 6721).
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from timeline.formats import words
from timeline.formats.escapes import xml
from timeline.formats.format import Format, Where, derived
from timeline.formats.words import Names
from timeline.model.changes import ChangeShown, Difference
from timeline.model.entry import Entry, Page
from timeline.model.slice import Slice

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""When a feed without entries was updated."""
SUFFIX = ".atom"


def _page(page: Page, where: Where) -> bytes:
    told = [_entry(each, page.names, where) for each in page.entries]
    return _feed(page.subject.name, where, (each.changed_at for each in page.entries), told, page.next)


def _slice(week: Slice, where: Where) -> bytes:
    whose = ", ".join(each.name for each in (week.subject, week.also) if each)
    entries = words.once(week)
    shown = {each.id for each in entries}  # what was gone by the end of the week may be back
    gone = [each for each in week.sections.changed if each.after is None and each.id not in shown]
    updated = [*(each.changed_at for each in entries), *(each.recorded_at for each in gone)]
    told = [*(_entry(each, week.names, where) for each in entries), *map(_tombstone, gone)]
    return _feed(f"{whose}, week {week.week}", where, updated, told)


def _difference(found: Difference, where: Where) -> bytes:
    whose = ", ".join(each.name for each in found.subjects) or "All events"
    told = [_change(each, found.names, where) if each.after else _tombstone(each) for each in found.changes]
    return _feed(f"{whose}: what changed", where, (each.recorded_at for each in found.changes), told, found.next)


def _feed(
    title: str, where: Where, updated: Iterable[datetime], told: Iterable[bytes], following: str | None = None
) -> bytes:
    head = _lines(
        [
            '<?xml version="1.0" encoding="utf-8"?>',
            '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0">',
            f"<id>urn:uuid:{derived('feed', where.path, where.query)}</id>",
            f"<title>{xml(title)}</title>",
            f"<updated>{words.instant(max(updated, default=BEGINNING))}</updated>",
            "<author><name>Timeline</name></author>",
            "<generator>Timeline</generator>",
            f'<link rel="self" type="application/atom+xml" href="{xml(where.link(SUFFIX))}"/>',
            f'<link rel="alternate" type="text/markdown" href="{xml(where.link(".md"))}"/>',
            *([f'<link rel="next" href="{xml(where.following(SUFFIX, following))}"/>'] if following else []),
        ]
    )
    return b"".join([head, *told, b"</feed>\n"])


def _entry(entry: Entry, names: Names, where: Where) -> bytes:
    return _lines(
        [
            "<entry>",
            f"<id>urn:uuid:{xml(entry.id)}</id>",
            f"<title>{xml(words.headline(entry))}</title>",
            f"<published>{words.instant(entry.recorded_at)}</published>",
            f"<updated>{words.instant(entry.changed_at)}</updated>",
            f"<author><name>{xml(words.name(entry.source, names)) or 'unnamed'}</name></author>",
            f'<category term="{xml(entry.kind)}" label="{xml(words.plain(entry.kind))}"/>',
            *([f'<category term="standing:{entry.standing}"/>'] if entry.standing else []),
            f'<link rel="alternate" href="{xml(where.event(entry.id))}"/>',
            f'<content type="text">{_text(words.lines(entry, names))}</content>',
            "</entry>",
        ]
    )


def _change(change: ChangeShown, names: Names, where: Where) -> bytes:
    standing = change.standing or "no standing"
    return _lines(
        [
            "<entry>",
            f"<id>urn:uuid:{xml(change.id)}</id>",
            f"<title>{xml(f'[{standing}] {change.title}')}</title>",
            f"<updated>{words.instant(change.recorded_at)}</updated>",
            *(f'<category term="changed:{each}"/>' for each in change.what),
            f'<link rel="alternate" href="{xml(where.event(change.id))}"/>',
            f'<content type="text">{_text(words.change(change, names))}</content>',
            "</entry>",
        ]
    )


def _tombstone(change: ChangeShown) -> bytes:
    """That an event is gone, by its id; why, but nothing of what it was."""
    why = " ".join(each for each in change.what if each != "gone") or "gone"
    return _lines(
        [
            f'<at:deleted-entry ref="urn:uuid:{xml(change.id)}" when="{words.instant(change.recorded_at)}">',
            f"<at:comment>{xml(why)}</at:comment>",
            "</at:deleted-entry>",
        ]
    )


def _text(told: Iterable[str]) -> str:
    return "\n".join(filter(None, map(xml, told)))


def _lines(lines: Iterable[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


FORMAT = Format(
    name="atom",
    suffix=SUFFIX,
    media_type="application/atom+xml",
    about="feed readers: what is new or stands differently, with tombstones for what was struck",
    renders={Page: _page, Slice: _slice, Difference: _difference},
)
