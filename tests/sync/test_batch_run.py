"""Many requests through batches, for blocking callers: their own code stays in their own thread."""

from __future__ import annotations

import gc
import inspect
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY

from maritaca_async import (
    AsyncBatchRun,
    BatchRun,
    ConfigurationError,
    MapProgress,
    Maritaca,
    UnprocessableEntityError,
)
from maritaca_async.resources.batches import AsyncBatches
from maritaca_async.sandbox import Sandbox

FAST: Any = {"poll_interval": 0.02}


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
        question = {"role": "user", "content": f"Quanto é {number} + 1?"}
        yield {"model": "sabia-4", "messages": [question], **more}


def quiet(sandbox: Sandbox) -> bool:
    time.sleep(0.2)
    before = len(sandbox.requests)
    time.sleep(0.2)
    return len(sandbox.requests) == before


def test_twins_have_the_same_names_and_parameters(client: Maritaca) -> None:
    ours, theirs = (
        inspect.signature(method).parameters for method in (AsyncBatches.run, type(client.batches).run)
    )
    assert list(ours) == list(theirs)
    assert [(p.kind, p.default) for p in ours.values()] == [(p.kind, p.default) for p in theirs.values()]
    public = [
        {name for name in dir(kind) if not name.startswith("_")} - {"aclose", "close"}
        for kind in (AsyncBatchRun, BatchRun)
    ]
    assert public[0] == public[1] == set()


def test_every_result_comes_once_and_in_order(client: Maritaca) -> None:
    run = client.batches.run(requests(330), shard_requests=100, **FAST)
    results = list(run)
    assert [result.index for result in results] == list(range(330))
    assert all(r.completion is not None and f"a {r.index + 1}" in r.completion.text for r in results)
    assert list(run) == []


def test_requests_and_progress_run_in_the_callers_thread(client: Maritaca) -> None:
    threads = set()
    told: list[MapProgress] = []

    def given() -> Iterator[dict[str, Any]]:
        for request in requests(20):
            threads.add(threading.current_thread())
            yield request

    def tell(progress: MapProgress) -> None:
        threads.add(threading.current_thread())
        told.append(progress)

    assert len(list(client.batches.run(given(), on_progress=tell, **FAST))) == 20
    assert threads == {threading.current_thread()}
    assert (told[0], told[-1]) == (MapProgress(0, 0, 20), MapProgress(20, 0, 20))


def test_run_is_taken_up_from_its_journal(client: Maritaca, sandbox: Sandbox, tmp_path: Path) -> None:
    journal = tmp_path / "run.sqlite"
    with client.batches.run(requests(60), journal=journal, shard_requests=20, **FAST) as run:
        assert next(run).index == 0
    results = list(client.batches.run(requests(60), journal=journal, shard_requests=20, **FAST))
    assert [result.index for result in results] == list(range(60))
    assert results[0].stored
    started = [found for found in sandbox.requests if (found.method, found.path[-8:]) == ("POST", "/batches")]
    assert len(started) == 3


def test_failures_are_raised_or_results(client: Maritaca) -> None:
    given = [*requests(1), *requests(1, extra_body={"temperature": 9})]
    with pytest.raises(UnprocessableEntityError):
        list(client.batches.run(given, **FAST))
    results = list(client.batches.run(given, return_exceptions=True, **FAST))
    assert [type(result.error) for result in results] == [type(None), UnprocessableEntityError]


def test_bad_requests_and_options_are_refused_before_anything_is_sent(
    client: Maritaca, sandbox: Sandbox
) -> None:
    for options in ({"concurrency": 0}, {"poll_interval": None}, {"deadline": 0}):
        with pytest.raises(ConfigurationError, match=next(iter(options))):
            client.batches.run([], **options)  # type: ignore[arg-type]
    for given in ("text", {"model": "m"}, 3):
        with pytest.raises(ConfigurationError, match="requests must be"):
            client.batches.run(given)  # type: ignore[arg-type]
    run = client.batches.run([*requests(1), {"model": "sabia-4"}])
    with pytest.raises(ConfigurationError, match=r"requests\[1\]: messages is empty"):
        next(run)
    with pytest.raises(ConfigurationError, match="closed"):
        next(run)
    assert sandbox.requests == []


def test_abandoned_run_stops_to_look_at_its_batches(client: Maritaca, sandbox: Sandbox) -> None:
    sandbox.configure(batch_seconds=30)
    run = client.batches.run(requests(5), on_progress=lambda progress: 1 / (progress.done - 0), **FAST)
    with pytest.raises(ZeroDivisionError):
        next(run)
    while not any(record.method == "GET" for record in sandbox.requests):
        time.sleep(0.01)
    del run
    gc.collect()
    assert quiet(sandbox)
