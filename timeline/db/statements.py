"""Read named SQL statements from the file beside the code that runs them.

    -- name: append_records
    -- Number the batch and insert it; $1 the leaves, $2 the payloads.
    INSERT INTO …

The text is kept whole, with its name and comments, so that the name shows in `pg_stat_activity` and in slow-query logs.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

NAME = re.compile(r"-- name: ([a-z][a-z0-9_]*)\s*")
MEANT_AS_NAME = re.compile(r"\s*--\s*name\s*:", re.IGNORECASE)


class Statements(Mapping[str, str]):
    """The statements of one file: `sql.append_records` or `sql["append_records"]`."""

    def __init__(self, path: Path, texts: Mapping[str, str]) -> None:
        self._path = path
        self._texts = texts

    def __getitem__(self, name: str) -> str:
        return self._texts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __getattr__(self, name: str) -> str:
        try:
            return self._texts[name]
        except KeyError:
            raise AttributeError(f"{self._path} has no statement {name!r}; it has {', '.join(self._texts)}") from None

    def __repr__(self) -> str:
        return f"Statements({str(self._path)!r}, {len(self)} of them)"


def load(path: Path) -> Statements:
    """Read every statement of the file, or raise ValueError naming the file and line of the first fault."""
    parts: dict[str, list[str]] = {}
    current: list[str] = []  # what stands before the first name: comments about the file
    preamble = current
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = NAME.fullmatch(line)
        if found:
            if found[1] in parts:
                raise ValueError(f"{path}:{number}: there is a statement {found[1]} already")
            current = parts[found[1]] = [line]
        elif MEANT_AS_NAME.match(line):
            raise ValueError(f"{path}:{number}: expected '-- name: lower_case_name', found {line!r}")
        else:
            current.append(line)
    if _has_sql(preamble):
        raise ValueError(f"{path}: SQL stands before the first '-- name: …'")
    for name, lines in parts.items():
        if not _has_sql(lines):
            raise ValueError(f"{path}: the statement {name} is empty")
    return Statements(path, {name: "\n".join(lines).strip() for name, lines in parts.items()})


def _has_sql(lines: list[str]) -> bool:
    return any(line.strip() and not line.lstrip().startswith("--") for line in lines)
