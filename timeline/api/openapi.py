"""The contract as one OpenAPI 3.1 document, made from the routes' contracts and the types themselves.

The framework's own document lacks discriminators, docstrings and `additionalProperties: false`, so it is not used: what
is decoded and what is documented come from the same msgspec types here.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, get_args

import msgspec
from litestar.handlers import HTTPRouteHandler

from timeline import __version__
from timeline.access import SCOPES
from timeline.api.contract import Contract
from timeline.api.posting import KEY
from timeline.api.problems import MEDIA_TYPE, Problem
from timeline.api.query import NAMED
from timeline.formats import offered
from timeline.model.entry import BatchReceipt, Feed, Preview, Receipt
from timeline.model.record import INTEGER_MAX, Record
from timeline.model.schemas import schemas

REF = "#/components/schemas/{name}"
JSON = "application/json"
_TITLES = {
    400: "A parameter or the body can't be read.",
    401: "No token, or one that is not known, was revoked or has expired.",
    403: "The token's scope is less than this needs.",
    404: "Nothing there that you may see.",
    405: "This address does not take this method; `Allow` lists those that it takes.",
    406: "None of the formats asked for is offered.",
    409: "It does not fit what the log holds: an id, a slug or a revision is taken.",
    410: "It was struck or erased.",
    413: "The body is too large.",
    415: "The body's media type is not taken.",
    422: "The record does not fit its kind, or names what is not known.",
    429: "Too many requests in a short time, or too many streams at once. See Retry-After.",
    503: "Not now: the queue is full, reads are behind, or the database is away. See Retry-After.",
}


def document(routes: Iterable[tuple[str, HTTPRouteHandler]]) -> dict[str, Any]:
    """The OpenAPI document of these (path, handler) pairs."""
    found = [(path, handler, handler.opt["contract"]) for path, handler in routes if "contract" in handler.opt]
    names = _Schemas([contract for _, _, contract in found])
    paths: dict[str, dict[str, Any]] = {}
    for path, handler, contract in sorted(found, key=lambda each: each[0]):
        address = re.sub(r"\{(\w+):\w+\}", r"{\1}", path)
        for method in sorted(handler.http_methods):
            paths.setdefault(address, {})[str(method).lower()] = _operation(address, handler, contract, names)
    for address, call in _shadowed(paths):
        paths[address][call]["responses"]["405"] = _problem(405, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Timeline",
            "version": __version__,
            "summary": "Who said what happened, where each claim stands, and what we knew when.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": ["admin"]}],
        "tags": [{"name": name} for name in sorted({contract.tag for _, _, contract in found})],
        "paths": paths,
        "components": {
            "schemas": names.components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": _SCOPES}},
        },
    }


def _shadowed(paths: dict[str, dict[str, Any]]) -> Iterable[tuple[str, str]]:
    """Calls that a more literal address may take the place of, with other methods: `GET /v1/events/batch` is 405.

    It is not 404: the address is there, and a caller who posts to it with GET is told how.
    """
    for address, operations in paths.items():
        pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", address))
        literal = [other for path, other in paths.items() if path != address and pattern.fullmatch(path)]
        yield from ((address, method) for method in operations if any(method not in each for each in literal))


def encoded(found: dict[str, Any]) -> bytes:
    """The document's bytes, as committed and as served."""
    return msgspec.json.format(msgspec.json.encode(_ordered(found)), indent=1) + b"\n"


def _ordered(value: Any) -> Any:
    """The same with its keys in order, JSON before other forms of an answer: generators take the first they know."""
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value, key=lambda name: (name != JSON, name))}
    return [_ordered(each) for each in value] if isinstance(value, list) else value


class _Schemas:
    """The component schemas of every type that a route takes or gives."""

    def __init__(self, contracts: list[Contract]) -> None:
        wanted: list[Any] = [Problem, Preview, BatchReceipt]
        wanted += [each for contract in contracts for each in (contract.body, contract.answers) if each is not None]
        made = schemas(wanted, REF)
        self._of = dict(zip(map(str, wanted), made.of, strict=True))
        self.components: dict[str, Any] = made.components
        for contract in contracts:
            if isinstance(contract.body, type) and issubclass(contract.body, Record):
                self._named_by_its_address(contract.body)

    def of(self, wanted: Any) -> dict[str, Any]:
        """The schema of a type: a reference, or a union of references."""
        return self._of[str(wanted)]

    def _named_by_its_address(self, kind: type[Record]) -> None:
        """A body of one kind may leave `kind` out, for the address says it."""
        schema = self.components[kind.__name__]
        tag = schema["properties"]["kind"]
        told = tag | {"description": f"Always `{kind.kind_of()}`; may be left out, for the address says it."}
        self.components[kind.__name__] = schema | {
            "required": [name for name in schema["required"] if name != "kind"],
            "properties": schema["properties"] | {"kind": told},
        }


def _operation(path: str, handler: HTTPRouteHandler, contract: Contract, names: _Schemas) -> dict[str, Any]:
    words = (handler.fn.__doc__ or "").strip()
    summary, _, rest = words.partition("\n")
    found: dict[str, Any] = {
        "operationId": contract.operation_id,
        "tags": [contract.tag],
        "summary": summary.strip().rstrip("."),
        "parameters": [_path_parameter(name) for name in re.findall(r"\{(\w+)\}", path)] + _query_parameters(contract),
        "responses": _responses(contract, names),
    }
    if rest.strip():
        found["description"] = "\n".join(line.strip() for line in rest.strip().splitlines())
    found["parameters"] += [_header_parameter(name, words) for name, words in contract.headers.items()]
    if _records(contract):
        found["parameters"].append(_IDEMPOTENCY_KEY)
    found["security"] = [] if contract.scope == "open" else [{"bearer": [contract.scope]}]
    if contract.scope == "read":  # without a token where the service is open to readers of what is clear
        found["security"].append({})
    if contract.body is not None:
        found["requestBody"] = {"required": True, "content": _body(contract, names)}
    return found


def _records(contract: Contract) -> bool:
    """Whether a call posts records."""
    return contract.answers in (Receipt, BatchReceipt)


_SCOPES = (
    "A token of this service: `Authorization: Bearer tl_...`, never in an address. Each call names the scope that it "
    "needs; the scopes are " + " < ".join(SCOPES) + ", and each holds those before it."
)
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A quoted string (RFC 9651); the same key with the same body is the same record. "
    "An `id` of the post's own counts before it.",
    "schema": {"type": "string", "pattern": f"^({KEY.pattern})$"},
}
_UUID = "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_IN_PATH: dict[str, tuple[str, str]] = {
    "week": (r"[0-9]{4}-W[0-9]{2}|current|last", "An ISO week such as `2019-W23`, `current` or `last`."),
    "event": (_UUID, "The event's id."),
    "token": (_UUID, "The token's public id; never its text."),
}


def _path_parameter(name: str) -> dict[str, Any]:
    pattern, words = _IN_PATH.get(name, (NAMED.pattern, "An id or a slug."))
    schema = {"type": "string", "pattern": f"^({pattern})$"}
    return {"name": name, "in": "path", "required": True, "description": words, "schema": schema}


def _header_parameter(name: str, words: str) -> dict[str, Any]:
    """A header that says a position."""
    schema = {"type": "integer", "minimum": 0, "maximum": INTEGER_MAX}
    return {"name": name, "in": "header", "required": False, "description": words, "schema": schema}


def _query_parameters(contract: Contract) -> list[dict[str, Any]]:
    if contract.query is None:
        return []
    asked = schemas([contract.query], REF).components[contract.query.__name__]
    found = []
    for name, schema in asked.get("properties", {}).items():
        plain = _without_null(schema)
        described = {"description": plain.pop("description")} if "description" in plain else {}
        listed = {"style": "form", "explode": True} if plain.get("type") == "array" else {}
        found.append(
            {
                "name": name,
                "in": "query",
                "required": name in asked.get("required", []),
                "schema": plain,
                **described,
                **listed,
            }
        )
    return found


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out, never null."""
    plain = {name: each for name, each in schema.items() if name != "default" or each is not None}
    choices = [each for each in plain.pop("anyOf", []) if each != {"type": "null"}]
    plain |= choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {}
    if "enum" in plain:
        plain["enum"] = [each for each in plain["enum"] if each is not None]
    return plain


def _body(contract: Contract, names: _Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for media_type in contract.body_media_types:
        if media_type == JSON:
            content[media_type] = {"schema": names.of(contract.body)}
            examples = _examples(contract.body)
            if examples:
                content[media_type]["examples"] = examples
        else:
            content[media_type] = {"schema": {"type": "string", "description": "One record a line."}}
    return content


def _examples(body: Any) -> dict[str, Any]:
    """A body of each kind that it may be."""
    classes = [each for each in get_args(body) or (body,) if hasattr(each, "example")]
    return {
        each.kind_of() if issubclass(each, Record) else each.__name__.lower(): {"value": each.example}
        for each in classes
    }


def _without_record(contract: Contract, names: _Schemas) -> dict[str, Any]:
    """The answer to a post that was read and not recorded, or not in whole."""
    several = contract.answers is BatchReceipt
    words = (
        "With `dry_run`: what each line would get. With `mode=each`: some were refused."
        if several
        else "With `dry_run`: what would be recorded, and what it would change."
    )
    return {"description": words, "content": {JSON: {"schema": names.of(BatchReceipt if several else Preview)}}}


def _responses(contract: Contract, names: _Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {str(contract.status): _good(contract, names)}
    if _records(contract):
        found["200"] = _without_record(contract, names)
    if contract.conditional:
        found["304"] = {"description": "What you have still holds.", "headers": _headers("ETag", "Timeline-Position")}
    gate = () if contract.scope == "open" else (401, 429) if contract.scope == "read" else (401, 403, 429)
    for status in sorted({400, *contract.refuses, *gate}):
        found[str(status)] = _problem(status, names)
    if contract.operation_id == "getWeek":
        found["307"] = _moved("The dated week that `current` or `last` is.")
    if contract.operation_id in ("getEvent", "getEventProvenance"):
        found["308"] = _moved("The event that this one turned out to be.")
    if contract.operation_id in ("getActor", "getActorTimeline"):
        found["308"] = _moved("The actor that answers for this one: they were judged to be the same.")
    if contract.operation_id == "getReady":
        found["503"] = {"description": "Degraded.", "content": {JSON: {"schema": names.of(contract.answers)}}}
    return found


def _good(contract: Contract, names: _Schemas) -> dict[str, Any]:
    """The answer that was asked for, in the formats that it comes in."""
    good: dict[str, Any] = {"description": "Done."}
    if contract.answers is not None:
        shown = offered(contract.answers) if 406 in contract.refuses and contract.scope != "open" else []
        text = {"schema": {"type": "string"}}
        good["content"] = {JSON: {"schema": names.of(contract.answers)}}
        good["content"] |= {each.media_type.split(";")[0]: text for each in shown if each.name != "json"}
    elif contract.raw_media_type:
        kind = "object" if contract.raw_media_type == JSON else "string"
        good["content"] = {contract.raw_media_type: {"schema": {"type": kind}}}
    headers = [name for name, sent in _SENT.items() if sent(contract)]
    return good | ({"headers": _headers(*headers)} if headers else {})


_SENT: dict[str, Callable[[Contract], bool]] = {
    "ETag": lambda contract: contract.conditional,
    "Location": lambda contract: contract.status == 201 and contract.answers is not BatchReceipt,
    "Timeline-Next": lambda contract: contract.answers is Feed,
    "Timeline-Position": lambda contract: (
        contract.scope not in ("open", "admin") and contract.answers is not BatchReceipt
    ),
}
"""The headers of an answer, and of which."""
_HEADERS: dict[str, tuple[str, dict[str, str]]] = {
    "Allow": ("The methods that the address takes.", {"type": "string"}),
    "ETag": (
        "Moves when what is shown changed as seen at your level; send it as `If-None-Match`.",
        {"type": "string"},
    ),
    "Location": ("Where it can be read.", {"type": "string", "format": "uri-reference"}),
    "Retry-After": ("Seconds after which to try again.", {"type": "integer"}),
    "Timeline-Next": ("`next` of the answer, in every format.", {"type": "integer"}),
    "Timeline-Position": ("The position of the log that was read at, or that the record has.", {"type": "integer"}),
    "WWW-Authenticate": ("How to say who you are.", {"type": "string"}),
}
_OF_STATUS = {401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After", 503: "Retry-After"}


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"description": _HEADERS[name][0], "required": True, "schema": _HEADERS[name][1]} for name in names}


def _problem(status: int, names: _Schemas) -> dict[str, Any]:
    sent = _headers(_OF_STATUS[status]) if status in _OF_STATUS else {}
    found = {"description": _TITLES[status], "content": {MEDIA_TYPE: {"schema": names.of(Problem)}}}
    return found | ({"headers": sent} if sent else {})


def _moved(words: str) -> dict[str, Any]:
    return {"description": words, "headers": _headers("Location")}
