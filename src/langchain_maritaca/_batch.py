"""Many calls at once: as many as the service bears, not as many as the machine has cores."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from operator import itemgetter
from typing import Any, Final, cast

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatResult, LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ContextThreadPoolExecutor, ensure_config, get_config_list

from maritaca_async import Cancellation, ConfigurationError

from ._calls import with_wire_tools
from ._context import ContextAwareChatModel

BATCH_CONCURRENCY: Final = 100
"""Calls that a batch makes at once when the config sets no `max_concurrency`."""

Configs = RunnableConfig | Sequence[RunnableConfig] | None
"""One configuration for all inputs, or one for each."""
Progress = Callable[[int, int, ChatResult], object]
"""Called with the number of inputs that are finished, of all inputs, and the newest answer."""


class BatchingChatModel(ContextAwareChatModel):
    """A chat model that answers many inputs at once, in their order."""

    def batch(
        self,
        inputs: Sequence[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """Answer many inputs, 100 at once unless `config["max_concurrency"]` says otherwise.

        A failure, like Ctrl-C, is raised at once, and the calls under way are cancelled.

        Args:
            inputs: What `invoke` takes, many times.
            config: One config for all, or one for each.
            return_exceptions: Whether a failed call leaves its exception in the list instead of raising it.
            **kwargs: Further parameters of every call.

        Returns:
            The answers, in the order of the inputs.
        """
        configs = _bounded(config, len(inputs))
        if len(inputs) == 1 and not return_exceptions:
            return [self.invoke(inputs[0], configs[0], **kwargs)]
        answer = partial(self.invoke, **with_wire_tools(kwargs))
        asked = zip(inputs, configs, strict=True)
        with _in_threads(answer, asked, _concurrency(configs), keep_errors=return_exceptions) as futures:
            return _in_order(future.result() for future in as_completed(futures))

    async def abatch(
        self,
        inputs: Sequence[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """`batch` for asynchronous code. When a call fails and raises, the others are cancelled."""
        configs, answer = _bounded(config, len(inputs)), partial(self.ainvoke, **with_wire_tools(kwargs))
        asked = zip(inputs, configs, strict=True)
        async with _in_tasks(answer, asked, _concurrency(configs), keep_errors=return_exceptions) as tasks:
            return _in_order(await asyncio.gather(*tasks))

    def batch_as_completed(
        self,
        inputs: Sequence[LanguageModelInput],
        config: Configs = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """`batch`, with each answer as soon as it is there, beside the place of its input.

        Leave it early and the calls under way are cancelled.
        """
        configs, answer = _bounded(config, len(inputs)), partial(self.invoke, **with_wire_tools(kwargs))
        asked = zip(inputs, configs, strict=True)
        with _in_threads(answer, asked, _concurrency(configs), keep_errors=return_exceptions) as futures:
            for future in as_completed(futures):
                yield future.result()

    async def abatch_as_completed(
        self,
        inputs: Sequence[LanguageModelInput],
        config: Configs = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """`batch_as_completed` for asynchronous code."""
        configs, answer = _bounded(config, len(inputs)), partial(self.ainvoke, **with_wire_tools(kwargs))
        asked = zip(inputs, configs, strict=True)
        async with _in_tasks(answer, asked, _concurrency(configs), keep_errors=return_exceptions) as tasks:
            for task in asyncio.as_completed(tasks):
                yield await task

    async def abatch_with_concurrency(
        self,
        inputs: Sequence[LanguageModelInput],
        max_concurrency: int = 5,
        *,
        stop: list[str] | None = None,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Answer many inputs, so many at once; like `abatch`, but with whole `ChatResult` objects.

        Args:
            inputs: Lists of messages, or whatever else `invoke` takes.
            max_concurrency: Calls at once.
            stop: Texts that end each answer.
            return_exceptions: Whether a failed call leaves its exception in the list instead of raising it.
            **kwargs: Further parameters of every call.

        Returns:
            The results, in the order of the inputs.

        Raises:
            ConfigurationError: `max_concurrency` is below 1.
        """
        _check_concurrency(max_concurrency)
        options = {**_inherited(), **with_wire_tools(kwargs)}

        async def answer(value: LanguageModelInput) -> ChatResult:
            messages = self._convert_input(value).to_messages()
            return _chat_result(await self.agenerate([messages], stop=stop, **options))

        async with _in_tasks(answer, zip(inputs), max_concurrency, keep_errors=return_exceptions) as tasks:
            return _in_order(await asyncio.gather(*tasks))

    def batch_with_progress(
        self,
        inputs: Sequence[LanguageModelInput],
        max_concurrency: int = 5,
        *,
        stop: list[str] | None = None,
        callback: Progress | None = None,
        **kwargs: Any,
    ) -> list[ChatResult]:
        """Answer many inputs, and tell after each answer how far it has come.

        Args:
            inputs: Lists of messages, or whatever else `invoke` takes.
            max_concurrency: Calls at once.
            stop: Texts that end each answer.
            callback: Called in this thread as `callback(answered, total, result)` after each answer.
            **kwargs: Further parameters of every call.

        Returns:
            The results, in the order of the inputs.

        Raises:
            ConfigurationError: `max_concurrency` is below 1.
        """
        _check_concurrency(max_concurrency)
        options = {**_inherited(), **with_wire_tools(kwargs)}

        def answer(value: LanguageModelInput) -> ChatResult:
            messages = self._convert_input(value).to_messages()
            return _chat_result(self.generate([messages], stop=stop, **options))

        answers: list[tuple[int, ChatResult]] = []
        with _in_threads(answer, zip(inputs), max_concurrency, keep_errors=False) as futures:
            for future in as_completed(futures):
                answers.append(future.result())
                if callback is not None:
                    callback(len(answers), len(inputs), answers[-1][1])
        return _in_order(answers)


def _bounded(config: Configs, length: int) -> list[RunnableConfig]:
    """One config for each input; the first decides how many run at once."""
    configs = get_config_list(config, length)
    for each in configs:
        given = each.get("max_concurrency")
        _check_concurrency(given)
        each["max_concurrency"] = BATCH_CONCURRENCY if given is None else given
    return configs


def _concurrency(configs: Sequence[RunnableConfig]) -> int:
    return next((config.get("max_concurrency") or 1 for config in configs), 1)


def _check_concurrency(value: int | None) -> None:
    if value is not None and value < 1:
        raise ConfigurationError(f"max_concurrency must be at least 1, not {value!r}")


@contextmanager
def _in_threads(
    call: Callable[..., Any], asked: Iterable[tuple[Any, ...]], concurrency: int, *, keep_errors: bool
) -> Iterator[list[Future[tuple[int, Any]]]]:
    """Each call's place and answer, so many at once; what is not done at the end is cancelled."""

    def run(place: int, args: tuple[Any, ...]) -> tuple[int, Any]:
        try:
            return place, call(*args)
        except Exception as error:
            if keep_errors:
                return place, error
            raise

    executor, calls = ContextThreadPoolExecutor(max_workers=concurrency), Cancellation()
    try:
        with calls:
            futures = [executor.submit(run, place, args) for place, args in enumerate(asked)]
        yield futures
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        calls.cancel()


@asynccontextmanager
async def _in_tasks(
    call: Callable[..., Awaitable[Any]],
    asked: Iterable[tuple[Any, ...]],
    concurrency: int,
    *,
    keep_errors: bool,
) -> AsyncIterator[list[asyncio.Task[tuple[int, Any]]]]:
    """Each call's place and answer, so many at once; what is not done at the end is cancelled."""
    free = asyncio.Semaphore(concurrency)

    async def run(place: int, args: tuple[Any, ...]) -> tuple[int, Any]:
        async with free:
            try:
                return place, await call(*args)
            except Exception as error:
                if keep_errors:
                    return place, error
                raise

    tasks = [asyncio.create_task(run(place, args)) for place, args in enumerate(asked)]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _in_order(answers: Iterable[tuple[int, Any]]) -> list[Any]:
    """The answers by the places of their inputs."""
    return [answer for _, answer in sorted(answers, key=itemgetter(0))]


def _inherited() -> dict[str, Any]:
    """What a call made inside another run takes over from it."""
    config = ensure_config()
    return {name: config.get(name) for name in ("callbacks", "tags", "metadata")}


def _chat_result(result: LLMResult) -> ChatResult:
    generations = cast("Any", result.generations[0])
    return ChatResult(generations=generations, llm_output=result.llm_output)
