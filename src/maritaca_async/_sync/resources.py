"""Blocking resources: each method is its asynchronous twin, run on the loop thread."""

from __future__ import annotations

from collections.abc import Sized
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

from .._core.bulk import AsyncMap, Calls
from .._core.inputs import WINDOW, Fed, check_requests
from .._core.stream import AsyncStream
from ..resources._chat_map import CONCURRENCY, plan_of
from ..resources.chat_stream import AsyncParsedCompletionStream
from .maps import Map
from .portal import run
from .streams import ChatCompletionStream, ParsedCompletionStream, Stream

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping

    from .._core.bulk import MapProgress
    from ..resources.chat import AsyncChat, AsyncChatCompletions
    from ..resources.models import AsyncModels
    from ..types.chat import ChatCompletion, ChatCompletionChunk
    from ..types.chat_params import CompletionParams, ParseParams
    from ..types.models import ModelList
    from ..types.parsed import ParsedCompletion
    from ..types.shared import RequestOptions

T = TypeVar("T")


class ChatCompletions:
    """`client.chat.completions`."""

    def __init__(self, twin: AsyncChatCompletions) -> None:
        self._twin = twin

    @overload
    def create(
        self, *, stream: Literal[False] | None = None, **params: Unpack[CompletionParams]
    ) -> ChatCompletion: ...
    @overload
    def create(
        self, *, stream: Literal[True], **params: Unpack[CompletionParams]
    ) -> Stream[ChatCompletionChunk]: ...
    @overload
    def create(
        self, *, stream: bool | None = None, **params: Unpack[CompletionParams]
    ) -> ChatCompletion | Stream[ChatCompletionChunk]: ...

    def create(
        self, *, stream: bool | None = None, **params: Unpack[CompletionParams]
    ) -> ChatCompletion | Stream[ChatCompletionChunk]:
        """Ask for a completion; see `AsyncChatCompletions.create`.

        Raises:
            ConfigurationError: a parameter or option that cannot work, before any I/O.
            APIError: the call failed.
        """
        # Prepared in the caller's thread: iterables of the caller's run there, and large bodies hold up no loop.
        answer = run(self._twin._send, self._twin._prepare(params, stream=bool(stream)))  # noqa: SLF001
        return Stream(answer) if isinstance(answer, AsyncStream) else answer

    def parse(self, *, response_format: type[T], **params: Unpack[ParseParams]) -> ParsedCompletion[T]:
        """Ask for an answer of a type; see `AsyncChatCompletions.parse`.

        Raises:
            ConfigurationError: a parameter, option or type that cannot work, before any I/O.
            AnswerFormatError: the answer was cut off, refused or empty, or is not of the type.
            APIError: the call failed.
        """
        twin = self._twin
        return run(twin._send_parsed, *twin._prepare_parsed(response_format, params, stream=False))  # noqa: SLF001

    @overload
    def stream(self, **params: Unpack[CompletionParams]) -> ChatCompletionStream: ...
    @overload
    def stream(
        self, *, response_format: type[T], **params: Unpack[ParseParams]
    ) -> ParsedCompletionStream[T]: ...

    def stream(self, **params: Any) -> ChatCompletionStream | ParsedCompletionStream[Any]:
        """A stream of typed events, opened by `with`; see `AsyncChatCompletions.stream`.

        Raises:
            ConfigurationError: a parameter or option that cannot work, before any I/O.
        """
        stream = self._twin.stream(**params)
        if isinstance(stream, AsyncParsedCompletionStream):
            return ParsedCompletionStream(stream)
        return ChatCompletionStream(stream)

    def map(
        self,
        requests: Iterable[Mapping[str, Any]],
        *,
        concurrency: int = CONCURRENCY,
        ordered: bool = True,
        on_progress: Callable[[MapProgress], object] | None = None,
        journal: str | os.PathLike[str] | None = None,
        return_exceptions: bool = False,
    ) -> Map[ChatCompletion]:
        """Make many calls, some at the same time; see `AsyncChatCompletions.map`.

        The requests are read and `on_progress` is called in the caller's thread.

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
        total = len(requests) if isinstance(requests, Sized) else None
        fed: Fed[ChatCompletion] = Fed()
        twin = AsyncMap(Calls(fed, plan), total=total, on_progress=on_progress)
        return Map(twin, fed, iter(check_requests(requests)), self._twin._item, WINDOW * concurrency)  # noqa: SLF001


class Chat:
    """`client.chat`."""

    def __init__(self, twin: AsyncChat) -> None:
        self.completions: ChatCompletions = ChatCompletions(twin.completions)
        """Chat completions."""


class Models:
    """`client.models`."""

    def __init__(self, twin: AsyncModels) -> None:
        self._twin = twin

    def list(self, **options: Unpack[RequestOptions]) -> ModelList:
        """The models the service lists; see `AsyncModels.list`.

        Raises:
            ConfigurationError: a bad option, before any I/O.
            APIError: the call failed.
        """
        return run(partial(self._twin.list, **options))
