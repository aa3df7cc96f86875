"""Completions, the streams that bring the same, and what LangChain makes of either."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_core.outputs import ChatGenerationChunk

from langchain_maritaca._results import ChunkReader, chat_result
from maritaca_async.resources._chat_delta_decoder import DeltaDecoder
from maritaca_async.resources._chat_events import ChatEvents
from maritaca_async.types import ChatCompletion, ChatCompletionChunk, ChatDeltaEvent, ChunkEvent

USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}


def completion(
    message: dict[str, Any] | None = None, finish: str | None = "stop", **extra: Any
) -> dict[str, Any]:
    return {
        "id": "k1",
        "object": "chat.completion",
        "model": "sabia-4",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Olá", **(message or {})},
                "finish_reason": finish,
            }
        ],
        "usage": USAGE,
        **extra,
    }


def call(arguments: str, *, name: str = "soma", call_id: str = "c1") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def chunk(finish: str | None = None, *, extra: dict[str, Any] | None = None, **delta: Any) -> dict[str, Any]:
    return {
        "id": "k1",
        "model": "sabia-4",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **(extra or {}),
    }


def invoked(body: dict[str, Any]) -> AIMessage:
    """The message that a plain call gives."""
    (generation,) = chat_result(ChatCompletion.model_validate(body), "asked-for").generations
    assert isinstance(generation.message, AIMessage)
    return generation.message


def streamed(chunks: Iterable[dict[str, Any]]) -> list[ChatGenerationChunk]:
    """The chunks that a stream gives."""
    reader = ChunkReader("asked-for")
    events, received = told(chunks)
    pieces = [piece for event in events if (piece := reader.read(event)) is not None]
    return [*pieces, reader.close(received)]


def told(chunks: Iterable[dict[str, Any]]) -> tuple[list[ChatDeltaEvent], ChatCompletion]:
    """What the core makes of a stream: its events but for the chunks, and the whole answer."""
    decoder, events = DeltaDecoder(), ChatEvents()
    for body in [*(json.dumps(chunk) for chunk in chunks), "[DONE]"]:
        item = decoder.decode(("", body.encode()))
        decoder.brief = True  # as from the second event on
        if isinstance(item, ChatCompletionChunk):
            events.add(item, decoder.arrivals)
        elif item is not None:
            events.queue.append(item)
    events.finish(decoder.accumulator)
    return [event for event in events.queue if not isinstance(event, ChunkEvent)], decoder.received()


def merged(chunks: Iterable[dict[str, Any]]) -> AIMessage:
    """The message that LangChain puts together from a stream."""
    first, *rest = streamed(chunks)
    whole = first + rest if rest else first
    assert isinstance(whole.message, AIMessageChunk)
    message = message_chunk_to_message(whole.message)
    assert isinstance(message, AIMessage)
    return message


def in_pieces(body: dict[str, Any], sizes: Iterable[int]) -> list[dict[str, Any]]:
    """A completion as the chunks of a stream, its texts cut into pieces of these sizes in turn."""
    (choice,) = body["choices"]
    message, cuts = choice["message"], list(sizes) or [3]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "" if message.get("content") else None}]
    for field in ("reasoning_content", "content"):
        deltas += [{field: piece} for piece in _cut(message.get(field) or "", cuts)]
    for index, one in enumerate(message.get("tool_calls") or ()):
        function = one["function"]
        opening = {"index": index, **one, "function": {"name": function["name"], "arguments": ""}}
        deltas.append({"tool_calls": [opening]})
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
            for piece in _cut(function["arguments"], cuts)
        ]
    files = {name: body[name] for name in ("extracted_files", "generated_files") if name in body}
    common = {name: body[name] for name in ("system_fingerprint", "service_tier") if name in body}
    chunks = [chunk(extra=common, **delta) for delta in deltas]
    chunks.append(chunk(choice["finish_reason"], extra={**common, **files}))
    return [*chunks, {**chunk(extra=common), "choices": [], "usage": body.get("usage")}]


def _cut(text: str, sizes: list[int]) -> list[str]:
    pieces, start, turn = [], 0, 0
    while start < len(text):
        size = max(1, sizes[turn % len(sizes)])
        pieces.append(text[start : start + size])
        start, turn = start + size, turn + 1
    return pieces
