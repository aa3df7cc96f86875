"""The results of many calls, for blocking callers: requests are read in the caller's thread, one for each result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from .closing import Closing
from .portal import run, run_close

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .._core.bulk import AsyncMap, MapResult
    from .._core.inputs import Fed, Item

T = TypeVar("T")


class Map(Closing, Generic[T]):
    """The results of many calls; the blocking twin of `AsyncMap`."""

    def __init__(
        self,
        twin: AsyncMap[T],
        fed: Fed[T],
        requests: Iterator[Any],
        prepare: Callable[[int, Any], Item[T]],
        most: int,
    ) -> None:
        self._twin = twin
        self._fed = fed
        self._requests = requests
        self._prepare = prepare
        self._room = most
        self._taken = 0
        self._exhausted = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> MapResult[T]:
        # What is there comes first: the next request may take its time, or depend on it.
        while (result := self._twin.take()) is None:
            if self._twin.ended:
                raise StopIteration
            if self._room > 0 and not self._exhausted and self._twin.running:
                self._feed()
            else:
                run(self._twin.fill)
        self._room += 1
        return result

    def close(self) -> None:
        """Cancel what is under way, and wait until it has ended; as often as one likes."""
        run_close(self._twin.aclose)

    def _feed(self) -> None:
        """Hand one more request to the loop."""
        try:
            request = next(self._requests)
        except StopIteration:
            self._exhausted = True
            run(self._hand_in, None)
            return
        except Exception as error:  # noqa: BLE001 - raised when the results before it have been handed out
            self._exhausted = True
            run(self._twin.fail, error)
            return
        self._taken += 1
        self._room -= 1
        run(self._hand_in, self._prepare(self._taken - 1, request))

    async def _hand_in(self, item: Item[T] | None) -> None:
        await self._twin.begin()
        self._fed.feed(item)
