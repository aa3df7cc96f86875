"""The callbacks: what they count of plain, streamed, concurrent, cached and failed calls."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from langchain.agents import create_agent
from langchain_core.caches import InMemoryCache
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, Generation, LLMResult
from langchain_core.tools import tool

from langchain_maritaca import ChatMaritaca, callbacks
from langchain_maritaca.callbacks import (
    CombinedCallback,
    CostTrackingCallback,
    LatencyTrackingCallback,
    TokenStreamingCallback,
)
from maritaca_async import ConfigurationError, Price, request_cost
from maritaca_async.catalogue import MODELS
from maritaca_async.sandbox import Sandbox

MakeModel = Callable[..., ChatMaritaca]
NOON = datetime(2026, 7, 20, 15, tzinfo=UTC)
MIDNIGHT = datetime(2026, 7, 20, 3, tzinfo=UTC)
ALL_FOUR = (CostTrackingCallback, LatencyTrackingCallback, TokenStreamingCallback, CombinedCallback)


class Clock(datetime):
    """A datetime whose now is when a test says."""

    instant: ClassVar[datetime] = NOON

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return cls.instant


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    """Noon in Brasília, so that costs do not depend on when the tests run."""
    monkeypatch.setattr(callbacks, "datetime", Clock)
    monkeypatch.setattr(Clock, "instant", NOON)
    return Clock


def price_of(message: AIMessage, **how: Any) -> float:
    usage = message.usage_metadata
    assert usage is not None
    return float(
        request_cost(
            model=how.pop("model", "sabia-4"),
            input_tokens=usage["input_tokens"],
            output_tokens=usage["output_tokens"],
            cached_tokens=usage["input_token_details"]["cache_read"],
            **how,
        ).total
    )


def result(model: str | None = "sabia-4", **token_usage: Any) -> LLMResult:
    metadata: dict[str, Any] = {"token_usage": token_usage} if token_usage else {}
    if model:
        metadata["model_name"] = model
    message = AIMessage(content="x", response_metadata=metadata)
    return LLMResult(generations=[[ChatGeneration(message=message)]])


# Cost


def test_plain_call_costs_what_its_usage_costs(make_model: MakeModel) -> None:
    costs = CostTrackingCallback()
    answer = make_model(callbacks=[costs]).invoke("Olá!")
    assert costs.total_cost == price_of(answer) > 0
    assert costs.total_input_tokens == answer.usage_metadata["input_tokens"]
    assert costs.total_output_tokens == answer.usage_metadata["output_tokens"]
    assert costs.total_tokens == answer.usage_metadata["total_tokens"]
    assert (costs.call_count, costs.unpriced_calls) == (1, 0)


def test_streamed_calls_cost_what_plain_ones_do(make_model: MakeModel) -> None:
    plain, streamed, astreamed = (CostTrackingCallback() for _ in range(3))

    async def read() -> None:
        async for _ in make_model(callbacks=[astreamed]).astream("Olá!"):
            pass

    make_model().invoke("Olá!")  # fills the service's prompt cache
    make_model(callbacks=[plain]).invoke("Olá!")
    list(make_model(callbacks=[streamed]).stream("Olá!"))
    asyncio.run(read())
    assert plain.total_cost == streamed.total_cost == astreamed.total_cost > 0
    assert plain.total_cached_tokens == streamed.total_cached_tokens > 0


def test_every_way_to_call_is_counted(make_model: MakeModel) -> None:
    costs = CostTrackingCallback()
    model = make_model(callbacks=[costs])

    async def call() -> None:
        await model.abatch(["três", "quatro"])
        await make_model(callbacks=[costs], streaming=True).ainvoke("sete")
        async for _ in model.astream_events("oito", version="v2"):
            pass

    model.batch(["um", "dois"])
    model.generate([[HumanMessage("cinco")], [HumanMessage("seis")]])
    asyncio.run(call())
    assert costs.call_count == 8
    assert costs.unpriced_calls == 0
    assert len({call["run_id"] for call in costs.get_summary()["calls"]}) == 8
    assert costs.breakdown.total == sum(Decimal(str(call["cost"])) for call in costs.get_summary()["calls"])


def test_several_answers_are_billed_once(make_model: MakeModel) -> None:
    costs = CostTrackingCallback()
    made = make_model(n=3, callbacks=[costs]).generate([[HumanMessage("Olá!")]])
    assert len(made.generations[0]) == 3
    assert costs.total_tokens == made.llm_output["token_usage"]["total_tokens"]
    assert costs.call_count == 1


def test_flex_is_half_the_price(make_model: MakeModel) -> None:
    costs = CostTrackingCallback()
    answer = make_model(service_tier="flex", callbacks=[costs]).invoke("Olá!")
    assert costs.total_cost == price_of(answer, service_tier="flex")


def test_price_is_that_of_the_time_at_which_the_call_started(
    make_model: MakeModel, clock: type[Clock]
) -> None:
    costs, run = CostTrackingCallback(), uuid4()
    clock.instant = MIDNIGHT
    answer = make_model(callbacks=[costs]).invoke("Olá!")
    assert costs.total_cost == price_of(answer, at=MIDNIGHT) < price_of(answer)
    costs.reset()
    costs.on_chat_model_start({}, [], run_id=run, invocation_params={"model": "sabia-4"})
    clock.instant = NOON
    costs.on_llm_end(result(prompt_tokens=1_000_000), run_id=run)
    assert costs.total_cost == 3.5


def test_tools_and_pages_are_counted(make_model: MakeModel) -> None:
    costs = CostTrackingCallback()
    make_model(callbacks=[costs]).invoke("Qual é o PIB?", data_ocean=True)
    assert costs.breakdown.tools == Decimal("0.0985161")
    usage = {"prompt_tokens": 0, "extraction_details": {"medium_effort_pages_extracted": 2}}
    costs.on_llm_end(result(**usage), run_id=uuid4())
    assert costs.breakdown.extraction == Decimal("0.04")


def test_price_is_that_of_the_model_asked_for(make_model: MakeModel) -> None:
    costs, run = CostTrackingCallback(), uuid4()
    costs.on_chat_model_start({}, [], run_id=run, invocation_params={"model": "sabia-4-br-sp"})
    costs.on_llm_end(result("sabia-4", prompt_tokens=1_000_000), run_id=run)
    assert costs.total_cost == 6.5
    answer = make_model(model="sabia-4-small", callbacks=[costs]).invoke("Olá!")
    assert costs.get_summary()["calls"][-1]["cost"] == price_of(answer, model="sabiazinho-4")


def test_cache_of_langchain_costs_nothing(make_model: MakeModel) -> None:
    costs = CostTrackingCallback()
    model = make_model(cache=InMemoryCache(), callbacks=[costs])
    model.invoke("Olá!")
    once = (costs.breakdown, costs.total_tokens)
    model.invoke("Olá!")
    assert (costs.breakdown, costs.total_tokens) == once
    assert [call["from_cache"] for call in costs.get_summary()["calls"]] == [False, True]
    assert (costs.call_count, costs.unpriced_calls) == (2, 0)


def test_unknown_model_is_counted_in_tokens_and_listed_as_unpriced() -> None:
    costs = CostTrackingCallback()
    costs.on_llm_end(result("sabia-9", prompt_tokens=7, completion_tokens=3), run_id=uuid4())
    assert (costs.total_tokens, costs.total_cost, costs.unpriced_calls) == (10, 0.0, 1)
    assert "sabia-9" in costs.get_summary()["calls"][0]["unpriced"]


def test_call_without_usage_or_model_is_listed_as_unpriced(sandbox: Sandbox, make_model: MakeModel) -> None:
    costs = CostTrackingCallback()
    sandbox.configure(usage_with_stream="never")
    list(make_model(callbacks=[costs]).stream("Olá!"))
    costs.on_llm_end(result(None, prompt_tokens=7), run_id=uuid4())
    costs.on_llm_end(result(prompt_tokens=-7), run_id=uuid4())
    reasons = [call["unpriced"] for call in costs.get_summary()["calls"]]
    assert reasons[:2] == ["no usage was reported", "no model was named"]
    assert "prompt" in reasons[2] or "input_tokens" in reasons[2]
    assert (costs.call_count, costs.unpriced_calls, costs.total_cost) == (3, 3, 0.0)


def test_failed_call_leaves_nothing_behind(sandbox: Sandbox, make_model: MakeModel) -> None:
    both = CombinedCallback()
    sandbox.fail_next(status=400)
    with pytest.raises(Exception, match="400"):
        make_model(callbacks=[both]).invoke("Olá!")
    assert both.cost.call_count == 0
    assert not both.cost._requests
    assert (both.latency.call_count, both.latency.error_count) == (1, 1)
    assert not both.latency._started


def test_results_of_other_makers_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = CostTrackingCallback()
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 0}
    for name in ("model", "model_name"):
        old = LLMResult(
            generations=[[Generation(text="x")]], llm_output={"token_usage": usage, name: "sabia-4"}
        )
        costs.on_llm_end(old, run_id=uuid4())
    assert costs.total_cost == 10.0
    message = AIMessage(
        content="x",
        response_metadata={"model_name": "sabia-4", "token_usage": {"prompt_tokens": "muitos"}},
        usage_metadata={
            "input_tokens": 1_000_000,
            "output_tokens": 0,
            "total_tokens": 1_000_000,
            "input_token_details": {"cache_read": 1_000_000},
        },
    )
    costs.on_llm_end(LLMResult(generations=[[ChatGeneration(message=message)]]), run_id=uuid4())
    assert costs.total_cost == 11.25
    FakeListLLM(responses=["x"], callbacks=[costs]).invoke("Olá!")
    assert (costs.call_count, costs.unpriced_calls) == (4, 1)


def test_table_of_prices_can_be_read_and_overridden() -> None:
    assert CostTrackingCallback.PRICING["sabia-4"] == {"input": 5.0, "output": 20.0}
    assert CostTrackingCallback.PRICING.keys() == {model.id for model in MODELS}

    class Negotiated(CostTrackingCallback):
        PRICING: ClassVar = {
            "sabia-4": {"input": 1.3, "output": 2.0},
            "default": {"input": 7.0, "output": 8.0},
        }

    costs = Negotiated()
    for model in ("sabia-4", "sabia-4-2026-01-06", "sabiazinho-4", "sabia-9"):
        costs.on_llm_end(result(model, prompt_tokens=1_000_000), run_id=uuid4())
    assert [call["cost"] for call in costs.get_summary()["calls"]] == [1.3, 1.3, 1.0, 7.0]
    assert costs.breakdown.total == Decimal("10.6")
    assert costs.unpriced_calls == 0


@pytest.mark.parametrize(
    "entry", [{"input": 1.0}, {"input": "caro", "output": 1}, {"input": -1, "output": 1}, 5]
)
def test_table_that_holds_no_prices_is_refused_when_the_callback_is_made(entry: Any) -> None:
    class Broken(CostTrackingCallback):
        PRICING: ClassVar = {"sabia-4": entry}

    with pytest.raises(ConfigurationError, match="PRICING|Price"):
        Broken()


def test_summary_has_the_known_keys_and_the_means(make_model: MakeModel) -> None:
    costs = CostTrackingCallback()
    assert costs.get_summary()["average_cost_per_call"] == 0
    make_model(callbacks=[costs]).batch(["um", "dois"])
    summary = costs.get_summary()
    assert summary["average_cost_per_call"] == summary["total_cost"] / 2
    assert summary["currency"] == "BRL"
    known = {"total_cost", "total_input_tokens", "total_output_tokens", "total_tokens", "call_count", "calls"}
    assert known < summary.keys()
    entry = {"run_id", "model", "input_tokens", "output_tokens", "total_tokens", "cost"}
    assert all(entry < call.keys() for call in summary["calls"])
    summary["calls"].clear()
    assert len(costs.get_summary()["calls"]) == 2


def test_agent_s_calls_add_up(make_model: MakeModel) -> None:
    @tool
    def consultar_tempo(cidade: str) -> str:
        """Diz como está o tempo numa cidade."""
        return f"Sol em {cidade}"

    both = CombinedCallback()
    agent = create_agent(make_model(), [consultar_tempo])
    question = {"messages": [("human", "Como está o tempo em Recife?")]}
    messages = agent.invoke(question, {"callbacks": [both]})["messages"]
    answers = [message for message in messages if isinstance(message, AIMessage)]
    assert len(answers) == both.cost.call_count == both.latency.call_count == 2
    assert both.cost.total_cost == pytest.approx(sum(price_of(answer) for answer in answers))


# Many at once


async def test_concurrent_runs_are_kept_apart(sandbox: Sandbox, make_model: MakeModel) -> None:
    both, stream = CombinedCallback(), TokenStreamingCallback()
    model = make_model(callbacks=[both, stream], streaming=True)
    sandbox.configure(latency=0.05)
    answers = await asyncio.gather(*[model.ainvoke(f"Olá, {number}!") for number in range(30)])
    assert both.cost.call_count == both.latency.call_count == 30
    assert both.cost.total_cost == pytest.approx(sum(price_of(answer) for answer in answers))
    assert len(both.latency.first_token_latencies) == 30
    assert all(seconds >= 0.05 for seconds in both.latency.latencies)
    assert sorted("".join(stream.tokens)) == sorted("".join(answer.content for answer in answers))
    assert not both.cost._requests
    assert not both.latency._started


def test_threads_lose_no_call() -> None:
    costs = CostTrackingCallback()

    def call(_: int) -> None:
        run = uuid4()
        costs.on_chat_model_start({}, [], run_id=run, invocation_params={"model": "sabia-4"})
        costs.on_llm_end(result(prompt_tokens=1_000_000), run_id=run)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(2_000)))
    assert (costs.call_count, costs.total_cost) == (2_000, 10_000.0)


@pytest.mark.parametrize("kind", ALL_FOUR)
async def test_events_on_a_loop_need_no_thread(kind: type, make_model: MakeModel) -> None:
    threads: set[int] = set()

    class Watched(kind):
        def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
            threads.add(threading.get_ident())
            super().on_llm_end(*args, **kwargs)

    await make_model(callbacks=[Watched()]).ainvoke("Olá!")
    assert threads == {threading.get_ident()}


@pytest.mark.parametrize("kind", ALL_FOUR)
def test_callback_goes_with_its_model_into_copies_and_pickles(kind: type, make_model: MakeModel) -> None:
    model = make_model(callbacks=[kind()])
    model.invoke("Olá!")
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model.callbacks[0]))):
        assert isinstance(getattr(copied, "callbacks", [copied])[0], kind)


# All of them


@pytest.mark.parametrize("kind", ALL_FOUR)
def test_reset_forgets_everything(kind: type, make_model: MakeModel) -> None:
    callback = kind()
    fresh = {
        name: value for name, value in vars(kind()).items() if not name.startswith(("_cost", "_latency"))
    }
    make_model(callbacks=[callback], streaming=True).invoke("Olá!")
    callback.reset()
    assert {name: value for name, value in vars(callback).items() if name in fresh} == fresh
    if kind is CombinedCallback:
        assert callback.get_summary()["cost"]["call_count"] == 0
        assert callback.get_summary()["latency"]["call_count"] == 0
    if kind is TokenStreamingCallback:
        assert (callback.elapsed_time, callback.tokens_per_second) == (0.0, 0.0)


def test_combined_callback_shows_both_parts(make_model: MakeModel) -> None:
    both = CombinedCallback()
    answer = make_model(callbacks=[both]).invoke("Olá!")
    summary = both.get_summary()
    assert summary["cost"]["total_cost"] == both.cost.total_cost == price_of(answer)
    assert summary["latency"]["call_count"] == both.latency.call_count == 1


def test_exact_amounts_are_of_the_price_list() -> None:
    costs = CostTrackingCallback()
    costs.on_llm_end(result("sabia-4-br-sp", prompt_tokens=3), run_id=uuid4())
    own = {"x": Price(input=Decimal("6.5"), output=Decimal(26))}
    assert costs.breakdown == request_cost(model="x", input_tokens=3, prices=own)
