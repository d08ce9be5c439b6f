"""`timeline brief`: the brief of a week, from the database itself or from a service, by our template or another."""

import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

import jinja2
import msgspec

from timeline.access import Identity
from timeline.api.query import WeekParams, read_text
from timeline.api.service import Reads
from timeline.api.weeks import weekly
from timeline.errors import BadRequest, Behind, NoAnswer, Refusal, WrongSetting
from timeline.formats import docx, html
from timeline.formats.brief import TEMPLATE, brief
from timeline.formats.format import Where
from timeline.model.record import level_of
from timeline.model.slice import Slice

FOLDING_SECONDS_MAX = 60.0
ANSWER_SECONDS_MAX = 60.0

WRITERS: dict[str, Callable[[Slice, Where, str], bytes]] = {"md": brief, "html": html.page, "docx": docx.document}
"""How a brief is written, by the ending of its file."""


def written(week: Slice, form: str, template: str | None, base: str) -> bytes:
    """The brief of a week, put together by a template: ours where none is given. Its links lead to `base`.

    Raises:
        WrongSetting: the template cannot be followed.
    """
    try:
        return WRITERS[form](week, Where(base=base), TEMPLATE if template is None else template)
    except jinja2.TemplateError as error:
        line = f" (line {error.lineno})" if isinstance(error, jinja2.TemplateSyntaxError) else ""
        raise WrongSetting(f"The template cannot be followed{line}: {error.message or error}") from None


async def week_here(to: Reads, week: str, asked: dict[str, str], audience: str) -> Slice:
    """The week of a brief as readers at a level see it, of everything that was recorded.

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
    return await weekly(to, who, params, week)


def week_there(url: str, week: str, asked: dict[str, str], token: str | None, suffix: str) -> bytes:
    """The week as a service answers it to this token, in the format of a suffix.

    Raises:
        BadRequest, Refusal: the service refuses it.
        NoAnswer: it does not answer.
    """
    query = "?" + urllib.parse.urlencode(asked) if asked else ""
    where = f"{url.rstrip('/')}/v1/weeks/{urllib.parse.quote(week, safe='')}{suffix}{query}"
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
