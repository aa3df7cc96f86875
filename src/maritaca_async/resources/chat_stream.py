"""Streams of typed events of a chat completion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Self, TypeVar

from ..errors import ConfigurationError
from ..types.chat import ChatCompletionChunk
from ..types.chat_events import ChunkEvent, ContentDeltaEvent
from ._chat_answer import parsed_completion, request_info
from ._chat_delta_decoder import DeltaDecoder
from ._chat_events import ChatEvents

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from types import TracebackType

    from .._core.engine import Engine
    from .._core.http_info import HttpInfo
    from .._core.request import Request
    from .._core.stream import AsyncStream
    from ..types.chat import ChatCompletion
    from ..types.chat_events import ChatDeltaEvent, ChatStreamEvent
    from ..types.parsed import ParsedCompletion
    from ._answer_format import AnswerFormat
    from ._chat_delta_decoder import Delta

T = TypeVar("T")


class AsyncChatCompletionStream:
    """A chat completion as it is written. A context manager; iterating gives typed events.

    Leaving the block early drops the connection at once, which stops the reading, not the billing of
    what was already generated.
    """

    def __init__(self, engine: Engine, request: Request, expected: int) -> None:
        self._engine = engine
        self._request = request
        self._expected = expected
        self._stream: AsyncStream[ChatCompletionChunk | Delta] | None = None
        self._closed = False
        self._decoder = DeltaDecoder(expected)
        self._events = ChatEvents()

    async def __aenter__(self) -> Self:
        if self._stream is not None:
            raise ConfigurationError("a stream can be entered once: ask for another one")
        self._stream = await self._engine.open(self._request, self._new_decoder)
        if self._closed:
            await self._stream.aclose()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatStreamEvent:
        event = self.take()
        while event is None:
            if self.ended:
                raise StopAsyncIteration
            await self.fill()
            event = self.take()
        return event

    @property
    def deltas(self) -> AsyncIterator[ChatDeltaEvent]:
        """The events without the chunks, for half the time: chunks are not even made where a text is all they say."""
        return AsyncPart(self, self.take_delta)

    @property
    def text_stream(self) -> AsyncIterator[str]:
        """The text of the first answer, piece by piece, without anything else."""
        return AsyncPart(self, self.take_text)

    async def get_final_completion(self) -> ChatCompletion:
        """Read what is left and return the whole answer, in the shape that `create` gives.

        Raises:
            APIError: the stream broke off or brought an error; `.received` has what had arrived.
        """
        async for _ in self.deltas:
            pass
        completion = self.received
        completion.http = self.http
        return completion

    @property
    def received(self) -> ChatCompletion:
        """What has arrived so far, in the shape of a whole answer."""
        return self._decoder.received()

    @property
    def http(self) -> HttpInfo:
        """Status, headers, request id, attempts, and seconds until the answer began."""
        return self._opened().http

    @property
    def ended(self) -> bool:
        """Whether every event has been handed out and no more will come."""
        return self._opened().ended and not self._events.queue

    async def aclose(self) -> None:
        """Stop reading and drop the connection; from any task, as often as one likes."""
        self._closed = True
        if self._stream is not None:
            await self._stream.aclose()

    def take(self) -> ChatStreamEvent | None:
        """The next event that has already arrived, None if there is none. Never waits; for any thread.

        Raises:
            APIError: see `AsyncStream.take`.
        """
        return self._take(brief=False)

    def take_delta(self) -> ChatDeltaEvent | None:
        """The same without the chunks.

        Raises:
            APIError: see `AsyncStream.take`.
        """
        event = self._take(brief=True)
        while isinstance(event, ChunkEvent):
            event = self._take(brief=True)
        return event

    def take_text(self) -> str | None:
        """The next piece of the first answer's text.

        Raises:
            APIError: see `AsyncStream.take`.
        """
        while (event := self.take_delta()) is not None:
            if isinstance(event, ContentDeltaEvent) and event.index == 0:
                return event.delta
        return None

    async def fill(self) -> None:
        """Wait until more has arrived or the answer is complete.

        Raises:
            APIError: see `AsyncStream.fill`.
        """
        await self._opened().fill()

    def _take(self, *, brief: bool) -> ChatStreamEvent | None:
        queue = self._events.queue
        if queue:
            return queue.popleft()
        stream = self._stream or self._opened()
        self._decoder.brief = brief
        item = stream.take()
        if item is None:
            if stream.ended and self._decoder.may_end():
                self._events.finish(self._decoder.accumulator)
        elif isinstance(item, ChatCompletionChunk):
            self._events.add(item, self._decoder.arrivals)
        else:
            return item
        return queue.popleft() if queue else None

    def _new_decoder(self) -> DeltaDecoder:
        self._decoder = DeltaDecoder(self._expected)
        return self._decoder

    def _opened(self) -> AsyncStream[ChatCompletionChunk | Delta]:
        if self._stream is None:
            raise ConfigurationError(
                "the stream is not open: use `async with client.chat.completions.stream(...)`"
            )
        return self._stream


class AsyncParsedCompletionStream(AsyncChatCompletionStream, Generic[T]):
    """A chat completion as it is written, whose final answer is read into a type."""

    def __init__(self, engine: Engine, request: Request, wanted: AnswerFormat[T]) -> None:
        super().__init__(engine, request, 1)
        self._wanted = wanted

    async def get_final_completion(self) -> ParsedCompletion[T]:
        """Read what is left and return the whole answer, with the value in `parsed`.

        Raises:
            AnswerFormatError: the answer was cut off, refused or empty, or is not of the type.
            APIError: the stream broke off or brought an error; `.received` has what had arrived.
        """
        completion = await super().get_final_completion()
        return parsed_completion(
            completion, self._wanted, request_info(self._engine, self._request, completion.http)
        )


class AsyncPart(Generic[T]):
    """A part of what a stream brings: what `take` takes of it."""

    def __init__(self, stream: AsyncChatCompletionStream, take: Callable[[], T | None]) -> None:
        self._stream = stream
        self._take = take

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        item = self._take()
        while item is None:
            if self._stream.ended:
                raise StopAsyncIteration
            await self._stream.fill()
            item = self._take()
        return item
