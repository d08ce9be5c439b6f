"""Read one moment in English words: "7 June 2019", "mid-June", "the 1990s", "last week", "Tuesday".

moment   [about|possibly] core [?]
core     day · month · year · decade · century · season · quarter · half · week · today · last week · Tuesday
"""

from collections.abc import Callable
from datetime import date

from timeline.model import date_parts as parts
from timeline.model import date_vocabulary as vocabulary
from timeline.model.date_anchor import Anchor, Moment, refusal, settled
from timeline.model.date_parts import Thirds


class Moments:
    """The words of one phrase, read from the left; no word is read twice."""

    def __init__(self, text: str, anchor: Anchor) -> None:
        # The end is looked at often: blank words there are cheaper than an error caught.
        self.words = [*vocabulary.words(text), "", "", ""]
        self.at = 0
        self.anchor = anchor

    def peek(self, ahead: int = 0) -> str:
        """A word ahead; empty after the last."""
        try:
            return self.words[self.at + ahead]
        except IndexError:
            return ""

    def take(self) -> str:
        """The next word, now read."""
        word = self.peek()
        self.at += 1
        return word

    def accept(self, *words: str) -> bool:
        """Read the next word if it is one of these."""
        if self.peek() not in words:
            return False
        self.at += 1
        return True

    def done(self) -> bool:
        """Whether every word was read."""
        return not self.peek()

    def moment(self) -> Moment:
        """One moment with the marks around it."""
        marks = self._marks()
        self.accept("in", "on", "during", "at")
        marks += self._marks()
        moment = self._core()
        marks += self._marks()
        if not marks:
            return moment
        return moment._replace(mark="%" if len(set(marks)) > 1 else marks[0])

    def _marks(self) -> str:
        marks = ""
        while (mark := vocabulary.MARKS.get(self.peek())) is not None:
            marks += mark
            self.at += 1
            self.accept(":")
        return marks

    def _core(self) -> Moment:
        word = self.peek()
        if word in vocabulary.THIRDS:
            return self._unit(self._thirds())
        special = _CORES.get(word)
        if special is not None:
            self.at += 1
            return special(self, word)
        if self.peek(1) in ("day", "days") and self.peek(2) == "ago":
            return self._days_ago()
        return self._unit(None)

    def _thirds(self) -> Thirds:
        """ "early", "mid-to-late"."""
        first = last = vocabulary.THIRDS[self.take()]
        ahead = 0
        while self.peek(ahead) in ("-", "to"):
            ahead += 1
        if self.peek(ahead) in vocabulary.THIRDS:
            last = vocabulary.THIRDS[self.peek(ahead)]
            self.at += ahead + 1
        if last < first:
            raise refusal("early before mid, and mid before late")
        self.accept("-")
        self.accept("in")
        return first, last

    def _unit(self, thirds: Thirds | None) -> Moment:
        """A month, year, decade or century, whole or its thirds; or a day."""
        word = self.peek()
        if word in vocabulary.MONTHS:
            return self._month(thirds)
        if word in vocabulary.STEPS or (thirds is not None and word in ("month", "year")):
            return self._relative(thirds)
        if word in vocabulary.DECADES:
            self.at += 1
            return settled(parts.decade(vocabulary.DECADES[word], thirds))
        if word in vocabulary.ORDINALS:
            return self._ordinal(thirds)
        if word[:1].isdigit():
            return self._number(thirds)
        raise refusal(vocabulary.EXPECTED)

    def _month(self, thirds: Thirds | None) -> Moment:
        month = vocabulary.MONTHS[self.take()]
        if thirds is None and self.peek().isdigit() and len(self.peek()) < 3:
            number = int(self.take())
            self.accept(*vocabulary.ORDINAL_ENDINGS)
            return _day(month, number, self._year())
        return _month(month, self._year(), thirds)

    def _year(self) -> int | None:
        """The year that may follow a day, month or season."""
        if self.peek().isdigit() and len(self.peek()) == 4:
            return int(self.take())
        if self.peek() in vocabulary.STEPS and self.peek(1) == "year":
            step = vocabulary.STEPS[self.take()]
            self.at += 1
            return self.anchor.year(step)
        return None

    def _number(self, thirds: Thirds | None) -> Moment:
        digits = self.take()
        if "-" in digits:
            return self._iso(digits, thirds)
        if len(digits) == 4:
            return self._four_digits(int(digits), thirds)
        if len(digits) > 4 or int(digits) == 0:
            raise refusal(vocabulary.EXPECTED)
        self.accept(*vocabulary.ORDINAL_ENDINGS)
        if self.accept("century", "centuries", "c"):
            return self._century(int(digits), thirds)
        if thirds is not None:
            raise refusal("a month, year, decade or century after early, mid or late")
        if self.peek() in ("ad", "ce", "bc", "bce"):
            return self._four_digits(int(digits), None)
        return self._two_digits(digits)

    def _iso(self, digits: str, thirds: Thirds | None) -> Moment:
        year, month, *day = (int(number) for number in digits.split("-"))
        if not 1 <= month <= 12 or (day and thirds is not None):
            raise refusal("a month from 01 to 12, and no part of a day")
        return _day(month, day[0], year) if day else _month(month, year, thirds)

    def _four_digits(self, number: int, thirds: Thirds | None) -> Moment:
        if self.accept("s"):
            return self._decade(number, thirds)
        if self.accept("bc", "bce"):
            number = 1 - number
        else:
            self.accept("ad", "ce")
        return year_moment(number, thirds)

    def _two_digits(self, digits: str) -> Moment:
        """A day before its month, a month before its year, or a number that its neighbour will complete."""
        if len(digits) > 2:
            raise refusal('a year of four digits ("0007" is the year 7)')
        if self.peek() in vocabulary.MONTHS:
            month = vocabulary.MONTHS[self.take()]
            return _day(month, int(digits), self._year())
        if self.peek() == "/" and len(self.peek(1)) == 4 and int(digits) <= 12:
            self.at += 1
            return _month(int(digits), self._year())
        return Moment(_no_reading, self._year(), "bare", number=digits)

    def _decade(self, start: int, thirds: Thirds | None) -> Moment:
        if start % 10 or (start % 100 == 0 and start < 2000):
            century = f"{start // 100:02}"
            raise refusal(f'a decade such as "1990s": "{century}0X" for ten years, "{century}XX" for a hundred')
        return settled(parts.decade(start, thirds))

    def _century(self, number: int, thirds: Thirds | None) -> Moment:
        before_christ = self.accept("bc", "bce")
        if not before_christ:
            self.accept("ad", "ce")
        if not 1 <= number <= 99:
            raise refusal("a century from the 1st to the 99th")
        return settled(parts.century(number, thirds, before_christ=before_christ), "century")

    def _ordinal(self, thirds: Thirds | None) -> Moment:
        number = vocabulary.ORDINALS[self.take()]
        if self.accept("century", "centuries"):
            return self._century(number, thirds)
        if thirds is None and number <= 2 and self.accept("half"):
            return self._half(number - 1)
        if thirds is None and number <= 4 and self.accept("quarter"):
            return _season(32 + number, self._year())
        raise refusal(vocabulary.EXPECTED)

    def _half(self, half: int) -> Moment:
        if self.peek() in vocabulary.MONTHS:
            month = vocabulary.MONTHS[self.take()]
            return Moment(lambda year: parts.half_month(year, month, half), self._year(), "half")
        year = self._year()
        if year is None:
            raise refusal('the half of a month or of a year: "first half of June 2019"')
        return settled(parts.half_year(year, half))

    def _quarter(self, _: str) -> Moment:
        number = self.take()
        if number not in ("1", "2", "3", "4"):
            raise refusal('a quarter from "Q1" to "Q4"')
        return _season(32 + int(number), self._year())

    def _season(self, word: str) -> Moment:
        year = self._year()
        # "winter 2018-19" is one winter, December of the first year to February of the second, and no interval.
        if word == "winter" and year and self.peek() in ("-", "/") and self.peek(1).isdigit():
            following = self.peek(1)
            if following not in (f"{year + 1:04}", f"{(year + 1) % 100:02}"):
                raise refusal('a winter of two years in a row: "winter 2018-19"')
            self.at += 2
        return _season(vocabulary.SEASONS[word], year)

    def _named_year(self, _: str) -> Moment:
        """ "the year 1800", "year in the 1860s"."""
        self.accept("in")
        if not self.peek()[:1].isdigit():
            raise refusal(vocabulary.EXPECTED)
        return self._number(None)

    def _week(self, _: str) -> Moment:
        """ "week of 3 June 2019", "week 23 of 2019"."""
        number, year = self.peek(), self.peek(1)
        if number.isdigit() and year.isdigit() and len(number) < 3 and len(year) == 4:
            self.at += 2
            try:
                monday = date.fromisocalendar(int(year), int(number), 1).toordinal()
            except ValueError:
                raise refusal("a week that its year has") from None
            return settled(parts.weeks(monday, monday))
        moment = self.moment()
        if moment.form != "day":
            raise refusal('the week of a day: "week of 3 June 2019"')
        return moment._replace(reading=lambda year: parts.week(moment.reading(year)), form="week")

    # What is read from the anchor

    def _relative(self, thirds: Thirds | None) -> Moment:
        """ "last week", "early this month", "late in the year"."""
        step = vocabulary.STEPS[self.take()] if self.peek() in vocabulary.STEPS else 0
        unit = self.take()
        if unit == "month":
            return settled(self.anchor.month_part(step, thirds))
        if unit == "year":
            return settled(self.anchor.year_part(step, thirds))
        if unit == "week" and thirds is None:
            return settled(self.anchor.week(step))
        if unit in vocabulary.WEEKDAYS and thirds is None:
            return self._stepped_weekday(vocabulary.WEEKDAYS[unit], step)
        raise refusal('"last", "this" or "next" before a whole week, a month, a year or a weekday')

    def _so_far(self, word: str) -> Moment:
        """ "earlier this week", "later this month"."""
        units = {"week": lambda: self.anchor.week(0), "month": lambda: self.anchor.month_part(0, None)}
        units["year"] = lambda: self.anchor.year_part(0, None)
        if not self.accept("this") or self.peek() not in units:
            raise refusal(f'"{word}" before this week, this month or this year')
        unit = units[self.take()]()
        return settled(self.anchor.since_start(unit) if word == "earlier" else self.anchor.until_end(unit))

    def _near_day(self, word: str) -> Moment:
        return settled(self.anchor.shifted(vocabulary.DAYS[word]))

    def _days_ago(self) -> Moment:
        word = self.take()
        if word not in vocabulary.NUMBERS and not (word.isdigit() and len(word) < 4):
            raise refusal('a number of days, as in "3 days ago"')
        self.at += 2
        return settled(self.anchor.shifted(-(vocabulary.NUMBERS.get(word) or int(word))))

    def _weekday(self, word: str) -> Moment:
        """ "Friday 7 June 2019", "Tuesday of last week"; alone it is the latest such day up to the anchor."""
        weekday = vocabulary.WEEKDAYS[word]
        if self.peek() in vocabulary.MONTHS or self.peek()[:1].isdigit():
            moment = self._unit(None)
            if moment.form not in ("day", "bare"):
                raise refusal("a day after its weekday")
            return moment._replace(weekday=weekday)
        if self.peek() in vocabulary.STEPS and self.peek(1) == "week":
            shift = 7 * vocabulary.STEPS[self.take()] + weekday
            self.at += 1
            return settled(self.anchor.day_by_day(lambda day: day - (day - 1) % 7 + shift))
        return settled(self.anchor.day_by_day(lambda day: day - (day - 1 - weekday) % 7), "weekday")

    def _stepped_weekday(self, weekday: int, step: int) -> Moment:
        """ "last Tuesday" lies before the anchor, "next Tuesday" after it, "this Tuesday" in its week."""
        if step < 0:
            return settled(self.anchor.day_by_day(lambda day: day - 1 - (day - 2 - weekday) % 7))
        if step > 0:
            return settled(self.anchor.day_by_day(lambda day: day + 1 + (weekday - day) % 7))
        return settled(self.anchor.day_by_day(lambda day: day - (day - 1) % 7 + weekday))


def _day(month: int, number: int, year: int | None) -> Moment:
    return Moment(lambda y: parts.day(y, month, number), year, "day", month=month)


def _month(month: int, year: int | None, thirds: Thirds | None = None) -> Moment:
    return Moment(lambda y: parts.month(y, month, thirds), year, "month", month=month)


def _season(code: int, year: int | None) -> Moment:
    return Moment(lambda y: parts.season(y, code), year, "season")


def year_moment(number: int, thirds: Thirds | None = None) -> Moment:
    """A year, or thirds of it."""
    return Moment(lambda y: parts.year(y, thirds), number, "year")


def completed(bare: Moment, other: Moment) -> Moment:
    """The 3 of "3-9 June 2019", the 9 of "June 3-9, 2019", the 17 of "17th-19th centuries", from their neighbour."""
    number = int(bare.number)
    if other.form == "day":
        # Of "3-9 June 2019" the 3 has the year of the 9; of "June 3-9, 2019" the 9 has one to lend.
        filled = _day(other.month, number, bare.year or other.year)
    elif other.form == "century" and bare.year is None:
        filled = settled(parts.century(number), "century")
    else:
        raise refusal(vocabulary.EXPECTED)
    return filled._replace(mark=bare.mark, weekday=bare.weekday)


def _no_reading(_: int) -> parts.Part:
    """A number alone is no date."""
    raise refusal(vocabulary.EXPECTED)


_CORES: dict[str, Callable[[Moments, str], Moment]] = {
    **dict.fromkeys(vocabulary.WEEKDAYS, Moments._weekday),
    **dict.fromkeys(vocabulary.SEASONS, Moments._season),
    **dict.fromkeys(vocabulary.DAYS, Moments._near_day),
    **dict.fromkeys(("earlier", "later"), Moments._so_far),
    "week": Moments._week,
    "year": Moments._named_year,
    "q": Moments._quarter,
}
