"""What a call will take, known before it is made: tokens, money, and the right model."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from ._costs import (
    BatchCostEstimate,
    CostEstimate,
    Terms,
    answer_tokens,
    batch_cost_estimate,
    cost_estimate,
)
from ._counting import counted_prompt, text_counter
from ._errors import ChatMaritacaConfigurationError
from ._parameters import ParameterizedChatModel
from ._selection import MODEL_SPECS, Complexity, ModelSpecification, Priority, Recommendation, recommendation
from ._tools import wire_tools

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.language_models import LanguageModelInput

    from maritaca_async import Price, TokenCount


class PlanningChatModel(ParameterizedChatModel):
    """A chat model that counts tokens, estimates costs and knows the models there are."""

    # Tokens

    def get_token_ids(self, text: str) -> list[int]:
        """The ids of a text's tokens, by `custom_get_token_ids`.

        Raises:
            ChatMaritacaConfigurationError: there is no such function; counting needs none.
        """
        if self.custom_get_token_ids is None:
            raise ChatMaritacaConfigurationError(
                "ids of tokens need custom_get_token_ids=...; to count tokens, call get_num_tokens"
            )
        return self.custom_get_token_ids(text)

    def get_num_tokens(self, text: str) -> TokenCount:
        """The tokens of a text: an integer with `.exact`, which is False without the extra `tokenizer`."""
        return text_counter(self.model_name, self.custom_get_token_ids)(text)

    def get_num_tokens_from_messages(
        self, messages: LanguageModelInput, tools: Sequence[Any] | None = None
    ) -> TokenCount:
        """The tokens in the contents of a prompt: a lower bound of what the service counts.

        Counted are texts, tool calls and the definitions of tools. What the service adds around messages
        is not published, so nothing is made up for it. Images and files count nothing and are not fetched.
        The result is an integer with `.exact`, which is False without the extra `tokenizer`. The first
        count of a process reads the table of tokens, 0.3 to 0.5 s; texts that were counted before are
        remembered by digest.

        Args:
            messages: The conversation, as `invoke` takes it: messages, `("human", "Olá")`, texts, dictionaries.
            tools: Tools that go with it, in any form `bind_tools` takes. Those of the constructor are not
                added by themselves.

        Raises:
            ChatMaritacaConfigurationError: what cannot be offered as a tool.
        """
        functions, _ = wire_tools(tools or ())
        count = text_counter(self.model_name, self.custom_get_token_ids)
        return counted_prompt(messages, functions, count).tokens

    # Money

    def estimate_cost(
        self,
        messages: LanguageModelInput,
        max_output_tokens: int = 1000,
        *,
        prices: Mapping[str, Price] | None = None,
    ) -> CostEstimate:
        """What a call will cost in reais, at daytime and with nothing cached.

        The prompt is counted together with the constructor's tools, as by `get_num_tokens_from_messages`.
        `service_tier="flex"` halves the cost. The pages of documents and the uses of built-in tools are
        billed besides and are not known before the call.

        Args:
            messages: The conversation, as `invoke` takes it.
            max_output_tokens: How long the answer may be. The model's `max_tokens` caps it, and with `n`
                there are as many answers.
            prices: Prices of your own by model name; they win over the catalogue.

        Raises:
            ChatMaritacaConfigurationError: no price is known for the model, or a negative length.
        """
        return cost_estimate(
            self.get_num_tokens_from_messages(messages, self.tools), self._terms(max_output_tokens, prices)
        )

    async def abatch_estimate_cost(
        self,
        inputs: Sequence[LanguageModelInput],
        max_output_tokens: int = 1000,
        *,
        prices: Mapping[str, Price] | None = None,
    ) -> BatchCostEstimate:
        """What several calls will cost together: the sums of `estimate_cost`, counted in another thread.

        Args:
            inputs: One conversation for each call.
            max_output_tokens: How long each answer may be, as in `estimate_cost`.
            prices: Prices of your own by model name; they win over the catalogue.

        Raises:
            ChatMaritacaConfigurationError: no price is known for the model, or a negative length.
        """
        terms = self._terms(max_output_tokens, prices)
        prompts = await asyncio.to_thread(self._prompts, inputs)
        return batch_cost_estimate(prompts, terms)

    def _prompts(self, inputs: Sequence[LanguageModelInput]) -> list[TokenCount]:
        return [self.get_num_tokens_from_messages(messages, self.tools) for messages in inputs]

    def _terms(self, max_output_tokens: int, prices: Mapping[str, Price] | None) -> Terms:
        return {
            "model": self.model_name,
            "output_tokens": answer_tokens(max_output_tokens, self.max_tokens, self.n),
            "service_tier": self.service_tier,
            "prices": prices,
        }

    # Models

    @classmethod
    def list_available_models(cls) -> dict[str, ModelSpecification]:
        """The models of the catalogue by name; what is returned is yours to change.

        Prices are in reais and as of `maritaca_async.catalogue.SOURCE_DATE`. Nothing is asked of the
        service; `AsyncMaritaca().models.list()` does that.
        """
        return deepcopy(MODEL_SPECS)

    @classmethod
    def recommend_model(
        cls,
        task_complexity: Complexity = "medium",
        input_length: int | None = None,
        priority: Priority = "quality",
    ) -> Recommendation:
        """A model for a task.

        Args:
            task_complexity: `simple`, `medium` or `complex`.
            input_length: Tokens of the prompt. No model has a longer context than the others, so this
                changes what the reason says and which alternatives there are.
            priority: `cost`, `speed` or `quality`.

        Raises:
            ChatMaritacaConfigurationError: another complexity or priority, or a negative length.
        """
        return recommendation(task_complexity, input_length, priority)
