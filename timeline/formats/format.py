"""What a format is, and the address that an answer is served at."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID, uuid5

import msgspec

from timeline.model.entry import Page

NAMESPACE = UUID("5b8a4f0e-6b7d-5c1e-9d53-0c7f6a2f4b11")
"""Ids that a format must make up are UUIDv5 of this and of what they are for: the same in every answer, for good."""


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """Where an answer is served. Links are made from it; ids never are, for a service may move."""

    base: str = "http://127.0.0.1:8000"
    """Scheme and authority, without a slash at the end."""
    path: str = "/"
    """The path that was asked for, without the suffix of a format."""
    query: str = ""
    """What was asked, as in the address."""

    def link(self, suffix: str = "") -> str:
        """The address of this answer in the format of this suffix."""
        return f"{self.base}{self.path}{suffix}" + (f"?{self.query}" if self.query else "")

    def following(self, suffix: str, cursor: str) -> str:
        """The address of the page that a cursor leads to (RFC 5005 §3)."""
        kept = [each for each in self.query.split("&") if each and not each.startswith("cursor=")]
        return f"{self.base}{self.path}{suffix}?{'&'.join([*kept, f'cursor={cursor}'])}"

    def event(self, event: str) -> str:
        """The address of an event."""
        return f"{self.base}/v1/events/{event}"


NOWHERE = Where()

Renderer = Callable[[Any, Where], bytes]


def derived(*what: object) -> str:
    """The UUID that stands for this in every format."""
    return str(uuid5(NAMESPACE, "\x00".join(map(str, what))))


def alone(render: Callable[[Any], bytes]) -> Renderer:
    """A renderer that needs no address."""
    return lambda answer, _: render(answer)


class Portions:
    """Writes a timeline portion by portion: its head once, its entries as they come, its tail once.

    A page is one portion; an export has as many as it needs, and remembers of those before only what the format must
    not repeat. Head and tail are given the first and the last portion.
    """

    def __init__(self, where: Where) -> None:
        self.where = where
        self.first = True
        """Whether no entry was written yet."""

    def head(self, page: Page) -> bytes:
        """What stands before all entries."""
        return b""

    def entries(self, page: Page) -> bytes:
        """The entries of a portion."""
        raise NotImplementedError

    def tail(self, page: Page) -> bytes:
        """What stands after all entries."""
        return b""

    def joined(self, lines: list[bytes], separator: bytes = b",\n") -> bytes:
        """Entries with what stands between them, also between portions."""
        before = b"" if self.first or not lines else separator
        self.first = self.first and not lines
        return before + separator.join(lines)

    @classmethod
    def page(cls, page: Page, where: Where) -> bytes:
        """A page as a whole."""
        portions = cls(where)
        return portions.head(page) + portions.entries(page) + portions.tail(page)


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """One way to write answers down."""

    name: str
    suffix: str
    """What an address ends with to ask for it: `.csv`."""
    media_type: str
    """Of two formats of one media type, `Accept` gives the first by name, the other is asked for by its suffix."""
    about: str
    """What it is, and for whose software, in a line of the documentation."""
    renders: Mapping[type, Renderer]
    """Its renderer per type of answer; a base class stands for every answer below it."""
    portions: type[Portions] | None = None
    """How it writes a timeline portion by portion, if it can; then pages need no renderer of their own."""

    @property
    def essence(self) -> str:
        """The media type without its parameters."""
        return self.media_type.split(";")[0]

    def renderer(self, answer: type) -> Renderer | None:
        """How answers of this type are written, or None where this format does not offer them."""
        if answer is Page and self.portions is not None and Page not in self.renders:
            return self.portions.page
        return next((self.renders[each] for each in answer.__mro__ if each in self.renders), None)
