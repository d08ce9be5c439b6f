"""The service with a fold that did not think of something: it can't take a visit titled "Poison"."""

from typing import Any

from timeline.cli import main
from timeline.log.record import Stored
from timeline.projections import fold as folds
from timeline.projections.world import World

POISON = "Poison"
_true_fold = folds.fold


def _fold(world: World, stored: Stored, record: Any) -> None:
    if getattr(record, "title", None) == POISON:
        raise KeyError("what this fold did not think of")
    _true_fold(world, stored, record)


if __name__ == "__main__":
    folds.fold = _fold
    main()
