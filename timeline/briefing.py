"""`timeline brief`: the Markdown brief of a week, from the database itself or from a service."""

import http.client
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import msgspec

from timeline.access import Identity
from timeline.api.query import WeekParams, read_text
from timeline.api.service import Reads
from timeline.api.weeks import weekly
from timeline.errors import BadRequest, Behind, NoAnswer, Refusal
from timeline.formats import FORMATS, render
from timeline.model.record import level_of

FOLDING_SECONDS_MAX = 60.0
ANSWER_SECONDS_MAX = 60.0


async def brief_here(to: Reads, week: str, asked: dict[str, str], audience: str) -> bytes:
    """The brief as readers at a level see it, of everything that was recorded.

    Raises:
        BadParameter, NotFound: something asked for makes no sense, or is not there.
        Behind: the read models did not come to the end of the log.
    """
    params = read_text(asked, WeekParams)
    head = await to.log.head()
    if not await to.projector.reached(head, FOLDING_SECONDS_MAX):
        why = to.projector.health.stopped or f"they are at {to.projector.health.position}"
        raise Behind(f"The read models did not come to position {head}: {why}.")
    who = Identity(subject="", level=level_of(audience))
    return render(FORMATS["markdown"], await weekly(to, who, params, week))


def brief_there(url: str, week: str, asked: dict[str, str], token: str | None) -> bytes:
    """The brief as a service answers it to this token.

    Raises:
        BadRequest, Refusal: the service refuses it.
        NoAnswer: it does not answer.
    """
    query = "?" + urllib.parse.urlencode(asked) if asked else ""
    where = f"{url.rstrip('/')}/v1/weeks/{urllib.parse.quote(week, safe='')}.md{query}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(where, headers=headers)  # noqa: S310 – the caller checks that it is http
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS_MAX) as answer:  # noqa: S310 – as above
            found: bytes = answer.read()
            return found
    except urllib.error.HTTPError as error:
        refused = BadRequest if error.code == 400 else Refusal
        raise refused(_told(error.read()) or f"{url} answers {error.code}.") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise NoAnswer(f"{url} does not answer: {reason}.") from None


def _told(body: bytes) -> str | None:
    """What a problem document says."""
    try:
        found: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
    return str(found["detail"]) if isinstance(found, dict) and "detail" in found else None
