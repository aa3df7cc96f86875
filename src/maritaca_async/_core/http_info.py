"""What results and errors tell about their HTTP exchange."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DURATION = r"(?:\d+(?:\.\d+)?(?:ms|[smhd]))+"
_PART = r"(\d+(?:\.\d+)?)(ms|[smhd])"
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = r"\d{1,9}(?:\.\d{1,9})?"


@dataclass(slots=True)
class RateLimitInfo:
    """What `x-ratelimit-*` headers say (none are documented: contract section 3); None is not said."""

    limit_requests: int | None
    """Requests that the current window allows."""
    remaining_requests: int | None
    """Requests left in it."""
    reset_requests: float | None
    """Seconds until the allowance of requests is whole again."""
    limit_tokens: int | None
    """Tokens that the current window allows."""
    remaining_tokens: int | None
    """Tokens left in it."""
    reset_tokens: float | None
    """Seconds until the allowance of tokens is whole again."""


@dataclass(slots=True)
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

    @property
    def rate_limit(self) -> RateLimitInfo | None:
        """What the server says of its rate limits; None if nothing that can be read. Parsed when asked for."""
        headers = self.headers
        counts = [_count(_limit_header(headers, f"{kind}-{unit}")) for unit in _UNITS for kind in _COUNTED]
        resets = [_seconds(_limit_header(headers, f"reset-{unit}")) for unit in _UNITS]
        if counts == [None] * 4 and resets == [None] * 2:
            return None
        return RateLimitInfo(counts[0], counts[1], resets[0], counts[2], counts[3], resets[1])


_UNITS = ("requests", "tokens")
_COUNTED = ("limit", "remaining")


def _limit_header(headers: dict[str, str], name: str) -> str:
    """One header; those that name no unit count requests."""
    shorter = name.removesuffix("-requests")
    return headers.get(f"x-ratelimit-{name}") or headers.get(f"x-ratelimit-{shorter}") or ""


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def _seconds(text: str) -> float | None:
    """Seconds of `1.5`, `120ms` or `6m0s`; not of dates and Unix times, which take a clock to read."""
    if re.fullmatch(_NUMBER, text):
        return float(text)
    if len(text) > 32 or not re.fullmatch(_DURATION, text):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in re.findall(_PART, text))
