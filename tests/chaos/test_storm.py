"""A storm of faults and cancellations: every call ends in its own answer or a typed error, nothing stays behind."""

from __future__ import annotations

import asyncio
import os
import random

import pytest
from conftest import KEY
from scripted import Exchange, ScriptedServer, chunk, completion

from maritaca_async import APIError, AsyncMaritaca, Limits, RetryPolicy

CALLS = int(os.environ.get("STORM_CALLS", "1500"))


def storm_script(chance: random.Random):
    async def script(exchange: Exchange) -> None:
        body = exchange.seen.json
        nonce = body["messages"][0]["content"]
        fate = chance.random()
        await asyncio.sleep(chance.random() * 0.003)
        if fate < 0.05:
            await exchange.reset()
        elif fate < 0.1:
            await exchange.answer(chance.choice([429, 500, 503]), {"detail": nonce}, retry_after_ms="1")
        elif body.get("stream"):
            await stream(exchange, nonce, fate)
        elif fate < 0.15:
            await exchange.send(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"
            )
            await exchange.cut()
        else:
            await exchange.answer(200, completion(nonce))
            if fate > 0.9:
                await exchange.cut()

    async def stream(exchange: Exchange, nonce: str, fate: float) -> None:
        await exchange.begin_stream()
        for letter in nonce:
            await exchange.event(chunk(letter))
            if chance.random() < 0.02:
                await (exchange.reset() if fate < 0.5 else exchange.cut())
                return
        await exchange.event(chunk(finish="stop"))
        await exchange.event("[DONE]")
        await exchange.end_stream()

    return script


@pytest.mark.timeout(60 + CALLS // 50)
@pytest.mark.parametrize("seed", [1, 2])
async def test_storm_mixes_no_answers_and_leaks_no_places(seed: int) -> None:
    chance = random.Random(seed)
    outcomes = {"answer": 0, "error": 0, "cancelled": 0, "left": 0}
    policy = RetryPolicy(delay=0.001, rate_limit_delay=0.001)

    async with ScriptedServer((storm_script(chance),)) as server:
        limits = Limits(max_connections=20)
        async with AsyncMaritaca(
            KEY, base_url=server.base_url, max_retries=policy, limits=limits, timeout=10
        ) as client:

            async def ask(number: int) -> str:
                nonce = f"<{number}>"
                params = {"model": "sabia-4", "messages": [{"role": "user", "content": nonce}]}
                if number % 2:
                    answer = await client.chat.completions.create(**params)
                    return "answer" if answer.text == nonce else "MIXED"
                text = ""
                async with client.chat.completions.stream(**params) as stream:
                    async for piece in stream.text_stream:
                        text += piece
                        if number % 10 == 0 and len(text) > 2:
                            return "left"
                return "answer" if text == nonce else "MIXED"

            async def outcome(number: int) -> str:
                task = asyncio.create_task(ask(number))
                if number % 7 == 0:
                    await asyncio.sleep(chance.random() * 0.02)
                    task.cancel()
                    if number % 14 == 0:
                        task.cancel()
                try:
                    return await task
                except APIError:
                    return "error"
                except asyncio.CancelledError:
                    return "cancelled"

            for start in range(0, CALLS, 100):
                for found in await asyncio.gather(*(outcome(start + i) for i in range(100))):
                    outcomes[found] += 1
            home = client._transport._sessions[asyncio.get_running_loop()]
            await asyncio.sleep(0.01)
            assert not home.open
            assert home._places._value == 20
    assert sum(outcomes.values()) == -(-CALLS // 100) * 100
    assert outcomes["answer"] > CALLS / 2
    assert min(outcomes["error"], outcomes["cancelled"], outcomes["left"]) > 0
