"""A run of batches at work: its shards in tasks, its results out of the journal in the order of the requests."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .._core.batch_journal import BatchJournal
from .._core.bulk import MapProgress, MapResult, broken_off
from ..errors import ConfigurationError
from ..types.chat import ChatCompletion
from ._batch_plan import BatchPlan
from ._batch_shard_run import ShardRun
from ._batch_shards import result_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from .._core.batch_journal import ShardRecord, StoredRequest
    from ..types.batches import Batch
    from ._batch_shard_run import Service
    from ._batch_shards import Shards

Result = MapResult[ChatCompletion]
_PORTION: Final = 100


class BatchWork:
    """What is behind an `AsyncBatchRun`. Its tasks do not know that one, so that they end when it is dropped."""

    def __init__(
        self,
        service: Service,
        shards: Shards,
        *,
        journal: str | os.PathLike[str] | None,
        concurrency: int,
        return_exceptions: bool,
    ) -> None:
        self._service = service
        self._shards = shards
        self._path = journal
        self._concurrency = concurrency
        self._return_exceptions = return_exceptions
        self._loop: asyncio.AbstractEventLoop | None = None
        self._owner: asyncio.Task[None] | None = None
        self._workers: list[asyncio.Task[None]] = []
        self._running: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        self._failure: BaseException | None = None
        self._records: dict[int, ShardRecord] = {}
        self._earlier: frozenset[int] = frozenset()
        self._counts: dict[int, tuple[int, int]] = {}
        self._plan: BatchPlan | None = None
        self._stopped = asyncio.Event()
        self._total: int | None = None
        self._told: MapProgress | None = None
        self._next = 0

    @property
    def progress(self) -> MapProgress:
        """How far the batches have come, by the last look at each."""
        taken, refused = (self._plan.taken, self._plan.refused) if self._plan else (0, 0)
        done, failed = (sum(column) for column in zip((0, 0), *self._counts.values(), strict=True))
        return MapProgress(done + refused, failed + refused, taken)

    async def open(self) -> BatchPlan:
        """The plan that wants the requests, each with `take`, before anything is sent.

        Raises:
            ConfigurationError: the journal cannot be used.
            OSError: there is no room for temporary files.
        """
        if self._failure is not None:
            raise self._failure
        self._loop = asyncio.get_running_loop()
        opened: asyncio.Future[BatchPlan] = self._loop.create_future()
        # A task of its own, so that whoever is cancelled here leaves nothing half open.
        self._owner = asyncio.create_task(self._own(opened))
        self._owner.add_done_callback(partial(self._check_owner, opened))
        return await asyncio.shield(opened)

    async def start(self, plan: BatchPlan) -> None:
        """Begin to send, now that the plan is finished."""
        self._total = plan.taken
        self._earlier = frozenset(
            number for number, record in self._records.items() if record.outcome is not None
        )
        for number in self._earlier:
            self._note_end(number, self._records[number])
        numbers = iter([n for n in range(len(self._shards.requests)) if n not in self._earlier])
        self._workers = [asyncio.create_task(self._work(plan, numbers)) for _ in range(self._concurrency)]
        for worker in self._workers:
            worker.add_done_callback(self._check)
        self._running = self._workers

    async def more(self) -> list[Result] | None:
        """The next results; none when there is only progress; None at the end.

        Raises:
            ConfigurationError: the run was begun in another event loop, or closed before its end.
            MaritacaError: a request failed and failures are no results, or the journal cannot be used.
            APIError: a call failed.
        """
        if self._plan is None or self._stopped.is_set():
            if self._failure is not None:
                raise self._failure
            return None
        if self._loop is not asyncio.get_running_loop():
            raise ConfigurationError("results can be read only in the event loop in which that was begun")
        try:
            portion = await self._portion(self._plan)
        except BaseException as error:
            self._failed(error if isinstance(error, Exception) else _cut_short())
            await self.stop()
            raise
        if portion is None:
            await self.stop()
        return portion

    async def stop(self) -> None:
        """End what is under way here and let go of everything; the batches of the service go on."""
        if not self._is_over:
            self._failed(_cut_short())
        self._stopped.set()
        if self._owner is not None:
            await asyncio.wait([self._owner])

    def abandon(self) -> None:
        """The same without waiting; from any thread, at any time."""
        if self._loop is not None and not self._stopped.is_set():
            with suppress(RuntimeError):  # the loop has ended, and all of it
                self._loop.call_soon_threadsafe(self._stopped.set)

    @property
    def _is_over(self) -> bool:
        return self._total is not None and self._next >= self._total

    def _failed(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error
            self._cancel_workers()
            self._changed.set()

    def _cancel_workers(self) -> None:
        # Once: a second time would cut short what a worker does to end well.
        running, self._running = self._running, []
        for worker in running:
            worker.cancel()

    def _check(self, task: asyncio.Task[None]) -> None:
        """See to it that nobody waits for what a task will not do any more, where it did not end by itself."""
        failure = broken_off(task)
        if failure is not None:
            self._failed(failure)

    def _check_owner(self, opened: asyncio.Future[BatchPlan], owner: asyncio.Task[None]) -> None:
        self._check(owner)
        if self._failure is not None and not opened.done():
            opened.set_exception(self._failure)

    async def _own(self, opened: asyncio.Future[BatchPlan]) -> None:
        """Hold the journal and the folder until the run is stopped."""
        try:
            folder = await asyncio.to_thread(_temporary_folder)
        except OSError as error:
            opened.set_exception(error)
            return
        journal = BatchJournal(folder / "journal.sqlite" if self._path is None else self._path)
        try:
            self._plan = await self._read_journal(journal, folder)
            opened.set_result(self._plan)
            await self._stopped.wait()
        except Exception as error:  # noqa: BLE001 - handed to whoever opens
            opened.set_exception(error)
        finally:
            self._cancel_workers()
            await asyncio.gather(*self._workers, return_exceptions=True)
            await journal.aclose()
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _read_journal(self, journal: BatchJournal, folder: Path) -> BatchPlan:
        await journal.open()
        known = await journal.resume()
        self._records = await journal.shards()
        return BatchPlan(
            journal,
            folder,
            self._shards,
            base_url=self._service.base_url,
            known=known,
            sent=frozenset(number for number, record in self._records.items() if record.batch_id is not None),
            return_exceptions=self._return_exceptions,
        )

    async def _work(self, plan: BatchPlan, numbers: Iterator[int]) -> None:
        shard_run = ShardRun(self._service, plan.journal, plan.folder)
        try:
            for number in numbers:
                record = await shard_run.run(
                    number,
                    self._shards.requests[number],
                    self._records.get(number),
                    partial(self._looked, number),
                )
                self._note_end(number, record)
        except Exception as error:  # noqa: BLE001 - handed to whoever reads the results
            self._failed(error)

    def _looked(self, number: int, batch: Batch) -> None:
        counts = batch.request_counts
        self._counts[number] = (counts.completed + counts.failed, counts.failed)
        self._changed.set()

    def _note_end(self, number: int, record: ShardRecord) -> None:
        self._records[number] = record
        self._counts[number] = (self._shards.requests[number], record.failed)
        self._changed.set()

    async def _portion(self, plan: BatchPlan) -> list[Result] | None:
        while not self._is_over:
            self._changed.clear()
            results = await self._ready(plan.journal)
            if results:
                return results
            if self._failure is not None:
                raise self._failure
            if self._told != (now := self.progress):
                self._told = now
                return []
            await self._changed.wait()
        return None

    async def _ready(self, journal: BatchJournal) -> list[Result]:
        """The results that are next and there."""
        found: list[Result] = []
        for request in await journal.stored(self._next, _PORTION):
            result = self._result(request)
            if result is None:
                break
            if result.error is not None and not self._return_exceptions:
                if not found:
                    raise result.error
                break
            found.append(result)
        self._next += len(found)
        return found

    def _result(self, request: StoredRequest) -> Result | None:
        if request.shard is None:
            return result_of(request, None, stored=False)
        record = self._records.get(request.shard)
        if record is None or record.outcome is None:
            return None
        return result_of(request, record.outcome, stored=request.shard in self._earlier)


def _cut_short() -> ConfigurationError:
    return ConfigurationError("the run was closed before its last result")


def _temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="maritaca-batches-"))
