"""What mypy and pyright must make of rate limits and of many calls. Never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

from maritaca_async import AsyncBatchRun, AsyncMaritaca, BatchRun, Map, MapProgress, Maritaca, RateLimits
from maritaca_async.types import ChatCompletion


def requests() -> Iterator[dict[str, object]]:
    yield {"model": "sabia-4", "messages": [{"role": "user", "content": "Olá"}], "custom_id": "a"}


async def later() -> AsyncIterator[dict[str, Any]]:
    yield {"model": "sabia-4", "messages": []}


async def check_async(client: AsyncMaritaca) -> None:
    async for result in client.chat.completions.map(requests(), ordered=False, journal="run.sqlite"):
        assert_type(result.completion, ChatCompletion | None)
        assert_type(result.custom_id, str | None)
    async with client.chat.completions.map(later(), concurrency=3) as results:
        assert_type((await anext(results)).stored, bool)
    assert_type(client.batches.run(later(), journal="run.sqlite", deadline=3600), AsyncBatchRun)
    async for answered in client.batches.run(requests(), shard_requests=1000):
        assert_type(answered.completion, ChatCompletion | None)


def check_blocking() -> None:
    client = Maritaca(rate_limits=RateLimits.tier(2, model="sabia-4"))

    def show(progress: MapProgress) -> None:
        assert_type(progress.total, int | None)

    assert_type(client.chat.completions.map(requests(), on_progress=show), Map[ChatCompletion])
    for result in client.chat.completions.map([{"model": "sabia-4", "messages": []}]):
        assert_type(result.index, int)
    with client.batches.run(requests(), on_progress=show, return_exceptions=True) as run:
        assert_type(run, BatchRun)
