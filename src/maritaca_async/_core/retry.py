"""Whether a failed attempt is worth another, and how long to wait first; no I/O, no clock of its own."""

from __future__ import annotations

import math
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from ..errors import APIStatusError, APITimeoutError, RateLimitError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..errors import APIError
    from .options import RetryPolicy

BUDGET = 500
COST = 5
TIMEOUT_COST = 10


class RetryBudget:
    """A client's allowance of retries, so that an outage is not multiplied.

    Every retry takes from it, every success puts back: while calls keep failing, retries stop.
    Constants as in the standard retry mode of AWS SDKs (500; 5 a retry, 10 after a timeout).
    """

    __slots__ = ("_tokens",)

    def __init__(self) -> None:
        self._tokens = BUDGET

    def take(self, cost: int) -> bool:
        """Pay for a retry; False when the budget is used up."""
        if self._tokens < cost:
            return False
        self._tokens -= cost
        return True

    def put_back(self, paid: int) -> None:
        """A call succeeded: return what its retries took, or one token for a clean success."""
        if self._tokens < BUDGET:
            self._tokens = min(BUDGET, self._tokens + (paid or 1))


def retry_cost(error: APIError) -> int:
    """What a retry after this error takes from the budget."""
    return TIMEOUT_COST if isinstance(error, APITimeoutError) else COST


def retry_delay(
    policy: RetryPolicy,
    error: APIError,
    retries: int,
    remaining: float,
    chance: float,
    *,
    flex: bool = False,
) -> float | None:
    """Seconds to wait before the next attempt, or None to give up and raise.

    Args:
        policy: The limits of the caller.
        error: What went wrong.
        retries: Retries made so far.
        remaining: Seconds left until the deadline; infinite without one.
        chance: A random number from 0 to 1, for the jitter.
        flex: Whether the call is of the flex tier, where 429 means no capacity.
    """
    limited = isinstance(error, RateLimitError)
    if not error.retryable or retries >= policy.max_retries or (limited and not policy.retry_rate_limited):
        return None
    asked = error.retry_after if isinstance(error, APIStatusError) else None
    if asked is not None:
        wait = asked
        if wait > policy.max_retry_after:
            return None
    else:
        first, most = policy.delay, policy.max_delay
        if limited and flex:
            first, most = policy.flex_delay, policy.flex_max_delay
        elif limited:
            first, most = policy.rate_limit_delay, policy.rate_limit_max_delay
        # The exponent is capped because a float overflows long after the wait has reached its maximum.
        wait = chance * min(most, first * policy.multiplier ** min(retries, 64))
    return wait if wait < remaining else None


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the server asks to wait, from `retry-after-ms` or `Retry-After`; None if it does not say.

    Args:
        headers: Response headers by lower-case name.
        now: Unix seconds, used for dates when the response has no `Date` of its own.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None or text is None:
        return seconds
    then = _date(text)
    if then is None:
        return None
    return max(0.0, then - (_date(headers.get("date")) or now))


def _number(text: str | None) -> float | None:
    if text is None or len(text) > 32 or not text.isascii():
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return max(0.0, value) if math.isfinite(value) else None


def _date(text: str | None) -> float | None:
    if text is None or len(text) > 64:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
