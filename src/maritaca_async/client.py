"""`AsyncMaritaca`: options in, resources out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self

from ._core.engine import Engine
from ._core.options import (
    DEFAULT_BASE_URL,
    DEFAULT_TIMEOUT,
    Limits,
    RetryPolicy,
    Timeouts,
    resolve_retries,
    resolve_timeout,
)
from ._core.request import check_api_key, check_base_url, hidden
from ._core.transport import Transport
from .errors import ConfigurationError
from .resources._base import Defaults
from .resources.chat import AsyncChat
from .resources.models import AsyncModels

if TYPE_CHECKING:
    from types import TracebackType


class AsyncMaritaca:
    """The asynchronous client.

    One client serves any number of concurrent calls, event loops and threads; make it once. It opens
    nothing until its first call, and every event loop closes what was opened in it: `aclose`, or
    `async with`, only does so earlier.

    Args:
        api_key: Key from plataforma.maritaca.ai. Default: the environment variable `MARITACA_API_KEY`.
        base_url: Root of the API. Default: `MARITACA_API_BASE`, else `https://chat.maritaca.ai/api`.
        timeout: Seconds as a number, `Timeouts` for each clock, or None for no limit. Default: 600.
        limits: Sizes of what may be held at once.
        max_retries: Further attempts after the first, or a whole `RetryPolicy`. Default: 2.

    Raises:
        ConfigurationError: no key, or an option that cannot work.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | Timeouts | None = DEFAULT_TIMEOUT,
        limits: Limits | None = None,
        max_retries: int | RetryPolicy = 2,
    ) -> None:
        api_key = hidden(os.environ.get("MARITACA_API_KEY") if api_key is None else api_key)
        self._base_url: str = check_base_url(
            base_url or os.environ.get("MARITACA_API_BASE") or DEFAULT_BASE_URL
        )
        if limits is not None and not isinstance(limits, Limits):
            raise ConfigurationError(f"limits must be Limits(...), not {type(limits).__name__}")
        self._api_key = check_api_key(api_key)
        self._settings: dict[str, Any] = {
            "base_url": self._base_url,
            "timeout": timeout,
            "limits": limits or Limits(),
            "max_retries": max_retries,
        }
        defaults = Defaults(
            plain=resolve_timeout(timeout, stream=False),
            stream=resolve_timeout(timeout, stream=True),
            policy=resolve_retries(max_retries),
        )
        self._transport = Transport(self._settings["limits"])
        engine = Engine(base_url=self.base_url, api_key=self._api_key, transport=self._transport)
        self.chat: AsyncChat = AsyncChat(engine, defaults)
        """Chat completions."""
        self.models: AsyncModels = AsyncModels(engine, defaults)
        """The list of models."""

    @property
    def base_url(self) -> str:
        """Root of the API, without a trailing slash."""
        return self._base_url

    async def aclose(self) -> None:
        """Close all connections; calls under way fail, and later ones raise `ConfigurationError`."""
        await self._transport.aclose()

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
        return _restore, (type(self), self._settings)


def _restore(kind: type[AsyncMaritaca], settings: dict[str, Any]) -> AsyncMaritaca:
    return kind(**settings)
