"""Flex calls wait longer for their capacity, and go to the standard tier only where the caller says so."""

from __future__ import annotations

import time
from typing import Any

import pytest
from conftest import KEY
from scripted import ASK, GOOD_STREAM, Exchange, Script, ScriptedServer, answers, completion, streams

from maritaca_async import AsyncMaritaca, Maritaca, RateLimitError, RetryPolicy, Timeouts, file_part
from maritaca_async._core.hooks import Hooks, RetryEvent
from maritaca_async._core.options import with_flex_queue
from maritaca_async._core.retry import retry_delay
from maritaca_async.sandbox import Sandbox

FLEX: dict[str, Any] = {**ASK, "service_tier": "flex"}
QUICK = RetryPolicy(delay=0.01, rate_limit_delay=0.01, flex_delay=0.01)
FALLING = RetryPolicy(delay=0.01, rate_limit_delay=0.01, flex_delay=0.01, flex_fallback=True)


def tiers(server: ScriptedServer) -> list[str | None]:
    return [seen.json.get("service_tier") for seen in server.seen]


async def test_flex_without_capacity_is_asked_again_and_then_raised() -> None:
    async with (
        Sandbox(flex_capacity=0, flex_wait=0) as sandbox,
        AsyncMaritaca(KEY, base_url=sandbox.base_url, max_retries=QUICK) as client,
    ):
        with pytest.raises(RateLimitError):
            await client.chat.completions.create(**FLEX)
        assert [seen.body["service_tier"] for seen in sandbox.requests] == ["flex"] * 3
        assert (await client.chat.completions.create(**ASK)).service_tier is None


async def test_flex_with_fallback_ends_at_the_standard_tier() -> None:
    async with (
        Sandbox(flex_capacity=0, flex_wait=0) as sandbox,
        AsyncMaritaca(KEY, base_url=sandbox.base_url, max_retries=FALLING) as client,
    ):
        answer = await client.chat.completions.create(**FLEX)
        assert [seen.body.get("service_tier") for seen in sandbox.requests] == ["flex"] * 3 + [None]
        async with client.chat.completions.stream(**FLEX) as stream:
            assert (await stream.get_final_completion()).service_tier is None
    assert answer.service_tier is None
    assert answer.http.attempts == 4


async def test_flex_with_capacity_stays_flex() -> None:
    async with (
        Sandbox() as sandbox,
        AsyncMaritaca(KEY, base_url=sandbox.base_url, max_retries=FALLING) as client,
    ):
        assert (await client.chat.completions.create(**FLEX)).service_tier == "flex"
        assert len(sandbox.requests) == 1


def test_blocking_client_falls_back_as_well() -> None:
    with (
        Sandbox(flex_capacity=0, flex_wait=0) as sandbox,
        Maritaca(KEY, base_url=sandbox.base_url, max_retries=FALLING) as client,
    ):
        assert client.chat.completions.create(**FLEX).service_tier is None


@pytest.mark.parametrize(
    ("scripts", "seen"),
    [
        ((429, completion()), ["flex", "flex"]),
        ((503, completion()), ["flex", "flex"]),
        ((429, 429, 429, 503, 429, completion()), ["flex"] * 3 + [None] * 3),
        ((429, 503, 429, completion()), ["flex"] * 3 + [None]),
    ],
)
async def test_attempts_are_counted_anew_at_the_standard_tier(scripts: Any, seen: list[Any]) -> None:
    async with (
        ScriptedServer(answers(*scripts)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url, max_retries=FALLING) as client,
    ):
        await client.chat.completions.create(**FLEX)
        assert tiers(server) == seen


@pytest.mark.parametrize(("status", "count"), [(503, 3), (400, 1)])
async def test_only_a_missing_place_leads_to_the_standard_tier(status: int, count: int) -> None:
    async with (
        ScriptedServer(answers(status)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url, max_retries=FALLING) as client,
    ):
        with pytest.raises(Exception, match=f"status {status}"):
            await client.chat.completions.create(**FLEX)
        assert tiers(server) == ["flex"] * count


async def test_exhausted_balance_never_leads_to_the_standard_tier() -> None:
    async def no_money(exchange: Exchange) -> None:
        await exchange.answer(429, {"error": {"message": "x", "code": "insufficient_quota"}})

    async with (
        ScriptedServer((no_money,)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url, max_retries=FALLING) as client,
    ):
        with pytest.raises(RateLimitError):
            await client.chat.completions.create(**FLEX)
        assert len(server.seen) == 1


async def test_no_retries_with_fallback_is_one_request_at_each_tier() -> None:
    async with (
        ScriptedServer(answers(429, completion())) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        policy = RetryPolicy(max_retries=0, flex_fallback=True)
        await client.chat.completions.create(**FLEX, max_retries=policy)
        assert tiers(server) == ["flex", None]


async def test_fallback_sends_files_and_the_queries_of_the_call_again() -> None:
    part = file_part(b"a;b" * 1000, filename="t.csv")
    ask: dict[str, Any] = {**FLEX, "messages": [{"role": "user", "content": [part]}]}
    async with (
        ScriptedServer(answers(429, completion())) as server,
        AsyncMaritaca(KEY, base_url=server.base_url, max_retries=0, extra_query={"a": "1"}) as client,
    ):
        policy = RetryPolicy(max_retries=0, flex_fallback=True)
        await client.chat.completions.create(**ask, max_retries=policy, extra_query={"b": "2"})
        first, second = server.seen
    assert first.path == second.path == "/api/chat/completions?a=1&b=2"
    assert int(second.headers["content-length"]) == len(second.body)
    assert {**second.json, "service_tier": "flex"} == first.json


async def test_stream_falls_back_before_its_first_event() -> None:
    refuse: Script = answers(429)[0]
    async with (
        ScriptedServer((refuse, streams(*GOOD_STREAM))) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        policy = RetryPolicy(max_retries=0, flex_fallback=True)
        async with client.chat.completions.stream(**FLEX, max_retries=policy) as stream:
            assert (await stream.get_final_completion()).text == "Bom dia!"
        assert tiers(server) == ["flex", None]


async def test_hook_is_told_of_the_way_to_the_standard_tier() -> None:
    told: list[RetryEvent] = []
    async with (
        ScriptedServer(answers(429, completion())) as server,
        AsyncMaritaca(KEY, base_url=server.base_url, hooks=Hooks(on_retry=told.append)) as client,
    ):
        await client.chat.completions.create(
            **FLEX, max_retries=RetryPolicy(max_retries=0, flex_fallback=True)
        )
    assert [event.wait for event in told] == [0.0]


async def test_client_wide_timeout_does_not_count_the_queue_of_the_flex_tier() -> None:
    async with (
        Sandbox(latency=0.4) as sandbox,
        AsyncMaritaca(KEY, base_url=sandbox.base_url, timeout=0.2, max_retries=0) as client,
    ):
        assert (await client.chat.completions.create(**FLEX)).service_tier == "flex"
        for params in (ASK, {**FLEX, "timeout": 0.1}):
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                await client.chat.completions.create(**params)
            assert time.monotonic() - began < 0.4


def test_queue_is_added_to_the_clocks_that_would_cut_it() -> None:
    assert with_flex_queue(Timeouts(first_event=30, deadline=60)) == Timeouts(first_event=330, deadline=360)
    endless = Timeouts(first_event=None, deadline=None)
    assert with_flex_queue(endless) == endless


def test_waits_for_capacity_are_longer_than_those_for_a_rate() -> None:
    policy, error = RetryPolicy(max_retries=20), RateLimitError("cheio", status_code=429)
    flex = [retry_delay(policy, error, n, 1e9, 1.0, flex=True) for n in range(6)]
    plain = [retry_delay(policy, error, n, 1e9, 1.0) for n in range(6)]
    assert flex == [5, 10, 20, 40, 60, 60]
    assert plain == [1, 2, 4, 8, 16, 20]
    error.retry_after = 7
    assert retry_delay(policy, error, 0, 1e9, 1.0, flex=True) == 7
