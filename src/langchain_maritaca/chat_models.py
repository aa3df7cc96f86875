"""`ChatMaritaca`: the LangChain chat model for Maritaca AI's Sabiá models."""

import inspect
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LangSmithParams, LanguageModelInput, ModelProfile
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils import get_pydantic_field_names
from pydantic import BaseModel, Field, model_validator

from maritaca_async import AsyncStream, __version__
from maritaca_async.types import ChatCompletionChunk, ChatModel

from ._connection import ConnectedChatModel
from ._errors import langchain_errors
from ._payload import BUILT_IN, request_params, wire_response_format, wire_tool_choice, wire_tools
from ._profiles import model_profile
from ._results import PROVIDER, ChunkReader, chat_result, combine_outputs
from ._structured import Method, structured_output

_LATER = frozenset({"auto_truncate", "context_warning_threshold", "max_context_tokens"})
_SAMPLING = (
    "temperature",
    "max_tokens",
    "top_p",
    "stop",
    "frequency_penalty",
    "presence_penalty",
    "n",
    "service_tier",
    "extraction_effort",
)


class ChatMaritaca(ConnectedChatModel):
    """Chat model of Maritaca AI.

    Only what you set is sent: everything else is left to the service. One model serves any number of
    calls, event loops and threads; making one opens nothing.

        model = ChatMaritaca(model="sabia-4", temperature=0)
        model.invoke("Qual é a capital do Brasil?")
        await model.ainvoke("Qual é a capital do Brasil?")
    """

    model_name: ChatModel = Field(default="sabia-4", alias="model")
    """Which model answers."""
    temperature: float | None = None
    """0 to 2; the service's default is 0.7. Use 0 for tasks with one right answer."""
    max_tokens: int | None = None
    """Most tokens of the answer, at most 32768. Thinking models spend them on reasoning too."""
    top_p: float | None = None
    """Nucleus sampling above 0, up to 1; the service's default is 0.95."""
    stop: list[str] | str | None = Field(default=None, alias="stop_sequences")
    """Texts that end the answer."""
    frequency_penalty: float | None = None
    """-2 to 2; the service's default is 0."""
    presence_penalty: float | None = None
    """-2 to 2; the service's default is 0."""
    n: int | None = None
    """Number of answers, for `generate`; more than one cannot stream."""
    service_tier: Literal["flex"] | str | None = None
    """`flex`: half the price, may wait up to 300 seconds for capacity."""
    extraction_effort: Literal["medium", "advanced"] | str | None = None
    """How thoroughly PDF files are read; the service's default is `medium`."""
    tools: list[dict[str, Any]] | None = None
    """Tools of every call: functions, classes, LangChain tools or dictionaries. See also `bind_tools`."""
    tool_choice: dict[str, Any] | str | bool | None = None
    """Whether and which tool to ask for in every call."""
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Any further parameters, such as `web_search`; unknown constructor arguments end up here."""

    streaming: bool | None = None
    """True: `invoke` streams as well. False: even `stream` asks for the whole answer. None: as called."""
    stream_usage: bool = True
    """Whether streams bring their token counts in the last chunk."""

    # Construction

    @model_validator(mode="before")
    @classmethod
    def _sort_arguments(cls, values: dict[str, Any]) -> dict[str, Any]:
        values = dict(values)
        fields = get_pydantic_field_names(cls)
        extra = dict(values.pop("model_kwargs", None) or {})
        if later := values.keys() & _LATER:
            raise ValueError(
                f"cutting long histories is not available yet: leave out {', '.join(sorted(later))}"
            )
        if unknown := values.keys() - fields:
            names = ", ".join(sorted(unknown))
            warnings.warn(f"not a field of {cls.__name__}, so moved to model_kwargs: {names}", stacklevel=4)
            if twice := unknown & extra.keys():
                raise ValueError(
                    f"given twice, as an argument and in model_kwargs: {', '.join(sorted(twice))}"
                )
            extra.update({name: values.pop(name) for name in unknown})
        if misplaced := extra.keys() & fields:
            raise ValueError(
                f"give these as arguments of their own, not in model_kwargs: {', '.join(sorted(misplaced))}"
            )
        if values.get("tools"):
            values["tools"], flags = wire_tools(values["tools"])
            extra.update(flags)
        return {**values, "model_kwargs": extra} if extra else values

    @model_validator(mode="after")
    def _check_settings(self) -> Self:
        if self.n is not None and self.n < 1:
            raise ValueError("n must be at least 1")
        if self.streaming and (self.n or 1) > 1:
            raise ValueError("n must be 1 when streaming")
        wire_tool_choice(self.tool_choice)
        return self

    @model_validator(mode="after")
    def _set_maritaca_version(self) -> Self:
        self._add_version("maritaca-async", __version__)
        return self

    # What LangChain asks of a chat model

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - the base class names it
        **kwargs: Any,
    ) -> ChatResult:
        params = self._params(messages, stop, kwargs)
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
        params = self._params(messages, stop, kwargs)
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
        params = self._params(messages, stop, kwargs, stream=True)
        reader = ChunkReader(params["model"])
        create = self._blocking_client().chat.completions.create
        with langchain_errors, create(stream=True, **params) as stream:
            for chunk in stream:
                if (piece := reader.read(chunk)) is not None:
                    yield piece
            yield reader.close(stream.received)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain reports the chunks itself
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        params = self._params(messages, stop, kwargs, stream=True)
        reader = ChunkReader(params["model"])
        create = self._asynchronous_client().chat.completions.create
        async with _opened(create(stream=True, **params)) as stream:
            async for chunk in stream:
                if (piece := reader.read(chunk)) is not None:
                    yield piece
            yield reader.close(stream.received)

    def _params(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        call: Mapping[str, Any],
        *,
        stream: bool = False,
    ) -> dict[str, Any]:
        given = {**self._own_params(), **call}
        given["model"] = given["model"] or self.model_name
        if stop is not None:
            given["stop"] = stop
        given.pop("stream", None)
        usage = given.pop("stream_usage", None)
        if not stream:
            given.pop("stream_options", None)
        elif (given.get("n") or 1) > 1:
            raise ValueError("n must be 1 when streaming")
        elif self.stream_usage if usage is None else usage:
            given.setdefault("stream_options", {"include_usage": True})
        return request_params(messages, given)

    def _own_params(self) -> dict[str, Any]:
        params: dict[str, Any] = {"model": self.model_name, **self.model_kwargs}
        for name in _SAMPLING:
            if (value := getattr(self, name)) is not None:
                params[name] = value
        if self.tools:
            params["tools"] = self.tools
            params["tool_choice"] = wire_tool_choice(self.tool_choice)
        return params

    def _streaming_disabled(self, **kwargs: Any) -> bool:
        # Several answers and the built-in tools cannot stream: such calls ask for the whole answer.
        if super()._streaming_disabled(**kwargs):
            return True
        given = {**self.model_kwargs, **kwargs}
        return (given.get("n", self.n) or 1) > 1 or any(given[name] for name in BUILT_IN & given.keys())

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
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
            ValueError: a tool or choice that cannot be sent.
        """
        functions, flags = wire_tools(tools, strict=strict)
        bound = {
            **flags,
            "tools": functions or None,
            "tool_choice": wire_tool_choice(tool_choice) if functions else None,
            "parallel_tool_calls": parallel_tool_calls if functions else None,
            "response_format": wire_response_format(response_format, strict=strict),
        }
        return self.bind(**{name: value for name, value in bound.items() if value is not None}, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        method: Method = "json_schema",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
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
            ValueError: arguments that do not go together.
        """
        return structured_output(
            self, schema, method=method, include_raw=include_raw, strict=strict, **kwargs
        )

    @property
    def _llm_type(self) -> str:
        return "maritaca-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        params = self._own_params()
        return {**params, "base_url": self.maritaca_api_base} if self.maritaca_api_base else params

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        params = self._own_params()
        return {
            **params,
            "_type": self._llm_type,
            "stop": params.get("stop") if stop is None else stop,
            **kwargs,
        }

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = LangSmithParams(
            ls_provider=PROVIDER, ls_model_name=kwargs.get("model") or self.model_name, ls_model_type="chat"
        )
        temperature = kwargs.get("temperature", self.temperature)
        if temperature is not None:
            params["ls_temperature"] = temperature
        max_tokens = kwargs.get("max_tokens", self.max_tokens)
        if max_tokens is not None:
            params["ls_max_tokens"] = max_tokens
        if texts := stop or kwargs.get("stop") or self.stop:
            params["ls_stop"] = [texts] if isinstance(texts, str) else list(texts)
        return params

    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None]) -> dict[str, Any]:
        return combine_outputs(llm_outputs)

    def _resolve_model_profile(self) -> ModelProfile | None:
        return model_profile(self.model_name)

    @property
    def lc_secrets(self) -> dict[str, str]:
        """Which constructor arguments are secrets, and the environment variables that hold them."""
        return {"maritaca_api_key": "MARITACA_API_KEY"}

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """True: LangChain may dump this model, without its key."""
        return True


@asynccontextmanager
async def _opened(
    opening: Awaitable[AsyncStream[ChatCompletionChunk]],
) -> AsyncIterator[AsyncStream[ChatCompletionChunk]]:
    with langchain_errors:
        async with await opening as stream:
            yield stream


# LangChain inspects these at every call; a signature that is there already saves it the work.
for _name in ("_generate", "_agenerate"):
    _hook = getattr(ChatMaritaca, _name)
    _hook.__signature__ = inspect.signature(_hook)
