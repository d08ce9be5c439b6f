"""What goes wrong on the way is asked again, once; what the service refuses is raised as what it is."""

import asyncio
from collections.abc import Callable, Iterator

import httpx
import msgspec
import pytest

from tests.client.conftest import QUICK, client_of
from timeline import errors
from timeline.api.problems import answer
from timeline.app import Application
from timeline.client import AsyncClient, Client, Retries
from timeline.client.problems import OF_SLUG, of_document, problem_of
from timeline.errors import BadDate, Fault, NoAnswer, TimelineError, TooManyRequests, Unavailable

POST = {"kind": "other", "title": "Once", "occurred": "2019", "source": "unattributed"}
FAULTS = [Fault(pointer="#/occurred", expected="a date", found="when?")]


def problems() -> list[type[TimelineError]]:
    found: list[type[TimelineError]] = [TimelineError]
    for each in found:
        found += [below for below in each.__subclasses__() if below is not BadDate]
    return [each for each in found if each.__module__ == errors.__name__]


class Losing(httpx.AsyncBaseTransport):
    """Hands on every request, and drops the first answers on the way back."""

    def __init__(self, application: Application, answers: int) -> None:
        self.inner = httpx.ASGITransport(application.asgi)
        self.left = answers
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        response = await self.inner.handle_async_request(request)
        if self.left:
            self.left -= 1
            assert response.status_code < 300, await response.aread()
            raise httpx.ReadError("the connection was reset")
        return response


@pytest.mark.parametrize("own", [{}, {"id": "01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c01"}])
async def test_a_lost_answer_makes_one_record(
    application: Application, client: AsyncClient, own: dict[str, str]
) -> None:
    losing = Losing(application, 2)

    async with client_of(application, losing) as unlucky:
        receipt = await unlucky.post(POST | own, on_missing="propose")

    assert len(losing.asked) == 3
    assert len({request.headers["idempotency-key"] for request in losing.asked}) == 1
    assert [each.id for each in (await client.feed()).records if each.kind == "other"] == [receipt.id]


async def test_a_batch_with_a_lost_answer_is_recorded_once(application: Application, client: AsyncClient) -> None:
    losing = Losing(application, 1)

    async with client_of(application, losing) as unlucky:
        receipt = await unlucky.batch([POST, POST], mode="each", on_missing="propose")

    assert (receipt.recorded, receipt.repeated) == (0, 2)
    assert len([each for each in (await client.feed()).records if each.kind == "other"]) == 2


def scripted(*answers: Callable[[], httpx.Response] | Exception) -> tuple[httpx.MockTransport, list[httpx.Request]]:
    """A service that answers so, one after another."""
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        step = answers[min(len(asked), len(answers)) - 1]
        if isinstance(step, Exception):
            raise step
        return step()

    return httpx.MockTransport(handle), asked


def said(error: TimelineError) -> Callable[[], httpx.Response]:
    """The service's own answer to this error."""
    written = answer(error, "/v1/events")
    return lambda: httpx.Response(error.status, headers=written.encoded, content=written.content)


FEED = b'{"records":[],"next":7}'


def ok() -> httpx.Response:
    return httpx.Response(200, content=FEED)


@pytest.mark.parametrize(
    "first",
    [
        said(TooManyRequests("later", retry_after_seconds=1)),
        said(Unavailable("later", retry_after_seconds=1)),
        said(errors.Behind("later")),
        lambda: httpx.Response(502, content=b"<html>"),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
    ],
)
async def test_what_passes_is_waited_for(
    first: Callable[[], httpx.Response] | Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(asyncio, "sleep", _noting(waited))
    transport, asked = scripted(first, ok)

    async with AsyncClient(transport=transport, retries=QUICK, chance=lambda: 0.5) as client:
        assert (await client.feed()).next == 7

    wants = 1 if not isinstance(first, Exception) and "retry-after" in first().headers else 0
    assert len(asked) == 2
    assert waited == [wants + 0.005]


def _noting(waited: list[float]) -> Callable[[float], object]:
    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    return sleep


def test_the_sync_client_waits_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    transport, asked = scripted(said(Unavailable("later")), httpx.ConnectError("refused"), ok)

    with Client(transport=transport, retries=QUICK, chance=lambda: 1.0) as client:
        assert client.feed().next == 7

    assert len(asked) == 3
    assert waited == [0.01, 0.02]


def test_it_gives_up_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    transport, asked = scripted(httpx.ConnectError("refused"))

    with (
        Client("http://there:1", transport=transport, retries=QUICK) as client,
        pytest.raises(NoAnswer, match="there:1"),
    ):
        client.feed()

    assert len(asked) == QUICK.attempts


@pytest.mark.parametrize(
    "problem", [errors.BadParameter("no"), errors.NotFound("no"), Unavailable("no", retry_after_seconds=4)]
)
def test_what_asking_again_will_not_change_is_raised_at_once(problem: TimelineError) -> None:
    transport, asked = scripted(said(problem))

    with Client(transport=transport, retries=QUICK) as client, pytest.raises(type(problem)):
        client.feed()

    assert len(asked) == 1


class Cut(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        yield b"half of "
        raise httpx.ReadError("reset")


def test_an_answer_that_breaks_off_is_not_begun_again() -> None:
    transport, asked = scripted(httpx.ConnectError("refused"), lambda: httpx.Response(200, stream=Cut()))

    with Client(transport=transport, retries=QUICK) as client:
        pieces = iter(client.written("/v1/timelines/all.ndjson", limit="all"))
        assert next(pieces) == b"half of "
        with pytest.raises(NoAnswer):
            next(pieces)

    assert len(asked) == 2
    assert asked[1].url.query == b"limit=all"


def test_who_answers_something_else_is_not_believed() -> None:
    transport, _ = scripted(lambda: httpx.Response(200, content=b"<html>Sign in to the hotel"))

    with Client(transport=transport) as client, pytest.raises(NoAnswer, match="/v1/changes"):
        client.feed()


@pytest.mark.parametrize("made", range(1, 12))
def test_waits_grow_and_are_bounded(made: int) -> None:
    retries = Retries(attempts=99)
    error = Unavailable("later")

    assert retries.wait(made, error, 0.0) == 0
    assert retries.wait(made, error, 1.0) == min(30, 0.25 * 2 ** (made - 1))


@pytest.mark.parametrize("kind", problems(), ids=lambda each: str(each.__name__))
def test_every_type_of_problem_is_its_exception(kind: type[TimelineError]) -> None:
    error = kind("what was wrong", errors=FAULTS, retry_after_seconds=9, id="abc", revision=3)
    response = said(error)()

    found = problem_of(response.status_code, response.content, response.headers["retry-after"])

    assert type(found) is kind
    assert found.retry_after_seconds == 9
    assert found.errors == tuple(FAULTS)
    if error.status != 500:
        assert found.detail == "what was wrong"
        assert found.extra == {"status": error.status, "instance": "/v1/events", "id": "abc", "revision": 3}
    assert type(of_document(msgspec.json.decode(response.content))) is kind


def test_each_type_has_one_name() -> None:
    assert len(OF_SLUG) == len(problems())


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (404, b"", errors.NotFound),
        (418, b'{"type": "/problems/teapot", "detail": "short and stout"}', errors.Refusal),
        (422, b'{"type": "/problems/later-version", "errors": 7, "self": 1}', errors.InvalidRecord),
        (429, b"[]", TooManyRequests),
        (500, b'\xff{"', TimelineError),
        (504, b"<html>", NoAnswer),
    ],
)
def test_an_unknown_problem_is_what_its_status_says(status: int, content: bytes, kind: type[TimelineError]) -> None:
    found = problem_of(status, content, "Fri, 31 Dec 2027 23:59:59 GMT")

    assert type(found) is kind
    assert found.detail
