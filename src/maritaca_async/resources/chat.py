"""Chat completions: the plain call, the raw stream, and the stream of typed events."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

from .._core.bulk import AsyncMap, Calls
from .._core.inputs import WINDOW, Inputs
from ._answer_format import answer_format
from ._base import AsyncResource
from ._chat_answer import asking_for, parsed_completion, request_info
from ._chat_decoder import ChatDecoder, parse_completion
from ._chat_map import CONCURRENCY, item_of, plan_of
from ._chat_request import KNOWN, completion_body
from .chat_stream import AsyncChatCompletionStream, AsyncParsedCompletionStream

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterable, Callable, Iterable

    from .._core.bulk import MapProgress
    from .._core.engine import Engine
    from .._core.inputs import Item
    from .._core.request import Request
    from .._core.stream import AsyncStream
    from ..types.chat import ChatCompletion, ChatCompletionChunk
    from ..types.chat_params import CompletionParams, ParseParams
    from ..types.parsed import ParsedCompletion
    from ._answer_format import AnswerFormat
    from ._base import Defaults

T = TypeVar("T")
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

    async def parse(self, *, response_format: type[T], **params: Unpack[ParseParams]) -> ParsedCompletion[T]:
        """Ask for an answer of a type: its JSON Schema goes along, and the answer is read into it.

        Keywords that the service refuses, such as `minimum` (contract section 12), are not sent; the
        type checks them all the same. It gives a value or an error, never half an answer.

        Args:
            response_format: A pydantic model, dataclass or TypedDict.
            **params: See `ParseParams`; options of the call are in `RequestOptions`.

        Returns:
            The completion, with the answer in `parsed`.

        Raises:
            ConfigurationError: a parameter, option or type that cannot work, before any I/O.
            AnswerFormatError: the answer was cut off, refused or empty, or is not of the type.
            APIError: the call failed; see `maritaca_async.errors`.
        """
        return await self._send_parsed(*self._prepare_parsed(response_format, params, stream=False))

    @overload
    def stream(self, **params: Unpack[CompletionParams]) -> AsyncChatCompletionStream: ...
    @overload
    def stream(
        self, *, response_format: type[T], **params: Unpack[ParseParams]
    ) -> AsyncParsedCompletionStream[T]: ...

    def stream(self, **params: Any) -> AsyncChatCompletionStream | AsyncParsedCompletionStream[Any]:
        """A stream of typed events, opened by `async with`; asks for usage unless `stream_options` is given.

            async with client.chat.completions.stream(model="sabia-4", messages=messages) as stream:
                async for text in stream.text_stream:
                    print(text, end="", flush=True)
                completion = await stream.get_final_completion()

        Args:
            **params: See `CompletionParams`; options of the call are in `RequestOptions`. With a type as
                `response_format` the final completion is read into it, as `parse` does.

        Raises:
            ConfigurationError: a parameter or option that cannot work, before any I/O.
        """
        asked: dict[str, Any] = {"stream_options": {"include_usage": True}, **params}
        if asked["stream_options"] is None:
            del asked["stream_options"]
        wanted = asked.get("response_format")
        if wanted is None or isinstance(wanted, Mapping):
            return AsyncChatCompletionStream(self._engine, *self._prepare(asked, stream=True))
        del asked["response_format"]
        request, form = self._prepare_parsed(wanted, asked, stream=True)
        return AsyncParsedCompletionStream(self._engine, request, form)

    def map(
        self,
        requests: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
        *,
        concurrency: int = CONCURRENCY,
        ordered: bool = True,
        on_progress: Callable[[MapProgress], object] | None = None,
        journal: str | os.PathLike[str] | None = None,
        return_exceptions: bool = False,
    ) -> AsyncMap[ChatCompletion]:
        """Make many calls, some at the same time, with bounded memory however many there are.

            async for result in client.chat.completions.map(requests, journal="run.sqlite"):
                print(result.index, result.completion.text)

        Args:
            requests: The parameters of each call, as `create` takes them, and where wanted a `custom_id`;
                a list, a generator, or an asynchronous one, which is read as calls are finished.
            concurrency: Most calls at the same time; the `rate_limits` of the client hold as well.
            ordered: Whether results come in the order of the requests, or as they are finished.
            on_progress: Called as calls are finished, while results are being read; no coroutine function.
            journal: A file (SQLite) that keeps every answer. Given again after a run that was broken off,
                what it holds is not sent again, and comes with the results.
            return_exceptions: Whether a call that fails becomes a result with its `error`. Otherwise the
                first failure is raised and cancels the others.

        Raises:
            ConfigurationError: an option that cannot work, at once and before any I/O; while iterating:
                a request that cannot be sent, or a journal that cannot be used or is of other requests or of
                another `base_url`.
            APIError: while iterating: a call failed.
        """
        plan = plan_of(
            concurrency,
            ordered=ordered,
            on_progress=on_progress,
            journal=journal,
            return_exceptions=return_exceptions,
        )
        inputs = Inputs(requests, self._item, WINDOW * concurrency)
        total = len(requests) if isinstance(requests, Sized) else None
        return AsyncMap(Calls(inputs, plan), total=total, on_progress=on_progress)

    def _item(self, index: int, given: Any) -> Item[ChatCompletion]:
        prepare = partial(self._prepare, stream=False)
        return item_of(prepare, self._complete, self._engine.base_url, index, given)

    def _prepare(self, params: Any, *, stream: bool) -> tuple[Request, int]:
        """The request, and how many answers it asks for."""
        body = completion_body(params, stream=stream)
        return self._request("POST", _PATH, params, KNOWN, body=body, stream=stream), body.get("n") or 1

    def _prepare_parsed(
        self, response_format: type[T], params: Any, *, stream: bool
    ) -> tuple[Request, AnswerFormat[T]]:
        wanted = answer_format(response_format, "response_format")
        request, _ = self._prepare(asking_for(wanted, params), stream=stream)
        return request, wanted

    async def _send_parsed(self, request: Request, wanted: AnswerFormat[T]) -> ParsedCompletion[T]:
        completion, http = await self._engine.call(request, parse_completion)
        completion.http = http
        return parsed_completion(completion, wanted, request_info(self._engine, request, http))

    async def _send(self, prepared: tuple[Request, int]) -> ChatCompletion | AsyncStream[ChatCompletionChunk]:
        request, expected = prepared
        if request.stream:
            return await self._engine.open(request, partial(ChatDecoder, expected))
        return await self._complete(request)

    async def _complete(self, request: Request) -> ChatCompletion:
        completion, http = await self._engine.call(request, parse_completion)
        completion.http = http
        return completion


class AsyncChat:
    """`client.chat`."""

    def __init__(self, engine: Engine, defaults: Defaults) -> None:
        self.completions: AsyncChatCompletions = AsyncChatCompletions(engine, defaults)
        """Chat completions."""
