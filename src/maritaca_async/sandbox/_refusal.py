"""How the sandbox says no."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Refusal(Exception):  # noqa: N818  it ends as a reply, not as an error
    """A request that is answered with an error status."""

    def __init__(self, status: int, detail: object, *, headers: Mapping[str, str] | None = None) -> None:
        """Keep what the reply needs: ``{"detail": detail}`` under ``status``."""
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


def bad_request(detail: str) -> Refusal:
    """Return the refusal of a request that the service understands but does not support."""
    return Refusal(400, detail)
