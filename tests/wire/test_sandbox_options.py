"""The knobs of the sandbox: pace, limits, tiers."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from maritaca_async.sandbox import Sandbox, SandboxOptions

KEY = {"Authorization": "Bearer chave"}


def body(prompt: str = "Olá!", **params: Any) -> dict[str, Any]:
    return {"model": "sabia-4", "messages": [{"role": "user", "content": prompt}], **params}


async def post(sandbox: Sandbox, payload: Any) -> tuple[int, Any, Any]:
    url = f"{sandbox.base_url}/chat/completions"
    async with aiohttp.ClientSession(headers=KEY) as session, session.post(url, json=payload) as reply:
        return reply.status, await reply.json(), reply.headers


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"latency": -0.1}, "latency must be at least 0"),
        ({"latency": float("nan")}, "latency must be a number"),
        ({"latency": None}, "latency must be a number"),
        ({"tokens_per_second": 0}, "tokens_per_second must be more than 0"),
        ({"requests_per_minute": 0}, "requests_per_minute must be at least 1"),
        ({"requests_per_minute": 1.5}, "requests_per_minute must be an integer"),
        ({"flex_capacity": True}, "flex_capacity must be an integer"),
        ({"api_key": " "}, "api_key must not be empty"),
        ({"usage_with_stream": "first"}, "must be one of chunk, last, never"),
    ],
)
def test_impossible_knobs_are_refused(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SandboxOptions(**knobs)
    with pytest.raises(ValueError, match=message):
        Sandbox(**knobs)


def test_unknown_knob_is_refused() -> None:
    with pytest.raises(TypeError, match="velocidade"):
        Sandbox(velocidade=3)


async def test_latency_delays_the_reply_and_can_change_while_running() -> None:
    async with Sandbox(latency=0.2) as sandbox:
        started = time.monotonic()
        await post(sandbox, body())
        assert time.monotonic() - started >= 0.2
        sandbox.configure(latency=0)
        started = time.monotonic()
        await post(sandbox, body())
        assert time.monotonic() - started < 0.15


async def test_tokens_come_at_the_pace_that_was_set() -> None:
    async with Sandbox(tokens_per_second=100) as sandbox, aiohttp.ClientSession(headers=KEY) as session:
        url = f"{sandbox.base_url}/chat/completions"
        started = time.monotonic()
        async with session.post(url, json=body("Conte até 30", stream=True)) as reply:
            await reply.read()
        assert 0.25 <= time.monotonic() - started < 1.5


async def test_plain_reply_takes_as_long_as_its_tokens() -> None:
    async with Sandbox(tokens_per_second=100) as sandbox:
        started = time.monotonic()
        await post(sandbox, body("Conte até 30"))
        assert 0.25 <= time.monotonic() - started < 1.5


async def test_requests_beyond_the_rate_get_429_per_model() -> None:
    async with Sandbox(requests_per_minute=2, retry_after=7) as sandbox:
        answers = [await post(sandbox, body()) for _ in range(3)]
        assert [status for status, _, _ in answers] == [200, 200, 429]
        _, reply, headers = answers[-1]
        assert "Rate limit" in reply["detail"]
        assert headers["Retry-After"] == "7"
        assert (await post(sandbox, body(model="sabiazinho-4")))[0] == 200
        assert (await post(sandbox, body(model="sabia-4-2026-01-06")))[0] == 429


async def test_429_promises_no_retry_after_by_default() -> None:
    async with Sandbox(requests_per_minute=1) as sandbox:
        await post(sandbox, body())
        status, _, headers = await post(sandbox, body())
    assert status == 429
    assert "Retry-After" not in headers


async def test_flex_requests_queue_for_a_place() -> None:
    async with Sandbox(flex_capacity=1, tokens_per_second=100) as sandbox:
        replies = await asyncio.gather(*(post(sandbox, body(service_tier="flex")) for _ in range(3)))
        assert [status for status, _, _ in replies] == [200, 200, 200]
        assert {reply["service_tier"] for _, reply, _ in replies} == {"flex"}


async def test_flex_without_capacity_ends_in_429_while_the_standard_tier_is_served() -> None:
    async with Sandbox(flex_capacity=0, flex_wait=0.1) as sandbox:
        started = time.monotonic()
        status, reply, _ = await post(sandbox, body(service_tier="flex"))
        assert time.monotonic() - started >= 0.1
        assert (status, reply) == (429, {"detail": "No flex capacity available"})
        assert (await post(sandbox, body()))[0] == 200
