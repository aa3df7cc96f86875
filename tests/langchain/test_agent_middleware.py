"""The model under LangChain's middleware, and with a checkpointer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool

from langchain_maritaca import (
    ChatMaritaca,
    ChatMaritacaAuthenticationError,
    ChatMaritacaInternalServerError,
    ChatMaritacaRateLimitError,
)
from maritaca_async.sandbox import Fault, Sandbox

agents = pytest.importorskip("langchain.agents")
middleware = pytest.importorskip("langchain.agents.middleware")
memory = pytest.importorskip("langgraph.checkpoint.memory")
types = pytest.importorskip("langgraph.types")

MakeModel = Callable[..., ChatMaritaca]
SUM = {"messages": [("user", "Quanto é 2 + 3?")]}


@tool
def somar(a: int, b: int) -> str:
    """Soma dois números inteiros."""
    return str(a + b)


def in_thread(name: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": name}}


async def answer_of(agent: Any, request: Any, config: Any = None, *, asynchronous: bool) -> dict[str, Any]:
    if asynchronous:
        return dict(await agent.ainvoke(request, config))
    return dict(await asyncio.to_thread(agent.invoke, request, config))


both_ways = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


# Retries: each layer does only its own


def retry(attempts: int) -> Any:
    return middleware.ModelRetryMiddleware(
        max_retries=attempts, initial_delay=0.001, jitter=False, on_failure="error"
    )


@both_ways
@pytest.mark.parametrize(("own", "layered", "requests"), [(0, 2, 3), (2, 0, 3), (0, 0, 1), (1, 1, 4)])
async def test_retries_of_model_and_middleware_multiply_and_nothing_else_does(
    make_model: MakeModel, sandbox: Sandbox, own: int, layered: int, requests: int, asynchronous: bool
) -> None:
    agent = agents.create_agent(make_model(max_retries=own), [somar], middleware=[retry(layered)])
    sandbox.fail_next(20, status=503)
    with pytest.raises(ChatMaritacaInternalServerError):
        await answer_of(agent, SUM, asynchronous=asynchronous)
    assert len(sandbox.requests) == requests


@both_ways
async def test_middleware_recovers_what_is_worth_another_try(
    make_model: MakeModel, sandbox: Sandbox, asynchronous: bool
) -> None:
    agent = agents.create_agent(make_model(max_retries=0), [somar], middleware=[retry(2)])
    sandbox.fail_next(2, status=429)
    state = await answer_of(agent, SUM, asynchronous=asynchronous)
    assert "5" in state["messages"][-1].text
    assert len(sandbox.requests) == 4


async def test_middleware_does_not_repeat_what_cannot_work(make_model: MakeModel, sandbox: Sandbox) -> None:
    agent = agents.create_agent(make_model(max_retries=0), [somar], middleware=[retry(3)])
    sandbox.fail_next(9, status=401)
    with pytest.raises(ChatMaritacaAuthenticationError):
        await agent.ainvoke(SUM)
    assert len(sandbox.requests) == 1


async def test_interrupted_stream_is_asked_for_again_by_the_middleware(
    make_model: MakeModel, sandbox: Sandbox
) -> None:
    agent = agents.create_agent(make_model(max_retries=0, streaming=True), [somar], middleware=[retry(1)])
    sandbox.inject(Fault(kind="close", after_events=2))
    assert "5" in (await agent.ainvoke(SUM))["messages"][-1].text
    assert len(sandbox.requests) == 3


@both_ways
async def test_fallback_model_takes_over(make_model: MakeModel, sandbox: Sandbox, asynchronous: bool) -> None:
    agent = agents.create_agent(
        make_model(max_retries=0),
        [somar],
        middleware=[middleware.ModelFallbackMiddleware(make_model(model="sabiazinho-4"))],
    )
    sandbox.fail_next(status=503)
    state = await answer_of(agent, SUM, asynchronous=asynchronous)
    assert "5" in state["messages"][-1].text
    assert [request.body["model"] for request in sandbox.requests] == ["sabia-4", "sabiazinho-4", "sabia-4"]


async def test_error_that_remains_says_what_it_was(make_model: MakeModel, sandbox: Sandbox) -> None:
    agent = agents.create_agent(
        make_model(max_retries=0),
        middleware=[middleware.ModelFallbackMiddleware(make_model(max_retries=0))],
    )
    sandbox.fail_next(2, status=429)
    with pytest.raises(ChatMaritacaRateLimitError):
        await agent.ainvoke(SUM)


@both_ways
async def test_tool_that_fails_is_tried_again_without_asking_the_model_again(
    make_model: MakeModel, sandbox: Sandbox, asynchronous: bool
) -> None:
    failures = iter([OSError("fora do ar"), OSError("fora do ar")])

    def somar(a: int, b: int) -> str:
        """Soma dois números inteiros."""
        for failure in failures:
            raise failure
        return str(a + b)

    again = middleware.ToolRetryMiddleware(max_retries=2, initial_delay=0.001, jitter=False)
    agent = agents.create_agent(make_model(), [somar], middleware=[again])
    state = await answer_of(agent, SUM, asynchronous=asynchronous)
    assert state["messages"][2].content == "5"
    assert len(sandbox.requests) == 2


# Long conversations


def long_talk(turns: int) -> list[Any]:
    return [
        message
        for number in range(turns)
        for message in (HumanMessage(f"Conte até {50 + number}"), AIMessage("1 2 3 " * 30))
    ]


@both_ways
@pytest.mark.parametrize("trigger", [("messages", 10), ("tokens", 500), ("fraction", 0.003)])
async def test_long_conversation_is_summarised_by_the_model(
    make_model: MakeModel, sandbox: Sandbox, trigger: Any, asynchronous: bool
) -> None:
    model = make_model()
    summary = middleware.SummarizationMiddleware(model, trigger=trigger, keep=("messages", 2))
    agent = agents.create_agent(model, middleware=[summary])
    request = {"messages": [*long_talk(15), HumanMessage("Oi")]}
    messages = (await answer_of(agent, request, asynchronous=asynchronous))["messages"]
    assert len(sandbox.requests) == 2
    assert len(messages) < 6
    assert messages[-1].text
    assert len(sandbox.requests[-1].body["messages"]) < 5


async def test_counts_that_the_service_reported_start_a_summary(
    make_model: MakeModel, sandbox: Sandbox
) -> None:
    model = make_model()
    reported = (await model.ainvoke("Oi")).model_copy(
        update={"usage_metadata": {"input_tokens": 4000, "output_tokens": 1, "total_tokens": 4001}}
    )
    summary = middleware.SummarizationMiddleware(model, trigger=("tokens", 4000), keep=("messages", 1))
    agent = agents.create_agent(model, middleware=[summary])
    await agent.ainvoke({"messages": [HumanMessage("Oi"), reported, HumanMessage("Oi")]})
    assert len(sandbox.requests) == 3


async def test_conversation_too_long_to_be_summarised_whole_is_cut_first(
    make_model: MakeModel, sandbox: Sandbox
) -> None:
    model = make_model(max_retries=0)
    summary = middleware.SummarizationMiddleware(model, trigger=("messages", 10), keep=("messages", 2))
    agent = agents.create_agent(model, middleware=[summary])
    sandbox.fail_next(status=400, body={"detail": "prompt is too long for the context window"})
    state = await agent.ainvoke({"messages": [*long_talk(10), HumanMessage("Oi")]})
    assert state["messages"][-1].text
    refused, shorter, _ = (request.body["messages"][0]["content"] for request in sandbox.requests)
    assert len(shorter) < len(refused)


@both_ways
@pytest.mark.parametrize("counted", ["approximate", "model"])
async def test_old_tool_results_are_cleared(
    make_model: MakeModel, sandbox: Sandbox, counted: Any, asynchronous: bool
) -> None:
    edit = middleware.ClearToolUsesEdit(trigger=100, keep=1, placeholder="[limpo]")
    agent = agents.create_agent(
        make_model(),
        [somar],
        middleware=[middleware.ContextEditingMiddleware(edits=[edit], token_count_method=counted)],
    )
    talk: list[Any] = [HumanMessage("Some")]
    for number in range(4):
        made = {"name": "somar", "args": {"a": number, "b": 1}, "id": f"c{number}", "type": "tool_call"}
        talk += [AIMessage("", tool_calls=[made]), ToolMessage("um " * 60, tool_call_id=f"c{number}")]
    await answer_of(agent, {"messages": [*talk, HumanMessage("Oi")]}, asynchronous=asynchronous)
    sent = [
        message["content"] for message in sandbox.requests[-1].body["messages"] if message["role"] == "tool"
    ]
    assert sent == ["[limpo]"] * 3 + ["um " * 60]


async def test_settings_of_a_middleware_reach_the_wire(make_model: MakeModel, sandbox: Sandbox) -> None:
    @middleware.wrap_model_call
    async def choose(request: Any, handler: Any) -> Any:
        choice = "any" if len(request.messages) == 1 else None
        return await handler(request.override(model_settings={"temperature": 0.1}, tool_choice=choice))

    await agents.create_agent(make_model(), [somar], middleware=[choose]).ainvoke(
        {"messages": [("user", "Oi")]}
    )
    first, second = (request.body for request in sandbox.requests)
    assert (first["temperature"], first["tool_choice"]) == (0.1, "required")
    assert (second["temperature"], "tool_choice" in second) == (0.1, False)


@both_ways
async def test_model_selects_the_tools_to_offer(
    make_model: MakeModel, sandbox: Sandbox, asynchronous: bool
) -> None:
    @tool
    def clima(cidade: str) -> str:
        """Diz como está o clima de uma cidade."""
        return "sol"

    selector = middleware.LLMToolSelectorMiddleware(max_tools=1)
    agent = agents.create_agent(make_model(), [somar, clima], middleware=[selector])
    await answer_of(agent, SUM, asynchronous=asynchronous)
    selecting, calling = sandbox.requests[0].body, sandbox.requests[1].body
    assert selecting["response_format"]["type"] == "json_schema"
    assert [offered["function"]["name"] for offered in calling["tools"]] == ["somar"]


async def test_calls_of_the_model_may_be_limited(make_model: MakeModel, sandbox: Sandbox) -> None:
    limit = middleware.ModelCallLimitMiddleware(run_limit=1, exit_behavior="end")
    agent = agents.create_agent(make_model(), [somar], middleware=[limit])
    await agent.ainvoke(SUM)
    assert len(sandbox.requests) == 1


# Checkpoints


@both_ways
async def test_conversation_goes_on_from_its_checkpoint(
    make_model: MakeModel, sandbox: Sandbox, asynchronous: bool
) -> None:
    agent = agents.create_agent(make_model(), [somar], checkpointer=memory.InMemorySaver())
    first = {"messages": [("user", "Meu nome é Ana")]}
    await answer_of(agent, first, in_thread("a"), asynchronous=asynchronous)
    second = {"messages": [("user", "Qual é o meu nome?")]}
    state = await answer_of(agent, second, in_thread("a"), asynchronous=asynchronous)
    assert "Ana" in state["messages"][-1].text
    other = await answer_of(agent, second, in_thread("b"), asynchronous=asynchronous)
    assert "Ana" not in other["messages"][-1].text


@both_ways
@pytest.mark.parametrize("streaming", [None, True])
async def test_messages_come_out_of_a_checkpoint_as_they_went_in(
    make_model: MakeModel, asynchronous: bool, streaming: bool | None
) -> None:
    agent = agents.create_agent(
        make_model(model="sabia-4-thinking", streaming=streaming),
        [somar],
        checkpointer=memory.InMemorySaver(),
    )
    state = await answer_of(agent, SUM, in_thread("a"), asynchronous=asynchronous)
    kept = (await agent.aget_state(in_thread("a"))).values["messages"]
    assert kept == state["messages"]
    assert kept[-1].usage_metadata
    assert kept[-1].response_metadata["model_name"] == "sabia-4-thinking"


@both_ways
@pytest.mark.parametrize(
    ("decision", "result"),
    [
        ({"type": "approve"}, "5"),
        ({"type": "edit", "edited_action": {"name": "somar", "args": {"a": 20, "b": 3}}}, "23"),
        ({"type": "reject", "message": "melhor não"}, "melhor não"),
    ],
)
async def test_human_decides_about_a_call(
    make_model: MakeModel, sandbox: Sandbox, decision: dict[str, Any], result: str, asynchronous: bool
) -> None:
    agent = agents.create_agent(
        make_model(),
        [somar],
        middleware=[middleware.HumanInTheLoopMiddleware({"somar": True})],
        checkpointer=memory.InMemorySaver(),
    )
    state = await answer_of(agent, SUM, in_thread("a"), asynchronous=asynchronous)
    (pause,) = state["__interrupt__"]
    assert pause.value["action_requests"][0]["args"] == {"a": 2, "b": 3}
    go_on = types.Command(resume={"decisions": [decision]})
    state = await answer_of(agent, go_on, in_thread("a"), asynchronous=asynchronous)
    (answered,) = [message for message in state["messages"] if isinstance(message, ToolMessage)]
    assert result in answered.content
    assert state["messages"][-1].text
    assert len(sandbox.requests) == 2
