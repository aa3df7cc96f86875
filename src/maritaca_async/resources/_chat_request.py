"""Checks and wire form of chat completion parameters; no I/O."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..errors import ConfigurationError
from ..types._base import Model
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
    body: dict[str, Any] = {}
    for name, value in params.items():
        if name not in OPTION_NAMES:
            write = _WRITERS.get(name)
            body[name] = value if write is None or value is None else write(name, value)
    if not body.get("model"):
        raise ConfigurationError("model is missing: give the name of a model such as 'sabia-4'")
    if not body.get("messages"):
        raise ConfigurationError("messages is empty: a request needs at least one message")
    if stream:
        _check_streamable(body)
        body["stream"] = True
    elif body.get("stream_options") is not None:
        raise ConfigurationError("stream_options needs stream=True")
    return body


def _model(_name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"model must be the name of a model such as 'sabia-4', not {value!r}")
    return value


def _messages(_name: str, value: Any) -> list[Any]:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ConfigurationError(
            f'messages must be a list such as [{{"role": "user", "content": "Olá"}}], not {type(value).__name__}'
        )
    return [_message(place, message) for place, message in enumerate(value)]


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
            message = {**message, name: [_part(part) for part in _list(f"messages[{place}].{name}", parts)]}
    return message


def _part(part: Any) -> Any:
    return part.model_dump(mode="json", exclude_none=True) if isinstance(part, Model) else part


def _stop(name: str, value: Any) -> list[Any]:
    return [value] if isinstance(value, str) else _list(name, value)


def _tools(name: str, value: Any) -> list[Any]:
    tools = _list(name, value)
    if not tools:
        raise ConfigurationError("tools is empty: leave it out instead")
    return tools


def _list(name: str, value: Any) -> list[Any]:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ConfigurationError(f"{name} must be a list, not {type(value).__name__}")
    return list(value)


def _number(name: str, value: Any) -> Any:
    low, high = _RANGES[name]
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        limits = f"from {low:g} to {high:g}" if high < math.inf else f"of at least {low:g}"
        raise ConfigurationError(f"{name} must be a number {limits}, not {value!r}")
    return value


_WRITERS: dict[str, Callable[[str, Any], Any]] = {
    "model": _model,
    "messages": _messages,
    "stop": _stop,
    "tools": _tools,
    **dict.fromkeys(_RANGES, _number),
}
"""Check a parameter and give it its wire form; parameters that are not here go out as they are."""


def _check_streamable(body: Mapping[str, Any]) -> None:
    for name in _BUILT_IN:
        if body.get(name):
            raise ConfigurationError(f"{name} cannot stream: leave out stream=True")
