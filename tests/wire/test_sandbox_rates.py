"""The sandbox's rate limits, by model: requests and tokens, in sliding and in fixed minutes."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from maritaca_async.sandbox import Sandbox, SandboxOptions

KEY = {"Authorization": "Bearer key"}


async def statuses(sandbox: Sandbox, count: int, **more: Any) -> list[int]:
    body = {"model": "sabia-4", "messages": [{"role": "user", "content": "Quanto é 1 + 1?"}], **more}
    async with aiohttp.ClientSession(headers=KEY) as session:
        found = []
        for _ in range(count):
            async with session.post(f"{sandbox.base_url}/chat/completions", json=body) as reply:
                found.append(reply.status)
                text = await reply.text()
        assert found[-1] == 200 or "Rate limit exceeded" in text
        return found


async def test_prompts_beyond_the_input_limit_are_refused_and_do_not_count() -> None:
    async with Sandbox(input_tokens_per_minute=20, rate_window=60) as sandbox:
        assert await statuses(sandbox, 4) == [200, 200, 429, 429]
        assert await statuses(sandbox, 1, model="sabiazinho-4") == [200]


async def test_answers_pass_until_the_output_limit_is_used_up() -> None:
    async with Sandbox(output_tokens_per_minute=9) as sandbox:
        assert await statuses(sandbox, 3) == [200, 200, 429]


async def test_sliding_minute_frees_each_request_a_minute_after_it() -> None:
    async with Sandbox(requests_per_minute=2, rate_window=0.5) as sandbox:
        assert await statuses(sandbox, 1) == [200]
        await asyncio.sleep(0.3)
        assert await statuses(sandbox, 2) == [200, 429]
        await asyncio.sleep(0.3)
        assert await statuses(sandbox, 2) == [200, 429]


async def test_fixed_minute_frees_everything_at_its_end() -> None:
    async with Sandbox(requests_per_minute=2, rate_window=1, fixed_windows=True) as sandbox:
        await asyncio.sleep(1.02 - time.monotonic() % 1)
        assert await statuses(sandbox, 3) == [200, 200, 429]
        await asyncio.sleep(1.02 - time.monotonic() % 1)
        assert await statuses(sandbox, 3) == [200, 200, 429]


@pytest.mark.parametrize(
    "knob", [{"input_tokens_per_minute": 0}, {"output_tokens_per_minute": 1.5}, {"rate_window": 0}]
)
def test_limits_that_make_no_sense_are_refused(knob: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(knob))):
        SandboxOptions(**knob)
