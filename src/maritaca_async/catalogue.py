"""The models that Maritaca AI serves and what they cost, as dated data.

Source: docs.maritaca.ai as of ``SOURCE_DATE``. The service may offer more models than this table
knows, so nothing here is a reason to refuse a model name before the server has seen it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta, timezone
from decimal import Decimal
from typing import Final, Literal, TypeAlias

__all__ = [
    "BRASILIA",
    "CACHED_INPUT_SHARE",
    "FLEX_DISCOUNT",
    "MODELS",
    "OFF_PEAK_DISCOUNT",
    "OFF_PEAK_END",
    "OFF_PEAK_START",
    "RATE_TIERS",
    "SOURCE_DATE",
    "UNIT_PRICES",
    "BuiltInTool",
    "ModelInfo",
    "RateTier",
    "UnitPrices",
    "find_model",
    "rate_family",
]

SOURCE_DATE: Final = date(2026, 7, 17)
"""The day whose documentation this table repeats."""

BuiltInTool: TypeAlias = Literal["code_execution", "data_ocean", "web_search"]
"""The tools that run on Maritaca's own servers."""

_EVERY_TOOL: Final[tuple[BuiltInTool, ...]] = ("code_execution", "data_ocean", "web_search")
_SEARCH_ONLY: Final[tuple[BuiltInTool, ...]] = ("web_search",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What is published about one model."""

    id: str
    """The name that a request sends."""

    input_price: Decimal
    """Standard price in BRL of a million input tokens; cached ones cost ``CACHED_INPUT_SHARE`` of it."""

    output_price: Decimal
    """Standard price in BRL of a million output tokens, reasoning included."""

    aliases: tuple[str, ...] = ()
    """Other names that the service accepts for the same model."""

    context_tokens: int = 128_000
    """The most tokens that prompt and completion may have together."""

    max_output_tokens: int = 32_768
    """The most tokens that one completion may have."""

    reasoning: bool = False
    """Whether the model thinks before it answers."""

    processed_in_brazil: bool = False
    """Whether requests are processed entirely in Brazil (the ``-br-sp`` models)."""

    built_in_tools: tuple[BuiltInTool, ...] = _EVERY_TOOL
    """The server-side tools that the model may use."""

    listed: bool = True
    """Whether ``GET /models`` names it."""


MODELS: Final[tuple[ModelInfo, ...]] = (
    ModelInfo(
        id="sabia-4-thinking", input_price=Decimal("5.00"), output_price=Decimal("40.00"), reasoning=True
    ),
    ModelInfo(
        id="sabia-4",
        input_price=Decimal("5.00"),
        output_price=Decimal("20.00"),
        aliases=("sabia-4-2026-01-06",),
    ),
    ModelInfo(
        id="sabiazinho-4",
        input_price=Decimal("1.00"),
        output_price=Decimal("4.00"),
        # The prefix misleads: `sabia-4-small` is the small model, not a kind of sabia-4.
        aliases=("sabiazinho-4-2026-01-06", "sabia-4-small", "sabiazim-4"),
        built_in_tools=_SEARCH_ONLY,
    ),
    ModelInfo(
        id="sabia-4-thinking-br-sp",
        input_price=Decimal("6.50"),
        output_price=Decimal("52.00"),
        reasoning=True,
        processed_in_brazil=True,
        listed=False,
    ),
    ModelInfo(
        id="sabia-4-br-sp",
        input_price=Decimal("6.50"),
        output_price=Decimal("26.00"),
        processed_in_brazil=True,
        listed=False,
    ),
    ModelInfo(
        id="sabiazinho-4-br-sp",
        input_price=Decimal("1.30"),
        output_price=Decimal("5.20"),
        processed_in_brazil=True,
        built_in_tools=_SEARCH_ONLY,
        listed=False,
    ),
)
"""Every model of the catalogue, in the order of the documentation."""

CACHED_INPUT_SHARE: Final = Decimal("0.25")
"""What cached input costs, as a share of the standard input price; no other discount touches it."""

FLEX_DISCOUNT: Final = Decimal("0.50")
"""Taken off non-cached input and off output in the flex tier and in batches; wins over off-peak."""

OFF_PEAK_DISCOUNT: Final = Decimal("0.30")
"""Taken off non-cached input and off output of requests made off-peak."""

OFF_PEAK_START: Final = time(22)
"""When off-peak begins, in Brasília time; this instant belongs to it."""

OFF_PEAK_END: Final = time(6)
"""When off-peak ends the next morning, in Brasília time; this instant no longer belongs to it."""

BRASILIA: Final = timezone(timedelta(hours=-3), "Brasília")
"""Brasília time, which has no summer time since 2019."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPrices:
    """Prices in BRL of what is not billed by tokens; no discount is stated for any of them."""

    web_search: Decimal
    """One web search."""

    page_read: Decimal
    """One web page that was read."""

    data_ocean_gigabyte: Decimal
    """One gigabyte that Data Ocean scanned."""

    code_execution_minute: Decimal
    """One minute of code execution; a request's total is rounded up to whole minutes."""

    medium_page: Decimal
    """One PDF page extracted at medium effort."""

    advanced_page: Decimal
    """One PDF page extracted at advanced effort."""


UNIT_PRICES: Final = UnitPrices(
    web_search=Decimal("0.0165"),
    page_read=Decimal("0.066"),
    data_ocean_gigabyte=Decimal("0.10"),
    code_execution_minute=Decimal("0.016"),
    medium_page=Decimal("0.02"),
    advanced_page=Decimal("0.045"),
)
"""Prices of built-in tools and of PDF extraction, the same for every model."""

RateFamily: TypeAlias = Literal["sabia", "sabiazinho"]
"""The two rows that the table of rate limits has in each tier."""


@dataclass(frozen=True, slots=True)
class RateTier:
    """What an account may ask of one model in a minute (contract section 21)."""

    requests: int
    """Requests."""

    input_tokens: int
    """Tokens of prompts."""

    output_tokens: int
    """Tokens of answers."""


RATE_TIERS: Final[dict[RateFamily, tuple[RateTier, ...]]] = {
    "sabia": (
        RateTier(60, 128_000, 10_000),
        RateTier(1_000, 2_000_000, 200_000),
        RateTier(1_500, 4_000_000, 350_000),
        RateTier(2_000, 6_000_000, 500_000),
        RateTier(5_000, 10_000_000, 1_000_000),
        RateTier(10_000, 20_000_000, 2_000_000),
    ),
    "sabiazinho": (
        RateTier(60, 128_000, 10_000),
        RateTier(1_000, 2_000_000, 200_000),
        RateTier(2_000, 4_000_000, 400_000),
        RateTier(5_000, 20_000_000, 800_000),
        RateTier(10_000, 50_000_000, 2_000_000),
        RateTier(30_000, 100_000_000, 10_000_000),
    ),
}
"""Rate limits of one model by family, from tier 0 to tier 5 of an account."""

_BY_NAME: Final = {name: model for model in MODELS for name in (model.id, *model.aliases)}


def find_model(name: str) -> ModelInfo | None:
    """Return the model that answers to a name or alias, or None when the catalogue lacks it."""
    return _BY_NAME.get(name)


def rate_family(name: str) -> RateFamily:
    """Return whose rate limits a model has; thinking and ``-br-sp`` models, without a row, go by their name."""
    known = find_model(name)
    return "sabiazinho" if (known.id if known else name).startswith("sabiazinho") else "sabia"
