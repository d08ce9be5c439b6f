"""Where a record names another thing, found from its types: `Meta(extra={"refers": …})`.

A new field of a reference type is resolved, checked and shown in `names` without a line here.

Each type is taken apart once, into finders that look only where a reference can stand: walking the types anew for every
post was a tenth of its cost.
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


class Slot(NamedTuple):
    """A place in a body that holds a reference, and how to put another text there."""

    found: Found
    holder: Any
    """The object or list that it stands in."""
    key: str | int
    prefix: str = ""
    """What stands before the reference: `participant:`."""
    bare: str | None = None
    """The field of a part that the reference stands for by itself: `"haftar"` is `{"actor": "haftar"}`."""

    @property
    def field(self) -> str:
        """The field of the whole body that it stands in or under."""
        return self.found.pointer[2:].partition("/")[0]

    def put(self, text: str) -> None:
        """Replace the reference in its body; a bare one where a part with its role may stand becomes that part."""
        self.holder[self.key] = {self.bare: text} if self.bare else self.prefix + text


Finder = Callable[[Any, Any, str | int, str, list[Slot]], None]
"""Adds the references in a value to a list: given the value, what holds it, under which key, and the pointer to it."""
PARTICIPANT = "participant:"


def slots(cls: type[msgspec.Struct], body: dict[str, Any]) -> list[Slot]:
    """Every place in `body`, the plain form of a `cls`, that holds a reference."""
    found: list[Slot] = []
    finder = _finder_of(cls)
    if finder is not None:
        finder(body, None, "", "#", found)
    return found


def collect(cls: type[msgspec.Struct], body: dict[str, Any]) -> list[Found]:
    """Every reference in `body`, the plain form of a `cls`."""
    return [slot.found for slot in slots(cls, body)]


@cache
def _finder_of(cls: Any) -> Finder | None:
    return _finder(inspect.type_info(cls))


def _finder(info: inspect.Type) -> Finder | None:
    """What finds the references in values of a type; None where there can be none."""
    match info:
        case inspect.Metadata(type=inner, extra=extra):
            to = (extra or {}).get("refers")
            return _text_finder(to) if to else _finder(inner)
        case inspect.UnionType():
            return _union_finder(info)
        case inspect.ListType(item_type=item):
            return _list_finder(_finder(item))
        case inspect.StructType(fields=fields):
            return _object_finder({f.encode_name: found for f in fields if (found := _finder(f.type))})
        case _:
            return None


def _text_finder(to: str, bare: str | None = None) -> Finder:
    if to == "part":
        return _find_in_part
    reference = cast("Reference", to)

    def find(value: Any, holder: Any, key: str | int, pointer: str, found: list[Slot]) -> None:
        if isinstance(value, str):
            found.append(Slot(Found(pointer, reference, value), holder, key, "", bare))

    return find


def _find_in_part(value: Any, holder: Any, key: str | int, pointer: str, found: list[Slot]) -> None:
    if isinstance(value, str) and value.startswith(PARTICIPANT):
        actor = Found(pointer, "actor", value.removeprefix(PARTICIPANT))
        found.append(Slot(actor, holder, key, PARTICIPANT))


def _list_finder(item: Finder | None) -> Finder | None:
    if item is None:
        return None

    def find(value: Any, holder: Any, key: str | int, pointer: str, found: list[Slot]) -> None:
        if isinstance(value, list):
            for i, each in enumerate(value):
                item(each, value, i, f"{pointer}/{i}", found)

    return find


def _object_finder(fields: dict[str, Finder]) -> Finder | None:
    if not fields:
        return None

    def find(value: Any, holder: Any, key: str | int, pointer: str, found: list[Slot]) -> None:
        if isinstance(value, dict):
            for name, each in value.items():
                if name in fields:
                    fields[name](each, value, name, f"{pointer}/{name}", found)

    return find


def _union_finder(info: inspect.UnionType) -> Finder | None:
    structs = [each for each in info.types if isinstance(each, inspect.StructType)]
    bare = next((name for each in structs if (name := _bare_field(each))), None)
    text = next((_text_of(each, bare) for each in info.types if isinstance(each, inspect.Metadata)), None)
    several = next((_finder(each) for each in info.types if isinstance(each, inspect.ListType)), None)
    of_any = next((_finder(each) for each in structs if each.tag_field is None), None)
    tagged = {each.tag: _finder(each) for each in structs if each.tag_field is not None}
    tag_field = next((each.tag_field for each in structs if each.tag_field is not None), "")
    if not any((text, several, of_any, *tagged.values())):
        return None

    def find(value: Any, holder: Any, key: str | int, pointer: str, found: list[Slot]) -> None:
        if isinstance(value, dict):
            finder = tagged.get(value.get(tag_field), of_any) if tagged else of_any
        else:
            finder = text if isinstance(value, str) else several
        if finder is not None:
            finder(value, holder, key, pointer, found)

    return find


def _text_of(info: inspect.Metadata, bare: str | None) -> Finder | None:
    to = (info.extra or {}).get("refers")
    return _text_finder(to, bare) if to else _finder(info.type)


def _bare_field(info: inspect.StructType) -> str | None:
    """The field that a bare reference stands for: a part's one required field, if it is a reference."""
    required = [each for each in info.fields if each.required]
    if len(required) != 1 or not isinstance(required[0].type, inspect.Metadata):
        return None
    return required[0].encode_name if (required[0].type.extra or {}).get("refers") else None
