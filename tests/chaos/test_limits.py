"""Tier limits by the minutes of a real clock: hardly a call is refused, and hardly anything of a limit is left.

The sandbox and the client have the limits of tier 0: 60 requests, 128,000 tokens of prompts and 10,000 of answers in
a minute. CI makes as many calls as cross one minute; `make limits` makes 300.
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import pairwise
from typing import Any

import pytest
from conftest import KEY
from portuguese import TEXTS

from maritaca_async import AsyncMaritaca, RateLimits
from maritaca_async.sandbox import Sandbox
from maritaca_async.sandbox._state import RecordedRequest

CALLS = int(os.environ.get("LIMIT_CALLS", "75"))
TIER = RateLimits.tier(0)
SILENCE = 10.0
"""Seconds between the calls of one minute and those of the next, and never within one."""

# Each reaches one of the three limits, with 50 or 60 calls, before the others.
ASKED = {
    "requests_per_minute": "Quanto é 1 + 1?",
    "input_tokens_per_minute": TEXTS["news"][0] * 29,
    "output_tokens_per_minute": "Conte até 200",
}


def question(text: str) -> dict[str, Any]:
    return {"model": "sabia-4", "messages": [{"role": "user", "content": text}]}


@pytest.mark.timeout(60 + 62 * (CALLS // 50 + 1))
async def test_every_limit_of_a_tier_is_used_and_hardly_ever_exceeded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Large prompts a few at a time: how long a busy machine lets them wait at the sandbox is not what is measured.
    found = await asyncio.gather(
        share_of("requests_per_minute", concurrency=CALLS, fixed=False),
        share_of("requests_per_minute", concurrency=CALLS, fixed=True),
        share_of("input_tokens_per_minute", concurrency=8, fixed=False),
        share_of("output_tokens_per_minute", concurrency=8, fixed=True),
    )
    with capsys.disabled():
        for told, _, _ in found:
            print(f"\n{told}", file=sys.stderr, end="")
    for told, refused, used in found:
        assert refused <= 2, told
        assert used >= 0.95, told


async def share_of(name: str, *, concurrency: int, fixed: bool) -> tuple[str, int, float]:
    limits = {limit: getattr(TIER, limit) for limit in ASKED}
    async with (
        Sandbox(fixed_windows=fixed, **limits) as sandbox,
        AsyncMaritaca(KEY, base_url=sandbox.base_url, rate_limits=TIER) as client,
    ):
        results = client.chat.completions.map([question(ASKED[name])] * CALLS, concurrency=concurrency)
        answers = [result.completion async for result in results]
    assert len(answers) == CALLS
    assert answers[0] is not None
    usage = answers[0].usage
    assert usage is not None
    amount = {
        "requests_per_minute": 1,
        "input_tokens_per_minute": usage.prompt_tokens,
        "output_tokens_per_minute": usage.completion_tokens,
    }[name]
    refused = sum(request.status == 429 for request in sandbox.requests)
    rate, seconds = rate_of([request for request in sandbox.requests if request.status == 200])
    used = rate * amount / limits[name]
    windows = "fixed" if fixed else "sliding"
    told = (
        f"{CALLS} calls of {amount} within {limits[name]:,} {name} ({windows}): {seconds:.0f} s, {refused} answers "
        f"429, {used:.1%} of the limit used"
    )
    return told, refused, used


def rate_of(answered: list[RecordedRequest]) -> tuple[float, float]:
    """Calls in a minute, from the first until those of the last minute begin; and seconds of them all."""
    times = sorted(request.received_at for request in answered)
    last = max(place for place, (one, other) in enumerate(pairwise(times), 1) if other - one > SILENCE)
    return last / (times[last] - times[0]) * 60, times[-1] - times[0]
