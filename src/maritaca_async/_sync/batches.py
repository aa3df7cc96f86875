"""Blocking batches: each method is its asynchronous twin, run on the loop thread."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from .._core.inputs import check_progress, check_requests
from ..resources.batch_input import MAX_BYTES, MAX_LINES
from ..resources.batch_run import CONCURRENCY
from ..resources.batches import POLL_INTERVAL, WAIT_DEADLINE
from ..types.batches import BatchResult
from .batch_runs import BatchRun
from .closing import Closing
from .items import Items, Page
from .portal import run, run_close

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping

    from .._core.bulk import MapProgress
    from ..resources.batch_results import AsyncBatchResults
    from ..resources.batches import AsyncBatches
    from ..types.batches import Batch, BatchCreateParams, BatchListParams
    from ..types.shared import RequestOptions


class Batches:
    """`client.batches`."""

    def __init__(self, twin: AsyncBatches) -> None:
        self._twin = twin

    def create(self, **params: Unpack[BatchCreateParams]) -> Batch:
        """Start a batch on an uploaded file; see `AsyncBatches.create`.

        Raises:
            ConfigurationError: a bad parameter or option, before any I/O.
            APIError: the call failed.
        """
        return run(partial(self._twin.create, **params))

    def retrieve(self, batch_id: str, **options: Unpack[RequestOptions]) -> Batch:
        """Where a batch stands; see `AsyncBatches.retrieve`.

        Raises:
            ConfigurationError: a bad id or option, before any I/O.
            APIError: the call failed.
        """
        return run(partial(self._twin.retrieve, batch_id, **options))

    def list(self, **params: Unpack[BatchListParams]) -> Page[Batch]:
        """The batches: a page that iterates over all that follow, too; see `AsyncBatches.list`.

        Raises:
            ConfigurationError: a bad parameter or option, before any I/O.
            APIError: the call failed.
        """
        return Page(run(partial(self._twin.list, **params)))

    def cancel(self, batch_id: str, **options: Unpack[RequestOptions]) -> Batch:
        """Ask the service to end a batch; see `AsyncBatches.cancel`.

        Raises:
            ConfigurationError: a bad id or option, before any I/O.
            APIError: the call failed.
        """
        return run(partial(self._twin.cancel, batch_id, **options))

    def wait(
        self,
        batch_id: str,
        *,
        poll_interval: float = POLL_INTERVAL,
        deadline: float | None = WAIT_DEADLINE,
        on_progress: Callable[[Batch], None] | None = None,
        **options: Unpack[RequestOptions],
    ) -> Batch:
        """Look at a batch until it has ended, well or not; see `AsyncBatches.wait`.

        Args:
            batch_id: The batch.
            poll_interval: Seconds between two looks.
            deadline: Seconds for the whole wait; None for no limit. Default: 25 hours.
            on_progress: Called in this thread with the batch after every look; no coroutine function.
            **options: See `RequestOptions`; they apply to each look, which by default is not retried by itself.

        Raises:
            ConfigurationError: a bad id or option, before any I/O.
            APITimeoutError: the deadline passed; `phase` is "deadline".
            APIError: a failure that will not pass, such as a wrong key or an unknown batch.
        """
        check_progress(on_progress)
        watch = self._twin._watch(batch_id, poll_interval, deadline, options)  # noqa: SLF001 - see on_progress
        while True:
            batch = run(watch.next)
            if on_progress is not None:
                on_progress(batch)
            if batch.ended:
                return batch

    def results(self, batch: Batch | str, **options: Unpack[RequestOptions]) -> BatchResults:
        """The results of a batch that has ended, one for each line of both of its files.

        See `AsyncBatches.results`.

        Raises:
            ConfigurationError: a bad id or option, at once and before any I/O.
            MaritacaError: while iterating: the batch has not ended, or its input was refused.
            APIResponseError: while iterating: a file that must be there is not named yet, or after the last line:
                there are fewer than the batch counts. Retryable.
            APIError: while iterating: a call failed.
        """
        return BatchResults(self._twin.results(batch, **options))

    def run(
        self,
        requests: Iterable[Mapping[str, Any]],
        *,
        journal: str | os.PathLike[str] | None = None,
        poll_interval: float = POLL_INTERVAL,
        deadline: float | None = WAIT_DEADLINE,
        on_progress: Callable[[MapProgress], object] | None = None,
        concurrency: int = CONCURRENCY,
        shard_requests: int = MAX_LINES,
        shard_bytes: int = MAX_BYTES,
        return_exceptions: bool = False,
    ) -> BatchRun:
        """Send any number of requests through as many batches as they need; see `AsyncBatches.run`.

        The requests are read and `on_progress` is called in the caller's thread.

        Raises:
            ConfigurationError: an option that cannot work, at once and before any I/O; while iterating and
                before anything is sent: a request that cannot be sent, two of the same `custom_id`, or a
                journal that cannot be used or is of other requests or of another `base_url`.
            APITimeoutError: while iterating: the deadline passed; `phase` is "deadline".
            APIError: while iterating: a call failed, or a request did.
        """
        work = self._twin._run_work(  # noqa: SLF001 - requests are read in this thread
            check_requests(requests),
            journal=journal,
            poll_interval=poll_interval,
            deadline=deadline,
            on_progress=on_progress,
            concurrency=concurrency,
            shard_requests=shard_requests,
            shard_bytes=shard_bytes,
            return_exceptions=return_exceptions,
        )
        return BatchRun(work, requests, on_progress)


class BatchResults(Items[BatchResult], Closing):
    """The results of a batch; the blocking twin of `AsyncBatchResults`."""

    def __init__(self, twin: AsyncBatchResults) -> None:
        super().__init__(twin)
        self._results = twin

    def close(self) -> None:
        """Stop reading and drop the connection; as often as one likes."""
        run_close(self._results.aclose)
