"""A response for a type: how it is asked for, and whether the answer is one; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import APIResponseError, ConfigurationError
from ..types.responses import ParsedResponse, with_output_parsed
from ._answer_format import UnreadableAnswer

if TYPE_CHECKING:
    from ..errors import RequestInfo
    from ..types.responses import Response
    from ._answer_format import AnswerFormat

T = TypeVar("T")


def asking_for(wanted: AnswerFormat[Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a call whose answer follows a type's schema.

    Raises:
        ConfigurationError: they have a format already.
    """
    text = params.get("text") or {}
    if not isinstance(text, Mapping) or "format" in text:
        raise ConfigurationError("text_format makes text={'format': ...}: leave that one out")
    schema = {"type": "json_schema", "name": wanted.name, "schema": wanted.schema, "strict": True}
    return {**params, "text": {**text, "format": schema}}


def parsed_response(response: Response, wanted: AnswerFormat[T], request: RequestInfo) -> ParsedResponse[T]:
    """The response with its answer read.

    Raises:
        AnswerFormatError: there is no whole answer, or it is not of the type.
        APIResponseError: the response failed.
    """
    if response.status == "failed":
        raise APIResponseError(
            f"the response failed: {failure_reason(response)}",
            body=response.output_text,
            request=request,
            http=response.http,
            received=response,
        )
    try:
        _check_whole(response)
        return with_output_parsed(response, wanted.read(response.output_text))
    except UnreadableAnswer as error:
        raise error.of(response, response.output_text, request) from error.__cause__


def failure_reason(response: Response) -> str:
    """Why a response failed, in words."""
    reason = response.error.message if response.error is not None else ""
    return reason or "the service gave no reason"


def _check_whole(response: Response) -> None:
    if reason := response.incomplete_reason:
        raise UnreadableAnswer(
            "truncated", f"the answer was cut off ({reason}) before it was complete: raise max_output_tokens"
        )
    if refusal := _refusal_in(response):
        raise UnreadableAnswer("refused", f"the model refused to answer: {refusal:.500}")
    asked = response.function_calls or response.invalid_function_calls
    if asked and not response.output_text.strip():
        raise UnreadableAnswer(
            "tool_calls",
            "the model asked for functions instead of answering: the calls are in error.completion",
        )


def _refusal_in(response: Response) -> str:
    raw = [
        part.data
        for item in response.output
        if item.type == "message"
        for part in item.content
        if part.type == "unknown"
    ]
    return "".join(str(part.get("refusal") or "") for part in raw if part.get("type") == "refusal")
