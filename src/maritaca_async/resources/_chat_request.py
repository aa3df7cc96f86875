"""Checks and wire form of chat completion parameters; no I/O."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import ConfigurationError
from ..types.chat import Message
from ..types.chat_params import CompletionParams
from ..types.shared import RequestOptions

OPTION_NAMES = frozenset(RequestOptions.__annotations__)
KNOWN = frozenset(CompletionParams.__annotations__) | OPTION_NAMES
_ROLES = frozenset({"system", "user", "assistant", "tool"})
_BUILT_IN = ("web_search", "code_execution", "data_ocean")
_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "n": (1, math.inf),
    "max_tokens": (1, math.inf),
    "max_completion_tokens": (1, math.inf),
}


def completion_body(params: Mapping[str, Any], *, stream: bool) -> dict[str, Any]:
    """The JSON body: what the caller set and nothing else.

    Raises:
        ConfigurationError: naming the parameter and what it takes.
    """
    body = {name: value for name, value in params.items() if name not in OPTION_NAMES}
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise ConfigurationError(f"model must be the name of a model such as 'sabia-4', not {model!r}")
    body["messages"] = _messages(body.get("messages"))
    if isinstance(body.get("stop"), str):
        body["stop"] = [body["stop"]]
    for name in ("tools", "stop"):
        if (value := body.get(name)) is not None and not isinstance(value, list):
            body[name] = _list(name, value)
    if body.get("tools") == []:
        raise ConfigurationError("tools is empty: leave it out instead")
    for name in _RANGES.keys() & body.keys():
        _check_range(name, body[name])
    if stream:
        _check_streamable(body)
        body["stream"] = True
    elif body.get("stream_options") is not None:
        raise ConfigurationError("stream_options needs stream=True")
    return body


def _list(name: str, value: Any) -> list[Any]:
    if isinstance(value, Mapping) or not isinstance(value, Iterable):
        raise ConfigurationError(f"{name} must be a list, not {type(value).__name__}")
    return list(value)


def _messages(messages: Any) -> list[Any]:
    if not isinstance(messages, list) and (
        isinstance(messages, str | Mapping) or not isinstance(messages, Iterable)
    ):
        raise ConfigurationError(
            f'messages must be a list such as [{{"role": "user", "content": "Olá"}}], not {type(messages).__name__}'
        )
    found = [_message(place, message) for place, message in enumerate(messages)]
    if not found:
        raise ConfigurationError("messages is empty: a request needs at least one message")
    return found


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
    if role not in _ROLES:
        raise ConfigurationError(
            f"messages[{place}]: role must be one of {', '.join(sorted(_ROLES))}, not {role!r}"
        )
    if "content" not in message and "tool_calls" not in message:
        raise ConfigurationError(f"messages[{place}] has no content")
    return message


def _check_range(name: str, value: Any) -> None:
    low, high = _RANGES[name]
    if value is None:
        return
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        limits = f"from {low:g} to {high:g}" if high < math.inf else f"of at least {low:g}"
        raise ConfigurationError(f"{name} must be a number {limits}, not {value!r}")


def _check_streamable(body: Mapping[str, Any]) -> None:
    for name in _BUILT_IN:
        if body.get(name):
            raise ConfigurationError(f"{name} cannot stream: leave out stream=True")
