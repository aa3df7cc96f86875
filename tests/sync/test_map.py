"""Many blocking calls: the same results, with the caller's own code kept in the caller's thread."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY

from maritaca_async import (
    AsyncMap,
    ConfigurationError,
    Map,
    MapProgress,
    Maritaca,
    NotFoundError,
    RateLimits,
)
from maritaca_async.resources.chat import AsyncChatCompletions
from maritaca_async.sandbox import Sandbox

LOOP_SIDE = {"aclose", "close", "take", "fill", "begin", "fail", "ended", "running"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Maritaca]:
    with Maritaca(KEY, base_url=sandbox.base_url) as made:
        yield made


def requests(count: int, **more: Any) -> Iterator[dict[str, Any]]:
    for number in range(count):
        question = f"Quanto é {number} + 1?"
        yield {"model": "sabia-4", "messages": [{"role": "user", "content": question}], **more}


def is_drained(sandbox: Sandbox) -> bool:
    deadline = time.monotonic() + 2
    while sandbox.in_flight and time.monotonic() < deadline:
        time.sleep(0.01)
    return sandbox.in_flight == 0


def test_twins_have_the_same_names_and_parameters(client: Maritaca) -> None:
    names = [
        {name for name in vars(kind) if not name.startswith("_")} - LOOP_SIDE for kind in (AsyncMap, Map)
    ]
    assert names[0] == names[1]
    ours, theirs = (
        inspect.signature(method).parameters
        for method in (AsyncChatCompletions.map, type(client.chat.completions).map)
    )
    assert list(ours) == list(theirs)
    assert [(p.kind, p.default) for p in ours.values()] == [(p.kind, p.default) for p in theirs.values()]


@pytest.mark.parametrize("ordered", [True, False])
def test_every_result_comes_once(client: Maritaca, sandbox: Sandbox, ordered: bool) -> None:
    sandbox.configure(latency=0.005)
    results = list(client.chat.completions.map(requests(60), concurrency=5, ordered=ordered))
    assert (ordered is False) or [r.index for r in results] == list(range(60))
    assert sorted(r.index for r in results) == list(range(60))
    assert all(r.completion is not None and f"a {r.index + 1}" in r.completion.text for r in results)
    assert 1 < sandbox.max_in_flight <= 5


def test_requests_and_progress_run_in_the_callers_thread(client: Maritaca) -> None:
    threads = set()

    def given() -> Iterator[dict[str, Any]]:
        for request in requests(20):
            threads.add(threading.current_thread())
            yield request

    told: list[MapProgress] = []

    def tell(progress: MapProgress) -> None:
        threads.add(threading.current_thread())
        told.append(progress)

    for _ in client.chat.completions.map(given(), on_progress=tell):
        pass
    assert threads == {threading.current_thread()}
    assert told[-1] == MapProgress(20, 0, None)


def test_requests_may_ask_the_same_client_themselves(client: Maritaca) -> None:
    def given() -> Iterator[dict[str, Any]]:
        for request in requests(3):
            answer = client.chat.completions.create(**request).text
            yield {"model": "sabia-4", "messages": [{"role": "user", "content": answer}]}

    assert len(list(client.chat.completions.map(given()))) == 3


def test_slow_requests_are_sent_as_they_come(client: Maritaca, sandbox: Sandbox) -> None:
    def given() -> Iterator[dict[str, Any]]:
        for number, request in enumerate(requests(4)):
            time.sleep(0.1)
            assert len(sandbox.requests) >= number - 1
            yield request

    assert len(list(client.chat.completions.map(given()))) == 4


def test_result_that_is_there_comes_before_the_next_request(client: Maritaca, sandbox: Sandbox) -> None:
    seen: list[int] = []

    def given() -> Iterator[dict[str, Any]]:
        yield from requests(1)
        deadline = time.monotonic() + 5
        while (not sandbox.requests or sandbox.in_flight) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)
        yield from requests(1)
        assert seen == [0]
        yield from requests(1)

    for result in client.chat.completions.map(given()):
        seen.append(result.index)
    assert seen == [0, 1, 2]


def test_inputs_are_never_taken_far_ahead_of_the_reader(client: Maritaca) -> None:
    taken = 0

    def given() -> Iterator[dict[str, Any]]:
        nonlocal taken
        for request in requests(100):
            taken += 1
            yield request

    for read, _ in enumerate(client.chat.completions.map(given(), concurrency=3)):
        assert taken - read <= 2 * 3 + 1


def test_leaving_early_stops_everything(client: Maritaca, sandbox: Sandbox) -> None:
    sandbox.configure(latency=0.02)
    for result in client.chat.completions.map(requests(10_000)):
        if result.index == 10:
            break
    del result
    assert is_drained(sandbox)
    with client.chat.completions.map(requests(100)) as results:
        next(results)
    assert is_drained(sandbox)
    with pytest.raises(ConfigurationError, match="closed"):
        list(results)
    assert len(sandbox.requests) < 80


def test_failures_are_raised_or_results(client: Maritaca, sandbox: Sandbox) -> None:
    given = [*requests(2), *requests(1, model="none"), *requests(2)]
    found = [r.error for r in client.chat.completions.map(given, return_exceptions=True)]
    assert [type(error) for error in found] == [type(None)] * 2 + [NotFoundError] + [type(None)] * 2
    with pytest.raises(NotFoundError):
        list(client.chat.completions.map(given))
    assert is_drained(sandbox)


def test_error_of_the_callers_generator_comes_after_the_results_before_it(client: Maritaca) -> None:
    def given() -> Iterator[dict[str, Any]]:
        yield from requests(2)
        time.sleep(0.2)
        raise KeyError("mine")

    seen = []
    with pytest.raises(KeyError):
        for result in client.chat.completions.map(given()):
            seen.append(result.index)
    assert seen == [0, 1]


def test_journal_and_rate_limits_work_the_same(sandbox: Sandbox, tmp_path: Path) -> None:
    journal = tmp_path / "run.sqlite"
    limits = RateLimits(concurrency=2)
    with Maritaca(KEY, base_url=sandbox.base_url, rate_limits=limits) as client:
        first = list(client.chat.completions.map(requests(10), journal=journal))
        second = list(client.chat.completions.map(requests(12), journal=journal))
    assert sandbox.max_in_flight <= 2
    assert len(sandbox.requests) == 12
    assert [r.stored for r in second] == [True] * 10 + [False] * 2
    assert [r.completion for r in second[:10]] == [r.completion for r in first]


def test_bad_options_are_refused_at_once(client: Maritaca) -> None:
    with pytest.raises(ConfigurationError, match="concurrency"):
        client.chat.completions.map([], concurrency=0)
    with pytest.raises(ConfigurationError, match="requests must be"):
        client.chat.completions.map({"model": "m"})  # type: ignore[arg-type]


def test_threads_share_the_limits_of_a_client(sandbox: Sandbox) -> None:
    with Maritaca(KEY, base_url=sandbox.base_url, rate_limits=RateLimits(concurrency=2)) as client:
        sandbox.configure(latency=0.01)
        given = next(requests(1))
        threads = [
            threading.Thread(target=lambda: client.chat.completions.create(**given)) for _ in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert sandbox.max_in_flight == 2
    assert len(sandbox.requests) == 12
