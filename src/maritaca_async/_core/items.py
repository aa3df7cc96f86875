"""Items that arrive in portions, handed out one by one."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")


class AsyncItems(Generic[T]):
    """An iterator over items that come in portions, such as the lines of one network read.

    Args:
        more: Gives the next portion, which may be empty, and None at the end.
    """

    def __init__(self, more: Callable[[], Awaitable[Sequence[T] | None]]) -> None:
        self.more: Callable[[], Awaitable[Sequence[T] | None]] = more
        """Gives the next portion, past this iterator: for its blocking twin."""
        self._ready: deque[T] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while not self._ready:
            portion = await self.more()
            if portion is None:
                raise StopAsyncIteration
            self._ready.extend(portion)
        return self._ready.popleft()
