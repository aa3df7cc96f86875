"""`ChatMaritaca`: the LangChain chat model for Maritaca AI's Sabiá models."""

import inspect
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput, ModelProfile
from langchain_core.language_models.chat_models import BaseChatModel, LangSmithParams
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils import get_pydantic_field_names, secret_from_env
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, model_validator

from maritaca_async import AsyncMaritaca, Maritaca, MaritacaError, Timeouts, __version__
from maritaca_async.types import ChatModel

from ._clients import Clients, ClientSettings, shared_clients
from ._errors import langchain_error
from ._payload import request_params, wire_response_format, wire_tool_choice, wire_tools
from ._profiles import model_profile
from ._results import PROVIDER, ChunkReader, chat_result
from ._structured import Method, structured_output

_BUILT_IN = ("web_search", "code_execution", "data_ocean")
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


class ChatMaritaca(BaseChatModel):
    """Chat model of Maritaca AI.

    Only what you set is sent: everything else is left to the service. One model serves any number of
    calls, event loops and threads; making one opens nothing.

        model = ChatMaritaca(model="sabia-4", temperature=0)
        model.invoke("Qual é a capital do Brasil?")
        await model.ainvoke("Qual é a capital do Brasil?")
    """

    model_config = ConfigDict(populate_by_name=True, hide_input_in_errors=True, protected_namespaces=())

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

    maritaca_api_key: SecretStr | None = Field(
        default_factory=secret_from_env("MARITACA_API_KEY", default=None), alias="api_key"
    )
    """Key from plataforma.maritaca.ai. Default: the environment variable `MARITACA_API_KEY`."""
    maritaca_api_base: str | None = Field(default=None, alias="base_url")
    """Root of the API. Default: `MARITACA_API_BASE`, else `https://chat.maritaca.ai/api`."""
    request_timeout: float | Timeouts | None = Field(default=None, alias="timeout")
    """Longest wait without anything new, in seconds, or `Timeouts` for each clock. Default: the
    client's, 600 seconds for a whole call; `Timeouts(None, None, None, None)` switches all clocks off."""
    max_retries: int = 2
    """Further attempts after the first."""
    retry_if_rate_limited: bool = True
    """Whether 429 is tried again."""
    retry_delay: float | None = None
    """Upper bound in seconds of the first wait after failures other than 429. Default: the client's."""
    retry_max_delay: float | None = None
    """Upper bound in seconds of any wait. Default: the client's."""
    retry_multiplier: float | None = None
    """Growth of the upper bound from one retry to the next. Default: the client's."""
    client: Maritaca | None = Field(default=None, exclude=True, repr=False)
    """A blocking client of your own; it brings its own key, URL, timeouts and retries."""
    async_client: AsyncMaritaca | None = Field(default=None, exclude=True, repr=False)
    """The same for asynchronous calls."""

    _clients: Clients | None = PrivateAttr(default=None)

    # Construction

    @model_validator(mode="before")
    @classmethod
    def _sort_arguments(cls, values: dict[str, Any]) -> dict[str, Any]:
        values = dict(values)
        fields = get_pydantic_field_names(cls)
        extra = dict(values.pop("model_kwargs", None) or {})
        if unknown := values.keys() - fields:
            names = ", ".join(sorted(unknown))
            warnings.warn(f"not a field of {cls.__name__}, so moved to model_kwargs: {names}", stacklevel=4)
            if twice := unknown & extra.keys():
                raise ValueError(f"given twice, as an argument and in model_kwargs: {', '.join(sorted(twice))}")
            extra.update({name: values.pop(name) for name in unknown})
        if misplaced := extra.keys() & fields:
            raise ValueError(f"give these as arguments of their own, not in model_kwargs: {', '.join(sorted(misplaced))}")
        if values.get("tools"):
            values["tools"], flags = wire_tools(values["tools"])
            extra.update(flags)
        return {**values, "model_kwargs": extra}

    @model_validator(mode="after")
    def _check_settings(self) -> Self:
        if self.n is not None and self.n < 1:
            raise ValueError("n must be at least 1")
        if self.streaming and (self.n or 1) > 1:
            raise ValueError("n must be 1 when streaming")
        delay, longest = self.retry_delay, self.retry_max_delay
        if delay is not None and delay < 0:
            raise ValueError("retry_delay must be non-negative")
        if delay is not None and longest is not None and longest < delay:
            raise ValueError("retry_max_delay must be greater than or equal to retry_delay")
        if self.retry_multiplier is not None and self.retry_multiplier < 1:
            raise ValueError("retry_multiplier must be at least 1")
        wire_tool_choice(self.tool_choice)
        return self

    @model_validator(mode="after")
    def _set_maritaca_clients(self) -> Self:
        own = self.client or self.async_client
        if own is None:
            # Made now, for it opens nothing and says at once what is wrong with key, URL or timeouts.
            own = self._shared_clients().asynchronous
        if self.maritaca_api_base is None:
            self.maritaca_api_base = own.base_url
        return self

    @model_validator(mode="after")
    def _set_maritaca_version(self) -> Self:
        self._add_version("maritaca-async", __version__)
        return self
