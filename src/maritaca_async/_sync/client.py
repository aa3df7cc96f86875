"""`Maritaca`: the blocking client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from .._core.options import DEFAULT_TIMEOUT
from .._core.request import hidden
from ..client import AsyncMaritaca
from .portal import run
from .resources import Chat, Models

if TYPE_CHECKING:
    from types import TracebackType

    from .._core.options import Limits, RetryPolicy, Timeouts


class Maritaca:
    """The blocking client: `AsyncMaritaca` with an event loop of its own in another thread.

    Works in scripts, threads, forked workers, and where a loop is already running, as in notebooks.
    Inside an asynchronous application it would block that application: use `AsyncMaritaca` there.

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
        api_key = hidden(api_key)
        self._bind(
            AsyncMaritaca(api_key, base_url=base_url, timeout=timeout, limits=limits, max_retries=max_retries)
        )

    def _bind(self, twin: AsyncMaritaca) -> None:
        self._twin = twin
        self.chat: Chat = Chat(twin.chat)
        """Chat completions."""
        self.models: Models = Models(twin.models)
        """The list of models."""

    @property
    def base_url(self) -> str:
        """Root of the API, without a trailing slash."""
        return self._twin.base_url

    def close(self) -> None:
        """Close all connections; calls under way fail, and later ones raise `ConfigurationError`."""
        run(self._twin.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={getattr(self, 'base_url', '')!r})"

    def __copy__(self) -> Self:
        return _from_twin(type(self), self._twin.__copy__())

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_twin, (type(self), self._twin)


_M = TypeVar("_M", bound=Maritaca)


def _from_twin(kind: type[_M], twin: AsyncMaritaca) -> _M:
    client = kind.__new__(kind)
    client._bind(twin)  # noqa: SLF001 - the other way to make one
    return client
