"""Many calls: bounded inputs, workers that end, results in order, and what happens when something goes wrong."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from maritaca_async import AsyncMap, ConfigurationError, MapProgress, MaritacaError
from maritaca_async._core.bulk import Calls, Plan
from maritaca_async._core.inputs import WINDOW, Inputs, Item
from maritaca_async._core.journal import Journal


class Work:
    """Calls that note what happens to them."""

    def __init__(self, seconds: float = 0.001) -> None:
        self.seconds = seconds
        self.taken = self.running = self.most = 0
        self.called: list[int] = []
        self.cancelled = 0

    def inputs(self, count: int) -> Iterator[int]:
        for number in range(count):
            self.taken += 1
            yield number

    async def call(self, number: Any) -> str:
        self.running += 1
        self.most = max(self.most, self.running)
        self.called.append(number)
        try:
            await asyncio.sleep(self.seconds * random.random())
            if isinstance(number, Exception):
                raise number
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        return f"answer {number}"

    def item(self, index: int, number: Any, name: str | None = None) -> Item[str]:
        async def digest() -> bytes:
            return str(number).encode()

        return Item(index, name, digest, partial(self.call, number))

    def map(
        self,
        inputs: Any,
        *,
        concurrency: int = 4,
        ordered: bool = True,
        return_exceptions: bool = False,
        journal: Path | None = None,
        on_progress: Any = None,
    ) -> AsyncMap[str]:
        plan: Plan[str] = Plan(
            concurrency,
            ordered=ordered,
            return_exceptions=return_exceptions,
            journal=None if journal is None else Journal(journal),
            dump=str.encode,
            load=bytes.decode,
        )
        return AsyncMap(Calls(Inputs(inputs, self.item, WINDOW * concurrency), plan), on_progress=on_progress)


@pytest.mark.parametrize("ordered", [True, False])
async def test_every_result_comes_once_by_fixed_workers(ordered: bool) -> None:
    work = Work()
    results = [result async for result in work.map(work.inputs(200), ordered=ordered)]
    indexes = [result.index for result in results]
    assert (indexes == list(range(200))) is ordered
    assert sorted(indexes) == list(range(200))
    assert all(result.completion == f"answer {result.index}" for result in results)
    assert work.most == 4


async def test_inputs_are_never_taken_far_ahead_of_the_reader() -> None:
    work = Work()
    read = ahead = 0
    async for _ in work.map(work.inputs(300), concurrency=5):
        read += 1
        if read % 20 == 0:
            await asyncio.sleep(0.01)
        ahead = max(ahead, work.taken - read)
    assert ahead <= WINDOW * 5
    assert len(asyncio.all_tasks()) == 1


async def test_slow_call_at_the_head_bounds_what_is_finished_behind_it() -> None:
    work = Work()
    first = asyncio.Event()

    async def call(number: int) -> str:
        work.called.append(number)
        if number == 0:
            await first.wait()
        return ""

    work.call = call  # type: ignore[method-assign]
    results = work.map(work.inputs(1000), concurrency=4)
    reading = asyncio.create_task(anext(results))
    await asyncio.sleep(0.05)
    assert work.taken == WINDOW * 4
    first.set()
    assert (await reading).index == 0
    await results.aclose()


async def test_asynchronous_generators_are_read_one_at_a_time() -> None:
    async def inputs() -> AsyncIterator[int]:
        for number in range(50):
            await asyncio.sleep(0)
            yield number

    work = Work()
    assert [result.index async for result in work.map(inputs())] == list(range(50))


async def test_no_inputs_give_no_results() -> None:
    assert [result async for result in Work().map([])] == []


async def test_failure_is_raised_and_the_others_are_cancelled() -> None:
    work = Work(seconds=0.2)
    seen = []
    with pytest.raises(MaritacaError, match="broken") as caught:
        async for result in work.map([0, 1, MaritacaError("broken"), *range(3, 100)], ordered=False):
            seen.append(result.index)
    assert work.running == 0
    assert work.cancelled > 0
    assert len(work.called) < 20
    assert 2 not in seen
    assert caught.value.__cause__ is None


async def test_results_before_a_failure_are_handed_out_first() -> None:
    work = Work(seconds=0)
    seen = []
    results = work.map([0, 1, 2, MaritacaError("broken")], concurrency=1)
    with pytest.raises(MaritacaError, match="broken"):
        async for result in results:
            seen.append(result.index)
    assert seen == [0, 1, 2]
    with pytest.raises(MaritacaError, match="broken"):
        await anext(results)


async def test_failures_can_be_results() -> None:
    work = Work()
    inputs = [0, MaritacaError("broken"), 2]
    first, second, third = [result async for result in work.map(inputs, return_exceptions=True)]
    assert (first.error, third.error) == (None, None)
    assert second.completion is None
    assert str(second.error) == "broken"


@pytest.mark.parametrize("return_exceptions", [True, False])
async def test_errors_of_the_caller_and_of_the_input_are_never_results(return_exceptions: bool) -> None:
    work = Work()

    def inputs() -> Iterator[Any]:
        yield 1
        raise KeyError("mine")

    with pytest.raises(KeyError):
        async for _ in work.map(inputs(), return_exceptions=return_exceptions):
            pass
    with pytest.raises(ZeroDivisionError):
        async for _ in work.map([ZeroDivisionError()], return_exceptions=return_exceptions):
            pass


async def test_leaving_early_cancels_what_is_under_way() -> None:
    work = Work(seconds=5)
    async with work.map(work.inputs(100)) as results:
        reading = asyncio.create_task(anext(results))
        await asyncio.sleep(0.01)
        reading.cancel()
        await asyncio.wait([reading])
        with pytest.raises(ConfigurationError, match="closed"):
            await anext(results)
    assert (work.running, work.cancelled) == (0, 4)


async def test_abandoned_map_stops_by_itself() -> None:
    work = Work(seconds=0.1)
    async for _ in work.map(work.inputs(100)):
        break
    gc.collect()
    await asyncio.sleep(0.05)
    assert work.running == 0
    assert len(work.called) < 20


async def test_closing_before_the_first_result_calls_nothing() -> None:
    work = Work()
    results = work.map(work.inputs(10))
    await results.aclose()
    with pytest.raises(ConfigurationError, match="closed"):
        await anext(results)
    assert work.called == []


async def test_progress_is_told_while_the_head_is_slow() -> None:
    work, told = Work(), []
    async for _ in work.map(
        [*range(10), MaritacaError("x")], return_exceptions=True, on_progress=told.append
    ):
        pass
    assert told[-1] == MapProgress(11, 1, None)
    assert [progress.done for progress in told] == sorted({progress.done for progress in told})
    assert len(told) > 2


async def test_error_in_the_progress_function_reaches_the_caller() -> None:
    def broken(progress: MapProgress) -> None:
        raise ZeroDivisionError

    work = Work()
    results = work.map(work.inputs(100), on_progress=broken)
    with pytest.raises(ZeroDivisionError):
        async for _ in results:
            pass
    await results.aclose()


def test_results_belong_to_the_loop_they_were_begun_in() -> None:
    work = Work()
    results = work.map(work.inputs(10), ordered=False)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(results.__anext__())

    async def elsewhere() -> None:
        while True:
            await anext(results)

    with pytest.raises(ConfigurationError, match="event loop"):
        asyncio.run(elsewhere())
    loop.run_until_complete(results.aclose())
    loop.close()


async def test_journal_spares_calls_and_keeps_failures_out(tmp_path: Path) -> None:
    path, first, second = tmp_path / "run.sqlite", Work(), Work()
    inputs = [0, MaritacaError("broken"), 2]
    results = [result async for result in first.map(inputs, journal=path, return_exceptions=True)]
    assert [result.stored for result in results] == [False] * 3
    results = [result async for result in second.map(inputs, journal=path, return_exceptions=True)]
    assert [result.stored for result in results] == [True, False, True]
    assert second.called == [inputs[1]]
    assert results[2].completion == "answer 2"


async def test_changed_input_is_an_error_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    async for _ in Work().map([0, 1], journal=path):
        pass
    work = Work()
    results = [result async for result in work.map([0, 7, 8], journal=path, return_exceptions=True)]
    assert work.called == [8]
    assert isinstance(results[1].error, ConfigurationError)
    with pytest.raises(ConfigurationError, match="inputs have changed"):
        async for _ in Work().map([0, 7], journal=path):
            pass


async def test_same_name_twice_at_once_is_refused(tmp_path: Path) -> None:
    work = Work(seconds=0.05)
    work.item = partial(work.item, name="one")  # type: ignore[method-assign]
    with pytest.raises(ConfigurationError, match=r"requests\[1\].*custom_id 'one'"):
        async for _ in work.map([1, 2], journal=tmp_path / "run.sqlite"):
            pass
    assert len(work.called) <= 1


async def test_unreadable_answer_in_the_journal_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    journal = Journal(path)
    await journal.open()
    await journal.store("#0", b"0", b"\xff")
    await journal.aclose()
    with pytest.raises(MaritacaError, match="#0.*cannot be read"):
        async for _ in Work().map([0], journal=path):
            pass


async def test_journal_that_breaks_ends_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> None:
        raise MaritacaError("disk full")

    monkeypatch.setattr(Journal, "store", full)
    with pytest.raises(MaritacaError, match="disk full"):
        async for _ in Work().map([0, 1], journal=tmp_path / "run.sqlite", return_exceptions=True):
            pass


async def test_journal_that_cannot_be_used_is_told_before_any_call(tmp_path: Path) -> None:
    work = Work()
    results = work.map([0], journal=tmp_path)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="cannot be opened"):
            await anext(results)
    assert work.called == []


async def cancelled_within() -> None:
    """What code does that waits for a task which somebody else cancels."""
    inner = asyncio.create_task(asyncio.sleep(60))
    inner.cancel()
    await inner


@pytest.mark.parametrize("journalled", [True, False])
@pytest.mark.parametrize("ordered", [True, False])
async def test_requests_that_are_cut_short_by_a_cancellation_never_pass_for_all(
    tmp_path: Path, ordered: bool, journalled: bool
) -> None:
    async def inputs() -> AsyncIterator[int]:
        for number in range(20):
            if number == 5:
                await cancelled_within()
            yield number

    work, seen = Work(), []
    results = work.map(inputs(), ordered=ordered, journal=tmp_path / "run.sqlite" if journalled else None)
    with pytest.raises(MaritacaError, match="CancelledError.*nobody closed it") as caught:
        async for result in results:
            seen.append(result.index)
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)
    assert set(seen) <= set(range(5))


@pytest.mark.parametrize("ordered", [True, False])
async def test_call_that_is_cut_short_by_a_cancellation_ends_everything_at_once(ordered: bool) -> None:
    work = Work(seconds=0)

    async def call(number: int) -> str:
        if number == 2:
            await cancelled_within()
        if number == 0:
            await asyncio.sleep(60)
        return ""

    work.call = call  # type: ignore[method-assign]
    async with asyncio.timeout(5):
        with pytest.raises(MaritacaError, match="CancelledError"):
            async for _ in work.map(range(50), ordered=ordered, return_exceptions=True):
                pass


@pytest.mark.parametrize("begun", [True, False])
async def test_tasks_that_others_cancel_are_a_failure(begun: bool) -> None:
    results = Work(seconds=5).map(range(50))
    await results.begin()
    if begun:
        await asyncio.sleep(0.01)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(MaritacaError, match="CancelledError"):
            await anext(results)
    await results.aclose()


async def test_supervisor_that_others_cancel_is_a_failure_and_ends_the_workers() -> None:
    work = Work(seconds=5)
    results = work.map(range(50))
    await results.begin()
    await asyncio.sleep(0.01)
    assert results._calls._supervisor is not None
    results._calls._supervisor.cancel()
    async with asyncio.timeout(3):
        with pytest.raises(MaritacaError, match="CancelledError"):
            await anext(results)
        while work.running:
            await asyncio.sleep(0.01)


async def test_cancelled_beginning_is_a_closed_map_and_no_later_cancellation(tmp_path: Path) -> None:
    results = Work().map(range(50), journal=tmp_path / "run.sqlite")
    reading = asyncio.create_task(anext(results))
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait([reading])
    assert reading.cancelled()
    with pytest.raises(ConfigurationError, match="closed"):
        await anext(results)


async def test_journal_that_cannot_be_used_is_told_to_every_reader(tmp_path: Path) -> None:
    results = Work().map([0], journal=tmp_path)
    async with asyncio.timeout(5):
        errors = await asyncio.gather(anext(results), anext(results), return_exceptions=True)
    assert [type(error) for error in errors] == [ConfigurationError] * 2
