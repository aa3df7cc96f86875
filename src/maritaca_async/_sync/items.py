"""Blocking iterators and pages: they cross to the loop once per portion, never once per item."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from .portal import run

if TYPE_CHECKING:
    from .._core.http_info import HttpInfo
    from .._core.items import AsyncItems
    from .._core.pagination import AsyncPage

T = TypeVar("T")


class Items(Generic[T]):
    """An iterator over items that come in portions; the blocking twin of `AsyncItems`."""

    def __init__(self, twin: AsyncItems[T]) -> None:
        self._twin = twin
        self._ready: deque[T] = deque()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        while not self._ready:
            portion = run(self._twin.more)
            if portion is None:
                raise StopIteration
            self._ready.extend(portion)
        return self._ready.popleft()


class Page(Generic[T]):
    """One page of a list; the blocking twin of `AsyncPage`."""

    def __init__(self, twin: AsyncPage[T]) -> None:
        self._twin = twin
        self.data: list[T] = twin.data
        """The items of this page."""
        self.http: HttpInfo = twin.http
        """Status, headers, request id, attempts and elapsed seconds of the call."""
        self.next_cursor: str | None = twin.next_cursor
        """What to pass as `after` for the next page; None on the last one."""

    @property
    def has_more(self) -> bool:
        """Whether there may be another page; it may prove to be empty when the server does not say."""
        return self._twin.has_more

    def next_page(self) -> Page[T] | None:
        """The next page, None after the last one.

        Raises:
            APIError: the call failed; it may be tried again.
        """
        following = run(self._twin.next_page)
        return None if following is None else Page(following)

    def __iter__(self) -> Items[T]:
        return Items(aiter(self._twin))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.data)} items, has_more={self.has_more}>"
