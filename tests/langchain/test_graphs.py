"""The model inside nodes of LangGraph's graphs."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core._api import LangChainBetaWarning
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage, HumanMessage

from langchain_maritaca import ChatMaritaca, ChatMaritacaStreamInterruptedError
from maritaca_async.sandbox import Fault, Sandbox

graphs = pytest.importorskip("langgraph.graph")
memory = pytest.importorskip("langgraph.checkpoint.memory")

MakeModel = Callable[..., ChatMaritaca]
HELLO = {"messages": [("user", "Conte até 12")]}
TEXT = "1 2 3 4 5 6 7 8 9 10 11 12"


def graph_with(node: Callable[..., Any], **options: Any) -> Any:
    builder = graphs.StateGraph(graphs.MessagesState).add_node("model", node)
    return builder.add_edge(graphs.START, "model").compile(**options)


def invoking(model: Any) -> Callable[..., Any]:
    def node(state: dict[str, Any]) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    return node


def ainvoking(model: Any) -> Callable[..., Any]:
    async def node(state: dict[str, Any]) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    return node


def astreaming(model: Any) -> Callable[..., Any]:
    async def node(state: dict[str, Any]) -> dict[str, Any]:
        first, *rest = [piece async for piece in model.astream(state["messages"])]
        return {"messages": [first + rest if rest else first]}

    return node


def streaming(model: Any) -> Callable[..., Any]:
    def node(state: dict[str, Any]) -> dict[str, Any]:
        first, *rest = model.stream(state["messages"])
        return {"messages": [first + rest if rest else first]}

    return node


NODES = {"invoke": invoking, "ainvoke": ainvoking, "stream": streaming, "astream": astreaming}
every_node = pytest.mark.parametrize("kind", NODES)


async def parts_of(graph: Any, mode: Any, kind: str, **options: Any) -> list[Any]:
    """What a graph streams; in a thread of its own where the node is a blocking function."""
    if kind.startswith("a"):
        return [part async for part in graph.astream(HELLO, stream_mode=mode, **options)]
    return await asyncio.to_thread(lambda: list(graph.stream(HELLO, stream_mode=mode, **options)))


@every_node
async def test_messages_give_each_token_once_and_no_message_again(make_model: MakeModel, kind: str) -> None:
    graph = graph_with(NODES[kind](make_model()))
    pieces = [message for message, _ in await parts_of(graph, "messages", kind)]
    assert "".join(piece.text for piece in pieces) == TEXT
    assert len(pieces) > 10
    assert len({piece.id for piece in pieces}) == 1


@every_node
async def test_streamed_message_is_the_one_in_the_state(make_model: MakeModel, kind: str) -> None:
    graph = graph_with(NODES[kind](make_model()))
    parts = await parts_of(graph, ["messages", "updates", "values"], kind)
    first, *rest = [part[0] for mode, part in parts if mode == "messages"]
    merged = first + rest
    (update,) = [part["model"]["messages"][0] for mode, part in parts if mode == "updates"]
    final = [part["messages"][-1] for mode, part in parts if mode == "values"][-1]
    for message in (update, final):
        assert (message.id, message.text) == (merged.id, merged.text)
        assert message.usage_metadata == merged.usage_metadata
        assert message.response_metadata == merged.response_metadata


@every_node
async def test_answer_is_the_same_whether_or_not_somebody_watches(make_model: MakeModel, kind: str) -> None:
    model = make_model()
    await model.ainvoke("Conte até 12")  # from now on the service has the prompt in its own cache
    watched = (await parts_of(graph_with(NODES[kind](model)), ["messages", "values"], kind))[-1][1]
    alone = (await parts_of(graph_with(NODES[kind](model)), "values", kind))[-1]
    first, second = watched["messages"][-1], alone["messages"][-1]
    assert first.content == second.content
    assert first.usage_metadata == second.usage_metadata
    assert {**first.response_metadata, "id": ""} == {**second.response_metadata, "id": ""}


@every_node
async def test_parts_of_version_2_name_their_kind(make_model: MakeModel, kind: str) -> None:
    graph = graph_with(NODES[kind](make_model()))
    parts = await parts_of(graph, ["messages", "updates"], kind, version="v2")
    assert {part["type"] for part in parts} == {"messages", "updates"}
    texts = [part["data"][0].text for part in parts if part["type"] == "messages"]
    assert "".join(texts) == TEXT
    assert len(texts) > 10


@pytest.mark.parametrize("kind", ["invoke", "ainvoke"])
@pytest.mark.parametrize("fields", [{}, {"streaming": True}, {"output_version": "v1"}], ids=str)
async def test_events_give_each_token_once(make_model: MakeModel, kind: str, fields: dict[str, Any]) -> None:
    graph = graph_with(NODES[kind](make_model(**fields)))

    async def tokens() -> list[list[str]]:
        run = await graph.astream_events(HELLO, version="v3")
        return [[token async for token in message.text] async for message in run.messages]

    def blocking_tokens() -> list[list[str]]:
        return [list(message.text) for message in graph.stream_events(HELLO, version="v3").messages]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainBetaWarning)
        found = await (tokens() if kind == "ainvoke" else asyncio.to_thread(blocking_tokens))
    assert ["".join(message) for message in found] == [TEXT]
    assert len(found[0]) > 10


async def test_events_of_a_model_that_does_not_stream_give_its_whole_message(make_model: MakeModel) -> None:
    for fields in ({"streaming": False}, {"disable_streaming": True}):
        graph = graph_with(ainvoking(make_model(**fields)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LangChainBetaWarning)
            run = await graph.astream_events(HELLO, version="v3")
            found = [await message.text async for message in run.messages]
        assert found == [TEXT]


async def test_cached_answer_is_streamed_once(make_model: MakeModel, sandbox: Sandbox) -> None:
    graph = graph_with(ainvoking(make_model(cache=InMemoryCache())))
    for _ in range(2):
        pieces = [message async for message, _ in graph.astream(HELLO, stream_mode="messages")]
        assert "".join(piece.text for piece in pieces) == TEXT
    assert len(sandbox.requests) == 1


async def test_two_models_at_once_stream_under_their_own_ids(make_model: MakeModel) -> None:
    model = make_model()

    async def node(state: dict[str, Any]) -> dict[str, Any]:
        return {"messages": await model.abatch(["Conte até 5", "Conte até 7"])}

    pieces = [message async for message, _ in graph_with(node).astream(HELLO, stream_mode="messages")]
    texts: dict[str | None, str] = {}
    for piece in pieces:
        texts[piece.id] = texts.get(piece.id, "") + piece.text
    assert sorted(texts.values()) == ["1 2 3 4 5", "1 2 3 4 5 6 7"]


async def test_bound_chain_streams_from_a_node(make_model: MakeModel) -> None:
    chain = (lambda messages: messages) | make_model().bind(temperature=0)  # type: ignore[operator]
    pieces = await parts_of(graph_with(ainvoking(chain)), "messages", "ainvoke")
    assert "".join(message.text for message, _ in pieces) == TEXT


async def test_conversation_with_a_checkpoint_adds_each_message_once(
    make_model: MakeModel, sandbox: Sandbox
) -> None:
    graph = graph_with(ainvoking(make_model()), checkpointer=memory.InMemorySaver())
    thread = {"configurable": {"thread_id": "a"}}
    for turn in (1, 2, 3):
        async for _ in graph.astream({"messages": [HumanMessage("Oi")]}, thread, stream_mode="messages"):
            pass
        messages = (await graph.aget_state(thread)).values["messages"]
        assert [message.type for message in messages] == ["human", "ai"] * turn
    assert all(isinstance(message, AIMessage) for message in messages[1::2])
    assert len(sandbox.requests[-1].body["messages"]) == 5


@every_node
async def test_stream_that_broke_off_is_an_error_and_leaves_no_message(
    make_model: MakeModel, sandbox: Sandbox, kind: str
) -> None:
    graph = graph_with(NODES[kind](make_model()), checkpointer=memory.InMemorySaver())
    sandbox.inject(Fault(kind="close", after_events=4))
    thread = {"configurable": {"thread_id": "a"}}
    with pytest.raises(ChatMaritacaStreamInterruptedError):
        await parts_of(graph, "messages", kind, config=thread)
    assert [message.type for message in graph.get_state(thread).values["messages"]] == ["human"]


async def _idle(sandbox: Sandbox) -> None:
    async with asyncio.timeout(2):
        while sandbox.in_flight:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", ["ainvoke", "astream"])
@pytest.mark.parametrize("mode", ["messages", "values", "events"])
async def test_cancelled_graph_releases_its_connection(
    make_model: MakeModel, sandbox: Sandbox, kind: str, mode: str
) -> None:
    graph = graph_with(NODES[kind](make_model()))
    sandbox.inject(Fault(kind="stall", after_events=3))

    async def run() -> None:
        if mode != "events":
            await parts_of(graph, mode, kind)
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LangChainBetaWarning)
            async with await graph.astream_events(HELLO, version="v3") as events:
                async for _ in events:
                    pass

    task = asyncio.create_task(run())
    while not sandbox.in_flight:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _idle(sandbox)


async def test_graph_whose_reader_leaves_releases_its_connection(
    make_model: MakeModel, sandbox: Sandbox
) -> None:
    graph = graph_with(astreaming(make_model()))
    sandbox.inject(Fault(kind="stall", after_events=3))
    parts = graph.astream(HELLO, stream_mode="messages")
    await anext(parts)
    await parts.aclose()
    await _idle(sandbox)


async def test_events_that_nobody_reads_to_the_end_release_their_connection(
    make_model: MakeModel, sandbox: Sandbox
) -> None:
    model = make_model()
    sandbox.inject(Fault(kind="stall", after_events=3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainBetaWarning)
        events = await model.astream_events("Conte até 12", version="v3")
    await anext(aiter(events))
    assert sandbox.in_flight == 1
    await events.aclose()
    await _idle(sandbox)


async def test_blocking_events_that_nobody_reads_to_the_end_release_their_connection(
    make_model: MakeModel, sandbox: Sandbox
) -> None:
    model = make_model()
    sandbox.inject(Fault(kind="stall", after_events=3))

    def read_one() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LangChainBetaWarning)
            next(iter(model.stream_events("Conte até 12", version="v3")))
        gc.collect()

    await asyncio.to_thread(read_one)
    await _idle(sandbox)
