"""A chat completion for a type: how it is asked for, and whether the answer is one; no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import ConfigurationError, RequestInfo
from ..types.parsed import ParsedCompletion, with_parsed
from ._answer_format import UnreadableAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._core.engine import Engine
    from .._core.http_info import HttpInfo
    from .._core.request import Request
    from ..types.chat import ChatCompletion
    from ._answer_format import AnswerFormat

T = TypeVar("T")


def asking_for(wanted: AnswerFormat[Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a call whose answer follows a type's schema.

    Raises:
        ConfigurationError: they ask for several answers.
    """
    if params.get("n") not in (None, 1):
        raise ConfigurationError("parse reads one answer: leave out n, or use create for several")
    schema = {"name": wanted.name, "schema": wanted.schema, "strict": True}
    return {**params, "response_format": {"type": "json_schema", "json_schema": schema}}


def parsed_completion(
    completion: ChatCompletion, wanted: AnswerFormat[T], request: RequestInfo
) -> ParsedCompletion[T]:
    """The completion with its answer read.

    Raises:
        AnswerFormatError: there is no whole answer, or it is not of the type.
    """
    try:
        _check_whole(completion)
        return with_parsed(completion, wanted.read(completion.text))
    except UnreadableAnswer as error:
        raise error.of(completion, completion.text, request) from error.__cause__


def request_info(engine: Engine, request: Request, http: HttpInfo) -> RequestInfo:
    """What errors tell of the request of an answer that has come."""
    return RequestInfo(request.method, engine.url(request.path), http.attempts)


def _check_whole(completion: ChatCompletion) -> None:
    choice = completion.choices[0]
    message = choice.message
    if choice.finish_reason == "length":
        raise UnreadableAnswer(
            "truncated", "the answer reached its token limit before it was complete: raise max_tokens"
        )
    if message.refusal or choice.finish_reason == "content_filter":
        raise UnreadableAnswer(
            "refused", f"the model refused to answer: {message.refusal or 'content_filter'!s:.500}"
        )
    if (message.tool_calls or message.invalid_tool_calls) and not message.text.strip():
        raise UnreadableAnswer(
            "tool_calls", "the model asked for tools instead of answering: the calls are in error.completion"
        )
