"""The list of models."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Unpack

from ..types.models import ModelCard, ModelList
from ._base import AsyncResource
from ._parameters import OPTION_NAMES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

    from .._core.request import Request
    from ..types.shared import RequestOptions


def _parse_list(body: bytes) -> ModelList:
    models = ModelList.model_validate_json(body)
    if "data" not in models.model_fields_set:
        raise ValueError("the answer has no list of models")
    return models


class AsyncModelList(Coroutine[Any, Any, ModelList]):
    """A list of models that is not asked for yet: a coroutine that can be iterated over as well."""

    def __init__(self, asking: Coroutine[Any, Any, ModelList]) -> None:
        self._asking = asking

    def __await__(self) -> Generator[Any, Any, ModelList]:
        return self._asking.__await__()

    def send(self, value: Any) -> Any:
        """Go on with the call, as coroutines do."""
        return self._asking.send(value)

    def throw(self, *error: Any) -> Any:
        """Interrupt the call, as coroutines do."""
        return self._asking.throw(*error)

    def close(self) -> None:
        """Give up the call, as coroutines do."""
        self._asking.close()

    async def __aiter__(self) -> AsyncIterator[ModelCard]:
        for model in await self:
            yield model


class AsyncModels(AsyncResource):
    """`client.models`."""

    def list(self, **options: Unpack[RequestOptions]) -> AsyncModelList:
        """The models the service lists (contract section 19); aliases and variants may be missing.

        `await` it for the list, or iterate over it with `async for`.

        Args:
            **options: See `RequestOptions`.

        Raises:
            ConfigurationError: a bad option, at once and before any I/O.
            APIError: the call failed.
        """
        return AsyncModelList(self._list(self._request("GET", "/models", options, OPTION_NAMES)))

    async def _list(self, request: Request) -> ModelList:
        models, http = await self._engine.call(request, _parse_list)
        models.http = http
        return models
