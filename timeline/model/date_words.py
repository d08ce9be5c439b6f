"""Read a date in English words and write it as EDTF: "early June 2019" is `[2019-06-01..2019-06-10]`.

    phrase   since · by · before · until · after · from … to · between … and · overnight · ongoing · moment
    moment   one or two of model.date_moments, joined by to, or, and

`[a..b]` is *on one of these days*, `a/b` *lasted from a to b*. A phrase is read to its last word or not at all: we
never pick a date out of a sentence, and never invent a day.
"""

from collections.abc import Callable
from typing import NamedTuple

from timeline.errors import BadDate
from timeline.model import date_parts as parts
from timeline.model import edtf
from timeline.model.date_anchor import Anchor, Moment, Sides, refusal
from timeline.model.date_moments import Moments, completed, year_moment
from timeline.model.date_vocabulary import EXPECTED

_TO = frozenset(("to", "-", "through", "thru", "until", "till"))
_ONE_NIGHT = '"overnight" before one day, or before two days in a row'


class Written(NamedTuple):
    """A phrase as EDTF, and whether it took the anchor to read it."""

    bounds: edtf.Bounds
    anchored: bool


def write(text: str, sides: Sides = (None, None)) -> Written:
    """Write an English phrase as EDTF; `BadDate` if any word of it is not understood."""
    anchor = Anchor(sides)
    try:
        phrase = _Phrase(text, anchor)
        bounds = edtf.parse(phrase.read())
        if not phrase.done():
            raise refusal(EXPECTED)
    except BadDate as bad:
        # A fault is found in a piece of the phrase; the caller knows only the whole.
        raise BadDate(text, bad.expected) from None
    return Written(bounds, anchor.used)


class _Phrase(Moments):
    def read(self) -> str:
        opening = _OPENINGS.get(self.peek())
        if opening is None:
            return self.alone()
        self.at += 1
        return opening(self)

    def since(self) -> str:
        moment = self.moment()
        # What has been going on since 4 April began before it was said, so the nearest April may not lie ahead.
        return f"{self.anchor.settle(moment, past=True).first}{moment.mark}/.."

    def by(self) -> str:
        moment = self.moment()
        if moment.form == "weekday":
            raise refusal('a date: "by Friday" may lie before or after the document')
        return f"/{self.anchor.settle(moment).last}{moment.mark}"

    def after(self) -> str:
        moment = self.moment()
        return f"[{self.anchor.settle(moment).first}{moment.mark}..]"

    def ongoing(self) -> str:
        return self.since() if self.accept("since") else "/.."

    def from_to(self) -> str:
        left = self.moment()
        if self.peek() in _TO:
            return self.lasted(left)
        still = ".." if self.accept("on", "onward", "onwards") else ""
        return f"{self.anchor.settle(left).first}{left.mark}/{still}"

    def between(self) -> str:
        left = self.moment()
        if not self.accept("and"):
            raise refusal('"and" after "between …"')
        first, last = self.ends(left)
        return f"[{first}..{last}]"

    def alone(self) -> str:
        left = self.moment()
        if self.peek() in _TO:
            return self.lasted(left)
        if self.peek() in ("or", "and"):
            return self.listed(left)
        return self.anchor.settle(left).marked(left.mark)

    def lasted(self, left: Moment) -> str:
        self.take()
        # The 52 of "1851-52".
        if left.form == "year" and left.year and self.peek().isdigit() and len(self.peek()) == 2:
            right = year_moment(left.year - left.year % 100 + int(self.take()))
            return f"{self.anchor.settle(left).first}{left.mark}/{self.anchor.settle(right).last}"
        first, last = self.ends(left)
        return f"{first}/{last}"

    def listed(self, left: Moment) -> str:
        """ "3 or 4 June": one of them; "3 and 4 June": both, which early and late June cannot be."""
        is_choice = self.take() == "or"
        right = self.moment()
        pair = zip(self.settle_both(left, right), (left, right), strict=True)
        members = [part.marked(moment.mark) for part, moment in pair]
        if is_choice:
            return f"[{','.join(member.strip('[]') for member in members)}]"
        if any(member.startswith("[") for member in members):
            raise refusal('two dates that are known to the day, month or year before and after "and"')
        return f"{{{','.join(members)}}}"

    def overnight(self) -> str:
        if self.done():
            return self.anchor.night_before().text
        left = self.moment()
        if self.peek() in _TO or self.peek() in ("and", "into"):
            self.take()
            first, last = self.ends(left)
        else:
            part = self.anchor.settle(left)
            first, last = part.text, part.text
        if len(first) != len("2019-06-04") or len(last) != len(first):
            raise refusal(_ONE_NIGHT)
        evening, morning = parts.day_number(first), parts.day_number(last)
        if morning not in (evening, evening + 1):
            raise refusal(_ONE_NIGHT)
        return parts.days(evening, evening + 1).marked(left.mark)

    def ends(self, left: Moment) -> tuple[str, str]:
        """The outer ends of two moments; read after the word that joins them."""
        right = self.moment()
        first, last = self.settle_both(left, right)
        return first.first + left.mark, last.last + right.mark

    def settle_both(self, left: Moment, right: Moment) -> tuple[parts.Part, parts.Part]:
        if left.form == "bare":
            left = completed(left, right)
        elif right.form == "bare":
            right = completed(right, left)
        return self.anchor.settle_pair(left, right)


_OPENINGS: dict[str, Callable[[_Phrase], str]] = {
    "since": _Phrase.since,
    **dict.fromkeys(("by", "before", "until", "till"), _Phrase.by),
    "after": _Phrase.after,
    "from": _Phrase.from_to,
    "between": _Phrase.between,
    "overnight": _Phrase.overnight,
    **dict.fromkeys(("ongoing", "continuing", "continues", "underway"), _Phrase.ongoing),
}
