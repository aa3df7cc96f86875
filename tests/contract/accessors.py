"""Everything that can be asked of a result: what is lazy may break long after it was read."""

from __future__ import annotations

import pickle
from base64 import b64encode
from collections.abc import Iterator
from copy import copy, deepcopy
from functools import cache, cached_property
from typing import Any

import pytest
from pydantic import BaseModel

from maritaca_async import ConfigurationError, MaritacaError, usage_cost
from maritaca_async.resources._chat_request import completion_body
from maritaca_async.resources._response_request import response_body
from maritaca_async.types import (
    BatchResult,
    ChatCompletion,
    InvalidFunctionCall,
    InvalidToolCall,
    Message,
    ModelList,
    Response,
    ResponseFunctionCall,
    ResponseUsage,
    ToolCall,
    Usage,
)
from maritaca_async.types.answer_files import ExtractedFile, GeneratedFile, safe_name
from maritaca_async.types.chat import ExtractionDetails, ToolExecutionDetails

from .documents import PNG
from .parameters import USER

_READABLE = (ExtractedFile, ExtractionDetails, GeneratedFile, ToolExecutionDetails)


def exercise(result: Any) -> None:
    """Ask a result, and all that is in it, for everything it has.

    Raises:
        Exception: whatever an accessor raises that is no error of ours.
    """
    for part in _parts(result):
        kind: Any = type(part)
        for name in _properties(kind):
            getattr(part, name)
        _ask(part)
    if isinstance(result, BaseModel):
        dumped = result.model_dump_json()
        assert type(result).model_validate_json(dumped).model_dump_json() == dumped


def duplicate(result: Any) -> None:
    """Copy a result in every way there is, and show it."""
    assert repr(result)
    for copied in (copy(result), deepcopy(result), pickle.loads(pickle.dumps(result))):
        assert type(copied) is type(result)
        assert copied == result if isinstance(result, BaseModel | list) else str(copied) == str(result)


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _parts(item)
    elif isinstance(value, BaseModel):
        yield value
        for item in vars(value).values():
            yield from _parts(item)
    elif isinstance(value, BatchResult):
        yield value
        yield from _parts(value.completion)


@cache
def _properties(kind: type[BaseModel]) -> tuple[str, ...]:
    """Names of what a class computes; `http` is there after a call only, and `content` where there is some."""
    found = {
        name
        for owner in kind.__mro__
        if owner is not BaseModel and issubclass(owner, BaseModel)
        for name, value in vars(owner).items()
        if isinstance(value, property | cached_property) and not name.startswith("_")
    }
    return tuple(found - {"content", "http", "model_extra", "model_fields_set"})


def _ask(part: Any) -> None:
    if isinstance(part, _READABLE):
        assert all(part[name] == getattr(part, name) for name in type(part).model_fields)
    match part:
        case ToolCall():
            assert isinstance(part.function.parsed_arguments(), dict)
        case InvalidToolCall() | InvalidFunctionCall():
            assert part.error
        case ResponseFunctionCall():
            assert isinstance(part.parsed_arguments(), dict)
        case GeneratedFile():
            _read_file(part)
        case Usage():
            _price(part)
        case ResponseUsage():
            _price(part.to_chat_usage())
        case Message():
            _replay_message(part)
        case ChatCompletion():
            assert isinstance(part.text, str)
        case Response():
            _read_response(part)
        case ModelList():
            assert [model.id for model in part] == [model.id for model in part.data]
        case BatchResult():
            assert (part.completion is None) is (part.error is not None)
            assert part.error is None or str(part.error)


def _read_file(file: GeneratedFile) -> None:
    assert "/" not in safe_name(file.filename)
    if file.content_base64:
        assert b64encode(file.content).decode() == file.content_base64 == PNG
    else:
        with pytest.raises(ValueError, match="brought no content"):
            _ = file.content


def _price(usage: Usage) -> None:
    try:
        assert usage_cost(usage, model="sabia-4").total >= 0
    except ConfigurationError as error:
        # Counts of which one is missing may contradict each other.
        assert "cannot be more" in str(error)


def _replay_message(message: Message) -> None:
    """Give a message back, as the next request does."""
    param = message.to_param()
    body = completion_body({"model": "sabia-4", "messages": [USER, message]}, stream=False)
    assert body["messages"][1] == param
    assert param["role"] == "assistant"


def _read_response(response: Response) -> None:
    assert isinstance(response.output_text, str)
    for call in response.function_calls:
        assert call.name
    for invalid in response.invalid_function_calls:
        assert invalid.error
    if items := response.to_input():
        assert response_body({"model": "sabia-4", "input": items}, stream=False)["input"] == items


def is_ours(error: BaseException) -> bool:
    """Whether an error is one that the library promises, and says something."""
    return isinstance(error, MaritacaError) and bool(str(error))
