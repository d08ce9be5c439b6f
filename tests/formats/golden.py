"""The golden files of the formats: bytes that others' tools depend on. `python -m tests.formats.golden` writes them."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tests.formats import samples
from timeline.formats import offered, render
from timeline.model.entry import Shape

FOLDER = Path(__file__).parents[1] / "golden" / "formats"
ANSWERS: dict[str, Shape] = {
    "page": samples.haftar(),
    "week": samples.full_week(),
    "difference": samples.difference(),
    "impact": samples.impact(),
    "event": samples.full_event(),
    "history": samples.history(),
    "feed": samples.feed(),
    "registry": samples.registry(),
    "registered": samples.registered(),
}


def rendered() -> Iterator[tuple[str, bytes]]:
    """Every answer in every format that it comes in, by its file's name."""
    for name, answer in ANSWERS.items():
        for fmt in offered(type(answer)):
            content = render(fmt, answer)
            if fmt.name == "docx":  # how well the archive is packed depends on who packs it
                yield f"{name}.docx.xml", zipfile.ZipFile(io.BytesIO(content)).read("word/document.xml")
            else:
                yield f"{name}{fmt.suffix}", content


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, content in rendered():
        (FOLDER / name).write_bytes(content)
