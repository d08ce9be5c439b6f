"""Bodies of requests: how many bytes of them are held, and no more than may be."""

from timeline.errors import QueueFull

RETRY_AFTER_SECONDS = 1


class Bodies:
    """The bytes of bodies that the process holds, of all requests together."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes = 0
        """How many there are."""
        self._bytes_max = bytes_max

    def check(self, more: int) -> None:
        """Refuse more than may be held.

        Raises:
            QueueFull: so many bytes more are too many.
        """
        if self.bytes + more > self._bytes_max:
            told = f"Requests hold {self.bytes:,} bytes of bodies, of {self._bytes_max:,} that may be."
            raise QueueFull(f"{told} Nothing was recorded. Try again.", retry_after_seconds=RETRY_AFTER_SECONDS)
