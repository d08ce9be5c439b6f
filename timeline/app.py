"""The composition root: the parts of a running service, started in order and stopped in reverse."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any
from uuid import UUID

import asyncpg
import structlog
import uuid_utils
from asyncpg.pgproto import pgproto
from litestar import Litestar
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from timeline.access import OWNER_IDENTITY, Access, Identity, owner_token, pepper
from timeline.access.bucket import Buckets
from timeline.access.oidc import Claims, Issuer
from timeline.api import changes, diff, duplicates, events, impact, meta, registries, search, timelines, tokens, weeks
from timeline.api.bodies import Bodies
from timeline.api.cursors import Seal
from timeline.api.edge import Edge
from timeline.api.gate import Gate
from timeline.api.headers import Standing
from timeline.api.metrics import Metrics
from timeline.api.openapi import document, encoded
from timeline.api.problems import handle
from timeline.api.recent import Recent
from timeline.api.service import Reads, Service, Writing
from timeline.api.streams import Streams
from timeline.db.listen import Listener
from timeline.db.logins import PROJECTOR, READER, WRITER, login_for
from timeline.db.pool import open_pool
from timeline.errors import WrongSetting
from timeline.folding import apart
from timeline.formats import sse
from timeline.log.admit import Admission
from timeline.log.read import SQL as LOG
from timeline.log.read import LogReader
from timeline.log.tokens import CHANNEL, Tokens, TokenTable
from timeline.log.writer import Writer
from timeline.projections.live import Live
from timeline.projections.pages import Reader
from timeline.projections.projector import Projector
from timeline.settings import Settings
from timeline.web import docs_page, docs_style

log = structlog.get_logger()

SALT_BYTES = 32
TOKEN_KEY = "token.key"  # noqa: S105  (the name of a file)
LOOK_UPS_MAX = 4
STOP_SECONDS_MAX = 10.0

HANDLERS: list[HTTPRouteHandler] = [
    events.post_event,
    events.post_events,
    search.search_events,
    events.get_event,
    events.get_history,
    events.get_provenance,
    timelines.actor_timeline,
    timelines.topic_timeline,
    timelines.place_timeline,
    timelines.whole_timeline,
    weeks.get_week,
    diff.get_difference,
    *registries.ROUTES,
    impact.get_impact,
    duplicates.get_duplicates,
    changes.get_changes,
    tokens.list_tokens,
    tokens.issue_token,
    tokens.get_token,
    tokens.rotate_token,
    tokens.revoke_token,
    meta.get_kinds,
    meta.live,
    meta.ready,
    meta.metrics,
    meta.openapi,
    meta.home,
    meta.docs,
    meta.docs_style,
]


class Application:
    """A service that can be started, served and stopped."""

    def __init__(self, settings: Settings, dsn: str) -> None:
        self.settings = settings
        self.dsn = dsn
        self.token = owner_token(settings.data_path / "owner.token")
        self._token_key = pepper(settings.data_path / TOKEN_KEY)
        self._listener, self._token_listener = Listener(), Listener()
        self._table: TokenTable | None = None
        self._issuer = _issuer(settings)
        self._pools: list[asyncpg.Pool] = []
        self.service: Service | None = None
        self._apart = AsyncExitStack()
        self.litestar = _litestar(settings)
        self.asgi: Any = None

    async def start(self) -> Service:
        """Open the connections, start the writer and the projector. The database is migrated by now."""
        (to_read, reads_as), (to_append, appends_as), (to_fold, folds_as) = [
            await login_for(self.dsn, role) for role in (READER, WRITER, PROJECTOR)
        ]
        opened = partial(
            open_pool,
            statement_timeout_ms=round(self.settings.statement_seconds_max * 1000),
            lock_timeout_ms=round(self.settings.lock_seconds_max * 1000),
        )
        reads = await opened(to_read, max_size=self.settings.connections_max, role=reads_as)
        # Look-ups for posts have their own, which no page keeps busy, and no page's request gives its name to.
        looks_up = await opened(to_read, max_size=LOOK_UPS_MAX, role=reads_as, application_name="timeline look-ups")
        # The writer's own connection: an append never waits for a page to give one back.
        appends = await opened(to_append, max_size=1, role=appends_as, application_name="timeline writer")
        self._pools = [reads, looks_up, appends]
        for guard in await looks_up.fetch(LOG.guards):
            if guard["fault"] is not None:
                log.warning("a guard of the log is not active", guard=guard["guard"], detail=guard["fault"])
        await self._listener.start(to_read, "timeline_log")
        projector = Projector(to_fold, self._listener, folds_as)
        await projector.start()
        await self._token_listener.start(to_read, CHANNEL)
        table = self._table = TokenTable(looks_up, self._token_key, self._token_listener)
        await table.start()
        log_reader = LogReader(looks_up)
        writer = Writer(appends, new_salt=_new_salt, queue_records_max=self.settings.queue_records_max)
        writer.start()
        reader = Reader(reads)
        live = Live(reader, projector, sse.record, self.settings.stream_beat_seconds)
        self.service = Service(
            settings=self.settings,
            cursors=Seal(self._token_key),
            access=Access(self.token, self.settings.audience, key=self._token_key, table=table, issuer=self._issuer),
            tokens=Tokens(looks_up, appends, self._token_key),
            table=table,
            log=log_reader,
            admission=Admission(log_reader, _new_id),
            writer=writer,
            projector=projector,
            fold_apart=await self._apart.enter_async_context(apart(self.settings, self.dsn, projector)),
            reader=reader,
            now=lambda: datetime.now(UTC),
            live=live,
            streams=Streams(self.settings.streams_max, self.settings.streams_per_token_max),
            bodies=Bodies(max(self.settings.bodies_bytes_max, self.settings.batch_bytes_max)),
        )
        live.start()
        self.asgi = self._edge(self.service)
        return self.service

    def _edge(self, to: Service) -> Edge:
        """What the server calls: the routes, with all that stands before them."""
        metrics = Metrics(to.writer, to.projector, to.streams, to.bodies)
        self.litestar.state.service, self.litestar.state.metrics = to, metrics
        gate = Gate(self.litestar.state, Buckets(self.settings.requests_per_second, self.settings.requests_burst))
        standing = Standing(tls=self.settings.tls, origins=self.settings.origins)
        return Edge(self.litestar, self.litestar.routes, gate, metrics, Recent(to, gate), standing)

    def end_streams(self) -> None:
        """Let every open stream say that the service stops, and end: the server waits for them."""
        if self.service is not None:
            self.service.live.end()

    async def stop(self) -> None:
        """Append what is queued, stop folding, close the connections."""
        if self.service is not None:
            await self.service.live.stop()
            with suppress(TimeoutError):  # a database that hangs must not keep us; nobody was told of what is left
                async with asyncio.timeout(STOP_SECONDS_MAX):
                    await self.service.writer.drain()
            await self._apart.aclose()
            await self.service.projector.stop()
        if self._table is not None:
            await self._table.stop()
        if self._issuer is not None:
            await self._issuer.stop()
        await self._listener.stop()
        await self._token_listener.stop()
        for pool in self._pools:
            pool.terminate()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Service]:
        """Started inside, stopped after."""
        try:
            yield await self.start()
        finally:
            await self.stop()


@asynccontextmanager
async def reading(settings: Settings, dsn: str) -> AsyncIterator[Reads]:
    """What answers, without a server and without a writer; it folds what no service has folded yet."""
    (to_read, reader), (to_fold, folder) = [await login_for(dsn, role) for role in (READER, PROJECTOR)]
    pool = await open_pool(to_read, max_size=settings.connections_max, role=reader)
    listener = Listener()
    await listener.start(to_read, "timeline_log")
    projector = Projector(to_fold, listener, folder)
    try:
        await projector.start()
        yield Reads(
            settings=settings,
            log=LogReader(pool),
            projector=projector,
            reader=Reader(pool),
            now=lambda: datetime.now(UTC),
        )
    finally:
        await projector.stop()
        await listener.stop()
        pool.terminate()


@asynccontextmanager
async def token_office(settings: Settings, dsn: str) -> AsyncIterator[tuple[Tokens, Identity]]:
    """What issues tokens, without a server, for the owner: whoever has the database and the key of the hashes."""
    (to_read, reader), (to_append, writer) = [await login_for(dsn, role) for role in (READER, WRITER)]
    reads = await open_pool(to_read, max_size=1, role=reader)
    writes = await open_pool(to_append, max_size=1, role=writer)
    try:
        yield Tokens(reads, writes, pepper(settings.data_path / TOKEN_KEY)), OWNER_IDENTITY
    finally:
        reads.terminate()
        writes.terminate()


@asynccontextmanager
async def writing(settings: Settings, dsn: str) -> AsyncIterator[Writing]:
    """As `reading`, with a writer: what is recorded inside is in the log when it ends."""
    async with reading(settings, dsn) as reads:
        to_append, appends_as = await login_for(dsn, WRITER)
        pool = await open_pool(to_append, max_size=1, role=appends_as, application_name="timeline writer")
        writer = Writer(pool, new_salt=_new_salt, queue_records_max=settings.queue_records_max)
        writer.start()
        try:
            parts = {name: getattr(reads, name) for name in reads.__struct_fields__}
            async with apart(settings, dsn, reads.projector) as fold_apart:
                admission = Admission(reads.log, _new_id)
                yield Writing(**parts, admission=admission, writer=writer, fold_apart=fold_apart)
        finally:
            await writer.drain()
            pool.terminate()


def _new_id() -> UUID:
    """A UUIDv7, of the driver's own class as all that it gives: made in a third of the time, and hashed in half."""
    found: UUID = pgproto.UUID(uuid_utils.uuid7().bytes)
    return found


def _new_salt() -> bytes:
    return os.urandom(SALT_BYTES)


@cache
def contract_document() -> dict[str, Any]:
    """The OpenAPI document of every route. Made when first asked for: that takes longer than all else of a start."""
    return document((path, handler) for handler in HANDLERS for path in handler.paths)


@cache
def _openapi() -> bytes:
    return encoded(contract_document())


@cache
def _docs() -> bytes:
    return docs_page(contract_document())


def _issuer(settings: Settings) -> Issuer | None:
    if settings.oidc_issuer is None:
        return None
    if settings.oidc_audience is None:
        raise WrongSetting("TIMELINE_OIDC_AUDIENCE: expected what the issuer's tokens name as `aud`, found nothing.")
    return Issuer(
        Claims(
            issuer=settings.oidc_issuer,
            audience=settings.oidc_audience,
            scope_claim=settings.oidc_scope_claim,
            level_claim=settings.oidc_level_claim,
        )
    )


def _litestar(settings: Settings) -> Litestar:
    served = State({"openapi": _openapi, "docs": _docs, "docs_style": docs_style()})
    return Litestar(
        route_handlers=HANDLERS,
        openapi_config=None,
        exception_handlers={Exception: lambda request, error: handle(request.scope, error)},
        request_max_body_size=settings.batch_bytes_max,
        logging_config=None,
        state=served,
    )
