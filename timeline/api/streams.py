"""Open streams: how many there are, and who has how many."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from timeline.errors import StreamsFull, TooManyStreams

RETRY_AFTER_SECONDS = 5


class Streams:
    """The streams and waiting requests of a process, counted by who opened them."""

    def __init__(self, all_max: int, of_one_max: int) -> None:
        self.records = 0
        """Records that went out on streams."""
        self._all_max = all_max
        self._of_one_max = of_one_max
        self._open: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """How many are open."""
        return self._open.total()

    @contextmanager
    def one_more(self, whose: str) -> Iterator[None]:
        """Count one while inside.

        Raises:
            TooManyStreams: this one has as many as it may.
            StreamsFull: so has everybody.
        """
        self.check(whose)
        self._open[whose] += 1
        try:
            yield
        finally:
            self._open[whose] -= 1
            if not self._open[whose]:
                del self._open[whose]

    def check(self, whose: str) -> None:
        """Refuse one more that may not be; see `one_more`."""
        if self._open[whose] >= self._of_one_max:
            told = f"Expected at most {self._of_one_max} open streams of one token, found one more."
            raise TooManyStreams(f"{told} Close one, or ask page by page.", retry_after_seconds=RETRY_AFTER_SECONDS)
        if self.open >= self._all_max:
            raise StreamsFull(
                "As many streams are open as may be. Ask page by page, or try again.",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
