"""One shard from its spool to its answers on disk: uploaded, started, waited for, collected; each step once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from .._core.batch_journal import ShardRecord
from .._core.options import check_seconds
from ..errors import APIError, APIResponseError, APIStatusError, StreamInterruptedError
from ..types.batches import BatchStatus
from ._batch_plan import spool_file
from ._batch_shards import outcome_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from .._core.batch_journal import BatchJournal
    from ..types.batches import Batch
    from .batches import AsyncBatches
    from .files import AsyncFiles

T = TypeVar("T")
# Not for the engine, which cannot know that here a step may be taken again from its beginning.
_MAY_PASS = (APIResponseError, StreamInterruptedError)


@dataclass(frozen=True, slots=True)
class Service:
    """What a run asks of the service, and how patiently."""

    files: AsyncFiles
    batches: AsyncBatches
    poll_interval: float
    """Seconds between two looks at a batch, and before a step is tried again."""
    deadline: float | None
    """Seconds for the wait for one batch."""
    max_retries: int
    """How often a step that is not the wait is tried again."""

    def __post_init__(self) -> None:
        check_seconds("poll_interval", self.poll_interval, required=True)
        check_seconds("deadline", self.deadline)


class ShardRun:
    """Brings shards to their end, from wherever the journal says they are."""

    def __init__(self, service: Service, journal: BatchJournal, folder: Path) -> None:
        self._service = service
        self._journal = journal
        self._folder = folder

    async def run(
        self, number: int, requests: int, known: ShardRecord | None, looked: Callable[[Batch], None]
    ) -> ShardRecord:
        """Bring one shard to its end.

        Args:
            number: The shard.
            requests: How many requests it has.
            known: What an earlier run had done of it.
            looked: Called with the batch after every look at it.

        Raises:
            APIError: a call failed. What was done is noted.
            MaritacaError: the journal cannot be written.
        """
        record = known or await self._upload(number)
        batch_id = record.batch_id or await self._create(record.file_id, doubtful=known is not None)
        if record.batch_id is None:
            await self._journal.created(number, batch_id)
        service = self._service
        batch = await service.batches.wait(
            batch_id, poll_interval=service.poll_interval, deadline=service.deadline, on_progress=looked
        )
        strays = await self._repeated(lambda: self._collect(number, batch))
        failed = max(0, requests - batch.request_counts.completed)
        outcome = outcome_of(batch, strays)
        await self._journal.ended(number, failed, outcome)
        return ShardRecord(record.file_id, batch_id, failed, outcome)

    async def _upload(self, number: int) -> ShardRecord:
        spooled = spool_file(self._folder, number)
        file = await self._service.files.create(file=spooled)
        await self._journal.uploaded(number, file.id)
        await asyncio.to_thread(spooled.unlink)
        return ShardRecord(file.id, None, 0, None)

    async def _create(self, file_id: str, *, doubtful: bool) -> str:
        """The batch on a file. Where an attempt may have started it already, it is looked for first."""

        async def attempt() -> str:
            nonlocal doubtful
            if doubtful and (found := await self._find(file_id)):
                return found
            doubtful = True
            return (await self._service.batches.create(input_file_id=file_id, max_retries=0)).id

        return await self._repeated(attempt)

    async def _find(self, file_id: str) -> str | None:
        # By its file: one of the two sources says that the service forgets the metadata of a batch.
        async for batch in self._service.batches.list():
            if batch.input_file_id == file_id:
                return batch.id
        return None

    async def _collect(self, number: int, batch: Batch) -> int:
        """Put all lines on disk; how many are of no request. Once more changes nothing."""
        if batch.status == BatchStatus.FAILED and not (batch.output_file_id or batch.error_file_id):
            return 0
        strays = 0
        async with self._service.batches.results(batch) as results:
            while (portion := await results.more()) is not None:
                lines = [(result.custom_id, result.raw.encode("utf-8", "replace")) for result in portion]
                strays += await self._journal.keep(number, lines)
        return strays

    async def _repeated(self, step: Callable[[], Awaitable[T]]) -> T:
        left = self._service.max_retries
        while True:
            try:
                return await step()
            except APIError as error:
                if not left or not (error.retryable or isinstance(error, _MAY_PASS)):
                    raise
                left -= 1
                asked = error.retry_after if isinstance(error, APIStatusError) else None
            await asyncio.sleep(max(self._service.poll_interval, asked or 0.0))
