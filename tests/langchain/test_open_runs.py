"""Runs that end at odd moments or never: none blocks a thread, and none is kept for ever."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from langchain_maritaca import ChatMaritaca
from langchain_maritaca._run_observer import LOCK
from langchain_maritaca.callbacks import (
    CombinedCallback,
    CostTrackingCallback,
    LatencyTrackingCallback,
    TokenStreamingCallback,
)
from maritaca_async.sandbox import Sandbox

MakeModel = Callable[..., ChatMaritaca]
KINDS = (CostTrackingCallback, LatencyTrackingCallback, TokenStreamingCallback, CombinedCallback)


def comes_to_an_end(work: Callable[[], object]) -> bool:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(5)
    return not thread.is_alive()


@pytest.mark.parametrize("kind", KINDS)
def test_stream_may_be_closed_by_a_collection_of_garbage_while_a_callback_is_at_work(
    kind: type[Any], make_model: MakeModel
) -> None:
    stream: Any = make_model(callbacks=[kind()]).stream("Conte uma história.")
    next(stream)

    def collect_garbage_at_work() -> None:
        with LOCK:
            stream.close()

    assert comes_to_an_end(collect_garbage_at_work)


def test_subclass_may_take_its_total_from_the_summary(make_model: MakeModel) -> None:
    class InCents(CostTrackingCallback):
        @property
        def total_cost(self) -> float:
            return float(self.get_summary()["total_cost"]) * 100

    costs, found = InCents(), []
    make_model(callbacks=[costs]).invoke("Olá!")
    assert comes_to_an_end(lambda: found.append(costs.total_cost))
    assert found == [pytest.approx(float(costs.breakdown.total) * 100)]


async def cancelled(model: ChatMaritaca, arrived: Callable[[], Any]) -> None:
    call = asyncio.create_task(model.ainvoke("Conte uma história."))
    while not arrived():
        await asyncio.sleep(0.001)
    call.cancel()
    await asyncio.wait([call])


async def test_cancelled_calls_are_not_kept(sandbox: Sandbox, make_model: MakeModel) -> None:
    both = CombinedCallback()
    sandbox.configure(latency=10)
    for _ in range(3):
        sandbox.reset()
        await cancelled(make_model(callbacks=[both]), lambda: sandbox.requests)
        await asyncio.sleep(0)  # lets go of the call
    assert len(both.cost._requests) == len(both.latency._started) == len(both.latency._silent) == 0
    assert (both.cost.call_count, both.latency.call_count) == (0, 0)


async def test_run_after_a_cancelled_one_begins_anew(sandbox: Sandbox, make_model: MakeModel) -> None:
    stream = TokenStreamingCallback()
    model = make_model(callbacks=[stream], streaming=True)
    sandbox.configure(tokens_per_second=20)
    for _ in range(2):
        await cancelled(model, lambda: stream.token_count)
        assert stream.token_count > 0
        sandbox.configure(tokens_per_second=None)
        answer = await model.ainvoke("Olá!")
        assert "".join(stream.tokens) == answer.text
        stream.reset()
        sandbox.configure(tokens_per_second=20)


@pytest.mark.parametrize("kind", KINDS)
def test_callback_can_be_pickled_while_a_run_is_under_way(kind: type[Any]) -> None:
    callback, run = kind(), uuid4()
    callback.on_chat_model_start({}, [], run_id=run)
    restored = pickle.loads(pickle.dumps(callback))
    assert isinstance(restored, kind)
    restored.on_llm_error(ValueError(), run_id=run)
    callback.on_llm_error(ValueError(), run_id=run)
    if kind is LatencyTrackingCallback:
        assert (restored.error_count, callback.error_count) == (0, 1)
