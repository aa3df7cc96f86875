"""Chat completions: the plain call, the raw stream, and the stream of typed events."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack, overload

from ..errors import ConfigurationError
from ._base import AsyncResource
from ._chat_decoder import ChatDecoder, parse_completion
from ._chat_events import ChatEvents
from ._chat_request import KNOWN, completion_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from .._core.engine import Engine
    from .._core.http_info import HttpInfo
    from .._core.request import Request
    from .._core.stream import AsyncStream
    from ..types.chat import ChatCompletion, ChatCompletionChunk
    from ..types.chat_events import ChatStreamEvent
    from ..types.chat_params import CompletionParams
    from ._base import Defaults

_PATH = "/chat/completions"


class AsyncChatCompletions(AsyncResource):
    """`client.chat.completions`."""

    @overload
    async def create(
        self, *, stream: Literal[False] | None = None, **params: Unpack[CompletionParams]
    ) -> ChatCompletion: ...
    @overload
    async def create(
        self, *, stream: Literal[True], **params: Unpack[CompletionParams]
    ) -> AsyncStream[ChatCompletionChunk]: ...
    @overload
    async def create(
        self, *, stream: bool | None = None, **params: Unpack[CompletionParams]
    ) -> ChatCompletion | AsyncStream[ChatCompletionChunk]: ...

    async def create(
        self, *, stream: bool | None = None, **params: Unpack[CompletionParams]
    ) -> ChatCompletion | AsyncStream[ChatCompletionChunk]:
        """Ask for a completion (contract sections 5 to 7).

        Args:
            stream: Whether to return a stream of chunks instead of the whole answer. It is returned
                when its first chunk has arrived: until then failures are retried like any other.
            **params: See `CompletionParams`; options of the call are in `RequestOptions`.

        Returns:
            The completion, or with `stream=True` its chunks.

        Raises:
            ConfigurationError: a parameter or option that cannot work, before any I/O.
            APIError: the call failed; see `maritaca_async.errors`.
        """
        return await self._send(self._prepare(params, stream=bool(stream)))

    def stream(self, **params: Unpack[CompletionParams]) -> AsyncChatCompletionStream:
        """A stream of typed events, opened by `async with`; asks for usage unless told otherwise.

            async with client.chat.completions.stream(model="sabia-4", messages=messages) as stream:
                async for text in stream.text_stream:
                    print(text, end="", flush=True)
                completion = await stream.get_final_completion()

        Args:
            **params: See `CompletionParams`; options of the call are in `RequestOptions`.

        Raises:
            ConfigurationError: a parameter or option that cannot work, before any I/O.
        """
        asked: dict[str, Any] = {"stream_options": {"include_usage": True}, **params}
        return AsyncChatCompletionStream(self._engine, *self._prepare(asked, stream=True))

    def _prepare(self, params: Any, *, stream: bool) -> tuple[Request, int]:
        """The request, and how many answers it asks for."""
        body = completion_body(params, stream=stream)
        return self._request("POST", _PATH, params, KNOWN, body=body, stream=stream), body.get("n") or 1

    async def _send(self, prepared: tuple[Request, int]) -> ChatCompletion | AsyncStream[ChatCompletionChunk]:
        request, expected = prepared
        if request.stream:
            return await self._engine.open(request, partial(ChatDecoder, expected))
        completion, http = await self._engine.call(request, parse_completion)
        completion.http = http
        return completion


class AsyncChat:
    """`client.chat`."""

    def __init__(self, engine: Engine, defaults: Defaults) -> None:
        self.completions: AsyncChatCompletions = AsyncChatCompletions(engine, defaults)
        """Chat completions."""


class AsyncChatCompletionStream:
    """A chat completion as it is written. A context manager; iterating gives typed events.

    Leaving the block early drops the connection at once, which stops the reading, not the billing of
    what was already generated.
    """

    def __init__(self, engine: Engine, request: Request, expected: int) -> None:
        self._engine = engine
        self._request = request
        self._expected = expected
        self._chunks: AsyncStream[ChatCompletionChunk] | None = None
        self._closed = False
        self._decoder = ChatDecoder(expected)
        self._events = ChatEvents()

    async def __aenter__(self) -> Self:
        if self._chunks is not None:
            raise ConfigurationError("a stream can be entered once: ask for another one")
        self._chunks = await self._engine.open(self._request, self._new_decoder)
        if self._closed:
            await self._chunks.aclose()
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
    def text_stream(self) -> AsyncIterator[str]:
        """The text of the first answer, piece by piece, without anything else."""
        return _AsyncTexts(self)

    async def get_final_completion(self) -> ChatCompletion:
        """Read what is left and return the whole answer, in the shape that `create` gives.

        Raises:
            APIError: the stream broke off or brought an error; `.received` has what had arrived.
        """
        async for _ in self:
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
        return self._opened().ended and self._events.empty

    async def aclose(self) -> None:
        """Stop reading and drop the connection; from any task, as often as one likes."""
        self._closed = True
        if self._chunks is not None:
            await self._chunks.aclose()

    def take(self) -> ChatStreamEvent | None:
        """The next event that has already arrived, None if there is none. Never waits; for any thread.

        Raises:
            APIError: see `AsyncStream.take`.
        """
        event = self._events.take()
        if event is not None:
            return event
        chunks = self._opened()
        chunk = chunks.take()
        if chunk is not None:
            self._events.add(chunk)
        elif chunks.ended and self._decoder.may_end():
            self._events.finish(self._decoder.accumulator)
        return self._events.take()

    async def fill(self) -> None:
        """Wait until more has arrived or the answer is complete.

        Raises:
            APIError: see `AsyncStream.fill`.
        """
        await self._opened().fill()

    def _new_decoder(self) -> ChatDecoder:
        self._decoder = ChatDecoder(self._expected)
        return self._decoder

    def _opened(self) -> AsyncStream[ChatCompletionChunk]:
        if self._chunks is None:
            raise ConfigurationError(
                "the stream is not open: use `async with client.chat.completions.stream(...)`"
            )
        return self._chunks


class _AsyncTexts:
    """The text pieces of a stream."""

    def __init__(self, stream: AsyncChatCompletionStream) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while True:
            event = await anext(self._stream)
            if event.type == "content.delta" and event.index == 0:
                return event.delta
