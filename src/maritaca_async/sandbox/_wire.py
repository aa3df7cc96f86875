"""A reply as the API writes it: one JSON object, or the chunks of a stream."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any, Final

from ..catalogue import MODELS, SOURCE_DATE
from ._tokens import split_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._options import SandboxOptions
    from ._replies import Choice, Reply

JsonObject = dict[str, Any]

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

DONE: Final = b"data: [DONE]\n\n"
PING: Final = b": ping\n\n"

_PUBLISHED: Final = int(datetime.combine(SOURCE_DATE, time(), UTC).timestamp())


def to_json(value: Any) -> bytes:
    """Return JSON as UTF-8, accents unescaped, as the service sends it."""
    # A lone surrogate in a prompt comes back in the echo and has no UTF-8 form.
    return _ENCODER.encode(value).encode("utf-8", "replace")


def event(value: Any) -> bytes:
    """Return one server-sent event."""
    return b"data: " + (value if isinstance(value, bytes) else to_json(value)) + b"\n\n"


def model_list() -> JsonObject:
    """Return the body of ``GET /models``."""
    listed = [model for model in MODELS if model.listed]
    return {
        "object": "list",
        "data": [
            {
                "id": model.id,
                "object": "model",
                "created": _PUBLISHED,
                "owned_by": "maritacaai",
                "context_length": model.context_tokens,
                "top_provider": {
                    "context_length": model.context_tokens,
                    "max_completion_tokens": model.max_output_tokens,
                },
            }
            for model in listed
        ],
    }


def completion(reply: Reply, envelope: JsonObject, options: SandboxOptions) -> JsonObject:
    """Return the body of a reply that is not streamed."""
    return {
        **envelope,
        "object": "chat.completion",
        "choices": [
            {
                "index": index,
                "message": _message(choice, options),
                "logprobs": None,
                "finish_reason": choice.finish_reason,
            }
            for index, choice in enumerate(reply.choices)
        ],
        "usage": reply.usage,
        **reply.extras,
    }


def _message(choice: Choice, options: SandboxOptions) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": choice.text}
    if choice.calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in choice.calls
        ]
    if choice.reasoning and options.reasoning_content:
        message["reasoning_content"] = choice.reasoning
    return message


def chunks(
    reply: Reply, envelope: JsonObject, options: SandboxOptions, *, include_usage: bool
) -> Iterator[JsonObject]:
    """Yield the chunks of a streamed reply, the choices taking turns."""
    base = {**envelope, "object": "chat.completion.chunk"}
    if "service_tier" in reply.extras:
        base["service_tier"] = reply.extras["service_tier"]
    turns = itertools.zip_longest(*(_deltas(choice, options) for choice in reply.choices))
    for index, delta in ((i, delta) for turn in turns for i, delta in enumerate(turn)):
        if delta is not None:
            yield {**base, "choices": [{"index": index, "delta": delta, "finish_reason": None}]}
    place = options.usage_with_stream if include_usage else "never"
    for index, choice in enumerate(reply.choices):
        end = {"index": index, "delta": {}, "finish_reason": choice.finish_reason}
        closing = reply.extras if choice is reply.choices[-1] else {}
        usage = {"usage": reply.usage} if closing is reply.extras and place == "last" else {}
        yield {**base, "choices": [end], **closing, **usage}
    if place == "chunk":
        yield {**base, "choices": [], "usage": reply.usage}


def _deltas(choice: Choice, options: SandboxOptions) -> Iterator[JsonObject]:
    opening: JsonObject = {"role": "assistant", "content": None if choice.calls else ""}
    thoughts = split_tokens(choice.reasoning) if options.reasoning_content else []
    if thoughts or not choice.calls:
        yield opening
        opening = {}
    for piece in thoughts:
        yield {"reasoning_content": piece}
    for piece in split_tokens(choice.text or ""):
        yield {"content": piece}
    for index, call in enumerate(choice.calls):
        function = {"name": call.name, "arguments": ""}
        start = {"index": index, "id": call.id, "type": "function", "function": function}
        yield {**opening, "tool_calls": [start]}
        opening = {}
        for piece in split_tokens(call.arguments):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
