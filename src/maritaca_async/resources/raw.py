"""Routes that have no resource of their own: JSON in, JSON out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from ..errors import ConfigurationError
from ..types.json_object import JsonObject
from ._base import AsyncResource
from ._parameters import OPTION_NAMES

if TYPE_CHECKING:
    from .._core.request import Request

# Segments that are not dots. Whatever could lead elsewhere than below the base URL has no place in it.
_PATH = r"(/(?!\.\.?(/|$))[\w.~:@+=,-]+)+/?"


class AsyncRaw(AsyncResource):
    """Behind `client.post` and `client.post_many`."""

    def prepare(self, path: str, body: Mapping[str, Any], options: Mapping[str, Any]) -> Request:
        """The request for one body.

        Raises:
            ConfigurationError: a path, body or option that cannot work.
        """
        if not isinstance(path, str) or not re.fullmatch(_PATH, path, flags=re.ASCII):
            raise ConfigurationError(
                f"path must be a path below base_url such as '/chat/inference', not {path!r:.200}: no host, "
                "no '..', no query (that is extra_query={...}) and no fragment"
            )
        if not isinstance(body, Mapping):
            raise ConfigurationError(f"body must be a mapping, not {type(body).__name__}")
        if body.get("stream") is True:
            raise ConfigurationError("this call reads one JSON object, not a stream: leave out stream")
        return self._request("POST", path, options, OPTION_NAMES, body=body)

    def prepare_many(
        self, path: str, bodies: Iterable[Mapping[str, Any]], options: Mapping[str, Any]
    ) -> list[Request]:
        """The requests for several bodies.

        Raises:
            ConfigurationError: see `prepare`.
        """
        if isinstance(bodies, str | Mapping) or not isinstance(bodies, Iterable):
            raise ConfigurationError(f"bodies must be a list of mappings, not {type(bodies).__name__}")
        return [self.prepare(path, body, options) for body in bodies]

    async def send(self, request: Request) -> JsonObject:
        """The answer to one request."""
        answer, http = await self._engine.call(request, _parse_object)
        answer.http = http
        return answer

    async def send_many(self, requests: list[Request], max_concurrency: int) -> list[JsonObject]:
        """The answers in the order of the requests; the first failure ends the others."""
        _check_concurrency(max_concurrency)
        answers = [JsonObject()] * len(requests)
        waiting = iter(enumerate(requests))

        async def work() -> None:
            for place, request in waiting:
                answers[place] = await self.send(request)

        workers = [asyncio.create_task(work()) for _ in range(min(max_concurrency, len(requests)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return answers


def _check_concurrency(value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(f"max_concurrency must be a whole number of at least 1, not {value!r}")


def _parse_object(body: bytes) -> JsonObject:
    value = from_json(body, allow_inf_nan=False)
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - the engine takes ValueError for a bad answer
    return JsonObject(value)
