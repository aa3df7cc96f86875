"""The model inside LangChain's agents and LangGraph's graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from pydantic import BaseModel

from langchain_maritaca import ChatMaritaca
from maritaca_async.sandbox import Sandbox

agents = pytest.importorskip("langchain.agents")
graphs = pytest.importorskip("langgraph.graph")

MakeModel = Callable[..., ChatMaritaca]


def somar(a: int, b: int) -> str:
    """Soma dois números inteiros."""
    return str(a + b)


class Pessoa(BaseModel):
    """Uma pessoa."""

    nome: str
    idade: int


def test_agent_calls_its_tool_and_answers(make_model: MakeModel) -> None:
    agent = agents.create_agent(make_model(), [somar], system_prompt="Use as ferramentas.")
    messages = agent.invoke({"messages": [("user", "Quanto é 2 + 3?")]})["messages"]
    (result,) = [message for message in messages if isinstance(message, ToolMessage)]
    assert result.content == "5"
    assert isinstance(messages[-1], AIMessage)
    assert "5" in messages[-1].text


async def test_streaming_agent_gives_each_token_once(make_model: MakeModel) -> None:
    agent = agents.create_agent(make_model(), [somar])
    request = {"messages": [("user", "Quanto é 2 + 3?")]}
    pieces = [
        message
        async for message, _ in agent.astream(request, stream_mode="messages")
        if isinstance(message, AIMessageChunk | AIMessage)
    ]
    by_id: dict[str | None, str] = {}
    for piece in pieces:
        by_id[piece.id] = by_id.get(piece.id, "") + piece.text
    final = (await agent.ainvoke(request))["messages"][-1]
    assert list(by_id.values()) == ["", final.text]


def test_agent_answers_with_an_object(make_model: MakeModel, sandbox: Sandbox) -> None:
    agent = agents.create_agent(make_model(), response_format=Pessoa)
    answer = agent.invoke({"messages": [("user", "Ana Souza tem 30 anos")]})["structured_response"]
    assert isinstance(answer, Pessoa)
    body = sandbox.requests[-1].body
    assert body["response_format"]["type"] == "json_schema"
    assert "tools" not in body


def test_agent_with_tools_answers_with_an_object(make_model: MakeModel) -> None:
    agent = agents.create_agent(make_model(), [somar], response_format=Pessoa)
    state = agent.invoke({"messages": [("user", "Ana Souza tem 30 anos")]})
    assert isinstance(state["structured_response"], Pessoa)


async def test_answer_of_a_graph_node_is_streamed_and_is_the_answer_of_invoke(make_model: MakeModel) -> None:
    model = make_model()

    async def node(state: dict[str, Any]) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = (
        graphs.StateGraph(graphs.MessagesState)
        .add_node("model", node)
        .add_edge(graphs.START, "model")
        .compile()
    )
    request = {"messages": [("user", "Oi")]}
    pieces = [message async for message, _ in graph.astream(request, stream_mode="messages")]
    assert len(pieces) > 2
    assert len({piece.id for piece in pieces}) == 1
    plain = await model.ainvoke("Oi")
    assert "".join(piece.text for piece in pieces) == plain.text
    (answer,) = (await graph.ainvoke(request))["messages"][1:]
    assert answer.response_metadata.keys() == plain.response_metadata.keys()
