"""The clients behind chat models: models with equal settings share one pair, and so their connections."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from weakref import WeakValueDictionary

from maritaca_async import AsyncMaritaca, Maritaca, RetryPolicy

if TYPE_CHECKING:
    from pydantic import SecretStr

    from maritaca_async import Timeouts


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
            "api_key": settings.api_key.get_secret_value() if settings.api_key is not None else None,
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
