"""Transcripts of response streams, as the contract's section 10 shows them."""

from __future__ import annotations

import json
from typing import Any

Event = dict[str, Any]

ENVELOPE: Event = {"id": "resp-8", "object": "response", "status": "in_progress", "model": "sabiazinho-4"}
PLACE: Event = {"item_id": "msg-8", "output_index": 0, "content_index": 0}
PART: Event = {"type": "output_text", "text": "Bom dia!"}
MESSAGE: Event = {
    "id": "msg-8",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{**PART, "annotations": []}],
}
USAGE: Event = {"input_tokens": 6, "output_tokens": 3, "total_tokens": 9}
ARGUMENTS = '{"a": 2, "b": "ação"}'
CALL: Event = {
    "id": "fc-8",
    "type": "function_call",
    "call_id": "call_8",
    "name": "somar",
    "arguments": ARGUMENTS,
    "status": "completed",
}
CALL_PLACE: Event = {"item_id": "fc-8", "output_index": 0}


def numbered(*events: Event, start: int = 1) -> list[Event]:
    return [
        {"type": event["type"], "sequence_number": number, **event}
        for number, event in enumerate(events, start)
    ]


def opening() -> list[Event]:
    return [
        {"type": "response.created", "response": {**ENVELOPE, "output": []}},
        {"type": "response.in_progress", "response": {**ENVELOPE, "output": []}},
    ]


def ending(*output: Event, kind: str = "completed", **fields: Any) -> Event:
    response = {**ENVELOPE, "status": kind, "output": list(output), "usage": USAGE, **fields}
    return {"type": f"response.{kind}", "response": response}


def text_stream(*, start: int = 1) -> list[Event]:
    return numbered(
        *opening(),
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**MESSAGE, "status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", **PLACE, "part": {**PART, "text": ""}},
        {"type": "response.output_text.delta", **PLACE, "delta": "Bom "},
        {"type": "response.output_text.delta", **PLACE, "delta": "dia!"},
        {"type": "response.output_text.done", **PLACE, "text": "Bom dia!"},
        {"type": "response.content_part.done", **PLACE, "part": PART},
        {"type": "response.output_item.done", "output_index": 0, "item": MESSAGE},
        ending({key: MESSAGE[key] for key in ("id", "type", "role", "content")}),
        start=start,
    )


def call_stream(arguments: str = ARGUMENTS) -> list[Event]:
    pieces = [arguments[i : i + 5] for i in range(0, len(arguments), 5)]
    call = {**CALL, "arguments": arguments}
    return numbered(
        *opening(),
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**CALL, "arguments": "", "status": "in_progress"},
        },
        *({"type": "response.function_call_arguments.delta", **CALL_PLACE, "delta": p} for p in pieces),
        {"type": "response.function_call_arguments.done", **CALL_PLACE, "arguments": arguments},
        {"type": "response.output_item.done", "output_index": 0, "item": call},
        ending(call),
    )


def failure(**error: str) -> Event:
    return {
        "type": "response.failed",
        "response": {"id": "resp-8", "status": "failed", "error": error or None},
    }


def frame(event: Event, *, named: bool = True, line_end: str = "\n") -> bytes:
    lines = [f"event: {event['type']}"] if named else []
    lines += [f"data: {json.dumps(event, ensure_ascii=False)}", "", ""]
    return line_end.join(lines).encode()


def transcript(events: list[Event], *, named: bool = True, line_end: str = "\n") -> bytes:
    return b"".join(frame(event, named=named, line_end=line_end) for event in events)
