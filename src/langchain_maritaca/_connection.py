"""How a chat model reaches the service: key, URL, timeouts, retries, and the clients made of them.

Models with equal settings share their clients, and so their connections. A changed setting takes effect
at the next call: in the model itself, in copies, and in what `configurable_fields` makes of it.
"""

import difflib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cached_property
from typing import Any, ClassVar, Final, NamedTuple, Self, get_args
from weakref import WeakValueDictionary

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.utils import from_env, secret_from_env
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from maritaca_async import AsyncMaritaca, ConfigurationError, Maritaca, RetryPolicy, Timeouts

_key_from_environment = secret_from_env("MARITACA_API_KEY", default=None)

# Fields that decide how an answer is fetched, not what it says.
_OF_NO_ANSWER: Final = frozenset(
    {
        "maritaca_api_key",
        "request_timeout",
        "max_retries",
        "retry_if_rate_limited",
        "retry_delay",
        "retry_max_delay",
        "retry_multiplier",
        "streaming",
        "disable_streaming",
        "context_warning_threshold",
        "name",
    }
)
_CALL_OPTIONS: Final = frozenset({"timeout", "max_retries", "extra_headers"})


class ClientSettings(NamedTuple):
    """What a client is made of; equal settings mean the same client."""

    api_key: SecretStr | None
    base_url: str | None
    timeout: float | Timeouts | None
    max_retries: int
    retry_if_rate_limited: bool
    retry_delay: float | None
    retry_max_delay: float | None
    retry_multiplier: float | None


class Clients:
    """A pair of clients, asynchronous and blocking. Making them opens nothing."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self.asynchronous = AsyncMaritaca(**self._options())

    @cached_property
    def blocking(self) -> Maritaca:
        """The blocking one, made when it is first asked for."""
        return Maritaca(**self._options())

    def _options(self) -> dict[str, Any]:
        settings = self.settings
        options = {
            "api_key": None if settings.api_key is None else settings.api_key.get_secret_value(),
            "base_url": settings.base_url,
            "max_retries": _retry_policy(settings),
        }
        return options if settings.timeout is None else {**options, "timeout": settings.timeout}

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self


# Weak, so that clients live as long as a model that uses them.
_shared: WeakValueDictionary[ClientSettings, Clients] = WeakValueDictionary()


def shared_clients(settings: ClientSettings) -> Clients:
    """The clients for these settings, made if no model holds such a pair.

    Raises:
        ConfigurationError: no key, or a setting that cannot work.
    """
    found = _shared.get(settings)
    return _shared.setdefault(settings, Clients(settings)) if found is None else found


def _retry_policy(settings: ClientSettings) -> RetryPolicy:
    usual = RetryPolicy()
    delay = usual.delay if settings.retry_delay is None else settings.retry_delay
    longest = settings.retry_max_delay
    return RetryPolicy(
        max_retries=settings.max_retries,
        retry_rate_limited=settings.retry_if_rate_limited,
        delay=delay,
        max_delay=max(usual.max_delay, delay) if longest is None else longest,
        multiplier=usual.multiplier if settings.retry_multiplier is None else settings.retry_multiplier,
        rate_limit_max_delay=usual.rate_limit_max_delay if longest is None else longest,
        max_retry_after=max(usual.max_retry_after, longest or 0.0),
    )


def field_names(model: type[BaseModel], given: Iterable[str]) -> dict[str, str]:
    """The fields that names or aliases stand for.

    Raises:
        ConfigurationError: a name that stands for no field, or two for the same.
    """
    fields = {name: name for name in model.model_fields}
    fields.update({field.alias: name for name, field in model.model_fields.items() if field.alias})
    given = list(given)
    if unknown := [name for name in given if name not in fields]:
        meant = "; ".join(_meant(name, fields) for name in unknown)
        raise ConfigurationError(f"{model.__name__} has no such field: {meant}")
    named = {name: fields[name] for name in given}
    if twice := [field for field, times in Counter(named.values()).items() if times > 1]:
        raise ConfigurationError(f"given twice, by name and by alias: {', '.join(twice)}")
    return named


def _meant(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return (
        f"{name!r}, did you mean {close[0]!r}?"
        if close
        else f"{name!r}, there are {', '.join(sorted(known))}"
    )


def assign(model: BaseModel, values: Mapping[str, Any]) -> None:
    """Set fields, given by name or alias.

    Raises:
        ConfigurationError: a name that stands for no field, or two for the same.
    """
    for name, field in field_names(type(model), values).items():
        setattr(model, field, values[name])


def _kept_secret(model: type[BaseModel], name: str, value: Any) -> Any:
    """A text for a field of secrets as one, so that it is shown nowhere."""
    field = model.model_fields.get(name)
    if field is None or not isinstance(value, str):
        return value
    return SecretStr(value) if SecretStr in (field.annotation, *get_args(field.annotation)) else value


class ConnectedChatModel(BaseChatModel):
    """A chat model that knows how to reach the service, and nothing else yet."""

    # Validation errors would show the key among the inputs. Built at first use, pydantic's part of these
    # classes costs an import nothing.
    model_config: ClassVar[ConfigDict] = ConfigDict(
        populate_by_name=True, hide_input_in_errors=True, protected_namespaces=(), defer_build=True
    )

    maritaca_api_key: SecretStr | None = Field(default_factory=_key_from_environment, alias="api_key")
    """Key from plataforma.maritaca.ai. Default: the environment variable `MARITACA_API_KEY`."""
    maritaca_api_base: str | None = Field(
        default_factory=from_env("MARITACA_API_BASE", default=None), alias="base_url"
    )
    """Root of the API. Default: `MARITACA_API_BASE`, else the client's, `https://chat.maritaca.ai/api`."""
    request_timeout: float | Timeouts | None = Field(default=None, alias="timeout")
    """Longest wait without anything new, in seconds, or `Timeouts` for each clock. Default: the client's,
    600 seconds for a whole call; `Timeouts` with None in every place switches all clocks off."""
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

    @model_validator(mode="before")
    @classmethod
    def _leave_connection_to_own_client(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values.get("client") is None and values.get("async_client") is None:
            return values
        values = dict(values)
        for name, alias in (("maritaca_api_key", "api_key"), ("maritaca_api_base", "base_url")):
            if values.pop(name, None) or values.pop(alias, None):
                raise ValueError(f"a client of your own brings its own {alias}: leave out {alias}=...")
            values[name] = None
        return values

    @model_validator(mode="after")
    def validate_environment(self) -> Self:
        """Look at the connection, which opens nothing and says at once what is wrong with key, URL or timeouts.

        Raises:
            ValueError: a setting that cannot work.
        """
        delay, longest = self.retry_delay, self.retry_max_delay
        if delay is not None and delay < 0:
            raise ValueError("retry_delay must be non-negative")
        if delay is not None and longest is not None and longest < delay:
            raise ValueError("retry_max_delay must be greater than or equal to retry_delay")
        if self.retry_multiplier is not None and self.retry_multiplier < 1:
            raise ValueError("retry_multiplier must be at least 1")
        if self.client is None and self.async_client is None:
            _forget_derived(vars(self))
            _ = self._clients
        return self

    @cached_property
    def _clients(self) -> Clients:
        settings = ClientSettings(
            self.maritaca_api_key,
            self.maritaca_api_base,
            self.request_timeout,
            self.max_retries,
            self.retry_if_rate_limited,
            self.retry_delay,
            self.retry_max_delay,
            self.retry_multiplier,
        )
        return shared_clients(settings)

    def _blocking_client(self) -> Maritaca:
        if self.client is not None:
            return self.client
        if self.async_client is not None:
            raise ConfigurationError(
                "this model has an async_client of yours: give it a client for blocking calls, too"
            )
        return self._clients.blocking

    def _asynchronous_client(self) -> AsyncMaritaca:
        if self.async_client is not None:
            return self.async_client
        if self.client is not None:
            raise ConfigurationError(
                "this model has a client of yours: give it an async_client for async calls, too"
            )
        return self._clients.asynchronous

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        if not self.is_lc_serializable():
            return super()._get_llm_string(stop, **kwargs)
        # LangChain's own would miss cached answers whenever timeouts or retries differ.
        asker = self.client or self.async_client or self._clients.asynchronous
        fields = {**self._serialized["kwargs"], "maritaca_api_base": asker.base_url}
        asked = {name: value for name, value in fields.items() if name not in _OF_NO_ANSWER}
        call = {name: value for name, value in kwargs.items() if name not in _CALL_OPTIONS}
        text = json.dumps([self.lc_id(), asked, {**call, "stop": stop}], default=repr)
        # Only as JSON knows them, as texts, can the keys of any dictionary be sorted.
        return json.dumps(json.loads(text), sort_keys=True)

    # Copies, dumps and pickles

    def __setattr__(self, name: str, value: Any) -> None:
        before = self._resolve_model_profile()
        super().__setattr__(name, _kept_secret(type(self), name, value))
        _forget_derived(vars(self))
        if self.profile == before:  # it came with the model, and so goes with it
            vars(self)["profile"] = self._resolve_model_profile()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some fields replaced, by name or alias; a new key, URL or model takes effect in it.

        As everywhere in pydantic, the values are taken as they are, unchecked.

        Raises:
            ConfigurationError: a name that stands for no field, or two for the same.
        """
        copied = super().model_copy(deep=deep)
        assign(copied, update or {})
        return copied

    @property
    def lc_attributes(self) -> dict[str, Any]:
        """`Timeouts` as a dictionary: that is what LangChain's JSON can hold and the constructor takes."""
        timeout = self.request_timeout
        return {"request_timeout": asdict(timeout)} if isinstance(timeout, Timeouts) else {}

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        fields = {**state["__dict__"], "maritaca_api_key": None}
        _forget_derived(fields)
        return {**state, "__dict__": fields}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        if self.client is None and self.async_client is None:
            # The key stays out of pickles: on this side it is the environment's.
            vars(self)["maritaca_api_key"] = _key_from_environment()


def _forget_derived(values: dict[str, Any]) -> None:
    """Drop what was made of field values: our clients, and what LangChain remembers for traces and cache keys."""
    for name in ("_clients", "_serialized"):
        values.pop(name, None)
