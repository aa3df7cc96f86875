"""Prices and costs: the published table cell by cell, the rules, and what is refused."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta, timezone
from decimal import Context, Decimal, Inexact, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maritaca_async import (
    ConfigurationError,
    Cost,
    MaritacaError,
    Price,
    find_price,
    request_cost,
    usage_cost,
)
from maritaca_async.catalogue import MODELS
from maritaca_async.types import ResponseUsage, Usage

MILLION = 1_000_000
NOON = datetime(2026, 7, 20, 15, tzinfo=UTC)
MIDNIGHT = datetime(2026, 7, 20, 3, tzinfo=UTC)
BRASILIA = timezone(timedelta(hours=-3))

# BRL per million tokens: section 22 of the contract, with the three rounded cells exact.
COLUMNS = (
    "sabia-4-thinking",
    "sabia-4",
    "sabiazinho-4",
    "sabia-4-thinking-br-sp",
    "sabia-4-br-sp",
    "sabiazinho-4-br-sp",
)
TABLE = {
    "input": "5.00 5.00 1.00 6.50 6.50 1.30",
    "output": "40.00 20.00 4.00 52.00 26.00 5.20",
    "cached input": "1.25 1.25 0.25 1.625 1.625 0.325",
    "off-peak input": "3.50 3.50 0.70 4.55 4.55 0.91",
    "off-peak output": "28.00 14.00 2.80 36.40 18.20 3.64",
    "flex input": "2.50 2.50 0.50 3.25 3.25 0.65",
    "flex output": "20.00 10.00 2.00 26.00 13.00 2.60",
    "batch input": "2.50 2.50 0.50 3.25 3.25 0.65",
    "batch output": "20.00 10.00 2.00 26.00 13.00 2.60",
}
CELLS = [
    (row, model, Decimal(cell))
    for row, cells in TABLE.items()
    for model, cell in zip(COLUMNS, cells.split(), strict=True)
]


@pytest.mark.parametrize(("row", "model", "expected"), CELLS)
def test_million_tokens_cost_what_the_published_table_says(row: str, model: str, expected: Decimal) -> None:
    when = {
        "off-peak": {"at": MIDNIGHT},
        "flex": {"service_tier": "flex"},
        "batch": {"batch": True},
    }.get(row.split()[0], {})
    counts = {
        "cached input": {"input_tokens": MILLION, "cached_tokens": MILLION},
        "output": {"input_tokens": 0, "output_tokens": MILLION},
    }.get(row if row == "cached input" else row.split()[-1], {"input_tokens": MILLION})
    assert request_cost(model=model, **counts, **when).total == expected


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"at": MIDNIGHT}, "0.0355"),
        ({"service_tier": "flex"}, "0.0275"),
        ({"batch": True}, "0.0275"),
        ({"at": NOON}, "0.0475"),
        ({}, "0.0475"),
    ],
)
def test_worked_example_of_the_contract_comes_out(when: dict[str, object], expected: str) -> None:
    cost = request_cost(
        model="sabia-4", input_tokens=10_000, cached_tokens=6_000, output_tokens=1_000, **when
    )
    assert cost.total == Decimal(expected)
    assert cost.cached_input == Decimal("0.0075")


@pytest.mark.parametrize("when", [{"service_tier": "flex"}, {"batch": True}])
def test_flex_and_batch_win_over_off_peak(when: dict[str, object]) -> None:
    night = request_cost(model="sabia-4", input_tokens=MILLION, at=MIDNIGHT, **when)
    assert night == request_cost(model="sabia-4", input_tokens=MILLION, at=NOON, **when)
    both = request_cost(model="sabia-4", input_tokens=MILLION, service_tier="flex", batch=True)
    assert both.total == Decimal("2.5")


@pytest.mark.parametrize(
    ("clock", "off_peak"),
    [
        ("21:59:59.999999", False),
        ("22:00:00", True),
        ("00:00:00", True),
        ("05:59:59.999999", True),
        ("06:00:00", False),
        ("12:00:00", False),
    ],
)
def test_off_peak_begins_at_22_and_ends_before_6_in_brasilia(clock: str, off_peak: bool) -> None:
    at = datetime.fromisoformat(f"2026-07-20T{clock}-03:00")
    for zone in (BRASILIA, UTC, timezone(timedelta(hours=9))):
        cost = request_cost(model="sabia-4", input_tokens=MILLION, at=at.astimezone(zone))
        assert cost.total == (Decimal("3.5") if off_peak else Decimal(5))


def test_other_tiers_than_flex_have_the_standard_price() -> None:
    assert request_cost(model="sabia-4", input_tokens=MILLION, service_tier="default").total == 5


def test_alias_costs_what_its_model_costs_whatever_its_prefix() -> None:
    assert find_price("sabia-4-small") == find_price("sabiazinho-4") != find_price("sabia-4")
    assert find_price("sabia-4-2026-01-06") == find_price("sabia-4")


def test_models_in_brazil_cost_30_percent_more() -> None:
    for model in MODELS:
        if model.processed_in_brazil:
            price, standard = find_price(model.id), find_price(model.id.removesuffix("-br-sp"))
            assert price is not None
            assert standard is not None
            assert (price.input, price.output) == (
                standard.input * Decimal("1.3"),
                standard.output * Decimal("1.3"),
            )


# Usage


def test_usage_is_priced_with_cache_pages_and_tools() -> None:
    usage = Usage.model_validate(
        {
            "prompt_tokens": 10_000,
            "completion_tokens": 1_000,
            "total_tokens": 11_000,
            "prompt_tokens_details": {"cached_tokens": 6_000},
            "extraction_details": {"medium_effort_pages_extracted": 3, "advanced_effort_pages_extracted": 2},
            "tool_execution_details": {
                "web_search_calls": 2,
                "page_reads": 3,
                "data_ocean_gb_processed": 0.000161,
                "code_execution_minutes": 1.2,
            },
        }
    )
    cost = usage_cost(usage, model="sabia-4", service_tier="flex")
    assert cost.cached_input == Decimal("0.0075")
    assert (cost.input, cost.output) == (Decimal("0.01"), Decimal("0.01"))
    assert cost.extraction == Decimal("0.15"), "3 × 0.02 + 2 × 0.045, without the discount of flex"
    assert cost.tools == Decimal("0.2630161"), "2 × 0.0165 + 3 × 0.066 + 0.0000161 + 2 minutes"
    assert cost.total == Decimal("0.4405161")


def test_usage_without_details_costs_its_tokens() -> None:
    usage = Usage(prompt_tokens=10, completion_tokens=2)
    assert usage_cost(usage, model="sabia-4") == request_cost(
        model="sabia-4", input_tokens=10, output_tokens=2
    )
    assert usage_cost(Usage(), model="sabia-4").total == 0


@pytest.mark.parametrize(("minutes", "billed"), [(None, 0), (0, 0), (0.01, 1), (1.0, 1), (1.0001, 2), (7, 7)])
def test_minutes_of_code_execution_are_rounded_up(minutes: float | None, billed: int) -> None:
    usage = Usage.model_validate({"tool_execution_details": {"code_execution_minutes": minutes}})
    assert usage_cost(usage, model="sabia-4").tools == billed * Decimal("0.016")


# Own prices


def test_own_prices_win_over_the_catalogue_and_speak_for_aliases() -> None:
    own = {
        "sabia-4": Price(input=Decimal(1), output=Decimal(2)),
        "novo": Price(input=Decimal(3), output=Decimal(4)),
    }
    assert find_price("sabia-4", prices=own) == find_price("sabia-4-2026-01-06", prices=own) == own["sabia-4"]
    assert find_price("sabiazinho-4", prices=own) == find_price("sabiazinho-4")
    cost = request_cost(model="novo", input_tokens=MILLION, cached_tokens=MILLION // 2, prices=own)
    assert (cost.cached_input, cost.input) == (Decimal("0.375"), Decimal("1.5"))


def test_unknown_model_has_no_price_and_the_error_says_what_to_do() -> None:
    assert find_price("sabia-9") is None
    with pytest.raises(ConfigurationError, match=r"'sabia-9'.*sabiazinho-4-br-sp.*prices=") as caught:
        request_cost(model="sabia-9", input_tokens=1)
    assert isinstance(caught.value, MaritacaError)


@pytest.mark.parametrize("value", [5.0, "5.00", None, Decimal(-1), Decimal("NaN"), Decimal("Infinity"), True])
def test_price_that_is_no_decimal_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match=r"Price\(output\) must be a Decimal"):
        Price(input=Decimal(1), output=value)


def test_own_table_without_prices_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="must hold a Price for 'sabia-4', not 5"):
        find_price("sabia-4", prices={"sabia-4": 5})


# Refusals


@pytest.mark.parametrize("model", [None, 5, ["sabia-4"], {}])
def test_model_that_is_no_name_is_refused(model: object) -> None:
    for ask in (find_price, lambda model: request_cost(model=model, input_tokens=1)):
        with pytest.raises(ConfigurationError, match="model must be the name of a model such as 'sabia-4'"):
            ask(model)  # type: ignore[arg-type]


@pytest.mark.parametrize("prices", [[1], "sabia-4", Price(input=Decimal(1), output=Decimal(2))])
def test_own_table_that_is_no_mapping_is_refused(prices: object) -> None:
    with pytest.raises(ConfigurationError, match="prices must map names of models to Price"):
        request_cost(model="sabia-4", input_tokens=1, prices=prices)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("usage", "said"),
    [
        (None, "usage is None: the service did not report it"),
        ({"prompt_tokens": 1}, "usage must be the usage of a completion or response, not dict"),
    ],
)
def test_what_is_no_usage_is_refused(usage: object, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        usage_cost(usage, model="sabia-4")  # type: ignore[arg-type]


def test_usage_of_a_response_is_priced_like_that_of_a_completion() -> None:
    usage = ResponseUsage.model_validate(
        {
            "input_tokens": 100,
            "output_tokens": 10,
            "input_tokens_details": {"cached_tokens": 40},
            "tool_execution_details": {"web_search_calls": 2},
        }
    )
    cost = usage_cost(usage, model="sabia-4")
    assert cost == usage_cost(usage.to_chat_usage(), model="sabia-4")
    assert (cost.input, cost.tools) == (Decimal("0.0003"), Decimal("0.033"))


@pytest.mark.parametrize("name", ["input_tokens", "output_tokens", "cached_tokens"])
@pytest.mark.parametrize("value", [-1, 1.5, True, "7", None])
def test_counts_that_cannot_be_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} must be a whole number"):
        request_cost(**{"model": "sabia-4", "input_tokens": 1, name: value})


def test_more_cached_tokens_than_input_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"cached_tokens \(11\) are part of input_tokens \(10\)"):
        request_cost(model="sabia-4", input_tokens=10, cached_tokens=11)


@pytest.mark.parametrize("at", ["23:00", 23, NOON.date()])
def test_time_that_is_no_datetime_is_refused(at: object) -> None:
    with pytest.raises(ConfigurationError, match="at must be a datetime with a timezone"):
        request_cost(model="sabia-4", input_tokens=1, at=at)  # type: ignore[arg-type]


@pytest.mark.parametrize("when", [{}, {"batch": True}, {"service_tier": "flex"}])
def test_time_without_a_timezone_is_refused(when: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="with a timezone"):
        request_cost(model="sabia-4", input_tokens=1, at=datetime(2026, 7, 20, 23), **when)  # noqa: DTZ001


@pytest.mark.parametrize(
    "details",
    [
        {"tool_execution_details": {"web_search_calls": -1}},
        {"tool_execution_details": {"data_ocean_gb_processed": -0.5}},
        {"tool_execution_details": {"code_execution_minutes": float("inf")}},
        {"extraction_details": {"medium_effort_pages_extracted": -2}},
    ],
)
def test_units_that_cannot_be_are_refused(details: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="at least 0"):
        usage_cost(Usage.model_validate(details), model="sabia-4")


# Sums and properties


def test_costs_add_up_by_kind() -> None:
    one = request_cost(model="sabia-4", input_tokens=10_000, cached_tokens=6_000, output_tokens=1_000)
    two = Cost(tools=Decimal("0.5"))
    assert sum([one, two, one]) == one + two + one
    assert (one + two).tools == Decimal("0.5")
    assert (one + two).total == one.total + two.total
    assert one.currency == "BRL"
    assert sum([], start=Cost()).total == 0
    assert pickle.loads(pickle.dumps(one)) == one


def test_cost_does_not_add_to_numbers() -> None:
    with pytest.raises(TypeError):
        Cost() + 1
    with pytest.raises(TypeError):
        1 + Cost()


REQUESTS = st.integers(0, 10**9).flatmap(
    lambda tokens: st.fixed_dictionaries(
        {
            "model": st.sampled_from(COLUMNS),
            "input_tokens": st.just(tokens),
            "cached_tokens": st.integers(0, tokens),
            "output_tokens": st.integers(0, 10**9),
        }
    )
)


@given(REQUESTS, st.datetimes(timezones=st.just(UTC)))
def test_no_discount_ever_makes_a_request_dearer_or_touches_cached_input(request: dict, at: datetime) -> None:
    standard = request_cost(**request)
    timed, flex = request_cost(**request, at=at), request_cost(**request, at=at, service_tier="flex")
    assert flex.total <= timed.total <= standard.total
    assert flex.cached_input == timed.cached_input == standard.cached_input
    assert (flex.input * 2, flex.output * 2) == (standard.input, standard.output)


@given(REQUESTS)
def test_costs_are_exact_in_whatever_decimal_context_the_caller_is(request: dict) -> None:
    expected = request_cost(**request)
    usage = Usage(prompt_tokens=request["input_tokens"], completion_tokens=request["output_tokens"])
    priced, twice, total = usage_cost(usage, model="sabia-4"), expected + expected, expected.total
    with localcontext(Context(prec=1, traps=[Inexact])):
        assert request_cost(**request) == expected
        assert usage_cost(usage, model="sabia-4") == priced
        assert expected + expected == twice
        assert expected.total == total
        assert Price(input=Decimal("1.23457"), output=Decimal(1)).cached_input == Decimal("0.3086425")
    assert total == sum(
        (expected.cached_input, expected.input, expected.output, expected.extraction, expected.tools)
    )


@given(REQUESTS, REQUESTS)
def test_cost_of_two_requests_is_the_sum_of_their_costs(one: dict, two: dict) -> None:
    two["model"] = one["model"]
    joined = {name: one[name] + two[name] for name in ("input_tokens", "cached_tokens", "output_tokens")}
    assert request_cost(**one) + request_cost(**two) == request_cost(model=one["model"], **joined)
