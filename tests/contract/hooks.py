"""What schemathesis must know of us: names that exist, and the few answers that it could not expect from the document.

Each exception says why. Whatever else is refused or taken against the document is a failure.
"""

import hashlib
import os
from typing import Any

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData, Failure, ServerError
from schemathesis.generation import GenerationMode
from schemathesis.openapi.checks import RejectedPositiveData

from tests.contract.holding import HELD
from timeline.model import references
from timeline.model.edits import EDITS
from timeline.model.kinds import EVENTS
from timeline.model.references import Found
from timeline.model.registry import COLLECTIONS, REGISTRATIONS

KINDS: dict[str, Any] = {**EVENTS, **EDITS, **REGISTRATIONS}
OF_COLLECTION = {collection: kind for kind, collection in COLLECTIONS.items()}
KNOWN: dict[str, list[str]] = {
    kind: [each.get("slug", each["id"]) for each in HELD if each["kind"] == kind] for kind in REGISTRATIONS
} | {
    "event": [each["id"] for each in HELD if "ref" in each],
    "record": [each["id"] for each in HELD if "ref" in each],
    "date": ["2019-06", "early June 2019", "[2019-06-01..2019-06-10]", "2019-06-~05", "since 4 April 2019", "ongoing"],
}
"""What a reference of each sort may name."""
KNOWN["token"] = os.environ["HELD_TOKENS"].split(",")
MOMENTS = ["0", "7", "30", "2019-06-14", "2020-W01", "2020-01-01T00:00:00Z"]
"""What may be asked as of: most others lie ahead."""


def known(found: Found) -> str:
    """Something that is there, the same for the same text."""
    return _one_of(KNOWN[found.to], found.text)


def _one_of(some: list[str], text: str) -> str:
    return some[int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:4]) % len(some)]


@schemathesis.hook
def map_case(context: Any, case: Any) -> Any:
    """Let what fits the document name what exists: made-up names are all refused, and nothing is recorded or read."""
    if not case.meta or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return case
    kind = _kind_of(case)
    if kind:
        for slot in references.slots(KINDS[kind], case.body):
            slot.put(known(slot.found))
    if "as_of" in (case.query or {}):
        case.query["as_of"] = _one_of(MOMENTS, str(case.query["as_of"]))
    if "since" in (case.query or {}):
        case.query["since"] = "0"  # no moment lies before it
    if case.path == "/v1/tokens" and isinstance(case.body, dict) and case.body.get("expires_at"):
        case.body["expires_at"] = "2099-01-01T00:00:00Z"  # most others lie behind
    if case.path == "/v1/diff":
        later = {"to": _one_of(MOMENTS, str(case.query["to"]))} if "to" in case.query else {}
        week = {"week": "2019-W23"} if "week" in case.query else {}  # few years have a fifty-third
        case.query |= {"from": "0", **later, **week}
    if "recorded_from" in (case.query or {}):
        case.query["recorded_from"] = "0"
    if "recorded_to" in (case.query or {}):
        case.query["recorded_to"] = _one_of(MOMENTS, str(case.query["recorded_to"]))
    if "wait" in (case.query or {}):
        case.query["wait"] = "0"  # nobody posts meanwhile
    if case.path.endswith("/impact") and (case.query or {}).get("by") == "publisher":
        case.query.pop("as", None)  # a publisher has no grade that weighs
    for name, text in (case.path_parameters or {}).items():
        sort = OF_COLLECTION.get(case.path.split("/")[2]) if name == "named" else name
        if sort in KNOWN and not str(text)[-1:].isdigit():  # the others name nothing, which is answered too
            case.path_parameters[name] = _one_of(KNOWN[sort], str(text))
    return case


def _kind_of(case: Any) -> str | None:
    """The kind of record in a body that is one: its own word, or that of the address it is posted to."""
    if not isinstance(case.body, dict):
        return None
    kind = case.body.get("kind", OF_COLLECTION.get(case.path.removeprefix("/v1/")))
    return kind if isinstance(kind, str) and kind in KINDS else None


@schemathesis.hook
def filter_failure(context: Any, failure: Failure, case: Any, response: Any) -> bool:
    """Whether a failure is one: not where the document can't say what is told in words beside it."""
    match failure:
        case ServerError():
            return not _is_ahead(case, response)
        case RejectedPositiveData():
            return not _is_beyond_schemas(case, response)
        case AcceptedNegativeData():
            return not _is_refused_by_line(case, response)
        case _:
            return True


def _is_ahead(case: Any, response: Any) -> bool:
    """503 is right where a position is waited for that the log has not reached."""
    return "min_position" in (case.query or {}) and _problem(response).get("type") == "/problems/behind"


def _is_beyond_schemas(case: Any, response: Any) -> bool:
    """What no schema can say, so that a body or a parameter of the documented form may still be refused."""
    problem = _problem(response)
    faults = problem.get("errors", [])
    match str(problem.get("type", "")).removeprefix("/problems/"):
        case "bad-cursor" | "unknown-reference" | "ambiguous-reference" | "not-applicable":
            return True  # whether a cursor was given by us, or a name names something
        case "forbidden" | "token-ended":
            return True  # what a token's scope allows, and whether one was rotated before: the matrix test tells
        case "key-reused":
            return True  # whether a key came before with another body
        case "bad-parameter":
            # `from` after `to`: one parameter against another.
            return [each["pointer"] for each in faults] in (["?from"], ["?recorded_from"])
        case "batch-refused":
            return str(case.path) == "/v1/events/batch"  # lines are open in the document: each is read as its kind
        case "method-not-allowed":
            return dict(case.path_parameters) == {"event": "batch"}  # another address, which the document has too
        case "invalid-record":
            return bool(faults) and all(map(_is_rule, faults))
        case _:
            return False


RULES = {
    "words, or edtf with or without words, or during alone": "of these fields one must be there",
    "EDTF beside these words": "words that can't be read need EDTF",
    "a said with a first or a last day": "an event that is vaguer is placed by when it was said",
    "an offset from": "a quote ends after it starts",
    "a likelihood, a verdict or a hedge": "of these fields one must be there, where it judges events",
    "the events whose part this bears on": "a field that needs another",
    "an event recorded before this one": "nothing answers itself",
    "another event than the subject": "nothing is its own duplicate",
    "the one of the two that fewer may read": "what is said of an event is read by whoever may read it",
    "another actor than": "nobody belongs to itself, or is the same as itself",
    "an instant that lies ahead": "a token that is over before it begins is none",
    "amber+strict, for an admin": "one field against another",
    "a record of at most": "the whole of a record is limited, not each field alone",
}
"""What is asked of a record beyond its schema, by how a fault says what it expected, and why no schema can."""


def _is_rule(fault: dict[str, str]) -> bool:
    """Whether a fault is of a rule that stands beside the schema.

    1.0 is an integer for JSON Schema. We take none that is written so, for the log holds no floats.
    """
    if fault["expected"].startswith("a whole number"):
        return fault["found"].endswith(".0")
    if fault["expected"].startswith("text without control characters"):
        return fault["found"].startswith("U+000D")  # published schemas let it through; the log takes none
    # A correction may give its event's id again: the schema can't compare it with `subject`.
    return fault["expected"].startswith(tuple(RULES)) or fault["pointer"] == "#/event/id"


def _is_refused_by_line(case: Any, response: Any) -> bool:
    """A batch is answered 200 where lines are judged by themselves; what is wrong is refused in its verdict."""
    if case.path != "/v1/events/batch" or response.status_code != 200:
        return False
    receipt = response.json()
    return bool(receipt["refused"] and receipt["recorded"] + receipt["refused"] <= len(receipt["verdicts"]))


def _problem(response: Any) -> dict[str, Any]:
    """The problem document of an answer; nothing where it is none."""
    if response.headers.get("content-type") != ["application/problem+json"]:
        return {}
    found: dict[str, Any] = response.json()
    return found
