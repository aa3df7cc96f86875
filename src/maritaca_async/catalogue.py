"""The models that Maritaca AI serves, as dated data.

Source: docs.maritaca.ai as of ``SOURCE_DATE``. The service may offer more models than this table
knows, so nothing here is a reason to refuse a model name before the server has seen it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, TypeAlias

__all__ = ["MODELS", "SOURCE_DATE", "BuiltInTool", "ModelInfo", "find_model"]

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
    ModelInfo(id="sabia-4-thinking", reasoning=True),
    ModelInfo(id="sabia-4", aliases=("sabia-4-2026-01-06",)),
    ModelInfo(
        id="sabiazinho-4",
        # The prefix misleads: `sabia-4-small` is the small model, not a kind of sabia-4.
        aliases=("sabiazinho-4-2026-01-06", "sabia-4-small", "sabiazim-4"),
        built_in_tools=_SEARCH_ONLY,
    ),
    ModelInfo(id="sabia-4-thinking-br-sp", reasoning=True, processed_in_brazil=True, listed=False),
    ModelInfo(id="sabia-4-br-sp", processed_in_brazil=True, listed=False),
    ModelInfo(
        id="sabiazinho-4-br-sp",
        processed_in_brazil=True,
        built_in_tools=_SEARCH_ONLY,
        listed=False,
    ),
)
"""Every model of the catalogue, in the order of the documentation."""

_BY_NAME: Final = {name: model for model in MODELS for name in (model.id, *model.aliases)}


def find_model(name: str) -> ModelInfo | None:
    """Return the model that answers to a name or alias, or None when the catalogue lacks it."""
    return _BY_NAME.get(name)
