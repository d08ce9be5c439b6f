"""The service with a projector that moves progress wherever it was: a broken variant, on which the oracle turns red."""

from tests.oracles.impolite import ALONE, run_with
from timeline.projections.store import SQL

COMPARED = "AND position = $3"

if __name__ == "__main__":
    assert SQL.move_progress.count(COMPARED) == 1
    run_with(try_alone=ALONE, move_progress=SQL.move_progress.replace(COMPARED, "AND $3::bigint IS NOT NULL"))
