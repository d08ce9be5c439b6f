"""A post's way to the log: admitted, appended, waited for, answered with its receipt."""

import re
from collections.abc import Sequence
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from timeline.access import Identity
from timeline.api.body import JSON
from timeline.api.problems import document, instance_of
from timeline.api.query import BatchParams, PostParams
from timeline.api.rights import verdicts_on
from timeline.api.service import Asked, Service, Writing, service
from timeline.api.written import Written
from timeline.errors import BadParameter, IdTaken, Refusal, SlugTaken, TimelineError
from timeline.log.admit import Admitted, Caller, Line, Refused
from timeline.log.record import Group, Receipt
from timeline.model import entry
from timeline.model.codec import read_payload
from timeline.model.faults import shown
from timeline.model.record import Record
from timeline.model.registry import COLLECTIONS, REGISTRATIONS
from timeline.projections.preview import would_change

PROPOSAL_RACES_MAX = 3
BEHIND_RECORDS_MAX = 20_000
"""A batch waits while reads are this far behind, so that loading does not run away from reading."""
BEHIND_WAIT_SECONDS = 5.0
APART_RECORDS = 4_000
"""From so many on, it pays to fold in a process of its own, which takes most of a second to start: in ours folding took
two thirds of the time in which batches could be admitted."""
KEY = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"|([!#-+\--:<-\[\]-~]{1,255})')
"""A string of RFC 9651 §3.3.3; as a kindness also one without its quotes, where it holds nothing that needs them."""
_KEYS = uuid5(NAMESPACE_URL, "tag:timeline,2026:idempotency-key")


def key_of(request: Asked, who: Identity) -> UUID | None:
    """The id that the Idempotency-Key derives: the same caller and key give the same id, so no table is needed.

    Raises:
        BadParameter: the key is not a string (RFC 9651) of 1 to 255 printable characters, or is given twice.
    """
    given = request.headers.getall("idempotency-key", [])
    if not given:
        return None
    found = KEY.fullmatch(given[0].strip(" "))
    if found is None or len(given) > 1:
        expected = 'one quoted string of 1 to 255 ASCII characters, such as "my-key-1"'
        raise BadParameter(f"Expected Idempotency-Key as {expected}; found {shown(', '.join(given))}.")
    key = found[2] or re.sub(r"\\(.)", r"\1", found[1])
    return uuid5(_KEYS, f"{who.subject}\n{key}")


async def post_one(request: Asked, post: Record, params: PostParams, who: Identity) -> Written:
    """Record one post, or show what it would record."""
    to = service(request)
    caller = Caller(subject=who.subject, level=who.level, on_missing=params.on_missing, key=key_of(request, who))
    if params.dry_run:
        admitted = await _admitted(to, post, who, caller)
        return Written(msgspec.json.encode(await preview(to, admitted, who)), JSON, {})
    admitted, receipts = await _recorded(to, post, who, caller)
    own = receipts[-1]
    if own.repeated:  # what was filled in by the day of recording follows the first recording, not today
        admitted = await _admitted(to, post, who, caller, own.recorded_at)
    visible = params.wait and await to.projector.reached(own.position, to.settings.visible_wait_seconds)
    shown = entry.Receipt(
        id=str(admitted.id),
        position=own.position,
        recorded_at=own.recorded_at,
        revision=own.revision,
        visible=visible or to.projector.health.position >= own.position,
        filled_in=admitted.filled_in,
    )
    headers = {"Location": location(admitted), "Timeline-Position": str(own.position)}
    if own.repeated:
        headers["Idempotency-Replayed"] = "true"
    return Written(msgspec.json.encode(shown), JSON, headers, 201)


async def _admitted(to: Service, post: Record, who: Identity, caller: Caller, now: datetime | None = None) -> Admitted:
    verdict = (await verdicts_on(to, [Line(post=post)], who, caller, now or to.now()))[0]
    if isinstance(verdict, Refused):
        raise verdict.refusal
    return verdict


async def _recorded(to: Service, post: Record, who: Identity, caller: Caller) -> tuple[Admitted, list[Receipt]]:
    """Admit and append. Where another post proposed the same name meanwhile, resolve again: it is registered now."""
    for _ in range(PROPOSAL_RACES_MAX):
        admitted = await _admitted(to, post, who, caller)
        outcome = (await to.writer.append([admitted.group(_by_key(caller, post))]))[0]
        if isinstance(outcome, SlugTaken | IdTaken) and len(admitted.records) > 1:
            continue
        break
    if isinstance(outcome, TimelineError):
        raise outcome
    return admitted, outcome


def _by_key(caller: Caller, post: Record) -> bool:
    """Whether the record's id came from the key; an id of its own counts before it."""
    return caller.key is not None and getattr(post, "id", None) is None


def location(admitted: Admitted) -> str:
    """Where what was recorded can be read."""
    own = admitted.records[-1]
    if own.kind in REGISTRATIONS:
        return f"/v1/{COLLECTIONS[own.kind]}/{own.subject}"
    return f"/v1/events/{own.subject}"


async def preview(to: Service, admitted: Admitted, who: Identity) -> entry.Preview:
    """What would be recorded, and which events would stand differently."""
    async with to.reader.at() as (connection, position):
        changes = await would_change(connection, list(admitted.records), position, who.level)
    return entry.Preview(
        record=msgspec.to_builtins(read_payload(admitted.records[-1].payload)),
        filled_in=admitted.filled_in,
        would_change=changes,
    )


async def post_batch(
    request: Asked, lines: Sequence[Line | Refused], params: BatchParams, who: Identity
) -> entry.BatchReceipt:
    """Record the lines, all or each; a verdict for every one."""
    to = service(request)
    caller = Caller(subject=who.subject, level=who.level, on_missing=params.on_missing, key=key_of(request, who))
    for left in reversed(range(PROPOSAL_RACES_MAX)):
        verdicts = await _verdicts(to, lines, who, caller)
        try:
            outcomes = await _outcomes(to, verdicts, params, caller.key is not None)
            break
        except SlugTaken:  # another post registered meanwhile what a line proposes: now it can be named
            if not left or params.on_missing != "propose":
                raise
    shown = [_line(each, outcomes, params, instance_of(request.scope)) for each in verdicts]
    done = [o[-1] for o in outcomes.values() if not isinstance(o, TimelineError)]
    recorded = len({receipt.position for receipt in done if not receipt.repeated})
    last = max((receipt.position for receipt in done), default=0)
    return entry.BatchReceipt(
        mode=params.mode,
        recorded=recorded,
        repeated=len(done) - recorded,
        refused=sum(v.problem is not None for v in shown),
        visible=bool(done) and await to.projector.reached(last, to.settings.visible_wait_seconds if params.wait else 0),
        verdicts=shown,
    )


async def _verdicts(
    to: Service, lines: Sequence[Line | Refused], who: Identity, caller: Caller
) -> list[Admitted | Refused]:
    """Admission's verdict on each line; one that was refused before keeps its refusal."""
    good = [line for line in lines if isinstance(line, Line)]
    by_number = {v.number: v for v in await verdicts_on(to, good, who, caller, to.now(), telling=False)}
    return [by_number[each.number] if isinstance(each, Line) else each for each in lines]


async def _outcomes(
    to: Service, verdicts: Sequence[Admitted | Refused], params: BatchParams, by_key: bool
) -> dict[int, list[Receipt] | TimelineError]:
    """What the log did with the admitted lines, by line; nothing where nothing is to be recorded."""
    admitted = [each for each in verdicts if isinstance(each, Admitted)]
    if params.dry_run or (len(admitted) < len(verdicts) and params.mode == "atomic"):
        return {}
    await keep_pace(to)
    return await _append(to, admitted, params.mode == "atomic", by_key)


async def keep_pace(to: Writing) -> None:
    """Wait, for a while, where reads are far behind what was recorded."""
    head = await to.log.head()
    if head - to.projector.health.position > APART_RECORDS:
        to.fold_apart()
    if head - to.projector.health.position > BEHIND_RECORDS_MAX:
        await to.projector.reached(head - BEHIND_RECORDS_MAX, BEHIND_WAIT_SECONDS)


async def _append(
    to: Service, admitted: list[Admitted], atomic: bool, by_key: bool
) -> dict[int, list[Receipt] | TimelineError]:
    if not admitted:
        return {}
    if not atomic:
        found = await to.writer.append([each.group(by_key) for each in admitted])
        return {each.number: outcome for each, outcome in zip(admitted, found, strict=True)}
    records = tuple(record for each in admitted for record in each.records)
    outcome = (await to.writer.append([Group(records=records, by_key=by_key)]))[0]
    if isinstance(outcome, TimelineError):
        return {_guilty(admitted, outcome).number: outcome}
    receipts: dict[int, list[Receipt] | TimelineError] = {}
    for each in admitted:
        receipts[each.number], outcome = outcome[: len(each.records)], outcome[len(each.records) :]
    return receipts


def _guilty(admitted: list[Admitted], refusal: TimelineError) -> Admitted:
    """The line that the writer refused a whole batch for, where it says which record it was.

    Raises:
        TimelineError: the refusal itself, where it speaks of no record: it is the whole batch's.
    """
    wanted = (isinstance(refusal, Refusal) and refusal.record) or refusal.extra.get("id")
    found = (each for each in admitted for own in each.records if str(wanted) in (str(own.id), str(own.subject)))
    line = next(found, None)
    if line is None:
        raise refusal
    return line


def _line(
    verdict: Admitted | Refused,
    outcomes: dict[int, list[Receipt] | TimelineError],
    params: BatchParams,
    instance: str,
) -> entry.LineVerdict:
    outcome = outcomes.get(verdict.number)
    problem = (
        verdict.refusal if isinstance(verdict, Refused) else outcome if isinstance(outcome, TimelineError) else None
    )
    receipt = outcome[-1] if isinstance(outcome, list) else None
    # 424: nothing is wrong with this line, but it stands or falls with another.
    status = problem.status if problem else 201 if receipt else 200 if params.dry_run else 424
    return entry.LineVerdict(
        line=verdict.number,
        ref=verdict.ref,
        status=status,
        id=str(verdict.id) if isinstance(verdict, Admitted) and (receipt or params.dry_run) else None,
        position=receipt.position if receipt else None,
        repeated=bool(receipt and receipt.repeated),
        problem=document(problem, f"{instance}#line-{verdict.number}") if problem else None,
    )
