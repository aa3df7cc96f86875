"""Checks and wire form of chat completion parameters; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ConfigurationError
from ..types.chat import Message
from ..types.chat_params import CompletionParams
from ._chat_files import check_files
from ._parameters import (
    OPTION_NAMES,
    Writer,
    as_list,
    content_part,
    is_list,
    model_name,
    numbers,
    stop_texts,
    whole_number,
    written,
)

KNOWN = frozenset(CompletionParams.__annotations__) | OPTION_NAMES
_ROLES = frozenset({"system", "user", "assistant", "tool"})
_BUILT_IN = ("web_search", "code_execution", "data_ocean")
_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}


def completion_body(params: Mapping[str, Any], *, stream: bool) -> dict[str, Any]:
    """The JSON body: what the caller set and nothing else.

    Raises:
        ConfigurationError: naming the parameter and what it takes.
    """
    body = written(params, _WRITERS, KNOWN)
    if not body.get("messages"):
        raise ConfigurationError("messages is empty: a request needs at least one message")
    if stream:
        _check_streamable(body)
        body["stream"] = True
    elif body.get("stream_options") is not None:
        raise ConfigurationError("stream_options needs stream=True")
    return body


def _messages(_name: str, value: Any) -> list[Any]:
    if not is_list(value):
        raise ConfigurationError(
            f'messages must be a list such as [{{"role": "user", "content": "Olá"}}], not {type(value).__name__}'
        )
    messages = [_message(place, message) for place, message in enumerate(value)]
    check_files(messages)
    return messages


def _message(place: int, message: Any) -> Any:
    if not isinstance(message, dict):
        if isinstance(message, Message):
            return message.to_param()
        if not isinstance(message, Mapping):
            raise ConfigurationError(
                f"messages[{place}] must be a mapping with role and content, not {message!r:.80}"
            )
        message = dict(message)
    role = message.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise ConfigurationError(
            f"messages[{place}]: role must be one of {', '.join(sorted(_ROLES))}, not {role!r}"
        )
    if "content" not in message and "tool_calls" not in message:
        raise ConfigurationError(f"messages[{place}] has no content")
    for name in ("content", "tool_calls"):
        parts = message.get(name)
        if parts is not None and not isinstance(parts, str):
            message = {
                **message,
                name: [content_part(part) for part in as_list(f"messages[{place}].{name}", parts)],
            }
    return message


def _tools(name: str, value: Any) -> list[Any]:
    tools = as_list(name, value)
    if not tools:
        raise ConfigurationError("tools is empty: leave it out instead")
    return tools


def _response_format(name: str, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"{name} must be a mapping such as {{'type': 'json_object'}}, not {value!r:.80}: "
            "for an answer of a type use chat.completions.parse"
        )
    return value


_WRITERS: dict[str, Writer] = {
    "model": model_name,
    "messages": _messages,
    "stop": stop_texts,
    "tools": _tools,
    "response_format": _response_format,
    "n": whole_number,
    "max_tokens": whole_number,
    "max_completion_tokens": whole_number,
    **numbers(_RANGES),
}


def _check_streamable(body: Mapping[str, Any]) -> None:
    for name in _BUILT_IN:
        if body.get(name):
            raise ConfigurationError(f"{name} cannot stream: use create without stream=True")
