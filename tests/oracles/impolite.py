"""The service with a projector that folds though another process is at it: only compare-and-set keeps them apart."""

from timeline.cli import main
from timeline.db.statements import Statements
from timeline.projections import projector
from timeline.projections.store import SQL

ALONE = "SELECT $1::text IS NOT NULL"


def run_with(**statements: str) -> None:
    """Serve with other statements in the projector."""
    vars(projector)["SQL"] = Statements(SQL._path, {**SQL, **statements})
    main()


if __name__ == "__main__":
    run_with(try_alone=ALONE)
