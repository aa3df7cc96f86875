"""Answers are read tolerantly: null equals absent, unknown things are kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from maritaca_async import HttpInfo
from maritaca_async.resources._chat_decoder import parse_completion
from maritaca_async.types import ChatCompletion, Function, ModelList

PLAIN: dict[str, Any] = {
    "id": "0f3c",
    "object": "chat.completion",
    "created": 1784310000,
    "model": "sabia-4",
    "service_tier": "flex",
    "system_fingerprint": "fp9",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Sim, cabe no prazo."},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 812,
        "completion_tokens": 7,
        "total_tokens": 819,
        "prompt_tokens_details": {"cached_tokens": 768},
        "completion_tokens_details": {"reasoning_tokens": 3},
        "extraction_details": {"medium_effort_pages_extracted": 2, "advanced_effort_pages_extracted": 0},
        "tool_execution_details": {
            "web_search_calls": 1,
            "page_reads": 0,
            "data_ocean_gb_processed": 0.000161,
            "code_execution_minutes": 1,
        },
    },
    "extracted_files": [{"filename": "contrato.pdf", "text": "CLAUSULA 1 ..."}],
    "generated_files": [
        {"filename": "a.png", "mime_type": "image/png", "size_bytes": 3, "content_base64": "YWJj"}
    ],
}


def test_unknown_enum_values_are_plain_text() -> None:
    body = json.loads(json.dumps(PLAIN))
    body["choices"][0]["finish_reason"] = "cansado"
    body["choices"][0]["message"]["role"] = "robô"
    read = ChatCompletion.model_validate(body)
    assert read.choices[0].finish_reason == "cansado"
    assert read.choices[0].message.role == "robô"


def test_finish_reason_is_also_found_in_the_message() -> None:
    body = {"choices": [{"message": {"content": "a", "finish_reason": "stop"}}]}
    assert parse_completion(json.dumps(body).encode()).choices[0].finish_reason == "stop"


def test_content_in_parts_is_joined_and_other_parts_are_refused() -> None:
    body = {
        "choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}}]
    }
    assert parse_completion(json.dumps(body).encode()).text == "ab"
    body["choices"][0]["message"]["content"].append({"type": "image"})
    with pytest.raises(ValueError, match="parts other than text"):
        parse_completion(json.dumps(body).encode())


def test_missing_counts_are_zero_but_known_to_be_missing() -> None:
    read = ChatCompletion.model_validate({**PLAIN, "usage": {"prompt_tokens": 3, "total_tokens": None}})
    assert read.usage is not None
    assert (read.usage.prompt_tokens, read.usage.completion_tokens, read.usage.total_tokens) == (3, 0, 0)
    assert "completion_tokens" not in read.usage.model_fields_set
    assert read.usage.prompt_tokens_details is None


@pytest.mark.parametrize(
    ("raw", "parsed"), [('{"a":1}', {"a": 1}), ({"a": 1}, {"a": 1}), ("", {}), (None, {}), ("  ", {})]
)
def test_tool_arguments_are_read_as_text_object_or_nothing(raw: object, parsed: dict[str, Any]) -> None:
    assert Function.model_validate({"name": "f", "arguments": raw}).parsed_arguments() == parsed


@pytest.mark.parametrize(
    "raw",
    [
        "{",
        "[]",
        "1",
        "null",
        '{"a":NaN}',
        '{"a":-Infinity}',
        '{"a":1e999}',
        '{"a":1,"a":2}',
        '{"a":1,}',
        "{'a':1}",
    ],
)
def test_tool_arguments_that_are_no_object_are_refused(raw: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Function(name="f", arguments=raw).parsed_arguments()


def test_object_that_came_from_no_call_has_no_http() -> None:
    with pytest.raises(AttributeError, match="did not come from a call"):
        _ = ChatCompletion().http


def test_http_information_is_no_part_of_the_data() -> None:
    one, two = ChatCompletion.model_validate(PLAIN), ChatCompletion.model_validate(PLAIN)
    one.http = HttpInfo(200, ((b"A", b"1"), (b"a", b"2")), 1, 0.1)
    assert one == two
    assert one.http.headers == {"a": "1, 2"}
    assert one.model_dump(exclude_unset=True) == PLAIN
    assert "http" not in one.model_dump_json()


def test_model_list_keeps_what_it_does_not_know() -> None:
    read = ModelList.model_validate(
        {
            "object": "list",
            "data": [
                {
                    "id": "sabia-4",
                    "context_length": 128000,
                    "top_provider": {"max_completion_tokens": 32768},
                    "x": 1,
                }
            ],
        }
    )
    assert read.data[0].top_provider is not None
    assert read.data[0].top_provider.max_completion_tokens == 32768
    assert ModelList.model_validate({"data": None}).data == []
