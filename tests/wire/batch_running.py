"""A run of batches in a process of its own, which can be killed at any step.

python batch_running.py BASE_URL JOURNAL REQUESTS STEP

Prints each result, and kills itself at STEP, unless it is -: before:NAME:N or after:NAME:N, for the Nth call of a
method of the journal.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

from maritaca_async import AsyncMaritaca
from maritaca_async._core.batch_journal import BatchJournal

KEY = "test-key-0123456789"
MODELS = ("sabia-4", "sabiazinho-4")


def requests(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        question = {"role": "user", "content": f"Quanto é {number} + 1?"}
        yield {"model": MODELS[number % 3 == 0], "messages": [question]}


def die_at(step: str) -> None:
    when, name, nth = step.split(":")
    original, calls = getattr(BatchJournal, name), itertools.count(1)

    async def deadly(*args: Any) -> Any:
        mine = next(calls) == int(nth)
        if mine and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = await original(*args)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(BatchJournal, name, deadly)


async def run(base_url: str, journal: str, count: str, step: str) -> None:
    if step != "-":
        die_at(step)
    client = AsyncMaritaca(KEY, base_url=base_url)
    async for result in client.batches.run(
        requests(int(count)), journal=journal, shard_requests=10, poll_interval=0.02
    ):
        assert result.completion is not None
        print(result.index, int(result.stored), result.completion.text, flush=True)


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
