"""From a class, a schema or a ready-made dictionary to the format of an answer; no I/O."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from maritaca_async.schemas import Schema, breached_limits, reduced_schema

from ._errors import ChatMaritacaConfigurationError, langchain_errors
from ._schemas import json_schema

_PACKAGE: Final = __name__.partition(".")[0]
_WHOLE: Final = frozenset({"json_schema", "json_object", "text"})


class ChatMaritacaSchemaWarning(UserWarning):
    """A schema is sent without some of its keywords, or may be too large for the service."""


class Described(NamedTuple):
    """A named schema, as it was given."""

    name: str
    """Its name."""
    schema: Schema
    """JSON Schema with everything it says."""
    extra: Mapping[str, Any]
    """What else goes with it on the wire: `strict`, `description`."""


def wire_response_format(response_format: Any, *, strict: bool | None = None) -> Any:
    """A response format as a request takes it, from that form itself, a schema, or a class.

    The schema is reduced to what the service takes, with a `ChatMaritacaSchemaWarning` that names what was
    left out.

    Raises:
        ChatMaritacaConfigurationError: nothing a JSON Schema can be made of.
    """
    if response_format is None or _is_plain(response_format):
        return response_format
    return wire_format(described(response_format, strict=strict), is_checked=lambda *_: False)


def described(form: Any, *, strict: bool | None = None) -> Described:
    """The named schema in whatever LangChain takes for one.

    Raises:
        ChatMaritacaConfigurationError: there is none.
    """
    inner = _ready_made(form)
    if inner is None:
        schema = json_schema(form, strict=strict)
        return Described(schema["title"], schema, {} if strict is None else {"strict": strict})
    if not isinstance(inner.get("schema"), dict) or not inner.get("name"):
        raise ChatMaritacaConfigurationError(f"a json_schema needs a name and a schema: {form!r:.200}")
    extra = {key: value for key, value in inner.items() if key not in ("name", "schema")}
    if strict is not None and extra.setdefault("strict", strict) != strict:
        raise ChatMaritacaConfigurationError(
            f"strict={strict} contradicts the response format's own {not strict}"
        )
    return Described(inner["name"], inner["schema"], extra)


def wire_format(wanted: Described, *, is_checked: Callable[[str, Any], bool]) -> dict[str, Any]:
    """The response format for a schema, reduced to what the service takes.

    Args:
        wanted: The schema.
        is_checked: Whether whoever reads the answer checks a keyword with such a value; for the warning.

    Raises:
        ChatMaritacaConfigurationError: the schema has a part that cannot be sent.
    """
    with langchain_errors:
        schema, left_out = reduced_schema(wanted.schema, wanted.name)
    if left_out:
        _warn(_what_was_left_out(wanted.name, left_out, is_checked))
    for breach in breached_limits(schema):
        _warn(f"the schema {wanted.name!r} has {breach}: Maritaca may refuse it")
    return {"type": "json_schema", "json_schema": {"name": wanted.name, "schema": schema, **wanted.extra}}


def _is_plain(form: Any) -> bool:
    return isinstance(form, dict) and form.get("type") in ("json_object", "text")


def _ready_made(form: Any) -> Mapping[str, Any] | None:
    """What stands under `json_schema` in a response format, with or without its envelope."""
    if not isinstance(form, dict):
        return None
    if form.get("type") == "json_schema":
        inner = form.get("json_schema")
        return inner if isinstance(inner, Mapping) else {}
    return form if {"name", "schema"} <= form.keys() else None


def _what_was_left_out(
    name: str, left_out: Mapping[str, Mapping[str, Any]], is_checked: Callable[[str, Any], bool]
) -> str:
    by_check: dict[bool, list[str]] = {True: [], False: []}
    for path, keywords in left_out.items():
        for checked, listed in by_check.items():
            if here := [key for key, value in keywords.items() if is_checked(key, value) is checked]:
                listed.append(f"{path}: {', '.join(here)}")
    said = f"Maritaca refuses some keywords, so the schema {name!r} is sent without them."
    if by_check[True]:
        said += f" Checked in each answer instead: {'; '.join(by_check[True])}."
    if by_check[False]:
        said += f" Not checked by this model: {'; '.join(by_check[False])}."
    return said


def _warn(message: str) -> None:
    """Warn at the line outside this package that gave the schema."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, ChatMaritacaSchemaWarning, stacklevel=level)
