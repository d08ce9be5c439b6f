"""What one level is answered by every route of the document: what to ask of each, and the answers without positions.

`openapi.json` says which routes there are; one that is not told of here makes the oracle red.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import httpx
import msgpack

from timeline.formats import FORMATS
from timeline.importers.libya_week import Post, id_of
from timeline.model.registry import COLLECTIONS

DOCUMENT = Path(__file__).parents[2] / "openapi" / "openapi.json"
ON = "2019-06-17"
WEEKS = ("2019-W22", "2019-W23", "2019-W24", "2019-W25")
SUFFIXES = tuple(each.suffix for each in FORMATS.values())
FOLLOWS_THE_LOG = ("timeline-position", "timeline-next", "x-request-id", "content-length", "content-encoding", "date")
"""Headers that tell how far the log is, or how long a body with such digits is."""
OPERATORS = ("GET /metrics", "GET /health/live", "GET /health/ready")
"""Figures of the process and the size of the log, for operators: no words of any record, which is looked at apart."""
STATIC = ("GET /", "GET /docs", "GET /docs.css", "GET /openapi.json", "GET /v1/kinds")
_TELLS_POSITION = re.compile(r"[Aa]s of position \d+|to position \d+|bundle--[0-9a-f-]{36}")
"""Of formats that say it in words, or make the id of an answer from it."""
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class About(NamedTuple):
    """What there is to ask about."""

    events: list[str]
    """Visible ones."""
    hidden: list[Post]
    """What one level may not see, as it is or will be posted."""
    head: int
    """A position before anything hidden was recorded."""

    @property
    def hidden_ids(self) -> list[str]:
        """Of the hidden events and things."""
        return list(dict.fromkeys(post["id"] for post in self.hidden if "id" in post))

    def hidden_things(self, kind: str) -> list[Post]:
        """The hidden registrations of a kind."""
        return [post for post in self.hidden if post["kind"] == kind and "slug" in post]


class Ask(NamedTuple):
    """One request."""

    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = {}


Asked = Callable[[About], Iterable[str | Ask]]


def operations() -> set[str]:
    """Every route of the document: `GET /v1/events/{event}`."""
    paths = json.loads(DOCUMENT.read_text())["paths"]
    return {f"{method.upper()} {path}" for path, item in paths.items() for method in item if method in METHODS}


METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}


# Reads


def _timeline(path: str) -> Asked:
    def asked(about: About) -> Iterator[str | Ask]:
        yield from (
            f"{path}{how}on={ON}" for how in ("?", "?order=desc&limit=3&", f"?as_of={about.head}&", "?limit=2&")
        )
        yield f"{path}?said_to=2019-06-08&as_of={about.head}&on={ON}"
        yield f"{path}?standing=denied&kind=visit&on={ON}"
        yield f"{path}?feeds=include&from=2019-06-01&to=2019-06-09&on={ON}"

    return asked


def _named_timeline(collection: str, kind: str, *slugs: str) -> Asked:
    def asked(about: About) -> Iterator[str | Ask]:
        for slug in slugs:
            yield from _timeline(f"/v1/timelines/{collection}/{slug}")(about)
        for post in about.hidden_things(kind):
            yield from (f"/v1/timelines/{collection}/{each}" for each in (post["id"], post["slug"]))

    return asked


def _weeks(about: About) -> Iterator[str]:
    for week in WEEKS:
        yield from (f"/v1/weeks/{week}{how}on={ON}" for how in ("?", "?match=possible&", f"?as_of={about.head}&"))
    yield f"/v1/weeks/2019-W23?actor=haftar&topic=libya&since={about.head // 2}&on={ON}"
    yield from (f"/v1/weeks/2019-W23?actor={post['slug']}&on={ON}" for post in about.hidden_things("actor"))


def _search(about: About) -> Iterator[str]:
    yield f"/v1/events?q=e&as_of={about.head}&on={ON}"
    yield f"/v1/events?actor=haftar&topic=libya&on={ON}"
    yield f"/v1/events?source=weekly&recorded_from=9&limit=2&on={ON}"
    yield f"/v1/events?q=unseen&on={ON}"
    for kind in ("actor", "topic", "place", "source"):
        yield from (f"/v1/events?{kind}={post['slug']}&on={ON}" for post in about.hidden_things(kind))


def _events(about: About) -> Iterator[str]:
    yield from (f"/v1/events/{each}?on={ON}" for each in (*about.events, *about.hidden_ids))
    yield from (f"/v1/events/{each}?on={ON}&said_to=2019-06-08" for each in about.events[::5])


def _histories(about: About) -> Iterator[str]:
    yield from (f"/v1/events/{each}/history" for each in (*about.events[::3], *about.hidden_ids[:6]))
    yield f"/v1/events/{about.events[0]}/history?limit=1"


def _feed(about: About) -> list[str]:
    """The feed, whole and by what it may be asked for."""
    asked = ["limit=7", f"after={about.head - 5}", "actor=haftar", "topic=libya&kind=denial", "standing_changed=true"]
    return [
        "/v1/changes",
        *(f"/v1/changes?{each}" for each in (*asked, "actor=haftar&standing_changed=true", "actor=unseen-actor")),
    ]


def _provenances(about: About) -> Iterator[str]:
    yield from (f"/v1/events/{each}/provenance" for each in (*about.events[::3], *about.hidden_ids[:6]))


def _differences(about: About) -> Iterator[str]:
    yield from (f"/v1/diff?from={at}" for at in (0, about.head // 2, about.head - 3))
    yield f"/v1/diff?from=0&to={about.head}&actor=haftar"
    yield "/v1/diff?from=0&limit=2"
    yield "/v1/diff?from=0&week=2019-W23"
    yield from (f"/v1/diff?from=0&topic={post['slug']}" for post in about.hidden_things("topic"))


def _duplicates(about: About) -> Iterator[str]:
    yield from ("/v1/duplicates?score_min=1", "/v1/duplicates?score_min=1&limit=2&feeds=include", "/v1/duplicates")
    yield "/v1/duplicates?actor=haftar&score_min=20&from=2019-06-01"
    for kind in ("actor", "topic", "place"):
        yield from (f"/v1/duplicates?{kind}={post['slug']}" for post in about.hidden_things(kind))


def _impacts(about: About) -> Iterator[str]:
    yield from (f"/v1/sources/{each}/impact" for each in ("unattributed", "russian-officials", "weekly"))
    yield "/v1/sources/unattributed/impact?as=F"
    yield "/v1/sources/weekly/impact?by=publisher&limit=2"
    yield from (f"/v1/sources/{post['slug']}/impact" for post in about.hidden_things("source"))


def _registry(kind: str) -> Asked:
    def asked(about: About) -> Iterator[str]:
        yield from (f"/v1/{COLLECTIONS[kind]}{how}" for how in ("", "?q=a", "?q=unseen", "?limit=2"))
        yield f"/v1/{COLLECTIONS[kind]}?as_of={about.head}"

    return asked


def _thing(kind: str, *slugs: str) -> Asked:
    def asked(about: About) -> Iterator[str]:
        hidden = [each for post in about.hidden_things(kind) for each in (post["id"], post["slug"])]
        yield from (f"/v1/{COLLECTIONS[kind]}/{each}" for each in (*slugs, *hidden, "nobody", *about.hidden_ids[:3]))

    return asked


def _always(path: str) -> Asked:
    return lambda about: [path]


def _token(how: str) -> Asked:
    return lambda about: [Ask("POST", f"/v1/tokens/{about.hidden_ids[0]}/{how}", {})]


# Posts that record nothing: refused, or shown only


VISIT: Post = {
    "kind": "visit",
    "title": "A visit",
    "occurred": "early June 2019",
    "source": "weekly",
    "marking": "clear",
}


def naming_hidden(about: About) -> Iterator[Post]:
    """Posts that name what is hidden, each in another place. Not by an address: that it is taken can't be hidden."""
    visible = about.events[0]
    for post in about.hidden:
        if "slug" not in post:
            continue
        kind = post["kind"]
        for text in (post["id"], post["slug"], post.get("name") or post["title"]):
            yield (
                VISIT
                | {
                    "actor": {"participants": [text]},
                    "source": {"source": text},
                    "topic": {"topics": [text]},
                    "place": {"places": [text]},
                    "document": {"document": text, "occurred": "last week"},
                }[kind]
            )
    for id_ in about.hidden_ids[::2]:
        reason = {"subject": id_, "reason": "A reason."}
        yield {"kind": "denial", "of": [id_], "source": "weekly", "occurred": "2019-06-07", "marking": "clear"}
        yield {"kind": "confirmation", "of": [visible, id_], "source": "weekly", "occurred": "2019-06-07"}
        yield VISIT | {"kind": "assessment", "based_on": [id_]}
        yield VISIT | {"kind": "cancellation", "cancels": [id_]}
        yield VISIT | {"occurred": {"during": id_}}
        yield {"kind": "correction", **reason, "revision": 1, "ground": "our_error", "event": VISIT}
        yield {"kind": "retraction", **reason}
        yield {"kind": "recall", **reason}
        yield {"kind": "marking", **reason, "marking": "clear"}
        yield {"kind": "erasure", **reason, "authority": "An officer"}
        yield {"kind": "duplicate", **reason, "survivor": visible}
        yield {"kind": "distinct", **reason, "other": visible}
        yield {"kind": "distinct", "subject": visible, "reason": "A reason.", "other": id_}
        yield {"kind": "duplicate", "subject": visible, "reason": "A reason.", "survivor": id_}


def naming_visible(about: About) -> Iterator[Post]:
    """Posts of what everybody sees: what is filled in and what would change follow from no hidden record."""
    some = about.events[:: max(1, len(about.events) // 6)]
    for id_ in some:
        reply = {"of": [id_], "source": "white-house-source", "occurred": "7 June 2019", "modality": "stated"}
        yield {"kind": "denial", **reply, "marking": "clear"}
        yield {"kind": "confirmation", "ground": "admission", **reply}
        yield {"kind": "recall", "subject": id_, "reason": "A reason."}
        yield {"kind": "duplicate", "subject": id_, "survivor": some[0], "reason": "A reason."}
        yield {"kind": "distinct", "subject": id_, "other": some[-1], "reason": "A reason."}
        yield {
            "kind": "correction",
            "subject": id_,
            "revision": 99,
            "ground": "our_error",
            "reason": "R",
            "event": VISIT,
        }
    yield VISIT | {"document": "weekly-report", "occurred": "last week", "participants": ["Khalifa Haftar", "russia"]}
    yield VISIT | {"participants": ["field marshal haftar"], "topics": ["Libyan conflict"]}


def _dry(path: str, posts: Iterable[Post]) -> Iterator[Ask]:
    for post in posts:
        yield Ask("POST", f"{path}?dry_run=true", post)


def _posts(about: About) -> Iterator[Ask]:
    yield from _dry("/v1/events", naming_visible(about))
    for post in naming_hidden(about):
        yield Ask("POST", "/v1/events?dry_run=true", post)
    yield Ask("POST", "/v1/events?dry_run=true&on_missing=propose", VISIT | {"participants": ["Somebody Else"]})
    yield Ask("POST", "/v1/events", {**VISIT, "title": ""})
    yield Ask("POST", "/v1/events", {**VISIT, "id": id_of("event", "repeated"), "kind": "call"})
    yield Ask("POST", "/v1/events", {**VISIT, "id": id_of("event", "repeated")})
    yield Ask("POST", "/v1/events", VISIT, {"Idempotency-Key": "repeated"})
    yield Ask("POST", "/v1/events", {**VISIT, "title": "Another"}, {"Idempotency-Key": "repeated"})


def _batches(about: About) -> Iterator[Ask]:
    # At once what takes nothing: all lines are shown, or refused since one of them is.
    lines = [*naming_visible(about), *naming_hidden(about)]
    lines += [VISIT | {"ref": "own"}, {**next(naming_visible(about)), "of": ["#own"]}]
    for mode in ("each", "atomic"):
        yield Ask("POST", f"/v1/events/batch?dry_run=true&mode={mode}", lines)
    # The first line is refused, so nothing is recorded.
    yield Ask("POST", "/v1/events/batch", {"events": [{**VISIT, "source": "nobody"}, *lines], "defaults": {}})


def _registering(kind: str) -> Asked:
    def asked(about: About) -> Iterator[Ask]:
        path = f"/v1/{COLLECTIONS[kind]}"
        yield from _dry(path, _registrations(kind, about))
        yield Ask("POST", path, {"slug": "NOT ONE"})

    return asked


def _registrations(kind: str, about: About) -> Iterator[Post]:
    hidden = about.hidden_things("actor")
    if kind == "same_actor":
        yield {"actors": ["haftar", "russia"], "judgement": "unsure"}
        yield from ({"actors": ["haftar", post["slug"]], "judgement": "same"} for post in hidden)
    elif kind == "membership":
        yield {"member": "haftar", "of": "lna"}
        yield from ({"member": post["id"], "of": "lna"} for post in hidden)
    else:
        named = "title" if kind == "document" else "name"
        yield {"slug": "new-one", named: "A new one", "marking": "clear"}
        for post in about.hidden_things(kind):
            yield {"slug": f"other-{post['slug']}", named: post[named]}
            yield {"slug": "other", named: "Other", "id": post["id"], "revision": 1}
            yield {"slug": post["slug"], named: "Other", "revision": 1}
    if kind == "source":
        yield from ({"slug": "other", "name": "Other", "speaks_for": [post["slug"]]} for post in hidden)


ASKED: dict[str, Asked] = {
    "GET /v1/timelines/all": _timeline("/v1/timelines/all"),
    "GET /v1/timelines/actors/{actor}": _named_timeline("actors", "actor", "haftar", "russia", "field-marshal"),
    "GET /v1/timelines/topics/{topic}": _named_timeline("topics", "topic", "libya"),
    "GET /v1/timelines/places/{place}": _named_timeline("places", "place", "moscow"),
    "GET /v1/weeks/{week}": _weeks,
    "GET /v1/events": _search,
    "GET /v1/events/{event}": _events,
    "GET /v1/events/{event}/history": _histories,
    "GET /v1/events/{event}/provenance": _provenances,
    "GET /v1/diff": _differences,
    "GET /v1/sources/{source}/impact": _impacts,
    "GET /v1/duplicates": _duplicates,
    "GET /v1/changes": _feed,
    "POST /v1/events": _posts,
    "POST /v1/events/batch": _batches,
    **{f"GET /v1/{COLLECTIONS[kind]}": _registry(kind) for kind in COLLECTIONS},
    **{f"POST /v1/{COLLECTIONS[kind]}": _registering(kind) for kind in COLLECTIONS},
    "GET /v1/tokens": _always("/v1/tokens"),
    "GET /v1/tokens/{token}": lambda about: [f"/v1/tokens/{each}" for each in about.hidden_ids[:2]],
    "POST /v1/tokens": lambda about: [Ask("POST", "/v1/tokens", {"name": ""})],
    "POST /v1/tokens/{token}/revoke": _token("revoke"),
    "POST /v1/tokens/{token}/rotate": _token("rotate"),
    "GET /v1/actors/{named}": _thing("actor", "haftar", "field-marshal"),
    "GET /v1/sources/{named}": _thing("source", "weekly"),
    "GET /v1/topics/{named}": _thing("topic", "libya"),
    "GET /v1/places/{named}": _thing("place", "moscow"),
    "GET /v1/documents/{named}": _thing("document", "weekly-report"),
    "GET /v1/memberships/{named}": _thing("membership"),
    "GET /v1/same-actors/{named}": _thing("same_actor"),
    **{each: _always(each.split()[1]) for each in STATIC},
}
"""What is asked of each route."""


async def told(client: httpx.AsyncClient, about: About) -> dict[str, Any]:
    """Everything that a level is answered, by what was asked. It records nothing."""
    found: dict[str, Any] = {}
    for operation, asked in ASKED.items():
        for n, each in enumerate(asked(about)):
            ask = each if isinstance(each, Ask) else Ask("GET", each)
            key = f"{ask.method} {ask.path} {json.dumps(ask.body, sort_keys=True)} {ask.headers}"
            answer = await client.request(ask.method, ask.path, json=ask.body, headers=ask.headers)
            found[key] = read(answer, about)
            assert answer.status_code < 500, (key, answer.text)
            if operation.startswith("GET /v1") and n < 2:
                found |= {f"{how} {key}": each for how, each in (await _otherwise(client, ask, answer, about)).items()}
            found |= {f"{key}, page {at}": page async for at, page in _walk(client, ask, answer, about)}
    return found


async def _otherwise(client: httpx.AsyncClient, ask: Ask, answer: httpx.Response, about: About) -> dict[str, Any]:
    """The same asked without a body, in every format, with what is held already, and with what nobody knows."""
    path, _, query = ask.path.partition("?")
    found = {"HEAD": await client.head(ask.path)}
    for suffix in SUFFIXES:  # a stream goes on: of it only the head comes to an end
        method = "HEAD" if (path, suffix) == ("/v1/changes", ".sse") else "GET"
        found[suffix] = await client.request(method, f"{path}{suffix}?{query}")
    found["unknown"] = await client.get(f"{path}?{query}&nobody=knows")
    if tag := answer.headers.get("etag"):
        for n in range(2):
            found[f"held {n}"] = await client.get(ask.path, headers={"If-None-Match": tag})
    return {how: read(each, about) for how, each in found.items()}


async def _walk(client: httpx.AsyncClient, ask: Ask, answer: httpx.Response, about: About) -> Any:
    """The pages that follow."""
    at = 0
    while ask.method == "GET" and (link := answer.links.get("next")) and (at := at + 1) < 40:
        answer = await client.get(link["url"])
        status, headers, body = read(answer, about)
        # A page's tag follows its address, in which the cursor tells a position.
        yield at, (status, {name: value for name, value in headers.items() if name != "etag"}, body)
    if "/v1/changes" not in ask.path or answer.status_code != 200:
        return
    after, following = -1, int(answer.headers["timeline-next"])
    records: list[Any] = []
    while following != after:
        after = following
        answer = await client.get(_after(ask.path, after))
        following = int(answer.headers["timeline-next"])
        records += answer.json()["records"]
    yield "to the end", records


def _after(path: str, after: int) -> str:
    """The same, after a position."""
    address, _, query = path.partition("?")
    kept = [each for each in query.split("&") if each and not each.startswith("after=")]
    return f"{address}?{'&'.join([*kept, f'after={after}'])}"


def read(answer: httpx.Response, about: About) -> Any:
    """Its status, its headers and its body, without what tells how far the log is."""
    headers = {name: _without_cursors(value) for name, value in answer.headers.items() if name not in FOLLOWS_THE_LOG}
    if answer.request.method == "POST":
        known = {*about.events, *about.hidden_ids}
        return json.loads(_unknown_ids(json.dumps([answer.status_code, headers, _receipt(answer.json())]), known))
    media = answer.headers.get("content-type", "")
    if "officedocument" in media and answer.content:
        with ZipFile(BytesIO(answer.content)) as parts:
            return answer.status_code, headers, {each: _part(parts.read(each)) for each in parts.namelist()}
    if answer.request.method == "HEAD" or not re.search(r"\bjson|\+json|msgpack", media):
        return answer.status_code, headers, _without_position(_without_cursors(answer.text))
    body = msgpack.unpackb(answer.content) if "msgpack" in media else json.loads(_TELLS_POSITION.sub("", answer.text))
    for name in ("position", "to", "changed_to", "next", "instance"):
        if isinstance(body, dict) and name in body:
            body[name] = body[name] is not None
    return answer.status_code, headers, body


def _receipt(value: Any) -> Any:
    """A receipt without where in the log it stands and when it was recorded."""
    if isinstance(value, dict):
        follow = ("position", "recorded_at", "visible")
        return {name: _receipt(each) for name, each in value.items() if name not in follow}
    return [_receipt(each) for each in value] if isinstance(value, list) else value


def _unknown_ids(text: str, known: set[str]) -> str:
    """Ids that the service made up just now are all the same."""
    return _UUID.sub(lambda found: found[0] if found[0] in known or found[0][14] != "7" else "<new>", text)


def _part(content: bytes) -> str:
    return _TELLS_POSITION.sub("", content.decode("latin-1"))


def _without_cursors(text: str) -> str:
    return re.sub(r"cursor=[\w-]+", "cursor", text)


def _without_position(text: str) -> list[str]:
    return [line for line in text.splitlines() if "s of position" not in line and "to position" not in line]
