"""From the requests of a run to the shards that are sent, and back to one result for each; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from .._core.bulk import MapResult
from ..errors import ConfigurationError
from ..types.batches import BatchStatus
from ._batch_lines import parse_result
from ._parameters import check_names
from .batch_input import ENDPOINT, batch_line

if TYPE_CHECKING:
    from .._core.batch_journal import StoredRequest
    from ..types.batches import Batch, BatchLine
    from ..types.chat import ChatCompletion


@dataclass(slots=True)
class _Shard:
    """A shard that may still take lines."""

    number: int
    size: int = 0


class Shards:
    """Spreads lines over shards of one model each, the same lines always over the same shards."""

    def __init__(self, most_requests: int, most_bytes: int) -> None:
        self.requests: list[int] = []
        """How many requests each shard has, by its number."""
        self._most_requests = most_requests
        self._most_bytes = most_bytes
        self._open: dict[str, _Shard] = {}

    def place(self, line: BatchLine) -> int:
        """The number of the shard that a line goes to.

        Raises:
            ConfigurationError: it is larger than a shard may be.
        """
        size = len(line.data)
        if size > self._most_bytes:
            raise ConfigurationError(
                f"it has {size:,} bytes, and a shard may have {self._most_bytes:,}: see shard_bytes"
            )
        shard = self._open.get(line.model)
        if shard is None or self._is_full(shard, size):
            shard = self._open[line.model] = _Shard(len(self.requests))
            self.requests.append(0)
        self.requests[shard.number] += 1
        shard.size += size
        return shard.number

    def _is_full(self, shard: _Shard, more: int) -> bool:
        return self.requests[shard.number] >= self._most_requests or shard.size + more > self._most_bytes


def line_of(place: int, given: Any) -> tuple[BatchLine, bool]:
    """The line for a request, and whether its name is the caller's.

    Raises:
        ConfigurationError: a request that cannot be sent.
    """
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"it must be a dict of parameters, not {type(given).__name__}")
    params = dict(given)
    check_names(params)
    custom_id = params.pop("custom_id", None)
    named = custom_id is not None
    return batch_line(custom_id if named else f"request-{place}", **params), named


def outcome_of(batch: Batch, strays: int) -> bytes:
    """What to say about a request for which an ended batch has no line, in the form of a line's `error`."""
    code = f"batch_{batch.status}" if batch.status != BatchStatus.COMPLETED else "batch_line_missing"
    message = f"batch {batch.id} ended as {batch.status}"
    if batch.errors:
        message += f": {'; '.join(batch.errors)}"
    if strays:
        message += f"; {strays} lines of its files cannot be read or name no request of it"
    return to_json({"code": code, "message": message})


def result_of(request: StoredRequest, outcome: bytes | None, *, stored: bool) -> MapResult[ChatCompletion]:
    """What became of a request.

    Args:
        request: The request, with its answer where there is one.
        outcome: What to say when there is none; None for a request that was refused.
        stored: Whether the answer comes from an earlier run.
    """
    name = request.name if request.own_name else None
    if outcome is None:
        return MapResult(request.place, name, error=ConfigurationError(str(request.refusal)))
    line = request.answer or to_json(
        {"custom_id": request.name, "response": None, "error": from_json(outcome)}
    )
    found = parse_result(line.decode("utf-8", "replace"), ENDPOINT)
    return MapResult(request.place, name, found.completion, found.error, stored=stored)
