"""Many calls with bounded memory: a fixed number of workers, and a bounded number of inputs on their way.

An input counts from the moment it is taken until its result is handed out. In order, a slow call thus
holds up those after it once the bound is reached, instead of letting their results pile up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, Self, TypeVar

from ..errors import ConfigurationError, MaritacaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from .inputs import Item, Source
    from .journal import Journal

T = TypeVar("T")


@dataclass(slots=True)
class MapResult(Generic[T]):
    """What became of one input."""

    index: int
    """Position of the input, from 0."""
    custom_id: str | None
    """The name that the input gave itself."""
    completion: T | None = None
    """The answer; None when the call failed."""
    error: MaritacaError | None = None
    """Why the call failed; None when it did not."""
    stored: bool = False
    """Whether the answer comes from the journal, without a call."""


@dataclass(slots=True)
class MapProgress:
    """How far many calls have come."""

    done: int
    """Inputs that are finished, well or not."""
    failed: int
    """Those of them that failed."""
    total: int | None
    """How many there are, where that is known."""


class Plan(NamedTuple, Generic[T]):
    """How the inputs are worked on."""

    concurrency: int
    """Workers, and so calls at the same time."""
    ordered: bool
    """Whether results come in the order of the inputs."""
    return_exceptions: bool
    """Whether a failure is a result, and does not end everything."""
    journal: Journal | None
    """Where answers are stored."""
    dump: Callable[[T], bytes]
    """What to store of an answer."""
    load: Callable[[bytes], T]
    """An answer from what was stored."""


class Calls(Generic[T]):
    """The workers behind an `AsyncMap`. They do not know it, so that they end when it is dropped."""

    def __init__(self, source: Source[T], plan: Plan[T]) -> None:
        self.done: int = 0
        self.failed: int = 0
        self.failure: BaseException | None = None
        self.working: bool = True
        self.changed: asyncio.Event = asyncio.Event()
        self._source = source
        self._plan = plan
        self._loop: asyncio.AbstractEventLoop | None = None
        self._workers: list[asyncio.Task[None]] = []
        self._supervisor: asyncio.Task[None] | None = None
        self._results: dict[int, MapResult[T]] = {}
        self._finished: deque[int] = deque()
        self._next = 0
        self._keys: set[str] = set()
        self._broken: MaritacaError | None = None

    async def begin(self) -> None:
        """Start the workers, at the first call.

        Raises:
            ConfigurationError: the journal cannot be used, or the work was begun in another event loop.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not None:
            if self._loop is not loop:
                raise ConfigurationError("results can be read only in the event loop in which that was begun")
            return
        self._loop = loop
        try:
            if self._plan.journal is not None:
                await self._plan.journal.open()
        except BaseException as error:
            self.failure = error if isinstance(error, Exception) else _closed()
            self.working = False
            self.changed.set()
            raise
        self._workers = [loop.create_task(self._work()) for _ in range(self._plan.concurrency)]
        for worker in self._workers:
            worker.add_done_callback(self._check)
        self._supervisor = loop.create_task(self._supervise())
        self._supervisor.add_done_callback(self._end)

    @property
    def ready(self) -> bool:
        """Whether a result can be handed out, or nothing more will happen."""
        waiting = self._next in self._results if self._plan.ordered else bool(self._finished)
        return waiting or not self.working

    @property
    def over(self) -> bool:
        """Whether nothing is under way and no result is left."""
        return not self.working and not self._results

    def pop(self) -> MapResult[T] | None:
        """The next result, None if there is none yet. For any thread."""
        if self._plan.ordered:
            index = self._next
        elif self._finished:
            index = self._finished.popleft()
        else:
            return None
        result = self._results.pop(index, None)
        if result is not None:
            self._next += 1
            self._source.handed_out()
        return result

    async def stop(self) -> None:
        """Cancel what is under way, and wait until it has ended."""
        self._cancel()
        if self._supervisor is not None:
            await asyncio.wait([self._supervisor])
        self.working = False

    def abandon(self) -> None:
        """The same without waiting; from any thread, at any time."""
        if self._loop is not None and self.working:
            with suppress(RuntimeError):  # the loop has ended, and all of it
                self._loop.call_soon_threadsafe(self._cancel)

    def fail(self, error: Exception) -> None:
        """End everything; the first failure is what readers are told."""
        if self.failure is None:
            self.failure = error
            self._cancel()

    def _cancel(self) -> None:
        for worker in self._workers:
            if worker is not asyncio.current_task():
                worker.cancel()

    async def _work(self) -> None:
        try:
            while (item := await self._source.take()) is not None:
                result = await self._result(item)
                self._results[item.index] = result
                if not self._plan.ordered:
                    self._finished.append(item.index)
                self.done += 1
                self.failed += result.error is not None
                self.changed.set()
        except Exception as error:  # noqa: BLE001 - handed to whoever reads the results
            self.fail(error)

    def _check(self, task: asyncio.Task[None]) -> None:
        """See to it that no input is lost where a task did not end by itself."""
        failure = broken_off(task)
        if failure is not None:
            self.fail(failure)

    def _end(self, supervisor: asyncio.Task[None]) -> None:
        self._check(supervisor)
        self.working = False
        self.changed.set()

    async def _supervise(self) -> None:
        try:
            await asyncio.wait(self._workers)
        finally:
            if self._plan.journal is not None:
                await self._plan.journal.aclose()

    async def _result(self, item: Item[T]) -> MapResult[T]:
        try:
            if self._plan.journal is None:
                return MapResult(item.index, item.custom_id, await item.call())
            with self._claim(item):
                return await self._journalled(self._plan.journal, item)
        except MaritacaError as error:
            if not self._plan.return_exceptions or error is self._broken:
                raise
            return MapResult(item.index, item.custom_id, error=error)

    async def _journalled(self, journal: Journal, item: Item[T]) -> MapResult[T]:
        digest = await item.digest()
        known = await journal.find(item.key, digest)
        if known is not None:
            return MapResult(item.index, item.custom_id, self._read(known, item), stored=True)
        answer = await item.call()
        try:
            await journal.store(item.key, digest, self._plan.dump(answer))
        except MaritacaError as error:
            self._broken = error
            raise
        return MapResult(item.index, item.custom_id, answer)

    def _read(self, stored: bytes, item: Item[T]) -> T:
        try:
            return self._plan.load(stored)
        except ValueError as error:
            raise MaritacaError(f"the journal's answer to {item.key!r} cannot be read: {error}") from None

    @contextmanager
    def _claim(self, item: Item[T]) -> Iterator[None]:
        """Refuse a second input of the same name while the first is under way: both would be sent."""
        if item.key in self._keys:
            raise ConfigurationError(
                f"requests[{item.index}]: another request has the custom_id {item.custom_id!r}"
            )
        self._keys.add(item.key)
        try:
            yield
        finally:
            self._keys.discard(item.key)


class AsyncMap(Generic[T]):
    """The results of many calls. Iterate it; leave it early and what is under way is cancelled.

    Use it as a context manager, or let go of it: an abandoned map stops by itself.
    """

    def __init__(
        self,
        calls: Calls[T],
        *,
        total: int | None = None,
        on_progress: Callable[[MapProgress], object] | None = None,
    ) -> None:
        self._calls = calls
        self._total = total
        self._on_progress = on_progress
        self._reported = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MapResult[T]:
        result = self.take()
        while result is None:
            if self.ended:
                raise StopAsyncIteration
            await self.fill()
            result = self.take()
        return result

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._calls.abandon()

    async def aclose(self) -> None:
        """Cancel what is under way, and wait until it has ended; as often as one likes."""
        if not self.ended:
            self._calls.fail(_closed())
        await self._calls.stop()

    async def begin(self) -> None:
        """Start working, if that has not been done.

        Raises:
            ConfigurationError: see `fill`.
        """
        await self._calls.begin()

    async def fail(self, error: Exception) -> None:
        """End with an error of whoever gives the inputs, once the results before it have been handed out."""
        self._calls.fail(error)
        await self._calls.stop()

    @property
    def ended(self) -> bool:
        """Whether every result has been handed out."""
        return self._calls.over and self._calls.failure is None

    @property
    def running(self) -> bool:
        """Whether more inputs are of use: nothing has failed, been closed, or ended."""
        return self._calls.failure is None and not self._calls.over

    def take(self) -> MapResult[T] | None:
        """The next result that is there already, None if there is none. Never waits; for any thread.

        Raises:
            MaritacaError: a call failed; results that were there before have been handed out.
        """
        self._report()
        result = self._calls.pop()
        if result is None and self._calls.failure is not None and not self._calls.working:
            raise self._calls.failure
        return result

    async def fill(self) -> None:
        """Wait until there is a result, progress to report, or an end.

        Raises:
            ConfigurationError: the journal cannot be used, or this is not the event loop it was begun in.
        """
        calls = self._calls
        await calls.begin()
        try:
            while not calls.ready and not self._has_progress:
                calls.changed.clear()
                await calls.changed.wait()
        except BaseException:
            await self.aclose()
            raise

    @property
    def _has_progress(self) -> bool:
        return self._on_progress is not None and self._calls.done > self._reported

    def _report(self) -> None:
        if self._on_progress is not None and self._has_progress:
            self._reported = self._calls.done
            self._on_progress(MapProgress(self._reported, self._calls.failed, self._total))


def broken_off(task: asyncio.Task[None]) -> MaritacaError | None:
    """The failure of a task that has ended, but not by itself; None for one that did."""
    try:
        task.result()
    except BaseException as error:  # noqa: BLE001 - handed to whoever reads the results
        failure = MaritacaError(
            f"the work was broken off before its last result, by {error!r}: nobody closed it, but something "
            "that the requests or a call waited for was cancelled"
        )
        failure.__cause__ = error
        return failure
    return None


def _closed() -> ConfigurationError:
    return ConfigurationError("the map was closed before its last result")
