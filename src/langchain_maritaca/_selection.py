"""Which model to take: what the catalogue says about each, and a small table of recommendations."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final, Literal, TypedDict, get_args

from maritaca_async.catalogue import MODELS, ModelInfo

from ._errors import ChatMaritacaConfigurationError

Complexity = Literal["simple", "medium", "complex"]
"""How hard the tasks are."""
Priority = Literal["cost", "speed", "quality"]
"""What matters most."""


class ModelSpecification(TypedDict):
    """What is published about one model."""

    context_limit: int
    """The most tokens that prompt and answer may have together."""
    input_cost_per_1m: float
    """Price of a million input tokens, without discounts."""
    output_cost_per_1m: float
    """Price of a million output tokens, without discounts."""
    currency: Literal["BRL"]
    """The currency of the prices."""
    complexity: str
    """How demanding the tasks may be: `high` or `medium`."""
    speed: str
    """How soon it answers: `slow`, `medium` or `fast`."""
    capabilities: list[str]
    """What it can do, and which built-in tools it may use."""
    description: str
    """One line about it."""


class Alternative(TypedDict):
    """Another model that would do."""

    model: str
    """Its name."""
    specs: ModelSpecification
    """What is published about it."""


class Recommendation(TypedDict):
    """A model for a task, and why."""

    model: str
    """Its name."""
    reason: str
    """Why this one; also says so where the input does not fit."""
    specs: ModelSpecification
    """What is published about it."""
    alternatives: list[Alternative]
    """The other models that can hold the input, in the order of the catalogue."""


class _Character(TypedDict):
    complexity: str
    speed: str
    capabilities: tuple[str, ...]
    description: str


_BRAZILIAN: Final = "-br-sp"
_EVERY_MODEL: Final = ("documents", "image_text", "long_context", "structured_output", "tool_calling")
_CHARACTERS: Final[dict[str, _Character]] = {
    "sabia-4-thinking": {
        "complexity": "high",
        "speed": "slow",
        "capabilities": ("complex_reasoning", "thinking"),
        "description": "Thinks before it answers, for tasks of several steps",
    },
    "sabia-4": {
        "complexity": "high",
        "speed": "medium",
        "capabilities": ("complex_reasoning",),
        "description": "General model, for most tasks",
    },
    "sabiazinho-4": {
        "complexity": "medium",
        "speed": "fast",
        "capabilities": ("quick_responses", "simple_tasks"),
        "description": "Fast and economical, for simple tasks and many calls",
    },
}
_CHOICES: Final[dict[tuple[Complexity, Priority], tuple[str, str]]] = {
    ("simple", "quality"): ("sabia-4", "the general model is ample for a simple task"),
    ("medium", "quality"): ("sabia-4", "the general model answers well without the cost of thinking"),
    ("complex", "quality"): ("sabia-4-thinking", "complex tasks gain most from a model that thinks first"),
    ("simple", "cost"): ("sabiazinho-4", "the cheapest model is enough for a simple task"),
    ("medium", "cost"): ("sabiazinho-4", "no model costs less"),
    ("complex", "cost"): ("sabiazinho-4", "no model costs less; see whether its answers are good enough"),
    ("simple", "speed"): ("sabiazinho-4", "the fastest model is enough for a simple task"),
    ("medium", "speed"): ("sabiazinho-4", "no model answers sooner"),
    ("complex", "speed"): (
        "sabiazinho-4",
        "no model answers sooner; see whether its answers are good enough",
    ),
}


def recommendation(complexity: Complexity, input_length: int | None, priority: Priority) -> Recommendation:
    """A model for a task, by a table.

    Raises:
        ChatMaritacaConfigurationError: an argument that is not one of those offered.
    """
    _check("task_complexity", complexity, Complexity)
    _check("priority", priority, Priority)
    if input_length is not None and input_length < 0:
        raise ChatMaritacaConfigurationError(f"input_length must be at least 0, not {input_length}")
    models = deepcopy(MODEL_SPECS)
    name, why = _CHOICES[complexity, priority]
    holding = {
        other: specs for other, specs in models.items() if (input_length or 0) <= specs["context_limit"]
    }
    return {
        "model": name,
        "reason": f"{models[name]['description']}: {why}.{_room(input_length, models[name]['context_limit'])}",
        "specs": models[name],
        "alternatives": [
            {"model": other, "specs": specs} for other, specs in holding.items() if other != name
        ],
    }


def _specification(model: ModelInfo) -> ModelSpecification:
    character = _CHARACTERS[model.id.removesuffix(_BRAZILIAN)]
    where = ", processed entirely in Brazil" if model.processed_in_brazil else ""
    return {
        "context_limit": model.context_tokens,
        "input_cost_per_1m": float(model.input_price),
        "output_cost_per_1m": float(model.output_price),
        "currency": "BRL",
        "complexity": character["complexity"],
        "speed": character["speed"],
        "capabilities": sorted((*_EVERY_MODEL, *character["capabilities"], *model.built_in_tools)),
        "description": character["description"] + where,
    }


MODEL_SPECS: Final = {model.id: _specification(model) for model in MODELS}
"""What is published about each model of the catalogue. What is changed here counts from then on."""


def _room(input_length: int | None, limit: int) -> str:
    """What there is to say about the length of the input, beginning with a space."""
    if input_length is None:
        return ""
    if input_length > limit:
        return (
            f" No model's context holds {input_length} tokens: the limit is {limit}, so the input needs "
            "truncation, as truncate_messages does it."
        )
    return f" Its context of {limit} tokens holds an input of {input_length} and leaves {limit - input_length} for the answer."


def _check(name: str, value: Any, offered: Any) -> None:
    choices = get_args(offered)
    if value not in choices:
        raise ChatMaritacaConfigurationError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
