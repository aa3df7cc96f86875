"""Blocking streams: they hand out what has arrived and cross to the loop once per network read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from .portal import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from .._core.http_info import HttpInfo
    from .._core.stream import AsyncStream
    from ..resources.chat import AsyncChatCompletionStream
    from ..types.chat import ChatCompletion
    from ..types.chat_events import ChatStreamEvent

T = TypeVar("T")


class Stream(Generic[T]):
    """A stream of events; the blocking twin of `AsyncStream`."""

    def __init__(self, stream: AsyncStream[T]) -> None:
        self._stream = stream

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        item = self._stream.take()
        while item is None:
            if self._stream.ended:
                raise StopIteration
            run(self._stream.fill)
            item = self._stream.take()
        return item

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading and drop the connection; as often as one likes."""
        run(self._stream.aclose)

    @property
    def http(self) -> HttpInfo:
        """Status, headers, request id, attempts, and seconds until the answer began."""
        return self._stream.http

    @property
    def received(self) -> Any:
        """What has arrived so far, in the shape of the complete answer."""
        return self._stream.received


class ChatCompletionStream:
    """A chat completion as it is written; the blocking twin of `AsyncChatCompletionStream`."""

    def __init__(self, stream: AsyncChatCompletionStream) -> None:
        self._stream = stream

    def __enter__(self) -> Self:
        run(self._stream.__aenter__)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ChatStreamEvent:
        event = self._stream.take()
        while event is None:
            if self._stream.ended:
                raise StopIteration
            run(self._stream.fill)
            event = self._stream.take()
        return event

    @property
    def text_stream(self) -> Iterator[str]:
        """The text of the first answer, piece by piece, without anything else."""
        return (event.delta for event in self if event.type == "content.delta" and event.index == 0)

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

    @property
    def http(self) -> HttpInfo:
        """Status, headers, request id, attempts, and seconds until the answer began."""
        return self._stream.http

    def close(self) -> None:
        """Stop reading and drop the connection; as often as one likes."""
        run(self._stream.aclose)
