"""Batches (contract section 18)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, Required

from pydantic import BeforeValidator, model_validator

from ._base import Instant, IntOrNull, ListOrNull, Model, NullMeansDefault, Result, StrOrNull
from .shared import RequestOptions

if TYPE_CHECKING:
    from ..errors import APIError
    from .chat import ChatCompletion


class BatchStatus(StrEnum):
    """Where a batch stands, whichever of its two vocabularies the service speaks."""

    VALIDATING = "validating"
    """The input is being checked; `queued` in the reference."""
    IN_PROGRESS = "in_progress"
    """Lines are being answered; `running` in the reference."""
    FINALIZING = "finalizing"
    """The output is being written."""
    CANCELLING = "cancelling"
    """Lines under way are finished first, which takes up to 10 minutes."""
    COMPLETED = "completed"
    """Done; `succeeded` in the reference. Single lines may have failed."""
    FAILED = "failed"
    """The input was refused; see `Batch.errors`."""
    EXPIRED = "expired"
    """Not done within its window. Finished lines have their results, the others an error."""
    CANCELLED = "cancelled"
    """Ended by `batches.cancel`."""


_SYNONYMS = {
    "queued": BatchStatus.VALIDATING,
    "running": BatchStatus.IN_PROGRESS,
    "succeeded": BatchStatus.COMPLETED,
    "canceling": BatchStatus.CANCELLING,
    "canceled": BatchStatus.CANCELLED,
    **{status.value: status for status in BatchStatus},
}
_ENDED = frozenset({BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.EXPIRED, BatchStatus.CANCELLED})


def _known_status(value: Any) -> Any:
    return _SYNONYMS.get(value.strip().lower(), value) if isinstance(value, str) else value


def _messages(value: Any) -> list[str]:
    """Null, strings, objects with a message, or OpenAI's list object: always a list of messages."""
    if isinstance(value, dict) and "data" in value:
        value = value["data"]
    found = value if isinstance(value, list) else [value]
    return [_message(item) for item in found if item not in (None, "", {})]


def _message(item: Any) -> str:
    if not isinstance(item, dict) or not item.get("message"):
        return str(item)
    line = item.get("line")
    return f"line {line}: {item['message']}" if line is not None else str(item["message"])


_Status = Annotated[BatchStatus | StrOrNull, BeforeValidator(_known_status)]
"""A `BatchStatus`, under any of the names that the sources have for it; any other text is kept as it is."""
_FileId = Annotated[str | None, BeforeValidator(lambda value: value or None)]
"""The id of a file; an empty text is read as None."""
_Errors = Annotated[list[str], BeforeValidator(_messages)]
"""Messages, whatever form the service gives them."""


class BatchRequestCounts(Model):
    """How many lines a batch has, and how they went."""

    total: IntOrNull = 0
    """Lines of the input."""
    completed: IntOrNull = 0
    """Lines with an answer."""
    failed: IntOrNull = 0
    """Lines with an error."""

    @model_validator(mode="before")
    @classmethod
    def _leave_out_null(cls, counts: Any) -> Any:
        # What is not counted yet must not pass for a zero that the service gives.
        if not isinstance(counts, dict):
            return counts
        return {
            name: counts[name] for name in counts if counts[name] is not None or name not in cls.model_fields
        }


class Batch(Result):
    """Many chat completions in one file, answered within a day at half the price."""

    id: StrOrNull = ""
    """Opaque id."""
    object: StrOrNull = "batch"
    """Always `batch`."""
    endpoint: StrOrNull = ""
    """Path that every line asks for."""
    input_file_id: StrOrNull = ""
    """The file with the requests."""
    completion_window: StrOrNull = ""
    """Time the service gives itself: `24h`."""
    status: _Status = ""
    """Where it stands. A status that this library does not know is kept as plain text, and means: not ended."""
    output_file_id: _FileId = None
    """The file with the answers; see `batches.results`."""
    error_file_id: _FileId = None
    """The file with the lines that failed."""
    errors: _Errors = []
    """Why the input was refused, as a list of messages."""
    request_counts: Annotated[BatchRequestCounts, NullMeansDefault()] = BatchRequestCounts()
    """Lines in all, answered, and failed."""
    created_at: Instant = None
    """Unix seconds."""
    in_progress_at: Instant = None
    """Unix seconds; None as long as it has not come to that. So with the times below."""
    finalizing_at: Instant = None
    """Unix seconds."""
    completed_at: Instant = None
    """Unix seconds."""
    failed_at: Instant = None
    """Unix seconds."""
    expired_at: Instant = None
    """Unix seconds."""
    cancelling_at: Instant = None
    """Unix seconds."""
    cancelled_at: Instant = None
    """Unix seconds."""
    expires_at: Instant = None
    """Unix seconds: the end of the window or of the files' retention, which the sources disagree about."""
    metadata: dict[str, Any] | None = None
    """What was given at creation; the service may forget it, so keep your own copy."""

    @property
    def ended(self) -> bool:
        """Whether the status is final: completed, failed, expired or cancelled."""
        return self.status in _ENDED


class BatchList(Result):
    """One page of batches as the service sends it; see `AsyncPage` for what methods return."""

    object: StrOrNull = "list"
    """Always `list`."""
    data: ListOrNull[Batch] = []
    """The batches."""
    has_more: bool | None = None
    """Whether there are more; None when the service does not say."""
    next_cursor: str | None = None
    """Where the next page begins, when the service says so."""


@dataclass(slots=True)
class BatchLine:
    """One request of a batch, checked and ready to be written; made by `batch_line`."""

    custom_id: str
    """Your name for the request; its result carries the same."""
    model: str
    """The model it asks; one file may ask only one."""
    data: bytes
    """The line as JSON, with its line feed."""


@dataclass(slots=True)
class BatchResult:
    """What became of one line of a batch: either a completion or an error."""

    custom_id: str
    """The name given to the request; "" when the line does not say."""
    completion: ChatCompletion | None
    """The answer; None when the line failed."""
    error: APIError | None
    """Why there is no answer: an `APIStatusError` where the line has a status, an `APIStreamError` where the
    service reports an error without one (such as `batch_expired`), an `APIResponseError` where the line cannot
    be read."""
    status_code: int | None
    """HTTP status of the line; None when it has none."""
    request_id: str | None
    """The service's id for the request, where it names one."""
    raw: str
    """The line as it came."""


class BatchCreateParams(RequestOptions, total=False):
    """What `batches.create` takes."""

    input_file_id: Required[str]
    """Id of an uploaded file with one request per line; see `batch_file`."""
    endpoint: Literal["/v1/chat/completions"] | str
    """Path that every line asks for. Default: `/v1/chat/completions`."""
    completion_window: Literal["24h"] | str
    """Time the service may take. Default: `24h`, the only value both sources agree on."""
    metadata: Mapping[str, str] | None
    """Notes of your own."""


class BatchListParams(RequestOptions, total=False):
    """What `batches.list` takes."""

    limit: int
    """Most batches on one page. Default: the service's."""
    after: str
    """Where to begin: the `next_cursor` of a page, or the id of the last batch that is known."""
