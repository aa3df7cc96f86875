"""Blocking streams: they hand out what has arrived and cross to the loop once per network read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from ..types.chat_events import ChatStreamEvent
from .closing import Closing
from .portal import run, run_close

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .._core.http_info import HttpInfo
    from .._core.stream import AsyncStream
    from ..resources.chat_stream import AsyncChatCompletionStream, AsyncParsedCompletionStream
    from ..types.chat import ChatCompletion
    from ..types.chat_events import ChatDeltaEvent
    from ..types.parsed import ParsedCompletion

T = TypeVar("T")
Part = TypeVar("Part")
T_co = TypeVar("T_co", covariant=True)


class Arriving(Protocol[T_co]):
    """What blocking streams need of their twins; see `AsyncStream`."""

    def take(self) -> T_co | None: ...
    async def fill(self) -> None: ...
    async def aclose(self) -> None: ...
    @property
    def ended(self) -> bool: ...
    @property
    def http(self) -> HttpInfo: ...


class BlockingStream(Closing, Generic[T]):
    """What all blocking streams have in common."""

    def __init__(self, stream: Arriving[T]) -> None:
        self._arriving = stream

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        item = self._next(self._arriving.take)
        if item is None:
            raise StopIteration
        return item

    def _next(self, take: Callable[[], Part | None]) -> Part | None:
        """What `take` takes next, None at the end."""
        item = take()
        while item is None and not self._arriving.ended:
            run(self._arriving.fill)
            item = take()
        return item

    def _each(self, take: Callable[[], Part | None]) -> Iterator[Part]:
        while (item := self._next(take)) is not None:
            yield item

    @property
    def http(self) -> HttpInfo:
        """Status, headers, request id, attempts, and seconds until the answer began."""
        return self._arriving.http

    def close(self) -> None:
        """Stop reading and drop the connection; as often as one likes."""
        run_close(self._arriving.aclose)


class Stream(BlockingStream[T]):
    """A stream of events; the blocking twin of `AsyncStream`."""

    def __init__(self, stream: AsyncStream[T]) -> None:
        super().__init__(stream)
        self._stream = stream

    @property
    def received(self) -> Any:
        """What has arrived so far, in the shape of the complete answer."""
        return self._stream.received


class ChatCompletionStream(BlockingStream[ChatStreamEvent]):
    """A chat completion as it is written; the blocking twin of `AsyncChatCompletionStream`."""

    def __init__(self, stream: AsyncChatCompletionStream) -> None:
        super().__init__(stream)
        self._stream = stream

    def __enter__(self) -> Self:
        run(self._stream.__aenter__)
        return self

    @property
    def deltas(self) -> Iterator[ChatDeltaEvent]:
        """The events without the chunks; see `AsyncChatCompletionStream.deltas`."""
        return self._each(self._stream.take_delta)

    @property
    def text_stream(self) -> Iterator[str]:
        """The text of the first answer, piece by piece, without anything else."""
        return self._each(self._stream.take_text)

    def get_final_completion(self) -> ChatCompletion:
        """Read what is left and return the whole answer, in the shape that `create` gives.

        Raises:
            APIError: the stream broke off or brought an error; `.received` has what had arrived.
        """
        return run(self._stream.get_final_completion)

    @property
    def received(self) -> ChatCompletion:
        """What has arrived so far, in the shape of a whole answer."""
        return self._stream.received


class ParsedCompletionStream(ChatCompletionStream, Generic[T]):
    """A chat completion whose final answer is read into a type; the twin of `AsyncParsedCompletionStream`."""

    def __init__(self, stream: AsyncParsedCompletionStream[T]) -> None:
        super().__init__(stream)
        self._parsing = stream

    def get_final_completion(self) -> ParsedCompletion[T]:
        """Read what is left and return the whole answer, with the value in `parsed`.

        Raises:
            AnswerFormatError: the answer was cut off, refused or empty, or is not of the type.
            APIError: the stream broke off or brought an error; `.received` has what had arrived.
        """
        return run(self._parsing.get_final_completion)
