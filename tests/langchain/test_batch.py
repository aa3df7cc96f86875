"""Many inputs at once: how many, in which order, and what a failure changes."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage
from langchain_core.outputs import ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda

from langchain_maritaca import ChatMaritaca, ChatMaritacaBadRequestError
from langchain_maritaca._batch import BATCH_CONCURRENCY
from maritaca_async import ConfigurationError
from maritaca_async.sandbox import Fault, Sandbox

Make = Callable[..., ChatMaritaca]
SUMS = [f"Quanto é {number} + 1?" for number in range(30)]


def is_sum(number: int, text: str) -> bool:
    return f"igual a {number + 1}" in text


def test_batch_runs_as_many_at_once_as_the_default_allows_and_keeps_the_order(
    make_model: Make, sandbox: Sandbox
) -> None:
    sandbox.configure(latency=0.2)
    inputs = [f"Quanto é {number} + 1?" for number in range(BATCH_CONCURRENCY + 20)]
    answers = make_model().batch(inputs)
    assert all(is_sum(number, answer.text) for number, answer in enumerate(answers))
    assert BATCH_CONCURRENCY // 2 < sandbox.max_in_flight <= BATCH_CONCURRENCY


async def test_abatch_is_bounded_and_keeps_the_order(make_model: Make, sandbox: Sandbox) -> None:
    sandbox.configure(latency=0.2)
    inputs = [f"Quanto é {number} + 1?" for number in range(BATCH_CONCURRENCY + 20)]
    answers = await make_model().abatch(inputs)
    assert all(is_sum(number, answer.text) for number, answer in enumerate(answers))
    assert BATCH_CONCURRENCY // 2 < sandbox.max_in_flight <= BATCH_CONCURRENCY


def test_config_decides_how_many_run_at_once(make_model: Make, sandbox: Sandbox) -> None:
    sandbox.configure(latency=0.02)
    model = make_model()
    chain = ChatPromptTemplate.from_messages([("human", "{question}")]) | model.bind(temperature=0)
    model.batch(SUMS, {"max_concurrency": 3})
    model.batch(SUMS, [{"max_concurrency": 3} for _ in SUMS])
    chain.batch([{"question": text} for text in SUMS], {"max_concurrency": 3})
    assert list(model.batch_as_completed(SUMS, {"max_concurrency": 3}))
    assert sandbox.max_in_flight == 3


async def test_config_decides_how_many_run_at_once_in_async_code(make_model: Make, sandbox: Sandbox) -> None:
    sandbox.configure(latency=0.02)
    model = make_model()
    await model.abatch(SUMS, {"max_concurrency": 3})
    assert [place async for place, _ in model.abatch_as_completed(SUMS, {"max_concurrency": 3})]
    assert sandbox.max_in_flight == 3


def test_batch_of_nothing_is_nothing(make_model: Make, sandbox: Sandbox) -> None:
    assert make_model().batch([]) == []
    assert asyncio.run(make_model().abatch([])) == []
    assert sandbox.requests == []


@pytest.mark.parametrize("way", ["batch", "abatch"])
def test_one_failure_changes_no_other_answer(make_model: Make, sandbox: Sandbox, way: str) -> None:
    sandbox.fail_next(status=400, body={"detail": "não"})
    model = make_model()
    if way == "batch":
        answers: list[Any] = model.batch(SUMS, return_exceptions=True)
    else:
        answers = asyncio.run(model.abatch(SUMS, return_exceptions=True))
    failed = [answer for answer in answers if isinstance(answer, Exception)]
    assert [type(error) for error in failed] == [ChatMaritacaBadRequestError]
    right = [number for number, answer in enumerate(answers) if answer not in failed]
    assert len(right) == len(SUMS) - 1
    assert all(is_sum(number, answers[number].text) for number in right)


@pytest.mark.parametrize("way", ["batch", "abatch"])
def test_failure_raises_when_exceptions_are_not_asked_for(
    make_model: Make, sandbox: Sandbox, way: str
) -> None:
    sandbox.fail_next(status=400)
    model = make_model()
    with pytest.raises(ChatMaritacaBadRequestError):
        model.batch(SUMS) if way == "batch" else asyncio.run(model.abatch(SUMS))
    wait_until_idle(sandbox)


def wait_until_idle(sandbox: Sandbox) -> None:
    """Until nothing that a batch left behind is under way, or about to be."""
    while sandbox.in_flight or any("ThreadPool" in thread.name for thread in threading.enumerate()):
        time.sleep(0.01)


def answers_as_completed(model: ChatMaritaca) -> None:
    list(model.batch_as_completed(SUMS, {"max_concurrency": 4}))


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: model.batch(SUMS, {"max_concurrency": 4}),
        lambda model: model.batch_with_progress(SUMS, max_concurrency=4),
        answers_as_completed,
    ],
    ids=["batch", "batch_with_progress", "batch_as_completed"],
)
def test_failure_cancels_what_is_under_way_and_is_raised_at_once(
    make_model: Make, sandbox: Sandbox, ask: Callable[[ChatMaritaca], Any]
) -> None:
    sandbox.inject(*[Fault(kind="stall")] * 3, Fault(status=400))
    started = time.monotonic()
    with pytest.raises(ChatMaritacaBadRequestError):
        ask(make_model())
    assert time.monotonic() - started < 0.9
    wait_until_idle(sandbox)
    assert len(sandbox.requests) < 8


def test_leaving_batch_as_completed_cancels_what_is_under_way(make_model: Make, sandbox: Sandbox) -> None:
    sandbox.configure(latency=0.2)  # time to leave before the next answers come
    sandbox.inject(*[Fault(kind="stall")] * 2)
    for _ in make_model().batch_as_completed(SUMS, {"max_concurrency": 3}):
        break
    wait_until_idle(sandbox)
    assert len(sandbox.requests) < 6


@pytest.fixture
def interrupts() -> Iterator[None]:
    """What Ctrl-C does, which a shell's background job would ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_interrupt_cancels_what_is_under_way_and_is_raised_at_once(
    make_model: Make, sandbox: Sandbox
) -> None:
    sandbox.inject(*[Fault(kind="stall")] * 3)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        make_model().batch(SUMS, {"max_concurrency": 3})
    assert time.monotonic() - started < 0.9
    wait_until_idle(sandbox)
    assert len(sandbox.requests) == 3


async def test_failure_in_abatch_cancels_what_is_under_way(make_model: Make, sandbox: Sandbox) -> None:
    sandbox.configure(latency=0.1)
    sandbox.fail_next(status=400)
    inputs = [f"Quanto é {number} + 1?" for number in range(40)]
    with pytest.raises(ChatMaritacaBadRequestError):
        await make_model().abatch(inputs, {"max_concurrency": 4})
    seen = len(sandbox.requests)
    await asyncio.sleep(0.4)
    assert len(sandbox.requests) <= seen + 4 < len(inputs)
    assert sandbox.in_flight == 0


def test_answers_come_as_they_are_ready_with_their_places(make_model: Make) -> None:
    found = dict(make_model().batch_as_completed(SUMS))
    assert sorted(found) == list(range(len(SUMS)))
    assert all(is_sum(place, answer.text) for place, answer in found.items())


async def test_abatch_with_concurrency_gives_whole_results(make_model: Make, sandbox: Sandbox) -> None:
    sandbox.configure(latency=0.02)
    inputs = [[HumanMessage(text)] for text in SUMS]
    results = await make_model().abatch_with_concurrency(inputs, max_concurrency=4, temperature=0)
    assert all(isinstance(result, ChatResult) for result in results)
    assert all(is_sum(place, result.generations[0].text) for place, result in enumerate(results))
    assert sandbox.max_in_flight == 4
    assert sandbox.requests[0].body["temperature"] == 0
    sandbox.fail_next(status=400)
    kept = await make_model().abatch_with_concurrency(inputs[:5], return_exceptions=True)
    assert sum(isinstance(result, Exception) for result in kept) == 1


async def test_batch_with_progress_reports_each_answer_even_inside_a_running_loop(make_model: Make) -> None:
    told: list[tuple[int, int]] = []

    def progress(answered: int, total: int, result: ChatResult) -> None:
        assert result.generations
        told.append((answered, total))

    model, inputs = make_model(), [[HumanMessage(text)] for text in SUMS[:6]]
    results = await asyncio.to_thread(model.batch_with_progress, inputs, 2, callback=progress)
    assert all(is_sum(place, result.generations[0].text) for place, result in enumerate(results))
    assert told == [(number, 6) for number in range(1, 7)]


def test_batch_with_progress_stops_at_the_first_failure(make_model: Make, sandbox: Sandbox) -> None:
    sandbox.configure(latency=0.05)
    sandbox.fail_next(status=400)
    started = time.monotonic()
    with pytest.raises(ChatMaritacaBadRequestError):
        make_model().batch_with_progress(SUMS, max_concurrency=2)
    assert time.monotonic() - started < 1
    wait_until_idle(sandbox)
    assert len(sandbox.requests) < 8


@pytest.mark.parametrize("value", [0, -3])
def test_no_concurrency_is_refused_before_any_call(make_model: Make, sandbox: Sandbox, value: int) -> None:
    with pytest.raises(ConfigurationError, match="max_concurrency must be at least 1"):
        make_model().batch_with_progress(SUMS, value)
    with pytest.raises(ConfigurationError, match="max_concurrency must be at least 1"):
        asyncio.run(make_model().abatch_with_concurrency(SUMS, value))
    with pytest.raises(ConfigurationError, match="max_concurrency must be at least 1"):
        make_model().batch(SUMS, {"max_concurrency": value})
    assert sandbox.requests == []


async def test_leaving_abatch_as_completed_cancels_what_is_under_way(
    make_model: Make, sandbox: Sandbox
) -> None:
    sandbox.configure(latency=0.05)
    model = make_model()
    answers = model.abatch_as_completed(SUMS * 4, {"max_concurrency": 3})
    async for _ in answers:
        break
    await answers.aclose()
    await asyncio.sleep(0.3)
    assert len(sandbox.requests) <= 9
    assert sandbox.in_flight == 0


async def test_cancellation_inside_a_call_is_never_taken_for_an_answer(make_model: Make) -> None:
    class Broken(BaseCallbackHandler):
        raise_error = True
        run_inline = True

        def on_chat_model_start(self, *_: Any, **__: Any) -> None:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await make_model(callbacks=[Broken()]).abatch(SUMS[:2], return_exceptions=True)


class Seen(BaseCallbackHandler):
    def __init__(self) -> None:
        self.parents: list[Any] = []

    def on_chat_model_start(self, *_: Any, parent_run_id: Any = None, **__: Any) -> None:
        self.parents.append(parent_run_id)


def test_batches_with_whole_results_belong_to_the_run_they_are_made_in(make_model: Make) -> None:
    model, seen = make_model(), Seen()

    async def both(_: str) -> int:
        done = await model.abatch_with_concurrency(SUMS[:2])
        return len(done + await asyncio.to_thread(model.batch_with_progress, SUMS[:2]))

    assert asyncio.run(RunnableLambda(both).ainvoke("x", {"callbacks": [seen]})) == 4
    assert len(seen.parents) == 4
    assert None not in seen.parents
