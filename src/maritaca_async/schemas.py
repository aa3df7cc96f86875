"""What the service takes of a JSON Schema (contract section 12); no I/O.

The service refuses some keywords and documents some limits. Its list of keywords is not exhaustive:
whatever is not on it is sent, and the service decides.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "REFUSED_KEYWORDS",
    "DescribedType",
    "ReducedSchema",
    "Schema",
    "breached_limits",
    "closed_schema",
    "described_type",
    "reduced_schema",
]

T = TypeVar("T")

Schema: TypeAlias = dict[str, Any]
"""A JSON Schema."""

_REFUSED: Final = """
    format pattern minLength maxLength
    multipleOf minimum maximum exclusiveMinimum exclusiveMaximum
    contains minContains maxContains uniqueItems unevaluatedItems minItems maxItems
    propertyNames patternProperties unevaluatedProperties minProperties maxProperties
"""
REFUSED_KEYWORDS: Final = frozenset(_REFUSED.split())
"""Keywords that are not sent. `allOf` is refused as well, but can be written without itself."""

# Where schemas stand inside a schema. Everything else (enum, const, default, examples) holds plain values.
_DEFINITIONS: Final = ("$defs", "definitions")
_BY_NAME: Final = ("properties", "dependentSchemas", *_DEFINITIONS)
_LISTS: Final = ("anyOf", "oneOf", "prefixItems")
_SINGLE: Final = ("items", "additionalProperties", "not", "if", "then", "else")

_ANNOTATIONS: Final = frozenset({"title", "description", "default", "examples", "deprecated"})

_MAX_PROPERTIES: Final = 100
_MAX_NESTING: Final = 5
_MAX_ENUM_VALUES: Final = 500
_MAX_CHARACTERS: Final = 15_000
_LONG_ENUM: Final = 250
_MAX_LONG_ENUM_CHARACTERS: Final = 7_500


_NOT_IN_A_NAME: Final = re.compile(r"[^a-zA-Z0-9_-]+")
_LONGEST_NAME: Final = 64


class DescribedType(NamedTuple, Generic[T]):
    """A type with its JSON Schema."""

    name: str
    """Its name, of letters, digits, `_` and `-`."""
    adapter: TypeAdapter[T]
    """What reads values into it."""
    schema: Schema
    """Its schema, with everything it says."""


def described_type(kind: type[T], parameter: str) -> DescribedType[T]:
    """The name and the schema of a type.

    Args:
        kind: A pydantic model, dataclass or TypedDict, or anything else that pydantic has a schema for.
        parameter: What it was given as, for messages.

    Raises:
        ConfigurationError: no schema can be made of it.
    """
    try:
        if inspect.isroutine(kind):
            raise TypeError("a function is no type")
        adapter: TypeAdapter[T] = TypeAdapter(kind)
        schema = adapter.json_schema()
    except (PydanticUserError, TypeError, NameError) as error:
        raise ConfigurationError(
            f"{parameter} must be a pydantic model, dataclass or TypedDict, not {kind!r:.200}: {error!s:.300}"
        ) from None
    name = _NOT_IN_A_NAME.sub("_", getattr(kind, "__name__", "")).strip("_")[:_LONGEST_NAME]
    return DescribedType(name or "answer", adapter, _with_root(schema))


def _with_root(schema: Schema) -> Schema:
    """The same with its root written out: of a type that refers to itself, pydantic gives a reference."""
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    root: Schema = schema["$defs"][reference.rpartition("/")[2]]
    return {**root, **{key: value for key, value in schema.items() if key != "$ref"}}


class ReducedSchema(NamedTuple):
    """A schema as it can be sent."""

    schema: Schema
    """The schema without what the service refuses."""
    left_out: Mapping[str, Mapping[str, Any]]
    """Per place (`Pessoa.idade`) the keywords that were left out, with their values."""


def reduced_schema(schema: Schema, name: str) -> ReducedSchema:
    """A schema without what the service refuses, and what was left out.

    Args:
        schema: The schema; it stays as it is.
        name: What to call its root.

    Raises:
        ConfigurationError: an `allOf` that cannot be written as one schema.
    """
    left_out: dict[str, dict[str, Any]] = {}
    return ReducedSchema(_reduced(schema, name, left_out), left_out)


def _reduced(schema: Any, path: str, left_out: dict[str, dict[str, Any]]) -> Any:
    if not isinstance(schema, dict):
        return schema
    kept: Schema = {}
    for key, value in _without_all_of(schema, path).items():
        if key in REFUSED_KEYWORDS:
            left_out.setdefault(path, {})[key] = value
        elif key in _BY_NAME and isinstance(value, dict):
            start = "" if key in _DEFINITIONS else f"{path}."
            kept[key] = {name: _reduced(part, f"{start}{name}", left_out) for name, part in value.items()}
        elif key in _LISTS and isinstance(value, list):
            kept[key] = [_reduced(part, path, left_out) for part in value]
        elif key in _SINGLE:
            kept[key] = _reduced(value, f"{path}[]" if key == "items" else path, left_out)
        else:
            kept[key] = value
    return kept


def _without_all_of(schema: Schema, path: str) -> Schema:
    while "allOf" in schema:
        own = {key: value for key, value in schema.items() if key != "allOf"}
        parts = schema["allOf"]
        part = parts[0] if isinstance(parts, list) and len(parts) == 1 else None
        clash = isinstance(part, dict) and (own.keys() & part.keys()) - _ANNOTATIONS
        if not isinstance(part, dict) or clash:
            raise ConfigurationError(
                f"{path}: Maritaca refuses allOf, and this one does not come down to a single schema: "
                "write its parts as one schema"
            )
        schema = {**part, **own}
    return schema


def closed_schema(schema: Schema) -> Schema:
    """The same schema, its objects taking no other properties than those they name.

    Args:
        schema: The schema; it stays as it is. An object that says what else it takes keeps saying so.
    """
    closed: Schema = _closed(schema)
    return closed


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed: Schema = {}
    for key, value in schema.items():
        if key in _BY_NAME and isinstance(value, dict):
            closed[key] = {name: _closed(part) for name, part in value.items()}
        else:
            closed[key] = _closed(value) if key in (*_LISTS, *_SINGLE) else value
    if closed.get("type") == "object" and isinstance(closed.get("properties"), dict):
        closed.setdefault("additionalProperties", False)
    return closed


def breached_limits(schema: Schema) -> list[str]:
    """The documented limits that a schema exceeds, in words; the service has the last word on them.

    Args:
        schema: The schema to send.
    """
    nodes = list(_nodes(schema, 0))
    enums = [node["enum"] for node, _ in nodes if isinstance(node.get("enum"), list)]
    properties = sum(len(_names(node, "properties")) for node, _ in nodes)
    values = sum(map(len, enums))
    texts = [name for node, _ in nodes for key in _BY_NAME for name in _names(node, key)]
    texts += [str(value) for enum in enums for value in enum]
    texts += [str(node["const"]) for node, _ in nodes if "const" in node]
    found = {
        f"{properties} properties, more than {_MAX_PROPERTIES}": properties > _MAX_PROPERTIES,
        f"more than {_MAX_NESTING} levels of nesting": max(depth for _, depth in nodes) > _MAX_NESTING,
        f"{values} enum values, more than {_MAX_ENUM_VALUES}": values > _MAX_ENUM_VALUES,
        f"names and values of {_MAX_CHARACTERS} characters or more": sum(map(len, texts)) >= _MAX_CHARACTERS,
        f"an enum of more than {_LONG_ENUM} texts with {_MAX_LONG_ENUM_CHARACTERS} characters or more": any(
            map(_is_too_long, enums)
        ),
    }
    return [said for said, breached in found.items() if breached]


def _is_too_long(enum: list[Any]) -> bool:
    texts = [value for value in enum if isinstance(value, str)]
    return len(texts) > _LONG_ENUM and sum(map(len, texts)) >= _MAX_LONG_ENUM_CHARACTERS


def _nodes(schema: Any, depth: int) -> Iterator[tuple[Schema, int]]:
    """Every schema inside a schema, with the number of objects around it."""
    if not isinstance(schema, dict):
        return
    yield schema, depth
    for key in _BY_NAME:
        inner = depth + 1 if key == "properties" else 0
        for name in _names(schema, key):
            yield from _nodes(schema[key][name], inner)
    for key in (*_LISTS, *_SINGLE):
        parts = schema.get(key)
        for part in parts if isinstance(parts, list) else [parts]:
            yield from _nodes(part, depth)


def _names(schema: Schema, key: str) -> list[str]:
    value = schema.get(key)
    return list(value) if isinstance(value, dict) else []
