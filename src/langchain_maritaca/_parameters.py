"""What a chat model asks for: the parameters of its constructor, of each call, and what identifies them."""

import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

from langchain_core.language_models import LangSmithParams, ModelProfile
from langchain_core.utils import get_pydantic_field_names
from pydantic import Field, model_validator

from maritaca_async import __version__
from maritaca_async.types import ChatModel

from ._calls import call_parameters, constructor_only, refuse_contradiction, with_wire_tools
from ._chunks import PROVIDER
from ._connection import ConnectedChatModel
from ._profiles import model_profile
from ._results import combine_outputs
from ._tools import BUILT_IN, check_names, wire_tool_choice, wire_tools

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import _ChatModelBinding

_SENT = (
    "temperature",
    "max_tokens",
    "top_p",
    "stop",
    "frequency_penalty",
    "presence_penalty",
    "n",
    "service_tier",
    "extraction_effort",
    *sorted(BUILT_IN),
)


class ParameterizedChatModel(ConnectedChatModel):
    """A chat model that knows what to ask for, and not yet how."""

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
    web_search: bool | None = None
    """Whether the service may search the web and read pages. Built-in tools cannot stream, and each is billed."""
    code_execution: bool | None = None
    """Whether the service may run Python and Bash; files that it makes come with the answer."""
    data_ocean: bool | None = None
    """Whether the service may ask official Brazilian databases; switches the other two on."""
    tools: Sequence[Any] | None = None
    """Tools of every call: functions, classes, LangChain tools or dictionaries. See also `bind_tools`."""
    tool_choice: dict[str, Any] | str | bool | None = None
    """Whether and which tool to ask for in every call."""
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Any further parameters, such as `seed`; unknown constructor arguments end up here."""

    streaming: bool | None = None
    """True: `invoke` streams as well. False: even `stream` asks for the whole answer. None: as called."""
    stream_usage: bool = True
    """Whether streams bring their token counts in the last chunk."""

    @property
    def model(self) -> str:
        """Which model answers: `model_name`, by the name of its argument. Read-only; assign `model_name`."""
        return self.model_name

    # Construction

    @model_validator(mode="before")
    @classmethod
    def _sort_arguments(cls, given: dict[str, Any]) -> dict[str, Any]:
        values = dict(given)
        fields = get_pydantic_field_names(cls)
        extra = dict(values.pop("model_kwargs", None) or {})
        # Whoever validates assignments shows what a model remembers here, too: that is no argument.
        if unknown := {
            name
            for name in values.keys() - fields
            if not isinstance(getattr(cls, name, None), cached_property)
        }:
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
            functions, flags = wire_tools(values["tools"])
            check_names(functions)
            refuse_contradiction(flags, values)
            values.update(flags, tools=functions or None)
        return {**values, "model_kwargs": extra} if extra or "model_kwargs" in given else values

    @model_validator(mode="after")
    def _check_settings(self) -> Self:
        if self.n is not None and self.n < 1:
            raise ValueError("n must be at least 1")
        if self.streaming and (self.n or 1) > 1:
            raise ValueError("n must be 1 when streaming")
        wire_tool_choice(self.tool_choice, self.tools or ())
        return self

    @model_validator(mode="after")
    def _set_maritaca_version(self) -> Self:
        self._add_version("maritaca-async", __version__)
        return self

    def _given(
        self, stop: list[str] | None, call: Mapping[str, Any], *, stream: bool = False
    ) -> dict[str, Any]:
        """Everything set for one call, by the constructor or by the call itself, which wins."""
        own, call = self._own_params(), self._call(stop, call)
        if call.get("tools"):
            own.pop("tool_choice", None)  # it was made among other tools
        given = {**own, **call}
        given["model"] = given["model"] or self.model_name
        given.pop("stream", None)
        usage = given.pop("stream_usage", None)
        if not stream:
            given.pop("stream_options", None)
        elif (given.get("n") or 1) > 1:
            raise ValueError("n must be 1 when streaming")
        elif self.stream_usage if usage is None else usage:
            given.setdefault("stream_options", {"include_usage": True})
        return given

    def _call(self, stop: list[str] | None, call: Mapping[str, Any]) -> dict[str, Any]:
        return call_parameters(call, stop, constructor_only(type(self)))

    def bind(self, **kwargs: Any) -> "_ChatModelBinding":
        """This model with parameters for every call; its tools are made ready once, here.

        Raises:
            ChatMaritacaConfigurationError: what no call can set, or a tool that cannot be sent.
        """
        return super().bind(**self._call(None, kwargs))

    if not TYPE_CHECKING:  # what LangChain says of their types stands
        # Several hooks are asked about a call before it is made: its tools are made ready once, here.

        def generate(self, *args: Any, **kwargs: Any) -> Any:
            """See `BaseChatModel.generate` of LangChain."""
            return super().generate(*args, **with_wire_tools(kwargs))

        async def agenerate(self, *args: Any, **kwargs: Any) -> Any:
            """See `BaseChatModel.agenerate` of LangChain."""
            return await super().agenerate(*args, **with_wire_tools(kwargs))

        def stream(self, *args: Any, **kwargs: Any) -> Any:
            """See `BaseChatModel.stream` of LangChain."""
            return super().stream(*args, **with_wire_tools(kwargs))

        def astream(self, *args: Any, **kwargs: Any) -> Any:
            """See `BaseChatModel.astream` of LangChain."""
            return super().astream(*args, **with_wire_tools(kwargs))

        def stream_events(self, *args: Any, **kwargs: Any) -> Any:
            """See `BaseChatModel.stream_events` of LangChain."""
            return super().stream_events(*args, **with_wire_tools(kwargs))

        def astream_events(self, *args: Any, **kwargs: Any) -> Any:
            """See `BaseChatModel.astream_events` of LangChain."""
            return super().astream_events(*args, **with_wire_tools(kwargs))

    def _own_params(self) -> dict[str, Any]:
        fields = vars(self)  # asked for three times a call: reading attributes takes twice as long
        params: dict[str, Any] = {"model": self.model_name, **self.model_kwargs}
        params.update({name: value for name in _SENT if (value := fields[name]) is not None})
        if self.tools:
            params["tools"] = self.tools
            params["tool_choice"] = wire_tool_choice(self.tool_choice, self.tools)
        return params

    def _streaming_disabled(self, **kwargs: Any) -> bool:
        # Several answers and the built-in tools cannot stream: such calls ask for the whole answer.
        call = self._call(None, kwargs)
        if super()._streaming_disabled(**call):
            return True
        params = {**self._own_params(), **call}
        extra = params.get("extra_body")
        return _cannot_stream(params) or (isinstance(extra, Mapping) and _cannot_stream(extra))

    @property
    def _identifying_params(self) -> dict[str, Any]:
        params = _without_headers(self._own_params())
        return {**params, "base_url": self.maritaca_api_base} if self.maritaca_api_base else params

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        params = _without_headers({**self._own_params(), **self._call(stop, kwargs)})
        return {**params, "_type": self._llm_type, "stop": params.get("stop")}

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        return super()._get_llm_string(**self._call(stop, kwargs))

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        call = self._call(stop, kwargs)
        params = LangSmithParams(
            ls_provider=PROVIDER, ls_model_name=call.get("model") or self.model_name, ls_model_type="chat"
        )
        temperature = call.get("temperature", self.temperature)
        if temperature is not None:
            params["ls_temperature"] = temperature
        max_tokens = call.get("max_tokens", self.max_tokens)
        if max_tokens is not None:
            params["ls_max_tokens"] = max_tokens
        if texts := call.get("stop") or self.stop:
            params["ls_stop"] = [texts] if isinstance(texts, str) else list(texts)
        return params

    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None]) -> dict[str, Any]:
        return combine_outputs(llm_outputs)

    def _resolve_model_profile(self) -> ModelProfile | None:
        return model_profile(self.model_name)


def _cannot_stream(body: Mapping[str, Any]) -> bool:
    return (body.get("n") or 1) > 1 or any(map(body.get, BUILT_IN))


def _without_headers(params: dict[str, Any]) -> dict[str, Any]:
    """What traces may show: headers are where callers put their own secrets."""
    return {name: value for name, value in params.items() if name != "extra_headers"}
