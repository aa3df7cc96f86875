"""The base of every response type, and the tolerance that the contract asks for (its section 27)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NoReturn, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticUseDefault, core_schema

if TYPE_CHECKING:
    from .._core.http_info import HttpInfo

T = TypeVar("T")


class Model(BaseModel):
    """A part of an answer. Unknown fields are kept and read like the known ones."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow", protected_namespaces=(), defer_build=True)
    """Unknown fields are kept; names may begin with `model`."""


class Subscriptable(Model):
    """A part that reads like a dictionary, too: what the OpenAI SDK does not know, it gives as one."""

    def __getitem__(self, name: str) -> Any:
        if name in type(self).model_fields or name in (self.model_extra or {}):
            return getattr(self, name)
        raise KeyError(name)


class Result(Model):
    """A whole answer: a part that also knows how it came over HTTP."""

    @cached_property
    def http(self) -> HttpInfo:
        """Status, headers, request id, attempts and elapsed seconds of the call."""
        raise AttributeError("this object did not come from a call, so it has no http information")


def content_of(result: Result) -> dict[str, Any]:
    """What came over the wire, by name: fields that are not known too, but not how they came."""
    return {name: value for name, value in result if name != "http"}


class NullMeansDefault:
    """Accepts null for a field with a default, and reads it as if the field were absent."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        null = core_schema.no_info_after_validator_function(_use_default, core_schema.none_schema())
        return core_schema.union_schema([handler(source), null], mode="left_to_right")


def _use_default(_null: None) -> NoReturn:
    raise PydanticUseDefault


class _WholeSeconds:
    """Accepts seconds with a fraction, which is cut off."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        fraction = core_schema.no_info_after_validator_function(
            int, core_schema.float_schema(allow_inf_nan=False)
        )
        return core_schema.union_schema([core_schema.int_schema(), fraction], mode="left_to_right")


class _OpenEnum:
    """Validates as plain text, so that a value we do not know yet is no error."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.str_schema()


class _JsonText:
    """Accepts text or, from lenient servers, a JSON value that is turned into its text."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        value = core_schema.no_info_after_validator_function(_as_json_text, core_schema.any_schema())
        return core_schema.union_schema([core_schema.str_schema(), value], mode="left_to_right")


def _as_json_text(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


class _FlatText:
    """Accepts text or a list of text parts, which are joined."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        parts = core_schema.no_info_after_validator_function(_join_parts, core_schema.list_schema())
        return core_schema.union_schema([core_schema.str_schema(), parts], mode="left_to_right")


def _join_parts(parts: list[Any]) -> str:
    if not all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in parts):
        raise ValueError("content parts other than text")
    return "".join(part["text"] for part in parts)


def keep_unknown(known: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Keep the latest of the unknown fields that every piece of an object brings; null takes nothing away."""
    for name, value in more.items():
        if value is not None or name not in known:
            known[name] = value


def grow_unknown(known: dict[str, Any], more: Mapping[str, Any]) -> None:
    """The same for what a message says in pieces: its texts grow."""
    for name, value in more.items():
        before = known.get(name)
        whole = before + value if isinstance(before, str) and isinstance(value, str) else value
        keep_unknown(known, {name: whole})


ListOrNull = Annotated[list[T], NullMeansDefault()]
"""A list; null is read as the default of its field."""
IntOrNull = Annotated[int, NullMeansDefault()]
"""A whole number; null is read as the default of its field."""
StrOrNull = Annotated[str, NullMeansDefault()]
"""A text; null is read as the default of its field."""
OpenEnum = Annotated[T, _OpenEnum()]
"""One of some known texts; any other text is kept as it is."""
WholeSeconds = Annotated[int, _WholeSeconds()]
"""Whole seconds; a fraction is cut off."""
Instant = Annotated[WholeSeconds | None, AfterValidator(lambda seconds: seconds or None)]
"""Unix seconds; 0 is read as None."""
JsonText = Annotated[str, _JsonText()]
"""JSON as text; any other JSON value is turned into its text."""
FlatText = Annotated[str, _FlatText()]
"""A text; a list of text parts is joined."""
