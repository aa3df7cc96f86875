"""Rate limits: what may be sent when, decided with a clock of the test's own; and who waits for it."""

from __future__ import annotations

import asyncio
import gc
import math
import os
import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maritaca_async import (
    APIConnectionError,
    APITimeoutError,
    AsyncMaritaca,
    ConfigurationError,
    RateLimitError,
    RateLimits,
)
from maritaca_async._core import pace
from maritaca_async._core.pace import Demand, Pace, demand_of, used_tokens
from maritaca_async._core.ratelimit import Limiter, Place
from maritaca_async.catalogue import RATE_TIERS, rate_family

CALL = Demand("sabia-4", 400)
MINUTE = 60.0


def send_all(
    rates: Pace, calls: int, demand: Demand = CALL, seconds: float = 0.0, used=(100, 50)
) -> list[float]:
    """Times at which calls that all want to go at once are sent; each is answered after some seconds."""
    now, sent = 0.0, []
    under_way: list[tuple[float, pace.Charge]] = []
    while len(sent) < calls:
        charge = rates.estimate(demand)
        wait = rates.wait(now, charge)
        if wait <= 0:
            rates.take(now, charge)
            sent.append(now)
            under_way.append((now + seconds, charge))
            wait = 0.0 if seconds else math.inf
        ends = under_way[0][0] if under_way else math.inf
        if ends <= now + wait:
            now, charge = under_way.pop(0)
            rates.settle(now, charge, used)
        elif wait:
            now += wait
    return sent


def most_in_a_minute(times: list[float], amount: float = 1) -> float:
    return max(amount * sum(begin <= time < begin + MINUTE for time in times) for begin in times)


def test_first_calls_of_a_minute_go_at_once_and_the_next_ones_when_it_is_over() -> None:
    sent = send_all(Pace(RateLimits(requests_per_minute=60)), 150)
    assert sent[:60] == [0.0] * 60
    assert sent[60:120] == [pytest.approx(pace.HELD_SECONDS)] * 60
    assert sent[120:] == [pytest.approx(2 * pace.HELD_SECONDS)] * 30


def test_no_minute_holds_more_than_the_limit_and_nearly_all_of_it_is_used() -> None:
    sent = send_all(Pace(RateLimits(requests_per_minute=60)), 600, seconds=0.5)
    assert most_in_a_minute(sent) <= 60
    assert 540 / (sent[540] / MINUTE) >= 0.95 * 60


@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_token_limits_are_used_by_what_answers_report_not_by_the_estimate(seconds: float) -> None:
    limits = RateLimits(input_tokens_per_minute=3000, output_tokens_per_minute=1500)
    sent = send_all(Pace(limits), 300, seconds=seconds, used=(100, 50))
    assert most_in_a_minute(sent[5:], 100) <= 3000
    assert 270 / (sent[270] / MINUTE) >= 0.95 * 30


@settings(max_examples=60, deadline=None)
@given(
    limit=st.integers(1, 40),
    gaps=st.lists(st.floats(0, 30), min_size=1, max_size=200),
)
def test_whatever_the_arrivals_no_minute_holds_more_than_the_limit(limit: int, gaps: list[float]) -> None:
    rates, now, sent = Pace(RateLimits(requests_per_minute=limit)), 0.0, []
    for gap in gaps:
        now += gap
        charge = rates.estimate(CALL)
        now += max(0.0, rates.wait(now, charge))
        assert rates.wait(now + 1e-6, charge) <= 0
        rates.take(now, charge)
        sent.append(now)
    assert most_in_a_minute(sent) <= limit


def test_call_larger_than_the_limit_goes_alone() -> None:
    rates = Pace(RateLimits(input_tokens_per_minute=100, output_tokens_per_minute=100))
    huge = Demand("unknown-model", 10_000_000, 50_000)
    first = rates.estimate(huge)
    assert rates.wait(0, first) <= 0
    rates.take(0, first)
    assert rates.wait(1, rates.estimate(CALL)) == math.inf
    rates.settle(2, first, (90_000, 40_000))
    assert rates.wait(3, rates.estimate(CALL)) == pytest.approx(pace.HELD_SECONDS - 1)


def test_answer_counts_from_its_end_for_only_then_the_service_knows_it() -> None:
    rates = Pace(RateLimits(output_tokens_per_minute=100))
    charge = rates.estimate(Demand("sabia-4", 40, 60))
    rates.take(0, charge)
    rates.settle(50, charge, (10, 60))
    assert rates.wait(70, rates.estimate(Demand("sabia-4", 40, 60))) == pytest.approx(
        50 + pace.HELD_SECONDS - 70
    )


def test_estimate_follows_what_calls_really_use_and_max_tokens_bounds_it() -> None:
    rates = Pace(RateLimits(output_tokens_per_minute=10**6))
    assert rates.estimate(CALL).output_tokens == 500
    assert rates.estimate(Demand("sabia-4", 400, 20)).output_tokens == 20
    for _ in range(60):
        charge = rates.estimate(CALL)
        rates.take(0, charge)
        rates.settle(0, charge, (40, 7))
    assert rates.estimate(CALL).output_tokens == pytest.approx(7, rel=0.1)
    assert rates.estimate(CALL).input_tokens == pytest.approx(40)
    assert rates.estimate(Demand("sabia-4", 50_000_000)).input_tokens == 128_000


def test_failed_call_uses_no_tokens_and_a_lost_one_what_was_estimated() -> None:
    for end, fits in (("fail", True), ("lose", False)):
        rates = Pace(RateLimits(input_tokens_per_minute=150, output_tokens_per_minute=600))
        charge = rates.estimate(CALL)
        rates.take(0, charge)
        rates.fail(charge) if end == "fail" else rates.lose(0, charge)
        assert (rates.wait(1, rates.estimate(CALL)) <= 0) is fits


def test_call_that_was_never_sent_gives_everything_back() -> None:
    rates = Pace(RateLimits(requests_per_minute=1, concurrency=1))
    charge = rates.estimate(CALL)
    rates.take(0, charge)
    assert rates.wait(0, charge) == math.inf
    rates.give_back(charge)
    assert rates.wait(0, rates.estimate(CALL)) <= 0


def test_refusals_lower_the_pace_once_for_all_that_were_under_way_and_answers_raise_it_again() -> None:
    rates = Pace(RateLimits(requests_per_minute=100, concurrency=10))
    charges = [rates.estimate(CALL) for _ in range(6)]
    for charge in charges:
        rates.take(0, charge)
    for charge in charges:
        rates.refuse(1, charge, None)
    assert rates.share == pytest.approx(0.8)
    later = rates.estimate(CALL)
    rates.take(2, later)
    rates.refuse(3, later, None)
    assert rates.share == pytest.approx(0.64)
    now = 3.0
    while rates.share < 1:
        now += 10
        charge = rates.estimate(CALL)
        rates.take(now, charge)
        rates.settle(now, charge, (1, 1))
    assert 3 * MINUTE < now < 5 * MINUTE
    assert rates.share == 1


def test_lower_pace_allows_fewer_calls_but_never_none() -> None:
    rates = Pace(RateLimits(requests_per_minute=2, concurrency=2))
    for now in range(0, 4000, 400):
        charge = rates.estimate(CALL)
        assert rates.wait(now, charge) <= 0
        rates.take(now, charge)
        rates.refuse(now + 1, charge, None)
    assert rates.share == 0.8**10
    charge = rates.estimate(CALL)
    rates.take(5000, charge)
    assert rates.wait(5000, charge) == math.inf
    rates.fail(charge)
    assert rates.wait(5001, charge) > 50


def test_sums_of_fractions_never_leave_a_call_waiting_for_nothing() -> None:
    rates, now = Pace(RateLimits(input_tokens_per_minute=100, output_tokens_per_minute=100)), 0.0
    for number in range(3000):
        charge = rates.estimate(Demand("m", 1 + number % 7, 1 + number % 5))
        now += max(0.0, rates.wait(now, charge))
        rates.take(now, charge)
        rates.settle(now, charge, (number % 3, number % 11) if number % 2 else None)
        huge = rates.wait(now, rates.estimate(Demand("m", 10**9)))
        assert huge <= pace.HELD_SECONDS


def test_retry_after_holds_every_call_of_the_model() -> None:
    rates = Pace(RateLimits(requests_per_minute=1000))
    charge = rates.estimate(CALL)
    rates.take(0, charge)
    rates.refuse(1, charge, 7)
    assert rates.wait(2, rates.estimate(CALL)) == pytest.approx(6)
    assert rates.wait(8, rates.estimate(CALL)) <= 0
    assert rates.wait_at_least(2, 1, 100) == pytest.approx(6)


def test_wait_of_the_last_in_a_queue_counts_whole_minutes() -> None:
    rates = Pace(RateLimits(requests_per_minute=60))
    assert rates.wait_at_least(0, 60, 0) <= 0
    assert rates.wait_at_least(0, 61, 0) == pytest.approx(pace.HELD_SECONDS)
    assert rates.wait_at_least(0, 601, 0) == pytest.approx(10 * pace.HELD_SECONDS)
    send_all(rates, 30)
    assert rates.wait_at_least(20, 31, 0) == pytest.approx(pace.HELD_SECONDS - 20)


def test_tokens_count_for_the_queue_only_once_answers_have_shown_what_calls_use() -> None:
    rates = Pace(RateLimits(output_tokens_per_minute=100))
    assert rates.wait_at_least(0, 1000, 10**6) <= 0
    send_all(rates, 1, used=(10, 10))
    assert rates.wait_at_least(1, 1000, 10**6) > 90 * MINUTE


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"model": "sabia-4", "max_tokens": 10}, Demand("sabia-4", 5, 10)),
        ({"model": "m", "max_completion_tokens": 10, "n": 3}, Demand("m", 5, 30)),
        ({"model": "m", "max_output_tokens": 7, "max_tokens": None}, Demand("m", 5, 7)),
        ({"model": "m", "service_tier": "flex"}, Demand("m", 5, flex=True)),
        ({"model": "m", "n": "many", "max_tokens": "few"}, Demand("m", 5)),
        ({"messages": []}, None),
    ],
)
def test_demand_is_read_from_the_body(body: dict, expected: Demand | None) -> None:
    assert demand_of(body, 5) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"usage": {"prompt_tokens": 3, "completion_tokens": 4}}, (3, 4)),
        ({"usage": {"input_tokens": 3, "output_tokens": 0}}, (3, 0)),
        ({"usage": None}, None),
        ({"usage": {"prompt_tokens": 3}}, None),
        ({}, None),
        (None, None),
    ],
)
def test_usage_is_read_from_answers_of_both_apis(answer: object, expected: object) -> None:
    assert used_tokens(answer) == expected


# The options.


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "60"])
@pytest.mark.parametrize(
    "name", ["requests_per_minute", "input_tokens_per_minute", "output_tokens_per_minute", "concurrency"]
)
def test_limits_must_be_whole_numbers(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=name):
        RateLimits(**{name: value})


@pytest.mark.parametrize("models", [{"m": 3}, [1], {"m": RateLimits(models={"a": RateLimits()})}])
def test_limits_of_single_models_must_be_limits(models: object) -> None:
    with pytest.raises(ConfigurationError, match="models"):
        RateLimits(models=models)  # type: ignore[arg-type]


@pytest.mark.parametrize("tier", [-1, 6, True, "3"])
def test_tier_that_does_not_exist_is_refused(tier: object) -> None:
    with pytest.raises(ConfigurationError, match="0 to 5"):
        RateLimits.tier(tier)  # type: ignore[arg-type]


@pytest.mark.parametrize("model", [5, ["sabia-4"], b"sabia-4"])
def test_tier_of_what_is_no_model_is_refused(model: object) -> None:
    with pytest.raises(ConfigurationError, match="model must be the name of a model such as 'sabia-4', not"):
        RateLimits.tier(0, model=model)  # type: ignore[arg-type]


def test_tier_has_a_row_for_each_family_of_models() -> None:
    limits = RateLimits.tier(3)
    assert (limits.requests_per_minute, limits.output_tokens_per_minute) == (2_000, 500_000)
    assert set(limits.models) == {"sabiazinho-4", "sabiazinho-4-br-sp"}
    assert limits.models["sabiazinho-4"] == RateLimits(5_000, 20_000_000, 800_000)
    assert RateLimits.tier(3, model="sabia-4-small") == limits.models["sabiazinho-4"]
    assert RateLimits.tier(3, model="sabia-4-thinking-br-sp") == RateLimits(2_000, 6_000_000, 500_000)
    assert rate_family("sabiazinho-3") == "sabiazinho"
    assert all(len(rows) == 6 for rows in RATE_TIERS.values())


def test_rate_limits_of_another_kind_are_refused_by_the_client() -> None:
    with pytest.raises(ConfigurationError, match="RateLimits.tier"):
        AsyncMaritaca("key", rate_limits=60)  # type: ignore[typeddict-item]


def test_clients_with_other_options_share_the_limits_but_not_with_another_key() -> None:
    client = AsyncMaritaca("key", rate_limits=RateLimits(requests_per_minute=1))
    assert client.with_options(timeout=3)._engine.limiter is client._engine.limiter
    other = client.with_options(api_key="other")._engine.limiter
    assert other is not None
    assert other is not client._engine.limiter
    assert AsyncMaritaca("key")._engine.limiter is None


# Waiting.


async def waits(limiter: Limiter, demand: Demand = CALL, remaining: float = math.inf) -> asyncio.Task[Place]:
    task = asyncio.create_task(limiter.enter(demand, remaining))
    await asyncio.sleep(0)
    return task


async def test_callers_go_in_order_of_arrival() -> None:
    limiter = Limiter(RateLimits(concurrency=1))
    order: list[int] = []

    async def call(number: int) -> None:
        place = await limiter.enter(CALL, math.inf)
        order.append(number)
        await asyncio.sleep(random.random() / 500)
        place.leave(None)

    await asyncio.gather(*(call(number) for number in range(50)))
    assert order == list(range(50))


async def test_cancelled_caller_frees_its_place_in_the_queue_at_once() -> None:
    limiter = Limiter(RateLimits(concurrency=1))
    place = await limiter.enter(CALL, math.inf)
    first, second = await waits(limiter), await waits(limiter)
    first.cancel()
    place.leave(None)
    (await asyncio.wait_for(second, 1)).leave(None)
    assert first.cancelled()


async def test_caller_cancelled_in_the_moment_of_its_turn_gives_the_turn_back() -> None:
    limiter = Limiter(RateLimits(requests_per_minute=2, concurrency=1))
    place = await limiter.enter(CALL, math.inf)
    first, second = await waits(limiter), await waits(limiter)
    place.leave(None)
    line = limiter._lines["sabia-4"]
    line.advance()
    first.cancel()
    (await asyncio.wait_for(second, 1)).leave(None)


async def test_wait_beyond_the_deadline_is_refused_at_once() -> None:
    limiter = Limiter(RateLimits(requests_per_minute=1))
    (await limiter.enter(CALL, 5)).leave(None)
    with pytest.raises(APITimeoutError, match=r"at least 6\d\.\d s.*in 5\.0 s") as caught:
        await limiter.enter(CALL, 5)
    assert caught.value.phase == "queue"
    assert not caught.value.retryable
    waiting = await waits(limiter, remaining=100)
    with pytest.raises(APITimeoutError, match=r"at least 12\d"):
        await limiter.enter(CALL, 100)
    waiting.cancel()


async def test_models_are_counted_apart_and_aliases_together() -> None:
    limiter = Limiter(RateLimits(concurrency=1, models={"sabia-4-small": RateLimits(concurrency=2)}))
    await limiter.enter(CALL, math.inf)
    await limiter.enter(Demand("sabia-4-thinking", 1), math.inf)
    alias = await waits(limiter, Demand("sabia-4-2026-01-06", 1))
    for name in ("sabiazinho-4", "sabiazim-4"):
        await asyncio.wait_for(limiter.enter(Demand(name, 1), math.inf), 1)
    third = await waits(limiter, Demand("sabiazinho-4", 1))
    assert not alias.done()
    assert not third.done()
    for task in (alias, third):
        task.cancel()


async def test_errors_count_by_what_they_tell() -> None:
    limiter = Limiter(RateLimits(requests_per_minute=1000))
    rates = (await limiter.enter(CALL, math.inf))._line._pace
    for error, share in (
        (APIConnectionError("no"), 1.0),
        (asyncio.CancelledError(), 1.0),
        (RateLimitError("slow", status_code=429, retry_after=500), 0.8),
    ):
        place = await limiter.enter(CALL, math.inf)
        place.fail(error, most_pause=0.01)
        place.fail(error, most_pause=0.01)
        assert rates.share == pytest.approx(share)
    await asyncio.wait_for(limiter.enter(CALL, math.inf), 1)
    exhausted = RateLimitError("no credit", status_code=429)
    exhausted.retryable = False
    (await limiter.enter(CALL, math.inf)).fail(exhausted, 60)
    flex = Demand("sabia-4", 1, flex=True)
    (await limiter.enter(flex, math.inf)).fail(RateLimitError("no capacity", status_code=429), 60)
    assert rates.share == pytest.approx(0.8)


async def test_abandoned_place_is_free_for_the_next_caller() -> None:
    limiter = Limiter(RateLimits(concurrency=1))
    place = await limiter.enter(CALL, math.inf)
    waiting = await waits(limiter)
    place.abandon()
    place.leave(None)
    (await asyncio.wait_for(waiting, 1)).leave(None)


async def test_closing_wakes_all_who_wait() -> None:
    limiter = Limiter(RateLimits(concurrency=1))
    await limiter.enter(CALL, math.inf)
    tasks = [await waits(limiter) for _ in range(3)]
    limiter.close()
    await asyncio.wait_for(asyncio.gather(*tasks), 1)


def test_threads_with_loops_of_their_own_share_the_limit() -> None:
    limiter = Limiter(RateLimits(concurrency=3))
    lock, running, most, ended = threading.Lock(), 0, 0, 0

    async def call() -> None:
        nonlocal running, most, ended
        place = await limiter.enter(CALL, math.inf)
        with lock:
            running += 1
            most = max(most, running)
        await asyncio.sleep(0.001)
        with lock:
            running -= 1
            ended += 1
        place.leave({"usage": {"prompt_tokens": 1, "completion_tokens": 1}})

    async def many() -> None:
        await asyncio.gather(*(call() for _ in range(100)))

    threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    assert ended == 400
    assert most == 3


def test_loop_that_ended_while_it_waited_holds_nobody_up() -> None:
    limiter = Limiter(RateLimits(concurrency=1))

    async def take() -> Place:
        return await limiter.enter(CALL, math.inf)

    first_loop = asyncio.new_event_loop()
    place = first_loop.run_until_complete(take())
    left_waiting = first_loop.create_task(take())
    first_loop.run_until_complete(asyncio.sleep(0.01))
    second_loop = asyncio.new_event_loop()
    waiting = second_loop.create_task(take())
    second_loop.run_until_complete(asyncio.sleep(0.01))
    first_loop.close()
    place.leave(None)
    second_loop.run_until_complete(asyncio.wait_for(waiting, 1))
    second_loop.close()
    left_waiting._log_destroy_pending = False  # type: ignore[attr-defined]
    del left_waiting
    gc.collect()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_child_begins_with_nothing_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = Limiter(RateLimits(concurrency=1))
    asyncio.run(limiter.enter(CALL, math.inf))
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    asyncio.run(asyncio.wait_for(limiter.enter(CALL, math.inf), 1))
