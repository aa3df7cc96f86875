"""The list of models (contract section 19)."""

from collections.abc import AsyncIterator, Iterator

from ._base import ListOrNull, Model, Result, StrOrNull, WholeSeconds


class TopProvider(Model):
    """Limits of a model, stated once more by the service."""

    context_length: int | None = None
    """Tokens of prompt and answer together."""
    max_completion_tokens: int | None = None
    """Most tokens of the answer."""


class ModelCard(Model):
    """One model the service offers."""

    id: StrOrNull = ""
    """Name to use as `model`."""
    object: StrOrNull = "model"
    """Always `model`."""
    created: WholeSeconds | None = None
    """Unix seconds."""
    owned_by: StrOrNull = ""
    """Owner of the model."""
    context_length: int | None = None
    """Tokens of prompt and answer together."""
    top_provider: TopProvider | None = None
    """Context and output limits."""


class ModelList(Result):
    """The models the service lists; iterating it gives them. Aliases and regional variants may be missing."""

    object: StrOrNull = "list"
    """Always `list`."""
    data: ListOrNull[ModelCard] = []
    """The models."""

    def __iter__(self) -> Iterator[ModelCard]:  # type: ignore[override]  # pydantic gives names and values
        return iter(self.data)

    async def __aiter__(self) -> AsyncIterator[ModelCard]:
        for model in self.data:
            yield model
