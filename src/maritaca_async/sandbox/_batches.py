"""A batch as the sandbox keeps it, and how either of the two sources writes it."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ._refusal import Refusal

if TYPE_CHECKING:
    from ._options import BatchDialect

_DAY: Final = 24 * 3600
_REFERENCE_STATUS: Final = {"validating": "queued", "in_progress": "running", "completed": "succeeded"}
_GUIDE_TIMES: Final = ("in_progress_at", "completed_at", "failed_at", "expired_at")
_OTHER_TIMES: Final = ("finalizing_at", "cancelling_at", "cancelled_at")
ENDED: Final = frozenset({"completed", "failed", "expired", "cancelled"})
"""Statuses that no batch leaves."""


@dataclass(slots=True, eq=False)
class StoredBatch:
    """One batch; its status is that of the guide."""

    id: str
    endpoint: str
    input_file_id: str
    metadata: dict[str, str] | None
    status: str = "validating"
    errors: list[dict[str, Any]] = field(default_factory=list)
    output_file_id: str | None = None
    error_file_id: str | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0
    created_at: int = field(default_factory=lambda: int(time.time()))
    times: dict[str, int] = field(default_factory=dict)

    def enter(self, status: str) -> None:
        """Go on to a status and note the time."""
        self.status = status
        self.times[f"{status}_at"] = int(time.time())

    @property
    def cancelling(self) -> bool:
        """Whether someone asked to end it."""
        return "cancelling_at" in self.times

    def wire(self, dialect: BatchDialect) -> dict[str, Any]:
        """Return what one of the sources says about it."""
        body: dict[str, Any] = {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "input_file_id": self.input_file_id,
            "completion_window": "24h",
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "request_counts": {"total": self.total, "completed": self.completed, "failed": self.failed},
            "created_at": self.created_at,
        }
        return body | (self._guide() if dialect == "guide" else self._reference())

    def _guide(self) -> dict[str, Any]:
        return {
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "expires_at": self.created_at,
            "metadata": None,
            **dict.fromkeys(_GUIDE_TIMES),
            **self.times,
        }

    def _reference(self) -> dict[str, Any]:
        return {
            "status": _REFERENCE_STATUS.get(self.status, self.status),
            "errors": [error["message"] for error in self.errors],
            "expires_at": self.created_at + 10 * _DAY,
            "metadata": self.metadata or {},
            **dict.fromkeys(_GUIDE_TIMES + _OTHER_TIMES, 0),
            **self.times,
        }


class BatchStore:
    """The batches, oldest first."""

    def __init__(self) -> None:
        """Start without any."""
        self.all: dict[str, StoredBatch] = {}
        self._numbers = itertools.count(1)

    def add(self, endpoint: str, input_file_id: str, metadata: dict[str, str] | None) -> StoredBatch:
        """Keep a new batch."""
        made = StoredBatch(f"batch_{next(self._numbers):06d}", endpoint, input_file_id, metadata)
        self.all[made.id] = made
        return made

    def find(self, batch_id: str) -> StoredBatch:
        """Return a batch.

        Raises:
            Refusal: 404 when there is none.
        """
        if batch_id not in self.all:
            raise Refusal(404, f"No such batch: '{batch_id}'")
        return self.all[batch_id]
