"""The model inside LangChain's agents."""

from __future__ import annotations

import asyncio
import json
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from answers import call
from answers import completion as answer
from langchain_core._api import LangChainBetaWarning
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langchain_core.tools import ToolException, tool
from pydantic import BaseModel, Field
from speaking import Speaker, model_of, serving
from typing_extensions import TypedDict

from langchain_maritaca import ChatMaritaca, ChatMaritacaAuthenticationError
from maritaca_async.sandbox import Fault, Sandbox

agents = pytest.importorskip("langchain.agents")
structured = pytest.importorskip("langchain.agents.structured_output")
langgraph_config = pytest.importorskip("langgraph.config")

MakeModel = Callable[..., ChatMaritaca]
SUM = {"messages": [("user", "Quanto é 2 + 3?")]}
BOTH = {"messages": [("user", "Quanto é 2 + 3 e como está o clima em Campinas?")]}


def somar(a: int, b: int) -> str:
    """Soma dois números inteiros."""
    return str(a + b)


def clima(cidade: str) -> str:
    """Diz como está o clima de uma cidade."""
    return f"sol em {cidade}"


class Pessoa(BaseModel):
    """Uma pessoa."""

    nome: str
    idade: int


class PessoaViva(BaseModel):
    """Uma pessoa com uma idade possível."""

    nome: str
    idade: int = Field(ge=0, le=150)


@dataclass
class PessoaDataclass:
    """Uma pessoa."""

    nome: str
    idade: int


class PessoaDict(TypedDict):
    """Uma pessoa."""

    nome: str
    idade: int


PESSOA_SCHEMA = {
    "title": "Pessoa",
    "type": "object",
    "description": "Uma pessoa.",
    "properties": {"nome": {"type": "string"}, "idade": {"type": "integer"}},
    "required": ["nome", "idade"],
}


async def answer_of(agent: Any, request: dict[str, Any], *, asynchronous: bool) -> dict[str, Any]:
    """The final state, from `ainvoke`, or from `invoke` in a thread of its own."""
    if asynchronous:
        return dict(await agent.ainvoke(request))
    return dict(await asyncio.to_thread(agent.invoke, request))


both_ways = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


# Tools


@both_ways
async def test_agent_calls_its_tool_and_answers(make_model: MakeModel, asynchronous: bool) -> None:
    agent = agents.create_agent(make_model(), [somar, clima], system_prompt="Use as ferramentas.")
    messages = (await answer_of(agent, SUM, asynchronous=asynchronous))["messages"]
    assert [message.type for message in messages] == ["human", "ai", "tool", "ai"]
    assert messages[1].tool_calls[0]["name"] == "somar"
    assert messages[2].content == "5"
    assert "5" in messages[-1].text


@both_ways
async def test_tools_asked_for_together_run_together(make_model: MakeModel, asynchronous: bool) -> None:
    meeting = threading.Barrier(2, timeout=5)

    def somar(a: int, b: int) -> str:
        """Soma dois números inteiros."""
        meeting.wait()
        return str(a + b)

    def clima(cidade: str) -> str:
        """Diz como está o clima de uma cidade."""
        meeting.wait()
        return "sol"

    agent = agents.create_agent(make_model(), [somar, clima])
    messages = (await answer_of(agent, BOTH, asynchronous=asynchronous))["messages"]
    asked = [made["id"] for made in messages[1].tool_calls]
    results = [message for message in messages if isinstance(message, ToolMessage)]
    assert len(asked) == 2
    assert [result.tool_call_id for result in results] == asked
    assert {result.content for result in results} == {"5", "sol"}


async def test_error_of_a_tool_goes_back_to_the_model(make_model: MakeModel, sandbox: Sandbox) -> None:
    @tool
    def somar(a: int, b: int) -> str:
        """Soma dois números inteiros."""
        raise ToolException("números demais")

    somar.handle_tool_error = True
    agent = agents.create_agent(make_model(), [somar])
    messages = (await agent.ainvoke(SUM))["messages"]
    assert messages[2].status == "error"
    sent = sandbox.requests[-1].body["messages"][-1]
    assert sent == {
        "role": "tool",
        "content": "números demais",
        "tool_call_id": messages[1].tool_calls[0]["id"],
    }
    assert "números demais" in messages[-1].text


@both_ways
async def test_broken_arguments_reach_no_tool(asynchronous: bool) -> None:
    executed: list[int] = []

    def dobrar(a: int) -> str:
        """Dobra um número."""
        executed.append(a)
        return str(2 * a)

    speaker = Speaker()
    with serving(speaker) as server:
        for arguments, finish in (('{"a": 2', "tool_calls"), ('{"a": 2}', "length"), ("[2]", "tool_calls")):
            for streaming in (None, True):
                speaker.body = answer(
                    {"content": None, "tool_calls": [call(arguments, name="dobrar")]}, finish
                )
                agent = agents.create_agent(model_of(server, streaming=streaming), [dobrar])
                messages = (await answer_of(agent, SUM, asynchronous=asynchronous))["messages"]
                assert messages[-1].invalid_tool_calls
    assert executed == []


def test_agents_in_many_threads_keep_their_answers_apart(make_model: MakeModel) -> None:
    agent = agents.create_agent(make_model(), [somar])
    requests = [{"messages": [("user", f"Quanto é {number} + 1?")]} for number in range(16)]
    states = agent.batch(requests, {"max_concurrency": 8})
    assert [state["messages"][2].content for state in states] == [str(number + 1) for number in range(16)]


def test_agent_works_in_one_loop_after_another(make_model: MakeModel) -> None:
    agent = agents.create_agent(make_model(), [somar])
    for _ in range(3):
        assert "5" in asyncio.run(agent.ainvoke(SUM))["messages"][-1].text


async def test_tool_may_ask_the_model_itself(make_model: MakeModel) -> None:
    model = make_model()

    def clima(cidade: str) -> str:
        """Diz como está o clima de uma cidade."""
        return model.invoke(f"Conte até {len(cidade)}").text

    agent = agents.create_agent(model, [clima])
    state = await agent.ainvoke({"messages": [("user", "Como está o clima em Campinas?")]})
    assert state["messages"][2].content.startswith("1 2 3")


async def test_error_of_the_service_comes_out_of_the_agent(make_model: MakeModel, sandbox: Sandbox) -> None:
    agent = agents.create_agent(make_model(), [somar])
    sandbox.fail_next(status=401, body={"detail": "Chave inválida"})
    with pytest.raises(ChatMaritacaAuthenticationError):
        await agent.ainvoke(SUM)


# Answers that are objects


@both_ways
@pytest.mark.parametrize("schema", [Pessoa, PessoaDataclass, PessoaDict, PESSOA_SCHEMA])
@pytest.mark.parametrize("strategy", ["ProviderStrategy", "ToolStrategy", None])
async def test_agent_answers_with_an_object(
    make_model: MakeModel, sandbox: Sandbox, schema: Any, strategy: str | None, asynchronous: bool
) -> None:
    wanted = getattr(structured, strategy)(schema) if strategy else schema
    agent = agents.create_agent(make_model(), response_format=wanted)
    request = {"messages": [("user", "Ana Souza tem 30 anos")]}
    found = (await answer_of(agent, request, asynchronous=asynchronous))["structured_response"]
    if isinstance(schema, type) and schema is not PessoaDict:
        assert isinstance(found, schema)
        found = vars(found)
    assert found.keys() == {"nome", "idade"}
    body = sandbox.requests[-1].body
    assert ("response_format" in body) is (strategy != "ToolStrategy")
    assert ("tools" in body) is (strategy == "ToolStrategy")


@pytest.mark.parametrize("strategy", ["ProviderStrategy", "ToolStrategy"])
async def test_agent_with_tools_answers_with_an_object(make_model: MakeModel, strategy: str) -> None:
    agent = agents.create_agent(make_model(), [somar], response_format=getattr(structured, strategy)(Pessoa))
    state = await agent.ainvoke({"messages": [("user", "Quanto é 2 + 3? Ana Souza tem 30 anos")]})
    assert isinstance(state["structured_response"], Pessoa)
    assert "5" in [message.content for message in state["messages"] if isinstance(message, ToolMessage)]


@pytest.mark.filterwarnings("ignore:Maritaca refuses some keywords")
async def test_bounds_of_a_class_do_not_make_the_service_refuse_it(make_model: MakeModel) -> None:
    agent = agents.create_agent(make_model(), response_format=PessoaViva)
    state = await agent.ainvoke({"messages": [("user", "Ana Souza tem 30 anos")]})
    assert isinstance(state["structured_response"], PessoaViva)


async def test_strict_reaches_the_wire(make_model: MakeModel, sandbox: Sandbox) -> None:
    agent = agents.create_agent(
        make_model(), response_format=structured.ProviderStrategy(PessoaDict, strict=True)
    )
    await agent.ainvoke({"messages": [("user", "Ana Souza tem 30 anos")]})
    assert sandbox.requests[-1].body["response_format"]["json_schema"]["strict"] is True


async def test_wrong_arguments_of_the_answer_are_asked_for_again() -> None:
    bodies = iter(['{"nome": "Ana", "idade": -1}', '{"nome": "Ana", "idade": 30}'])

    class Twice(Speaker):
        async def __call__(self, exchange: Any) -> None:
            made = call(next(bodies), name="PessoaViva", call_id=f"c{exchange.number}")
            self.body = answer({"content": None, "tool_calls": [made]}, "tool_calls")
            await super().__call__(exchange)

    with serving(Twice()) as server:
        agent = agents.create_agent(model_of(server), response_format=structured.ToolStrategy(PessoaViva))
        state = await agent.ainvoke({"messages": [("user", "Ana")]})
        assert state["structured_response"] == PessoaViva(nome="Ana", idade=30)
        assert server.seen[1].json["messages"][-1]["role"] == "tool"


# Streams


def by_id(pieces: list[Any]) -> dict[str | None, str]:
    joined: dict[str | None, str] = {}
    for piece in pieces:
        joined[piece.id] = joined.get(piece.id, "") + piece.text
    return joined


async def stream_of(
    agent: Any, mode: Any, *, asynchronous: bool, request: Any = SUM, **options: Any
) -> list[Any]:
    if asynchronous:
        return [part async for part in agent.astream(request, stream_mode=mode, **options)]
    return await asyncio.to_thread(lambda: list(agent.stream(request, stream_mode=mode, **options)))


@both_ways
@pytest.mark.parametrize("streaming", [None, True, False])
async def test_messages_give_each_token_once(
    make_model: MakeModel, asynchronous: bool, streaming: bool | None
) -> None:
    agent = agents.create_agent(make_model(streaming=streaming), [somar])
    found = await stream_of(agent, "messages", asynchronous=asynchronous)
    pieces = [message for message, _ in found if isinstance(message, AIMessageChunk | AIMessage)]
    final = (await agent.ainvoke(SUM))["messages"][-1]
    assert list(by_id(pieces).values()) == ["", final.text]
    assert (len(pieces) > 4) is (streaming is not False)


@both_ways
async def test_all_modes_tell_the_same_story(make_model: MakeModel, asynchronous: bool) -> None:
    agent = agents.create_agent(make_model(), [somar])
    found = await stream_of(agent, ["messages", "updates", "values"], asynchronous=asynchronous)
    updates = [part for mode, part in found if mode == "updates"]
    values = [part for mode, part in found if mode == "values"]
    tokens = by_id([part[0] for mode, part in found if mode == "messages"])
    assert [list(update) for update in updates] == [["model"], ["tools"], ["model"]]
    written = [message for update in updates for node in update.values() for message in node["messages"]]
    assert written == values[-1]["messages"][1:]
    assert tokens == {message.id: message.text for message in written}


@both_ways
async def test_tools_may_write_to_the_stream(make_model: MakeModel, asynchronous: bool) -> None:
    def somar(a: int, b: int) -> str:
        """Soma dois números inteiros."""
        langgraph_config.get_stream_writer()({"somando": [a, b]})
        return str(a + b)

    agent = agents.create_agent(make_model(), [somar])
    assert await stream_of(agent, "custom", asynchronous=asynchronous) == [{"somando": [2, 3]}]


@both_ways
async def test_events_of_an_agent_give_its_messages(make_model: MakeModel, asynchronous: bool) -> None:
    agent = agents.create_agent(make_model(), [somar])

    async def texts() -> list[str]:
        run = await agent.astream_events(SUM, version="v3")
        return [await message.text async for message in run.messages]

    def blocking_texts() -> list[str]:
        return [str(message.text) for message in agent.stream_events(SUM, version="v3").messages]

    final = (await agent.ainvoke(SUM))["messages"][-1].text
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainBetaWarning)
        found = await (texts() if asynchronous else asyncio.to_thread(blocking_texts))
    assert found == ["", final]


async def test_older_events_give_each_token_once(make_model: MakeModel) -> None:
    agent = agents.create_agent(make_model(), [somar])
    tokens, ends = [], []
    async for event in agent.astream_events(SUM, version="v2"):
        if event["event"] == "on_chat_model_stream":
            tokens.append(event["data"]["chunk"].text)
        if event["event"] == "on_chat_model_end":
            ends.append(event["data"]["output"])
    assert "".join(tokens) == ends[-1].text
    assert ends[0].tool_calls[0]["name"] == "somar"


async def test_agent_left_early_releases_its_connection(make_model: MakeModel, sandbox: Sandbox) -> None:
    agent = agents.create_agent(make_model(), [somar])
    sandbox.inject(Fault(kind="stall", after_events=3))
    run = agent.astream(SUM, stream_mode="messages")
    await anext(run)
    await run.aclose()
    await _idle(sandbox)


async def test_cancelled_agent_releases_its_connections(make_model: MakeModel, sandbox: Sandbox) -> None:
    agent = agents.create_agent(make_model(), [somar])
    sandbox.inject(*[Fault(kind="stall", after_events=0)] * 5)
    runs = [asyncio.create_task(agent.ainvoke(SUM)) for _ in range(5)]
    while sandbox.in_flight < 5:
        await asyncio.sleep(0.01)
    for run in runs:
        run.cancel()
    assert all(
        isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*runs, return_exceptions=True)
    )
    await _idle(sandbox)
    assert "5" in (await agent.ainvoke(SUM))["messages"][-1].text


async def _idle(sandbox: Sandbox) -> None:
    async with asyncio.timeout(2):
        while sandbox.in_flight:
            await asyncio.sleep(0.01)


def test_messages_of_an_agent_are_json(make_model: MakeModel) -> None:
    messages = agents.create_agent(make_model(), [somar]).invoke(SUM)["messages"]
    for message in messages:
        assert type(message).model_validate(json.loads(message.model_dump_json())) == message
