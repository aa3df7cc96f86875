"""Streamed answers as protocol events, and the content blocks of messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest
from answers import call, chunk, completion, invoked, merged, told
from langchain_core.language_models.chat_model_stream import ChatModelStream
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream
from scripted import ScriptedServer, streams
from scripted import chunk as piece

from langchain_maritaca import ChatMaritaca
from langchain_maritaca._events import EventWriter, message_start, whole_answer_events
from maritaca_async.sandbox import Sandbox

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")

Make = Callable[..., ChatMaritaca]
QUESTION = "Qual é a capital do Brasil?"
FILE = {"filename": "vendas.csv", "mime_type": "text/csv", "size_bytes": 3, "content_base64": "YSxi"}
CHART = {"filename": "vendas.png", "mime_type": "image/png", "size_bytes": 3, "content_base64": "iVBO"}


def events_of(chunks: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    writer = EventWriter("asked-for")
    events = [message_start("asked-for", None)]
    deltas, received = told(chunks)
    for event in deltas:
        events += writer.read(event)
    return [*events, *writer.close(received)]


def message_of(events: list[dict[str, Any]]) -> AIMessage:
    assert_valid_event_stream(events)
    stream = ChatModelStream()
    for event in events:
        stream.dispatch(event)
    assert stream.output_message is not None
    return stream.output_message


def without_index(blocks: Iterable[Any]) -> list[dict[str, Any]]:
    return [{name: value for name, value in block.items() if name != "index"} for block in blocks]


SPOKEN = [
    chunk(role="assistant", content=""),
    chunk(reasoning_content="Pense"),
    chunk(reasoning_content=" bem.", content="Bra"),
    chunk(content="sília"),
    chunk("stop"),
]
CALLED = [
    chunk(content="Vou somar."),
    chunk(tool_calls=[{"index": 0, "id": "c1", "function": {"name": "soma", "arguments": ""}}]),
    chunk(tool_calls=[{"index": 1, "id": "c2", "function": {"name": "soma", "arguments": '{"a":'}}]),
    chunk(tool_calls=[{"index": 0, "function": {"arguments": '{"a":2}'}}]),
    chunk("tool_calls"),
]


@pytest.mark.parametrize("chunks", [SPOKEN, CALLED, [chunk("stop")]], ids=["spoken", "called", "nothing"])
def test_events_bring_what_the_merged_stream_brings(chunks: list[dict[str, Any]]) -> None:
    told, whole = message_of(events_of(chunks)), merged(chunks)
    assert without_index(told.content) == whole.content_blocks + told.invalid_tool_calls
    assert told.tool_calls == whole.tool_calls
    assert told.additional_kwargs == whole.additional_kwargs
    assert told.response_metadata == {**whole.response_metadata, "output_version": "v1"}
    assert [found["name"] for found in told.invalid_tool_calls] == [
        found["name"] for found in whole.invalid_tool_calls
    ]


def test_reasoning_and_text_are_blocks_of_their_own() -> None:
    assert without_index(message_of(events_of(SPOKEN)).content) == [
        {"type": "reasoning", "reasoning": "Pense bem."},
        {"type": "text", "text": "Brasília"},
    ]


def test_unfinished_call_ends_as_invalid_with_its_raw_arguments() -> None:
    message = message_of(events_of(CALLED))
    assert [found["args"] for found in message.tool_calls] == [{"a": 2}]
    (invalid,) = message.invalid_tool_calls
    assert (invalid["id"], invalid["args"]) == ("c2", '{"a":')
    assert "not a JSON object" in str(invalid["error"])


@pytest.mark.parametrize(
    "body",
    [
        completion(),
        completion({"reasoning_content": "Hm."}, generated_files=[FILE, CHART]),
        completion({"content": None, "tool_calls": [call('{"a":1}'), call('{"a"', call_id="c2")]}),
        completion({"content": ""}, usage=None),
    ],
    ids=["text", "files", "calls", "nothing"],
)
def test_answer_in_one_piece_has_the_same_events_as_its_message(body: dict[str, Any]) -> None:
    message = invoked(body)
    result = ChatResult(generations=[ChatGeneration(message=message)])
    told = message_of(list(whole_answer_events(result, "asked-for", None)))
    assert without_index(told.content) == message.content_blocks + message.invalid_tool_calls
    assert (told.tool_calls, told.invalid_tool_calls) == (message.tool_calls, message.invalid_tool_calls)
    assert told.usage_metadata == message.usage_metadata
    assert told.additional_kwargs == message.additional_kwargs


def test_generated_files_are_content_blocks() -> None:
    *_, table, picture = invoked(completion(generated_files=[FILE, CHART])).content_blocks
    assert table == {
        "type": "file",
        "base64": "YSxi",
        "mime_type": "text/csv",
        "extras": {"filename": "vendas.csv"},
    }
    assert (picture["type"], picture.get("base64")) == ("image", "iVBO")


def test_blocks_agree_with_what_langchain_finds_by_itself() -> None:
    message = invoked(completion({"reasoning_content": "Hm.", "tool_calls": [call('{"a":1}')]}))
    stranger = message.model_copy(update={"response_metadata": {}})
    assert message.content_blocks == stranger.content_blocks


def test_piece_with_text_and_call_keeps_both_blocks() -> None:
    piece = AIMessageChunk(
        content="Vou somar.",
        response_metadata={"model_provider": "maritaca"},
        tool_call_chunks=[{"name": "soma", "args": "{", "id": "c1", "index": 0, "type": "tool_call_chunk"}],
    )
    assert [block["type"] for block in piece.content_blocks] == ["text", "tool_call_chunk"]


def test_message_whose_content_is_a_list_is_left_to_langchain() -> None:
    message = AIMessage(
        content=[{"type": "text", "text": "Oi"}], response_metadata={"model_provider": "maritaca"}
    )
    assert message.content_blocks == [{"type": "text", "text": "Oi"}]


SETTINGS = pytest.mark.parametrize("settings", [{}, {"streaming": False}, {"web_search": True}], ids=str)


@SETTINGS
def test_events_are_valid_whether_or_not_the_call_can_stream(
    make_model: Make, settings: dict[str, Any]
) -> None:
    model = make_model(**settings)
    stream = model.stream_events(QUESTION, version="v3")
    told = list(stream)
    assert_valid_event_stream(told)
    assert (len(told) > 5) is not bool(settings)
    assert stream.output.text == model.invoke(QUESTION).text
    assert str(stream.output.id).startswith("lc_run-")


@SETTINGS
async def test_events_are_valid_in_async_code_too(make_model: Make, settings: dict[str, Any]) -> None:
    model = make_model(**settings)
    stream = await model.astream_events(QUESTION, version="v3")
    assert_valid_event_stream([event async for event in stream])
    assert (await stream).text == (await model.ainvoke(QUESTION)).text


async def test_connection_is_free_again_once_the_last_event_was_read() -> None:
    def read_and_hold() -> list[Any]:
        held = []
        for _ in range(3):
            held.append(model.stream_events(QUESTION, version="v3"))
            assert list(held[-1])
        return held

    script = streams(piece("Olá"), piece(finish="stop"))
    async with ScriptedServer([script, script, script]) as server:
        model = ChatMaritaca(api_key="test-key-0123456789", base_url=server.base_url)
        assert await asyncio.to_thread(read_and_hold)
        assert server.connections == 1


async def test_events_come_from_our_own_hook_and_not_from_langchains_bridge(
    make_model: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bridge(*_: Any, **__: Any) -> None:
        raise AssertionError("bridged")

    monkeypatch.setattr("langchain_core.language_models.chat_models.achunks_to_events", bridge)
    assert (await (await make_model().astream_events(QUESTION, version="v3"))).text


class Shouting(ChatMaritaca):
    """A subclass that changes what streams bring."""

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        yield from map(self._louder, super()._stream(*args, **kwargs))

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        async for spoken in super()._astream(*args, **kwargs):
            yield self._louder(spoken)

    def _louder(self, spoken: ChatGenerationChunk) -> ChatGenerationChunk:
        spoken.message.content = spoken.text.upper()
        return spoken


def test_events_of_a_subclass_follow_its_stream(sandbox: Sandbox) -> None:
    model = Shouting(api_key=sandbox.api_key, base_url=sandbox.base_url)
    assert model.stream_events(QUESTION, version="v3").output.text == model.invoke(QUESTION).text.upper()


async def test_asynchronous_events_of_a_subclass_follow_its_stream(sandbox: Sandbox) -> None:
    model = Shouting(api_key=sandbox.api_key, base_url=sandbox.base_url)
    told = await (await model.astream_events(QUESTION, version="v3"))
    assert told.text == (await model.ainvoke(QUESTION)).text.upper()


def test_start_of_an_answer_in_one_piece_names_the_model_that_was_asked(make_model: Make) -> None:
    first, *_ = make_model(streaming=False).stream_events(QUESTION, version="v3", model="sabiazinho-4")
    assert first["metadata"] == {"provider": "maritaca", "model": "sabiazinho-4"}
