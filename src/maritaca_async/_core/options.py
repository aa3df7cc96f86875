"""Options and their defaults, checked when they are made."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, TypeGuard

from ..errors import ConfigurationError

DEFAULT_BASE_URL = "https://chat.maritaca.ai/api"
"""Base URL of the service (contract section 2)."""

DEFAULT_TIMEOUT = 600.0
"""Seconds. The flex tier may keep a request queued for 300 before it starts (contract section 15)."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The clocks of a call, in seconds; None switches one off.

    A plain number given as `timeout` means: the whole of a plain call, or for a stream the wait for
    the first event; between events a stream may then stay silent for that number, at most 120.
    """

    connect: float | None = 10.0
    """Opening a connection: DNS, TCP and TLS."""
    first_event: float | None = 320.0
    """From the call to the first event of a stream, queueing and retries included."""
    idle: float | None = 120.0
    """Between two events of a stream; comments and keep-alives do not count as events."""
    deadline: float | None = DEFAULT_TIMEOUT
    """The whole call with queueing, attempts and waits; bounds the reading of a whole stream, too."""

    def __post_init__(self) -> None:
        for field in fields(self):
            check_seconds(f"Timeouts({field.name})", getattr(self, field.name))


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes of what one client may hold at once, in each event loop."""

    max_connections: int = 1000
    """Requests in flight; further callers queue in order of arrival."""
    keepalive: float = 15.0
    """Seconds an idle connection is kept for the next call."""
    max_body_bytes: int = 512 * 1024 * 1024
    """Largest answer that is read into memory."""
    max_event_bytes: int = 64 * 1024 * 1024
    """Largest single event of a stream."""

    def __post_init__(self) -> None:
        check_seconds("Limits(keepalive)", self.keepalive, required=True)
        for name in ("max_connections", "max_body_bytes", "max_event_bytes"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigurationError(
                    f"Limits({name}) must be a whole number of at least 1, not {value!r}"
                )


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When and how a failed call is tried again.

    The wait before retry k is drawn between 0 and `delay * multiplier ** (k - 1)`, at most
    `max_delay` (full jitter). A `Retry-After` of the server replaces it.
    """

    max_retries: int = 2
    """Further attempts after the first; 0 means exactly one request."""
    delay: float = 0.5
    """Seconds: upper bound of the first wait after connection failures and 5xx."""
    max_delay: float = 8.0
    """Seconds: upper bound of any such wait."""
    multiplier: float = 2.0
    """Growth of the upper bound from one retry to the next."""
    rate_limit_delay: float = 1.0
    """Seconds: upper bound of the first wait after 429."""
    rate_limit_max_delay: float = 20.0
    """Seconds: upper bound of any wait after 429."""
    max_retry_after: float = 60.0
    """Seconds: a longer `Retry-After` is raised at once instead of waited for."""
    retry_rate_limited: bool = True
    """Whether 429 is retried at all."""

    def __post_init__(self) -> None:
        check_max_retries(self.max_retries)
        for name in ("delay", "max_delay", "rate_limit_delay", "rate_limit_max_delay", "max_retry_after"):
            check_seconds(f"RetryPolicy({name})", getattr(self, name), required=True, zero=True)
        if not _is_number(self.multiplier) or self.multiplier < 1:
            raise ConfigurationError(f"RetryPolicy(multiplier) must be at least 1, not {self.multiplier!r}")


def check_seconds(name: str, value: Any, *, required: bool = False, zero: bool = False) -> None:
    """Refuse what is not a positive, finite number of seconds (or None, unless required).

    Raises:
        ConfigurationError: naming the option and what it takes.
    """
    if value is None and not required:
        return
    if not _is_number(value) or not (value > 0 or (zero and value == 0)):
        choice = "" if required else ", or None for no limit"
        raise ConfigurationError(f"{name} must be a positive number of seconds{choice}, not {value!r}")


def check_max_retries(value: Any) -> None:
    """Refuse what is not a whole number of at least 0.

    Raises:
        ConfigurationError: naming the option and what it takes.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConfigurationError(f"max_retries must be a whole number of at least 0, not {value!r}")


def resolve_timeout(timeout: float | Timeouts | None, *, stream: bool) -> Timeouts:
    """The clocks of one call from what the caller gave: a number, `Timeouts`, or None for no limit.

    Raises:
        ConfigurationError: `timeout` is none of these.
    """
    if isinstance(timeout, Timeouts):
        return timeout
    check_seconds("timeout", timeout)
    if timeout is None:
        return Timeouts(first_event=None, idle=None, deadline=None)
    return Timeouts(
        connect=min(timeout, 10.0),
        first_event=timeout,
        idle=min(timeout, 120.0),
        deadline=None if stream else timeout,
    )


def resolve_retries(max_retries: int | RetryPolicy, base: RetryPolicy | None = None) -> RetryPolicy:
    """The retry policy from what the caller gave: a policy, or a number that replaces the base's.

    Raises:
        ConfigurationError: `max_retries` is neither.
    """
    if isinstance(max_retries, RetryPolicy):
        return max_retries
    check_max_retries(max_retries)
    base = base or RetryPolicy()
    known = {field.name: getattr(base, field.name) for field in fields(base)}
    return RetryPolicy(**{**known, "max_retries": max_retries})


def _is_number(value: Any) -> TypeGuard[float]:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an int beyond any float
        return False
