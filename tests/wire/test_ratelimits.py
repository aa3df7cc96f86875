"""Rate limits over real sockets: nothing is refused by the service, and little of what it allows is left."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import random
import threading
import time

import pytest
from conftest import KEY
from scripted import ASK, GOOD_STREAM, Exchange, ScriptedServer, answers, completion, streams

from maritaca_async import (
    APITimeoutError,
    AsyncMaritaca,
    ConfigurationError,
    MaritacaError,
    RateLimitError,
    RateLimits,
    RetryPolicy,
)
from maritaca_async._core import pace
from maritaca_async.sandbox import Sandbox

WINDOW = 1.5
BURSTS, BURST = 3, 40


@pytest.fixture
def short_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute of a few seconds; its margin is larger than in truth, for the sake of busy machines."""
    monkeypatch.setattr(pace, "HELD_SECONDS", WINDOW + 0.5)


def question(number: int) -> dict[str, object]:
    return {"model": "sabia-4", "messages": [{"role": "user", "content": f"Quanto é {number} + 1?"}]}


@pytest.mark.parametrize(
    ("name", "limit", "fixed"),
    # 40 calls of 9 and 8 tokens, and a little that no whole call fits into.
    [
        ("requests_per_minute", 40, False),
        ("requests_per_minute", 40, True),
        ("input_tokens_per_minute", 364, False),
        ("output_tokens_per_minute", 324, True),
    ],
)
@pytest.mark.usefixtures("short_minute")
async def test_limit_is_used_and_hardly_ever_exceeded(name: str, limit: int, fixed: bool) -> None:
    async with (
        Sandbox(rate_window=WINDOW, fixed_windows=fixed, **{name: limit}) as sandbox,
        AsyncMaritaca(KEY, base_url=sandbox.base_url, rate_limits=RateLimits(**{name: limit})) as client,
    ):
        started = time.monotonic()
        await client.chat.completions.create(**question(0))  # shows what a call uses
        await asyncio.gather(
            *(client.chat.completions.create(**question(n)) for n in range(1, BURSTS * BURST))
        )
        elapsed = time.monotonic() - started
    refused = sum(request.status == 429 for request in sandbox.requests)
    assert refused <= 2
    # Not one burst more than the limit asks for, and each as soon as a minute and its margin are over.
    assert elapsed < (BURSTS - 1) * pace.HELD_SECONDS + 0.8


@pytest.mark.usefixtures("short_minute")
async def test_without_limits_the_same_calls_are_refused() -> None:
    async with (
        Sandbox(rate_window=WINDOW, requests_per_minute=5) as sandbox,
        AsyncMaritaca(KEY, base_url=sandbox.base_url, max_retries=0) as client,
    ):
        ended = await asyncio.gather(
            *(client.chat.completions.create(**question(n)) for n in range(10)), return_exceptions=True
        )
    assert sum(isinstance(end, RateLimitError) for end in ended) == 5


async def test_streams_hold_their_place_until_they_end() -> None:
    async with (
        Sandbox(tokens_per_second=200) as sandbox,
        AsyncMaritaca(KEY, base_url=sandbox.base_url, rate_limits=RateLimits(concurrency=2)) as client,
    ):

        async def read(number: int) -> None:
            async with client.chat.completions.stream(**question(number)) as stream:
                if number % 3 == 0:
                    return
                await stream.get_final_completion()

        async def raw() -> None:
            async for _ in await client.chat.completions.create(**question(1), stream=True):
                break

        await asyncio.gather(*(read(number) for number in range(6)), *(raw() for _ in range(4)))
        assert sandbox.max_in_flight <= 2
        assert len(sandbox.requests) == 10


async def test_stream_reports_what_it_used() -> None:
    limits = RateLimits(input_tokens_per_minute=10**6)
    async with (
        Sandbox() as sandbox,
        AsyncMaritaca(KEY, base_url=sandbox.base_url, rate_limits=limits) as client,
    ):
        async with client.chat.completions.stream(**question(1)) as stream:
            usage = (await stream.get_final_completion()).usage
        rates = client._engine.limiter._lines["sabia-4"]._pace
    assert usage is not None
    assert rates._input._used == usage.prompt_tokens
    assert rates._written == usage.completion_tokens


async def test_retries_wait_for_their_turn_too() -> None:
    async with ScriptedServer(answers(503, 503, completion())) as server:
        policy = RetryPolicy(delay=0.001)
        limits = RateLimits(requests_per_minute=2)
        async with AsyncMaritaca(
            KEY, base_url=server.base_url, max_retries=policy, rate_limits=limits, timeout=1
        ) as client:
            with pytest.raises(APITimeoutError, match="rate limits") as caught:
                await client.chat.completions.create(**ASK)
    assert len(server.seen) == 2
    assert caught.value.phase == "queue"
    assert caught.value.request is not None


async def test_retry_after_of_one_call_holds_the_others() -> None:
    async def limited(exchange: Exchange) -> None:
        await exchange.answer(429, {"detail": "slow down"}, Retry_After="0.5")

    async with (
        ScriptedServer((limited, *answers(completion()))) as server,
        AsyncMaritaca(
            KEY, base_url=server.base_url, rate_limits=RateLimits(requests_per_minute=100)
        ) as client,
    ):
        first = asyncio.create_task(client.chat.completions.create(**ASK))
        while not server.seen:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        started = time.monotonic()
        await asyncio.gather(first, *(client.chat.completions.create(**ASK) for _ in range(3)))
        assert 0.3 <= time.monotonic() - started < 2


async def test_waiting_that_reaches_the_deadline_says_what_it_waited_for() -> None:
    async with (
        Sandbox(tokens_per_second=1) as sandbox,
        AsyncMaritaca(KEY, base_url=sandbox.base_url, rate_limits=RateLimits(concurrency=1)) as client,
    ):
        slow = asyncio.create_task(client.chat.completions.create(**question(1)))
        await asyncio.sleep(0.1)
        with pytest.raises(APITimeoutError, match="rate_limits") as caught:
            await client.chat.completions.create(**question(2), timeout=0.2)
        assert caught.value.phase == "queue"
        assert len(sandbox.requests) == 1
        slow.cancel()


async def test_closing_the_client_ends_the_waiting() -> None:
    async with ScriptedServer(answers(completion())) as server:
        client = AsyncMaritaca(KEY, base_url=server.base_url, rate_limits=RateLimits(requests_per_minute=1))
        await client.chat.completions.create(**ASK)
        waiting = asyncio.create_task(client.chat.completions.create(**ASK))
        await asyncio.sleep(0.05)
        await client.aclose()
        with pytest.raises(ConfigurationError, match="closed"):
            await asyncio.wait_for(waiting, 1)
        with pytest.raises(ConfigurationError, match="closed"):
            await asyncio.wait_for(client.chat.completions.create(**ASK), 1)


async def test_calls_without_a_model_are_not_counted() -> None:
    async with (
        ScriptedServer(answers({"object": "list", "data": []})) as server,
        AsyncMaritaca(KEY, base_url=server.base_url, rate_limits=RateLimits(requests_per_minute=1)) as client,
    ):
        for _ in range(3):
            await client.models.list()
        assert client._engine.limiter._lines == {}


async def test_abandoned_stream_leaves_its_place() -> None:
    async with (
        ScriptedServer((streams(*GOOD_STREAM[:2], end=False),)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url, rate_limits=RateLimits(concurrency=1)) as client,
    ):
        for _ in range(3):
            stream = await asyncio.wait_for(client.chat.completions.create(**ASK, stream=True), 2)
            del stream


async def test_nothing_stays_counted_after_a_storm_of_faults_and_cancellations() -> None:
    chance = random.Random(7)
    limits = RateLimits(requests_per_minute=10_000, output_tokens_per_minute=10**6, concurrency=7)
    policy = RetryPolicy(max_retries=1, delay=0.001, rate_limit_delay=0.001)
    async with (
        Sandbox(latency=0.003, tokens_per_second=2000) as sandbox,
        AsyncMaritaca(KEY, base_url=sandbox.base_url, rate_limits=limits, max_retries=policy) as client,
    ):

        async def call(number: int) -> None:
            if number % 9 == 0:
                sandbox.fail_next(status=chance.choice([429, 500, 400]), headers={"Retry-After": "0.001"})
            if number % 2:
                await client.chat.completions.create(**question(number))
                return
            async with client.chat.completions.stream(**question(number)) as stream:
                async for _ in stream:
                    if number % 4 == 0:
                        return

        tasks = [asyncio.create_task(call(number)) for number in range(300)]
        for task in chance.sample(tasks, 80):
            await asyncio.sleep(0.002)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        line = client._engine.limiter._lines["sabia-4"]
        gc.collect()  # streams that calls let go of give their places back
        async with asyncio.timeout(5):
            while line._pace._under_way:
                await asyncio.sleep(0.02)
        assert (line._pace._under_way, line._pace._reserved) == (0, 0)
        assert (line._queued_calls, line._queued_bytes) == (0, 0)
        assert not any(not waiter.gone for waiter in line._waiting)
        assert (await client.chat.completions.create(**question(1))).text


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))]
)
def test_copies_of_a_client_keep_the_limits_and_count_by_themselves(duplicate, monkeypatch) -> None:
    monkeypatch.setenv("MARITACA_API_KEY", KEY)
    client = AsyncMaritaca(KEY, rate_limits=RateLimits.tier(3))
    made = duplicate(client)
    assert made._settings["rate_limits"] == RateLimits.tier(3)
    assert made._engine.limiter is not client._engine.limiter
    assert hash(RateLimits.tier(3)) == hash(RateLimits.tier(3))


async def test_copies_count_by_key() -> None:
    other = "another-key-0123456789"
    limits = RateLimits(requests_per_minute=2)
    async with (
        Sandbox() as sandbox,
        AsyncMaritaca(KEY, base_url=sandbox.base_url, rate_limits=limits, timeout=1.0) as client,
    ):
        for number, key in enumerate([None, KEY, other, other]):
            await client.with_options(api_key=key).chat.completions.create(**question(number))
        for key in (None, KEY, other):
            with pytest.raises(APITimeoutError, match="rate limits"):
                await client.with_options(api_key=key).chat.completions.create(**question(7))
        assert len(sandbox.requests) == 4


async def test_closing_ends_the_waiting_under_another_key() -> None:
    async with Sandbox(latency=5) as sandbox:
        client = AsyncMaritaca(KEY, base_url=sandbox.base_url, rate_limits=RateLimits(concurrency=1))
        other = client.with_options(api_key="another-key-0123456789")
        calls = [asyncio.create_task(other.chat.completions.create(**question(n))) for n in range(2)]
        await asyncio.sleep(0.1)
        await client.aclose()
        ended = asyncio.gather(*calls, return_exceptions=True)
        under_way, waiting = await asyncio.wait_for(ended, 2)
        assert isinstance(under_way, MaritacaError)
        assert isinstance(waiting, ConfigurationError)


def test_turn_comes_although_the_loop_that_freed_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "HELD_SECONDS", 1.0)
    limits = RateLimits(requests_per_minute=1, concurrency=1)
    with Sandbox(latency=0.3) as sandbox:
        client = AsyncMaritaca(KEY, base_url=sandbox.base_url, rate_limits=limits, timeout=8.0)
        answered: list[str] = []

        def ask(number: int) -> None:
            completion = asyncio.run(client.chat.completions.create(**question(number)))
            answered.append(completion.choices[0].message.content or "")

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
        threads[0].start()
        time.sleep(0.1)
        threads[1].start()  # waits for the first one's place, then for the minute to pass
        for thread in threads:
            thread.join(9)
        assert len(answered) == 2
