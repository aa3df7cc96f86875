"""Whether an answer keeps to the parts of its schema that the service was not told; no I/O.

Only for schemas that are no pydantic classes, for those check themselves. This is no validator of JSON Schema:
it looks at the keywords below and at nothing that the service itself enforces.
"""

from __future__ import annotations

import json
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Schema = dict[str, Any]

_NUMBER: Final = (int, float)
# Keyword: the values that it is about, the values that it may have, and whether a value keeps to it.
_CHECKS: Final[dict[str, tuple[Any, Any, Callable[[Any, Any], bool]]]] = {
    "minLength": (str, _NUMBER, lambda text, least: len(text) >= least),
    "maxLength": (str, _NUMBER, lambda text, most: len(text) <= most),
    "pattern": (str, str, lambda text, pattern: re.search(pattern, text) is not None),
    "minimum": (_NUMBER, _NUMBER, lambda number, least: number >= least),
    "maximum": (_NUMBER, _NUMBER, lambda number, most: number <= most),
    "exclusiveMinimum": (_NUMBER, _NUMBER, lambda number, limit: number > limit),
    "exclusiveMaximum": (_NUMBER, _NUMBER, lambda number, limit: number < limit),
    "multipleOf": (_NUMBER, _NUMBER, lambda number, step: not Fraction(str(number)) % Fraction(str(step))),
    "minItems": (list, _NUMBER, lambda items, least: len(items) >= least),
    "maxItems": (list, _NUMBER, lambda items, most: len(items) <= most),
    "uniqueItems": (list, bool, lambda items, wanted: not wanted or _are_distinct(items)),
    "minProperties": (dict, _NUMBER, lambda names, least: len(names) >= least),
    "maxProperties": (dict, _NUMBER, lambda names, most: len(names) <= most),
}
_TYPES: Final = {
    "string": str,
    "integer": int,
    "number": _NUMBER,
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def is_checked(keyword: str, limit: Any) -> bool:
    """Whether `problems` looks at a keyword with such a value."""
    if keyword not in _CHECKS or not _is_a(limit, _CHECKS[keyword][1]):
        return False
    try:
        re.compile(limit if keyword == "pattern" else "")
    except re.error:
        # JSON Schema's patterns are JavaScript's, and Python cannot read them all.
        return False
    return keyword != "multipleOf" or limit > 0


def problems(answer: Any, schema: Schema) -> list[str]:
    """Where an answer does not keep to its schema, such as `notas[2]: maximum is 10`."""
    return list(_problems(answer, schema, schema, ""))


def _problems(value: Any, schema: Any, root: Schema, path: str) -> Iterator[str]:
    schema = _resolved(schema, root)
    for keyword, limit in schema.items():
        if is_checked(keyword, limit):
            about, _, keeps_to = _CHECKS[keyword]
            if _is_a(value, about) and not keeps_to(value, limit):
                yield f"{path or 'the answer'}: {keyword} is {limit!r}"
    for part in schema.get("allOf") or ():
        yield from _problems(value, part, root, path)
    for key in ("anyOf", "oneOf"):
        yield from _problems_of_all(value, schema.get(key) or (), root, path)
    for name, child, part in _children(value, schema):
        yield from _problems(child, part, root, f"{path}{name}".removeprefix("."))


def _problems_of_all(value: Any, branches: Any, root: Schema, path: str) -> Iterator[str]:
    """What is wrong if no branch will do, as seen from the first one that the value is meant for."""
    meant = [branch for branch in branches if _fits(value, _resolved(branch, root))]
    found = [list(_problems(value, branch, root, path)) for branch in meant]
    if found and all(found):
        yield from found[0]


def _children(value: Any, schema: Schema) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(value, dict):
        known = schema.get("properties") or {}
        for name, child in value.items():
            yield f".{name}", child, known.get(name, schema.get("additionalProperties"))
    elif isinstance(value, list):
        first = schema.get("prefixItems") or []
        for place, child in enumerate(value):
            yield f"[{place}]", child, first[place] if place < len(first) else schema.get("items")


def _fits(value: Any, schema: Schema) -> bool:
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds or ()
    right_type = not kinds or any(_is_a(value, _TYPES.get(kind, object)) for kind in kinds)
    right_value = value in schema.get("enum", [value]) and value == schema.get("const", value)
    return (
        right_type
        and right_value
        and (not isinstance(value, dict) or value.keys() >= set(schema.get("required", ())))
    )


def _resolved(schema: Any, root: Schema) -> Schema:
    seen: set[str] = set()
    while isinstance(schema, dict) and isinstance(reference := schema.get("$ref"), str):
        if reference in seen:
            return {}
        seen.add(reference)
        own = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**referenced(reference, root), **own}
    return schema if isinstance(schema, dict) else {}


def referenced(reference: str, root: Schema) -> Schema:
    """The part of a schema that a `$ref` of it points to; empty if there is none."""
    target: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        target = target.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(target, dict) else None
    return target if isinstance(target, dict) else {}


def _is_a(value: Any, kind: Any) -> bool:
    # Python counts True among the numbers, JSON does not.
    return isinstance(value, kind) and (not isinstance(value, bool) or kind in (bool, object))


def _are_distinct(items: list[Any]) -> bool:
    return len({json.dumps(item, sort_keys=True) for item in items}) == len(items)
