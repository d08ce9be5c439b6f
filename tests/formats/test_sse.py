"""The feed as events: read back by somebody else's parser."""

import msgspec
from httpx_sse import ServerSentEvent
from httpx_sse._decoders import SSEDecoder, SSELineDecoder

from tests.formats import hostile, samples
from timeline.formats import FORMATS, render, sse
from timeline.model.entry import RecordShown

SAMPLE: RecordShown = samples.feed().records[0]


def events(body: bytes) -> list[ServerSentEvent]:
    lines, decoder = SSELineDecoder(), SSEDecoder()
    found = [decoder.decode(line) for line in [*lines.decode(body.decode()), *lines.flush()]]
    return [each for each in found if each is not None]


def test_each_record_is_an_event_with_its_position_as_id() -> None:
    feed = samples.feed()

    *records, last = events(render(FORMATS["sse"], feed))

    assert [(each.event, each.id) for each in records] == [("record", str(r.position)) for r in feed.records]
    assert [each.json() for each in records] == msgspec.to_builtins(feed.records)
    assert (last.event, last.id, last.json()) == ("position", str(feed.next), {"position": feed.next})


def test_how_a_stream_begins_is_no_event_of_its_own() -> None:
    first, _ = events(sse.BEGIN + render(FORMATS["sse"], samples.feed()))[:2]

    assert (first.event, first.retry) == ("record", sse.RETRY_MS)


def test_the_end_says_why() -> None:
    (found,) = events(sse.end(41, "token"))

    assert (found.event, found.id, found.json()) == ("end", "41", {"position": 41, "why": "token"})


def test_hostile_text_stays_within_its_event() -> None:
    for text in hostile.HOSTILE:
        shown = msgspec.structs.replace(SAMPLE, body={"title": text})

        (found,) = events(sse.record(shown))

        assert found.json()["body"] == {"title": text}
