"""JSON Schema: what the service refuses, and values that satisfy the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

Schema: TypeAlias = dict[str, Any]

Suggest: TypeAlias = Callable[[str, Schema], Any]
"""Gives a value for a property name and its schema, or None for "no idea"."""

_REJECTED_KEYWORDS: Final = """
    format pattern minLength maxLength multipleOf minimum maximum contains uniqueItems
    unevaluatedItems minItems maxItems propertyNames patternProperties unevaluatedProperties
    minProperties maxProperties allOf exclusiveMinimum exclusiveMaximum
"""
_REJECTED: Final = frozenset(_REJECTED_KEYWORDS.split())
_MAX_PROPERTIES: Final = 100
_MAX_NESTING: Final = 5
_MAX_ENUM_VALUES: Final = 500
_MAX_CHARACTERS: Final = 15_000
_LONG_ENUM: Final = 250
_MAX_LONG_ENUM_CHARACTERS: Final = 7_500

# Beyond these depths a recursive schema is closed as soon as it allows.
_DEEP: Final = 6
_DEEP_ENOUGH_FOR_NULL: Final = 3
_HOPELESS: Final = 40

_FORMATS: Final = {
    "date": "2026-07-17",
    "date-time": "2026-07-17T12:00:00Z",
    "time": "12:00:00Z",
    "email": "maria@example.com",
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "127.0.0.1",
}


def unsupported_in(schema: Schema) -> str | None:
    """Return why the service refuses a response schema, or None when it takes it."""
    properties = values = characters = 0
    for node, path, depth in _nodes(schema, "$", 0):
        problem = _problem_of(node, depth)
        if problem is not None:
            return f"{problem} (at {path})"
        names = [*node.get("properties", ()), *node.get("$defs", ())]
        options = [*node.get("enum", ()), *([node["const"]] if "const" in node else ())]
        properties += len(node.get("properties", ()))
        values += len(node.get("enum", ()))
        characters += sum(len(str(text)) for text in (*names, *options))
    if properties > _MAX_PROPERTIES:
        return f"more than {_MAX_PROPERTIES} properties"
    if values > _MAX_ENUM_VALUES:
        return f"more than {_MAX_ENUM_VALUES} enum values"
    if characters >= _MAX_CHARACTERS:
        return f"names and values take {_MAX_CHARACTERS} characters or more"
    return None


def _problem_of(node: Schema, depth: int) -> str | None:
    rejected = sorted(_REJECTED.intersection(node))
    if rejected:
        return f"keyword '{rejected[0]}' is not supported"
    if depth > _MAX_NESTING:
        return f"more than {_MAX_NESTING} levels of nesting"
    if _is_too_long(node.get("enum", [])):
        return (
            f"an enum of more than {_LONG_ENUM} strings takes {_MAX_LONG_ENUM_CHARACTERS} characters or more"
        )
    return None


def _is_too_long(enum: list[Any]) -> bool:
    texts = [value for value in enum if isinstance(value, str)]
    return len(texts) > _LONG_ENUM and sum(map(len, texts)) >= _MAX_LONG_ENUM_CHARACTERS


def _nodes(schema: Any, path: str, depth: int) -> Iterator[tuple[Schema, str, int]]:
    """Yield every schema inside a schema, with its path and object nesting."""
    if not isinstance(schema, dict):
        return
    yield schema, path, depth
    for key in ("properties", "$defs", "definitions"):
        inner = depth + 1 if key == "properties" else 0
        for name, child in _mapping(schema.get(key)).items():
            yield from _nodes(child, f"{path}.{name}", inner)
    for key in ("anyOf", "oneOf", "prefixItems"):
        for index, child in enumerate(schema.get(key) or ()):
            yield from _nodes(child, f"{path}.{key}[{index}]", depth)
    for key in ("items", "additionalProperties", "not"):
        yield from _nodes(schema.get(key), f"{path}.{key}", depth)


def _mapping(value: Any) -> Schema:
    return value if isinstance(value, dict) else {}


def sample(schema: Schema, suggest: Suggest, *, optional: bool = True) -> Any:
    """Return a value that satisfies a schema.

    Args:
        schema: The JSON Schema; references are looked up in it.
        suggest: Proposes values for leaves; its proposals are bent to fit.
        optional: Whether to fill in properties that are not required.
    """
    return _Sampler(schema, suggest, optional=optional).value(schema, "", 0)


class _Sampler:
    def __init__(self, root: Schema, suggest: Suggest, *, optional: bool) -> None:
        self._root = root
        self._suggest = suggest
        self._optional = optional

    def value(self, schema: Any, name: str, depth: int) -> Any:
        node = self._resolved(schema)
        if depth > _HOPELESS:
            return None
        if "const" in node:
            return node["const"]
        if node.get("enum"):
            proposal = self._suggest(name, node)
            return proposal if proposal in node["enum"] else node["enum"][0]
        branches = node.get("anyOf") or node.get("oneOf")
        if branches:
            return self.value(self._branch(branches, depth), name, depth)
        return self._typed(node, name, depth)

    def _typed(self, node: Schema, name: str, depth: int) -> Any:
        match _type_of(node):
            case "object":
                return self._object(node, depth)
            case "array":
                return self._array(node, name, depth)
            case "string":
                return _fit_string(self._suggest(name, node), node)
            case "integer" | "number" as kind:
                return _fit_number(self._suggest(name, node), node, whole=kind == "integer")
            case "boolean":
                return self._suggest(name, node) is not False
            case _:
                return None

    def _object(self, node: Schema, depth: int) -> Schema:
        properties = _mapping(node.get("properties"))
        required = node.get("required", ())
        everything = depth < _DEEP and (self._optional or not required)
        names = [name for name in properties if everything or name in required]
        return {name: self.value(properties[name], name, depth + 1) for name in names}

    def _array(self, node: Schema, name: str, depth: int) -> list[Any]:
        if "prefixItems" in node:
            return [self.value(item, name, depth + 1) for item in node["prefixItems"]]
        length = max(node.get("minItems", 0), 0 if depth >= _DEEP else 1)
        items = node.get("items", {"type": "string"})
        values = [self.value(items, name, depth + 1) for _ in range(min(length, _most_items(node)))]
        return _distinct(values) if node.get("uniqueItems") else values

    def _branch(self, branches: list[Any], depth: int) -> Any:
        resolved = [self._resolved(branch) for branch in branches]
        nulls = [branch for branch in resolved if _type_of(branch) == "null"]
        others = [branch for branch in resolved if _type_of(branch) != "null"]
        if not others or (nulls and depth >= _DEEP_ENOUGH_FOR_NULL):
            return nulls[0]
        return others[0]

    def _resolved(self, schema: Any) -> Schema:
        """Follow references and fold ``allOf`` in; ``true`` and ``{}`` allow anything."""
        node = _mapping(schema)
        for _ in range(_HOPELESS):
            if "$ref" not in node:
                break
            node = {**self._lookup(node["$ref"]), **_without(node, "$ref")}
        for part in node.get("allOf", ()):
            node = _merged(_without(node, "allOf"), self._resolved(part))
        return node

    def _lookup(self, reference: str) -> Schema:
        node: Any = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            if step:
                node = _mapping(node).get(step.replace("~1", "/").replace("~0", "~"))
        return _mapping(node)


def _without(node: Schema, key: str) -> Schema:
    return {name: value for name, value in node.items() if name != key}


def _merged(left: Schema, right: Schema) -> Schema:
    both = {**left, **right}
    if "properties" in left and "properties" in right:
        both["properties"] = {**left["properties"], **right["properties"]}
    if "required" in left and "required" in right:
        both["required"] = [*left["required"], *right["required"]]
    return both


def _type_of(node: Schema) -> str:
    kind = node.get("type")
    if isinstance(kind, list):
        kind = next((item for item in kind if item != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in node:
        return "object"
    return "array" if "items" in node else "string"


def _most_items(node: Schema) -> int:
    most = node.get("maxItems")
    return most if isinstance(most, int) else 100


def _distinct(values: list[Any]) -> list[Any]:
    seen: list[Any] = []
    for number, value in enumerate(values):
        if value in seen and isinstance(value, str):
            seen.append(f"{value} {number + 1}")
        elif value in seen and isinstance(value, int | float):
            seen.append(value + number)
        else:
            seen.append(value)
    return seen


def _fit_string(proposal: Any, node: Schema) -> str:
    text = _FORMATS.get(node.get("format", ""), "exemplo" if proposal is None else str(proposal))
    text = text.ljust(node.get("minLength", 0), ".")
    return text[: node.get("maxLength")]


def _fit_number(proposal: Any, node: Schema, *, whole: bool) -> int | float:
    step = node.get("multipleOf", 1 if whole else 0)
    nudge = step or 0.5
    low = max(node.get("minimum", -math.inf), node.get("exclusiveMinimum", -math.inf) + nudge)
    high = min(node.get("maximum", math.inf), node.get("exclusiveMaximum", math.inf) - nudge)
    value = proposal if isinstance(proposal, int | float) else 1
    value = min(max(value, low), high)
    if step:
        value = round(value / step) * step
        value = value + step if value < low else value - step if value > high else value
    return int(value) if whole else value
