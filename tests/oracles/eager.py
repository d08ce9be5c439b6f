"""The service whose streams are live before they have caught up: a broken variant, on which the oracle turns red."""

from timeline.cli import main
from timeline.projections import live


def _take(self: live.Channel, after: int) -> live.Portion | None:
    """Whatever is held, also where what came before it is not."""
    if self.start is None:
        return None
    return live.Portion(b"", after, 0) if after >= self.position else self._joined(after)


if __name__ == "__main__":
    live.Channel.take = _take  # type: ignore[method-assign]  # this is the variant
    main()
