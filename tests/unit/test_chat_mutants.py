"""Whatever field of an answer is null or missing, there is a completion, a value, or an error of ours: nothing else."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from maritaca_async import AnswerFormatError, APIError, HttpInfo
from maritaca_async.errors import RequestInfo
from maritaca_async.resources._answer_format import answer_format
from maritaca_async.resources._chat_answer import parsed_completion
from maritaca_async.resources._chat_decoder import ChatDecoder, parse_completion
from maritaca_async.resources._chat_events import ChatEvents
from maritaca_async.types import ChatCompletion


def event(delta: dict[str, Any], finish: str | None = None, **extra: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return {
        "id": "k1",
        "object": "chat.completion.chunk",
        "created": 1784310001,
        "model": "sabia-4",
        "service_tier": "flex",
        "system_fingerprint": "fp9",
        "choices": [choice],
        **extra,
    }


def call(index: int, **fields: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, **fields}]}


USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 3,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
TEXT = [
    event({"role": "assistant", "content": ""}),
    event({"reasoning_content": "Hm."}),
    event({"content": "Bom "}),
    event({"content": "dia!"}),
    event({}, "stop"),
    {**event({}), "choices": [], "usage": USAGE},
]
CALLS = [
    event({"role": "assistant", "content": None}),
    event(call(0, id="c0", type="function", function={"name": "soma", "arguments": ""})),
    event(call(0, function={"arguments": '{"a":'})),
    event(call(0, function={"arguments": "2}"})),
    event(call(1, id="c1", type="function", function={"name": "data", "arguments": "{}"})),
    event({}, "tool_calls", usage=USAGE),
]
STREAMS = {"text": TEXT, "calls": CALLS}
VALUE: dict[str, Any] = {
    "id": "0f3c",
    "object": "chat.completion",
    "created": 1784310000,
    "model": "sabia-4",
    "service_tier": "flex",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": '{"nome": "Ana"}',
                "refusal": None,
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            "finish_reason": "stop",
        }
    ],
    "usage": USAGE,
}


class Pessoa(BaseModel):
    nome: str


def places(node: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in inner:
        yield (*before, key)
        yield from places(child, (*before, key))


def spoil(node: Any, place: tuple[Any, ...], *, drop: bool) -> None:
    *way, last = place
    for key in way:
        found = (isinstance(node, list) and key < len(node)) or (isinstance(node, dict) and key in node)
        node = node[key] if found else None
    if isinstance(node, list) and last < len(node):
        node[last : last + 1] = [] if drop else [None]
    elif isinstance(node, dict) and last in node:
        node[last] = None
        if drop:
            del node[last]


def mutants(whole: Any, size: int) -> Iterator[Any]:
    for chosen in itertools.combinations(list(places(whole)), size):
        for drops in itertools.product([False, True], repeat=size):
            mutant = json.loads(json.dumps(whole))
            for place, drop in zip(chosen, drops, strict=True):
                spoil(mutant, place, drop=drop)
            yield mutant


def outcome_of_stream(events: list[Any]) -> str:
    """What becomes of a transcript, as `.stream` goes through it."""
    decoder, queue = ChatDecoder(), ChatEvents()
    try:
        for data in events:
            chunk = decoder.decode(("message", json.dumps(data).encode()))
            assert chunk is not None
            queue.add(chunk)
    except APIError:
        assert isinstance(decoder.received(failed=True), ChatCompletion)
        return "refused"
    completion = decoder.received()
    if not decoder.may_end():
        return "unfinished"
    queue.finish(decoder.accumulator)
    while (taken := queue.take()) is not None:
        assert taken.type
    for choice in completion.choices:
        assert isinstance(choice.message.text, str)
        for ready in choice.message.tool_calls or ():
            assert ready.function.name
            assert isinstance(ready.function.parsed_arguments(), dict)
    return "read"


def test_transcripts_are_read_as_they_stand() -> None:
    assert {name: outcome_of_stream(events) for name, events in STREAMS.items()} == {
        "text": "read",
        "calls": "read",
    }


@pytest.mark.parametrize("name", STREAMS)
def test_stream_with_any_field_null_or_missing_is_read_or_refused(name: str) -> None:
    found = Counter(map(outcome_of_stream, mutants(STREAMS[name], 1)))
    assert found["read"] > 4 * (found["refused"] + found["unfinished"]) > 0


@pytest.mark.parametrize("name", STREAMS)
def test_stream_with_any_two_fields_of_an_event_null_or_missing_is_read_or_refused(name: str) -> None:
    events = STREAMS[name]
    found = Counter(
        outcome_of_stream([*events[:place], mutant, *events[place + 1 :]])
        for place, one in enumerate(events)
        for mutant in mutants(one, 2)
        if isinstance(mutant, dict)
    )
    assert found["read"] > found["refused"] > 0


def outcome_of_parse(body: Any) -> str:
    try:
        completion = parse_completion(json.dumps(body).encode())
    except ValueError:
        return "no completion"
    completion.http = HttpInfo(200, (), 1, 0.1)
    try:
        parsed = parsed_completion(
            completion, answer_format(Pessoa, "x"), RequestInfo("POST", "http://x", 1)
        ).parsed
    except AnswerFormatError as error:
        assert error.completion is completion
        return error.reason
    assert parsed == Pessoa(nome="Ana")
    return "value"


@pytest.mark.parametrize("size", [1, 2])
def test_parse_of_an_answer_with_any_field_null_or_missing_is_a_value_or_an_error(size: int) -> None:
    found = Counter(map(outcome_of_parse, mutants(VALUE, size)))
    assert found.keys() == {"value", "no completion", "tool_calls", "empty"} or size == 1
    assert found["value"] > found["no completion"] > 0
