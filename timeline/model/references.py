"""Where a record names another thing, found from its types: `Meta(extra={"refers": …})`.

A new field of a reference type is resolved, checked and shown in `names` without a line here.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, cast

import msgspec
from msgspec import inspect

from timeline.model.record import Reference


class Found(NamedTuple):
    """One reference in a body: where, to what, and the text that stands there."""

    pointer: str
    to: Reference
    text: str


Visit = Callable[[Found], str]
PARTICIPANT = "participant:"


@cache
def _info(cls: Any) -> inspect.Type:
    return inspect.type_info(cls)


_FIELDS: dict[int, dict[str, inspect.Type]] = {}
"""The fields of a struct that may hold a reference, by the identity of its info, which `_info` keeps for ever."""


def _fields(info: inspect.StructType) -> dict[str, inspect.Type]:
    found = _FIELDS.get(id(info))
    if found is None:
        found = {f.encode_name: f.type for f in info.fields if _may_refer(f.type)}
        _FIELDS[id(info)] = found
    return found


def _may_refer(info: inspect.Type) -> bool:
    match info:
        case inspect.Metadata(type=inner, extra=extra):
            return bool((extra or {}).get("refers")) or _may_refer(inner)
        case inspect.UnionType(types=types):
            return any(_may_refer(each) for each in types)
        case inspect.ListType(item_type=item):
            return _may_refer(item)
        case inspect.StructType(fields=fields):
            return any(_may_refer(each.type) for each in fields)
        case _:
            return False


def collect(cls: type[msgspec.Struct], body: dict[str, Any]) -> list[Found]:
    """Every reference in `body`, the plain form of a `cls`."""
    found: list[Found] = []

    def note(each: Found) -> str:
        found.append(each)
        return each.text

    _walk(_info(cls), body, "#", note)
    return found


def replaced(cls: type[msgspec.Struct], body: dict[str, Any], visit: Visit) -> dict[str, Any]:
    """A copy of `body` with each reference replaced by what `visit` returns for it.

    A bare reference where a part with its role may stand becomes that part: `"haftar"` is `{"actor": "haftar"}`.
    """
    return cast("dict[str, Any]", _walk(_info(cls), body, "#", visit))


def _walk(info: inspect.Type, value: Any, pointer: str, visit: Visit) -> Any:
    if isinstance(info, inspect.Metadata):
        to = (info.extra or {}).get("refers")
        return _visited(to, value, pointer, visit) if to else _walk(info.type, value, pointer, visit)
    if value is None or isinstance(value, (int, bool)):
        return value
    if isinstance(info, inspect.UnionType):
        return _walk_union(info, value, pointer, visit)
    if isinstance(info, inspect.ListType) and isinstance(value, list):
        return [_walk(info.item_type, each, f"{pointer}/{i}", visit) for i, each in enumerate(value)]
    if isinstance(info, inspect.StructType) and isinstance(value, dict):
        return _walk_struct(info, value, pointer, visit)
    return value


def _visited(to: str, value: Any, pointer: str, visit: Visit) -> Any:
    if not isinstance(value, str):
        return value
    if to != "part":
        return visit(Found(pointer, cast("Reference", to), value))
    if not value.startswith(PARTICIPANT):
        return value
    return PARTICIPANT + visit(Found(pointer, "actor", value.removeprefix(PARTICIPANT)))


def _walk_union(info: inspect.UnionType, value: Any, pointer: str, visit: Visit) -> Any:
    structs = [t for t in info.types if isinstance(t, inspect.StructType)]
    if isinstance(value, dict):
        chosen = next((t for t in structs if t.tag_field is None or value.get(t.tag_field) == t.tag), None)
        return _walk(chosen, value, pointer, visit) if chosen else value
    if isinstance(value, str):
        text = next((t for t in info.types if isinstance(t, inspect.Metadata)), None)
        seen = _walk(text, value, pointer, visit) if text else value
        bare = next((name for t in structs if (name := _bare_field(t))), None)
        return {bare: seen} if bare else seen
    several = next((t for t in info.types if isinstance(t, inspect.ListType)), None)
    return _walk(several, value, pointer, visit) if several else value


def _bare_field(info: inspect.StructType) -> str | None:
    """The field that a bare reference stands for: a part's one required field, if it is a reference."""
    required = [f for f in info.fields if f.required]
    if len(required) != 1 or not isinstance(required[0].type, inspect.Metadata):
        return None
    return required[0].encode_name if (required[0].type.extra or {}).get("refers") else None


def _walk_struct(info: inspect.StructType, value: dict[str, Any], pointer: str, visit: Visit) -> dict[str, Any]:
    fields = _fields(info)
    return {
        name: _walk(fields[name], each, f"{pointer}/{name}", visit) if name in fields else each
        for name, each in value.items()
    }
