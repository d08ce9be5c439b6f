"""What an operator's Prometheus reads."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from timeline.api.bodies import Bodies
from timeline.api.streams import Streams
from timeline.log.writer import Writer
from timeline.projections.projector import Projector


class Metrics:
    """The counters of one process."""

    def __init__(self, writer: Writer, projector: Projector, streams: Streams, bodies: Bodies) -> None:
        self._registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter("timeline_requests", "Requests answered.", labels, registry=self._registry)
        self._seconds = Histogram(
            "timeline_request_seconds", "Time to answer.", ("method", "route"), registry=self._registry
        )
        queued = Gauge("timeline_queued_records", "Records that wait for the log.", registry=self._registry)
        queued.set_function(lambda: writer.queued)
        position = Gauge("timeline_projected_position", "How far reads are.", registry=self._registry)
        position.set_function(lambda: projector.health.position)
        stopped = Gauge("timeline_projection_stopped", "1 when a record can't be folded.", registry=self._registry)
        stopped.set_function(lambda: int(projector.health.stopped is not None))
        open_streams = Gauge("timeline_open_streams", "Streams and waiting reads of the feed.", registry=self._registry)
        open_streams.set_function(lambda: streams.open)
        streamed = Gauge("timeline_streamed_records", "Records sent on streams so far.", registry=self._registry)
        streamed.set_function(lambda: streams.records)
        held = Gauge("timeline_held_body_bytes", "Bytes of bodies held, of all requests.", registry=self._registry)
        held.set_function(lambda: bodies.bytes)
        self._head = Gauge(
            "timeline_log_position", "The last position of the log, when last asked.", registry=self._registry
        )

        self._seen: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request by its route, never by its address."""
        seen = self._seen.get((method, route, status))
        if seen is None:  # to find a series by its labels takes 3 µs, and there are only so many
            seen = (self._requests.labels(method, route, status), self._seconds.labels(method, route))
            self._seen[method, route, status] = seen
        seen[0].inc()
        seen[1].observe(seconds)

    def text(self, head: int) -> bytes:
        """The exposition format, with the log's head as it is now."""
        self._head.set(head)
        return generate_latest(self._registry)
