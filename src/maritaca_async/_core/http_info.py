"""What results and errors tell about their HTTP exchange."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpInfo:
    """The HTTP side of a result or error."""

    status: int
    """HTTP status."""
    raw_headers: tuple[tuple[bytes, bytes], ...]
    """Response headers as received."""
    attempts: int
    """Requests this call took, retries included."""
    elapsed: float
    """Seconds from the call to the complete answer (for a stream: to its opening)."""

    @property
    def headers(self) -> dict[str, str]:
        """Response headers by lower-case name; repeated ones are joined with a comma."""
        found: dict[str, str] = {}
        for raw_name, raw_value in self.raw_headers:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("utf-8", "replace")
            found[name] = f"{found[name]}, {value}" if name in found else value
        return found

    @property
    def request_id(self) -> str | None:
        """The server's request id, where it sent one (none is documented)."""
        return self.headers.get("x-request-id")
