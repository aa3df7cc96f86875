"""Blocking resources: each method is its asynchronous twin, run on the loop thread."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, Unpack, overload

from .._core.stream import AsyncStream
from .portal import run
from .streams import ChatCompletionStream, Stream

if TYPE_CHECKING:
    from ..resources.chat import AsyncChat, AsyncChatCompletions
    from ..resources.models import AsyncModels
    from ..types.chat import ChatCompletion, ChatCompletionChunk
    from ..types.chat_params import CompletionParams
    from ..types.models import ModelList
    from ..types.shared import RequestOptions


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

    def stream(self, **params: Unpack[CompletionParams]) -> ChatCompletionStream:
        """A stream of typed events, opened by `with`; see `AsyncChatCompletions.stream`.

        Raises:
            ConfigurationError: a parameter or option that cannot work, before any I/O.
        """
        return ChatCompletionStream(self._twin.stream(**params))


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
