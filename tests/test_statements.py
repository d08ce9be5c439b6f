"""No statement is kept that nothing runs."""

import re
from pathlib import Path

from timeline.db.statements import load

ROOT = Path(__file__).parents[1] / "timeline"


def test_every_statement_is_run_by_the_code_beside_it() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.rglob("*.py"))
    # `forget_events` and its like are run by their common beginning.
    built = {f"forget_{name}" for name in ("events", "answers", "rests", "voices", "states", "entries")}

    unused = [
        f"{path.name}: {name}"
        for path in sorted(ROOT.rglob("*.sql"))
        for name in load(path)
        if name not in built and not re.search(rf"\b(SQL|LOG|TABLES|sql)\.{name}\b", code)
    ]

    assert unused == []
