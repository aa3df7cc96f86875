"""A Responses request as the chat request that asks for the same: one machinery answers both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._request import ChatRequest
from ._responses_request import (
    FunctionCall,
    FunctionChoice,
    InputFile,
    InputImage,
    InputMessage,
    JsonSchemaFormat,
)

if TYPE_CHECKING:
    from ._responses_request import Part, ResponseRequest

_SAME_NAMES = ("model", "temperature", "top_p", "service_tier", "extraction_effort")


def as_chat(request: ResponseRequest) -> ChatRequest:
    """Return the chat request that asks for the same."""
    body: dict[str, Any] = {name: getattr(request, name) for name in _SAME_NAMES}
    body |= request.built_in
    body |= {"messages": _messages(request), "max_tokens": request.max_output_tokens}
    body |= {"stop": request.stop or [], "response_format": _format(request)}
    if request.functions:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": function.name,
                    "description": function.description,
                    "parameters": function.parameters or {},
                    # The default of this API, unlike that of chat.
                    "strict": function.strict is not False,
                },
            }
            for function in request.functions
        ]
        body |= {"tool_choice": _choice(request), "parallel_tool_calls": request.parallel_tool_calls}
    return ChatRequest.model_validate(body)


def _messages(request: ResponseRequest) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    if request.instructions is not None:
        messages.append({"role": "system", "content": request.instructions})
    for item in request.items:
        if isinstance(item, InputMessage):
            messages.append(_message(item))
        elif isinstance(item, FunctionCall):
            function = {"name": item.name, "arguments": item.arguments}
            call = {"id": item.call_id, "type": "function", "function": function}
            if messages and "tool_calls" in messages[-1]:
                messages[-1]["tool_calls"].append(call)
            else:
                messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        else:
            messages.append({"role": "tool", "tool_call_id": item.call_id, "content": item.output})
    return messages


def _message(item: InputMessage) -> dict[str, Any]:
    if item.role == "user":
        content = item.content if isinstance(item.content, str) else [_part(part) for part in item.content]
        return {"role": "user", "content": content}
    role = "system" if item.role == "developer" else item.role
    return {"role": role, "content": _text(item)}


def _text(item: InputMessage) -> str:
    if isinstance(item.content, str):
        return item.content
    return "".join(part.text for part in item.content if not isinstance(part, InputImage | InputFile))


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, InputImage):
        return {"type": "image_url", "image_url": {"url": part.image_url}}
    if isinstance(part, InputFile):
        return {"type": "file", "file": {"filename": part.filename, "file_data": part.file_data}}
    return {"type": "text", "text": part.text}


def _choice(request: ResponseRequest) -> Any:
    choice = request.tool_choice
    if isinstance(choice, FunctionChoice):
        return {"type": "function", "function": {"name": choice.name}}
    return choice or "auto"


def _format(request: ResponseRequest) -> dict[str, Any]:
    wanted = request.text.format if request.text is not None else None
    if isinstance(wanted, JsonSchemaFormat):
        return {"type": "json_schema", "json_schema": {"name": wanted.name, "schema": wanted.schema_}}
    return {"type": wanted.type if wanted is not None else "text"}
