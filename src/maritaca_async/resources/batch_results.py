"""The results of a batch, joined from its two files as they arrive."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Self

from .._core.items import AsyncItems
from ..errors import MaritacaError
from ..types.batches import Batch, BatchResult, BatchStatus
from ._batch_lines import parse_result

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from .file_content import AsyncFileContent


class AsyncBatchResults(AsyncItems[BatchResult]):
    """The results of a batch, answers first and then failures, in no other order: join them by `custom_id`.

    Holds one network read in memory at a time. A context manager; let go of it early and its connection is
    dropped.
    """

    def __init__(
        self,
        find: Callable[[], Awaitable[Batch]],
        download: Callable[[str], Awaitable[AsyncFileContent]],
    ) -> None:
        super().__init__(self._next_portion)
        self._find = find
        self._download = download
        self._batch: Batch | None = None
        self._file_ids: deque[str] = deque()
        self._content: AsyncFileContent | None = None
        self._lines: AsyncItems[str] | None = None

    async def _next_portion(self) -> list[BatchResult] | None:
        if self._batch is None:
            batch = await self._find()
            self._file_ids.extend(_result_files(batch))
            self._batch = batch
        if self._lines is None:
            if not self._file_ids:
                return None
            self._content = await self._download(self._file_ids[0])
            self._lines = self._content.iter_lines()
            self._file_ids.popleft()
        lines = await self._lines.more()
        if lines is None:
            self._lines = self._content = None
            return []
        endpoint = self._batch.endpoint
        return [parse_result(line, endpoint) for line in lines if line.strip()]

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
        MaritacaError: saying why there are none.
    """
    files = [file_id for file_id in (batch.output_file_id, batch.error_file_id) if file_id]
    counts = batch.request_counts
    if files:
        return files
    if not batch.ended:
        raise MaritacaError(f"batch {batch.id} has no results yet, it is {batch.status}: see batches.wait")
    if batch.status == BatchStatus.FAILED:
        raise MaritacaError(f"batch {batch.id} failed: {'; '.join(batch.errors) or 'no reason given'}")
    if counts.completed or counts.failed:
        raise MaritacaError(
            f"batch {batch.id} has {counts.completed} answers and {counts.failed} failures but names no file "
            "with them: retrieve it again"
        )
    return []
