"""Batches: create, list, look at, wait for, cancel, and read their results."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from .._core.inputs import check_progress
from ..types.batches import Batch, BatchCreateParams, BatchList, BatchListParams
from ._batch_shard_run import Service
from ._batch_watch import BatchWatch
from ._parameters import OPTION_NAMES, Writer, metadata, text
from ._stored import StoredResource, path_id
from .batch_input import ENDPOINT, MAX_BYTES, MAX_LINES
from .batch_results import AsyncBatchResults
from .batch_run import CONCURRENCY, AsyncBatchRun, batch_work

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping

    from .._core.bulk import MapProgress
    from .._core.engine import Engine
    from .._core.pagination import AsyncPages
    from ..types.shared import RequestOptions
    from ._base import Defaults
    from ._batch_work import BatchWork
    from .files import AsyncFiles

_CREATE_NAMES = frozenset(BatchCreateParams.__annotations__) - OPTION_NAMES
_CREATE_WRITERS: dict[str, Writer] = {
    "input_file_id": path_id,
    "endpoint": text,
    "completion_window": text,
    "metadata": metadata,
}
_CREATE_DEFAULTS = {"input_file_id": None, "endpoint": ENDPOINT, "completion_window": "24h"}
_LIST_NAMES = frozenset(BatchListParams.__annotations__) - OPTION_NAMES
_PATH = "/batches"

POLL_INTERVAL = 10.0
"""Seconds between two looks at a batch."""
WAIT_DEADLINE = 25 * 3600.0
"""Seconds: the 24 hours that a batch may take, and one more."""


class AsyncBatches(StoredResource):
    """`client.batches`."""

    def __init__(self, engine: Engine, defaults: Defaults, files: AsyncFiles) -> None:
        super().__init__(engine, defaults)
        self._files = files

    async def create(self, **params: Unpack[BatchCreateParams]) -> Batch:
        """Start a batch on an uploaded file (contract section 18).

        A retry after a lost answer can start it twice: `max_retries=0` rules that out.

        Args:
            **params: See `BatchCreateParams`.

        Raises:
            ConfigurationError: a bad parameter or option, before any I/O.
            APIError: the call failed.
        """
        given: dict[str, Any] = {**_CREATE_DEFAULTS, **params}
        if given.get("metadata", ...) is None:
            del given["metadata"]
        body = {name: write(name, given[name]) for name, write in _CREATE_WRITERS.items() if name in given}
        return await self._object(
            Batch, self._request("POST", _PATH, params, _CREATE_NAMES | OPTION_NAMES, body=body)
        )

    async def retrieve(self, batch_id: str, **options: Unpack[RequestOptions]) -> Batch:
        """Where a batch stands.

        Raises:
            ConfigurationError: a bad id or option, before any I/O.
            APIError: the call failed.
        """
        path = f"{_PATH}/{path_id('batch_id', batch_id)}"
        return await self._object(Batch, self._request("GET", path, options, OPTION_NAMES))

    def list(self, **params: Unpack[BatchListParams]) -> AsyncPages[Batch]:
        """The batches. `await` it for a page, or iterate over all of them with `async for`.

        Args:
            **params: See `BatchListParams`.

        Raises:
            ConfigurationError: a bad parameter or option, at once and before any I/O.
            APIError: a call failed.
        """
        return self._pages(_PATH, params, _LIST_NAMES | OPTION_NAMES, _LIST_NAMES, BatchList)

    async def cancel(self, batch_id: str, **options: Unpack[RequestOptions]) -> Batch:
        """Ask the service to end a batch. Lines under way are finished first, up to 10 minutes.

        Raises:
            ConfigurationError: a bad id or option, before any I/O.
            APIError: the call failed.
        """
        path = f"{_PATH}/{path_id('batch_id', batch_id)}/cancel"
        return await self._object(Batch, self._request("POST", path, options, OPTION_NAMES))

    async def wait(
        self,
        batch_id: str,
        *,
        poll_interval: float = POLL_INTERVAL,
        deadline: float | None = WAIT_DEADLINE,
        on_progress: Callable[[Batch], Awaitable[None] | None] | None = None,
        **options: Unpack[RequestOptions],
    ) -> Batch:
        """Look at a batch until it has ended, well or not: see its `status`.

        Failures that may pass (connections, 408, 429, 5xx, answers that are none) and states that this library
        does not know are waited through; a `Retry-After` lengthens the wait between two looks up to the policy's
        `max_retry_after`. Cancelling this wait leaves the batch alone.

        Args:
            batch_id: The batch.
            poll_interval: Seconds between two looks.
            deadline: Seconds for the whole wait; None for no limit. Default: 25 hours.
            on_progress: Called with the batch after every look; may be a coroutine function.
            **options: See `RequestOptions`; they apply to each look, which by default is not retried by itself.

        Raises:
            ConfigurationError: a bad id or option, before any I/O.
            APITimeoutError: the deadline passed; `phase` is "deadline".
            APIError: a failure that will not pass, such as a wrong key or an unknown batch.
        """
        check_progress(on_progress, awaited=True)
        watch = self._watch(batch_id, poll_interval, deadline, options)
        while True:
            batch = await watch.next()
            if on_progress is not None and inspect.isawaitable(told := on_progress(batch)):
                await told
            if batch.ended:
                return batch

    def results(self, batch: Batch | str, **options: Unpack[RequestOptions]) -> AsyncBatchResults:
        """The results of a batch that has ended, one for each line of both of its files.

            async for result in client.batches.results(batch):
                print(result.custom_id, result.completion.text if result.completion else result.error)

        Nothing is left out: a line that failed has a typed `error`, a line that cannot be read as well, with
        the line itself in `raw`. No call is made before the first result is asked for.

        Args:
            batch: The batch, or its id, with which it is looked up first.
            **options: See `RequestOptions`; they apply to each call.

        Raises:
            ConfigurationError: a bad id or option, at once and before any I/O.
            MaritacaError: while iterating: the batch has not ended, or its input was refused.
            APIResponseError: while iterating: a file that must be there is not named yet, or after the last line:
                there are fewer than the batch counts. Retryable.
            APIError: while iterating: a call failed.
        """
        batch_id = batch.id if isinstance(batch, Batch) else batch
        path_id("batch", batch_id)
        self._request("GET", _PATH, options, OPTION_NAMES)

        async def find() -> Batch:
            return batch if isinstance(batch, Batch) else await self.retrieve(batch_id, **options)

        return AsyncBatchResults(find, partial(self._files.stream, **options))

    def run(
        self,
        requests: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
        *,
        journal: str | os.PathLike[str] | None = None,
        poll_interval: float = POLL_INTERVAL,
        deadline: float | None = WAIT_DEADLINE,
        on_progress: Callable[[MapProgress], object] | None = None,
        concurrency: int = CONCURRENCY,
        shard_requests: int = MAX_LINES,
        shard_bytes: int = MAX_BYTES,
        return_exceptions: bool = False,
    ) -> AsyncBatchRun:
        """Send any number of requests through as many batches as they need; results come in their order.

            async for result in client.batches.run(requests, journal="run.sqlite"):
                print(result.index, result.completion.text)

        All requests are checked, and written to temporary files, before the first is sent. Leaving early,
        cancellation and a crash leave the batches running; the same call with the same journal goes on from
        there, and starts no batch twice.

        Args:
            requests: The parameters of each request, as `batch_line` takes them, and where wanted a
                `custom_id`; a list, a generator, or an asynchronous one. Models may be mixed.
            journal: A file (SQLite) that keeps what was sent and every result. Default: a temporary one.
            poll_interval: Seconds between two looks at a batch.
            deadline: Seconds for the wait for each batch, and for trying any other step again; None for no limit.
                Default: 25 hours.
            on_progress: Called after looks at batches, while results are being read; no coroutine function.
            concurrency: Most shards at the same time, each a file and its batch.
            shard_requests: Most requests of a shard, up to 50,000.
            shard_bytes: Most bytes of a shard, up to 200 MB.
            return_exceptions: Whether a request that fails becomes a result with its `error`, and one that
                cannot be sent as well. Otherwise the first in order is raised.

        Raises:
            ConfigurationError: an option that cannot work, at once and before any I/O; while iterating and
                before anything is sent: a request that cannot be sent, two of the same `custom_id`, or a
                journal that cannot be used or is of other requests or of another `base_url`.
            APITimeoutError: while iterating: the deadline passed; `phase` is "deadline".
            APIError: while iterating: a call failed, or a request did.
        """
        work = self._run_work(
            requests,
            journal=journal,
            poll_interval=poll_interval,
            deadline=deadline,
            on_progress=on_progress,
            concurrency=concurrency,
            shard_requests=shard_requests,
            shard_bytes=shard_bytes,
            return_exceptions=return_exceptions,
        )
        return AsyncBatchRun(work, requests, on_progress)

    def _run_work(
        self, requests: Any, *, poll_interval: float, deadline: float | None, **options: Any
    ) -> BatchWork:
        policy, base_url = self._defaults.policy, self._engine.base_url
        service = Service(self._files, self, poll_interval, deadline, policy, base_url)
        return batch_work(service, requests, **options)

    def _watch(self, batch_id: str, poll_interval: float, deadline: float | None, options: Any) -> BatchWatch:
        # A look that fails is followed by another one anyway.
        look = partial(self.retrieve, path_id("batch_id", batch_id), **{"max_retries": 0, **options})
        policy = self._request("GET", _PATH, options, OPTION_NAMES).policy
        return BatchWatch(batch_id, look, poll_interval, deadline, policy.max_retry_after)
