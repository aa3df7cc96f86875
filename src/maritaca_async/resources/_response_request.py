"""Checks and wire form of the parameters of the Responses API; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ConfigurationError
from ..types._base import Model
from ..types.response_params import ResponseParams
from ..types.responses import CodeExecutionArtifact, ResponseFunctionCall, ResponseMessage, as_input
from ._parameters import (
    OPTION_NAMES,
    Writer,
    as_list,
    content_part,
    is_list,
    metadata,
    model_name,
    numbers,
    stop_texts,
    whole_number,
    written,
)

KNOWN = frozenset(ResponseParams.__annotations__) | OPTION_NAMES
_ROLES = frozenset({"user", "assistant", "system", "developer"})
_FLAGS = ("web_search", "code_execution", "data_ocean")
_BUILT_IN_TOOLS = frozenset({"web_search", "code_interpreter", "data_ocean"})
_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
}
_REQUIRED = {
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
}


def response_body(params: Mapping[str, Any], *, stream: bool) -> dict[str, Any]:
    """The JSON body: what the caller set and nothing else.

    Raises:
        ConfigurationError: naming the parameter and what it takes.
    """
    body = written(params, _WRITERS, KNOWN)
    if not body.get("input"):
        raise ConfigurationError("input is empty: give a text, or a list with at least one item")
    if stream:
        _check_streamable(body)
        body["stream"] = True
    return body


def _input(_name: str, value: Any) -> str | list[Any]:
    if isinstance(value, str):
        return value
    if isinstance(value, Model) or not is_list(value):
        raise ConfigurationError(
            f'input must be a text or a list such as [{{"role": "user", "content": "Olá"}}], not {type(value).__name__}'
        )
    return [_item(f"input[{place}]", item) for place, item in enumerate(value)]


def _item(place: str, item: Any) -> Any:
    if isinstance(item, ResponseMessage | ResponseFunctionCall):
        return as_input(item)
    if isinstance(item, CodeExecutionArtifact):
        raise ConfigurationError(
            f"{place} is a file that the service does not take back: give it response.to_input()"
        )
    if isinstance(item, Model):
        return item.model_dump(mode="json", exclude_none=True)
    if not isinstance(item, Mapping):
        raise ConfigurationError(f"{place} must be a mapping with role and content, not {item!r:.80}")
    kind = item.get("type")
    if kind in (None, "message"):
        return _message(place, item)
    for name in _REQUIRED.get(kind, ()) if isinstance(kind, str) else ():
        if not isinstance(item.get(name), str):
            raise ConfigurationError(f"{place} ({kind}): {name} must be a string, not {item.get(name)!r:.80}")
    return item


def _message(place: str, message: Mapping[str, Any]) -> Mapping[str, Any]:
    role, content = message.get("role"), message.get("content")
    if role == "tool":
        raise ConfigurationError(
            f"{place}: a result is no message here but "
            '{"type": "function_call_output", "call_id": ..., "output": ...}'
        )
    if not isinstance(role, str) or role not in _ROLES:
        raise ConfigurationError(f"{place}: role must be one of {', '.join(sorted(_ROLES))}, not {role!r}")
    if content is None:
        raise ConfigurationError(f"{place} has no content")
    if isinstance(content, str):
        return message
    parts = [content_part(part) for part in as_list(f"{place}.content", content)]
    return {**message, "content": parts}


def _tools(name: str, value: Any) -> list[Any]:
    tools = as_list(name, value)
    for place, tool in enumerate(tools):
        if isinstance(tool, Mapping) and "function" in tool and "name" not in tool:
            raise ConfigurationError(
                f"tools[{place}]: this API takes functions in the flat form "
                '{"type": "function", "name": ..., "parameters": ...}, without "function"'
            )
    return tools


def _text(_name: str, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f'text must be a mapping such as {{"format": {{"type": "json_object"}}}}, not {value!r:.80}'
        )
    wanted = value.get("format")
    if isinstance(wanted, Mapping) and "json_schema" in wanted:
        raise ConfigurationError(
            "text.format: this API takes name and schema beside type, not inside of json_schema"
        )
    return value


_WRITERS: dict[str, Writer] = {
    "model": model_name,
    "input": _input,
    "stop": stop_texts,
    "tools": _tools,
    "metadata": metadata,
    "text": _text,
    "max_output_tokens": whole_number,
    **numbers(_RANGES),
}


def _check_streamable(body: Mapping[str, Any]) -> None:
    asked = [name for name in _FLAGS if body.get(name)]
    for tool in body.get("tools") or ():
        kind = tool.get("type") if isinstance(tool, Mapping) else None
        if isinstance(kind, str) and kind in _BUILT_IN_TOOLS:
            asked.append(kind)
    if asked:
        raise ConfigurationError(f"{asked[0]} cannot stream: leave out stream=True")
