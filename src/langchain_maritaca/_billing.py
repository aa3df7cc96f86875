"""What a finished run is billed for, read from its result; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration
from pydantic import ValidationError

from maritaca_async.types import PromptTokensDetails, Usage

if TYPE_CHECKING:
    from langchain_core.outputs import LLMResult


@dataclass(slots=True, kw_only=True)
class Bill:
    """What is known about a run that ended well."""

    model: str | None
    """The model that the answer names."""

    service_tier: str | None
    """The tier that the answer names."""

    usages: tuple[Usage, ...]
    """Every usage that was reported; none where the service reported none."""

    from_cache: bool
    """Whether LangChain's cache answered, so that nothing was sent."""


def read_bill(response: LLMResult) -> Bill:
    """The bill of a run: from its messages, or from `llm_output` where the messages say nothing."""
    messages = _messages(response)
    known = [message.response_metadata for message in messages]
    output = response.llm_output or {}
    usages = tuple(usage for message in messages if (usage := _usage_of(message)) is not None)
    if not usages and (usage := _parsed(output.get("token_usage"))) is not None:
        usages = (usage,)
    return Bill(
        model=_first([*(metadata.get("model_name") for metadata in known), *_names(output)]),
        service_tier=_first([metadata.get("service_tier") for metadata in known]),
        usages=usages,
        from_cache=any(_was_cached(message) for message in messages),
    )


def _messages(response: LLMResult) -> list[AIMessage]:
    return [
        generation.message
        for generations in response.generations
        for generation in generations
        if isinstance(generation, ChatGeneration) and isinstance(generation.message, AIMessage)
    ]


def _names(output: Mapping[str, Any]) -> tuple[Any, Any]:
    return output.get("model_name"), output.get("model")


def _first(values: list[Any]) -> str | None:
    return next((value for value in values if isinstance(value, str) and value), None)


def _usage_of(message: AIMessage) -> Usage | None:
    """The service's own usage, or what LangChain's counts leave of it."""
    own = _parsed(message.response_metadata.get("token_usage"))
    counts = message.usage_metadata
    if own is not None or not counts or "input_tokens" not in counts:
        return own
    cached = counts.get("input_token_details", {}).get("cache_read")
    return Usage(
        prompt_tokens=counts["input_tokens"],
        completion_tokens=counts["output_tokens"],
        total_tokens=counts["total_tokens"],
        prompt_tokens_details=PromptTokensDetails(cached_tokens=cached),
    )


def _parsed(token_usage: Any) -> Usage | None:
    if not isinstance(token_usage, Mapping) or not token_usage:
        return None
    try:
        return Usage.model_validate(token_usage)
    except ValidationError:  # the usage of another provider
        return None


def _was_cached(message: AIMessage) -> bool:
    # LangChain marks what comes from its cache with a cost of zero, a key its own types do not know.
    return dict(message.usage_metadata or {}).get("total_cost") == 0
