"""`DeepInfraEmbeddings`: the embeddings that Maritaca AI's documentation recommends beside its models."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Self

from langchain_core.embeddings import Embeddings
from langchain_core.utils import from_env, secret_from_env
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, ValidationError, model_validator

from maritaca_async import (
    APIResponseError,
    APIStatusError,
    AsyncMaritaca,
    AuthenticationError,
    ConfigurationError,
    Maritaca,
    PayloadTooLargeError,
    PaymentRequiredError,
    Timeouts,
)
from maritaca_async.types import JsonObject

from ._connection import Clients, ClientSettings, assign, field_names, shared_clients
from ._errors import langchain_errors

DEFAULT_MODEL: Final = "intfloat/multilingual-e5-large"
"""The model, unless told otherwise: the one that Maritaca AI points to."""

DEFAULT_API_BASE: Final = "https://api.deepinfra.com/v1/openai"
"""Root of the API, unless told otherwise."""

_PATH = "/embeddings"
_CONNECTION = frozenset({"deepinfra_api_key", "deepinfra_api_base", "request_timeout", "max_retries"})
_NO_LIMIT = Timeouts(connect=None, first_event=None, idle=None, deadline=None)
_HINTS: dict[type[APIStatusError], str] = {
    AuthenticationError: "check DEEPINFRA_API_KEY or the api_key argument",
    PaymentRequiredError: "add credit at deepinfra.com",
    PayloadTooLargeError: "lower batch_size",
}
_key_from_environment = secret_from_env("DEEPINFRA_API_KEY", default=None)


class DeepInfraEmbeddings(BaseModel, Embeddings):
    """Embeddings from DeepInfra, with the engine of `maritaca_async`.

    Maritaca AI offers no embeddings of its own and points to `intfloat/multilingual-e5-large` at DeepInfra
    (contract section 2). Texts are sent as they are: models of the e5 family expect you to write
    `query: ` or `passage: ` in front of them.

        embeddings = DeepInfraEmbeddings()
        vectors = embeddings.embed_documents(["passage: Brasília é a capital do Brasil."])
        vector = await embeddings.aembed_query("query: Qual é a capital do Brasil?")

    Long lists go out in batches, several at once; vectors come back in the order of the texts. One object
    serves any number of calls, event loops and threads; making one opens nothing.

    Every method that embeds raises `ConfigurationError` for texts or settings that cannot work, before any
    I/O, and `APIError` if a batch failed after its retries; both also inherit from LangChain's `ModelError`.
    """

    # Validation errors would show the key among the inputs.
    model_config: ClassVar[ConfigDict] = ConfigDict(
        arbitrary_types_allowed=True,
        defer_build=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        protected_namespaces=(),
        validate_assignment=True,
    )

    if TYPE_CHECKING:
        # What type checkers make of the fields takes a field by its alias only, and no text for a secret.
        def __init__(  # noqa: PLR0913 - as many as there are fields
            self,
            *,
            model: str = ...,
            api_key: SecretStr | str | None = ...,
            deepinfra_api_key: SecretStr | str | None = ...,
            base_url: str = ...,
            deepinfra_api_base: str = ...,
            timeout: float | Timeouts | None = ...,
            request_timeout: float | Timeouts | None = ...,
            max_retries: int = ...,
            batch_size: int = ...,
            client: Maritaca | None = ...,
            async_client: AsyncMaritaca | None = ...,
        ) -> None: ...

    model: str = DEFAULT_MODEL
    """Name of the model at DeepInfra. The default gives 1024 numbers and reads 512 tokens of a text."""
    deepinfra_api_key: SecretStr | None = Field(default_factory=_key_from_environment, alias="api_key")
    """Key from deepinfra.com. Default: the environment variable `DEEPINFRA_API_KEY`."""
    deepinfra_api_base: str = Field(
        default_factory=from_env("DEEPINFRA_API_BASE", default=DEFAULT_API_BASE), alias="base_url"
    )
    """Root of the API. Default: `DEEPINFRA_API_BASE`, else `https://api.deepinfra.com/v1/openai`."""
    request_timeout: float | Timeouts | None = Field(default=60.0, alias="timeout")
    """Seconds that one batch may take, retries included; `Timeouts` for each clock, or None for no limit."""
    max_retries: int = 2
    """Further attempts for each batch after the first."""
    batch_size: int = Field(default=32, ge=1)
    """Most texts in one request."""
    client: Maritaca | None = Field(default=None, exclude=True, repr=False)
    """A blocking client of your own, made for DeepInfra; it brings its own key, URL, timeouts and retries."""
    async_client: AsyncMaritaca | None = Field(default=None, exclude=True, repr=False)
    """The same for asynchronous calls."""

    _held: Clients | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_arguments(cls, values: Any) -> Any:
        if isinstance(values, Mapping):
            field_names(cls, values)
        return values

    def model_post_init(self, _context: Any, /) -> None:
        """Look at the connection, once all fields are set."""
        self.validate_environment()

    def validate_environment(self) -> Self:
        """Look at the connection: making clients opens nothing and says at once what cannot work.

        Raises:
            ConfigurationError: no key, another setting that cannot work, or one beside a client of your own.
        """
        if self.client is None and self.async_client is None:
            self._clients()
        elif given := _CONNECTION & self.model_fields_set:
            raise ConfigurationError(
                f"a client of your own brings its own settings: leave out {min(given)}=..."
            )
        return self

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of some texts, in their order."""
        with _deepinfra_errors():
            batches = _batches(texts, self.batch_size)
            client = self._blocking_client()
            return _vectors(batches, client.post_many(_PATH, bodies=self._bodies(batches)))

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text."""
        return self.embed_documents([text])[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of some texts, in their order."""
        with _deepinfra_errors():
            batches = _batches(texts, self.batch_size)
            client = self._asynchronous_client()
            return _vectors(batches, await client.post_many(_PATH, bodies=self._bodies(batches)))

    async def aembed_query(self, text: str) -> list[float]:
        """The vector of one text."""
        return (await self.aembed_documents([text]))[0]

    def _bodies(self, batches: list[list[str]]) -> Iterator[dict[str, Any]]:
        for batch in batches:
            yield {"model": self.model, "input": batch, "encoding_format": "float"}

    def _blocking_client(self) -> Maritaca:
        if self.client is None and self.async_client is not None:
            raise ConfigurationError("you gave an async_client: give a client for blocking calls, too")
        return self.client or self._clients().blocking

    def _asynchronous_client(self) -> AsyncMaritaca:
        if self.async_client is None and self.client is not None:
            raise ConfigurationError("you gave a client: give an async_client for async calls, too")
        return self.async_client or self._clients().asynchronous

    def _clients(self) -> Clients:
        """Clients for the settings as they are now."""
        settings = self._settings()
        if self._held is None or self._held.settings != settings:
            try:
                self._held = shared_clients(settings)
            except ConfigurationError as error:
                message = str(error).replace("MARITACA_API_BASE", "DEEPINFRA_API_BASE")
                raise ConfigurationError(message) from None
        return self._held

    def _settings(self) -> ClientSettings:
        # Without a key or URL the client would take Maritaca's from the environment: neither may be absent.
        key = self.deepinfra_api_key
        if key is None or not key.get_secret_value().strip():
            raise ConfigurationError(
                "no API key: set the environment variable DEEPINFRA_API_KEY or pass api_key=...; "
                "keys are made at deepinfra.com"
            )
        return ClientSettings(
            api_key=key,
            base_url=self.deepinfra_api_base or DEFAULT_API_BASE,
            timeout=_NO_LIMIT if self.request_timeout is None else self.request_timeout,
            max_retries=self.max_retries,
            retry_if_rate_limited=True,
            retry_delay=None,
            retry_max_delay=None,
            retry_multiplier=None,
        )

    # Copies and pickles

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some fields replaced, by name or alias, and checked as if they were assigned.

        Raises:
            ConfigurationError: a name that stands for no field, or two for the same.
            ValidationError: a value that does not fit its field.
        """
        copied = super().model_copy(deep=deep)
        assign(copied, update or {})
        return copied

    def __getstate__(self) -> dict[Any, Any]:
        if self.client is not None or self.async_client is not None:
            # On the other side a client's key is Maritaca's, which must never go to DeepInfra.
            raise TypeError("embeddings with a client of your own cannot be pickled: its key stays here")
        state = super().__getstate__()
        fields = {**state["__dict__"], "deepinfra_api_key": None}
        return {**state, "__dict__": fields, "__pydantic_private__": {"_held": None}}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        # The key stays out of pickles: on this side it is the environment's.
        vars(self)["deepinfra_api_key"] = _key_from_environment()


class _Item(BaseModel):
    index: int
    embedding: Annotated[list[float], Field(min_length=1)]


class _Answer(BaseModel):
    data: list[_Item]


@contextmanager
def _deepinfra_errors() -> Iterator[None]:
    """What the client raises leaves the block as LangChain's error, too, with advice that fits DeepInfra."""
    with langchain_errors:
        try:
            yield
        except APIStatusError as error:
            if hint := _HINTS.get(type(error)):
                error.args = (str(error).replace(error.hint, hint),)
            raise


def _batches(texts: Iterable[str], size: int) -> list[list[str]]:
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        raise ConfigurationError(f"texts must be a list of strings, not {type(texts).__name__}")
    given = list(texts)
    for place, text in enumerate(given):
        if not isinstance(text, str):
            raise ConfigurationError(f"texts[{place}] must be a string, not {type(text).__name__}")
    return [given[start : start + size] for start in range(0, len(given), size)]


def _vectors(batches: list[list[str]], answers: list[JsonObject]) -> list[list[float]]:
    return [
        vector for batch, answer in zip(batches, answers, strict=True) for vector in _joined(batch, answer)
    ]


def _joined(batch: list[str], answer: JsonObject) -> list[list[float]]:
    """The vectors of one batch, put in order by the index that each one carries."""
    try:
        items = _Answer.model_validate(answer).data
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise _unusable(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", answer) from None
    by_index = {item.index: item.embedding for item in items}
    if len(items) != len(batch) or by_index.keys() != set(range(len(batch))):
        found = ", ".join(map(str, [item.index for item in items][:10]))
        raise _unusable(f"{len(batch)} texts were sent, {len(items)} vectors came (index {found})", answer)
    return [by_index[place] for place in range(len(batch))]


def _unusable(why: str, answer: JsonObject) -> APIResponseError:
    return APIResponseError(
        f"the answer is not a list of embeddings: {why}", body=json.dumps(answer)[:65536], http=answer.http
    )
