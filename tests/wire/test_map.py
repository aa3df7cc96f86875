"""Many calls over real sockets: order, limits, an early end, a killed run taken up again, and flat memory."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY

from maritaca_async import (
    APITimeoutError,
    AsyncMaritaca,
    ConfigurationError,
    InternalServerError,
    MapProgress,
    NotFoundError,
    RateLimits,
)
from maritaca_async.sandbox import Sandbox

HERE = Path(__file__).parent
CALLS = int(os.environ.get("MAP_CALLS", "2000"))


def request(number: int, **more: Any) -> dict[str, Any]:
    question = f"Quanto é {number} + 1?"
    return {"model": "sabia-4", "messages": [{"role": "user", "content": question}], **more}


def client(sandbox: Sandbox, **options: Any) -> AsyncMaritaca:
    return AsyncMaritaca(KEY, base_url=sandbox.base_url, **options)


async def drained(sandbox: Sandbox) -> bool:
    deadline = time.monotonic() + 2
    while sandbox.in_flight and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    return sandbox.in_flight == 0


async def test_results_come_in_order_with_their_answers_and_names() -> None:
    async with Sandbox(latency=0.01) as sandbox, client(sandbox) as maritaca:
        requests = [request(n, custom_id=f"n{n}", temperature=0, timeout=30) for n in range(40)]
        results = [result async for result in maritaca.chat.completions.map(requests, concurrency=5)]
    assert [result.index for result in results] == list(range(40))
    assert [result.custom_id for result in results] == [f"n{n}" for n in range(40)]
    for result in results:
        assert result.completion is not None
        assert f"é igual a {result.index + 1}" in result.completion.text
        assert result.completion.http.status == 200
    assert "custom_id" not in sandbox.requests[0].body
    assert 1 < sandbox.max_in_flight <= 5


async def test_failures_are_typed_results_or_end_everything() -> None:
    requests = [
        request(0),
        request(1, model="none"),
        {"model": "sabia-4"},
        request(3),
        request(4, stream=True),
    ]
    requests += ["text", request(6, custom_id="")]  # type: ignore[list-item]
    async with Sandbox() as sandbox, client(sandbox) as maritaca:
        found = [
            result.error async for result in maritaca.chat.completions.map(requests, return_exceptions=True)
        ]
        assert [type(error) for error in found] == [
            type(None),
            NotFoundError,
            ConfigurationError,
            type(None),
            *[ConfigurationError] * 3,
        ]
        assert "requests[2]: messages is empty" in str(found[2])
        assert "leave out stream" in str(found[4])
        with pytest.raises(NotFoundError):
            async for _ in maritaca.chat.completions.map(requests[:2]):
                pass


async def test_retries_and_clocks_are_those_of_each_call() -> None:
    async with Sandbox() as sandbox, client(sandbox) as maritaca:
        sandbox.fail_next(2, status=503)
        results = [
            r async for r in maritaca.chat.completions.map([request(n) for n in range(5)], concurrency=2)
        ]
        assert len(results) == 5
        assert len(sandbox.requests) == 7
        sandbox.configure(latency=5)
        slow = [request(0, timeout=0.1, max_retries=0)]
        (late,) = [r async for r in maritaca.chat.completions.map(slow, return_exceptions=True)]
        assert isinstance(late.error, APITimeoutError)


async def test_leaving_early_releases_every_connection() -> None:
    async with Sandbox(latency=0.02) as sandbox, client(sandbox) as maritaca:
        async for result in maritaca.chat.completions.map(
            (request(n) for n in range(10_000)), concurrency=20
        ):
            if result.index == 40:
                break
        assert await drained(sandbox)
        assert len(sandbox.requests) < 120


async def test_cancelling_the_reader_releases_every_connection() -> None:
    async with Sandbox(latency=30) as sandbox, client(sandbox) as maritaca:

        async def read() -> None:
            async for _ in maritaca.chat.completions.map((request(n) for n in range(100)), concurrency=10):
                pass

        reading = asyncio.create_task(read())
        while sandbox.in_flight < 10:
            await asyncio.sleep(0.01)
        reading.cancel()
        await asyncio.wait([reading])
        assert reading.cancelled()
        assert await drained(sandbox)


async def test_first_failure_cancels_calls_under_way() -> None:
    async with Sandbox(latency=0.01) as sandbox, client(sandbox, max_retries=0) as maritaca:
        sandbox.fail_next(status=500)
        with pytest.raises(InternalServerError):
            async for _ in maritaca.chat.completions.map(request(n) for n in range(10_000)):
                pass
        assert await drained(sandbox)
        assert len(sandbox.requests) < 40


async def test_rate_limits_of_the_client_hold_for_the_whole_map() -> None:
    limits = RateLimits(concurrency=3)
    async with Sandbox(latency=0.005) as sandbox, client(sandbox, rate_limits=limits) as maritaca:
        results = [
            r async for r in maritaca.chat.completions.map([request(n) for n in range(30)], concurrency=15)
        ]
    assert len(results) == 30
    assert sandbox.max_in_flight == 3


async def test_progress_tells_done_failed_and_total() -> None:
    told: list[MapProgress] = []
    async with Sandbox() as sandbox, client(sandbox) as maritaca:
        requests = [request(0), request(1, model="none"), *[request(n) for n in range(2, 20)]]
        async for _ in maritaca.chat.completions.map(
            requests, return_exceptions=True, on_progress=told.append
        ):
            pass
    assert told[-1] == MapProgress(20, 1, 20)


@pytest.mark.parametrize(
    "options",
    [{"concurrency": 0}, {"concurrency": True}, {"on_progress": 3}],
    ids=lambda given: next(iter(given)),
)
def test_bad_options_are_refused_before_anything_is_read(options: dict[str, Any]) -> None:
    maritaca = AsyncMaritaca(KEY)
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        maritaca.chat.completions.map([], **options)
    for requests in ("text", {"model": "m"}, 3):
        with pytest.raises(ConfigurationError, match="requests must be"):
            maritaca.chat.completions.map(requests)  # type: ignore[arg-type]


async def test_answers_from_the_journal_equal_those_of_the_service(tmp_path: Path) -> None:
    journal = tmp_path / "run.sqlite"
    requests = [request(n, custom_id=f"n{n}") for n in range(10)]
    async with Sandbox() as sandbox, client(sandbox) as maritaca:
        first = [r async for r in maritaca.chat.completions.map(requests, journal=journal)]
        # With names of their own, requests may change their places.
        second = [r async for r in maritaca.chat.completions.map(requests[::-1], journal=journal)]
        assert len(sandbox.requests) == 10
    assert [r.completion for r in second[::-1]] == [r.completion for r in first]
    assert all(r.stored for r in second)
    assert not any(r.stored for r in first)


@contextmanager
def program(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "error", str(HERE / "mapping.py"), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as running:
        try:
            yield running
        finally:
            running.kill()


def test_killed_run_is_taken_up_again_without_sending_anything_twice(tmp_path: Path) -> None:
    journal, calls = str(tmp_path / "run.sqlite"), 120
    handed_out: dict[str, int] = {}  # and how often each had been sent by then
    with Sandbox(latency=0.01) as sandbox:
        for ends in (20, 60, calls):
            with program("run", sandbox.base_url, journal, str(calls)) as running:
                assert running.stdout is not None
                lines = [line for line, _ in zip(running.stdout, range(ends), strict=False)]
                if ends < calls:
                    running.kill()
            sent = Counter(found.body["messages"][0]["content"] for found in sandbox.requests)
            results = [line.split(" ", 2) for line in lines]
            for question, times in handed_out.items():
                assert sent[question] == times, "it had been handed out, so it was stored"
            assert [stored for _, stored, _ in results[: len(handed_out)]] == ["1"] * len(handed_out)
            handed_out = {f"Quanto é {index} + 1?": sent[f"Quanto é {index} + 1?"] for index, _, _ in results}
    assert [int(index) for index, _, _ in results] == list(range(calls))
    assert all(f"é igual a {int(index) + 1}." in text for index, _, text in results)
    # Only what was under way when a run was killed is sent again.
    assert sum(sent.values()) <= calls + 2 * 6


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory from /proc")
@pytest.mark.timeout(20 if CALLS <= 2000 else 600)
def test_memory_stays_flat_however_many_calls(capsys: pytest.CaptureFixture[str]) -> None:
    server = subprocess.Popen(
        [sys.executable, str(HERE.parents[1] / "benchmarks" / "server.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        assert server.stdout is not None
        base_url = f"http://127.0.0.1:{server.stdout.readline().strip()}/api"
        with program("memory", base_url, str(CALLS)) as running:
            output = running.communicate()[0]
        server.kill()
    points = [tuple(map(int, line.split())) for line in output.splitlines()]
    assert points[-1][0] == CALLS
    settled = points[len(points) // 4 :]
    slope = statistics.linear_regression([p[0] for p in settled], [p[1] for p in settled]).slope
    with capsys.disabled():
        print(f"\n{CALLS} calls: {slope:.1f} bytes of memory per call")
    assert slope < 500
    assert max(tasks for _, _, tasks in points) < 60
