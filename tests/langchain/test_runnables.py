"""The model as a Runnable: fallbacks, retries, configuration, chains, batches, limits, ways to stream."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.output_parsers import JsonOutputParser, StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField, Runnable, RunnableLambda, RunnablePassthrough

from langchain_maritaca import (
    ChatMaritaca,
    ChatMaritacaError,
    ChatMaritacaInternalServerError,
    ChatMaritacaRateLimitError,
    ChatMaritacaStreamInterruptedError,
)
from maritaca_async import MaritacaError
from maritaca_async._sync import portal
from maritaca_async.sandbox import Fault, Sandbox

MakeModel = Callable[..., ChatMaritaca]

both_ways = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


async def text_of(
    runnable: Runnable[Any, Any], prompt: Any = "Oi", *, stream: bool, asynchronous: bool
) -> str:
    if asynchronous and stream:
        return "".join([piece.text async for piece in runnable.astream(prompt)])
    if asynchronous:
        return str((await runnable.ainvoke(prompt)).text)
    if stream:
        return await asyncio.to_thread(lambda: "".join(piece.text for piece in runnable.stream(prompt)))
    return str((await asyncio.to_thread(runnable.invoke, prompt)).text)


@pytest_asyncio.fixture(autouse=True)
async def connections_close() -> AsyncIterator[None]:
    """A model that goes with its test closes its connections in the next turns of the loop."""
    yield
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def other() -> Iterator[Sandbox]:
    """A second sandbox that accepts one key only."""
    with Sandbox(api_key="key-of-the-other") as running:
        yield running


# Fallbacks and retries


@both_ways
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("handled", [Exception, MaritacaError, ChatMaritacaInternalServerError])
async def test_fallback_answers_for_the_model(
    make_model: MakeModel, sandbox: Sandbox, stream: bool, handled: type[Exception], asynchronous: bool
) -> None:
    chain = make_model(max_retries=0).with_fallbacks(
        [make_model(model="sabiazinho-4")], exceptions_to_handle=(handled,)
    )
    sandbox.fail_next(status=503)
    assert await text_of(chain, stream=stream, asynchronous=asynchronous)
    assert [request.body["model"] for request in sandbox.requests] == ["sabia-4", "sabiazinho-4"]


@both_ways
@pytest.mark.parametrize("stream", [False, True])
async def test_model_is_the_fallback_of_another_runnable(
    make_model: MakeModel, stream: bool, asynchronous: bool
) -> None:
    def fail(_: Any) -> Any:
        raise OSError("fora do ar")

    chain: Any = RunnableLambda(fail).with_fallbacks([make_model()])
    assert await text_of(chain, stream=stream, asynchronous=asynchronous)


async def test_error_that_is_not_handled_is_raised(make_model: MakeModel, sandbox: Sandbox) -> None:
    chain = make_model(max_retries=0).with_fallbacks(
        [make_model()], exceptions_to_handle=(ChatMaritacaRateLimitError,)
    )
    sandbox.fail_next(status=503)
    with pytest.raises(ChatMaritacaInternalServerError):
        await chain.ainvoke("Oi")
    assert len(sandbox.requests) == 1


@both_ways
async def test_stream_that_breaks_off_after_its_text_began_has_no_fallback(
    make_model: MakeModel, sandbox: Sandbox, asynchronous: bool
) -> None:
    chain = make_model(max_retries=0).with_fallbacks([make_model()])
    sandbox.inject(Fault(kind="close", after_events=3))
    with pytest.raises(ChatMaritacaStreamInterruptedError):
        await text_of(chain, stream=True, asynchronous=asynchronous)
    assert len(sandbox.requests) == 1


@both_ways
@pytest.mark.parametrize("attempts", [1, 3])
async def test_with_retry_sends_exactly_as_many_requests_as_it_says(
    make_model: MakeModel, sandbox: Sandbox, attempts: int, asynchronous: bool
) -> None:
    chain = make_model(max_retries=0).with_retry(
        retry_if_exception_type=(MaritacaError,),
        stop_after_attempt=attempts,
        exponential_jitter_params={"multiplier": 0.001, "max": 0.001, "jitter": 0},
    )
    sandbox.fail_next(20, status=503)
    with pytest.raises(ChatMaritacaInternalServerError):
        await text_of(chain, stream=False, asynchronous=asynchronous)
    assert len(sandbox.requests) == attempts


@pytest.mark.parametrize("status", [429, 503])
@both_ways
@pytest.mark.parametrize("stream", [False, True])
async def test_no_retries_means_one_request(
    make_model: MakeModel, sandbox: Sandbox, status: int, stream: bool, asynchronous: bool
) -> None:
    model = make_model(max_retries=0)
    sandbox.fail_next(5, status=status)
    with pytest.raises(ChatMaritacaError):
        await text_of(model, stream=stream, asynchronous=asynchronous)
    assert len(sandbox.requests) == 1


# Configuration


@both_ways
@pytest.mark.parametrize("stream", [False, True])
async def test_configured_key_and_url_reach_another_server(
    make_model: MakeModel, sandbox: Sandbox, other: Sandbox, stream: bool, asynchronous: bool
) -> None:
    model = make_model().configurable_fields(
        maritaca_api_base=ConfigurableField(id="url"), maritaca_api_key=ConfigurableField(id="key")
    )
    await text_of(model, stream=stream, asynchronous=asynchronous)
    elsewhere = model.with_config(configurable={"url": other.base_url, "key": other.api_key})
    await text_of(elsewhere, stream=stream, asynchronous=asynchronous)
    await text_of(model, stream=stream, asynchronous=asynchronous)
    assert (len(sandbox.requests), len(other.requests)) == (2, 1)
    assert other.requests[0].headers["Authorization"].endswith(other.api_key)
    assert not sandbox.requests[0].headers["Authorization"].endswith(other.api_key)


def test_configured_parameters_reach_the_wire(make_model: MakeModel, sandbox: Sandbox) -> None:
    model = make_model().configurable_fields(
        model_name=ConfigurableField(id="model"), temperature=ConfigurableField(id="temperature")
    )
    model.invoke("Oi", config={"configurable": {"model": "sabiazinho-4", "temperature": 0.1}})
    model.invoke("Oi")
    first, second = (request.body for request in sandbox.requests)
    assert (first["model"], first["temperature"]) == ("sabiazinho-4", 0.1)
    assert (second["model"], second.get("temperature")) == ("sabia-4", None)


def test_alternative_is_used_when_it_is_asked_for(
    make_model: MakeModel, sandbox: Sandbox, other: Sandbox
) -> None:
    spare = ChatMaritaca(api_key=other.api_key, base_url=other.base_url)
    model = make_model().configurable_alternatives(
        ConfigurableField(id="which"), default_key="usual", spare=spare
    )
    model.invoke("Oi", config={"configurable": {"which": "spare"}})
    model.invoke("Oi")
    assert (len(sandbox.requests), len(other.requests)) == (1, 1)


# Chains


def test_bound_parameters_are_sent_and_the_call_wins(make_model: MakeModel, sandbox: Sandbox) -> None:
    bound = make_model(temperature=0.9).bind(temperature=0.5, stop=["3"])
    assert "3" not in bound.invoke("Conte até 5").text
    bound.invoke("Oi", temperature=0.1)
    assert [request.body["temperature"] for request in sandbox.requests] == [0.5, 0.1]


@both_ways
async def test_chain_streams_text_as_it_comes(make_model: MakeModel, asynchronous: bool) -> None:
    chain = ChatPromptTemplate.from_template("Conte até {n}") | make_model() | StrOutputParser()
    if asynchronous:
        pieces = [piece async for piece in chain.astream({"n": 30})]
    else:
        pieces = await asyncio.to_thread(lambda: list(chain.stream({"n": 30})))
    assert len(pieces) > 10
    assert "".join(pieces) == " ".join(str(number) for number in range(1, 31))


@both_ways
async def test_chain_streams_growing_objects(make_model: MakeModel, asynchronous: bool) -> None:
    chain = make_model().bind(response_format={"type": "json_object"}) | JsonOutputParser()
    prompt = "Responda em JSON: nome e idade de Ana, que tem 30 anos"
    if asynchronous:
        grown = [found async for found in chain.astream(prompt)]
    else:
        grown = await asyncio.to_thread(lambda: list(chain.stream(prompt)))
    assert len(grown) > 1
    assert grown[-1] == await chain.ainvoke(prompt)


async def test_assigned_answers_come_beside_their_question(make_model: MakeModel) -> None:
    chain = RunnablePassthrough.assign(
        answer=(lambda given: given["question"]) | make_model() | StrOutputParser()
    )
    found = await chain.ainvoke({"question": "Conte até 3"})
    assert found == {"question": "Conte até 3", "answer": "1 2 3"}


# Batches


@both_ways
async def test_batch_as_completed_gives_every_answer_with_its_place(
    make_model: MakeModel, asynchronous: bool
) -> None:
    model, prompts = make_model(), [f"Conte até {number}" for number in range(1, 21)]
    if asynchronous:
        found = [pair async for pair in model.abatch_as_completed(prompts, {"max_concurrency": 5})]
    else:
        found = await asyncio.to_thread(
            lambda: list(model.batch_as_completed(prompts, {"max_concurrency": 5}))
        )
    assert sorted(place for place, _ in found) == list(range(20))
    assert all(answer.text.split()[-1] == str(place + 1) for place, answer in found)  # type: ignore[union-attr]


@both_ways
async def test_batch_keeps_to_its_concurrency(
    make_model: MakeModel, sandbox: Sandbox, asynchronous: bool
) -> None:
    sandbox.configure(latency=0.02)
    model, limit = make_model(), {"max_concurrency": 3}
    if asynchronous:
        await model.abatch(["Oi"] * 12, limit)
    else:
        await asyncio.to_thread(model.batch, ["Oi"] * 12, limit)
    assert sandbox.max_in_flight == 3


@both_ways
async def test_errors_of_a_batch_take_the_places_of_their_answers(
    make_model: MakeModel, sandbox: Sandbox, asynchronous: bool
) -> None:
    model, limit = make_model(max_retries=0), {"max_concurrency": 1}
    sandbox.inject(Fault(kind="ping", seconds=0), Fault(status=503))
    if asynchronous:
        found = await model.abatch(["Oi"] * 3, limit, return_exceptions=True)
    else:
        found = await asyncio.to_thread(lambda: model.batch(["Oi"] * 3, limit, return_exceptions=True))
    assert [isinstance(one, ChatMaritacaInternalServerError) for one in found] == [False, True, False]


# LangChain's limiter and ways to stream


class CountingLimiter(InMemoryRateLimiter):
    def __init__(self) -> None:
        super().__init__(requests_per_second=1000, check_every_n_seconds=0.001, max_bucket_size=100)
        self.acquired = 0

    def acquire(self, *, blocking: bool = True) -> bool:
        self.acquired += 1
        return super().acquire(blocking=blocking)

    async def aacquire(self, *, blocking: bool = True) -> bool:
        self.acquired += 1
        return await super().aacquire(blocking=blocking)


@both_ways
@pytest.mark.parametrize("stream", [False, True])
async def test_limiter_is_asked_once_per_call_whatever_its_retries(
    make_model: MakeModel, sandbox: Sandbox, stream: bool, asynchronous: bool
) -> None:
    limiter = CountingLimiter()
    model = make_model(rate_limiter=limiter)
    sandbox.fail_next(1, status=503)
    await text_of(model, stream=stream, asynchronous=asynchronous)
    await text_of(model, stream=stream, asynchronous=asynchronous)
    assert (limiter.acquired, len(sandbox.requests)) == (2, 3)


TOOL = {"type": "function", "function": {"name": "somar", "parameters": {"type": "object", "properties": {}}}}


@both_ways
@pytest.mark.parametrize(
    ("fields", "call", "streamed_by_stream", "streamed_by_invoke"),
    [
        ({}, {}, True, False),
        ({"streaming": True}, {}, True, True),
        ({"streaming": False}, {}, False, False),
        ({"disable_streaming": True, "streaming": True}, {}, False, False),
        ({"disable_streaming": "tool_calling"}, {}, True, False),
        ({"disable_streaming": "tool_calling"}, {"tools": [TOOL]}, False, False),
        ({"disable_streaming": "tool_calling", "streaming": True}, {"tools": [TOOL]}, False, False),
        ({}, {"stream": True}, True, True),
        ({"streaming": True}, {"stream": False}, True, False),
    ],
)
async def test_what_streams_and_what_does_not(
    make_model: MakeModel,
    sandbox: Sandbox,
    fields: dict[str, Any],
    call: dict[str, Any],
    streamed_by_stream: bool,
    streamed_by_invoke: bool,
    asynchronous: bool,
) -> None:
    model = make_model(**fields).bind(**call)
    await text_of(model, stream=True, asynchronous=asynchronous)
    await text_of(model, stream=False, asynchronous=asynchronous)
    assert [request.body.get("stream", False) for request in sandbox.requests] == [
        streamed_by_stream,
        streamed_by_invoke,
    ]


class Tokens(BaseCallbackHandler):
    def __init__(self) -> None:
        self.tokens: list[str] = []

    def on_llm_new_token(self, token: str, **_: Any) -> None:
        self.tokens.append(token)


@both_ways
async def test_streaming_model_reports_its_tokens_from_invoke(
    make_model: MakeModel, asynchronous: bool
) -> None:
    tokens = Tokens()
    model = make_model(streaming=True, callbacks=[tokens])
    text = await text_of(model, "Conte até 20", stream=False, asynchronous=asynchronous)
    assert "".join(tokens.tokens) == text
    assert len([token for token in tokens.tokens if token]) > 10


# Streams that nobody reads to the end


def test_forgotten_stream_may_be_collected_on_any_thread(make_model: MakeModel, sandbox: Sandbox) -> None:
    sandbox.inject(Fault(kind="stall", after_events=2))
    model = make_model()
    assert _on_loop_thread(threading.current_thread) is not threading.current_thread()
    ring: list[Any] = [model.stream("Conte até 50")]
    next(ring[0])
    ring.append(ring)
    gc.disable()
    try:
        del ring
        _on_loop_thread(gc.collect)
    finally:
        gc.enable()
    deadline = time.monotonic() + 2
    while sandbox.in_flight and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sandbox.in_flight == 0


def _on_loop_thread(action: Callable[[], Any]) -> Any:
    """What `action` gives on the thread where the blocking client's loop runs."""

    async def act() -> Any:
        return action()

    return portal.run(act)
