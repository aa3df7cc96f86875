"""The blocking Responses API: each method is its asynchronous twin, run on the loop thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, Unpack, overload

from .._core.stream import AsyncStream
from ..resources.responses import AsyncParsedResponseStream
from ..types.response_events import ResponseStreamEvent
from .portal import run
from .streams import BlockingStream, Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..resources.responses import AsyncResponses, AsyncResponseStream
    from ..types.response_params import ResponseParams
    from ..types.responses import ParsedResponse, Response

T = TypeVar("T")


class Responses:
    """`client.responses`."""

    def __init__(self, twin: AsyncResponses) -> None:
        self._twin = twin

    @overload
    def create(
        self, *, stream: Literal[False] | None = None, **params: Unpack[ResponseParams]
    ) -> Response: ...
    @overload
    def create(
        self, *, stream: Literal[True], **params: Unpack[ResponseParams]
    ) -> Stream[ResponseStreamEvent]: ...
    @overload
    def create(
        self, *, stream: bool | None = None, **params: Unpack[ResponseParams]
    ) -> Response | Stream[ResponseStreamEvent]: ...

    def create(
        self, *, stream: bool | None = None, **params: Unpack[ResponseParams]
    ) -> Response | Stream[ResponseStreamEvent]:
        """Ask for a response; see `AsyncResponses.create`.

        Raises:
            ConfigurationError: a parameter or option that cannot work, before any I/O.
            APIError: the call failed.
        """
        # Prepared in the caller's thread: iterables of the caller's run there, and large bodies hold up no loop.
        answer = run(self._twin._send, self._twin._prepare(params, stream=bool(stream)))  # noqa: SLF001
        return Stream(answer) if isinstance(answer, AsyncStream) else answer

    def parse(self, *, text_format: type[T], **params: Unpack[ResponseParams]) -> ParsedResponse[T]:
        """Ask for an answer of a type; see `AsyncResponses.parse`.

        Raises:
            ConfigurationError: a parameter, option or type that cannot work, before any I/O.
            AnswerFormatError: there is no whole answer, or it is not of the type; see `.completion`.
            APIResponseError: the response failed; see `.received`.
            APIError: the call failed.
        """
        prepared = self._twin._prepare_parsed(text_format, params, stream=False)  # noqa: SLF001
        return run(self._twin._send_parsed, *prepared)  # noqa: SLF001

    @overload
    def stream(self, **params: Unpack[ResponseParams]) -> ResponseStream: ...
    @overload
    def stream(
        self, *, text_format: type[T], **params: Unpack[ResponseParams]
    ) -> ParsedResponseStream[T]: ...

    def stream(self, **params: Any) -> ResponseStream | ParsedResponseStream[Any]:
        """A stream of typed events, opened by `with`; see `AsyncResponses.stream`.

        Raises:
            ConfigurationError: a parameter, option or type that cannot work, before any I/O.
        """
        stream = self._twin.stream(**params)
        if isinstance(stream, AsyncParsedResponseStream):
            return ParsedResponseStream(stream)
        return ResponseStream(stream)


class ResponseStream(BlockingStream[ResponseStreamEvent]):
    """A response as it is written; the blocking twin of `AsyncResponseStream`."""

    def __init__(self, stream: AsyncResponseStream) -> None:
        super().__init__(stream)
        self._stream = stream

    def __enter__(self) -> Self:
        run(self._stream.__aenter__)
        return self

    @property
    def text_stream(self) -> Iterator[str]:
        """The text of the messages, piece by piece and in the order of the output: together `output_text`."""
        texts = (self._stream._text for _ in self)  # noqa: SLF001 - its twin
        return (text for text in texts if text)

    def get_final_response(self) -> Response:
        """Read what is left and return the whole response, in the shape that `create` gives.

        Raises:
            APIError: the stream broke off, the response failed, or the stream brought an error;
                `.received` has what had arrived.
        """
        return run(self._stream.get_final_response)

    @property
    def received(self) -> Response:
        """What has arrived so far, in the shape of a whole response."""
        return self._stream.received

    @property
    def has_gap(self) -> bool:
        """Whether the sequence numbers had a gap so far, so that an event may be missing; it is logged, too."""
        return self._stream.has_gap


class ParsedResponseStream(ResponseStream, Generic[T]):
    """A response whose final answer is read into a type; the twin of `AsyncParsedResponseStream`."""

    def __init__(self, stream: AsyncParsedResponseStream[T]) -> None:
        super().__init__(stream)
        self._parsing = stream

    def get_final_response(self) -> ParsedResponse[T]:
        """Read what is left and return the whole response, with the answer in `output_parsed`.

        Raises:
            AnswerFormatError: the answer was cut off, refused or empty, or is not of the type.
            APIError: the stream broke off, the response failed, or the stream brought an error;
                `.received` has what had arrived.
        """
        return run(self._parsing.get_final_response)
