"""Keeping a conversation within the model's context."""

import asyncio
import logging
import warnings
from collections.abc import Mapping
from typing import Any, Final, Self, TypedDict

from langchain_core.language_models import LanguageModelInput, ModelProfile
from langchain_core.messages import BaseMessage
from pydantic import model_validator

from maritaca_async import count_tokens
from maritaca_async.catalogue import MODELS, find_model

from ._counting import CountedPrompt, counted_prompt, rough_length, text_counter
from ._errors import ChatMaritacaConfigurationError
from ._payload import request_params
from ._planning import PlanningChatModel
from ._trimming import shortened

logger: Final = logging.getLogger("langchain_maritaca")
"""Told when messages are left out, at level INFO."""

DEFAULT_CONTEXT_LIMIT: Final = 128_000
"""Tokens of a model that is in no table: what every model of the catalogue has."""

MODEL_CONTEXT_LIMITS: Final[dict[str, int]] = {model.id: model.context_tokens for model in MODELS}
"""The most tokens of each model's prompt and answer together. What is changed here counts from then on."""

CONTEXT_WARNING_THRESHOLD: Final = 0.9
"""What `context_warning_threshold` is by default."""

# Characters that an event loop may count: up to 2 ms. Another thread costs 0.05 ms.
_LONG: Final = 10_000


class ContextUsage(TypedDict):
    """How much of the context a prompt takes."""

    tokens: int
    """Tokens of the prompt."""
    limit: int
    """The most it may have."""
    usage_percent: float
    """The one divided by the other: 1.0 is full."""
    exceeds_limit: bool
    """Whether the prompt is too long."""
    exceeds_threshold: bool
    """Whether `context_warning_threshold` is reached."""


class ContextAwareChatModel(PlanningChatModel):
    """A chat model that knows how long its context is."""

    max_context_tokens: int | None = None
    """The most tokens a prompt may have. Where this is set, every prompt is counted; one near or above the
    limit makes a warning, unless `auto_truncate` cuts it. Asynchronous calls count long prompts in another
    thread. Default: the model's context; no counting."""
    auto_truncate: bool = False
    """Whether a conversation that is too long loses its oldest messages before it is sent, as by
    `truncate_messages`."""
    context_warning_threshold: float = CONTEXT_WARNING_THRESHOLD
    """Share of the limit from which a prompt that is counted makes a warning, 0 to 1."""

    @model_validator(mode="after")
    def _check_context(self) -> Self:
        if self.max_context_tokens is not None and self.max_context_tokens < 1:
            raise ValueError("max_context_tokens must be at least 1")
        if not 0 <= self.context_warning_threshold <= 1:
            raise ValueError("context_warning_threshold must be between 0 and 1")
        if self._counts_prompts and self.custom_get_token_ids is None:
            # Reads the table of tokens here and not in the first call, which may be on an event loop.
            count_tokens("", model=self.model_name)
        return self

    def get_context_limit(self) -> int:
        """The most tokens of the context: `max_context_tokens`, else what the catalogue says of the model.

        A model that the catalogue lacks is taken to have 128,000, as all of today's have.
        """
        return self.max_context_tokens or _context_of(self.model_name)

    def check_context_usage(
        self,
        messages: LanguageModelInput,
        warn: bool = True,  # noqa: FBT001, FBT002 - as in langchain-maritaca
    ) -> ContextUsage:
        """How much of the context the messages take, together with the constructor's tools.

        A prompt and its answer share the model's context. So the limit is what `max_tokens` leaves of
        that, or `max_context_tokens` if it is less.

        Args:
            messages: The conversation, as `invoke` takes it.
            warn: Whether to warn from `context_warning_threshold` on.
        """
        given = self._own_params()
        usage = self._usage(self._counted(messages, given), self._prompt_limit(given))
        if warn:
            _warn_of(usage)
        return usage

    def truncate_messages(
        self,
        messages: LanguageModelInput,
        max_tokens: int | None = None,
        preserve_system: bool = True,  # noqa: FBT001, FBT002 - as in langchain-maritaca
        preserve_recent: int = 1,
    ) -> list[BaseMessage]:
        """The messages without the oldest ones, so that the rest fits.

        The rest is in order and without a gap, and has a tool's result only together with the call it
        answers: a result without a call, which the service would refuse, goes first. The messages given stay as they are. How many are left out is said to the logger
        `langchain_maritaca`, at level INFO. Where what must stay is too long by itself, that is what
        comes back, with a warning.

        Args:
            messages: The conversation, as `invoke` takes it.
            max_tokens: The most tokens of the rest and the constructor's tools. Default: the limit of
                `check_context_usage`.
            preserve_system: Whether all system messages stay, each in its place.
            preserve_recent: How many of the other messages stay in any case, counted from the end.

        Raises:
            ChatMaritacaConfigurationError: a number that is too small.
        """
        if max_tokens is not None and max_tokens < 1:
            raise ChatMaritacaConfigurationError(f"max_tokens must be at least 1, not {max_tokens}")
        if preserve_recent < 0:
            raise ChatMaritacaConfigurationError(f"preserve_recent must be at least 0, not {preserve_recent}")
        given = self._own_params()
        prompt = self._counted(messages, given)
        limit = self._prompt_limit(given) if max_tokens is None else max_tokens
        kept = shortened(prompt, limit, preserve_system=preserve_system, preserve_recent=preserve_recent)
        _report(prompt, kept, limit)
        return kept.messages

    # What calls do

    def _request(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        call: Mapping[str, Any],
        *,
        stream: bool = False,
    ) -> dict[str, Any]:
        given = self._given(stop, call, stream=stream)
        return request_params(self._fitting(messages, given), given)

    async def _arequest(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        call: Mapping[str, Any],
        *,
        stream: bool = False,
    ) -> dict[str, Any]:
        given = self._given(stop, call, stream=stream)
        return request_params(await self._afitting(messages, given), given)

    @property
    def _counts_prompts(self) -> bool:
        return self.auto_truncate or self.max_context_tokens is not None

    def _fitting(self, messages: list[BaseMessage], given: Mapping[str, Any]) -> list[BaseMessage]:
        """The messages to send.

        Args:
            messages: The conversation.
            given: Everything set for the call.
        """
        if not self._counts_prompts:
            return messages
        return self._within_limit(self._counted(messages, given), given)

    async def _afitting(self, messages: list[BaseMessage], given: Mapping[str, Any]) -> list[BaseMessage]:
        """`_fitting` for an event loop, which a long conversation does not hold up."""
        if not self._counts_prompts or rough_length(messages) <= _LONG:
            return self._fitting(messages, given)
        return self._within_limit(await asyncio.to_thread(self._counted, messages, given), given)

    def _within_limit(self, prompt: CountedPrompt, given: Mapping[str, Any]) -> list[BaseMessage]:
        limit = self._prompt_limit(given)
        if self.auto_truncate:
            kept = shortened(prompt, limit, preserve_system=True, preserve_recent=1)
            _report(prompt, kept, limit)
            return kept.messages
        _warn_of(self._usage(prompt, limit))
        return prompt.messages

    def _counted(self, messages: LanguageModelInput, given: Mapping[str, Any]) -> CountedPrompt:
        count = text_counter(given["model"], self.custom_get_token_ids)
        return counted_prompt(messages, given.get("tools") or (), count)

    def _prompt_limit(self, given: Mapping[str, Any]) -> int:
        known = _context_of(given["model"])
        limit = self.max_context_tokens or known
        answer = given.get("max_tokens") or given.get("max_completion_tokens") or 0
        # Whoever states more than the catalogue knows a model that the catalogue does not.
        return max(1, min(limit, max(limit, known) - answer))

    def _usage(self, prompt: CountedPrompt, limit: int) -> ContextUsage:
        tokens = prompt.tokens
        share = tokens / limit
        return {
            "tokens": tokens,
            "limit": limit,
            "usage_percent": share,
            "exceeds_limit": tokens > limit,
            "exceeds_threshold": share >= self.context_warning_threshold,
        }

    def _resolve_model_profile(self) -> ModelProfile | None:
        profile = super()._resolve_model_profile()
        if profile is None or self.max_context_tokens is None:
            return profile
        # LangChain's middleware takes fractions of this number.
        return {**profile, "max_input_tokens": self.max_context_tokens}


def _context_of(name: str) -> int:
    model = find_model(name)
    return MODEL_CONTEXT_LIMITS.get(name if model is None else model.id, DEFAULT_CONTEXT_LIMIT)


def _warn_of(usage: ContextUsage) -> None:
    tokens, limit = usage["tokens"], usage["limit"]
    if usage["exceeds_limit"]:
        text = (
            f"the prompt has {tokens} tokens, above the limit of {limit}: "
            "cut it with truncate_messages, or have calls do so with auto_truncate=True"
        )
    elif usage["exceeds_threshold"]:
        text = f"the prompt has {tokens} of at most {limit} tokens ({usage['usage_percent']:.0%})"
    else:
        return
    warnings.warn(text, stacklevel=3)


def _report(prompt: CountedPrompt, kept: CountedPrompt, limit: int) -> None:
    """Say what was cut, and warn where that was not enough."""
    given, left = len(prompt.messages), len(kept.messages)
    if left < given:
        logger.info(
            "left out %d of %d messages: %d tokens remain of at most %d",
            given - left,
            given,
            kept.tokens,
            limit,
        )
    if kept.tokens > limit:
        warnings.warn(
            f"the prompt cannot be cut to {limit} tokens: the messages that have to stay, and the tools, have "
            f"{kept.tokens}",
            stacklevel=3,
        )
