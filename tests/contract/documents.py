"""An answer of each kind with every field that the contract names, and none that it does not."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

Document = dict[str, Any]

_SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> str:
    """A sample of the contract, character by character."""
    return (_SAMPLES / name).read_text(encoding="utf-8")


def frames(transcript: str) -> bytes:
    """A transcript as it is sent: the contract leaves out the blank line that ends each frame."""
    return transcript.replace("}\n", "}\n\n").replace("[DONE]\n", "[DONE]\n\n").encode()


PNG = base64.b64encode(b"\x89PNG").decode()
ARGUMENTS = '{"a": 2, "b": "ação"}'

TOOL_DETAILS: Document = {
    "web_search_calls": 1,
    "page_reads": 2,
    "data_ocean_gb_processed": 0.000161,
    "code_execution_minutes": 1.5,
}
CHAT_USAGE: Document = {
    "prompt_tokens": 812,
    "completion_tokens": 7,
    "total_tokens": 819,
    "prompt_tokens_details": {"cached_tokens": 768},
    "completion_tokens_details": {"reasoning_tokens": 3},
    "extraction_details": {"medium_effort_pages_extracted": 2, "advanced_effort_pages_extracted": 1},
    "tool_execution_details": TOOL_DETAILS,
}
CALL: Document = {
    "id": "call_7",
    "type": "function",
    "function": {"name": "somar", "arguments": ARGUMENTS},
}
FILES: Document = {
    "extracted_files": [{"filename": "contrato.pdf", "text": "CLAUSULA 1 ..."}],
    "generated_files": [
        {"filename": "../a.png", "mime_type": "image/png", "size_bytes": 4, "content_base64": PNG}
    ],
}
PLAIN_CHAT: Document = json.loads(sample("06-completion.json"))
WHOLE_CHAT: Document = {
    "id": "0f3c",
    "object": "chat.completion",
    "created": 1784310000,
    "model": "sabia-4",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": '{"nome": "Ana"}',
                "tool_calls": [CALL],
                "reasoning_content": "Pensando.",
                "refusal": None,
            },
            "logprobs": {"content": []},
            "finish_reason": "stop",
        },
    ],
    "usage": CHAT_USAGE,
    "system_fingerprint": "fp9",
    "service_tier": "flex",
    **FILES,
}


def chunk(delta: Document, finish: str | None = None, **extra: Any) -> Document:
    """A chunk of a chat stream."""
    return {
        "id": "k1",
        "object": "chat.completion.chunk",
        "created": 1784310001,
        "model": "sabia-4",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        "system_fingerprint": "fp9",
        "service_tier": "flex",
        **extra,
    }


def call_piece(index: int, **fields: Any) -> Document:
    """A delta with a piece of a tool call."""
    return {"tool_calls": [{"index": index, **fields}]}


WHOLE_CHUNK = chunk(
    {
        "role": "assistant",
        "content": "Bom ",
        "reasoning_content": "Hm.",
        "tool_calls": [{"index": 0, **CALL}],
    },
    "tool_calls",
    usage=CHAT_USAGE,
    **FILES,
)
TEXT_CHUNKS = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"reasoning_content": "Hm."}),
    chunk({"content": "Bom "}),
    chunk({"content": "dia!"}),
    chunk({}, "stop"),
    {**chunk({}), "choices": [], "usage": CHAT_USAGE, **FILES},
]
CALL_CHUNKS = [
    chunk({"role": "assistant", "content": None}),
    chunk(call_piece(0, id="c0", type="function", function={"name": "somar", "arguments": ""})),
    chunk(call_piece(0, function={"arguments": '{"a":'})),
    chunk(call_piece(0, function={"arguments": "2}"})),
    chunk(call_piece(1, id="c1", type="function", function={"name": "data", "arguments": "{}"})),
    chunk({}, "tool_calls", usage=CHAT_USAGE),
]

RESPONSE_USAGE: Document = {
    "input_tokens": 31,
    "output_tokens": 240,
    "total_tokens": 271,
    "input_tokens_details": {"cached_tokens": 10},
    "output_tokens_details": {"reasoning_tokens": 180},
    "tool_execution_details": TOOL_DETAILS,
}
ARTIFACT: Document = {
    "id": "cea_1",
    "type": "code_execution_artifact",
    "status": "completed",
    "filename": "../vendas.png",
    "mime_type": "image/png",
    "size_bytes": 4,
    "content_base64": PNG,
}
TEXT_PART: Document = {"type": "output_text", "text": '{"nome": "Ana"}', "annotations": [{"type": "x"}]}
MESSAGE: Document = {
    "id": "msg-2",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [TEXT_PART],
}
FUNCTION_CALL: Document = {
    "id": "fc-3",
    "type": "function_call",
    "name": "somar",
    "arguments": ARGUMENTS,
    "call_id": "call_3",
    "status": "completed",
}
REASONING: Document = {"type": "reasoning", "id": "rs_1", "summary": [{"text": "Hm."}]}
PLAIN_RESPONSE: Document = json.loads(sample("09-response.json"))
WHOLE_RESPONSE: Document = {
    "id": "resp-5",
    "object": "response",
    "created_at": 1784310100,
    "status": "completed",
    "model": "sabia-4-thinking",
    "output": [ARTIFACT, MESSAGE, FUNCTION_CALL, REASONING],
    "usage": RESPONSE_USAGE,
    "error": None,
    "incomplete_details": None,
    "instructions": "Seja breve.",
    "temperature": 0.5,
    "top_p": 0.9,
    "max_output_tokens": 100,
    "metadata": {"lote": "7"},
    "tools": [{"type": "code_interpreter"}],
    "tool_choice": {"type": "function", "name": "somar"},
    "parallel_tool_calls": True,
    "store": True,
    "service_tier": "flex",
}
FAILED_RESPONSE: Document = {
    **WHOLE_RESPONSE,
    "status": "failed",
    "output": [],
    "error": {"code": "server_error", "message": "Caiu."},
}
INCOMPLETE_RESPONSE: Document = {
    "id": "resp-6",
    "status": "incomplete",
    "output": [MESSAGE, FUNCTION_CALL],
    "incomplete_details": {"reason": "max_output_tokens"},
}


def _numbered(*events: tuple[str, Document]) -> list[Document]:
    return [
        {"type": f"response.{name}", "sequence_number": number, **fields}
        for number, (name, fields) in enumerate(events, 1)
    ]


_ENVELOPE: Document = {"id": "resp-8", "object": "response", "status": "in_progress", "output": []}
_PART = {"item_id": "msg-2", "output_index": 0, "content_index": 0}
_ITEM = {"item_id": "fc-3", "output_index": 1}


def response_events(ending: str = "completed", **end: Any) -> list[Document]:
    """A stream with a message and a function call, and an event of every kind."""
    return _numbered(
        ("created", {"response": _ENVELOPE}),
        ("in_progress", {"response": _ENVELOPE}),
        ("output_item.added", {"output_index": 0, "item": {**MESSAGE, "content": []}}),
        ("content_part.added", {**_PART, "part": {"type": "output_text", "text": ""}}),
        ("output_text.delta", {**_PART, "delta": TEXT_PART["text"]}),
        ("output_text.done", {**_PART, "text": TEXT_PART["text"]}),
        ("content_part.done", {**_PART, "part": TEXT_PART}),
        ("output_item.done", {"output_index": 0, "item": MESSAGE}),
        ("output_item.added", {"output_index": 1, "item": {**FUNCTION_CALL, "arguments": ""}}),
        ("function_call_arguments.delta", {**_ITEM, "delta": ARGUMENTS}),
        ("function_call_arguments.done", {**_ITEM, "arguments": ARGUMENTS}),
        ("output_item.done", {"output_index": 1, "item": FUNCTION_CALL}),
        (ending, {"response": {**_ENVELOPE, "status": ending, "output": [MESSAGE, FUNCTION_CALL], **end}}),
    )


RESPONSE_STREAMS: dict[str, list[Document]] = {
    "completed": response_events(usage=RESPONSE_USAGE),
    "incomplete": response_events("incomplete", incomplete_details={"reason": "max_output_tokens"}),
    "failed": response_events("failed", error={"code": "server_error", "message": "Caiu."}),
}

FILE: Document = {
    "id": "file1",
    "object": "file",
    "bytes": 120,
    "created_at": 1784310000,
    "expires_at": 1784396400,
    "filename": "entrada.jsonl",
    "purpose": "batch",
    "status": "failed",
    "status_details": "linha 3",
}
FILE_PAGE: Document = {"object": "list", "data": [FILE, {**FILE, "id": "file2"}], "has_more": False}
DELETED: Document = {"id": "file1", "object": "file", "deleted": True}
_BATCH: Document = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "input_file_id": "file1",
    "completion_window": "24h",
    "created_at": 1784310000,
    "request_counts": {"total": 3, "completed": 2, "failed": 1},
    "output_file_id": "file2",
    "error_file_id": "file3",
    "expires_at": 1785174000,
}
GUIDE_BATCH: Document = {
    **_BATCH,
    "status": "completed",
    "errors": None,
    "in_progress_at": 1784310001,
    "completed_at": 1784310003,
    "failed_at": None,
    "expired_at": None,
    "metadata": None,
}
REFERENCE_BATCH: Document = {
    **_BATCH,
    "status": "succeeded",
    "errors": ["linha 3", "linha 5"],
    "in_progress_at": 1784310001,
    "completed_at": 1784310003,
    "failed_at": 0,
    "expired_at": 0,
    "finalizing_at": 1784310002,
    "cancelling_at": 0,
    "cancelled_at": 0,
    "metadata": {"lote": "7"},
}
FAILED_BATCH: Document = {
    **_BATCH,
    "status": "failed",
    "output_file_id": None,
    "error_file_id": None,
    "errors": {"object": "list", "data": [{"code": "bad", "message": "ruim", "line": 3}]},
}
BATCH_PAGE: Document = {"object": "list", "data": [GUIDE_BATCH, REFERENCE_BATCH], "next_cursor": "c2"}

_LINES = [json.loads(line) for line in sample("18-lines.jsonl").splitlines()]
INPUT_LINE: Document = _LINES[0]
OUTPUT_LINES: dict[str, Document] = {
    "answered": _LINES[1],
    "expired": _LINES[2],
    "refused": {
        "id": "batch_req_6",
        "custom_id": "linha-3",
        "response": {
            "status_code": 422,
            "request_id": "req_6",
            "body": {"detail": [{"loc": ["body", "n"], "msg": "ruim", "type": "ge"}]},
        },
        "error": None,
    },
}

MODELS: Document = {
    "object": "list",
    "data": [
        {
            "id": name,
            "object": "model",
            "created": 1784310000,
            "owned_by": "maritacaai",
            "context_length": 128000,
            "top_provider": {"context_length": 128000, "max_completion_tokens": 32768},
        }
        for name in ("sabia-4-thinking", "sabia-4", "sabiazinho-4")
    ],
}

ERRORS: dict[str, Document] = {
    "detail": {"detail": "text"},
    "message": {"message": "text"},
    "validation": {"detail": [{"loc": ["body", "messages", 0], "msg": "text", "type": "missing"}]},
    "object": {"error": {"message": "text", "type": "t", "param": "p", "code": "c"}},
    "error": {"error": "text"},
}
