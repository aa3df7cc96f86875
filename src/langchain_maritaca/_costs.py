"""What requests will cost, before they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

import maritaca_async

from ._errors import ChatMaritacaConfigurationError, langchain_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from maritaca_async import Cost, Price, TokenCount


class CostEstimate(TypedDict):
    """What one request will cost."""

    model: str
    """The model that is asked."""
    input_tokens: int
    """Tokens of the prompt."""
    output_tokens: int
    """Tokens of the answers, as many as they may have."""
    exact: bool
    """Whether the prompt's tokens are counted, not estimated."""
    currency: Literal["BRL"]
    """The currency of the costs."""
    input_cost: float
    """Cost of the prompt."""
    output_cost: float
    """Cost of the answers."""
    total_cost: float
    """Both together."""


class BatchCostEstimate(TypedDict):
    """What several requests will cost."""

    model: str
    """The model that is asked."""
    total_requests: int
    """How many requests there are."""
    total_input_tokens: int
    """Tokens of all prompts."""
    total_output_tokens: int
    """Tokens of all answers, as many as they may have."""
    exact: bool
    """Whether the tokens of every prompt are counted, not estimated."""
    currency: Literal["BRL"]
    """The currency of the costs."""
    total_input_cost: float
    """Cost of all prompts."""
    total_output_cost: float
    """Cost of all answers."""
    total_cost: float
    """Both together."""


class Terms(TypedDict):
    """What a request's cost depends on, besides its prompt."""

    model: str
    """The model that is asked."""
    output_tokens: int
    """Tokens of all its answers."""
    service_tier: str | None
    """Its tier; `flex` costs half."""
    prices: Mapping[str, Price] | None
    """Prices of the caller's own, by model name."""


def answer_tokens(longest: int, max_tokens: int | None, n: int | None) -> int:
    """The tokens of all answers of a request.

    Args:
        longest: How many the caller expects one answer to have.
        max_tokens: The most that the request allows it.
        n: How many answers the request asks for.

    Raises:
        ChatMaritacaConfigurationError: `longest` is negative.
    """
    if longest < 0:
        raise ChatMaritacaConfigurationError(f"max_output_tokens must be at least 0, not {longest}")
    return (longest if max_tokens is None else min(longest, max_tokens)) * (n or 1)


def cost_estimate(prompt: TokenCount, terms: Terms) -> CostEstimate:
    """What one request will cost.

    Raises:
        ChatMaritacaConfigurationError: no price is known for the model.
    """
    cost = _cost(prompt, terms)
    return {
        "model": terms["model"],
        "input_tokens": int(prompt),
        "output_tokens": terms["output_tokens"],
        "exact": prompt.exact,
        "currency": cost.currency,
        "input_cost": float(cost.input),
        "output_cost": float(cost.output),
        "total_cost": float(cost.total),
    }


def batch_cost_estimate(prompts: Iterable[TokenCount], terms: Terms) -> BatchCostEstimate:
    """What several requests will cost.

    Raises:
        ChatMaritacaConfigurationError: no price is known for the model.
    """
    prompts = list(prompts)
    cost = sum((_cost(prompt, terms) for prompt in prompts), maritaca_async.Cost())
    return {
        "model": terms["model"],
        "total_requests": len(prompts),
        "total_input_tokens": sum(prompts),
        "total_output_tokens": terms["output_tokens"] * len(prompts),
        "exact": all(prompt.exact for prompt in prompts),
        "currency": cost.currency,
        "total_input_cost": float(cost.input),
        "total_output_cost": float(cost.output),
        "total_cost": float(cost.total),
    }


def _cost(prompt: TokenCount, terms: Terms) -> Cost:
    with langchain_errors:
        return maritaca_async.request_cost(input_tokens=prompt, **terms)
