"""Tool calls: every dialect gives the same calls, and no broken call can be executed."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from answers import call, chunk, completion, in_pieces, invoked, merged, streamed
from dialects import DIALECTS, TWO, piece
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk

SUM = '{"a": 2, "b": 3}'
VALID = {"name": "soma", "args": {"a": 2, "b": 3}, "id": "c1", "type": "tool_call"}


def stream_of(*deltas: list[dict[str, Any]], finish: str = "tool_calls") -> AIMessage:
    return merged([*(chunk(tool_calls=pieces) for pieces in deltas), chunk(finish)])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_gives_the_same_two_calls(dialect: str) -> None:
    message = stream_of(*DIALECTS[dialect])
    assert (message.tool_calls, message.invalid_tool_calls) == (TWO, [])


@pytest.mark.parametrize("finish", ["tool_calls", "stop", None])
def test_calls_are_found_by_their_presence(finish: str | None) -> None:
    body = completion({"content": None, "tool_calls": [call(SUM)]}, finish)
    assert invoked(body).tool_calls == [VALID]
    assert merged(in_pieces(body, [4])).tool_calls == [VALID]


def test_new_name_after_complete_arguments_opens_a_new_call_under_the_same_index() -> None:
    message = stream_of(
        [piece('{"x": 1}', index=0, name="f")],
        [piece('{"x": 2}', index=0, name="f")],
        [piece('{"y": 2}', index=0, name="g")],
    )
    assert [(made["name"], made["args"]) for made in message.tool_calls] == [
        ("f", {"x": 1}),
        ("f", {"x": 2}),
        ("g", {"y": 2}),
    ]


def test_id_and_name_that_come_late_are_still_used() -> None:
    message = stream_of([piece('{"a": 2,', index=0)], [piece(' "b": 3}', index=0, id="c1", name="soma")])
    assert message.tool_calls == [VALID]


def test_call_without_arguments_has_none() -> None:
    empty = {**VALID, "args": {}}
    for arguments in ("", "{}", " "):
        assert invoked(completion({"tool_calls": [call(arguments)]})).tool_calls == [empty]
        assert stream_of([piece(arguments, index=0, id="c1", name="soma")]).tool_calls == [empty]


def test_text_and_call_in_one_delta_are_both_kept() -> None:
    message = merged(
        [
            chunk(content="Já vejo", tool_calls=[piece(SUM, index=0, id="c1", name="soma")]),
            chunk("tool_calls"),
        ]
    )
    assert (message.content, message.tool_calls) == ("Já vejo", [VALID])


def test_start_of_a_call_is_visible_in_its_first_chunk() -> None:
    first, second, *_ = streamed(
        [
            chunk(tool_calls=[piece("", index=0, id="c1", name="soma")]),
            chunk(tool_calls=[piece(SUM, index=0)]),
        ]
    )
    assert isinstance(first.message, AIMessageChunk)
    assert [made["name"] for made in first.message.tool_calls] == ["soma"]
    assert isinstance(second.message, AIMessageChunk)
    assert second.message.tool_call_chunks == [
        {"name": None, "args": SUM, "id": None, "index": 0, "type": "tool_call_chunk"}
    ]


def test_call_deltas_cost_the_same_whatever_their_length() -> None:
    long = json.dumps({"texto": "x" * 20_000})
    chunks = [chunk(tool_calls=[piece("", index=0, id="c1", name="f")])]
    chunks += [chunk(tool_calls=[piece(long[at : at + 2000], index=0)]) for at in range(0, len(long), 2000)]
    started = time.process_time()
    streamed(chunks)
    assert time.process_time() - started < 0.2


# Calls that must not be executed

BROKEN = [
    '{"a": 2',
    '{"a": "dois',
    '{"a": [1, 2',
    '{"a": {"b": [',
    '{"a": "barra\\',
    '{"a": 2,}',
    "{'a': 2}",
    '{"a": 2}}',
    '{"a": 2} e pronto',
    "a = 2",
    "[1, 2]",
    '"a"',
    "1",
    "null",
    "true",
    "{",
]


@pytest.mark.parametrize("arguments", BROKEN)
def test_arguments_that_are_no_json_object_make_an_invalid_call_with_its_raw_text(arguments: str) -> None:
    message = invoked(completion({"tool_calls": [call(arguments), call(SUM, call_id="c2")]}, "tool_calls"))
    assert [made["id"] for made in message.tool_calls] == ["c2"]
    (invalid,) = message.invalid_tool_calls
    assert (invalid["name"], invalid["args"], invalid["id"]) == ("soma", arguments, "c1")
    assert "not a JSON object" in (invalid["error"] or "")


@pytest.mark.parametrize("arguments", BROKEN)
def test_broken_arguments_are_not_repaired_when_a_stream_is_put_together(arguments: str) -> None:
    message = merged(
        in_pieces(completion({"tool_calls": [call(arguments), call(SUM, call_id="c2")]}, "tool_calls"), [3])
    )
    assert [made["id"] for made in message.tool_calls] == ["c2"]
    (invalid,) = message.invalid_tool_calls
    assert (invalid["name"], invalid["id"]) == ("soma", "c1")
    assert (invalid["args"] or "").startswith(arguments)


@pytest.mark.parametrize("finish", ["length", "content_filter"])
@pytest.mark.parametrize("cut", range(len(SUM) + 1))
def test_calls_of_an_answer_that_was_cut_off_are_invalid(finish: str, cut: int) -> None:
    body = completion({"content": None, "tool_calls": [call(SUM[:cut])]}, finish)
    plain, whole = invoked(body), merged(in_pieces(body, [2]))
    assert plain.tool_calls == whole.tool_calls == []
    assert [made["args"] for made in plain.invalid_tool_calls] == [SUM[:cut]]
    assert finish in (plain.invalid_tool_calls[0]["error"] or "")
    (invalid,) = whole.invalid_tool_calls
    assert (invalid["args"] or "").startswith(SUM[:cut])


@pytest.mark.parametrize("arguments", ["[" * 3000, '{"a": ' * 3000])
def test_arguments_nested_too_deeply_make_an_invalid_call(arguments: str) -> None:
    body = completion({"content": None, "tool_calls": [call(arguments)]}, "tool_calls")
    for message in (invoked(body), merged(in_pieces(body, [500]))):
        assert (message.tool_calls, len(message.invalid_tool_calls)) == ([], 1)


def test_long_broken_arguments_are_not_tried_to_be_repaired() -> None:
    body = completion({"tool_calls": [call('{"a": 1,, "b": "' + "x" * 20_000 + '"}')]}, "tool_calls")
    started = time.process_time()
    message = merged(in_pieces(body, [1000]))
    assert time.process_time() - started < 0.3
    assert (message.tool_calls, len(message.invalid_tool_calls)) == ([], 1)


def test_call_without_a_name_is_invalid() -> None:
    assert invoked(completion({"tool_calls": [call(SUM, name="")]})).tool_calls == []
    message = stream_of([piece(SUM, index=0, id="c1")])
    assert (message.tool_calls, len(message.invalid_tool_calls)) == ([], 1)


@given(st.text(alphabet='{}[]":,\\ ntrue1aé\n', max_size=25))
def test_a_stream_never_makes_a_callable_call_of_what_a_plain_answer_refuses(arguments: str) -> None:
    for finish in ("tool_calls", "length"):
        body = completion({"tool_calls": [call(arguments)]}, finish)
        plain, whole = invoked(body), merged(in_pieces(body, [1, 4]))
        assert whole.tool_calls == plain.tool_calls
        assert len(whole.invalid_tool_calls) == len(plain.invalid_tool_calls)
