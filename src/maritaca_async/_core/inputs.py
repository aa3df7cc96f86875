"""What many calls are asked for: one input after the other, never many more than are finished."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, Self, TypeVar

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")
WINDOW: Final = 2
"""Inputs on their way for each worker: one being answered, one waiting to be handed out."""


@dataclass(slots=True)
class Item(Generic[T]):
    """One input, ready to be sent; or why it cannot be."""

    index: int
    custom_id: str | None
    digest: Callable[[], Awaitable[bytes]]
    """Makes what tells it from another request of its name; only a journal asks for that."""
    call: Callable[[], Awaitable[T]]

    @property
    def key(self) -> str:
        """Its name in the journal."""
        return f"#{self.index}" if self.custom_id is None else f"id {self.custom_id}"


class Source(Protocol[T]):
    """Where workers get their inputs."""

    async def take(self) -> Item[T] | None:
        """The next input, None when there are no more."""

    def handed_out(self) -> None:
        """One more result has left."""


class Inputs(Generic[T]):
    """Inputs from the caller's iterable, taken one by one and never many more than are finished."""

    def __init__(
        self,
        requests: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
        prepare: Callable[[int, Any], Item[T]],
        most: int,
    ) -> None:
        self._iterator = (
            aiter(requests) if isinstance(requests, AsyncIterable) else _Ready(iter(check_requests(requests)))
        )
        self._prepare = prepare
        self._lock = asyncio.Lock()
        self._room = asyncio.Semaphore(most)
        self._taken = 0
        self._ended = False

    async def take(self) -> Item[T] | None:
        """The next input, once there is room for it; None when there are no more."""
        async with self._lock:
            if self._ended:
                return None
            await self._room.acquire()
            try:
                request = await anext(self._iterator)
            except StopAsyncIteration:
                self._ended = True
                return None
            self._taken += 1
            return self._prepare(self._taken - 1, request)

    def handed_out(self) -> None:
        """Make room for one more input."""
        self._room.release()


class Fed(Generic[T]):
    """Inputs that are handed in one by one, in the event loop; whoever does so sees to the bound."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Item[T] | None] = asyncio.Queue()

    def feed(self, item: Item[T] | None) -> None:
        """Hand in an input; None after the last."""
        self._queue.put_nowait(item)

    async def take(self) -> Item[T] | None:
        """The next input, None when there are no more."""
        item = await self._queue.get()
        if item is None:
            self._queue.put_nowait(None)
        return item

    def handed_out(self) -> None:
        """Nothing to do here."""


class _Ready(Generic[T]):
    """An iterator in the clothes of an asynchronous one."""

    def __init__(self, iterator: Any) -> None:
        self._iterator = iterator

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        for item in self._iterator:
            return item
        raise StopAsyncIteration


def check_requests(requests: Any) -> Iterable[Mapping[str, Any]]:
    """Refuse what is not an iterable of requests.

    Raises:
        ConfigurationError: saying what it is.
    """
    if isinstance(requests, str | bytes | Mapping) or not isinstance(requests, Iterable):
        raise ConfigurationError(
            f"requests must be a list or other iterable of parameter dicts, not {type(requests).__name__}"
        )
    return requests


def check_progress(on_progress: Any, *, awaited: bool = False) -> None:
    """Refuse what cannot be told how far things are.

    Args:
        on_progress: What the caller gave; None is no wish to be told.
        awaited: Whether a coroutine function has its coroutines awaited.

    Raises:
        ConfigurationError: no function, or a coroutine function whose body would never run.
    """
    if on_progress is None:
        return
    if not callable(on_progress):
        raise ConfigurationError(f"on_progress must be a function, not {type(on_progress).__name__}")
    if not awaited and any(map(inspect.iscoroutinefunction, (on_progress, type(on_progress).__call__))):
        raise ConfigurationError(
            "on_progress must be a plain function: nothing here awaits a coroutine function, so it would never run"
        )
