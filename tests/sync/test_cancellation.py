"""Blocking calls that another thread cancels."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest

from maritaca_async import Cancellation, Maritaca, MaritacaError
from maritaca_async.sandbox import Fault, Sandbox

ASK: dict[str, Any] = {"model": "sabia-4", "messages": [{"role": "user", "content": "Conte uma história."}]}
Ask = Callable[[Maritaca], object]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Maritaca]:
    with Maritaca(sandbox.api_key, base_url=sandbox.base_url) as client:
        yield client


def text(client: Maritaca) -> str:
    return client.chat.completions.create(**ASK).text


def streamed(client: Maritaca) -> int:
    with client.chat.completions.create(stream=True, **ASK) as stream:
        return len(list(stream))


def mapped(client: Maritaca) -> int:
    with client.chat.completions.map([ASK, ASK]) as results:
        return len(list(results))


def begin(calls: Cancellation, pool: ThreadPoolExecutor, ask: Ask, client: Maritaca) -> Future[object]:
    with calls:
        return pool.submit(copy_context().run, ask, client)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("ask", [text, streamed, mapped])
def test_cancelled_calls_end_at_once_and_drop_their_connections(
    client: Maritaca, sandbox: Sandbox, ask: Ask
) -> None:
    sandbox.inject(*[Fault(kind="stall", after_events=2)] * 6)
    calls = Cancellation()
    with ThreadPoolExecutor() as pool:
        answers = [begin(calls, pool, ask, client) for _ in range(3)]
        wait_for(lambda: sandbox.in_flight >= 3)
        started = time.monotonic()
        calls.cancel()
        for answer in answers:
            with pytest.raises(MaritacaError, match="cancelled by another thread"):
                answer.result()
        assert time.monotonic() - started < 1
    wait_for(lambda: sandbox.in_flight == 0)
    sandbox.reset()
    assert text(client)
    assert len(sandbox.requests) == 1


def test_call_that_begins_later_is_cancelled_as_well(client: Maritaca, sandbox: Sandbox) -> None:
    calls = Cancellation()
    calls.cancel()
    assert calls.cancelled
    with calls, pytest.raises(MaritacaError, match="cancelled by another thread"):
        text(client)
    assert sandbox.in_flight == 0
    assert text(client)


def test_calls_outside_the_block_go_on(client: Maritaca, sandbox: Sandbox) -> None:
    sandbox.configure(latency=0.1)
    calls = Cancellation()
    with ThreadPoolExecutor() as pool:
        mine, other = begin(calls, pool, text, client), pool.submit(text, client)
        wait_for(lambda: sandbox.in_flight == 2)
        calls.cancel()
        assert other.result()
        assert isinstance(mine.exception(), MaritacaError)


def test_call_that_is_over_keeps_its_answer(client: Maritaca) -> None:
    calls = Cancellation()
    with calls:
        answer = text(client)
    calls.cancel()
    assert answer


def test_innermost_block_is_what_a_call_belongs_to(client: Maritaca) -> None:
    outer, inner = Cancellation(), Cancellation()
    inner.cancel()
    with outer:
        with inner, pytest.raises(MaritacaError):
            text(client)
        assert text(client)
    assert text(client)
