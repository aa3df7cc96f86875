"""Programs that tests of `batches.run` run in processes of their own.

python batch_running.py run BASE_URL JOURNAL REQUESTS STEP    prints each result; kills itself at STEP, unless it is -
python batch_running.py memory BASE_URL REQUESTS              prints results read and bytes of memory, from time to time

STEP is before:NAME:N or after:NAME:N, for the Nth call of a method of the journal.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from maritaca_async import AsyncMaritaca
from maritaca_async._core.batch_journal import BatchJournal

KEY = "test-key-0123456789"
MODELS = ("sabia-4", "sabiazinho-4")


def requests(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        question = {"role": "user", "content": f"Quanto é {number} + 1?"}
        yield {"model": MODELS[number % 3 == 0], "messages": [question]}


def resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


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


async def memory(base_url: str, count: str) -> None:
    client = AsyncMaritaca(KEY, base_url=base_url)
    total, done, read = int(count), 0, 0
    every = max(1, total // 20)

    def counted() -> Iterator[dict[str, Any]]:
        nonlocal read
        for request in requests(total):
            read += 1
            if read % every == 0:
                print("read", read, resident(), flush=True)
            yield request

    # Few shards at the same time, so that what each of them costs does not pass for what each request does.
    async for result in client.batches.run(
        counted(), shard_requests=min(50_000, total // 5), poll_interval=0.2, concurrency=1
    ):
        assert result.index == done
        done += 1
        if done % every == 0:
            print("done", done, resident(), flush=True)


if __name__ == "__main__":
    asyncio.run({"run": run, "memory": memory}[sys.argv[1]](*sys.argv[2:]))
