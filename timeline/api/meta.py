"""What there is, and how it is."""

from typing import Any

import msgspec

from timeline import __version__
from timeline.api.answer import negotiated, respond
from timeline.api.contract import Contract, read
from timeline.api.metrics import Metrics
from timeline.api.query import NoParams, read_query
from timeline.api.service import Asked, service
from timeline.api.written import Written
from timeline.db.pool import unavailable_if_lost
from timeline.errors import DatabaseUnavailable
from timeline.log.read import SQL as LOG
from timeline.model.edits import EDITS
from timeline.model.entry import Shape
from timeline.model.kinds import EVENTS, Event, roles_of
from timeline.model.record import Record
from timeline.model.registry import REGISTRATIONS


class KindShown(Shape, frozen=True, kw_only=True):
    """A kind of record: what it is for, and one as it would be posted."""

    kind: str
    group: str
    """`event`, `edit` or `registration`."""
    description: str
    roles: list[str]
    """Roles of participants, the default first."""
    takes: str | None
    """The side that it takes on the events it is `of`."""
    example: dict[str, Any]


class KindsShown(Shape, frozen=True, kw_only=True):
    """Every kind."""

    kinds: list[KindShown]


class Alive(Shape, frozen=True, kw_only=True):
    """The process runs."""

    status: str
    version: str


class Ready(Shape, frozen=True, kw_only=True):
    """Whether the service can do its work, and what is wrong if it can't."""

    status: str
    """`ready`, or `degraded`: writes go on but reads stand still, or the database is away."""
    database: str
    log_position: int | None
    projected_position: int
    projection: str
    """`running`, or why it stopped."""
    queued_records: int
    guards: dict[str, bool]
    """Which of the log's guards are active."""


def _kind(cls: type[Record], group: str) -> KindShown:
    event = cls if issubclass(cls, Event) else None
    return KindShown(
        kind=cls.kind_of(),
        group=group,
        description=(cls.__doc__ or "").strip(),
        roles=list(roles_of(event)) if event else [],
        takes=event.takes if event and event.takes != "none" else None,
        example=cls.example,
    )


_GROUPS: tuple[tuple[dict[str, Any], str], ...] = ((EVENTS, "event"), (EDITS, "edit"), (REGISTRATIONS, "registration"))
KINDS = KindsShown(kinds=[_kind(cls, group) for kinds, group in _GROUPS for cls in kinds.values()])


def _open(name: str, answers: type | None = None, raw: str | None = None, refuses: tuple[int, ...] = ()) -> Contract:
    return Contract(
        operation_id=name,
        tag="service",
        query=NoParams,
        answers=answers,
        raw_media_type=raw,
        scope="open",
        refuses=refuses,
    )


def _json(value: Any, status: int = 200) -> Written:
    return Written(msgspec.json.encode(value), "application/json", {}, status)


@read("/v1/kinds", _open("getKinds", KindsShown, refuses=(406,)))
async def get_kinds(request: Asked) -> Written:
    """Every kind of record, with its roles and an example."""
    read_query(request, NoParams)
    fmt = negotiated(request, KindsShown)
    return respond(request, fmt, KINDS, {"Vary": "Accept, Accept-Encoding"})


@read("/health/live", _open("getLive", Alive))
async def live(request: Asked) -> Written:
    """The process runs and answers."""
    read_query(request, NoParams)
    return _json(Alive(status="alive", version=__version__))


@read("/health/ready", _open("getReady", Ready, refuses=(503,)))
async def ready(request: Asked) -> Written:
    """The database answers, and reads follow writes. 503 with the same body where not."""
    read_query(request, NoParams)
    to = service(request)
    health = to.projector.health
    database, head, guards = "answers", None, {}
    try:
        with unavailable_if_lost():
            async with to.reader.pool.acquire(timeout=2) as connection:
                head = int(await connection.fetchval(LOG.head) or 0)
                guards = dict(await connection.fetchrow(LOG.guards) or {})
    except DatabaseUnavailable:
        database = "does not answer"
    good = database == "answers" and health.stopped is None
    shown = Ready(
        status="ready" if good else "degraded",
        database=database,
        log_position=head,
        projected_position=health.position,
        projection=health.stopped or ("waits for the database" if health.waiting_for_database else "running"),
        queued_records=to.writer.queued,
        guards=guards,
    )
    return _json(shown, 200 if good else 503)


@read("/metrics", _open("getMetrics", raw="text/plain"))
async def metrics(request: Asked) -> Written:
    """Counters and gauges for Prometheus."""
    read_query(request, NoParams)
    to = service(request)
    held: Metrics = request.app.state.metrics
    try:
        with unavailable_if_lost():
            head = await to.log.head()
    except DatabaseUnavailable:
        head = -1
    return Written(held.text(head), "text/plain; version=0.0.4; charset=utf-8", {})


@read("/openapi.json", _open("getOpenApi", raw="application/json"))
async def openapi(request: Asked) -> Written:
    """The contract of this service (OpenAPI 3.1)."""
    read_query(request, NoParams)
    return Written(request.app.state.openapi, "application/json", {})


@read("/", _open("getHome", raw="text/html"))
async def home(request: Asked) -> Written:
    """What a browser finds first: the same page as `/docs`."""
    read_query(request, NoParams)
    return Written(request.app.state.docs, "text/html; charset=utf-8", {})


@read("/docs", _open("getDocs", raw="text/html"))
async def docs(request: Asked) -> Written:
    """The contract as a page to read; it loads nothing from elsewhere."""
    read_query(request, NoParams)
    return Written(request.app.state.docs, "text/html; charset=utf-8", {})


@read("/docs.css", _open("getDocsStyle", raw="text/css"))
async def docs_style(request: Asked) -> Written:
    """How that page looks."""
    read_query(request, NoParams)
    return Written(request.app.state.docs_style, "text/css; charset=utf-8", {})
