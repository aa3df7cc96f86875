"""Lists that come in pages, whichever way a server says where the next one begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from .items import AsyncItems

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from .http_info import HttpInfo

T = TypeVar("T")


class Portion(Protocol[T]):
    """What a server says about one page."""

    @property
    def data(self) -> list[T]:
        """The items; each has an `id`."""
        ...

    @property
    def has_more(self) -> bool | None:
        """Whether there are more; None when it does not say."""
        ...

    @property
    def next_cursor(self) -> str | None:
        """Where the next page begins; None when it does not say."""
        ...


def following(portion: Portion[Any], seen: frozenset[str]) -> str | None:
    """Where the next page begins, None at the end (contract section 27).

    Args:
        portion: What the server says about this page.
        seen: Cursors that were used already: one that comes back would lead in a circle.
    """
    if not portion.data or portion.has_more is False:
        return None
    cursor: str = portion.next_cursor or portion.data[-1].id
    return cursor if cursor and cursor not in seen else None


def repeats(portion: Portion[Any], before: list[Any], after: str) -> bool:
    """Whether a page is the one before it again, or ends where it should begin: its server ignores `after`.

    Args:
        portion: What the server says about the page.
        before: The items of the page before it.
        after: What the page was to begin after: a cursor, or the id of an item.
    """
    return bool(portion.data) and (portion.data[-1].id == after or _names(portion.data) == _names(before))


def _names(items: list[Any]) -> list[Any]:
    """What tells items apart: their ids, or all of an item that has none."""
    return [item.id or item for item in items]


class AsyncPage(Generic[T]):
    """One page of a list. Iterating it goes on through all pages that follow."""

    def __init__(
        self,
        portion: Portion[T],
        http: HttpInfo,
        fetch: Callable[[str], Awaitable[tuple[Portion[T], HttpInfo]]],
        after: str | None = None,
        seen: frozenset[str] = frozenset(),
    ) -> None:
        self._fetch = fetch
        self._seen = seen if after is None else seen | {after}
        self.data: list[T] = portion.data
        """The items of this page."""
        self.http: HttpInfo = http
        """Status, headers, request id, attempts and elapsed seconds of the call."""
        self.next_cursor: str | None = following(portion, self._seen)
        """What to pass as `after` for the next page; None on the last one."""

    @property
    def has_more(self) -> bool:
        """Whether there may be another page; it may prove to be empty when the server does not say."""
        return self.next_cursor is not None

    async def next_page(self) -> AsyncPage[T] | None:
        """The next page, None after the last one.

        Raises:
            APIError: the call failed; it may be tried again.
        """
        if self.next_cursor is None:
            return None
        portion, http = await self._fetch(self.next_cursor)
        if repeats(portion, self.data, self.next_cursor):
            return None
        return AsyncPage(portion, http, self._fetch, self.next_cursor, self._seen)

    def __aiter__(self) -> AsyncItems[T]:
        return AsyncItems(_Walk(self.next_page, self.data).more)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.data)} items, has_more={self.has_more}>"


class AsyncPages(Generic[T]):
    """A list that is not asked for yet: `await` it for its first page, or iterate over all of its items."""

    def __init__(self, first: Callable[[], Awaitable[AsyncPage[T]]]) -> None:
        self._first = first

    def __await__(self) -> Generator[Any, Any, AsyncPage[T]]:
        return self._first().__await__()

    def __aiter__(self) -> AsyncItems[T]:
        return AsyncItems(_Walk(self._first).more)


class _Walk(Generic[T]):
    """From page to page; a step that failed can be tried again."""

    def __init__(
        self, step: Callable[[], Awaitable[AsyncPage[T] | None]], data: list[T] | None = None
    ) -> None:
        self._step = step
        self._data = data

    async def more(self) -> list[T] | None:
        if (ready := self._data) is not None:
            self._data = None
            return ready
        page = await self._step()
        if page is None:
            return None
        self._step = page.next_page
        return page.data
