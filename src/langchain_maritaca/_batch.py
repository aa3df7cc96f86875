"""Many calls at once: as many as the service bears, not as many as the machine has cores."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatResult, LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ContextThreadPoolExecutor, ensure_config, get_config_list

from maritaca_async import ConfigurationError

from ._context import ContextAwareChatModel

BATCH_CONCURRENCY: Final = 100
"""Calls that a batch makes at once when the config sets no `max_concurrency`."""

Configs = RunnableConfig | Sequence[RunnableConfig] | None
Progress = Callable[[int, int, ChatResult], object]


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

        Args:
            inputs: What `invoke` takes, many times.
            config: One config for all, or one for each.
            return_exceptions: Whether a failed call leaves its exception in the list instead of raising it.
            **kwargs: Further parameters of every call.

        Returns:
            The answers, in the order of the inputs.
        """
        configs = _bounded(config, len(inputs))

        def answer(value: LanguageModelInput, config: RunnableConfig) -> Any:
            try:
                return self.invoke(value, config, **kwargs)
            except Exception as error:
                if return_exceptions:
                    return error
                raise

        return _in_threads(answer, inputs, configs, _concurrency(configs))

    async def abatch(
        self,
        inputs: Sequence[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """`batch` for asynchronous code. When a call fails and raises, the others are cancelled."""
        configs = _bounded(config, len(inputs))
        answer = self._answerer(kwargs, return_exceptions=return_exceptions)
        return await _gather(answer, zip(inputs, configs, strict=True), _concurrency(configs))

    def batch_as_completed(
        self,
        inputs: Sequence[LanguageModelInput],
        config: Configs = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """`batch`, with each answer as soon as it is there, beside the place of its input."""
        configs = _bounded(config, len(inputs))
        return super().batch_as_completed(
            inputs, configs, return_exceptions=cast("Any", return_exceptions), **kwargs
        )

    async def abatch_as_completed(
        self,
        inputs: Sequence[LanguageModelInput],
        config: Configs = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """`batch_as_completed` for asynchronous code. Leave it early and the calls under way are cancelled."""
        configs = _bounded(config, len(inputs))
        answer = self._answerer(kwargs, return_exceptions=return_exceptions)

        async def placed(place: int, *asked: Any) -> tuple[int, Any]:
            return place, await answer(*asked)

        asked = zip(range(len(inputs)), inputs, configs, strict=True)
        async with _started(placed, asked, _concurrency(configs)) as tasks:
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
        options = {**_inherited(), **kwargs}

        async def answer(value: LanguageModelInput) -> Any:
            messages = self._convert_input(value).to_messages()
            try:
                return _chat_result(await self.agenerate([messages], stop=stop, **options))
            except Exception as error:
                if return_exceptions:
                    return error
                raise

        return await _gather(answer, zip(inputs), max_concurrency)

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
        options = {**_inherited(), **kwargs}

        def answer(value: LanguageModelInput, _config: RunnableConfig) -> ChatResult:
            messages = self._convert_input(value).to_messages()
            return _chat_result(self.generate([messages], stop=stop, **options))

        return _in_threads(answer, inputs, [RunnableConfig()] * len(inputs), max_concurrency, callback)

    def _answerer(
        self, kwargs: Mapping[str, Any], *, return_exceptions: bool
    ) -> Callable[[LanguageModelInput, RunnableConfig], Awaitable[Any]]:
        async def answer(value: LanguageModelInput, config: RunnableConfig) -> Any:
            try:
                return await self.ainvoke(value, config, **kwargs)
            except Exception as error:
                if return_exceptions:
                    return error
                raise

        return answer


def _in_threads(
    answer: Callable[[Any, RunnableConfig], Any],
    inputs: Sequence[Any],
    configs: Sequence[RunnableConfig],
    concurrency: int,
    callback: Progress | None = None,
) -> list[Any]:
    """The results in order.

    The first failure keeps what has not begun from beginning, and is raised when nothing is under way any
    more; Ctrl-C is raised at once.
    """
    if len(inputs) == 1 and callback is None:
        return [answer(inputs[0], configs[0])]
    executor = ContextThreadPoolExecutor(max_workers=concurrency)
    patient = True
    try:
        futures = [executor.submit(answer, *asked) for asked in zip(inputs, configs, strict=True)]
        for answered, future in enumerate(as_completed(futures), 1):
            result = future.result()
            if callback is not None:
                callback(answered, len(futures), result)
        return [future.result() for future in futures]
    except KeyboardInterrupt:
        patient = False
        raise
    finally:
        executor.shutdown(wait=patient, cancel_futures=True)


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


@asynccontextmanager
async def _started(
    call: Callable[..., Awaitable[Any]], asked: Iterable[tuple[Any, ...]], concurrency: int
) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """One task for each call, so many of them at once; what is not done at the end is cancelled."""
    places = asyncio.Semaphore(concurrency)

    async def run(args: tuple[Any, ...]) -> Any:
        async with places:
            return await call(*args)

    tasks = [asyncio.create_task(run(args)) for args in asked]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _gather(
    call: Callable[..., Awaitable[Any]], asked: Iterable[tuple[Any, ...]], concurrency: int
) -> list[Any]:
    async with _started(call, asked, concurrency) as tasks:
        return await asyncio.gather(*tasks)


def _inherited() -> dict[str, Any]:
    """What a call made inside another run takes over from it."""
    config = ensure_config()
    return {name: config.get(name) for name in ("callbacks", "tags", "metadata")}


def _chat_result(result: LLMResult) -> ChatResult:
    generations = cast("Any", result.generations[0])
    return ChatResult(generations=generations, llm_output=result.llm_output)
