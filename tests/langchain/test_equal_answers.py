"""However a model is called, the same answer of the service is the same message."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from answers import USAGE, call, completion
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core._api import LangChainBetaWarning
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream
from speaking import Speaker, model_of, serving

from langchain_maritaca import ChatMaritaca

DETAILED = {
    **USAGE,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
whole_arguments = st.dictionaries(st.text(max_size=5), json_values, max_size=3).map(json.dumps) | st.just("")
broken_arguments = st.sampled_from(
    ['{"a": 1', '{"a": "', "[1]", "null", "{'a': 1}", '{"a": 1,}', '{"a": 1} x']
)


def called(found: list[str]) -> list[dict[str, Any]]:
    return [call(text, name=f"f{place}", call_id=f"c{place}") for place, text in enumerate(found)]


@st.composite
def answers_with(draw: st.DrawFn, arguments: st.SearchStrategy[str]) -> dict[str, Any]:
    calls = draw(st.lists(arguments, max_size=3).map(called))
    reasoning = draw(st.text(max_size=10))
    finishes = ["tool_calls", "stop"] if calls else ["stop", "length", "content_filter"]
    message = {"content": draw(st.text(max_size=30)) or None}
    return completion(
        {
            **message,
            **({"tool_calls": calls} if calls else {}),
            **({"reasoning_content": reasoning} if reasoning else {}),
        },
        draw(st.sampled_from(finishes)),
        usage=draw(st.sampled_from([USAGE, DETAILED, None])),
        **({"system_fingerprint": "fp"} if draw(st.booleans()) else {}),
        **({"service_tier": "flex"} if draw(st.booleans()) else {}),
    )


sizes = st.lists(st.integers(1, 7), max_size=4)


@pytest.fixture(scope="module")
def speaker() -> Speaker:
    return Speaker()


@pytest.fixture(scope="module")
def model(speaker: Speaker) -> Iterator[ChatMaritaca]:
    with serving(speaker) as server:
        yield model_of(server)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


def streamed(model: ChatMaritaca) -> AIMessage:
    first, *rest = model.stream("Oi")
    return _whole(first + rest if rest else first)


async def astreamed(model: ChatMaritaca) -> AIMessage:
    first, *rest = [piece async for piece in model.astream("Oi")]
    return _whole(first + rest if rest else first)


def _whole(merged: Any) -> AIMessage:
    assert isinstance(merged, AIMessageChunk)
    message = message_chunk_to_message(merged)
    assert isinstance(message, AIMessage)
    return message


def from_events(model: ChatMaritaca) -> AIMessage:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainBetaWarning)
        return model.stream_events("Oi", version="v3").output


async def from_async_events(model: ChatMaritaca) -> AIMessage:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainBetaWarning)
        return await (await model.astream_events("Oi", version="v3"))


def but_id(message: AIMessage) -> dict[str, Any]:
    return {name: value for name, value in message.model_dump().items() if name not in {"id", "type"}}


def v3_form(message: AIMessage) -> dict[str, Any]:
    """What a v3 message says, whose content is always a list of blocks."""
    said = but_id(message)
    said["content"] = [
        {k: v for k, v in block.items() if k not in {"index", "id"} or block["type"] == "tool_call"}
        for block in message.content_blocks
    ]
    said["response_metadata"] = {k: v for k, v in message.response_metadata.items() if k != "output_version"}
    return said


@settings(max_examples=60, deadline=None)
@given(body=answers_with(whole_arguments), cuts=sizes)
def test_every_way_of_calling_gives_the_same_message(
    model: ChatMaritaca, speaker: Speaker, runner: asyncio.Runner, body: dict[str, Any], cuts: list[int]
) -> None:
    speaker.body, speaker.sizes = body, cuts
    plain = but_id(model.invoke("Oi"))
    assert plain["content"] == (body["choices"][0]["message"]["content"] or "")
    assert but_id(runner.run(model.ainvoke("Oi"))) == plain
    assert but_id(streamed(model)) == plain
    assert but_id(runner.run(astreamed(model))) == plain
    assert [but_id(message) for message in model.batch(["Oi", "Oi"])] == [plain, plain]
    assert [but_id(message) for message in runner.run(model.abatch(["Oi", "Oi"]))] == [plain, plain]
    streaming = model.model_copy(update={"streaming": True})
    assert but_id(streaming.invoke("Oi")) == plain
    assert but_id(runner.run(streaming.ainvoke("Oi"))) == plain


@settings(max_examples=60, deadline=None)
@given(body=answers_with(whole_arguments), cuts=sizes)
def test_events_give_the_same_message_in_blocks(
    model: ChatMaritaca, speaker: Speaker, runner: asyncio.Runner, body: dict[str, Any], cuts: list[int]
) -> None:
    speaker.body, speaker.sizes = body, cuts
    plain = v3_form(model.invoke("Oi"))
    assert v3_form(from_events(model)) == plain
    assert v3_form(runner.run(from_async_events(model))) == plain


@settings(max_examples=60, deadline=None)
@given(body=answers_with(whole_arguments | broken_arguments), cuts=sizes)
def test_every_way_of_calling_gives_the_same_callable_calls_and_keeps_the_broken_ones(
    model: ChatMaritaca, speaker: Speaker, runner: asyncio.Runner, body: dict[str, Any], cuts: list[int]
) -> None:
    speaker.body, speaker.sizes = body, cuts
    plain = model.invoke("Oi")
    others = [
        runner.run(model.ainvoke("Oi")),
        streamed(model),
        runner.run(astreamed(model)),
        from_events(model),
        runner.run(from_async_events(model)),
    ]
    for message in others:
        assert message.tool_calls == plain.tool_calls
        kept = [(broken["id"], broken["name"]) for broken in message.invalid_tool_calls]
        assert kept == [(broken["id"], broken["name"]) for broken in plain.invalid_tool_calls]
        for broken, raw in zip(message.invalid_tool_calls, plain.invalid_tool_calls, strict=True):
            assert (broken["args"] or "").startswith(raw["args"] or "")


@settings(max_examples=60, deadline=None)
@given(body=answers_with(whole_arguments | broken_arguments), cuts=sizes, whole=st.booleans())
def test_events_follow_their_protocol(
    model: ChatMaritaca,
    speaker: Speaker,
    runner: asyncio.Runner,
    body: dict[str, Any],
    cuts: list[int],
    whole: bool,
) -> None:
    speaker.body, speaker.sizes = body, cuts
    asked = model.model_copy(update={"disable_streaming": whole})

    async def collect() -> list[Any]:
        return [event async for event in await asked.astream_events("Oi", version="v3")]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainBetaWarning)
        blocking, asynchronous = list(asked.stream_events("Oi", version="v3")), runner.run(collect())
    for events in (blocking, asynchronous):
        assert_valid_event_stream(events)
    assert [event["event"] for event in blocking] == [event["event"] for event in asynchronous]


def unindexed(message: AIMessage) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in block.items() if name != "index"} for block in message.content_blocks
    ]


@settings(max_examples=60, deadline=None)
@given(body=answers_with(whole_arguments), cuts=sizes)
def test_every_way_of_calling_gives_the_same_blocks_of_v1(
    model: ChatMaritaca, speaker: Speaker, runner: asyncio.Runner, body: dict[str, Any], cuts: list[int]
) -> None:
    speaker.body, speaker.sizes = body, cuts
    in_blocks = model.model_copy(update={"output_version": "v1"})
    plain = unindexed(in_blocks.invoke("Oi"))
    assert plain == unindexed(model.invoke("Oi"))
    assert unindexed(runner.run(in_blocks.ainvoke("Oi"))) == plain
    assert unindexed(streamed(in_blocks)) == plain
    assert unindexed(runner.run(astreamed(in_blocks))) == plain
