"""From the bytes of a request to a checked `ChatRequest`, or to the refusal it deserves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from ..catalogue import BuiltInTool, ModelInfo, find_model
from ._refusal import Refusal, bad_request
from ._request import (
    TAG_MARK,
    AssistantMessage,
    ChatRequest,
    JsonSchemaFormat,
    NamedToolChoice,
    ToolMessage,
)
from ._schema import unsupported_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_BUILT_IN_TOOLS: Final[tuple[BuiltInTool, ...]] = ("web_search", "code_execution", "data_ocean")


def parse_json(raw: bytes) -> Any:
    """Return the JSON in a body.

    Raises:
        Refusal: 400 when it is not JSON.
    """
    try:
        return json.loads(raw, parse_constant=_refuse_constant)
    except ValueError as error:
        raise bad_request(f"There was an error parsing the body: {error}") from error


def parse_request(body: Any) -> ChatRequest:
    """Return the request that a JSON body describes.

    Raises:
        Refusal: 400 for what is unsupported, 422 for wrong types, ranges and missing fields.
    """
    try:
        request = ChatRequest.model_validate(body)
    except ValidationError as error:
        raise refusal_for(error) from error
    for rule in _RULES:
        rule(request)
    return request


def model_of(request: ChatRequest) -> ModelInfo:
    """Return the model that a request asks for.

    Raises:
        Refusal: 404 when the service has no such model.
    """
    model = find_model(request.model)
    if model is None:
        raise Refusal(404, f"Model '{request.model}' not found")
    return model


def check_limits(request: ChatRequest, model: ModelInfo, prompt_tokens: int) -> None:
    """Refuse a request that the model has no room or no tools for.

    Raises:
        Refusal: 400 for an unsupported tool or a full context, 422 for too large an output.
    """
    for name in _BUILT_IN_TOOLS:
        if getattr(request, name) and name not in model.built_in_tools:
            raise bad_request(f"'{name}' is not supported by model '{request.model}'")
    for field in ("max_tokens", "max_completion_tokens"):
        if (getattr(request, field) or 0) > model.max_output_tokens:
            message = f"Input should be less than or equal to {model.max_output_tokens}"
            raise _unprocessable([field], message, "less_than_equal")
    wanted = prompt_tokens + (request.output_limit or 0)
    if wanted > model.context_tokens:
        raise bad_request(
            f"This model's maximum context length is {model.context_tokens} tokens, "
            f"but prompt and completion ask for {wanted}"
        )


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def refusal_for(error: ValidationError) -> Refusal:
    """What the service says of a body that is not as it describes it: 400 or 422."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    for problem in problems:
        if problem["type"] == "extra_forbidden":
            return bad_request(f"Unsupported parameter: '{_path(_location(problem['loc']))}'")
    return Refusal(
        422,
        [
            {
                "loc": ["body", *_location(problem["loc"])],
                "msg": problem["msg"],
                "type": problem["type"],
            }
            for problem in problems
        ],
    )


def _unprocessable(location: list[int | str], message: str, kind: str) -> Refusal:
    return Refusal(422, [{"loc": ["body", *location], "msg": message, "type": kind}])


def _location(raw: Iterable[int | str]) -> list[int | str]:
    return [step for step in raw if not str(step).startswith(TAG_MARK)]


def _path(location: list[int | str]) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in location]
    return "".join(steps).removeprefix(".")


def _check_stream(request: ChatRequest) -> None:
    if request.stream_options is not None and not request.stream:
        raise bad_request("'stream_options' is only allowed when 'stream' is true")
    for name in _BUILT_IN_TOOLS:
        if request.stream and getattr(request, name):
            raise bad_request(f"'{name}' is not supported with 'stream': true")


def _check_tools(request: ChatRequest) -> None:
    sent = request.model_fields_set
    names = [tool.function.name for tool in request.tools]
    if "tools" in sent and not names:
        raise bad_request("'tools' must not be empty")
    for field in ("tool_choice", "parallel_tool_calls"):
        if field in sent and not names:
            raise bad_request(f"'{field}' is only allowed when 'tools' are given")
    if len(set(names)) < len(names):
        raise bad_request("'tools' must have distinct names")
    choice = request.tool_choice
    if isinstance(choice, NamedToolChoice) and choice.function.name not in names:
        raise bad_request(f"'tool_choice' names an unknown tool: '{choice.function.name}'")


def _check_conversation(request: ChatRequest) -> None:
    asked: set[str] = set()
    for index, message in enumerate(request.messages):
        if isinstance(message, AssistantMessage):
            if message.content is None and not message.tool_calls:
                raise bad_request(f"'messages[{index}]' needs 'content' or 'tool_calls'")
            asked.update(call.id for call in message.tool_calls or ())
        elif isinstance(message, ToolMessage) and message.tool_call_id not in asked:
            raise bad_request(
                f"'messages[{index}].tool_call_id' answers no earlier tool call: '{message.tool_call_id}'"
            )


def _check_schema(request: ChatRequest) -> None:
    wanted = request.response_format
    if not isinstance(wanted, JsonSchemaFormat):
        return
    problem = unsupported_in(wanted.json_schema.schema_)
    if problem is not None:
        raise bad_request(f"Invalid schema for 'response_format': {problem}")


_RULES: Final[tuple[Callable[[ChatRequest], None], ...]] = (
    _check_stream,
    _check_tools,
    _check_conversation,
    _check_schema,
)
