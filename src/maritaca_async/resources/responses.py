"""The Responses API: the plain call, the call for a type, and the stream of typed events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, Unpack, overload

from .._core.request import parse_error
from ..errors import ConfigurationError, NotFoundError, RequestInfo
from ._answer_format import answer_format
from ._base import AsyncResource
from ._response_answer import asking_for, parsed_response
from ._response_decoder import ResponseDecoder, parse_response
from ._response_request import KNOWN, response_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from types import TracebackType

    from .._core.engine import Engine
    from .._core.http_info import HttpInfo
    from .._core.request import Request
    from .._core.stream import AsyncStream
    from ..types.response_events import ResponseStreamEvent
    from ..types.response_params import ResponseParams
    from ..types.responses import ParsedResponse, Response
    from ._answer_format import AnswerFormat
    from ._base import Defaults

T = TypeVar("T")
# Contract section 2: the documented one, and the one that its samples for other SDKs call.
_PATHS = ("/v1/responses", "/responses")
# What servers say of a route they do not have; of a model they say more.
_NO_ROUTE = ("", "not found")


class AsyncResponses(AsyncResource):
    """`client.responses`."""

    def __init__(self, engine: Engine, defaults: Defaults) -> None:
        super().__init__(engine, defaults)
        self._path = _PATHS[0]

    @overload
    async def create(
        self, *, stream: Literal[False] | None = None, **params: Unpack[ResponseParams]
    ) -> Response: ...
    @overload
    async def create(
        self, *, stream: Literal[True], **params: Unpack[ResponseParams]
    ) -> AsyncStream[ResponseStreamEvent]: ...
    @overload
    async def create(
        self, *, stream: bool | None = None, **params: Unpack[ResponseParams]
    ) -> Response | AsyncStream[ResponseStreamEvent]: ...

    async def create(
        self, *, stream: bool | None = None, **params: Unpack[ResponseParams]
    ) -> Response | AsyncStream[ResponseStreamEvent]:
        """Ask for a response (contract sections 8 to 10).

        A response may fail although the call went well: then its `status` is `failed`, and `error` says
        why. A stream raises that failure.

        Args:
            stream: Whether to return a stream of events instead of the whole response. It is returned
                when its first event has arrived: until then failures are retried like any other.
            **params: See `ResponseParams`; options of the call are in `RequestOptions`.

        Returns:
            The response, or with `stream=True` its events.

        Raises:
            ConfigurationError: a parameter or option that cannot work, before any I/O.
            APIError: the call failed; see `maritaca_async.errors`.
        """
        return await self._send(self._prepare(params, stream=bool(stream)))

    async def parse(self, *, text_format: type[T], **params: Unpack[ResponseParams]) -> ParsedResponse[T]:
        """Ask for an answer of a type: its JSON Schema goes along, and the answer is read into it.

        Keywords that the service refuses, such as `minimum` (contract section 12), are not sent; the
        type checks them all the same.

        Args:
            text_format: A pydantic model, dataclass or TypedDict.
            **params: See `ResponseParams`, without `text.format`.

        Returns:
            The response, with the answer in `output_parsed`.

        Raises:
            ConfigurationError: a parameter, option or type that cannot work, before any I/O.
            AnswerFormatError: the answer was cut off, refused or empty, or is not of the type; the whole
                response is in `.completion`.
            APIResponseError: the response failed; it is in `.received`.
            APIError: the call failed; see `maritaca_async.errors`.
        """
        return await self._send_parsed(*self._prepare_parsed(text_format, params, stream=False))

    @overload
    def stream(self, **params: Unpack[ResponseParams]) -> AsyncResponseStream: ...
    @overload
    def stream(
        self, *, text_format: type[T], **params: Unpack[ResponseParams]
    ) -> AsyncParsedResponseStream[T]: ...

    def stream(self, **params: Any) -> AsyncResponseStream | AsyncParsedResponseStream[Any]:
        """A stream of typed events, opened by `async with`.

            async with client.responses.stream(model="sabia-4", input="Olá") as stream:
                async for text in stream.text_stream:
                    print(text, end="", flush=True)
                response = await stream.get_final_response()

        Args:
            **params: See `ResponseParams`; options of the call are in `RequestOptions`. With a type as
                `text_format` the final response is read into it, as `parse` does.

        Raises:
            ConfigurationError: a parameter, option or type that cannot work, before any I/O.
        """
        if "text_format" not in params:
            return AsyncResponseStream(self, self._prepare(params, stream=True))
        wanted = params.pop("text_format")
        return AsyncParsedResponseStream(self, *self._prepare_parsed(wanted, params, stream=True))

    def _prepare(self, params: Any, *, stream: bool) -> Request:
        body = response_body(params, stream=stream)
        return self._request("POST", self._path, params, KNOWN, body=body, stream=stream)

    def _prepare_parsed(
        self, text_format: type[T], params: Any, *, stream: bool
    ) -> tuple[Request, AnswerFormat[T]]:
        wanted = answer_format(text_format, "text_format")
        return self._prepare(asking_for(wanted, params), stream=stream), wanted

    async def _send(self, request: Request) -> Response | AsyncStream[ResponseStreamEvent]:
        if request.stream:
            return await self._open(request, ResponseDecoder)
        return await self._call(request)

    async def _call(self, request: Request) -> Response:
        response, http = await self._routed(request, lambda: self._engine.call(request, parse_response))
        response.http = http
        return response

    async def _send_parsed(self, request: Request, wanted: AnswerFormat[T]) -> ParsedResponse[T]:
        return self._parsed(await self._call(request), request, wanted)

    def _parsed(self, response: Response, request: Request, wanted: AnswerFormat[T]) -> ParsedResponse[T]:
        asked = RequestInfo(request.method, self._engine.url(request.path), response.http.attempts)
        return parsed_response(response, wanted, asked)

    async def _open(
        self, request: Request, new_decoder: Callable[[], ResponseDecoder]
    ) -> AsyncStream[ResponseStreamEvent]:
        return await self._routed(request, lambda: self._engine.open(request, new_decoder))

    async def _routed(self, request: Request, send: Callable[[], Awaitable[T]]) -> T:
        """Send; where the service has no such route, once more by the other one, which is then kept."""
        try:
            return await send()
        except NotFoundError as error:
            if (
                request.policy.max_retries == 0
                or self._engine.base_url.endswith("/v1")
                or parse_error(error.body).message.strip(" .").lower() not in _NO_ROUTE
            ):
                raise
        request.path = _PATHS[request.path == _PATHS[0]]
        answer = await send()
        self._path = request.path
        return answer


class AsyncResponseStream:
    """A response as it is written. A context manager; iterating gives typed events.

    Leaving the block early drops the connection at once, which stops the reading, not the billing of
    what was already generated.
    """

    def __init__(self, responses: AsyncResponses, request: Request) -> None:
        self._responses = responses
        self._request = request
        self._events: AsyncStream[ResponseStreamEvent] | None = None
        self._closed = False
        self._decoder = ResponseDecoder()

    async def __aenter__(self) -> Self:
        if self._events is not None:
            raise ConfigurationError("a stream can be entered once: ask for another one")
        self._events = await self._responses._open(self._request, self._new_decoder)  # noqa: SLF001 - its other half
        if self._closed:
            await self._events.aclose()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ResponseStreamEvent:
        return await anext(self._opened())

    @property
    def text_stream(self) -> AsyncIterator[str]:
        """The text of the messages, piece by piece and in the order of the output: together `output_text`."""
        return _AsyncTexts(self)

    async def get_final_response(self) -> Response:
        """Read what is left and return the whole response, in the shape that `create` gives.

        Raises:
            APIError: the stream broke off, the response failed, or the stream brought an error;
                `.received` has what had arrived.
        """
        async for _ in self:
            pass
        response = self.received
        response.http = self.http
        return response

    @property
    def received(self) -> Response:
        """What has arrived so far, in the shape of a whole response."""
        return self._decoder.received()

    @property
    def has_gap(self) -> bool:
        """Whether the sequence numbers had a gap so far, so that an event may be missing; it is logged, too."""
        return self._decoder.has_gap

    @property
    def http(self) -> HttpInfo:
        """Status, headers, request id, attempts, and seconds until the answer began."""
        return self._opened().http

    @property
    def ended(self) -> bool:
        """Whether every event has been handed out and no more will come."""
        return self._opened().ended

    async def aclose(self) -> None:
        """Stop reading and drop the connection; from any task, as often as one likes."""
        self._closed = True
        if self._events is not None:
            await self._events.aclose()

    def take(self) -> ResponseStreamEvent | None:
        """The next event that has already arrived, None if there is none. Never waits; for any thread.

        Raises:
            APIError: see `AsyncStream.take`.
        """
        return self._opened().take()

    async def fill(self) -> None:
        """Wait until more has arrived or the response is complete.

        Raises:
            APIError: see `AsyncStream.fill`.
        """
        await self._opened().fill()

    @property
    def _text(self) -> str:
        """What the event that was handed out last adds to the text."""
        return self._decoder.accumulator.text

    def _new_decoder(self) -> ResponseDecoder:
        self._decoder = ResponseDecoder()
        return self._decoder

    def _opened(self) -> AsyncStream[ResponseStreamEvent]:
        if self._events is None:
            raise ConfigurationError("the stream is not open: use `async with client.responses.stream(...)`")
        return self._events


class AsyncParsedResponseStream(AsyncResponseStream, Generic[T]):
    """A response as it is written, whose final answer is read into a type."""

    def __init__(self, responses: AsyncResponses, request: Request, wanted: AnswerFormat[T]) -> None:
        super().__init__(responses, request)
        self._wanted = wanted

    async def get_final_response(self) -> ParsedResponse[T]:
        """Read what is left and return the whole response, with the answer in `output_parsed`.

        Raises:
            AnswerFormatError: the answer was cut off, refused or empty, or is not of the type.
            APIError: the stream broke off, the response failed, or the stream brought an error;
                `.received` has what had arrived.
        """
        response = await super().get_final_response()
        return self._responses._parsed(response, self._request, self._wanted)  # noqa: SLF001 - its other half


class _AsyncTexts:
    """The text pieces of a stream."""

    def __init__(self, stream: AsyncResponseStream) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while True:
            await anext(self._stream)
            if text := self._stream._text:  # noqa: SLF001 - its other half
                return text
