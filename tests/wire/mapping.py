"""Programs that tests of `map` run in processes of their own.

python mapping.py run BASE_URL JOURNAL CALLS      prints the index of each result, and whether it was stored
python mapping.py memory BASE_URL CALLS           prints calls done and bytes of memory, from time to time
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from maritaca_async import AsyncMaritaca

KEY = "test-key-0123456789"


def requests(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        question = f"Quanto é {number} + 1?"
        yield {"model": "sabia-4", "messages": [{"role": "user", "content": question}]}


async def run(base_url: str, journal: str, calls: str) -> None:
    client = AsyncMaritaca(KEY, base_url=base_url)
    async for result in client.chat.completions.map(requests(int(calls)), journal=journal, concurrency=6):
        assert result.completion is not None
        print(result.index, int(result.stored), result.completion.text, flush=True)


async def memory(base_url: str, calls: str) -> None:
    client = AsyncMaritaca(KEY, base_url=base_url)
    done, every = 0, max(1, int(calls) // 20)
    async for _ in client.chat.completions.map(requests(int(calls)), concurrency=16):
        done += 1
        if done % every == 0:
            gc.collect()
            resident = int(Path("/proc/self/statm").read_text().split()[1]) * 4096
            print(done, resident, len(asyncio.all_tasks()), flush=True)


if __name__ == "__main__":
    asyncio.run({"run": run, "memory": memory}[sys.argv[1]](*sys.argv[2:]))
