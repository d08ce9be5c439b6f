"""Print how many dates are read per second on one core: `uv run python tests/benchmarks/dates.py`.

Every text is different (years and days run on), so no cache of texts could help; CPU time, not wall time.
"""

import platform
import time
from datetime import date, timedelta

from timeline.model.dates import Occurred, read

DAYS = [date(1800, 1, 1) + timedelta(days=3 * i) for i in range(20_000)]
SHAPES = {
    "2019-06-07": "{0:%Y-%m-%d}",
    "2019-06": "{0:%Y-%m}",
    "2019": "{0:%Y}",
    "[2019-06-01..2019-06-10]": "[{0:%Y-%m-%d}..{1:%Y-%m-%d}]",
    "2019-06-~05": "{0:%Y-%m-~%d}",
    "/2019-06-14": "/{0:%Y-%m-%d}",
    "early June 2019": "early {0:%B %Y}",
    "7 June 2019": "{0.day} {0:%B %Y}",
    "since 4 April 2019": "since {0.day} {0:%B %Y}",
}
ANCHORED = {"mid-June": "mid-{0:%B}", "7 June": "{0.day} {0:%B}", "last week": "last week"}


def texts(shape: str) -> list[str]:
    return [shape.format(day, day + timedelta(days=9)) for day in DAYS]


def seconds(written: list[str], anchor: Occurred | None = None) -> float:
    """CPU seconds for reading them all, the best of five."""
    runs = []
    for _ in range(5):
        start = time.process_time()
        for text in written:
            read(text, anchor)
        runs.append(time.process_time() - start)
    return min(runs)


def main() -> None:
    print(f"Python {platform.python_version()}, {platform.machine()}, {len(DAYS):,} different days of each shape")
    total = 0.0
    for name, shape in SHAPES.items():
        took = seconds(texts(shape))
        total += took
        print(f"{name:28}{len(DAYS) / took:>12,.0f} / s")
    print(f"{'all of these, mixed evenly':28}{len(SHAPES) * len(DAYS) / total:>12,.0f} / s")
    anchor = read("[2019-06-10..2019-06-14]")
    for name, shape in ANCHORED.items():
        print(f"{name + ' (anchored)':28}{len(DAYS) / seconds(texts(shape), anchor):>12,.0f} / s")


if __name__ == "__main__":
    main()
