"""What models there are, what LangChain is told of them, and which one is recommended."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import pytest
from langchain_core.language_models import ModelProfile

from langchain_maritaca import ChatMaritaca
from langchain_maritaca._profiles import model_profile
from langchain_maritaca._selection import Complexity, Priority
from maritaca_async.catalogue import MODELS

KEYS = {
    "context_limit",
    "input_cost_per_1m",
    "output_cost_per_1m",
    "currency",
    "complexity",
    "speed",
    "capabilities",
    "description",
}
NAMES = [name for model in MODELS for name in (model.id, *model.aliases)]


def test_every_model_of_the_catalogue_is_described() -> None:
    models = ChatMaritaca.list_available_models()
    assert list(models) == [model.id for model in MODELS]
    assert all(specs.keys() == KEYS for specs in models.values())


def test_prices_and_abilities_are_those_of_the_catalogue() -> None:
    models = ChatMaritaca.list_available_models()
    small, brazilian = models["sabiazinho-4"], models["sabia-4-br-sp"]
    assert (small["input_cost_per_1m"], small["output_cost_per_1m"], small["currency"]) == (1.0, 4.0, "BRL")
    assert (brazilian["input_cost_per_1m"], brazilian["output_cost_per_1m"]) == (6.5, 26.0)
    assert "in Brazil" in brazilian["description"]
    assert "code_execution" in brazilian["capabilities"]
    assert "code_execution" not in small["capabilities"]
    assert models["sabia-4-thinking"]["speed"] == "slow"


def test_changing_what_is_listed_changes_no_other_list() -> None:
    models: dict[str, Any] = ChatMaritaca.list_available_models()
    models["sabia-4"]["capabilities"].clear()
    models["sabia-4"]["context_limit"] = 1
    del models["sabiazinho-4"]
    ChatMaritaca.recommend_model()["specs"]["context_limit"] = 2
    assert ChatMaritaca.list_available_models()["sabia-4"]["context_limit"] == 128_000
    assert ChatMaritaca.list_available_models()["sabia-4"]["capabilities"]
    assert "sabiazinho-4" in ChatMaritaca.list_available_models()


@pytest.mark.parametrize(
    ("complexity", "priority", "name"),
    [
        ("complex", "quality", "sabia-4-thinking"),
        ("medium", "quality", "sabia-4"),
        ("simple", "quality", "sabia-4"),
        *((complexity, "cost", "sabiazinho-4") for complexity in get_args(Complexity)),
        *((complexity, "speed", "sabiazinho-4") for complexity in get_args(Complexity)),
    ],
)
def test_recommended_model_follows_the_table(complexity: Complexity, priority: Priority, name: str) -> None:
    found = ChatMaritaca.recommend_model(complexity, priority=priority)
    assert found.keys() == {"model", "reason", "specs", "alternatives"}
    assert found["model"] == name
    assert found["specs"] == ChatMaritaca.list_available_models()[name]
    assert found["specs"]["description"] in found["reason"]
    others = [other["model"] for other in found["alternatives"]]
    assert others == [model.id for model in MODELS if model.id != name]


def test_cheapest_model_is_recommended_for_cost() -> None:
    models = ChatMaritaca.list_available_models()
    cheapest = min(models, key=lambda name: models[name]["input_cost_per_1m"])
    assert ChatMaritaca.recommend_model(priority="cost")["model"] == cheapest


def test_input_that_fits_is_said_to_leave_room() -> None:
    reason = ChatMaritaca.recommend_model(input_length=100_000)["reason"]
    assert "leaves 28000 for the answer" in reason


def test_input_that_no_context_holds_is_said_to_need_truncation() -> None:
    found = ChatMaritaca.recommend_model(input_length=128_001)
    assert "truncation" in found["reason"]
    assert found["alternatives"] == []


@pytest.mark.parametrize(
    "arguments", [{"task_complexity": "hard"}, {"priority": "beauty"}, {"input_length": -1}]
)
def test_argument_that_is_not_offered_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        ChatMaritaca.recommend_model(**arguments)


@pytest.mark.parametrize("name", NAMES)
def test_profile_has_known_keys_for_every_name_of_a_model(name: str) -> None:
    profile = ChatMaritaca(api_key="chave", model=name).profile
    assert profile is not None
    assert profile.keys() <= get_type_hints(ModelProfile).keys()
    assert profile["max_input_tokens"] == 128_000
    assert profile["reasoning_output"] == ("thinking" in name)


def test_model_without_a_place_in_the_catalogue_has_no_profile() -> None:
    assert model_profile("sabia-9") is None
