"""The results of many requests through batches, for blocking callers: requests are read in the caller's thread."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Self

from .closing import Closing
from .portal import run, run_close

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .._core.bulk import MapProgress, MapResult
    from ..resources._batch_work import BatchWork
    from ..types.chat import ChatCompletion


class BatchRun(Closing):
    """The results of many requests, in their order; the blocking twin of `AsyncBatchRun`."""

    def __init__(
        self, work: BatchWork, requests: Iterable[Any], on_progress: Callable[[MapProgress], object] | None
    ) -> None:
        self._work = work
        self._requests: Iterable[Any] | None = requests
        self._on_progress = on_progress
        self._ready: deque[MapResult[ChatCompletion]] = deque()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> MapResult[ChatCompletion]:
        requests, self._requests = self._requests, None
        if requests is not None:
            self._begin(requests)
        while not self._ready:
            portion = run(self._work.more)
            if self._on_progress is not None and not portion:
                self._on_progress(self._work.progress)
            if portion is None:
                raise StopIteration
            self._ready.extend(portion)
        return self._ready.popleft()

    def __del__(self) -> None:
        self._work.abandon()

    def close(self) -> None:
        """Stop looking at the batches, and wait until that has ended; as often as one likes."""
        run_close(self._work.stop)

    def _begin(self, requests: Iterable[Any]) -> None:
        try:
            plan = run(self._work.open)
            for given in requests:
                if plan.take(given):
                    run(plan.flush)
            run(plan.finish)
            run(self._work.start, plan)
        except BaseException:
            self.close()
            raise
