"""Post events and edits, one or many; read one."""

from typing import Any, Union

import msgspec
from litestar import Response
from litestar.params import FromPath

from timeline.api.answer import headers_of, negotiated, not_modified, respond, unchanged
from timeline.api.body import JSON, NDJSON, decode, media_type, plain
from timeline.api.contract import Contract, append, read
from timeline.api.posting import post_batch, post_one
from timeline.api.problems import MEDIA_TYPE, document
from timeline.api.query import BatchParams, EventParams, PostParams, as_id, read_query
from timeline.api.service import Asked, identify, service
from timeline.errors import BatchRefused, BodyTooLarge, Fault, NotFound
from timeline.log.admit import Line, Refused
from timeline.log.resolve import invalid
from timeline.model.edits import EDITS
from timeline.model.entry import BatchReceipt, EventShown, Receipt
from timeline.model.faults import faults
from timeline.model.kinds import EVENTS
from timeline.model.record import Record
from timeline.model.registry import REGISTRATIONS
from timeline.projections.events import Moved, event_shown
from timeline.projections.pages import etag

KINDS: dict[str, type[Record]] = {**EVENTS, **EDITS, **REGISTRATIONS}
Posted: Any = Union[tuple({**EVENTS, **EDITS}.values())]  # noqa: UP007  (built from a tuple, so not writable with |)
AnyRecord: Any = Union[tuple(KINDS.values())]  # noqa: UP007  (as above)


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Many records at once; a plain JSON array of them, or NDJSON with one a line, will do as well."""

    events: list[dict[str, Any]]
    """Records of any kind; each may carry `ref`, by which later lines name it as `#ref`."""
    defaults: dict[str, Any] = {}
    """Fields for every line that may have them and does not."""


@append(
    "/v1/events",
    Contract(
        operation_id="postEvent",
        tag="events",
        query=PostParams,
        body=Posted,
        answers=Receipt,
        status=201,
        scope="append",
        refuses=(409, 413, 415, 422, 503),
    ),
)
async def post_event(request: Asked) -> Response[Any]:
    """Record one event or edit.

    Four fields are enough: `kind, title, occurred, source`; for a reply `kind, of, source, occurred`. The receipt
    shows what was filled in. Repeat a post with the same `id` or `Idempotency-Key` and you get the first receipt.
    """
    who = identify(request, to_write=True)
    params = read_query(request, PostParams)
    media_type(request, (JSON,))
    return await post_one(request, decode(await request.body(), Posted), params, who)


@append(
    "/v1/events/batch",
    Contract(
        operation_id="postBatch",
        tag="events",
        query=BatchParams,
        body=Batch,
        body_media_types=(JSON, NDJSON),
        answers=BatchReceipt,
        status=201,
        scope="append",
        refuses=(409, 413, 415, 422, 503),
    ),
)
async def post_events(request: Asked) -> Response[Any]:
    """Record many records of any kind, all or each, with a verdict for every line.

    201 when every line was recorded (or was before); 200 with `mode=each` when some were refused, and with `dry_run`;
    422 with `mode=atomic` when one was refused, and then nothing was recorded.
    """
    who = identify(request, to_write=True)
    params = read_query(request, BatchParams)
    given = media_type(request, (JSON, NDJSON))
    lines = _lines(await request.body(), given, service(request).settings.batch_lines_max)
    receipt = await post_batch(request, lines, params, who)
    if receipt.refused and params.mode == "atomic" and not params.dry_run:
        problem = BatchRefused(
            f"{receipt.refused} of {len(receipt.verdicts)} lines were refused, so nothing was recorded.",
            verdicts=msgspec.to_builtins(receipt.verdicts),
        )
        body = msgspec.json.encode(document(problem, request.url.path))
        return Response(body, status_code=problem.status, media_type=MEDIA_TYPE)
    status = 200 if receipt.refused or params.dry_run else 201
    return Response(msgspec.json.encode(receipt), status_code=status, media_type=JSON)


def _lines(body: bytes, given: str, most: int) -> list[Line | Refused]:
    """The lines of a batch, each read as its kind or refused by itself."""
    objects, defaults = _objects(body, given)
    if len(objects) > most:
        raise BodyTooLarge(f"Expected at most {most:,} lines, found {len(objects):,}. Post them in parts.")
    return [_line(number, each, defaults) for number, each in enumerate(objects, 1)]


def _objects(body: bytes, given: str) -> tuple[list[Any], dict[str, Any]]:
    if given == NDJSON:
        return [plain(line) for line in body.splitlines() if line.strip()], {}
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        value = plain(body)  # for its better words
    if isinstance(value, list):
        return value, {}
    found = faults(value, Batch)
    known = {"events", "defaults"}
    found += [
        Fault(pointer=f"#/{name}", expected="events or defaults", found=f"unknown field {name}")
        for name in (value if isinstance(value, dict) else ())
        if name not in known
    ]
    if found:
        raise invalid(found)
    return value["events"], value.get("defaults", {})


def _line(number: int, value: Any, defaults: dict[str, Any]) -> Line | Refused:
    ref = value.get("ref") if isinstance(value, dict) else None
    if isinstance(value, dict):
        value = {name: each for name, each in value.items() if name != "ref"}
        kind = KINDS.get(str(value.get("kind")))
        fields = {f.encode_name for f in msgspec.structs.fields(kind)} if kind else set()
        value = {name: each for name, each in defaults.items() if name in fields} | value
    try:
        post = msgspec.convert(value, AnyRecord)
    except (msgspec.ValidationError, UnicodeEncodeError):
        return Refused(number=number, ref=_text(ref), refusal=invalid(faults(value, AnyRecord) or [_no_record(value)]))
    if ref is not None and not _text(ref):
        fault = Fault(pointer="#/ref", expected="a short text", found=str(ref)[:80])
        return Refused(number=number, ref=None, refusal=invalid([fault]))
    return Line(post=post, number=number, ref=ref)


def _text(ref: Any) -> str | None:
    return ref if isinstance(ref, str) and 0 < len(ref) <= 100 else None


def _no_record(value: Any) -> Fault:
    return Fault(pointer="#", expected="a record", found=str(value)[:80])


@read(
    "/v1/events/{event:str}",
    Contract(
        operation_id="getEvent", tag="events", query=EventParams, answers=EventShown, refuses=(404, 406, 410, 503)
    ),
)
async def get_event(request: Asked, event: FromPath[str]) -> Response[Any]:
    """An event as it stands, with its voices and what was said about it. 308 where it turned out to be another."""
    who = identify(request)
    params = read_query(request, EventParams)
    fmt = negotiated(request, EventShown)
    to = service(request)
    event_id = as_id(event)
    if event_id is None:
        raise NotFound(f"No event {event!r}. Give its id.")
    await to.seen(params.min_position)
    on = params.on or to.now().date()
    async with to.reader.at() as (connection, position):
        tag = await etag(connection, (request.url.path, fmt.name, on), [event_id], who.level, position)
        found = await event_shown(connection, event_id, who.level, position, on)
    public = not who.may_write
    if isinstance(found, Moved):
        return Response(None, status_code=308, headers={"Location": f"/v1/events/{found.survivor}"})
    if unchanged(request, tag):
        return not_modified(tag, position, public=public)
    return respond(request, fmt, found, headers_of(tag, position, public=public))
