"""Many requests through as many batches as they need, with results in the order of the requests."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

from .._core.bulk import MapResult
from .._core.inputs import check_progress, check_requests
from .._core.items import AsyncItems
from .._core.journal import check_path
from ..errors import ConfigurationError
from ..types.chat import ChatCompletion
from ._batch_shards import Shards
from ._batch_work import BatchWork
from .batch_input import MAX_BYTES, MAX_LINES

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from types import TracebackType

    from .._core.bulk import MapProgress
    from ._batch_shard_run import Service

CONCURRENCY = 8
"""Shards at the same time, unless told otherwise."""


class AsyncBatchRun(AsyncItems[MapResult[ChatCompletion]]):
    """The results of many requests, in their order. Iterate it; leave it early and the batches go on by themselves.

    Use it as a context manager, or let go of it: an abandoned run stops to look at its batches by itself.
    """

    def __init__(
        self,
        work: BatchWork,
        requests: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
        on_progress: Callable[[MapProgress], object] | None,
    ) -> None:
        self._work = work
        super().__init__(_Reading(work, requests, on_progress).more)

    async def aclose(self) -> None:
        """Stop looking at the batches, and wait until that has ended; as often as one likes."""
        await self._work.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._work.abandon()


class _Reading:
    """Reads the requests before the first result; does not know the run, which can thus be dropped."""

    def __init__(
        self,
        work: BatchWork,
        requests: Iterable[Any] | AsyncIterable[Any],
        on_progress: Callable[[MapProgress], object] | None,
    ) -> None:
        self._work = work
        self._requests: Iterable[Any] | AsyncIterable[Any] | None = requests
        self._on_progress = on_progress

    async def more(self) -> list[MapResult[ChatCompletion]] | None:
        requests, self._requests = self._requests, None
        if requests is not None:
            await self._begin(requests)
        portion = await self._work.more()
        if self._on_progress is not None and not portion:
            self._on_progress(self._work.progress)
        return portion

    async def _begin(self, requests: Iterable[Any] | AsyncIterable[Any]) -> None:
        try:
            plan = await self._work.open()
            async for given in _each(requests):
                if plan.take(given):
                    await plan.flush()
            await plan.finish()
            await self._work.start(plan)
        except BaseException:
            await self._work.stop()
            raise


async def _each(requests: Iterable[Any] | AsyncIterable[Any]) -> AsyncIterable[Any]:
    if isinstance(requests, AsyncIterable):
        async for given in requests:
            yield given
    else:
        for given in requests:
            yield given


def batch_work(
    service: Service,
    requests: Any,
    *,
    journal: str | os.PathLike[str] | None,
    concurrency: int,
    shard_requests: int,
    shard_bytes: int,
    on_progress: Any,
    return_exceptions: bool,
) -> BatchWork:
    """The options of `batches.run`, checked.

    Raises:
        ConfigurationError: one that cannot work.
    """
    if not isinstance(requests, AsyncIterable):
        check_requests(requests)
    _check_number("concurrency", concurrency, None)
    _check_number("shard_requests", shard_requests, MAX_LINES)
    _check_number("shard_bytes", shard_bytes, MAX_BYTES)
    check_progress(on_progress)
    if journal is not None:
        check_path(journal)
    return BatchWork(
        service,
        Shards(shard_requests, shard_bytes),
        journal=journal,
        concurrency=concurrency,
        return_exceptions=return_exceptions,
    )


def _check_number(name: str, value: Any, most: int | None) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1 or value > (most or value):
        limits = "of at least 1" if most is None else f"from 1 to {most:,}"
        raise ConfigurationError(f"{name} must be a whole number {limits}, not {value!r}")
