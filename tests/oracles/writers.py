"""Writers that post under load and keep every request whole, so that what was never answered can be repeated."""

import asyncio
import json
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from tests.log.desk import Post

JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
LINES_MAX = 40
PAUSE_SECONDS_MAX = 0.02
ANSWER_SECONDS_MAX = 60.0
ORDINARY = {200, 201, 503}
"""What may be answered whatever is killed: 200 is a batch of which some lines were told 503."""


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What a caller was told of a record."""

    id: str
    position: int
    replayed: bool | None = None
    """Whether it was called a repeat; of lines of a batch nobody says."""


@dataclass(kw_only=True)
class Attempt:
    """A request, to be repeated byte for byte, and what was told of it."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]
    content: bytes
    titles: list[str]
    """One a line, and no other record has it: by its title each copy of a record is found."""
    receipts: dict[str, Receipt] = field(default_factory=dict)

    @property
    def stands_or_falls(self) -> bool:
        """Whether all its lines are recorded or none."""
        return self.params.get("mode") != "each"

    @property
    def open(self) -> bool:
        """Whether some line of it was never acknowledged."""
        return len(self.receipts) < len(self.titles)


class Writers:
    """Several writers on one service, until they are told to stop."""

    def __init__(self, chance: random.Random, url: str, token: str) -> None:
        self.url = url
        self.attempts: list[Attempt] = []
        self.faults: list[str] = []
        """Answers that nothing that was killed excuses."""
        self.acknowledged = 0
        self._chance = chance
        self._token = token
        self._events: list[str] = []
        self._stopped = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, number: int) -> None:
        """Begin to write."""
        self._tasks = [asyncio.create_task(self._write()) for _ in range(number)]

    async def stop(self) -> None:
        """Let each finish what it does."""
        self._stopped.set()
        await asyncio.gather(*self._tasks)

    async def progress(self) -> None:
        """Wait until something more was acknowledged."""
        before = self.acknowledged
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            while self.acknowledged == before:  # noqa: ASYNC110  (a writer is too busy to set an event)
                await asyncio.sleep(0.005)

    async def repeat(self, attempt: Attempt) -> dict[str, Receipt]:
        """Post it again as it was; what is told now."""
        again = Attempt(
            path=attempt.path,
            params=attempt.params,
            headers=attempt.headers,
            content=attempt.content,
            titles=attempt.titles,
        )
        async with self._client() as client:
            answer = await self._send(client, again)
        if again.open:
            self.faults.append(f"a repeat was not acknowledged: {answer.text[:300] if answer else 'no answer'}")
        return again.receipts

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(headers={"Authorization": f"Bearer {self._token}"}, timeout=ANSWER_SECONDS_MAX)

    async def _write(self) -> None:
        async with self._client() as client:
            while not self._stopped.is_set():
                attempt = self._next()
                self.attempts.append(attempt)
                answer = await self._send(client, attempt)
                await asyncio.sleep(self._chance.random() * PAUSE_SECONDS_MAX)
                if answer is None:
                    await self._service_is_there(client)

    async def _service_is_there(self, client: httpx.AsyncClient) -> None:
        """Wait for somebody to answer, so that no heap of posts is made that nobody hears."""
        while not self._stopped.is_set():
            with suppress(httpx.TransportError):
                await client.get(f"{self.url}/health/live")
                return
            await asyncio.sleep(PAUSE_SECONDS_MAX)

    async def _send(self, client: httpx.AsyncClient, attempt: Attempt) -> httpx.Response | None:
        """The answer; None if the connection broke, so that nobody knows."""
        try:
            answer = await client.post(
                self.url + attempt.path, params=attempt.params, headers=attempt.headers, content=attempt.content
            )
        except httpx.TransportError:
            return None
        self._note(attempt, answer)
        return answer

    def _note(self, attempt: Attempt, answer: httpx.Response) -> None:
        if answer.status_code not in ORDINARY or (answer.status_code == 503 and not _is_polite(answer)):
            self.faults.append(f"{attempt.path} {attempt.params} was answered {answer.status_code} {answer.text[:300]}")
        if answer.status_code not in (200, 201):
            return
        told = answer.json()
        if "verdicts" in told:
            found = {v["line"]: v for v in told["verdicts"]}
            self._note_lines(attempt, [found[number] for number in range(1, len(attempt.titles) + 1)])
        else:
            replayed = answer.headers.get("Idempotency-Replayed") == "true"
            attempt.receipts[attempt.titles[0]] = Receipt(id=told["id"], position=told["position"], replayed=replayed)
            self._events.append(told["id"])
            self.acknowledged += 1

    def _note_lines(self, attempt: Attempt, verdicts: list[dict[str, Any]]) -> None:
        for title, verdict in zip(attempt.titles, verdicts, strict=True):
            if verdict["status"] == 201:
                attempt.receipts[title] = Receipt(id=verdict["id"], position=verdict["position"])
                self.acknowledged += 1
            elif verdict["status"] != 503:
                self.faults.append(f"a line was told {verdict}")

    def _next(self) -> Attempt:
        kind = self._chance.choice(("post", "post", "reply", "batch", "batch"))
        wait = {} if self._chance.random() < 0.5 else {"wait": "false"}
        if kind == "batch":
            return self._batch()
        post = self._reply() if kind == "reply" and self._events else self._visit()
        headers, named = self._names(post)
        return Attempt(
            path="/v1/events",
            params={"on_missing": "propose"} | wait,
            headers=JSON | headers,
            content=json.dumps(named).encode(),
            titles=[post["title"]],
        )

    def _batch(self) -> Attempt:
        """Lines that stand or fall together under one key, or each by itself with an id of its own."""
        lines = [self._visit() for _ in range(self._chance.randint(2, LINES_MAX))]
        atomic = self._chance.random() < 0.5
        headers = {"Idempotency-Key": f'"{uuid4()}"'} if atomic else {}
        sent = lines if atomic else [line | {"id": str(uuid4())} for line in lines]
        return Attempt(
            path="/v1/events/batch",
            params={"mode": "atomic" if atomic else "each", "on_missing": "propose"},
            headers=NDJSON | headers,
            content="\n".join(map(json.dumps, sent)).encode(),
            titles=[line["title"] for line in lines],
        )

    def _names(self, post: Post) -> tuple[dict[str, str], Post]:
        """By what a repeat is known: an id of its own, or a key."""
        if self._chance.random() < 0.5:
            return {}, post | {"id": str(uuid4())}
        return {"Idempotency-Key": f'"{uuid4()}"'}, post

    def _visit(self) -> Post:
        """By chance with an actor whom nobody knows: then two records are made of it, or none."""
        stranger = self._chance.random() < 0.2
        actor = f"Stranger {uuid4().hex}" if stranger else "haftar"
        title = f"visit-{uuid4().hex}"
        return {"kind": "visit", "title": title, "occurred": "2019-06-05", "source": "paper", "participants": [actor]}

    def _reply(self) -> Post:
        event = self._chance.choice(self._events[-20:])
        kind = self._chance.choice(("denial", "report"))
        title = f"{kind}-{uuid4().hex}"
        return {"kind": kind, "title": title, "of": [event], "occurred": "2019-06-07", "source": "paper"}


def _is_polite(answer: httpx.Response) -> bool:
    """Whether a 503 says what happened and when to come again."""
    is_problem = answer.headers["content-type"] == "application/problem+json"
    return is_problem and int(answer.headers.get("Retry-After", "0")) > 0
