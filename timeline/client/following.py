"""The feed as a stream: what it says, and where to go on after it broke. Pure: chunks go in, records come out."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

from timeline.client.calls import Ask
from timeline.client.retries import Retries
from timeline.errors import NoAnswer, NotFound, TimelineError, WrongToken
from timeline.model.entry import RecordShown

SILENCE_SECONDS_MAX = 60.0
"""A stream says how far it is every fifteen seconds: one that says nothing for this long is taken to be lost."""


class _Ended(msgspec.Struct, frozen=True):
    position: int
    why: Literal["stopping", "token", "gone", "left"]


class Following:
    """How far a reader of the feed has come, across streams that break."""

    def __init__(
        self, params: list[tuple[str, str]], after: int, retries: Retries, chance: Callable[[], float]
    ) -> None:
        self.after = after
        """Everything asked for up to this position was told: go on here."""
        self.caught_up = False
        """Whether the service had no more to tell when it last said something."""
        self._params = params
        self._retries = retries
        self._chance = chance
        self._failed = 0
        self._heard_ever = False
        self._over: TimelineError | None = None
        self._rest = b""
        self._event: dict[bytes, bytes] = {}

    def ask(self) -> Ask:
        """What opens the next stream."""
        self._rest, self._event, self.caught_up = b"", {}, False
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(self.after)}
        return Ask(method="GET", path="/v1/changes", params=self._params, headers=headers)

    def heard(self, chunk: bytes) -> Iterator[RecordShown]:
        """The records that a chunk completes. `after` moves on with each that is taken."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            record = self._line(line.removesuffix(b"\r"))
            if record is not None:
                self.after = record.position
                yield record

    def ended(self, error: TimelineError | None, *, again: bool = True) -> float:
        """Seconds to wait before the next stream, after one that ended or could not be opened.

        One that was once heard is waited for without an end: a service that restarts comes back.

        Raises:
            WrongToken, NotFound: the service ended the stream for good.
            NoAnswer: it says what nobody can read.
            TimelineError: that error, where asking again is of no use, or was often enough.
        """
        if self._over is not None:
            raise self._over
        self._failed += 1
        if error is None:
            return self._retries.pause(self._failed, 0, self._chance())
        seconds = self._retries.wait(self._failed, error, self._chance()) if again else None
        if seconds is None and again and self._heard_ever:
            return self._retries.pause(self._failed, error.retry_after_seconds or 0, self._chance())
        if seconds is None:
            raise error
        return seconds

    def _line(self, line: bytes) -> RecordShown | None:
        if line:
            name, _, value = line.partition(b":")
            self._event[name] = value.removeprefix(b" ")
            return None
        event, self._event = self._event, {}
        try:
            return self._told(event.get(b"event", b""), event.get(b"data", b""))
        except msgspec.DecodeError as error:
            self._over = NoAnswer(f"The feed says what is no record: {error}.")
            return None

    def _told(self, event: bytes, data: bytes) -> RecordShown | None:
        if event == b"record":
            record = _RECORD.decode(data)
            self._failed, self._heard_ever, self.caught_up = 0, True, False
            return record if record.position > self.after else None
        if event == b"position":
            self._failed, self._heard_ever, self.caught_up = 0, True, True
            self.after = max(self.after, _PLACE.decode(data)["position"])
        if event == b"end":
            why = _END.decode(data).why
            if why == "token":
                self._over = WrongToken("The token holds no more.")
            if why == "gone":
                self._over = NotFound("What was asked for is no longer there to see.")
        return None


_RECORD = msgspec.json.Decoder(RecordShown)
_END = msgspec.json.Decoder(_Ended)
_PLACE: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
