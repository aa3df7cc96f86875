"""From LangChain's messages and tools to the parameters of a request; no I/O."""

from __future__ import annotations

import json
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
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool

from maritaca_async.types import CompletionParams

Wire = dict[str, Any]

_ROLES: Final = frozenset({"system", "user", "assistant", "tool"})
_CHOICES: Final = frozenset({"auto", "none", "required"})
_ONLY_WITH_TOOLS: Final = ("tool_choice", "parallel_tool_calls")
_KNOWN: Final = frozenset(CompletionParams.__annotations__)
_EXTENSIONS: Final = {
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/xml": "xml",
    "text/xml": "xml",
    "text/csv": "csv",
    "text/markdown": "md",
    "text/plain": "txt",
    "image/png": "png",
    "image/jpeg": "jpeg",
}
_FLAGS: Final = {
    "web_search": "web_search",
    "code_interpreter": "code_execution",
    "code_execution": "code_execution",
    "data_ocean": "data_ocean",
}

BUILT_IN: Final = frozenset(_FLAGS.values())
"""Parameters that switch on tools which run on the service; such calls cannot stream."""


def request_params(messages: Sequence[BaseMessage], given: Mapping[str, Any]) -> Wire:
    """The parameters of one request, from the messages and everything the caller set.

    None means "not set", as everywhere in LangChain. A parameter that the client does not know travels
    in `extra_body`, so that the server decides about it.

    Raises:
        TypeError: a kind of message that cannot be sent.
        ValueError: content that the service does not take.
    """
    params = {name: value for name, value in given.items() if value is not None}
    if not params.get("tools", True):
        for name in ("tools", *_ONLY_WITH_TOOLS):
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
        TypeError: a kind of message that cannot be sent.
        ValueError: content that the service does not take.
    """
    return [_wire_message(message) for message in messages]


def _wire_message(message: BaseMessage) -> Wire:
    for kind, convert in _CONVERTERS:
        if isinstance(message, kind):
            return convert(message)
    raise TypeError(
        f"a {type(message).__name__} cannot be sent to a chat model: use system, human, AI or tool messages"
    )


def _system(message: BaseMessage) -> Wire:
    return {"role": "system", "content": _only_text(message.content, "system message", joiner="\n")}


def _user(message: BaseMessage) -> Wire:
    wire: Wire = {"role": "user", "content": _user_content(message.content)}
    if message.name:
        wire["name"] = message.name
    return wire


def _assistant(message: BaseMessage) -> Wire:
    # Any provider may have written it, so nothing but its text and its calls goes on the wire.
    text = _texts_of(message.content)
    calls = _wire_calls(message) if isinstance(message, AIMessage) else []
    if not calls:
        return {"role": "assistant", "content": text}
    return {"role": "assistant", "content": text or None, "tool_calls": calls}


def _tool(message: BaseMessage) -> Wire:
    content = message.content
    if not isinstance(content, str):
        texts = [_text_of(block) for block in content]
        known = [text for text in texts if text is not None]
        content = "\n".join(known) if len(known) == len(texts) else json.dumps(content, ensure_ascii=False)
    return {"role": "tool", "content": content, "tool_call_id": getattr(message, "tool_call_id", "")}


def _chat(message: BaseMessage) -> Wire:
    role = getattr(message, "role", None)
    if role not in _ROLES or role == "tool":
        raise ValueError(f"ChatMessage: role must be system, user or assistant, not {role!r}")
    return {"system": _system, "user": _user, "assistant": _assistant}[role](message)


_CONVERTERS: Final[tuple[tuple[type[BaseMessage], Callable[[BaseMessage], Wire]], ...]] = (
    (HumanMessage, _user),
    (AIMessage, _assistant),
    (SystemMessage, _system),
    (ToolMessage, _tool),
    (ChatMessage, _chat),
)


def _wire_calls(message: AIMessage) -> list[Wire]:
    calls = [_call(call["id"], call["name"], _json(call["args"])) for call in message.tool_calls]
    calls += [_call(call["id"], call["name"], call["args"]) for call in message.invalid_tool_calls]
    if calls:
        return calls
    raw = message.additional_kwargs.get("tool_calls") or ()
    functions = [(call.get("id"), call["function"]) for call in raw if call.get("function")]
    return [
        _call(call_id, function.get("name"), function.get("arguments")) for call_id, function in functions
    ]


def _call(call_id: str | None, name: str | None, arguments: str | None) -> Wire:
    return {
        "id": call_id or "",
        "type": "function",
        "function": {"name": name or "", "arguments": arguments or ""},
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# Content


def _text_of(block: Any) -> str | None:
    """The text of a text block, None for any other block."""
    if isinstance(block, str):
        return block
    text = block.get("text") if block.get("type", "text") == "text" else None
    return text if isinstance(text, str) else None


def _texts_of(content: str | list[Any]) -> str:
    return (
        content
        if isinstance(content, str)
        else "".join(text for block in content if (text := _text_of(block)))
    )


def _only_text(content: str | list[Any], where: str, *, joiner: str) -> str:
    if isinstance(content, str):
        return content
    texts = []
    for block in content:
        text = _text_of(block)
        if text is None:
            raise ValueError(f"a {where} takes text only, not a block of type {block.get('type')!r}")
        texts.append(text)
    return joiner.join(texts)


def _user_content(content: str | list[Any]) -> str | list[Wire]:
    return content if isinstance(content, str) else [_user_part(block) for block in content] or ""


def _user_part(block: Any) -> Wire:
    if (text := _text_of(block)) is not None:
        return {"type": "text", "text": text}
    kind = block.get("type")
    convert = _PARTS.get(kind)
    if convert is None:
        raise ValueError(
            f"a user message cannot hold a block of type {kind!r}: Maritaca takes text, images and files"
        )
    return convert(block)


def _image_url(block: Mapping[str, Any]) -> Wire:
    given = block.get("image_url")
    url = given.get("url") if isinstance(given, Mapping) else given
    if not isinstance(url, str) or not url:
        raise ValueError("an image_url block needs image_url={'url': 'https://...'} or a data URI")
    # `detail` is not documented for this service, which refuses what it does not know.
    return {"type": "image_url", "image_url": {"url": url}}


def _image(block: Mapping[str, Any]) -> Wire:
    source = block.get("source")
    if isinstance(source, Mapping):
        block = {**source, "mime_type": source.get("media_type")}
    url = block.get("url")
    if not url:
        data = block.get("base64") or block.get("data")
        mime = block.get("mime_type")
        if not data or not mime:
            raise ValueError(
                "an image block needs a url, or base64 together with mime_type (image/png or image/jpeg)"
            )
        url = f"data:{mime};base64,{data}"
    return {"type": "image_url", "image_url": {"url": url}}


def _file(block: Mapping[str, Any]) -> Wire:
    given = block.get("file")
    if isinstance(given, Mapping) and given.get("file_data"):
        data_uri, mime = given["file_data"], None
        name = given.get("filename")
    else:
        data, mime = block.get("base64") or block.get("data"), block.get("mime_type")
        if not data or not mime:
            raise ValueError(
                "a file block needs base64 together with mime_type: Maritaca takes documents by value, not by URL or id"
            )
        data_uri, name = f"data:{mime};base64,{data}", _filename(block)
    return {
        "type": "file",
        "file": {"filename": name or f"file.{_EXTENSIONS.get(mime or '', 'pdf')}", "file_data": data_uri},
    }


def _filename(block: Mapping[str, Any]) -> Any:
    places = (block, block.get("extras"), block.get("metadata"))
    return next((place["filename"] for place in places if place and place.get("filename")), None)


def _plain_text(block: Mapping[str, Any]) -> Wire:
    if (text := block.get("text")) is not None:
        return {"type": "text", "text": text}
    return _file({"mime_type": "text/plain", **block})


_PARTS: Final[dict[Any, Callable[[Mapping[str, Any]], Wire]]] = {
    "image_url": _image_url,
    "image": _image,
    "file": _file,
    "text-plain": _plain_text,
}


# Tools and formats


def wire_tools(tools: Sequence[Any], *, strict: bool | None = None) -> tuple[list[Wire], dict[str, bool]]:
    """Function tools as a request takes them, and the flags that stand for Maritaca's built-in tools."""
    functions: list[Wire] = []
    flags: dict[str, bool] = {}
    for tool in tools:
        flag = (
            _FLAGS.get(str(tool.get("type"))) if isinstance(tool, dict) and "function" not in tool else None
        )
        if flag:
            flags[flag] = True
        else:
            functions.append(convert_to_openai_tool(tool, strict=strict))
    return functions, flags


def wire_tool_choice(choice: Any) -> Any:
    """A tool choice as a request takes it: None where the caller made none.

    Raises:
        ValueError: not a choice.
    """
    if choice is None or choice is False:
        return None
    if choice is True or choice == "any":
        return "required"
    if isinstance(choice, str):
        return choice if choice in _CHOICES else {"type": "function", "function": {"name": choice}}
    if isinstance(choice, dict):
        return choice
    raise ValueError(
        f"tool_choice must be a tool's name, 'auto', 'any', 'none', a bool or a dict, not {choice!r}"
    )


def wire_response_format(response_format: Any, *, strict: bool | None = None) -> Any:
    """A response format as a request takes it, from that form itself, a schema, or a class.

    Raises:
        ValueError: nothing a JSON Schema can be made of.
    """
    if response_format is None:
        return None
    if isinstance(response_format, dict):
        if response_format.get("type") in {"json_schema", "json_object", "text"}:
            return response_format
        if {"name", "schema"} <= response_format.keys():
            return {"type": "json_schema", "json_schema": response_format}
    schema = convert_to_json_schema(response_format, strict=strict)
    if isinstance(response_format, type):
        schema = _supported(schema)
    wanted: Wire = {"name": schema["title"], "schema": schema}
    if strict is not None:
        wanted["strict"] = strict
    return {"type": "json_schema", "json_schema": wanted}


_REFUSED: Final = {
    "string": {"format", "pattern", "minLength", "maxLength"},
    "number": {"multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "array": {"contains", "uniqueItems", "unevaluatedItems", "minItems", "maxItems"},
    "object": {
        "propertyNames",
        "patternProperties",
        "unevaluatedProperties",
        "minProperties",
        "maxProperties",
    },
}
_ALL_REFUSED: Final = frozenset().union(*_REFUSED.values())


def _supported(schema: Any) -> Any:
    """A class's schema without the keywords the service refuses; the class itself still checks them."""
    if isinstance(schema, list):
        return [_supported(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: _supported(part) for name, part in value.items()}
        if key == "properties"
        else _supported(value)
        for key, value in schema.items()
        if key not in _ALL_REFUSED
    }
