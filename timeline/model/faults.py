"""Everything wrong with a body, not the first fault only.

The decoder stops at its first fault. After a refusal this second pass takes the body apart by the class's own fields,
so that an analyst mends a post once.
"""

import re
import types
from itertools import islice
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import quote

import msgspec

from timeline.errors import Fault
from timeline.model.codec import text_faults

FAULTS_MAX = 50
_WORDS = {
    "str": "text",
    "int": "a whole number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "Invalid RFC3339 encoded date": "a day such as 2019-06-03",
}
"""The decoder's words, in ours."""
_WORD = re.compile("|".join(rf"\b{word}\b" for word in _WORDS))


def shown(value: Any) -> str:
    """A found value as a reader may see it: JSON, at most 80 characters."""
    try:
        text = msgspec.json.encode(value).decode()
    except (UnicodeEncodeError, TypeError, OverflowError):
        text = ascii(value)
    return text if len(text) <= 80 else text[:79] + "…"


def under(pointer: str, name: str) -> str:
    """The pointer to a field: a JSON Pointer in a URI fragment (RFC 6901 §6), whatever the field is called."""
    escaped = name[:80].replace("~", "~0").replace("/", "~1")
    return f"{pointer}/{quote(escaped, safe='~', errors='backslashreplace')}"


def faults(value: Any, wanted: Any, pointer: str = "#", *, strict: bool = True) -> list[Fault]:
    """Every fault of `value` against the type `wanted`, at most 50; empty when it fits.

    Not strict reads text as numbers, dates and truths, as in the parameters of an address.
    """
    if not strict:
        return _lax_faults(value, wanted, pointer)
    return _faults(value, wanted, pointer, "")[:FAULTS_MAX]


def _lax_faults(value: Any, wanted: Any, pointer: str) -> list[Fault]:
    inner = next((m for m in get_args(wanted) if m is not type(None)), wanted) if _is_union(wanted) else wanted
    description = next((m.description for m in getattr(inner, "__metadata__", ()) if m.description), "")
    try:
        msgspec.convert(value, inner, strict=False)
    except msgspec.ValidationError as error:
        item = get_args(inner.__origin__)[0] if _is_list(inner) and hasattr(inner, "__metadata__") else inner
        return [Fault(pointer=pointer, expected=_expected(item, description, str(error)), found=shown(value))]
    return []


def _is_union(wanted: Any) -> bool:
    return get_origin(wanted) in (Union, types.UnionType)


def _faults(value: Any, wanted: Any, pointer: str, description: str) -> list[Fault]:
    origin = get_origin(wanted)
    if origin is Annotated:
        own = next((m.description for m in wanted.__metadata__ if getattr(m, "description", None)), description)
        most = next((m.max_length for m in wanted.__metadata__ if getattr(m, "max_length", None)), None)
        if most is not None and isinstance(value, list | dict) and len(value) > most:
            return [Fault(pointer=pointer, expected=f"at most {most}", found=str(len(value)))]
        inner = _faults(value, wanted.__origin__, pointer, own)
        return inner or _leaf(value, wanted, pointer, own)
    if _is_union(wanted):
        return _union_faults(value, wanted, pointer, description)
    if origin is list and isinstance(value, list):
        return _list_faults(value, get_args(wanted)[0], pointer, description)
    if origin is dict and isinstance(value, dict):
        return _map_faults(value, wanted, pointer)
    struct = origin or wanted
    if isinstance(struct, type) and issubclass(struct, msgspec.Struct):
        return _struct_faults(value, wanted, pointer)
    return _leaf(value, wanted, pointer, description)


def _list_faults(value: list[Any], item: Any, pointer: str, description: str) -> list[Fault]:
    found: list[Fault] = []
    for i, each in enumerate(value):
        found += _faults(each, item, f"{pointer}/{i}", description)
        if len(found) >= FAULTS_MAX:  # a megabyte of faults is not worked through
            break
    return found


def _map_faults(value: dict[str, Any], wanted: Any, pointer: str) -> list[Fault]:
    of_name, of_value = get_args(wanted)
    return [
        fault
        for name, each in value.items()
        for fault in (
            *_faults(name, of_name, under(pointer, name), ""),
            *_faults(each, of_value, under(pointer, name), ""),
        )
    ]


def _struct_faults(value: Any, wanted: Any, pointer: str) -> list[Fault]:
    if not isinstance(value, dict):
        return [Fault(pointer=pointer, expected="an object", found=shown(value))]
    struct = get_origin(wanted) or wanted
    fields = {f.encode_name: f for f in msgspec.structs.fields(wanted)}
    config = struct.__struct_config__
    known = [*fields, *([config.tag_field] if config.tag_field else [])]
    expected = "one of " + ", ".join(known)
    found = [
        Fault(pointer=under(pointer, name), expected=expected, found=f"unknown field {shown(name)}")
        for name in islice((name for name in value if name not in known), FAULTS_MAX)
    ]
    for name, field in fields.items():
        if name in value:
            found += _faults(value[name], field.type, f"{pointer}/{name}", "")
        elif field.required:
            found.append(Fault(pointer=f"{pointer}/{name}", expected="a value; the field is required", found="nothing"))
    if config.tag_field and value.get(config.tag_field, config.tag) != config.tag:
        pointed = f"{pointer}/{config.tag_field}"
        found.append(Fault(pointer=pointed, expected=shown(config.tag), found=shown(value[config.tag_field])))
    return found


def _union_faults(value: Any, wanted: Any, pointer: str, description: str) -> list[Fault]:
    members = [m for m in get_args(wanted) if m is not type(None)]
    if value is None:
        return _leaf(value, wanted, pointer, description)
    structs = [
        m for m in members if isinstance(get_origin(m) or m, type) and issubclass(get_origin(m) or m, msgspec.Struct)
    ]
    if isinstance(value, dict) and structs:
        return _tagged_faults(value, structs, pointer)
    if isinstance(value, list):
        chosen = next((m for m in members if _is_list(m)), None)
        return _faults(value, chosen, pointer, description) if chosen else _leaf(value, wanted, pointer, description)
    plain = [m for m in members if m not in structs and not _is_list(m)]
    if len(plain) == 1 and not structs:
        return _faults(value, plain[0], pointer, description)
    if len(plain) == 1 and isinstance(value, str):
        return _faults(value, plain[0], pointer, description)
    return _leaf(value, wanted, pointer, description)


def _tagged_faults(value: dict[str, Any], structs: list[Any], pointer: str) -> list[Fault]:
    if len(structs) == 1:
        return _struct_faults(value, structs[0], pointer)
    tags = {s.__struct_config__.tag: s for s in structs}
    field = structs[0].__struct_config__.tag_field
    chosen = tags.get(value.get(field)) if isinstance(value.get(field), str) else None
    if chosen is None:
        given = shown(value[field]) if field in value else "nothing"
        return [Fault(pointer=f"{pointer}/{field}", expected="one of " + ", ".join(map(str, tags)), found=given)]
    return _struct_faults(value, chosen, pointer)


def _is_list(wanted: Any) -> bool:
    inner = wanted.__origin__ if get_origin(wanted) is Annotated else wanted
    return get_origin(inner) is list


def _leaf(value: Any, wanted: Any, pointer: str, description: str) -> list[Fault]:
    if isinstance(value, str) and (found := text_faults(value, pointer)):
        return found
    try:
        msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        return [Fault(pointer=pointer, expected=_expected(wanted, description, str(error)), found=shown(value))]
    return []


def _expected(wanted: Any, description: str, message: str) -> str:
    """What was expected, in words: the values of a closed set, else the field's own description, else the decoder's."""
    inner = wanted
    while get_origin(inner) is Annotated:
        inner = inner.__origin__
    if get_origin(inner) is Literal:
        return "one of " + ", ".join(map(str, get_args(inner)))
    said = message.split(" - at ")[0].split(", got ")[0].removeprefix("Expected ").replace("`", "")
    said = _WORD.sub(lambda word: _WORDS[word[0]], said).replace(" | ", " or ")
    if "matching regex" in said and description:
        return description.rstrip(".")
    return f"{said} ({description.rstrip('.')})" if description else said
