"""What calls are estimated to cost."""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from langchain_maritaca import ChatMaritaca
from maritaca_async import Price, TokenCount

TOKENS_OF_TOOL = len('{"type": "function", "function": {"name": "f", "description": "", "parameters": {}}}')
TOOL = {"type": "function", "function": {"name": "f", "description": "", "parameters": {}}}
QUESTION = [HumanMessage("x" * 1000)]


def spelling(**fields: Any) -> ChatMaritaca:
    """A model for which each letter is a token."""
    return ChatMaritaca(api_key="chave", custom_get_token_ids=lambda text: [0] * len(text), **fields)


def test_estimate_is_in_reais_by_the_catalogue() -> None:
    assert spelling().estimate_cost(QUESTION) == {
        "model": "sabia-4",
        "input_tokens": 1000,
        "output_tokens": 1000,
        "exact": True,
        "currency": "BRL",
        "input_cost": 0.005,
        "output_cost": 0.02,
        "total_cost": 0.025,
    }


@pytest.mark.parametrize(
    ("fields", "output_tokens", "total"),
    [
        ({"service_tier": "flex"}, 1000, 0.0125),
        ({"n": 3}, 3000, 0.065),
        ({"max_tokens": 100}, 100, 0.007),
        ({"max_tokens": 5000}, 1000, 0.025),
        ({"model": "sabia-4-small"}, 1000, 0.005),
        ({"model": "sabia-4-thinking-br-sp"}, 1000, 0.0585),
    ],
)
def test_estimate_follows_the_settings_of_the_model(
    fields: dict[str, Any], output_tokens: int, total: float
) -> None:
    estimate = spelling(**fields).estimate_cost(QUESTION)
    assert (estimate["output_tokens"], estimate["total_cost"]) == (output_tokens, total)


def test_tools_of_the_model_are_part_of_its_prompt() -> None:
    assert spelling(tools=[TOOL]).estimate_cost(QUESTION)["input_tokens"] == 1000 + TOKENS_OF_TOOL


def test_estimate_says_whether_the_prompt_is_counted_exactly() -> None:
    model = ChatMaritaca(api_key="chave")
    counted = model.get_num_tokens_from_messages(QUESTION)
    assert isinstance(counted, TokenCount)
    assert model.estimate_cost(QUESTION)["exact"] == counted.exact


def test_model_without_a_price_is_refused_until_one_is_given() -> None:
    unknown = spelling(model="sabia-9")
    with pytest.raises(ValueError, match="no price is known for model 'sabia-9'"):
        unknown.estimate_cost(QUESTION)
    prices = {"sabia-9": Price(input=Decimal(7), output=Decimal(70))}
    assert unknown.estimate_cost(QUESTION, prices=prices)["total_cost"] == 0.077


def test_negative_length_is_refused() -> None:
    with pytest.raises(ValueError, match="max_output_tokens"):
        spelling().estimate_cost(QUESTION, max_output_tokens=-1)


async def test_batch_is_the_sum_of_its_requests() -> None:
    assert await spelling().abatch_estimate_cost([QUESTION, [HumanMessage("x" * 500)]]) == {
        "model": "sabia-4",
        "total_requests": 2,
        "total_input_tokens": 1500,
        "total_output_tokens": 2000,
        "exact": True,
        "currency": "BRL",
        "total_input_cost": 0.0075,
        "total_output_cost": 0.04,
        "total_cost": 0.0475,
    }


async def test_empty_batch_costs_nothing() -> None:
    estimate = await spelling().abatch_estimate_cost([])
    assert (estimate["total_requests"], estimate["total_cost"]) == (0, 0)


async def test_batch_without_a_price_is_refused() -> None:
    with pytest.raises(ValueError, match="no price is known"):
        await spelling(model="sabia-9").abatch_estimate_cost([QUESTION])


async def test_loop_goes_on_while_a_batch_is_counted() -> None:
    ticked = threading.Event()
    model = ChatMaritaca(api_key="chave", custom_get_token_ids=lambda text: [int(ticked.wait(5))] * len(text))
    estimating = asyncio.ensure_future(model.abatch_estimate_cost([QUESTION]))
    await asyncio.sleep(0)
    ticked.set()
    assert (await estimating)["total_input_tokens"] == 1000
