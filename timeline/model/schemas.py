"""JSON Schema of our types, for the OpenAPI document and for `schema/`: what is decoded is what is described.

msgspec makes the schemas. Added are the words that stand under a field as its docstring, which it does not read, plain
names for generics, and `oneOf` where a tag decides.
"""

import ast
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, get_origin

import msgspec

from timeline.model.record import Record

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ANNOTATIONS = frozenset({"title", "description", "examples"})
"""Keywords that say something to a person, and nothing about what is accepted."""


class Schemas(msgspec.Struct, frozen=True, kw_only=True):
    """Schemas of some types, in their order, and the components that they refer to by name."""

    of: list[dict[str, Any]]
    components: dict[str, dict[str, Any]]


def schemas(wanted: Iterable[Any], ref: str) -> Schemas:
    """The schemas of types; `ref` is where a component is found: `#/$defs/{name}`."""
    types = list(wanted)
    own, components = msgspec.json.schema_components(types, ref_template=ref)
    classes = {each.__name__: each for each in _structs(msgspec.inspect.multi_type_info(types))}
    plain = {name: component_name(name) for name in components}
    tidy = _Tidy(plain, ref)
    found: dict[str, dict[str, Any]] = {}
    for name, schema in sorted(components.items()):
        described = _described(classes[name.partition("_typing.")[0]], tidy.schema(schema))
        if found.setdefault(plain[name], described) != described:
            raise ValueError(f"two component schemas are named {plain[name]}")
    return Schemas(of=[tidy.schema(each) for each in own], components=found)


def record_schema(cls: type[Record]) -> dict[str, Any]:
    """The schema of a kind as it stands by itself: what a caller sends, and with ids for names what the log holds."""
    found = schemas([cls], "#/$defs/{name}").components
    own = found.pop(cls.__name__)
    about = {"$schema": DIALECT, "$id": schema_name(cls), "title": cls.kind_of()}
    whole: dict[str, Any] = about | own | {"examples": [cls.example]} | ({"$defs": found} if found else {})
    return {name: _without_discriminators(each) for name, each in whole.items()}


def schema_name(cls: type[Record]) -> str:
    """The name of the file that holds a kind's schema. Its version is the `shape` that payloads carry."""
    return f"{cls.kind_of()}.v{cls.shape}.json"


def accepted(schema: Any) -> Any:
    """What a schema accepts: all of it but the words."""
    if isinstance(schema, list):
        return [accepted(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    # A property may be called `title`: its schema is an object, where the keyword's value is text or a list.
    return {
        name: accepted(each)
        for name, each in schema.items()
        if name not in ANNOTATIONS or (name != "examples" and isinstance(each, dict))
    }


def component_name(name: str) -> str:
    """A plain name for a generic's component: `Participant_typing.Literal__actor____host___` is `ParticipantActorHost`.

    Kinds whose participants have the same roles share one.
    """
    base, literal, roles = name.partition("_typing.Literal")
    return base + "".join(word.capitalize() for word in re.findall(r"[a-z]+", roles)) if literal else name


def _structs(infos: Iterable[msgspec.inspect.Type]) -> set[Any]:
    """Every struct that the types are made of."""
    found: set[Any] = set()
    left = list(infos)
    while left:
        info = left.pop()
        if isinstance(info, msgspec.inspect.StructType):
            cls = get_origin(info.cls) or info.cls
            if info.cls in found:
                continue
            found |= {cls, info.cls}
            left += [field.type for field in info.fields]
        else:
            left += list(_inside(info))
    return {each for each in found if isinstance(each, type)}


def _inside(info: msgspec.inspect.Type) -> Iterator[msgspec.inspect.Type]:
    match info:
        case msgspec.inspect.Metadata(type=inner):
            yield inner
        case msgspec.inspect.UnionType(types=members):
            yield from members
        case msgspec.inspect.ListType(item_type=item):
            yield item
        case msgspec.inspect.DictType(key_type=key, value_type=value):
            yield from (key, value)
        case _:
            return


class _Tidy(msgspec.Struct, frozen=True):
    """How a schema of msgspec's becomes ours."""

    plain: dict[str, str]
    ref: str

    def schema(self, given: Any) -> Any:
        """Plain names, portable patterns, `oneOf` where a tag decides, and no titles that repeat a class's name."""
        if isinstance(given, list):
            return [self.schema(each) for each in given]
        if not isinstance(given, dict):
            return given
        found = {
            name: self.schema(each) for name, each in given.items() if name != "title" or not isinstance(each, str)
        }
        if "discriminator" in found and "anyOf" in found:
            found["oneOf"] = found.pop("anyOf")
            mapping = found["discriminator"]["mapping"]
            found["discriminator"]["mapping"] = {tag: self._renamed(at) for tag, at in sorted(mapping.items())}
        if isinstance(found.get("$ref"), str):
            found["$ref"] = self._renamed(found["$ref"])
        if len(found.get("enum", ())) == 1:
            found["const"] = found.pop("enum")[0]  # a tag: of an enum, generators make an enumeration
        if found.get("type") == "object" and "properties" not in found:
            found.setdefault("additionalProperties", True)  # said aloud: generators of types read silence as "none"
        if found.get("type") == "array":
            found.setdefault("items", {})  # or the same generators refuse the whole schema
        if isinstance(found.get("pattern"), str):
            found["pattern"] = portable(found["pattern"])
        return found

    def _renamed(self, reference: str) -> str:
        name = reference.rsplit("/", 1)[1]
        return self.ref.format(name=self.plain.get(name, name))


def portable(pattern: str) -> str:
    """The pattern as ECMA 262 writes it, where `$` is the very end; Python's also stands before a last line feed."""
    return pattern.removesuffix(r"\Z") + "$" if pattern.endswith(r"\Z") else pattern


def _described(cls: type[msgspec.Struct], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a struct with words on each property: its own docstring's, else those of its type."""
    words = _words_of(cls)
    properties = {name: _worded(words.get(name), each) for name, each in schema.get("properties", {}).items()}
    tag_field = cls.__struct_config__.tag_field
    if tag_field and "description" not in properties[tag_field]:
        properties[tag_field]["description"] = f"Always `{cls.__struct_config__.tag}`: it tells the kinds apart."
    described = {"description": inspect.cleandoc(schema["description"])} if "description" in schema else {}
    return schema | described | ({"properties": properties} if properties else {})


def _worded(words: str | None, schema: dict[str, Any]) -> dict[str, Any]:
    """A property with its own words and then its type's; those of `X | None` are taken out of X, to where one looks."""
    chosen = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    if len(chosen) == 1 and "description" in chosen[0]:
        bare = {name: each for name, each in chosen[0].items() if name != "description"}
        schema = {"description": chosen[0]["description"]} | schema
        schema["anyOf"] = [bare if each is chosen[0] else each for each in schema["anyOf"]]
    told = " ".join(each for each in (words, schema.get("description")) if each)
    return schema | ({"description": told} if told else {})


def _words_of(cls: type[msgspec.Struct]) -> dict[str, str]:
    """The docstrings under the fields of a struct and of those it is made from, by the fields' names in JSON."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        found |= _docstrings(base.__module__).get(base.__qualname__, {})
    return {f.encode_name: found[f.name] for f in msgspec.structs.fields(cls) if f.name in found}


@cache
def _docstrings(module: str) -> dict[str, dict[str, str]]:
    """The texts that stand right under fields, by class and field; none where the source is not at hand."""
    if not module.startswith("timeline."):
        return {}
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except OSError:
        return {}
    return {each.name: dict(_fields_of(each)) for each in tree.body if isinstance(each, ast.ClassDef)}


def _fields_of(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, under in zip(node.body, node.body[1:], strict=False):
        match field, under:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)
            case _:
                continue


def _without_discriminators(schema: Any) -> Any:
    """OpenAPI's own keyword, which no JSON Schema knows; the tags tell the members apart without it."""
    if isinstance(schema, list):
        return [_without_discriminators(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _without_discriminators(each) for name, each in schema.items() if name != "discriminator"}
