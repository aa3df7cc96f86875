"""What calls cost, in Brazilian reais; exact decimal arithmetic over the catalogue's prices.

Exact whatever the caller's decimal context rounds to: everything is computed in a context of this module.
Results are estimates: the prices are those published on ``catalogue.SOURCE_DATE``, the rules are those
of contract section 22, and the bill is the service's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from .catalogue import (
    BRASILIA,
    CACHED_INPUT_SHARE,
    FLEX_DISCOUNT,
    MODELS,
    OFF_PEAK_DISCOUNT,
    OFF_PEAK_END,
    OFF_PEAK_START,
    UNIT_PRICES,
    find_model,
)
from .errors import ConfigurationError
from .types.chat import Usage
from .types.responses import ResponseUsage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .types.chat import ExtractionDetails, ToolExecutionDetails

__all__ = ["Cost", "Price", "find_price", "request_cost", "usage_cost"]

_PER_TOKEN: Final = Decimal("0.000001")
_NOTHING: Final = Decimal(0)
# More digits than any product of a price, a share and a count has.
_EXACT: Final = Context(prec=100, rounding=ROUND_HALF_EVEN)


@contextmanager
def _exactly() -> Iterator[None]:
    with localcontext(_EXACT):
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Standard prices of a model, in BRL per million tokens.

    Raises:
        ConfigurationError: a price that is not a finite Decimal of at least 0.
    """

    input: Decimal
    """A million input tokens that were not cached."""

    output: Decimal
    """A million output tokens."""

    def __post_init__(self) -> None:
        """Refuse floats, which hold most prices only nearly, and what is no price at all."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, Decimal) or not value.is_finite() or value < 0:
                raise ConfigurationError(
                    f"Price({field.name}) must be a Decimal of at least 0, such as Decimal('5.00'), not {value!r}"
                )

    @property
    @_exactly()
    def cached_input(self) -> Decimal:
        """A million input tokens read from the cache: 25% of the standard input price."""
        return self.input * CACHED_INPUT_SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a call costs in BRL, by kind. Costs add up with ``+`` and ``sum()``."""

    currency: ClassVar[Literal["BRL"]] = "BRL"
    """The currency of every amount: Brazilian reais."""

    cached_input: Decimal = _NOTHING
    """Input tokens read from the cache."""

    input: Decimal = _NOTHING
    """The other input tokens."""

    output: Decimal = _NOTHING
    """Output tokens, reasoning included."""

    extraction: Decimal = _NOTHING
    """PDF pages that were read."""

    tools: Decimal = _NOTHING
    """Built-in tools: searches, page reads, Data Ocean, code execution."""

    @property
    @_exactly()
    def total(self) -> Decimal:
        """The sum of all kinds."""
        return self.cached_input + self.input + self.output + self.extraction + self.tools

    @_exactly()
    def __add__(self, other: Cost) -> Cost:
        if not isinstance(other, Cost):
            return NotImplemented
        return Cost(
            **{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)}
        )

    def __radd__(self, other: int) -> Cost:
        """Let ``sum()`` begin with its 0."""
        return self if other == 0 else NotImplemented


def find_price(model: str, *, prices: Mapping[str, Price] | None = None) -> Price | None:
    """The standard price of a model, None where nobody knows it.

    Args:
        model: A model's name or alias.
        prices: Prices of your own by model name; they win over the catalogue. The entry of a model
            also speaks for its aliases.

    Raises:
        ConfigurationError: `model` is no name, `prices` is no mapping, or its entry is no `Price`.
    """
    if not isinstance(model, str):
        raise ConfigurationError(f"model must be the name of a model such as 'sabia-4', not {model!r:.80}")
    if not isinstance(prices, Mapping | None):
        raise ConfigurationError(f"prices must map names of models to Price(...), not be {prices!r:.80}")
    known = find_model(model)
    names = (model, known.id) if known else (model,)
    own = next((prices[name] for name in names if name in prices), None) if prices else None
    if own is not None:
        if not isinstance(own, Price):
            raise ConfigurationError(f"prices must hold a Price for {model!r}, not {own!r}")
        return own
    return Price(input=known.input_price, output=known.output_price) if known else None


@_exactly()
def request_cost(
    *,
    model: str,
    input_tokens: int,
    output_tokens: int = 0,
    cached_tokens: int = 0,
    service_tier: str | None = None,
    batch: bool = False,
    at: datetime | None = None,
    prices: Mapping[str, Price] | None = None,
) -> Cost:
    """The cost of a request with so many tokens.

    Args:
        model: The model that is asked for, or an alias of it.
        input_tokens: Tokens of the whole prompt, cached ones included.
        output_tokens: Tokens of the answer, reasoning included.
        cached_tokens: How many of the input tokens are read from the cache; they cost 25%, whatever else.
        service_tier: ``flex`` takes 50% off; any other tier has the standard price.
        batch: Whether the request is part of a batch, which takes 50% off as well.
        at: When the request starts, with a timezone. From 22:00 until just before 06:00 in Brasília 30%
            are taken off, unless flex or batch do. None: the standard daytime price, which is never
            less. Which instant of a request counts is not documented.
        prices: Prices of your own by model name; they win over the catalogue.

    Raises:
        ConfigurationError: a model without a price, counts that cannot be, or a time without a timezone.
    """
    price = _price_of(model, prices)
    _check_counts(input_tokens=input_tokens, output_tokens=output_tokens, cached_tokens=cached_tokens)
    if cached_tokens > input_tokens:
        raise ConfigurationError(
            f"cached_tokens ({cached_tokens}) are part of input_tokens ({input_tokens}) and cannot be more"
        )
    share = _PER_TOKEN * (1 - _discount(service_tier, at, batch=batch))
    return Cost(
        cached_input=cached_tokens * price.cached_input * _PER_TOKEN,
        input=(input_tokens - cached_tokens) * price.input * share,
        output=output_tokens * price.output * share,
    )


@_exactly()
def usage_cost(
    usage: Usage | ResponseUsage,
    *,
    model: str,
    service_tier: str | None = None,
    batch: bool = False,
    at: datetime | None = None,
    prices: Mapping[str, Price] | None = None,
) -> Cost:
    """The cost of a chat completion or a response, from the usage that came with it.

    Tokens are priced as by `request_cost`; extracted pages and built-in tools are added, without any
    discount. Minutes of code execution are rounded up. Units this library does not know cost nothing here.

    Args:
        usage: What the service counted: ``completion.usage`` or ``response.usage``, where it is not None.
        model: The model that was asked for, or an alias of it.
        service_tier: The tier that served the call: ``completion.service_tier``.
        batch: Whether the call was part of a batch.
        at: When the call started, with a timezone; None means the standard daytime price.
        prices: Prices of your own by model name; they win over the catalogue.

    Raises:
        ConfigurationError: no usage, a model without a price, counts that cannot be, or a time without a timezone.
    """
    usage = _chat_usage(usage)
    prompt = usage.prompt_tokens_details
    tokens = request_cost(
        model=model,
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        cached_tokens=(prompt.cached_tokens or 0) if prompt else 0,
        service_tier=service_tier,
        batch=batch,
        at=at,
        prices=prices,
    )
    return tokens + Cost(
        extraction=_extraction(usage.extraction_details), tools=_tools(usage.tool_execution_details)
    )


def _chat_usage(usage: object) -> Usage:
    if isinstance(usage, ResponseUsage):
        return usage.to_chat_usage()
    if usage is None:
        raise ConfigurationError(
            "usage is None: the service did not report it, so nobody knows what the call cost"
        )
    if not isinstance(usage, Usage):
        raise ConfigurationError(
            f"usage must be the usage of a completion or response, not {type(usage).__name__}"
        )
    return usage


def _price_of(model: str, prices: Mapping[str, Price] | None) -> Price:
    price = find_price(model, prices=prices)
    if price is None:
        known = ", ".join(model.id for model in MODELS)
        raise ConfigurationError(
            f"no price is known for model {model!r}: the catalogue has {known}; "
            f"give one with prices={{{model!r}: Price(input=..., output=...)}}"
        )
    return price


def _discount(service_tier: str | None, at: datetime | None, *, batch: bool) -> Decimal:
    off_peak = at is not None and _is_off_peak(at)
    if batch or service_tier == "flex":
        return FLEX_DISCOUNT
    return OFF_PEAK_DISCOUNT if off_peak else _NOTHING


def _is_off_peak(at: datetime) -> bool:
    if not isinstance(at, datetime) or at.utcoffset() is None:
        raise ConfigurationError(
            f"at must be a datetime with a timezone, such as datetime.now(UTC), not {at!r}: "
            "off-peak hours are in Brasília time"
        )
    clock = at.astimezone(BRASILIA).time()
    return clock >= OFF_PEAK_START or clock < OFF_PEAK_END


def _extraction(details: ExtractionDetails | None) -> Decimal:
    if details is None:
        return _NOTHING
    medium, advanced = details.medium_effort_pages_extracted, details.advanced_effort_pages_extracted
    _check_counts(medium_effort_pages_extracted=medium, advanced_effort_pages_extracted=advanced)
    return medium * UNIT_PRICES.medium_page + advanced * UNIT_PRICES.advanced_page


def _tools(details: ToolExecutionDetails | None) -> Decimal:
    if details is None:
        return _NOTHING
    _check_counts(web_search_calls=details.web_search_calls, page_reads=details.page_reads)
    minutes = _amount("code_execution_minutes", details.code_execution_minutes)
    gigabytes = _amount("data_ocean_gb_processed", details.data_ocean_gb_processed)
    return (
        details.web_search_calls * UNIT_PRICES.web_search
        + details.page_reads * UNIT_PRICES.page_read
        + gigabytes * UNIT_PRICES.data_ocean_gigabyte
        + math.ceil(minutes) * UNIT_PRICES.code_execution_minute
    )


def _amount(name: str, value: float | None) -> Decimal:
    """A fractional amount as it was written, not as a float nearly holds it."""
    if value is None:
        return _NOTHING
    if not math.isfinite(value) or value < 0:
        raise ConfigurationError(f"{name} must be a number of at least 0, not {value!r}")
    return Decimal(str(value))


def _check_counts(**counts: int) -> None:
    for name, value in counts.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ConfigurationError(f"{name} must be a whole number of at least 0, not {value!r}")
