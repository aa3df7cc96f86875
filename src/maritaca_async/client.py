"""`AsyncMaritaca`: options in, resources out."""

from __future__ import annotations

import os
import pickle
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self, Unpack

from . import resources
from ._core.engine import Engine
from ._core.hooks import check_hooks
from ._core.network import find_network
from ._core.options import (
    DEFAULT_BASE_URL,
    DEFAULT_TIMEOUT,
    CallDefaults,
    ClientOptions,
    check_names,
    resolve_retries,
    resolve_timeout,
)
from ._core.ratelimit import Limiters
from ._core.request import check_api_key, check_base_url, hidden, merge_headers
from ._core.transport import Transport
from .errors import ConfigurationError
from .resources._base import Defaults, extra_headers, extra_query
from .resources.chat import AsyncChat
from .resources.raw import AsyncRaw

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from ._core.options import RetryPolicy
    from ._core.retry import RetryBudget
    from .types.json_object import JsonObject
    from .types.shared import RequestOptions


class AsyncMaritaca:
    """The asynchronous client.

    One client serves any number of concurrent calls, event loops and threads; make it once. It opens
    nothing until its first call, and every event loop closes what was opened in it: `aclose`, or
    `async with`, only does so earlier.

    Args:
        api_key: Key from plataforma.maritaca.ai. Default: the environment variable `MARITACA_API_KEY`.
        **options: See `ClientOptions`: `base_url`, `timeout`, `max_retries`, `limits`, and more.

    Raises:
        ConfigurationError: no key, or an option that cannot work.
    """

    def __init__(self, api_key: str | None = None, **options: Unpack[ClientOptions]) -> None:
        api_key = hidden(os.environ.get("MARITACA_API_KEY") if api_key is None else api_key)
        options["proxy"] = hidden(options.get("proxy"))
        check_names(options, ClientOptions)
        self._base_url: str = check_base_url(
            options.get("base_url") or os.environ.get("MARITACA_API_BASE") or DEFAULT_BASE_URL
        )
        network = find_network(options, self._base_url)
        self._api_key = check_api_key(api_key)
        self._settings: ClientOptions = {**options, "base_url": self._base_url}
        self._transport = Transport(network)
        self._limiters = Limiters(options.get("rate_limits"))
        self._bind()

    def _bind(self, budget: RetryBudget | None = None) -> None:
        """Make what calls need of key, settings and transport."""
        settings = self._settings
        timeout = settings.get("timeout", DEFAULT_TIMEOUT)
        defaults = Defaults(
            plain=resolve_timeout(timeout, stream=False),
            stream=resolve_timeout(timeout, stream=True),
            policy=_policy(settings),
        )
        self._engine = engine = Engine(
            base_url=self._base_url,
            api_key=self._api_key,
            transport=self._transport,
            budget=budget,
            headers=extra_headers(settings),
            query=extra_query(settings),
            hooks=check_hooks(settings.get("hooks")),
            limiter=self._limiters.of(self._api_key),
        )
        self._defaults = defaults
        self.chat: AsyncChat = AsyncChat(engine, defaults)
        """Chat completions."""
        self._raw = AsyncRaw(engine, defaults)
        for area in _MADE_LATER:  # those of the client that this one was made of
            vars(self).pop(area, None)

    @cached_property
    def responses(self) -> resources.AsyncResponses:
        """The Responses API."""
        return resources.AsyncResponses(self._engine, self._defaults)

    @cached_property
    def models(self) -> resources.AsyncModels:
        """The list of models."""
        return resources.AsyncModels(self._engine, self._defaults)

    @cached_property
    def files(self) -> resources.AsyncFiles:
        """Uploaded files."""
        return resources.AsyncFiles(self._engine, self._defaults)

    @cached_property
    def batches(self) -> resources.AsyncBatches:
        """Batches of chat completions."""
        return resources.AsyncBatches(self._engine, self._defaults, self.files)

    @property
    def base_url(self) -> str:
        """Root of the API, without a trailing slash."""
        return self._base_url

    def with_options(self, *, api_key: str | None = None, **options: Unpack[CallDefaults]) -> Self:
        """A client with other defaults on the same connections; closing either closes both.

        It also shares the budget of retries and the rate limits, which count the calls of each key by
        themselves, so it costs next to nothing.

        Args:
            api_key: Another key, of another customer for example. Default: the same.
            **options: See `CallDefaults`. A number as `max_retries` keeps the rest of the policy;
                headers and query parameters are added to those of this client.

        Raises:
            ConfigurationError: an option that cannot work, or one that both clients share.
        """
        api_key = hidden(api_key)
        check_names(options, CallDefaults, _SHARED)
        made = object.__new__(type(self))
        vars(made).update(vars(self))
        if api_key is not None:
            made._api_key = check_api_key(api_key)
        made._settings = _merge(self._settings, options)
        made._bind(self._engine.budget)
        return made

    async def post(
        self, path: str, *, body: Mapping[str, Any], **options: Unpack[RequestOptions]
    ) -> JsonObject:
        """Send JSON to a route that has no method here, such as `/chat/inference` (contract section 24).

        Everything else is as usual: clocks, errors, and retries (`max_retries=0` for a route that must
        not be asked twice). Streams cannot be read this way.

        Args:
            path: The path below `base_url`, with its leading slash.
            body: The JSON object to send.
            **options: See `RequestOptions`.

        Returns:
            The JSON object of the answer, as it came.

        Raises:
            ConfigurationError: a path that could leave `base_url`, a bad body or option; before any I/O.
            APIResponseError: the answer is not a JSON object.
            APIError: the call failed.
        """
        return await self._raw.send(self._raw.prepare(path, body, options))

    async def post_many(
        self,
        path: str,
        *,
        bodies: Iterable[Mapping[str, Any]],
        max_concurrency: int = 8,
        **options: Unpack[RequestOptions],
    ) -> list[JsonObject]:
        """Like `post` for several bodies at once; all answers stay in memory.

        Args:
            path: The path below `base_url`, with its leading slash.
            bodies: The JSON objects to send, one request each.
            max_concurrency: Most requests under way at the same time.
            **options: See `RequestOptions`; clocks and retries are those of each request.

        Returns:
            The answers in the order of the bodies.

        Raises:
            ConfigurationError: as for `post`; before any I/O.
            APIError: the first call that failed; the others are cancelled.
        """
        return await self._raw.send_many(self._raw.prepare_many(path, bodies, options), max_concurrency)

    async def aclose(self) -> None:
        """Close all connections; calls under way fail, and later ones raise `ConfigurationError`."""
        await self._transport.aclose()
        self._limiters.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={getattr(self, '_base_url', '')!r})"

    def __copy__(self) -> Self:
        return type(self)(self._api_key, **self._settings)

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        # The key stays here: on the other side it is read from the environment again.
        return _restore, (type(self), _portable(self._settings))


def _restore(kind: type[AsyncMaritaca], settings: ClientOptions) -> AsyncMaritaca:
    return kind(**settings)


_SHARED: Final = dict.fromkeys(
    ClientOptions.__annotations__, "both clients share it, so it cannot differ: make another client"
)
_MADE_LATER: Final = ("responses", "models", "files", "batches")
_BELONGS_TO_PROCESS: Final = ("ssl_context", "resolver", "session")


def _policy(settings: ClientOptions) -> RetryPolicy:
    return resolve_retries(settings.get("max_retries", 2))


def _merge(settings: ClientOptions, options: CallDefaults) -> ClientOptions:
    """Settings with the options on top."""
    merged: ClientOptions = {**settings, **options}
    if "max_retries" in options:
        merged["max_retries"] = resolve_retries(options["max_retries"], _policy(settings))
    merged["extra_headers"] = merge_headers(settings.get("extra_headers") or {}, extra_headers(options) or {})
    merged["extra_query"] = {**(settings.get("extra_query") or {}), **(extra_query(options) or {})}
    return merged


def _portable(settings: ClientOptions) -> ClientOptions:
    """Settings that another process can read.

    Raises:
        ConfigurationError: naming the option that cannot go there.
    """
    for name in _BELONGS_TO_PROCESS:
        if settings.get(name) is not None:
            raise ConfigurationError(f"a client with {name}=... cannot be pickled: make it on the other side")
    proxy = settings.get("proxy")
    if proxy is not None and "@" in proxy:
        raise ConfigurationError(
            "a client whose proxy=... has a password cannot be pickled: set HTTPS_PROXY on the other side"
        )
    try:
        pickle.dumps(settings.get("hooks"))
    except Exception as error:
        raise ConfigurationError(
            f"a client with these hooks=... cannot be pickled, only functions of a module can: {error}"
        ) from error
    return {**settings, "proxy": None if proxy is None else str(proxy)}
