"""From a type to the schema that asks for it, and from the text of an answer to the type; no I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, TypeVar

from .._core.log import logger
from .._core.request import first_line
from ..errors import AnswerFormatError, ConfigurationError
from ..schemas import Schema, breached_limits, closed_schema, described_type, reduced_schema

if TYPE_CHECKING:
    from ..errors import AnswerProblem, RequestInfo
    from ..types.chat import ChatCompletion
    from ..types.responses import Response

T = TypeVar("T")

_FENCED: Final = re.compile(r"```\w*\s*\n(.*)```", re.DOTALL)


class UnreadableAnswer(ValueError):  # noqa: N818 - it ends as an AnswerFormatError that knows the whole answer
    """Why a text is not the type that was asked for."""

    def __init__(self, reason: AnswerProblem, message: str) -> None:
        super().__init__(message)
        self.reason: AnswerProblem = reason

    def of(self, answer: ChatCompletion | Response, text: str, request: RequestInfo) -> AnswerFormatError:
        """The error for a whole answer.

        Args:
            answer: The answer.
            text: Its text.
            request: What was asked.
        """
        return AnswerFormatError(
            str(self),
            reason=self.reason,
            text=text,
            usage=answer.usage,
            completion=answer,
            request=request,
            http=answer.http,
        )


class AnswerFormat(Generic[T]):
    """A type that answers are read into."""

    def __init__(self, kind: type[T], parameter: str) -> None:
        """Make the schema of a type.

        Args:
            kind: A pydantic model, dataclass or TypedDict, or anything else that has a JSON Schema.
            parameter: What it was given as, for messages.

        Raises:
            ConfigurationError: no schema can be made of it, or none that the service takes.
        """
        described = described_type(kind, parameter)
        self.name: str = described.name
        self.schema: Schema = closed_schema(reduced_schema(described.schema, self.name).schema)
        self._adapter = described.adapter
        for breach in breached_limits(self.schema):
            logger.warning("the schema %r has %s: Maritaca may refuse it", self.name, breach)

    def read(self, text: str) -> T:
        """The value in a text, which may stand in a Markdown fence; nothing is repaired.

        Raises:
            UnreadableAnswer: it is empty, not JSON, or not such a value.
        """
        said = text.strip()
        if fenced := _FENCED.fullmatch(said):
            said = fenced[1]
        if not said:
            raise UnreadableAnswer("empty", "the answer is empty")
        try:
            _DECODER.decode(said)
        except (ValueError, RecursionError) as error:
            raise UnreadableAnswer("invalid_json", f"the answer is not JSON: {error}") from error
        try:
            return self._adapter.validate_json(said)
        except ValueError as error:
            raise UnreadableAnswer(
                "mismatch", f"the answer does not fit {self.name}: {first_line(error)}"
            ) from error


def answer_format(kind: type[T], parameter: str) -> AnswerFormat[T]:
    """The type that an answer is to be read into; the latest ones are kept.

    Args:
        kind: The type.
        parameter: What it was given as, for messages.

    Raises:
        ConfigurationError: not a type with a JSON Schema.
    """
    if isinstance(kind, Mapping):
        raise ConfigurationError(
            f"{parameter} is a type to read the answer into: give a ready-made format to create"
        )
    hashable: Any = kind
    try:
        return _kept(hashable, parameter)
    except TypeError:  # it has no hash, which few types lack
        return AnswerFormat(kind, parameter)


# Making a schema takes as long as a hundred requests take to be written.
@lru_cache(maxsize=64)
def _kept(kind: type[Any], parameter: str) -> AnswerFormat[Any]:
    return AnswerFormat(kind, parameter)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)
