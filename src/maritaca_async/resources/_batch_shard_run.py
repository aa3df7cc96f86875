"""One shard from its spool to its answers on disk: uploaded, started, waited for, collected; each step once."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from .._core.batch_journal import ShardRecord
from .._core.log import logger, summary
from .._core.options import check_seconds
from ..errors import (
    APIError,
    APIResponseError,
    APIStatusError,
    BadRequestError,
    NotFoundError,
    StreamInterruptedError,
)
from ..types.batches import BatchStatus
from ._batch_plan import spool_file
from ._batch_shards import outcome_of
from .batch_results import AsyncBatchResults

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from .._core.batch_journal import BatchJournal
    from .._core.options import RetryPolicy
    from ..types.batches import Batch
    from .batches import AsyncBatches
    from .files import AsyncFiles

T = TypeVar("T")
# Not for the engine, which cannot know that here a step may be taken again from its beginning.
_MAY_PASS = (APIResponseError, StreamInterruptedError)


@dataclass(slots=True)
class Service:
    """What a run asks of the service, and how patiently."""

    files: AsyncFiles
    batches: AsyncBatches
    poll_interval: float
    """Seconds between two looks at a batch, and before a step is tried again."""
    deadline: float | None
    """Seconds for the wait for one batch, and for trying any other step again."""
    policy: RetryPolicy
    """How often a step that is not the wait is tried again, and for how long the service may ask to wait."""
    base_url: str
    """Where the service is."""

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
        file_id, batch_id = await self._start(number, known)
        service = self._service
        first_look = [
            await service.batches.wait(
                batch_id, poll_interval=service.poll_interval, deadline=service.deadline, on_progress=looked
            )
        ]

        async def collect() -> tuple[int, bytes]:
            # What the batch does not say yet, it may say at another look.
            batch = first_look.pop() if first_look else await service.batches.retrieve(batch_id)
            return await self._collect(number, requests, batch)

        failed, outcome = await self._repeated(number, collect)
        await self._journal.ended(number, failed, outcome)
        return ShardRecord(file_id, batch_id, failed, outcome)

    async def _start(self, number: int, known: ShardRecord | None) -> tuple[str, str]:
        """The file and the batch of a shard, made where there are none."""
        if known is not None and known.batch_id is not None:
            return known.file_id, known.batch_id
        is_earlier = known is not None
        file_id = await self._upload(number) if known is None else known.file_id
        while (batch_id := await self._create(number, file_id, is_earlier=is_earlier)) is None:
            file_id, is_earlier = await self._upload(number), False
        await self._journal.created(number, batch_id)
        await asyncio.to_thread(spool_file(self._folder, number).unlink)
        return file_id, batch_id

    async def _upload(self, number: int) -> str:
        file = await self._service.files.create(file=spool_file(self._folder, number))
        await self._journal.uploaded(number, file.id)
        return file.id

    async def _create(self, number: int, file_id: str, *, is_earlier: bool) -> str | None:
        """The batch on a file; None when the file is of an earlier run, and the service has it no more.

        Where an attempt may have started a batch already, it is looked for first.
        """
        doubtful = is_earlier

        async def attempt() -> str | None:
            nonlocal doubtful
            if doubtful and (found := await self._find(file_id)):
                return found
            doubtful = True
            try:
                return (await self._service.batches.create(input_file_id=file_id, max_retries=0)).id
            except (BadRequestError, NotFoundError):
                if not is_earlier:
                    raise
                return None

        return await self._repeated(number, attempt)

    async def _find(self, file_id: str) -> str | None:
        # By its file: one of the two sources says that the service forgets the metadata of a batch.
        async for batch in self._service.batches.list():
            if batch.input_file_id == file_id:
                return batch.id
        return None

    async def _collect(self, number: int, requests: int, batch: Batch) -> tuple[int, bytes]:
        """Put all lines on disk; how many requests failed, and what to say where there is no line.

        Once more changes nothing.
        """
        if batch.status == BatchStatus.FAILED and not (batch.output_file_id or batch.error_file_id):
            return requests, outcome_of(batch, 0)

        async def find() -> Batch:
            return batch

        answered = strays = 0
        async with AsyncBatchResults(find, self._service.files.stream, requests) as results:
            while (portion := await results.more()) is not None:
                lines = [(result.custom_id, result.raw.encode("utf-8", "replace")) for result in portion]
                strays += await self._journal.keep(number, lines)
                answered += sum(result.completion is not None for result in portion)
        return max(0, requests - answered), outcome_of(batch, strays)

    async def _repeated(self, number: int, step: Callable[[], Awaitable[T]]) -> T:
        now = asyncio.get_running_loop().time
        due = math.inf if self._service.deadline is None else now() + self._service.deadline
        retries = 0
        while True:
            try:
                return await step()
            except APIError as error:
                wait = self._wait_after(error, retries, due - now())
                if wait is None:
                    raise
                retries += 1
                logger.info(
                    "batches.run: a step of shard %d failed (%s), next in %.2f s",
                    number,
                    summary(error),
                    wait,
                )
            await asyncio.sleep(wait)

    def _wait_after(self, error: APIError, retries: int, remaining: float) -> float | None:
        """Seconds until a step is tried again, None to give up."""
        policy = self._service.policy
        if retries >= policy.max_retries or not (error.retryable or isinstance(error, _MAY_PASS)):
            return None
        asked = (error.retry_after if isinstance(error, APIStatusError) else None) or 0.0
        wait = max(self._service.poll_interval, asked)
        return wait if asked <= policy.max_retry_after and wait < remaining else None
