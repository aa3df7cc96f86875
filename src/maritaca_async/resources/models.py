"""The list of models."""

from __future__ import annotations

from typing import Unpack

from ..types.models import ModelList
from ..types.shared import RequestOptions
from ._base import AsyncResource

_KNOWN = frozenset(RequestOptions.__annotations__)


def _parse_list(body: bytes) -> ModelList:
    models = ModelList.model_validate_json(body)
    if "data" not in models.model_fields_set:
        raise ValueError("the answer has no list of models")
    return models


class AsyncModels(AsyncResource):
    """`client.models`."""

    async def list(self, **options: Unpack[RequestOptions]) -> ModelList:
        """The models the service lists (contract section 19); aliases and variants may be missing.

        Args:
            **options: See `RequestOptions`.

        Raises:
            ConfigurationError: a bad option, before any I/O.
            APIError: the call failed.
        """
        request = self._request("GET", "/models", options, _KNOWN)
        models, http = await self._engine.call(request, _parse_list)
        models.http = http
        return models
