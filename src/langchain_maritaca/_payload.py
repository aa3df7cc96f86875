"""From LangChain's messages and everything else that was set to the parameters of a request; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from maritaca_async.types import CompletionParams

from ._content import Wire, json_text, only_text, result_text, texts_of, user_content
from ._errors import ChatMaritacaConfigurationError
from ._files import Unusable
from ._tools import check_names, wire_tool_choice

_ROLES: Final = frozenset({"system", "user", "assistant"})
_ONLY_WITH_TOOLS: Final = ("tools", "parallel_tool_calls")
_KNOWN: Final = frozenset(CompletionParams.__annotations__)


def request_params(messages: Sequence[BaseMessage], given: Mapping[str, Any]) -> Wire:
    """The parameters of one request, from the messages and everything the caller set.

    None means "not set", as everywhere in LangChain. A parameter that the client does not know travels
    in `extra_body`, so that the server decides about it.

    Raises:
        ChatMaritacaConfigurationError: a message, its content or a choice of tools that the service does not
            take.
    """
    params = {name: value for name, value in given.items() if value is not None}
    tools = params.get("tools") or ()
    check_names(tools)
    choice = wire_tool_choice(params.pop("tool_choice", None), tools)
    if choice is not None:
        params["tool_choice"] = choice
    if not tools:
        for name in _ONLY_WITH_TOOLS:
            params.pop(name, None)
    if not params.get("stop", True):
        del params["stop"]
    unknown = params.keys() - _KNOWN
    if unknown:
        extra = {name: params.pop(name) for name in unknown}
        params["extra_body"] = {**extra, **params.get("extra_body", {})}
    params["messages"] = wire_messages(messages)
    return params


def wire_messages(messages: Sequence[BaseMessage]) -> list[Wire]:
    """The messages as a request takes them; the originals stay as they are.

    Raises:
        ChatMaritacaConfigurationError: a message or content that cannot be sent, by its place in the list.
    """
    wire = []
    try:
        for message in messages:
            wire.append(_wire_message(message))  # noqa: PERF401  the length says which message is wrong
    except Unusable as problem:
        raise ChatMaritacaConfigurationError(f"messages[{len(wire)}]: {problem}") from None
    return wire


def _wire_message(message: BaseMessage) -> Wire:
    for kind, convert in _CONVERTERS:
        if isinstance(message, kind):
            return convert(message)
    raise Unusable(
        f"a {type(message).__name__} cannot be sent to a chat model: use system, human, AI or tool messages"
    )


def _system(message: BaseMessage) -> Wire:
    return {"role": "system", "content": only_text(message.content)}


def _user(message: BaseMessage) -> Wire:
    wire: Wire = {"role": "user", "content": user_content(message.content)}
    if message.name:
        wire["name"] = message.name
    return wire


def _assistant(message: BaseMessage) -> Wire:
    # Any provider may have written it, so nothing but its text and its calls goes on the wire.
    text = texts_of(message.content)
    calls = _wire_calls(message) if isinstance(message, AIMessage) else []
    if not calls:
        return {"role": "assistant", "content": text}
    return {"role": "assistant", "content": text or None, "tool_calls": calls}


def _tool(message: BaseMessage) -> Wire:
    call_id = getattr(message, "tool_call_id", "")
    return {"role": "tool", "content": result_text(message.content), "tool_call_id": call_id}


def _chat(message: BaseMessage) -> Wire:
    role = getattr(message, "role", None)
    if role not in _ROLES:
        raise Unusable(f"the role of a ChatMessage must be system, user or assistant, not {role!r}")
    return {"system": _system, "user": _user, "assistant": _assistant}[role](message)


_CONVERTERS: Final[tuple[tuple[type[BaseMessage], Callable[[BaseMessage], Wire]], ...]] = (
    (HumanMessage, _user),
    (AIMessage, _assistant),
    (SystemMessage, _system),
    (ToolMessage, _tool),
    (ChatMessage, _chat),
)


# Calls that the model asked for


def _wire_calls(message: AIMessage) -> list[Wire]:
    calls = [_call(call["id"], call["name"], call["args"]) for call in message.tool_calls]
    calls += [_call(call["id"], call["name"], call["args"]) for call in message.invalid_tool_calls]
    if calls:
        return calls
    raw = message.additional_kwargs.get("tool_calls") or ()
    functions = [(call.get("id"), call["function"]) for call in raw if call.get("function")]
    calls = [_call(call_id, made.get("name"), made.get("arguments")) for call_id, made in functions]
    return calls or _calls_in(message.content)


def _calls_in(content: str | list[Any]) -> list[Wire]:
    """The calls that stand in the content only, in the words of whoever wrote it."""
    blocks = [] if isinstance(content, str) else [block for block in content if isinstance(block, Mapping)]
    found = [(block, _CALL_BLOCKS[block["type"]]) for block in blocks if block.get("type") in _CALL_BLOCKS]
    return [
        _call(block.get(id_key), block.get("name"), block.get(arguments))
        for block, (id_key, arguments) in found
    ]


_CALL_BLOCKS: Final = {
    "tool_call": ("id", "args"),  # LangChain
    "tool_use": ("id", "input"),  # Anthropic
    "function_call": ("call_id", "arguments"),  # OpenAI's Responses
}


def _call(call_id: str | None, name: str | None, arguments: Any) -> Wire:
    if not call_id:
        raise Unusable(
            f"its call of the tool {name!r} has no id, so no tool message can answer it: give it one"
        )
    text = arguments if isinstance(arguments, str) else "" if arguments is None else json_text(arguments)
    return {"id": call_id, "type": "function", "function": {"name": name or "", "arguments": text}}
