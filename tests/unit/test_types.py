"""Answers are read tolerantly: null equals absent, unknown things are kept."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from pydantic import ValidationError

from maritaca_async import HttpInfo
from maritaca_async.resources._chat_decoder import parse_completion
from maritaca_async.types import ChatCompletion, ChatCompletionChunk, Function, ModelList

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
TOOLS: dict[str, Any] = {
    "id": "k2",
    "object": "chat_completion",
    "created": 1,
    "model": "sabia-4",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "call_7", "type": "function", "function": {"name": "soma", "arguments": '{"a":2}'}}
                ],
            },
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
}
CHUNK: dict[str, Any] = {
    "id": "k2",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "sabia-4",
    "choices": [
        {
            "index": 0,
            "delta": {
                "role": "assistant",
                "content": "x",
                "tool_calls": [
                    {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
                ],
            },
            "finish_reason": None,
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
}


def paths(node: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    found = [] if not prefix else [prefix]
    for key, child in children:
        found += paths(child, (*prefix, key))
    return found


def mutate(body: dict[str, Any], path: tuple[Any, ...], drop: bool) -> None:
    node: Any = body
    for key in path[:-1]:
        node = node[key] if isinstance(node, list) or key in node else None
        if node is None:
            return
    if drop and isinstance(node, dict):
        node.pop(path[-1], None)
    elif isinstance(node, dict) or len(node) > path[-1]:
        node[path[-1]] = None


def mutants(body: dict[str, Any], size: int):
    for chosen in itertools.combinations(paths(body), size):
        for drops in itertools.product([False, True], repeat=size):
            copied = json.loads(json.dumps(body))
            for path, drop in sorted(zip(chosen, drops, strict=True), key=lambda pair: -len(pair[0])):
                mutate(copied, path, drop)
            yield copied


@pytest.mark.parametrize("body", [PLAIN, TOOLS], ids=["plain", "tools"])
def test_only_an_answer_without_its_backbone_is_refused(body: dict[str, Any]) -> None:
    refused = set()
    for path, drop in itertools.product(paths(body), [False, True]):
        mutant = json.loads(json.dumps(body))
        mutate(mutant, path, drop)
        try:
            parse_completion(json.dumps(mutant).encode())
        except ValueError:
            refused.add(path[-1])
    # A list item that is null stands for a choice, a call or a file that we know nothing of.
    assert {name for name in refused if isinstance(name, str)} <= {"choices", "message", "function"}


@pytest.mark.parametrize("body", [PLAIN, TOOLS], ids=["plain", "tools"])
def test_answer_with_any_two_fields_null_or_missing_is_read_or_refused_as_a_value(
    body: dict[str, Any],
) -> None:
    read = refused = 0
    for mutant in mutants(body, 2):
        try:
            completion = parse_completion(json.dumps(mutant).encode())
        except ValueError:
            refused += 1
        else:
            read += 1
            assert isinstance(completion.text, str)
            assert completion.choices
    assert read > refused > 0


@pytest.mark.parametrize("size", [1, 2])
def test_chunk_with_any_field_null_or_missing_is_read_or_refused_as_a_value(size: int) -> None:
    read = refused = 0
    for mutant in mutants(CHUNK, size):
        try:
            ChatCompletionChunk.model_validate_json(json.dumps(mutant))
        except ValidationError:
            refused += 1
        else:
            read += 1
    assert read > 2 * refused


@pytest.mark.parametrize("body", [PLAIN, TOOLS])
def test_answer_round_trips_with_unknown_fields_everywhere(body: dict[str, Any]) -> None:
    strange = json.loads(json.dumps(body))
    for path in [(), *[p for p in paths(body) if isinstance(p[-1], str)]]:
        node = strange
        for key in path:
            node = node[key]
        if isinstance(node, dict):
            node["campo_novo"] = {"x": [1, None, "ç"]}
    read = ChatCompletion.model_validate(strange)
    assert read.model_dump(exclude_unset=True) == strange
    assert read.campo_novo == {"x": [1, None, "ç"]}


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
