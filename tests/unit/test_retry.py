"""Retry decisions, by tables and properties; no clock, no network."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maritaca_async import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    InternalServerError,
    RateLimitError,
    RetryPolicy,
    StreamInterruptedError,
)
from maritaca_async._core.retry import (
    BUDGET,
    COST,
    TIMEOUT_COST,
    RetryBudget,
    parse_retry_after,
    retry_cost,
    retry_delay,
)

NOW = 1784310000.0
HEADERS = [
    ({"retry-after": "3"}, 3.0),
    ({"retry-after": "0.3"}, 0.3),
    ({"retry-after": " 2 "}, 2.0),
    ({"retry-after": "0"}, 0.0),
    ({"retry-after": "-5"}, 0.0),
    ({"retry-after": "-0"}, 0.0),
    ({"retry-after": "1e3"}, 1000.0),
    ({"retry-after": "1e309"}, None),
    ({"retry-after": "inf"}, None),
    ({"retry-after": "NaN"}, None),
    ({"retry-after": "٣"}, None),
    ({"retry-after": "soon"}, None),
    ({"retry-after": ""}, None),
    ({"retry-after": "9" * 10_000}, None),
    ({"retry-after": "Fri, 17 Jul 2026 17:40:10 GMT"}, 10.0),
    ({"retry-after": "Fri, 17 Jul 2026 17:39:00 GMT"}, 0.0),
    ({"retry-after": "Fri, 17 Jul 2026 17:40:10 GMT", "date": "Fri, 17 Jul 2026 17:40:05 GMT"}, 5.0),
    ({"retry-after": "Fri, 99 Jul 2026 17:40:10 GMT"}, None),
    ({"retry-after": "Fri, 17 Jul 99999 17:40:10 GMT"}, None),
    ({"retry-after-ms": "250"}, 0.25),
    ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
    ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
    ({}, None),
]


@pytest.mark.parametrize(("headers", "seconds"), HEADERS)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers, NOW) == seconds


@given(st.text(max_size=80))
def test_retry_after_never_fails_and_is_never_negative(text: str) -> None:
    for name in ("retry-after", "retry-after-ms"):
        found = parse_retry_after({name: text}, NOW)
        assert found is None or (found >= 0 and math.isfinite(found))


POLICY = RetryPolicy(max_retries=3)


@pytest.mark.parametrize(
    ("error", "retries", "remaining", "expected"),
    [
        (APIConnectionError("x"), 0, math.inf, 0.5),
        (APIConnectionError("x"), 1, math.inf, 1.0),
        (APIConnectionError("x"), 2, math.inf, 2.0),
        (APIConnectionError("x"), 3, math.inf, None),
        (APITimeoutError("x", phase="connect"), 0, math.inf, 0.5),
        (InternalServerError("x"), 0, 0.4, None),
        (RateLimitError("x"), 0, math.inf, 1.0),
        (RateLimitError("x", retry_after=7), 0, math.inf, 7.0),
        (RateLimitError("x", retry_after=0), 0, math.inf, 0.0),
        (RateLimitError("x", retry_after=7), 0, 5, None),
        (RateLimitError("x", retry_after=61), 0, math.inf, None),
        (AuthenticationError("x"), 0, math.inf, None),
        (StreamInterruptedError("x"), 0, math.inf, None),
    ],
)
def test_decision_for_each_kind_of_error(
    error: APIConnectionError, retries: int, remaining: float, expected: float | None
) -> None:
    assert retry_delay(POLICY, error, retries, remaining, chance=1.0) == expected


def test_rate_limits_can_be_left_to_the_caller() -> None:
    policy = RetryPolicy(retry_rate_limited=False)
    assert retry_delay(policy, RateLimitError("x"), 0, math.inf, 1.0) is None
    assert retry_delay(policy, InternalServerError("x"), 0, math.inf, 1.0) is not None


@given(st.integers(0, 10_000), st.floats(0, 1), st.floats(1, 10), st.booleans())
def test_wait_never_exceeds_its_maximum(
    retries: int, chance: float, multiplier: float, limited: bool
) -> None:
    policy = RetryPolicy(max_retries=10_001, multiplier=multiplier)
    error = RateLimitError("x") if limited else InternalServerError("x")
    wait = retry_delay(policy, error, retries, math.inf, chance)
    assert wait is not None
    assert 0 <= wait <= (policy.rate_limit_max_delay if limited else policy.max_delay)


def test_budget_stops_retries_during_an_outage_and_recovers() -> None:
    budget = RetryBudget()
    granted = 0
    while budget.take(COST):
        granted += 1
    assert granted == BUDGET // COST
    assert not budget.take(COST)
    for _ in range(COST):
        budget.put_back(0)
    assert budget.take(COST)


def test_success_returns_what_its_retries_took() -> None:
    budget = RetryBudget()
    assert budget.take(COST)
    assert budget.take(TIMEOUT_COST)
    budget.put_back(COST + TIMEOUT_COST)
    granted = 0
    while budget.take(COST):
        granted += 1
    assert granted == BUDGET // COST


def test_timeout_costs_more_than_other_failures() -> None:
    assert retry_cost(APITimeoutError("x")) > retry_cost(APIConnectionError("x"))
