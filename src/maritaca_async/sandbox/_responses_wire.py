"""A reply as the Responses API writes it: one JSON object, or the events of a stream."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

from ._tokens import split_tokens
from ._wire import to_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._options import SandboxOptions
    from ._replies import Reply
    from ._responses_request import ResponseRequest
    from ._wire import JsonObject

_USAGE: Final = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "total_tokens": "total_tokens",
    "prompt_tokens_details": "input_tokens_details",
    "completion_tokens_details": "output_tokens_details",
    "tool_execution_details": "tool_execution_details",
}
_ECHOED: Final = ("instructions", "temperature", "top_p", "max_output_tokens")
_FAILURE: Final = {"code": "server_error", "message": "falha simulada pela sandbox"}


def response_object(
    reply: Reply, envelope: JsonObject, request: ResponseRequest, options: SandboxOptions
) -> JsonObject:
    """Return the body of a response that is not streamed, which also ends one that is."""
    cut = reply.choices[0].finish_reason == "length"
    body = {
        **_opening(envelope, request),
        "status": "incomplete" if cut else "completed",
        "output": output_items(reply, envelope["id"], options),
        "usage": {_USAGE[name]: value for name, value in reply.usage.items() if name in _USAGE},
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
    }
    if "service_tier" in reply.extras:
        body["service_tier"] = reply.extras["service_tier"]
    return body


def failed_response(envelope: JsonObject, request: ResponseRequest) -> JsonObject:
    """Return a response that failed."""
    return {**_opening(envelope, request), "status": "failed", "error": dict(_FAILURE)}


def output_items(reply: Reply, response_id: str, options: SandboxOptions) -> list[JsonObject]:
    """Return what the model made: thoughts, files, calls, and its message last."""
    choice = reply.choices[0]
    status = "incomplete" if choice.finish_reason == "length" else "completed"
    numbers = itertools.count(1)

    def item(prefix: str, kind: str, **fields: Any) -> JsonObject:
        return {"id": f"{prefix}{response_id.removeprefix('resp-')}-{next(numbers)}", "type": kind, **fields}

    made: list[JsonObject] = []
    if choice.reasoning and options.reasoning_content:
        made.append(item("rs-", "reasoning", summary=[{"type": "summary_text", "text": choice.reasoning}]))
    made += [
        item("cea_", "code_execution_artifact", status="completed", **file)
        for file in reply.extras.get("generated_files", ())
    ]
    made += [
        item("fc-", "function_call", name=c.name, arguments=c.arguments, call_id=c.id, status=status)
        for c in choice.calls
    ]
    if choice.text is not None:
        part = {"type": "output_text", "text": choice.text, "annotations": []}
        made.append(item("msg-", "message", role="assistant", status=status, content=[part]))
    return made


def response_events(whole: JsonObject) -> Iterator[JsonObject]:
    """Yield the events that stream a response, numbered from 1 as the documentation does."""
    for number, event in enumerate(_events(whole), 1):
        yield {"type": event.pop("type"), "sequence_number": number, **event}


def named_event(value: JsonObject) -> bytes:
    """Return one server-sent event with the name that its type repeats."""
    return b"event: %s\ndata: %s\n\n" % (value["type"].encode(), to_json(value))


def _opening(envelope: JsonObject, request: ResponseRequest) -> JsonObject:
    choice = request.tool_choice or "auto"
    return {
        **envelope,
        "object": "response",
        "status": "in_progress",
        "output": [],
        "error": None,
        "incomplete_details": None,
        **{name: getattr(request, name) for name in _ECHOED},
        "metadata": request.metadata or {},
        "tools": [tool.model_dump(exclude_unset=True) for tool in request.tools or ()],
        "tool_choice": choice if isinstance(choice, str) else choice.model_dump(),
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "store": bool(request.store),
    }


def _events(whole: JsonObject) -> Iterator[JsonObject]:
    begun = {name: value for name, value in whole.items() if name not in ("usage", "service_tier")}
    begun |= {"status": "in_progress", "output": [], "incomplete_details": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(whole["output"]):
        yield {"type": "response.output_item.added", "output_index": index, "item": _empty(item)}
        if item["type"] == "message":
            yield from _message_events(item, index)
        elif item["type"] == "function_call":
            yield from _call_events(item, index)
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": f"response.{whole['status']}", "response": whole}


def _empty(item: JsonObject) -> JsonObject:
    """An item as it begins."""
    blank = {"content": [], "arguments": ""}
    begun = {name: blank.get(name, value) for name, value in item.items()}
    return begun | {"status": "in_progress"} if "status" in item else begun


def _message_events(item: JsonObject, index: int) -> Iterator[JsonObject]:
    [part] = item["content"]
    place = {"item_id": item["id"], "output_index": index, "content_index": 0}
    yield {"type": "response.content_part.added", **place, "part": {**part, "text": ""}}
    for piece in split_tokens(part["text"]):
        yield {"type": "response.output_text.delta", **place, "delta": piece}
    yield {"type": "response.output_text.done", **place, "text": part["text"]}
    yield {"type": "response.content_part.done", **place, "part": part}


def _call_events(item: JsonObject, index: int) -> Iterator[JsonObject]:
    place = {"item_id": item["id"], "output_index": index}
    for piece in split_tokens(item["arguments"]):
        yield {"type": "response.function_call_arguments.delta", **place, "delta": piece}
    yield {"type": "response.function_call_arguments.done", **place, "arguments": item["arguments"]}
