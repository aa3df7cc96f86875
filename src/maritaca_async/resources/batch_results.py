"""The results of a batch, joined from its two files as they arrive."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Self

from .._core.items import AsyncItems
from ..errors import APIResponseError, MaritacaError
from ..types.batches import Batch, BatchResult, BatchStatus
from ._batch_lines import parse_result

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from .file_stream import AsyncFileStream


class AsyncBatchResults(AsyncItems[BatchResult]):
    """The results of a batch, answers first and then failures, in no other order: join them by `custom_id`.

    Holds one network read in memory at a time. A context manager; let go of it early and its connection is
    dropped.
    """

    def __init__(
        self,
        find: Callable[[], Awaitable[Batch]],
        download: Callable[[str], Awaitable[AsyncFileStream]],
        requests: int = 0,
    ) -> None:
        """Read nothing yet.

        Args:
            find: Gives the batch.
            download: Opens one of its files.
            requests: How many requests it has, where that is known.
        """
        super().__init__(self._next_portion)
        self._find = find
        self._download = download
        self._requests = requests
        self._whole = 0
        self._tail = False  # whether the last line may be the half of one
        self._batch: Batch | None = None
        self._file_ids: deque[str] = deque()
        self._content: AsyncFileStream | None = None
        self._lines: AsyncItems[str] | None = None

    async def _next_portion(self) -> list[BatchResult] | None:
        if self._batch is None:
            batch = await self._find()
            self._file_ids.extend(_result_files(batch))
            self._batch = batch
        if self._lines is None:
            if not self._file_ids:
                self._check_whole(self._batch)
                return None
            self._content = await self._download(self._file_ids[0])
            self._lines = self._content.iter_lines()
            self._file_ids.popleft()
        lines = await self._lines.more()
        if lines is None:
            self._lines = self._content = None
            self._whole -= self._tail
            self._tail = False
            return []
        endpoint = self._batch.endpoint
        results = [parse_result(line, endpoint) for line in lines if line.strip()]
        self._whole += len(results)
        if results:
            self._tail = not results[-1].custom_id
        return results

    def _check_whole(self, batch: Batch) -> None:
        """See to it that a file which arrived in part does not pass for whole: its end is not always marked."""
        counts = batch.request_counts
        wanted = counts.completed + counts.failed
        if batch.status == BatchStatus.COMPLETED:
            wanted = max(wanted, self._requests)
        if self._whole < wanted and batch.status != BatchStatus.FAILED:
            raise _incomplete(
                f"batch {batch.id} has {wanted} results, but only {self._whole} lines of them came"
            )

    async def aclose(self) -> None:
        """Stop reading and drop the connection; as often as one likes."""
        self._file_ids.clear()
        if self._content is not None:
            await self._content.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _result_files(batch: Batch) -> list[str]:
    """The files with results, which a batch that got nowhere does not have.

    Raises:
        APIResponseError: there must be some, but they are not named.
        MaritacaError: saying why there are none.
    """
    files = [file_id for file_id in (batch.output_file_id, batch.error_file_id) if file_id]
    if files:
        return files
    if not batch.ended:
        raise MaritacaError(f"batch {batch.id} has no results yet, it is {batch.status}: see batches.wait")
    if batch.status == BatchStatus.FAILED:
        raise MaritacaError(f"batch {batch.id} failed: {'; '.join(batch.errors) or 'no reason given'}")
    if not _did_nothing(batch):
        counts = batch.request_counts
        raise _incomplete(
            f"batch {batch.id} is {batch.status} and names no file with results, but does not say that there are "
            f"none ({counts.completed} answers and {counts.failed} failures of {counts.total} requests)"
        )
    return []


def _did_nothing(batch: Batch) -> bool:
    """Whether the service really says so; counts that are not there yet say nothing."""
    counts = batch.request_counts
    is_told = {"total", "completed", "failed"} <= counts.model_fields_set
    may_be_empty = counts.total == 0 or batch.status != BatchStatus.COMPLETED
    return is_told and may_be_empty and counts.completed == counts.failed == 0


def _incomplete(what: str) -> APIResponseError:
    error = APIResponseError(f"{what}: ask for the results again")
    error.retryable = True
    return error
