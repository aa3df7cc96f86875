"""Streamed tool calls in every dialect: complete and well-formed, or marked as invalid."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maritaca_async.resources._chat_accumulator import ChatAccumulator
from maritaca_async.types import ChatCompletion, ChatCompletionChunk

Call = tuple[str, str, str]
CALLS: list[Call] = [
    ("c1", "soma", '{"a": 2, "b": [1, {"x": "ç"}]}'),
    ("c2", "soma", '{"a": 3}'),
    ("c3", "hora", "{}"),
]


def piece(index: int | None, id: str | None, name: str | None, arguments: str | None) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    found = {"index": index, "id": id, "type": "function" if id else None, "function": function or None}
    return {key: value for key, value in found.items() if value is not None}


def fragments(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


def standard(calls: list[Call], size: int) -> list[dict[str, Any]]:
    found = []
    for index, (id, name, arguments) in enumerate(calls):
        found.append(piece(index, id, name, ""))
        found += [piece(index, None, None, part) for part in fragments(arguments, size)]
    return found


def without_index(calls: list[Call], size: int) -> list[dict[str, Any]]:
    return [{key: value for key, value in p.items() if key != "index"} for p in standard(calls, size)]


def always_index_zero(calls: list[Call], size: int) -> list[dict[str, Any]]:
    return [{**p, "index": 0} for p in standard(calls, size)]


def everything_repeated(calls: list[Call], size: int) -> list[dict[str, Any]]:
    found = []
    for index, (id, name, arguments) in enumerate(calls):
        found += [piece(index, id, name, part) for part in fragments(arguments, size)]
    return found


def repeated_at_index_zero(calls: list[Call], size: int) -> list[dict[str, Any]]:
    return [{**p, "index": 0} for p in everything_repeated(calls, size)]


def empty_strings(calls: list[Call], size: int) -> list[dict[str, Any]]:
    return [
        {
            "index": p["index"],
            "id": p.get("id", ""),
            "function": {"name": "", "arguments": None, **p.get("function", {})},
        }
        for p in standard(calls, size)
    ]


def at_once(calls: list[Call], size: int) -> list[dict[str, Any]]:
    return [piece(index, *call) for index, call in enumerate(calls)]


def arguments_as_object(calls: list[Call], size: int) -> list[dict[str, Any]]:
    return [
        {
            **p,
            "function": {"name": p["function"]["name"], "arguments": json.loads(p["function"]["arguments"])},
        }
        for p in at_once(calls, size)
    ]


def only_ids(calls: list[Call], size: int) -> list[dict[str, Any]]:
    found = []
    for id, name, arguments in calls:
        found.append(piece(None, id, name, ""))
        found += [piece(None, id, None, part) for part in fragments(arguments, size)]
    return found


DIALECTS = [
    standard,
    without_index,
    always_index_zero,
    everything_repeated,
    repeated_at_index_zero,
    empty_strings,
    at_once,
    arguments_as_object,
    only_ids,
]


def chunk(calls: list[dict[str, Any]] | None = None, finish: str | None = None) -> ChatCompletionChunk:
    return ChatCompletionChunk.model_validate(
        {"choices": [{"index": 0, "delta": {"tool_calls": calls}, "finish_reason": finish}]}
    )


def run(
    pieces: list[dict[str, Any]], finish: str | None = "tool_calls", per_chunk: int = 1
) -> ChatCompletion:
    accumulator = ChatAccumulator()
    for start in range(0, len(pieces), per_chunk):
        accumulator.add(chunk(pieces[start : start + per_chunk]))
    if finish is not None:
        accumulator.add(chunk(finish=finish))
    return accumulator.completion()


def calls_of(completion: ChatCompletion) -> list[tuple[str, str, Any]]:
    return [
        (call.id, call.function.name, call.function.parsed_arguments())
        for call in completion.choices[0].message.tool_calls or []
    ]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("per_chunk", [1, 3])
def test_every_dialect_gives_the_same_calls(dialect, size: int, per_chunk: int) -> None:
    found = calls_of(run(dialect(CALLS, size), per_chunk=per_chunk))
    assert found == [(id, name, json.loads(arguments)) for id, name, arguments in CALLS]


@pytest.mark.parametrize("finish", ["stop", "tool_calls", "anything"])
def test_calls_count_whatever_the_finish_reason_says(finish: str) -> None:
    assert len(calls_of(run(standard(CALLS, 5), finish=finish))) == 3


def test_finish_reason_on_the_last_two_chunks_is_harmless() -> None:
    accumulator = ChatAccumulator()
    for p in standard(CALLS[:1], 8):
        accumulator.add(chunk([p]))
    accumulator.add(chunk(finish="stop"))
    accumulator.add(chunk(finish="stop"))
    assert len(calls_of(accumulator.completion())) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_cut_stream_never_gives_a_callable_call(dialect) -> None:
    pieces = dialect(CALLS, 2)
    for cut in range(1, len(pieces) + 1):
        message = run(pieces[:cut], finish=None).choices[0].message
        assert not message.tool_calls
        assert message.invalid_tool_calls


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_answer_cut_by_a_limit_gives_invalid_calls_with_their_text(finish: str) -> None:
    message = run([piece(0, "c1", "rm", '{"path": "/par')], finish=finish).choices[0].message
    assert not message.tool_calls
    (call,) = message.invalid_tool_calls
    assert (call.id, call.function.name, call.function.arguments) == ("c1", "rm", '{"path": "/par')
    assert finish in call.error


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        '{"a":1',
        "[]",
        '"x"',
        "1",
        "null",
        "true",
        "NaN",
        "{'a': 1}",
        '{"a": 1,}',
        "não",
        '{"a":1}{"b":2}',
    ],
)
def test_arguments_that_are_no_object_make_an_invalid_call(bad: str) -> None:
    message = run([piece(0, "c1", "f", bad)]).choices[0].message
    assert not message.tool_calls
    assert message.invalid_tool_calls[0].function.arguments == bad


def test_call_without_a_name_is_invalid() -> None:
    message = run([piece(0, "c1", None, "{}")]).choices[0].message
    assert not message.tool_calls
    assert "names no function" in message.invalid_tool_calls[0].error


def test_call_without_arguments_has_none() -> None:
    assert calls_of(run([piece(0, "c1", "hora", None)])) == [("c1", "hora", {})]


def test_null_content_beside_calls_stays_null_and_empty_content_is_text() -> None:
    assert run(standard(CALLS, 9)).choices[0].message.content is None
    accumulator = ChatAccumulator()
    accumulator.add(
        ChatCompletionChunk.model_validate({"choices": [{"delta": {"content": ""}, "finish_reason": "stop"}]})
    )
    assert accumulator.completion().choices[0].message.content == ""


@given(st.lists(st.tuples(st.integers(0, 3), st.text(max_size=5)), max_size=30))
def test_interleaved_answers_are_kept_apart(parts: list[tuple[int, str]]) -> None:
    accumulator = ChatAccumulator()
    for index, text in parts:
        accumulator.add(
            ChatCompletionChunk.model_validate({"choices": [{"index": index, "delta": {"content": text}}]})
        )
    found = {choice.index: choice.message.text for choice in accumulator.completion().choices}
    assert found == {
        index: "".join(text for i, text in parts if i == index) for index in {i for i, _ in parts}
    }
    assert list(found) == sorted(found)


def test_usage_is_the_last_one_reported_and_the_envelope_the_first() -> None:
    accumulator = ChatAccumulator()
    accumulator.add(
        ChatCompletionChunk.model_validate(
            {
                "id": "k",
                "model": "m",
                "created": 5,
                "choices": [{"delta": {"content": "a", "reasoning_content": "hm"}}],
                "usage": None,
            }
        )
    )
    accumulator.add(
        ChatCompletionChunk.model_validate(
            {"choices": [{"delta": {}, "finish_reason": "stop"}], "service_tier": "flex"}
        )
    )
    accumulator.add(ChatCompletionChunk.model_validate({"choices": [], "usage": {"total_tokens": 12}}))
    completion = accumulator.completion()
    assert (completion.id, completion.model, completion.created, completion.service_tier) == (
        "k",
        "m",
        5,
        "flex",
    )
    assert completion.usage is not None
    assert completion.usage.total_tokens == 12
    assert completion.choices[0].message.reasoning_content == "hm"


def test_many_pieces_take_linear_time() -> None:
    import time

    accumulator = ChatAccumulator()
    accumulator.add(chunk([piece(0, "c", "f", '{"a": "')]))
    part = chunk([piece(0, None, None, "x" * 20)])
    started = time.process_time()
    for _ in range(20_000):
        accumulator.add(part)
    accumulator.add(chunk([piece(0, None, None, '"}')], finish="stop"))
    assert len(calls_of(accumulator.completion())[0][2]["a"]) == 400_000
    assert time.process_time() - started < 1


def test_unknown_texts_grow_in_the_message_and_nowhere_else() -> None:
    accumulator = ChatAccumulator()
    for word in ("Bom ", "dia!"):
        choice = {"index": 0, "delta": {"content": word, "aside": word}, "mood": "calm"}
        chunk = ChatCompletionChunk.model_validate({"id": "k1", "region": "sp", "choices": [choice]})
        accumulator.add(chunk, chunk.model_extra)
    completion = accumulator.completion()
    assert completion.model_extra == {"region": "sp"}
    assert completion.choices[0].model_extra == {"mood": "calm"}
    assert completion.choices[0].message.model_extra == {"aside": "Bom dia!"}
