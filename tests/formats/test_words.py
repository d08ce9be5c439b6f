"""Dates as a reader of prose wants them."""

from datetime import date

import pytest

from timeline.formats.words import when
from timeline.model.dates import read
from timeline.model.entry import DateShown

WEEKLY = read("[2019-06-10..2019-06-14]")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("early June 2019", "early June 2019"),
        ("2019-06-07", "7 June 2019"),
        ("2019-06", "June 2019"),
        ("2019-12", "December 2019"),
        ("2019", "2019"),
        ("2018/2019", "2018 to 2019"),
        ("[2019-06-01..2019-06-14]", "between 1 and 14 June 2019"),
        ("[2019-05-27..2019-06-09]", "between 27 May 2019 and 9 June 2019"),
        ("2019-05-30/2019-05-31", "30 to 31 May 2019"),
        ("/2019-06-14", "by 14 June 2019"),
        ("2019-04-04/..", "since 4 April 2019"),
        ("2019-06-07~", "about 7 June 2019"),
        ("last week", "last week (between 3 and 9 June 2019)"),
        ("mid-June", "mid-June (between 11 and 20 June 2019)"),
        ("ongoing", "ongoing (since an unknown day)"),
        ("/..", "since an unknown day"),
    ],
)
def test_a_date_is_told_in_words_and_never_with_days_that_nobody_gave(words: str, told: str) -> None:
    found = read(words, WEEKLY)

    shown = DateShown(words=found.words, edtf=found.edtf, earliest=found.earliest, latest=found.latest)

    assert when(shown) == told


def test_the_end_of_the_calendar_is_a_day_like_any_other() -> None:
    last = DateShown(words="9999-12", edtf="9999-12", earliest=date(9999, 12, 1), latest=date.max)

    assert when(last) == "December 9999"
