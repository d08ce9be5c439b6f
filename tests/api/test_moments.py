"""The moments that reads may ask about, as positions of the log."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from timeline.api.moments import position_of
from timeline.errors import BadParameter

NOW = datetime(2019, 6, 19, 12, tzinfo=UTC)
"""A Wednesday."""


class _Log:
    """A record a day at noon, position 1 on 1 June."""

    async def head(self) -> int:
        return 19

    async def position_at(self, moment: datetime) -> int:
        return min(19, max(0, (moment - datetime(2019, 5, 31, 12, tzinfo=UTC)).days))


async def _seen(_: int) -> None:
    """Reads are as far as the log."""


TO: Any = SimpleNamespace(log=_Log(), now=lambda: NOW, seen=_seen)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("0", 0),
        ("7", 7),
        ("19", 19),
        ("2019-06-07", 7),
        ("2019-06-07T12:00:00Z", 7),
        ("2019-06-07T11:59:59.999999Z", 6),
        ("2019-06-07T14:00:00+02:00", 7),
        ("2019-06-07T14:00:00 02:00", 7),
        ("2019-06-07T12:00", 7),
        ("2019-W23", 9),
        ("2019-05-01", 0),
        ("0001-01-01", 0),
    ],
)
async def test_a_moment_is_a_position(text: str, position: int) -> None:
    assert await position_of(TO, text) == position


@pytest.mark.parametrize("text", ["2019-06-19", "2019-W25", "2019-06-19T12:00:00Z"])
async def test_today_and_this_week_count_as_far_as_they_have_come(text: str) -> None:
    assert await position_of(TO, text) == 19


@pytest.mark.parametrize("text", ["20", "2019-06-20", "2019-W26", "2019-06-19T12:00:01Z", "9999-12-31"])
async def test_what_lies_ahead_is_refused(text: str) -> None:
    with pytest.raises(BadParameter, match="up to"):
        await position_of(TO, text)


@pytest.mark.parametrize("text", ["2019-06-31", "2019-W60", "2019-6-1", "now", "-1", "007", "0000-01-01"])
async def test_what_is_no_moment_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(BadParameter, match=r"a day \(2019-06-14\)") as caught:
        await position_of(TO, text, "from")

    assert caught.value.errors[0].pointer == "?from"
