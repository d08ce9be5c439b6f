"""Where loaded posts go: the log of the database itself, or a service over HTTP."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any
from uuid import UUID

import httpx
import msgspec

from timeline.api.batch import line_of
from timeline.api.posting import keep_pace
from timeline.api.service import Writing
from timeline.errors import BadRequest, IdTaken, NoAnswer, TimelineError
from timeline.importers.importer import FINGERPRINT, Post
from timeline.importing import Held, Outcome
from timeline.log.admit import Admitted, Caller, Line, Refused
from timeline.log.read import event_in
from timeline.log.resolve import Missing
from timeline.model.codec import Payload
from timeline.model.registry import REGISTRATIONS

ANSWER_SECONDS_MAX = 120.0
NDJSON = "application/x-ndjson"


class Here:
    """The log of the database that this process works on, through the same admission and writer as anybody's post."""

    def __init__(self, to: Writing, caller: Caller) -> None:
        self._to = to
        self._caller = caller

    async def post(self, posts: Sequence[Post], *, beside: Collection[int] = (), dry: bool) -> list[Outcome]:
        """Record posts, each for itself, those `beside` only for others that name them."""
        lines = [line_of(number, post) for number, post in enumerate(posts)]
        good = [each for each in lines if isinstance(each, Line)]
        admitting = self._to.admission.admit(good, self._caller, self._to.now(), telling=False)
        verdicts = {v.number: v for v in await admitting}
        found = [verdicts[each.number] if isinstance(each, Line) else each for each in lines]
        admitted = [each for each in found if isinstance(each, Admitted)]
        wanted = _wanted(admitted, frozenset(beside))
        outcomes = await (self._known(wanted) if dry else self._append(wanted))
        left = Outcome("left")
        return [_refusal(e.refusal) if isinstance(e, Refused) else outcomes.get(e.number, left) for e in found]

    async def _append(self, admitted: Sequence[Admitted]) -> dict[int, Outcome]:
        await keep_pace(self._to)
        receipts = await self._to.writer.append([each.group() for each in admitted]) if admitted else []
        found: dict[int, Outcome] = {}
        for each, receipt in zip(admitted, receipts, strict=True):
            if isinstance(receipt, TimelineError):
                found[each.number] = _refusal(receipt)
            else:
                found[each.number] = Outcome("repeated" if receipt[-1].repeated else "recorded")
        return found

    async def _known(self, admitted: Sequence[Admitted]) -> dict[int, Outcome]:
        """What would become of them, as far as their ids tell."""
        there = await self._to.log.subjects([each.id for each in admitted])
        return {each.number: Outcome("taken" if each.id in there else "recorded") for each in admitted}

    async def held(self, ids: Sequence[str]) -> dict[str, Held]:
        """Those events and registered things that are there, as they stand."""
        subjects = await self._to.log.subjects([UUID(each) for each in ids])
        things = {own for own, subject in subjects.items() if subject.kind in REGISTRATIONS}
        bodies = {own: record.body for own, record in (await self._to.log.last_bodies(things)).items() if record.body}
        posted = await self._to.log.posted(subjects.keys() - things)
        told = {own: event.external_ids for own, event in posted.items()}
        told |= {own: body.get("external_ids", {}) for own, body in bodies.items()}
        return {
            str(own): Held(subject.revision, told.get(own, {}).get(FINGERPRINT), bodies.get(own))
            for own, subject in subjects.items()
        }

    async def imported(self, scheme: str) -> AsyncIterator[tuple[str, str]]:
        """Every event that ever came with an external id of this scheme, in the order of the log."""
        async for record in self._to.log.tail(0):
            if record.body is None or record.kind in REGISTRATIONS or scheme not in record.body.get("external_ids", {}):
                continue
            payload = Payload(id=str(record.id), kind=record.kind, shape=record.shape, recorded_by="", body=record.body)
            yield str(record.subject), event_in(payload).external_ids[scheme]

    async def readable(self, timeout_seconds: float) -> bool:
        """Wait until everything that was recorded can be read."""
        return await self._to.projector.reached(await self._to.log.head(), timeout_seconds)


def _wanted(admitted: Sequence[Admitted], beside: Collection[int]) -> list[Admitted]:
    """Those that are to be recorded: of those beside others only what these name, directly or through others."""
    alone = [each for each in admitted if each.number not in beside]
    by_id = {each.id: each for each in admitted}
    open_, named = [*alone], {each.id for each in alone}
    while open_:
        for needed in open_.pop().needs - named:
            named.add(needed)
            open_ += [by_id[needed]] if needed in by_id else []
    return [each for each in admitted if each.id in named]


class There:
    """A service, over HTTP, with a token that may append."""

    def __init__(self, client: httpx.AsyncClient, on_missing: Missing) -> None:
        self._client = client
        self._on_missing = on_missing
        self._position = 0
        """The last that was recorded here: what is asked for after it is to be read as of then, or later."""

    async def post(self, posts: Sequence[Post], *, beside: Collection[int] = (), dry: bool) -> list[Outcome]:
        """Record posts, each for itself. What stands beside others is registered first, also where these are refused:
        a service takes a batch in one go."""
        body = b"".join(msgspec.json.encode(each) + b"\n" for each in posts)
        query = {"mode": "each", "on_missing": self._on_missing, "wait": "false"} | ({"dry_run": "true"} if dry else {})
        answer = await self._ask(
            "POST", "/v1/events/batch", params=query, content=body, headers={"Content-Type": NDJSON}
        )
        found = [_verdict(each) for each in answer["verdicts"]]
        if not dry:
            self._position = max([self._position, *(each["position"] or 0 for each in answer["verdicts"])])
            return found
        there = await self.held([str(post["id"]) for post in posts])
        return [
            Outcome("taken") if each.done == "recorded" and post["id"] in there else each
            for post, each in zip(posts, found, strict=True)
        ]

    async def held(self, ids: Sequence[str]) -> dict[str, Held]:
        """Those events and registered actors that are there and may be read, as they stand."""
        found, fresh = {}, {"min_position": self._position} if self._position else {}
        for each in ids:
            answer = await self._client.get(f"/v1/events/{each}", params=fresh)
            if answer.status_code == httpx.codes.OK:
                event = answer.json()
                found[each] = Held(event["revision"], event["external_ids"].get(FINGERPRINT))
                continue
            answer = await self._client.get(f"/v1/actors/{each}", params=fresh)
            if answer.status_code == httpx.codes.OK:
                thing = answer.json()
                ids_told = thing["body"].get("external_ids", {})
                found[each] = Held(thing["revision"], ids_told.get(FINGERPRINT), thing["body"])
        return found

    async def imported(self, scheme: str) -> AsyncIterator[tuple[str, str]]:
        """Every event that ever came with an external id of this scheme, in the order of the log."""
        after = 0
        while True:
            page = await self._ask("GET", "/v1/changes", params={"after": after, "limit": 1000})
            for record in page["records"]:
                ids = (record.get("body") or {}).get("external_ids", {})
                if scheme in ids and record["kind"] not in REGISTRATIONS:
                    yield record["subject"], ids[scheme]
            if page["next"] == after:
                return
            after = page["next"]

    async def _ask(self, method: str, path: str, **given: Any) -> Any:
        try:
            answer = await self._client.request(method, path, **given)
        except httpx.HTTPError as error:
            raise NoAnswer(f"{self._client.base_url} does not answer: {error or type(error).__name__}.") from None
        if answer.is_success or answer.status_code == httpx.codes.MULTI_STATUS:
            return answer.json()
        told = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        raise BadRequest(str(told.get("detail") or f"{self._client.base_url} answers {answer.status_code}."))


def _verdict(told: dict[str, Any]) -> Outcome:
    problem = told["problem"]
    if problem is None:
        return Outcome("repeated" if told["repeated"] else "recorded")
    if problem["type"].endswith("/id-taken"):
        return Outcome("taken")
    errors = problem.get("errors") or [{}]
    return Outcome("refused", str(errors[0].get("pointer", "")), str(problem.get("detail", "")))


def _refusal(error: TimelineError) -> Outcome:
    if isinstance(error, IdTaken):
        return Outcome("taken")
    return Outcome("refused", error.errors[0].pointer if error.errors else "", error.detail)
