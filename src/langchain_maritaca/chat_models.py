"""`ChatMaritaca`: the LangChain chat model for Maritaca AI's Sabiá models."""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, overload

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from pydantic import BaseModel

from maritaca_async import AsyncChatCompletionStream, AsyncMaritaca

from ._batch import BatchingChatModel
from ._context import CONTEXT_WARNING_THRESHOLD, DEFAULT_CONTEXT_LIMIT, MODEL_CONTEXT_LIMITS, logger
from ._errors import HTTP_TOO_MANY_REQUESTS, langchain_errors
from ._events import Event, EventWriter, message_start, whole_answer_events
from ._formats import wire_response_format
from ._results import ChunkReader, chat_result
from ._selection import MODEL_SPECS
from ._structured import Method, structured_output
from ._tools import wire_tool_choice, wire_tools

if TYPE_CHECKING:
    from langchain_core.caches import BaseCache
    from langchain_core.callbacks import Callbacks
    from langchain_core.language_models import ModelProfile
    from langchain_core.rate_limiters import BaseRateLimiter
    from langchain_core.tools import BaseTool
    from pydantic import SecretStr

    from maritaca_async import Maritaca, Timeouts
    from maritaca_async.types import ChatModel

__all__ = [
    "CONTEXT_WARNING_THRESHOLD",
    "DEFAULT_CONTEXT_LIMIT",
    "HTTP_TOO_MANY_REQUESTS",
    "MODEL_CONTEXT_LIMITS",
    "MODEL_SPECS",
    "ChatMaritaca",
    "logger",
]

Tools: TypeAlias = "Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool]"
"""Functions, pydantic classes, LangChain tools or dictionaries."""
_Model = TypeVar("_Model", bound=BaseModel)
_Fields = TypeVar("_Fields", bound=Mapping[str, object])  # a TypedDict


class ChatMaritaca(BatchingChatModel):
    """Chat model of Maritaca AI.

    Only what you set is sent: everything else is left to the service. One model serves any number of
    calls, event loops and threads; making one opens nothing.

        model = ChatMaritaca(model="sabia-4", temperature=0)
        model.invoke("Qual é a capital do Brasil?")
        await model.ainvoke("Qual é a capital do Brasil?")
    """

    if TYPE_CHECKING:
        # What type checkers make of the fields takes a field by its alias only.
        def __init__(  # noqa: PLR0913 - as many as there are fields
            self,
            *,
            model: ChatModel = ...,
            model_name: ChatModel = ...,
            api_key: SecretStr | str | None = ...,
            maritaca_api_key: SecretStr | str | None = ...,
            base_url: str | None = ...,
            maritaca_api_base: str | None = ...,
            timeout: float | Timeouts | None = ...,
            request_timeout: float | Timeouts | None = ...,
            max_retries: int = ...,
            retry_if_rate_limited: bool = ...,
            retry_delay: float | None = ...,
            retry_max_delay: float | None = ...,
            retry_multiplier: float | None = ...,
            client: Maritaca | None = ...,
            async_client: AsyncMaritaca | None = ...,
            temperature: float | None = ...,
            max_tokens: int | None = ...,
            top_p: float | None = ...,
            stop: list[str] | str | None = ...,
            stop_sequences: list[str] | str | None = ...,
            frequency_penalty: float | None = ...,
            presence_penalty: float | None = ...,
            n: int | None = ...,
            service_tier: Literal["flex"] | str | None = ...,
            extraction_effort: Literal["medium", "advanced"] | str | None = ...,
            web_search: bool | None = ...,
            code_execution: bool | None = ...,
            data_ocean: bool | None = ...,
            tools: Tools | None = ...,
            tool_choice: dict[str, Any] | str | bool | None = ...,
            model_kwargs: dict[str, Any] = ...,
            streaming: bool | None = ...,
            stream_usage: bool = ...,
            max_context_tokens: int | None = ...,
            auto_truncate: bool = ...,
            context_warning_threshold: float = ...,
            name: str | None = ...,
            cache: BaseCache | bool | None = ...,
            verbose: bool = ...,
            callbacks: Callbacks = ...,
            tags: list[str] | None = ...,
            metadata: dict[str, Any] | None = ...,
            custom_get_token_ids: Callable[[str], list[int]] | None = ...,
            rate_limiter: BaseRateLimiter | None = ...,
            disable_streaming: bool | Literal["tool_calling"] = ...,
            output_version: str | None = ...,
            profile: ModelProfile | None = ...,
        ) -> None: ...

    # What LangChain asks of a chat model

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - the base class names it
        **kwargs: Any,
    ) -> ChatResult:
        params = self._request(messages, stop, kwargs)
        with langchain_errors:
            completion = self._blocking_client().chat.completions.create(**params)
        return chat_result(completion, params["model"])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - the base class names it
        **kwargs: Any,
    ) -> ChatResult:
        params = await self._arequest(messages, stop, kwargs)
        with langchain_errors:
            completion = await self._asynchronous_client().chat.completions.create(**params)
        return chat_result(completion, params["model"])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain reports the chunks itself
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        params = self._request(messages, stop, kwargs, stream=True)
        reader = ChunkReader(params["model"])
        with langchain_errors, self._blocking_client().chat.completions.stream(**_asking(params)) as stream:
            for event in stream.deltas:
                if (piece := reader.read(event)) is not None:
                    yield piece
            last = reader.close(stream.received)
        yield last

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain reports the chunks itself
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        params = await self._arequest(messages, stop, kwargs, stream=True)
        reader = ChunkReader(params["model"])
        async with _opened(self._asynchronous_client(), params) as stream:
            async for event in stream.deltas:
                if (piece := reader.read(event)) is not None:
                    yield piece
            last = reader.close(stream.received)
        yield last

    @property
    def _stream_chat_model_events(self) -> Callable[..., Iterator[Event]] | None:
        # A subclass that changes the stream changes its events, which LangChain then makes of the chunks.
        return self._events if type(self)._stream is ChatMaritaca._stream else None  # noqa: SLF001

    @property
    def _astream_chat_model_events(self) -> Callable[..., AsyncIterator[Event]] | None:
        return self._aevents if type(self)._astream is ChatMaritaca._astream else None  # noqa: SLF001

    def _events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[Event]:
        run_id = run_manager.run_id if run_manager else None
        if self._streaming_disabled(**kwargs):
            result = self._generate(messages, stop, **kwargs)
            yield from whole_answer_events(result, kwargs.get("model") or self.model_name, run_id)
            return
        params = self._request(messages, stop, kwargs, stream=True)
        writer = EventWriter(params["model"])
        with langchain_errors, self._blocking_client().chat.completions.stream(**_asking(params)) as stream:
            yield message_start(params["model"], run_id)
            for delta in stream.deltas:
                yield from writer.read(delta)
            ending = list(writer.close(stream.received))
        # LangChain stops at the last event: what is left behind here must hold nothing open.
        yield from ending

    async def _aevents(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Event]:
        run_id = run_manager.run_id if run_manager else None
        if self._streaming_disabled(**kwargs):
            result = await self._agenerate(messages, stop, **kwargs)
            for event in whole_answer_events(result, kwargs.get("model") or self.model_name, run_id):
                yield event
            return
        params = await self._arequest(messages, stop, kwargs, stream=True)
        writer = EventWriter(params["model"])
        async with _opened(self._asynchronous_client(), params) as stream:
            yield message_start(params["model"], run_id)
            async for delta in stream.deltas:
                for event in writer.read(delta):
                    yield event
            ending = list(writer.close(stream.received))
        for event in ending:
            yield event

    def bind_tools(
        self,
        tools: Tools,
        *,
        tool_choice: dict[str, Any] | str | bool | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        response_format: dict[str, Any] | type | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """This model with tools it may ask for.

        Args:
            tools: Functions, pydantic classes, LangChain tools or dictionaries. `{"type": "web_search"}`,
                `"code_interpreter"` and `"data_ocean"` stand for the tools that Maritaca runs itself.
            tool_choice: A tool's name, `auto`, `any` (or True), `none`, or the wire's own form.
            strict: Whether arguments must follow the schemas exactly.
            parallel_tool_calls: Whether one answer may ask for several tools.
            response_format: A schema for the final answer: a class, a JSON Schema, or the wire's own form.
            **kwargs: Further parameters of every call.

        Raises:
            ChatMaritacaConfigurationError: a tool, choice or format that cannot be sent; it is a `ValueError`, too.
        """
        functions, flags = wire_tools(tools, strict=strict)
        bound = {
            **flags,
            "tools": functions or None,
            "tool_choice": wire_tool_choice(tool_choice, functions),
            "parallel_tool_calls": parallel_tool_calls if functions else None,
            "response_format": wire_response_format(response_format, strict=strict),
        }
        return self.bind(**{**{name: value for name, value in bound.items() if value is not None}, **kwargs})

    @overload
    def with_structured_output(
        self,
        schema: type[_Model],
        *,
        method: Method = ...,
        include_raw: Literal[False] = ...,
        strict: bool | None = ...,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, _Model]: ...

    @overload
    def with_structured_output(
        self,
        schema: type[_Fields],
        *,
        method: Method = ...,
        include_raw: Literal[False] = ...,
        strict: bool | None = ...,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, _Fields]: ...

    @overload
    def with_structured_output(
        self,
        schema: dict[str, Any] | None = ...,
        *,
        method: Method = ...,
        include_raw: bool = ...,
        strict: bool | None = ...,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any]]: ...

    @overload
    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = ...,
        *,
        method: Method = ...,
        include_raw: Literal[True],
        strict: bool | None = ...,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any]]: ...

    @overload
    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = ...,
        *,
        method: Method = ...,
        include_raw: bool = ...,
        strict: bool | None = ...,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]: ...

    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        method: Method = "json_schema",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """This model, answering with an object instead of a message.

        Args:
            schema: A pydantic class, TypedDict class, or JSON Schema; only `json_mode` can do without.
            method: `json_schema` asks for the schema, `function_calling` for a call of a function with such
                arguments, `json_mode` for any JSON (say in the prompt that you want JSON, and which).
            include_raw: Whether to return `{"raw", "parsed", "parsing_error"}` and never to raise for
                an answer that does not parse.
            strict: Whether the service is told to follow the schema exactly.
            **kwargs: Further parameters of every call, and `tools` to offer beside the schema.

        Raises:
            ChatMaritacaConfigurationError: arguments that do not go together; it is a `ValueError`, too.
        """
        return structured_output(
            self, schema, method=method, include_raw=include_raw, strict=strict, **kwargs
        )

    @property
    def _llm_type(self) -> str:
        return "maritaca-chat"

    @property
    def lc_secrets(self) -> dict[str, str]:
        """Which constructor arguments are secrets, and the environment variables that hold them."""
        return {"maritaca_api_key": "MARITACA_API_KEY"}

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """True: LangChain may dump this model, without its key."""
        return True


def _asking(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a stream, which else asks for usage of its own accord."""
    return {"stream_options": None, **params}


@asynccontextmanager
async def _opened(client: AsyncMaritaca, params: dict[str, Any]) -> AsyncIterator[AsyncChatCompletionStream]:
    with langchain_errors:
        async with client.chat.completions.stream(**_asking(params)) as stream:
            yield stream


# LangChain inspects these at every call; a signature that is there already saves it the work.
for _name in ("_generate", "_agenerate"):
    _hook = getattr(ChatMaritaca, _name)
    _hook.__signature__ = inspect.signature(_hook)
