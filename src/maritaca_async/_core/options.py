"""Options and their defaults, checked when they are made."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeGuard

from ..catalogue import MODELS, RATE_TIERS, rate_family
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from ssl import SSLContext

    from aiohttp import ClientSession
    from aiohttp.abc import AbstractResolver

    from .hooks import Hooks

DEFAULT_BASE_URL = "https://chat.maritaca.ai/api"
"""Base URL of the service (contract section 2)."""

DEFAULT_TIMEOUT = 600.0
"""Seconds. The flex tier may keep a request queued for 300 before it starts (contract section 15)."""


FLEX_QUEUE = 300.0
"""Seconds that the flex tier may let a request wait before it starts (contract section 15)."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The clocks of a call, in seconds; None switches one off.

    To the client's `first_event` and `deadline` a call of the flex tier adds the 300 seconds that it may
    queue at the service; clocks given with a call itself are kept as they are.

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
        for entry in fields(self):
            check_seconds(f"Timeouts({entry.name})", getattr(self, entry.name))


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
            _check_count(f"Limits({name})", value)


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What a client may ask of each model in a minute; calls wait for their turn instead of being refused.

    Every model is counted by itself, as the service does it (contract section 21). None is no limit.
    """

    requests_per_minute: int | None = None
    """Requests in any 60 seconds."""
    input_tokens_per_minute: int | None = None
    """Tokens of prompts in any 60 seconds."""
    output_tokens_per_minute: int | None = None
    """Tokens of answers in any 60 seconds."""
    concurrency: int | None = None
    """Requests under way at the same time; for a stream until it ends."""
    models: Mapping[str, RateLimits] = field(default_factory=dict, hash=False)
    """Limits of single models, by name or alias, in place of those above."""

    def __post_init__(self) -> None:
        for name in _COUNTS:
            value = getattr(self, name)
            if value is not None:
                _check_count(f"RateLimits({name})", value, ", or None for no limit")
        if not isinstance(self.models, Mapping) or not all(
            isinstance(name, str) and isinstance(limits, RateLimits) and not limits.models
            for name, limits in self.models.items()
        ):
            raise ConfigurationError("RateLimits(models) must map names of models to RateLimits(...)")

    @classmethod
    def tier(cls, tier: int, *, model: str | None = None) -> Self:
        """The documented limits of an account's tier (contract section 21).

        Args:
            tier: 0 to 5; the platform shows which one an account has.
            model: Only this model's limits, for every model. Default: those of each model.

        Raises:
            ConfigurationError: there is no such tier, or `model` is no name.
        """
        if not isinstance(tier, int) or isinstance(tier, bool) or not 0 <= tier < len(RATE_TIERS["sabia"]):
            raise ConfigurationError(f"tier must be 0 to {len(RATE_TIERS['sabia']) - 1}, not {tier!r}")
        if not isinstance(model, str | None):
            raise ConfigurationError(
                f"model must be the name of a model such as 'sabia-4', not {model!r:.80}"
            )
        row = RATE_TIERS[rate_family(model or "sabia")][tier]
        names = () if model else (known.id for known in MODELS if rate_family(known.id) == "sabiazinho")
        single = {name: cls.tier(tier, model=name) for name in names}
        return cls(row.requests, row.input_tokens, row.output_tokens, models=single)


_COUNTS = tuple(entry.name for entry in fields(RateLimits) if entry.name != "models")


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
    flex_delay: float = 5.0
    """Seconds: upper bound of the first wait after 429 in the flex tier, where it means no capacity."""
    flex_max_delay: float = 60.0
    """Seconds: upper bound of any such wait."""
    flex_fallback: bool = False
    """Whether a flex call that gets 429 to the last is then made at the standard tier, for twice the price."""

    def __post_init__(self) -> None:
        check_max_retries(self.max_retries)
        for entry in fields(self):
            if entry.name.endswith("delay") or entry.name == "max_retry_after":
                check_seconds(
                    f"RetryPolicy({entry.name})", getattr(self, entry.name), required=True, zero=True
                )
        if not _is_number(self.multiplier) or self.multiplier < 1:
            raise ConfigurationError(f"RetryPolicy(multiplier) must be at least 1, not {self.multiplier!r}")


def _check_count(name: str, value: Any, choice: str = "") -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(f"{name} must be a whole number of at least 1{choice}, not {value!r}")


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


def with_flex_queue(timeouts: Timeouts) -> Timeouts:
    """The clocks of a call that may queue at the service first."""

    def later(seconds: float | None) -> float | None:
        return None if seconds is None else seconds + FLEX_QUEUE

    return replace(timeouts, first_event=later(timeouts.first_event), deadline=later(timeouts.deadline))


def resolve_retries(max_retries: int | RetryPolicy, base: RetryPolicy | None = None) -> RetryPolicy:
    """The retry policy from what the caller gave: a policy, or a number that replaces the base's.

    Raises:
        ConfigurationError: `max_retries` is neither.
    """
    if isinstance(max_retries, RetryPolicy):
        return max_retries
    check_max_retries(max_retries)
    base = base or RetryPolicy()
    known = {entry.name: getattr(base, entry.name) for entry in fields(base)}
    return RetryPolicy(**{**known, "max_retries": max_retries})


def _is_number(value: Any) -> TypeGuard[float]:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an int beyond any float
        return False


class CallDefaults(TypedDict, total=False):
    """What a client uses for every call; `with_options` takes the same."""

    timeout: float | Timeouts | None
    """Seconds as a number, `Timeouts` for each clock, or None for no limit. Default: 600."""
    max_retries: int | RetryPolicy
    """Further attempts after the first, or a whole `RetryPolicy`. Default: 2."""
    extra_headers: Mapping[str, str] | None
    """Headers added to every request; `Authorization` cannot be replaced."""
    extra_query: Mapping[str, str] | None
    """Query parameters added to every URL."""
    hooks: Hooks | None
    """Functions that are told of requests, answers and retries."""


class ClientOptions(CallDefaults, total=False):
    """What a client is made of, besides its key."""

    base_url: str | None
    """Root of the API. Default: `MARITACA_API_BASE`, else `https://chat.maritaca.ai/api`."""
    limits: Limits | None
    """Sizes of what may be held at once."""
    rate_limits: RateLimits | None
    """What may be asked of each model in a minute; calls wait for their turn. Default: no limit."""
    proxy: str | None
    """Proxy for all connections, `http://user:password@host:port`. Default: the environment's."""
    trust_env: bool
    """Whether HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY count. Default: True."""
    ssl_context: SSLContext | None
    """Certificates to trust and to present. Default: those of the system, or of SSL_CERT_FILE."""
    resolver: AbstractResolver | None
    """What looks host names up; never closed here, and used in every loop that calls."""
    session: ClientSession | None
    """A session of the caller's for all connections; never closed here, and used in its own loop only."""


def check_names(options: Mapping[str, Any], known: type, hints: Mapping[str, str] | None = None) -> None:
    """Refuse options that the TypedDict `known` does not have.

    Raises:
        ConfigurationError: naming the option, with its hint or the name that was probably meant.
    """
    unknown = sorted(options.keys() - known.__annotations__.keys())
    if not unknown:
        return
    name = unknown[0]
    close = difflib.get_close_matches(name, known.__annotations__, n=1)
    meant = (
        f"did you mean {close[0]!r}?" if close else f"there are {', '.join(sorted(known.__annotations__))}"
    )
    raise ConfigurationError(f"unknown option {name!r}: {(hints or {}).get(name, meant)}")
