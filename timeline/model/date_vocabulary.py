"""The English words that dates are written in, and how a text falls into them."""

import re

from timeline.errors import BadDate
from timeline.model import date_parts as parts

EXPECTED = (
    'words such as "7 June 2019", "early June 2019", "between 3 and 9 June 2019", "since 4 April 2019", '
    '"by 14 June" or "last week", or EDTF such as "2019-06-07" or "[2019-06-01..2019-06-10]"'
)

MONTHS = {name.lower(): i for i, name in enumerate(parts.MONTH_NAMES, 1)}
MONTHS |= {name[:3]: i for name, i in MONTHS.items()} | {"sept": 9}
WEEKDAYS = {name.lower(): i for i, name in enumerate(parts.WEEKDAY_NAMES)}
WEEKDAYS |= {name[:3]: i for name, i in WEEKDAYS.items()} | {"tues": 1, "thur": 3, "thurs": 3}
SEASONS = {"spring": 21, "summer": 22, "autumn": 23, "fall": 23, "winter": 24}
THIRDS = {"early": 0, "beginning": 0, "start": 0, "mid": 1, "middle": 1, "late": 2, "end": 2}
STEPS = {"last": -1, "this": 0, "next": 1}
DAYS = {"ereyesterday": -2, "yesterday": -1, "today": 0, "tomorrow": 1}
_ORDINAL_WORDS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
ORDINALS = {word: i for i, word in enumerate(_ORDINAL_WORDS.split(), 1)}
_DECADE_WORDS = "twenties thirties forties fifties sixties seventies eighties nineties"
DECADES = {word: 1920 + 10 * i for i, word in enumerate(_DECADE_WORDS.split())}
_NUMBER_WORDS = "one two three four five six seven eight nine ten"
NUMBERS = {word: i for i, word in enumerate(_NUMBER_WORDS.split(), 1)}
MARKS = {
    **dict.fromkeys(("about", "around", "circa", "c", "ca", "approximately", "approx", "roughly", "~"), "~"),
    **dict.fromkeys(("possibly", "maybe", "perhaps", "probably", "uncertain", "guess", "?"), "?"),
}
ORDINAL_ENDINGS = ("st", "nd", "rd", "th")

# An ISO day or month stays one word, so that "since 2019-04-04" reads.
_TOKEN = re.compile(
    r"(?<![0-9-])[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9-])|(?<![0-9-])[0-9]{4}-(?:0[1-9]|1[0-2])(?![0-9-])"
    r"|[a-z]+|[0-9]+|[^\sa-z0-9]"
)
_NOISE = frozenset(("the", "of", ".", ","))
_PLAIN = str.maketrans("–—‑−\u00a0\u2009\u202f", "----   ")
# Turns of phrase that mean one of the words we know.
_TURNS = {
    "no later than": "by",
    "not later than": "by",
    "on or before": "by",
    "on or after": "after",
    "on or about": "about",
    "prior to": "before",
    "earlier than": "before",
    "later than": "after",
    "up to": "until",
    "still ongoing": "ongoing",
    "still going on": "ongoing",
    "under way": "ongoing",
    "day before yesterday": "ereyesterday",
    "twenty-first century": "21st century",
    "twenty first century": "21st century",
    "on the night of": "overnight",
    "night of": "overnight",
}
_TURN_STARTS = frozenset(turn.split()[0].partition("-")[0] for turn in _TURNS)
_TURN = re.compile(rf"\b(?:{'|'.join(_TURNS)})\b")


def words(text: str) -> list[str]:
    """The words, numbers and signs of a text in lower case, without articles, commas and full stops."""
    plain = text.lower()
    if not plain.isascii():
        plain = plain.translate(_PLAIN)
        if not plain.isascii():
            raise BadDate(text, EXPECTED)
    words = [token for token in _TOKEN.findall(plain) if token not in _NOISE]
    # Looking for the turns in every phrase would take a third of its time.
    if _TURN_STARTS.isdisjoint(words):
        return words
    plain = _TURN.sub(lambda turn: _TURNS[turn[0]], plain)
    return [token for token in _TOKEN.findall(plain) if token not in _NOISE]
