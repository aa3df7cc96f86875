"""What the contract says of answers (sections 6, 7, 9, 10 and 17 to 19), copied from its tables by hand.

For each kind of answer: every field, by its place, and what stands for it where it is null or missing.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from maritaca_async import APIResponseError
from maritaca_async.resources._chat_decoder import ChatDecoder, parse_completion
from maritaca_async.resources._response_decoder import ResponseDecoder, parse_response
from maritaca_async.resources._stored import parse_listed, parse_stored
from maritaca_async.resources.models import _parse_list as parse_models
from maritaca_async.types import Batch, FileDeleted, FileObject
from maritaca_async.types.batches import BatchList
from maritaca_async.types.files import FileList

from . import documents
from .kinds import REFUSED, Kind


def _below(prefix: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}.{name}": unset for name, unset in fields.items()}


_DETAILS: dict[str, Any] = {
    "tool_execution_details": None,
    "tool_execution_details.web_search_calls": 0,
    "tool_execution_details.page_reads": 0,
    "tool_execution_details.data_ocean_gb_processed": None,
    "tool_execution_details.code_execution_minutes": None,
}
_CHAT_USAGE: dict[str, Any] = {
    "usage": None,
    **_below(
        "usage",
        {
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "total_tokens": 0,
            "prompt_tokens_details": None,
            "prompt_tokens_details.cached_tokens": None,
            "completion_tokens_details": None,
            "completion_tokens_details.reasoning_tokens": None,
            "extraction_details": None,
            "extraction_details.medium_effort_pages_extracted": 0,
            "extraction_details.advanced_effort_pages_extracted": 0,
            **_DETAILS,
        },
    ),
}
_GENERATED: dict[str, Any] = {"filename": "", "mime_type": "", "size_bytes": 0, "content_base64": ""}
_AROUND: dict[str, Any] = {
    "system_fingerprint": None,
    "service_tier": None,
    "extracted_files": None,
    "extracted_files[].filename": "",
    "extracted_files[].text": "",
    "generated_files": None,
    **_below("generated_files[]", _GENERATED),
}

_CHAT = Kind(
    6,
    documents.WHOLE_CHAT,
    parse_completion,
    {
        "object": "chat.completion",
        "id": "",
        "model": "",
        "created": None,
        "choices": REFUSED,
        "choices[].index": 0,
        "choices[].message": REFUSED,
        "choices[].message.role": "assistant",
        "choices[].message.content": None,
        "choices[].message.reasoning_content": None,
        "choices[].message.tool_calls": None,
        "choices[].message.tool_calls[].id": "",
        "choices[].message.tool_calls[].type": "function",
        "choices[].message.tool_calls[].function": REFUSED,
        "choices[].message.tool_calls[].function.name": "",
        "choices[].message.tool_calls[].function.arguments": "",
        "choices[].finish_reason": None,
        "choices[].logprobs": None,
        **_CHAT_USAGE,
        **_AROUND,
    },
)


def _read_chunk(data: bytes) -> Any:
    return ChatDecoder().decode(("", data))


_CHUNK = Kind(
    7,
    documents.WHOLE_CHUNK,
    _read_chunk,
    {
        "id": "",
        "object": "chat.completion.chunk",
        "created": None,
        "model": "",
        "choices": [],
        "choices[].index": 0,
        "choices[].delta": {},
        "choices[].delta.role": None,
        "choices[].delta.content": None,
        "choices[].delta.reasoning_content": None,
        "choices[].delta.tool_calls": None,
        "choices[].delta.tool_calls[].index": None,
        "choices[].delta.tool_calls[].id": None,
        "choices[].delta.tool_calls[].type": None,
        "choices[].delta.tool_calls[].function": None,
        "choices[].delta.tool_calls[].function.name": None,
        "choices[].delta.tool_calls[].function.arguments": None,
        "choices[].finish_reason": None,
        **_CHAT_USAGE,
        **_AROUND,
    },
    refusal=APIResponseError,
)

_ARTIFACT: dict[str, Any] = {"id": "", "type": "code_execution_artifact", "status": None, **_GENERATED}
_MESSAGE: dict[str, Any] = {
    "id": "",
    "type": "message",
    "role": "assistant",
    "status": None,
    "content": [],
    "content[].type": "output_text",
    "content[].text": "",
    "content[].annotations": [],
}
_CALL: dict[str, Any] = {
    "id": "",
    "type": "function_call",
    "name": "",
    "arguments": "",
    "call_id": "",
    "status": None,
}
_ECHOES = ("temperature", "top_p", "max_output_tokens", "metadata", "tools", "tool_choice",
           "parallel_tool_calls", "store")  # fmt: skip
_RESPONSE = Kind(
    9,
    documents.WHOLE_RESPONSE,
    parse_response,
    {
        "id": "",
        "object": "response",
        "created_at": None,
        "status": None,
        "model": "",
        "output": [],
        **_below("output[0]", _ARTIFACT),
        **_below("output[1]", _MESSAGE),
        **_below("output[2]", _CALL),
        "usage": None,
        "usage.input_tokens": 0,
        "usage.output_tokens": 0,
        "usage.total_tokens": 0,
        "usage.input_tokens_details": None,
        "usage.input_tokens_details.cached_tokens": None,
        "usage.output_tokens_details": None,
        "usage.output_tokens_details.reasoning_tokens": None,
        **_below("usage", _DETAILS),
        "instructions": None,
        **dict.fromkeys(_ECHOES),
        "service_tier": None,
    },
    required=frozenset({"output"}),
)
_FAILED = Kind(
    9,
    documents.FAILED_RESPONSE,
    parse_response,
    {"error": None, "error.code": "", "error.message": ""},
)
_INCOMPLETE = Kind(
    9,
    documents.INCOMPLETE_RESPONSE,
    parse_response,
    {"incomplete_details": None, "incomplete_details.reason": None},
)


def _read_event(name: str, data: bytes) -> Any:
    return ResponseDecoder().decode((name, data))


_IN_PART: dict[str, Any] = {"item_id": "", "output_index": 0, "content_index": 0}
_EVENT_FIELDS: dict[str, dict[str, Any]] = {
    "created": {"response": REFUSED},
    "in_progress": {"response": REFUSED},
    "output_item.added": {"output_index": 0, "item": REFUSED},
    "output_item.done": {"output_index": 0, "item": REFUSED},
    "content_part.added": {**_IN_PART, "part": REFUSED, "part.type": "output_text", "part.text": ""},
    "content_part.done": {**_IN_PART, "part": REFUSED, "part.type": "output_text", "part.text": ""},
    "output_text.delta": {**_IN_PART, "delta": ""},
    "output_text.done": {**_IN_PART, "text": ""},
    "function_call_arguments.delta": {"item_id": "", "output_index": 0, "delta": ""},
    "function_call_arguments.done": {"item_id": "", "output_index": 0, "arguments": ""},
    "completed": {"response": REFUSED, "response.usage": None},
    "incomplete": {"response": REFUSED, "response.incomplete_details": None},
}
_EVENTS = {event["type"]: event for stream in documents.RESPONSE_STREAMS.values() for event in stream}


def _event(name: str, unset: dict[str, Any]) -> Kind:
    kind = f"response.{name}"
    fields = {"type": kind, "sequence_number": None, **unset}
    return Kind(10, _EVENTS[kind], partial(_read_event, kind), fields, refusal=APIResponseError)


_FILE = Kind(
    17,
    documents.FILE,
    partial(parse_stored, FileObject),
    {
        "id": REFUSED,
        "bytes": 0,
        "created_at": None,
        "expires_at": None,
        "filename": "",
        "object": "file",
        "purpose": None,
        "status": None,
        "status_details": None,
    },
)
_PAGE: dict[str, Any] = {"object": "list", "data": []}
_FILE_PAGE = Kind(
    17,
    documents.FILE_PAGE,
    partial(parse_listed, FileList),
    {**_PAGE, "has_more": None, "data[].id": ""},
    required=frozenset({"data"}),
)
_DELETED = Kind(
    17,
    documents.DELETED,
    partial(parse_stored, FileDeleted),
    {"id": REFUSED, "object": "file", "deleted": None},
)
_BATCH_FIELDS: dict[str, Any] = {
    "id": REFUSED,
    "object": "batch",
    "endpoint": "",
    "input_file_id": "",
    "completion_window": "",
    "status": "",
    "created_at": None,
    "request_counts": {},
    "request_counts.total": 0,
    "request_counts.completed": 0,
    "request_counts.failed": 0,
    "output_file_id": None,
    "error_file_id": None,
    "errors": [],
    "in_progress_at": None,
    "completed_at": None,
    "failed_at": None,
    "expired_at": None,
    "expires_at": None,
    "metadata": None,
}
_LATER = dict.fromkeys(("finalizing_at", "cancelling_at", "cancelled_at"))
_NEVER = dict.fromkeys(("failed_at", "expired_at", "cancelling_at", "cancelled_at"))
_GUIDE = Kind(
    18,
    documents.GUIDE_BATCH,
    partial(parse_stored, Batch),
    _BATCH_FIELDS,
    reads={"errors": []},
)
_REFERENCE = Kind(
    18,
    documents.REFERENCE_BATCH,
    partial(parse_stored, Batch),
    {**_BATCH_FIELDS, **_LATER},
    reads={"status": "completed", **_NEVER},
)
_FAILED_BATCH = Kind(
    18,
    documents.FAILED_BATCH,
    partial(parse_stored, Batch),
    {"status": "", "errors": []},
    reads={"errors": ["line 3: ruim"]},
)
_BATCH_PAGE = Kind(
    18,
    documents.BATCH_PAGE,
    partial(parse_listed, BatchList),
    {**_PAGE, "next_cursor": None, "data[].id": ""},
    reads={
        "data": [
            {**documents.GUIDE_BATCH, **_GUIDE.reads},
            {**documents.REFERENCE_BATCH, **_REFERENCE.reads},
        ]
    },
    required=frozenset({"data"}),
)
_MODELS = Kind(
    19,
    documents.MODELS,
    parse_models,
    {
        **_PAGE,
        "data[].id": "",
        "data[].object": "model",
        "data[].created": None,
        "data[].owned_by": "",
        "data[].context_length": None,
        "data[].top_provider": None,
        "data[].top_provider.context_length": None,
        "data[].top_provider.max_completion_tokens": None,
    },
    required=frozenset({"data"}),
)

KINDS: dict[str, Kind] = {
    "chat": _CHAT,
    "chunk": _CHUNK,
    "response": _RESPONSE,
    "failed response": _FAILED,
    "incomplete response": _INCOMPLETE,
    **{name: _event(name, unset) for name, unset in _EVENT_FIELDS.items()},
    "file": _FILE,
    "file page": _FILE_PAGE,
    "deleted": _DELETED,
    "guide batch": _GUIDE,
    "reference batch": _REFERENCE,
    "failed batch": _FAILED_BATCH,
    "batch page": _BATCH_PAGE,
    "models": _MODELS,
}
"""Every kind of answer that is one JSON object."""
