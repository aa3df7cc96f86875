"""Callback handlers that add up what calls cost and how long they take.

They count plain and streamed calls alike, of any number of runs at the same time, and on an event loop
they run inline: what they do takes microseconds, a thread would take longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, ClassVar

from maritaca_async.catalogue import MODELS
from maritaca_async.errors import ConfigurationError
from maritaca_async.pricing import Cost, Price, find_price, usage_cost

from ._billing import Bill, read_bill
from ._run_observer import LOCK, OpenRuns, RunObserver
from ._timing import LatencyTrackingCallback, TokenStreamingCallback

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from langchain_core.outputs import LLMResult

__all__ = ["CombinedCallback", "CostTrackingCallback", "LatencyTrackingCallback", "TokenStreamingCallback"]

_COUNTS = (
    "total_input_tokens",
    "total_cached_tokens",
    "total_output_tokens",
    "total_tokens",
    "call_count",
    "unpriced_calls",
)


@dataclass(slots=True)
class _Request:
    """What is known of a run when it starts."""

    model: str | None
    service_tier: str | None
    at: datetime


class CostTrackingCallback(RunObserver):
    """Adds up tokens and their cost in BRL.

    Discounts count: cached input, the flex tier, and off-peak hours by the time the call started. So do
    extracted pages and built-in tools. Answers out of LangChain's cache cost nothing. A call without a
    known price, or without a reported usage, costs 0.0 here and is counted in `unpriced_calls`. Calls
    that failed are not counted: what they cost is not reported.

        costs = CostTrackingCallback()
        ChatMaritaca(callbacks=[costs]).invoke("Olá!")
        print(costs.total_cost)

    Attributes:
        breakdown (Cost): Exact BRL of all calls, by what they are for.
        total_input_tokens (int): Tokens of prompts, cached ones included.
        total_cached_tokens (int): Those of them that came out of the service's cache.
        total_output_tokens (int): Tokens of answers, reasoning included.
        total_tokens (int): Sum of both.
        call_count (int): Calls that ended well, answers out of LangChain's cache included.
        unpriced_calls (int): Those of them whose price or usage is not known.

    Raises:
        ConfigurationError: an entry of `PRICING` that is no price.
    """

    PRICING: ClassVar[dict[str, dict[str, float]]] = {
        model.id: {"input": float(model.input_price), "output": float(model.output_price)} for model in MODELS
    }
    """BRL per million tokens by model. A subclass may have its own table: its entries win over the
    catalogue, and an entry "default" is the price of every model that neither of them knows."""

    def __init__(self) -> None:
        super().__init__()
        self._prices = _prices(self.PRICING)
        self._requests: OpenRuns[_Request] = OpenRuns()
        self.reset()

    def reset(self) -> None:
        """Begin again from nothing; runs under way are counted when they end."""
        with LOCK:
            self.breakdown: Cost = Cost()
            self.total_input_tokens: int = 0
            self.total_cached_tokens: int = 0
            self.total_output_tokens: int = 0
            self.total_tokens: int = 0
            self.call_count: int = 0
            self.unpriced_calls: int = 0
            self._calls: list[dict[str, Any]] = []

    @property
    def total_cost(self) -> float:
        """BRL of all calls; `breakdown` has the exact amounts."""
        return float(self.breakdown.total)

    def _start(self, run_id: UUID, params: Mapping[str, Any]) -> None:
        request = _Request(params.get("model"), params.get("service_tier"), datetime.now(UTC))
        with LOCK:
            self._requests[run_id] = request

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Add what a run cost."""
        del kwargs
        bill = read_bill(response)
        with LOCK:
            request = self._requests.pop(run_id, None)
        request = request or _Request(None, None, datetime.now(UTC))
        # The price is that of the name asked for: what an answer calls its model is not documented.
        model = request.model or bill.model
        cost, unpriced = self._price(bill, request, model)
        self._add(_call(run_id, model, bill, cost, unpriced), cost)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Forget a run that failed."""
        del error, kwargs
        with LOCK:
            self._requests.pop(run_id, None)

    def get_summary(self) -> dict[str, Any]:
        """All totals, and one entry for each call; amounts are BRL."""
        with LOCK:
            exact, calls = self.breakdown, self._calls.copy()
            counts = {name: getattr(self, name) for name in _COUNTS}
        total = float(exact.total)
        return {
            "currency": Cost.currency,
            "total_cost": total,
            **counts,
            "average_cost_per_call": total / len(calls) if calls else 0.0,
            "calls": [dict(call) for call in calls],
        }

    def _price(self, bill: Bill, request: _Request, model: str | None) -> tuple[Cost, str | None]:
        """The cost of a run, and what keeps it from having one."""
        if bill.from_cache:
            return Cost(), None
        if not bill.usages:
            return Cost(), "no usage was reported"
        if model is None:
            return Cost(), "no model was named"
        tier = bill.service_tier or request.service_tier
        try:
            costs = (
                usage_cost(
                    usage, model=model, service_tier=tier, at=request.at, prices=self._prices_for(model)
                )
                for usage in bill.usages
            )
            return sum(costs, start=Cost()), None
        except ConfigurationError as error:
            return Cost(), str(error)

    def _prices_for(self, model: str) -> Mapping[str, Price]:
        if "default" in self._prices and find_price(model, prices=self._prices) is None:
            return {model: self._prices["default"]}
        return self._prices

    def _add(self, call: dict[str, Any], cost: Cost) -> None:
        with LOCK:
            self.breakdown += cost
            self.total_input_tokens += call["input_tokens"]
            self.total_cached_tokens += call["cached_tokens"]
            self.total_output_tokens += call["output_tokens"]
            self.total_tokens += call["total_tokens"]
            self.call_count += 1
            self.unpriced_calls += call["unpriced"] is not None
            self._calls.append(call)


def _prices(table: Mapping[str, Mapping[str, float]]) -> dict[str, Price]:
    prices = {}
    for name, entry in table.items():
        try:
            # By way of their text, so that 1.3 means 1.3.
            amounts = {kind: Decimal(str(entry[kind])) for kind in ("input", "output")}
        except (KeyError, TypeError, InvalidOperation):
            raise ConfigurationError(
                f"PRICING[{name!r}] must have numbers as 'input' and 'output', BRL per million tokens: {entry!r}"
            ) from None
        prices[name] = Price(**amounts)
    return prices


def _call(run_id: UUID, model: str | None, bill: Bill, cost: Cost, unpriced: str | None) -> dict[str, Any]:
    usages = () if bill.from_cache else bill.usages
    return {
        "run_id": str(run_id),
        "model": model,
        "input_tokens": sum(usage.prompt_tokens for usage in usages),
        "cached_tokens": sum(
            (usage.prompt_tokens_details and usage.prompt_tokens_details.cached_tokens) or 0
            for usage in usages
        ),
        "output_tokens": sum(usage.completion_tokens for usage in usages),
        "total_tokens": sum(
            usage.total_tokens or usage.prompt_tokens + usage.completion_tokens for usage in usages
        ),
        "cost": float(cost.total),
        "from_cache": bill.from_cache,
        "unpriced": unpriced,
    }


class CombinedCallback(RunObserver):
    """Tracks costs and latencies with one handler."""

    def __init__(self) -> None:
        super().__init__()
        self._cost = CostTrackingCallback()
        self._latency = LatencyTrackingCallback()

    @property
    def cost(self) -> CostTrackingCallback:
        """What tracks the costs."""
        return self._cost

    @property
    def latency(self) -> LatencyTrackingCallback:
        """What tracks the latencies."""
        return self._latency

    def _start(self, run_id: UUID, params: Mapping[str, Any]) -> None:
        for callback in (self._cost, self._latency):
            callback.on_llm_start({}, [], run_id=run_id, invocation_params=params)

    def on_llm_new_token(self, token: str | list[Any], *, run_id: UUID, **kwargs: Any) -> None:
        """Measure the time to the first piece of a stream."""
        self._latency.on_llm_new_token(token, run_id=run_id, **kwargs)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Add what a run cost and how long it took."""
        self._latency.on_llm_end(response, run_id=run_id, **kwargs)
        self._cost.on_llm_end(response, run_id=run_id, **kwargs)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Add how long a run took that failed."""
        self._latency.on_llm_error(error, run_id=run_id, **kwargs)
        self._cost.on_llm_error(error, run_id=run_id, **kwargs)

    def get_summary(self) -> dict[str, Any]:
        """Both summaries, as `cost` and `latency`."""
        return {"cost": self._cost.get_summary(), "latency": self._latency.get_summary()}

    def reset(self) -> None:
        """Begin again from nothing."""
        self._cost.reset()
        self._latency.reset()
