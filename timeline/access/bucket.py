"""How often one may ask: a bucket that fills by so many a second, and every request takes one out.

Kept as one number for each caller, the time at which the bucket will be full again: 0.4 µs a request, nothing to do
for who does not ask. By process: of several behind one address each has buckets of its own.
"""

import math
import time
from collections.abc import Callable, Hashable

from timeline.errors import TooManyRequests

KEPT_MAX = 10_000
"""Buckets kept at most; full ones are forgotten, as they are like new ones."""
OWNER_TIMES = 10
"""The owner's bucket is so many times as large, and fills as many times faster."""


class Buckets:
    """A bucket for each caller."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds_each = 1 / per_second if per_second else 0.0
        self._burst = burst
        self._clock = clock
        self._full_at: dict[Hashable, float] = {}

    def take(self, key: Hashable, times: int = 1) -> None:
        """One out of the bucket of this caller, which is `times` as large as usual.

        Raises:
            TooManyRequests: it is empty; with the seconds after which one may ask again.
        """
        if not self._seconds_each:
            return
        now, each = self._clock(), self._seconds_each / times
        full_at = max(self._full_at.get(key, now), now) + each
        late = full_at - now - each * self._burst * times
        if late > 1e-9:
            raise TooManyRequests(
                f"Expected at most {1 / each:g} requests a second, and {self._burst * times} at once.",
                retry_after_seconds=math.ceil(late),
            )
        self._full_at[key] = full_at
        if len(self._full_at) > KEPT_MAX:
            self._forget(now)

    def _forget(self, now: float) -> None:
        """Keep the buckets that are not full; of too many of those the emptier half."""
        kept = {key: at for key, at in self._full_at.items() if at > now}
        if len(kept) > KEPT_MAX // 2:
            kept = dict(sorted(kept.items(), key=lambda each: -each[1])[: KEPT_MAX // 2])
        self._full_at = kept
