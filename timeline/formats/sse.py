"""Server-Sent Events (WHATWG HTML §9.2): the feed as a stream that `EventSource` and `curl -N` read.

    record      a record of the feed; `data` is the JSON that it is in a page, `id` its position
    position    every record that you may see up to `id` was told; comes when there is no more, and then now and again
    end         the service ends the stream, and `data` says why: come back with the last `id`

An event is one write of whole lines. Lines that say nothing of their own (`retry`, comments) are not followed by an
empty one, for some readers would take that for an event.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from timeline.formats.format import Format, alone
from timeline.model.entry import Feed, RecordShown

RETRY_MS = 2_000
"""How long a reader waits before it comes back."""
BEGIN = b"retry: %d\n" % RETRY_MS
Why = Literal["stopping", "token", "gone", "left"]
"""Why a stream ends: the service stops; the token holds no more; what was asked for is nowhere to be seen any more; or
nobody listens, and so nobody is told."""
_ENCODER = msgspec.json.Encoder()


def record(shown: RecordShown) -> bytes:
    """A record as an event. JSON has no line breaks of its own, so that its data is one line."""
    return b"event: record\nid: %d\ndata: %b\n\n" % (shown.position, _ENCODER.encode(shown))


def position(reached: int) -> bytes:
    """That everything up to a position was told."""
    return b'event: position\nid: %d\ndata: {"position":%d}\n\n' % (reached, reached)


def end(reached: int, why: Why) -> bytes:
    """The last event of a stream."""
    return b'event: end\nid: %d\ndata: {"position":%d,"why":"%b"}\n\n' % (reached, reached, why.encode())


def _feed(feed: Feed) -> bytes:
    return _events(feed.records) + position(feed.next)


def _events(shown: Iterable[RecordShown]) -> bytes:
    return b"".join(record(each) for each in shown)


FORMAT = Format(
    name="sse",
    suffix=".sse",
    media_type="text/event-stream",
    about="the feed, for what listens: browsers' EventSource, curl -N",
    renders={Feed: alone(_feed)},
)
