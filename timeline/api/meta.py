"""What there is, and how it is."""

import asyncio
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
from timeline.model.tokens import ACCESS


class KindShown(Shape, frozen=True, kw_only=True):
    """A kind of record: what it is for, and one as it would be posted."""

    kind: str
    """The tag of its records."""
    group: str
    """`event`, `edit` or `registration`; `access` for records about who may do what, which are not posted."""
    description: str
    """What it is for."""
    roles: list[str]
    """Roles of participants, the default first."""
    takes: str | None
    """The side that it takes on the events it is `of`."""
    example: dict[str, Any]
    """One record as it would be posted; of `access` as it would be recorded."""


class KindsShown(Shape, frozen=True, kw_only=True):
    """Every kind."""

    kinds: list[KindShown]
    """Events first, then edits, then registrations, then those about access."""


class Alive(Shape, frozen=True, kw_only=True):
    """The process runs."""

    status: str
    """Always `alive`."""
    version: str
    """The service's version."""


class Ready(Shape, frozen=True, kw_only=True):
    """Whether the service can do its work, and what is wrong if it can't."""

    status: str
    """`ready`, or `degraded`: reads stand still while writes go on, or the other way round, or the database is away."""
    database: str
    """`answers`, `takes no writes` as its disk is nearly full or it is a standby, or `does not answer`."""
    log_position: int | None
    """The last position of the log; null when the database does not answer."""
    projected_position: int
    """How far reads are."""
    projection: str
    """`running`, or why it stopped."""
    queued_records: int
    """Records that wait for the log."""
    guards: dict[str, bool]
    """Which of the log's guards are active: `triggers`, `roles`, `owner`, `event_triggers`."""
    guards_missing: dict[str, str]
    """What is missing of those that are not, and why."""


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


_GROUPS: tuple[tuple[dict[str, Any], str], ...] = (
    (EVENTS, "event"),
    (EDITS, "edit"),
    (REGISTRATIONS, "registration"),
    (ACCESS, "access"),
)
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
    """The database answers and takes writes, and reads follow them. 503 with the same body where not."""
    read_query(request, NoParams)
    to = service(request)
    health = to.projector.health
    database, head = "answers", None
    guards: dict[str, str | None] = {}
    try:
        with unavailable_if_lost():
            async with to.reader.pool.acquire(timeout=2) as connection:
                head = int(await connection.fetchval(LOG.head) or 0)
                guards = {row["guard"]: row["fault"] for row in await connection.fetch(LOG.guards)}
                if not await connection.fetchval(LOG.takes_writes):
                    database = "takes no writes"
    except DatabaseUnavailable:
        database = "does not answer"
    good = database == "answers" and health.stopped is None and not health.waiting_for_database
    shown = Ready(
        status="ready" if good else "degraded",
        database=database,
        log_position=head,
        projected_position=health.position,
        projection=health.stopped or ("waits for the database" if health.waiting_for_database else "running"),
        queued_records=to.writer.queued,
        guards={name: fault is None for name, fault in guards.items()},
        guards_missing={name: fault for name, fault in guards.items() if fault is not None},
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
    return Written(await asyncio.to_thread(request.app.state.openapi), "application/json", {})


@read("/", _open("getHome", raw="text/html"))
async def home(request: Asked) -> Written:
    """What a browser finds first: the same page as `/docs`."""
    read_query(request, NoParams)
    return Written(await asyncio.to_thread(request.app.state.docs), "text/html; charset=utf-8", {})


@read("/docs", _open("getDocs", raw="text/html"))
async def docs(request: Asked) -> Written:
    """The contract as a page to read; it loads nothing from elsewhere."""
    read_query(request, NoParams)
    return Written(await asyncio.to_thread(request.app.state.docs), "text/html; charset=utf-8", {})


@read("/docs.css", _open("getDocsStyle", raw="text/css"))
async def docs_style(request: Asked) -> Written:
    """How that page looks."""
    read_query(request, NoParams)
    return Written(request.app.state.docs_style, "text/css; charset=utf-8", {})
