"""One run over many requests, in a process of its own that can be killed.

python bulk_running.py map BASE_URL JOURNAL CALLS
python bulk_running.py batches BASE_URL JOURNAL REQUESTS

JOURNAL is - for none. Fails at the first result that is out of order or the answer to another question. Prints from
time to time `PHASE COUNT BYTES TASKS`: how many requests it has read, or how many results it has been given, beside
the memory of the process and the tasks of its loop; and at the end `stored COUNT`.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from maritaca_async import AsyncMaritaca, MapResult
from maritaca_async.types.chat import ChatCompletion

KEY = "test-key-0123456789"
MODELS = ("sabia-4", "sabiazinho-4")
POINTS = 50


def requests(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        if number % max(1, count // POINTS) == 0:
            tell("read", number)
        question = {"role": "user", "content": f"Quanto é {number} + 1?"}
        yield {"model": MODELS[number % 3 == 0], "messages": [question]}


def tell(phase: str, count: int) -> None:
    gc.collect()
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    print(phase, count, resident, len(asyncio.all_tasks()), flush=True)


def results(kind: str, client: AsyncMaritaca, journal: str | None, count: int) -> Any:
    if kind == "map":
        return client.chat.completions.map(requests(count), journal=journal, concurrency=16)
    # Few shards at a time: what each of them costs must not pass for what each request costs.
    return client.batches.run(
        requests(count),
        journal=journal,
        shard_requests=max(1, count // 10),
        poll_interval=0.05,
        concurrency=2,
    )


async def run(kind: str, base_url: str, journal: str, count: int) -> None:
    done = stored = 0
    async with AsyncMaritaca(KEY, base_url=base_url) as client:
        found: AsyncIterator[MapResult[ChatCompletion]] = results(
            kind, client, None if journal == "-" else journal, count
        )
        async for result in found:
            assert result.completion is not None
            assert result.index == done
            assert f"igual a {done + 1}." in result.completion.text
            done += 1
            stored += result.stored
            if done % max(1, count // POINTS) == 0:
                tell("done", done)
    assert done == count
    print("stored", stored)


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:4], int(sys.argv[4])))
