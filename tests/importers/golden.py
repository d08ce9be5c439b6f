"""Rewrite what importers make of hand-written rows, then read it: `uv run python -m tests.importers.golden`."""

from tests.importers.test_importers import FILES, importer_of, mapped, written


def main() -> None:
    """Run it."""
    for path in FILES:
        found = mapped(importer_of(path), path.read_text(encoding="utf-8"))
        path.with_name(f"{path.name}.golden").write_bytes(written(found))


if __name__ == "__main__":
    main()
