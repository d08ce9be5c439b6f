"""Answers that come page by page: what of them is told one after another, and what is known on the way. Pure."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from timeline.client.calls import Call
from timeline.model.entry import NameShown


class Paged(Protocol):
    """A page, and the cursor of the next one."""

    @property
    def next(self) -> str | None:
        """Null on the last."""


P = TypeVar("P", bound=Paged)
I = TypeVar("I")  # noqa: E741 – an item


class Walk(Generic[P, I]):
    """A walk over pages, all of them as of the position of the first."""

    def __init__(self, first: Call[P], items: Callable[[P], Sequence[I]]) -> None:
        self.names: dict[str, NameShown] = {}
        """What each id told so far is called."""
        self.page: P | None = None
        """The page that is being told: its `position`, its `subject`, and `next`, where another walk may go on."""
        self._first = first
        self._items = items

    def _after(self, call: Call[P], page: P) -> Call[P] | None:
        """What to ask after a page."""
        self.page = page
        self.names |= getattr(page, "names", {})
        return None if page.next is None else call.following(page.next)
