"""When an ask is made again, and after how long."""

from collections.abc import Callable, Generator
from typing import TypeVar

import msgspec

from timeline.client.calls import Answer, Ask, Call
from timeline.client.problems import problem_of
from timeline.errors import NoAnswer, TimelineError

T = TypeVar("T")
AGAIN = frozenset({429, 502, 503, 504})
"""Statuses after which the same ask may be taken: too many, behind, stopping, or a proxy that reached nobody."""


class Lost(msgspec.Struct, frozen=True):
    """An ask without an answer: whether it was taken is not known."""

    why: str


class Retries(msgspec.Struct, frozen=True, kw_only=True):
    """How often an ask is made, and how long to wait in between: at random up to twice as long each time."""

    attempts: int = 6
    """How often it is made in all."""
    first_seconds: float = 0.25
    """The longest first wait."""
    longest_seconds: float = 30.0
    """The longest wait. Where the service asks for a longer one, its refusal is raised at once."""

    def wait(self, made: int, error: TimelineError, chance: float) -> float | None:
        """Seconds to wait after so many asks, the last of which met this error; None to give up.

        `chance` is from 0 to 1, by which callers who were refused together don't come back together.
        """
        asked_for = error.retry_after_seconds or 0
        if made >= self.attempts or asked_for > self.longest_seconds:
            return None
        return self.pause(made, asked_for, chance)

    def pause(self, made: int, asked_for: float, chance: float) -> float:
        """Seconds to wait after so many asks: at least what is asked for, and a while more."""
        return asked_for + chance * min(self.longest_seconds, self.first_seconds * 2.0 ** min(made - 1, 30))


USUAL = Retries()
NEVER = Retries(attempts=1)
Steps = Generator[Ask | float, Answer | Lost | None, T]
"""What is to be done for a call, one after another: an ask, which is answered or lost; or seconds to wait."""


def error_of(found: Answer | Lost | None, url: str) -> TimelineError:
    """What went wrong with an ask."""
    if isinstance(found, Answer):
        return problem_of(found.status, found.content, found.headers.get("retry-after"))
    return NoAnswer(f"{url} does not answer: {found.why if found else 'nothing was asked'}.")


def asked_again(found: Answer | Lost | None) -> bool:
    """Whether the same ask may be taken later: nothing we ask for is done twice by asking twice."""
    return not isinstance(found, Answer) or found.status in AGAIN


def pause(found: Answer | Lost | None, made: int, retries: Retries, url: str, chance: float) -> float:
    """Seconds to wait before asking again, after so many asks.

    Raises:
        TimelineError: what went wrong, where asking again is of no use, or was often enough.
    """
    error = error_of(found, url)
    seconds = retries.wait(made, error, chance) if asked_again(found) else None
    if seconds is None:
        raise error
    return seconds


def steps(call: Call[T], retries: Retries, url: str, chance: Callable[[], float]) -> Steps[T]:
    """Ask until there is an answer, and read it.

    Raises:
        TimelineError: the service refuses it, or cannot be reached.
    """
    made = 0
    while True:
        found = yield call.ask
        if isinstance(found, Answer) and found.status < 300:
            return call.read(found)
        made += 1
        yield pause(found, made, retries, url, chance())
