"""What can go wrong on purpose, one fault per request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

FaultKind: TypeAlias = Literal[
    "status", "end", "close", "reset", "malformed", "error", "detail", "stall", "ping"
]
"""The ways to fail.

| kind | in a stream, after `after_events` | in a plain reply |
|---|---|---|
| `status` | (before it) the error `status` | the error `status` |
| `end` | the body ends well, without `[DONE]` | an empty body |
| `close` | the connection closes (FIN) | closes before the reply |
| `reset` | the connection is reset (RST) | resets before the reply |
| `malformed` | one event is broken JSON, then goes on | broken JSON |
| `error` | `{"error": {...}}`, then the end | that object, with status 200 |
| `detail` | `{"detail": "..."}`, then the end | that object, with status 200 |
| `stall` | silence for `seconds`, then goes on | silence, then the reply |
| `ping` | `: ping` comments, then goes on | silence, then the reply |
"""

_DETAIL = "falha simulada pela sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong with one request."""

    kind: FaultKind = "status"
    """How the request fails."""

    after_events: int = 0
    """Events of a stream that reach the client before the fault."""

    status: int = 503
    """HTTP status of kind ``status``."""

    body: Any = None
    """Body of ``status``, ``malformed``, ``error`` and ``detail`` in place of the usual one.

    Strings and bytes are sent as they are, everything else as JSON.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    """Extra headers of kind ``status``."""

    seconds: float | None = None
    """How long ``stall`` and ``ping`` last; None is until the client leaves."""

    interval: float = 0.05
    """Seconds between two comments of kind ``ping``."""

    def __post_init__(self) -> None:
        """Refuse faults that could not happen."""
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"kind must be one of {', '.join(get_args(FaultKind))}")
        if self.after_events < 0:
            raise ValueError(f"after_events must be at least 0, not {self.after_events}")
        if not 200 <= self.status <= 599:
            raise ValueError(f"status must be from 200 to 599, not {self.status}")
        if self.seconds is not None and self.seconds < 0:
            raise ValueError(f"seconds must be at least 0, not {self.seconds}")
        if self.interval <= 0:
            raise ValueError(f"interval must be more than 0, not {self.interval}")

    @property
    def payload(self) -> Any:
        """The body that this fault sends."""
        if self.body is not None:
            return self.body
        if self.kind == "malformed":
            return '{"id":"sandbox","choices":[{"ind'
        if self.kind == "error":
            return {
                "error": {
                    "message": _DETAIL,
                    "type": "server_error",
                    "param": None,
                    "code": "internal_error",
                }
            }
        return {"detail": _DETAIL}
