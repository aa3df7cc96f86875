"""The values that the contract names for fields which take one of several."""

from __future__ import annotations

from typing import Any

VALUES: dict[tuple[str, str], tuple[str, ...]] = {
    ("chat", "object"): ("chat.completion", "chat_completion"),
    ("chat", "choices[].finish_reason"): ("stop", "length", "tool_calls", "content_filter"),
    ("chat", "service_tier"): ("flex",),
    ("response", "status"): ("completed", "failed", "in_progress", "incomplete"),
    ("response", "output[1].status"): ("completed", "in_progress"),
    ("response", "tool_choice"): ("auto", "none", "required"),
    ("failed response", "error.code"): ("server_error", "internal_error"),
    ("incomplete response", "incomplete_details.reason"): ("max_output_tokens",),
    ("file", "purpose"): ("batch", "batch_input"),
    ("file", "status"): ("uploaded", "processed", "failed"),
}
"""By kind of answer and field: each is read as it is written."""

BATCH_STATUSES: dict[str, tuple[str, bool]] = {
    "validating": ("validating", False),
    "queued": ("validating", False),
    "in_progress": ("in_progress", False),
    "running": ("in_progress", False),
    "completed": ("completed", True),
    "succeeded": ("completed", True),
    "failed": ("failed", True),
    "expired": ("expired", True),
    "cancelled": ("cancelled", True),
    "finalizing": ("finalizing", False),
    "cancelling": ("cancelling", False),
    "canceling": ("cancelling", False),
}
"""Both vocabularies, with what each status means and whether it is the last one."""

_NUMBER = {"type": "number"}
REFUSED_KEYWORDS: dict[str, dict[str, Any]] = {
    "format": {"type": "string", "format": "date"},
    "pattern": {"type": "string", "pattern": "a+"},
    "minLength": {"type": "string", "minLength": 1},
    "maxLength": {"type": "string", "maxLength": 9},
    "multipleOf": {"type": "number", "multipleOf": 5},
    "minimum": {"type": "number", "minimum": 1},
    "maximum": {"type": "number", "maximum": 9},
    "contains": {"type": "array", "items": _NUMBER, "contains": {"const": 1}},
    "uniqueItems": {"type": "array", "items": _NUMBER, "uniqueItems": True},
    "unevaluatedItems": {"type": "array", "items": _NUMBER, "unevaluatedItems": False},
    "minItems": {"type": "array", "items": _NUMBER, "minItems": 1},
    "maxItems": {"type": "array", "items": _NUMBER, "maxItems": 9},
    "propertyNames": {"type": "object", "propertyNames": {"const": "a"}},
    "patternProperties": {"type": "object", "patternProperties": {"a": _NUMBER}},
    "unevaluatedProperties": {"type": "object", "unevaluatedProperties": False},
    "minProperties": {"type": "object", "minProperties": 1},
    "maxProperties": {"type": "object", "maxProperties": 9},
    "allOf": {"allOf": [_NUMBER]},
}
"""What the service refuses in a schema (section 12), each in one."""

ACCEPTED_KEYWORDS: dict[str, dict[str, Any]] = {
    **{name: {"type": name} for name in ("string", "number", "boolean", "integer", "object", "null")},
    "array": {"type": "array", "items": _NUMBER},
    "enum": {"type": "string", "enum": ["a", "b"]},
    "anyOf": {"anyOf": [_NUMBER, {"type": "string"}]},
    "oneOf": {"oneOf": [_NUMBER, {"type": "string"}]},
    "$ref": {"$ref": "#/$defs/A"},
    "title": {"type": "string", "title": "A"},
    "additionalProperties": {"type": "object", "additionalProperties": _NUMBER},
    "required": {"type": "object", "properties": {"b": _NUMBER}, "required": ["b"]},
    "default": {"type": "string", "default": "a"},
    "const": {"const": "a"},
    "not": {"not": _NUMBER},
}
"""What it takes in one, or does not say that it refuses."""


def schema_with(node: dict[str, Any]) -> dict[str, Any]:
    """A schema of which one property is this."""
    return {
        "type": "object",
        "properties": {"a": node},
        "required": ["a"],
        "additionalProperties": False,
        "$defs": {"A": _NUMBER},
    }
