"""The base of every response type, and the tolerance that the contract asks for (its section 27)."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

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


class NullMeans:
    """Accepts null for a field and puts a neutral value in its place."""

    def __init__(self, neutral: type[Any]) -> None:
        self._neutral = neutral

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        neutral = self._neutral
        null = core_schema.no_info_after_validator_function(lambda _: neutral(), core_schema.none_schema())
        return core_schema.union_schema([handler(source), null], mode="left_to_right")


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


ListOrNull = Annotated[list[T], NullMeans(list)]
IntOrNull = Annotated[int, NullMeans(int)]
StrOrNull = Annotated[str, NullMeans(str)]
OpenEnum = Annotated[T, _OpenEnum()]
WholeSeconds = Annotated[int, _WholeSeconds()]
Instant = Annotated[WholeSeconds | None, AfterValidator(lambda seconds: seconds or None)]
JsonText = Annotated[str, _JsonText()]
FlatText = Annotated[str, _FlatText()]
