"""What the sandbox remembers while it runs."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ._batches import BatchStore
from ._file_store import FileStore
from ._rates import Rates
from ._replies import new_call_ids
from ._tokens import PrefixMemory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._faults import Fault
    from ._options import SandboxOptions


@dataclass(slots=True, eq=False)
class RecordedRequest:
    """One request that reached the sandbox. Times are those of `time.monotonic`."""

    method: str
    """HTTP method."""

    path: str
    """Path, without the query."""

    # Headers carry the key, which has no business in the output of a failed assertion.
    headers: Mapping[str, str] = field(repr=False)
    """The headers as sent; look-ups ignore case."""

    body: Any = field(repr=False)
    """The parsed JSON, or None when there was none or it was broken."""

    raw: bytes = field(repr=False)
    """The body as sent."""

    peer_port: int
    """The client's port: equal for requests that came over the same connection."""

    received_at: float
    """When its headers had arrived."""

    fault: Fault | None = None
    """What was set to go wrong with this request."""

    status: int | None = None
    """The status of the reply, or None while there is none."""

    events_sent: int = 0
    """Events written to the client, for a streamed reply."""

    completed: bool = False
    """Whether the whole reply was written."""

    disconnected_at: float | None = None
    """When the client closed the connection before the reply was complete."""


class State:
    """The server's side of a `Sandbox`, also read and changed from the owner's thread.

    Every change is one assignment or one call of a container, so no lock is needed.
    """

    def __init__(self, options: SandboxOptions) -> None:
        """Start with nothing recorded."""
        self.options = options
        self._in_flight: set[RecordedRequest] = set()
        self.clear()

    def clear(self) -> None:
        """Forget requests, faults, prompts and counters; the options stay."""
        self.requests: list[RecordedRequest] = []
        self.faults: deque[Fault] = deque()
        self.memory = PrefixMemory()
        self.next_call_id = new_call_ids()
        self.max_in_flight = self.in_flight
        self.files = FileStore()
        self.batches = BatchStore()
        self._reply_numbers = itertools.count(1)
        self.rates = Rates()

    @property
    def in_flight(self) -> int:
        """Requests that are being answered now."""
        return len(self._in_flight)

    def enter(self, record: RecordedRequest) -> None:
        """Record a request and hand it the next fault."""
        self.requests.append(record)
        self._in_flight.add(record)
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        record.fault = self.faults.popleft() if self.faults else None

    def leave(self, record: RecordedRequest) -> None:
        """Note that a request was answered or given up."""
        self._in_flight.discard(record)

    def next_reply_id(self) -> str:
        """Return an id for a completion."""
        return f"sandbox-{next(self._reply_numbers):06d}"
